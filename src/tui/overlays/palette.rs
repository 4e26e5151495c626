//! The command palette: a line to type in, and what matches below it.

use super::{before, window};
use crate::{
    config::theme::Role,
    model::ui::{PaletteEntry, TextInput},
    tui::paint::{Painter, cells, piece},
};
use ratatui::layout::Rect;

/// Its width, and the height it does not change while one types.
const WIDTH: u16 = 84;
const HEIGHT: u16 = 20;

fn place(body: Rect) -> Rect {
    window::centred(body, WIDTH, HEIGHT)
}

/// Draws the palette.
pub fn draw(
    painter: &mut Painter<'_>,
    body: Rect,
    input: &TextInput,
    entries: &[PaletteEntry],
    cursor: usize,
) {
    let title = window::title(painter, "Commands");
    let inside = window::open(painter, place(body), &title);
    let style = painter.style(Role::Input);
    painter.repeat(inside.x, inside.y, inside.width, " ", style);
    painter.text(inside.x, inside.y, 1, ":", painter.style(Role::Key));
    painter.text(inside.x + 2, inside.y, inside.width - 2, &input.text, style);
    if entries.is_empty() {
        let text = "no command matches";
        painter.text(inside.x + 2, inside.y + 2, inside.width - 2, text, painter.style(Role::Dim));
        return;
    }
    let rows = usize::from(inside.height.saturating_sub(2));
    let offset = (cursor + 1).saturating_sub(rows);
    for (line, (index, entry)) in entries.iter().enumerate().skip(offset).take(rows).enumerate() {
        let y = inside.y + 2 + line as u16;
        if index == cursor {
            let row = Rect { x: inside.x - 1, y, width: inside.width + 2, height: 1 };
            painter.ground(row, painter.style(Role::Selection));
            painter.cell(row.x, y, "▌", painter.style(Role::Accent));
        }
        draw_entry(painter, inside, y, entry);
    }
}

fn draw_entry(painter: &mut Painter<'_>, inside: Rect, y: u16, entry: &PaletteEntry) {
    let dim = painter.style(Role::Dim);
    let keys = cells(&entry.keys);
    let room = inside.width.saturating_sub(keys + 4);
    let names: Vec<&str> = [entry.id].into_iter().chain(entry.aliases.iter().copied()).collect();
    let names = names.join(", ");
    let line = match &entry.unavailable {
        None => vec![piece(entry.title, painter.style(Role::Text)), piece(format!("  {names}"), dim)],
        // The names too: who typed one of them would not know why this entry is here.
        Some(reason) => vec![piece(entry.title, dim), piece(format!("  ○ {reason}  {names}"), dim)],
    };
    painter.line(inside.x + 2, y, room, &line);
    let role = if entry.unavailable.is_none() { Role::Key } else { Role::Dim };
    painter.right(inside.x, y, inside.width, &entry.keys, painter.style(role));
}

/// Where the cursor is.
pub fn cursor(body: Rect, input: &TextInput) -> (u16, u16) {
    let inside = window::inner(place(body));
    ((inside.x + 2 + before(input)).min(inside.right().saturating_sub(1)), inside.y)
}
