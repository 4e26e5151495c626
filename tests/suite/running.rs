//! What a person does to running services and sees of them: verbs, pods, events, logs; in the console and on the
//! command line, against the simulated platform. And a merge reaches what follows Git.

use crate::{
    console::{self, Console, DEADLINE, environment, git, platform, screen},
    program::Program,
};
use quarterdeck::{
    action::{registry, spec::Arguments},
    cli::{arguments::Output, inspect},
    demo::{Environment, Scenario, kubernetes::resources::Resource},
    domain::ledger::Verdict,
    error::FailureKind,
    model::{
        inspection::{Inspection, Look},
        inventory::Column,
        jobs::JobState,
        layout::Pane,
        ui::Overlay,
    },
};
use std::time::Duration;

fn look(console: &Console) -> &Inspection {
    match console.overlay() {
        Some(Overlay::Inspect(inspection)) => inspection,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_restart_by_the_palette_is_planned_confirmed_watched_and_recorded() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.select(Pane::Inventory, "cart");
    // A verb that its manager does not have says why, and where the palette shows it.
    console.keys(":");
    console.type_text("service.promote-full");
    let Some(Overlay::Palette { entries, .. }) = console.overlay() else { panic!("no palette") };
    let promote = entries.iter().find(|entry| entry.id == "service.promote-full").unwrap();
    assert!(promote.unavailable.as_ref().unwrap().contains("no Argo Rollout"), "{promote:?}");
    console.keys("esc :");
    console.type_text("service.restart");
    console.keys("enter");
    let plan = console.plan().await;
    assert_eq!(plan.title, "restart cart in production");
    assert!(plan.facts.contains(&("object".to_owned(), "deployment/project-a/cart".to_owned())));
    assert!(plan.notes.iter().any(|note| note.contains("depend on it")), "{:?}", plan.notes);
    // In production what may hurt asks for the name.
    console.keys("enter");
    assert!(console.notice().contains("type cart to confirm"), "{}", console.notice());
    console.type_text("cart");
    console.keys("enter");
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    let outcome = result.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.summary);
    let ledger = console.remote_ledger();
    let acted = ledger.iter().find(|subject| subject.starts_with("service.acted"));
    assert!(acted.unwrap().starts_with("service.acted(cart@production): restart, pass"), "{ledger:?}");
}

#[tokio::test]
async fn pods_events_and_logs_without_leaving() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.select(Pane::Inventory, "shared-auth");
    console.keys("L");
    console
        .until("the pods are there", |model| match model.ui.overlays.last() {
            Some(Overlay::Inspect(inspection)) => {
                inspection.pods.value.is_some() && inspection.events.value.is_some()
            }
            _ => false,
        })
        .await;
    let pods = look(&console).shown_pods();
    assert_eq!(pods.len(), 3);
    assert!(pods.iter().all(|pod| pod.restarts > 0 && pod.version.as_deref() == Some("1.3.0")), "{pods:?}");
    let shown = screen(console.model());
    assert!(shown.contains("OOMKilled (137)"), "{shown}");

    console.keys("e");
    assert!(look(&console).shown_events().iter().any(|event| event.reason == "Unhealthy"));
    assert!(screen(console.model()).contains("Readiness probe failed"));

    // The second pod's log, as it is written.
    console.keys("p j enter");
    let second = look(&console).log.as_ref().unwrap().request.pod.clone();
    assert_eq!(second, look(&console).shown_pods()[1].name);
    console
        .until("lines come", |model| match model.ui.overlays.last() {
            Some(Overlay::Inspect(inspection)) => {
                inspection.log.as_ref().is_some_and(|log| log.lines.len() > 100)
            }
            _ => false,
        })
        .await;
    let before = look(&console).log.as_ref().unwrap().lines.back().cloned().unwrap();
    console
        .until("it goes on", |model| match model.ui.overlays.last() {
            Some(Overlay::Inspect(inspection)) => {
                inspection.log.as_ref().is_some_and(|log| log.lines.back() != Some(&before))
            }
            _ => false,
        })
        .await;
    // Up stays, the end follows again.
    console.keys("k");
    assert!(!look(&console).at_end);
    console.keys("G");
    assert!(look(&console).at_end);

    console.keys("/");
    console.type_text("503");
    assert!(look(&console).shown_lines().iter().all(|line| line.contains("503")));
    console.keys("enter");
    assert!(!look(&console).is_typing && look(&console).filter.text == "503");
    console.keys("/ esc");
    assert!(look(&console).filter.text.is_empty());

    // The container that ran before ended badly.
    console.keys("P");
    console
        .until("the end of the log before", |model| match model.ui.overlays.last() {
            Some(Overlay::Inspect(inspection)) => {
                inspection.log.as_ref().is_some_and(|log| log.ended.is_some())
            }
            _ => false,
        })
        .await;
    let lines = look(&console).shown_lines();
    assert!(lines.last().unwrap().contains("fatal out of memory"), "{:?}", lines.last());
    console.keys("c");
    assert!(console.notice().contains("one container only"), "{}", console.notice());
    console.keys("esc");
    assert_eq!(look(&console).look, Look::Pods);
    console.keys("esc");
    assert!(console.overlay().is_none());
    assert_eq!(console.model().ui.inspected, None, "nobody looks, so nothing is asked");
}

