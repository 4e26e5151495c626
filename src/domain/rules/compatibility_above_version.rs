//! A service promises compatibility down to a version that is newer than itself.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD206",
    name: "compatibility-above-version",
    level: Level::Error,
    summary: "`compat_version_min` is newer than `version`.",
    help: "Consumers could rely on no version at all. `compat_version_min` is the oldest version that still will do.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        let (Some(version), Some(least)) = (&service.version, &service.compat_version_min) else { continue };
        if least.cmp_precedence(version).is_gt() {
            let message = format!(
                "`{}` is compatible from {least}, which is newer than its version {version}",
                service.name
            );
            let finding = context.place(RULE.finding(message), service.place("compat_version_min"), "");
            findings.push(context.place(finding, service.place("version"), format!("is {version}")));
        }
    }
    findings
}
