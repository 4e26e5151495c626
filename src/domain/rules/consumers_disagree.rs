//! What a service says of its consumers differs from what the consumers say.

use super::{Context, Rule};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level},
    name::{ProjectName, ServiceName},
};
use std::collections::BTreeSet;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD207",
    name: "consumers-disagree",
    level: Level::Warning,
    summary: "`consumers` differs from who actually depends on the service.",
    help: "Reviews and notices go to those who are listed. List exactly those who depend on it.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        // Most services do not say who uses them.
        if service.required_by.is_empty()
            && !["consumers.required_by", "consumers.projects"]
                .iter()
                .any(|key| service.spans.contains_key(key))
        {
            continue;
        }
        let uses = context.uses.get(&service.name).map(Vec::as_slice).unwrap_or_default();
        let actual: &BTreeSet<_> =
            &uses.iter().map(|one| &one.user.name).filter(|name| **name != service.name).collect();
        required_by(context, service, actual, &mut findings);
        projects(context, service, actual, &mut findings);
    }
    findings
}

/// Services that are named and do not depend on it, and shared services that do and are not named.
fn required_by(
    context: &Context<'_>,
    service: &Service,
    actual: &BTreeSet<&ServiceName>,
    findings: &mut Vec<Finding>,
) {
    for named in service.required_by.iter().filter(|named| !actual.contains(named)) {
        let message = format!("`{}` says that `{named}` requires it, but `{named}` does not", service.name);
        let list = service.place("consumers.required_by");
        let finding = context.place_entry(RULE.finding(message), list, named.as_str());
        findings
            .push(finding.help(format!("take `{named}` out, or add it to the dependencies of `{named}`")));
    }
    // Services of projects are covered by the project's name.
    if service.spans.contains_key("consumers.required_by") {
        let listed: BTreeSet<_> = service.required_by.iter().collect();
        let projects: BTreeSet<_> = service.consumer_projects.iter().collect();
        let covered = |name: &ServiceName| {
            let project = context.head.services.get(name).and_then(|other| other.project.as_ref());
            project.is_some_and(|project| {
                Some(project) == service.project.as_ref() || projects.contains(project)
            })
        };
        for missing in actual.iter().filter(|name| !listed.contains(**name) && !covered(name)) {
            let message = format!("`{missing}` depends on `{}`, which does not list it", service.name);
            let finding = context.place(RULE.finding(message), service.place("consumers.required_by"), "");
            findings.push(finding.help(format!("add \"{missing}\" to `required_by`")));
        }
    }
}

/// Projects that are named and do not use it, and projects that do and are not named.
fn projects(
    context: &Context<'_>,
    service: &Service,
    actual: &BTreeSet<&ServiceName>,
    findings: &mut Vec<Finding>,
) {
    if !service.spans.contains_key("consumers.projects") {
        return;
    }
    let at = service.place("consumers.projects");
    let using: BTreeSet<&ProjectName> = actual
        .iter()
        .filter_map(|name| context.head.services.get(*name)?.project.as_ref())
        .filter(|project| Some(*project) != service.project.as_ref())
        .collect();
    for named in service.consumer_projects.iter().filter(|named| !using.contains(named)) {
        let message =
            format!("`{}` names the project `{named}` as a consumer, which does not use it", service.name);
        let finding = context.place_entry(RULE.finding(message), at, named.as_str());
        findings.push(finding.help(format!("take `{named}` out")));
    }
    for missing in using.iter().filter(|project| !service.consumer_projects.contains(project)) {
        let message = format!("the project `{missing}` uses `{}`, which does not list it", service.name);
        let finding = context.place(RULE.finding(message), at, "");
        findings.push(finding.help(format!("add \"{missing}\" to `projects`")));
    }
}
