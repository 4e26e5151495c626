//! What a person does, as key strings through the real engine against the simulated platform.

use crate::console::{Console, config, screen};
use quarterdeck::{
    demo::{Environment, Faults, Scenario, kubernetes::resources::Resource},
    domain::{gate::GateState, ledger::Verdict},
    model::{
        Model,
        event::Event,
        jobs::JobState,
        layout::Pane,
        ui::{ConfirmFocus, Overlay},
    },
};
use serde_json::Value;
use std::time::Duration;

const CRITICAL_SERVICE: &str = "shared-auth";

/// The version in the image of a Deployment's first container.
fn deployed(console: &Console, environment: Environment, namespace: &str, name: &str) -> String {
    let object =
        console.platform.cluster(environment).object(Resource::Deployments, namespace, name).unwrap();
    let image = object.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).unwrap();
    image.rsplit_once(':').unwrap().1.to_owned()
}

fn fact<'a>(plan: &'a quarterdeck::domain::plan::Plan, label: &str) -> &'a str {
    plan.facts.iter().find(|(known, _)| known == label).map_or("", |(_, value)| value.as_str())
}

fn working(model: &Model) -> usize {
    model.jobs.running().count()
}

#[tokio::test]
async fn a_rollback_in_production_by_keys_alone() {
    let mut console = Console::start(Scenario::BadRelease).await;
    // The worst service is under the cursor without a key pressed.
    assert_eq!(
        console.model().ui.selected.as_ref().map(quarterdeck::domain::name::ServiceName::as_str),
        Some(CRITICAL_SERVICE)
    );
    console.keys("R");
    let plan = console.plan().await;
    assert_eq!(fact(&plan, "cluster"), "demo-production");
    assert_eq!(fact(&plan, "object"), "deployment/shared/shared-auth");
    assert_eq!(fact(&plan, "version"), "1.3.0 → 1.2.3");
    assert!(
        plan.notes.iter().any(|note| note.contains("api-gateway")),
        "who depends on it: {:?}",
        plan.notes
    );
    assert!(plan.notes.iter().any(|note| note.contains("Git still says 1.3.0")), "{:?}", plan.notes);

    // Neither nothing, nor another name, nor Tab to Run is a yes.
    for typed in ["api-gateway", "", "shared-aut"] {
        console.type_text(typed);
        console.keys("tab enter");
        assert!(matches!(console.overlay(), Some(Overlay::Confirm { .. })), "`{typed}` closed the plan");
        assert_eq!(console.job().map(|job| &job.state), Some(&JobState::Planning), "`{typed}` ran it");
        console.keys(&"backspace ".repeat(typed.len()));
    }
    assert!(console.notice().contains("nothing was done"), "{}", console.notice());
    assert_eq!(deployed(&console, Environment::Production, "shared", CRITICAL_SERVICE), "1.3.0");

    console.type_text(CRITICAL_SERVICE);
    console.keys("enter");
    assert!(matches!(console.overlay(), Some(Overlay::Running { .. })), "{}", screen(console.model()));
    // Enter again, and the whole again, while it runs: the running job is shown, nothing starts.
    console.keys("enter");
    console.keys("R");
    assert!(console.notice().contains("already under way"), "{}", console.notice());
    assert!(matches!(console.overlay(), Some(Overlay::Running { .. })));
    assert_eq!((working(console.model()), console.model().jobs.all.len()), (1, 1));

    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    let outcome = result.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.summary);
    assert!(outcome.synced);
    assert_eq!(deployed(&console, Environment::Production, "shared", CRITICAL_SERVICE), "1.2.3");
    assert_eq!(deployed(&console, Environment::Staging, "shared", CRITICAL_SERVICE), "1.3.0");
    let remote = console.remote_ledger();
    let rollbacks: Vec<&String> = remote.iter().filter(|subject| subject.starts_with("rollback.")).collect();
    assert_eq!(rollbacks.len(), 2, "{remote:#?}");
    assert!(
        rollbacks[0].starts_with("rollback.started(shared-auth@production): 1.3.0 → 1.2.3"),
        "{rollbacks:?}"
    );
    assert!(rollbacks[1].starts_with("rollback.finished(shared-auth@production): pass"), "{rollbacks:?}");
    // The picture follows what was done.
    console
        .until("the inventory shows 1.2.3", |model| {
            let row = model.world.joined.service(CRITICAL_SERVICE);
            row.and_then(|row| row.place("production")).and_then(|place| place.version()) == Some("1.2.3")
        })
        .await;
}

