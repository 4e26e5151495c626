//! Tables of who may say what about a change.

use super::*;
use crate::{
    domain::{
        change::{ChangeClass, Patch, Proposal},
        gate::GateStatus,
        ledger::{Entry, EntryBody},
        people::Team,
    },
    error::FailureKind,
};
use chrono::{DateTime, Utc};
use std::{collections::BTreeMap, sync::Arc};

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + minutes * 60, 0).unwrap()
}

fn identity(email: &str) -> Identity {
    Identity { name: email.split('@').next().unwrap_or_default().to_owned(), email: email.to_owned() }
}

fn entry(operations: &Operations, email: &str, minute: i64, happening: Happening) -> Entry {
    Entry {
        commit: format!("{:040x}", operations.events).into(),
        at: at(minute),
        actor: identity(email),
        subject: happening.subject(),
        body: EntryBody::Known(happening),
    }
}

fn after(operations: &mut Operations, email: &str, minute: i64, happening: Happening) {
    let entry = entry(operations, email, minute, happening);
    operations.apply(&entry);
}

fn people() -> People {
    let mut people = People::default();
    for (handle, emails) in [
        ("ana", vec!["ana@example.com", "Ana.Private@example.net"]),
        ("bo", vec!["bo@example.com"]),
        ("cy", vec!["cy@example.com"]),
        ("dee", vec!["dee@example.com"]),
    ] {
        let person = Person {
            handle: handle.into(),
            name: handle.to_owned(),
            emails: emails.into_iter().map(str::to_owned).collect(),
            ..Person::default()
        };
        people.persons.insert(person.handle.clone(), person);
    }
    for (handle, members) in [("platform", vec!["ana", "bo", "cy"]), ("security", vec!["bo"])] {
        let team = Team {
            handle: handle.into(),
            description: None,
            members: members.into_iter().map(Into::into).collect(),
            lead: None,
            channel: None,
            rotation: None,
        };
        people.teams.insert(team.handle.clone(), team);
    }
    people
}

fn head(letter: &str) -> CommitId {
    letter.repeat(40).into()
}

fn change() -> Change {
    let gate = |gate, team: &str| GateStatus { gate, teams: vec![team.into()], state: GateState::Open };
    Change {
        proposal: Proposal {
            id: "api-2".into(),
            branch: "change/api-2".into(),
            head: head("a"),
            base: head("b"),
            authors: vec![identity("ANA.private@example.net")],
            last_committer: identity("dee@example.com"),
            subject: "Release".into(),
            committed_at: at(0),
            opened_at: at(0),
            messages: vec![],
            paths: vec![],
            objects: BTreeMap::new(),
        },
        class: ChangeClass::Feature,
        breaking: false,
        services: vec![],
        fields: vec![],
        patch: Arc::new(Patch { digest: "d".repeat(64), files: vec![] }),
        harm: crate::domain::change::HarmCount::default(),
        findings: Arc::default(),
        gates: vec![gate(Gate::CodeReview, "platform"), gate(Gate::Security, "security")],
        wishes: vec![],
        seals: std::sync::Arc::default(),
        signatures: std::collections::BTreeMap::new(),
        unproven: vec![],
        request: None,
    }
}

fn attempt(operations: &Operations, email: &str, gate: Gate, head: &CommitId) -> Result<Happening, Failure> {
    let shown = Shown { head: head.clone(), digest: "d".repeat(64) };
    let draft =
        ApprovalDraft { gate, shown, answers: ReviewAnswers::default(), note: Some(" fine\n".into()) };
    approve(operations, &change(), &people(), &identity(email), &draft)
}

#[test]
fn an_approval_names_what_was_reviewed() {
    let happening = attempt(&Operations::default(), "cy@example.com", Gate::CodeReview, &head("a")).unwrap();
    assert_eq!(
        happening,
        Happening::ChangeApproved {
            change: "api-2".into(),
            gate: Gate::CodeReview,
            head: head("a"),
            base: head("b"),
            digest: Some("d".repeat(64)),
            answers: None,
            note: Some("fine".into()),
        }
    );
}

