//! Findings as text with the source underlined, and as JSON.

use super::check::{Limit, and_more};
use crate::domain::{
    excerpt::{Excerpt, LONGEST_LINE},
    finding::{Finding, Label, Level},
    text::clean,
};
use annotate_snippets::{AnnotationKind, Group, Level as Title, Renderer, Snippet, renderer::DecorStyle};
use serde::Serialize;

/// A finding as text with its source lines underlined, without a line break at its end. `color` writes
/// ANSI colours.
pub fn text(finding: &Finding, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    render_one(finding, &renderer.decor_style(DecorStyle::Unicode).term_width(LONGEST_LINE + 40))
}

/// Findings in the order given, as many as `limit` allows, a blank line after each, and the count of all; an empty
/// text for none.
pub fn report(findings: &[Finding], color: bool, limit: Limit) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut out = some(findings, color, limit);
    out.push_str(&summary(findings));
    out.push('\n');
    out
}

/// As many findings as `limit` allows, a blank line after each, and how many more there are.
pub fn some(findings: &[Finding], color: bool, limit: Limit) -> String {
    let (shown, hidden) = limit.of(findings);
    let mut out = String::new();
    for part in shown.iter().map(|finding| text(finding, color)).chain(and_more(hidden)) {
        out.push_str(&part);
        out.push_str("\n\n");
    }
    out
}

/// `2 errors, 1 warning`; `no findings` for none.
pub fn summary(findings: &[Finding]) -> String {
    let parts: Vec<_> = [Level::Error, Level::Warning, Level::Note]
        .into_iter()
        .filter_map(|level| {
            let count = findings.iter().filter(|finding| finding.level == level).count();
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {level}{plural}"))
        })
        .collect();
    if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") }
}

fn render_one(finding: &Finding, renderer: &Renderer) -> String {
    let level = match finding.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
        Level::Note => Title::NOTE,
    };
    let title = format!("{} [{}]", clean(&finding.message), finding.name);
    let mut group = Group::with_title(level.primary_title(title).id(finding.code));
    for (block, labels) in blocks(finding) {
        let mut source = String::new();
        let mut annotations = Vec::new();
        let mut previous = None;
        for (excerpt, label, is_main) in labels {
            if previous != Some(excerpt.line) {
                if previous.is_some() {
                    source.push('\n');
                }
                previous = Some(excerpt.line);
                source.push_str(&excerpt.text);
            }
            let line_start = source.len() - excerpt.text.len();
            let kind = if is_main { AnnotationKind::Primary } else { AnnotationKind::Context };
            let span = line_start + excerpt.underline.start..line_start + excerpt.underline.end;
            let text = clean(&label.text);
            annotations.push(kind.span(span).label((!text.is_empty()).then_some(text)));
        }
        // The last character may be underlined one past the end.
        source.push('\n');
        let snippet =
            Snippet::source(source).line_start(block.line).path(clean(&block.path)).annotations(annotations);
        group = group.element(snippet);
    }
    if let Some(help) = &finding.help {
        group = group.element(Title::HELP.message(clean(help)));
    }
    renderer.render(&[group])
}

/// An excerpt, its label, and whether that is the main one.
type Shown<'a> = (Excerpt, &'a Label, bool);

/// Where a block of lines begins.
#[derive(Debug)]
struct Block {
    path: String,
    line: usize,
}

/// The labels of a finding in blocks of lines that follow each other; a block with the main label is
/// first, the others in the order of their files and lines.
fn blocks(finding: &Finding) -> Vec<(Block, Vec<Shown<'_>>)> {
    let mut labels: Vec<_> = finding
        .labels
        .iter()
        .enumerate()
        .map(|(index, label)| (Excerpt::of(label), label, index == 0))
        .collect();
    labels.sort_by(|(a, left, _), (b, right, _)| {
        (&left.file.path, a.line, a.column).cmp(&(&right.file.path, b.line, b.column))
    });
    let mut blocks: Vec<(Block, Vec<Shown<'_>>)> = Vec::new();
    for (excerpt, label, is_main) in labels {
        let follows = blocks.last().is_some_and(|(block, lines)| {
            lines.last().is_some_and(|(last, _, _)| {
                let near = last.line == excerpt.line || last.line + 1 == excerpt.line;
                // Two windows on one long line do not fit together.
                block.path == label.file.path && near && !last.cut && !excerpt.cut
            })
        });
        match blocks.last_mut() {
            Some((_, lines)) if follows => lines.push((excerpt, label, is_main)),
            _ => {
                let block = Block { path: label.file.path.clone(), line: excerpt.line };
                blocks.push((block, vec![(excerpt, label, is_main)]));
            }
        }
    }
    blocks.sort_by_key(|(_, lines)| !lines.iter().any(|(_, _, is_main)| *is_main));
    blocks
}

/// A finding as JSON; the shape is stable and documented in docs/CLI.md.
#[derive(Debug, Serialize)]
pub struct FindingJson<'a> {
    /// Stable code, `QD101`.
    pub code: &'a str,
    /// The rule's name.
    pub name: &'a str,
    /// `error`, `warning` or `note`.
    pub level: Level,
    /// What is wrong.
    pub message: String,
    /// What to do, or null.
    pub help: Option<String>,
    /// Where, the main place first.
    pub labels: Vec<LabelJson<'a>>,
}

