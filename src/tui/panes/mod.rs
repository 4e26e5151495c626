//! The panes of the Deck and the page behind it: their title lines, what stands between them, and what each shows.

mod calendar;
mod changes;
mod cross_project;
mod deployments;
mod escalation;
pub mod graph;
pub mod inventory;
mod pipeline;
mod sla;

pub use cross_project::hours;
pub use deployments::{bare, figures_words, sentence};

use super::{
    paint::{Line, Painter, cells, piece, wrap},
    view::{SourceState, View},
    widgets::status,
};
use crate::{
    config::theme::Role,
    model::{
        inventory::Grouping,
        layout::{Area, Layout, PANE_HEADER_ROWS, Pane},
        ui::Overlay,
        world::Freshness,
    },
};
use ratatui::{layout::Rect, style::Modifier};

/// The rectangle of an area.
pub const fn rect(area: Area) -> Rect {
    Rect { x: area.x, y: area.y, width: area.width, height: area.height }
}

/// The area of a rectangle.
const fn content(rect: Rect) -> Area {
    Area { x: rect.x, y: rect.y, width: rect.width, height: rect.height }
}

/// What a pane draws into.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Everything below the title line, one cell of padding left and right taken away.
    pub area: Rect,
    /// Whether the pane has the keys.
    pub focused: bool,
    /// Whether the pane has the whole screen.
    pub zoomed: bool,
}

impl Room {
    /// How many list rows there are, below the column header.
    const fn rows(&self) -> usize {
        self.area.height.saturating_sub(PANE_HEADER_ROWS - 1) as usize
    }
}

/// Draws all panes that are in sight.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, layout: &Layout) {
    let ui = &view.model.ui;
    separators(painter, layout);
    for pane in Pane::ALL {
        let area = rect(layout.pane(pane));
        if area.height == 0 || area.width < 4 {
            continue;
        }
        let focused = ui.focus == pane;
        title(view, painter, pane, area, focused);
        let content = rect(layout.pane(pane).content());
        let room = Room { area: content, focused, zoomed: ui.zoom == Some(pane) };
        let source = view.pane_source(pane);
        if !source.has_picture {
            waiting(painter, content, pane, &source);
            continue;
        }
        match pane {
            Pane::Inventory => inventory::draw(view, painter, room),
            Pane::Graph => graph::draw(view, painter, room),
            Pane::Changes => changes::draw(view, painter, room),
            Pane::Sla => sla::draw(view, painter, room),
            Pane::Escalation => escalation::draw(view, painter, room),
            Pane::CrossProject => cross_project::draw(view, painter, room, layout),
            Pane::Calendar => calendar::draw(view, painter, room),
            Pane::Pipeline => pipeline::draw(view, painter, room),
            Pane::Deployments => deployments::draw(view, painter, room),
        }
        if matches!(source.freshness, Freshness::Failed | Freshness::Stale) {
            painter.quieten(content);
        }
    }
}

/// The name of a pane as its title says it.
pub const fn name(pane: Pane) -> &'static str {
    match pane {
        Pane::Inventory => "Inventory",
        Pane::Graph => "Dependencies",
        Pane::Changes => "Changes",
        Pane::Sla => "SLA",
        Pane::Escalation => "Escalation",
        Pane::CrossProject => "Cross-project impact",
        Pane::Calendar => "Change calendar",
        Pane::Pipeline => "Pipeline",
        Pane::Deployments => "Deployments",
    }
}

/// Where the text of the filter line of a pane begins.
pub fn filter_column(pane: Pane, area: Rect) -> u16 {
    // `─ 1 Name ─ /`
    area.x + 2 + 2 + cells(name(pane)) + 3 + 1
}

