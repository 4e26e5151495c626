//! A service that another one cannot work without is not in the catalog.

use super::{Context, MOST_SUGGESTIONS, Rule, suggest};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD201",
    name: "missing-dependency",
    level: Level::Error,
    summary: "A required service is not in the catalog.",
    help: "The service cannot work. Define what it needs, correct the name, or take it out of `requires`.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    missing(context, &RULE, false)
}

/// The dependencies on services that no file defines.
pub(super) fn missing(context: &Context<'_>, rule: &Rule, optional: bool) -> Vec<Finding> {
    let services = &context.head.services;
    let mut findings = Vec::new();
    // What is retired runs nowhere, and needs nothing any more.
    for service in services.values().filter(|service| service.status != Lifecycle::Retired) {
        for dependency in service.dependencies.iter().filter(|dependency| dependency.optional == optional) {
            if services.contains_key(&dependency.service) {
                continue;
            }
            let verb = if optional { "can use" } else { "requires" };
            let message =
                format!("`{}` {verb} `{}`, which no file defines", service.name, dependency.service);
            let mut finding = context.place(rule.finding(message), &dependency.span, "no such service");
            if findings.len() < MOST_SUGGESTIONS {
                finding.help = suggest(&dependency.service, services.keys());
            }
            findings.push(finding);
        }
    }
    findings
}
