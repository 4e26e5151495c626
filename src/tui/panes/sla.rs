//! SLA compliance by project, and what was promised and seen of the selected service.

use super::{
    Room, inner_title,
    inventory::{brief_percent, brief_seconds, promise_style},
    message, row_ground,
};
use crate::{
    config::theme::Role,
    domain::{sla::SlaVerdict, units::format_percent},
    model::{
        join::{ProjectRow, ServiceRow},
        layout::Pane,
    },
    tui::{
        paint::{Line, Painter, cells, piece},
        view::View,
        widgets::{
            bar, status,
            table::{Column, Place, column, places},
        },
    },
};
use ratatui::{layout::Rect, style::Style};

const COLUMNS: [Column; 7] = [
    column("", 1, 0, 0, false),
    column("project", 10, 3, 0, false),
    column("state", 8, 0, 3, false),
    column("services", 12, 4, 2, false),
    column("sla", 7, 0, 1, true),
    column("worst budget", 16, 5, 5, false),
    column("worst", 16, 80, 4, false),
];

/// Cells below which the reason beside the worst service is left out.
const LEAST_REASON: u16 = 20;

/// Columns of the services below a zoomed pane.
const SERVICE_COLUMNS: [Column; 9] = [
    column("", 1, 0, 0, false),
    column("service", 16, 14, 0, false),
    column("project", 10, 6, 5, false),
    column("state", 8, 0, 3, false),
    column("sla", 7, 0, 1, true),
    column("promised", 8, 0, 2, true),
    column("budget", 17, 7, 4, false),
    column("burn", 6, 0, 6, true),
    column("why", 20, 100, 7, false),
];

/// Draws the projects, then the selected service, or all services when zoomed.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, room: Room) {
    let list = view.model.ui.list(Pane::Sla);
    let area = room.area;
    if list.rows.is_empty() {
        let lines = [
            (
                if list.filter.is_empty() {
                    "no service is judged yet".to_owned()
                } else {
                    format!("no project matches /{}", list.filter)
                },
                Role::Text,
            ),
            ("promises come from [service.X.sla] and policies/sla.toml".to_owned(), Role::Dim),
        ];
        message(painter, area, &lines);
        return;
    }
    let places = places(&COLUMNS, area.width);
    header(painter, area, &COLUMNS, &places);
    let end = (list.offset + room.rows()).min(list.rows.len());
    for (line, index) in (list.offset..end).enumerate() {
        let y = area.y + 1 + line as u16;
        row_ground(view, painter, Pane::Sla, room, index, y);
        let name = &list.rows[index];
        let Some(row) = view.joined.projects.iter().find(|row| row.name() == name) else { continue };
        for (index, place) in places.iter().enumerate() {
            let Some((x, width)) = place else { continue };
            project_cell(view, painter, row, index, area.x + x, y, *width);
        }
    }
    let drawn = 1 + (end - list.offset) as u16;
    if area.height < drawn + 4 {
        return;
    }
    let rest = Rect { y: area.y + drawn + 1, height: area.height - drawn - 1, ..area };
    if room.zoomed {
        services(view, painter, rest, list.current());
    } else if let Some(row) = view.selected() {
        selected(view, painter, rest, row);
    }
}

/// Draws the headers of a table's columns.
pub(super) fn header<const N: usize>(
    painter: &mut Painter<'_>,
    area: Rect,
    columns: &[Column; N],
    places: &[Place; N],
) {
    let header = painter.style(Role::Header);
    for (column, place) in columns.iter().zip(places) {
        let Some((x, width)) = place else { continue };
        if column.right {
            painter.right(area.x + x, area.y, *width, column.title, header);
        } else {
            painter.text(area.x + x, area.y, *width, column.title, header);
        }
    }
}

fn project_cell(
    view: &View<'_>,
    painter: &mut Painter<'_>,
    row: &ProjectRow,
    column: usize,
    x: u16,
    y: u16,
    width: u16,
) {
    let dim = painter.style(Role::Dim);
    let verdict = row.verdict();
    let mark = status::sla(verdict);
    let style = painter.style(mark.role);
    match column {
        0 => painter.text(x, y, width, mark.glyph, style),
        1 => {
            let is_related = view.selected().is_some_and(|selected| selected.service.project == row.project);
            let role = if is_related { Role::Related } else { Role::Text };
            painter.text(x, y, width, row.name(), painter.style(role))
        }
        2 => painter.text(x, y, width, mark.word, style),
        3 => painter.line(x, y, width, &counts(painter, row.counts)),
        4 => {
            let shown = row.availability.map_or_else(|| "–".to_owned(), format_percent);
            let style = if row.availability.is_none() { dim } else { painter.style(Role::Text) };
            painter.right(x, y, width, &shown, style);
            0
        }
        5 => {
            let worst = row.worst.as_ref().filter(|(_, judgement)| judgement.verdict != SlaVerdict::NoData);
            budget(painter, x, y, width, worst.and_then(|(_, judgement)| judgement.budget_remaining));
            0
        }
        _ => {
            let Some((name, judgement)) = &row.worst else { return };
            if judgement.verdict == SlaVerdict::Met {
                painter.text(x, y, width, "–", dim)
            } else {
                let role = if view.is_selected(name) { Role::Related } else { Role::Text };
                let mut line = vec![piece(name.as_str(), painter.style(role))];
                // A reason of three letters explains nothing.
                let has_room = width >= cells(name.as_str()) + LEAST_REASON;
                if let Some(reason) = judgement.reasons.first().filter(|_| has_room) {
                    line.push(piece(format!(": {reason}"), dim));
                }
                painter.line(x, y, width, &line)
            }
        }
    };
}

