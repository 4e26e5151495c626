//! The dependency graph and the impact, by keys in the console and as commands.

use crate::console::{Console, screen};
use quarterdeck::{
    demo::Scenario,
    domain::impact::{Cause, Harm},
    model::{layout::Pane, ui::Overlay},
};

fn selected(console: &Console) -> String {
    console.model().ui.selected.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn walking_searching_and_folding_by_keys() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.keys("2");
    assert_eq!((console.model().ui.focus, selected(&console).as_str()), (Pane::Graph, "shared-auth"));
    assert!(!console.model().ui.graph.whole);

    // Along an edge and back; the neighbourhood stays, the selection follows everywhere.
    console.keys("l");
    let needed = selected(&console);
    let catalog = console.model().world.catalog.value.clone().unwrap();
    assert!(
        catalog.services["shared-auth"].dependencies.iter().any(|it| it.service == *needed.as_str()),
        "{needed} is not needed"
    );
    assert_eq!(console.model().ui.list(Pane::Inventory).current(), Some(needed.as_str()));
    assert_eq!(
        console.model().ui.graph.centre.as_ref().map(ToString::to_string).as_deref(),
        Some("shared-auth")
    );
    console.keys("h");
    assert!(
        catalog.services[selected(&console).as_str()]
            .dependencies
            .iter()
            .any(|it| it.service == *needed.as_str())
    );

    // Enter puts what is under the cursor in the middle.
    console.keys("l enter");
    assert_eq!(console.model().ui.graph.centre.as_ref().map(ToString::to_string), Some(needed));
    let near = console.model().ui.graph.map.services;
    console.keys("+");
    assert_eq!(console.model().ui.graph.depth, 3);
    assert!(console.model().ui.graph.map.services >= near);
    console.keys("- - -");
    assert_eq!(console.model().ui.graph.depth, 1);
    console.keys("-");
    assert!(console.notice().contains("the least"), "{}", console.notice());

    // The whole map has everything, and a search goes there.
    console.keys("m");
    assert_eq!(console.model().ui.graph.map.services, catalog.services.len());
    console.keys("/");
    console.type_text("billing");
    assert_eq!(selected(&console), "billing");
    console.keys("enter n");
    assert_eq!(selected(&console), "billing", "there is one match");
    console.keys("m");
    assert_eq!(console.model().ui.graph.centre.as_ref().map(ToString::to_string).as_deref(), Some("billing"));
}

#[tokio::test]
async fn what_falls_and_what_a_change_breaks() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.keys("I");
    let is_open =
        |model: &quarterdeck::model::Model| matches!(model.ui.overlays.last(), Some(Overlay::Impact { .. }));
    console.until("the impact of shared-auth", is_open).await;
    let Some(Overlay::Impact { impact, .. }) = console.overlay() else { panic!("no impact") };
    assert!(matches!(&impact.cause, Cause::Outage(service) if service.name == "shared-auth"));
    assert!(impact.count(Harm::Falls) >= 11 && !impact.notify.is_empty(), "{}", impact.summary());
    let shown = screen(console.model());
    assert!(shown.contains("If shared-auth falls") && shown.contains("Whom to tell"), "{shown}");

    console.keys("esc");
    console.select(Pane::Changes, "shared-auth-2.0.0");
    console.keys("I");
    console.until("the impact of the change", is_open).await;
    let Some(Overlay::Impact { impact, subject, .. }) = console.overlay() else { panic!("no impact") };
    assert_eq!(subject.as_deref(), Some("shared-auth-2.0.0"));
    assert!(impact.harmed() > 0, "{}", impact.summary());
}

#[tokio::test]
async fn a_search_goes_to_what_was_named_and_nowhere_else() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.select(Pane::Inventory, "shared-auth");
    console.keys("2");
    for name in ["cart", "checkout", "pdf-renderer"] {
        console.keys("/ ctrl-u");
        console.type_text(name);
        console.keys("enter");
        assert_eq!(console.model().ui.selected.as_ref().map(ToString::to_string).as_deref(), Some(name));
    }
    let before = console.model().ui.selected.clone();
    console.keys("/ ctrl-u");
    console.type_text("zzzz");
    console.keys("enter");
    assert_eq!(console.model().ui.selected, before);
    assert!(screen(console.model()).contains("no service matches `zzzz`"));
}
