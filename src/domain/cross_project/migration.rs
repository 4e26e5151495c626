//! Migration status: who still depends on what is going away, by when they must be gone, and what it takes.

use super::{
    Options, Outline, ProjectUse,
    history::{History, Progress},
    outline::{User, by_project},
};
use crate::domain::{
    catalog::Service,
    lifecycle::Lifecycle,
    name::{ProjectName, ServiceName, TeamName},
};
use chrono::{DateTime, NaiveDate, Utc};
use std::{cmp::Reverse, sync::Arc};

/// A service that is going away, with those who still depend on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Migration {
    /// Which service.
    pub service: ServiceName,
    /// Its project; `None` for a shared one.
    pub project: Option<ProjectName>,
    /// Who owns it.
    pub owner: Option<TeamName>,
    /// Where it stands in its life.
    pub status: Lifecycle,
    /// What takes its place.
    pub replacement: Option<ServiceName>,
    /// Since when it is deprecated.
    pub deprecated: Option<NaiveDate>,
    /// When it will be gone.
    pub sunset: Option<NaiveDate>,
    /// Last day of support.
    pub support_until: Option<NaiveDate>,
    /// Link to the guide.
    pub guide: Option<String>,
    /// `easy`, `moderate` or `hard`.
    pub difficulty: Option<String>,
    /// Hours that one consumer needs.
    pub hours_each: Option<f64>,
    /// Who still depends on it, by project, its own included.
    pub remaining: Vec<ProjectUse>,
}

impl Migration {
    /// The name of its row.
    pub fn id(&self) -> Arc<str> {
        Arc::from(self.service.as_str())
    }

    /// How many services still depend on it.
    pub fn count(&self) -> usize {
        self.remaining.iter().map(ProjectUse::count).sum()
    }

    /// Those that still depend on it.
    pub fn consumers(&self) -> impl Iterator<Item = &ServiceName> {
        self.remaining.iter().flat_map(|used| used.required.iter().chain(&used.optional))
    }

    /// Hours until everybody has moved, if one knows what a move takes.
    pub fn hours_left(&self) -> Option<f64> {
        self.hours_each.map(|hours| hours * self.count() as f64)
    }
}

/// How soon a sunset is called near, in days.
const NEAR_DAYS: i64 = 30;

/// How a migration stands, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MigrationState {
    /// It should be gone, and somebody still depends on it.
    Overdue,
    /// It will be gone in at most 30 days, and somebody still depends on it.
    Near,
    /// Somebody depends on it, and nobody said until when that will do.
    Undated,
    /// Somebody still depends on it.
    Moving,
    /// Nobody depends on it any more.
    Done,
}

impl MigrationState {
    /// Its word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::Near => "near",
            Self::Undated => "undated",
            Self::Moving => "moving",
            Self::Done => "done",
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct MigrationRow {
    /// What the catalog says.
    pub migration: Arc<Migration>,
    /// How it stands.
    pub state: MigrationState,
    /// Days until it is gone; negative once that day is past.
    pub days_left: Option<i64>,
    /// How it went so far, once the history is read.
    pub progress: Option<Progress>,
}

impl MigrationRow {
    /// Whether somebody should look: it is due, or nobody said when.
    pub fn is_worrying(&self) -> bool {
        self.state < MigrationState::Moving
    }

    /// What the row can be found by.
    pub fn searchable(&self) -> String {
        let migration = &self.migration;
        let mut text = format!("{} {} {}", migration.service, migration.status, self.state.as_str());
        let replacement = migration.replacement.as_ref().map_or("", |service| service.as_str());
        let owner = migration.owner.as_ref().map_or("", |owner| owner.as_str());
        let projects = migration.remaining.iter().map(ProjectUse::name);
        for word in [replacement, owner].into_iter().chain(projects) {
            text.push(' ');
            text.push_str(word);
        }
        text
    }
}

/// The migration of a service, if it is going away.
pub(super) fn migration(service: &Service, users: &[User<'_>], options: Options) -> Option<Migration> {
    let is_leaving = match service.status {
        Lifecycle::Deprecated => true,
        // What is gone for long and has no user is no migration any more.
        Lifecycle::Retired => !options.only_deprecated && !users.is_empty(),
        _ => {
            !options.only_deprecated
                && (service.replacement_service.is_some() || service.sunset_date.is_some())
        }
    };
    if !is_leaving {
        return None;
    }
    let way = service.migration.as_ref();
    Some(Migration {
        service: service.name.clone(),
        project: service.project.clone(),
        owner: service.owner.clone(),
        status: service.status,
        replacement: service.replacement_service.clone(),
        deprecated: service.deprecation_date,
        sunset: service.sunset_date,
        support_until: way.and_then(|way| way.support_until).or(service.support_until),
        guide: way.and_then(|way| way.guide_url.clone()),
        difficulty: way.and_then(|way| way.migration_difficulty.clone()),
        hours_each: way.and_then(|way| way.estimated_effort_hours).filter(|hours| hours.is_finite()),
        remaining: by_project(users),
    })
}

/// The rows, the worst first, of equally bad ones the one that is due first.
pub(super) fn rows(outline: &Outline, history: Option<&History>, now: DateTime<Utc>) -> Vec<MigrationRow> {
    let today = now.date_naive();
    let mut rows: Vec<MigrationRow> = outline
        .migrations
        .iter()
        .map(|migration| {
            let days_left = migration.sunset.map(|sunset| (sunset - today).num_days());
            let state = match (migration.count(), days_left) {
                (0, _) => MigrationState::Done,
                _ if migration.status == Lifecycle::Retired => MigrationState::Overdue,
                (_, None) => MigrationState::Undated,
                (_, Some(days)) if days < 0 => MigrationState::Overdue,
                (_, Some(days)) if days <= NEAR_DAYS => MigrationState::Near,
                _ => MigrationState::Moving,
            };
            let progress = history.and_then(|history| Progress::of(migration, history, now));
            MigrationRow { migration: migration.clone(), state, days_left, progress }
        })
        .collect();
    rows.sort_by_key(|row| (row.state, row.days_left, Reverse(row.migration.count())));
    rows
}