/// A place as JSON: lines and columns from 1, columns in characters, the end excluded.
#[derive(Debug, Serialize)]
pub struct LabelJson<'a> {
    /// Path from the repository's root.
    pub path: &'a str,
    /// First line.
    pub line: usize,
    /// First column.
    pub column: usize,
    /// Line of the end.
    pub end_line: usize,
    /// Column of the end, not included.
    pub end_column: usize,
    /// What this place has to do with the finding; empty for the obvious.
    pub text: String,
}

/// Findings as a JSON list, each in the shape of [`FindingJson`].
pub fn json(findings: &[Finding]) -> serde_json::Value {
    let list: Vec<_> = findings.iter().map(finding_json).collect();
    // Texts and numbers only: nothing in it can fail to be JSON.
    serde_json::to_value(list).unwrap_or_default()
}

/// A finding in its JSON shape.
pub fn finding_json(finding: &Finding) -> FindingJson<'_> {
    let labels = finding
        .labels
        .iter()
        .map(|label| {
            let (line, column) = label.file.position(label.start);
            let (end_line, end_column) = label.file.position(label.end.max(label.start));
            LabelJson { path: &label.file.path, line, column, end_line, end_column, text: clean(&label.text) }
        })
        .collect();
    FindingJson {
        code: finding.code,
        name: finding.name,
        level: finding.level,
        message: clean(&finding.message),
        help: finding.help.as_deref().map(clean),
        labels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::SourceFile;
    use std::sync::Arc;
    use unicode_width::UnicodeWidthStr as _;

    fn finding(source: &str, places: &[(&str, &str)]) -> Finding {
        let file = Arc::new(SourceFile::new("services/catalog.toml", source));
        let label = |(part, text): &(&str, &str)| {
            let start = source.find(part).unwrap();
            Label { file: Arc::clone(&file), start, end: start + part.len(), text: (*text).to_owned() }
        };
        Finding {
            code: "QD205",
            name: "unmet-requirement",
            level: Level::Error,
            message: "`api` needs \u{1b}[31m`auth`".to_owned(),
            labels: places.iter().map(label).collect(),
            help: Some("move it".to_owned()),
        }
    }

    #[test]
    fn underlines_every_place_and_removes_control_characters() {
        let source = "a = 1\nrequires = [\"auth >= 2\"]\nb = \"\u{1b}[2J\"\n\n\nversion = \"1.0.0\"\n";
        let found = finding(source, &[("\"auth >= 2\"", "needs it"), ("\"1.0.0\"", "is 1.0.0")]);
        let shown = report(&[found], false, Limit::ALL);
        assert!(!shown.contains('\u{1b}'));
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn colour_only_when_asked() {
        let found = finding("a = 1\n", &[("1", "")]);
        assert!(text(&found, true).contains("\u{1b}["));
        assert_eq!(report(&[], true, Limit::ALL), "");
        assert_eq!(summary(&[found.clone(), found]), "2 errors");
        assert_eq!(summary(&[]), "no findings");
    }

    #[test]
    fn long_lines_become_a_window_around_the_place() {
        let source = format!("x = \"{}\" , WRONG {}\n", "é".repeat(5_000), "z".repeat(5_000));
        let found = finding(&source, &[("WRONG", "here")]);
        let shown = text(&found, false);
        assert!(shown.contains("WRONG") && shown.lines().all(|line| line.width() < 260), "{shown}");
    }

    #[test]
    fn places_at_the_edges_of_a_file_are_shown() {
        for (source, start, end) in [("", 0, 0), ("", 5, 9), ("a\n", 2, 2), ("a", 1, 1), ("a\r\nb", 0, 4)] {
            let file = Arc::new(SourceFile::new("x.toml", source));
            let mut found = finding("a", &[]);
            found.labels = vec![Label { file, start, end, text: String::new() }];
            assert!(text(&found, false).contains("x.toml"), "{source:?} {start}");
        }
    }

    #[test]
    fn json_has_the_documented_shape() {
        let found = finding("a = 1\nb = 22\n", &[("22", "this")]);
        insta::assert_json_snapshot!(finding_json(&found), @r#"
        {
          "code": "QD205",
          "name": "unmet-requirement",
          "level": "error",
          "message": "`api` needs [31m`auth`",
          "help": "move it",
          "labels": [
            {
              "path": "services/catalog.toml",
              "line": 2,
              "column": 5,
              "end_line": 2,
              "end_column": 7,
              "text": "this"
            }
          ]
        }
        "#);
        assert_eq!(json(&[found])[0]["labels"][0]["line"], 2);
    }
}
