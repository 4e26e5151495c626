//! Deployments and their way back when something breaks: the API, the controller, the metrics, the remote, and the way
//! back itself. What is not known is never taken for good, and nothing is claimed that was not done.

use crate::{
    console::Console,
    deployments_killed::{BROKEN, Ground, SHOP},
};
use quarterdeck::{
    demo::{Environment, Faults, Quality, Scenario, kubernetes::resources::Resource},
    domain::{
        catalog::ScrapeSettings,
        deployment::{
            order::{Leg, Stage},
            record::{DeploymentRecord, Ending},
            release::ReleaseStep,
        },
        ledger::{Operations, Verdict},
        name::DeploymentId,
        sla::{Endpoint, Sample},
    },
    engine::Outside,
    error::{Failure, FailureKind},
    model::{jobs::JobState, layout::Pane},
    ports::{Answer, Ports, Scraper},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

const WEIGHT: Stage = Stage::Step(ReleaseStep::Weight(5));

/// Metrics that can go away.
struct Dark {
    inner: Arc<dyn Scraper>,
    is_dark: Arc<AtomicBool>,
}

impl Scraper for Dark {
    fn scrape(&self, settings: &ScrapeSettings, endpoint: &Endpoint, namespace: &str) -> Answer<'_, Sample> {
        if self.is_dark.load(Ordering::SeqCst) {
            return Box::pin(async { Err(Failure::unreachable("nobody answers")) });
        }
        self.inner.scrape(settings, endpoint, namespace)
    }
}

fn stage(record: &DeploymentRecord) -> Option<Stage> {
    record.next_leg().map(|leg| leg.stage)
}

fn production(ground: &Ground) -> &quarterdeck::demo::SimulatedCluster {
    ground.platform.cluster(Environment::Production)
}

fn canary(ground: &Ground) -> bool {
    production(ground).object(Resource::Deployments, "project-a", "cart-canary").is_some()
}

async fn operations(ground: &Ground) -> Arc<Operations> {
    ground.ports.ledger.state().await.unwrap().operations
}

