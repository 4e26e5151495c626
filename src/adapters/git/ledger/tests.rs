//! The ledger against real repositories: appending, refusing, racing, waiting, and being lied to.

use super::{BRANCH, GitLedger};
use crate::{
    adapters::git::{
        GitRepository,
        fixture::{Ground, environment},
    },
    domain::{
        escalation::Severity,
        ledger::{EntryBody, Happening, Operations, acknowledge, declare},
        name::IncidentId,
    },
    error::{Failure, FailureKind},
    ports::{Draft, Ledger, Receipt},
};
use chrono::{DateTime, Utc};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn declaring(title: &str) -> Draft {
    let title = title.to_owned();
    Box::new(move |operations| declare(operations, Severity::High, &title, None))
}

fn taking(incident: &str) -> Draft {
    let incident = IncidentId::from(incident);
    Box::new(move |operations| acknowledge(operations, &incident))
}

async fn append(ledger: &GitLedger, draft: Draft) -> Receipt {
    ledger.append(at("2026-11-23T03:00:00Z"), draft).await.unwrap()
}

/// Ids and titles, in order.
fn incidents(operations: &Operations) -> Vec<(String, String)> {
    operations.incidents.values().map(|incident| (incident.id.to_string(), incident.title.clone())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, title)| ((*id).to_owned(), (*title).to_owned())).collect()
}

#[tokio::test]
async fn an_event_is_a_readable_commit_on_the_remote() {
    let ground = Ground::new();
    let ledger = ground.ledger_for("ana");
    let receipt = append(&ledger, declaring("shared-auth 5xx")).await;
    assert!(receipt.synced, "{receipt:?}");
    append(&ledger, taking("INC-1")).await;
    let log = ground.git("remote.git", "x", &["log", "--reverse", "--format=%an|%ae|%cn|%aI|%s|%T", BRANCH]);
    let person = "ana|ana@example.com|ana|2026-11-23T03:00:00";
    let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    // Newer versions of git write UTC as `Z`.
    assert_eq!(
        log.replace("+00:00", "").replace('Z', ""),
        format!(
            "{person}|incident.declared(INC-1): high, shared-auth 5xx|{tree}\n\
             {person}|incident.acknowledged(INC-1): taken|{tree}"
        )
    );
    ground.git("remote.git", "x", &["fsck", "--strict", "--no-dangling"]);
    let state = ledger.state().await.unwrap();
    assert_eq!(state.unsynced, 0);
    assert!(state.operations.incidents[&1].acknowledged.is_some());
    let entries = ledger.entries().await.unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].commit, receipt.commit);
    assert_eq!(entries[0].at, at("2026-11-23T03:00:00Z"));
    assert_eq!(entries[0].actor.email, "ana@example.com");
}

#[tokio::test]
async fn a_fresh_clone_sees_the_ledger_without_asking_the_network() {
    let ground = Ground::new();
    append(&ground.ledger_for("ana"), declaring("first")).await;
    let repository = ground.clone_for("bo");
    ground.set_reachable(false);
    let state = GitLedger::new(&repository).state().await.unwrap();
    assert_eq!((incidents(&state.operations), state.unsynced), (pairs(&[("INC-1", "first")]), 0));
}

#[tokio::test]
async fn a_refused_draft_leaves_no_trace() {
    let ground = Ground::new();
    let ledger = ground.ledger_for("ana");
    let before = append(&ledger, declaring("first")).await.commit;
    let refuse: Draft = Box::new(|_| Err(Failure::refused("no")));
    assert_eq!(ledger.append(DateTime::UNIX_EPOCH, refuse).await.unwrap_err().kind, FailureKind::Refused);
    assert_eq!(ledger.state().await.unwrap().tip, Some(before));
}

#[tokio::test]
async fn the_loser_of_a_race_is_checked_again() {
    let ground = Ground::new();
    let (ana, bo) = (ground.ledger_for("ana"), ground.ledger_for("bo"));
    append(&ana, declaring("first")).await;
    // Bo knows nothing of it and gets the next number all the same.
    let receipt = append(&bo, declaring("second")).await;
    assert!(
        matches!(&receipt.happening, Happening::IncidentDeclared { incident, .. } if *incident == "INC-2")
    );
    assert!(receipt.synced);
    append(&ana, taking("INC-1")).await;
    // Bo's view is old: there the incident is free. The second look refuses.
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let draft: Draft = Box::new(move |operations| {
        counted.fetch_add(1, Ordering::Relaxed);
        acknowledge(operations, &"INC-1".into())
    });
    let failure = bo.append(at("2026-11-23T03:05:00Z"), draft).await.unwrap_err();
    assert_eq!((failure.kind, calls.load(Ordering::Relaxed)), (FailureKind::Refused, 2), "{failure:?}");
    let state = bo.sync().await.unwrap();
    assert_eq!(incidents(&state.operations), pairs(&[("INC-1", "first"), ("INC-2", "second")]));
    assert_eq!((state.unsynced, state.operations.contradictions), (0, 0));
    assert_eq!(ground.git("remote.git", "x", &["rev-list", "--count", BRANCH]), "3");
    assert_eq!(ground.git("remote.git", "x", &["rev-list", "--merges", BRANCH]), "");
}