#[tokio::test]
async fn the_command_line_does_and_shows_the_same() {
    let platform = platform(Scenario::BadRelease).await;
    let program = Program::on(platform.repository(), platform.kubeconfig());
    let at = |words: &[&'static str]| [&["service"], words, &["--environment", "staging"]].concat();
    program
        .ends(0, &[&at(&["scale", "cart"])[..], &["--replicas", "3", "--yes"]].concat())
        .await
        .says(&["3 of 3"]);
    let cart =
        platform.cluster(Environment::Staging).object(Resource::Deployments, "project-a", "cart").unwrap();
    assert_eq!(cart["spec"]["replicas"], 3);
    program
        .ends(2, &[&at(&["scale", "cart"])[..], &["--replicas", "some", "--yes"]].concat())
        .await
        .complains(&["is no number of pods"]);
    program
        .ends(1, &[&at(&["promote", "cart"])[..], &["--yes"]].concat())
        .await
        .complains(&["no Argo Rollout"]);
    let production = ["--environment", "production"];
    let pods = program.json(0, &[&["service", "pods", "shared-auth"][..], &production].concat()).await;
    assert_eq!(pods["pods"].as_array().map(Vec::len), Some(3), "{pods:#}");
    let shown = [&["service", "pods", "shared-auth"][..], &production].concat();
    program.ends(0, &shown).await.says(&["OOMKilled (137)", "1.3.0", "Running"]);
    let shown = [&["service", "events", "shared-auth"][..], &production].concat();
    program.ends(0, &shown).await.says(&["BackOff", "warning"]);
    let shown = [&["service", "logs", "shared-auth"][..], &production, &["--tail", "5"]].concat();
    program.ends(0, &shown).await.says(&["GET /"]);
    let shown = [&["service", "logs", "shared-auth"][..], &production, &["--previous"]].concat();
    program.ends(0, &shown).await.says(&["fatal out of memory"]);
    let shown = [&["service", "logs", "cart"][..], &production, &["--follow", "--tail", "1"]].concat();
    let mut running = program.spawn(&shown);
    for _ in 0..3 {
        running.says("GET /").await;
    }
    assert_eq!(running.interrupt().await, Some(130));
    let shown = [&["service", "logs", "cart"][..], &production, &["--previous"]].concat();
    program.ends(4, &shown).await.complains(&["previous terminated container", "not found"]);
}

/// Takes lines in, and tells how many there are.
struct Counted {
    text: Vec<u8>,
    lines: tokio::sync::watch::Sender<usize>,
}

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.text.extend_from_slice(bytes);
        let count = String::from_utf8_lossy(&self.text).lines().count();
        self.lines.send_replace(count);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_log_is_followed_on_the_command_line() {
    let platform = platform(Scenario::BadRelease).await;
    let mut engine = console::engine(
        platform.repository(),
        platform.kubeconfig(),
        environment(platform.directory(), None),
    );
    let action = registry::all().find(|action| action.cli == ["service", "logs"]).unwrap();
    let mut arguments: Arguments = [
        ("service", "cart".to_owned()),
        ("environment", "production".to_owned()),
        ("tail", "2".to_owned()),
        ("follow", "true".to_owned()),
    ]
    .into();
    for output in [Output::Text, Output::Json] {
        let (sender, mut lines) = tokio::sync::watch::channel(0);
        let mut out = Counted { text: Vec::new(), lines: sender };
        let command = inspect::followed(action, &arguments).unwrap();
        // More than there was when it was asked for: those were written since.
        let stopped = async { drop(lines.wait_for(|count| *count >= 4).await.unwrap()) };
        let followed = inspect::follow(&mut engine, output, command, &mut out, stopped);
        let printed = tokio::time::timeout(DEADLINE, followed).await.unwrap().unwrap();
        assert_eq!(printed.code, 130);
        let text = String::from_utf8(out.text).unwrap();
        assert!(text.lines().count() >= 4 && text.contains("GET /"), "{text}");
        if output == Output::Json {
            for line in text.lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(line["pod"].as_str().unwrap().starts_with("cart-"), "{line}");
            }
        }
    }
    arguments.insert("previous", "true".to_owned());
    assert_eq!((action.build)(&arguments).unwrap_err().kind, FailureKind::Usage);
    arguments.remove("follow");
    assert!(inspect::followed(action, &arguments).is_none());
}

