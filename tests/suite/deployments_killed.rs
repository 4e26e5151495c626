//! A deployment whose agent dies at every step of it: before and after each event of the ledger, and after each change that
//! a cluster made and nobody heard of. Whoever comes next goes on, and in the end everything was done once.

use crate::{
    console::{DEADLINE, environment, git, platform_of, ports},
    witness::{Moment, witnessed},
};
use chrono::{DateTime, Duration, Utc};
use futures::future::BoxFuture;
use quarterdeck::{
    action::command::{Command, DeploymentCommand},
    adapters::{
        clock::SystemClock,
        git::{GitLedger, GitRepository},
    },
    config::Config,
    demo::{
        Environment, Faults, Pace, Platform, Quality, Scenario, estate::Service,
        kubernetes::resources::Resource,
    },
    domain::{
        change::{Identity, Seals},
        deployment::{
            gate::ReleaseGate,
            machine::Patience,
            order::{Leg, Order, Stage},
            record::{DeploymentRecord, Ending},
            release::Strategy,
            request::{DeployRequest, DeploySubject},
        },
        ledger::{self, EntryBody, Happening, Operations, Verdict},
        name::DeploymentId,
        plan::Work,
    },
    engine::{
        Outside, Reporter,
        deploy::{self, Advanced},
        headless::Engine,
    },
    error::FailureKind,
    model::{Model, layout::Size},
    ports::{Clock, Draft, Ledger as _, Ports, Receipt, Revision},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio::sync::watch;

/// Every request fails.
pub const BROKEN: Quality = Quality { error_ratio: 1.0, ..Quality::GOOD };

/// The system's clock, which can be set forward.
#[derive(Default)]
pub struct Moving(AtomicI64);

impl Moving {
    /// Lets it be this time, if that is later.
    pub fn pass(&self, until: DateTime<Utc>) {
        let ahead = (until - self.now()).num_milliseconds().max(0);
        self.0.fetch_add(ahead, Ordering::SeqCst);
    }
}

impl Clock for Moving {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + Duration::milliseconds(self.0.load(Ordering::SeqCst))
    }
}

/// Where somebody has died, and the news of it. Nobody dies twice in the same place.
#[derive(Clone)]
struct Fate {
    met: Arc<Mutex<BTreeSet<String>>>,
    deaths: watch::Sender<usize>,
}

impl Fate {
    fn new() -> Self {
        Self { met: Arc::default(), deaths: watch::Sender::new(0) }
    }

    /// Dies here, unless somebody has.
    async fn meet(&self, place: String) {
        if self.met.lock().unwrap().insert(place) {
            self.deaths.send_modify(|count| *count += 1);
            std::future::pending::<()>().await;
        }
    }
}

/// An event in a few words that are the same on every run.
fn label(happening: &Happening) -> String {
    let kind = happening.kind();
    match happening {
        Happening::StageBegan { leg, .. } => format!("{kind} {leg}"),
        Happening::StageJudged { leg, verdict, .. } => format!("{kind} {leg} {}", verdict.as_str()),
        Happening::NoticeDelivered { event, .. } => format!("{kind} {event}"),
        Happening::DeploymentFinished { ending, .. } => format!("{kind} {}", ending.as_str()),
        _ => kind.to_owned(),
    }
}

/// A platform on which one service is about to be deployed to production, past staging and its gates.
pub struct Ground {
    pub platform: Platform,
    pub clock: Arc<Moving>,
    pub ports: Ports,
    service: &'static str,
    /// The version, where it is not the one that Git says.
    version: Option<&'static str>,
    /// Whether the version turns bad as soon as it is judged, and not before: so it always fails at the same place.
    turns: bool,
}

impl Ground {
    /// With quick steps, an open calendar, and a version of the service that is as good as said.
    pub async fn new(service: &'static str, quality: Quality) -> Self {
        Self::of(service, quality, Pace::fast()).await
    }

