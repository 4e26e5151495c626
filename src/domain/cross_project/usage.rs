//! Shared service usage: who uses what, from which project, and how much hangs on it.

use super::{Observed, Outline, ProjectUse};
use crate::domain::{
    catalog::{Service, Tier},
    lifecycle::Lifecycle,
    name::{ProjectName, ServiceName, TeamName},
    sla::SlaVerdict,
};
use chrono::NaiveDate;
use std::{cmp::Reverse, sync::Arc};

/// That a service goes away, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deprecation {
    /// Since when, or from when on.
    pub since: Option<NaiveDate>,
    /// When it will be gone.
    pub sunset: Option<NaiveDate>,
    /// What takes its place.
    pub replacement: Option<ServiceName>,
}

impl Deprecation {
    /// The deprecation of a service, if it is deprecated, retired, or said to be so one day.
    pub(super) fn of(service: &Service) -> Option<Self> {
        let is_leaving = matches!(service.status, Lifecycle::Deprecated | Lifecycle::Retired);
        (is_leaving || service.deprecation_date.is_some()).then(|| Self {
            since: service.deprecation_date,
            sunset: service.sunset_date,
            replacement: service.replacement_service.clone(),
        })
    }

    /// Days until it is gone at `today`; negative once that day is past.
    pub fn days_left(&self, today: NaiveDate) -> Option<i64> {
        self.sunset.map(|sunset| (sunset - today).num_days())
    }
}

/// A service that may be used across projects, with its users in other projects than its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Which service.
    pub service: ServiceName,
    /// The project it belongs to; `None` for those that all share.
    pub project: Option<ProjectName>,
    /// Who owns it.
    pub owner: Option<TeamName>,
    /// Where it stands in its life.
    pub status: Lifecycle,
    /// Its users by project, the project with the most users first.
    pub projects: Vec<ProjectUse>,
    /// How many services cannot work without it.
    pub required: usize,
    /// How many services use it and can work without.
    pub optional: usize,
    /// Those that cannot work without it, by tier in the order of [`Tier::ALL`].
    pub tiers: [usize; Tier::ALL.len()],
    /// That it goes away; `None` also where deprecations are not to be shown.
    pub deprecation: Option<Deprecation>,
}

impl Usage {
    /// The name of its row.
    pub fn id(&self) -> Arc<str> {
        Arc::from(self.service.as_str())
    }

    /// What its row can be found by.
    pub fn searchable(&self) -> String {
        let mut text = format!("{} {}", self.service, self.status);
        let project = self.project.as_ref().map_or("shared", |project| project.as_str());
        let owner = self.owner.as_ref().map_or("", |owner| owner.as_str());
        for word in [project, owner].into_iter().chain(self.projects.iter().map(ProjectUse::name)) {
            text.push(' ');
            text.push_str(word);
        }
        text
    }

    /// How many services use it.
    pub const fn users(&self) -> usize {
        self.required + self.optional
    }

    /// The most important tier of those that cannot work without it.
    pub fn highest_tier(&self) -> Option<Tier> {
        Tier::ALL.into_iter().zip(self.tiers).find(|(_, count)| *count > 0).map(|(tier, _)| tier)
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageRow {
    /// What the catalog says.
    pub usage: Arc<Usage>,
    /// How the service keeps its promise where that matters most.
    pub verdict: SlaVerdict,
    /// Whether it should be gone, and is still used.
    pub is_overdue: bool,
}

impl UsageRow {
    /// Whether somebody should look: it is used, and it fails, burns or goes away.
    pub fn is_worrying(&self) -> bool {
        self.usage.users() > 0 && self.rank() < 3
    }

    /// The order of worry: failing or overdue, burning, going away, without data, well, unused.
    fn rank(&self) -> u8 {
        if self.usage.users() == 0 {
            return 5;
        }
        match self.verdict {
            SlaVerdict::Violated => 0,
            _ if self.is_overdue => 0,
            SlaVerdict::Burning => 1,
            _ if self.usage.deprecation.is_some() => 2,
            SlaVerdict::NoData => 3,
            SlaVerdict::Met => 4,
        }
    }
}

/// The rows, the worst first, of equally bad ones the most used first.
pub(super) fn rows(outline: &Outline, observed: &dyn Observed, today: NaiveDate) -> Vec<UsageRow> {
    let mut rows: Vec<UsageRow> = outline
        .usage
        .iter()
        .map(|usage| {
            let deprecation = usage.deprecation.as_ref();
            let is_past = deprecation.and_then(|gone| gone.days_left(today)).is_some_and(|days| days < 0);
            UsageRow {
                verdict: observed.verdict(&usage.service),
                is_overdue: usage.users() > 0
                    && (is_past || deprecation.is_some() && usage.status == Lifecycle::Retired),
                usage: usage.clone(),
            }
        })
        .collect();
    // The outline is in the order of names, and a stable sort keeps it.
    rows.sort_by_key(|row| (row.rank(), Reverse(row.usage.users())));
    rows
}
