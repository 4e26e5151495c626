//! A version that does not look like its service's state.

use super::{Context, Rule};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level},
    lifecycle::{Lifecycle, version_fits, version_form},
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD401",
    name: "version-form",
    level: Level::Error,
    summary: "A version has not the form of its service's state.",
    help: "In development 0.x.y, in beta a pre-release such as 1.0.0-beta.1, from general availability on 1.0.0 or higher without a pre-release: so the number alone says how far a service can be trusted. A service that says no `status` counts as generally available, as soon as any other one says its own.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        let Some(version) = &service.version else { continue };
        if version_fits(version, service.status) || !context.is_held_to_its_state(service) {
            continue;
        }
        let (name, form) = (&service.name, version_form(service.status));
        let message = format!("`{name}` {} with the version {version}", standing(service));
        let mut finding = context.place(RULE.finding(message), service.place("version"), "");
        if let Some(at) = service.spans.get("status") {
            finding = context.place(finding, at, "");
        }
        let fits = Lifecycle::ALL[..3].iter().find(|state| version_fits(version, **state));
        findings.push(finding.help(match fits {
            Some(other) => format!("its version must be {form}; {version} would fit `status = \"{other}\"`"),
            None => format!("its version must be {form}"),
        }));
    }
    findings
}

/// Where a service stands, and, where nothing says so, that it only counts as standing there.
pub(super) fn standing(service: &Service) -> String {
    let state = in_words(service.status);
    if service.spans.contains_key("status") {
        format!("is {state}")
    } else {
        format!("counts as {state}, since it says no `status`,")
    }
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
