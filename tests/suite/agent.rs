//! The agent in this process, on the simulated platform: what it does, that one leads, and that who has lost the lead
//! changes nothing more.

use crate::{
    console::{DEADLINE, environment, git, platform, ports},
    witness::followed,
};
use chrono::{DateTime, Duration, Utc};
use quarterdeck::{
    adapters::{clock::SystemClock, leadership::AgentLeases},
    config::Config,
    demo::{
        Environment, Faults, Platform, Scenario,
        kubernetes::{
            resources::Resource,
            store::{Key, Part},
        },
    },
    domain::{
        leadership::{Hold, LeasePlace, LeaseTerms},
        ledger::{EntryBody, Happening, Operations, Verdict},
    },
    engine::{
        agent::{Agent, Deed, Snapshot, journal::Journal, serve},
        headless::Engine,
        update,
    },
    error::FailureKind,
    ports::{Clock, Draft, Leaderships as _, Ports},
};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

/// The identity that the agents of these tests act under.
pub const AGENT: (&str, &str) = ("Quarterdeck Agent", "agent@example.com");
pub const NAMESPACE: &str = "shared";
pub const LEASE: &str = "quarterdeck-agent";
const TERMS: LeaseTerms = LeaseTerms { duration: std::time::Duration::from_secs(3) };

/// A clock that is ahead of everybody's.
pub struct Ahead(pub Duration);

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }
}

fn lease(platform: &Platform) -> Option<Arc<Value>> {
    platform.cluster(Environment::Production).object(Resource::Leases, NAMESPACE, LEASE)
}