/// A canary that is about to be judged, and has turned bad.
async fn failing_canary() -> (Ground, DeploymentId, Outside) {
    let ground = Ground::new("cart", Quality::GOOD).await;
    let id = ground.start("canary", SHOP).await;
    let outside = Outside::new(ground.ports.clone());
    ground
        .until(&outside, &id, |record| stage(record) == Some(Stage::Analysis(ReleaseStep::Weight(5))))
        .await;
    ground.behave(BROKEN).await;
    (ground, id, outside)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_the_api_does_not_take_is_held_and_sent_again_only_by_a_person() {
    let ground = Ground::new("cart", Quality::GOOD).await;
    let id = ground.start("canary", SHOP).await;
    let outside = Outside::new(ground.ports.clone());
    ground.until(&outside, &id, |record| stage(record) == Some(WEIGHT)).await;
    let refuses = |code| Faults { refuse_writes: Some(code), ..Faults::default() };
    for (faults, words) in [
        (Faults { forbid_patch: true, ..Faults::default() }, "canary 5% in production was refused"),
        (refuses(409), "canary 5% in production was refused"),
        (refuses(429), "whether canary 5% in production was applied is unknown"),
        (refuses(500), "whether canary 5% in production was applied is unknown"),
    ] {
        production(&ground).set_faults(faults);
        let waits = ground.advance(&outside, &id).await.unwrap_err();
        assert!(waits.contains(words), "{faults:?}: {waits}");
        let record = ground.record(&id).await;
        assert_eq!(record.held.as_ref().and_then(|held| held.verdict), Some(Verdict::Error), "{record:#?}");
        assert_eq!((stage(&record), ground.writes().len(), canary(&ground)), (Some(WEIGHT), 0, false));
        production(&ground).set_faults(Faults::default());
        // Nobody but a person goes on.
        assert!(ground.advance(&outside, &id).await.unwrap_err().contains("held"));
        assert_eq!(ground.writes().len(), 0);
        ground.resume(&id, false).await;
    }
    assert_eq!(ground.advance(&outside, &id).await, Ok(Ending::Done), "{:#?}", ground.record(&id).await);
    assert_eq!(operations(&ground).await.incidents.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_never_gets_ready_goes_back_by_itself() {
    let ground = Ground::new("cart", Quality { starts: false, ..Quality::GOOD }).await;
    let id = ground.start("immediate", SHOP).await;
    let ended = ground.advance(&Outside::new(ground.ports.clone()), &id).await;
    let record = ground.record(&id).await;
    assert_eq!(ended, Ok(Ending::RolledBack), "{record:#?}");
    let failed = record.failed.as_ref().unwrap();
    assert_eq!(failed.leg.stage, Stage::Health(ReleaseStep::Apply));
    assert!(failed.detail.contains("timed out"), "the controller's own words: {}", failed.detail);
    let cart = production(&ground).object(Resource::Deployments, "project-a", "cart").unwrap();
    let image = cart.pointer("/spec/template/spec/containers/0/image").unwrap().as_str().unwrap();
    assert!(
        image.ends_with(&format!(":{}", record.order.places[0].from_version.as_ref().unwrap())),
        "{image}"
    );
    assert_eq!(operations(&ground).await.open_incidents().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_back_that_fails_is_told_and_held_and_not_claimed_to_be_done() {
    let (ground, id, outside) = failing_canary().await;
    production(&ground).set_faults(Faults { forbid_patch: true, ..Faults::default() });
    let waits = ground.advance(&outside, &id).await.unwrap_err();
    assert!(waits.contains("the way back failed at abort in production: refused"), "{waits}");
    let record = ground.record(&id).await;
    assert!(record.is_open() && canary(&ground), "{record:#?}");
    assert_eq!(record.held.as_ref().and_then(|held| held.verdict), Some(Verdict::Fail));
    let known = operations(&ground).await;
    assert_eq!((known.open_incidents().count(), known.quarantine.len()), (1, 1));
    // Told to who wants to hear, as held and not as done.
    let told = known.untold.iter().map(|untold| untold.event.as_str()).collect::<Vec<_>>();
    assert!(!told.contains(&"rollback.finished"), "{told:?}");
    // The cause mended, a person lets it try again; and then it is done.
    production(&ground).set_faults(Faults::default());
    ground.resume(&id, false).await;
    let ended = ground.advance(&outside, &id).await;
    let record = ground.record(&id).await;
    assert_eq!(ended, Ok(Ending::RolledBack), "{record:#?}");
    assert!(!canary(&ground));
    let known = operations(&ground).await;
    assert_eq!(
        (known.incidents.len(), known.open_incidents().count()),
        (1, 1),
        "the incident is a person's to close"
    );
    assert_eq!(record.result(&Leg::all(Stage::Settle)).map(|judged| judged.verdict), Some(Verdict::Pass));
    assert_eq!(known.contradictions, 0, "{:?}", known.anomalies);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_that_go_away_hold_the_canary_and_ask_a_person() {
    let ground = Ground::new("cart", Quality::GOOD).await;
    // What came before they went is old soon.
    ground.settings("stale_after = \"30s\"", "stale_after = \"1s\"");
    let id = ground.start("canary", SHOP).await;
    let is_dark = Arc::new(AtomicBool::new(false));
    let scraper = Dark { inner: ground.ports.scraper.clone(), is_dark: is_dark.clone() };
    let outside = Outside::new(Ports { scraper: Arc::new(scraper), ..ground.ports.clone() });
    let analysis = Stage::Analysis(ReleaseStep::Weight(5));
    ground.until(&outside, &id, |record| stage(record) == Some(analysis)).await;
    is_dark.store(true, Ordering::SeqCst);
    let waits = ground.advance(&outside, &id).await.unwrap_err();
    assert!(waits.contains("analysis at canary 5% in production cannot be judged"), "{waits}");
    let record = ground.record(&id).await;
    let verdict = record.held.as_ref().and_then(|held| held.verdict);
    assert!(matches!(verdict, Some(Verdict::NoData | Verdict::Error)), "{record:#?}");
    // It has neither been promoted nor taken back.
    assert!(canary(&ground) && record.failed.is_none());
    assert_eq!(operations(&ground).await.incidents.len(), 0);
    // Judged anew without metrics it is held again; with them it goes on.
    ground.resume(&id, false).await;
    assert!(ground.advance(&outside, &id).await.unwrap_err().contains("cannot be judged"));
    is_dark.store(false, Ordering::SeqCst);
    ground.resume(&id, false).await;
    assert_eq!(ground.advance(&outside, &id).await, Ok(Ending::Done), "{:#?}", ground.record(&id).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_remote_the_cluster_goes_back_and_git_follows_later() {
    let (ground, id, outside) = failing_canary().await;
    let (remote, away) = (ground.platform.remote(), ground.platform.directory().join("away"));
    std::fs::rename(remote, &away).unwrap();
    let is_settling =
        |record: &DeploymentRecord| stage(record) == Some(Stage::Settle) && record.running.is_some();
    ground.until(&outside, &id, is_settling).await;
    // The cluster is back, the incident is open, the version is in quarantine; and it is not over.
    let state = ground.ports.ledger.state().await.unwrap();
    let known = &state.operations;
    assert!(!canary(&ground) && ground.record(&id).await.is_open());
    assert_eq!((known.open_incidents().count(), known.quarantine.len()), (1, 1));
    assert!(state.unsynced > 0);
    std::fs::rename(&away, remote).unwrap();
    let ended = ground.advance(&outside, &id).await;
    let record = ground.record(&id).await;
    assert_eq!(ended, Ok(Ending::RolledBack), "{record:#?}");
    assert_eq!(
        record.result(&Leg::all(Stage::Settle)).map(|judged| judged.verdict),
        Some(Verdict::Pass),
        "{record:#?}"
    );
    let state = ground.ports.ledger.state().await.unwrap();
    assert_eq!((state.unsynced, state.operations.contradictions), (0, 0));
    let names = crate::console::git(remote, &["branch", "--list", "--format=%(refname:short)"]);
    assert!(names.contains("revert-") || names.contains("rollback-cart-"), "{names}");
}

/// The version in the image of shared-auth.
fn auth(console: &Console) -> String {
    let object = console
        .platform
        .cluster(Environment::Production)
        .object(Resource::Deployments, "shared", "shared-auth")
        .unwrap();
    let image = object.pointer("/spec/template/spec/containers/0/image").unwrap().as_str().unwrap();
    image.rsplit_once(':').unwrap().1.to_owned()
}

async fn rolled_back(console: &mut Console) -> Result<quarterdeck::domain::plan::Outcome, Failure> {
    console.type_text("shared-auth");
    console.keys("enter");
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    console.keys("esc");
    result
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_by_hand_that_is_not_taken_or_does_not_come_up_is_told_plainly() {
    let mut console = Console::start(Scenario::BadRelease).await;
    for (code, kind) in [(403, FailureKind::Forbidden), (409, FailureKind::Conflict)] {
        console.select(Pane::Inventory, "shared-auth");
        console.keys("R");
        console.plan().await;
        // Between the plan and the yes it changes its mind.
        let cluster = console.platform.cluster(Environment::Production);
        cluster.set_faults(Faults { refuse_writes: Some(code), ..Faults::default() });
        let failure = rolled_back(&mut console).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{}", failure.render());
        assert_eq!(auth(&console), "1.3.0");
        let last = console.remote_ledger().pop().unwrap();
        assert!(last.starts_with("rollback.finished(shared-auth@production): error, refused"), "{last}");
        console.platform.cluster(Environment::Production).set_faults(Faults::default());
    }
    // Taken, the version before does not come up.
    let stuck = Quality { starts: false, ..Quality::GOOD };
    console.platform.cluster(Environment::Production).set_quality("shared-auth", "1.2.3", stuck);
    console.select(Pane::Inventory, "shared-auth");
    console.keys("R");
    console.plan().await;
    let outcome = rolled_back(&mut console).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Fail, "{}", outcome.summary);
    for words in
        ["is NOT well after the rollback", "timed out", "Git stays as it is, for 1.2.3 is not seen to run"]
    {
        assert!(outcome.summary.contains(words), "{words}: {}", outcome.summary);
    }
    let state = console.engine.outside.ports.ledger.state().await.unwrap();
    let incident = state.operations.incident(outcome.incident.as_ref().unwrap().as_str()).unwrap();
    assert!(
        incident.is_open() && incident.title.contains("shared-auth in production is NOT back"),
        "{incident:?}"
    );
    let names =
        crate::console::git(console.platform.remote(), &["branch", "--list", "--format=%(refname:short)"]);
    assert!(!names.contains("rollback-shared-auth"), "{names}");
}
