//! How many still depended on something, commit by commit of the main branch.

use super::{Migration, Outline};
use crate::domain::{
    catalog::Catalog,
    lifecycle::Lifecycle,
    name::{CommitId, ServiceName},
};
use chrono::{DateTime, Duration, NaiveTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How far the history goes back, in days; further for what has been deprecated for longer.
pub const WINDOW_DAYS: i64 = 90;

/// How far it goes back at most.
const LONGEST_DAYS: i64 = 730;

/// How many commits are read at most.
pub const MOST_POINTS: usize = 30;

/// A commit of the main branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Which.
    pub commit: CommitId,
    /// When it came to be.
    pub at: DateTime<Utc>,
}

/// Which history is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRequest {
    /// The main branch.
    pub main: String,
    /// From when on.
    pub since: DateTime<Utc>,
    /// Whose consumers.
    pub services: BTreeSet<ServiceName>,
}

impl HistoryRequest {
    /// The history that the migrations of a catalog need; `None` where nothing is going away.
    pub fn of(catalog: &Catalog, outline: &Outline, now: DateTime<Utc>) -> Option<Self> {
        if outline.migrations.is_empty() {
            return None;
        }
        let today = now.date_naive();
        let dates = outline.migrations.iter().filter_map(|migration| migration.deprecated);
        let window = today - Duration::days(WINDOW_DAYS);
        let first = dates.min().map_or(window, |deprecated| deprecated.min(window));
        // Whole days, so that it is the same request all day long.
        let since = first.max(today - Duration::days(LONGEST_DAYS)).and_time(NaiveTime::MIN).and_utc();
        Some(Self {
            main: catalog.settings.main.clone(),
            since,
            services: outline.migrations.iter().map(|migration| migration.service.clone()).collect(),
        })
    }
}

/// Who depended on what at one commit. What the catalog did not have then is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Which commit.
    pub moment: Moment,
    /// Consumers by the service that they depended on.
    pub consumers: BTreeMap<ServiceName, BTreeSet<ServiceName>>,
}

/// The history that was asked for, the oldest point first.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// What was asked for.
    pub request: HistoryRequest,
    /// What was read.
    pub points: Vec<Arc<Point>>,
    /// How many commits could not be read.
    pub unread: usize,
}

/// Who depends on `services` in a catalog. Retired services depend on nothing any more.
pub fn consumers_of(
    catalog: &Catalog,
    services: &BTreeSet<ServiceName>,
) -> BTreeMap<ServiceName, BTreeSet<ServiceName>> {
    let mut consumers: BTreeMap<ServiceName, BTreeSet<ServiceName>> = services
        .iter()
        .filter(|service| catalog.services.contains_key(*service))
        .map(|service| (service.clone(), BTreeSet::new()))
        .collect();
    for service in catalog.services.values().filter(|service| service.status != Lifecycle::Retired) {
        for dependency in service.dependencies.iter().filter(|one| one.service != service.name) {
            if let Some(known) = consumers.get_mut(&dependency.service) {
                known.insert(service.name.clone());
            }
        }
    }
    consumers
}

/// At most [`MOST_POINTS`] of `moments` (which are in the order of time): the first, and the last of each span
/// of some whole days. The spans lie fixed in time, so that a new commit does not choose all others anew.
pub fn thin(moments: Vec<Moment>) -> Vec<Moment> {
    let (Some(first), Some(last)) = (moments.first(), moments.last()) else { return moments };
    if moments.len() <= MOST_POINTS {
        return moments;
    }
    let day = |moment: &Moment| moment.at.timestamp().div_euclid(86_400);
    // Two fewer spans than points: the first moment is kept beside the last of its span, and the days that are
    // covered may begin in the middle of one.
    let spans = i64::try_from(MOST_POINTS).unwrap_or(i64::MAX) - 2;
    let width = ((day(last) - day(first)) / spans + 1).max(1);
    let span = |moment: &Moment| day(moment).div_euclid(width);
    let mut kept: Vec<Moment> = Vec::with_capacity(MOST_POINTS);
    for moment in moments {
        // The first one stays, also where it is not the last of its span.
        match kept.len() {
            2.. if kept.last().is_some_and(|before| span(before) == span(&moment)) => {
                kept.pop();
                kept.push(moment);
            }
            _ => kept.push(moment),
        }
    }
    kept
}

