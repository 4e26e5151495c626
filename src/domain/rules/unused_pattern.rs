//! A pattern that no service follows.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    text::clean,
};
use std::collections::BTreeSet;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD813",
    name: "unused-pattern",
    level: Level::Note,
    summary: "No service follows a deployment pattern.",
    help: "Remove it, or name it in `pattern` of the services that it was made for.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let followed: BTreeSet<_> =
        head.services.values().filter_map(|service| service.pattern.as_ref()).collect();
    let unused = head.patterns.iter().filter(|(name, _)| !followed.contains(name));
    unused
        .map(|(name, pattern)| {
            let finding = RULE.finding(format!("no service follows the pattern `{}`", clean(name)));
            context.place(finding, &pattern.span, "").help("remove it, or let a service follow it")
        })
        .collect()
}
