//! The demo's scenarios by key strings, through the real engine, as somebody alone would go through them.

use crate::console::{Console, config, environment, git};
use quarterdeck::{
    adapters::{
        clock::SystemClock,
        git::{GitLedger, GitRepository},
    },
    demo::{
        self, Environment, Pace, Platform, PlatformOptions, Scenario, colleagues,
        kubernetes::resources::Resource,
    },
    domain::{
        calendar::standing,
        deployment::{
            order::{Leg, Stage},
            record::{DeploymentRecord, Ending},
            recovery::Recovery,
            release::ReleaseStep,
        },
        ledger::Verdict,
    },
    model::{event::Event, jobs::JobState, layout::Pane},
    ports::{Clock as _, ControlRepository as _, Ledger as _, Revision},
};
use serde_json::Value;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A scenario as `quarterdeck demo` has it, only faster; without a past its ledger is empty.
async fn started(scenario: Scenario, past: bool) -> Platform {
    quarterdeck::adapters::install_crypto();
    let now = SystemClock.now();
    let options = PlatformOptions { seed: 1, scenario, now, pace: Pace::fast(), past };
    Platform::start(options).await.unwrap()
}

/// The colleagues of the demo, who end with the test.
struct Colleagues(JoinHandle<()>);

impl Drop for Colleagues {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Story {
    console: Console,
    _colleagues: Colleagues,
}

impl Story {
    /// A console on a scenario; with another calendar, its watch is shorter, too.
    async fn of(scenario: Scenario, calendar: Option<&str>) -> Self {
        let platform = started(scenario, true).await;
        if let Some(text) = calendar {
            let clone = platform.repository();
            let settings = std::fs::read_to_string(clone.join("quarterdeck.toml")).unwrap();
            let quick = settings
                .replace("interval = \"5s\"", "interval = \"1s\"")
                .replace("watch = \"30s\"", "watch = \"4s\"");
            assert_ne!(quick, settings);
            std::fs::write(clone.join("quarterdeck.toml"), quick).unwrap();
            std::fs::write(clone.join("policies/calendar.toml"), text).unwrap();
            git(
                clone,
                &["-c", "commit.gpgsign=false", "commit", "--quiet", "--all", "--message", "quick steps"],
            );
            git(clone, &["push", "--quiet", "origin", "HEAD:main"]);
        }
        let home = platform.directory().to_owned();
        let sit = move |seat: &demo::people::Seat| {
            let repository = GitRepository::open(&seat.repository, environment(&home, None))?;
            let ledger = Arc::new(GitLedger::new(&repository));
            Ok(colleagues::Desk { repository: Arc::new(repository), ledger })
        };
        let watched = colleagues::run(platform.directory().to_owned(), Arc::new(SystemClock), sit);
        let colleagues = Colleagues(tokio::spawn(watched));
        let console = Console::on(Arc::new(platform), config("")).await;
        Self { console, _colleagues: colleagues }
    }

    /// Goes to a service by its name.
    fn find(&mut self, service: &str) {
        self.console.keys("1 esc esc / ");
        self.console.type_text(service);
        self.console.keys("enter g g");
        assert_eq!(self.console.model().ui.list(Pane::Inventory).current(), Some(service));
    }

    /// Confirms the plan that comes, and waits until what it runs is over or waits for long.
    async fn confirmed(&mut self) -> String {
        let plan = self.console.plan().await;
        match &plan.confirm_by_typing {
            Some(name) => {
                self.console.type_text(name);
                self.console.keys("enter");
            }
            None => self.console.keys("y"),
        }
        let JobState::Done(result) = self.console.done().await.state else { panic!("not done") };
        self.console.keys("esc");
        result.unwrap().summary
    }

    /// Deploys the service under the cursor to staging and to production, by keys; the operations gate is opened by the
    /// operator, and the other one by a colleague. Gives the id of the deployment to production.
    async fn deployed(&mut self, service: &str) -> String {
        self.find(service);
        self.console.keys("] d");
        let said = self.confirmed().await;
        assert!(said.contains("done"), "{said}");
        self.find(service);
        self.console.keys("[ d");
        let said = self.confirmed().await;
        assert!(said.contains("waits at gates"), "{said}");
        let id = said.split(' ').next().unwrap().to_owned();
        let wanted = id.clone();
        self.console
            .until("a colleague has approved", |model| {
                let ledger = model.world.ledger.value.as_ref();
                let record = ledger.and_then(|ledger| ledger.operations.deployment(&wanted));
                record.is_some_and(|record| !record.approvals.is_empty())
            })
            .await;
        id
    }

