//! Freezes and maintenance windows (`policies/calendar.toml`), and when they come (RFC 5545).

mod agenda;
mod standing;

pub use agenda::{Agenda, AgendaEntry, AgendaKind};
pub use standing::{Closing, Closure, HORIZON_DAYS, Known, Schedule, Standing, standing};

use super::{
    finding::Span,
    name::{EnvironmentName, ProjectName},
    text::clean,
};
use chrono::{DateTime, Duration, TimeZone, Utc};
use rrule::{Frequency, RRuleSet};
use std::collections::BTreeMap;

/// Whether something keeps deployments away or lets them in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// No deployments.
    Freeze,
    /// Deployments belong here.
    Window,
}

impl EntryKind {
    /// The word in the calendar.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Window => "window",
        }
    }
}

/// `[[freeze]]` or `[[window]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEntry {
    /// Which of the two.
    pub kind: EntryKind,
    /// What it is called.
    pub name: String,
    /// When it begins, or when its recurrence does.
    pub start: Option<DateTime<Utc>>,
    /// When it ends.
    pub end: Option<DateTime<Utc>>,
    /// When it recurs (RFC 5545).
    pub recurrence: Option<String>,
    /// How long a recurrence lasts.
    pub duration: Option<Duration>,
    /// Where it holds; everywhere when empty.
    pub environments: Vec<EnvironmentName>,
    /// For which projects; for all when empty.
    pub projects: Vec<ProjectName>,
    /// Why.
    pub reason: Option<String>,
    /// Where its keys stand; `name` is always there.
    pub spans: BTreeMap<&'static str, Span>,
}

/// One time at which an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    /// From when.
    pub start: DateTime<Utc>,
    /// Until when, which is no part of it.
    pub end: DateTime<Utc>,
}

/// All freezes and windows in the order of the file.
pub type Calendar = Vec<CalendarEntry>;

/// So many freezes, and so many windows, are looked at; no calendar that a person keeps has more.
pub const MOST_ENTRIES: usize = 200;

/// The longest text of a recurrence.
const LONGEST: usize = 2_000;

/// Beyond so many recurrences since its beginning nobody looks: a daily one reaches a century.
const MOST_STEPS: usize = 50_000;

impl CalendarEntry {
    /// Where a key stands, or else the entry's name.
    pub fn place(&self, key: &str) -> Span {
        self.spans.get(key).or_else(|| self.spans.get("name")).cloned().unwrap_or_default()
    }

    /// Whether there is any environment and project in which both hold.
    pub fn meets(&self, other: &Self) -> bool {
        fn share<T: PartialEq>(one: &[T], two: &[T]) -> bool {
            one.is_empty() || two.is_empty() || one.iter().any(|entry| two.contains(entry))
        }
        share(&self.environments, &other.environments) && share(&self.projects, &other.projects)
    }

