//! A service depends on one that will be gone.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule. A note, because a migration takes its time: only the last day of it makes a fault.
pub static RULE: Rule = Rule {
    code: "QD216",
    name: "depends-on-deprecated",
    level: Level::Note,
    summary: "A service depends on a deprecated one.",
    help: "It has until the sunset to move to the replacement. Plan it now: after that day it is on its own.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (one, other) in &context.needs {
        let leaving = one.user.status == Lifecycle::Deprecated;
        if other.status != Lifecycle::Deprecated || leaving || !context.runs_in_production(one.user) {
            continue;
        }
        let verb = if one.dependency.optional { "uses" } else { "requires" };
        let until = match other.sunset_date.map(|date| (date, (date - context.today).num_days())) {
            Some((date, 0..)) => format!(" and gone on {date}"),
            Some((date, _)) => format!(" and should have been gone on {date}"),
            None => String::new(),
        };
        let message = format!("`{}` {verb} `{}`, which is deprecated{until}", one.user.name, other.name);
        let finding = context.place(RULE.finding(message), &one.dependency.span, "");
        let mut finding = context.place(finding, other.place("status"), "deprecated here");
        if let Some(replacement) = &other.replacement_service {
            finding = finding.help(format!("move `{}` to `{replacement}`", one.user.name));
        }
        findings.push(finding);
    }
    findings
}
