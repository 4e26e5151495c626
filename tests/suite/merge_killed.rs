//! A merge that is killed at every step of it. Whatever step that was, either nothing has happened or the next run
//! finishes it: one commit, one tag, one event, and both repositories are sound.

use crate::{
    console::git,
    ledger_killed::wait_for_git,
    merge::{Ground, approve, raise},
    program::BINARY,
};
use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::{Command, Stdio},
};

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
    /// Whether the main branch has the commit already when the next run begins; none where that depends on who of
    /// git's processes is the first to notice that its caller has died.
    merged: Option<bool>,
}

const STEPS: [Step; 9] = [
    Step {
        name: "the commit is written, and the tag is not",
        remote: false,
        hook: "reference-transaction",
        when: "[ \"$1\" = prepared ] && grep -q refs/tags/api",
        goes_on: false,
        merged: Some(false),
    },
    Step {
        name: "the tag is here, and nothing is pushed",
        remote: false,
        hook: "reference-transaction",
        when: "[ \"$1\" = committed ] && grep -q refs/tags/api",
        goes_on: true,
        merged: Some(false),
    },
    Step {
        name: "the push begins",
        remote: false,
        hook: "pre-push",
        when: "grep -q refs/heads/main",
        goes_on: false,
        merged: Some(false),
    },
    Step {
        name: "the remote has the commits and moves no branch",
        remote: true,
        hook: "pre-receive",
        when: "grep -q refs/heads/main",
        goes_on: false,
        merged: Some(false),
    },
    Step {
        name: "the remote's main branch is about to move",
        remote: true,
        hook: "update",
        when: "[ \"$1\" = refs/heads/main ]",
        goes_on: true,
        merged: None,
    },
    Step {
        name: "the remote has it and nobody knows",
        remote: true,
        hook: "post-receive",
        when: "grep -q refs/heads/main",
        goes_on: true,
        merged: Some(true),
    },
    Step {
        name: "what the remote has is being noted",
        remote: false,
        hook: "reference-transaction",
        when: "[ \"$1\" = prepared ] && grep -q refs/remotes/origin/main",
        goes_on: false,
        merged: Some(true),
    },
    Step {
        name: "the event is about to be written",
        remote: false,
        hook: "reference-transaction",
        when: "[ \"$1\" = prepared ] && grep -q refs/heads/quarterdeck/ledger",
        goes_on: false,
        merged: Some(true),
    },
    Step {
        name: "the event is here and not on the remote",
        remote: false,
        hook: "reference-transaction",
        when: "[ \"$1\" = committed ] && grep -q refs/heads/quarterdeck/ledger",
        goes_on: true,
        merged: Some(true),
    },
];

const MERGE: [&str; 4] = ["change", "merge", "api-1.0.1", "--yes"];

/// Runs the program as bo until the hook kills it.
fn die(ground: &Ground, step: &Step, arguments: &[&str]) {
    let hooks = if step.remote { ground.remote().join("hooks") } else { ground.path("bo/.git/hooks") };
    fs::create_dir_all(&hooks).unwrap();
    let (hook, pid) = (hooks.join(step.hook), ground.path("pid"));
    let script = format!(
        "#!/bin/sh\nif {}; then while [ ! -s '{pid}' ]; do :; done; kill -9 \"$(cat '{pid}')\"; exit {}; fi\n",
        step.when,
        u8::from(!step.goes_on),
        pid = pid.display(),
    );
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
    let program = ground.program("bo");
    let mut child = Command::new(BINARY)
        .args(&program.always)
        .args(arguments)
        .env_clear()
        .envs(program.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    fs::write(&pid, child.id().to_string()).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "{}: it was to be killed, and ended with {status}", step.name);
    fs::remove_file(&hook).unwrap();
    fs::remove_file(&pid).unwrap();
    let (bo, remote) = (ground.path("bo"), ground.remote());
    wait_for_git(&[&bo, &remote]);
}

