//! What verifying a ledger finds, one fault at a time.

use super::*;
use crate::domain::{
    escalation::Severity,
    gate::Gate,
    ledger::{Happening, Marks, decode, encode, is_late},
    people::Person,
    signature::Key,
};

const ANA: &str = include_str!("../signature/fixtures/ed25519.pub");
const BO: &str = include_str!("../signature/fixtures/ecdsa-p256.pub");

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap()
}

fn identity(name: &str) -> Identity {
    Identity { name: name.to_owned(), email: format!("{name}@example.com") }
}

fn seal(key: &str) -> Seal {
    Seal::Ssh(Key::parse(key).unwrap())
}

/// A sound event of ana's, a minute after the one before.
fn link(number: usize, happening: &Happening) -> Link {
    let message = encode(happening, Marks::default()).unwrap();
    let (subject, body) = decode(&message);
    let minute = i64::try_from(number).unwrap();
    Link {
        entry: Entry {
            commit: format!("{number:040x}").into(),
            at: at(minute),
            actor: identity("ana"),
            subject,
            body,
        },
        parents: usize::from(number > 0),
        empty_tree: true,
        committer: identity("ana"),
        committed_at: at(minute),
        late: is_late(&message),
        seal: seal(ANA),
        intact: true,
    }
}

fn declared(number: u32) -> Happening {
    Happening::IncidentDeclared {
        incident: crate::domain::ledger::incident_id(number),
        severity: Severity::High,
        title: "api 5xx".into(),
        service: None,
        deployment: None,
        post_mortem_due: None,
    }
}

fn taken(number: u32) -> Happening {
    Happening::IncidentAcknowledged { incident: crate::domain::ledger::incident_id(number) }
}

fn chain() -> Vec<Link> {
    [declared(1), taken(1), declared(2), taken(2)]
        .iter()
        .enumerate()
        .map(|(number, happening)| link(number, happening))
        .collect()
}

fn rules(required: bool) -> SigningRules {
    let mut people = People::default();
    for name in ["ana", "bo"] {
        let emails = vec![format!("{name}@example.com"), format!("{name}@private.example")];
        let person = Person { handle: name.into(), name: name.into(), emails, ..Person::default() };
        people.persons.insert(name.into(), person);
    }
    let signers = AllowedSigners::parse(&format!("ana@example.com {ANA}bo@example.com {BO}"));
    SigningRules { signers, required, people }
}

fn timeline(required: bool) -> Timeline {
    let mut timeline = Timeline::default();
    timeline.push(at(-100), Arc::new(rules(required)));
    timeline
}

fn faults(verification: &Verification) -> Vec<(Fault, Option<usize>)> {
    verification.problems.iter().map(|(fault, remark)| (*fault, remark.number)).collect()
}

#[test]
fn a_sound_ledger_is_valid() {
    let verification = verify(&chain(), &timeline(true), None, at(10));
    assert!(verification.is_valid(), "{:?}", verification.problems);
    assert_eq!((verification.events, verification.signed(), verification.unsigned), (4, 4, 0));
    assert_eq!(verification.signers.into_iter().collect::<Vec<_>>(), [("ana@example.com".to_owned(), 4)]);
    assert_eq!(verification.notes, []);
    assert!(verify(&[], &Timeline::default(), None, at(0)).is_valid());
}

