//! A breaking version is announced, and not everybody who depends on it was told.

use super::{Context, Rule, Use, breaking_change::breaking, breaking_without_notice::covers, users};
use crate::domain::{
    catalog::{Notice, Service},
    finding::{Finding, Level},
};
use semver::Version;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD307",
    name: "consumers-not-told",
    level: Level::Warning,
    summary: "A breaking version is announced, and not all who depend on the service were told.",
    help: "Tell them, and list them under `notice.projects` or `notice.services`: the list is how everybody sees who knows. Those of the same project or owner need no telling.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        let Some(notice) = &service.notice else { continue };
        let Some(version) = &notice.version else { continue };
        if service.version.as_ref().is_none_or(|now| version > now) {
            let uses: Vec<_> = context.uses(&service.name).collect();
            findings.extend(untold(context, service, notice, version, &uses, "announces"));
        }
    }
    // When it comes, what the main branch says of who was told counts.
    for (old, new, uses) in breaking(context) {
        let (Some(notice), Some(version)) = (&old.notice, &new.version) else { continue };
        if covers(notice, old, new) {
            findings.extend(untold(context, new, notice, version, &uses, "brings"));
        }
    }
    findings
}

fn untold(
    context: &Context<'_>,
    service: &Service,
    notice: &Notice,
    version: &Version,
    uses: &[Use<'_>],
    verb: &str,
) -> Option<Finding> {
    let told = |user: &Service| {
        let ours = (user.project.is_some() && user.project == service.project)
            || (user.owner.is_some() && user.owner == service.owner);
        ours || notice.services.contains(&user.name)
            || user.project.as_ref().is_some_and(|project| notice.projects.contains(project))
    };
    let untold: Vec<_> = uses.iter().copied().filter(|one| !told(one.user)).collect();
    if untold.is_empty() {
        return None;
    }
    let message = format!(
        "`{}` {verb} {version}, and {} {} not told",
        service.name,
        users(&untold),
        if untold.len() == 1 { "was" } else { "were" }
    );
    let place = ["notice.services", "notice.projects", "notice.version", "version"]
        .into_iter()
        .find(|key| service.spans.contains_key(key))
        .unwrap_or("version");
    let finding = context.place(RULE.finding(message), service.place(place), "");
    let finding = context.place_uses(finding, &untold, "depends on it");
    let mut projects: Vec<_> =
        untold.iter().filter_map(|one| one.user.project.as_ref()).map(|name| format!("\"{name}\"")).collect();
    projects.sort();
    projects.dedup();
    let shared = untold.iter().filter(|one| one.user.project.is_none());
    let mut services: Vec<_> = shared.map(|one| format!("\"{}\"", one.user.name)).collect();
    services.dedup();
    let lists: Vec<_> = [("notice.projects", projects), ("notice.services", services)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(key, names)| format!("{} to `{key}`", super::list(&names)))
        .collect();
    Some(finding.help(format!("tell their owners, and add {}", lists.join(" and "))))
}
