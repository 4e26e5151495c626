//! The frame of an overlay, and pages of lines that scroll in it.

use crate::{
    config::theme::Role,
    tui::{
        paint::{Line, Painter, cells, piece, wrap},
        style::Styles,
    },
};
use ratatui::layout::Rect;
use std::borrow::Cow;

/// Least cells at each side of a window: a narrower strip of what is behind it cannot be read.
const MARGIN: u16 = 6;

/// A window of at most `width` by `height` cells in the middle of `body`, a little above it. It takes the whole width
/// rather than leave a strip of what is behind it.
pub fn centred(body: Rect, width: u16, height: u16) -> Rect {
    let width = if width + 2 * MARGIN > body.width { body.width } else { width };
    let height = height.min(body.height);
    Rect { x: body.x + (body.width - width) / 2, y: body.y + (body.height - height) * 2 / 5, width, height }
}

/// What is inside of a window: its frame and one cell of padding taken away.
pub const fn inner(window: Rect) -> Rect {
    Rect {
        x: window.x + 2,
        y: window.y + 1,
        width: window.width.saturating_sub(4),
        height: window.height.saturating_sub(2),
    }
}

/// Draws an empty window with its title; gives what is inside.
pub fn open(painter: &mut Painter<'_>, window: Rect, title: &Line<'_>) -> Rect {
    painter.clear(window, painter.style(Role::Overlay));
    let line = painter.style(Role::OverlayLine);
    let (right, bottom) = (window.right() - 1, window.bottom() - 1);
    for y in [window.y, bottom] {
        painter.repeat(window.x, y, window.width, "─", line);
    }
    for y in window.y..=bottom {
        painter.cell(window.x, y, "│", line);
        painter.cell(right, y, "│", line);
    }
    for (x, y, corner) in
        [(window.x, window.y, "╭"), (right, window.y, "╮"), (window.x, bottom, "╰"), (right, bottom, "╯")]
    {
        painter.cell(x, y, corner, line);
    }
    let used = painter.line(window.x + 3, window.y, window.width.saturating_sub(6), title);
    if used > 0 {
        painter.cell(window.x + 2, window.y, " ", line);
        painter.cell(window.x + 3 + used, window.y, " ", line);
    }
    inner(window)
}

/// A window's title in words.
pub fn title<'a>(painter: &Painter<'_>, text: impl Into<Cow<'a, str>>) -> Line<'a> {
    vec![piece(text, painter.style(Role::Title))]
}

/// Lines of a certain width, put together one after the other.
pub struct Page<'a> {
    /// The lines so far.
    pub lines: Vec<Line<'a>>,
    /// Cells per line.
    pub width: u16,
    styles: &'a Styles,
}

/// Cells of the labels of facts.
const LABEL: u16 = 16;

impl<'a> Page<'a> {
    /// An empty page.
    pub const fn new(styles: &'a Styles, width: u16) -> Self {
        Self { lines: Vec::new(), width, styles }
    }

