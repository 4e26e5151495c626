//! The brush: text that is cleaned, cut by cells and clipped, lines and grounds.

use super::style::Styles;
use crate::{
    config::theme::Role,
    domain::text::{clean, fit, is_unsafe},
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// A piece of a line: text with its style.
#[derive(Debug, Clone)]
pub struct Piece<'a> {
    /// What it says.
    pub text: Cow<'a, str>,
    /// How it looks.
    pub style: Style,
}

/// A line of pieces.
pub type Line<'a> = Vec<Piece<'a>>;

/// Makes a piece.
pub fn piece<'a>(text: impl Into<Cow<'a, str>>, style: Style) -> Piece<'a> {
    Piece { text: text.into(), style }
}

/// How many cells a line takes.
pub fn width_of(line: &[Piece<'_>]) -> u16 {
    line.iter().map(|piece| cells(&piece.text)).sum()
}

/// How many cells a text takes.
pub fn cells(text: &str) -> u16 {
    if text.is_ascii() { text.len() as u16 } else { text.width().min(usize::from(u16::MAX)) as u16 }
}

/// Draws on a buffer in a theme's styles; whatever lies outside of the buffer is left out.
pub struct Painter<'a> {
    /// Where to.
    pub buffer: &'a mut Buffer,
    /// How things look.
    pub styles: &'a Styles,
}

impl Painter<'_> {
    /// The style of a role.
    pub const fn style(&self, role: Role) -> Style {
        self.styles.of(role)
    }

    /// Writes `text` in at most `width` cells, cut with `…`; gives how many it took.
    pub fn text(&mut self, x: u16, y: u16, width: u16, text: &str, style: impl Into<Style>) -> u16 {
        let area = self.buffer.area;
        if y < area.y || y >= area.bottom() || x < area.x || x >= area.right() {
            return 0;
        }
        let width = width.min(area.right() - x);
        let safe = if text.chars().any(is_unsafe) { Cow::Owned(clean(text)) } else { Cow::Borrowed(text) };
        let shown = if cells(&safe) > width { Cow::Owned(fit(&safe, width.into())) } else { safe };
        let (end, _) = self.buffer.set_stringn(x, y, &shown, width.into(), style);
        end - x
    }

    /// Writes `text` against the right end of `width` cells.
    pub fn right(&mut self, x: u16, y: u16, width: u16, text: &str, style: impl Into<Style>) {
        let used = cells(text).min(width);
        self.text(x + width - used, y, used, text, style);
    }

    /// Writes pieces one after the other in at most `width` cells, cut with `…`; gives how many they took.
    pub fn line(&mut self, x: u16, y: u16, width: u16, line: &[Piece<'_>]) -> u16 {
        let mut used = 0;
        for (index, piece) in line.iter().enumerate() {
            if used >= width {
                // What is left out must show, even where the last piece happened to fit.
                if let Some(last) = line.get(index - 1).filter(|_| used > 0) {
                    self.text(x + used - 1, y, 1, "…", last.style);
                }
                break;
            }
            used += self.text(x + used, y, width - used, &piece.text, piece.style);
        }
        used
    }

    /// Writes pieces against the right end of `width` cells.
    pub fn line_right(&mut self, x: u16, y: u16, width: u16, line: &[Piece<'_>]) {
        let used = width_of(line).min(width);
        self.line(x + width - used, y, used, line);
    }

    /// Lays a style under everything in an area.
    pub fn ground(&mut self, area: Rect, style: impl Into<Style>) {
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    /// Empties an area and lays a style on it.
    pub fn clear(&mut self, area: Rect, style: Style) {
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                let cell = &mut self.buffer[(x, y)];
                cell.reset();
                cell.set_style(style);
            }
        }
    }

    /// Repeats one symbol to the right.
    pub fn repeat(&mut self, x: u16, y: u16, width: u16, symbol: &str, style: impl Into<Style>) {
        let style = style.into();
        let area = self.buffer.area;
        if y < area.y || y >= area.bottom() {
            return;
        }
        for x in x.max(area.x)..x.saturating_add(width).min(area.right()) {
            self.buffer[(x, y)].set_symbol(symbol).set_style(style);
        }
    }

    /// Writes one symbol into one cell.
    pub fn cell(&mut self, x: u16, y: u16, symbol: &str, style: impl Into<Style>) {
        self.repeat(x, y, 1, symbol, style);
    }

    /// Makes everything in an area quiet: an old picture, or what lies behind something.
    pub fn quieten(&mut self, area: Rect) {
        let Style { fg, add_modifier, .. } = self.style(Role::Dim);
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                let cell = &mut self.buffer[(x, y)];
                if let Some(color) = fg {
                    cell.fg = color;
                }
                cell.modifier = add_modifier;
            }
        }
    }
}

/// Breaks `text` into lines of at most `width` cells at blanks; a longer word is cut where it must be.
pub fn wrap(text: &str, width: u16) -> Vec<String> {
    use unicode_segmentation::UnicodeSegmentation;
    let width = width.max(1);
    let mut lines = Vec::new();
    for paragraph in crate::domain::text::clean_lines(text).lines() {
        let mut line = String::new();
        let mut used = 0;
        for word in words(paragraph) {
            let wide = cells(word);
            if used + wide > width && used > 0 {
                lines.push(line.trim_end().to_owned());
                line.clear();
                used = 0;
                if word.trim().is_empty() {
                    continue;
                }
            }
            if wide <= width {
                line.push_str(word);
                used += wide;
                continue;
            }
            for cluster in word.graphemes(true) {
                if used + cells(cluster) > width && used > 0 {
                    lines.push(std::mem::take(&mut line));
                    used = 0;
                }
                line.push_str(cluster);
                used += cells(cluster);
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// The words of a paragraph and the blanks between them. What has hyphens or slashes in it is one word: names are read as
/// they are written.
fn words(paragraph: &str) -> impl Iterator<Item = &str> {
    let mut rest = paragraph;
    std::iter::from_fn(move || {
        let is_blank = rest.chars().next()?.is_whitespace();
        let end = rest.find(|character: char| character.is_whitespace() != is_blank);
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::theme::Theme;

    #[test]
    fn text_is_cleaned_cut_and_clipped() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
        let styles = Styles::new(&Theme::built_in("dark"));
        let mut painter = Painter { buffer: &mut buffer, styles: &styles };
        assert_eq!(painter.text(0, 0, 5, "shared\u{1b}[2J", Style::new()), 5);
        painter.text(6, 0, 9, "日本語", Style::new());
        painter.text(0, 1, 8, "a\nb", Style::new());
        painter.text(0, 9, 8, "below", Style::new());
        painter.text(9, 0, 8, "beside", Style::new());
        painter.right(4, 1, 4, "7%", Style::new());
        let rows: Vec<String> =
            (0..2).map(|y| (0..8).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>()).collect();
        assert_eq!(rows, ["shar… … ", "a b   7%"]);
    }

    #[test]
    fn lines_break_at_blanks_and_inside_words_that_are_too_long() {
        assert_eq!(wrap("could not reach staging", 10), ["could not", "reach", "staging"]);
        assert_eq!(wrap("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(wrap("one\ntwo", 10), ["one", "two"]);
        assert_eq!(wrap("needs project-c-console", 20), ["needs", "project-c-console"]);
    }
}