/// `─ 1 Inventory ─ 28 services ─────── 3/28 ─`
fn title(view: &View<'_>, painter: &mut Painter<'_>, pane: Pane, area: Rect, focused: bool) {
    let line_style = painter.style(if focused { Role::FocusLine } else { Role::Line });
    let symbol = if focused { "━" } else { "─" };
    painter.repeat(area.x, area.y, area.width, symbol, line_style);
    let list = view.model.ui.list(pane);
    let title_style = if focused {
        painter.style(Role::Title).patch(painter.style(Role::Accent))
    } else {
        painter.style(Role::Title)
    };
    let dim = painter.style(Role::Dim);
    let mut parts: Line<'_> = vec![piece(format!(" {} {} ", pane.index() + 1, name(pane)), title_style)];
    let input = view.model.ui.overlays.iter().rev().find_map(|overlay| match overlay {
        Overlay::Filter { pane: of, input, .. } if *of == pane => Some(input.text.as_str()),
        _ => None,
    });
    let line_piece = piece(symbol, line_style);
    if let Some(input) = input {
        parts.push(line_piece.clone());
        parts.push(piece(" /", painter.style(Role::Key)));
        parts.extend(filter_text(view, painter, pane, input, Role::Input));
        parts.push(piece(" ", painter.style(Role::Input)));
        parts.push(piece(" ", line_style));
    } else if !list.filter.is_empty() {
        parts.push(line_piece.clone());
        parts.push(piece(" /", dim));
        parts.extend(filter_text(view, painter, pane, &list.filter, Role::Match));
        parts.push(piece(" ", line_style));
    }
    if let Some(origin) = filter_origin(view, pane) {
        parts.push(piece(format!("({origin}) "), dim));
    }
    let (words, tone) = about(view, pane);
    if !words.is_empty() {
        parts.push(line_piece.clone());
        parts.push(piece(format!(" {words} "), painter.style(tone)));
    }
    let source = view.pane_source(pane);
    if source.has_picture && !matches!(source.freshness, Freshness::Live) {
        let mark = status::freshness(source.freshness);
        parts.push(line_piece);
        parts.push(piece(
            format!(" {} {} {} ", mark.glyph, source.name, source.words(view.now())),
            painter.style(mark.role),
        ));
    }
    let used = painter.line(area.x + 1, area.y, area.width.saturating_sub(2), &parts);
    let rows = view.model.ui.layout().rows(pane);
    if pane != Pane::Graph && list.rows.len() > rows && rows > 0 {
        let position = format!(" {}/{} ", list.cursor + 1, list.rows.len());
        if used + cells(&position) + 3 < area.width {
            painter.right(area.x, area.y, area.width - 1, &position, dim);
        }
    }
}

/// A filter's text, with the part that is wrong underlined.
fn filter_text<'a>(view: &View<'_>, painter: &Painter<'_>, pane: Pane, text: &str, role: Role) -> Line<'a> {
    let style = painter.style(role);
    let problem = view.model.ui.inventory.problem().filter(|_| pane == Pane::Inventory);
    let parts = problem.and_then(|problem| {
        let (start, end) = (problem.start.min(text.len()), problem.end.min(text.len()));
        Some((text.get(..start)?, text.get(start..end)?, text.get(end..)?))
    });
    match parts {
        Some((before, wrong, after)) => {
            let loud = style.patch(painter.style(Role::StatusWarning)).add_modifier(Modifier::UNDERLINED);
            let parts = [(before, style), (wrong, loud), (after, style)];
            parts.into_iter().map(|(text, style)| piece(text.to_owned(), style)).collect()
        }
        None => vec![piece(text.to_owned(), style)],
    }
}

/// Where the inventory's filter comes from when nobody typed it.
fn filter_origin(view: &View<'_>, pane: Pane) -> Option<String> {
    let (ui, list) = (&view.model.ui, view.model.ui.list(pane));
    if pane != Pane::Inventory || list.filter.is_empty() || !ui.overlays.is_empty() {
        return None;
    }
    if ui.inventory.is_from_dashboard(&list.filter) {
        return Some("dashboard".to_owned());
    }
    let presets = view.catalog.into_iter().flat_map(|catalog| &catalog.settings.presets);
    { presets }.find(|(_, filter)| **filter == list.filter).map(|(name, _)| format!("preset {name}"))
}

/// What a title says about its pane in a few words, and how.
fn about(view: &View<'_>, pane: Pane) -> (String, Role) {
    let list = view.model.ui.list(pane);
    let joined = view.joined;
    let counted = |all: usize, one: &str, many: &str| {
        let noun = if all == 1 { one } else { many };
        if list.filter.is_empty() || list.rows.len() == all {
            format!("{all} {noun}")
        } else {
            format!("{} of {all} {noun}", list.rows.len())
        }
    };
    let is_loaded = view.pane_source(pane).has_picture;
    match pane {
        _ if !is_loaded => (String::new(), Role::Dim),
        Pane::Inventory => {
            let inventory = &view.model.ui.inventory;
            let (all, shown) = (joined.services.len(), inventory.matched);
            let noun = if all == 1 { "service" } else { "services" };
            let mut words = if list.filter.is_empty() || shown == all {
                format!("{all} {noun}")
            } else {
                format!("{shown} of {all} {noun}")
            };
            if inventory.grouping != Grouping::None {
                words += &format!(" by {}", inventory.grouping.as_str());
            }
            (words, Role::Dim)
        }
        Pane::Graph => {
            let graph = &view.model.ui.graph;
            match &graph.centre {
                _ if graph.whole => {
                    let services = graph.map.services;
                    let noun = if services == 1 { "service" } else { "services" };
                    let cycles = match graph.map.cycles.len() {
                        0 => String::new(),
                        1 => ", 1 cycle".to_owned(),
                        many => format!(", {many} cycles"),
                    };
                    (format!("all {services} {noun}{cycles}"), Role::Dim)
                }
                Some(name) => (format!("of {name}, {} deep", graph.depth), Role::Related),
                None => (String::new(), Role::Dim),
            }
        }
        Pane::Changes => (counted(joined.changes.len(), "open", "open"), Role::Dim),
        Pane::Sla => (counted(joined.projects.len(), "project", "projects"), Role::Dim),
        Pane::Escalation => match joined.incidents.len() {
            0 => ("no incident".to_owned(), Role::Dim),
            open => (counted(open, "open incident", "open incidents"), Role::Dim),
        },
        Pane::CrossProject => cross_project::about(view),
        Pane::Calendar => calendar::about(view),
        Pane::Deployments => deployments::about(view),
        Pane::Pipeline => (counted(view.model.world.calendar.chips.len(), "change", "changes"), Role::Dim),
    }
}

