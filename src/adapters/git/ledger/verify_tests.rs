//! Verifying ledgers that are signed by real keys and altered by foreign hands.

use super::{BRANCH, GitLedger};
use crate::{
    adapters::git::{GitRepository, fixture::Ground},
    domain::{
        escalation::Severity,
        ledger::{Fault, Happening, Marks, Verification, declare, encode},
    },
    error::FailureKind,
    ports::Ledger,
};
use chrono::{DateTime, Utc};
use std::{fs, process::Command};

fn now() -> DateTime<Utc> {
    "2026-11-24T04:00:00Z".parse().unwrap()
}

/// Gives a person a key, with which their clone signs from now on, and gives its line.
fn key(ground: &Ground, person: &str) -> String {
    let file = ground.path(&format!("key-{person}"));
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", person, "-f"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for (setting, value) in
        [("commit.gpgSign", "true"), ("gpg.format", "ssh"), ("user.signingKey", file.to_str().unwrap())]
    {
        ground.git(person, person, &["config", setting, value]);
    }
    let public = fs::read_to_string(file.with_extension("pub")).unwrap();
    format!("{person}@example.com {public}")
}

/// A remote whose main branch requires signatures of ana and bo, with four events of both.
async fn signed(ground: &Ground) -> (GitLedger, GitLedger) {
    let (ana, bo) = (ground.clone_for("ana"), ground.clone_for("bo"));
    let signers = key(ground, "ana") + &key(ground, "bo");
    ground.commit("ana", "ana", "policies/allowed_signers", &signers);
    ground.commit("ana", "ana", "policies/security.toml", "[ledger]\nsignatures = \"required\"\n");
    ground.git("ana", "ana", &["push", "--quiet", "origin", "HEAD:main"]);
    let (ana, bo) = (GitLedger::new(&ana), GitLedger::new(&bo));
    for (number, ledger) in (0_i64..).zip([&ana, &bo, &ana, &bo]) {
        let at = now() - chrono::Duration::minutes(50 - number);
        let draft = Box::new(move |operations: &_| {
            declare(operations, Severity::High, &format!("event {number}"), None)
        });
        assert!(ledger.append(at, draft).await.unwrap().synced);
    }
    (ana, bo)
}

/// A clone that knows nothing but the remote.
fn fresh(ground: &Ground, name: &str) -> GitRepository {
    ground.git(".", "eve", &["clone", "--quiet", "remote.git", name]);
    ground.open(name)
}

async fn verified(repository: &GitRepository) -> Verification {
    GitLedger::new(repository).examine("main", now(), true).await.unwrap().verification
}

fn faults(verification: &Verification) -> Vec<(Fault, Option<usize>)> {
    verification.problems.iter().map(|(fault, remark)| (*fault, remark.number)).collect()
}

/// The commits of the ledger, oldest first.
fn chain(ground: &Ground) -> Vec<String> {
    let ids = ground.git("remote.git", "x", &["rev-list", "--reverse", BRANCH]);
    ids.lines().map(str::to_owned).collect()
}

/// Writes the commits again, each as `alter` makes it, on top of one another, and makes them the ledger.
fn rewrite(ground: &Ground, chain: &[String], alter: impl Fn(usize, String) -> String) {
    let mut parent: Option<String> = None;
    for (index, id) in chain.iter().enumerate() {
        let raw = ground.git("remote.git", "x", &["cat-file", "commit", id]) + "\n";
        let lines = raw.split_inclusive('\n').filter(|line| !line.starts_with("parent "));
        let mut text: String = lines.collect();
        if let Some(parent) = &parent {
            let second_line = text.find('\n').unwrap() + 1;
            text.insert_str(second_line, &format!("parent {parent}\n"));
        }
        let file = ground.path("commit");
        fs::write(&file, alter(index, text)).unwrap();
        let arguments = ["hash-object", "-t", "commit", "-w", file.to_str().unwrap()];
        parent = Some(ground.git("remote.git", "x", &arguments));
    }
    ground.git("remote.git", "x", &["update-ref", BRANCH, &parent.unwrap()]);
}

#[tokio::test]
async fn a_ledger_that_all_have_signed_is_valid() {
    let ground = Ground::new();
    let (ana, _) = signed(&ground).await;
    let verification = verified(&fresh(&ground, "reader")).await;
    assert!(verification.is_valid(), "{:?}", verification.problems);
    assert!(verification.required);
    assert_eq!((verification.events, verification.signed(), verification.signers.len()), (4, 4, 2));
    assert_eq!(verification.notes, []);
    // Written again just as it is, it is the same ledger.
    let before = chain(&ground);
    rewrite(&ground, &before, |_, text| text);
    assert_eq!(chain(&ground), before);
    ana.sync().await.unwrap();
    assert!(ana.examine("main", now(), false).await.unwrap().verification.is_valid());
}

