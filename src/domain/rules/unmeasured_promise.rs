//! A promise that nothing measures.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD707",
    name: "unmeasured-promise",
    level: Level::Warning,
    summary: "A service promises something of its own, and no metric could show whether it is kept.",
    help: "Set `[metrics.scrape]` in quarterdeck.toml, or give the service `[service.<name>.metrics]` in a project's monitoring.toml. A promise without data is never shown as met.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    // Without any environment nothing runs anywhere, so there is nothing to measure.
    if head.settings.scrape.is_some() || head.settings.environments.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for service in head.services.values() {
        let Some(sla) = &service.sla else { continue };
        let promises: Vec<_> = [
            ("sla.availability", "availability", sla.availability.is_some()),
            ("sla.error_rate", "error rate", sla.error_rate.is_some()),
            ("sla.response_time_p99", "response time", sla.response_time_p99.is_some()),
        ]
        .into_iter()
        .filter(|(_, _, promised)| *promised)
        .collect();
        let Some((first, _, _)) = promises.first() else { continue };
        if service.metrics.is_some() || service.status == Lifecycle::Retired {
            continue;
        }
        let titles: Vec<_> = promises.iter().map(|(_, title, _)| *title).collect();
        let message = format!("`{}` promises {}, which nothing measures", service.name, titles.join(" and "));
        let help = format!(
            "set `[metrics.scrape]` in quarterdeck.toml, or add `[service.{}.metrics]`",
            service.name
        );
        findings.push(context.place(RULE.finding(message), service.place(first), "").help(help));
    }
    findings
}
