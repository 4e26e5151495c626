//! The inventory by its keys, on the demo: conditions, order, groups, columns, one service in full, and a step of
//! its life proposed to the remote.

use crate::console::{Console, config, git, screen};
use quarterdeck::{
    demo::Scenario,
    domain::{ledger::Verdict, plan::Work},
    model::{
        Model,
        inventory::{Column, group_of},
        jobs::JobState,
        layout::Pane,
        ui::Overlay,
    },
};

fn rows(model: &Model) -> Vec<String> {
    model.ui.list(Pane::Inventory).rows.clone()
}

fn current(model: &Model) -> &str {
    model.ui.list(Pane::Inventory).current().unwrap_or_default()
}

#[tokio::test]
async fn conditions_filter_and_a_wrong_one_keeps_the_rows() {
    let mut console = Console::start(Scenario::BadRelease).await;
    // The dashboard begins with what is active, and says so; the line replaces it.
    assert!(
        screen(console.model()).contains("/status == \"active\" (dashboard)"),
        "{}",
        screen(console.model())
    );
    assert!(!rows(console.model()).contains(&"old-api".to_owned()));
    console.keys("1 /");
    console.type_text("status == \"deprecated\"");
    assert_eq!(rows(console.model()), ["old-api"]);
    console.type_text(" && ownr");
    assert_eq!(rows(console.model()), ["old-api"], "the last good rows stay");
    let shown = screen(console.model());
    assert!(shown.contains("▲ at 27: a service has no `ownr`: did you mean `owner`?"), "{shown}");
    console.keys("enter");
    assert!(matches!(console.overlay(), Some(Overlay::Filter { .. })), "a wrong condition is not kept");
    console.keys("esc");
    assert!(screen(console.model()).contains("(dashboard)"));
    // Escape clears it for the session.
    console.keys("esc");
    assert!(rows(console.model()).contains(&"old-api".to_owned()));
    console.keys("p right enter");
    assert!(screen(console.model()).contains("(preset leaving)"), "{}", screen(console.model()));
    assert_eq!(rows(console.model()), ["old-api"]);
}

#[tokio::test]
async fn order_groups_and_folds_keep_the_cursor_where_it_is_of_use() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.keys("1 esc");
    let worry = rows(console.model());
    console.keys("o");
    assert_eq!(console.model().ui.inventory.sort, Some(Column::Name));
    let mut by_name = worry.clone();
    by_name.sort();
    assert_eq!(rows(console.model()), by_name);
    console.keys("O");
    by_name.reverse();
    assert_eq!(rows(console.model()), by_name);

    console.keys("b g g");
    let grouped = rows(console.model());
    assert!(group_of(&grouped[0]).is_some(), "{grouped:?}");
    assert!(group_of(current(console.model())).is_none(), "the header of an open group is passed over");
    let list = console.model().ui.list(Pane::Inventory);
    assert_eq!((list.cursor, list.offset), (1, 0), "and it stays in sight");
    let service = current(console.model()).to_owned();
    console.keys("z");
    let group = group_of(current(console.model())).expect("the cursor is on what is left of it").to_owned();
    assert!(!rows(console.model()).contains(&service));
    // On a group nothing can be done to a service that is not in sight.
    console.keys("R");
    assert!(console.notice().contains("no service is selected"), "{}", console.notice());
    assert!(console.model().jobs.all.is_empty());
    console.keys("enter");
    assert!(rows(console.model()).contains(&service), "{group} is open again");
    console.keys("Z");
    assert!(rows(console.model()).iter().all(|row| group_of(row).is_some()));
    console.keys("Z b b b b");
    assert_eq!(rows(console.model()).len(), worry.len());
}

