//! Whether the calendar lets something happen at a moment, what keeps it away, and when it opens next.
//!
//! A freeze denies, whatever else is said. Where windows are defined, a deployment belongs into one of them.
//! A calendar that cannot be read keeps production closed: nobody can say what it would have said.

use super::{CalendarEntry, EntryKind, MOST_ENTRIES, Occurrence};
use crate::domain::{
    catalog::Catalog,
    finding::{Finding, Level},
    name::{EnvironmentName, ProjectName},
};
use chrono::{DateTime, Duration, Utc};

/// The calendar's file.
const PATH: &str = "policies/calendar.toml";

/// How many days ahead the next opening is looked for.
pub const HORIZON_DAYS: i64 = 400;

/// What keeps something away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// A freeze holds.
    Freeze,
    /// There are windows, and none is open.
    Window,
    /// An entry of the calendar cannot be read.
    Unreadable,
}

impl Closing {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Window => "window",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Why it is closed, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// The name of the entry that closes: the freeze that ends last, the window that comes next, or the entry that
    /// cannot be read.
    pub by: String,
    /// What keeps it away.
    pub kind: Closing,
    /// The entry's reason, or what is wrong with it.
    pub reason: Option<String>,
    /// When this entry stops closing; `None` when that is not before the horizon.
    pub until: Option<DateTime<Utc>>,
    /// When nothing at all keeps it away; `None` when that is never, or beyond [`HORIZON_DAYS`].
    pub next_opening: Option<DateTime<Utc>>,
}

impl Closure {
    /// What keeps it away, in a few words without a full stop.
    pub fn words(&self) -> String {
        let until = |until: Option<DateTime<Utc>>| {
            until.map_or_else(String::new, |until| format!(" until {}", until.format("%F %H:%M UTC")))
        };
        let reason = self.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        match self.kind {
            Closing::Freeze => format!("the freeze `{}` holds{}{reason}", self.by, until(self.until)),
            Closing::Window if self.by.is_empty() => "it is outside of every window".to_owned(),
            Closing::Window => format!("it is outside of every window; `{}` is next", self.by),
            Closing::Unreadable => format!("the calendar's `{}` cannot be read{reason}", self.by),
        }
    }

    /// When it opens, in words.
    pub fn opening(&self) -> String {
        match self.next_opening {
            Some(at) => format!("it opens {}", at.format("%F %H:%M UTC")),
            None if self.kind == Closing::Unreadable => "correct policies/calendar.toml".to_owned(),
            None => format!("it does not open within {HORIZON_DAYS} days"),
        }
    }
}

/// Whether something may happen at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Open {
        /// When that ends; `None` when nothing before the horizon ends it.
        until: Option<DateTime<Utc>>,
    },
    /// It may not.
    Closed(Closure),
}

impl Standing {
    /// What keeps it away, if something does.
    pub const fn closure(&self) -> Option<&Closure> {
        match self {
            Self::Open { .. } => None,
            Self::Closed(closure) => Some(closure),
        }
    }
}

/// Whether something may happen at a moment.
///
/// With an environment it is a deployment there: its freezes and its windows count. Without one it is a merge: of
/// the freezes those count that have no environments or name one of production, and windows do not, because they
/// are for deployments. Entries that are limited to projects count when one of `projects` is among theirs.
///
/// What cannot be read closes merges and environments of production, and leaves the others alone.
pub fn standing(
    catalog: &Catalog,
    environment: Option<&EnvironmentName>,
    projects: &[ProjectName],
    at: DateTime<Utc>,
) -> Standing {
    let horizon = at.checked_add_signed(Duration::days(HORIZON_DAYS)).unwrap_or(at);
    Schedule::new(catalog, at, horizon).standing(environment, projects, at)
}

/// An entry of the calendar with the times at which it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The entry.
    pub entry: CalendarEntry,
    /// When it holds, or why that cannot be read.
    pub times: Result<Vec<Occurrence>, String>,
}

