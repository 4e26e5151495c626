//! The dependency graph: the neighbourhood of a service or the whole map, in layers from left to right. The model has
//! laid it out; here is only what is in sight.

mod canvas;
mod usage;

use super::{Room, message};
use crate::{
    config::theme::Role,
    domain::{
        catalog::Service,
        change::ChangeClass,
        graph::map::{Content, Map, Spot},
        name::{ProjectName, ServiceName},
        sla::SlaVerdict,
    },
    model::layout::Pane,
    tui::{
        paint::{Line, Painter, cells, piece, width_of},
        view::View,
        widgets::status,
    },
};
use canvas::{Canvas, Look, Sight};
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use usage::{Usage, usage};

/// Below this the words say only what they must.
const BRIEF: u16 = 40;
/// Below this there is only room for words.
const LEAST_WIDTH: u16 = 56;
const LEAST_HEIGHT: u16 = 5;

/// Draws what the model has laid out.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, room: Room) {
    let (Some(catalog), Some(row)) = (&view.model.world.catalog.value, view.selected()) else {
        let lines = [
            ("no service is selected".to_owned(), Role::Text),
            ("choose one in the inventory; its dependencies show here".to_owned(), Role::Dim),
        ];
        message(painter, room.area, &lines);
        return;
    };
    let usage = usage(catalog, &view.joined.dependants, &row.service.name);
    let area = room.area;
    if area.width < LEAST_WIDTH || area.height < LEAST_HEIGHT {
        in_words(view, painter, area, &row.service, &usage);
        return;
    }
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let graph = &view.model.ui.graph;
    let map = &*graph.map;
    let cursor = view.model.ui.list(Pane::Graph).cursor;
    let sight = Sight { area: body, origin: view.model.graph_origin(), spacing: graph.spacing(body.height) };
    let has_foreign = Canvas::new(map, &sight, cursor).draw(painter, body);
    let breaking = breaking(view);
    let drawing = Drawing { view, map, sight, cursor, room, breaking: &breaking };
    let mut shown = Shown { foreign: has_foreign, ..Shown::default() };
    for column in map.columns.iter().filter(|column| sight.shows(column.x, column.width)) {
        // The spots of a column come from top to bottom, and only those in sight are built.
        let spots = &map.spots[column.first..column.first + column.count];
        let first = spots.partition_point(|spot| sight.at(0, spot.row).1 < 0);
        for (index, spot) in spots.iter().enumerate().skip(first) {
            let (x, y) = sight.at(column.x, spot.row);
            if y >= i64::from(body.height) {
                break;
            }
            drawing.spot(painter, &mut shown, column.first + index, spot, (x, y, column.width));
        }
    }
    summary(view, painter, area, &row.service, &usage, &drawing, &shown);
}

/// What the legend has to explain.
#[derive(Default)]
struct Shown {
    foreign: bool,
    shared: bool,
    breaking: bool,
}

struct Drawing<'a> {
    view: &'a View<'a>,
    map: &'a Map,
    sight: Sight,
    cursor: usize,
    room: Room,
    breaking: &'a BTreeSet<&'a ServiceName>,
}

