//! Tests of the calendar's verdict.

use super::*;
use crate::domain::{calendar::instant, catalog::reader};

const SETTINGS: &str = "[environment.staging]\ncontext = \"s\"\n[environment.production]\ncontext = \"p\"\n";

fn load(calendar: &str) -> Catalog {
    let files = [("quarterdeck.toml", SETTINGS), ("policies/calendar.toml", calendar)];
    reader::read(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())))
}

fn at(text: &str) -> DateTime<Utc> {
    instant(text).unwrap()
}

/// The verdict in a line: `open until X`, `freeze Winter until X, opens Y`.
fn told(calendar: &str, environment: &str, projects: &[&str], moment: &str) -> String {
    let environment = (!environment.is_empty()).then(|| EnvironmentName::from(environment));
    let projects: Vec<ProjectName> = projects.iter().map(|name| ProjectName::from(*name)).collect();
    let short = |moment: Option<DateTime<Utc>>| {
        moment.map_or_else(|| "never".to_owned(), |moment| moment.format("%F %H:%M").to_string())
    };
    match standing(&load(calendar), environment.as_ref(), &projects, at(moment)) {
        Standing::Open { until } => format!("open until {}", short(until)),
        Standing::Closed(Closure { by, kind, until, next_opening, .. }) => {
            format!("{kind:?} {by} until {}, opens {}", short(until), short(next_opening))
        }
    }
}

const WINTER: &str = "[[freeze]]\nname = \"Winter\"\nstart = \"2026-12-20\"\nend = \"2027-01-02\"\n";
const NEW_YEAR: &str = "[[freeze]]\nname = \"New year\"\nstart = \"2026-12-31\"\nend = \"2027-01-05\"\n";
const MONDAYS: &str = "[[window]]\nname = \"Mondays\"\nduration = \"2h\"\nenvironments = [\"production\"]\n\
                       rrule = \"DTSTART;TZID=Europe/Madrid:20260105T100000\\nRRULE:FREQ=WEEKLY;BYDAY=MO\"\n";

#[test]
fn freezes_deny_and_windows_allow() {
    let both = format!("{WINTER}{NEW_YEAR}");
    let all = format!("{WINTER}{MONDAYS}");
    for (calendar, environment, moment, expected) in [
        ("", "production", "2026-06-01", "open until never"),
        (WINTER, "production", "2026-12-19", "open until 2026-12-20 00:00"),
        (WINTER, "production", "2026-12-20", "Freeze Winter until 2027-01-02 00:00, opens 2027-01-02 00:00"),
        (WINTER, "staging", "2027-01-01", "Freeze Winter until 2027-01-02 00:00, opens 2027-01-02 00:00"),
        // The end is no part of it.
        (WINTER, "production", "2027-01-02", "open until never"),
        // Two that overlap open when the last one ends; the one that ends last is named.
        (&both, "production", "2026-12-25", "Freeze Winter until 2027-01-02 00:00, opens 2027-01-05 00:00"),
        (&both, "production", "2027-01-01", "Freeze New year until 2027-01-05 00:00, opens 2027-01-05 00:00"),
        // Windows close what is outside of them, where they hold.
        (MONDAYS, "staging", "2026-06-02", "open until never"),
        (MONDAYS, "production", "2026-06-01T08:30:00Z", "open until 2026-06-01 10:00"),
        (
            MONDAYS,
            "production",
            "2026-06-01T10:00:00Z",
            "Window Mondays until 2026-06-08 08:00, opens 2026-06-08 08:00",
        ),
        // Ten in Madrid is eight in summer and nine in winter.
        (
            MONDAYS,
            "production",
            "2026-10-20",
            "Window Mondays until 2026-10-26 09:00, opens 2026-10-26 09:00",
        ),
        (MONDAYS, "production", "2026-03-30T08:00:00Z", "open until 2026-03-30 10:00"),
        // A freeze beats an open window, and the opening is the first window behind the freeze.
        (
            &all,
            "production",
            "2026-12-21T09:30:00Z",
            "Freeze Winter until 2027-01-02 00:00, opens 2027-01-04 09:00",
        ),
        (&all, "production", "2026-12-15", "Window Mondays until 2026-12-21 09:00, opens 2027-01-04 09:00"),
        // A merge meets freezes, not windows.
        (&all, "", "2026-12-15", "open until 2026-12-20 00:00"),
        (&all, "", "2026-12-21", "Freeze Winter until 2027-01-02 00:00, opens 2027-01-02 00:00"),
    ] {
        assert_eq!(told(calendar, environment, &[], moment), expected, "{environment} {moment}\n{calendar}");
    }
}

