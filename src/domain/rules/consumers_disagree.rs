//! What a service says of its consumers differs from what the consumers say.

use super::{Context, Rule};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level, Span},
    name::{ProjectName, ServiceName},
};
use std::{collections::BTreeSet, sync::Arc};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD207",
    name: "consumers-disagree",
    level: Level::Warning,
    summary: "`consumers` differs from who actually depends on the service.",
    help: "Reviews and notices go to those who are listed. List exactly those who depend on it: other projects in `consumers.projects`, and services outside any project in `consumers.required_by`. A service without `consumers` lists nobody, which is wrong as soon as another project uses it.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        let speaks = KEYS.iter().any(|key| service.spans.contains_key(key));
        let uses = context.named_by(&service.name);
        if uses.is_empty() && !speaks {
            continue;
        }
        // They come in the order of the users' names.
        let mut actual: Users<'_> = uses.iter().map(|one| one.user).collect();
        actual.retain(|user| user.name != service.name);
        actual.dedup_by_key(|user| &user.name);
        if speaks {
            required_by(context, service, &actual, &mut findings);
            projects(context, service, &actual, &mut findings);
        } else {
            findings.extend(silent(context, service, &actual));
        }
    }
    findings
}

/// Who depends on a service, in the order of their names.
type Users<'c> = Vec<&'c Arc<Service>>;

/// What a service can say of its consumers.
const KEYS: [&str; 2] = ["consumers.required_by", "consumers.projects"];

/// The place of a list, or else of the other one.
fn place_of<'s>(service: &'s Service, key: &str) -> &'s Span {
    let at = |key: &str| service.spans.get(key);
    at(key).or_else(|| KEYS.iter().find_map(|key| at(key))).unwrap_or(&service.span)
}

/// The projects, other than its own, whose services are among its users.
fn using<'c>(service: &Service, users: &[&'c Arc<Service>]) -> BTreeSet<&'c ProjectName> {
    let mut projects = BTreeSet::new();
    let mut last = None;
    for project in users.iter().filter_map(|user| user.project.as_ref()) {
        // Neighbours are mostly of one project.
        if last != Some(project) && Some(project) != service.project.as_ref() {
            projects.insert(project);
        }
        last = Some(project);
    }
    projects
}

/// That a service says nothing of its consumers, though other projects use it.
fn silent(context: &Context<'_>, service: &Service, users: &[&Arc<Service>]) -> Option<Finding> {
    let using = using(service, users);
    let first = using.first()?;
    let names: Vec<String> = using.iter().map(|project| format!("`{project}`")).collect();
    let message = match names.len() {
        1 => format!("the project `{first}` uses `{}`, which lists no `consumers`", service.name),
        _ => {
            format!("the projects {} use `{}`, which lists no `consumers`", super::list(&names), service.name)
        }
    };
    let mut finding = context.place(RULE.finding(message), &service.span, "");
    let of_others = context
        .uses(&service.name)
        .filter(|one| one.user.project.is_some() && one.user.project != service.project);
    for one in of_others.take(super::MOST_PLACES) {
        finding = context.place(finding, &one.dependency.span, format!("`{}` depends on it", one.user.name));
    }
    let quoted: Vec<String> =
        using.iter().take(super::MOST_PLACES).map(|project| format!("\"{project}\"")).collect();
    let more = if using.len() > quoted.len() { ", …" } else { "" };
    Some(finding.help(format!("write `consumers.projects = [{}{more}]`", quoted.join(", "))))
}

/// Services that are named and do not depend on it, and shared services that do and are not named.
fn required_by(
    context: &Context<'_>,
    service: &Service,
    actual: &[&Arc<Service>],
    findings: &mut Vec<Finding>,
) {
    let uses = |name: &ServiceName| actual.binary_search_by(|user| user.name.cmp(name)).is_ok();
    for named in service.required_by.iter().filter(|named| !uses(named)) {
        let message = format!("`{}` says that `{named}` requires it, but `{named}` does not", service.name);
        let list = service.place("consumers.required_by");
        let finding = context.place_entry(RULE.finding(message), list, named.as_str());
        findings
            .push(finding.help(format!("take `{named}` out, or add it to the dependencies of `{named}`")));
    }
    // Services of projects are covered by the project's name. One whose project is not named is reported there, unless
    // only single services are named.
    let names_services = service.spans.contains_key("consumers.required_by");
    let names_projects = service.spans.contains_key("consumers.projects");
    let listed: BTreeSet<_> = service.required_by.iter().collect();
    let projects: BTreeSet<_> = service.consumer_projects.iter().collect();
    let covered = |user: &Service| {
        user.project.as_ref().is_some_and(|project| {
            Some(project) == service.project.as_ref()
                || projects.contains(project)
                || (names_projects && !names_services)
        })
    };
    for user in actual.iter().filter(|user| !listed.contains(&user.name) && !covered(user)) {
        let missing = &user.name;
        let message = format!("`{missing}` depends on `{}`, which does not list it", service.name);
        let at = place_of(service, "consumers.required_by");
        findings.push(
            context.place(RULE.finding(message), at, "").help(format!("add \"{missing}\" to `required_by`")),
        );
    }
}

/// Projects that are named and do not use it, and projects that do and are not named.
fn projects(context: &Context<'_>, service: &Service, actual: &[&Arc<Service>], findings: &mut Vec<Finding>) {
    if !service.spans.contains_key("consumers.projects") {
        return;
    }
    let at = service.place("consumers.projects");
    let using = using(service, actual);
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
