//! All keys that work where the person is, by context, in as many columns as fit.

use super::window;
use crate::{
    config::theme::Role,
    model::ui::HelpLine,
    tui::paint::{Line, Painter, cells, piece},
};
use ratatui::layout::Rect;

/// Cells of one column, and between two.
const COLUMN: u16 = 40;
const GAP: u16 = 3;

/// Draws the help.
pub fn draw(painter: &mut Painter<'_>, body: Rect, lines: &[HelpLine], offset: usize) {
    let all = flow(painter, lines);
    let columns = ((body.width.saturating_sub(6) + GAP) / (COLUMN + GAP)).clamp(1, 3);
    // Two lines more, for titles that move to the next column.
    let rows = (all.len() as u16 + 2).div_ceil(columns).min(body.height.saturating_sub(2)).max(1);
    let width = columns * (COLUMN + GAP) - GAP + 4;
    let title = window::title(painter, "Keys that work here");
    let inside = window::open(painter, window::centred(body, width, rows + 2), &title);
    let rows = usize::from(inside.height);
    let all = without_orphans(all, rows);
    let room = rows * usize::from(columns);
    let offset = offset.min(all.len().saturating_sub(room));
    let column_width = if columns == 1 { inside.width } else { COLUMN };
    for (index, line) in all.iter().skip(offset).take(room).enumerate() {
        let (column, row) = ((index / rows) as u16, (index % rows) as u16);
        let x = inside.x + column * (COLUMN + GAP);
        painter.line(x, inside.y + row, column_width.min(inside.right().saturating_sub(x)), line);
    }
    if all.len() > room {
        let shown = format!(" {}–{} of {} ", offset + 1, offset + room, all.len());
        let style = painter.style(Role::OverlayLine);
        painter.right(inside.x, inside.bottom(), inside.width, &shown, style);
    }
}

/// Moves a title that would stand alone at the end of a column to the next one.
fn without_orphans(lines: Vec<Line<'_>>, rows: usize) -> Vec<Line<'_>> {
    let mut all = Vec::with_capacity(lines.len() + 4);
    for line in lines {
        if line.len() == 1 && rows > 1 && all.len() % rows == rows - 1 {
            all.push(Line::new());
        }
        // A column does not begin with the blank line that parts it from what was before.
        if !(line.is_empty() && all.len().is_multiple_of(rows.max(1))) {
            all.push(line);
        }
    }
    all
}

/// Contexts as titles, their keys below.
fn flow<'a>(painter: &Painter<'_>, lines: &'a [HelpLine]) -> Vec<Line<'a>> {
    let keys_width = lines.iter().map(|line| cells(&line.keys)).max().unwrap_or(0).min(12);
    let mut all: Vec<Line<'a>> = Vec::new();
    let mut context = "";
    for line in lines {
        if line.context != context {
            context = &line.context;
            if !all.is_empty() {
                all.push(Line::new());
            }
            all.push(vec![piece(title(context), painter.style(Role::Title))]);
        }
        let pad = keys_width.saturating_sub(cells(&line.keys)) + 2;
        let is_available = line.unavailable.is_none();
        let role = if is_available { Role::Text } else { Role::Dim };
        let mut shown = vec![
            piece(line.keys.as_str(), painter.style(if is_available { Role::Key } else { Role::Dim })),
            piece(" ".repeat(pad.into()), painter.style(Role::Text)),
            piece(line.description.as_str(), painter.style(role)),
        ];
        if let Some(reason) = &line.unavailable {
            shown.push(piece(format!(" · {reason}"), painter.style(Role::Dim)));
        }
        all.push(shown);
    }
    all
}

/// A context's name for people.
fn title(context: &str) -> String {
    match context {
        "global" => "everywhere".to_owned(),
        "pane" => "in every pane".to_owned(),
        "overlay" => "in every overlay".to_owned(),
        other => format!("in {other}"),
    }
}
