//! A deprecated service does not say how to leave it.

use super::{Context, Rule};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level},
    lifecycle::{DutyKind, Lifecycle},
};
use std::sync::Arc;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD409",
    name: "deprecated-without-guide",
    level: Level::Warning,
    summary: "A deprecated service links to no migration guide.",
    help: "Each of its consumers would have to find the way alone. Set `guide_url` in its `migration`.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |service: &Arc<Service>| {
        let message = format!("`{}` is deprecated and links to no migration guide", service.name);
        let finding = context.place(RULE.finding(message), service.place("status"), "");
        finding.help("add `guide_url = \"https://…\"` to its `migration`")
    };
    context.neglecting(&[Lifecycle::Deprecated], DutyKind::MigrationGuide).map(finding).collect()
}
