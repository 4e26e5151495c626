//! A service or a project names an environment that `quarterdeck.toml` does not define.

use super::{Context, Rule, suggest};
use crate::domain::{
    finding::{Finding, Level, Span},
    name::EnvironmentName,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD212",
    name: "unknown-environment",
    level: Level::Error,
    summary: "A service or a project names an environment that does not exist.",
    help: "It would run nowhere. Environments are defined in quarterdeck.toml.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    // Without any environment nothing runs anywhere, and there is nothing to compare with.
    if head.settings.environments.is_empty() {
        return Vec::new();
    }
    let known = || head.settings.environments.iter().map(|environment| &environment.name);
    let mut findings = Vec::new();
    let mut expect = |environment: &EnvironmentName, at: &Span, whose: String| {
        if head.environment(environment.as_str()).is_none() {
            let message = format!("{whose} names the environment `{environment}`, which does not exist");
            let mut finding = context.place_entry(RULE.finding(message), at, environment.as_str());
            finding.help = suggest(environment, known());
            findings.push(finding);
        }
    };
    for project in head.projects.values() {
        if let (Some(environment), Some(at)) =
            (&project.environment, head.places.get(&format!("environment.{}", project.name)))
        {
            expect(environment, at, format!("the project `{}`", project.name));
        }
    }
    for service in head.services.values() {
        for environment in service.deployment.environments.iter().flatten() {
            expect(environment, service.place("deployment.environments"), format!("`{}`", service.name));
        }
    }
    findings
}
