//! A promise that nothing measures.

use super::{Context, Rule};
use crate::domain::{
    catalog::{Catalog, MetricThresholds, Service, Sla},
    finding::{Finding, Level},
    lifecycle::Lifecycle,
    units::format_duration,
};
use chrono::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD707",
    name: "unmeasured-promise",
    level: Level::Warning,
    summary: "A service promises something, itself or by its tier, and no metric could show whether it is kept.",
    help: "A promise without data is never shown as met. Set `[metrics.scrape]` in quarterdeck.toml, or give the service `[service.<name>.metrics]` in a project's monitoring.toml with the metric that shows this very promise: `availability_threshold` or `error_rate_threshold` for availability, `error_rate_threshold` for the error rate, `response_time_p99` for the response time. A histogram whose largest bucket is not above the promised response time cannot show it either.",
    check: Some(check),
};

/// A promise and what would show whether it is kept.
struct Promise {
    key: &'static str,
    title: &'static str,
    /// The key of `[service.<name>.metrics]` to write.
    metric: &'static str,
    /// Whether an SLA makes it.
    is_made: fn(&Sla) -> bool,
    /// Whether metrics of the service's own show it.
    is_shown: fn(&MetricThresholds) -> bool,
}

const RESPONSE_TIME: &str = "sla.response_time_p99";

static PROMISES: [Promise; 3] = [
    Promise {
        key: "sla.availability",
        title: "availability",
        metric: "availability_threshold",
        is_made: |sla| sla.availability.is_some(),
        // What fails is not available: a count of errors shows both.
        is_shown: |metrics| metrics.error_rate.is_some() || metrics.availability.is_some(),
    },
    Promise {
        key: "sla.error_rate",
        title: "error rate",
        metric: "error_rate_threshold",
        is_made: |sla| sla.error_rate.is_some(),
        is_shown: |metrics| metrics.error_rate.is_some(),
    },
    Promise {
        key: RESPONSE_TIME,
        title: "response time",
        metric: "response_time_p99",
        is_made: |sla| sla.response_time_p99.is_some(),
        is_shown: |metrics| metrics.response_time_p99.is_some(),
    },
];

/// How many services are named where a tier's promise has no metric.
const NAMED: usize = 3;

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    // Without any environment nothing runs anywhere, so there is nothing to measure.
    if head.settings.environments.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut by_table = BTreeMap::new();
    for service in head.services.values().filter(|service| service.status != Lifecycle::Retired) {
        findings.extend(unmeasured(context, service, &mut by_table));
        findings.extend(beyond_the_histogram(context, service));
    }
    findings.extend(by_table.into_iter().map(|(table, (promises, services))| {
        let titles: Vec<_> = promises.iter().map(|index| PROMISES[*index].title).collect();
        let named: Vec<_> =
            services.iter().take(NAMED).map(|service| format!("`{}`", service.name)).collect();
        let more = services.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let message = format!(
            "`[sla.{table}]` promises {}, which nothing measures for {}{more}",
            titles.join(" and "),
            named.join(", "),
        );
        let finding = RULE.finding(message);
        let finding = match head.places.get(&format!("tier.{table}")) {
            Some(span) => context.place(finding, span, ""),
            None => finding,
        };
        finding.help(help(promises.iter().map(|index| &PROMISES[*index]), services.iter().take(1).copied()))
    }));
    findings
}

/// What to write so that `promises` of the first of `services` are measured.
fn help<'a>(
    promises: impl Iterator<Item = &'a Promise>,
    services: impl Iterator<Item = &'a Service>,
) -> String {
    let keys: Vec<_> = promises.map(|promise| format!("`{}`", promise.metric)).collect();
    let tables: Vec<_> = services.map(|service| format!("`[service.{}.metrics]`", service.name)).collect();
    format!(
        "set `[metrics.scrape]` in quarterdeck.toml, or add {} to {}",
        keys.join(" and "),
        tables.join(", ")
    )
}

/// By table of `policies/sla.toml`: the promises (by index) that nothing measures, and for whom.
type ByTable<'a> = BTreeMap<&'a str, (BTreeSet<usize>, Vec<&'a Service>)>;

/// The promises of a service that no metric is for: its own in one finding, those of its tier in `by_table`, where one
/// finding tells of all services of the tier.
fn unmeasured<'a>(
    context: &Context<'a>,
    service: &'a Service,
    by_table: &mut ByTable<'a>,
) -> Option<Finding> {
    // A scrape of the service itself has its requests, their errors and how long they took.
    if context.head.settings.scrape.is_some() {
        return None;
    }
    let is_shown = |promise: &Promise| service.metrics.as_deref().is_some_and(promise.is_shown);
    let mut open: Vec<&Promise> = Vec::new();
    for (index, promise) in PROMISES.iter().enumerate().filter(|(_, promise)| !is_shown(promise)) {
        if service.sla.as_ref().is_some_and(promise.is_made) {
            open.push(promise);
            continue;
        }
        let table = context.head.fallbacks(service).find(|(_, sla)| (promise.is_made)(sla));
        if let Some((table, _)) = table {
            let (promises, services) = by_table.entry(table).or_default();
            promises.insert(index);
            if services.last().is_none_or(|last| last.name != service.name) {
                services.push(service);
            }
        }
    }
    let first = open.first()?;
    let titles: Vec<_> = open.iter().map(|promise| promise.title).collect();
    let message = format!("`{}` promises {}, which nothing measures", service.name, titles.join(" and "));
    let mut finding = context.place(RULE.finding(message), service.place(first.key), "");
    for promise in open.iter().skip(1) {
        finding = context.place(finding, service.place(promise.key), "nor this");
    }
    Some(finding.help(help(open.into_iter(), std::iter::once(service))))
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
    let finding = context.place(RULE.finding(message), service.place(RESPONSE_TIME), "promised here");
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