    async fn of(service: &'static str, quality: Quality, pace: Pace) -> Self {
        let platform = platform_of(Scenario::Calm, pace).await;
        let clone = platform.repository().to_owned();
        let settings = std::fs::read_to_string(clone.join("quarterdeck.toml")).unwrap();
        let settings: String =
            settings.split_inclusive('\n').filter(|line| !line.starts_with("watch = ")).collect();
        let quick = settings
            .replace("step_time = \"40s\"", "step_time = \"4s\"\nsteps = [5]\nwatch = \"1h\"")
            .replace("interval = \"10s\"\nintervals = 3", "interval = \"1s\"\nintervals = 1")
            // One request alone, answered before the version turned bad, must not speak for it.
            .replace("minimum_events = 20", "minimum_events = 2");
        assert!(quick.contains("\"1s\"") && quick.contains("steps = [5]"), "{settings}");
        std::fs::write(clone.join("quarterdeck.toml"), quick).unwrap();
        std::fs::remove_file(clone.join("policies/calendar.toml")).unwrap();
        git(
            &clone,
            &["-c", "commit.gpgsign=false", "commit", "--quiet", "--all", "--message", "chore: quick"],
        );
        git(&clone, &["push", "--quiet", "origin", "HEAD:main"]);
        let clock = Arc::new(Moving::default());
        let all = ports(&clone, Some(platform.kubeconfig()), environment(platform.directory(), None));
        let ports = Ports { clock: clock.clone(), ..all };
        let ground = Self { platform, clock, ports, service, version: None, turns: false };
        ground.behave(quality).await;
        ground
    }

    /// The version is as good as this from now on.
    pub async fn behave(&self, quality: Quality) {
        let version = self.version().await;
        for environment in Environment::ALL {
            self.platform.cluster(environment).set_quality(self.service, &version, quality);
        }
    }

    /// The version that the main branch says.
    pub async fn version(&self) -> String {
        if let Some(version) = self.version {
            return version.to_owned();
        }
        let main = self.ports.repository.load(&Revision::Branch("main".to_owned())).await.unwrap();
        main.services[self.service].version.as_ref().unwrap().to_string()
    }

    /// Starts the deployment to production, with staging passed and its gates open.
    pub async fn start(&self, strategy: &str, approvers: [(&str, &str); 2]) -> DeploymentId {
        let order = self.order(strategy).await;
        self.stage(&order).await;
        let (id, _) = deploy::start(&Outside::new(self.ports.clone()), &order).await.unwrap();
        for (gate, person) in [ReleaseGate::Product, ReleaseGate::Operations].into_iter().zip(approvers) {
            self.approve(&id, gate, person).await;
        }
        id
    }

    /// Writes a file of the main branch, as a change that was merged would.
    pub fn write(&self, path: &str, text: &str) {
        let clone = self.platform.repository();
        let file = clone.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
        git(clone, &["add", path]);
        git(clone, &["-c", "commit.gpgsign=false", "commit", "--quiet", "--message", "chore: settings"]);
        git(clone, &["push", "--quiet", "origin", "HEAD:main"]);
    }