impl Known {
    fn new(entry: &CalendarEntry, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        let lacks = match (&entry.recurrence, entry.start, entry.end, entry.duration) {
            (Some(_), .., None) => Some("it does not say how long it lasts"),
            (Some(_), .., Some(duration)) if duration <= Duration::zero() => Some("it lasts no time"),
            (None, None, ..) => Some("it does not say when it begins"),
            (None, _, None, _) => Some("it does not say when it ends"),
            (None, Some(start), Some(end), _) if end <= start => Some("it ends before it begins"),
            _ => None,
        };
        let times = match lacks {
            Some(lacks) => Err(lacks.to_owned()),
            None => entry.occurrences(from, to, usize::MAX),
        };
        Self { entry: entry.clone(), times }
    }
}

/// The calendar between two moments, written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// From when it is written out.
    pub from: DateTime<Utc>,
    /// Until when.
    pub to: DateTime<Utc>,
    /// The entries, in the order of the file.
    pub entries: Vec<Known>,
    /// The environments of production.
    production: Vec<EnvironmentName>,
    /// What reading the file found wrong, if it did: an entry may be missing then, or reach too far.
    broken: Option<String>,
}

impl Schedule {
    /// Writes the calendar out between two moments.
    pub fn new(catalog: &Catalog, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        let production = catalog.settings.environments.iter().filter(|environment| environment.production);
        let mut counts = [0; 2];
        let entries = catalog.calendar.iter().filter(|entry| {
            let count = &mut counts[usize::from(entry.kind == EntryKind::Window)];
            *count += 1;
            *count <= MOST_ENTRIES
        });
        let is_of_the_calendar = |finding: &&Finding| {
            finding.level == Level::Error
                && finding.labels.first().is_some_and(|label| label.file.path == PATH)
        };
        let broken = catalog.findings.iter().find(is_of_the_calendar);
        Self {
            from,
            to,
            entries: entries.map(|entry| Known::new(entry, from, to)).collect(),
            production: production.map(|environment| environment.name.clone()).collect(),
            broken: broken.map(|finding| finding.message.clone()),
        }
    }

    /// What of the calendar cannot be read, each with the reason.
    pub fn problems(&self) -> Vec<String> {
        let broken = self.broken.iter().map(|why| format!("{PATH}: {why}"));
        let unread = self.entries.iter().filter_map(|known| {
            let why = known.times.as_ref().err()?;
            Some(format!("the {} `{}`: {why}", known.entry.kind.as_str(), known.entry.name))
        });
        broken.chain(unread).collect()
    }

    /// Whether something may happen at a moment between the two, as [`standing`] says.
    pub fn standing(
        &self,
        environment: Option<&EnvironmentName>,
        projects: &[ProjectName],
        at: DateTime<Utc>,
    ) -> Standing {
        let applies: Vec<&Known> =
            self.entries.iter().filter(|known| self.is_for(&known.entry, environment, projects)).collect();
        let matters = environment.is_none_or(|name| self.production.contains(name));
        let mut unreadable = self.broken.iter().map(|why| (PATH, why)).chain(
            applies.iter().filter_map(|known| Some((known.entry.name.as_str(), known.times.as_ref().err()?))),
        );
        if let Some((by, why)) = unreadable.next().filter(|_| matters) {
            return Standing::Closed(Closure {
                by: by.to_owned(),
                kind: Closing::Unreadable,
                reason: Some(why.clone()),
                until: None,
                next_opening: None,
            });
        }
        let openness = Openness::new(&applies, projects);
        if openness.is_open(at) {
            return Standing::Open { until: openness.next(at, self.to, false) };
        }
        let next_opening = openness.next(at, self.to, true);
        let frozen = times(&applies, EntryKind::Freeze).filter(|(_, time)| time.holds(at));
        if let Some((entry, time)) = frozen.max_by_key(|(_, time)| time.end) {
            return Standing::Closed(Closure {
                by: entry.name.clone(),
                kind: Closing::Freeze,
                reason: entry.reason.clone(),
                until: Some(time.end),
                next_opening,
            });
        }
        let coming = times(&applies, EntryKind::Window).filter(|(_, time)| time.start > at);
        let next = coming.min_by_key(|(_, time)| time.start);
        Standing::Closed(Closure {
            by: next.map_or_else(String::new, |(entry, _)| entry.name.clone()),
            kind: Closing::Window,
            reason: next.and_then(|(entry, _)| entry.reason.clone()),
            until: next.map(|(_, time)| time.start),
            next_opening,
        })
    }

