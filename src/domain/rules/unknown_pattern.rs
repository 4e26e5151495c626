//! A service follows a pattern that does not exist.

use super::{Context, Rule, suggest};
use crate::domain::{
    finding::{Finding, Level},
    text::clean,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD812",
    name: "unknown-pattern",
    level: Level::Error,
    summary: "A service follows a deployment pattern that does not exist.",
    help: "Nothing would say how it is deployed. Patterns are defined in services/patterns.toml.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let patterns = &context.head.patterns;
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        let Some(pattern) = service.pattern.as_ref().filter(|pattern| !patterns.contains_key(*pattern))
        else {
            continue;
        };
        let message =
            format!("`{}` follows the pattern `{}`, which does not exist", service.name, clean(pattern));
        let mut finding = context.place(RULE.finding(message), service.place("pattern"), "");
        finding.help = suggest(pattern, patterns.keys())
            .or_else(|| Some("define it in services/patterns.toml, or remove the key".to_owned()));
        findings.push(finding);
    }
    findings
}