    /// The settings with something else in place of a part.
    pub fn settings(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.platform.repository().join("quarterdeck.toml")).unwrap();
        assert!(text.contains(from), "{text}");
        self.write("quarterdeck.toml", &text.replace(from, to));
    }

    /// The order as a plan makes it, to production.
    pub async fn order(&self, strategy: &str) -> Order {
        self.order_to("production", strategy).await
    }

    /// The order as a plan makes it.
    pub async fn order_to(&self, environment: &str, strategy: &str) -> Order {
        let size = Size { width: 80, height: 24 };
        let model = Model::new(Arc::new(Config::default()), self.clock.now(), size);
        let mut engine = Engine::new(model, self.ports.clone());
        let request = DeployRequest {
            subject: DeploySubject::Service {
                service: self.service.into(),
                version: self.version.map(str::to_owned),
            },
            environment: environment.into(),
            waves: false,
            strategy: Some(strategy.to_owned()),
            not_before: None,
            window: false,
        };
        let command = Command::Deployment(DeploymentCommand::Deploy(Box::new(request)));
        let (_, plan) = engine.plan(command).await.unwrap();
        let Work::Deploy { orders } = &plan.work else { panic!("{:?}", plan.work) };
        orders[0].clone()
    }

    async fn append(
        &self,
        draft: impl Fn(&Operations) -> Result<Happening, quarterdeck::error::Failure> + Send + Sync + 'static,
    ) -> Receipt {
        self.ports.ledger.append(self.clock.now(), Box::new(draft)).await.unwrap()
    }

    /// Lets the ledger say that the version passed staging.
    pub async fn stage(&self, order: &Order) {
        let mut staging =
            Order { production: false, strategy: Strategy::Immediate, tests: Vec::new(), ..order.clone() };
        staging.places.truncate(1);
        staging.places[0].environment = "staging".into();
        let at = self.clock.now();
        let kept = staging.clone();
        let started = self.append(move |operations| ledger::start_deployment(operations, &kept, at)).await;
        let Happening::DeploymentStarted { deployment, .. } = started.happening else { panic!() };
        for leg in staging.legs() {
            let (id, kept) = (deployment.clone(), leg.clone());
            if matches!(leg.stage, Stage::Step(_)) {
                let until = at + Duration::minutes(2);
                self.append(move |operations| ledger::begin_stage(operations, &id, &kept, "x", (at, until)))
                    .await;
            }
            let (id, kept) = (deployment.clone(), leg.clone());
            self.append(move |operations| {
                ledger::judge_stage(operations, &id, &kept, Verdict::Pass, "seen", None)
            })
            .await;
        }
        self.append(move |operations| {
            ledger::finish_deployment(operations, &deployment, Ending::Done, "seen")
        })
        .await;
    }

    /// Another person approves a gate, in their own name.
    pub async fn approve(&self, id: &DeploymentId, gate: ReleaseGate, (name, email): (&str, &str)) {
        let mut variables = environment(self.platform.directory(), None);
        variables.extend(self.platform.environment(name, email));
        let repository = GitRepository::open(self.platform.repository(), variables).unwrap();
        let main = self.ports.repository.load(&Revision::Branch("main".to_owned())).await.unwrap();
        let (id, person) = (id.clone(), Identity { name: name.to_owned(), email: email.to_owned() });
        let draft: Draft = Box::new(move |operations| {
            let service = &operations.deployment(id.as_str()).unwrap().order.service;
            let ground = (&*main, &*main.services[service]);
            ledger::approve_deployment(operations, &id, gate, ground, &person, None, &Seals::default())
        });
        GitLedger::new(&repository).append(self.clock.now(), draft).await.unwrap();
    }

    /// Goes on with a deployment until it is over, and lets the time pass that it waits for. `None` when it waits for
    /// a person, with why.
    pub async fn advance(&self, outside: &Outside, id: &DeploymentId) -> Result<Ending, String> {
        let limit = tokio::time::Instant::now() + DEADLINE * 3;
        loop {
            let record = self.record(id).await;
            assert!(tokio::time::Instant::now() < limit, "{id} does not end: {record:#?}");
            let is_judged = |leg: Leg| matches!(leg.stage, Stage::Analysis(_) | Stage::Watch);
            let turned = self.turns && record.next_leg().is_some_and(is_judged);
            if turned {
                self.behave(BROKEN).await;
            }
            match deploy::advance(outside, id, &Reporter::silent()).await {
                Ok(Advanced::Over { ending, .. }) => return Ok(ending),
                Ok(Advanced::Later { patience: Patience::Hours, until: None, why }) => return Err(why),
                Ok(Advanced::Later { until: Some(until), .. })
                    if !turned && until - self.clock.now() > Duration::seconds(20) =>
                {
                    self.clock.pass(until + Duration::seconds(1));
                }
                Ok(Advanced::Later { .. }) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                Ok(Advanced::Again) => {}
                Err(failure) if failure.kind == FailureKind::Unreachable => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                Err(failure) => panic!("{}", failure.render()),
            }
        }
    }

    /// Goes on with a deployment until it is so far, and lets no time pass but what does.
    pub async fn until(
        &self,
        outside: &Outside,
        id: &DeploymentId,
        right: impl Fn(&DeploymentRecord) -> bool,
    ) {
        let limit = tokio::time::Instant::now() + DEADLINE;
        while !right(&self.record(id).await) {
            assert!(
                tokio::time::Instant::now() < limit,
                "{id} does not come so far: {:#?}",
                self.record(id).await
            );
            match deploy::advance(outside, id, &Reporter::silent()).await {
                Ok(Advanced::Again) => {}
                Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                Err(failure) => panic!("{}", failure.render()),
            }
        }
    }

    /// A person lets it go on.
    pub async fn resume(&self, id: &DeploymentId, accept: bool) {
        let id = id.clone();
        self.append(move |operations| ledger::resume(operations, &id, accept, None)).await;
    }

    /// The deployment as the ledger has it.
    pub async fn record(&self, id: &DeploymentId) -> DeploymentRecord {
        let state = self.ports.ledger.state().await.unwrap();
        state.operations.deployment(id.as_str()).cloned().unwrap()
    }

    /// How often each thing happened, but for claims and for what channels were told.
    async fn happened(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for entry in self.ports.ledger.entries().await.unwrap() {
            let EntryBody::Known(happening) = entry.body else { panic!("{entry:?}") };
            if !matches!(happening, Happening::StageBegan { .. } | Happening::NoticeDelivered { .. }) {
                *count.entry(label(&happening)).or_default() += 1;
            }
        }
        count
    }

    /// What the cluster was asked to change.
    pub fn writes(&self) -> Vec<String> {
        self.platform.cluster(Environment::Production).store().writes()
    }

    /// Branches of the remote, but for the ledger.
    fn branches(&self) -> String {
        git(self.platform.remote(), &["branch", "--list", "--format=%(refname:short)"])
    }

    /// What each object of the service looks like, as far as a deployment may change it.
    fn objects(&self) -> Vec<String> {
        let cluster = self.platform.cluster(Environment::Production);
        let mut found = Vec::new();
        for resource in
            [Resource::Deployments, Resource::Rollouts, Resource::Services, Resource::Applications]
        {
            for object in cluster.store().list(resource, None).1 {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                if !name.starts_with(self.service) {
                    continue;
                }
                let spec = &object["spec"];
                let what = [
                    &spec["template"]["spec"]["containers"][0]["image"],
                    &spec["replicas"],
                    &spec["selector"],
                    &spec["syncPolicy"],
                ];
                found.push(format!("{resource:?}/{name}: {what:?}"));
            }
        }
        found
    }
}