#[tokio::test]
async fn the_same_deed_from_two_clones_in_one_second_is_two_events() {
    let ground = Ground::new();
    append(&ground.ledger_for("bo"), declaring("before")).await;
    let twins: Vec<GitLedger> = ["one", "two"]
        .map(|name| {
            ground.git(".", "ana", &["clone", "--quiet", "remote.git", name]);
            let mut variables = environment("ana");
            variables.push(("GIT_COMMITTER_DATE".to_owned(), "2026-11-23T03:00:00Z".to_owned()));
            GitLedger::new(&GitRepository::open(&ground.path(name), variables).unwrap())
        })
        .into();
    let first = append(&twins[0], declaring("the same")).await;
    // The second knows nothing of it, and makes the very same commit.
    let second = append(&twins[1], declaring("the same")).await;
    assert_ne!(first.commit, second.commit);
    assert!(second.synced);
    assert_eq!(twins[1].state().await.unwrap().operations.incidents.len(), 3);
    assert_eq!(ground.git("remote.git", "x", &["rev-list", "--count", BRANCH]), "3");
    // Only one of two may claim a thing.
    append(&twins[0], taking("INC-1")).await;
    let failure = twins[1].append(at("2026-11-23T03:00:00Z"), taking("INC-1")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused, "{failure:?}");
}

#[tokio::test]
async fn events_wait_without_the_remote_and_are_replayed_on_top() {
    let ground = Ground::new();
    let (ana, bo) = (ground.ledger_for("ana"), ground.ledger_for("bo"));
    append(&ana, declaring("first")).await;
    bo.sync().await.unwrap();
    ground.set_reachable(false);
    let offline = append(&bo, declaring("offline")).await;
    assert!(!offline.synced);
    assert_eq!(offline.unsynced_because.unwrap().kind, FailureKind::Unreachable);
    append(&bo, taking("INC-2")).await;
    assert_eq!(bo.state().await.unwrap().unsynced, 2);
    assert_eq!(bo.sync().await.unwrap_err().kind, FailureKind::Unreachable);
    ground.set_reachable(true);
    append(&ana, declaring("online")).await;
    // Ana has taken the number that bo's incident had, so it gets another, and its acknowledgement follows.
    let state = bo.sync().await.unwrap();
    assert_eq!(state.unsynced, 0);
    assert_eq!(
        incidents(&state.operations),
        pairs(&[("INC-1", "first"), ("INC-2", "online"), ("INC-3", "offline")])
    );
    assert!(state.operations.incidents[&3].acknowledged.is_some());
    assert!(state.operations.incidents[&2].acknowledged.is_none());
    assert_eq!(ana.sync().await.unwrap().operations, state.operations);
    let log = ground.git("remote.git", "x", &["log", "--format=%an %aI %P", BRANCH]);
    assert_eq!(log.lines().count(), 4);
    assert!(log.lines().take(2).all(|line| line.starts_with("bo 2026-11-23T03:00:00")), "{log}");
    assert!(log.lines().all(|line| line.split(' ').count() <= 3), "linear: {log}");
}

#[tokio::test]
async fn an_append_takes_the_waiting_events_along() {
    let ground = Ground::new();
    let ledger = ground.ledger_for("ana");
    ground.set_reachable(false);
    append(&ledger, declaring("offline")).await;
    ground.set_reachable(true);
    assert!(append(&ledger, declaring("online")).await.synced);
    assert_eq!(ledger.state().await.unwrap().unsynced, 0);
    assert_eq!(ground.git("remote.git", "x", &["rev-list", "--count", BRANCH]), "2");
}

#[tokio::test]
async fn two_ledgers_begun_apart_are_joined() {
    let ground = Ground::new();
    let (ana, bo) = (ground.ledger_for("ana"), ground.ledger_for("bo"));
    ground.set_reachable(false);
    append(&ana, declaring("of ana")).await;
    append(&bo, declaring("of bo")).await;
    ground.set_reachable(true);
    ana.sync().await.unwrap();
    let state = bo.sync().await.unwrap();
    assert_eq!(incidents(&state.operations), pairs(&[("INC-1", "of ana"), ("INC-2", "of bo")]));
    assert_eq!(ground.git("remote.git", "x", &["rev-list", "--max-parents=0", "--count", BRANCH]), "1");
}

