//! How often deployments fail and how long it takes to get over it, by the definitions of DORA.

use super::{
    record::{DeploymentRecord, Ending},
    recovery::Recovery,
};
use crate::domain::{
    ledger::Operations,
    name::{DeploymentId, EnvironmentName, ServiceName},
};
use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is counted of one service.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ServiceFigures {
    /// Deployments to production that ended, or failed and are not over.
    pub deployments: usize,
    /// Of them those that failed, each once.
    pub failed: usize,
    /// Rollbacks: those of deployments, and those by hand.
    pub rollbacks: usize,
    /// Recovery times of failed deployments that are over, in seconds, shortest first.
    pub recoveries: Vec<i64>,
    /// Failed deployments that are not recovered from: how long they last already, in seconds. The true time is
    /// longer, so they are in no median.
    pub censored: Vec<i64>,
}

impl ServiceFigures {
    /// Share of deployments to production that failed; `None` without any.
    pub fn failure_rate(&self) -> Option<f64> {
        (self.deployments > 0).then(|| self.failed as f64 / self.deployments as f64)
    }

    /// Median recovery time of those that are over; `None` without any.
    pub fn median_recovery(&self) -> Option<Duration> {
        let middle = self.recoveries.get(self.recoveries.len() / 2)?;
        let seconds = if self.recoveries.len().is_multiple_of(2) {
            i64::midpoint(*self.recoveries.get(self.recoveries.len() / 2 - 1)?, *middle)
        } else {
            *middle
        };
        Some(Duration::seconds(seconds))
    }

    fn add(&mut self, other: &Self) {
        self.deployments += other.deployments;
        self.failed += other.failed;
        self.rollbacks += other.rollbacks;
        self.recoveries.extend(&other.recoveries);
        self.recoveries.sort_unstable();
        self.censored.extend(&other.censored);
    }
}

/// What is counted of all services since a time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// By service.
    pub services: BTreeMap<ServiceName, ServiceFigures>,
    /// All together.
    pub total: ServiceFigures,
}

/// Counts what happened since a time. A change failed when its deployment to production was rolled back, be it by
/// itself or by hand within its watch; the change failure rate is their share among all deployments to
/// production, and the recovery time runs from the failure to the verified end of the rollback.
pub fn count(
    operations: &Operations,
    is_production: impl Fn(&EnvironmentName) -> bool,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Statistics {
    let mut statistics = Statistics::default();
    // A rollback by hand counts against the deployment that it undid, once.
    let mut undone: BTreeMap<DeploymentId, i64> = BTreeMap::new();
    for rollback in operations.past_rollbacks.iter().filter(|past| is_production(&past.environment)) {
        if rollback.started_at < since {
            continue;
        }
        statistics.services.entry(rollback.service.clone()).or_default().rollbacks += 1;
        let blamed = operations.deployments.values().rev().find(|record| {
            record.order.service == rollback.service
                && record.order.place(&rollback.environment).is_some()
                && record.order.version == rollback.from
                && record.started_at <= rollback.started_at
        });
        if let Some(record) = blamed.filter(|record| record.failed.is_none()) {
            undone.entry(record.id.clone()).or_insert_with(|| rollback.duration.num_seconds());
        }
    }
    for record in operations.deployments.values().filter(|record| record.order.production) {
        if record.last_at < since || !counts(record) {
            continue;
        }
        let figures = statistics.services.entry(record.order.service.clone()).or_default();
        figures.deployments += 1;
        if let Some(seconds) = undone.get(&record.id) {
            figures.failed += 1;
            figures.recoveries.push(*seconds);
        } else if let Some(failed) = &record.failed {
            figures.failed += 1;
            figures.rollbacks += 1;
            match &record.finished {
                Some(finished) => {
                    figures.recoveries.push((back_at(record, finished.at) - failed.at).num_seconds().max(0));
                }
                None => figures.censored.push((now - failed.at).num_seconds().max(0)),
            }
        }
    }
    for figures in statistics.services.values_mut() {
        figures.recoveries.sort_unstable();
        statistics.total.add(figures);
    }
    statistics
}

/// Whether a deployment is one that counts: it reached production and ended, or failed there.
fn counts(record: &DeploymentRecord) -> bool {
    match &record.finished {
        Some(finished) => finished.ending != Ending::Cancelled,
        None => record.failed.is_some(),
    }
}

/// When what ran before was seen to run again; where nobody saw it, when the deployment ended.
fn back_at(record: &DeploymentRecord, end: DateTime<Utc>) -> DateTime<Utc> {
    Recovery::of(record).and_then(|recovery| recovery.restored_at).unwrap_or(end)
}

/// How many times a service was rolled back in production since a time.
pub fn rollbacks_since(operations: &Operations, service: &ServiceName, since: DateTime<Utc>) -> usize {
    let own = operations.deployments.values().filter(|record| {
        record.order.service == *service
            && record.order.production
            && record.failed.as_ref().is_some_and(|failed| failed.at >= since)
    });
    let by_hand =
        operations.past_rollbacks.iter().filter(|past| past.service == *service && past.started_at >= since);
    own.count() + by_hand.count()
}

/// How long rollbacks of a service took: the median of those that ended well, of this service or else of all.
pub fn expected_rollback(operations: &Operations, service: &ServiceName) -> Option<Duration> {
    let times = |all: bool| {
        let mut seconds: Vec<i64> = operations
            .past_rollbacks
            .iter()
            .filter(|past| past.verdict == crate::domain::ledger::Verdict::Pass)
            .filter(|past| all || past.service == *service)
            .map(|past| past.duration.num_seconds())
            .collect();
        seconds.sort_unstable();
        seconds.get(seconds.len() / 2).copied()
    };
    times(false).or_else(|| times(true)).map(Duration::seconds)
}
