//! Tests of the calendar's lines.

use super::*;
use crate::domain::{
    calendar::instant,
    catalog::reader,
    change::{ChangeClass, Identity},
    ledger::{Entry, EntryBody, Happening, Merged, Verdict},
};

fn at(text: &str) -> DateTime<Utc> {
    instant(text).unwrap()
}

fn catalog() -> Catalog {
    let files = [
        ("quarterdeck.toml", "[environment.production]\ncontext = \"p\"\n"),
        (
            "services/catalog.toml",
            "[service.old]\nname = \"old\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\n\
             deprecation_date = 2026-06-03\nsunset_date = 2026-12-24\nsupport_until = 2026-06-30\n",
        ),
        (
            "policies/calendar.toml",
            "[[freeze]]\nname = \"Quarter\"\nstart = \"2026-05-30\"\nend = \"2026-06-02\"\n\
             [[freeze]]\nname = \"Odd\"\nduration = \"1h\"\nrrule = \"FREQ=OFTEN\"\n\
             [[window]]\nname = \"Mondays\"\nduration = \"2h\"\n\
             rrule = \"DTSTART:20260105T100000Z\\nRRULE:FREQ=WEEKLY;BYDAY=MO\"\n",
        ),
    ];
    reader::read(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())))
}

fn operations() -> Operations {
    let entry = |moment: &str, happening| Entry {
        commit: moment.into(),
        at: at(moment),
        actor: Identity { name: "Ana".into(), email: "ana@example.com".into() },
        subject: String::new(),
        body: EntryBody::Known(happening),
    };
    let glass = Happening::GlassOpened {
        change: "api-2".into(),
        head: "a".into(),
        reason: "r".into(),
        expires: at("2026-06-02T12:00:00Z"),
        incident: "INC-1".into(),
    };
    let merged = Happening::ChangeMerged(Box::new(Merged {
        change: "api-2".into(),
        class: ChangeClass::Feature,
        branch: "main".into(),
        head: "a".into(),
        onto: "b".into(),
        commit: "c".into(),
        services: vec!["api".into()],
        tags: vec!["api-v2.0.0".into()],
        approvals: vec![],
        request: None,
        break_glass: true,
    }));
    let started = Happening::RollbackStarted {
        service: "api".into(),
        environment: "production".into(),
        from: "2.0.0".into(),
        to: "1.0.0".into(),
        object: "deployment/shop/api".into(),
    };
    let finished = Happening::RollbackFinished {
        service: "api".into(),
        environment: "production".into(),
        verdict: Verdict::Pass,
        detail: "well".into(),
    };
    Operations::fold(&[
        entry("2026-06-02T11:00:00Z", glass),
        entry("2026-06-02T11:30:00Z", merged),
        entry("2026-06-02T13:00:00Z", started),
        entry("2026-06-02T13:05:00Z", finished),
    ])
}

#[test]
fn it_holds_what_was_done_what_is_planned_and_when_it_is_closed() {
    let agenda = Agenda::new(&catalog(), &operations(), at("2026-06-01"), at("2026-06-08"));
    let told: Vec<String> = agenda
        .entries
        .iter()
        .map(|entry| {
            format!(
                "{} {} {}{}",
                entry.start.format("%m-%d %H:%M"),
                entry.kind.as_str(),
                entry.title,
                entry.detail.as_ref().map_or_else(String::new, |detail| format!(" ({detail})"))
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "05-30 00:00 freeze Quarter",
            "06-01 10:00 window Mondays",
            "06-02 11:30 merge api-2 (feature by Ana, api-v2.0.0, past its gates)",
            "06-02 13:00 rollback api (2.0.0 → 1.0.0 by Ana, pass)",
            "06-03 00:00 deprecation old",
            "06-03 11:30 post-mortem api-2 (of the broken glass is due)",
        ]
    );
    assert_eq!(agenda.problems.len(), 1, "{:?}", agenda.problems);
    assert!(agenda.problems[0].starts_with("the freeze `Odd`: "));
}

#[test]
fn a_day_has_what_touches_it() {
    let agenda = Agenda::new(&catalog(), &Operations::default(), at("2026-05-25"), at("2026-07-01"));
    let titles = |day: &str| -> Vec<&str> {
        agenda.on(day.parse().unwrap()).map(|entry| entry.title.as_str()).collect()
    };
    assert_eq!(titles("2026-05-31"), ["Quarter"]);
    assert_eq!(titles("2026-06-01"), ["Quarter", "Mondays"]);
    // It ends at midnight, so the next day is free.
    assert_eq!(titles("2026-06-02"), Vec::<&str>::new());
    assert_eq!(titles("2026-06-30"), ["old"]);
}
