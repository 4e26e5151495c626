//! A change alters how much a rule matters.

use super::{Context, Rule, find};
use crate::domain::{
    catalog::Settings,
    finding::{Finding, Label, Level},
};
use std::collections::BTreeSet;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD120",
    name: "rule-level-changed",
    level: Level::Warning,
    summary: "A change alters the level of a rule.",
    help: "A change is judged by the levels of the state that it starts from, so that it cannot silence the rule that \
           blocks it. Its own levels hold from the next change on; who reviews it should know.",
    check: Some(check),
};

/// The file that holds the levels.
const SETTINGS: &str = "quarterdeck.toml";

fn check(context: &Context<'_>) -> Vec<Finding> {
    let Some(base) = context.base else { return Vec::new() };
    let head = context.head;
    let codes: BTreeSet<&String> = base.settings.rules.keys().chain(head.settings.rules.keys()).collect();
    let mut findings = Vec::new();
    for rule in codes.into_iter().filter_map(|code| find(code)) {
        let (before, after) = (level(&base.settings, rule), level(&head.settings, rule));
        if before == after {
            continue;
        }
        let message = format!("{} ({}) goes from {} to {}", rule.code, rule.name, word(before), word(after));
        let mut finding = RULE.finding(message);
        finding = match head.places.get(&format!("rules.{}", rule.code)) {
            Some(place) => context.place(finding, place, "said here"),
            // It is not said any more: the file is all that there is to show.
            None => match head.files.iter().find(|file| file.path == SETTINGS) {
                Some(file) => finding.at(Label { file: file.clone(), start: 0, end: 0, text: String::new() }),
                None => finding,
            },
        };
        findings
            .push(finding.help(format!("this check still uses {}; review the step as policy", word(before))));
    }
    findings
}

/// The level that holds for a rule; `None` allows what it finds.
fn level(settings: &Settings, rule: &Rule) -> Option<Level> {
    settings.rules.get(rule.code).copied().unwrap_or(Some(rule.level))
}

fn word(level: Option<Level>) -> String {
    level.map_or_else(|| "allow".to_owned(), |level| level.to_string())
}