#[tokio::test]
async fn an_argo_cd_application_goes_back_in_its_history() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.select(Pane::Inventory, "new-api");
    console.keys("R");
    let plan = console.plan().await;
    let (from, to) = fact(&plan, "history id").split_once(" → ").unwrap();
    assert!(from.parse::<u64>().unwrap() > to.parse().unwrap(), "{:?}", plan.facts);
    assert!(fact(&plan, "object").starts_with("application/"), "{:?}", plan.facts);
    console.type_text("new-api");
    console.keys("enter");
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    let outcome = result.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.summary);
    assert_eq!(deployed(&console, Environment::Production, "shared", "new-api"), "2.0.0-rc.2");
    let cluster = console.platform.cluster(Environment::Production);
    let application = cluster.object(Resource::Applications, "argocd", "new-api").unwrap();
    // Automated sync would bring 2.0.0 back at once: where it was on, the plan said so, and it is off.
    let automated = application.pointer("/spec/syncPolicy/automated");
    if plan.steps.iter().any(|step| step.title.contains("suspend automated sync")) {
        assert_eq!(automated.and_then(|automated| automated.get("enabled")), Some(&Value::Bool(false)));
    } else {
        assert_eq!(automated, None);
    }
}

#[tokio::test]
async fn only_another_key_confirms_and_escape_changes_nothing() {
    let keys = "[confirm]\nprepend_keymap = [{ on = \"R\", run = \"plan.confirm\" }]";
    let mut console = Console::with(Scenario::BadRelease, None, config(keys)).await;
    console.keys("[");
    assert_eq!(console.model().environment().map(|environment| environment.name.as_str()), Some("staging"));
    let before = console.ledger().await.len();
    console.keys("R");
    let plan = console.plan().await;
    assert_eq!(plan.confirm_by_typing, None, "staging asks for a key only");
    console.keys("R R");
    assert!(console.notice().contains("confirm with another key"), "{}", console.notice());
    assert_eq!(console.job().map(|job| &job.state), Some(&JobState::Planning));
    // Cancel has the focus: Enter leaves it.
    assert!(matches!(console.overlay(), Some(Overlay::Confirm { focus: ConfirmFocus::Cancel, .. })));
    console.keys("enter");
    assert!(console.overlay().is_none() && console.model().jobs.all.is_empty());
    assert!(console.notice().contains("cancelled, nothing was done"), "{}", console.notice());
    console.keys("R");
    console.plan().await;
    console.keys("esc");
    assert!(console.overlay().is_none() && console.model().jobs.all.is_empty());
    assert_eq!(deployed(&console, Environment::Staging, "shared", CRITICAL_SERVICE), "1.3.0");
    assert_eq!(console.ledger().await.len(), before);

    // From the palette, Enter is the key that asked; it does not press Run either.
    console.keys(":");
    console.type_text("roll the service back");
    console.keys("enter");
    console.plan().await;
    console.keys("tab enter");
    assert_eq!(console.job().map(|job| &job.state), Some(&JobState::Planning));
    console.keys("esc");
    assert!(console.model().jobs.all.is_empty());
}

#[tokio::test]
async fn a_late_plan_opens_nothing() {
    let mut console = Console::start(Scenario::BadRelease).await;
    let delay = Duration::from_millis(200);
    console.platform.cluster(Environment::Production).set_faults(Faults { delay, ..Faults::default() });
    console.keys("R");
    assert!(matches!(console.overlay(), Some(Overlay::Planning { .. })));
    console.keys("esc");
    assert!(console.overlay().is_none());
    let late = async {
        loop {
            for event in console.engine.next().await {
                let planned = matches!(event, Event::RollbackPlanned(..));
                console.engine.apply(event);
                if planned {
                    return;
                }
            }
        }
    };
    assert!(tokio::time::timeout(crate::console::DEADLINE, late).await.is_ok(), "the plan never came");
    assert!(console.overlay().is_none() && console.model().jobs.all.is_empty());
}

