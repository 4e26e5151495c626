//! A change removes or retires a service that others still need.

use super::{Context, Rule, users};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD301",
    name: "removed-in-use",
    level: Level::Error,
    summary: "A change removes or retires a service that others still need.",
    help: "Move its consumers first: the seed of an outage is a service that is gone while others call it.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let Some(base) = context.base else { return Vec::new() };
    let mut findings = Vec::new();
    for old in base.services.values().filter(|old| old.status != Lifecycle::Retired) {
        let now = context.service(&old.name);
        let gone = now.is_none_or(|now| now.status == Lifecycle::Retired);
        if !gone {
            continue;
        }
        let uses: Vec<_> = context.uses(&old.name).collect();
        if uses.is_empty() {
            continue;
        }
        let what = if now.is_some() { "retired" } else { "removed" };
        let mut finding =
            RULE.finding(format!("`{}` is {what}, but still needed by {}", old.name, users(&uses)));
        if let Some(now) = now {
            finding = context.place(finding, now.place("status"), "retired here");
        }
        finding = context.place_uses(finding, &uses, "still needs it");
        // In the change there is nothing left to show of what is gone.
        if let Some(label) = base.label(&old.span, "was defined here").filter(|_| now.is_none()) {
            finding = finding.at(label);
        }
        findings.push(finding.help("restore it, or move its consumers off it first"));
    }
    findings
}