/// One line between panes that stand side by side, joined to their title lines.
fn separators(painter: &mut Painter<'_>, layout: &Layout) {
    let style = painter.style(Role::Line);
    for left in layout.panes.iter().filter(|area| area.height > 0) {
        let x = left.x + left.width;
        let beside = |y: u16| layout.panes.iter().any(|area| area.x == x + 1 && area.contains(x + 1, y));
        let begins = |column: u16, y: u16| {
            layout.panes.iter().any(|area| area.height > 0 && area.contains(column, y) && area.y == y)
        };
        let above = |y: u16| {
            let left = |area: &Area| area.x + area.width == x && area.contains(area.x, y);
            layout.panes.iter().any(left) && beside(y)
        };
        for y in left.y..left.y + left.height {
            if !beside(y) {
                continue;
            }
            let symbol = match (begins(x.saturating_sub(1), y), begins(x + 1, y)) {
                (true, true) if y == 0 || !above(y - 1) => "┬",
                (true, true) => "┼",
                (true, false) => "┤",
                (false, true) => "├",
                (false, false) => "│",
            };
            painter.cell(x, y, symbol, style);
        }
    }
}

/// A pane whose source has said nothing yet, or has failed from the start.
fn waiting(painter: &mut Painter<'_>, area: Rect, pane: Pane, source: &SourceState<'_>) {
    if let Some(failure) = source.failure {
        let mut lines = vec![(failure.message.clone(), Role::StatusCritical)];
        lines.extend(failure.causes.first().map(|cause| (format!("because: {cause}"), Role::Text)));
        lines.extend(failure.hints.iter().map(|hint| (format!("try: {hint}"), Role::Dim)));
        lines[0].0 = format!("■ {}", lines[0].0);
        message(painter, area, &lines);
    } else {
        let what = match pane {
            Pane::Inventory | Pane::Graph | Pane::Sla | Pane::CrossProject | Pane::Calendar => {
                "◌ reading the control repository …"
            }
            Pane::Changes | Pane::Pipeline => "◌ reading the change branches …",
            Pane::Escalation | Pane::Deployments => "◌ reading the ledger …",
        };
        message(painter, area, &[(what.to_owned(), Role::Dim)]);
    }
}

/// A few centred lines where there are no rows: why, and what to do. Long ones are wrapped.
pub fn message(painter: &mut Painter<'_>, area: Rect, lines: &[(String, Role)]) {
    let width = area.width.min(72);
    let wrapped: Vec<(String, Role)> = lines
        .iter()
        .flat_map(|(text, role)| wrap(text, width).into_iter().map(|line| (line, *role)))
        .take(area.height.into())
        .collect();
    let first = area.y + area.height.saturating_sub(wrapped.len() as u16) / 2;
    for (y, (line, role)) in (first..).zip(&wrapped) {
        let used = cells(line).min(area.width);
        painter.text(area.x + (area.width - used) / 2, y, used, line, painter.style(*role));
    }
}

/// What lies under a list row, and the mark in the padding before it.
fn row_ground(view: &View<'_>, painter: &mut Painter<'_>, pane: Pane, room: Room, index: usize, y: u16) {
    let list = view.model.ui.list(pane);
    let row = Rect { x: room.area.x - 1, y, width: room.area.width + 2, height: 1 };
    let is_marked = list.rows.get(index).is_some_and(|name| list.marked.contains(name));
    if index == list.cursor {
        let role = if room.focused { Role::Selection } else { Role::SelectionQuiet };
        painter.ground(row, painter.style(role));
        if room.focused {
            painter.cell(row.x, y, "▌", painter.style(Role::Accent));
        }
    }
    if is_marked {
        painter.cell(row.x, y, "✚", painter.style(Role::Marked));
    }
}

/// A dim line with a title inside a pane: `╌ shared-auth ╌╌╌╌`.
fn inner_title(painter: &mut Painter<'_>, area: Rect, y: u16, line: &Line<'_>) {
    painter.repeat(area.x, y, area.width, "╌", painter.style(Role::Line));
    painter.line(area.x + 2, y, area.width.saturating_sub(4), line);
}
