//! An experiment is meant for production.

use super::{Context, Rule};
use crate::domain::{
    catalog::ManagedBy,
    finding::{Finding, Level},
    lifecycle::{DutyKind, Lifecycle, production_of},
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD410",
    name: "development-in-production",
    level: Level::Error,
    summary: "A service in development is meant for a production environment.",
    help: "What is in development runs in staging only. A service without `deployment.environments` is meant for all of them: list those that it may run in, or bring it to beta first.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.neglecting(&[Lifecycle::Development], DutyKind::StagingOnly) {
        if service.deployment.managed_by == ManagedBy::Compose {
            continue;
        }
        let production = production_of(context.head, service);
        let names: Vec<_> = production.iter().map(|name| format!("`{name}`")).collect();
        let said = service.deployment.environments.is_some();
        let project = service.project.as_ref();
        let of_project = project.and_then(|name| context.head.places.get(&format!("environment.{name}")));
        let why = match (said, of_project) {
            (true, _) => "",
            (false, Some(_)) => ", since it lists no environments and its project is in production",
            (false, None) => ", since it lists no environments",
        };
        let message =
            format!("`{}` is in development and meant for {}{why}", service.name, super::list(&names));
        let place = if said { "deployment.environments" } else { "status" };
        let mut finding = context.place(RULE.finding(message), service.place(place), "");
        if let (false, Some(at)) = (said, of_project) {
            finding = context.place(finding, at, "its project's");
        }
        let others: Vec<_> = context
            .head
            .settings
            .environments
            .iter()
            .filter(|environment| !environment.production)
            .map(|environment| format!("\"{}\"", environment.name))
            .collect();
        let help = format!("write `environments = [{}]` in its `deployment`", others.join(", "));
        findings.push(finding.help(help));
    }
    findings
}
