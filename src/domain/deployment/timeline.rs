//! Deployments over time: which are worth listing, and the lanes of services with what happened on them.

use super::record::{DeploymentRecord, Ending};
use crate::domain::{
    ledger::Operations,
    name::{DeploymentId, EnvironmentName, ServiceName},
};
use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};

/// How long deployments are shown after their end.
pub const SHOWN: Duration = Duration::days(7);

/// Deployments in the order of worry: those that wait for a person or go back, those that run, and those that ended
/// within seven days, the newest first.
pub fn listed(operations: &Operations, now: DateTime<Utc>) -> Vec<&DeploymentRecord> {
    let mut records: Vec<&DeploymentRecord> = operations
        .deployments
        .values()
        .filter(|record| record.finished.as_ref().is_none_or(|finished| now - finished.at < SHOWN))
        .collect();
    records.sort_by_key(|record| {
        let worry = match (record.is_open(), record.held.is_some(), record.is_retreating()) {
            (true, true, _) => 0,
            (true, false, true) => 1,
            (true, false, false) => 2,
            (false, ..) => 3,
        };
        (
            worry,
            Reverse(record.finished.as_ref().map_or(record.started_at, |finished| finished.at)),
            record.id.clone(),
        )
    });
    records
}

/// What a mark on a lane stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkKind {
    /// A person called it off.
    Cancelled,
    /// It ended well.
    Done,
    /// It is not over.
    Open,
    /// The version before runs again.
    RolledBack,
    /// Somebody rolled the service back by hand.
    Rollback,
}

/// Something that happened on a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// What it was.
    pub kind: MarkKind,
    /// When it began.
    pub at: DateTime<Utc>,
    /// When it ended; `None` while it is not over.
    pub until: Option<DateTime<Utc>>,
    /// The version that came, or that was gone back to.
    pub version: String,
    /// Where.
    pub environments: Vec<EnvironmentName>,
    /// Which deployment; none for a rollback by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
}

/// Everything that happened to the services between two times, by service, each lane oldest first.
pub fn lanes(
    operations: &Operations,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> BTreeMap<ServiceName, Vec<Mark>> {
    let mut lanes: BTreeMap<ServiceName, Vec<Mark>> = BTreeMap::new();
    for record in operations.deployments.values() {
        let until = record.finished.as_ref().map(|finished| finished.at);
        if record.started_at >= to || until.is_some_and(|until| until < from) {
            continue;
        }
        let kind = match record.finished.as_ref().map(|finished| finished.ending) {
            None => MarkKind::Open,
            Some(Ending::Done) => MarkKind::Done,
            Some(Ending::RolledBack) => MarkKind::RolledBack,
            Some(Ending::Cancelled) => MarkKind::Cancelled,
        };
        lanes.entry(record.order.service.clone()).or_default().push(Mark {
            kind,
            at: record.started_at,
            until,
            version: record.order.version.clone(),
            environments: record.order.places.iter().map(|place| place.environment.clone()).collect(),
            deployment: Some(record.id.clone()),
        });
    }
    for past in &operations.past_rollbacks {
        let until = past.started_at + past.duration;
        if past.started_at < to && until >= from {
            lanes.entry(past.service.clone()).or_default().push(Mark {
                kind: MarkKind::Rollback,
                at: past.started_at,
                until: Some(until),
                version: past.to.clone(),
                environments: vec![past.environment.clone()],
                deployment: None,
            });
        }
    }
    for lane in lanes.values_mut() {
        lane.sort_by_key(|mark| mark.at);
    }
    lanes
}
