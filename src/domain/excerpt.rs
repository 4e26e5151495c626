//! The source line of a finding as it may be shown: cleaned, cut, with what is wrong marked.

use crate::domain::{
    finding::{Finding, Label},
    text::{clean, fit, is_unsafe},
};
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

/// A line longer than this is cut to a window around what is underlined: a minified file must not
/// fill the terminal.
pub const LONGEST_LINE: usize = 160;

/// Characters before the underlined part in such a window.
const LEAD: usize = 40;

/// The line of a label as it may be shown: cleaned, cut, with the underlined bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Line number from 1.
    pub line: usize,
    /// Column of the first underlined character, from 1.
    pub column: usize,
    /// The line without control characters, and cut if it is too long.
    pub text: String,
    /// Underlined bytes of `text`; never empty, and possibly one past the end.
    pub underline: Range<usize>,
    /// Whether `text` is only a part of the line.
    pub cut: bool,
}

impl Excerpt {
    /// The excerpt of a label. A place that spans lines is underlined to the end of its first one.
    pub fn of(label: &Label) -> Self {
        let (line, column) = label.file.position(label.start);
        let (line_start, line_end) = label.file.line_range(line).unwrap_or_default();
        let source = label.file.text.get(line_start..line_end).unwrap_or_default();
        let start = label.start.clamp(line_start, line_end) - line_start;
        let end = label.end.clamp(line_start + start, line_end) - line_start;
        // Of a long line only the window is looked at: it may have megabytes, and many findings.
        let long = source.chars().nth(LONGEST_LINE).is_some();
        let mut anchor = start;
        while !source.is_char_boundary(anchor) {
            anchor += 1;
        }
        let lead = source[..anchor].char_indices().rev().nth(LEAD - 1).map_or(0, |(at, _)| at);
        let (from, take) = if long { (lead, LONGEST_LINE) } else { (0, usize::MAX) };
        let mut text = String::with_capacity(source.len().min(LONGEST_LINE * 4));
        if from > 0 {
            text.push('…');
        }
        let (mut first, mut last) = (None, None);
        let mut rest = source[from..].char_indices();
        for (offset, character) in rest.by_ref().take(take).map(|(at, character)| (from + at, character)) {
            if offset >= start && first.is_none() {
                first = Some(text.len());
            }
            if offset >= end && last.is_none() {
                last = Some(text.len());
            }
            match character {
                '\t' => text.push_str("    "),
                other if is_unsafe(other) => text.push('\u{fffd}'),
                other => text.push(other),
            }
        }
        let first = first.unwrap_or(text.len());
        let mut last = last.unwrap_or(text.len()).max(first);
        if last == first {
            last = first + text[first..].chars().next().map_or(1, char::len_utf8);
        }
        if rest.next().is_some() {
            text.push('…');
        }
        Self { line, column, text, underline: first..last, cut: long }
    }
}

/// A finding as lines of at most `width` terminal cells, without colour: the message, every place with
/// its source line and an underline, and the help.
pub fn plain_lines(finding: &Finding, width: usize) -> Vec<String> {
    let mut lines =
        vec![fit(&format!("{}[{}]: {}", finding.level, finding.code, clean(&finding.message)), width)];
    for label in &finding.labels {
        let shown = Excerpt::of(label);
        let place = format!("  {}:{}:{}", clean(&label.file.path), shown.line, shown.column);
        lines.push(fit(&place, width));
        let gutter = format!("{:>5} │ ", shown.line);
        let room = width.saturating_sub(gutter.width());
        let before = &shown.text[..shown.underline.start.min(shown.text.len())];
        let marked = shown.text.get(shown.underline.clone()).unwrap_or_default();
        // What is marked must be seen: in a narrow place the line begins at the mark.
        let (line, indent) = if before.width() + marked.width().min(8) > room && before.width() > 1 {
            (format!("…{}", &shown.text[before.len()..]), 1)
        } else {
            (shown.text.clone(), before.width())
        };
        lines.push(fit(&format!("{gutter}{line}"), width));
        let marks = "^".repeat(marked.width().max(1));
        let label_text = clean(&label.text);
        let underline = format!("      │ {}{marks} {label_text}", " ".repeat(indent));
        lines.push(fit(underline.trim_end(), width));
    }
    if let Some(help) = &finding.help {
        lines.push(fit(&format!("  help: {}", clean(help)), width));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::{Level, SourceFile};
    use std::sync::Arc;

    fn finding(source: &str, start: usize, end: usize) -> Finding {
        let file = Arc::new(SourceFile::new("services/catalog.toml", source));
        Finding {
            code: "QD205",
            name: "unmet-requirement",
            level: Level::Error,
            message: "`api` needs \u{1b}[31m`auth`".to_owned(),
            labels: vec![Label { file, start, end, text: "this".to_owned() }],
            help: Some("move it".to_owned()),
        }
    }

    #[test]
    fn plain_lines_underline_by_cells() {
        assert_eq!(
            plain_lines(&finding("n = \"日本\" # x\n", 13, 16), 80),
            [
                "error[QD205]: `api` needs [31m`auth`",
                "  services/catalog.toml:1:10",
                "    1 │ n = \"日本\" # x",
                "      │            ^^^ this",
                "  help: move it",
            ]
        );
    }

    #[test]
    fn plain_lines_keep_their_width_and_show_what_is_marked() {
        let source = format!("x = \"{}\" , WRONG {}\n", "é".repeat(5_000), "z".repeat(5_000));
        let at = source.find("WRONG").unwrap();
        for width in [1, 7, 20, 30, 60, 200] {
            let lines = plain_lines(&finding(&source, at, at + 5), width);
            assert!(lines.iter().all(|line| line.width() <= width), "{lines:?}");
            assert!(width < 20 || lines.iter().any(|line| line.contains("WRONG")), "{lines:?}");
        }
    }

    #[test]
    fn any_place_has_an_excerpt() {
        for (source, start, end) in [
            ("", 0, 0),
            ("", 5, 9),
            ("a\n", 2, 2),
            ("a", 1, 1),
            ("a\r\nb", 0, 4),
            ("日", 1, 2),
            ("a\u{1b}b", 0, 3),
        ] {
            let found = finding(source, start, end);
            let excerpt = Excerpt::of(&found.labels[0]);
            assert!(!excerpt.text.contains('\u{1b}') && !excerpt.underline.is_empty());
            assert_eq!(plain_lines(&found, 40).len(), 5, "{source:?}");
        }
    }
}
