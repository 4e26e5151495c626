//! People, teams and on-call rotations (`policies/teams.toml`).

use super::name::{PersonName, TeamName};
use chrono::{DateTime, Duration, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use std::collections::BTreeMap;

/// Who acts: somebody, or a program that nobody watches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PersonKind {
    /// Somebody.
    #[default]
    Human,
    /// An unattended program. It approves nothing and agrees to nothing, whatever team names it.
    Agent,
}

/// Somebody who may act.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Handle, without `@`.
    pub handle: PersonName,
    /// Whether it is a human being.
    pub kind: PersonKind,
    /// Full name.
    pub name: String,
    /// E-mail addresses; the operator of a Git commit is recognised by them.
    pub emails: Vec<String>,
    /// Where to write to, such as a chat handle.
    pub chat: Option<String>,
    /// Where to call.
    pub phone: Option<String>,
}

/// A group of people that owns services or gates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Handle, without `@`.
    pub handle: TeamName,
    /// What the team is for.
    pub description: Option<String>,
    /// Its people.
    pub members: Vec<PersonName>,
    /// Who leads it; paged at the second level.
    pub lead: Option<PersonName>,
    /// Its channel, such as `slack#platform`.
    pub channel: Option<String>,
    /// Who is on call when.
    pub rotation: Option<Rotation>,
}

/// Shifts of equal length that go round the members, handed over at the same local time of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The order of the shifts.
    pub members: Vec<PersonName>,
    /// Local start of the first member's first shift.
    pub start: NaiveDateTime,
    /// Where that local time is.
    pub time_zone: Tz,
    /// Length of a shift; whole days keep their local hand-over time across a clock change.
    pub shift: Duration,
}

/// A shift that is running: who, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCall {
    /// Who is on call.
    pub person: PersonName,
    /// When the next shift begins.
    pub until: DateTime<Utc>,
}

impl Person {
    /// Whether it is an unattended program.
    pub fn is_agent(&self) -> bool {
        self.kind == PersonKind::Agent
    }
}

impl Rotation {
    /// Who is on call at `at`; `None` before the first shift, or when the rotation is empty.
    pub fn on_call(&self, at: DateTime<Utc>) -> Option<OnCall> {
        let length = self.shift.num_seconds();
        if self.members.is_empty() || length <= 0 {
            return None;
        }
        // Counted in local wall time, so that 08:00 stays 08:00 when the clocks change.
        let local = at.with_timezone(&self.time_zone).naive_local();
        let shifts = local.signed_duration_since(self.start).num_seconds().div_euclid(length);
        let index = usize::try_from(shifts).ok()?;
        let end = self.start + Duration::seconds(length.checked_mul(shifts + 1)?);
        let until = self
            .time_zone
            .from_local_datetime(&end)
            .earliest()
            // A hand-over inside the hour that spring skips happens at its end.
            .or_else(|| self.time_zone.from_local_datetime(&(end + Duration::hours(1))).earliest())?
            .with_timezone(&Utc);
        Some(OnCall { person: self.members[index % self.members.len()].clone(), until })
    }
}

/// Everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// Persons by handle.
    pub persons: BTreeMap<PersonName, Person>,
    /// Teams by handle.
    pub teams: BTreeMap<TeamName, Team>,
}

impl People {
    /// The person with this e-mail address (ASCII case does not matter).
    pub fn by_email(&self, email: &str) -> Option<&Person> {
        self.persons
            .values()
            .find(|person| person.emails.iter().any(|known| known.eq_ignore_ascii_case(email)))
    }

    /// The team of a handle with or without `@`.
    pub fn team(&self, handle: &str) -> Option<&Team> {
        self.teams.get(handle.trim_start_matches('@'))
    }

    /// Whether `person` belongs to the team of a handle with or without `@`.
    pub fn is_member(&self, person: &PersonName, team: &str) -> bool {
        self.team(team)
            .is_some_and(|team| team.members.contains(person) || team.lead.as_ref() == Some(person))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation() -> Rotation {
        Rotation {
            members: vec!["m-ruiz".into(), "a-chen".into()],
            start: "2026-03-02T08:00:00".parse().unwrap(),
            time_zone: Tz::Europe__Madrid,
            shift: Duration::days(7),
        }
    }

    #[test]
    fn shifts_go_round_and_keep_their_local_hour_across_a_clock_change() {
        for (at, person, until) in [
            ("2026-03-02T07:00:00Z", "m-ruiz", "2026-03-09T07:00:00Z"),
            ("2026-03-09T06:59:59Z", "m-ruiz", "2026-03-09T07:00:00Z"),
            ("2026-03-09T07:00:00Z", "a-chen", "2026-03-16T07:00:00Z"),
            // Madrid moves to summer time on 29 March: the hand-over of the 30th is an hour earlier in UTC.
            ("2026-03-25T00:00:00Z", "a-chen", "2026-03-30T06:00:00Z"),
        ] {
            let on_call = rotation().on_call(at.parse().unwrap()).unwrap();
            assert_eq!((on_call.person.as_str(), on_call.until), (person, until.parse().unwrap()), "{at}");
        }
    }

    #[test]
    fn nobody_is_on_call_before_the_first_shift_or_in_an_empty_rotation() {
        assert_eq!(rotation().on_call("2026-03-02T06:59:00Z".parse().unwrap()), None);
        let empty = Rotation { members: vec![], ..rotation() };
        assert_eq!(empty.on_call("2026-04-01T00:00:00Z".parse().unwrap()), None);
    }
}