#[tokio::test]
async fn a_code_review_is_approved_and_reaches_the_remote() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.select(Pane::Changes, "project-a-api-2.1.1");
    console.keys("a");
    let plan = console.plan().await;
    assert!(plan.title.contains("project-a-api-2.1.1"), "{}", plan.title);
    console.keys("y");
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    assert!(result.unwrap().synced);
    console
        .until("the gate is approved", |model| {
            let change = model
                .world
                .joined
                .changes
                .iter()
                .find(|change| change.proposal.id.as_str() == "project-a-api-2.1.1");
            change.is_some_and(|change| {
                change.gates.iter().any(|status| matches!(status.state, GateState::Approved { .. }))
            })
        })
        .await;
    let remote = console.remote_ledger();
    let subject = &remote[remote.len() - 2];
    assert!(remote[remote.len() - 1].starts_with("notice.delivered(project-a-api-2.1.1)"), "{remote:?}");
    assert!(subject.starts_with("change.approved(project-a-api-2.1.1): code-review"), "{subject}");
    let author = crate::console::git(
        console.platform.remote(),
        &["log", "-1", "--format=%an <%ae>", "quarterdeck/ledger"],
    );
    assert_eq!(author, "Marta Ruiz <m.ruiz@example.com>");
    // A second yes to the same is refused before anything is sent.
    console.keys("a");
    assert!(console.overlay().is_none(), "{}", screen(console.model()));
    assert_eq!(console.remote_ledger().len(), remote.len());
}

#[tokio::test]
async fn an_author_does_not_approve_their_own_change() {
    let chen = Some(("Amy Chen", "a.chen@example.com"));
    let mut console = Console::with(Scenario::BadRelease, chen, config("")).await;
    assert_eq!(console.model().operator.email, "a.chen@example.com");
    let before = console.remote_ledger();
    console.select(Pane::Changes, "project-a-api-2.1.1");
    console.keys("a");
    assert!(console.overlay().is_none() && console.model().jobs.all.is_empty());
    assert!(console.notice().contains("their own change"), "{}", console.notice());
    assert_eq!(console.remote_ledger(), before);
}

#[tokio::test]
async fn validating_a_faulty_change_shows_what_is_wrong() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.select(Pane::Changes, "shared-auth-2.0.0");
    console.keys("v");
    console
        .until("findings are shown", |model| {
            matches!(model.ui.overlays.last(), Some(Overlay::Findings { .. }))
        })
        .await;
    let shown = screen(console.model());
    for expected in ["sesion-cache", "services/catalog.toml", "session-cache"] {
        assert!(shown.contains(expected), "{expected} is missing:\n{shown}");
    }
    console.keys("esc");
    assert!(console.overlay().is_none());
    // The working tree has no such fault; that a project still uses what is deprecated is no more than a note.
    console.keys("V");
    console
        .until("findings are shown", |model| {
            matches!(model.ui.overlays.last(), Some(Overlay::Findings { .. }))
        })
        .await;
    let Some(Overlay::Findings { validation, .. }) = console.overlay() else { panic!() };
    let codes: Vec<_> = validation.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["QD216"]);
    console.keys("esc");
    // A change is not blamed for what was there before it.
    for change in &console.model().world.joined.changes {
        assert!(change.findings.iter().all(|finding| finding.code != "QD216"), "{}", change.proposal.id);
    }
}