impl Drawing<'_> {
    /// One spot, cut where it leaves the pane.
    fn spot(
        &self,
        painter: &mut Painter<'_>,
        shown: &mut Shown,
        index: usize,
        spot: &Spot,
        (x, y, width): (i64, i64, u32),
    ) {
        let area = self.sight.area;
        let y = area.y + y as u16;
        let line = self.line(painter, shown, index, spot);
        let used = i64::from(width_of(&line));
        // What begins left of the pane is not cut into: a name without its beginning is another name.
        if x < 0 {
            let room = (x + i64::from(width)).min(i64::from(area.width));
            if room > 1 {
                painter.text(area.x, y, 1, "‹", painter.style(Role::Dim));
            }
            return;
        }
        let room = (i64::from(area.width) - x).clamp(0, i64::from(width)) as u16;
        let x = area.x + x as u16;
        if index == self.cursor {
            let role = if self.room.focused { Role::Selection } else { Role::SelectionQuiet };
            let ground = Rect { x, y, width: room.min(used as u16 + 1), height: 1 };
            painter.ground(ground, painter.style(role));
        }
        let used = painter.line(x, y, room, &line);
        // From a short name, the line runs on to where the others begin.
        let links = || self.map.links.iter().filter(|link| link.from == index);
        if self.map.is_lined() && spot.needs.iter().any(|need| self.map.spots[*need].column > spot.column) {
            let look = Look::of(links(), self.cursor);
            let begin = used + 1;
            if begin < room {
                painter.repeat(x + begin, y, room - begin, look.dash(), painter.style(look.role()));
            }
        }
    }

    fn line<'l>(&self, painter: &Painter<'_>, shown: &mut Shown, index: usize, spot: &'l Spot) -> Line<'l> {
        let joined = self.view.joined;
        let verdict = |service: &Service| {
            joined.service(service.name.as_str()).map_or(SlaVerdict::NoData, |row| row.verdict)
        };
        let text = painter.style(Role::Text);
        let is_near = !self.map.is_lined()
            && self.map.spots.get(self.cursor).is_some_and(|cursor| {
                cursor.needs.binary_search(&index).is_ok() || cursor.users.binary_search(&index).is_ok()
            });
        match &spot.content {
            Content::Group(members) => {
                let worst = members.iter().map(|member| verdict(member)).min().unwrap_or(SlaVerdict::NoData);
                let mark = status::sla(worst);
                let role = if is_near { Role::Related } else { Role::Dim };
                vec![
                    piece(mark.glyph, painter.style(mark.role)),
                    piece(" ", text),
                    piece(spot.label(), painter.style(role)),
                ]
            }
            Content::Service(service) => {
                let verdict = verdict(service);
                let mark = status::sla(verdict);
                let graph = &self.view.model.ui.graph;
                let is_centre = !graph.whole && graph.centre.as_ref() == Some(&service.name);
                let role = match verdict {
                    _ if is_centre || index == self.cursor => Role::GraphSelected,
                    SlaVerdict::Violated | SlaVerdict::Burning => mark.role,
                    _ if is_near => Role::Related,
                    _ => Role::Text,
                };
                let mut line = vec![
                    piece(mark.glyph, painter.style(mark.role)),
                    piece(" ", text),
                    piece(service.name.as_str(), painter.style(role)),
                ];
                if spot.cycle.is_some() {
                    line.push(piece(" ↻", painter.style(Role::StatusWarning)));
                }
                if self.breaking.contains(&service.name) {
                    shown.breaking = true;
                    line.push(piece(" ↯", painter.style(Role::StatusWarning)));
                } else if service.project.is_none() && self.is_shared(spot) {
                    shown.shared = true;
                    line.push(piece(" ◆", painter.style(Role::Dim)));
                }
                line
            }
        }
    }

    /// Whether services of two projects use it, as far as the map goes.
    fn is_shared(&self, spot: &Spot) -> bool {
        let mut projects = spot.users.iter().filter_map(|user| self.map.spots.get(*user)?.project());
        let first: Option<&ProjectName> = projects.next();
        projects.any(|project| Some(project) != first)
    }
}

/// Services that an open change breaks.
fn breaking<'a>(view: &View<'a>) -> BTreeSet<&'a ServiceName> {
    let changes = view.joined.changes.iter().filter(|change| change.class == ChangeClass::Breaking);
    changes.flat_map(|change| &change.services).collect()
}

/// A node in words: its state's glyph and its name.
fn node<'a>(view: &View<'_>, painter: &Painter<'_>, service: &'a Service, is_middle: bool) -> Line<'a> {
    let verdict = view.joined.service(service.name.as_str()).map_or(SlaVerdict::NoData, |row| row.verdict);
    let mark = status::sla(verdict);
    let role = match (is_middle, verdict) {
        (true, _) => Role::GraphSelected,
        (false, SlaVerdict::Violated | SlaVerdict::Burning) => mark.role,
        (false, _) => Role::Text,
    };
    vec![
        piece(mark.glyph, painter.style(mark.role)),
        piece(" ", painter.style(Role::Text)),
        piece(service.name.as_str(), painter.style(role)),
    ]
}

/// The line above the drawing: how much hangs on what is under the cursor, and what the signs mean.
fn summary(
    view: &View<'_>,
    painter: &mut Painter<'_>,
    area: Rect,
    service: &Service,
    usage: &Usage,
    drawing: &Drawing<'_>,
    shown: &Shown,
) {
    let dim = painter.style(Role::Dim);
    let mut left: Line<'_> = Vec::new();
    let spot = drawing.map.spots.get(drawing.cursor);
    let cycle = spot.and_then(|spot| drawing.map.cycles.get(spot.cycle?));
    match (spot.map(|spot| &spot.content), cycle) {
        (Some(Content::Group(members)), _) => {
            let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
            left.push(piece(names.join(", "), dim));
        }
        (_, Some(cycle)) => {
            let names = cycle.iter().chain(cycle.first()).map(ServiceName::as_str);
            let path = names.collect::<Vec<_>>().join(" → ");
            left.push(piece(format!("↻ cycle: {path}"), painter.style(Role::StatusWarning)));
        }
        _ => {
            left.push(piece(used_by(usage), painter.style(Role::Text)));
            let needs = service.dependencies.len();
            let rest = match service.dependencies.iter().filter(|dependency| dependency.optional).count() {
                0 => format!(" · needs {needs}"),
                optional => format!(" · needs {needs}, {optional} optional"),
            };
            left.push(piece(rest, dim));
        }
    }
    let mut right: Line<'_> = Vec::new();
    let mut explain = |sign: &'static str, role: Role, words: &'static str| {
        right.push(piece(if right.is_empty() { "" } else { "  " }, dim));
        right.push(piece(sign, painter.style(role)));
        right.push(piece(words, dim));
    };
    if shown.breaking {
        explain("↯", Role::StatusWarning, " breaking change");
    }
    if shown.shared {
        explain("◆", Role::Dim, " shared");
    }
    if shown.foreign {
        explain("┄", Role::GraphForeign, " another project");
    }
    if !drawing.map.is_lined() {
        explain("▶", Role::GraphSelected, " lines of the cursor only");
    }
    if let Some(more) = beyond(view, drawing) {
        right.push(piece(if right.is_empty() { "" } else { "  " }, dim));
        right.push(piece(more, dim));
    }
    // The signs give way before what is said about the service; what lies beyond the edges stays.
    while !right.is_empty() && width_of(&left) + 2 + width_of(&right) > area.width && right.len() > 1 {
        right.drain(..right.len().min(3));
        if let Some(first) = right.first_mut().filter(|first| first.text.trim().is_empty()) {
            first.text = "".into();
        }
    }
    let room = area.width.saturating_sub(width_of(&right) + 2);
    painter.line(area.x, area.y, if right.is_empty() { area.width } else { room }, &left);
    painter.line_right(area.x, area.y, area.width, &right);
}

