//! A version that does not look like its service's state.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::{Lifecycle, version_fits, version_form},
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD401",
    name: "version-form",
    level: Level::Error,
    summary: "A version has not the form of its service's state.",
    help: "In development 0.x.y, in beta a pre-release such as 1.0.0-beta.1, from general availability on 1.0.0 or higher without a pre-release: so the number alone says how far a service can be trusted.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        let Some(version) = &service.version else { continue };
        if version_fits(version, service.status) || !context.says_status(service) {
            continue;
        }
        let (name, status, form) = (&service.name, service.status, version_form(service.status));
        let message = format!("`{name}` is {} with the version {version}", in_words(status));
        let finding = context.place(RULE.finding(message), service.place("version"), "");
        let finding = context.place(finding, service.place("status"), "");
        let fits = Lifecycle::ALL[..3].iter().find(|state| version_fits(version, **state));
        findings.push(finding.help(match fits {
            Some(other) => format!("its version must be {form}; {version} would fit `status = \"{other}\"`"),
            None => format!("its version must be {form}"),
        }));
    }
    findings
}

/// A state as a sentence says it.
pub(super) const fn in_words(state: Lifecycle) -> &'static str {
    match state {
        Lifecycle::Development => "in development",
        Lifecycle::Beta => "in beta",
        Lifecycle::Ga => "generally available",
        Lifecycle::Maintenance => "in maintenance",
        Lifecycle::Deprecated => "deprecated",
        Lifecycle::Retired => "retired",
    }
}
