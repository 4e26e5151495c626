//! Tests of broken glass, from the request to the post-mortem.

use super::*;
use crate::{
    domain::{
        change::ChangeClass,
        ledger::{Entry, EntryBody, Happening, Merged, open_glass, second_glass, settle_glass},
    },
    error::{Failure, FailureKind},
};

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + minutes * 60, 0).unwrap()
}

fn identity(name: &str) -> Identity {
    Identity { name: name.into(), email: format!("{name}@example.com") }
}

fn people() -> People {
    let person = |handle: &str| Person {
        handle: handle.into(),
        name: handle.into(),
        emails: vec![format!("{handle}@example.com"), format!("{handle}@home.example")],
        ..Person::default()
    };
    let persons = ["ana", "bo", "cy", "dee"].map(|handle| (handle.into(), person(handle)));
    People { persons: persons.into(), ..People::default() }
}

fn head(letter: &str) -> CommitId {
    letter.repeat(40).into()
}

fn proposal() -> Proposal {
    Proposal {
        id: "api-2".into(),
        branch: "change/api-2".into(),
        head: head("a"),
        base: head("b"),
        authors: vec![Identity { name: "ana".into(), email: "ana@home.example".into() }],
        last_committer: identity("dee"),
        subject: "Release".into(),
        committed_at: at(0),
        opened_at: at(0),
        paths: vec![],
        messages: Vec::new(),
        objects: std::collections::BTreeMap::new(),
    }
}

/// The ledger, written to as people do.
#[derive(Default)]
struct Book(Operations, u32);

impl Book {
    fn put(&mut self, who: &str, minute: i64, happening: Happening) {
        self.1 += 1;
        self.0.apply(&Entry {
            commit: format!("{:040x}", self.1).into(),
            at: at(minute),
            actor: identity(who),
            subject: String::new(),
            body: EntryBody::Known(happening),
        });
    }

    fn open(&mut self, who: &str, minute: i64, hours: i64) -> Result<(), Failure> {
        let length = Duration::hours(hours);
        let happening = open_glass(
            &self.0,
            &proposal(),
            &people(),
            &identity(who),
            &head("a"),
            " logins\nfail ",
            length,
            &"INC-1".into(),
            at(minute),
        )?;
        self.put(who, minute, happening);
        Ok(())
    }

    fn second(&mut self, who: &str, minute: i64) -> Result<(), Failure> {
        let happening =
            second_glass(&self.0, &proposal(), &people(), &identity(who), &head("a"), at(minute))?;
        self.put(who, minute, happening);
        Ok(())
    }

    fn settle(&mut self, who: &str, minute: i64) -> Result<(), Failure> {
        let happening = settle_glass(&self.0, &"api-2".into(), &people(), &identity(who), "written")?;
        self.put(who, minute, happening);
        Ok(())
    }

    fn merge(&mut self, minute: i64) {
        self.put(
            "bo",
            minute,
            Happening::ChangeMerged(Box::new(Merged {
                change: "api-2".into(),
                class: ChangeClass::Feature,
                branch: "main".into(),
                head: head("a"),
                onto: head("b"),
                commit: head("c"),
                services: vec![],
                tags: vec![],
                approvals: vec![],
                request: None,
                break_glass: true,
            })),
        );
    }

    fn state_of(&self, letter: &str, minute: i64) -> Option<GlassState> {
        let record = self.0.changes.get(&ChangeId::from("api-2"))?;
        state(record, &people(), Some(&proposal()), &head(letter), at(minute))
    }

    fn state(&self, minute: i64) -> Option<GlassState> {
        self.state_of("a", minute)
    }
}

#[test]
fn two_people_open_it_for_a_time_and_for_one_head() {
    let mut book = Book::default();
    assert_eq!(book.state(0), None);
    book.open("ana", 0, 1).unwrap();
    assert_eq!(book.state(1), Some(GlassState::Waiting { by: "ana".into(), until: at(60) }));
    book.second("bo", 10).unwrap();
    let granted = GlassState::Granted { until: at(60), by: "ana".into(), seconded: "bo".into() };
    assert_eq!(book.state(59), Some(granted));
    // Its end is no part of it, and another head is another matter.
    assert_eq!(book.state(60), Some(GlassState::Expired));
    assert_eq!(book.state_of("d", 20), None);
    // Once it is over it can be asked for again.
    book.open("cy", 70, 2).unwrap();
    assert_eq!(book.state(80), Some(GlassState::Waiting { by: "cy".into(), until: at(190) }));
}

