//! Below the list of deployments: seven days by service, and how often deployments to production fail.

use crate::{
    config::theme::Role,
    domain::{
        deployment::{
            statistics::{ServiceFigures, Statistics, count},
            timeline::{Mark, MarkKind, SHOWN, lanes},
        },
        ledger::Operations,
        name::{EnvironmentName, ServiceName},
        units::format_duration,
    },
    tui::{
        paint::{Line, Painter, piece, wrap},
        panes::inner_title,
        view::View,
    },
};
use chrono::Duration;
use ratatui::layout::Rect;
use std::cmp::Reverse;

/// How long the statistics look back.
const FREQUENCY: Duration = Duration::days(30);

/// Cells of a lane's name, at least and at most.
const LANE: (u16, u16) = (14, 26);

/// Lines from which there is room for a table of what failed.
const ROOMY: u16 = 18;

/// Most services in that table.
const TABLED: usize = 6;

/// Cells of the bar of a rate.
const BAR: u16 = 10;

/// Draws both.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, operations: &Operations) {
    if area.height < 4 {
        return;
    }
    let statistics = statistics(view, operations);
    let is_roomy = area.height >= ROOMY && statistics.total.deployments > 0;
    let words = if is_roomy { Vec::new() } else { in_words(painter, &statistics, area.width) };
    let failing = failing(&statistics);
    let below = if is_roomy { 3 + failing.len().min(TABLED) as u16 } else { words.len() as u16 };
    let above = Rect { height: area.height.saturating_sub(below), ..area };
    let used = lanes_of(view, painter, above, operations);
    // A blank line parts them, where there is one.
    let above = Rect { height: above.height.min(used + 1), ..above };
    let rest = Rect { y: above.bottom(), height: area.height - above.height, ..area };
    if is_roomy {
        table(painter, rest, &statistics, &failing);
    }
    for (index, line) in words.iter().enumerate() {
        painter.line(rest.x, rest.y + index as u16, rest.width, line);
    }
}

fn is_production(view: &View<'_>, name: &EnvironmentName) -> bool {
    let environment = view.catalog.and_then(|catalog| catalog.environment(name.as_str()));
    environment.is_none_or(|environment| environment.production)
}

fn statistics(view: &View<'_>, operations: &Operations) -> Statistics {
    count(operations, |name| is_production(view, name), view.now() - FREQUENCY, view.now())
}

