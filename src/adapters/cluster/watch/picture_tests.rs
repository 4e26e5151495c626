//! The picture of a cluster, from what the loops hear.

use super::*;
use crate::{
    adapters::cluster::watch::paint,
    domain::{catalog::ManagedBy, deployment::Health},
    ports::PublishCluster,
};
use chrono::DateTime;
use std::{sync::Mutex, time::Duration};
use tokio::sync::{Notify, mpsc};

fn key(name: &str) -> ObjectKey {
    Arc::new(("shop".to_owned(), name.to_owned()))
}

fn workload(name: &str, managed_by: ManagedBy, ready: u32) -> (ObjectKey, Kept) {
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
    assert_eq!(picture.view().unwrap().workloads.keys().cloned().collect::<Vec<_>>(), [key("b")]);
    let (gone, kept) = workload("b", ManagedBy::Deployment, 3);
    picture.hear(Deployments, Heard::Gone(gone, kept));
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
    assert_eq!(view.workloads[&*key("a")].managed_by, ManagedBy::ArgoRollouts);

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
    let first = Notify::new();
    futures::join!(flood, paint(heard, publish, Duration::from_millis(20), &first));
    let most = began.elapsed().as_millis() / 20 + 2;
    let seen = seen.lock().unwrap();
    assert!(seen.len() as u128 <= most, "{} publications, {most} allowed", seen.len());
    let last = seen.last().unwrap().as_ref().unwrap();
    assert_eq!(last.workloads[&*key("a")].ready, 5_000);
}

/// A pod of a workload.
fn pod(name: &str, workload: &str, count: u32) -> (ObjectKey, Kept) {
    let last = (count > 0).then(|| DateTime::from_timestamp(i64::from(count), 0)).flatten();
    (key(workload), Kept::Pod(name.into(), Restarts { count, last }))
}

#[test]
fn restarts_are_summed_over_the_pods_of_a_workload() {
    use Kind::Pods;
    let mut picture = Picture::default();
    picture.hear(Kind::Deployments, listed("a", 3));
    picture.hear(Kind::Deployments, Heard::Complete);
    let told = |picture: &mut Picture, name: &str| {
        picture.view().unwrap().restarts_of(&key(name)).map(|restarts| restarts.count)
    };
    assert_eq!(told(&mut picture, "a"), None, "until pods are listed nothing is known");
    for (name, count) in [("a-1", 2), ("a-2", 0)] {
        let (key, kept) = pod(name, "a", count);
        picture.hear(Pods, Heard::Listed(key, kept));
    }
    assert_eq!(told(&mut picture, "a"), None);
    picture.hear(Pods, Heard::Complete);
    assert_eq!((told(&mut picture, "a"), told(&mut picture, "b")), (Some(2), Some(0)));
    for (name, count, gone, dirty, sum) in [
        ("a-1", 2, false, false, 2),
        ("a-2", 3, false, true, 5),
        ("a-3", 0, false, false, 5),
        ("a-2", 3, true, true, 2),
        ("a-2", 3, true, false, 2),
        ("a-1", 2, true, true, 0),
    ] {
        picture.dirty = false;
        let (key, kept) = pod(name, "a", count);
        picture.hear(Pods, if gone { Heard::Gone(key, kept) } else { Heard::Changed(key, kept) });
        assert_eq!((picture.dirty, told(&mut picture, "a")), (dirty, Some(sum)), "{name} {count} {gone}");
    }
    let (at, kept) = pod("a-1", "a", 7);
    picture.hear(Pods, Heard::Changed(at, kept));
    let last = picture.view().unwrap().restarts_of(&key("a")).unwrap().last;
    assert_eq!(last, DateTime::from_timestamp(7, 0));
    picture.hear(Pods, Heard::Missing("not allowed: pods".to_owned()));
    assert_eq!(told(&mut picture, "a"), None, "what cannot be seen is not none");
}

