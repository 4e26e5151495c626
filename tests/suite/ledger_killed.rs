//! A process that appends to the ledger is killed at every step of it. Whatever step that was, both
//! repositories are sound, the event is there once or not at all, and the next process goes on.

use crate::ledger_processes::{BRANCH, environment, git};
use chrono::{DateTime, Utc};
use quarterdeck::{
    adapters::git::{GitLedger, GitRepository},
    domain::{escalation::Severity, ledger::declare},
    ports::{Ledger, Receipt},
};
use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const CLONE: &str = "QUARTERDECK_TEST_KILLED_CLONE";

/// Where the process dies: a hook kills it, and then lets git go on or not.
struct Step {
    name: &'static str,
    /// Whether the hook is the remote's.
    remote: bool,
    hook: &'static str,
    /// A shell condition on what the hook reads.
    when: &'static str,
    /// Whether git goes on after its caller has died.
    goes_on: bool,
    /// Whether the event is there in the end.
    there: bool,
}

const STEPS: [Step; 8] = [
    Step {
        name: "the commit is written, no branch has it",
        remote: false,
        hook: "reference-transaction",
        when: "[ \"$1\" = prepared ] && grep -q refs/heads/quarterdeck/ledger",
        goes_on: false,
        there: false,
    },
    Step {
        name: "the branch is about to move",
        remote: false,
        hook: "reference-transaction",
        when: "[ \"$1\" = prepared ] && grep -q refs/heads/quarterdeck/ledger",
        goes_on: true,
        there: true,
    },
    Step {
        name: "the branch has moved",
        remote: false,
        hook: "reference-transaction",
        when: "[ \"$1\" = committed ] && grep -q refs/heads/quarterdeck/ledger",
        goes_on: true,
        there: true,
    },
    Step {
        name: "the push begins",
        remote: false,
        hook: "pre-push",
        when: "true",
        goes_on: false,
        there: true,
    },
    Step {
        name: "the remote has the commit and no branch with it",
        remote: true,
        hook: "pre-receive",
        when: "true",
        goes_on: false,
        there: true,
    },
    Step {
        name: "the remote's branch is about to move",
        remote: true,
        hook: "update",
        when: "true",
        goes_on: true,
        there: true,
    },
    Step {
        name: "the remote has it and nobody knows",
        remote: true,
        hook: "post-receive",
        when: "true",
        goes_on: true,
        there: true,
    },
    Step {
        name: "what the remote has is being noted",
        remote: false,
        hook: "reference-transaction",
        when: "[ \"$1\" = prepared ] && grep -q refs/quarterdeck/accepted",
        goes_on: false,
        there: true,
    },
];

async fn append(clone: &Path, person: &str, title: &'static str) -> Receipt {
    let ledger = GitLedger::new(&GitRepository::open(clone, environment(person)).unwrap());
    let at: DateTime<Utc> = "2026-11-24T03:00:00Z".parse().unwrap();
    let draft = Box::new(move |operations: &_| declare(operations, Severity::Low, title, None));
    ledger.append(at, draft).await.unwrap()
}

/// What the process that dies runs; without its variable it is not one.
#[tokio::test]
async fn worker() {
    let Some(clone) = worker_clone() else { return };
    fs::write(clone.join("../pid"), std::process::id().to_string()).unwrap();
    append(&clone, "ana", "killed").await;
}

#[expect(clippy::disallowed_methods, reason = "how the parent tells this process which clone is its own")]
fn worker_clone() -> Option<PathBuf> {
    std::env::var(CLONE).ok().map(PathBuf::from)
}

#[tokio::test]
async fn a_process_that_is_killed_at_any_step_leaves_a_sound_ledger() {
    for step in &STEPS {
        let folder = tempfile::tempdir().unwrap();
        let (remote, ana) = (folder.path().join("remote.git"), folder.path().join("ana"));
        git(folder.path(), &["init", "--quiet", "--bare", "remote.git"]);
        for person in ["ana", "bo"] {
            git(folder.path(), &["clone", "--quiet", "remote.git", person]);
        }
        append(&ana, "ana", "before").await;
        let hooks = if step.remote { remote.join("hooks") } else { ana.join(".git/hooks") };
        fs::create_dir_all(&hooks).unwrap();
        let hook = hooks.join(step.hook);
        let script = format!(
            "#!/bin/sh\nif {}; then kill -9 \"$(cat '{}')\"; exit {}; fi\n",
            step.when,
            folder.path().join("pid").display(),
            u8::from(!step.goes_on)
        );
        fs::write(&hook, script).unwrap();
        fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ledger_killed::worker", "--nocapture"])
            .env(CLONE, &ana)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.signal(), Some(9), "{}: it was to be killed", step.name);
        fs::remove_file(&hook).unwrap();
        wait_for_git(&[&ana, &remote]);
        // Others go on, whatever is left behind, and so does the next process of the same clone.
        assert!(append(&folder.path().join("bo"), "bo", "of another").await.synced, "{}", step.name);
        assert!(append(&ana, "ana", "after").await.synced, "{}", step.name);
        let reader = GitRepository::open(&ana, environment("ana")).unwrap();
        let examined = GitLedger::new(&reader)
            .examine("main", "2026-11-24T04:00:00Z".parse().unwrap(), false)
            .await
            .unwrap();
        let found = &examined.verification;
        assert!(found.is_valid(), "{}: {:?}", step.name, found.problems);
        let subjects = git(&remote, &["log", "--format=%s", BRANCH]);
        let killed = subjects.lines().filter(|line| line.ends_with("killed")).count();
        assert_eq!(killed, usize::from(step.there), "{}:\n{subjects}", step.name);
        assert_eq!(subjects.lines().count(), 3 + killed, "{}:\n{subjects}", step.name);
        for repository in [&ana, &remote] {
            git(repository, &["fsck", "--strict", "--no-dangling"]);
        }
    }
}

/// Whether a process works in one of these folders: a hook, or what waits for one, holds no lock in between.
fn is_worked_in(repositories: &[&Path]) -> bool {
    let folders: Vec<_> =
        repositories.iter().filter_map(|repository| repository.canonicalize().ok()).collect();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    { processes }.any(|process| {
        std::fs::read_link(process.path().join("cwd"))
            .is_ok_and(|at| folders.iter().any(|folder| at.starts_with(folder)))
    })
}

/// Git outlives the process that started it; it and its locks are gone when it has ended.
pub fn wait_for_git(repositories: &[&Path]) {
    let locked = || {
        repositories.iter().any(|repository| {
            let found = Command::new("find")
                .arg(repository)
                // The ledger's own lock file stays; what holds it is the system.
                .args(["-name", "*.lock", "!", "-name", "quarterdeck-ledger.lock"])
                .output()
                .unwrap();
            !found.stdout.is_empty()
        })
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while (is_worked_in(repositories) || locked()) && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
}
