//! A service needs another version of a service than the catalog has.

use super::{Context, Rule, Use};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD205",
    name: "unmet-requirement",
    level: Level::Error,
    summary: "A service needs another version of a service than the catalog has.",
    help: "Move the one that is needed to a version that will do, or relax the requirement once the consumer works with the present one.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (Use { user, dependency }, other) in &context.needs {
        let Some(wanted) = &dependency.requirement else { continue };
        let Some(version) = other.version.as_ref().filter(|version| !wanted.matches(version)) else {
            continue;
        };
        let message =
            format!("`{}` needs `{}` {wanted}, but its version is {version}", user.name, other.name);
        let finding = context.place(RULE.finding(message), &dependency.span, format!("needs {wanted}"));
        let mut finding = context.place(finding, other.place("version"), format!("is {version}"));
        // Semantic versioning keeps pre-releases out of ranges that do not name one.
        if !version.pre.is_empty() {
            finding.help = Some(format!(
                "a pre-release only meets a requirement that names one, such as `>= {version}`"
            ));
        }
        findings.push(finding);
    }
    findings
}