    /// Opens the operations gate on page 9: `a` alone, for only that one is the operator's.
    async fn approved(&mut self, id: &str) -> String {
        self.console.select(Pane::Deployments, id);
        self.console.keys("a");
        self.confirmed().await
    }

    async fn record(&self, id: &str) -> DeploymentRecord {
        let state = self.console.engine.outside.ports.ledger.state().await.unwrap();
        assert_eq!(state.operations.contradictions, 0, "{:?}", state.operations.anomalies);
        state.operations.deployment(id).cloned().unwrap()
    }

    /// That the version before runs, that Git says so, and that somebody has to answer for it.
    async fn is_undone(&self, id: &str, (namespace, kind, version): (&str, Resource, &str)) {
        let record = self.record(id).await;
        let service = record.order.service.as_str().to_owned();
        assert_eq!(record.finished.as_ref().map(|end| end.ending), Some(Ending::RolledBack), "{record:#?}");
        let cluster = self.console.platform.cluster(Environment::Production);
        let object = cluster.object(kind, namespace, &service).unwrap();
        let image = object.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).unwrap();
        assert!(image.ends_with(&format!(":{version}")), "{image}");
        let main = git(self.console.platform.remote(), &["show", "main:services/versions.toml"]);
        let said = main.split(&format!("[version.{service}]")).nth(1).unwrap();
        assert!(said.trim_start().starts_with(&format!("current = \"{version}\"")), "{said}");
        let state = self.console.engine.outside.ports.ledger.state().await.unwrap();
        let incident = state.operations.incident(record.incident.as_ref().unwrap().as_str()).unwrap();
        assert!(incident.is_open() && incident.post_mortem_due().is_some());
        assert!(state.operations.quarantine.contains_key(&(record.order.service, record.order.version)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_of_five_per_cent_finds_a_merged_version_out() {
    let mut story = Story::of(Scenario::CanaryFails, None).await;
    let id = story.deployed("catalog-search").await;
    let said = story.approved(&id).await;
    assert!(said.contains("rolled back"), "{said}");
    let record = story.record(&id).await;
    let failed = record.failed.as_ref().unwrap();
    assert_eq!(failed.leg.stage, Stage::Analysis(ReleaseStep::Weight(5)), "{}", failed.detail);
    assert!(record.order.change.is_some(), "the change that brought it is known");
    story.is_undone(&id, ("project-a", Resource::Rollouts, "1.4.0")).await;
    let settled = record.result(&Leg::all(Stage::Settle)).unwrap();
    assert!(settled.detail.contains("catalog-search-1.5.0 is taken back on main"), "{}", settled.detail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_switched_to_and_back() {
    let mut story = Story::of(Scenario::BlueGreen, None).await;
    let id = story.deployed("notification-service").await;
    let said = story.approved(&id).await;
    assert!(said.contains("rolled back"), "{said}");
    let record = story.record(&id).await;
    let words: Vec<String> = record.judged.iter().map(|judged| judged.leg.stage.to_string()).collect();
    for stage in ["prepare", "switch", "switch back", "retire"] {
        assert!(words.iter().any(|word| word == stage), "{stage} is not among {words:?}");
    }
    story.is_undone(&id, ("shared", Resource::Deployments, "1.5.3")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_waits_for_its_window_and_then_runs() {
    let calendar = |start: &str| {
        format!(
            "[[window]]\nname = \"release hours\"\nrrule = \"DTSTART:{start}\\nRRULE:FREQ=YEARLY\"\nduration = \"30d\"\nenvironments = [\"production\"]\n"
        )
    };
    let day =
        |days: i64| (SystemClock.now() + chrono::TimeDelta::days(days)).format("%Y%m%dT%H%M%SZ").to_string();
    let mut story = Story::of(Scenario::Scheduled, Some(&calendar(&day(90)))).await;
    let id = story.deployed("cart").await;
    // `t` asks for another time, and keeps what it has.
    story.console.select(Pane::Deployments, &id);
    story.console.keys("t ctrl-s");
    let said = story.confirmed().await;
    assert!(said.contains("waits at gates"), "{said}");
    let said = story.approved(&id).await;
    assert!(said.contains("waits at schedule") && said.contains("`release hours` is next"), "{said}");
    assert!(story.record(&id).await.order.window, "the catalog's strategy says so");
    // The window opens.
    let clone = story.console.platform.repository().to_owned();
    std::fs::write(clone.join("policies/calendar.toml"), calendar(&day(-1))).unwrap();
    git(&clone, &["-c", "commit.gpgsign=false", "commit", "--quiet", "--all", "--message", "open now"]);
    git(&clone, &["push", "--quiet", "origin", "HEAD:main"]);
    story.console.select(Pane::Deployments, &id);
    story.console.keys("c");
    let said = story.confirmed().await;
    assert!(said.contains("done: cart runs 1.8.2"), "{said}");
    assert_eq!(story.record(&id).await.finished.map(|end| end.ending), Some(Ending::Done));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaking_change_that_nobody_caught_is_taken_back_with_its_times() {
    let mut story = Story::of(Scenario::BreakingChange, None).await;
    let id = story.deployed("session-cache").await;
    let said = story.approved(&id).await;
    assert!(said.contains("rolled back"), "{said}");
    story.is_undone(&id, ("shared", Resource::Deployments, "2.8.1")).await;
    let record = story.record(&id).await;
    let failed = record.failed.as_ref().unwrap();
    assert!(failed.detail.contains("p99"), "latency gives it away too: {}", failed.detail);
    let recovery = Recovery::of(&record).unwrap();
    let (way_back, settling) = (recovery.way_back().unwrap(), recovery.settling().unwrap());
    assert!(way_back <= settling && settling < chrono::TimeDelta::hours(1), "{recovery:?}");
    // Whoever opens it sees the times; the post-mortem is written from the incident.
    story.console.engine.apply(Event::Tick);
    story.console.select(Pane::Deployments, &id);
    story.console.keys("enter");
    let shown = crate::console::screen(story.console.model());
    for words in ["Times", "fault seen", "Git settled", "post-mortem"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    story.console.keys("esc");
    let incident = record.incident.clone().unwrap();
    story.console.select(Pane::Escalation, incident.as_str());
    story.console.keys("p");
    story.console.type_text("the compact format was never read by its users");
    story.console.keys("enter");
    story.confirmed().await;
    let state = story.console.engine.outside.ports.ledger.state().await.unwrap();
    let known = state.operations.incident(incident.as_str()).unwrap();
    assert!(known.post_mortem.as_ref().is_some_and(|written| written.written.is_some()));
}

#[tokio::test]
async fn the_past_can_be_believed_and_tells_of_what_failed() {
    for scenario in [Scenario::default(), Scenario::BreakingChange] {
        let platform = started(scenario, true).await;
        let repository =
            GitRepository::open(platform.repository(), environment(platform.directory(), None)).unwrap();
        let ledger = GitLedger::new(&repository);
        let health = ledger.verify_on("main", SystemClock.now(), false).await.unwrap();
        assert!(health.is_valid(), "{scenario:?}: {:?}", health.first);
        assert!(health.events > 500, "{} events", health.events);
        let operations = ledger.state().await.unwrap().operations;
        assert_eq!((operations.contradictions, operations.unknown), (0, 0), "{:?}", operations.anomalies);
        let ended = |ending| {
            let ended = operations.deployments.values().filter(|record| {
                record.order.production
                    && record.finished.as_ref().is_some_and(|finished| finished.ending == ending)
            });
            ended.count()
        };
        assert!(ended(Ending::Done) > 25 && ended(Ending::RolledBack) >= 4);
        assert_eq!(operations.past_rollbacks.len(), 1);
        assert!(operations.past_rollbacks.iter().all(|past| past.verdict == Verdict::Pass));
        // A change that is merged is known by its ledger, and by its commit.
        assert_eq!(operations.changes.len(), usize::from(scenario == Scenario::BreakingChange));
    }
}

#[tokio::test]
async fn every_scenario_has_the_calendar_that_it_says_and_an_agent() {
    for row in Scenario::TABLE {
        let now = SystemClock.now();
        let platform = started(row.scenario, false).await;
        let repository =
            GitRepository::open(platform.repository(), environment(platform.directory(), None)).unwrap();
        let main = repository.load(&Revision::Branch("main".to_owned())).await.unwrap();
        let at = |minutes: i64| {
            standing(&main, Some(&"production".into()), &[], now + chrono::TimeDelta::minutes(minutes))
        };
        let is_open = |minutes| at(minutes).closure().is_none();
        match row.scenario {
            Scenario::Scheduled => assert!(!is_open(0) && is_open(5), "{:?}", at(0)),
            Scenario::Night => assert!(!is_open(0) && !is_open(300) && is_open(450), "{:?}", at(0)),
            _ => assert!(is_open(0) && is_open(600), "{}: {:?}", row.name, at(0)),
        }
        assert!(main.people.by_email("agent@example.com").unwrap().is_agent(), "{}", row.name);
    }
}
