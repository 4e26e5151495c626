//! The picture of a cluster, from what the loops hear.

use super::*;
use crate::domain::deployment::Health;
use std::sync::Mutex;

fn key(name: &str) -> Key {
    ("shop".to_owned(), name.to_owned())
}

fn workload(name: &str, managed_by: ManagedBy, ready: u32) -> (Key, Kept) {
    let kept = Workload {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        managed_by,
        version: Some("1.0.0".to_owned()),
        desired: 3,
        updated: 3,
        ready,
        health: Health::Healthy,
        revision: None,
        detail: crate::domain::deployment::WorkloadDetail::default(),
    };
    (key(name), Kept::Workload(Arc::new(kept)))
}

fn listed(name: &str, ready: u32) -> Heard {
    let (key, kept) = workload(name, ManagedBy::Deployment, ready);
    Heard::Listed(key, kept)
}

#[test]
fn a_repeated_list_replaces_and_an_unchanged_object_changes_nothing() {
    use Kind::Deployments;
    let mut picture = Picture::default();
    picture.hear(Deployments, Heard::Begun);
    picture.hear(Deployments, listed("a", 3));
    picture.hear(Deployments, listed("b", 3));
    assert!(!picture.dirty && !picture.known);
    assert!(picture.hear(Deployments, Heard::Complete), "the first list is published at once");
    picture.dirty = false;

    let (same, kept) = workload("a", ManagedBy::Deployment, 3);
    picture.hear(Deployments, Heard::Changed(same, kept));
    assert!(!picture.dirty);
    let (changed, kept) = workload("a", ManagedBy::Deployment, 2);
    picture.hear(Deployments, Heard::Changed(changed, kept));
    assert!(picture.dirty);

    picture.hear(Deployments, Heard::Begun);
    picture.hear(Deployments, listed("b", 3));
    assert_eq!(picture.view().unwrap().workloads.len(), 2, "until it is complete the old list stays");
    assert!(!picture.hear(Deployments, Heard::Complete));
    assert_eq!(picture.view().unwrap().workloads.keys().collect::<Vec<_>>(), [&key("b")]);
    picture.hear(Deployments, Heard::Gone(key("b")));
    assert!(picture.view().unwrap().workloads.is_empty());
}

#[test]
fn kinds_fail_alone() {
    let mut picture = Picture::default();
    picture.hear(Kind::Applications, Heard::Missing("not installed in this cluster".to_owned()));
    picture.hear(Kind::Rollouts, Heard::Failed(Failure::unreachable("x").cause("500")));
    picture.hear(Kind::Deployments, Heard::Begun);
    picture.hear(Kind::Deployments, listed("a", 3));
    picture.hear(Kind::Deployments, Heard::Complete);
    let view = picture.view().unwrap();
    assert_eq!(view.workloads.len(), 1);
    assert_eq!(view.missing["applications"], "not installed in this cluster");
    assert_eq!(view.missing["rollouts"], "no answer: 500");

    let (rollout, kept) = workload("a", ManagedBy::ArgoRollouts, 1);
    picture.hear(Kind::Rollouts, Heard::Listed(rollout, kept));
    picture.hear(Kind::Rollouts, Heard::Complete);
    let view = picture.view().unwrap();
    assert!(!view.missing.contains_key("rollouts"));
    assert_eq!(view.workloads[&key("a")].managed_by, ManagedBy::ArgoRollouts);

    picture.hear(Kind::Deployments, Heard::Failed(Failure::unreachable("gone")));
    assert_eq!(picture.view().unwrap_err().message, "gone");
    picture.hear(Kind::Deployments, Heard::Complete);
    assert!(picture.view().is_ok());
}

#[tokio::test]
async fn a_flood_is_coalesced_and_its_end_is_seen() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let publish: PublishCluster = Arc::new(move |view| sink.lock().unwrap().push(view));
    let (sender, heard) = mpsc::channel(64);
    let flood = async move {
        sender.send((Kind::Deployments, listed("a", 0))).await.unwrap();
        sender.send((Kind::Deployments, Heard::Complete)).await.unwrap();
        for ready in 1..=5_000 {
            let (key, kept) = workload("a", ManagedBy::Deployment, ready);
            sender.send((Kind::Deployments, Heard::Changed(key, kept))).await.unwrap();
        }
        // The last change waits for its turn, so the sender must outlive it.
        tokio::time::sleep(Duration::from_millis(40)).await;
    };
    let began = std::time::Instant::now();
    futures::join!(flood, paint(heard, publish, Duration::from_millis(20)));
    let most = began.elapsed().as_millis() / 20 + 2;
    let seen = seen.lock().unwrap();
    assert!(seen.len() as u128 <= most, "{} publications, {most} allowed", seen.len());
    let last = seen.last().unwrap().as_ref().unwrap();
    assert_eq!(last.workloads[&key("a")].ready, 5_000);
}

#[test]
fn jitter_stays_between_half_and_whole() {
    for _ in 0..100 {
        let pause = jittered(Duration::from_secs(10));
        assert!((Duration::from_secs(5)..=Duration::from_secs(10)).contains(&pause), "{pause:?}");
    }
}
