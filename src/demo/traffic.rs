//! What the services of an environment have served: counters that follow the versions that run.
//!
//! Nothing ticks. Each service has totals up to the last change of what runs, and a mixture of
//! versions since; what is asked for is computed for the moment of asking.

use super::{
    clock::Time,
    estate::{Environment, Quality, SERVICES, Service},
    manifests, noise,
    scenario::Scenario,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    f64::consts::TAU,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Upper bounds of the latency histogram, in seconds; `+Inf` is the total.
pub const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How steep the latency distribution is; with 5, the 99th percentile is 2.5 times the median.
const STEEPNESS: f64 = 5.0;

/// How many days of history the counters begin with.
const HISTORY_DAYS: i64 = 30;

/// An error ratio from which a service counts as failing (its budget is 0.1 %).
pub const FAILING: f64 = 0.001;

/// What one version of a service has served.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals {
    /// All requests.
    pub requests: f64,
    /// Those answered with a 5xx code.
    pub errors: f64,
    /// Those that took at most each of [`BOUNDS`].
    pub within: [f64; BOUNDS.len()],
    /// The time of all requests together, seconds.
    pub seconds: f64,
    /// The part of a request that has come so far. Half a request is no evidence of anything.
    begun: f64,
}

/// How a service does at the moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Share of requests answered with a 5xx code.
    pub error_ratio: f64,
    /// The version that most pods run.
    pub version: String,
    /// Since when the ratio is at or above [`FAILING`]; none when it is below.
    pub failing_since: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct Series {
    service: &'static Service,
    seed: u64,
    since: f64,
    shares: BTreeMap<String, f64>,
    totals: BTreeMap<String, Totals>,
    failing_since: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct Inner {
    qualities: BTreeMap<(String, String), Quality>,
    series: BTreeMap<&'static str, Series>,
}

/// The traffic of one environment.
#[derive(Debug)]
pub struct Traffic {
    environment: Environment,
    time: Time,
    inner: Mutex<Inner>,
}

impl Traffic {
    /// Thirty days of history of everything that runs in `environment`.
    pub fn new(environment: Environment, scenario: Scenario, time: Time, seed: u64) -> Self {
        let bad = scenario.bad().iter().map(|bad| (bad.environment, bad.service, bad.version, bad.quality));
        let coming = scenario.coming().iter();
        let coming = coming.map(|bad| (bad.environment, bad.service, bad.version, bad.quality));
        let qualities = bad
            .chain(coming)
            .filter(|(place, ..)| *place == environment)
            .map(|(_, service, version, quality)| ((service.to_owned(), version.to_owned()), quality))
            .collect();
        let mut inner = Inner { qualities, series: BTreeMap::new() };
        for service in SERVICES.iter().filter(|service| service.runs_in(environment)) {
            let since = manifests::deployed_at(scenario, environment, service, time.origin());
            let start = time.origin() - TimeDelta::days(HISTORY_DAYS);
            let mut series = Series {
                service,
                seed: noise::hash(seed, &[service.name, environment.name()]),
                since: 0.0,
                shares: BTreeMap::new(),
                totals: BTreeMap::new(),
                failing_since: None,
            };
            let versions = service.deployed(environment);
            let (running, before) = (versions[versions.len() - 1], versions.iter().rev().nth(1));
            let change = since.max(start);
            let seconds =
                |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).num_milliseconds() as f64 / 1000.0;
            let rate = service.rate_in(environment);
            for (version, length) in [
                (before.copied().unwrap_or(running), seconds(start, change)),
                (running, seconds(change, time.origin())),
            ] {
                let quality = inner.quality(service.name, version);
                let requests = rate * length;
                let totals = series.totals.entry(version.to_owned()).or_default();
                totals.add(service, quality, requests, requests * quality.error_ratio);
            }
            series.shares.insert(running.to_owned(), 1.0);
            // An alert needs some minutes to be sure.
            let quality = inner.quality(service.name, running);
            series.failing_since = (quality.error_ratio >= FAILING).then(|| since + TimeDelta::minutes(5));
            inner.series.insert(service.name, series);
        }
        Self { environment, time, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a version behaves.
    pub fn quality(&self, service: &str, version: &str) -> Quality {
        self.lock().quality(service, version)
    }

    /// Decides how a version behaves from now on.
    pub fn set_quality(&self, service: &str, version: &str, quality: Quality) {
        let now = self.time.elapsed();
        let mut inner = self.lock();
        inner.settle(service, self.environment, now);
        inner.qualities.insert((service.to_owned(), version.to_owned()), quality);
        inner.judge(service, self.time.now());
    }

    /// Divides each service's requests among its ready pods, from now on.
    pub fn follow(&self, pods: &[Arc<Value>]) {
        self.route(pods, &[], &[]);
    }

    /// The same, by the selectors of `services` and by the weights of `rollouts` that route traffic.
    pub fn route(&self, pods: &[Arc<Value>], services: &[Arc<Value>], rollouts: &[Arc<Value>]) {
        let find = |objects: &'_ [Arc<Value>], name: &str| {
            objects.iter().find(|object| object["metadata"]["name"] == name).cloned()
        };
        let mut ready: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for pod in pods.iter().filter(|pod| manifests::is_ready(pod)) {
            let labels = &pod["metadata"]["labels"];
            if let Some(service) = labels["app.kubernetes.io/name"].as_str() {
                ready.entry(service).or_default().push(labels);
            }
        }
        let mut ready: BTreeMap<&str, BTreeMap<String, f64>> = ready
            .into_iter()
            .map(|(name, mut pods)| {
                if let Some(service) = find(services, name) {
                    let selector = service["spec"]["selector"].as_object().cloned().unwrap_or_default();
                    pods.retain(|labels| selector.iter().all(|(key, value)| labels[key] == *value));
                }
                (name, shares(&pods, find(rollouts, name).as_deref()))
            })
            .collect();
        let now = self.time.elapsed();
        let mut inner = self.lock();
        let names: Vec<&'static str> = inner.series.keys().copied().collect();
        for name in names {
            let mut shares = ready.remove(name).unwrap_or_default();
            let all: f64 = shares.values().sum();
            for share in shares.values_mut() {
                *share /= all;
            }
            if inner.series.get(name).is_some_and(|series| series.shares == shares) {
                continue;
            }
            inner.settle(name, self.environment, now);
            if let Some(series) = inner.series.get_mut(name) {
                series.shares = shares;
            }
            inner.judge(name, self.time.now());
        }
    }

    /// What `service` has served up to now, by version; none when no pod of it could answer.
    pub fn totals(&self, service: &str) -> Option<BTreeMap<String, Totals>> {
        let now = self.time.elapsed();
        let mut inner = self.lock();
        if inner.series.get(service)?.shares.is_empty() {
            return None;
        }
        inner.settle(service, self.environment, now);
        inner.series.get(service).map(|series| series.totals.clone())
    }

    /// What share of the requests to `service` each version gets now.
    pub fn shares(&self, service: &str) -> BTreeMap<String, f64> {
        self.lock().series.get(service).map(|series| series.shares.clone()).unwrap_or_default()
    }

    /// How `service` does now; none when it does not run here.
    pub fn condition(&self, service: &str) -> Option<Condition> {
        let inner = self.lock();
        let series = inner.series.get(service)?;
        let most = series.shares.iter().max_by(|one, other| one.1.total_cmp(other.1));
        Some(Condition {
            error_ratio: inner.error_ratio(series),
            version: most.map(|(version, _)| version.clone()).unwrap_or_default(),
            failing_since: series.failing_since,
        })
    }
}

impl Inner {
    fn quality(&self, service: &str, version: &str) -> Quality {
        let key = (service.to_owned(), version.to_owned());
        self.qualities.get(&key).copied().unwrap_or_else(|| {
            // No two services are equally good: between a fifth and one and a half of the usual errors.
            let factor = 0.2 + 1.3 * noise::unit(noise::hash(0, &[service]));
            Quality { error_ratio: Quality::GOOD.error_ratio * factor, ..Quality::GOOD }
        })
    }

    fn error_ratio(&self, series: &Series) -> f64 {
        series
            .shares
            .iter()
            .map(|(version, share)| share * self.quality(series.service.name, version).error_ratio)
            .sum()
    }

    fn judge(&mut self, service: &str, now: DateTime<Utc>) {
        let Some(series) = self.series.get(service) else { return };
        let failing = self.error_ratio(series) >= FAILING;
        let since = failing.then(|| series.failing_since.unwrap_or(now));
        if let Some(series) = self.series.get_mut(service) {
            series.failing_since = since;
        }
    }

    /// Adds what was served since the last time to the totals.
    fn settle(&mut self, service: &str, environment: Environment, now: f64) {
        let Some(series) = self.series.get(service) else { return };
        let rate = series.service.rate_in(environment);
        let requests = rate * (wave(series.seed, now) - wave(series.seed, series.since));
        // Errors come in a rhythm of their own, or the ratio would be a ruler's line.
        let other = noise::mix(series.seed);
        let faults = rate * (wave(other, now) - wave(other, series.since));
        let parts: Vec<(String, f64, Quality)> = series
            .shares
            .iter()
            .map(|(version, share)| (version.clone(), *share, self.quality(service, version)))
            .collect();
        let Some(series) = self.series.get_mut(service) else { return };
        series.since = now;
        for (version, share, quality) in parts {
            let served = requests * share;
            let errors = if quality.error_ratio < 1.0 {
                (faults * share * quality.error_ratio).min(served)
            } else {
                served
            };
            series.totals.entry(version).or_default().add(series.service, quality, served, errors);
        }
    }
}

impl Totals {
    fn add(&mut self, service: &Service, quality: Quality, requests: f64, errors: f64) {
        let median = service.median / 1000.0 * quality.latency_factor;
        let ratio = if requests > 0.0 { errors / requests } else { 0.0 };
        let come = self.begun + requests;
        let requests = come.floor();
        self.begun = come - requests;
        self.requests += requests;
        self.errors += requests * ratio;
        for (count, bound) in self.within.iter_mut().zip(BOUNDS) {
            *count += requests / (1.0 + (median / bound).powf(STEEPNESS));
        }
        // The mean of a log-logistic distribution.
        let angle = std::f64::consts::PI / STEEPNESS;
        self.seconds += requests * median * angle / angle.sin();
    }
}

/// What each version gets of the requests to a service's pods with these labels: as much as it has pods, or
/// as its Rollout's weights say.
fn shares(pods: &[&Value], rollout: Option<&Value>) -> BTreeMap<String, f64> {
    let weights = rollout.map(|rollout| &rollout["status"]["canary"]["weights"]["canary"]);
    let canary = |labels: &Value| {
        weights.is_some_and(|weights| {
            let hash = &weights["podTemplateHash"];
            hash.is_string() && labels["rollouts-pod-template-hash"] == *hash
        })
    };
    let canaries = pods.iter().filter(|labels| canary(labels)).count();
    let rest = pods.len() - canaries;
    let weight = weights.and_then(|weights| weights["weight"].as_f64()).map(|weight| weight / 100.0);
    let mut shares = BTreeMap::new();
    for labels in pods {
        let Some(version) = labels["app.kubernetes.io/version"].as_str() else { continue };
        let share = match weight {
            Some(weight) if canaries > 0 && rest > 0 && canary(labels) => weight / canaries as f64,
            Some(weight) if canaries > 0 && rest > 0 => (1.0 - weight) / rest as f64,
            _ => 1.0 / pods.len() as f64,
        };
        *shares.entry(version.to_owned()).or_default() += share;
    }
    // A version that is there and gets nothing has no traffic at all.
    shares.retain(|_, share: &mut f64| *share > 0.0);
    shares
}

/// The integral, from zero to `at` seconds, of a rate that swings around one by a fifth.
fn wave(seed: u64, at: f64) -> f64 {
    let swing = |amplitude: f64, period: f64, part: u64| {
        let phase = TAU * noise::unit(seed.wrapping_add(part));
        let angular = TAU / period;
        amplitude / angular * (phase.cos() - (angular * at + phase).cos())
    };
    at + swing(0.12, 37.0, 1) + swing(0.08, 11.0, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic() -> Traffic {
        let time = Time::starting_at(DateTime::from_timestamp(1_790_000_000, 0).expect("a date"));
        Traffic::new(Environment::Production, Scenario::BadRelease, time, 1)
    }

    fn lifetime_availability(traffic: &Traffic, service: &str) -> f64 {
        let totals = traffic.totals(service).expect("served");
        let sum = |of: fn(&Totals) -> f64| totals.values().map(of).sum::<f64>();
        1.0 - sum(|totals| totals.errors) / sum(|totals| totals.requests)
    }

    #[tokio::test]
    async fn history_meets_the_promise_where_nothing_is_wrong_and_breaks_it_where_it_is() {
        let traffic = traffic();
        assert!(lifetime_availability(&traffic, "cart") > 0.999_5);
        assert!(lifetime_availability(&traffic, "shared-auth") < 0.999);
        assert!(traffic.condition("shared-auth").expect("runs").failing_since.is_some());
        assert!(traffic.condition("cart").expect("runs").failing_since.is_none());
        assert_eq!(traffic.condition("device-twin"), None);
    }

    #[test]
    fn traffic_follows_pods_selectors_and_weights() {
        let labels = |version: &str, hash: &str| {
            serde_json::json!({ "app.kubernetes.io/name": "s", "app.kubernetes.io/version": version,
                                "rollouts-pod-template-hash": hash })
        };
        let (old, new) = (labels("1.0.0", "a"), labels("1.1.0", "b"));
        let of = |pods: &[&Value], rollout: Option<&Value>| {
            shares(pods, rollout).into_iter().collect::<Vec<(String, f64)>>()
        };
        let share = |one: f64, other: f64| {
            let both = [("1.0.0".to_owned(), one), ("1.1.0".to_owned(), other)];
            both.into_iter().filter(|(_, share)| *share > 0.0).collect::<Vec<_>>()
        };
        assert_eq!(of(&[&old, &old, &old, &new], None), share(0.75, 0.25));
        let weighted = |weight: u32| {
            serde_json::json!({ "status": { "canary": { "weights": {
                "canary": { "weight": weight, "podTemplateHash": "b" } } } } })
        };
        assert_eq!(of(&[&old, &new], Some(&weighted(5))), share(0.95, 0.05));
        assert_eq!(of(&[&old, &new], Some(&weighted(0))), share(1.0, 0.0));
        // One that has no pods gets nothing, whatever the weights say.
        assert_eq!(of(&[&old], Some(&weighted(100))), share(1.0, 0.0));
        assert_eq!(of(&[], None), []);
    }

    #[test]
    fn rates_are_always_positive() {
        for seed in 0..20 {
            for step in 0..400 {
                let at = f64::from(step) * 0.25;
                assert!(wave(seed, at + 0.25) > wave(seed, at), "seed {seed} at {at}");
            }
        }
    }

    #[tokio::test]
    async fn a_rollback_cures_new_requests_at_once() {
        let traffic = traffic();
        let pod = |version: &str| {
            let mut pod = serde_json::json!({ "metadata": { "name": "p", "labels": {
                "app.kubernetes.io/name": "shared-auth", "app.kubernetes.io/version": version } } });
            manifests::mark_ready(&mut pod, "2026-01-01T00:00:00Z");
            Arc::new(pod)
        };
        // The ratio over the ten seconds after what was counted last; the clock is the test's.
        let ratio_over_ten_seconds = |traffic: &Traffic| {
            let mut inner = traffic.lock();
            let sums = |inner: &Inner| {
                let totals = inner.series["shared-auth"].totals.values();
                totals.fold((0.0, 0.0), |sum, part| (sum.0 + part.errors, sum.1 + part.requests))
            };
            let before = sums(&inner);
            let now = inner.series["shared-auth"].since + 10.0;
            inner.settle("shared-auth", Environment::Production, now);
            let after = sums(&inner);
            (after.0 - before.0) / (after.1 - before.1)
        };
        traffic.follow(&[pod("1.3.0")]);
        assert!(ratio_over_ten_seconds(&traffic) > 0.02);
        traffic.follow(&[pod("1.2.3")]);
        assert!(ratio_over_ten_seconds(&traffic) < 0.001);
        assert_eq!(traffic.condition("shared-auth").expect("runs").failing_since, None);
        traffic.follow(&[]);
        assert_eq!(traffic.totals("shared-auth"), None);
    }
}
