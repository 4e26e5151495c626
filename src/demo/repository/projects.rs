//! The projects' files of the demo's control repository: deployment and monitoring.

use super::{contents::present, history::State};
use crate::demo::{
    estate::{Environment, ManagedBy, Service},
    scenario::ScenarioRow,
};
use std::fmt::Write as _;

/// `projects/<p>/deployment.toml`.
pub fn deployment(project: &str, state: &State, scenario: &ScenarioRow) -> String {
    let mut text = "# Where and how the project's services run.\n".to_owned();
    for environment in Environment::ALL {
        let _ = write!(text, "\n[environment.{environment}]\nnamespace = \"{project}\"\n");
    }
    for service in present(state).filter(|service| service.project == Some(project)) {
        text.push_str(&deployment_of(service, scenario));
    }
    text
}

/// A service's `deployment` table.
pub fn deployment_of(service: &Service, scenario: &ScenarioRow) -> String {
    let mut text = format!(
        "\n[service.{}.deployment]\nmanaged_by = \"{}\"\nworkload = \"{}\"\nreplicas = {}\n",
        service.name,
        service.managed_by.name(),
        service.name,
        service.replicas
    );
    if service.managed_by == ManagedBy::ArgoCd {
        let _ = writeln!(text, "application = \"{}\"\napplication_namespace = \"argocd\"", service.name);
    }
    let told = scenario.strategies.iter().find(|(name, _)| *name == service.name);
    let usual = if service.managed_by == ManagedBy::ArgoRollouts { "canary" } else { "immediate" };
    let strategy = told.map_or(usual, |(_, strategy)| strategy);
    let _ = writeln!(text, "strategy = \"{strategy}\"");
    if !service.in_production {
        text.push_str("environments = [\"staging\"]\n");
    }
    text
}

/// The promised 99th percentile in milliseconds: three times what the service usually needs.
pub fn p99(service: &Service) -> u64 {
    let usual = service.median * 2.5;
    ((usual * 3.0 / 10.0).ceil() as u64 * 10).max(20)
}

/// `projects/<p>/monitoring.toml`.
pub fn monitoring(project: &str, level: &str, state: &State) -> String {
    let mut text =
        format!("# What is measured, and who hears of it.\n\n[monitoring.{project}]\nlevel = \"{level}\"\n");
    let ours = present(state).filter(|service| service.project == Some(project) && service.measured);
    for service in ours {
        let name = service.name;
        let p99 = p99(service);
        let (p50, p95) = (p99 / 4, p99 / 2);
        let _ = write!(
            text,
            r#"
[service.{name}.metrics]
availability_threshold = 99.9
availability_check_interval = "60s"
response_time_p50 = "{p50}ms"
response_time_p95 = "{p95}ms"
response_time_p99 = "{p99}ms"
error_rate_threshold = 0.1
error_type_alerts = ["5xx", "timeout"]
cpu_threshold = "80%"
memory_threshold = "85%"
disk_threshold = "90%"

[service.{name}.alerts]
critical = ["slack#critical-alerts"]
warning = ["slack#warnings", "email@ops"]
info = ["slack#info"]

[service.{name}.alerts.escalation]
time_to_escalate = "5m"
escalate_to = ["@on-call"]
page_if = "critical"
"#
        );
    }
    text
}
