//! Where the files speak of a service: their lines, with numbers.

use super::window;
use crate::{
    config::theme::Role,
    domain::{
        name::ServiceName,
        passage,
        text::{clean, clean_lines, fit},
    },
    tui::{
        paint::{Painter, piece},
        view::View,
    },
};
use ratatui::layout::Rect;

const WIDTH: u16 = 110;

/// Draws the passages.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, body: Rect, name: &ServiceName, offset: usize) {
    let title = vec![
        piece(name.to_string(), painter.style(Role::Title)),
        piece("  source", painter.style(Role::Dim)),
    ];
    window::page(painter, body, WIDTH, &title, offset, |page| {
        let known = view.catalog.and_then(|catalog| Some((catalog, catalog.services.get(name)?)));
        let Some((catalog, service)) = known else {
            page.text("the catalog does not name this service any more", Role::Dim, 0);
            return;
        };
        for passage in passage::of_service(catalog, service) {
            page.blank();
            let gutter = passage.lines.end.to_string().len().max(3);
            page.lines.push(vec![
                piece(format!("{} ┌ ", " ".repeat(gutter)), page.style(Role::SourceGutter)),
                piece(
                    format!("{}:{}", clean(&passage.file.path), passage.lines.start),
                    page.style(Role::Dim),
                ),
            ]);
            let room = usize::from(page.width).saturating_sub(gutter + 3);
            for number in passage.lines.clone() {
                let text = clean_lines(passage.file.line(number).unwrap_or_default());
                let role = if text.trim_start().starts_with('#') { Role::Dim } else { Role::Source };
                page.lines.push(vec![
                    piece(format!("{number:>gutter$} │ "), page.style(Role::SourceGutter)),
                    piece(fit(&text, room), page.style(role)),
                ]);
            }
            if passage.cut > 0 {
                page.text(&format!("… and {} more lines", passage.cut), Role::Dim, 0);
            }
        }
    });
}