    /// Whether an entry has a say about it.
    fn is_for(
        &self,
        entry: &CalendarEntry,
        environment: Option<&EnvironmentName>,
        projects: &[ProjectName],
    ) -> bool {
        let where_it_holds = &entry.environments;
        let here = match environment {
            _ if where_it_holds.is_empty() => true,
            Some(environment) => where_it_holds.contains(environment),
            None => where_it_holds.iter().any(|name| self.production.contains(name)),
        };
        let is_asked = environment.is_some() || entry.kind == EntryKind::Freeze;
        let ours = entry.projects.is_empty() || projects.iter().any(|name| entry.projects.contains(name));
        here && is_asked && ours
    }
}

impl Occurrence {
    /// Whether it holds at a moment.
    pub fn holds(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && at < self.end
    }
}

fn times<'a>(
    known: &'a [&'a Known],
    kind: EntryKind,
) -> impl Iterator<Item = (&'a CalendarEntry, &'a Occurrence)> {
    known
        .iter()
        .filter(move |known| known.entry.kind == kind)
        .flat_map(|known| known.times.iter().flatten().map(|time| (&known.entry, time)))
}

/// Times that do not touch each other, in order.
struct Union(Vec<Occurrence>);

impl Union {
    fn new<'a>(times: impl Iterator<Item = &'a Occurrence>) -> Self {
        let mut times: Vec<Occurrence> = times.copied().collect();
        times.sort_unstable();
        let mut joined: Vec<Occurrence> = Vec::new();
        for time in times {
            match joined.last_mut() {
                Some(last) if time.start <= last.end => last.end = last.end.max(time.end),
                _ => joined.push(time),
            }
        }
        Self(joined)
    }

    fn holds(&self, at: DateTime<Utc>) -> bool {
        let begun = self.0.partition_point(|time| time.start <= at);
        begun.checked_sub(1).is_some_and(|last| self.0[last].end > at)
    }
}

/// When freezes hold, and when the windows are open that each part of what is asked about belongs into.
struct Openness {
    freezes: Union,
    windows: Vec<Union>,
}

impl Openness {
    /// What touches several projects must be inside the windows of each of them.
    fn new(applies: &[&Known], projects: &[ProjectName]) -> Self {
        let freezes = Union::new(times(applies, EntryKind::Freeze).map(|(_, time)| time));
        let parts: Vec<Option<&ProjectName>> =
            if projects.is_empty() { vec![None] } else { projects.iter().map(Some).collect() };
        let windows = parts.into_iter().filter_map(|project| {
            let own: Vec<&Known> = applies
                .iter()
                .filter(|known| {
                    let limits = &known.entry.projects;
                    limits.is_empty() || project.is_some_and(|project| limits.contains(project))
                })
                .copied()
                .collect();
            // Windows that cannot be read say nothing where that does not close (outside of production).
            let is_limited =
                own.iter().any(|known| known.entry.kind == EntryKind::Window && known.times.is_ok());
            is_limited.then(|| Union::new(times(&own, EntryKind::Window).map(|(_, time)| time)))
        });
        Self { windows: windows.collect(), freezes }
    }

    fn is_open(&self, at: DateTime<Utc>) -> bool {
        !self.freezes.holds(at) && self.windows.iter().all(|windows| windows.holds(at))
    }

    /// The first moment after `at`, and before `to`, at which it is open, or is not. Only where a time begins or
    /// ends can that turn.
    fn next(&self, at: DateTime<Utc>, to: DateTime<Utc>, open: bool) -> Option<DateTime<Utc>> {
        let all = self.windows.iter().chain([&self.freezes]).flat_map(|union| &union.0);
        let mut turns: Vec<DateTime<Utc>> =
            all.flat_map(|time| [time.start, time.end]).filter(|turn| *turn > at && *turn < to).collect();
        turns.sort_unstable();
        turns.into_iter().find(|turn| self.is_open(*turn) == open)
    }
}

#[cfg(test)]
mod tests;
