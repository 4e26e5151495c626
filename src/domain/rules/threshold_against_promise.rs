//! A threshold lets pass what was promised not to happen.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    units::format_duration,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD701",
    name: "threshold-against-promise",
    level: Level::Error,
    summary: "A monitoring threshold is looser than the promise that it watches over.",
    help: "The promise would be broken before anybody is told. Make the threshold as strict as the promise or stricter, or promise less.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let mut findings = Vec::new();
    for service in head.services.values() {
        let Some(metrics) = &service.metrics else { continue };
        let promise = head.sla(service);
        let name = &service.name;
        let mut report = |key: &'static str, promised: &'static str, message: String, help: String| {
            let finding = context.place(RULE.finding(message), service.place(key), "");
            // A promise that comes from the tier stands in policies/sla.toml.
            let finding = match service.spans.get(promised) {
                Some(at) => context.place(finding, at, "promised here"),
                None => finding,
            };
            findings.push(finding.help(help));
        };
        if let (Some(least), Some(promised)) = (metrics.availability, promise.availability)
            && least < promised
        {
            let message = format!("`{name}` promises {promised} availability but alerts only below {least}");
            let help = format!("write `availability_threshold = \"{promised}\"` or more");
            report("metrics.availability_threshold", "sla.availability", message, help);
        }
        if let (Some(most), Some(promised)) = (metrics.error_rate, promise.error_rate)
            && most > promised
        {
            let message = format!("`{name}` promises at most {promised} errors but alerts only above {most}");
            let help = format!("write `error_rate_threshold = \"{promised}\"` or less");
            report("metrics.error_rate_threshold", "sla.error_rate", message, help);
        }
        // The 99th percentile is never below the others: where one of them may exceed the promise unnoticed, so may it.
        for (key, title, most) in [
            ("metrics.response_time_p99", "", metrics.response_time_p99),
            ("metrics.response_time_p95", " on the 95th percentile", metrics.response_time_p95),
            ("metrics.response_time_p50", " on the 50th percentile", metrics.response_time_p50),
        ] {
            let (Some(most), Some(promised)) = (most, promise.response_time_p99) else { continue };
            if most <= promised {
                continue;
            }
            let (most, promised) = (format_duration(most), format_duration(promised));
            let message = format!(
                "`{name}` promises answers within {promised} (99th percentile) but alerts{title} only above {most}"
            );
            let written = key.trim_start_matches("metrics.");
            let help = format!("write `{written} = \"{promised}\"` or less");
            report(key, "sla.response_time_p99", message, help);
        }
    }
    findings
}