#[test]
fn approvals_are_refused_to_whom_they_are_not_for() {
    use FailureKind::{Conflict, Refused};
    let mut approved = Operations::default();
    let first = attempt(&approved, "bo@example.com", Gate::CodeReview, &head("a")).unwrap();
    after(&mut approved, "bo@example.com", 1, first);
    let fresh = Operations::default();
    for (operations, email, gate, letter, kind, text) in [
        (&fresh, "eve@example.com", Gate::CodeReview, "a", Refused, "nobody of policies/teams.toml"),
        // The author committed under another address of hers.
        (&fresh, "ana@example.com", Gate::CodeReview, "a", Refused, "their own change"),
        (&fresh, "dee@example.com", Gate::CodeReview, "a", Refused, "committed last"),
        (&fresh, "cy@example.com", Gate::Security, "a", Refused, "not in security"),
        (&fresh, "cy@example.com", Gate::Architecture, "a", Refused, "does not need"),
        (&fresh, "cy@example.com", Gate::CodeReview, "c", Conflict, "has moved"),
        (&approved, "cy@example.com", Gate::CodeReview, "a", Refused, "already approved by bo"),
        (&approved, "bo@example.com", Gate::Security, "a", Refused, "one person fills one gate"),
    ] {
        let failure = attempt(operations, email, gate, &head(letter)).unwrap_err();
        assert_eq!(failure.kind, kind, "{email} {gate}: {failure:?}");
        assert!(failure.message.contains(text), "{email} {gate}: {failure:?}");
    }
}

#[test]
fn an_approval_that_nobody_was_allowed_to_give_opens_nothing() {
    let mut operations = Operations::default();
    let forged = attempt(&operations, "cy@example.com", Gate::CodeReview, &head("a")).unwrap();
    after(&mut operations, "ana@example.com", 1, forged.clone());
    after(&mut operations, "eve@example.com", 2, forged);
    assert!(attempt(&operations, "cy@example.com", Gate::CodeReview, &head("a")).is_ok());
}

#[test]
fn a_change_that_alters_something_else_since_is_a_conflict() {
    let shown = Shown { head: head("a"), digest: "e".repeat(64) };
    let draft = ApprovalDraft {
        gate: Gate::CodeReview,
        shown: shown.clone(),
        answers: ReviewAnswers::default(),
        note: None,
    };
    let cy = identity("cy@example.com");
    let failures = [
        approve(&Operations::default(), &change(), &people(), &cy, &draft).unwrap_err(),
        request_changes(&change(), &people(), &cy, &shown, "no").unwrap_err(),
    ];
    for failure in failures {
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.message.contains("its base has moved"), "{failure:?}");
    }
}

#[test]
fn what_is_risky_is_approved_with_all_five_answers() {
    let all = ReviewAnswers {
        reason: "the old one leaks".into(),
        effect: "two projects move".into(),
        documentation: "in the guide".into(),
        breaking: "yes, told in May".into(),
        tests: "load test".into(),
    };
    let with = |class, breaking, answers: &ReviewAnswers| {
        let change = Change { class, breaking, ..change() };
        let draft = ApprovalDraft {
            gate: Gate::CodeReview,
            shown: Shown::of(&change),
            answers: answers.clone(),
            note: None,
        };
        approve(&Operations::default(), &change, &people(), &identity("cy@example.com"), &draft)
    };
    for class in [ChangeClass::Breaking, ChangeClass::Policy, ChangeClass::Infrastructure] {
        let failure = with(class, false, &ReviewAnswers::default()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Usage);
        assert!(failure.message.ends_with("reason, effect, documentation, breaking, tests"), "{failure:?}");
        // A dash is no answer.
        let failure = with(class, false, &ReviewAnswers { breaking: " - ".into(), ..all.clone() });
        assert!(failure.unwrap_err().message.ends_with("without an answer: breaking"));
        let Happening::ChangeApproved { answers, .. } = with(class, false, &all).unwrap() else { panic!() };
        assert_eq!(answers.as_deref(), Some(&all));
    }
    assert!(with(ChangeClass::Feature, true, &ReviewAnswers::default()).is_err());
    let some = ReviewAnswers { tests: "none\u{1b}[31m".into(), ..ReviewAnswers::default() };
    for (given, kept) in [(&ReviewAnswers::default(), None), (&some, Some("none[31m"))] {
        let happening = with(ChangeClass::Bugfix, false, given).unwrap();
        let Happening::ChangeApproved { answers, .. } = happening else { panic!() };
        assert_eq!(answers.map(|answers| answers.tests).as_deref(), kept);
    }
}

