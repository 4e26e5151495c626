//! A change lowers a version to one that was never released.

use super::{Context, Rule, breaking_change::describe};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD413",
    name: "version-lowered",
    level: Level::Error,
    summary: "A change lowers a version, and not to one that was released before.",
    help: "Versions only rise. The exception is the way back after a rollback: to a version that services/versions.toml on the main branch lists as `previous`.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let Some(base) = context.base else { return Vec::new() };
    let mut findings = Vec::new();
    for (old, new) in &context.kept {
        let (Some(before), Some(after)) = (&old.version, &new.version) else { continue };
        let released = || base.previous_versions.get(&new.name).is_some_and(|known| known.contains(after));
        if after.cmp_precedence(before).is_ge() || released() {
            continue;
        }
        let message = format!("{} lowers the version to one that was never released", describe(old, new));
        let finding = context.place(RULE.finding(message), new.place("version"), "");
        let known = base.previous_versions.get(&new.name).and_then(|versions| versions.first());
        findings.push(finding.help(match known {
            Some(known) => format!("write a version above {before}, or go back to {known}"),
            None => format!("write a version above {before}"),
        }));
    }
    findings
}
