//! A latency threshold lies where the histogram cannot tell any more.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    units::format_duration,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD703",
    name: "threshold-above-buckets",
    level: Level::Error,
    summary: "A latency threshold is not below the largest bound of the histogram.",
    help: "A quantile that is read from a histogram never exceeds its largest finite bound, so the alert can never fire. Add a larger bucket, or lower the threshold.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let mut findings = Vec::new();
    for service in head.services.values() {
        let Some(metrics) = &service.metrics else { continue };
        let project = service.project.as_ref().and_then(|project| head.projects.get(project));
        let own = metrics.histogram_buckets.iter().max();
        let Some(largest) = own.or_else(|| project?.histogram_buckets.iter().max()) else { continue };
        for (key, title, threshold) in [
            ("metrics.response_time_p50", "50th", metrics.response_time_p50),
            ("metrics.response_time_p95", "95th", metrics.response_time_p95),
            ("metrics.response_time_p99", "99th", metrics.response_time_p99),
        ] {
            let Some(threshold) = threshold.filter(|threshold| threshold >= largest) else { continue };
            let message = format!(
                "`{}` alerts above {} at the {title} percentile, but its histogram ends at {}",
                service.name,
                format_duration(threshold),
                format_duration(*largest)
            );
            let finding = context.place(RULE.finding(message), service.place(key), "");
            let finding = match service.spans.get("metrics.histogram_buckets") {
                Some(at) => context.place(finding, at, "ends here"),
                None => finding,
            };
            let bucket = format_duration(threshold * 2);
            findings.push(
                finding.help(format!("add a bucket above it, such as \"{bucket}\", or lower the threshold")),
            );
        }
    }
    findings
}