#[tokio::test]
async fn one_altered_byte_is_named() {
    let ground = Ground::new();
    let (ana, _) = signed(&ground).await;
    ana.sync().await.unwrap();
    assert!(ana.examine("main", now(), true).await.unwrap().verification.is_valid());
    rewrite(&ground, &chain(&ground), |index, text| {
        if index == 1 { text.replace("\"title\":\"event 1\"", "\"title\":\"event 9\"") } else { text }
    });
    // Somebody who has never seen it knows by the signature, and the events after it no longer fit either.
    let verification = verified(&fresh(&ground, "reader")).await;
    let signature = |number| (Fault::Signature, Some(number));
    assert_eq!(faults(&verification), [signature(2), signature(3), signature(4)]);
    assert!(verification.problems[0].1.text.contains("does not fit"), "{:?}", verification.problems);
    // Whoever has seen it does not take it over at all.
    assert_eq!(ana.sync().await.unwrap_err().kind, FailureKind::Conflict);
    assert_eq!(ana.examine("main", now(), true).await.unwrap_err().kind, FailureKind::Conflict);
    // Even after every ref was moved along, the last verification is remembered.
    let tip = ground.git("remote.git", "x", &["rev-parse", BRANCH]);
    for name in [BRANCH, "refs/quarterdeck/accepted/origin"] {
        ground.git("ana", "ana", &["update-ref", name, &tip]);
    }
    let verification = verified(&ground.open("ana")).await;
    assert_eq!(faults(&verification)[..2], [(Fault::Rewritten, Some(2)), signature(2)]);
}

#[tokio::test]
async fn events_in_another_order_are_named_without_any_signature() {
    let ground = Ground::new();
    signed(&ground).await;
    let mut other = chain(&ground);
    other.swap(1, 2);
    rewrite(&ground, &other, |_, text| {
        let (before, rest) = text.split_once("gpgsig ").unwrap();
        let (_, after) = rest.split_once("-----END SSH SIGNATURE-----\n").unwrap();
        format!("{before}{after}")
    });
    let verification = verified(&fresh(&ground, "reader")).await;
    let order: Vec<_> =
        faults(&verification).into_iter().filter(|(fault, _)| *fault == Fault::Order).collect();
    assert_eq!(order[0], (Fault::Order, Some(2)));
    assert_eq!((verification.unsigned, verification.signed()), (4, 0));
}