/// A way through a deployment.
#[expect(clippy::struct_excessive_bools, reason = "each is another thing about the way")]
struct Way {
    service: &'static str,
    /// Which version, where it is not the one that Git says; then Git has nothing to take back.
    version: Option<&'static str>,
    strategy: &'static str,
    /// Who opens the gates of product and operations.
    approvers: [(&'static str, &'static str); 2],
    quality: Quality,
    /// Whether it turns bad once it is judged.
    turns: bool,
    /// Whether the manifests of what follows Git already have the version.
    published: bool,
    /// Whether its own requests get no answer the first time; not where each names its time, and so is another one.
    swallowed: bool,
    /// Whether a controller takes steps of its own beside ours: how many are asked for then depends on who is first.
    paced: bool,
    ending: Ending,
    /// Something that must be among the places of death.
    dies: &'static [&'static str],
}

impl Way {
    /// A platform for it.
    async fn ground(&self) -> Ground {
        // What follows Git by itself must not be there first.
        let hour = std::time::Duration::from_hours(1);
        let patient = Pace { reconcile_interval: hour, ..Pace::fast() };
        let mut ground = Ground::of(self.service, self.quality, patient).await;
        (ground.turns, ground.version) = (self.turns, self.version);
        if let (true, Some(version)) = (self.published, self.version) {
            ground.behave(self.quality).await;
            for environment in Environment::ALL {
                let service = Service::find(self.service).unwrap();
                ground.platform.cluster(environment).publish(service, version);
            }
        }
        ground
    }
}

