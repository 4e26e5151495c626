//! The pipeline: every change in the column of its stage, what keeps it there, and whether the calendar is open.

use super::{Room, calendar::state, changes::brief_age, content, inner_title, message, rect};
use crate::{
    config::theme::Role,
    domain::{
        break_glass::GlassState,
        pipeline::{Attention, Chip, KEPT, Stage},
        text::fit_end,
    },
    model::{
        layout::Pane,
        pages::{CHIP, PipelineGrid},
    },
    tui::{
        overlays::change_glass,
        paint::{Line, Painter, piece, wrap},
        view::View,
    },
};
use ratatui::layout::Rect;

/// Draws the page.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, room: Room) {
    let list = view.model.ui.list(Pane::Pipeline);
    let banner = banner(view, painter, room.area);
    let area = Rect { y: room.area.y + banner, height: room.area.height.saturating_sub(banner), ..room.area };
    if list.rows.is_empty() {
        message(painter, area, &nothing(view));
        return;
    }
    let grid = PipelineGrid::new(content(room.area), banner);
    for (index, stage) in (0..).zip(Stage::ALL) {
        let place = rect(grid.column(index));
        column(view, painter, &grid, place, stage, room.focused);
        if index > 0 {
            for y in place.y..place.bottom() {
                painter.cell(place.x - 1, y, "│", painter.style(Role::Line));
            }
        }
    }
    let chip = list
        .current()
        .and_then(|row| view.model.world.calendar.chips.iter().find(|chip| chip.change == *row));
    if let Some(chip) = chip {
        details(view, painter, rect(grid.details), chip);
    }
}

/// Why there is nothing, and what to do.
fn nothing(view: &View<'_>) -> Vec<(String, Role)> {
    let list = view.model.ui.list(Pane::Pipeline);
    if !list.filter.is_empty() {
        return vec![
            (format!("no change matches /{}", list.filter), Role::Text),
            ("/ changes the filter, esc in it clears it".to_owned(), Role::Dim),
        ];
    }
    let pattern = view.catalog.map_or("change/*", |catalog| catalog.settings.changes.as_str());
    vec![
        (format!("no change is open, and none was merged in {} days", KEPT.num_days()), Role::Text),
        (format!("a branch {pattern} on the remote shows here"), Role::Dim),
    ]
}

/// What the calendar closes, a line each; gives how many lines it took.
fn banner(view: &View<'_>, painter: &mut Painter<'_>, area: Rect) -> u16 {
    let mut used = 0;
    for (environment, standing) in view.model.closures() {
        if used >= area.height {
            break;
        }
        let what = environment.map_or("merges", |name| name.as_str());
        let (glyph, role, words) = state(&standing, view.now());
        let line =
            [piece(format!("{glyph} {what} "), painter.style(role)), piece(words, painter.style(Role::Text))];
        painter.line(area.x, area.y + used, area.width, &line);
        used += 1;
    }
    used
}

/// One stage: its name with the number of its changes, and their chips.
fn column(
    view: &View<'_>,
    painter: &mut Painter<'_>,
    grid: &PipelineGrid,
    area: Rect,
    stage: Stage,
    focused: bool,
) {
    let chips = view.model.chips_of(stage);
    let count = if chips.is_empty() { String::new() } else { format!(" {}", chips.len()) };
    painter.text(
        area.x,
        area.y,
        area.width,
        &format!("{}{count}", stage.as_str()),
        painter.style(Role::Header),
    );
    let chosen = view.model.ui.list(Pane::Pipeline).current();
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let at = chips.iter().position(|chip| chosen.is_some_and(|chosen| chip.change == *chosen));
    let (first, fit) = grid.window(at);
    let hidden = chips.len().saturating_sub(first + fit);
    for (index, chip) in chips.iter().skip(first).take(fit).enumerate() {
        let y = body.y + index as u16 * CHIP;
        let is_chosen = at == Some(first + index);
        draw_chip(view, painter, Rect { y, height: CHIP - 1, ..body }, chip, is_chosen && focused);
    }
    if hidden > 0 {
        let words = format!("+{hidden} more");
        painter.right(area.x, area.y, area.width, &words, painter.style(Role::Dim));
    }
}

/// Three lines: the change, its class and age, and what it waits for or how far it is.
fn draw_chip(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, chip: &Chip, is_chosen: bool) {
    let dim = painter.style(Role::Dim);
    let (glyph, role) = look(chip);
    if is_chosen {
        painter.ground(area, painter.style(Role::Selection));
    }
    let name = painter.style(if is_chosen { Role::Title } else { Role::Text });
    let id = fit_end(chip.change.as_str(), usize::from(area.width.saturating_sub(2)));
    let line = [piece(format!("{glyph} "), painter.style(role)), piece(id, name)];
    painter.line(area.x, area.y, area.width, &line);
    let age = brief_age(view.now() - chip.since);
    let facts = format!("{} · {age}", chip.class);
    painter.text(area.x + 2, area.y + 1, area.width.saturating_sub(2), &facts, dim);
    let words = if chip.attention == Attention::Loud { painter.style(role) } else { dim };
    painter.text(area.x + 2, area.y + 2, area.width.saturating_sub(2), &chip.words, words);
}

/// The glyph and the role of a chip.
const fn look(chip: &Chip) -> (&'static str, Role) {
    match (chip.attention, chip.stage) {
        (Attention::Loud, _) => ("■", Role::StatusCritical),
        (_, Stage::Production) => ("●", Role::StatusOk),
        (_, Stage::Staging) => ("◐", Role::Accent),
        (_, Stage::Merge) if chip.merged => ("↑", Role::Accent),
        (_, Stage::Merge) => ("✓", Role::StatusOk),
        _ => ("○", Role::StatusWarning),
    }
}

/// All that the pipeline knows of the chosen change.
fn details(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, chip: &Chip) {
    let dim = painter.style(Role::Dim);
    let when = if chip.merged { "merged" } else { "opened" };
    let title: Line<'_> = vec![
        piece(" ", dim),
        piece(chip.change.as_str(), painter.style(Role::Text)),
        piece(format!(" {}, {when} {} UTC ", chip.stage.as_str(), chip.since.format("%F %H:%M")), dim),
    ];
    inner_title(painter, area, area.y, &title);
    let mut lines: Vec<Line<'_>> = Vec::new();
    if let Some(glass) = &chip.glass {
        lines.push(vec![piece(glass_words(view, chip, glass), painter.style(Role::StatusCritical))]);
    }
    let subject = view.joined.changes.iter().find(|change| change.proposal.id == chip.change);
    if let Some(change) = subject.filter(|_| !chip.merged) {
        lines.push(vec![piece(change.proposal.subject.as_str(), painter.style(Role::Text))]);
        lines.push(super::changes::gates(painter, change));
    }
    for words in wrap(&chip.words, area.width) {
        lines.push(vec![piece(words, painter.style(Role::Text))]);
    }
    let services: Vec<&str> = chip.services.iter().map(crate::domain::name::ServiceName::as_str).collect();
    if !services.is_empty() {
        lines.push(vec![piece(services.join(", "), dim)]);
    }
    for (index, line) in lines.iter().take(usize::from(area.height.saturating_sub(1))).enumerate() {
        painter.line(area.x, area.y + 1 + index as u16, area.width, line);
    }
}

fn glass_words(view: &View<'_>, chip: &Chip, glass: &GlassState) -> String {
    format!("■ break-glass: {}", change_glass::words(glass, &chip.change, view.now()))
}