#[test]
fn what_did_not_change_is_shared_with_what_was_published_before() {
    let mut picture = Picture::default();
    for name in ["a", "b"] {
        picture.hear(Kind::Deployments, listed(name, 3));
    }
    picture.hear(Kind::Deployments, Heard::Complete);
    let before = picture.view().unwrap();
    let (changed, kept) = workload("a", ManagedBy::Deployment, 1);
    picture.hear(Kind::Deployments, Heard::Changed(changed, kept));
    let after = picture.view().unwrap();
    assert_eq!((before.workloads[&*key("a")].ready, after.workloads[&*key("a")].ready), (3, 1));
    assert!(Arc::ptr_eq(&before.workloads[&*key("b")], &after.workloads[&*key("b")]));
    let keys = |view: &ClusterView| view.workloads.keys().cloned().collect::<Vec<_>>();
    assert!(keys(&before).iter().zip(keys(&after)).all(|(one, two)| Arc::ptr_eq(one, &two)));
    assert!(Arc::ptr_eq(&before.applications, &after.applications));
    assert!(Arc::ptr_eq(&before.keepers, &after.keepers));
    assert!(Arc::ptr_eq(&after.workloads, &picture.view().unwrap().workloads));
}

#[test]
fn a_repeated_list_shares_what_is_as_it_was() {
    let mut picture = Picture::default();
    let relisted = |picture: &mut Picture, workloads: &[(&str, u32)], pods: &[(&str, &str, u32)]| {
        for kind in [Kind::Deployments, Kind::Pods] {
            picture.hear(kind, Heard::Begun);
        }
        for (name, ready) in workloads {
            picture.hear(Kind::Deployments, listed(name, *ready));
        }
        for (name, workload, count) in pods {
            let (key, kept) = pod(name, workload, *count);
            picture.hear(Kind::Pods, Heard::Listed(key, kept));
        }
        for kind in [Kind::Deployments, Kind::Pods] {
            picture.hear(kind, Heard::Complete);
        }
        picture.view().unwrap()
    };
    let pods = [("a-1", "a", 1), ("b-1", "b", 0)];
    let before = relisted(&mut picture, &[("a", 3), ("b", 3)], &pods);
    let same = relisted(&mut picture, &[("b", 3), ("a", 3)], &pods);
    assert!(Arc::ptr_eq(&before.workloads, &same.workloads));
    assert!(Arc::ptr_eq(before.restarts.as_ref().unwrap(), same.restarts.as_ref().unwrap()));

    let after = relisted(&mut picture, &[("a", 1), ("b", 3), ("c", 3)], &[("a-1", "a", 2)]);
    assert_eq!((after.workloads.len(), after.workloads[&*key("a")].ready), (3, 1));
    assert!(Arc::ptr_eq(&before.workloads[&*key("b")], &after.workloads[&*key("b")]));
    let keys = |view: &ClusterView| view.workloads.keys().take(2).cloned().collect::<Vec<_>>();
    assert!(keys(&before).iter().zip(keys(&after)).all(|(one, two)| Arc::ptr_eq(one, &two)));
    assert_eq!(after.restarts_of(&key("a")).unwrap().count, 2);

    let fewer = relisted(&mut picture, &[("a", 1)], &[]);
    assert_eq!((fewer.workloads.len(), fewer.restarts_of(&key("a")).unwrap().count), (1, 0));
}

#[test]
fn a_cluster_that_does_not_answer_is_not_called_fresh() {
    let mut picture = Picture::default();
    picture.hear(Kind::Deployments, listed("a", 3));
    picture.hear(Kind::Deployments, Heard::Complete);
    let late = || Heard::Mute(Failure::unreachable("late"));
    assert!(picture.hear(Kind::Deployments, late()), "it is told at once");
    assert!(!picture.hear(Kind::Deployments, late()), "and once");
    assert_eq!(picture.view().unwrap_err().message, "late");
    picture.dirty = false;
    picture.hear(Kind::Deployments, Heard::Alive);
    assert!(picture.dirty && picture.view().is_ok());
    // An answer to that question does not mend a watch that fails.
    picture.hear(Kind::Deployments, Heard::Failed(Failure::unreachable("watch")));
    picture.hear(Kind::Deployments, Heard::Alive);
    assert_eq!(picture.view().unwrap_err().message, "watch");
}