/// Seven days, a lane for each service: what is open first, then what was rolled back, then the newest. Gives how many
/// lines it took.
fn lanes_of(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, operations: &Operations) -> u16 {
    let dim = painter.style(Role::Dim);
    let (now, from) = (view.now(), view.now() - SHOWN);
    let legend: Line<'_> = vec![
        piece(" seven days  ", painter.style(Role::Text)),
        piece("●", painter.style(Role::StatusOk)),
        piece(" production ", dim),
        piece("•", painter.style(Role::StatusOk)),
        piece(" staging ", dim),
        piece("▼", painter.style(Role::StatusCritical)),
        piece(" rolled back ", dim),
        piece("◐", painter.style(Role::Accent)),
        piece(" open ", dim),
    ];
    inner_title(painter, area, area.y, &legend);
    let mut lanes: Vec<(ServiceName, Vec<Mark>)> = lanes(operations, from, now).into_iter().collect();
    lanes.sort_by_key(|(service, marks)| {
        (worry(marks), Reverse(marks.iter().map(|mark| mark.at).max()), service.clone())
    });
    let longest = lanes.iter().map(|(service, _)| crate::tui::paint::cells(service.as_str())).max();
    let name = (longest.unwrap_or_default() + 2).clamp(LANE.0, LANE.1).min(area.width / 3);
    let width = area.width.saturating_sub(name);
    if area.height < 3 {
        return 1;
    }
    for day in 0..7_u16 {
        let x = area.x + name + width * day / 7;
        let at = from + Duration::days(i64::from(day));
        painter.text(x, area.y + 1, width / 7, &at.format("%a %d").to_string(), dim);
    }
    let fit = usize::from(area.height - 2);
    let shown = if lanes.len() > fit { fit.saturating_sub(1) } else { lanes.len() };
    for (index, (service, marks)) in lanes.iter().take(shown).enumerate() {
        let y = area.y + 2 + index as u16;
        painter.text(area.x, y, name - 1, service.as_str(), painter.style(Role::Text));
        painter.repeat(area.x + name, y, width, "·", painter.style(Role::Line));
        let mut looks: Vec<(u16, u8, &str, Role)> = marks
            .iter()
            .map(|mark| {
                let seconds = (mark.at.max(from) - from).num_seconds().max(0);
                let share = seconds as f64 / SHOWN.num_seconds() as f64;
                let x = (share * f64::from(width.saturating_sub(1))) as u16;
                let production = mark.environments.iter().any(|place| is_production(view, place));
                let (rank, glyph, role) = look(mark.kind, production);
                (x, rank, glyph, role)
            })
            .collect();
        // Where two fall into one cell, the one that matters more is seen.
        looks.sort_by_key(|(x, rank, ..)| (*x, *rank));
        for (x, _, glyph, role) in looks {
            painter.cell(area.x + name + x, y, glyph, painter.style(role));
        }
    }
    if lanes.is_empty() && fit > 0 {
        painter.text(area.x, area.y + 2, area.width, "nothing was deployed", dim);
    }
    if shown < lanes.len() && fit > 0 {
        let hidden = &lanes[shown..];
        let well = if hidden.iter().all(|(_, marks)| worry(marks) == WELL) { ", all well" } else { "" };
        let more = format!("and {} more services{well}", hidden.len());
        painter.text(area.x, area.y + 2 + shown as u16, area.width, &more, dim);
    }
    2 + lanes.len().max(1).min(fit) as u16
}

/// The worry of a lane on which everything ended well.
const WELL: u8 = 2;

/// How much a lane worries; less is more.
fn worry(marks: &[Mark]) -> u8 {
    let any = |kinds: &[MarkKind]| marks.iter().any(|mark| kinds.contains(&mark.kind));
    match () {
        () if any(&[MarkKind::Open]) => 0,
        () if any(&[MarkKind::RolledBack, MarkKind::Rollback]) => 1,
        () => WELL,
    }
}

const fn look(kind: MarkKind, production: bool) -> (u8, &'static str, Role) {
    match (kind, production) {
        (MarkKind::Cancelled, _) => (0, "○", Role::Dim),
        (MarkKind::Done, false) => (1, "•", Role::StatusOk),
        (MarkKind::Done, true) => (2, "●", Role::StatusOk),
        (MarkKind::RolledBack | MarkKind::Rollback, false) => (3, "▾", Role::StatusCritical),
        (MarkKind::RolledBack | MarkKind::Rollback, true) => (4, "▼", Role::StatusCritical),
        (MarkKind::Open, _) => (5, "◐", Role::Accent),
    }
}

/// The services of which something failed or was rolled back, the most often first.
fn failing(statistics: &Statistics) -> Vec<(&ServiceName, &ServiceFigures)> {
    let mut failing: Vec<_> = statistics
        .services
        .iter()
        .filter(|(_, figures)| figures.failed > 0 || figures.rollbacks > 0)
        .collect();
    failing.sort_by_key(|(name, figures)| {
        (figures.censored.is_empty(), Reverse(figures.rollbacks), Reverse(figures.failed), (*name).clone())
    });
    failing
}

/// A share of whole per cents.
fn rate(figures: &ServiceFigures) -> String {
    figures.failure_rate().map_or_else(|| "◌".to_owned(), |rate| format!("{:.0}%", rate * 100.0))
}

/// How long it took to get over it, or takes already.
fn recovery(figures: &ServiceFigures) -> (String, Role) {
    if let Some(longest) = figures.censored.iter().max() {
        let since = format_duration(Duration::seconds(*longest));
        return (format!("not recovered for {since}"), Role::StatusCritical);
    }
    (figures.median_recovery().map_or_else(|| "–".to_owned(), format_duration), Role::Text)
}