#[test]
fn what_was_used_is_due_until_it_is_settled() {
    let mut book = Book::default();
    book.open("cy", 0, 1).unwrap();
    book.second("bo", 1).unwrap();
    assert_eq!(book.settle("cy", 2).unwrap_err().kind, FailureKind::Refused);
    book.merge(10);
    let due = at(10) + SETTLE_WITHIN;
    assert_eq!(book.state(11), Some(GlassState::Used { due }));
    // The end of its time and of its incident change nothing about that.
    book.put("cy", 12, Happening::IncidentResolved { incident: "INC-1".into(), note: None });
    assert_eq!(book.state(5_000), Some(GlassState::Used { due }));
    assert_eq!(unsettled(&book.0), [("api-2".into(), due)]);
    book.settle("ana", 100).unwrap();
    assert_eq!((book.state(101), unsettled(&book.0)), (Some(GlassState::Settled), vec![]));
    assert!(book.settle("ana", 102).unwrap_err().message.contains("or that is settled"));
}

#[test]
fn settling_means_the_glass_that_was_used() {
    let mut book = Book::default();
    // One that expired before another one was used.
    let mut old = proposal();
    old.head = head("e");
    let earlier = open_glass(
        &book.0,
        &old,
        &people(),
        &identity("cy"),
        &head("e"),
        "first",
        USUAL_LENGTH,
        &"INC-1".into(),
        at(0),
    );
    book.put("cy", 0, earlier.unwrap());
    book.open("cy", 200, 1).unwrap();
    book.second("bo", 201).unwrap();
    book.merge(202);
    book.settle("bo", 203).unwrap();
    assert_eq!(book.state(204), Some(GlassState::Settled));
}

#[test]
fn it_is_refused_to_whom_it_is_not_for() {
    use FailureKind::{Refused, Usage};
    let mut book = Book::default();
    for (who, hours, kind, text) in [
        ("eve", 1, Refused, "nobody of policies/teams.toml"),
        ("bo", 0, Usage, "cannot be broken for"),
        ("bo", 9, Usage, "cannot be broken for 9h"),
    ] {
        let failure = book.open(who, 0, hours).unwrap_err();
        assert_eq!(failure.kind, kind, "{who} {hours}");
        assert!(failure.message.contains(text), "{failure:?}");
    }
    assert!(book.second("bo", 0).unwrap_err().message.contains("nobody has broken the glass"));
    book.open("cy", 0, 8).unwrap();
    assert!(book.open("bo", 1, 1).unwrap_err().message.contains("cy has broken the glass"));
    for (who, text) in [
        ("eve", "nobody of policies/teams.toml"),
        ("cy", "they asked for it"),
        ("ana", "their own change"),
        ("dee", "committed last"),
    ] {
        let failure = book.second(who, 1).unwrap_err();
        assert!(failure.kind == Refused && failure.message.contains(text), "{who}: {failure:?}");
    }
    book.second("bo", 2).unwrap();
    assert!(book.second("bo", 3).unwrap_err().message.contains("agreed to it already"));
    let moved = second_glass(&book.0, &proposal(), &people(), &identity("bo"), &head("d"), at(3));
    assert_eq!(moved.unwrap_err().kind, FailureKind::Conflict);
}

#[test]
fn what_somebody_forged_opens_nothing() {
    let mut book = Book::default();
    let opened = |expires| Happening::GlassOpened {
        change: "api-2".into(),
        head: head("a"),
        reason: "r".into(),
        expires,
        incident: "INC-1".into(),
    };
    book.put("eve", 0, opened(at(60)));
    assert_eq!(book.state(1), None);
    // A person, but for ever, and with the seconds of those who may not.
    book.put("cy", 0, opened(at(1_000_000)));
    for who in ["eve", "cy", "ana", "dee"] {
        book.put(who, 1, Happening::GlassSeconded { change: "api-2".into(), head: head("a") });
    }
    assert_eq!(book.state(2), Some(GlassState::Waiting { by: "cy".into(), until: at(480) }));
    assert_eq!(book.state(480), Some(GlassState::Expired));
}