#[tokio::test]
async fn without_a_remote_the_ledger_is_local_and_nothing_waits() {
    let ground = Ground::new();
    ground.git(".", "ana", &["init", "--quiet", "alone"]);
    let ledger = GitLedger::new(&ground.open("alone"));
    assert_eq!(ledger.state().await.unwrap().tip, None);
    let receipt = append(&ledger, declaring("first")).await;
    assert!(receipt.synced && receipt.unsynced_because.is_none());
    let state = ledger.sync().await.unwrap();
    assert_eq!((state.unsynced, state.operations.events), (0, 1));
}

#[tokio::test]
async fn a_rewritten_remote_is_noticed_and_nothing_is_overwritten() {
    let ground = Ground::new();
    let (ana, bo) = (ground.ledger_for("ana"), ground.ledger_for("bo"));
    append(&ana, declaring("first")).await;
    append(&ana, declaring("second")).await;
    bo.sync().await.unwrap();
    let mine = ground.git("bo", "bo", &["rev-parse", BRANCH]);
    ground.git("ana", "eve", &["commit", "--quiet", "--allow-empty", "--message", "forged"]);
    ground.git("ana", "eve", &["push", "--quiet", "--force", "origin", &format!("HEAD:{BRANCH}")]);
    let forged = ground.git("remote.git", "x", &["rev-parse", BRANCH]);
    for failure in [
        bo.append(at("2026-11-23T04:00:00Z"), declaring("third")).await.unwrap_err(),
        bo.sync().await.unwrap_err(),
        bo.state().await.unwrap_err(),
    ] {
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.message.contains("rewritten"), "{failure:?}");
    }
    assert_eq!(ground.git("bo", "bo", &["rev-parse", BRANCH]), mine);
    assert_eq!(ground.git("remote.git", "x", &["rev-parse", BRANCH]), forged);
}

#[tokio::test]
async fn a_ledger_that_the_remote_lost_is_restored_from_a_clone() {
    let ground = Ground::new();
    let ledger = ground.ledger_for("ana");
    append(&ledger, declaring("first")).await;
    ground.git("remote.git", "x", &["update-ref", "-d", BRANCH]);
    append(&ledger, declaring("second")).await;
    let there = || ground.git("remote.git", "x", &["rev-list", "--count", BRANCH]);
    assert_eq!(there(), "2");
    // Without a new event a sync finds it out, and says so.
    ground.git("remote.git", "x", &["update-ref", BRANCH, &format!("{BRANCH}~1")]);
    assert_eq!(ledger.sync().await.unwrap().lost, 1);
    ground.git("remote.git", "x", &["update-ref", "-d", BRANCH]);
    assert_eq!(ledger.sync().await.unwrap().lost, 2);
    assert_eq!(there(), "2");
    assert_eq!(ledger.sync().await.unwrap().lost, 0);
}

