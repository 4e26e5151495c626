//! Which entries somebody wants to see.

use super::{
    event::{Entry, EntryBody},
    happening::Happening,
};
use crate::{domain::units::parse_duration, error::Failure};
use chrono::{DateTime, Duration, NaiveDate, Utc};

/// A moment as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So long ago.
    Ago(Duration),
    /// A day in UTC.
    Day(NaiveDate),
    /// A time.
    At(DateTime<Utc>),
}

impl Moment {
    /// Reads `7d`, `2026-11-24` or `2026-11-24T09:00:00Z`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        if let Ok(at) = text.parse::<DateTime<Utc>>() {
            return Ok(Self::At(at));
        }
        if let Ok(day) = text.parse::<NaiveDate>() {
            return Ok(Self::Day(day));
        }
        parse_duration(text).map(Self::Ago).map_err(|_| {
            Failure::usage(format!("`{text}` is no time")).hint(
                "write a time ago such as 7d or 12h, a date such as 2026-11-24, or 2026-11-24T09:00:00Z",
            )
        })
    }

    /// The moment itself, or where the day begins.
    fn start(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(at) => at,
            Self::Day(day) => day.and_time(chrono::NaiveTime::MIN).and_utc(),
            Self::Ago(ago) => now.checked_sub_signed(ago).unwrap_or(DateTime::<Utc>::MIN_UTC),
        }
    }

    /// The moment itself, or where the day ends.
    fn end(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Day(day) => {
                let next = day.succ_opt().unwrap_or(day).and_time(chrono::NaiveTime::MIN).and_utc();
                next - Duration::milliseconds(1)
            }
            Self::At(_) | Self::Ago(_) => self.start(now),
        }
    }
}

/// Which entries are wanted; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// A kind, such as `incident.declared`, or the part before its point.
    pub kind: Option<String>,
    /// What it is about: an incident, a change, a service, or `service@environment`.
    pub subject: Option<String>,
    /// Part of the name or address of who did it.
    pub actor: Option<String>,
    /// Not before.
    pub since: Option<Moment>,
    /// Not after.
    pub until: Option<Moment>,
    /// At most so many, the newest.
    pub limit: Option<usize>,
}

impl EntryFilter {
    /// Whether it wants an entry; the limit is left to [`EntryFilter::choose`].
    pub fn wants(&self, entry: &Entry, now: DateTime<Utc>) -> bool {
        let kind = || match &entry.body {
            EntryBody::Known(happening) => happening.kind(),
            EntryBody::Unknown { kind, .. } => kind,
        };
        let contains = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        self.kind.as_ref().is_none_or(|wanted| {
            let kind = kind();
            kind == wanted || kind.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with('.'))
        }) && self.subject.as_ref().is_none_or(|wanted| is_about(entry, wanted))
            && self.actor.as_ref().is_none_or(|wanted| {
                contains(&entry.actor.name, wanted) || contains(&entry.actor.email, wanted)
            })
            && self.since.is_none_or(|since| entry.at >= since.start(now))
            && self.until.is_none_or(|until| entry.at <= until.end(now))
    }

    /// The places of the entries that it wants, the newest in the branch first.
    pub fn choose(&self, entries: &[&Entry], now: DateTime<Utc>) -> Vec<usize> {
        let wanted = (0..entries.len()).rev().filter(|place| self.wants(entries[*place], now));
        wanted.take(self.limit.unwrap_or(usize::MAX)).collect()
    }
}

/// Whether an entry is about `wanted`. For events of an unknown kind the subject line tells.
fn is_about(entry: &Entry, wanted: &str) -> bool {
    let about = match &entry.body {
        EntryBody::Known(happening) => happening.about(),
        EntryBody::Unknown { .. } => {
            let inside = entry.subject.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
            inside.map_or("", |(about, _)| about).to_owned()
        }
    };
    let service = match &entry.body {
        EntryBody::Known(Happening::IncidentDeclared { service, .. }) => {
            service.as_ref().is_some_and(|service| service.as_str().eq_ignore_ascii_case(wanted))
        }
        _ => false,
    };
    service
        || about.eq_ignore_ascii_case(wanted)
        || about.split_once('@').is_some_and(|(before, _)| before.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{change::Identity, escalation::Severity};

    fn entries() -> Vec<Entry> {
        let entry = |at: &str, who: &str, body| Entry {
            commit: at.into(),
            at: at.parse().unwrap(),
            actor: Identity { name: who.into(), email: format!("{}@example.com", who.to_lowercase()) },
            subject: "drill.done(shared-auth): fine".into(),
            body,
        };
        let incident = |service: &str| {
            EntryBody::Known(Happening::IncidentDeclared {
                incident: "INC-1".into(),
                severity: Severity::High,
                title: "x".into(),
                service: Some(service.into()),
                deployment: None,
                post_mortem_due: None,
            })
        };
        vec![
            entry("2026-11-20T23:59:59Z", "Ana", incident("shared-auth")),
            entry(
                "2026-11-22T09:00:00Z",
                "Bo",
                EntryBody::Known(Happening::IncidentResolved { incident: "INC-1".into(), note: None }),
            ),
            entry(
                "2026-11-23T09:00:00Z",
                "Ana",
                EntryBody::Unknown { kind: "drill.done".into(), text: String::new() },
            ),
            entry(
                "2026-11-24T08:00:00Z",
                "Bo",
                EntryBody::Unknown { kind: String::new(), text: String::new() },
            ),
        ]
    }

    #[test]
    fn each_filter_keeps_what_it_says() {
        let entries = entries();
        let all: Vec<&Entry> = entries.iter().collect();
        let now = "2026-11-24T09:00:00Z".parse().unwrap();
        let text = |word: &str| Some(word.to_owned());
        let moment = |word: &str| Some(Moment::parse(word).unwrap());
        let none = EntryFilter::default;
        for (filter, expected) in [
            (none(), &[3, 2, 1, 0][..]),
            (EntryFilter { kind: text("incident.declared"), ..none() }, &[0]),
            (EntryFilter { kind: text("incident"), ..none() }, &[1, 0]),
            (EntryFilter { kind: text("inc"), ..none() }, &[]),
            (EntryFilter { kind: text("drill.done"), ..none() }, &[2]),
            (EntryFilter { subject: text("inc-1"), ..none() }, &[1, 0]),
            (EntryFilter { subject: text("shared-auth"), ..none() }, &[3, 2, 0]),
            (EntryFilter { actor: text("BO@"), ..none() }, &[3, 1]),
            (EntryFilter { since: moment("2026-11-22"), ..none() }, &[3, 2, 1]),
            (EntryFilter { since: moment("25h"), ..none() }, &[3, 2]),
            (EntryFilter { until: moment("2026-11-22"), ..none() }, &[1, 0]),
            (EntryFilter { until: moment("2026-11-22T08:59:59Z"), ..none() }, &[0]),
            (EntryFilter { actor: text("ana"), limit: Some(1), ..none() }, &[2]),
        ] {
            assert_eq!(filter.choose(&all, now), expected, "{filter:?}");
        }
        assert!(Moment::parse("yesterday").is_err());
        assert_eq!(
            EntryFilter { since: Some(Moment::Ago(Duration::MAX)), ..none() }.choose(&all, now).len(),
            4
        );
    }
}
