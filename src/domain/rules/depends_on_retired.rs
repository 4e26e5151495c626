//! A service depends on one that is gone.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD217",
    name: "depends-on-retired",
    level: Level::Error,
    summary: "A service depends on a retired one.",
    help: "Nothing runs there any more. Move to the replacement, or take the dependency out.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (one, other) in &context.needs {
        // What retires with this very change has a rule of its own, removed-in-use.
        let just_now = context.before(other).is_some_and(|before| before.status != Lifecycle::Retired);
        if other.status != Lifecycle::Retired || just_now {
            continue;
        }
        let verb = if one.dependency.optional { "uses" } else { "requires" };
        let message = format!("`{}` {verb} `{}`, which is retired", one.user.name, other.name);
        let finding = context.place(RULE.finding(message), &one.dependency.span, "");
        let finding = context.place(finding, other.place("status"), "retired here");
        let help = match &other.replacement_service {
            Some(replacement) => format!("move `{}` to `{replacement}`", one.user.name),
            None => "take it out".to_owned(),
        };
        findings.push(finding.help(help));
    }
    findings
}