    /// When it holds between two moments, at most `most` times.
    ///
    /// # Errors
    /// Why its recurrence cannot be read.
    pub fn occurrences(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<Occurrence>, String> {
        let within = |occurrence: &Occurrence| occurrence.end > from && occurrence.start < to;
        let Some(text) = &self.recurrence else {
            let once = self.start.zip(self.end).map(|(start, end)| Occurrence { start, end });
            return Ok(once.into_iter().filter(within).take(most).collect());
        };
        let rule = parse_recurrence(text, self.start)?;
        let length = self.duration.unwrap_or_else(Duration::zero);
        let mut found = Vec::new();
        for start in rule.limit().into_iter().take(MOST_STEPS) {
            let start = start.with_timezone(&Utc);
            if start >= to || found.len() >= most || self.end.is_some_and(|end| start >= end) {
                break;
            }
            let Some(end) = start.checked_add_signed(length) else { break };
            let occurrence = Occurrence { start, end };
            if within(&occurrence) {
                found.push(occurrence);
            }
        }
        Ok(found)
    }
}

/// Reads a recurrence. One without a `DTSTART` of its own begins at `start`.
///
/// # Errors
/// What is wrong with it, without a full stop.
pub fn parse_recurrence(text: &str, start: Option<DateTime<Utc>>) -> Result<RRuleSet, String> {
    if text.len() > LONGEST {
        return Err(format!("the recurrence is longer than {LONGEST} bytes"));
    }
    let whole = match start {
        _ if text.contains("DTSTART") => text.to_owned(),
        Some(start) if text.contains("RRULE:") => {
            format!("DTSTART:{}\n{text}", start.format("%Y%m%dT%H%M%SZ"))
        }
        Some(start) => format!("DTSTART:{}\nRRULE:{text}", start.format("%Y%m%dT%H%M%SZ")),
        None => return Err("the recurrence does not say when it begins".to_owned()),
    };
    let rule: RRuleSet = whole.parse().map_err(|error: rrule::RRuleError| in_words(&error))?;
    if rule.get_dt_start().timezone().is_local() {
        return Err("it begins at a local time without a time zone".to_owned());
    }
    if rule.get_rrule().is_empty() && rule.get_rdate().is_empty() {
        return Err("the recurrence has no rule".to_owned());
    }
    let too_often =
        |frequency| matches!(frequency, Frequency::Hourly | Frequency::Minutely | Frequency::Secondly);
    if rule.get_rrule().iter().any(|part| too_often(part.get_freq())) {
        return Err("it recurs more often than every day: write `FREQ=DAILY` with `BYHOUR`".to_owned());
    }
    if rule.get_rrule().iter().any(|part| part.get_interval() == 0) {
        return Err("it recurs after no time at all".to_owned());
    }
    Ok(rule)
}

/// What the library says, without the name of its part and its full stop.
fn in_words(error: &rrule::RRuleError) -> String {
    let said = error.to_string();
    let said = said.split_once(": ").map_or(said.as_str(), |(_, said)| said);
    clean(said.trim_end_matches('.'))
}

/// A moment as the calendar writes it: with an offset, or in UTC without one.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.with_timezone(&Utc));
    }
    let local = text.replacen(' ', "T", 1).parse::<chrono::NaiveDateTime>().ok().or_else(|| {
        let day = text.parse::<chrono::NaiveDate>().ok()?;
        Some(day.and_time(chrono::NaiveTime::MIN))
    })?;
    Utc.from_local_datetime(&local).single()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time;

    fn at(text: &str) -> DateTime<Utc> {
        instant(text).unwrap()
    }

    fn recurring(rule: &str) -> CalendarEntry {
        CalendarEntry {
            kind: EntryKind::Window,
            name: "w".to_owned(),
            start: None,
            end: None,
            recurrence: Some(rule.to_owned()),
            duration: Some(Duration::hours(6)),
            environments: vec![],
            projects: vec![],
            reason: None,
            spans: BTreeMap::new(),
        }
    }

    #[test]
    fn a_window_keeps_its_local_hour_across_a_clock_change() {
        let window = recurring("DTSTART;TZID=Europe/Madrid:20260323T100000\nRRULE:FREQ=WEEKLY;BYDAY=MO");
        let found = window.occurrences(at("2026-03-20"), at("2026-04-01"), 10).unwrap();
        let starts: Vec<_> = found.iter().map(|found| found.start).collect();
        assert_eq!(starts, [at("2026-03-23T09:00:00Z"), at("2026-03-30T08:00:00Z")]);
        assert_eq!(found[0].end, at("2026-03-23T15:00:00Z"));
        // One that runs already counts, and no more than asked for.
        assert_eq!(window.occurrences(at("2026-03-23T14:00:00Z"), at("2026-03-24"), 10).unwrap().len(), 1);
        assert_eq!(window.occurrences(at("2026-03-20"), at("2027-01-01"), 3).unwrap().len(), 3);
    }

    #[test]
    fn what_happens_once_happens_once() {
        let mut freeze = recurring("");
        freeze.recurrence = None;
        (freeze.start, freeze.end) = (Some(at("2026-12-20")), Some(at("2027-01-03T00:00:00+01:00")));
        assert_eq!(freeze.occurrences(at("2026-12-31"), at("2027-06-01"), 9).unwrap().len(), 1);
        assert_eq!(freeze.occurrences(at("2027-01-03"), at("2027-06-01"), 9).unwrap().len(), 0);
    }

    #[test]
    fn a_bare_rule_begins_where_the_entry_does_and_ends_with_it() {
        let mut freeze = recurring("FREQ=MONTHLY;BYMONTHDAY=-1");
        assert!(freeze.occurrences(at("2026-01-01"), at("2027-01-01"), 99).is_err());
        freeze.start = Some(at("2026-01-15T20:00:00Z"));
        freeze.end = Some(at("2026-04-01"));
        let found = freeze.occurrences(at("2026-01-01"), at("2027-01-01"), 99).unwrap();
        let days: Vec<_> = found.iter().map(|found| found.start.to_rfc3339()).collect();
        assert_eq!(
            days,
            ["2026-01-31T20:00:00+00:00", "2026-02-28T20:00:00+00:00", "2026-03-31T20:00:00+00:00"]
        );
    }

    #[test]
    fn hostile_rules_are_refused_or_end_soon() {
        for (rule, refused) in [
            ("", true),
            ("FREQ=DAILY", true),
            ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY", true),
            ("DTSTART:20260101T000000Z", true),
            ("DTSTART:20260101T000000Z\nRRULE:FREQ=SECONDLY", true),
            ("DTSTART:20260101T000000Z\nRRULE:FREQ=MINUTELY", true),
            ("DTSTART:20260101T000000Z\nRRULE:FREQ=DAILY;INTERVAL=0", true),
            ("DTSTART:20260101T000000Z\nRRULE:FREQ=SOMETIMES", true),
            ("DTSTART:99990101T000000Z\nRRULE:FREQ=DAILY", false),
            ("DTSTART:00010101T000000Z\nRRULE:FREQ=HOURLY", true),
            ("DTSTART:00010101T000000Z\nRRULE:FREQ=DAILY", false),
            ("DTSTART:20260101T000000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31", false),
            ("DTSTART:20260101T000000Z\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", false),
        ] {
            let begun = time::Instant::now();
            let found = recurring(rule).occurrences(at("2026-06-01"), at("2027-06-01"), 10);
            assert_eq!(found.is_err(), refused, "{rule}: {found:?}");
            assert!(begun.elapsed() < time::Duration::from_secs(10), "{rule}: {:?}", begun.elapsed());
        }
        assert!(
            recurring(&"X".repeat(1_000_000)).occurrences(at("2026-06-01"), at("2027-06-01"), 10).is_err()
        );
    }

    #[test]
    fn scopes_meet_where_neither_excludes_the_other() {
        let scoped = |environments: &[&str], projects: &[&str]| {
            let mut entry = recurring("");
            entry.environments = environments.iter().map(|name| EnvironmentName::from(*name)).collect();
            entry.projects = projects.iter().map(|name| ProjectName::from(*name)).collect();
            entry
        };
        let everywhere = scoped(&[], &[]);
        let production = scoped(&["production"], &[]);
        let shop = scoped(&["production"], &["shop"]);
        let staging = scoped(&["staging"], &[]);
        assert!(everywhere.meets(&shop) && production.meets(&shop) && !staging.meets(&shop));
    }
}
