//! An alert has nowhere to go.

use super::{Context, Rule};
use crate::domain::{
    catalog::Tier,
    escalation::Severity,
    finding::{Finding, Level},
    lifecycle::Lifecycle,
    text::clean,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD705",
    name: "alert-without-channel",
    level: Level::Warning,
    summary: "A severity has no channel, or a critical service has no alerts at all.",
    help: "It would fire where nobody looks. Name channels in the project's monitoring.toml under `[service.<name>.alerts]`, or for all services in policies/escalation.toml.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let matrix = |severity| head.severities.rows.get(&severity).is_some_and(|row| !row.channels.is_empty());
    // Where nothing says who hears of what, this repository is not about alerts.
    let about_alerts = head.files.iter().any(|file| file.path == "policies/escalation.toml")
        || head.services.values().any(|service| service.alerts.is_some());
    let mut findings = Vec::new();
    for service in head.services.values() {
        let name = &service.name;
        let channels = service.alerts.as_ref().map(|alerts| &alerts.channels);
        for (severity, channels) in channels.into_iter().flatten() {
            if channels.is_empty() {
                let message = format!("the {} alerts of `{name}` have no channel", clean(severity));
                let at = service
                    .spans
                    .iter()
                    .find(|(key, _)| key.strip_prefix("alerts.") == Some(severity.as_str()));
                let at = at.map_or_else(|| service.place("alerts"), |(_, at)| at);
                let finding = context.place(RULE.finding(message), at, "");
                findings.push(finding.help(format!("write `{severity} = [\"slack#…\"]`, or remove the key")));
            }
        }
        let runs = !matches!(service.status, Lifecycle::Development | Lifecycle::Retired);
        let has_listener =
            channels.is_some_and(|channels| channels.contains_key("critical")) || matrix(Severity::Critical);
        if about_alerts && service.tier == Tier::Critical && runs && !has_listener {
            let message = format!("`{name}` is critical, and nobody hears of its critical alerts");
            let at = if service.alerts.is_some() { service.place("alerts") } else { &service.span };
            let help = "add `critical = [\"…\"]` to its alerts, or `channels` to `[severity.critical]`";
            findings.push(context.place(RULE.finding(message), at, "").help(help));
        }
    }
    findings
}
