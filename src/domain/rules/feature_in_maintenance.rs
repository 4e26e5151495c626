//! A change brings more than a repair to a service in maintenance.

use super::{Context, Rule, breaking_change::describe};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD407",
    name: "feature-in-maintenance",
    level: Level::Error,
    summary: "A change raises the minor or major version of a service in maintenance.",
    help: "Maintenance takes security fixes only: raise the patch version. New features belong into the service that will replace it.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (old, new) in &context.kept {
        let kept = [old, new].iter().all(|service| service.status == Lifecycle::Maintenance);
        let (Some(before), Some(after)) = (&old.version, &new.version) else { continue };
        if !kept || (after.major, after.minor) <= (before.major, before.minor) {
            continue;
        }
        let part = if after.major > before.major { "major" } else { "minor" };
        let message =
            format!("{} is a {part} version, but the service is in maintenance", describe(old, new));
        let finding = context.place(RULE.finding(message), new.place("version"), "");
        let finding = context.place(finding, new.place("status"), "");
        findings.push(finding.help(format!(
            "a fix would be {}.{}.{}",
            before.major,
            before.minor,
            before.patch.saturating_add(1)
        )));
    }
    findings
}
