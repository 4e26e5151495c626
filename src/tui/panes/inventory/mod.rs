//! The service inventory: what should run, what runs, and how it runs where the person looks.

mod cells;

use super::{Room, message, row_ground};
use crate::{
    config::theme::Role,
    domain::sla::SlaVerdict,
    model::{
        inventory::{Column, ColumnChoice, Counts, group_of},
        join::{Place, ServiceRow},
        layout::Pane,
    },
    tui::{
        paint::{Line, Painter, piece},
        view::View,
        widgets::{
            status,
            table::{self, column, places_of},
        },
    },
};
use cells::{Cells, Staleness};
use ratatui::style::Style;

/// How a column would like to be: what is it, what runs, is it well gives way last.
const fn shape(of: Column) -> table::Column {
    match of {
        Column::Name => column("service", 20, 8, 0, false),
        Column::State => column("state", 8, 0, 7, false),
        Column::Version => column("version", 13, 8, 2, false),
        Column::Runs => column("runs", 9, 6, 6, false),
        Column::Status => column("status", 11, 0, 8, false),
        Column::Lifecycle => column("lifecycle", 22, 4, 9, false),
        Column::Project => column("project", 11, 6, 9, false),
        Column::Tier => column("tier", 8, 0, 10, false),
        Column::Type => column("type", 12, 6, 12, false),
        Column::Owner => column("owner", 13, 7, 9, false),
        Column::Ready => column("ready", 5, 0, 3, true),
        Column::Restarts => column("restarts", 10, 0, 8, true),
        Column::Drift => column("drift", 17, 0, 8, false),
        Column::Errors => column("errors", 6, 0, 4, true),
        Column::P99 => column("p99", 5, 0, 5, true),
        Column::Rate => column("req/s", 6, 0, 11, true),
        Column::Sla => column("sla", 7, 0, 1, true),
        Column::Availability => column("seen / promised", 16, 0, 6, true),
        Column::Trend => column("trend", 6, 18, 10, false),
    }
}

/// The same, as wide as the person wants it.
fn wanted(choice: ColumnChoice) -> table::Column {
    let shape = shape(choice.column);
    let least = if choice.column == Column::Name { 8 } else { 3 };
    table::Column { width: shape.width.saturating_add_signed(choice.wider).max(least), ..shape }
}

/// Draws the list.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, room: Room) {
    let list = view.model.ui.list(Pane::Inventory);
    let area = room.area;
    if list.rows.is_empty() {
        let lines = match (view.joined.services.is_empty(), list.filter.is_empty()) {
            (false, false) => vec![
                (format!("no service matches /{}", list.filter), Role::Text),
                ("/ changes the filter, esc in it clears it".to_owned(), Role::Dim),
            ],
            _ => vec![
                ("the catalog names no service".to_owned(), Role::Text),
                ("add one to services/catalog.toml; `quarterdeck init` shows how".to_owned(), Role::Dim),
            ],
        };
        message(painter, area, &lines);
        return;
    }
    let inventory = &view.model.ui.inventory;
    // The mark of how it stands comes first, whatever else is shown.
    let columns: Vec<Column> = inventory.shown().map(|choice| choice.column).collect();
    let shapes: Vec<table::Column> =
        std::iter::once(column("", 1, 0, 0, false)).chain(inventory.shown().copied().map(wanted)).collect();
    let places = places_of(&shapes, area.width);
    // What is wrong with a condition needs the room, and the rows below are still the ones from before.
    if let Some(problem) = inventory.problem() {
        let before = list.filter.get(..problem.start).map_or(0, |before| before.chars().count());
        let words = format!("▲ at {}: {}", before + 1, problem.message);
        painter.text(area.x, area.y, area.width, &words, painter.style(Role::StatusWarning));
    }
    let titles = if inventory.problem().is_some() { 0 } else { shapes.len() };
    for (index, shape) in shapes.iter().enumerate().take(titles).skip(1) {
        let Some((x, width)) = places[index] else { continue };
        let order = (inventory.sort == Some(columns[index - 1])).then_some(inventory.reversed);
        title(painter, shape, area.x + x, area.y, width, order);
    }
    let stale = Staleness::of(view);
    let runs_shown = columns.contains(&Column::Runs);
    let end = (list.offset + room.rows()).min(list.rows.len());
    for (line, index) in (list.offset..end).enumerate() {
        let y = area.y + 1 + line as u16;
        row_ground(view, painter, Pane::Inventory, room, index, y);
        if let Some(group) = group_of(&list.rows[index]) {
            let line = header(view, painter, group);
            painter.line(area.x, y, area.width, &line);
            continue;
        }
        let Some(row) = view.joined.service(&list.rows[index]) else { continue };
        let cells = Cells { view, row, place: place(view, row), stale, runs_shown };
        if let Some(Some((x, width))) = places.first() {
            cells.mark(painter, area.x + x, y, *width);
        }
        for (column, place) in columns.iter().zip(&places[1..]) {
            if let Some((x, width)) = place {
                cells.draw(painter, *column, area.x + x, y, *width);
            }
        }
    }
}

