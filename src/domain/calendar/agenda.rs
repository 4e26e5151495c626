//! What stands in the calendar between two moments: freezes, windows, what was done, and what ends on a day.

use super::{EntryKind, Schedule};
use crate::domain::{
    break_glass,
    catalog::Catalog,
    deployment::record::{Ending, Finished},
    ledger::Operations,
    name::{ChangeId, EnvironmentName, ProjectName, ServiceName},
};
use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgendaKind {
    /// A freeze.
    Freeze,
    /// A window.
    Window,
    /// A change was merged.
    Merge,
    /// A service was rolled back.
    Rollback,
    /// A post-mortem is due: of broken glass, or of an incident.
    PostMortem,
    /// A service becomes deprecated.
    Deprecation,
    /// A service ends.
    Sunset,
    /// The support of a service ends.
    SupportEnd,
}

impl AgendaKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Freeze,
        Self::Window,
        Self::Merge,
        Self::Rollback,
        Self::PostMortem,
        Self::Deprecation,
        Self::Sunset,
        Self::SupportEnd,
    ];

    /// The word for people and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Window => "window",
            Self::Merge => "merge",
            Self::Rollback => "rollback",
            Self::PostMortem => "post-mortem",
            Self::Deprecation => "deprecation",
            Self::Sunset => "sunset",
            Self::SupportEnd => "support-end",
        }
    }
}

/// One line of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgendaEntry {
    /// What kind.
    pub kind: AgendaKind,
    /// When it begins.
    pub start: DateTime<Utc>,
    /// When it ends; `None` for what is at one moment.
    pub end: Option<DateTime<Utc>>,
    /// Whether it is a day and no time of it.
    pub all_day: bool,
    /// What it is called: the entry's name, the change, the service.
    pub title: String,
    /// What more there is to say.
    pub detail: Option<String>,
    /// Where it holds; everywhere when empty.
    pub environments: Vec<EnvironmentName>,
    /// For which projects; for all when empty.
    pub projects: Vec<ProjectName>,
    /// Which service it is about, if one.
    pub service: Option<ServiceName>,
    /// Which change it is about, if one.
    pub change: Option<ChangeId>,
}

impl AgendaEntry {
    fn new(kind: AgendaKind, start: DateTime<Utc>, title: impl Into<String>) -> Self {
        Self {
            kind,
            start,
            end: None,
            all_day: false,
            title: title.into(),
            detail: None,
            environments: Vec::new(),
            projects: Vec::new(),
            service: None,
            change: None,
        }
    }

    /// The days that it touches, in UTC: the first and the last.
    pub fn days(&self) -> (NaiveDate, NaiveDate) {
        let first = self.start.date_naive();
        // Its end is no part of it: what ends at midnight does not touch that day.
        let last = self.end.map_or(first, |end| (end - Duration::nanoseconds(1)).date_naive());
        (first, last.max(first))
    }

    /// Where it holds, in words; the empty text for everywhere.
    pub fn scope(&self) -> String {
        let environments = self.environments.iter().map(EnvironmentName::as_str);
        let projects = self.projects.iter().map(ProjectName::as_str);
        let (environments, projects) =
            (environments.collect::<Vec<_>>().join(", "), projects.collect::<Vec<_>>().join(", "));
        match (environments.is_empty(), projects.is_empty()) {
            (_, true) => environments,
            (true, false) => projects,
            (false, false) => format!("{environments} of {projects}"),
        }
    }
}

/// The lines between two moments, and what of the calendar cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agenda {
    /// In the order of their beginnings.
    pub entries: Vec<AgendaEntry>,
    /// Entries that cannot be read, each with the reason.
    pub problems: Vec<String>,
}

impl Agenda {
    /// What stands in the calendar from `from` to `to`, which is no part of it.
    pub fn new(catalog: &Catalog, operations: &Operations, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        let schedule = Schedule::new(catalog, from, to);
        let mut entries = Vec::new();
        for known in &schedule.entries {
            let kind = match known.entry.kind {
                EntryKind::Freeze => AgendaKind::Freeze,
                EntryKind::Window => AgendaKind::Window,
            };
            for time in known.times.iter().flatten() {
                entries.push(AgendaEntry {
                    end: Some(time.end),
                    detail: known.entry.reason.clone(),
                    environments: known.entry.environments.clone(),
                    projects: known.entry.projects.clone(),
                    ..AgendaEntry::new(kind, time.start, &known.entry.name)
                });
            }
        }
        let within = |at: DateTime<Utc>| at >= from && at < to;
        done(operations, &mut entries);
        planned(catalog, &mut entries);
        entries.retain(|entry| entry.end.is_some() || within(entry.start) || is_running(entry, from));
        entries.sort_by(|one, two| (one.start, one.kind, &one.title).cmp(&(two.start, two.kind, &two.title)));
        Self { entries, problems: schedule.problems() }
    }

