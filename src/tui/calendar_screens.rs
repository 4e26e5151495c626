//! Screens of the calendar, of the pipeline and of broken glass.

use super::{
    fixture::{self, now},
    screens::text,
};
use crate::{
    action::run::refresh_lists,
    domain::{
        calendar::{CalendarEntry, EntryKind},
        change::{ChangeClass, Identity},
        ledger::{Entry, EntryBody, Happening, Merged, Operations, Verdict},
        people::Person,
    },
    model::{
        Model,
        layout::{Pane, Size},
        ui::Overlay,
        world::LedgerView,
    },
};
use chrono::Duration;
use std::{collections::BTreeMap, sync::Arc};

/// The head of every change of the fixture.
const HEAD: &str = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";

fn entry(kind: EntryKind, name: &str) -> CalendarEntry {
    CalendarEntry {
        kind,
        name: name.into(),
        start: None,
        end: None,
        recurrence: None,
        duration: None,
        environments: vec!["production".into()],
        projects: vec![],
        reason: None,
        spans: BTreeMap::new(),
    }
}

/// Changes the catalog as a source would.
fn recatalog(model: &mut Model, change: impl FnOnce(&mut crate::domain::catalog::Catalog)) {
    let mut catalog = model.world.catalog.value.as_deref().unwrap().clone();
    change(&mut catalog);
    model.world.catalog.value = Some(Arc::new(catalog));
}

fn with_calendar(model: &mut Model) {
    recatalog(model, |catalog| {
        catalog.calendar = vec![
            CalendarEntry {
                start: Some(now() - Duration::hours(20)),
                end: Some(now() + Duration::hours(30)),
                reason: Some("books are closed".into()),
                ..entry(EntryKind::Freeze, "end of the quarter")
            },
            CalendarEntry {
                recurrence: Some(
                    "DTSTART;TZID=Europe/Madrid:20260105T100000\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH".into(),
                ),
                duration: Some(Duration::hours(6)),
                ..entry(EntryKind::Window, "working hours")
            },
        ];
        let old = Arc::make_mut(catalog.services.get_mut("old-api").unwrap());
        old.sunset_date = Some((now() + Duration::days(9)).date_naive());
    });
}

fn told(model: &mut Model, happenings: Vec<(i64, Happening)>) {
    let entries: Vec<Entry> = happenings
        .into_iter()
        .map(|(hours, happening)| Entry {
            commit: format!("{hours:040x}").into(),
            at: now() - Duration::hours(hours),
            actor: Identity { name: "Marta Ruiz".into(), email: "m-ruiz@example.com".into() },
            subject: String::new(),
            body: EntryBody::Known(happening),
        })
        .collect();
    let view = LedgerView { operations: Arc::new(Operations::fold(&entries)), unsynced: 0 };
    model.world.ledger.value = Some(Arc::new(view));
    let mut review = model.world.changes.value.as_deref().unwrap().clone();
    let person = Person {
        handle: "m-ruiz".into(),
        name: "Marta Ruiz".into(),
        emails: vec!["m-ruiz@example.com".into()],
        ..Person::default()
    };
    review.people.persons.insert("m-ruiz".into(), person);
    model.world.changes.value = Some(Arc::new(review));
}

fn merged(change: &str, service: &str, version: &str, break_glass: bool) -> Happening {
    Happening::ChangeMerged(Box::new(Merged {
        change: change.into(),
        class: ChangeClass::Feature,
        branch: "main".into(),
        head: HEAD.into(),
        onto: "b".into(),
        commit: change.into(),
        services: vec![service.into()],
        tags: vec![format!("{service}-v{version}")],
        approvals: vec![],
        request: None,
        break_glass,
    }))
}

fn glass(change: &str) -> Happening {
    Happening::GlassOpened {
        change: change.into(),
        head: HEAD.into(),
        reason: "logins fail for everybody".into(),
        expires: now() + Duration::minutes(40),
        incident: "INC-15".into(),
    }
}

