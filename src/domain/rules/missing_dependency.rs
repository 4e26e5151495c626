//! A service that another one cannot work without is not in the catalog.

use super::{Context, MOST_SUGGESTIONS, Rule, Use, suggest};
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
    // What is retired runs nowhere, and needs nothing any more.
    let concerned =
        |one: &&Use<'_>| one.user.status != Lifecycle::Retired && one.dependency.optional == optional;
    let mut missing: Vec<&Use<'_>> = context.dangling.values().flatten().filter(concerned).collect();
    missing.sort_by_key(|one| (&one.user.name, one.dependency.span.start));
    let mut findings = Vec::new();
    for Use { user, dependency } in missing {
        let verb = if optional { "can use" } else { "requires" };
        let message = format!("`{}` {verb} `{}`, which no file defines", user.name, dependency.service);
        let mut finding = context.place(rule.finding(message), &dependency.span, "no such service");
        if findings.len() < MOST_SUGGESTIONS {
            finding.help = suggest(&dependency.service, context.head.services.keys());
        }
        findings.push(finding);
    }
    findings
}
