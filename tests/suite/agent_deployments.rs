//! The agent and deployments: it finishes what a console has begun, stops when it loses the lead, and tells again what
//! did not reach its channels. A console takes its place and gives it back.

use crate::{
    agent::{AGENT, LEASE, NAMESPACE, by_lease, holder, merge_settings, named, prepared, rob, round},
    console::{Console, config, environment, ports, screen},
    deployments_killed::{BROKEN, Ground, SHOP},
    witness::followed,
};
use chrono::Duration;
use quarterdeck::{
    demo::{
        Environment, Scenario,
        kubernetes::{
            resources::Resource,
            store::{Key, Part},
        },
    },
    domain::{
        deployment::{order::Stage, record::Ending, release::ReleaseStep},
        ledger::{self, Entry, EntryBody, Happening},
        name::{CommitId, DeploymentId},
    },
    engine::{Outside, Reporter, deploy},
    error::FailureKind,
    model::ui::Overlay,
    ports::{Draft, Ports},
};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};

const WEIGHT: Stage = Stage::Step(ReleaseStep::Weight(5));

/// What the agent has to do with a ground: its own identity, and the ground's clock.
fn agent_ports(ground: &Ground) -> Ports {
    let platform = &ground.platform;
    let mut variables = environment(platform.directory(), None);
    variables.extend(platform.environment(AGENT.0, AGENT.1));
    let all = ports(platform.repository(), Some(platform.kubeconfig()), variables);
    Ports { clock: ground.clock.clone(), ..all }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_finishes_a_deployment_whose_console_was_cut_off() {
    let ground = Ground::new("cart", BROKEN).await;
    merge_settings(&ground.platform, "[agent]\nrun = [\"deployments\"]");
    let id = ground.start("canary", SHOP).await;
    let console = Outside::new(ground.ports.clone());
    let at = |stage: Stage| {
        move |record: &quarterdeck::domain::deployment::record::DeploymentRecord| {
            record.next_leg().map(|leg| leg.stage) == Some(stage)
        }
    };
    ground.until(&console, &id, at(Stage::Health(ReleaseStep::Weight(5)))).await;
    drop(console);
    let before = ground.ports.ledger.entries().await.unwrap().len();
    let (mut agent, watching) = prepared(agent_ports(&ground)).await;
    agent.take().await.unwrap();
    let deeds = round(&mut agent, &watching).await;
    let said = named(&deeds, "deployments");
    assert!(said.len() == 1 && said[0].contains("rolled back"), "{deeds:#?}");
    let record = ground.record(&id).await;
    assert_eq!(record.finished.as_ref().map(|end| end.ending), Some(Ending::RolledBack), "{record:#?}");
    // All the rest was the agent's, and nothing was done twice.
    let entries = ground.ports.ledger.entries().await.unwrap();
    assert!(entries.len() > before && entries[before..].iter().all(|entry| entry.actor.name == AGENT.0));
    let writes = ground.writes();
    assert_eq!(writes.iter().collect::<BTreeSet<_>>().len(), writes.len(), "{writes:?}");
    assert_eq!(writes.len(), 2, "made and taken away: {writes:?}");
    // One who has not seen that looks once more, and writes nothing.
    round(&mut agent, &watching).await;
    assert_eq!(ground.ports.ledger.entries().await.unwrap().len(), entries.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_loses_the_lease_in_the_middle_of_a_canary_stops_before_the_next_mutation() {
    let ground = Ground::new("cart", BROKEN).await;
    merge_settings(&ground.platform, &format!("[agent]\nrun = [\"deployments\"]\n{}", by_lease()));
    let id = ground.start("canary", SHOP).await;
    let whole = agent_ports(&ground);
    let platform = Arc::new(ground.platform);
    let lost = platform.clone();
    let claims =
        |happening: &Happening| matches!(happening, Happening::StageBegan { leg, .. } if leg.stage == WEIGHT);
    let ledger = followed(&whole.ledger, move |happening| {
        if claims(happening) {
            rob(&lost);
        }
    });
    let (mut agent, watching) = prepared(Ports { ledger, ..whole.clone() }).await;
    agent.take().await.unwrap();
    assert_eq!(holder(&platform), agent.leader().who());
    let deeds = round(&mut agent, &watching).await;
    assert_eq!((holder(&platform).as_str(), agent.leader().leads()), ("robber", false));
    let failure = deeds[0].result.as_ref().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict, "{deeds:#?}");
    // It had claimed the step, and has neither taken it nor written another word.
    let writes = || platform.cluster(Environment::Production).store().writes();
    assert_eq!(writes(), Vec::<String>::new());
    let newest = whole.ledger.entries().await.unwrap().pop().unwrap();
    assert!(matches!(&newest.body, EntryBody::Known(happening) if claims(happening)), "{newest:?}");

    // The next one waits until the claim has lapsed, and goes on.
    let key = Key::new(Resource::Leases, NAMESPACE.to_owned(), LEASE.to_owned());
    let store = platform.cluster(Environment::Production).store();
    store
        .update(&key, Part::Object, false, |lease| {
            lease["spec"]["holderIdentity"] = json!("");
            Ok(())
        })
        .unwrap();
    ground.clock.pass(whole.clock.now() + Duration::minutes(3));
    let (mut next, watching) = prepared(whole.clone()).await;
    next.take().await.unwrap();
    let deeds = round(&mut next, &watching).await;
    assert!(named(&deeds, "deployments")[0].contains("rolled back"), "{deeds:#?}");
    let state = whole.ledger.state().await.unwrap();
    let record = state.operations.deployment(id.as_str()).unwrap();
    assert_eq!(record.finished.as_ref().map(|end| end.ending), Some(Ending::RolledBack));
    assert_eq!(writes().len(), 2, "{:?}", writes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_deployment_is_told_again_to_a_channel_that_did_not_answer() {
    let ground = Ground::new("cart", BROKEN).await;
    let channel = "/services/T0SHOP/B0OPERATIONS/demo";
    ground.settings(channel, "/nowhere/at/all");
    merge_settings(&ground.platform, "[agent]\nrun = [\"notify\"]");
    let order = ground.order("canary").await;
    let outside = Outside::new(ground.ports.clone());
    let (id, _) = deploy::start(&outside, &order).await.unwrap();
    let kept = id.clone();
    let draft: Draft = Box::new(move |operations| ledger::cancel(operations, &kept, "not today"));
    ground.ports.ledger.append(ground.ports.clock.now(), draft).await.unwrap();
    while ground.record(&id).await.is_open() {
        deploy::advance(&outside, &id, &Reporter::silent()).await.unwrap();
    }
    let notices = async || {
        let entries = ground.ports.ledger.entries().await.unwrap();
        let of_end = |entry: &Entry| match &entry.body {
            EntryBody::Known(Happening::NoticeDelivered { event, deliveries, of, .. })
                if event == "deployment.finished" =>
            {
                Some((deliveries[0].channel.clone(), deliveries[0].failed.is_none(), of.clone().unwrap()))
            }
            _ => None,
        };
        entries.iter().filter_map(of_end).collect::<Vec<_>>()
    };
    let end = ended(&ground, &id).await;
    assert_eq!(notices().await, [("operations".to_owned(), false, end.clone())]);
    assert_eq!(ground.platform.sinks().received().len(), 0);

    // The channel is there again, and an agent comes by after a while.
    ground.settings("/nowhere/at/all", channel);
    ground.clock.pass(ground.ports.clock.now() + Duration::minutes(5));
    let (mut agent, watching) = prepared(agent_ports(&ground)).await;
    agent.take().await.unwrap();
    let deeds = round(&mut agent, &watching).await;
    let said = named(&deeds, "notify");
    assert!(
        said.iter().any(|said| said.contains(&format!("deployment.finished of {id}: told operations"))),
        "{deeds:#?}"
    );
    assert_eq!(
        notices().await,
        [("operations".to_owned(), false, end.clone()), ("operations".to_owned(), true, end)]
    );
    let received = ground.platform.sinks().received();
    assert!(received.len() == 1 && received[0].accepted, "{received:?}");
    assert!(received[0].body.to_string().contains("not today"), "{received:?}");
    // Whoever has heard is not told again, also not by one who has not seen that.
    let again = round(&mut agent, &watching).await;
    assert!(again.iter().all(|deed| deed.result.is_err()), "{again:#?}");
    assert_eq!(ground.platform.sinks().received().len(), 1);
}

/// The commit of a deployment's end.
async fn ended(ground: &Ground, id: &DeploymentId) -> CommitId {
    let entries = ground.ports.ledger.entries().await.unwrap();
    let is_end = |entry: &&Entry| matches!(&entry.body, EntryBody::Known(Happening::DeploymentFinished { deployment, .. }) if deployment == id);
    entries.iter().find(is_end).unwrap().commit.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_takes_the_agents_place_by_keys_and_gives_it_back() {
    let mut console = Box::pin(Console::with(Scenario::Calm, None, config(""))).await;
    merge_settings(&console.platform, "[agent]\nrun = [\"notify\"]");
    console
        .until("the agent has little to do", |model| {
            let catalog = model.world.catalog.value.as_ref();
            catalog.is_some_and(|catalog| catalog.settings.agent.run.is_some())
                && model.world.agent.value.is_some()
        })
        .await;
    let run = async |console: &mut Console, name: &str| {
        console.keys(":");
        console.type_text(name);
        console.keys("enter");
        let plan = console.plan().await;
        console.keys("y");
        console.done().await;
        console.keys("esc");
        plan
    };
    let plan = run(&mut console, "agent.assume").await;
    assert!(
        plan.facts.iter().any(|(label, value)| label == "as" && value.contains("Marta Ruiz")),
        "{:?}",
        plan.facts
    );
    let is_here =
        |model: &quarterdeck::model::Model| model.world.agent.value.as_ref().is_some_and(|view| view.is_here);
    console.until("the console is the agent", is_here).await;
    let shown = screen(console.model());
    assert!(shown.contains("AGENT HERE"), "{shown}");
    // A second time it says that it is.
    console.keys(":");
    console.type_text("agent.assume");
    console.keys("enter");
    assert!(!matches!(console.overlay(), Some(Overlay::Confirm { .. })), "{}", screen(console.model()));
    console.keys("esc esc");
    run(&mut console, "agent.yield").await;
    console.until("the console is no longer the agent", |model| !is_here(model)).await;
    assert!(!screen(console.model()).contains("AGENT HERE"));
}