/// A platform on which something of everything has happened.
fn model(size: Size, page: Pane) -> Model {
    let mut model = fixture::model(size);
    with_calendar(&mut model);
    let rolled = |happening: fn() -> Happening, hours| (hours, happening());
    let started = || Happening::RollbackStarted {
        service: "shared-auth".into(),
        environment: "production".into(),
        from: "1.3.0".into(),
        to: "1.2.3".into(),
        object: "deployment/shared/shared-auth".into(),
    };
    let finished = || Happening::RollbackFinished {
        service: "shared-auth".into(),
        environment: "production".into(),
        verdict: Verdict::Pass,
        detail: "well".into(),
    };
    told(
        &mut model,
        vec![
            (80, merged("gateway-3.4.0", "api-gateway", "3.4.0", false)),
            rolled(started, 52),
            rolled(finished, 51),
            (31, glass("users-9")),
            (30, merged("users-9", "user-store", "99.0.0", true)),
            (0, glass("auth-1.4.0")),
        ],
    );
    open(&mut model, page);
    model
}

fn open(model: &mut Model, page: Pane) {
    model.ui.focus = page;
    model.ui.zoom = Some(page);
    refresh_lists(model);
}

#[test]
fn the_pages_at_both_sizes() {
    for (width, height) in [(80, 24), (160, 45)] {
        for (name, page) in [("calendar", Pane::Calendar), ("pipeline", Pane::Pipeline)] {
            let model = model(Size { width, height }, page);
            insta::assert_snapshot!(format!("{name}-{width}x{height}"), text(name, &model));
        }
    }
}

#[test]
fn the_chosen_day_and_what_is_due() {
    let mut calendar = model(Size { width: 100, height: 30 }, Pane::Calendar);
    calendar.ui.day = Some((now() - Duration::days(3)).date_naive());
    refresh_lists(&mut calendar);
    let shown = text("calendar-day", &calendar);
    for words in ["3 days ago", "↺ 22:48", "1.3.0 → 1.2.3"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    // Overdue since six hours: it is in the strip until it is settled.
    assert!(shown.contains("■ glass overdue 6h"), "{shown}");
}

#[test]
fn empty_pages_say_why_and_what_to_do() {
    let size = Size { width: 80, height: 24 };
    let mut calendar = fixture::model(size);
    open(&mut calendar, Pane::Calendar);
    let shown = text("calendar-empty", &calendar);
    for words in ["nothing stands on this day", "no freeze and no window is", "production: open"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let mut pipeline = fixture::model(size);
    Arc::make_mut(&mut pipeline.world.joined).changes.clear();
    open(&mut pipeline, Pane::Pipeline);
    let shown = text("pipeline-empty", &pipeline);
    assert!(shown.contains("no change is open, and none was merged in 14 days"), "{shown}");
    pipeline.ui.lists[Pane::Pipeline.index()].filter = "zzz".into();
    refresh_lists(&mut pipeline);
    assert!(text("pipeline-filtered", &pipeline).contains("no change matches /zzz"));
}

#[test]
fn a_calendar_that_cannot_be_read_is_loud() {
    let mut model = fixture::model(Size { width: 120, height: 30 });
    recatalog(&mut model, |catalog| {
        let odd = CalendarEntry {
            recurrence: Some("FREQ=SOMETIMES".into()),
            duration: Some(Duration::hours(1)),
            ..entry(EntryKind::Freeze, "odd")
        };
        catalog.calendar.push(odd);
    });
    open(&mut model, Pane::Calendar);
    let shown = text("calendar-broken", &model);
    for words in ["■ calendar unreadable", "■ the freeze `odd`", "correct policies/calendar.toml"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
}

#[test]
fn broken_glass_is_in_the_details_of_its_change() {
    let mut model = model(Size { width: 120, height: 40 }, Pane::Changes);
    model.ui.zoom = None;
    model.ui.overlays.push(Overlay::Change {
        change: "auth-1.4.0".into(),
        section: crate::model::ui::ChangeSection::default(),
        offset: 0,
    });
    let shown = text("glass", &model);
    for words in ["Break-glass", "■ m-ruiz broke the glass; a second person must agree", "INC-15"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
}

#[test]
fn the_pages_draw_at_every_size() {
    for (width, height) in [(60, 20), (61, 37), (79, 24), (109, 21), (120, 29), (300, 90)] {
        for page in [Pane::Calendar, Pane::Pipeline] {
            let mut model = model(Size { width, height }, page);
            text("any", &model);
            for row in 0..model.ui.list(page).rows.len() {
                model.ui.lists[page.index()].cursor = row;
                text("any", &model);
            }
        }
    }
}
