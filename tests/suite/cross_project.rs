//! The cross-project page by its keys, on the demo: tables, filter, details, the history of a migration, and the way
//! back.

use crate::console::{Console, screen};
use quarterdeck::{
    demo::Scenario,
    domain::cross_project::Table,
    model::{Model, layout::Pane, layout::Size, ui::Overlay, world::Freshness},
};

fn current(model: &Model) -> Option<String> {
    model.ui.list(Pane::CrossProject).current().map(str::to_owned)
}

fn selected(model: &Model) -> Option<String> {
    model.ui.selected.as_ref().map(ToString::to_string)
}

#[tokio::test]
async fn the_page_opens_over_the_deck_and_gives_it_back() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.select(Pane::Inventory, "cart");
    console.keys("enter 6");
    assert_eq!(
        (console.model().ui.focus, console.model().ui.zoom),
        (Pane::CrossProject, Some(Pane::CrossProject))
    );
    let shown = screen(console.model());
    for words in ["Cross-project impact", "▸Shared services", "Version compliance", "Migrations", "old-api"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // The row under the cursor is what is selected, and moving selects.
    assert_eq!(current(console.model()), selected(console.model()));
    console.keys("esc");
    assert_eq!((console.model().ui.focus, console.model().ui.zoom), (Pane::Inventory, Some(Pane::Inventory)));
    assert_eq!(selected(console.model()).as_deref(), Some("cart"), "who only looked keeps what was selected");
    assert_eq!(console.model().ui.list(Pane::Inventory).current(), Some("cart"));
    // The second row is a deprecated service, which the inventory leaves out here.
    console.keys("6 j j");
    let second = current(console.model()).unwrap();
    assert_eq!(selected(console.model()).as_ref(), Some(&second));
    assert_eq!(console.model().ui.list(Pane::Inventory).current(), Some(second.as_str()));
    console.keys("3");
    assert_eq!((console.model().ui.focus, console.model().ui.zoom), (Pane::Changes, Some(Pane::Changes)));
    assert_eq!(selected(console.model()), Some(second), "who chose another one has chosen it");
}

#[tokio::test]
async fn a_click_gives_the_table_under_it_the_keys() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.keys("6");
    assert_eq!(console.model().ui.table, Table::Usage);
    let [_, compliance, _] = console.model().ui.layout().tables(Table::Usage.index());
    console.click(compliance.x + 1, compliance.y + 1);
    assert_eq!(console.model().ui.table, Table::Compliance);
    // The tables have moved; where the last one was is looked up again.
    let now = console.model().ui.layout().tables(Table::Compliance.index())[2];
    console.click(now.x + 1, now.y + 1);
    assert_eq!(console.model().ui.table, Table::Migrations);
    // A second click there chooses a row and changes no table.
    let row = console.model().ui.layout().first_row(Pane::CrossProject, Table::Migrations.index());
    console.click(now.x + 1, row);
    assert_eq!(console.model().ui.table, Table::Migrations);
}

#[tokio::test]
async fn the_tables_have_cursors_and_filters_of_their_own() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.keys("6 /");
    console.type_text("event-bus");
    console.keys("enter");
    assert_eq!(console.model().ui.list(Pane::CrossProject).rows, ["event-bus"]);
    console.keys("]");
    assert_eq!(console.model().ui.table, Table::Compliance);
    let compliance = console.model().ui.list(Pane::CrossProject).rows.clone();
    assert!(compliance.len() > 5, "{compliance:?}");
    // What lags or drifts comes first: cart and notification-service are older in production.
    assert!(compliance[..2].contains(&"cart =".to_owned()), "{compliance:?}");
    assert!(compliance[..2].contains(&"notification-service =".to_owned()), "{compliance:?}");
    console.keys("[");
    assert_eq!(
        console.model().ui.list(Pane::CrossProject).rows,
        ["event-bus"],
        "the filter stays with its table"
    );
    console.keys("esc");
    assert!(console.model().ui.list(Pane::CrossProject).rows.len() > 5, "esc clears the filter first");
    assert_eq!(console.model().ui.focus, Pane::CrossProject);
    console.keys("] enter");
    let Some(Overlay::CrossProject { table: Table::Compliance, row, .. }) = console.overlay() else {
        panic!("{}", screen(console.model()));
    };
    let row = row.clone();
    let shown = screen(console.model());
    assert!(shown.contains("nobody requires a version, but the environments differ"), "{row}: {shown}");
    console.keys("esc g g n");
    assert_eq!(
        current(console.model()).as_deref(),
        Some(compliance[1].as_str()),
        "the next that is not well"
    );
    // A click chooses a row of the table that has the keys.
    let layout = console.model().ui.layout();
    let first = layout.first_row(Pane::CrossProject, Table::Compliance.index());
    console.click(10, first + 3);
    assert_eq!(console.model().ui.list(Pane::CrossProject).cursor, 3);
}

#[tokio::test]
async fn the_history_is_read_when_somebody_looks_and_shows_who_moved() {
    let mut console = Console::start(Scenario::BadRelease).await;
    assert_eq!(
        console.model().world.history.freshness(console.model().now, chrono::Duration::days(1)),
        Freshness::Loading
    );
    console.keys(":");
    console.type_text("migration status");
    console.keys("enter");
    assert_eq!(console.model().ui.table, Table::Migrations);
    assert_eq!(current(console.model()).as_deref(), Some("old-api"));
    console
        .until("the history is read", |model| {
            model.world.cross.tables.migrations.iter().any(|row| row.progress.is_some())
        })
        .await;
    let row = &console.model().world.cross.tables.migrations[0];
    let progress = row.progress.as_ref().unwrap();
    assert_eq!((progress.at_first, progress.total, progress.moved), (6, 6, 5));
    let remaining: Vec<usize> = progress.steps.iter().map(|step| step.remaining).collect();
    // Only some of the commits are read, so two steps may be seen as one.
    assert!(remaining.is_sorted_by(|one, other| one > other) && remaining.len() >= 3, "{remaining:?}");
    assert_eq!((remaining.first(), remaining.last()), (Some(&5), Some(&1)));
    assert_eq!(progress.steps[0].left, ["project-a-frontend"]);
    let points = console.model().world.history.value.as_ref().unwrap().points.len();
    assert!((10..=30).contains(&points), "{points}");
    let samples = progress.samples(console.model().now, 20);
    assert!(samples.is_sorted_by(|one, other| one >= other) && samples[0] == 6, "{samples:?}");
    console.keys("enter");
    let shown = screen(console.model());
    for words in [
        "5 of 6 have moved",
        "−order-worker",
        "remained",
        "2h (1 consumer at 2h each, easy)",
        "project-b-api",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[tokio::test]
async fn a_small_screen_shows_one_table_and_its_details() {
    let mut console = Console::start(Scenario::Calm).await;
    console.engine.apply(quarterdeck::model::event::Event::Resize(Size { width: 80, height: 24 }));
    console.keys("6 ] ]");
    console
        .until("the history is read", |model| {
            model.world.cross.tables.migrations.iter().any(|row| row.progress.is_some())
        })
        .await;
    let shown = screen(console.model());
    for words in ["▸Migrations 1", "○ old-api", "1 of 6", "in 125 days", "5 of 6 have moved"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    console.keys("]");
    assert_eq!(console.model().ui.table, Table::Usage, "after the last one comes the first");
    console.keys("tab");
    assert_eq!(console.model().ui.focus, Pane::Inventory);
}
