//! A service that needs itself.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD204",
    name: "self-dependency",
    level: Level::Error,
    summary: "A service needs itself.",
    help: "It says nothing, and tools that start services in order would wait for ever. Take it out.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        for dependency in service.dependencies.iter().filter(|dependency| dependency.service == service.name)
        {
            let finding = RULE.finding(format!("`{}` needs itself", service.name));
            findings.push(context.place(finding, &dependency.span, "").help("take it out"));
        }
    }
    findings
}
