//! What may go wrong between us and a cluster, against the simulated API: each fault is noticed, told in words, harms
//! nothing else, and is over when it is over.

use super::{
    cluster::{Bench, Seen, bench, target, until},
    console::{self, DEADLINE},
};
use quarterdeck::{
    adapters::cluster::{Connections, KubeCluster},
    demo::{
        Environment, Scenario,
        kubernetes::{
            faults::Faults,
            resources::Resource,
            store::{Key, Part},
        },
    },
    domain::{catalog::ManagedBy, deployment::Health},
    engine::headless::Engine,
    error::{Failure, FailureKind},
    ports::{Cluster as _, PublishCluster},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

const AUTH: &str = "shared-auth";

fn is_paused(view: &Result<quarterdeck::domain::deployment::ClusterView, Failure>) -> bool {
    let key = ("shared".to_owned(), AUTH.to_owned());
    view.as_ref()
        .is_ok_and(|view| view.workloads.get(&key).is_some_and(|workload| workload.health == Health::Paused))
}

fn is_seen(view: &Result<quarterdeck::domain::deployment::ClusterView, Failure>) -> bool {
    let key = ("shared".to_owned(), AUTH.to_owned());
    view.as_ref().is_ok_and(|view| view.workloads.contains_key(&key) && view.restarts.is_some())
}

/// Pauses a Deployment behind the back of whoever watches.
fn pause(bench: &Bench) {
    let key = Key::new(Resource::Deployments, "shared", AUTH);
    let paused = bench.simulated.store().update(&key, Part::Object, false, |object| {
        object["spec"]["paused"] = true.into();
        Ok(())
    });
    paused.unwrap();
}

fn calls(bench: &Bench, call: &str) -> usize {
    bench.simulated.store().count(call)
}

/// Watches with a cluster whose deadlines are the test's.
pub fn watching(cluster: KubeCluster) -> (watch::Receiver<Seen>, tokio::task::JoinHandle<()>) {
    let (sender, receiver) = watch::channel(None);
    let publish: PublishCluster = Arc::new(move |view| {
        sender.send_replace(Some(view));
    });
    (receiver, tokio::spawn(async move { cluster.watch(publish).await }))
}

fn connected(bench: &Bench) -> KubeCluster {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- {{name: c, cluster: {{server: '{}'}}}}\ncontexts:\n- {{name: demo-production, context: {{cluster: c, user: u}}}}\nusers: []\n",
        bench.simulated.url()
    );
    std::fs::write(&path, text).unwrap();
    KubeCluster::of(&Connections::open(Some(&path)).unwrap(), &"demo-production".into()).unwrap()
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_and_that_is_said() {
    let bench = bench().await;
    bench.simulated.set_faults(Faults { hang: true, ..Faults::default() });
    let patience = Duration::from_millis(100);
    let (mut receiver, task) = watching(connected(&bench).with_deadline(patience));
    until(&mut receiver, |seen| {
        seen.as_ref().is_err_and(|failure| {
            failure.kind == FailureKind::Unreachable
                && failure.render().contains("it did not answer within 0.1 s")
                && failure.message.contains("demo-production")
        })
    })
    .await;
    task.abort();
    let cluster = connected(&bench).with_deadline(patience);
    let late = cluster.pods(&target(AUTH, ManagedBy::Deployment)).await.unwrap_err();
    assert_eq!(late.kind, FailureKind::Unreachable);
    assert!(late.render().contains("it did not answer within 0.1 s"), "{}", late.render());
}

#[tokio::test]
async fn a_server_that_hangs_in_the_midst_is_noticed_though_its_watches_are_open() {
    let bench = bench().await;
    let patience = Duration::from_secs(1);
    let (mut receiver, task) = watching(connected(&bench).with_deadline(patience).with_turn(1));
    until(&mut receiver, is_seen).await;
    bench.simulated.set_faults(Faults { hang: true, ..Faults::default() });
    until(&mut receiver, |seen| {
        seen.as_ref().is_err_and(|failure| failure.render().contains("did not answer"))
    })
    .await;
    bench.simulated.set_faults(Faults::default());
    pause(&bench);
    until(&mut receiver, is_paused).await;
    task.abort();
}

#[tokio::test]
async fn a_watch_that_fell_silent_is_begun_anew_where_it_was() {
    let bench = bench().await;
    let (mut receiver, task) = watching(connected(&bench).with_turn(1));
    until(&mut receiver, is_seen).await;
    let lists = calls(&bench, "list deployments.apps");
    // No end, no error, no event: only the time that passes tells.
    bench.simulated.set_faults(Faults { silent_watches: 1, ..Faults::default() });
    pause(&bench);
    until(&mut receiver, is_paused).await;
    assert_eq!(calls(&bench, "list deployments.apps"), lists, "it goes on, and lists nothing again");
    task.abort();
}

#[tokio::test]
async fn a_watch_that_breaks_off_in_an_event_goes_on_where_it_was() {
    let bench = bench().await;
    let (mut receiver, task) = watching(connected(&bench));
    until(&mut receiver, is_seen).await;
    let lists = calls(&bench, "list deployments.apps");
    bench.simulated.set_faults(Faults { broken_watches: 1, ..Faults::default() });
    pause(&bench);
    until(&mut receiver, is_paused).await;
    assert_eq!(
        calls(&bench, "list deployments.apps"),
        lists,
        "what was missed is told, and nothing is listed"
    );
    task.abort();
}

#[tokio::test]
async fn what_happened_in_a_gap_that_nobody_remembers_is_listed_again() {
    let bench = bench().await;
    let (mut receiver, task) = watching(connected(&bench));
    until(&mut receiver, is_seen).await;
    let lists = calls(&bench, "list deployments.apps");
    bench.simulated.set_faults(Faults { broken_watches: 1, ..Faults::default() });
    bench.simulated.store().delete(&Key::new(Resource::Deployments, "shared", AUTH), false).unwrap();
    bench.simulated.compact();
    // The watch is told 410, and what was deleted meanwhile is not among what is listed then.
    let others = |view: &quarterdeck::domain::deployment::ClusterView| {
        !view.workloads.contains_key(&("shared".to_owned(), AUTH.to_owned())) && view.workloads.len() > 5
    };
    until(&mut receiver, |seen| seen.as_ref().is_ok_and(others)).await;
    assert!(calls(&bench, "list deployments.apps") > lists);
    task.abort();
}

#[tokio::test]
async fn a_server_with_too_much_to_do_says_for_how_long_and_a_broken_one_what_it_said() {
    for (faults, words) in [
        (Faults { error_429: true, ..Faults::default() }, "asks us to wait 1 s"),
        (Faults { error_500: true, ..Faults::default() }, "the API server answered 500"),
    ] {
        let bench = bench().await;
        bench.simulated.set_faults(faults);
        let (mut receiver, task) = watching(connected(&bench));
        until(&mut receiver, |seen| {
            seen.as_ref().is_err_and(|failure| {
                failure.kind == FailureKind::Unreachable && failure.render().contains(words)
            })
        })
        .await;
        let called = bench.cluster.pods(&target(AUTH, ManagedBy::Deployment)).await.unwrap_err();
        assert!(called.render().contains(words), "{}", called.render());
        bench.simulated.set_faults(Faults::default());
        until(&mut receiver, is_seen).await;
        task.abort();
    }
}

#[tokio::test]
async fn a_patch_that_is_refused_is_sent_once_and_says_who_may_help() {
    let bench = bench().await;
    let target = target(AUTH, ManagedBy::Deployment);
    let route = bench.cluster.plan_rollback(&target, None).await.unwrap();
    let before = bench.simulated.object(Resource::Deployments, "shared", AUTH).unwrap();
    for (faults, kind, words) in [
        (Faults { forbid_patch: true, ..Faults::default() }, FailureKind::Forbidden, "403"),
        (Faults { error_429: true, ..Faults::default() }, FailureKind::Unreachable, "asks us to wait 1 s"),
        (Faults { error_500: true, ..Faults::default() }, FailureKind::Unreachable, "500"),
    ] {
        bench.simulated.set_faults(faults);
        let patches = calls(&bench, "patch deployments.apps");
        let refused = bench.cluster.start_rollback(&target, &route).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{}", refused.render());
        assert!(refused.render().contains(words), "{}", refused.render());
        // Only the refusal of the object itself comes as far as being counted.
        let counted = usize::from(kind == FailureKind::Forbidden);
        assert_eq!(calls(&bench, "patch deployments.apps") - patches, counted, "{}", refused.render());
    }
    bench.simulated.set_faults(Faults::default());
    assert_eq!(bench.simulated.object(Resource::Deployments, "shared", AUTH).unwrap(), before);
    // It was not retried behind our back, and works when it is asked for again.
    bench.cluster.start_rollback(&target, &route).await.unwrap();
}

#[tokio::test]
async fn pods_that_may_not_be_seen_hide_the_restarts_and_nothing_else() {
    let bench = bench().await;
    let (mut receiver, task) = watching(connected(&bench));
    until(&mut receiver, |seen| {
        seen.as_ref().is_ok_and(|view| {
            let restarted = view.restarts.iter().flat_map(|all| all.iter());
            restarted.into_iter().any(|(_, restarts)| restarts.count > 0 && restarts.last.is_some())
        })
    })
    .await;
    task.abort();
    bench.simulated.set_faults(Faults { forbid_everything: true, ..Faults::default() });
    let (mut receiver, task) = watching(connected(&bench));
    until(&mut receiver, |seen| {
        seen.as_ref().is_ok_and(|view| view.missing.contains_key("pods") && view.restarts.is_none())
    })
    .await;
    task.abort();
}

#[tokio::test]
async fn one_cluster_that_hangs_delays_no_other() {
    let platform = console::platform(Scenario::BadRelease).await;
    platform.cluster(Environment::Staging).set_faults(Faults { hang: true, ..Faults::default() });
    let variables = console::environment(platform.directory(), None);
    let mut engine: Engine = console::engine(platform.repository(), platform.kubeconfig(), variables);
    let production = |engine: &Engine| {
        let world = &engine.model.world;
        world.clusters.get("demo-production").and_then(|cluster| cluster.value.clone())
    };
    let live = engine
        .until(DEADLINE, |model| {
            let place = model.world.joined.service(AUTH).and_then(|row| row.place("production"));
            place.is_some_and(|place| place.workload.is_some() && place.restarts.is_some())
        })
        .await;
    assert!(live, "{}", console::screen(&engine.model));
    // The other one has said nothing yet; a person who asks it closely hears of it, and one who asks this one is served.
    assert!(engine.model.world.clusters.get("demo-staging").is_none_or(|cluster| cluster.value.is_none()));
    let cluster = engine.outside.cluster(&"demo-production".into()).unwrap();
    let pods = cluster.pods(&target(AUTH, ManagedBy::Deployment)).await.unwrap();
    assert!(!pods.is_empty());
    // What changes there is seen as ever.
    let key = Key::new(Resource::Deployments, "shared", AUTH);
    let store = platform.cluster(Environment::Production).store();
    store
        .update(&key, Part::Object, false, |object| {
            object["spec"]["paused"] = true.into();
            Ok(())
        })
        .unwrap();
    let seen = engine
        .until(DEADLINE, |model| {
            let place = model.world.joined.service(AUTH).and_then(|row| row.place("production"));
            place.and_then(|place| place.workload.as_ref()).is_some_and(|seen| seen.health == Health::Paused)
        })
        .await;
    assert!(seen && production(&engine).is_some(), "{}", console::screen(&engine.model));
}
