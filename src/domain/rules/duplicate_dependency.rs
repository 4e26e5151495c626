//! A service names the same dependency twice.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};
use std::collections::HashMap;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD213",
    name: "duplicate-dependency",
    level: Level::Warning,
    summary: "A service names the same dependency twice.",
    help: "It is unclear which entry holds: a service is either required or optional, and with one requirement, which may have several parts (`auth >= 1.2, < 3`).",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values().filter(|service| service.dependencies.len() > 1) {
        let mut first = HashMap::with_capacity(service.dependencies.len());
        for dependency in &service.dependencies {
            let Some(known) = first.insert(&dependency.service, dependency) else { continue };
            let how = match (known.optional, dependency.optional) {
                (false, true) => "as required and as optional",
                _ => "twice",
            };
            let finding = RULE.finding(format!("`{}` names `{}` {how}", service.name, dependency.service));
            let finding = context.place(finding, &dependency.span, "named again here");
            findings
                .push(context.place(finding, &known.span, "named first here").help("keep one of the two"));
            first.insert(&dependency.service, known);
        }
    }
    findings
}