/// `▴ ▸ more`: where the map goes on beyond the pane.
fn beyond(view: &View<'_>, drawing: &Drawing<'_>) -> Option<String> {
    let map = drawing.map;
    let area = drawing.sight.area;
    let (x, y) = view.model.graph_origin();
    let rows = i64::from((map.height * drawing.sight.spacing).saturating_sub(drawing.sight.spacing - 1));
    let signs: String = [
        (x < 0, "◂"),
        (y < 0, "▴"),
        (y + rows > i64::from(area.height), "▾"),
        (x + i64::from(map.width) > i64::from(area.width), "▸"),
    ]
    .into_iter()
    .filter_map(|(goes_on, sign)| goes_on.then_some(sign))
    .collect();
    (!signs.is_empty()).then(|| format!("{signs} more"))
}

/// `used by 11 services in 3 projects, 17 in all`
fn used_by(usage: &Usage) -> String {
    let direct = usage.direct;
    if direct == 0 {
        return "used by no service".to_owned();
    }
    let services = if direct == 1 { "service" } else { "services" };
    let projects = match usage.projects {
        0 => String::new(),
        1 => " in 1 project".to_owned(),
        many => format!(" in {many} projects"),
    };
    // What is reached through others falls as well.
    let reached = if usage.reached > direct { format!(", reaches {}", usage.reached) } else { String::new() };
    format!("used by {direct} {services}{projects}{reached}")
}

/// The neighbourhood in lines of words, where a drawing does not fit.
fn in_words(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, service: &Service, usage: &Usage) {
    let dim = painter.style(Role::Dim);
    // Places in the order of worry are compared instead of names: everybody may need this one.
    let services = |names: &mut dyn Iterator<Item = &ServiceName>| -> Vec<&Service> {
        let mut places: Vec<usize> = names.filter_map(|name| view.joined.index.get(name).copied()).collect();
        places.sort_unstable();
        places.into_iter().filter_map(|place| Some(&*view.joined.services.get(place)?.service)).collect()
    };
    let needs = services(&mut service.dependencies.iter().map(|dependency| &dependency.service));
    let users = services(&mut view.joined.dependants.get(&service.name).into_iter().flatten());
    let first = node(view, painter, service, true);
    let mut y = area.y;
    let mut left = area.height;
    let mut row = |painter: &mut Painter<'_>, line: &Line<'_>| {
        if left > 0 {
            painter.line(area.x, y, area.width, line);
            y += 1;
            left -= 1;
        }
    };
    let mut head = first;
    let all = used_by(usage);
    let brief = format!("used by {}", usage.direct);
    let fits = width_of(&head) + 2 + cells(&all) <= area.width;
    head.push(piece(format!("  {}", if fits || usage.direct == 0 { all } else { brief }), dim));
    row(painter, &head);
    let counts = [users.len(), needs.len()];
    // Where there is hardly room for a name, the arrows say which is which.
    let titles = if area.width < BRIEF { ["◂ ", "▸ "] } else { ["◂ used by ", "needs ▸ "] };
    for ((title, services), count) in titles.into_iter().zip([users, needs]).zip(counts) {
        let mut line: Line<'_> = vec![piece(title, dim)];
        if services.is_empty() {
            line.push(piece("nothing", dim));
        }
        for (index, service) in services.iter().enumerate() {
            let node = node(view, painter, service, false);
            let rest = count - index;
            let room = area.width.saturating_sub(width_of(&line));
            let behind = if rest > 1 { cells(&format!("  +{}", rest - 1)) } else { 0 };
            if width_of(&node) + behind > room {
                line.push(piece(format!("+{rest}"), dim));
                break;
            }
            line.extend(node);
            line.push(piece("  ", dim));
        }
        row(painter, &line);
    }
}
