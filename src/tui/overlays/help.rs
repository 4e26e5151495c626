//! All keys that work where the person is, by context, in as many columns as fit.

use super::window;
use crate::{
    config::theme::Role,
    model::ui::HelpLine,
    tui::paint::{Line, Painter, cells, piece, wrap},
};
use ratatui::layout::Rect;

/// Least cells of one column, and between two.
const COLUMN: u16 = 40;
const GAP: u16 = 3;

/// Draws the help.
pub fn draw(painter: &mut Painter<'_>, body: Rect, lines: &[HelpLine], offset: usize) {
    let columns = ((body.width.saturating_sub(4) + GAP) / (COLUMN + GAP)).clamp(1, 3);
    // As wide as the longest needs, where there is room; what does not fit is wrapped.
    let keys = keys_width(lines);
    let longest = lines.iter().map(|line| keys + 2 + cells(&line.description)).max().unwrap_or_default();
    let room = body.width.saturating_sub(4 + GAP * (columns - 1)) / columns;
    let column = if columns == 1 { room } else { longest.max(COLUMN).min(room) };
    let all = flow(painter, lines, column);
    // Two lines more, for titles that move to the next column.
    let rows = (all.len() as u16 + 2).div_ceil(columns).min(body.height.saturating_sub(2)).max(1);
    let width = columns * (column + GAP) - GAP + 4;
    let title = window::title(painter, "Keys that work here");
    let inside = window::open(painter, window::centred(body, width, rows + 2), &title);
    let rows = usize::from(inside.height);
    let all = without_orphans(all, rows);
    let room = rows * usize::from(columns);
    let offset = offset.min(all.len().saturating_sub(room));
    for (index, line) in all.iter().skip(offset).take(room).enumerate() {
        let (across, row) = ((index / rows) as u16, (index % rows) as u16);
        let x = inside.x + across * (column + GAP);
        painter.line(x, inside.y + row, column.min(inside.right().saturating_sub(x)), line);
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

/// Cells of the keys.
fn keys_width(lines: &[HelpLine]) -> u16 {
    lines.iter().map(|line| cells(&line.keys)).max().unwrap_or(0).min(12)
}

/// Contexts as titles, their keys below.
fn flow<'a>(painter: &Painter<'_>, lines: &'a [HelpLine], width: u16) -> Vec<Line<'a>> {
    let keys_width = keys_width(lines);
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
        let is_available = line.unavailable.is_none();
        let role = |usual: Role| painter.style(if is_available { usual } else { Role::Dim });
        let indent = keys_width + 2;
        for (index, words) in wrap(&line.description, width.saturating_sub(indent)).into_iter().enumerate() {
            let keys = if index == 0 { line.keys.as_str() } else { "" };
            let pad = indent.saturating_sub(cells(keys)).max(2);
            all.push(vec![
                piece(keys, role(Role::Key)),
                piece(" ".repeat(pad.into()), painter.style(Role::Text)),
                piece(words, role(Role::Text)),
            ]);
        }
        if let (Some(reason), Some(last)) = (&line.unavailable, all.last_mut()) {
            last.push(piece(format!(" · {reason}"), painter.style(Role::Dim)));
        }
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
