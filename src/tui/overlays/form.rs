//! A form: the arguments of an action that are still missing.

use super::{before, window};
use crate::{
    config::theme::Role,
    model::ui::FormField,
    tui::paint::{Line, Painter, piece, width_of},
};
use ratatui::layout::Rect;

const WIDTH: u16 = 76;
/// Rows per field: the line itself, and what it is for.
const ROWS: u16 = 3;
/// Cells of the labels.
const LABEL: u16 = 14;

/// The window and the first field that fits so that the focused one is in sight.
fn place(body: Rect, fields: usize, focus: usize) -> (Rect, usize) {
    let height = (fields as u16 * ROWS + 3).min(body.height);
    let window = window::centred(body, WIDTH, height);
    let fitting = usize::from(window.height.saturating_sub(3) / ROWS).max(1);
    (window, (focus + 1).saturating_sub(fitting))
}

/// Draws the form.
pub fn draw(
    painter: &mut Painter<'_>,
    body: Rect,
    title: &str,
    fields: &[FormField],
    focus: usize,
    problem: Option<&str>,
) {
    let (window, first) = place(body, fields.len(), focus);
    let heading = window::title(painter, title.to_owned());
    let inside = window::open(painter, window, &heading);
    let end = inside.bottom().saturating_sub(1);
    for (index, field) in fields.iter().enumerate().skip(first) {
        let y = inside.y + (index - first) as u16 * ROWS;
        if y + 1 >= end {
            break;
        }
        draw_field(painter, inside, y, field, index == focus);
    }
    if let Some(problem) = problem {
        let style = painter.style(Role::StatusCritical);
        painter.text(inside.x, end, inside.width, &format!("■ {problem}"), style);
    }
}

fn draw_field(painter: &mut Painter<'_>, inside: Rect, y: u16, field: &FormField, has_focus: bool) {
    let dim = painter.style(Role::Dim);
    let label = if has_focus { painter.style(Role::Accent) } else { painter.style(Role::Text) };
    let mark = if has_focus { "▌" } else { " " };
    painter.cell(inside.x - 1, y, mark, painter.style(Role::Accent));
    painter.text(inside.x, y, LABEL - 1, field.name, label);
    let x = inside.x + LABEL;
    let room = inside.width.saturating_sub(LABEL);
    if field.choices.is_empty() {
        let style = painter.style(Role::Input);
        painter.repeat(x, y, room, " ", style);
        painter.text(x, y, room, &field.input.text, style);
    } else {
        painter.line(x, y, room, &choices(painter, field, has_focus, room));
    }
    let optional = if field.required { "" } else { "optional · " };
    painter.text(x, y + 1, room, &format!("{optional}{}", field.help), dim);
}

/// `‹ critical ›  high  medium`: all choices where they fit, else the chosen one and its place.
fn choices<'a>(painter: &Painter<'_>, field: &'a FormField, has_focus: bool, room: u16) -> Line<'a> {
    let chosen = painter.style(if has_focus { Role::ButtonFocus } else { Role::Button });
    let dim = painter.style(Role::Dim);
    let mut line = Line::new();
    for choice in &field.choices {
        let word = if choice.is_empty() { "–" } else { choice };
        if *choice == field.input.text {
            line.push(piece(format!("‹ {word} ›"), chosen));
        } else {
            line.push(piece(format!("  {word}  "), dim));
        }
    }
    if field.choices.iter().all(String::is_empty) {
        line.push(piece("  there is none to choose", dim));
    }
    let shown = if field.input.text.is_empty() { "–" } else { field.input.text.as_str() };
    let at = field.choices.iter().position(|choice| *choice == field.input.text);
    if at.is_some() && width_of(&line) <= room {
        return line;
    }
    let of = at.map_or_else(
        || format!("  {} to choose from", field.choices.len()),
        |at| format!("  {} of {}", at + 1, field.choices.len()),
    );
    vec![piece(format!("‹ {shown} ›"), chosen), piece(of, dim)]
}

/// Where the cursor is, if the focused field is typed.
pub fn cursor(body: Rect, fields: &[FormField], focus: usize) -> Option<(u16, u16)> {
    let field = fields.get(focus).filter(|field| field.choices.is_empty())?;
    let (window, first) = place(body, fields.len(), focus);
    let inside = window::inner(window);
    let x = (inside.x + LABEL + before(&field.input)).min(inside.right().saturating_sub(1));
    Some((x, inside.y + (focus - first) as u16 * ROWS))
}
