//! A service in production depends on a beta without saying that it means to.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD219",
    name: "beta-without-opt-in",
    level: Level::Error,
    summary: "A service in production depends on one in beta without accepting it.",
    help: "A beta may change and fall. Whoever uses one in production says so in `dependencies.accept_beta`, so that nobody does it by accident.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (one, other) in &context.needs {
        let accepted = one.user.status == Lifecycle::Beta || one.user.accept_beta.contains(&other.name);
        if other.status != Lifecycle::Beta || accepted || !context.runs_in_production(one.user) {
            continue;
        }
        let verb = if one.dependency.optional { "uses" } else { "requires" };
        let message = format!(
            "`{}` {verb} `{}` in production, which is in beta, without accepting it",
            one.user.name, other.name
        );
        let finding = context.place(RULE.finding(message), &one.dependency.span, "");
        let finding = context.place(finding, other.place("status"), "in beta");
        findings.push(finding.help(format!(
            "if it is meant, add `accept_beta = [\"{}\"]` to the dependencies of `{}`",
            other.name, one.user.name
        )));
    }
    findings
}
