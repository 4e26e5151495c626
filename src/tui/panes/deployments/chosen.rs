//! The chosen deployment, below the list: what it does or waits for in full, its gates, its legs, and its places.

use super::{
    super::{
        inner_title,
        inventory::{brief_percent, brief_seconds},
    },
    words::{figures_words, gates, glass_of, sentence},
};
use crate::{
    config::theme::Role,
    domain::{
        deployment::{
            order::{Leg, Place, Stage},
            record::DeploymentRecord,
        },
        ledger::Verdict,
    },
    tui::{
        paint::{Line, Painter, cells, piece, wrap},
        view::View,
    },
};
use ratatui::layout::Rect;

/// Lines that are left for what is below it, while it is not over.
const BELOW: u16 = 4;

/// Draws it; gives how many lines it took.
pub(super) fn draw(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, record: &DeploymentRecord) -> u16 {
    if area.height < 3 {
        return 0;
    }
    let dim = painter.style(Role::Dim);
    let title: Line<'_> = vec![
        piece(" ", dim),
        piece(record.id.to_string(), painter.style(Role::Text)),
        piece(
            format!(" started {} UTC by {} ", record.started_at.format("%F %H:%M"), record.started_by.name),
            dim,
        ),
    ];
    inner_title(painter, area, area.y, &title);
    let mut lines = opening(view, painter, record, area.width);
    lines.extend(gate_lines(view, painter, record, area.width));
    lines.extend(chain(painter, record, area.width));
    for place in &record.order.places {
        lines.push(place_line(view, painter, record, place));
    }
    // What waits for somebody is read in full; what is over leaves the room to the days.
    let most = if record.is_open() { area.height.saturating_sub(1 + BELOW) } else { area.height / 2 };
    let most = usize::from(most.max(2));
    if lines.len() > most {
        lines.truncate(most - 1);
        lines.push(vec![piece("… enter shows the rest", dim)]);
    }
    for (index, line) in lines.iter().enumerate() {
        painter.line(area.x, area.y + 1 + index as u16, area.width, line);
    }
    1 + lines.len() as u16
}

/// What it does or waits for, and what can be done about it.
fn opening<'a>(
    view: &View<'_>,
    painter: &Painter<'_>,
    record: &DeploymentRecord,
    width: u16,
) -> Vec<Line<'a>> {
    let (glyph, role, words) = sentence(view, record);
    let text = painter.style(if record.held.is_some() { Role::StatusWarning } else { Role::Text });
    let mut lines = Vec::new();
    for (index, line) in wrap(&words, width.saturating_sub(2)).into_iter().enumerate() {
        let mark = if index == 0 { format!("{glyph} ") } else { "  ".to_owned() };
        lines.push(vec![piece(mark, painter.style(role)), piece(line, text)]);
    }
    lines
}

/// How each gate stands, while it waits for them.
fn gate_lines<'a>(
    view: &View<'_>,
    painter: &Painter<'_>,
    record: &DeploymentRecord,
    width: u16,
) -> Vec<Line<'a>> {
    let standing = gates(view, record);
    // What broken glass passes is said above.
    if standing.is_empty() || glass_of(view, record).is_some() {
        return Vec::new();
    }
    let parts = standing.into_iter().map(|gate| {
        let (glyph, role) = if gate.is_open { ("✓", Role::StatusOk) } else { ("○", Role::StatusWarning) };
        (format!("{} {}", gate.gate, gate.detail), (glyph, role))
    });
    flow(painter, parts, width)
}

/// Marked words side by side, in as many lines as they need; what is longer than a line is wrapped.
fn flow<'a>(
    painter: &Painter<'_>,
    parts: impl IntoIterator<Item = (String, (&'static str, Role))>,
    width: u16,
) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = vec![Vec::new()];
    let mut used = 0;
    for (words, (glyph, role)) in parts {
        let wide = 2 + cells(&words);
        if used + wide > width && used > 0 {
            lines.push(Vec::new());
            used = 0;
        }
        let style = painter.style(if role == Role::Dim { Role::Dim } else { Role::Text });
        for (index, words) in wrap(&words, width.saturating_sub(2)).into_iter().enumerate() {
            if index > 0 {
                lines.push(vec![piece("  ", style)]);
                used = 0;
            }
            used += 2 + cells(&words) + 2;
            if let Some(line) = lines.last_mut() {
                if index == 0 {
                    line.push(piece(format!("{glyph} "), painter.style(role)));
                }
                line.push(piece(format!("{words}  "), style));
            }
        }
    }
    lines
}

