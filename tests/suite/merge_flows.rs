//! Merging, restoring and merging through the forge on the simulated platform.

use crate::{
    console::{Console, git, platform, screen},
    program::Program,
};
use quarterdeck::{
    demo::Scenario,
    domain::ledger::Verdict,
    model::{jobs::JobState, layout::Pane},
};
use std::{fs, path::Path};

const CHANGE: &str = "project-a-api-2.1.1";

/// Puts an edited file on the main branch, as somebody who is past every gate.
fn push_main(remote: &Path, folder: &Path, path: &str, edit: impl Fn(&str) -> String) -> String {
    let clone = folder.join("stranger");
    if !clone.exists() {
        git(folder, &["clone", "--quiet", &remote.display().to_string(), "stranger"]);
    }
    git(&clone, &["pull", "--quiet", "--ff-only"]);
    let text = fs::read_to_string(clone.join(path)).unwrap();
    fs::write(clone.join(path), edit(&text)).unwrap();
    git(&clone, &["commit", "--quiet", "--all", "--message", "Past every gate"]);
    git(&clone, &["push", "--quiet", "origin", "HEAD:main"]);
    git(&clone, &["rev-parse", "HEAD"])
}

fn passed(job: &quarterdeck::model::jobs::Job) -> String {
    let JobState::Done(result) = &job.state else { panic!("not done") };
    let outcome = result.as_ref().unwrap_or_else(|failure| panic!("{}", failure.render()));
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.summary);
    outcome.summary.clone()
}

#[tokio::test]
async fn a_change_is_approved_and_merged_by_keys_and_everything_is_signed() {
    let mut console = Console::start(Scenario::Calm).await;
    console.select(Pane::Changes, CHANGE);
    console.keys("m");
    console
        .until("it says why not", |model| {
            model.ui.notice.as_ref().is_some_and(|n| n.text.contains("gate is open"))
        })
        .await;
    console.keys("a");
    console.plan().await;
    console.keys("y");
    passed(&console.done().await);
    console.keys("m");
    let plan = console.plan().await;
    assert_eq!(plan.title, format!("merge {CHANGE} into main"));
    insta::assert_snapshot!("merge_plan_80x24", {
        let mut model = console.model().clone();
        // What was said before may still stand there, or not.
        model.ui.notice = None;
        model.ui.size = quarterdeck::model::layout::Size { width: 80, height: 24 };
        without_commits(&screen(&model))
    });
    // The key that asked for it is no yes.
    console.keys("m");
    console.keys("y");
    let summary = passed(&console.done().await);
    assert!(summary.ends_with("tagged project-a-api-v2.1.1"), "{summary}");
    console
        .until("it is no open change", |model| {
            model.world.joined.changes.iter().all(|change| change.proposal.id != CHANGE)
        })
        .await;
    let (remote, clone) = (console.platform.remote(), console.platform.repository());
    assert_eq!(git(remote, &["branch", "--list", "change/project-a-api*"]), "");
    assert!(
        console
            .remote_ledger()
            .last()
            .unwrap()
            .starts_with(&format!("change.merged({CHANGE}): bugfix into main"))
    );
    if console.platform.is_signing() {
        git(clone, &["verify-commit", "origin/main"]);
        git(clone, &["verify-tag", "project-a-api-v2.1.1"]);
    }
}

/// A screen without what differs from run to run.
fn without_commits(screen: &str) -> String {
    let is_commit = |word: &str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let word = |word: &str| match word.strip_suffix(',') {
        Some(rest) if is_commit(rest) => "COMMIT..,".to_owned(),
        None if is_commit(word) => "COMMIT..".to_owned(),
        _ => word.to_owned(),
    };
    let words = |line: &str| {
        if line.contains(" noticed ") {
            return "(when it was noticed)".to_owned();
        }
        line.split(' ').map(word).collect::<Vec<_>>().join(" ")
    };
    // The strips tell times and rates.
    screen.lines().skip(1).take(22).map(words).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_broken_main_branch_is_seen_told_and_restored_within_seconds() {
    let mut console = Console::start(Scenario::Calm).await;
    let began = std::time::Instant::now();
    let (remote, folder) = (console.platform.remote().to_owned(), console.platform.directory().to_owned());
    let good = git(&remote, &["rev-parse", "main^{tree}"]);
    push_main(&remote, &folder, "services/catalog.toml", |text| {
        text.replacen("[service.", "[service", 1).replacen("owner = \"", "owner = ", 3)
    });
    console.keys("ctrl-r");
    console.until("main is known to be broken", |model| model.world.main_broken_since.is_some()).await;
    let shown = screen(console.model());
    assert!(shown.contains("■ main broken"), "{shown}");
    assert!(
        console.notice().contains("main does not validate: services/catalog.toml"),
        "{}",
        console.notice()
    );
    console.keys(":");
    console.type_text("restore the main");
    console.keys("enter");
    let plan = console.plan().await;
    assert!(plan.title.starts_with("restore main to"), "{}", plan.title);
    insta::assert_snapshot!("restore_plan_160x45", without_commits(&screen(console.model())));
    console.keys("y");
    let summary = passed(&console.done().await);
    assert!(summary.contains("after it was noticed; INC-1 is open for it; told"), "{summary}");
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    assert_eq!(git(&remote, &["rev-parse", "main^{tree}"]), good);
    console.until("main is well again", |model| model.world.main_broken_since.is_none()).await;
    assert!(!screen(console.model()).contains("main broken"));
    console
        .until("the incident is open", |model| {
            model.world.joined.incidents.iter().any(|one| one.title.starts_with("main was broken"))
        })
        .await;
    let heard: Vec<String> = console
        .platform
        .sinks()
        .received()
        .iter()
        .filter_map(|one| one.body["notice"]["event"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(heard, ["incident.declared", "main.restored"]);
}

#[tokio::test]
async fn where_the_settings_say_so_the_forge_merges_and_the_same_is_recorded() {
    let platform = platform(Scenario::Calm).await;
    push_main(platform.remote(), platform.directory(), "quarterdeck.toml", |text| {
        format!("{text}\n[changes]\nmerge = \"forge\"\n")
    });
    let program = Program::on(platform.repository(), platform.kubeconfig());
    program.ends(0, &["change", "approve", CHANGE, "--yes"]).await;
    let shown = program.ends(2, &["change", "merge", CHANGE]).await;
    shown.complains(&["merge it, squashed, through GitHub #", "The forge makes the commit"]);
    let merged = program.json(0, &["change", "merge", CHANGE, "--yes"]).await;
    assert_eq!(merged["verdict"], "pass", "{merged}");
    let message = git(platform.remote(), &["log", "-1", "--format=%B", "main"]);
    assert!(
        message.contains(&format!("Change-Id: {CHANGE}\n")) && message.contains("\nChange-Request: "),
        "{message}"
    );
    assert_eq!(
        git(platform.remote(), &["rev-parse", "project-a-api-v2.1.1^{commit}"]),
        git(platform.remote(), &["rev-parse", "main"])
    );
    let event = git(platform.remote(), &["log", "-1", "--format=%B", "quarterdeck/ledger"]);
    assert!(event.contains("change.merged") && event.contains("\"request\""), "{event}");
    // Its branch may still be there; it is no open change any more.
    let list = program.json(0, &["change", "list"]).await;
    assert!(list["changes"].as_array().unwrap().iter().all(|change| change["id"] != CHANGE), "{list}");
    program.ends(1, &["change", "merge", CHANGE, "--yes"]).await.complains(&["is merged already"]);
}