#[tokio::test]
async fn columns_are_chosen_moved_and_given_back() {
    let mut console = Console::start(Scenario::BadRelease).await;
    let shown = |console: &Console| {
        console
            .model()
            .ui
            .inventory
            .shown()
            .map(|choice| choice.column.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(shown(&console), "name version status owner ready errors p99 sla", "as the dashboard says");
    console.keys("1 c j space K");
    assert_eq!(shown(&console), "name status owner ready errors p99 sla");
    console.keys("space j j J + o enter");
    assert_eq!(shown(&console), "version name owner status ready errors p99 sla");
    assert_eq!(console.model().ui.inventory.sort, Some(Column::Status));
    console.keys("c r esc");
    assert_eq!(shown(&console), "name version status owner ready errors p99 sla");
    assert_eq!(console.model().ui.inventory.sort, None);
}

#[tokio::test]
async fn one_service_in_full_with_its_ladder_and_its_source() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.keys("1 esc");
    console.select(Pane::Inventory, "old-api");
    console.keys("l G");
    let shown = screen(console.model());
    for words in ["Lifecycle", "▸ deprecated", "○ retired", "services/catalog.toml:"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    console.keys("s");
    assert!(matches!(console.overlay(), Some(Overlay::Source { .. })));
    let shown = screen(console.model());
    assert!(shown.contains("[service.old-api]") && shown.contains("replacement_service"), "{shown}");
    assert!(!shown.contains("[service.new-api]"), "{shown}");
    console.keys("esc");
    assert!(matches!(console.overlay(), Some(Overlay::Service { .. })));
}

#[tokio::test]
async fn a_step_of_its_life_becomes_a_branch_on_the_remote() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.keys("1 esc");
    console.select(Pane::Inventory, "shared-auth");
    let repository = console.platform.repository().to_owned();
    let before = git(&repository, &["status", "--porcelain", "--branch"]);
    // The form offers what the lifecycle allows, the usual step first.
    console.keys("l P right");
    let shown = screen(console.model());
    assert!(
        shown.contains("maintenance") && shown.contains("‹ deprecated ›") && !shown.contains("  retired  "),
        "{shown}"
    );
    console.keys("enter");
    let plan = console.plan().await;
    let Work::Propose(proposal) = &plan.work else { panic!("{plan:?}") };
    assert_eq!(proposal.branch, "change/shared-auth-deprecated");
    let added: Vec<&str> = plan.files()[0]
        .diff
        .iter()
        .filter(|line| line.sign() == "+")
        .map(|line| line.text.as_str())
        .collect();
    assert!(added.contains(&"status = \"deprecated\""), "{added:?}");
    assert!(added.iter().any(|line| line.starts_with("sunset_date = ")), "{added:?}");
    assert!(plan.notes.iter().any(|note| note.contains("migration.guide_url")), "{:?}", plan.notes);
    assert!(plan.notes.iter().any(|note| note.starts_with("Validation will find")), "{:?}", plan.notes);
    console.keys("y");
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    let outcome = result.unwrap();
    assert_eq!((outcome.verdict, outcome.synced), (Verdict::Pass, true), "{}", outcome.summary);
    assert_eq!(git(&repository, &["status", "--porcelain", "--branch"]), before, "nothing here has moved");
    let text = git(&repository, &["show", "origin/change/shared-auth-deprecated:services/catalog.toml"]);
    assert_eq!(text, proposal.files[0].text.trim());
    let subjects = console.remote_ledger();
    let recorded = "change.proposed(shared-auth-deprecated): shared-auth, ga → deprecated";
    assert!(subjects.iter().any(|subject| subject == recorded), "{subjects:#?}");
    console
        .until("it is among the open changes", |model| {
            let changes = &model.world.joined.changes;
            changes.iter().any(|change| change.proposal.id.as_str() == "shared-auth-deprecated")
        })
        .await;
    // Once more is refused: the branch is there.
    console.keys("P right enter");
    console
        .until("the refusal", |model| {
            model.ui.notice.as_ref().is_some_and(|notice| notice.text.contains("there already"))
        })
        .await;
    assert!(console.model().jobs.all.values().all(|job| matches!(job.state, JobState::Done(_))));
}

#[tokio::test]
async fn a_read_only_console_edits_and_proposes_nothing() {
    let mut settings = config("");
    settings.read_only = true;
    let mut console = Console::with(Scenario::Calm, None, settings).await;
    for keys in ["1 e", "P"] {
        console.keys(keys);
        assert!(console.notice().contains("read-only"), "{keys}: {}", console.notice());
    }
    assert!(console.model().jobs.all.is_empty() && console.overlay().is_none());
    assert_eq!(console.model().handover, None);
}
