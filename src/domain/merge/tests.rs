//! Tests of what lands on the main branch.

use super::*;
use crate::domain::{
    catalog::reader,
    change::{ChangeClass, FieldChange, Proposal},
    gate::GateStatus,
};
use std::collections::BTreeMap;

fn identity(name: &str) -> Identity {
    Identity { name: name.to_owned(), email: format!("{name}@example.com") }
}

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap()
}

fn head() -> CommitId {
    "a".repeat(40).into()
}

fn change(class: ChangeClass, subject: &str, gates: Vec<GateState>) -> Change {
    let gate = |(state, gate)| GateStatus { gate, teams: vec!["platform".into()], state };
    Change {
        proposal: Proposal {
            id: "a-2".into(),
            branch: "change/a-2".into(),
            head: head(),
            base: "b".repeat(40).into(),
            authors: vec![identity("ana")],
            last_committer: identity("ana"),
            subject: subject.to_owned(),
            committed_at: at(0),
            opened_at: at(0),
            paths: vec!["services/catalog.toml".into()],
            messages: Vec::new(),
            objects: BTreeMap::new(),
        },
        class,
        services: vec!["a".into()],
        fields: vec![FieldChange {
            service: "a".into(),
            field: "version".into(),
            old: Some("1.0.0".into()),
            new: Some("2.0.0".into()),
        }],
        findings: Arc::default(),
        gates: gates.into_iter().zip(Gate::ALL).map(gate).collect(),
        breaking: false,
        harm: crate::domain::change::HarmCount::default(),
        patch: Arc::default(),
        wishes: Vec::new(),
        seals: Arc::default(),
        signatures: std::collections::BTreeMap::new(),
        unproven: Vec::new(),
        request: None,
    }
}

fn release() -> Release {
    Release {
        service: "a".into(),
        from: Some("1.0.0".parse().unwrap()),
        version: "2.0.0".parse().unwrap(),
        tag: "a-v2.0.0".into(),
        replaces: false,
    }
}

#[test]
fn everything_that_stands_against_a_merge_is_named() {
    let approved = GateState::Approved { by: "bo".into(), at: at(1), carried: false };
    for (gates, expected) in [
        (vec![approved.clone()], &[][..]),
        (vec![GateState::Open], &["the code-review gate is open: somebody of @platform must approve it"]),
        (
            vec![approved, GateState::Fallen { by: "cy".into() }],
            &["the security gate fell: cy had approved it, and it alters something else now"],
        ),
    ] {
        let found = obstacles(&change(ChangeClass::Bugfix, "x", gates), None);
        assert_eq!(found.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), expected);
    }
    let mut broken = change(ChangeClass::Bugfix, "x", Vec::new());
    let file = ("services/catalog.toml".to_owned(), b"[service.a\n".to_vec());
    broken.findings = Arc::new(reader::read([file]).findings);
    let found = obstacles(&broken, None);
    assert!(matches!(found[0].kind, ObstacleKind::Finding(code) if code.starts_with("QD1")), "{found:?}");
}

#[test]
fn subjects_are_conventional_and_clean() {
    for (class, said, expected) in [
        (ChangeClass::Bugfix, "fix(a): close it", "fix(a): close it"),
        (ChangeClass::Breaking, "feat(a)!: new tokens", "feat(a)!: new tokens"),
        (ChangeClass::Feature, "Page: through lists", "feat(a): Page: through lists"),
        (ChangeClass::Policy, "fix:", "chore(a): fix:"),
        (ChangeClass::Bugfix, "a\u{1b}[31m\u{202e}b", "fix(a): a[31mb"),
    ] {
        assert_eq!(subject(&change(class, said, Vec::new())), expected);
    }
}

#[test]
fn a_merges_commit_tells_enough_to_make_its_event_again() {
    let change = change(ChangeClass::Breaking, "feat(a)!: new\n\nChange-Id: other", Vec::new());
    let approver = Approver {
        gate: Gate::Security,
        by: identity("bo\nChange-Id: evil"),
        approval: "c".repeat(40).into(),
    };
    let message = merge_message(&Facts {
        change: &change,
        releases: &[release()],
        approvals: &[approver],
        tip: Some(&"d".repeat(40).into()),
        request: Some(7),
        break_glass: false,
    });
    assert!(message.starts_with("feat(a)!: new  Change-Id: other\n\nbreaking change, high risk.\n\n- a version: 1.0.0 → 2.0.0\n\nChange-Id: a-2\n"), "{message}");
    let ancestor = Ancestor { commit: "e".repeat(40).into(), parent: Some("f".repeat(40).into()), message };
    let merged = merged_of("main", &ancestor).unwrap();
    assert_eq!(
        merged,
        Merged {
            change: "a-2".into(),
            class: ChangeClass::Breaking,
            branch: "main".into(),
            head: head(),
            onto: "f".repeat(40).into(),
            commit: "e".repeat(40).into(),
            services: vec!["a".into()],
            tags: vec!["a-v2.0.0".into()],
            approvals: vec!["c".repeat(40).into()],
            request: Some(7),
            break_glass: false,
        }
    );
    let mut operations = Operations::default();
    let found = |operations: &Operations| {
        unrecorded_merge("main", std::slice::from_ref(&ancestor), &"a-2".into(), operations)
    };
    assert_eq!(found(&operations), None, "anybody can write such a message");
    let record = operations.changes.entry("a-2".into()).or_default();
    record.approvals.push(Approval {
        place: 0,
        gate: Gate::Security,
        head: head(),
        base: "b".repeat(40).into(),
        digest: None,
        answers: None,
        withdrawn: None,
        by: identity("bo"),
        at: at(0),
        note: None,
        commit: "c".repeat(40).into(),
    });
    assert_eq!(found(&operations), Some(merged.clone()));
    let record = operations.changes.entry("a-2".into()).or_default();
    record.merges.push(crate::domain::ledger::MergeRecord {
        merged: merged.clone(),
        by: identity("bo"),
        at: at(1),
        reverted: None,
    });
    assert_eq!(standing_merge(record), Some(&merged));
    assert_eq!(found(&operations), None);
    for message in ["", "x", "x\n\nChange-Id: a-2", "x\n\nChange-Id: a\nChange-Head: b\nChange-Type: odd"] {
        let other = Ancestor { message: message.into(), ..ancestor.clone() };
        assert_eq!(merged_of("main", &other), None, "{message}");
    }
}