#[tokio::test]
async fn an_incident_is_declared_taken_and_resolved() {
    let mut console = Console::start(Scenario::Calm).await;
    assert!(console.model().world.joined.incidents.is_empty());
    console.keys("D");
    let Some(Overlay::Form { fields, .. }) = console.overlay() else { panic!("{}", screen(console.model())) };
    assert_eq!(fields[0].choices.first().map(String::as_str), Some(fields[0].input.text.as_str()));
    // The severity stands at its first choice; the title is missing and is asked for.
    console.keys("enter enter");
    console.keys("enter");
    let problem = match console.overlay() {
        Some(Overlay::Form { problem, .. }) => problem.clone().unwrap_or_default(),
        other => panic!("{other:?}"),
    };
    assert!(problem.contains("title is missing"), "{problem}");
    console.keys("backtab");
    console.type_text("checkout is slow");
    console.keys("enter");
    console.keys("ctrl-u");
    console.type_text("checkout");
    console.keys("enter");
    let plan = console.plan().await;
    assert_eq!((fact(&plan, "title"), fact(&plan, "service")), ("checkout is slow", "checkout"));
    console.keys("y");
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    let id = result.unwrap().incident.unwrap();
    let name = id.to_string();
    console
        .until("the incident is in the pane", |model| model.ui.list(Pane::Escalation).rows.contains(&name))
        .await;
    console.select(Pane::Escalation, id.as_str());
    console.keys("a");
    console.plan().await;
    console.keys("y");
    console.done().await;
    console
        .until("it is acknowledged", |model| {
            model.world.joined.incidents.iter().any(|incident| incident.acknowledged.is_some())
        })
        .await;
    console.keys("a");
    assert!(console.notice().contains("acknowledged already"), "{}", console.notice());
    console.keys("x");
    console.plan().await;
    console.keys("y");
    console.done().await;
    console.until("it is over", |model| model.world.joined.incidents.is_empty()).await;
    let kinds: Vec<String> = console
        .remote_ledger()
        .iter()
        .map(|subject| subject.split('(').next().unwrap_or_default().to_owned())
        .collect();
    let told = "notice.delivered";
    assert_eq!(kinds, ["incident.declared", told, "incident.acknowledged", "incident.resolved", told]);
}

#[tokio::test]
async fn a_field_of_choices_takes_no_other_words_and_a_service_must_be_one() {
    let mut console = Console::start(Scenario::Calm).await;
    console.keys("D");
    let severity = |console: &Console| match console.overlay() {
        Some(Overlay::Form { fields, .. }) => {
            assert!(fields[0].choices.contains(&fields[0].input.text), "{:?}", fields[0]);
            fields[0].input.text.clone()
        }
        other => panic!("{other:?}"),
    };
    for (typed, expected) in
        [("m", "medium"), ("z", "medium"), ("h", "high"), ("Info", "info"), ("!", "info")]
    {
        console.type_text(typed);
        assert_eq!(severity(&console), expected, "{typed}");
    }
    console.keys("backspace delete ctrl-u");
    assert_eq!(severity(&console), "info");
    console.keys("tab");
    console.type_text("checkout is slow");
    console.keys("tab ctrl-u");
    console.type_text("chekout");
    console.keys("enter");
    let problem = match console.overlay() {
        Some(Overlay::Form { problem, .. }) => problem.clone().unwrap_or_default(),
        other => panic!("{other:?}"),
    };
    assert_eq!(problem, "no service is called chekout: did you mean checkout?");
}

#[tokio::test]
async fn the_palette_finds_an_action_by_its_other_name() {
    let mut console = Console::start(Scenario::Calm).await;
    console.keys(":");
    console.type_text("incident.acknowledge");
    let Some(Overlay::Palette { entries, .. }) = console.overlay() else { panic!("no palette") };
    let found = entries.iter().find(|entry| entry.id == "incident.ack");
    assert_eq!(found.map(|entry| entry.aliases), Some(&["incident.acknowledge"][..]), "{entries:?}");
}