pub const SHOP: [(&str, &str); 2] =
    [("Amy Chen", "a.chen@example.com"), ("Stefan Novak", "s.novak@example.com")];
const SHARED: [(&str, &str); 2] =
    [("Kenji Ito", "k.ito@example.com"), ("Paul Martin", "p.martin@example.com")];
const DEVICES: [(&str, &str); 2] =
    [("Kenji Ito", "k.ito@example.com"), ("Stefan Novak", "s.novak@example.com")];

/// Runs a deployment twice: once without, and once with a death at every step; and compares what is left.
async fn dies_everywhere(way: &Way) {
    let whole = way.ground().await;
    let approvers = way.approvers;
    let id = whole.start(way.strategy, approvers).await;
    let ended = whole.advance(&Outside::new(whole.ports.clone()), &id).await;
    assert_eq!(ended, Ok(way.ending), "{:#?}", whole.record(&id).await);

    let ground = way.ground().await;
    let id = ground.start(way.strategy, approvers).await;
    let cluster = ground.platform.cluster(Environment::Production);
    cluster.set_faults(Faults { swallow_answers: way.swallowed, ..Faults::default() });
    let fate = Fate::new();
    let mut unheard = 0;
    let mut lives = 0;
    let ended = loop {
        lives += 1;
        assert!(lives < 300, "{:#?}", fate.met.lock().unwrap());
        let met = fate.clone();
        // Before and after each event its writer dies.
        let dies = move |moment, happening: &Happening| -> BoxFuture<'static, ()> {
            let when = match moment {
                Moment::Before => "before",
                Moment::After => "after",
            };
            let (fate, place) = (met.clone(), format!("{when} {}", label(happening)));
            Box::pin(async move { fate.meet(place).await })
        };
        let ledger = witnessed(&ground.ports.ledger, Box::new(dies));
        let outside = Outside::new(Ports { ledger, ..ground.ports.clone() });
        let mut deaths = fate.deaths.subscribe();
        deaths.borrow_and_update();
        let different = || ground.writes().into_iter().collect::<BTreeSet<_>>().len();
        let before = different();
        let swallowed = async {
            while !way.swallowed || different() == before {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            biased;
            _ = deaths.changed() => {}
            () = swallowed => unheard += 1,
            ended = ground.advance(&outside, &id) => break ended,
        }
    };
    let met = fate.met.lock().unwrap().clone();
    let told =
        format!("{} {}: {lives} lives, {met:#?}\n{:#?}", way.service, way.strategy, ground.record(&id).await);
    assert_eq!(ended, Ok(way.ending), "{told}");
    for place in way.dies {
        assert!(met.iter().any(|known| known.contains(place)), "nobody died at {place}: {told}");
    }
    // Every change of the cluster was asked for once, and the same were.
    let (once, wrote) = (whole.writes(), ground.writes());
    let distinct: BTreeSet<&String> = if way.paced { &wrote } else { &once }.iter().collect();
    assert_eq!(unheard, if way.swallowed { distinct.len() } else { 0 }, "{told}");
    // What a patch says names a commit, which is another one on every platform: it is told apart within one only.
    let kinds = |writes: &[String]| -> Vec<String> {
        let mut kinds: Vec<String> =
            writes.iter().map(|call| call.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect();
        kinds.sort();
        if way.paced {
            kinds.dedup();
        }
        kinds
    };
    assert_eq!(kinds(&wrote), kinds(&once), "{told}");
    assert_eq!(wrote.iter().collect::<BTreeSet<_>>().len(), distinct.len(), "{wrote:?} and {once:?}");
    assert_eq!(ground.objects(), whole.objects(), "{told}");
    // Everything happened once, and the same.
    assert_eq!(ground.happened().await, whole.happened().await, "{told}");
    let state = ground.ports.ledger.state().await.unwrap();
    assert_eq!(state.operations.contradictions, 0, "{:?}", state.operations.anomalies);
    assert_eq!(state.operations.incidents.len(), usize::from(way.ending == Ending::RolledBack), "{told}");
    // One branch says how Git goes back.
    assert_eq!(ground.branches(), whole.branches(), "{told}");
    let back = ground
        .branches()
        .lines()
        .filter(|name| name.contains("revert-") || name.contains("rollback-"))
        .count();
    let has_to = way.ending == Ending::RolledBack && way.version.is_none();
    assert_eq!(back, usize::from(has_to), "{}", ground.branches());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_fails_is_taken_back_once_wherever_its_agent_dies() {
    Box::pin(dies_everywhere(&Way {
        service: "cart",
        version: None,
        strategy: "canary",
        approvers: SHOP,
        quality: Quality::GOOD,
        turns: true,
        published: false,
        swallowed: true,
        paced: false,
        ending: Ending::RolledBack,
        dies: &[
            "before deployment.stage-began canary 5%",
            "after deployment.stage-began canary 5%",
            "after deployment.stage-judged health after canary 5%",
            "before deployment.stage-judged analysis at canary 5% in production fail",
            "after deployment.stage-began abort",
            "after incident.declared",
            "before release.quarantined",
            "after deployment.stage-began settle Git",
            "after deployment.stage-judged settle Git",
            "before deployment.finished rolled back",
        ],
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_is_good_gets_everything_once_wherever_its_agent_dies() {
    Box::pin(dies_everywhere(&Way {
        service: "cart",
        version: None,
        strategy: "canary",
        approvers: SHOP,
        quality: Quality::GOOD,
        turns: false,
        published: false,
        swallowed: true,
        paced: false,
        ending: Ending::Done,
        dies: &["after deployment.stage-began promote", "before deployment.stage-judged watch pass"],
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_that_fails_is_switched_back_once_wherever_its_agent_dies() {
    Box::pin(dies_everywhere(&Way {
        service: "notification-service",
        version: None,
        strategy: "blue-green",
        approvers: SHARED,
        quality: Quality::GOOD,
        turns: true,
        published: false,
        swallowed: true,
        paced: false,
        ending: Ending::RolledBack,
        dies: &["after deployment.stage-began switch in", "after deployment.stage-began switch back"],
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_whose_canary_fails_is_aborted_once_wherever_its_agent_dies() {
    Box::pin(dies_everywhere(&Way {
        service: "catalog-search",
        version: Some("1.5.0"),
        strategy: "canary",
        approvers: SHOP,
        quality: Quality::GOOD,
        turns: true,
        published: false,
        swallowed: true,
        paced: true,
        ending: Ending::RolledBack,
        dies: &["after deployment.stage-began canary 5%", "after deployment.stage-began abort"],
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_argo_cd_brought_is_taken_back_once_wherever_its_agent_dies() {
    Box::pin(dies_everywhere(&Way {
        service: "project-c-api",
        version: Some("1.5.0"),
        strategy: "immediate",
        approvers: DEVICES,
        quality: Quality::GOOD,
        turns: true,
        published: true,
        swallowed: true,
        paced: true,
        ending: Ending::RolledBack,
        dies: &["after deployment.stage-began apply", "after deployment.stage-began undo"],
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_flux_brought_is_taken_back_once_wherever_its_agent_dies() {
    Box::pin(dies_everywhere(&Way {
        service: "event-bus",
        version: Some("4.1.0"),
        strategy: "immediate",
        approvers: SHARED,
        quality: Quality::GOOD,
        turns: true,
        published: true,
        swallowed: false,
        paced: true,
        ending: Ending::RolledBack,
        dies: &["after deployment.stage-began apply", "after deployment.stage-began undo"],
    }))
    .await;
}