/// Each leg with its glyph, wrapped: those on the way there, and behind an arrow those on the way back.
fn chain<'a>(painter: &Painter<'_>, record: &DeploymentRecord, width: u16) -> Vec<Line<'a>> {
    let next = record.next_leg();
    let several = record.order.places.len() > 1;
    let turned = record.judged.len() - record.behind().len();
    let there =
        record.judged.iter().take(turned).map(|judged| (judged.leg.clone(), verdict_mark(judged.verdict)));
    let mut marks: Vec<(String, (&'static str, Role))> = Vec::new();
    let mut push = |leg: &Leg, mark| {
        let name = match &leg.environment {
            Some(environment) if several => format!("{} {environment}", brief(leg)),
            _ => brief(leg),
        };
        marks.push((name, mark));
    };
    for (leg, mark) in there {
        push(&leg, mark);
    }
    for (index, leg) in record.legs().iter().enumerate() {
        let (glyph, role) = leg_mark(record, leg, next.as_ref());
        // The first step back says that it is one.
        let is_turn = index == 0 && record.is_retreating();
        push(leg, if is_turn { ("↩", role) } else { (glyph, role) });
    }
    flow(painter, marks, width)
}

/// A leg in as few words as say it beside its neighbours.
fn brief(leg: &Leg) -> String {
    match leg.stage {
        Stage::Health(_) | Stage::Undone => "health".to_owned(),
        Stage::Analysis(_) => "analysis".to_owned(),
        stage => stage.to_string(),
    }
}

const fn verdict_mark(verdict: Verdict) -> (&'static str, Role) {
    match verdict {
        Verdict::Pass => ("✓", Role::StatusOk),
        Verdict::Fail => ("■", Role::StatusCritical),
        Verdict::NoData | Verdict::Error => ("◌", Role::StatusUnknown),
    }
}

fn leg_mark(record: &DeploymentRecord, leg: &Leg, next: Option<&Leg>) -> (&'static str, Role) {
    match record.result(leg) {
        Some(judged) => verdict_mark(judged.verdict),
        None if record.is_open() && next == Some(leg) => ("◐", Role::Accent),
        None => ("·", Role::Dim),
    }
}

/// `production  2 of 3 pods ready · 5% · errors 0.4% beside 0.1% · p99 80ms beside 75ms`
fn place_line<'a>(
    view: &View<'_>,
    painter: &Painter<'_>,
    record: &DeploymentRecord,
    place: &Place,
) -> Line<'a> {
    use crate::domain::deployment::release::ReleaseStep;
    let dim = painter.style(Role::Dim);
    let text = painter.style(Role::Text);
    let mut line = vec![piece(format!("{:<12} ", place.environment), painter.style(Role::Header))];
    let row = view.joined.service(record.order.service.as_str());
    let there = row.and_then(|row| row.place(place.environment.as_str()));
    match there.and_then(|there| there.workload.as_ref()) {
        Some(workload) => {
            // A canary stands beside what is wanted.
            let words = if workload.ready > workload.desired {
                format!("{} pods ready, {} wanted", workload.ready, workload.desired)
            } else {
                format!("{} of {} pods ready", workload.ready, workload.desired)
            };
            line.push(piece(words, text));
        }
        None => line.push(piece("pods are not seen", dim)),
    }
    if let Some(step) = record.last_step(place).filter(|_| record.is_open() && !record.is_retreating()) {
        let words = match step {
            ReleaseStep::Weight(weight) => format!(" · {weight}% of the traffic"),
            step => format!(" · {}", crate::domain::deployment::order::step_words(step)),
        };
        line.push(piece(words, text));
    }
    let measured = record.judged.iter().rev().find(|judged| {
        judged.figures.is_some()
            && judged.leg.environment.as_ref().is_none_or(|environment| *environment == place.environment)
    });
    match measured.and_then(|judged| judged.figures.as_ref()) {
        Some(figures) => line.push(piece(format!(" · {}", figures_words(figures)), text)),
        None => {
            if let Some(indicators) = there.and_then(|there| there.indicators.as_ref()) {
                let errors = indicators.error_ratio.map_or_else(|| "◌".to_owned(), brief_percent);
                let p99 = indicators.p99_seconds.map_or_else(|| "◌".to_owned(), brief_seconds);
                line.push(piece(format!(" · errors {errors}, p99 {p99}, all versions"), dim));
            }
        }
    }
    line
}
