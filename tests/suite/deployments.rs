//! Deployments from the order to their end, through the real engine on the simulated platform.

use crate::console::{Console, config, environment, git};
use quarterdeck::{
    action::{run, spec::Arguments},
    adapters::{
        clock::SystemClock,
        git::{GitLedger, GitRepository},
    },
    demo::{Environment, Quality, Scenario, kubernetes::resources::Resource},
    domain::{
        change::{Identity, Seals},
        deployment::{
            Health,
            gate::ReleaseGate,
            machine::Patience,
            order::{Leg, Order, Stage},
            record::{DeploymentRecord, Ending},
            release::{Release, ReleaseStep, Strategy},
        },
        ledger::{self, Happening, Verdict},
        name::DeploymentId,
        plan::{Outcome, Work},
    },
    engine::{
        Outside, Reporter,
        deploy::{self, Advanced},
    },
    error::{Failure, FailureKind},
    model::{event::Event, jobs::JobState, layout::Pane},
    ports::{Clock, Draft, Ledger, Revision},
};
use serde_json::Value;
use std::path::Path;

/// Every request fails.
const BROKEN: Quality = Quality { error_ratio: 1.0, ..Quality::GOOD };

/// A calendar with its only window a year ahead.
const CLOSED: &str = "[[window]]\nname = \"far away\"\nduration = \"1h\"\nenvironments = [\"production\"]\n";

/// The demo with quick steps, and another calendar; none keeps production open.
async fn console(calendar: Option<String>) -> Console {
    Box::pin(quick_console(calendar)).await
}

async fn quick_console(calendar: Option<String>) -> Console {
    let mut console = Console::with(Scenario::Calm, None, config("")).await;
    let clone = console.platform.repository().to_owned();
    let settings = std::fs::read_to_string(clone.join("quarterdeck.toml")).unwrap();
    let quick = settings
        .replace("step_time = \"40s\"", "step_time = \"4s\"")
        .replace("interval = \"10s\"", "interval = \"1s\"")
        .replace("minimum_events = 20", "minimum_events = 2");
    assert_ne!(quick, settings);
    std::fs::write(clone.join("quarterdeck.toml"), quick).unwrap();
    match &calendar {
        Some(text) => std::fs::write(clone.join("policies/calendar.toml"), text).unwrap(),
        None => std::fs::remove_file(clone.join("policies/calendar.toml")).unwrap(),
    }
    git(&clone, &["add", "--all"]);
    git(&clone, &["commit", "--quiet", "--message", "chore: quick steps"]);
    git(&clone, &["push", "--quiet", "origin", "HEAD:main"]);
    let entries = usize::from(calendar.is_some());
    console
        .until("the new settings are read", |model| {
            model.world.catalog.value.as_ref().is_some_and(|catalog| catalog.calendar.len() == entries)
        })
        .await;
    console
}