#[test]
fn reverts_and_restorations_are_known_by_their_commits() {
    let ancestor = |message: String| Ancestor {
        commit: "e".repeat(40).into(),
        parent: Some("f".repeat(40).into()),
        message,
    };
    let change = change(ChangeClass::Bugfix, "fix(a): x", Vec::new());
    let facts = Facts {
        change: &change,
        releases: &[],
        approvals: &[],
        tip: None,
        request: None,
        break_glass: false,
    };
    let merged = merged_of("main", &ancestor(merge_message(&facts))).unwrap();
    let message = revert_message(&merged, "fix(a): x", "it\nleaks");
    assert!(message.starts_with("revert: x\n\nThis takes a-2 back"), "{message}");
    let found = unrecorded_revert(&[ancestor(message)], &merged).unwrap();
    assert!(matches!(&found, RecordPlan::Reverted { reason, .. } if reason == "it leaks"), "{found:?}");

    let file = ("services/catalog.toml".to_owned(), b"[service.a\n".to_vec());
    let errors = reader::read([file]).findings;
    let message = restore_message(&head(), &errors, at(3));
    let restored = unrecorded_restoration("main", &[ancestor(message)], &Operations::default()).unwrap();
    assert_eq!((restored.to, restored.detected_at), (head(), at(3)));
    assert!(restored.reason.starts_with("services/catalog.toml:1"), "{}", restored.reason);
}

fn catalog(version: &str, more: &str) -> Catalog {
    let text = format!("[service.a]\nname = \"a\"\ntype = \"api\"\nversion = \"{version}\"\n{more}");
    reader::read([("services/catalog.toml".to_owned(), text.into_bytes())])
}

#[test]
fn only_what_rises_is_released() {
    let main = catalog("1.0.0", "");
    let names = ["a".into(), "gone".into()];
    let of = |version: &str| releases(&main, &catalog(version, ""), &names);
    assert_eq!(of("2.0.0"), [release()]);
    assert_eq!(of("1.0.0"), []);
    assert_eq!(of("0.9.0"), []);
    assert_eq!(releases(&Catalog::default(), &main, &names)[0].tag, "a-v1.0.0");
}

#[test]
fn a_change_log_is_a_file_of_the_repository_or_none() {
    for (named, expected) in [
        ("docs/a.md", Some("docs/a.md")),
        ("./docs/a.md", Some("docs/a.md")),
        ("https://example.com/a.md", None),
        ("../a.md", None),
        ("/etc/passwd", None),
        (".git/config", None),
        ("services/catalog.toml", None),
    ] {
        let catalog = catalog("1.0.0", &format!("governance = {{ change_log = \"{named}\" }}\n"));
        assert_eq!(changelog_of(&catalog, &"a".into()).as_deref(), expected, "{named}");
    }
}

#[test]
fn the_books_are_brought_up_to_date_once() {
    let today = "2026-11-24".parse().unwrap();
    let (main, merged) = (catalog("1.0.0", ""), catalog("2.0.0", ""));
    let change = change(ChangeClass::Breaking, "feat(a)!: new tokens", Vec::new());
    let logs = changelogs(&merged, &change.services, |_| true);
    let book = |text: &str| Book { main: Some(text.into()), merged: Some(text.into()), ..Book::default() };
    let write = |changelog: Book, versions: Book| {
        let books = BTreeMap::from([(CHANGELOG.to_owned(), changelog), (VERSIONS.to_owned(), versions)]);
        let edits = edits(&change, &[release()], &logs, &books, (&main, &merged), today).unwrap();
        edits.into_iter().map(|(path, text)| (path, text.to_string())).collect::<BTreeMap<_, _>>()
    };
    let log = "# C\n\n## [Unreleased]\n\n### Changed\n\n- old\n";
    let versions = "[version.a]\ncurrent = \"1.0.0\"\nprevious = []\nreleased = 2026-01-01\n";
    let written = write(book(log), book(versions));
    assert!(written[CHANGELOG].contains("- **Breaking.** a 2.0.0: new tokens (a-2)\n- old\n"), "{written:?}");
    assert!(written[VERSIONS].contains("previous = [\"1.0.0\"]"), "{written:?}");

    // What the author wrote is kept, and nothing is added to it.
    let own = log.replace("- old", "- mine\n- old");
    let touched = Some((log.to_owned(), own.clone()));
    let told = Book {
        main: Some(log.into()),
        merged: Some(own.clone()),
        touched: touched.clone(),
        conflicts: false,
    };
    let released = versions.replace("1.0.0", "2.0.0");
    assert_eq!(write(told.clone(), book(&released)), BTreeMap::new());
    // Where somebody else wrote there too, the author's line goes on top of what the main branch says.
    let theirs = log.replace("- old", "- theirs\n- old");
    let met = Book { main: Some(theirs), conflicts: true, ..told };
    let written = write(met, Book { conflicts: true, ..book(versions) });
    assert!(written[CHANGELOG].contains("- mine\n- theirs\n- old\n"), "{written:?}");
    assert!(written[VERSIONS].contains("current = \"2.0.0\""), "{written:?}");
}
