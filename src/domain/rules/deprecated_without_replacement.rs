//! A deprecated service names nothing that takes its place.

use super::{Context, MOST_SUGGESTIONS, Rule, suggest};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD208",
    name: "deprecated-without-replacement",
    level: Level::Warning,
    summary: "A deprecated service names no replacement that is there.",
    help: "Its consumers must know where to go. Set `replacement_service` to a service of the catalog.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let services = &context.head.services;
    let mut findings = Vec::new();
    for service in services.values() {
        match &service.replacement_service {
            None if service.status == Lifecycle::Deprecated => {
                let message = format!("`{}` is deprecated and names no replacement", service.name);
                let finding = context.place(RULE.finding(message), service.place("status"), "");
                findings.push(finding.help("add `replacement_service = …`"));
            }
            Some(replacement) if !services.contains_key(replacement) => {
                let message =
                    format!("`{}` is to be replaced by `{replacement}`, which no file defines", service.name);
                let mut finding =
                    context.place(RULE.finding(message), service.place("replacement_service"), "");
                if findings.len() < MOST_SUGGESTIONS {
                    finding.help = suggest(replacement, services.keys());
                }
                findings.push(finding);
            }
            Some(replacement)
                if service.status == Lifecycle::Deprecated
                    && services.get(replacement).is_some_and(|other| other.status == Lifecycle::Retired) =>
            {
                let message = format!(
                    "`{}` is to be replaced by `{replacement}`, which is retired itself",
                    service.name
                );
                let finding = context.place(RULE.finding(message), service.place("replacement_service"), "");
                findings.push(finding.help("name a service that stays"));
            }
            _ => {}
        }
    }
    findings
}
