//! `check`: what is validated, which findings are shown, in which form, and how it ends.

use super::{
    arguments::{Global, Output},
    github, gitlab,
    oneshot::Printed,
    render, sarif,
};
use crate::{
    domain::{
        finding::{Finding, Level},
        plan::Validation,
    },
    engine::Outside,
    error::Failure,
    model::effect::ValidationRequest,
};
use serde_json::json;
use std::path::{Path, PathBuf};

/// In which form findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people: the source lines, underlined.
    Text,
    /// For programs; docs/CHECK.md has the shape.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
    /// A code quality report of GitLab.
    Gitlab,
}

impl Format {
    /// All by the words that the command line takes.
    pub const ALL: [(&'static str, Self); 5] = [
        ("text", Self::Text),
        ("json", Self::Json),
        ("sarif", Self::Sarif),
        ("github", Self::Github),
        ("gitlab", Self::Gitlab),
    ];

    /// The form of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == word).map(|(_, format)| format)
    }
}

impl From<Output> for Format {
    fn from(output: Output) -> Self {
        match output {
            Output::Text => Self::Text,
            Output::Json => Self::Json,
        }
    }
}

/// What `check` was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Only findings in these files and folders.
    pub paths: Vec<String>,
    /// Which revision; the working tree if `None`.
    pub head: Option<String>,
    /// The branch or commit that it changes.
    pub base: Option<String>,
    /// In which form.
    pub format: Format,
    /// Warnings fail as errors do.
    pub deny_warnings: bool,
    /// How many findings are printed in the forms that are read line by line.
    pub limit: Limit,
    /// Again whenever something is saved.
    pub watch: bool,
}

/// How many findings are printed as text, as annotations and as a code quality report. Thousands of them are one
/// mistake repeated, and the worst come first; the forms for programs (JSON and SARIF) always have all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(Option<usize>);

impl Limit {
    /// Without a limit.
    pub const ALL: Self = Self(None);

    /// The limit of a word: a number from 1 on, or `all`.
    ///
    /// # Errors
    /// What may be written.
    pub fn parse(word: &str) -> Result<Self, String> {
        match word.parse() {
            _ if word == "all" => Ok(Self::ALL),
            Ok(most) if most > 0 => Ok(Self(Some(most))),
            _ => Err("write a number from 1 on, or `all`".to_owned()),
        }
    }

    /// The findings that are printed, and how many are not.
    pub fn of<T>(self, findings: &[T]) -> (&[T], usize) {
        let shown = self.0.unwrap_or(usize::MAX).min(findings.len());
        (&findings[..shown], findings.len() - shown)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(Some(200))
    }
}

/// What stands behind the findings that are printed; `None` when all are.
pub fn and_more(hidden: usize) -> Option<String> {
    (hidden > 0).then(|| format!("and {hidden} more: `quarterdeck check --limit all` prints every one"))
}

impl Options {
    /// What the engine is asked.
    pub fn request(&self) -> ValidationRequest {
        match &self.head {
            None => ValidationRequest::WorkingTree { base: self.base.clone() },
            Some(head) => ValidationRequest::Revision { head: head.clone(), base: self.base.clone() },
        }
    }
}

/// The two sides of `A..B` or `A...B`, an empty one as `HEAD`; `None` for what is no range. Both mean what
/// `B` changes since it parted from `A`.
pub fn range(text: &str) -> Option<(String, String)> {
    // `../services` is a path; no revision has a part that is `..` alone.
    if text.split('/').any(|part| part == "..") {
        return None;
    }
    let (base, head) = text.split_once("...").or_else(|| text.split_once(".."))?;
    let side = |text: &str| if text.is_empty() { "HEAD".to_owned() } else { text.to_owned() };
    Some((side(base), side(head)))
}

/// Validates once. `paths` are those of the options as they stand in the repository.
///
/// # Errors
/// The repository or one of its revisions cannot be read.
pub async fn once(
    outside: &Outside,
    global: &Global,
    options: &Options,
    paths: &[PathBuf],
) -> Result<Printed, Failure> {
    let Validation { findings, .. } = outside.validate(options.request()).await?;
    let findings = within(&findings, paths);
    Ok(print(&findings, options.format, global.color, options.deny_warnings, options.limit))
}

/// The findings that concern any of `paths`; all without a path. What concerns the repository as a whole
/// concerns every part of it.
pub fn within(findings: &[Finding], paths: &[PathBuf]) -> Vec<Finding> {
    let concerned = |finding: &&Finding| {
        let mut labels = finding.labels.iter();
        paths.is_empty()
            || finding.labels.is_empty()
            || labels.any(|label| paths.iter().any(|path| Path::new(&label.file.path).starts_with(path)))
    };
    findings.iter().filter(concerned).cloned().collect()
}

/// Findings in a form, with the exit code that they mean: of all, however many are printed.
pub fn print(
    findings: &[Finding],
    format: Format,
    color: bool,
    deny_warnings: bool,
    limit: Limit,
) -> Printed {
    let count = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    let (errors, warnings, notes) = (count(Level::Error), count(Level::Warning), count(Level::Note));
    let out = match format {
        Format::Text => render::report(findings, color, limit),
        Format::Json => pretty(&json!({
            "findings": render::json(findings), "errors": errors, "warnings": warnings, "notes": notes,
        })),
        Format::Sarif => pretty(&sarif::sarif(findings)),
        Format::Github => github::annotations(findings, limit),
        Format::Gitlab => pretty(&gitlab::code_quality(findings, limit)),
    };
    // What a person would read at the end is said where it does not disturb a program.
    let said = match format {
        Format::Text => findings.is_empty(),
        Format::Json => false,
        Format::Sarif | Format::Github | Format::Gitlab => true,
    };
    let err = if said { render::summary(findings) + "\n" } else { String::new() };
    Printed { out, err, code: exit_code(findings, deny_warnings) }
}

