//! What reviewers say, as keys and as commands: answers, requests for changes, taking them back, a rebase.

use crate::console::{Console, config, git, screen};
use quarterdeck::{
    demo::Scenario,
    domain::{change::Change, gate::GateState},
    model::{
        Model,
        jobs::JobState,
        layout::Pane,
        ui::{ChangeSection, Overlay},
    },
};

const SMALL: &str = "project-a-api-2.1.1";
const BREAKING: &str = "shared-auth-2.0.0";

fn change<'a>(model: &'a Model, id: &str) -> &'a Change {
    model.world.joined.changes.iter().find(|change| change.proposal.id.as_str() == id).unwrap()
}

async fn confirmed(console: &mut Console) {
    console.plan().await;
    console.keys("y");
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    assert!(result.unwrap().synced);
    console.keys("esc");
}

#[tokio::test]
async fn changes_are_requested_and_the_request_is_taken_back_by_keys() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.select(Pane::Changes, SMALL);
    console.keys("x");
    assert!(matches!(console.overlay(), Some(Overlay::Form { .. })), "{}", screen(console.model()));
    console.type_text("keep the old endpoint");
    console.keys("enter");
    confirmed(&mut console).await;
    console
        .until("it is blocked", |model| {
            change(model, SMALL).blocked().is_some_and(|words| words.contains("m-ruiz requests changes"))
        })
        .await;
    console.select(Pane::Changes, SMALL);
    console.keys("w");
    confirmed(&mut console).await;
    console.until("nobody asks any more", |model| change(model, SMALL).wishes.is_empty()).await;
    let remote = console.remote_ledger();
    let [.., requested, withdrawn] = remote.as_slice() else { panic!("{remote:?}") };
    assert!(
        requested.starts_with("change.changes-requested(project-a-api-2.1.1): keep the old"),
        "{requested}"
    );
    assert!(withdrawn.starts_with("change.request-withdrawn(project-a-api-2.1.1)"), "{withdrawn}");
    // There is nothing left to take back.
    console.select(Pane::Changes, SMALL);
    console.keys("w");
    assert!(console.notice().contains("nothing to take back"), "{}", console.notice());
}

#[tokio::test]
async fn a_breaking_change_is_approved_with_five_answers_from_its_details() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.select(Pane::Changes, BREAKING);
    console.keys("l");
    console.keys("tab");
    assert!(
        matches!(console.overlay(), Some(Overlay::Change { section: ChangeSection::Difference, .. })),
        "{}",
        screen(console.model())
    );
    console.keys("a");
    let Some(Overlay::Form { fields, focus, .. }) = console.overlay() else {
        panic!("{} {}", console.notice(), screen(console.model()))
    };
    assert_eq!(fields[*focus].name, "reason");
    assert_eq!(fields.iter().filter(|field| field.required).count(), 6, "the change and five answers");
    for answer in ["the old one leaks", "two projects move", "in the guide", "-", "load test", ""] {
        console.type_text(answer);
        console.keys("enter");
    }
    assert!(console.notice().contains("without an answer: breaking"), "{}", console.notice());
    // What was typed is still there; only the one answer is mended.
    console.keys("backtab backtab ctrl-u");
    console.type_text("all were told");
    console.keys("ctrl-s");
    confirmed(&mut console).await;
    console
        .until("a gate is approved", |model| {
            change(model, BREAKING).gates.iter().any(quarterdeck::domain::gate::GateStatus::is_approved)
        })
        .await;
    let body = git(console.platform.remote(), &["log", "-3", "--format=%b", "quarterdeck/ledger"]);
    assert!(body.contains("all were told") && body.contains("digest"), "{body}");
}

#[tokio::test]
async fn an_approval_is_kept_through_a_rebase_and_falls_with_what_it_was_given_for() {
    let mut console = Console::with(Scenario::BadRelease, None, config("")).await;
    console.select(Pane::Changes, SMALL);
    console.keys("a");
    confirmed(&mut console).await;
    let state = |model: &Model| {
        change(model, SMALL).gates.iter().find_map(|status| match &status.state {
            GateState::Approved { carried, .. } => Some(*carried),
            _ => None,
        })
    };
    console.until("it is approved", |model| state(model) == Some(false)).await;
    // Another one, in the remote itself: the same tree and parent, and another message.
    let remote = console.platform.remote().to_path_buf();
    let branch = format!("refs/heads/change/{SMALL}");
    let commit = |tree: &str| {
        let parent = git(&remote, &["rev-parse", &format!("{branch}~1")]);
        let identity = ["-c", "user.name=Somebody", "-c", "user.email=else@example.com"];
        let arguments = ["commit-tree", "-m", "Said better", "-p", &parent, tree];
        let id = git(&remote, &[&identity[..], &arguments[..]].concat());
        git(&remote, &["update-ref", &branch, &id]);
    };
    let tree = git(&remote, &["rev-parse", &format!("{branch}^{{tree}}")]);
    commit(&tree);
    console.keys("ctrl-r");
    console.until("it is kept", |model| state(model) == Some(true)).await;
    // And one with a file more, which nobody has approved.
    let blob = git(&remote, &["hash-object", "-w", "/dev/null"]);
    let listed = git(&remote, &["ls-tree", &tree]);
    assert!(!listed.contains("extra.sh"));
    let index = tempfile::tempdir().unwrap();
    let file = index.path().join("index");
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new("git")
            .arg("--git-dir")
            .arg(&remote)
            .args(arguments)
            .env("GIT_INDEX_FILE", &file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    run(&["read-tree", &tree]);
    run(&["update-index", "--add", "--cacheinfo", &format!("100755,{blob},extra.sh")]);
    commit(&run(&["write-tree"]));
    console.keys("ctrl-r");
    console
        .until("it fell", |model| {
            let gates = &change(model, SMALL).gates;
            gates.iter().any(|status| matches!(status.state, GateState::Fallen { .. }))
        })
        .await;
}