/// Where each column of the table ends.
const COLUMNS: [(u16, &str); 4] = [(34, "deployments"), (42, "failed"), (55, "rolled back"), (61, "rate")];

/// Where the bar of a rate begins.
const BAR_AT: u16 = 62;

/// All services, and those that failed.
fn table(
    painter: &mut Painter<'_>,
    area: Rect,
    statistics: &Statistics,
    failing: &[(&ServiceName, &ServiceFigures)],
) {
    let dim = painter.style(Role::Dim);
    let title: Line<'_> = vec![
        piece(" thirty days of production  ", painter.style(Role::Text)),
        piece("failed: what ran before had to come back; recovery: from the fault until it ran ", dim),
    ];
    inner_title(painter, area, area.y, &title);
    let header = painter.style(Role::Header);
    for (end, word) in COLUMNS {
        painter.right(area.x + end - 12, area.y + 1, 12, word, header);
    }
    painter.text(
        area.x + BAR_AT + BAR + 1,
        area.y + 1,
        area.width.saturating_sub(BAR_AT + BAR + 1),
        "recovery",
        header,
    );
    let total = (None, &statistics.total);
    let rows = std::iter::once(total).chain(failing.iter().map(|(name, figures)| (Some(*name), *figures)));
    for (index, (name, figures)) in rows.take(TABLED + 1).enumerate() {
        let y = area.y + 2 + index as u16;
        if y >= area.bottom() {
            return;
        }
        let (words, role) = match name {
            Some(name) => (name.as_str(), Role::Text),
            None => ("all services", Role::Title),
        };
        let style = painter.style(role);
        painter.text(area.x, y, 22, words, style);
        let numbers = [
            figures.deployments.to_string(),
            figures.failed.to_string(),
            figures.rollbacks.to_string(),
            rate(figures),
        ];
        for ((end, _), number) in COLUMNS.iter().zip(numbers) {
            painter.right(area.x + end - 12, y, 12, &number, style);
        }
        let share = figures.failure_rate().unwrap_or_default();
        let full = (share * f64::from(BAR)).ceil() as u16;
        painter.repeat(area.x + BAR_AT, y, full, "▓", painter.style(Role::StatusWarning));
        painter.repeat(area.x + BAR_AT + full, y, BAR.saturating_sub(full), "░", painter.style(Role::Line));
        let (words, role) = recovery(figures);
        let room = area.width.saturating_sub(BAR_AT + BAR + 1);
        painter.text(area.x + BAR_AT + BAR + 1, y, room, &words, painter.style(role));
    }
}

/// The same in a few lines.
fn in_words<'a>(painter: &Painter<'_>, statistics: &Statistics, width: u16) -> Vec<Line<'a>> {
    let total = &statistics.total;
    let mut words = match (total.deployments, total.median_recovery()) {
        (0, _) => "30 days: no deployment to production".to_owned(),
        (all, recovery) => {
            let many = if all == 1 { "" } else { "s" };
            let recovery = recovery
                .map_or_else(String::new, |time| format!(", median recovery {}", format_duration(time)));
            format!(
                "30 days: {all} deployment{many} to production, {} failed ({}){recovery}",
                total.failed,
                rate(total)
            )
        }
    };
    if let Some(longest) = total.censored.iter().max() {
        words += &format!(
            ", {} not recovered for {}",
            total.censored.len(),
            format_duration(Duration::seconds(*longest))
        );
    }
    let rollbacks: Vec<String> = failing(statistics)
        .into_iter()
        .filter(|(_, figures)| figures.rollbacks > 0)
        .map(|(name, figures)| format!("{name} {}", figures.rollbacks))
        .collect();
    let (text, dim) = (painter.style(Role::Text), painter.style(Role::Dim));
    let mut lines: Vec<Line<'a>> =
        wrap(&words, width).into_iter().map(|line| vec![piece(line, text)]).collect();
    if total.deployments > 0 || !rollbacks.is_empty() {
        let rollbacks = if rollbacks.is_empty() { "none".to_owned() } else { rollbacks.join(", ") };
        lines.push(vec![piece("rollbacks: ", dim), piece(rollbacks, text)]);
    }
    lines
}
