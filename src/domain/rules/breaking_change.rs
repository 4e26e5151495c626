//! A change raises the major version of a service that others depend on.

use super::{Context, Rule, Use, users};
use crate::domain::{
    catalog::Service,
    change::removes_a_promise,
    finding::{Finding, Level},
};
use std::sync::Arc;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD302",
    name: "breaking-change",
    level: Level::Warning,
    summary: "A change is breaking for services that depend on it.",
    help: "A new major version, or a raised `compat_version_min`, may stop consumers. It needs the architecture gate and their word.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    breaking(context)
        .map(|(old, new, uses)| {
            let message = format!("{} is breaking for {}", describe(old, new), users(&uses));
            let finding = context.place(RULE.finding(message), new.place("version"), "");
            context
                .place_uses(finding, &uses, "depends on it")
                .help("ask the consumers, and name the versions they need in their `requires`")
        })
        .collect()
}

/// Services that break with the change, as they were and as they would be, with those who depend on them.
pub(super) fn breaking<'c>(
    context: &Context<'c>,
) -> impl Iterator<Item = (&'c Arc<Service>, &'c Arc<Service>, Vec<Use<'c>>)> {
    context.kept.iter().copied().filter(|(old, new)| is_breaking(old, new)).filter_map(|(old, new)| {
        let depended = |one: &Use<'_>| {
            // Who comes with the change knows what it comes to.
            context
                .before(one.user)
                .is_some_and(|before| before.dependencies.iter().any(|d| d.service == old.name))
        };
        let uses: Vec<_> = context.uses(&old.name).filter(depended).collect();
        (!uses.is_empty()).then_some((old, new, uses))
    })
}

/// Whether consumers of the old version cannot take the new one for granted.
fn is_breaking(old: &Service, new: &Service) -> bool {
    let (Some(before), Some(after)) = (&old.version, &new.version) else { return false };
    // Below 1.0 the minor version is the one that breaks.
    let line =
        |version: &semver::Version| (version.major, if version.major == 0 { version.minor } else { 0 });
    // A step back is the way out of a release, and takes nothing that was there before it.
    let forward = after.cmp_precedence(before).is_ge();
    forward && (line(after) != line(before) || removes_a_promise(old, new))
}

/// `shared-auth 1.3.0 → 2.0.0`.
pub(super) fn describe(old: &Service, new: &Service) -> String {
    let version = |service: &Service| {
        service.version.as_ref().map_or_else(|| "without version".to_owned(), ToString::to_string)
    };
    format!("`{}` {} → {}", new.name, version(old), version(new))
}