    /// The lines that touch a day, in UTC.
    pub fn on(&self, day: NaiveDate) -> impl Iterator<Item = &AgendaEntry> {
        self.entries.iter().filter(move |entry| {
            let (first, last) = entry.days();
            first <= day && day <= last
        })
    }
}

/// A whole day runs until its end.
fn is_running(entry: &AgendaEntry, from: DateTime<Utc>) -> bool {
    entry.all_day && entry.start <= from && from < entry.start + Duration::days(1)
}

/// What the ledger tells.
fn done(operations: &Operations, entries: &mut Vec<AgendaEntry>) {
    for (change, record) in &operations.changes {
        for merge in &record.merges {
            let merged = &merge.merged;
            let mut detail = format!("{} by {}", merged.class, merge.by.name);
            if !merged.tags.is_empty() {
                detail += &format!(", {}", merged.tags.join(" "));
            }
            if merged.break_glass {
                detail += ", past its gates";
            }
            if merge.reverted.is_some() {
                detail += ", reverted";
            }
            entries.push(AgendaEntry {
                detail: Some(detail),
                service: <[_; 1]>::try_from(merged.services.clone()).ok().map(|[service]| service),
                change: Some(change.clone()),
                ..AgendaEntry::new(AgendaKind::Merge, merge.at, change.as_str())
            });
        }
    }
    for past in &operations.past_rollbacks {
        entries.push(AgendaEntry {
            detail: Some(format!(
                "{} → {} by {}, {}",
                past.from,
                past.to,
                past.by.name,
                past.verdict.as_str()
            )),
            environments: vec![past.environment.clone()],
            service: Some(past.service.clone()),
            ..AgendaEntry::new(AgendaKind::Rollback, past.started_at, past.service.as_str())
        });
    }
    for record in operations.deployments.values() {
        // Those that went back by themselves; a person's rollback is among those above.
        let is_back = |finished: &&Finished| finished.ending == Ending::RolledBack && record.failed.is_some();
        let Some(finished) = record.finished.as_ref().filter(is_back) else { continue };
        let order = &record.order;
        let from = order.places.iter().find_map(|place| place.from_version.as_deref()).unwrap_or("nothing");
        entries.push(AgendaEntry {
            detail: Some(format!("{} → {from} by itself, {}", order.version, record.id)),
            environments: order.places.iter().map(|place| place.environment.clone()).collect(),
            service: Some(order.service.clone()),
            ..AgendaEntry::new(AgendaKind::Rollback, finished.at, order.service.as_str())
        });
    }
    for incident in operations.incidents.values() {
        let Some(due) = incident.post_mortem_due() else { continue };
        entries.push(AgendaEntry {
            detail: Some(format!("of {} is due", incident.id)),
            service: incident.service.clone(),
            ..AgendaEntry::new(AgendaKind::PostMortem, due, incident.id.as_str())
        });
    }
    for (change, due) in break_glass::unsettled(operations) {
        entries.push(AgendaEntry {
            detail: Some("of the broken glass is due".to_owned()),
            change: Some(change.clone()),
            ..AgendaEntry::new(AgendaKind::PostMortem, due, change.as_str())
        });
    }
}

/// The days that the catalog names for services.
fn planned(catalog: &Catalog, entries: &mut Vec<AgendaEntry>) {
    for service in catalog.services.values() {
        let sunset = service.replacement_service.as_ref().map(|replacement| format!("use {replacement}"));
        for (kind, day, detail) in [
            (AgendaKind::Deprecation, service.deprecation_date, None),
            (AgendaKind::Sunset, service.sunset_date, sunset),
            (AgendaKind::SupportEnd, service.support_until, None),
        ] {
            let Some(day) = day else { continue };
            entries.push(AgendaEntry {
                all_day: true,
                detail,
                projects: service.project.iter().cloned().collect(),
                service: Some(service.name.clone()),
                ..AgendaEntry::new(kind, day.and_time(NaiveTime::MIN).and_utc(), service.name.as_str())
            });
        }
    }
}

#[cfg(test)]
mod tests;
