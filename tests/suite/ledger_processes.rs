//! Eight processes in eight clones of one remote append to the ledger at once: every event arrives, once,
//! in one line.

use chrono::{DateTime, Utc};
use quarterdeck::{
    adapters::git::{GitLedger, GitRepository},
    domain::{escalation::Severity, ledger::declare},
    ports::Ledger,
};
use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
};

const PROCESSES: usize = 8;
const EVENTS: usize = 10;
const CLONE: &str = "QUARTERDECK_TEST_LEDGER_CLONE";
pub const BRANCH: &str = "refs/heads/quarterdeck/ledger";

pub fn environment(person: &str) -> Vec<(String, String)> {
    let email = format!("{person}@example.com");
    [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", person),
        ("GIT_AUTHOR_EMAIL", &email),
        ("GIT_COMMITTER_NAME", person),
        ("GIT_COMMITTER_EMAIL", &email),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec()
}

pub fn git(place: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new("git").current_dir(place).args(arguments).envs(environment("test")).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What each of the eight processes runs; without its variable it is not one of them.
#[tokio::test]
async fn worker() {
    let Some(clone) = worker_clone() else { return };
    let person = Path::new(&clone).file_name().unwrap().to_str().unwrap().to_owned();
    let ledger = GitLedger::new(&GitRepository::open(Path::new(&clone), environment(&person)).unwrap());
    let at: DateTime<Utc> = "2026-11-23T03:00:00Z".parse().unwrap();
    for number in 0..EVENTS {
        let title = format!("{person} {number}");
        let draft = Box::new(move |operations: &_| declare(operations, Severity::Low, &title, None));
        let receipt = ledger.append(at, draft).await.unwrap();
        assert!(receipt.synced, "{:?}", receipt.unsynced_because);
    }
}

#[expect(clippy::disallowed_methods, reason = "how the parent tells this process which clone is its own")]
fn worker_clone() -> Option<String> {
    std::env::var(CLONE).ok()
}

#[tokio::test]
async fn eight_clones_append_at_once() {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet", "--bare", "remote.git"]);
    let workers: Vec<_> = (0..PROCESSES)
        .map(|number| {
            let person = format!("person-{number}");
            git(folder.path(), &["clone", "--quiet", "remote.git", &person]);
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "ledger_processes::worker", "--nocapture"])
                .env(CLONE, folder.path().join(&person))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for worker in workers {
        let output = worker.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let remote = folder.path().join("remote.git");
    let total = PROCESSES * EVENTS;
    assert_eq!(git(&remote, &["rev-list", "--count", BRANCH]), total.to_string());
    assert_eq!(git(&remote, &["rev-list", "--merges", "--count", BRANCH]), "0", "the history is one line");
    git(folder.path(), &["clone", "--quiet", "remote.git", "reader"]);
    let reader = GitRepository::open(&folder.path().join("reader"), environment("reader")).unwrap();
    let state = GitLedger::new(&reader).state().await.unwrap();
    let operations = &state.operations;
    assert_eq!((operations.events, operations.contradictions, operations.unknown), (total, 0, 0));
    let numbers: Vec<_> = operations.incidents.keys().map(|number| *number as usize).collect();
    assert_eq!(numbers, (1..=total).collect::<Vec<_>>(), "every id was given out once");
    let titles: BTreeSet<_> = operations.incidents.values().map(|incident| &incident.title).collect();
    assert_eq!(titles.len(), total, "no event came twice");
    git(&remote, &["fsck", "--strict", "--no-dangling"]);
}
