//! Findings as annotations of GitHub Actions: a workflow command on a line for each.

use super::check::{Limit, and_more};
use crate::domain::{
    finding::{Finding, Label, Level},
    text::clean,
};

/// A line for each finding, in their order, as many as `limit` allows, and one that counts the rest. GitHub shows ten
/// errors and ten warnings of a step; all that are printed stay in its log.
pub fn annotations(findings: &[Finding], limit: Limit) -> String {
    let (shown, hidden) = limit.of(findings);
    let more = and_more(hidden).map(|more| format!("::notice title=quarterdeck::{}", data(&more)));
    shown.iter().map(annotation).chain(more).map(|line| line + "\n").collect()
}

fn annotation(finding: &Finding) -> String {
    let command = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let mut properties = finding.labels.first().map_or_else(String::new, place);
    properties += &format!("title={}", property(&format!("{} {}", finding.code, finding.name)));
    let mut lines = vec![clean(&finding.message)];
    if let Some(text) = finding.labels.first().map(|label| clean(&label.text)).filter(|text| !text.is_empty())
    {
        lines.push(text);
    }
    for label in finding.labels.iter().skip(1) {
        let (line, column) = label.file.position(label.start);
        let text = if label.text.is_empty() { "here as well".to_owned() } else { clean(&label.text) };
        lines.push(format!("{}:{line}:{column}: {text}", clean(&label.file.path)));
    }
    if let Some(help) = &finding.help {
        lines.push(format!("help: {}", clean(help)));
    }
    format!("::{command} {properties}::{}", data(&lines.join("\n")))
}

/// The properties of a place, each with a comma behind.
fn place(label: &Label) -> String {
    let (line, column) = label.file.position(label.start);
    let (end_line, end_column) = label.file.position(label.end.max(label.start));
    let path = property(&clean(&label.file.path));
    // Columns hold only within one line. GitHub's end column is the last one that is meant.
    let columns = if line == end_line {
        format!("col={column},endColumn={},", end_column.saturating_sub(1).max(column))
    } else {
        String::new()
    };
    format!("file={path},line={line},endLine={end_line},{columns}")
}

/// Text behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text as the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{finding::SourceFile, rules::reading::*};
    use std::sync::Arc;

    #[test]
    fn a_line_for_each_with_everything_escaped() {
        let text = "a = \"x\"\nb = [\n1,\n]\n";
        let file = Arc::new(SourceFile::new("projects/a,b:50%\n/services.toml", text));
        let label = |marked: &str, text: &str| {
            let start = file.text.find(marked).unwrap();
            Label { file: file.clone(), start, end: start + marked.len(), text: text.to_owned() }
        };
        let findings = [
            UNKNOWN_KEY
                .finding("100% wrong:\u{1b}[31m, so\n::error::forged")
                .at(label("\"x\"", "this"))
                .at(label("b", "and this"))
                .help("mend it"),
            MISSING_KEY.finding("over lines").at(label("[\n1,\n]", "")),
            Finding { level: Level::Note, ..MISSING_CATALOG.finding("nowhere") },
        ];
        let shown = annotations(&findings, Limit::ALL);
        insta::assert_snapshot!(shown);
        assert_eq!(shown.lines().count(), findings.len());
    }
}