/// The title of a column, with an arrow where it is what the rows are ordered by.
fn title(painter: &mut Painter<'_>, shape: &table::Column, x: u16, y: u16, width: u16, order: Option<bool>) {
    let style = painter.style(Role::Header);
    let accent = painter.style(Role::Header).patch(painter.style(Role::Accent));
    let Some(reversed) = order else {
        if shape.right {
            painter.right(x, y, width, shape.title, style);
        } else {
            painter.text(x, y, width, shape.title, style);
        }
        return;
    };
    let arrow = if reversed { "↑" } else { "↓" };
    if shape.right {
        // The blank cell before a column is enough for the arrow.
        let line = [piece(arrow, accent), piece(shape.title, accent)];
        painter.line_right(x.saturating_sub(1), y, width + 1, &line);
    } else {
        let line = [piece(shape.title, accent), piece(arrow, accent)];
        painter.line(x, y, width + 1, &line);
    }
}

/// `▾ project-a  8 services  ■ 1 ● 7`: what a group is, and how its services stand.
fn header<'a>(view: &View<'_>, painter: &Painter<'_>, group: &'a str) -> Line<'a> {
    let inventory = &view.model.ui.inventory;
    let counts: Counts = inventory.groups.get(group).copied().unwrap_or_default();
    let all: usize = counts.iter().sum();
    let fold = if inventory.folded.contains(group) { "▸ " } else { "▾ " };
    let mut line = vec![
        piece(fold, painter.style(Role::Dim)),
        piece(group, painter.style(Role::Title)),
        piece(
            format!("  {all} {}  ", if all == 1 { "service" } else { "services" }),
            painter.style(Role::Dim),
        ),
    ];
    let verdicts = [SlaVerdict::Violated, SlaVerdict::Burning, SlaVerdict::NoData, SlaVerdict::Met];
    for (verdict, count) in verdicts.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
        let mark = status::sla(verdict);
        line.push(piece(format!("{} {count} ", mark.glyph), painter.style(mark.role)));
    }
    line
}

/// The place of a service in the environment that is looked at.
fn place<'a>(view: &View<'_>, row: &'a ServiceRow) -> Option<&'a Place> {
    row.place(view.environment?.name.as_str())
}

/// The top of a trend's scale: its highest sample, but never so low that noise looks like a storm.
pub fn full_scale(trend: &[f64]) -> f64 {
    trend.iter().copied().filter(|sample| sample.is_finite()).fold(0.01, f64::max)
}

/// Per cent in a narrow column: `0%`, `0.31%`, `2.8%`, `34%`.
pub fn brief_percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        percent if !percent.is_finite() => "–".to_owned(),
        percent if percent <= 0.0 => "0%".to_owned(),
        percent if percent < 0.01 => "<0.01%".to_owned(),
        percent if percent < 1.0 => format!("{percent:.2}%"),
        percent if percent < 10.0 => format!("{percent:.1}%"),
        percent => format!("{percent:.0}%"),
    }
}

/// A response time in a narrow column: `8ms`, `180ms`, `1.4s`, `12s`.
pub fn brief_seconds(seconds: f64) -> String {
    match seconds {
        seconds if !seconds.is_finite() => "–".to_owned(),
        seconds if seconds < 0.9995 => format!("{:.0}ms", seconds * 1000.0),
        seconds if seconds < 9.95 => format!("{seconds:.1}s"),
        seconds => format!("{seconds:.0}s"),
    }
}

/// A rate in a narrow column: `0.4`, `12`, `1.4k`.
pub fn brief_number(number: f64) -> String {
    match number {
        number if !number.is_finite() => "–".to_owned(),
        number if number < 9.95 => format!("{number:.1}"),
        number if number < 999.5 => format!("{number:.0}"),
        number if number < 99_950.0 => format!("{:.1}k", number / 1000.0),
        number => format!("{:.0}k", number / 1000.0),
    }
}

/// The style of a value that keeps its promise, or does not.
pub const fn promise_style(painter: &Painter<'_>, holds: bool) -> Style {
    painter.style(if holds { Role::Text } else { Role::StatusWarning })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        for (share, shown) in [
            (0.0, "0%"),
            (0.000_01, "<0.01%"),
            (0.0031, "0.31%"),
            (0.028, "2.8%"),
            (0.34, "34%"),
            (1.0, "100%"),
        ] {
            assert_eq!(brief_percent(share), shown);
        }
        for (seconds, shown) in [(0.008, "8ms"), (0.18, "180ms"), (0.9999, "1.0s"), (12.3, "12s")] {
            assert_eq!(brief_seconds(seconds), shown);
        }
        for (number, shown) in [(0.42, "0.4"), (12.4, "12"), (1_420.0, "1.4k"), (142_000.0, "142k")] {
            assert_eq!(brief_number(number), shown);
        }
    }
}
