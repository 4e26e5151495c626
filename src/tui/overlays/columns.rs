//! The inventory's columns: which are shown, in which order, how wide, and which one the rows are ordered by.

use super::window;
use crate::{
    config::theme::Role,
    model::inventory::{Column, ColumnChoice},
    tui::{
        paint::{Painter, piece},
        view::View,
    },
};
use ratatui::layout::Rect;

const WIDTH: u16 = 72;

/// Draws the list of columns.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, body: Rect, cursor: usize) {
    let inventory = &view.model.ui.inventory;
    let height = inventory.columns.len() as u16 + 2;
    let title = window::title(painter, "Columns");
    let inside = window::open(painter, window::centred(body, WIDTH, height), &title);
    let rows = usize::from(inside.height);
    let offset = (cursor + 1).saturating_sub(rows);
    for (line, (index, choice)) in inventory.columns.iter().enumerate().skip(offset).take(rows).enumerate() {
        let y = inside.y + line as u16;
        if index == cursor {
            let row = Rect { x: inside.x - 1, y, width: inside.width + 2, height: 1 };
            painter.ground(row, painter.style(Role::Selection));
            painter.cell(row.x, y, "▌", painter.style(Role::Accent));
        }
        draw_choice(view, painter, inside, y, *choice);
    }
}

fn draw_choice(view: &View<'_>, painter: &mut Painter<'_>, inside: Rect, y: u16, choice: ColumnChoice) {
    let inventory = &view.model.ui.inventory;
    let (glyph, word, role) = match (choice.shown, choice.column) {
        (_, Column::Name) => ("✓", "always", Role::Dim),
        (true, _) => ("✓", "shown", Role::Text),
        (false, _) => ("·", "hidden", Role::Dim),
    };
    let line = [
        piece(format!("{glyph} {word:<8}"), painter.style(role)),
        piece(format!("{:<14}", choice.column.as_str()), painter.style(role)),
        piece(choice.column.meaning(), painter.style(Role::Dim)),
    ];
    painter.line(inside.x, y, inside.width, &line);
    let mut marks = Vec::new();
    if choice.wider != 0 {
        marks.push(format!("{:+}", choice.wider));
    }
    if inventory.sort == Some(choice.column) {
        marks.push(if inventory.reversed { "order ↑" } else { "order ↓" }.to_owned());
    }
    if !marks.is_empty() {
        painter.right(
            inside.x,
            y,
            inside.width,
            &format!(" {}", marks.join("  ")),
            painter.style(Role::Accent),
        );
    }
}
