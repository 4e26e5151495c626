//! A change removes a large part of the catalog.

use super::{Context, MOST_PLACES, Rule, list};
use crate::domain::{
    catalog::{Catalog, Service},
    finding::{Finding, Level},
    lifecycle::Lifecycle,
    name::ProjectName,
    units::{Ratio, format_percent},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD308",
    name: "mass-deletion",
    level: Level::Error,
    summary: "A change removes more services at once than anybody does on purpose.",
    help: "More than a tenth of the services (and at least three), or all of a project, are gone at once: most often a lost file. Retire services first, remove them in smaller steps, or raise `mass_deletion` in `[limits]` of quarterdeck.toml on the main branch.",
    check: Some(check),
};

/// The share that one change may remove unless the repository says otherwise.
const SHARE: f64 = 0.1;
/// Fewer than this are no mass.
const LEAST: usize = 3;

fn check(context: &Context<'_>) -> Vec<Finding> {
    let Some(base) = context.base else { return Vec::new() };
    let mut findings = Vec::new();
    let gone: Vec<_> = alive(base).filter(|old| !context.head.services.contains_key(&old.name)).collect();
    let all = alive(base).count();
    // The main branch's limit counts: a change must not widen its own.
    let limit = base.settings.mass_deletion.map_or(SHARE, Ratio::share);
    let share = gone.len() as f64 / all.max(1) as f64;
    if gone.len() >= LEAST && share > limit {
        let message = format!(
            "the change removes {} of {all} services ({}; the limit is {}): {}",
            gone.len(),
            format_percent(share),
            format_percent(limit),
            names(&gone)
        );
        findings.push(show(base, message, &gone));
        return findings;
    }
    let left: BTreeSet<_> = context.head.services.values().filter_map(|one| one.project.as_ref()).collect();
    let mut projects: BTreeMap<&ProjectName, Vec<&Arc<Service>>> = BTreeMap::new();
    for service in &gone {
        if let Some(project) = service.project.as_ref().filter(|project| !left.contains(project)) {
            projects.entry(project).or_default().push(service);
        }
    }
    for (project, gone) in projects {
        let message = format!("the change removes all services of the project `{project}`: {}", names(&gone));
        findings.push(show(base, message, &gone));
    }
    findings
}

/// Services that are not retired: to remove a retired one is the end that it was meant to have.
fn alive(catalog: &Catalog) -> impl Iterator<Item = &Arc<Service>> {
    catalog.services.values().filter(|service| service.status != Lifecycle::Retired)
}

fn names(services: &[&Arc<Service>]) -> String {
    list(&services.iter().map(|service| format!("`{}`", service.name)).collect::<Vec<_>>())
}

/// The places are those of the main branch: in the change there is nothing left to show.
fn show(base: &Catalog, message: String, gone: &[&Arc<Service>]) -> Finding {
    let labels = gone.iter().take(MOST_PLACES).filter_map(|one| base.label(&one.span, "was defined here"));
    let help = "restore them, or retire them first and remove them in smaller steps";
    labels.fold(RULE.finding(message), Finding::at).help(help)
}
