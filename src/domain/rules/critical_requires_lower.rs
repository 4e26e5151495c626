//! A critical service that cannot work without one that is less cared for.

use super::{Context, Rule};
use crate::domain::{
    catalog::Tier,
    finding::{Finding, Level},
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD215",
    name: "critical-requires-lower",
    level: Level::Warning,
    summary: "A critical service requires a service of a lower tier.",
    help: "When the lower one falls, the business stops, and nobody is paged for it in time. Raise its tier, or make the service work without it and list it as optional.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (one, other) in &context.needs {
        if one.user.tier != Tier::Critical || one.dependency.optional || other.tier == Tier::Critical {
            continue;
        }
        let tier = other.tier.as_str();
        let message =
            format!("`{}` is critical and requires `{}`, which is {tier}", one.user.name, other.name);
        let finding = context.place(RULE.finding(message), &one.dependency.span, "");
        let finding = context.place(finding, other.place("tier"), format!("is {tier}"));
        findings.push(finding.help(format!(
            "write `tier = \"critical\"` for `{}`, or move it to `optional` once `{}` works without",
            other.name, one.user.name
        )));
    }
    findings
}