pub fn holder(platform: &Platform) -> String {
    lease(platform)
        .and_then(|lease| lease.pointer("/spec/holderIdentity")?.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Another agent writes itself into the lease.
pub fn rob(platform: &Platform) {
    let key = Key::new(Resource::Leases, NAMESPACE.to_owned(), LEASE.to_owned());
    let store = platform.cluster(Environment::Production).store();
    store
        .update(&key, Part::Object, false, |lease| {
            lease["spec"]["holderIdentity"] = json!("robber");
            Ok(())
        })
        .unwrap();
}

/// Adds to the settings on the main branch, as a change that was merged would.
pub fn merge_settings(platform: &Platform, more: &str) {
    let control = platform.repository();
    let path = control.join("quarterdeck.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n{more}\n")).unwrap();
    git(control, &["-c", "commit.gpgsign=false", "commit", "--quiet", "--all", "--message", "settings"]);
    git(control, &["push", "--quiet", "origin", "HEAD:main"]);
}

pub fn by_lease() -> String {
    format!("[agent.lease]\ncontext = \"demo-production\"\nnamespace = \"{NAMESPACE}\"\nduration = \"3s\"")
}

fn agent_ports(platform: &Platform, ahead: Duration) -> Ports {
    let mut variables = environment(platform.directory(), None);
    variables.extend(platform.environment(AGENT.0, AGENT.1));
    let ports = ports(platform.repository(), Some(platform.kubeconfig()), variables);
    Ports { clock: Arc::new(Ahead(ahead)), ..ports }
}

/// An agent and the engine that watches for it, once its sources have come.
pub async fn prepared(ports: Ports) -> (Agent, Engine) {
    let journal = Journal::silent(ports.clock.clone());
    let (agent, mut watching) = serve::prepare(ports, Arc::new(Config::default()), &journal).await.unwrap();
    watching.start_sources_of_an_agent();
    look(&mut watching).await;
    (agent, watching)
}

/// Lets the sources look at everything anew.
async fn look(watching: &mut Engine) {
    let came = watching
        .until(DEADLINE, |model| {
            let world = &model.world;
            world.catalog.value.is_some()
                && world.ledger.value.is_some()
                && world.changes.value.is_some()
                && world.requests.value.is_some()
                && world.main.value.is_some()
        })
        .await;
    assert!(came, "the sources did not come");
    update::settle(&mut watching.model);
}

/// Looks once and does what is due.
pub async fn round(agent: &mut Agent, watching: &Engine) -> Vec<Deed> {
    agent.round(&Snapshot::of(&watching.model)).await
}

pub fn named(deeds: &[Deed], reconciler: &str) -> Vec<String> {
    let wanted = deeds.iter().filter(|deed| deed.reconciler == reconciler);
    wanted
        .map(|deed| match &deed.result {
            Ok(outcome) => outcome.summary.clone(),
            Err(failure) => format!("{}: {failure}", deed.title),
        })
        .collect()
}

pub fn subjects(platform: &Platform) -> Vec<String> {
    let log = git(platform.remote(), &["log", "--reverse", "--format=%s", "quarterdeck/ledger"]);
    log.lines().map(str::to_owned).collect()
}

pub fn count(subjects: &[String], start: &str) -> usize {
    subjects.iter().filter(|subject| subject.starts_with(start)).count()
}

#[tokio::test]
async fn one_round_does_what_is_due_and_the_next_one_nothing() {
    let platform = platform(Scenario::BadRelease).await;
    merge_settings(&platform, "[agent]\nrun = [\"escalate\", \"validate\", \"notify\"]");
    let ports = agent_ports(&platform, Duration::minutes(4));
    let (mut agent, mut watching) = prepared(ports.clone()).await;
    // What would be done is said and not done.
    let before = subjects(&platform);
    let plans = agent.plans(&Snapshot::of(&watching.model)).await;
    assert!(plans.iter().any(|(name, plan)| *name == "escalate" && plan.is_ok()), "{plans:?}");
    assert_eq!(subjects(&platform), before);
    agent.take().await.unwrap();
    let deeds = round(&mut agent, &watching).await;
    let escalated = named(&deeds, "escalate");
    assert_eq!(escalated.len(), 1, "{deeds:#?}");
    let critical = escalated[0].strip_prefix("level 1 of ").and_then(|rest| rest.split_once(" called: "));
    let critical = critical.unwrap_or_else(|| panic!("{escalated:?}")).0;
    let validated = named(&deeds, "validate");
    assert!(
        validated.len() > 1 && validated.iter().all(|said| said.contains("quarterdeck/validation")),
        "{validated:?}"
    );
    // The incidents of the story were never told to anybody.
    assert!(!named(&deeds, "notify").is_empty(), "{deeds:#?}");
    let after = subjects(&platform);
    let start = format!("incident.escalated({critical}): level 1 calls");
    assert_eq!(count(&after, &start), 1, "{after:#?}");
    assert_eq!(count(&after, "change.validated("), validated.len());
    let author = git(platform.remote(), &["log", "-1", "--format=%an", "quarterdeck/ledger"]);
    assert_eq!(author, AGENT.0);
    let changes = watching.model.world.joined.changes.clone();
    let statuses = || -> usize {
        let heads = changes.iter().map(|change| change.proposal.head.as_str());
        heads.map(|head| platform.forge().statuses(head).len()).sum()
    };
    let posted = statuses();
    assert_eq!(posted, validated.len(), "one status for each head");

    // The sources see it, and nothing is left.
    watching
        .until(DEADLINE, |model| {
            let ledger = model.world.ledger.value.as_ref();
            ledger.is_some_and(|ledger| ledger.operations.events == after.len())
        })
        .await;
    update::settle(&mut watching.model);
    let again = round(&mut agent, &watching).await;
    assert!(again.is_empty(), "{again:#?}");
    assert_eq!(subjects(&platform), after);
    // Somebody who has not seen it is refused by the ledger itself.
    let mut late = Agent::new(
        ports.clone(),
        &watching.model.world.catalog.value.as_ref().unwrap().settings.agent,
        Journal::silent(ports.clock.clone()),
    )
    .unwrap();
    assert!(late.take().await.unwrap_err().message.contains("there is an agent"));
    agent.leader().release().await.unwrap();
    assert_eq!(statuses(), posted);
    late.take().await.unwrap();
    assert!(round(&mut late, &watching).await.is_empty());
}

#[tokio::test]
async fn a_lease_goes_to_one_and_to_the_next_only_when_it_is_free() {
    let platform = platform(Scenario::Calm).await;
    let place = LeasePlace::Cluster {
        context: "demo-production".into(),
        namespace: NAMESPACE.to_owned(),
        name: LEASE.to_owned(),
    };
    let agent = |ahead: i64| {
        let kubeconfig = Some(platform.kubeconfig().to_owned());
        let leases = AgentLeases::new(None, kubeconfig, Arc::new(Ahead(Duration::hours(ahead))));
        leases.at(&place, TERMS).unwrap()
    };
    // Their clocks are days apart, which decides nothing.
    let (one, two) = (agent(0), agent(-72));
    assert_ne!(one.who(), two.who());
    assert_eq!(one.observe().await.unwrap(), None);
    assert!(matches!(one.acquire().await.unwrap(), Hold::Ours(record) if record.transitions == 0));
    assert!(matches!(two.acquire().await.unwrap(), Hold::Theirs(record) if record.holder == one.who()));
    assert_eq!(two.renew(None).await.unwrap_err().kind, FailureKind::Conflict);
    two.release().await.unwrap();
    assert_eq!(holder(&platform), one.who());
    let tick = SystemClock.now();
    one.renew(Some(tick)).await.unwrap();
    let seen = two.observe().await.unwrap().unwrap();
    assert_eq!(seen.ticked_at.map(|at| at.timestamp_micros()), Some(tick.timestamp_micros()));
    // Somebody labels the lease by hand: it is still ours.
    let key = Key::new(Resource::Leases, NAMESPACE.to_owned(), LEASE.to_owned());
    let store = platform.cluster(Environment::Production).store();
    store
        .update(&key, Part::Object, false, |lease| {
            lease["metadata"]["labels"] = json!({ "team": "platform" });
            Ok(())
        })
        .unwrap();
    one.renew(None).await.unwrap();
    let object = lease(&platform).unwrap();
    assert_eq!(object.pointer("/metadata/labels/team"), Some(&json!("platform")));
    // Given up, it is free at once.
    one.release().await.unwrap();
    assert!(matches!(two.acquire().await.unwrap(), Hold::Ours(record) if record.transitions == 1));
    assert_eq!(one.renew(None).await.unwrap_err().kind, FailureKind::Conflict);
    // Two dies; one waits for as long as the lease holds, by its own clock.
    drop(two);
    let waited = tokio::time::timeout(DEADLINE, async {
        let mut refusals = 0;
        while matches!(one.acquire().await.unwrap(), Hold::Theirs(_)) {
            refusals += 1;
            tokio::task::yield_now().await;
        }
        refusals
    });
    assert!(waited.await.unwrap() > 1);
    assert_eq!(holder(&platform), one.who());
    // A cluster that cannot be reached is no reason to believe anything.
    let faults = Faults { unreachable: true, ..Faults::default() };
    platform.cluster(Environment::Production).set_faults(faults);
    assert_eq!(one.renew(None).await.unwrap_err().kind, FailureKind::Unreachable);
    assert!(one.observe().await.is_err());
}

#[tokio::test]
async fn who_loses_the_lease_in_the_middle_changes_nothing_more() {
    let platform = Arc::new(platform(Scenario::BadRelease).await);
    merge_settings(&platform, &format!("[agent]\nrun = [\"escalate\", \"notify\"]\n{}", by_lease()));
    let whole = agent_ports(&platform, Duration::minutes(4));
    // The first append costs the lead: another agent takes the lease at that moment.
    let lost = platform.clone();
    let ledger = followed(&whole.ledger, move |_| rob(&lost));
    let (mut agent, watching) = prepared(Ports { ledger, ..whole.clone() }).await;
    assert!(agent.take().await.unwrap().contains("lease"));
    assert_eq!(holder(&platform), agent.leader().who());
    let told = platform.sinks().received().len();
    let deeds = round(&mut agent, &watching).await;
    assert_eq!(holder(&platform), "robber");
    assert!(!agent.leader().leads());
    // The escalation is in the ledger: that was before. Nobody was told, and nothing else was written.
    let after = subjects(&platform);
    assert_eq!(count(&after, "incident.escalated("), 1, "{after:#?}");
    assert_eq!(count(&after, "notice.delivered("), 0, "{after:#?}");
    assert_eq!(platform.sinks().received().len(), told, "{deeds:#?}");
    // What it wanted to do after that came to nothing.
    let good = deeds
        .iter()
        .filter(|deed| deed.result.as_ref().is_ok_and(|outcome| outcome.verdict == Verdict::Pass));
    assert!(deeds.len() > 1 && good.count() == 1, "{deeds:#?}");
    // Every port refuses it, whatever is tried.
    let mine = agent.ports();
    let draft: Draft =
        Box::new(|_: &Operations| Ok(Happening::IncidentAcknowledged { incident: "INC-1".into() }));
    assert_eq!(mine.ledger.append(SystemClock.now(), draft).await.unwrap_err().kind, FailureKind::Conflict);
    assert_eq!(subjects(&platform), after);

    // The next one goes on where it stopped: what was called is told, and not called again.
    let key = Key::new(Resource::Leases, NAMESPACE.to_owned(), LEASE.to_owned());
    platform
        .cluster(Environment::Production)
        .store()
        .update(&key, Part::Object, false, |lease| {
            lease["spec"]["holderIdentity"] = json!("");
            Ok(())
        })
        .unwrap();
    let later = Ports { clock: Arc::new(Ahead(Duration::minutes(6))), ..whole };
    let (mut next, watching) = prepared(later).await;
    next.take().await.unwrap();
    let deeds = round(&mut next, &watching).await;
    let after = subjects(&platform);
    assert_eq!(count(&after, "incident.escalated("), 1, "{deeds:#?}");
    let entries = next.ports().ledger.entries().await.unwrap();
    let told = entries.iter().filter(|entry| {
        matches!(&entry.body, EntryBody::Known(Happening::NoticeDelivered { event, .. }) if event == "incident.escalated")
    });
    assert_eq!(told.count(), usize::from(wants_escalations(&platform)), "{after:#?}");
}

/// Whether any channel of the demo hears of escalations.
fn wants_escalations(platform: &Platform) -> bool {
    let text = std::fs::read_to_string(platform.repository().join("quarterdeck.toml")).unwrap();
    text.contains("incident.escalated")
}

#[tokio::test]
async fn an_agent_speaks_in_no_humans_name() {
    let platform = platform(Scenario::Calm).await;
    let variables = environment(platform.directory(), Some(("Marta Ruiz", "m.ruiz@example.com")));
    let human = ports(platform.repository(), Some(platform.kubeconfig()), variables);
    let journal = Journal::silent(human.clock.clone());
    let refused = serve::prepare(human, Arc::new(Config::default()), &journal).await.err().unwrap();
    assert_eq!(refused.kind, FailureKind::Configuration);
    assert!(refused.message.contains("is a human being"), "{}", refused.render());
}

#[tokio::test]
async fn unfinished_edits_in_the_working_tree_decide_nothing() {
    let platform = platform(Scenario::BadRelease).await;
    let path = Path::new(platform.repository()).join("quarterdeck.toml");
    std::fs::write(&path, "this is = no TOML [").unwrap();
    let (mut agent, watching) = prepared(agent_ports(&platform, Duration::minutes(4))).await;
    agent.take().await.unwrap();
    let deeds = round(&mut agent, &watching).await;
    assert_eq!(named(&deeds, "escalate").len(), 1, "{deeds:#?}");
}