/// `■ 1 ▲ 1 ● 8`: what is none is left out.
pub fn counts<'a>(painter: &Painter<'_>, counts: [usize; 4]) -> Line<'a> {
    let verdicts = [SlaVerdict::Violated, SlaVerdict::Burning, SlaVerdict::NoData, SlaVerdict::Met];
    let mut line = Line::new();
    for (verdict, count) in verdicts.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
        if !line.is_empty() {
            line.push(piece(" ", painter.style(Role::Text)));
        }
        let mark = status::sla(verdict);
        line.push(piece(format!("{} {count}", mark.glyph), painter.style(mark.role)));
    }
    line
}

/// What is left of an error budget: a bar, and the per cent beside it.
pub fn budget(painter: &mut Painter<'_>, x: u16, y: u16, width: u16, remaining: Option<f64>) {
    let Some(remaining) = remaining.filter(|remaining| remaining.is_finite()) else {
        painter.text(x, y, width, "–", painter.style(Role::Dim));
        return;
    };
    let role = match remaining {
        remaining if remaining <= 0.0 => Role::StatusCritical,
        remaining if remaining < 0.25 => Role::StatusWarning,
        _ => Role::Chart,
    };
    // An overdrawn budget says how many times it was spent: `-2690 %` tells nobody anything.
    let shown = match 1.0 - remaining {
        spent if spent <= 1.0 => format!("{:.0}% left", (remaining * 100.0).floor()),
        spent if spent < 9.95 => format!("used {spent:.1}×"),
        spent => format!("used {:.0}×", spent.min(9999.0)),
    };
    let style = painter.style(role);
    let label = 10.min(width);
    let room = (width - label).min(20);
    bar::draw(painter, x, y, room, remaining, style);
    let text = if role == Role::Chart { painter.style(Role::Text) } else { style };
    painter.text(x + room + 1, y, label.saturating_sub(1), &shown, text);
}

/// What was promised and what was seen of the selected service.
fn selected(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, row: &ServiceRow) {
    let dim = painter.style(Role::Dim);
    let text = painter.style(Role::Text);
    let mark = status::sla(row.verdict);
    let title: Line<'_> = vec![
        piece(" ", dim),
        piece(format!("{} {} ", mark.glyph, mark.word), painter.style(mark.role)),
        piece(row.service.name.as_str(), painter.style(Role::Related)),
        piece(
            row.main_place().map_or_else(String::new, |place| format!(" in {}", place.target.environment)),
            dim,
        ),
        piece(" ", dim),
    ];
    inner_title(painter, area, area.y, &title);
    let Some(place) = row.main_place() else {
        painter.text(area.x, area.y + 1, area.width, "runs in no environment", dim);
        return;
    };
    let promise = view.catalog.map(|catalog| catalog.sla(&row.service)).unwrap_or_default();
    let judgement = &place.judgement;
    let mut y = area.y + 1;
    let end = area.bottom();
    if y < end && judgement.budget_remaining.is_some() {
        painter.text(area.x, y, area.width, "budget", dim);
        budget(painter, area.x + 14, y, area.width.saturating_sub(14).min(29), judgement.budget_remaining);
        if let Some(burn) = judgement.burn_rate.filter(|burn| burn.is_finite()) {
            let style = promise_style(painter, burn <= 1.0);
            painter.text(area.x + 45, y, area.width.saturating_sub(45), &format!("burns {burn:.1}×"), style);
        }
        y += 1;
    }
    let seen = place.indicators.as_ref();
    let facts = [
        (
            "availability",
            judgement.availability.map(format_percent),
            promise.availability.map(|ratio| ratio.to_string()),
            judgement
                .availability
                .zip(promise.availability)
                .is_none_or(|(seen, wanted)| seen >= wanted.share()),
        ),
        (
            "errors",
            seen.and_then(|seen| seen.error_ratio).map(brief_percent),
            promise.error_rate.map(|ratio| ratio.to_string()),
            seen.and_then(|seen| seen.error_ratio)
                .zip(promise.error_rate)
                .is_none_or(|(seen, bound)| seen <= bound.share()),
        ),
        (
            "p99",
            seen.and_then(|seen| seen.p99_seconds).map(brief_seconds),
            promise.response_time_p99.map(|bound| brief_seconds(bound.num_milliseconds() as f64 / 1000.0)),
            seen.and_then(|seen| seen.p99_seconds)
                .zip(promise.response_time_p99)
                .is_none_or(|(seen, bound)| seen * 1000.0 <= bound.num_milliseconds() as f64),
        ),
    ];
    for (label, observed, promised, holds) in facts {
        if y >= end {
            return;
        }
        if observed.is_none() && promised.is_none() {
            continue;
        }
        painter.text(area.x, y, area.width, label, dim);
        let style = promise_style(painter, holds);
        let observed = observed.unwrap_or_else(|| "no data".to_owned());
        painter.right(area.x + 14, y, 8.min(area.width.saturating_sub(14)), &observed, style);
        if let Some(promised) = promised {
            let words = format!("promised {promised}");
            painter.text(area.x + 24, y, area.width.saturating_sub(24), &words, dim);
        }
        y += 1;
    }
    let problem =
        seen.and_then(|seen| seen.problem.as_ref()).map(|problem| format!("last scrape: {problem}"));
    let mut rest: Vec<(&str, Style)> =
        judgement.reasons.iter().map(|reason| (reason.as_str(), text)).collect();
    rest.extend(problem.as_deref().map(|problem| (problem, dim)));
    // What has no room is told by number.
    let room = usize::from(end.saturating_sub(y));
    let shown = if rest.len() > room { room.saturating_sub(1) } else { rest.len() };
    for (words, style) in &rest[..shown] {
        painter.text(area.x, y, area.width, words, *style);
        y += 1;
    }
    if shown < rest.len() && y < end {
        painter.text(area.x, y, area.width, &format!("+{} more", rest.len() - shown), dim);
    }
}