/// Runs an action by name.
fn act(console: &mut Console, id: &str, arguments: &[(&'static str, &str)]) {
    let arguments: Arguments = arguments.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let effects = run::invoke(&mut console.engine.model, id, arguments, None);
    console.engine.start(effects);
}

/// Confirms the plan that comes, by typing where that is wanted, and waits for the end.
async fn confirmed(console: &mut Console) -> Result<Outcome, Failure> {
    let plan = console.plan().await;
    if let Some(name) = &plan.confirm_by_typing {
        console.type_text(name);
        console.keys("enter");
    } else {
        console.keys("tab enter");
    }
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    console.keys("esc");
    result
}

async fn record(console: &Console, id: &str) -> DeploymentRecord {
    let state = console.engine.outside.ports.ledger.state().await.unwrap();
    state.operations.deployment(id).cloned().unwrap()
}

/// Another person approves a gate, in their own name.
async fn approve(console: &Console, id: &str, gate: ReleaseGate, (name, email): (&str, &str)) {
    let platform = &console.platform;
    let mut variables = environment(platform.directory(), None);
    variables.extend(platform.environment(name, email));
    let repository = GitRepository::open(platform.repository(), variables).unwrap();
    let main =
        console.engine.outside.ports.repository.load(&Revision::Branch("main".to_owned())).await.unwrap();
    let (id, person) = (DeploymentId::from(id), Identity { name: name.to_owned(), email: email.to_owned() });
    let draft: Draft = Box::new(move |operations| {
        let service = &operations.deployment(id.as_str()).unwrap().order.service;
        let ground = (&*main, &*main.services[service]);
        ledger::approve_deployment(operations, &id, gate, ground, &person, None, &Seals::default())
    });
    GitLedger::new(&repository).append(SystemClock.now(), draft).await.unwrap();
}

/// Through staging, and to the gates of production.
async fn staged(console: &mut Console, service: &str, strategy: &str, more: &[(&'static str, &str)]) {
    console.select(Pane::Inventory, service);
    act(console, "service.deploy", &[("service", service), ("environment", "staging")]);
    let outcome = confirmed(console).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.summary);
    let staging = record(console, "DEP-1").await;
    assert_eq!(staging.finished.as_ref().map(|finished| finished.ending), Some(Ending::Done));
    let tested = staging.judged.iter().find(|judged| matches!(judged.leg.stage, Stage::Test(_))).unwrap();
    assert!(tested.detail.starts_with("passed: main says"), "{tested:?}");

    let mut arguments = vec![("service", service), ("environment", "production"), ("strategy", strategy)];
    arguments.extend(more);
    act(console, "service.deploy", &arguments);
    let outcome = confirmed(console).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.summary);
    assert!(outcome.summary.contains("DEP-2 waits at gates"), "{}", outcome.summary);
    assert!(outcome.summary.contains("product: somebody of"), "{}", outcome.summary);
}

/// The version that the catalog wants of a service.
fn wanted(console: &Console, service: &str) -> String {
    let catalog = console.model().world.catalog.value.clone().unwrap();
    catalog.services[service].version.as_ref().unwrap().to_string()
}

/// A person's word about a deployment, chosen on its page.
async fn steer(console: &mut Console, id: &str, action: &str, more: &[(&'static str, &str)]) {
    let known = |model: &quarterdeck::model::Model| {
        model.world.ledger.value.as_ref().is_some_and(|ledger| ledger.operations.deployment(id).is_some())
    };
    console.until("the ledger's picture has the deployment", known).await;
    console.select(Pane::Deployments, id);
    let mut arguments = vec![("deployment", id)];
    arguments.extend(more);
    act(console, action, &arguments);
}

fn image(console: &Console, namespace: &str, name: &str) -> String {
    let cluster = console.platform.cluster(Environment::Production);
    let object = cluster.object(Resource::Deployments, namespace, name).unwrap();
    object.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).unwrap().to_owned()
}

fn branches(remote: &Path) -> String {
    git(remote, &["branch", "--list", "--format=%(refname:short)"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_fails_goes_back_by_itself_with_all_that_follows() {
    let mut console = console(None).await;
    let version = wanted(&console, "cart");
    console.platform.cluster(Environment::Production).set_quality("cart", &version, BROKEN);
    staged(&mut console, "cart", "canary", &[]).await;
    approve(&console, "DEP-2", ReleaseGate::Product, ("Amy Chen", "a.chen@example.com")).await;
    approve(&console, "DEP-2", ReleaseGate::Operations, ("Stefan Novak", "s.novak@example.com")).await;

    steer(&mut console, "DEP-2", "deployment.continue", &[]).await;
    let outcome = confirmed(&mut console).await.unwrap();
    let seen = record(&console, "DEP-2").await;
    assert_eq!(outcome.verdict, Verdict::Fail, "{}\n{:#?}", outcome.summary, seen.judged);
    assert_eq!(seen.finished.as_ref().map(|end| end.ending), Some(Ending::RolledBack), "{seen:#?}");
    let failed = seen.failed.as_ref().unwrap();
    assert!(
        matches!(failed.leg.stage, Stage::Analysis(ReleaseStep::Weight(_))),
        "failed at {}: {}",
        failed.leg,
        failed.detail
    );
    assert!(failed.detail.contains("errors"), "{}", failed.detail);
    let promote = Leg::of(Stage::Step(ReleaseStep::Promote), &"production".into());
    assert!(seen.judged.iter().all(|judged| judged.leg != promote), "it never had everything");
    assert!(image(&console, "project-a", "cart").ends_with(":1.8.1"));

    let state = console.engine.outside.ports.ledger.state().await.unwrap();
    let operations = &state.operations;
    let incident = operations.incident(outcome.incident.as_ref().unwrap().as_str()).unwrap();
    assert_eq!(incident.deployment, Some("DEP-2".into()));
    assert!(incident.is_open() && incident.post_mortem_due().is_some());
    assert!(operations.quarantine.contains_key(&("cart".into(), version.clone())));
    assert_eq!(operations.contradictions, 0, "{:?}", operations.anomalies);
    // Git says how it goes back, for somebody to review.
    let names = branches(console.platform.remote());
    assert!(names.contains("revert-") || names.contains("rollback-cart-1.8.1"), "{names}");
    let settled = seen.result(&Leg::all(Stage::Settle)).unwrap();
    assert_eq!(settled.verdict, Verdict::Pass, "{}", settled.detail);

    // The version stays away.
    console.select(Pane::Inventory, "cart");
    act(&mut console, "service.deploy", &[("service", "cart"), ("environment", "production")]);
    console
        .until("the version is refused", |model| {
            model.ui.notice.as_ref().is_some_and(|notice| notice.text.contains("in quarantine"))
        })
        .await;
    // Whoever looks on page 9 sees it.
    console.engine.apply(Event::Tick);
    console.keys("9");
    console.until("the page lists it", |model| model.ui.list(Pane::Deployments).rows.len() == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blue_green_release_is_switched_and_switched_back() {
    let mut console = console(None).await;
    let service = "notification-service";
    let version = wanted(&console, service);
    console.platform.cluster(Environment::Production).set_quality(service, &version, BROKEN);
    staged(&mut console, service, "blue-green", &[]).await;
    approve(&console, "DEP-2", ReleaseGate::Product, ("Kenji Ito", "k.ito@example.com")).await;
    approve(&console, "DEP-2", ReleaseGate::Operations, ("Paul Martin", "p.martin@example.com")).await;
    steer(&mut console, "DEP-2", "deployment.continue", &[]).await;
    let outcome = confirmed(&mut console).await.unwrap();
    let seen = record(&console, "DEP-2").await;
    assert_eq!(outcome.verdict, Verdict::Fail, "{}\n{:#?}", outcome.summary, seen.judged);
    let words: Vec<String> = seen.judged.iter().map(|judged| judged.leg.stage.to_string()).collect();
    for stage in ["prepare", "switch", "switch back", "retire", "incident", "quarantine", "settle Git"] {
        assert!(words.iter().any(|word| word == stage), "{stage} is not among {words:?}");
    }
    assert!(image(&console, "shared", service).ends_with(":1.5.3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_deployment_waits_for_its_window() {
    let mut console = console(Some(closed())).await;
    staged(&mut console, "cart", "immediate", &[("window", "true")]).await;
    approve(&console, "DEP-2", ReleaseGate::Product, ("Amy Chen", "a.chen@example.com")).await;
    approve(&console, "DEP-2", ReleaseGate::Operations, ("Stefan Novak", "s.novak@example.com")).await;
    steer(&mut console, "DEP-2", "deployment.continue", &[]).await;
    let outcome = confirmed(&mut console).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.summary);
    assert!(outcome.summary.contains("DEP-2 waits at schedule"), "{}", outcome.summary);
    assert!(outcome.summary.contains("`far away` is next"), "{}", outcome.summary);
    assert!(image(&console, "project-a", "cart").ends_with(":1.8.1"));
    // Called off, it ends without a trace in the cluster.
    steer(&mut console, "DEP-2", "deployment.cancel", &[("reason", "not this year")]).await;
    let outcome = confirmed(&mut console).await.unwrap();
    assert!(outcome.summary.contains("cancelled"), "{}", outcome.summary);
    let state = console.engine.outside.ports.ledger.state().await.unwrap();
    assert_eq!(state.operations.open_deployments().count(), 0);
    assert_eq!(state.operations.incidents.len(), 0);
}

/// An order of cart to staging as a plan makes it, and the generation that its Deployment has once it is applied.
async fn staging_order(console: &mut Console) -> (Order, i64) {
    let first = generation(console);
    // Something else than what is ordered runs there.
    let release = Release {
        service: "cart".into(),
        version: "1.8.1".to_owned(),
        image: Some("registry.example.com/project-a/cart:1.8.1".to_owned()),
        commit: None,
    };
    let catalog = console.model().world.catalog.value.clone().unwrap();
    let target = catalog.target(&catalog.services["cart"], catalog.environment("staging").unwrap()).unwrap();
    let cluster = console.engine.outside.cluster(&target.context).unwrap();
    let route = cluster.plan_release(&target, &release, &Strategy::Immediate).await.unwrap();
    cluster.release_step(&target, &route, ReleaseStep::Apply).await.unwrap();
    console
        .until("cart 1.8.1 runs in staging", |model| {
            let row = model.world.joined.service("cart");
            row.and_then(|row| row.place("staging")).is_some_and(|place| {
                place.version() == Some("1.8.1")
                    && place.workload.as_ref().is_some_and(|seen| seen.health == Health::Healthy)
            })
        })
        .await;
    act(console, "service.deploy", &[("service", "cart"), ("environment", "staging")]);
    let plan = console.plan().await;
    console.keys("esc");
    let Work::Deploy { orders } = &plan.work else { panic!("{:?}", plan.work) };
    // What one application of a release does to it, twice.
    let now = generation(console);
    assert!(now > first);
    (orders[0].clone(), now + (now - first))
}

fn generation(console: &Console) -> i64 {
    let cluster = console.platform.cluster(Environment::Staging);
    let object = cluster.object(Resource::Deployments, "project-a", "cart").unwrap();
    object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap()
}

/// Advances a deployment to its end, with the memory of `outside` alone.
async fn advance_to_its_end(outside: impl Fn() -> Outside, id: &DeploymentId) -> Ending {
    let limit = tokio::time::Instant::now() + crate::console::DEADLINE;
    loop {
        assert!(tokio::time::Instant::now() < limit, "{id} did not end");
        match deploy::advance(&outside(), id, &Reporter::silent()).await {
            Ok(Advanced::Over { ending, .. }) => return ending,
            Ok(Advanced::Later { patience: Patience::Hours, why, .. }) => panic!("{id} waits: {why}"),
            Ok(Advanced::Later { .. }) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            Ok(Advanced::Again) => {}
            // Two of them may want to write the same: one is second.
            Err(failure) if matches!(failure.kind, FailureKind::Conflict | FailureKind::Refused) => {}
            Err(failure) => panic!("{}", failure.render()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_cut_off_after_every_step_does_nothing_twice() {
    let mut console = console(None).await;
    let (order, once) = staging_order(&mut console).await;
    let ports = console.engine.outside.ports.clone();
    let (id, _) = deploy::start(&console.engine.outside, &order).await.unwrap();
    // Each call is another process: it knows nothing of the one before.
    let ending = advance_to_its_end(|| Outside::new(ports.clone()), &id).await;
    assert_eq!(ending, Ending::Done);
    assert_eq!(generation(&console), once, "the Deployment was changed once");
    let seen = record(&console, id.as_str()).await;
    let legs: std::collections::BTreeSet<&Leg> = seen.judged.iter().map(|judged| &judged.leg).collect();
    assert_eq!(legs.len(), seen.judged.len(), "each leg is over once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_advance_the_same_deployment_do_it_once() {
    let mut console = console(None).await;
    let (order, once) = staging_order(&mut console).await;
    let ports = console.engine.outside.ports.clone();
    let (id, _) = deploy::start(&console.engine.outside, &order).await.unwrap();
    let twice = deploy::start(&console.engine.outside, &order).await.unwrap_err();
    assert!(twice.message.contains("is not over"), "{twice:?}");
    let [here, there] = [Outside::new(ports.clone()), Outside::new(ports)];
    let ended =
        tokio::join!(advance_to_its_end(|| here.clone(), &id), advance_to_its_end(|| there.clone(), &id));
    assert_eq!(ended, (Ending::Done, Ending::Done));
    assert_eq!(generation(&console), once, "the Deployment was changed once");
    let state = console.engine.outside.ports.ledger.state().await.unwrap();
    assert_eq!(state.operations.contradictions, 0, "{:?}", state.operations.anomalies);
}

/// A year ahead, the only time at which production is open.
fn closed() -> String {
    let year = (SystemClock.now() + chrono::TimeDelta::days(300)).format("%Y%m%dT%H%M%SZ");
    format!("{CLOSED}rrule = \"DTSTART:{year}\\nRRULE:FREQ=YEARLY\"\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_take_a_deployment_past_its_gates_and_the_calendar() {
    let mut console = console(Some(closed())).await;
    let version = wanted(&console, "cart");
    console.select(Pane::Inventory, "cart");
    act(
        &mut console,
        "service.deploy",
        &[("service", "cart"), ("environment", "production"), ("strategy", "immediate")],
    );
    let outcome = confirmed(&mut console).await.unwrap();
    assert!(outcome.summary.contains("DEP-1 waits at gates"), "{}", outcome.summary);
    // Neither staging has passed nor anybody approved, and the calendar is closed.
    steer(&mut console, "DEP-1", "deployment.break-glass", &[("reason", "baskets are lost")]).await;
    let outcome = confirmed(&mut console).await.unwrap();
    let incident = outcome.incident.clone().unwrap();
    assert!(outcome.summary.contains("a second person must agree"), "{}", outcome.summary);
    console
        .until("the glass is known", |model| {
            let ledger = model.world.ledger.value.as_ref();
            ledger.is_some_and(|ledger| {
                ledger.operations.deployment("DEP-1").is_some_and(|record| record.glass.is_some())
            })
        })
        .await;
    // It opens nothing yet, and who asked for it does not agree to it.
    steer(&mut console, "DEP-1", "deployment.continue", &[]).await;
    let outcome = confirmed(&mut console).await.unwrap();
    assert!(outcome.summary.contains("DEP-1 waits at gates"), "{}", outcome.summary);
    steer(&mut console, "DEP-1", "deployment.second", &[]).await;
    assert!(console.notice().contains("they asked for it"), "{}", console.notice());
    // Nor does who writes it in another's name, with a key that is not theirs.
    if console.platform.is_signing() {
        let another = environment(console.platform.directory(), Some(("Amy Chen", "a.chen@example.com")));
        let repository = GitRepository::open(console.platform.repository(), another).unwrap();
        let forged = Happening::DeploymentGlassSeconded { deployment: "DEP-1".into() };
        let draft: Draft = Box::new(move |_| Ok(forged.clone()));
        GitLedger::new(&repository).append(SystemClock.now(), draft).await.unwrap();
        steer(&mut console, "DEP-1", "deployment.continue", &[]).await;
        let outcome = confirmed(&mut console).await.unwrap();
        assert!(outcome.summary.contains("DEP-1 waits at gates"), "{}", outcome.summary);
        assert_eq!(record(&console, "DEP-1").await.glass.unwrap().seconds.len(), 1, "it is in the ledger");
    }
    assert!(image(&console, "project-a", "cart").ends_with(":1.8.1"));

    let mut second = Box::pin(console.joined_by("a-chen")).await;
    second
        .until("the glass is known", |model| {
            let ledger = model.world.ledger.value.as_ref();
            ledger.is_some_and(|ledger| {
                ledger.operations.deployment("DEP-1").is_some_and(|record| record.glass.is_some())
            })
        })
        .await;
    steer(&mut second, "DEP-1", "deployment.second", &[]).await;
    let outcome = confirmed(&mut second).await.unwrap();
    let seen = record(&second, "DEP-1").await;
    assert!(outcome.summary.contains("DEP-1 waits at watch"), "{}\n{seen:#?}", outcome.summary);
    assert!(image(&second, "project-a", "cart").ends_with(&format!(":{version}")));
    for stage in [Stage::Gates, Stage::Precheck] {
        let judged = seen.result(&Leg::all(stage)).unwrap();
        let words = "past it by broken glass of m-ruiz and a-chen";
        assert!(judged.detail.contains(words) && judged.detail.contains(incident.as_str()), "{judged:?}");
    }
    let state = second.engine.outside.ports.ledger.state().await.unwrap();
    let known = state.operations.incident(incident.as_str()).unwrap();
    assert!(known.is_open() && known.post_mortem_due().is_some(), "{known:?}");
    assert_eq!(state.operations.contradictions, 0, "{:?}", state.operations.anomalies);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_check_is_accepted_with_a_reason_by_a_person_who_may() {
    let mut console = console(Some(closed())).await;
    staged(&mut console, "cart", "immediate", &[]).await;
    approve(&console, "DEP-2", ReleaseGate::Product, ("Amy Chen", "a.chen@example.com")).await;
    approve(&console, "DEP-2", ReleaseGate::Operations, ("Stefan Novak", "s.novak@example.com")).await;
    steer(&mut console, "DEP-2", "deployment.continue", &[]).await;
    let outcome = confirmed(&mut console).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Fail, "{}", outcome.summary);
    assert!(outcome.summary.contains("precheck: calendar (fail)"), "{}", outcome.summary);
    // Without a reason by nobody, and with one not by everybody.
    steer(&mut console, "DEP-2", "deployment.continue", &[("accept", "true")]).await;
    let failure = confirmed(&mut console).await.unwrap_err();
    assert!(failure.message.contains("needs a reason"), "{}", failure.render());
    let note = ("note", "the shop is down anyway");
    let mut other = Box::pin(console.joined_by("a-chen")).await;
    steer(&mut other, "DEP-2", "deployment.continue", &[("accept", "true"), note]).await;
    let failure = confirmed(&mut other).await.unwrap_err();
    assert!(failure.message.contains("a-chen may not accept a failed check"), "{}", failure.render());
    assert!(image(&console, "project-a", "cart").ends_with(":1.8.1"));
    steer(&mut console, "DEP-2", "deployment.continue", &[("accept", "true"), note]).await;
    let outcome = confirmed(&mut console).await.unwrap();
    let seen = record(&console, "DEP-2").await;
    assert!(outcome.summary.contains("DEP-2 waits at watch"), "{}\n{seen:#?}", outcome.summary);
    let judged = seen.result(&Leg::all(Stage::Precheck)).unwrap();
    assert_eq!(judged.verdict, Verdict::NoData, "it is not shown as passed");
    assert!(judged.detail.contains("accepted by Marta Ruiz (the shop is down anyway)"), "{judged:?}");
}