/// 1 if something blocks.
pub fn exit_code(findings: &[Finding], deny_warnings: bool) -> u8 {
    let blocks =
        |finding: &Finding| finding.level == Level::Error || deny_warnings && finding.level == Level::Warning;
    u8::from(findings.iter().any(blocks))
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{catalog::reader, rules::reading::MISSING_CATALOG};

    fn findings() -> Vec<Finding> {
        let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
        let mut findings = reader::read([
            file("services/catalog.toml", "verson = 1\n"),
            file("policies/teams.toml", "[team.t]\nlead = 1\n"),
        ])
        .findings;
        findings.push(MISSING_CATALOG.finding("as a whole"));
        findings
    }

    #[test]
    fn ranges_and_paths_are_told_apart() {
        let range = |text| range(text).map(|(base, head)| format!("{base} {head}"));
        for (text, expected) in [
            ("main..change/x", Some("main change/x")),
            ("main...HEAD", Some("main HEAD")),
            ("origin/main..", Some("origin/main HEAD")),
            ("..change/x", Some("HEAD change/x")),
            ("v1.0..v1.1", Some("v1.0 v1.1")),
            ("..", None),
            ("../services/catalog.toml", None),
            ("projects/../services", None),
            ("services/catalog.toml", None),
            ("./services", None),
        ] {
            assert_eq!(range(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn paths_restrict_what_is_shown_and_counted() {
        let all = findings();
        let shown = |path: &str| {
            let found = within(&all, &[PathBuf::from(path)]);
            found.iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(within(&all, &[]).len(), 3);
        assert_eq!(shown("services"), ["QD103", "QD100"]);
        assert_eq!(shown("services/catalog.toml"), ["QD103", "QD100"]);
        assert_eq!(shown("policies"), ["QD104", "QD100"]);
        assert_eq!(shown("serv"), ["QD100"]);
    }

    #[test]
    fn errors_fail_and_warnings_only_when_denied() {
        let warning: Vec<_> = findings().into_iter().filter(|f| f.level == Level::Warning).collect();
        for (findings, deny, code) in
            [(findings(), false, 1), (warning.clone(), false, 0), (warning, true, 1), (Vec::new(), true, 0)]
        {
            assert_eq!(exit_code(&findings, deny), code);
        }
    }

    #[test]
    fn no_form_lets_control_characters_through() {
        let path = "projects/\u{1b}[2J\n::error::x/services.toml".to_owned();
        let text = b"[service.\"\x1b[31m\"]\n\"\xe2\x80\xae\" = 1\nname = \"\x07\"\n".to_vec();
        let findings = reader::read([(path, text)]).findings;
        assert!(findings.len() > 3, "{findings:?}");
        for (word, format) in Format::ALL {
            let shown = print(&findings, format, false, false, Limit::default()).out;
            assert!(!shown.contains(['\u{1b}', '\u{7}']), "{word}: {shown:?}");
            let commands = shown.lines().filter(|line| line.starts_with("::"));
            assert!(commands.count() == if format == Format::Github { findings.len() } else { 0 }, "{word}");
        }
    }

    #[test]
    fn people_are_told_how_many_more_there_are_and_programs_get_all() {
        let mut all = Vec::new();
        for number in 0..7 {
            all.push(MISSING_CATALOG.finding(format!("fault number {number}")));
        }
        let limit = Limit::parse("5").unwrap();
        for (_, format) in Format::ALL {
            let shown = |limit: Limit| print(&all, format, false, false, limit);
            let told =
                |printed: &Printed| (0..7).filter(|n| printed.out.contains(&format!("number {n}"))).count();
            let cut = !matches!(format, Format::Json | Format::Sarif);
            let printed = shown(limit);
            assert_eq!(told(&printed), if cut { 5 } else { 7 }, "{format:?}: {}", printed.out);
            assert_eq!(printed.out.contains("and 2 more"), cut, "{format:?}: {}", printed.out);
            assert_eq!(printed.code, 1);
            let whole = shown(Limit::ALL);
            assert_eq!((told(&whole), whole.out.contains(" more: `")), (7, false), "{format:?}");
            // The count is that of all.
            assert!(
                !matches!(format, Format::Text) || printed.out.ends_with("7 errors\n"),
                "{}",
                printed.out
            );
        }
        // What is not printed counts as well.
        all.insert(0, Finding { level: Level::Note, ..all[0].clone() });
        assert_eq!(print(&all, Format::Text, false, false, Limit::parse("1").unwrap()).code, 1);
        for (word, expected) in
            [("all", true), ("1", true), ("0", false), ("-1", false), ("many", false), ("", false)]
        {
            assert_eq!(Limit::parse(word).is_ok(), expected, "{word}");
        }
    }

    #[test]
    fn every_form_has_its_word_and_prints_all() {
        let all = findings();
        for (word, format) in Format::ALL {
            assert_eq!(Format::parse(word), Some(format));
            let printed = print(&all, format, false, false, Limit::default());
            assert_eq!(printed.code, 1);
            assert!(all.iter().all(|finding| printed.out.contains(finding.code)), "{word}: {}", printed.out);
            if !matches!(format, Format::Text | Format::Github) {
                let document: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
                assert!(!document.is_null());
            }
            let nothing = print(&[], format, false, true, Limit::default());
            assert_eq!(nothing.code, 0);
        }
        assert_eq!(Format::parse("xml"), None);
    }
}