#[tokio::test]
async fn a_filter_survives_the_zoom_and_escape_undoes_one_thing_at_a_time() {
    let mut console = Console::start(Scenario::BadRelease).await;
    // The dashboard's own filter goes first.
    console.keys("1 esc");
    let all = console.model().ui.list(Pane::Inventory).rows.len();
    console.keys("/");
    console.type_text("device");
    console.keys("enter");
    let filtered = console.model().ui.list(Pane::Inventory).rows.clone();
    assert!(filtered.len() >= 2 && filtered.len() < all, "{filtered:?}");
    assert!(filtered.iter().any(|row| row == "device-twin"), "{filtered:?}");
    console.keys("enter");
    assert_eq!(console.model().ui.zoom, Some(Pane::Inventory));
    assert_eq!(console.model().ui.list(Pane::Inventory).rows, filtered);
    console.keys("enter");
    assert!(matches!(console.overlay(), Some(Overlay::Service { .. })));
    console.keys("esc");
    assert!(console.overlay().is_none());
    console.keys("esc");
    assert_eq!(console.model().ui.zoom, None);
    assert_eq!(console.model().ui.list(Pane::Inventory).rows, filtered, "the filter outlives the zoom");
    // Esc in the line brings back what the filter was; Esc in the pane clears it.
    console.keys("/");
    console.type_text("zzz");
    assert!(console.model().ui.list(Pane::Inventory).rows.is_empty());
    console.keys("esc");
    assert_eq!(console.model().ui.list(Pane::Inventory).rows, filtered);
    console.keys("esc");
    assert_eq!(console.model().ui.list(Pane::Inventory).rows.len(), all);
    // And the row that was meant before: a filter that is given up moves no target.
    console.select(Pane::Inventory, CRITICAL_SERVICE);
    console.keys("/");
    console.type_text("order-worker");
    assert_ne!(console.model().ui.list(Pane::Inventory).current(), Some(CRITICAL_SERVICE));
    console.keys("esc");
    assert_eq!(console.model().ui.list(Pane::Inventory).current(), Some(CRITICAL_SERVICE));
    assert_eq!(
        console.model().ui.selected.as_ref().map(ToString::to_string).as_deref(),
        Some(CRITICAL_SERVICE)
    );
}

#[tokio::test]
async fn a_read_only_console_says_why_it_refuses() {
    let mut settings = config("");
    settings.read_only = true;
    let mut console = Console::with(Scenario::BadRelease, None, settings).await;
    let before = console.remote_ledger();
    for keys in ["1 R", "3 a", "5 a", "5 x", "D"] {
        console.keys(keys);
        assert!(console.notice().contains("read-only"), "{keys}: {}", console.notice());
        assert!(console.overlay().is_none() && console.model().jobs.all.is_empty(), "{keys}");
    }
    // Looking and validating change nothing, and stay.
    console.keys("3 v");
    console
        .until("findings are shown", |model| {
            matches!(model.ui.overlays.last(), Some(Overlay::Findings { .. }))
        })
        .await;
    assert_eq!(console.remote_ledger(), before);
}

#[tokio::test]
async fn looking_around_with_keys_and_mouse() {
    let mut console = Console::start(Scenario::BadRelease).await;
    let name = |console: &Console| console.model().environment().map(|place| place.name.to_string());
    assert_eq!(name(&console).as_deref(), Some("production"), "the watch looks at production first");
    console.keys("]");
    assert_eq!(name(&console).as_deref(), Some("staging"));
    console.keys("[");
    assert_eq!(name(&console).as_deref(), Some("production"));

    let layout = console.model().ui.layout();
    let (inventory, changes) = (layout.pane(Pane::Inventory), layout.pane(Pane::Changes));
    console.click(changes.x + 4, changes.y + 2 + 1);
    assert_eq!((console.model().ui.focus, console.model().ui.list(Pane::Changes).cursor), (Pane::Changes, 1));
    let third = console.model().ui.list(Pane::Inventory).rows[2].clone();
    console.click(inventory.x + 4, inventory.y + 2 + 2);
    assert_eq!(console.model().ui.focus, Pane::Inventory);
    assert_eq!(console.model().ui.selected.as_ref().map(ToString::to_string), Some(third.clone()));
    assert!(console.model().ui.list(Pane::Graph).rows.contains(&third), "the graph follows");
    // A click on an overlay is not one on what lies below it.
    console.keys("?");
    assert!(matches!(console.overlay(), Some(Overlay::Help { .. })));
    console.click(changes.x + 4, changes.y + 3);
    assert_eq!(console.model().ui.focus, Pane::Inventory);
    let help = screen(console.model());
    assert!(help.contains("Roll the service back"), "{help}");
    console.keys("?");
    // What was said before a window opened does not lie over it.
    console.keys("Y");
    assert!(console.notice().contains("does nothing here"), "{}", console.notice());
    console.keys("?");
    assert!(console.model().ui.notice.is_none(), "{}", console.notice());
    console.keys("? tab");
    assert_eq!(console.model().ui.focus, Pane::Graph);

    console.keys(":");
    console.type_text("sources");
    console.keys("enter");
    assert!(matches!(console.overlay(), Some(Overlay::Sources { .. })), "{}", screen(console.model()));
    console.keys("esc");
    // What cannot run is listed last, and says why.
    console.keys(":");
    console.type_text("acknowledge");
    console.keys("esc");
    console.keys("q");
    assert!(console.model().ending.is_some());
}