#[test]
fn requests_for_changes_come_from_those_who_could_approve() {
    let ask = |email: &str, note: &str| {
        request_changes(&change(), &people(), &identity(email), &Shown::of(&change()), note)
    };
    for (email, text) in [
        ("eve@example.com", "nobody of policies/teams.toml"),
        ("ana@example.com", "their own change"),
        ("dee@example.com", "committed last"),
    ] {
        let failure = ask(email, "other").unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(failure.message.contains(text), "{failure:?}");
    }
    assert_eq!(ask("cy@example.com", " \n").unwrap_err().kind, FailureKind::Usage);
    assert!(matches!(ask("cy@example.com", " keep it\n").unwrap(),
        Happening::ChangesRequested { note, digest, .. } if note == "keep it" && digest == "d".repeat(64)));
    assert_eq!(comment(&"api-2".into(), "").unwrap_err().kind, FailureKind::Usage);
    assert_eq!(comment(&"api-2".into(), &"x".repeat(4_001)).unwrap_err().kind, FailureKind::Usage);
}

#[test]
fn a_request_blocks_until_its_author_approves_or_takes_it_back() {
    let mut operations = Operations::default();
    let stands = |operations: &Operations| {
        let mut change = change();
        change.judge(&people(), operations);
        change.wishes.iter().filter(|wish| !wish.answered).count()
    };
    let cy = identity("cy@example.com");
    let ask = || request_changes(&change(), &people(), &cy, &Shown::of(&change()), "other").unwrap();
    after(&mut operations, "cy@example.com", 1, ask());
    assert_eq!(stands(&operations), 1);
    // Nobody else takes it back, by this program or by another.
    let foreign = withdraw(&operations, &"api-2".into(), &identity("bo@example.com"), None, None);
    assert!(foreign.unwrap_err().message.contains("nothing to take back"));
    let forged = Happening::RequestWithdrawn { change: "api-2".into(), note: None };
    let forged = entry(&operations, "bo@example.com", 2, forged);
    assert!(crate::domain::ledger::fits(&operations, &forged).unwrap_err().contains("had not requested"));
    let bo = attempt(&operations, "bo@example.com", Gate::Security, &head("a")).unwrap();
    after(&mut operations, "bo@example.com", 2, bo);
    assert_eq!(stands(&operations), 1);
    let taken = withdraw(&operations, &"api-2".into(), &cy, None, Some("seen")).unwrap();
    assert!(matches!(taken, Happening::RequestWithdrawn { .. }));
    after(&mut operations, "cy@example.com", 3, taken);
    assert_eq!(stands(&operations), 0);
    // Asked again, and then approved; the clock does not say what came first.
    after(&mut operations, "cy@example.com", 4, ask());
    assert_eq!(stands(&operations), 1);
    let approved = attempt(&operations, "cy@example.com", Gate::CodeReview, &head("a")).unwrap();
    after(&mut operations, "cy@example.com", 0, approved);
    assert_eq!((stands(&operations), operations.contradictions), (0, 0));
}

#[test]
fn only_who_approved_takes_an_approval_back() {
    let mut operations = Operations::default();
    let approved = attempt(&operations, "bo@example.com", Gate::Security, &head("a")).unwrap();
    after(&mut operations, "bo@example.com", 1, approved);
    let mut seen = change();
    seen.judge(&people(), &operations);
    assert!(seen.gates[1].is_approved());
    for (email, gate) in [
        ("cy@example.com", Some(Gate::Security)),
        ("cy@example.com", None),
        ("bo@example.com", Some(Gate::CodeReview)),
    ] {
        let failure = withdraw(&operations, &"api-2".into(), &identity(email), gate, None).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused, "{email}");
        let forged = Happening::ApprovalWithdrawn {
            change: "api-2".into(),
            gate: gate.unwrap_or(Gate::Security),
            note: None,
        };
        assert!(crate::domain::ledger::fits(&operations, &entry(&operations, email, 2, forged)).is_err());
    }
    let taken = withdraw(&operations, &"api-2".into(), &identity("BO@example.com"), None, None).unwrap();
    assert!(matches!(taken, Happening::ApprovalWithdrawn { gate: Gate::Security, .. }));
    after(&mut operations, "bo@example.com", 2, taken);
    seen.judge(&people(), &operations);
    assert!(!seen.gates[1].is_approved());
    // It may be given again.
    assert!(attempt(&operations, "bo@example.com", Gate::Security, &head("a")).is_ok());
}
