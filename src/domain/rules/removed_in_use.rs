//! A change removes or retires a service that others still need.

use super::{Context, Rule, list};
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
    let head = context.head;
    let mut findings = Vec::new();
    for old in base.services.values().filter(|old| old.status != Lifecycle::Retired) {
        let now = head.services.get(&old.name);
        let gone = now.is_none_or(|now| now.status == Lifecycle::Retired);
        if !gone {
            continue;
        }
        let users: Vec<_> = head
            .services
            .values()
            .flat_map(|user| user.dependencies.iter().map(move |dependency| (user, dependency)))
            .filter(|(user, dependency)| {
                dependency.service == old.name && user.name != old.name && user.status != Lifecycle::Retired
            })
            .collect();
        if users.is_empty() {
            continue;
        }
        let what = if now.is_some() { "retired" } else { "removed" };
        let names: Vec<_> = users.iter().map(|(user, _)| format!("`{}`", user.name)).collect();
        let mut finding =
            RULE.finding(format!("`{}` is {what}, but still needed by {}", old.name, list(&names)));
        if let Some(now) = now {
            finding = context.place(finding, now.place("status"), "retired here");
        }
        for (user, dependency) in users {
            finding = context.place(finding, &dependency.span, format!("`{}` still needs it", user.name));
        }
        findings.push(finding.help("restore it, or move its consumers off it first"));
    }
    findings
}