    /// An empty line, unless there is one already.
    pub fn blank(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(Line::new());
        }
    }

    /// A title above what follows.
    pub fn heading(&mut self, text: impl Into<Cow<'a, str>>) {
        self.blank();
        self.lines.push(vec![piece(text, self.styles.of(Role::Title))]);
    }

    /// A title above what follows, and where that is said.
    pub fn heading_at(&mut self, text: &'a str, place: &str) {
        self.heading(text);
        let place = crate::domain::text::clean(place);
        let room = self.width.saturating_sub(cells(text) + cells(&place));
        let (blank, style) = (" ".repeat(room.into()), self.styles.of(Role::Dim));
        if !place.is_empty()
            && room > 1
            && let Some(line) = self.lines.last_mut()
        {
            line.push(piece(blank, style));
            line.push(piece(place, style));
        }
    }

    /// Text in a role, wrapped, the following lines indented by `indent`.
    pub fn text(&mut self, text: &str, role: Role, indent: u16) {
        let style = self.styles.of(role);
        for (index, line) in wrap(text, self.width.saturating_sub(indent)).into_iter().enumerate() {
            let margin = if index == 0 { 0 } else { indent };
            self.lines.push(vec![piece(" ".repeat(margin.into()), style), piece(line, style)]);
        }
    }

    /// A glyph, then text that is wrapped beside it.
    pub fn marked(&mut self, glyph: &'a str, glyph_role: Role, text: &str, role: Role) {
        let indent = cells(glyph) + 1;
        for (index, line) in wrap(text, self.width.saturating_sub(indent)).into_iter().enumerate() {
            let style = self.styles.of(role);
            if index == 0 {
                let glyph = piece(glyph, self.styles.of(glyph_role));
                self.lines.push(vec![glyph, piece(" ", style), piece(line, style)]);
            } else {
                self.lines.push(vec![piece(" ".repeat(indent.into()), style), piece(line, style)]);
            }
        }
    }

    /// A label and a value that is wrapped beside it.
    pub fn fact(&mut self, label: &str, value: &str, role: Role) {
        let room = self.width.saturating_sub(LABEL);
        for (index, line) in wrap(value, room).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.fact_line(label, vec![piece(line, self.styles.of(role))]);
        }
    }

    /// A label and a value, where there is one.
    pub fn fact_if(&mut self, label: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.fact(label, value.as_ref(), Role::Text);
        }
    }

    /// A label and pieces.
    pub fn fact_line(&mut self, label: &str, mut value: Line<'a>) {
        let used = cells(label);
        let label = crate::domain::text::fit(label, usize::from(LABEL - 1));
        let pad = LABEL.saturating_sub(used.min(LABEL - 1));
        let mut line: Line<'a> = vec![
            piece(label, self.styles.of(Role::Dim)),
            piece(" ".repeat(pad.into()), self.styles.of(Role::Text)),
        ];
        line.append(&mut value);
        self.lines.push(line);
    }

    /// The style of a role.
    pub const fn style(&self, role: Role) -> ratatui::style::Style {
        self.styles.of(role)
    }

    /// Draws the page into `area` from line `offset` on, held at its end; says at the right end of the line
    /// above how far it is, when it does not fit.
    pub fn draw(&self, painter: &mut Painter<'_>, area: Rect, offset: usize) {
        let height = usize::from(area.height);
        let offset = offset.min(self.lines.len().saturating_sub(height));
        for (index, line) in self.lines.iter().skip(offset).take(height).enumerate() {
            painter.line(area.x, area.y + index as u16, area.width, line);
        }
        if self.lines.len() > height {
            let shown = format!(" {}–{} of {} ", offset + 1, offset + height, self.lines.len());
            let style = painter.style(Role::OverlayLine);
            painter.right(area.x, area.bottom(), area.width, &shown, style);
        }
    }
}

/// Opens a window for a page of lines: as wide as allowed, as high as needed.
pub fn page(
    painter: &mut Painter<'_>,
    body: Rect,
    widest: u16,
    title: &Line<'_>,
    offset: usize,
    fill: impl FnOnce(&mut Page<'_>),
) {
    let styles = painter.styles;
    let width = inner(centred(body, widest, body.height)).width;
    let mut page = Page::new(styles, width);
    fill(&mut page);
    let height = (page.lines.len() as u16).saturating_add(2);
    let inside = open(painter, centred(body, widest, height), title);
    page.draw(painter, inside, offset);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_a_window_is_room_to_read_or_none() {
        for screen in 60..200 {
            for width in [40, 64, 92, 130] {
                let window = centred(Rect { x: 0, y: 1, width: screen, height: 20 }, width, 9);
                let (left, right) = (window.x, screen - window.right());
                assert!(window.right() <= screen, "{width} in {screen}");
                let is_whole = window.width == screen;
                assert!(
                    is_whole || left >= MARGIN && right >= MARGIN,
                    "{width} in {screen}: {left}, {right}"
                );
            }
        }
    }
}
