//! A lower percentile may be slower than a higher one.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    units::format_duration,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD702",
    name: "latency-order",
    level: Level::Error,
    summary: "The threshold of a lower percentile is above that of a higher one.",
    help: "The 50th percentile is never above the 95th, nor the 95th above the 99th, so one of the two thresholds can never matter. Most likely two values are swapped.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        let Some(metrics) = &service.metrics else { continue };
        let thresholds: Vec<_> = [
            ("metrics.response_time_p50", "50th", metrics.response_time_p50),
            ("metrics.response_time_p95", "95th", metrics.response_time_p95),
            ("metrics.response_time_p99", "99th", metrics.response_time_p99),
        ]
        .into_iter()
        .filter_map(|(key, title, threshold)| Some((key, title, threshold?)))
        .collect();
        for pair in thresholds.windows(2) {
            let [(low_key, low, low_time), (high_key, high, high_time)] = pair else { continue };
            if low_time <= high_time {
                continue;
            }
            let (low_time, high_time) = (format_duration(*low_time), format_duration(*high_time));
            let message = format!(
                "`{}` allows {low_time} at the {low} percentile but only {high_time} at the {high}",
                service.name
            );
            let finding = context.place(RULE.finding(message), service.place(low_key), "above");
            let finding = context.place(finding, service.place(high_key), "below");
            findings.push(finding.help("swap the two, or write the one that was meant"));
        }
    }
    findings
}