#[tokio::test]
async fn restarts_and_drift_are_columns_of_their_own() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console
        .until("the pods were seen", |model| {
            let place = model.world.joined.service("shared-auth").and_then(|row| row.place("production"));
            place.is_some_and(|place| place.restarts.is_some_and(|restarts| restarts.count > 0))
        })
        .await;
    console.keys("1 enter c");
    let index = |console: &Console, wanted| {
        let columns = &console.model().ui.inventory.columns;
        columns.iter().position(|choice| choice.column == wanted).unwrap()
    };
    for wanted in [Column::Restarts, Column::Drift] {
        console.keys("g g");
        for _ in 0..index(&console, wanted) {
            console.keys("j");
        }
        console.keys("space");
    }
    console.keys("esc");
    let shown = console::screen(console.model());
    let row = shown.lines().find(|line| line.contains("shared-auth")).unwrap();
    assert!(shown.contains("restarts") && shown.contains("drift"), "{shown}");
    let joined = console.model().world.joined.service("shared-auth").unwrap();
    let place = joined.place("production").unwrap();
    assert!(row.contains(&format!("{} · ", place.restarts.unwrap().count)), "{row}");
    assert!(row.contains(&format!("{} · ", place.drift(&joined.service).as_str())), "{row}");
}

#[tokio::test]
async fn a_merge_reaches_what_follows_git_and_nothing_else() {
    let platform = platform(Scenario::Calm).await;
    let place = platform.repository();
    for (path, service, from, to) in [
        ("services/catalog.toml", "event-bus", "4.0.2", "4.1.0"),
        ("services/catalog.toml", "api-gateway", "3.4.1", "3.5.0"),
        ("services/catalog.toml", "user-store", "5.2.0", "5.3.0"),
    ] {
        let file = place.join(path);
        let text = std::fs::read_to_string(&file).unwrap();
        let table = text.find(&format!("[service.{service}]")).unwrap();
        let (before, after) = text.split_at(table);
        let after = after.replacen(&format!("version = \"{from}\""), &format!("version = \"{to}\""), 1);
        std::fs::write(&file, format!("{before}{after}")).unwrap();
    }
    git(place, &["commit", "--quiet", "--all", "--message", "feat: three versions"]);
    git(place, &["push", "--quiet", "origin", "HEAD:main"]);
    let cluster = platform.cluster(Environment::Production);
    let runs = |service: &str| {
        let object = cluster.object(Resource::Deployments, "shared", service).unwrap();
        object["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"]
            .as_str()
            .map(str::to_owned)
    };
    let mut changed = cluster.store().subscribe();
    let followed = async {
        while runs("event-bus").as_deref() != Some("4.1.0") || runs("api-gateway").as_deref() != Some("3.5.0")
        {
            changed.borrow_and_update();
            let _ = tokio::time::timeout(Duration::from_millis(50), changed.changed()).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), followed).await.is_ok(), "{:?}", runs("event-bus"));
    assert_eq!(runs("user-store").as_deref(), Some("5.2.0"), "nothing brings a plain Deployment there");
}
