//! The dependency graph around the selected service: who needs it on the left, what it needs on the right.

mod layers;
mod routes;
mod usage;

use super::{Room, message};
use crate::{
    config::theme::Role,
    domain::{catalog::Service, name::ServiceName, sla::SlaVerdict},
    model::layout::Pane,
    tui::{
        paint::{Line, Painter, cells, piece, width_of},
        view::View,
        widgets::status,
    },
};
use layers::{Layers, Slot};
use ratatui::layout::Rect;
use routes::Routes;
use usage::{Usage, usage};

/// Below this there is only room for words.
const LEAST_WIDTH: u16 = 56;
const LEAST_HEIGHT: u16 = 5;

/// Draws the neighbourhood of the selected service.
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
    let layers = Layers::new(view, &row.service, body.width, body.height, room.zoomed);
    let mut has_foreign = false;
    for (index, gutter) in layers.gutters.iter().enumerate() {
        let x = body.x + layers.columns[index].x + layers.columns[index].width;
        has_foreign |= Routes::new(gutter, body.height).draw(painter, x, body.y);
    }
    let walked = view.model.ui.list(Pane::Graph).current();
    for (index, column) in layers.columns.iter().enumerate() {
        for (slot, row) in &column.slots {
            let (x, y) = (body.x + column.x, body.y + row);
            match slot {
                Slot::More(count) => {
                    painter.text(x, y, column.width, &format!("  +{count} more"), painter.style(Role::Dim));
                }
                Slot::Service(service) => {
                    let is_walked = room.focused && walked == Some(service.name.as_str());
                    if is_walked {
                        let ground = Rect { x, y, width: column.width, height: 1 };
                        painter.ground(ground, painter.style(Role::Selection));
                    }
                    let line = node(view, painter, service, column.level == 0);
                    let used = painter.line(x, y, column.width, &line) + 1;
                    // From a short name, the line runs on to where the others begin.
                    let begins = layers.gutters.get(index).is_some_and(|gutter| gutter.begins(*row));
                    if begins && used < column.width + 1 {
                        let edge = painter.style(Role::GraphEdge);
                        painter.repeat(x + used, y, column.width + 1 - used, "─", edge);
                    }
                }
            }
        }
    }
    summary(painter, area, &row.service, &usage, has_foreign);
}

/// A node: its state's glyph and its name.
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

/// The line above the drawing: how much hangs on the service.
fn summary(painter: &mut Painter<'_>, area: Rect, service: &Service, usage: &Usage, has_foreign: bool) {
    let used = painter.text(area.x, area.y, area.width, &used_by(usage), painter.style(Role::Text));
    let needs = service.dependencies.len();
    let rest = match service.dependencies.iter().filter(|dependency| dependency.optional).count() {
        0 => format!(" · needs {needs}"),
        optional => format!(" · needs {needs}, {optional} optional"),
    };
    let dim = painter.style(Role::Dim);
    let used = used + painter.text(area.x + used, area.y, area.width - used, &rest, dim);
    if has_foreign {
        let legend: Line<'_> =
            vec![piece("┄", painter.style(Role::GraphForeign)), piece(" another project", dim)];
        if used + width_of(&legend) + 2 <= area.width {
            painter.line_right(area.x, area.y, area.width, &legend);
        }
    }
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
    head.push(piece(format!("  {}", used_by(usage)), dim));
    row(painter, &head);
    let counts = [users.len(), needs.len()];
    for ((title, services), count) in [("◂ used by ", users), ("needs ▸ ", needs)].into_iter().zip(counts)
    {
        let mut line: Line<'_> = vec![piece(title, dim)];
        if services.is_empty() {
            line.push(piece("nothing", dim));
        }
        for (index, service) in services.iter().enumerate() {
            let node = node(view, painter, service, false);
            let room = area.width.saturating_sub(width_of(&line) + cells("  +99"));
            if width_of(&node) > room {
                line.push(piece(format!("+{}", count - index), dim));
                break;
            }
            line.extend(node);
            line.push(piece("  ", dim));
        }
        row(painter, &line);
    }
}
