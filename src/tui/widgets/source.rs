//! A line of a source file with one place underlined.

use crate::{
    config::theme::Role,
    domain::{
        excerpt::Excerpt,
        finding::Label,
        text::{clean, fit},
    },
    tui::{
        overlays::Page,
        paint::{cells, piece},
    },
};

/// Cells that stay before the place when its line is too long for the page.
const LEAD: u16 = 16;

/// Adds to a page: where, the line with the place underlined, and what the label says about it.
pub fn excerpt(page: &mut Page<'_>, label: &Label, role: Role) {
    let shown = Excerpt::of(label);
    let number = shown.line.to_string();
    let gutter = number.len().max(3);
    let blank = " ".repeat(gutter);
    let edge = page.style(Role::SourceGutter);
    page.lines.push(vec![
        piece(format!("{blank} ┌ "), edge),
        piece(format!("{}:{}:{}", clean(&label.file.path), shown.line, shown.column), page.style(Role::Dim)),
    ]);
    let room = page.width.saturating_sub(gutter as u16 + 3).max(8);
    let before = shown.text.get(..shown.underline.start).unwrap_or(&shown.text);
    let marked = shown.text.get(shown.underline.clone()).unwrap_or_default();
    // What is marked must be seen: a line that is too long begins shortly before it.
    let skipped = skip(before, marked, room);
    let text = format!("{}{}", if skipped > 0 { "…" } else { "" }, &shown.text[skipped..]);
    let indent = cells(&before[skipped..]) + u16::from(skipped > 0);
    let wide = cells(marked).clamp(1, room.saturating_sub(indent).max(1));
    page.lines.push(vec![
        piece(format!("{number:>gutter$} │ "), edge),
        piece(fit(&text, room.into()), page.style(Role::Source)),
    ]);
    page.lines.push(vec![
        piece(format!("{blank} │ "), edge),
        piece(format!("{}{}", " ".repeat(indent.into()), "━".repeat(wide.into())), page.style(role)),
        piece(format!(" {}", clean(&label.text)), page.style(role)),
    ]);
}

/// How many bytes at the line's begin are left out so that the place is in sight.
fn skip(before: &str, marked: &str, room: u16) -> usize {
    if cells(before) + cells(marked).min(LEAD) <= room {
        return 0;
    }
    before
        .char_indices()
        .map(|(offset, _)| offset)
        .find(|offset| cells(&before[*offset..]) < LEAD.min(room / 2))
        .unwrap_or(before.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::theme::Theme, domain::finding::SourceFile, tui::style::Styles};
    use std::sync::Arc;

    fn shown(text: &str, marked: &str, width: u16) -> String {
        let file = Arc::new(SourceFile::new("a.toml", text));
        let start = file.text.find(marked).unwrap();
        let label = Label { file, start, end: start + marked.len(), text: "here".into() };
        let styles = Styles::new(&Theme::built_in("dark"));
        let mut page = Page::new(&styles, width);
        excerpt(&mut page, &label, Role::StatusCritical);
        let lines =
            page.lines.iter().map(|line| line.iter().map(|piece| piece.text.as_ref()).collect::<String>());
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_place_is_underlined_by_cells_and_stays_in_sight() {
        insta::assert_snapshot!(shown("a\n日本 = wrong # x\n", "wrong", 40));
        let long = format!("x = \"{}\" WRONG {}", "é".repeat(90), "z".repeat(90));
        insta::assert_snapshot!(shown(&long, "WRONG", 40));
    }
}
