//! The versions that failed in production in the last thirty days and were taken back.

use crate::domain::{
    deployment::{
        order::Stage,
        record::Figures,
        release::{ReleaseStep, Strategy},
    },
    escalation::Severity,
};
use chrono::{DateTime, TimeDelta, Utc};

/// How a failure was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A leg of the deployment failed, and it went back by itself.
    At(Stage),
    /// A person rolled it back when its watch was over.
    ByHand,
}

/// A version that failed.
#[derive(Debug)]
pub struct FailedVersion {
    /// The service.
    pub service: &'static str,
    /// Which version.
    pub version: &'static str,
    /// The version before, which ran again.
    pub from: &'static str,
    /// How many hours ago it came to the main branch.
    hours: i64,
    /// How many minutes after that it failed.
    minutes: i64,
    /// Who released it.
    pub starter: &'static str,
    /// How it went out.
    pub strategy: fn() -> Strategy,
    /// Where it failed.
    pub found: Found,
    /// What was seen.
    pub detail: &'static str,
    /// What was measured, if anything: error ratio and 99th percentile, and those of the version before.
    measured: Option<(f64, f64, f64, f64)>,
    /// How bad it was.
    pub severity: Severity,
    /// What was found to be the cause.
    pub cause: &'static str,
}

impl FailedVersion {
    /// When it came to the main branch.
    pub fn released(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::hours(self.hours)
    }

    /// When its deployment to production was started.
    pub fn started(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.released(now) + TimeDelta::hours(2)
    }

    /// When it failed.
    pub fn failed(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.released(now) + TimeDelta::minutes(self.minutes)
    }

    /// When the main branch said the version before again.
    pub fn settled(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.failed(now) + TimeDelta::minutes(4)
    }

    /// What was measured.
    pub fn figures(&self) -> Option<Figures> {
        self.measured.map(|(errors, p99, errors_before, p99_before)| Figures {
            requests: 1_430.0,
            error_ratio: Some(errors),
            p99: Some(p99),
            baseline_error_ratio: Some(errors_before),
            baseline_p99: Some(p99_before),
        })
    }
}

/// All of them, the oldest first.
pub const FAILURES: &[FailedVersion] = &[
    FailedVersion {
        service: "rate-limiter",
        version: "1.0.7",
        from: "1.0.6",
        hours: 560,
        minutes: 148,
        starter: "k-ito",
        strategy: || Strategy::Immediate,
        found: Found::At(Stage::Postcheck),
        detail: "metrics (fail): 2 of 3 intervals failed, last: p99 61ms is above 20ms, p99 61ms beside 5ms",
        measured: Some((0.000_3, 0.061, 0.000_2, 0.005)),
        severity: Severity::Critical,
        cause: "each call opened a connection to the cache of its own",
    },
    FailedVersion {
        service: "order-worker",
        version: "2.2.9",
        from: "2.2.8",
        hours: 520,
        minutes: 2_460,
        starter: "d-silva",
        strategy: || Strategy::Immediate,
        found: Found::ByHand,
        detail: "orders of two days wait in the queue",
        measured: None,
        severity: Severity::High,
        cause: "an order without a telephone number was tried for ever",
    },
    FailedVersion {
        service: "notification-service",
        version: "1.5.4",
        from: "1.5.3",
        hours: 400,
        minutes: 151,
        starter: "s-novak",
        strategy: || Strategy::BlueGreen,
        found: Found::At(Stage::Analysis(ReleaseStep::Switch)),
        detail: "2 of 3 intervals failed, last: errors 7.9% are above 0.5%, errors 7.9% beside 0.02%",
        measured: Some((0.079, 0.118, 0.000_2, 0.1)),
        severity: Severity::High,
        cause: "the new mail provider refuses more than ten messages a second",
    },
    FailedVersion {
        service: "catalog-search",
        version: "1.3.8",
        from: "1.3.7",
        hours: 133,
        minutes: 150,
        starter: "p-martin",
        strategy: || Strategy::Canary { weights: vec![5, 25, 50] },
        found: Found::At(Stage::Analysis(ReleaseStep::Weight(5))),
        detail: "2 of 3 intervals failed, last: errors 4.1% are above 0.1%, errors 4.1% beside 0.02%",
        measured: Some((0.041, 0.052, 0.000_2, 0.048)),
        severity: Severity::Critical,
        cause: "an index that only production has was not built before the release",
    },
    FailedVersion {
        service: "project-a-frontend",
        version: "2.0.6",
        from: "2.0.5",
        hours: 63,
        minutes: 208,
        starter: "a-chen",
        strategy: || Strategy::Canary { weights: vec![5, 25, 50] },
        found: Found::At(Stage::Watch),
        detail: "2 of 3 intervals failed, last: p99 412ms is above 180ms, p99 412ms beside 61ms",
        measured: Some((0.000_2, 0.412, 0.000_2, 0.061)),
        severity: Severity::Critical,
        cause: "pictures were scaled on each request once the cache was full",
    },
];
