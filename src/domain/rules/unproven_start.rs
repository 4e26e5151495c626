//! A new service claims to be mature.

use super::{Context, Rule, version_form::in_words};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD415",
    name: "unproven-start",
    level: Level::Warning,
    summary: "A new service starts neither in development nor in beta.",
    help: "A service proves itself in development and beta before others build on it. One that proved itself elsewhere lists its earlier versions as `previous` in services/versions.toml, or comes with its whole project.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(base) = context.base.filter(|base| !base.services.is_empty()) else { return findings };
    for service in context.head.services.values() {
        let proven = matches!(service.status, Lifecycle::Development | Lifecycle::Beta);
        if proven || base.services.contains_key(&service.name) {
            continue;
        }
        let history = context.head.previous_versions.get(&service.name);
        let moved_in = service.project.as_ref().is_some_and(|project| !base.projects.contains_key(project));
        if moved_in || history.is_some_and(|versions| !versions.is_empty()) {
            continue;
        }
        let said = service.spans.contains_key("status");
        let message = format!(
            "`{}` is new and {}{}",
            service.name,
            in_words(service.status),
            if said { "" } else { ", since it says no `status`" }
        );
        let place = if said { "status" } else { "version" };
        let finding = context.place(RULE.finding(message), service.place(place), "");
        findings.push(finding.help(format!(
            "write `status = \"development\"` or \"beta\", or list the `previous` versions of `{}` in \
             services/versions.toml",
            service.name
        )));
    }
    findings
}