#[test]
fn entries_hold_where_they_say() {
    let limited = |limit: &str| format!("{WINTER}{limit}\n");
    let frozen = "Freeze Winter until 2027-01-02 00:00, opens 2027-01-02 00:00";
    let open = "open until never";
    for (limit, environment, projects, expected) in [
        ("environments = [\"staging\"]", "", &[][..], open),
        ("environments = [\"staging\"]", "staging", &[], frozen),
        ("environments = [\"staging\", \"production\"]", "", &[], frozen),
        ("environments = [\"production\"]", "staging", &[], open),
        ("projects = [\"shop\"]", "production", &["shop", "bank"], frozen),
        ("projects = [\"shop\"]", "production", &["bank"], open),
        ("projects = [\"shop\"]", "", &["shop"], frozen),
        ("projects = [\"shop\"]", "", &[], open),
    ] {
        let told = told(&limited(limit), environment, projects, "2026-12-25");
        assert_eq!(told, expected, "{limit} {environment} {projects:?}");
    }
}

#[test]
fn what_touches_two_projects_needs_the_windows_of_both() {
    let window = |project: &str, hours: &str| {
        format!(
            "[[window]]\nname = \"{project}\"\nprojects = [\"{project}\"]\nduration = \"4h\"\n\
             rrule = \"DTSTART:20260101T{hours}0000Z\\nRRULE:FREQ=DAILY\"\n"
        )
    };
    let calendar = format!("{}{}", window("shop", "08"), window("bank", "10"));
    assert_eq!(
        told(&calendar, "production", &["shop"], "2026-06-01T09:00:00Z"),
        "open until 2026-06-01 12:00"
    );
    assert_eq!(
        told(&calendar, "production", &["shop", "bank"], "2026-06-01T09:00:00Z"),
        "Window bank until 2026-06-01 10:00, opens 2026-06-01 10:00"
    );
    assert_eq!(
        told(&calendar, "production", &["shop", "bank"], "2026-06-01T11:00:00Z"),
        "open until 2026-06-01 12:00"
    );
    // A project without windows of its own is limited by none.
    assert_eq!(told(&calendar, "production", &["desk"], "2026-06-01T03:00:00Z"), "open until never");
}

#[test]
fn what_never_opens_says_so() {
    let always =
        format!("{MONDAYS}[[freeze]]\nname = \"For ever\"\nstart = \"2020-01-01\"\nend = \"2090-01-01\"\n");
    assert_eq!(
        told(&always, "production", &[], "2026-06-01T08:30:00Z"),
        "Freeze For ever until 2090-01-01 00:00, opens never"
    );
    let over = "[[window]]\nname = \"Once\"\nduration = \"1h\"\n\
                rrule = \"DTSTART:20260101T000000Z\\nRRULE:FREQ=DAILY;COUNT=3\"\n";
    assert_eq!(told(over, "production", &[], "2026-06-01"), "Window  until never, opens never");
    let closure = |calendar: &str| {
        let standing = standing(&load(calendar), Some(&"production".into()), &[], at("2026-06-01"));
        standing.closure().map(|closure| (closure.words(), closure.opening())).unwrap()
    };
    assert_eq!(closure(over).1, "it does not open within 400 days");
    // A window inside of each freeze, for ever.
    let daily = "[[freeze]]\nname = \"Nights\"\nduration = \"1d\"\n\
                 rrule = \"DTSTART:20260101T000000Z\\nRRULE:FREQ=DAILY\"\n";
    assert_eq!(
        told(daily, "production", &[], "2026-06-01T08:30:00Z"),
        "Freeze Nights until 2026-06-02 00:00, opens never"
    );
}

#[test]
fn a_calendar_that_cannot_be_read_closes_production_and_says_why() {
    for (calendar, by, why) in [
        ("[[freeze]]\nname = \"Odd\"\nduration = \"1h\"\nrrule = \"FREQ=SOMETIMES\"\n", "Odd", "begins"),
        ("[[freeze]]\nname = \"Open\"\nstart = \"2026-12-20\"\n", "Open", "does not say when it ends"),
        (
            "[[freeze]]\nname = \"Torn\"\nstart = \"soon\"\nend = \"2026-12-20\"\n",
            "policies/calendar.toml",
            "",
        ),
        ("[[freeze]\nname =", "policies/calendar.toml", ""),
        (
            "[[window]]\nname = \"W\"\nenvironments = [\"production\"]\nduration = \"1h\"\n\
             rrule = \"DTSTART:20260101T000000Z\\nRRULE:FREQ=HOURLY\"\n",
            "W",
            "more often than every day",
        ),
    ] {
        let catalog = load(calendar);
        let production = standing(&catalog, Some(&"production".into()), &[], at("2026-06-01"));
        let closure = production.closure().unwrap_or_else(|| panic!("{calendar} is open"));
        assert_eq!((closure.by.as_str(), closure.kind), (by, Closing::Unreadable), "{calendar}");
        assert!(closure.reason.as_ref().is_some_and(|reason| reason.contains(why)), "{closure:?}");
        assert_eq!(closure.opening(), "correct policies/calendar.toml");
        let staging = standing(&catalog, Some(&"staging".into()), &[], at("2026-06-01"));
        assert_eq!(staging, Standing::Open { until: None }, "{calendar}");
    }
}
