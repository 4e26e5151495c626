//! A service in production cannot work without an experiment.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD218",
    name: "depends-on-development",
    level: Level::Error,
    summary: "A service in production requires one that is in development.",
    help: "What is in development runs in staging only, so that the service would have nothing to call. Bring the other one to beta first, or list it as optional.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (one, other) in &context.needs {
        let experiment = other.status == Lifecycle::Development && !one.dependency.optional;
        if !experiment || !context.runs_in_production(one.user) {
            continue;
        }
        let message = format!(
            "`{}` runs in production and requires `{}`, which is in development",
            one.user.name, other.name
        );
        let finding = context.place(RULE.finding(message), &one.dependency.span, "");
        let finding = context.place(finding, other.place("status"), "in development");
        findings.push(finding.help(format!(
            "bring `{}` to beta, or move it to `optional` once `{}` works without",
            other.name, one.user.name
        )));
    }
    findings
}