/// Appends a commit by hand.
fn forge(ground: &Ground, person: &str, author: &str, arguments: &[&str], number: u32) {
    let happening = Happening::IncidentDeclared {
        incident: crate::domain::ledger::incident_id(number),
        severity: Severity::High,
        title: "made by hand".into(),
        service: None,
        deployment: None,
        post_mortem_due: None,
    };
    let message = encode(&happening, Marks::default()).unwrap();
    let repository = ground.open(person);
    let tip = ground.git("remote.git", "x", &["rev-parse", BRANCH]);
    ground.git(person, person, &["fetch", "--quiet", "origin", BRANCH]);
    let tree = ground.git(person, person, &["hash-object", "-t", "tree", "-w", "/dev/null"]);
    let mut all = vec!["commit-tree", "-p", &tip, "-m", &message, "-S"];
    all.extend(arguments);
    if !arguments.iter().any(|argument| argument.len() == 40) || arguments.contains(&"-p") {
        all.push(&tree);
    }
    let made = Command::new("git")
        .current_dir(repository.root())
        .args(all)
        .envs(crate::adapters::git::fixture::environment(person))
        .env("GIT_AUTHOR_NAME", author)
        .env("GIT_AUTHOR_EMAIL", format!("{author}@example.com"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let commit = String::from_utf8(made.stdout).unwrap();
    let refspec = format!("{}:{BRANCH}", commit.trim());
    ground.git(person, person, &["push", "--quiet", "origin", &refspec]);
}

#[tokio::test]
async fn what_was_made_by_hand_is_named() {
    let ground = Ground::new();
    let (ana, _) = signed(&ground).await;
    ana.sync().await.unwrap();
    let main = ground.git("ana", "ana", &["rev-parse", "origin/main"]);
    let files = ground.git("ana", "ana", &["rev-parse", "origin/main^{tree}"]);
    // Bo writes in ana's name; ana puts files in, and joins another history.
    forge(&ground, "bo", "ana", &[], 5);
    forge(&ground, "ana", "ana", &[&files], 6);
    forge(&ground, "ana", "ana", &["-p", &main], 7);
    let verification = verified(&fresh(&ground, "reader")).await;
    assert_eq!(
        faults(&verification),
        [
            (Fault::Actor, Some(5)),
            (Fault::Signature, Some(5)),
            (Fault::Files, Some(6)),
            (Fault::Merge, Some(7))
        ],
        "{:?}",
        verification.problems
    );
    assert!(verification.problems[1].1.text.contains("bo@example.com signed it"));
}

#[tokio::test]
async fn keys_count_while_the_main_branch_allows_them() {
    let ground = Ground::new();
    let (ana, _) = signed(&ground).await;
    // Long after the events bo's key is taken out.
    let path = ground.path("ana/policies/allowed_signers");
    let line = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned() + "\n";
    fs::write(&path, line).unwrap();
    let later = [("GIT_AUTHOR_DATE", "2026-11-24T03:59:00Z"), ("GIT_COMMITTER_DATE", "2026-11-24T03:59:00Z")];
    let made = Command::new("git")
        .current_dir(ground.path("ana"))
        .args(["commit", "--quiet", "--all", "--message", "Bo has left"])
        .envs(crate::adapters::git::fixture::environment("ana"))
        .envs(later)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    ground.git("ana", "ana", &["push", "--quiet", "origin", "HEAD:main"]);
    assert!(verified(&ground.open("ana")).await.is_valid());
    let bo = GitLedger::new(&ground.open("bo"));
    let draft = Box::new(|operations: &_| declare(operations, Severity::Low, "after", None));
    bo.append(now(), draft).await.unwrap();
    ana.sync().await.unwrap();
    let verification = verified(&ground.open("ana")).await;
    assert_eq!(faults(&verification), [(Fault::Signature, Some(5))], "{:?}", verification.problems);
}

#[tokio::test]
async fn an_event_that_came_too_late_keeps_the_ledger_valid() {
    let ground = Ground::new();
    let (ana, bo) = signed(&ground).await;
    let taking =
        || Box::new(|operations: &_| crate::domain::ledger::acknowledge(operations, &"INC-1".into()));
    bo.sync().await.unwrap();
    ground.set_reachable(false);
    bo.append(now(), taking()).await.unwrap();
    ground.set_reachable(true);
    ana.append(now(), taking()).await.unwrap();
    let synced = bo.sync().await.unwrap();
    assert_eq!((synced.received, synced.sent, synced.replayed), (1, 1, 1));
    assert_eq!(synced.operations.contradictions, 1);
    ground.git("bo", "bo", &["fetch", "--quiet"]);
    let verification = verified(&ground.open("bo")).await;
    assert!(verification.is_valid(), "{:?}", verification.problems);
    assert_eq!((verification.signed(), verification.notes.len()), (6, 1), "{:?}", verification.notes);
}

#[tokio::test]
async fn a_kept_state_that_is_torn_or_of_another_ledger_is_not_used() {
    let ground = Ground::new();
    let repository = ground.clone_for("ana");
    let mut message = String::new();
    for number in 1..=600 {
        let happening = Happening::IncidentDeclared {
            incident: crate::domain::ledger::incident_id(number),
            severity: Severity::High,
            title: "many".into(),
            service: None,
            deployment: None,
            post_mortem_due: None,
        };
        let text = encode(&happening, Marks::default()).unwrap();
        let who = "ana <ana@example.com> 1790000000 +0000";
        message += &format!("commit {BRANCH}\nauthor {who}\ncommitter {who}\ndata {}\n{text}\n", text.len());
    }
    fs::write(ground.path("stream"), message).unwrap();
    let import = Command::new("git")
        .current_dir(ground.path("ana"))
        .args(["fast-import", "--quiet"])
        .stdin(fs::File::open(ground.path("stream")).unwrap())
        .status()
        .unwrap();
    assert!(import.success());
    let state = || async { GitLedger::new(&repository).state().await.unwrap().operations };
    let fresh = state().await;
    assert_eq!(fresh.incidents.len(), 600);
    let kept = ground.path("ana/.git/quarterdeck/ledger-state");
    let bytes = fs::read(&kept).unwrap();
    assert_eq!(state().await, fresh, "from the kept state");
    fs::write(&kept, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(state().await, fresh);
    assert_eq!(fs::read(&kept).unwrap(), bytes, "it is made anew");
    // The branch is another now: what was kept does not belong to it.
    ground.git("ana", "ana", &["update-ref", BRANCH, &format!("{BRANCH}~599")]);
    assert_eq!(state().await.incidents.len(), 1);
}