/// What changed between two points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The commit at which it was seen; `None` for the working tree. The change came with it, or since the point
    /// before.
    pub commit: Option<CommitId>,
    /// When that commit came to be.
    pub at: DateTime<Utc>,
    /// How many depended on it then.
    pub remaining: usize,
    /// Who does not depend on it any more.
    pub left: Vec<ServiceName>,
    /// Who depends on it since.
    pub joined: Vec<ServiceName>,
}

/// How a migration went so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// From when on it is known.
    pub since: DateTime<Utc>,
    /// How many depended on it then.
    pub at_first: usize,
    /// Every change since, the oldest first.
    pub steps: Vec<Step>,
    /// How many ever depended on it since then.
    pub total: usize,
    /// How many of them do not any more.
    pub moved: usize,
}

impl Progress {
    /// The progress of a migration; `None` where no point knows the service.
    pub(super) fn of(migration: &Migration, history: &History, now: DateTime<Utc>) -> Option<Self> {
        let window = (now - Duration::days(WINDOW_DAYS)).date_naive();
        let from = migration.deprecated.map_or(window, |deprecated| deprecated.min(window));
        let from = from.and_time(NaiveTime::MIN).and_utc();
        let known: Vec<(&Moment, &BTreeSet<ServiceName>)> = history
            .points
            .iter()
            .filter_map(|point| Some((&point.moment, point.consumers.get(&migration.service)?)))
            .collect();
        // What was before the window counts from its begin on, as it was last.
        let begin = known.iter().rposition(|(moment, _)| moment.at <= from).unwrap_or(0);
        let (first, consumers) = *known.get(begin)?;
        let mut all: BTreeSet<&ServiceName> = consumers.iter().collect();
        let mut before = consumers;
        let present: BTreeSet<ServiceName> = migration.consumers().cloned().collect();
        let mut steps = Vec::new();
        let later = known[begin + 1..]
            .iter()
            .map(|(moment, consumers)| (Some(&moment.commit), moment.at, *consumers))
            .chain([(None, now, &present)]);
        for (commit, at, consumers) in later {
            if consumers != before {
                steps.push(Step {
                    commit: commit.cloned(),
                    at,
                    remaining: consumers.len(),
                    left: before.difference(consumers).cloned().collect(),
                    joined: consumers.difference(before).cloned().collect(),
                });
            }
            all.extend(consumers);
            before = consumers;
        }
        let total = all.len();
        Some(Self {
            since: first.at.max(from),
            at_first: known[begin].1.len(),
            steps,
            total,
            moved: total - present.len(),
        })
    }

    /// How many depended on it at `count` moments, evenly from the begin until `now`.
    pub fn samples(&self, now: DateTime<Utc>, count: usize) -> Vec<usize> {
        let length = (now - self.since).max(Duration::zero());
        let last = i32::try_from(count.saturating_sub(1)).unwrap_or(i32::MAX).max(1);
        (0..=last)
            .take(count)
            .map(|index| {
                let is_last = index == last || count == 1;
                let at = if is_last { now } else { self.since + length / last * index };
                let before = self.steps.iter().take_while(|step| step.at <= at).last();
                before.map_or(self.at_first, |step| step.remaining)
            })
            .collect()
    }

    /// The most that ever depended on it at one point.
    pub fn most(&self) -> usize {
        self.steps.iter().map(|step| step.remaining).fold(self.at_first, usize::max)
    }
}
