//! A service that another one can work without is not in the catalog.

use super::{Context, Rule, missing_dependency};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD202",
    name: "missing-optional-dependency",
    level: Level::Warning,
    summary: "An optional service is not in the catalog.",
    help: "The service works without it, but the name means nothing. Correct it or take it out of `optional`.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    missing_dependency::missing(context, &RULE, true)
}
