//! Lines of a source file with one place underlined.

use crate::{
    config::theme::Role,
    domain::{
        finding::Label,
        text::{fit, is_unsafe},
    },
    tui::{
        overlays::Page,
        paint::{cells, piece},
    },
};

/// Cells before the place in a line that is too long to be shown whole.
const LEAD: usize = 24;

/// Adds to a page: where, the line before, the line with the place underlined, and what the label says.
pub fn excerpt(page: &mut Page<'_>, label: &Label, role: Role) {
    let (line, column) = label.file.position(label.start);
    let gutter = line.to_string().len().max(3);
    let blank = " ".repeat(gutter);
    page.lines.push(vec![
        piece(format!("{blank} ┌ "), page.style(Role::SourceGutter)),
        piece(format!("{}:{line}:{column}", label.file.path), page.style(Role::Dim)),
    ]);
    let mut lines = label.file.text.lines().skip(line.saturating_sub(2));
    if line > 1
        && let Some(before) = lines.next()
    {
        let shown = shown(before, 0);
        page.lines.push(numbered(page, &format!("{:>gutter$}", line - 1), &shown, Role::Dim));
    }
    let Some(text) = lines.next() else { return };
    let width = usize::from(page.width).saturating_sub(gutter + 4);
    let prefix: String = text.chars().take(column - 1).collect();
    let skip = if shown(text, 0).chars().count() > width { (column - 1).saturating_sub(LEAD) } else { 0 };
    page.lines.push(numbered(page, &format!("{line:>gutter$}"), &shown(text, skip), Role::Source));
    let indent = cells(&shown(&prefix, skip)) as usize;
    let length = label.end.saturating_sub(label.start);
    let marked = label.file.text.get(label.start..label.start + length).unwrap_or_default();
    // A place over several lines is underlined on its first one.
    let marked = marked.lines().next().unwrap_or_default();
    let wide = usize::from(cells(&shown(marked, 0))).clamp(1, width.saturating_sub(indent).max(1));
    page.lines.push(vec![
        piece(format!("{blank} │ "), page.style(Role::SourceGutter)),
        piece(format!("{}{}", " ".repeat(indent), "━".repeat(wide)), page.style(role)),
        piece(format!(" {}", label.text), page.style(role)),
    ]);
}

fn numbered<'a>(page: &Page<'_>, number: &str, text: &str, role: Role) -> crate::tui::paint::Line<'a> {
    let width = usize::from(page.width).saturating_sub(cells(number) as usize + 3);
    vec![
        piece(format!("{number} │ "), page.style(Role::SourceGutter)),
        piece(fit(text, width), page.style(role)),
    ]
}

/// A line as it may be shown: tabs widened, control characters made visible, so that cells stay countable.
fn shown(line: &str, skip: usize) -> String {
    let mut out = String::new();
    for character in line.chars().skip(skip) {
        match character {
            '\t' => out.push_str("    "),
            other if is_unsafe(other) => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
