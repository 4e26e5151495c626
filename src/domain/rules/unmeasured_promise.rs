//! A promise that nothing measures.

use super::{Context, Rule};
use crate::domain::{
    catalog::{Catalog, Service},
    finding::{Finding, Level},
    lifecycle::Lifecycle,
    units::format_duration,
};
use chrono::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD707",
    name: "unmeasured-promise",
    level: Level::Warning,
    summary: "A service promises something of its own, and no metric could show whether it is kept.",
    help: "A promise without data is never shown as met. Set `[metrics.scrape]` in quarterdeck.toml, or give the service `[service.<name>.metrics]` in a project's monitoring.toml with the metric that shows this very promise: `availability_threshold` or `error_rate_threshold` for availability, `error_rate_threshold` for the error rate, `response_time_p99` for the response time. A histogram whose largest bucket is not above the promised response time cannot show it either.",
    check: Some(check),
};

/// A promise and what would show whether it is kept.
struct Promise {
    key: &'static str,
    title: &'static str,
    /// The key of `[service.<name>.metrics]` to write.
    metric: &'static str,
}

const AVAILABILITY: Promise =
    Promise { key: "sla.availability", title: "availability", metric: "availability_threshold" };
const ERROR_RATE: Promise =
    Promise { key: "sla.error_rate", title: "error rate", metric: "error_rate_threshold" };
const RESPONSE_TIME: Promise =
    Promise { key: "sla.response_time_p99", title: "response time", metric: "response_time_p99" };

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    // Without any environment nothing runs anywhere, so there is nothing to measure.
    if head.settings.environments.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for service in head.services.values().filter(|service| service.status != Lifecycle::Retired) {
        findings.extend(unmeasured(context, service));
        findings.extend(beyond_the_histogram(context, service));
    }
    findings
}

/// The promises of a service that no metric is for, in one finding.
fn unmeasured(context: &Context<'_>, service: &Service) -> Option<Finding> {
    // A scrape of the service itself has its requests, their errors and how long they took.
    if context.head.settings.scrape.is_some() {
        return None;
    }
    let sla = service.sla.as_ref()?;
    let metrics = service.metrics.clone().unwrap_or_default();
    let errors = metrics.error_rate.is_some();
    let open: Vec<Promise> = [
        // What fails is not available: a count of errors shows both.
        (AVAILABILITY, sla.availability.is_some(), errors || metrics.availability.is_some()),
        (ERROR_RATE, sla.error_rate.is_some(), errors),
        (RESPONSE_TIME, sla.response_time_p99.is_some(), metrics.response_time_p99.is_some()),
    ]
    .into_iter()
    .filter(|(_, promised, shown)| *promised && !*shown)
    .map(|(promise, ..)| promise)
    .collect();
    let first = open.first()?;
    let titles: Vec<_> = open.iter().map(|promise| promise.title).collect();
    let message = format!("`{}` promises {}, which nothing measures", service.name, titles.join(" and "));
    let keys: Vec<_> = open.iter().map(|promise| format!("`{}`", promise.metric)).collect();
    let help = format!(
        "set `[metrics.scrape]` in quarterdeck.toml, or add {} to `[service.{}.metrics]`",
        keys.join(" and "),
        service.name
    );
    let mut finding = context.place(RULE.finding(message), service.place(first.key), "");
    for promise in open.iter().skip(1) {
        finding = context.place(finding, service.place(promise.key), "nor this");
    }
    Some(finding.help(help))
}

/// That a service promises a response time which the last bucket of its histogram does not reach beyond: what is
/// slower than that bucket is read as its bound, so that the promise always looks kept.
fn beyond_the_histogram(context: &Context<'_>, service: &Service) -> Option<Finding> {
    let promised = service.sla.as_ref()?.response_time_p99?;
    let largest = largest_bucket(context.head, service).filter(|largest| promised >= *largest)?;
    let message = format!(
        "`{}` promises answers within {}, but its histogram ends at {} and cannot show a slower one",
        service.name,
        format_duration(promised),
        format_duration(largest)
    );
    let finding = context.place(RULE.finding(message), service.place(RESPONSE_TIME.key), "promised here");
    let finding = match service.spans.get("metrics.histogram_buckets") {
        Some(at) => context.place(finding, at, "ends here"),
        None => finding,
    };
    let bucket = format_duration(promised.checked_mul(2).unwrap_or(promised));
    Some(finding.help(format!("add a bucket above the promise, such as \"{bucket}\"")))
}

/// The largest bound of a service's histogram, its own or its project's.
fn largest_bucket(catalog: &Catalog, service: &Service) -> Option<Duration> {
    let own = service.metrics.as_ref().and_then(|metrics| metrics.histogram_buckets.iter().max());
    let of_project = || catalog.project_of(service)?.histogram_buckets.iter().max();
    own.or_else(of_project).copied()
}
