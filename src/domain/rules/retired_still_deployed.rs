//! A retired service is still listed for environments.

use super::{Context, Rule};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level},
    lifecycle::{DutyKind, Lifecycle},
};
use std::sync::Arc;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD412",
    name: "retired-still-deployed",
    level: Level::Error,
    summary: "A retired service is still listed for environments.",
    help: "Retired means that it runs nowhere. Take it down and take the environments out, or do not retire it yet.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |service: &Arc<Service>| {
        let environments = service.deployment.environments.iter().flatten();
        let names: Vec<_> = environments.map(|name| format!("`{name}`")).collect();
        let message = format!("`{}` is retired and still listed for {}", service.name, super::list(&names));
        let finding = context.place(RULE.finding(message), service.place("deployment.environments"), "");
        let finding = context.place(finding, service.place("status"), "");
        finding.help("take it down there, then take out its `environments`")
    };
    context.neglecting(&[Lifecycle::Retired], DutyKind::Undeployed).map(finding).collect()
}