/// All services of all projects, those of the chosen project first.
fn services(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, chosen: Option<&str>) {
    let title: Line<'_> = vec![piece(" all services ", painter.style(Role::Dim))];
    inner_title(painter, area, area.y, &title);
    let table = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let places = places(&SERVICE_COLUMNS, table.width);
    header(painter, table, &SERVICE_COLUMNS, &places);
    let projects = || view.joined.projects.iter();
    let first = projects().filter(|row| Some(row.name()) == chosen);
    let names = first
        .chain(projects().filter(|row| Some(row.name()) != chosen))
        .flat_map(|row| &row.services)
        .take(table.height.saturating_sub(1).into());
    for (line, name) in names.enumerate() {
        let Some(row) = view.joined.service(name.as_str()) else { continue };
        let y = table.y + 1 + line as u16;
        if view.is_selected(name) {
            let ground = Rect { x: table.x, y, width: table.width, height: 1 };
            painter.ground(ground, painter.style(Role::SelectionQuiet));
        }
        for (index, place) in places.iter().enumerate() {
            let Some((x, width)) = place else { continue };
            service_cell(view, painter, row, index, table.x + x, y, *width);
        }
    }
}

fn service_cell(
    view: &View<'_>,
    painter: &mut Painter<'_>,
    row: &ServiceRow,
    column: usize,
    x: u16,
    y: u16,
    width: u16,
) {
    let dim = painter.style(Role::Dim);
    let text = painter.style(Role::Text);
    let mark = status::sla(row.verdict);
    let judgement = row.main_place().map(|place| &place.judgement);
    match column {
        0 => drop(painter.text(x, y, width, mark.glyph, painter.style(mark.role))),
        1 => {
            let role = if view.is_selected(&row.service.name) { Role::Related } else { Role::Text };
            painter.text(x, y, width, row.service.name.as_str(), painter.style(role));
        }
        2 => {
            let project = row.service.project.as_ref().map_or("shared", |project| project.as_str());
            painter.text(x, y, width, project, dim);
        }
        3 => drop(painter.text(x, y, width, mark.word, painter.style(mark.role))),
        4 => {
            let shown = judgement.and_then(|judgement| judgement.availability).map(format_percent);
            painter.right(x, y, width, shown.as_deref().unwrap_or("–"), text);
        }
        5 => {
            let promised = view.catalog.and_then(|catalog| catalog.sla(&row.service).availability);
            let shown = promised.map(|ratio| ratio.to_string());
            painter.right(x, y, width, shown.as_deref().unwrap_or("–"), dim);
        }
        6 => budget(painter, x, y, width, judgement.and_then(|judgement| judgement.budget_remaining)),
        7 => {
            let burn = judgement.and_then(|judgement| judgement.burn_rate).filter(|burn| burn.is_finite());
            let shown = burn.map_or_else(|| "–".to_owned(), |burn| format!("{burn:.1}×"));
            painter.right(x, y, width, &shown, promise_style(painter, burn.is_none_or(|burn| burn <= 1.0)));
        }
        _ => {
            let reason = judgement.and_then(|judgement| judgement.reasons.first());
            painter.text(x, y, width, reason.map_or("", String::as_str), dim);
        }
    }
}