/// Each fault is found at the event that has it, and nowhere else.
#[test]
fn every_fault_is_found_where_it_is() {
    type Case = (&'static str, fn(&mut Vec<Link>), Fault, usize);
    let cases: [Case; 15] = [
        ("a merge", |links| links[1].parents = 2, Fault::Merge, 2),
        ("files", |links| links[2].empty_tree = false, Fault::Files, 3),
        (
            "no event",
            |links| links[3].entry.body = EntryBody::Unknown { kind: String::new(), text: "hello".into() },
            Fault::Form,
            4,
        ),
        (
            "an event that cannot be read",
            |links| {
                let text = "{\"version\":1,\"kind\":\"incident.resolved\",\"incident\":7}".to_owned();
                links[3].entry.body = EntryBody::Unknown { kind: "incident.resolved".into(), text };
            },
            Fault::Form,
            4,
        ),
        (
            "a subject that says other than the body",
            |links| links[1].entry.subject = "incident.resolved(INC-1): over".into(),
            Fault::Form,
            2,
        ),
        ("a forged actor", |links| links[2].committer = identity("bo"), Fault::Actor, 3),
        ("a wrong signer", |links| links[1].seal = seal(BO), Fault::Signature, 2),
        (
            "an altered event",
            |links| links[1].seal = Seal::Broken("the signature does not fit the commit".into()),
            Fault::Signature,
            2,
        ),
        ("no signature", |links| links[0].seal = Seal::Absent, Fault::Signature, 1),
        (
            "a key of nobody",
            |links| links[0].seal = seal(include_str!("../signature/fixtures/rsa.pub")),
            Fault::Signature,
            1,
        ),
        (
            "a signature of a kind that is not known",
            |links| links[0].seal = Seal::Unchecked("x".into()),
            Fault::Signature,
            1,
        ),
        ("events in another order", |links| links.swap(0, 1), Fault::Order, 1),
        ("an event twice", |links| links.push(link(4, &taken(2))), Fault::Order, 5),
        ("a number that was not next", |links| links.push(link(4, &declared(4))), Fault::Order, 5),
        (
            "an approval by nobody",
            |links| {
                let happening = Happening::ChangeApproved {
                    change: "api-2".into(),
                    gate: Gate::Security,
                    head: "a".repeat(40).into(),
                    base: "b".repeat(40).into(),
                    digest: None,
                    answers: None,
                    note: None,
                };
                let mut link = link(4, &happening);
                link.entry.actor = identity("eve");
                link.committer = identity("eve");
                link.seal = Seal::Pgp { key: "F".into(), address: "eve@example.com".into(), trusted: true };
                links.push(link);
            },
            Fault::Actor,
            5,
        ),
    ];
    for (what, alter, fault, number) in cases {
        let mut links = chain();
        alter(&mut links);
        let verification = verify(&links, &timeline(true), None, at(10));
        assert_eq!(faults(&verification), [(fault, Some(number))], "{what}: {:?}", verification.problems);
    }
}

#[test]
fn without_a_duty_to_sign_only_what_is_false_is_a_fault() {
    let mut links = chain();
    links[0].seal = Seal::Absent;
    links[1].seal = Seal::Unchecked("no key".into());
    links[2].seal = seal(include_str!("../signature/fixtures/rsa.pub"));
    let verification = verify(&links, &timeline(false), None, at(10));
    assert!(verification.is_valid(), "{:?}", verification.problems);
    assert_eq!((verification.signed(), verification.unsigned, verification.unproven), (1, 1, 2));
    links[3].seal = seal(BO);
    links[2].seal = Seal::Broken("x".into());
    let verification = verify(&links, &timeline(false), None, at(10));
    assert_eq!(faults(&verification), [(Fault::Signature, Some(3)), (Fault::Signature, Some(4))]);
}

#[test]
fn a_person_is_the_same_under_each_of_their_addresses() {
    let mut links = chain();
    links[1].entry.actor.email = "Ana@private.example".into();
    assert!(verify(&links, &timeline(true), None, at(10)).is_valid());
}

#[test]
fn the_rules_are_those_of_the_time() {
    let mut timeline = Timeline::default();
    timeline.push(at(-100), Arc::new(rules(false)));
    // From the third event on signatures are required, and ana's key is gone.
    let mut later = rules(true);
    later.signers = AllowedSigners::parse(&format!("bo@example.com {BO}"));
    timeline.push(at(2), Arc::new(later));
    let mut links = chain();
    links[0].seal = Seal::Absent;
    let verification = verify(&links, &timeline, None, at(10));
    assert_eq!(faults(&verification), [(Fault::Signature, Some(3)), (Fault::Signature, Some(4))]);
    assert!(verification.required);
    // Dating an event back does not bring the old rules back.
    links.truncate(3);
    links.push(Link { seal: Seal::Absent, ..link(3, &taken(2)) });
    links[3].entry.at = at(-50);
    let verification = verify(&links, &timeline, None, at(10));
    assert_eq!(faults(&verification).last(), Some(&(Fault::Signature, Some(4))));
}

#[test]
fn a_main_branch_that_is_dated_back_does_not_hide_its_rules() {
    let mut timeline = Timeline::default();
    timeline.push(at(5), Arc::new(rules(false)));
    timeline.push(at(1), Arc::new(rules(true)));
    assert!(!timeline.at(at(0)).required);
    assert!(!timeline.at(at(4)).required || timeline.at(at(5)).required);
    assert!(timeline.at(at(5)).required && timeline.newest().required);
}

#[test]
fn what_was_verified_before_must_still_be_there() {
    let links = chain();
    let ids: Vec<CommitId> = links.iter().map(|link| link.entry.commit.clone()).collect();
    let verified = |count: usize, ids: &[CommitId]| Verified {
        tip: ids[count - 1].clone(),
        events: count,
        at: at(9),
        chain: Some(ids[..count].to_vec()),
    };
    let now = at(10);
    assert!(verify(&links, &timeline(true), Some(verified(3, &ids)), now).is_valid());
    let mut other = ids.clone();
    other[1] = "f".repeat(40).into();
    other[2] = "e".repeat(40).into();
    let verification = verify(&links, &timeline(true), Some(verified(3, &other)), now);
    assert_eq!(faults(&verification), [(Fault::Rewritten, Some(2))]);
    assert!(verification.problems[0].1.text.contains("ffffffff"), "{:?}", verification.problems);
    let shorter = verify(&links[..2], &timeline(true), Some(verified(4, &ids)), now);
    assert_eq!(faults(&shorter), [(Fault::Rewritten, None)]);
    assert!(shorter.problems[0].1.text.contains("2 events"), "{:?}", shorter.problems);
    let unreadable = Verified { chain: None, ..verified(3, &other) };
    let verification = verify(&links, &timeline(true), Some(unreadable), now);
    assert_eq!(faults(&verification), [(Fault::Rewritten, None)]);
}

#[test]
fn an_event_that_waited_and_came_too_late_is_told_and_no_fault() {
    let mut links = chain();
    let message = encode(&taken(1), Marks { formerly: None, late: true }).unwrap();
    links.push(Link { late: is_late(&message), ..link(4, &taken(1)) });
    let verification = verify(&links, &timeline(true), None, at(10));
    assert!(verification.is_valid(), "{:?}", verification.problems);
    assert_eq!(verification.notes.len(), 1);
    assert!(verification.notes[0].text.contains("came too late"), "{:?}", verification.notes);
}

#[test]
fn clocks_that_differ_are_told_and_no_fault() {
    let notes = |alter: fn(&mut Vec<Link>)| {
        let mut links = chain();
        alter(&mut links);
        let verification = verify(&links, &timeline(true), None, at(10));
        assert!(verification.is_valid(), "{:?}", verification.problems);
        verification.notes.iter().map(|note| (note.number.unwrap(), note.text.clone())).collect::<Vec<_>>()
    };
    assert_eq!(notes(|links| links[1].entry.at = at(12)), []);
    let ahead = notes(|links| {
        links[1].entry.at = at(13);
        links[1].committed_at = at(13);
    });
    assert!(ahead.len() == 1 && ahead[0].0 == 2, "{ahead:?}");
    assert!(
        ahead[0].1.contains("ahead of the event after it") && ahead[0].1.contains("the order of the branch")
    );
    let future = notes(|links| links[3].entry.at = at(21));
    assert!(future.len() == 1 && future[0].1.contains("this machine's clock"), "{future:?}");
    // An event that waited for the remote is dated early and was committed late.
    assert_eq!(
        notes(|links| {
            links[2].entry.at = at(-60);
            links[2].committed_at = at(2);
        }),
        []
    );
}