#[tokio::test]
async fn what_is_not_under_the_cursor_is_not_acted_upon() {
    let mut console = Console::start(Scenario::BadRelease).await;
    // Nothing matches: there is no service, whatever was selected before.
    console.keys("1 /");
    console.type_text("zzz");
    console.keys("enter");
    for key in ["R", "d", "l", "C"] {
        console.keys(key);
        assert!(console.overlay().is_none(), "{key}: {:?}", console.overlay());
    }
    assert!(console.model().jobs.all.is_empty(), "{:?}", console.model().jobs.all);
    console.keys("esc");
    // In the pane of incidents it is the incident's service, whatever another pane has selected.
    let of = |model: &Model| model.selected_incident().and_then(|incident| incident.service.clone());
    let incident = of(console.model()).expect("an incident of a service");
    let other = if incident.as_str() == "cart" { "checkout" } else { "cart" };
    console.select(Pane::Inventory, other);
    console.keys("5");
    assert_eq!(of(console.model()).as_ref(), Some(&incident));
    console.keys("R");
    let plan = console.plan().await;
    assert!(plan.title.contains(incident.as_str()), "{}", plan.title);
}

#[tokio::test]
async fn another_environment_is_acted_in_and_the_row_stays_the_one_on_the_screen() {
    let mut console = Console::start(Scenario::BadRelease).await;
    // In the order of a column that differs between environments, too.
    for keys in ["1 g g j j ] d", "o o o o g g j j ] d"] {
        console.keys(keys);
        let plan = console.plan().await;
        let shown = console.model().ui.list(Pane::Inventory).current().unwrap().to_owned();
        assert!(plan.title.contains(&shown) && plan.title.contains("staging"), "{shown}: {}", plan.title);
        console.keys("esc");
        let drawn = screen(console.model());
        let row = drawn.lines().find(|line| line.starts_with('▌')).unwrap_or_default();
        assert!(row.contains(&shown), "{shown} is not in {row}");
        console.keys("[");
    }
}

#[tokio::test]
async fn enter_presses_the_button_that_is_marked() {
    let mut console = Console::start(Scenario::BadRelease).await;
    let focus = |console: &Console| match console.overlay() {
        Some(Overlay::Confirm { focus, .. }) => *focus,
        other => panic!("{other:?}"),
    };
    console.keys("R");
    console.plan().await;
    console.type_text("shared-aut");
    assert_eq!(focus(&console), ConfirmFocus::Cancel);
    console.type_text("h");
    assert_eq!(focus(&console), ConfirmFocus::Run, "the whole name moves it");
    console.keys("backspace");
    assert_eq!(focus(&console), ConfirmFocus::Cancel);
    console.type_text("h");
    console.keys("tab enter");
    assert!(console.overlay().is_none(), "Cancel is Cancel, also with the name typed");
    assert_eq!(deployed(&console, Environment::Production, "shared", CRITICAL_SERVICE), "1.3.0");
}
