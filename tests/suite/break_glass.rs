//! Break-glass with the people of a simulated platform: one asks, another agrees, and it is settled afterwards.

use crate::{
    console::{self, Console, config, git},
    program::Program,
};
use quarterdeck::{
    demo::{Platform, Scenario},
    model::layout::Pane,
};

/// A change that waits for its review.
const CHANGE: &str = "project-a-api-2.1.1";

/// The program as a person of the platform has it.
fn program(platform: &Platform, name: &str, email: &str) -> Program {
    let mut program = Program::on(platform.repository(), platform.kubeconfig());
    for (key, value) in platform.environment(name, email) {
        program.set(&key, &value);
    }
    program.set("GIT_AUTHOR_NAME", name);
    program.set("GIT_AUTHOR_EMAIL", email);
    program
}

fn ledger(platform: &Platform) -> Vec<String> {
    let log = git(platform.remote(), &["log", "--reverse", "--format=%s", "quarterdeck/ledger"]);
    log.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn two_people_break_it_and_it_is_settled() {
    let platform = console::platform(Scenario::Calm).await;
    let marta = program(&platform, "Marta Ruiz", "m.ruiz@example.com");
    let branch = format!("change/{CHANGE}");
    let author_email = git(platform.remote(), &["log", "-1", "--format=%ae", &branch]);
    let author = program(&platform, "Its Author", &author_email);
    let open = ["change", "break-glass", CHANGE, "--reason", "logins fail"];
    let before = ledger_or_nothing(&platform);

    // What is refused leaves no incident behind.
    for (more, words) in [
        (&["--for", "9h", "--yes"][..], "cannot be broken for 9h"),
        (&["--for", "soon", "--yes"], "is no time"),
        (&["--read-only", "--yes"], "read-only"),
        (&[], "nothing was done"),
    ] {
        let ran = marta.run(&[&open[..], more].concat()).await;
        assert_ne!(ran.code, Some(0), "{more:?}");
        ran.complains(&[words]);
    }
    let nobody = program(&platform, "Nobody", "nobody@example.com");
    nobody.ends(1, &[&open[..], &["--yes"]].concat()).await.complains(&["policies/teams.toml"]);
    marta.ends(1, &["change", "second", CHANGE, "--yes"]).await.complains(&["nobody has broken the glass"]);
    assert_eq!(ledger_or_nothing(&platform), before);

    let done = marta.json(0, &[&open[..], &["--yes"]].concat()).await;
    let incident = done["id"].as_str().unwrap().to_owned();
    let events = ledger(&platform);
    let said = |words: &str| events.iter().any(|event| event.contains(words));
    assert!(said("high, break-glass: project-a-api-2.1.1, logins fail"), "{events:#?}");
    assert!(said(&format!("break-glass.opened({CHANGE}): logins fail")), "{events:#?}");
    marta.ends(1, &["change", "merge", CHANGE, "--yes"]).await.complains(&["the code-review gate is open"]);

    // Neither who asked nor its author may agree.
    let second = ["change", "second", CHANGE, "--yes"];
    marta.ends(1, &second).await.complains(&["they asked for it"]);
    author.ends(1, &second).await.complains(&["their own change"]);
    let people = git(platform.repository(), &["show", "origin/main:policies/teams.toml"]);
    let third = people
        .lines()
        .filter_map(|line| Some(line.strip_prefix("email = \"")?.trim_end_matches('"').to_owned()))
        .find(|email| *email != "m.ruiz@example.com" && *email != author_email)
        .unwrap();
    let third = program(&platform, "Third Person", &third);
    third.ends(0, &second).await.says(&["may be merged past its gates and freezes"]);
    third.ends(1, &second).await.complains(&["agreed to it already"]);
    let settle = ["change", "settle", CHANGE, "--note", "https://wiki/post-mortem", "--yes"];
    marta.ends(1, &settle).await.complains(&["was not merged past its gates"]);

    // The incident's end settles nothing.
    marta.ends(0, &["change", "merge", CHANGE, "--yes"]).await.says(&["merged into main"]);
    let message = git(platform.remote(), &["log", "-1", "--format=%B", "main"]);
    assert!(message.contains("Break-Glass"), "{message}");
    marta.ends(0, &["incident", "resolve", &incident, "--yes"]).await;
    marta.ends(0, &["calendar", "--days", "3"]).await.says(&[
        "post-mortem",
        CHANGE,
        "past its gates",
        "merges",
    ]);
    marta.ends(0, &settle).await.says(&["is settled"]);
    author.ends(1, &settle).await.complains(&["or that is settled"]);
    assert_eq!(
        ledger(&platform).last().unwrap(),
        &format!("break-glass.settled({CHANGE}): https://wiki/post-mortem")
    );
}

fn ledger_or_nothing(platform: &Platform) -> Vec<String> {
    if git(platform.remote(), &["branch", "--list", "quarterdeck/ledger"]).is_empty() {
        Vec::new()
    } else {
        ledger(platform)
    }
}

#[tokio::test]
async fn the_pages_by_keys() {
    let mut console = Console::with(
        Scenario::Calm,
        None,
        config("[pipeline]\nkeymap = [{ on = \"B\", run = \"change.break-glass\" }]\n"),
    )
    .await;
    console.keys("7");
    assert_eq!(console.model().ui.focus, Pane::Calendar);
    let today = console.model().now.date_naive();
    assert_eq!(console.model().shown_day(), today);
    console.keys("l j");
    assert_eq!((console.model().shown_day() - today).num_days(), 8);
    console.keys("] t");
    assert_eq!(console.model().shown_day(), today);
    // From one page to the other, and back to the Deck.
    console.keys("8");
    assert_eq!(console.model().ui.focus, Pane::Pipeline);
    let rows = console.model().ui.list(Pane::Pipeline).rows.clone();
    assert!(rows.iter().any(|row| row == CHANGE), "{rows:?}");
    console.select(Pane::Pipeline, CHANGE);
    console.keys("B");
    console.type_text("logins fail");
    console.keys("enter enter");
    assert_eq!(console.plan().await.title, format!("break the glass for {CHANGE}"));
    console.keys("y");
    console.done().await;
    console
        .until("the pipeline tells it", |model| {
            model.world.calendar.chips.iter().any(|chip| chip.change == *CHANGE && chip.glass.is_some())
        })
        .await;
    let shown = console::screen(console.model());
    assert!(shown.contains("■ glass project-a-api-2.1.1 unseconded"), "{shown}");
    console.keys("esc esc");
    assert!(console.model().ui.focus.is_in_deck());
}
