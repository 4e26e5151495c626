//! A change raises the major version of a service that others depend on.

use super::{Context, Rule, list};
use crate::domain::{
    catalog::Service,
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
        .map(|(old, new, consumers)| {
            let message = format!("{} is breaking for {}", describe(old, new), list(&consumers));
            context.place(RULE.finding(message), new.place("version"), "")
        })
        .map(|finding| finding.help("ask the consumers, and name the versions they need in their `requires`"))
        .collect()
}

/// Services that break with the change, as they were and as they would be, with their direct consumers.
pub(super) fn breaking<'c>(
    context: &'c Context<'_>,
) -> impl Iterator<Item = (&'c Arc<Service>, &'c Arc<Service>, Vec<String>)> {
    let head = context.head;
    context.base.into_iter().flat_map(|base| base.services.values()).filter_map(move |old| {
        let new = head.services.get(&old.name)?;
        if !is_breaking(old, new) {
            return None;
        }
        let needs =
            |user: &Service| user.dependencies.iter().any(|dependency| dependency.service == old.name);
        let consumers: Vec<_> = head
            .services
            .values()
            .filter(|user| user.name != old.name && needs(user))
            .map(|user| format!("`{}`", user.name))
            .collect();
        (!consumers.is_empty()).then_some((old, new, consumers))
    })
}

/// Whether consumers of the old version cannot take the new one for granted.
fn is_breaking(old: &Service, new: &Service) -> bool {
    let (Some(before), Some(after)) = (&old.version, &new.version) else { return false };
    // Below 1.0 the minor version is the one that breaks.
    let bumped =
        after > before && (after.major != before.major || (before.major == 0 && after.minor != before.minor));
    let dropped = new
        .compat_version_min
        .as_ref()
        .is_some_and(|least| least > before && Some(least) != old.compat_version_min.as_ref());
    bumped || dropped
}

/// `shared-auth 1.3.0 → 2.0.0`.
pub(super) fn describe(old: &Service, new: &Service) -> String {
    let version = |service: &Service| {
        service.version.as_ref().map_or_else(|| "without version".to_owned(), ToString::to_string)
    };
    format!("`{}` {} → {}", new.name, version(old), version(new))
}