#[tokio::test]
async fn a_remote_that_forbids_takes_the_event_back() {
    let ground = Ground::new();
    let ledger = ground.ledger_for("ana");
    let hook = ground.path("remote.git/hooks/pre-receive");
    std::fs::write(&hook, "#!/bin/sh\necho not you >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let failure = ledger.append(at("2026-11-23T04:00:00Z"), declaring("first")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Forbidden);
    assert!(failure.causes.iter().any(|cause| cause.contains("not you")), "{failure:?}");
    assert_eq!(ledger.state().await.unwrap().tip, None);
}

#[tokio::test]
async fn foreign_commits_are_kept_and_counted() {
    let ground = Ground::new();
    let ledger = ground.ledger_for("ana");
    append(&ledger, declaring("first")).await;
    let tree = ground.git("ana", "eve", &["mktree", "--missing"]);
    let parent = ground.git("ana", "eve", &["rev-parse", BRANCH]);
    let text = "hello\n\n{\"version\":9,\"kind\":\"moon.landed\"}";
    let foreign = ground.git("ana", "eve", &["commit-tree", &tree, "-p", &parent, "-m", text]);
    ground.git("ana", "eve", &["update-ref", BRANCH, &foreign]);
    let state = ledger.state().await.unwrap();
    assert_eq!((state.operations.events, state.operations.unknown), (2, 1));
    let entries = ledger.entries().await.unwrap();
    assert!(
        matches!(&entries[1].body, EntryBody::Unknown { kind, .. } if kind == "moon.landed"),
        "{entries:?}"
    );
}

#[tokio::test]
async fn threads_of_one_clone_take_turns() {
    let ground = Ground::new();
    let repository = ground.clone_for("ana");
    let tasks: Vec<_> = (0..6)
        .map(|number| {
            let ledger = GitLedger::new(&repository);
            tokio::spawn(async move { append(&ledger, declaring(&format!("event {number}"))).await })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().synced);
    }
    let state = GitLedger::new(&repository).state().await.unwrap();
    assert_eq!(state.operations.incidents.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

/// Makes `ledger`'s clone sign with a program that prints `signature` and ends with `status`.
fn sign_with(ground: &Ground, person: &str, signature: &str, status: u8) {
    let signer = ground.path("signer");
    let text = ground.path("signature");
    std::fs::write(&text, signature).unwrap();
    let script = format!(
        "#!/bin/sh\ncat >/dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\ncat '{}'\nexit {status}\n",
        text.display()
    );
    std::fs::write(&signer, script).unwrap();
    std::fs::set_permissions(&signer, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    ground.git(person, person, &["config", "commit.gpgSign", "true"]);
    ground.git(person, person, &["config", "gpg.program", signer.to_str().unwrap()]);
}

#[tokio::test]
async fn events_are_signed_when_commits_are() {
    let ground = Ground::new();
    let ledger = ground.ledger_for("ana");
    let block = "-----BEGIN PGP SIGNATURE-----\n\nmade up\n-----END PGP SIGNATURE-----\n";
    sign_with(&ground, "ana", block, 0);
    append(&ledger, declaring("first")).await;
    let commit = ground.git("remote.git", "x", &["cat-file", "commit", BRANCH]);
    assert!(commit.contains("gpgsig -----BEGIN PGP SIGNATURE-----"), "{commit}");
    assert_eq!(ledger.state().await.unwrap().operations.incidents.len(), 1);
}

#[tokio::test]
async fn an_event_that_cannot_be_signed_is_not_written() {
    let ground = Ground::new();
    let ledger = ground.ledger_for("ana");
    sign_with(&ground, "ana", "", 2);
    let failure = ledger.append(at("2026-11-23T04:00:00Z"), declaring("first")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Failed);
    assert!(!failure.causes.is_empty(), "{failure:?}");
    assert_eq!(ledger.state().await.unwrap().tip, None);
}

#[tokio::test]
async fn an_event_left_behind_by_a_process_that_died_is_taken_along() {
    let ground = Ground::new();
    let (ana, bo) = (ground.ledger_for("ana"), ground.ledger_for("bo"));
    append(&ana, declaring("first")).await;
    // Ana's process died after it had committed and before it could push; meanwhile bo wrote.
    let tip = ground.git("ana", "ana", &["rev-parse", BRANCH]);
    ground.set_reachable(false);
    append(&ana, declaring("left behind")).await;
    ground.set_reachable(true);
    append(&bo, declaring("of bo")).await;
    assert_ne!(ground.git("ana", "ana", &["rev-parse", BRANCH]), tip);
    let ana = GitLedger::new(&ground.open("ana"));
    assert!(append(&ana, declaring("after")).await.synced);
    let state = ana.state().await.unwrap();
    assert_eq!(
        incidents(&state.operations),
        pairs(&[("INC-1", "first"), ("INC-2", "of bo"), ("INC-3", "left behind"), ("INC-4", "after")])
    );
    assert_eq!(bo.sync().await.unwrap().operations, state.operations);
}

#[tokio::test]
async fn a_lock_left_behind_by_git_is_named() {
    let ground = Ground::new();
    let ledger = ground.ledger_for("ana");
    append(&ledger, declaring("first")).await;
    let lock = ground.path("ana/.git").join(format!("{BRANCH}.lock"));
    std::fs::write(&lock, "").unwrap();
    let failure = ledger.append(at("2026-11-23T04:00:00Z"), declaring("second")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(failure.hints.iter().any(|hint| hint.contains(".lock")), "{failure:?}");
    std::fs::remove_file(lock).unwrap();
    assert!(append(&ledger, declaring("second")).await.synced);
}

#[tokio::test]
async fn a_remote_that_is_stuck_leaves_the_event_waiting() {
    let ground = Ground::new();
    let ledger = ground.ledger_for("ana");
    append(&ledger, declaring("before")).await;
    // A server process that died left its lock: every push loses, and nobody is ahead.
    let lock = ground.path("remote.git").join(format!("{BRANCH}.lock"));
    std::fs::write(&lock, "").unwrap();
    let receipt = append(&ledger, declaring("meanwhile")).await;
    assert!(!receipt.synced);
    let why = receipt.unsynced_because.unwrap();
    assert_eq!(why.kind, FailureKind::Unreachable, "{why:?}");
    std::fs::remove_file(&lock).unwrap();
    let state = ledger.sync().await.unwrap();
    assert_eq!((state.unsynced, state.operations.incidents.len()), (0, 2));
}
