//! A comment that allows a credential is worth nothing: it has run out, or says no date or no reason.

use super::{Context, Rule, Searched, searched};
use crate::domain::{
    finding::{Finding, Label, Level},
    rules::exemption::LONGEST_DAYS,
    text::clean,
};
use chrono::{Duration, NaiveDate};
use std::{path::Path, sync::Arc};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD502",
    name: "credential-exemption",
    level: Level::Error,
    summary: "A comment that allows a credential has run out, or lacks its date or its reason.",
    help: "Write `quarterdeck: allow QD501 until 2026-12-31 because …`, at most 180 days ahead; it holds for its line and the one below. Remove it once the credential is gone.",
    check: Some(check),
};

/// What such a comment begins with.
const MARK: &str = "quarterdeck: allow ";

/// A comment that allows a credential on its line or the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Its line, from 1.
    line: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    code: String,
    /// Its last day, if it names one.
    pub until: Option<NaiveDate>,
    /// Why.
    pub reason: String,
}

impl Marker {
    /// What is wrong with it on a day.
    fn objection(&self, today: NaiveDate) -> Option<String> {
        if self.code != super::RULE.code {
            return Some(format!(
                "a comment can allow only {}, not `{}`",
                super::RULE.code,
                clean(&self.code)
            ));
        }
        let Some(until) = self.until else {
            return Some("the comment allows a credential without saying until when".to_owned());
        };
        if until < today {
            return Some(format!("the comment allowed a credential until {until}, which is over"));
        }
        if until - today > Duration::days(LONGEST_DAYS) {
            return Some(format!(
                "the comment allows a credential until {until}, more than {LONGEST_DAYS} days ahead"
            ));
        }
        self.reason.is_empty().then(|| "the comment allows a credential without a reason".to_owned())
    }

    /// Whether it allows a credential on a line.
    pub fn allows(&self, line: usize, today: NaiveDate) -> bool {
        (line == self.line || line == self.line + 1) && self.objection(today).is_none()
    }
}

/// All such comments of a text.
pub fn markers(text: &str) -> Vec<Marker> {
    let mut markers = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for (start, _) in text.match_indices(MARK) {
        line += text[counted..start].matches('\n').count();
        counted = start;
        let end = start + text[start..].find(['\n', '\r']).unwrap_or(text.len() - start);
        let rest = text[start + MARK.len()..end].trim();
        let (code, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (until, reason) = match rest.trim_start().strip_prefix("until ") {
            None => (None, rest),
            Some(rest) => {
                let rest = rest.trim_start();
                let (day, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                (day.parse().ok(), reason)
            }
        };
        let reason =
            reason.trim().trim_start_matches("because").trim_end_matches("-->").trim_end_matches("*/").trim();
        markers.push(Marker { line, start, end, code: code.to_owned(), until, reason: reason.to_owned() });
    }
    markers
}

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in searched(context) {
        for marker in Searched::of(file).map_or(&[][..], |searched| &searched.markers) {
            // Documentation that shows how to write one is not meant by it.
            if Path::new(&file.path).extension().is_some_and(|kind| kind.eq_ignore_ascii_case("md")) {
                continue;
            }
            let Some(objection) = marker.objection(context.today) else { continue };
            let label =
                Label { file: Arc::clone(file), start: marker.start, end: marker.end, text: String::new() };
            let example = context.today + Duration::days(90);
            let help = format!("write `quarterdeck: allow QD501 until {example} because …`, or remove it");
            findings.push(RULE.finding(objection).at(label).help(help));
        }
    }
    findings
}