#[tokio::test]
async fn a_merge_that_is_killed_at_any_step_has_not_happened_or_is_finished_by_the_next() {
    for step in &STEPS {
        let ground = Ground::new();
        raise(&ground);
        approve(&ground, "api-1.0.1").await;
        die(&ground, step, &MERGE);
        let is_merged = ground.of_remote(&["log", "--format=%s", "main"]).lines().count() == 2;
        assert_eq!(is_merged, step.merged.unwrap_or(is_merged), "{}", step.name);
        let ran = ground.program("bo").run(&MERGE).await;
        let (subjects, events) =
            (ground.of_remote(&["log", "--format=%s", "main"]), ground.events("change.merged"));
        let told = format!("{}: {ran:?}\n{subjects}\n{events:?}", step.name);
        // Where the event waited here it is known already, and the run before it had only to push it.
        let is_known = ran.code == Some(1) && ran.err.contains("is merged already");
        assert!(ran.code == Some(0) || is_known, "{told}");
        if is_merged && !is_known {
            assert!(ran.out.contains("recorded the merge of api-1.0.1"), "{told}");
        }
        assert_eq!(subjects.lines().count(), 2, "{told}");
        assert_eq!(ground.of_remote(&["tag"]), "api-v1.0.1", "{told}");
        assert_eq!(
            ground.of_remote(&["rev-parse", "api-v1.0.1^{commit}"]),
            ground.of_remote(&["rev-parse", "main"]),
            "{told}"
        );
        assert_eq!(ground.of_remote(&["branch", "--list", "change/*"]), "", "{told}");
        if is_known {
            ground.program("bo").ends(0, &["ledger", "sync"]).await;
        }
        assert_eq!(ground.events("change.merged").len(), 1, "{told}");
        ground.program("bo").ends(0, &["ledger", "verify"]).await;
        for repository in [ground.path("bo"), ground.remote()] {
            git(&repository, &["fsck", "--strict", "--no-dangling"]);
        }
    }
}

#[tokio::test]
async fn a_restoration_that_is_killed_once_main_has_it_is_recorded_by_the_next() {
    for step in STEPS.iter().filter(|step| step.merged != Some(false)) {
        let ground = Ground::new();
        ground.push_main("Break it", "services/catalog.toml", "[service.api\n");
        let restore = ["repository", "restore", "--yes"];
        die(&ground, step, &restore);
        let ran = ground.program("bo").ends(0, &restore).await;
        ran.says(&["main is back at the files of", "INC-1 is open for it"]);
        let subjects = ground.of_remote(&["log", "--format=%s", "main"]);
        assert_eq!(subjects.lines().count(), 3, "{}: {subjects}", step.name);
        for kind in ["incident.declared", "main.restored"] {
            assert_eq!(ground.events(kind).len(), 1, "{}: {kind}", step.name);
        }
        ground.program("bo").ends(0, &["ledger", "verify"]).await;
    }
}

#[tokio::test]
async fn a_direct_revert_that_is_killed_once_main_has_it_is_recorded_by_the_next() {
    let step = STEPS.iter().find(|step| step.hook == "post-receive").unwrap();
    let ground = Ground::new();
    let settings = "name = \"shop\"\n\n[changes]\ndirect_revert = true\n";
    ground.push_main("Allow it", "quarterdeck.toml", settings);
    raise(&ground);
    approve(&ground, "api-1.0.1").await;
    ground.program("bo").ends(0, &MERGE).await;
    let revert = ["change", "revert", "api-1.0.1", "--reason", "it leaks", "--direct", "--yes"];
    die(&ground, step, &revert);
    ground.program("bo").ends(0, &revert).await.says(&["recorded the revert of api-1.0.1"]);
    assert_eq!(ground.of_remote(&["log", "--format=%s", "main"]).lines().count(), 4);
    assert_eq!(ground.events("change.reverted").len(), 1);
}
