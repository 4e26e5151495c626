//! The join: each step gives what a join of everything gives, and keeps what did not change.

use super::*;
use crate::domain::{
    catalog::reader,
    deployment::{ObjectKey, ObjectRef},
};
use std::fmt::Write as _;

/// A world of thirty services in one cluster.
fn world() -> World {
    let mut text = String::new();
    for index in 0..30 {
        let _ = write!(
            text,
            "[service.s{index}]\nname = \"s{index}\"\ntype = \"api\"\nowner = \"core\"\nversion = \"1.0.0\"\n\
             [service.s{index}.sla]\navailability = \"99.9%\"\n"
        );
    }
    let settings = "[environment.production]\ncontext = \"one\"\nnamespace = \"shop\"\nproduction = true\n";
    let catalog = reader::read([
        ("services/catalog.toml".to_owned(), text.into_bytes()),
        ("quarterdeck.toml".to_owned(), settings.as_bytes().to_vec()),
    ]);
    let mut world = World::default();
    world.catalog.value = Some(Arc::new(catalog));
    world.clusters.entry("one".into()).or_default().value = Some(Arc::default());
    world
}

fn workload(name: &str, ready: u32) -> Workload {
    Workload {
        namespace: "shop".into(),
        name: name.into(),
        managed_by: crate::domain::catalog::ManagedBy::Deployment,
        version: Some("1.0.0".into()),
        desired: 3,
        updated: 3,
        ready,
        health: Health::Healthy,
        revision: Some(1),
        detail: crate::domain::deployment::WorkloadDetail::default(),
    }
}

/// Another picture of the cluster.
fn show(world: &mut World, change: impl FnOnce(&mut ClusterView)) {
    let source = world.clusters.get_mut("one").unwrap();
    let mut view = ClusterView::clone(source.value.as_ref().unwrap());
    change(&mut view);
    source.value = Some(Arc::new(view));
}

fn measure(world: &mut World, service: &str, errors: f64) {
    let mut view = world.metrics.value.as_deref().cloned().unwrap_or_default();
    let endpoint = Endpoint { service: service.into(), environment: "production".into() };
    let requests = 10_000.0;
    view.endpoints.insert(
        endpoint,
        Indicators {
            requests,
            availability: Some(1.0 - errors),
            error_ratio: Some(errors),
            ..Indicators::default()
        },
    );
    world.metrics.value = Some(Arc::new(view));
}

#[test]
fn what_nobody_measures_is_not_waited_for() {
    let why = |world: &World| {
        let joined = Joined::new(world);
        joined.service("s3").unwrap().places[0].judgement.reasons.join("; ")
    };
    let mut world = world();
    assert_eq!(why(&world), UNMEASURED);
    let mut catalog = Catalog::clone(world.catalog.value.as_ref().unwrap());
    catalog.settings.scrape = Some(crate::domain::catalog::ScrapeSettings {
        url: "http://{service}/metrics".into(),
        interval: chrono::Duration::seconds(15),
        timeout: chrono::Duration::seconds(5),
    });
    world.catalog.value = Some(Arc::new(catalog));
    assert_eq!(why(&world), "not scraped yet");
}

#[test]
fn each_step_gives_what_a_join_of_everything_gives_and_keeps_the_other_rows() {
    let mut world = world();
    let mut joined = Joined::new(&world);
    let mut step = |world: &World, anew: usize| {
        let next = joined.next(world);
        assert!(next == Joined::new(world), "not what a join of everything gives");
        let kept = |row: &&Arc<ServiceRow>| {
            joined.service(row.service.name.as_str()).is_some_and(|before| Arc::ptr_eq(before, row))
        };
        assert_eq!(next.services.iter().filter(kept).count(), 30 - anew);
        joined = next;
    };
    step(&world, 0);
    show(&mut world, |view| view.put(workload("s3", 1)));
    step(&world, 1);
    // The same picture once more, with the same objects in it.
    show(&mut world, |_| {});
    step(&world, 0);
    show(&mut world, |view| view.put(workload("s3", 3)));
    step(&world, 1);
    // What no service shows concerns nobody; what is gone does.
    show(&mut world, |view| {
        view.put(workload("a-stranger", 3));
        view.put(workload("s29", 3));
    });
    step(&world, 1);
    show(&mut world, |view| {
        Arc::make_mut(&mut view.workloads).retain(|key, _| key.1 != "s3");
        view.put(workload("s4", 3));
    });
    step(&world, 2);
    let key: ObjectKey = Arc::new(("shop".into(), "s4".into()));
    let restarted = |count| Restarts { count, last: None };
    show(&mut world, |view| view.restarts = Some(Arc::default()));
    step(&world, 30);
    show(&mut world, |view| {
        let restarts = view.restarts.get_or_insert_default();
        Arc::make_mut(restarts).insert(Arc::clone(&key), restarted(2));
    });
    step(&world, 1);
    show(&mut world, |view| view.restarts = Some(Arc::new([(Arc::clone(&key), restarted(2))].into())));
    step(&world, 0);
    show(&mut world, |view| view.restarts = None);
    step(&world, 30);
    // A keeper is found through the workload that names it.
    let apps = ObjectRef { kind: "Kustomization".into(), namespace: "flux".into(), name: "apps".into() };
    let keeper = |ready| Keeper {
        object: apps.clone(),
        ready: Some(ready),
        message: String::new(),
        revision: String::new(),
        is_suspended: false,
    };
    show(&mut world, |view| {
        let mut kept = workload("s4", 3);
        kept.detail.keeper = Some(apps.clone());
        view.put(kept);
        Arc::make_mut(&mut view.keepers).insert(apps.clone(), Arc::new(keeper(true)));
    });
    step(&world, 1);
    show(&mut world, |view| {
        Arc::make_mut(&mut view.keepers).insert(apps.clone(), Arc::new(keeper(false)));
    });
    step(&world, 1);
    // Metrics are judged anew for all, and the order of worry follows.
    measure(&mut world, "s7", 0.2);
    step(&world, 30);
    measure(&mut world, "s7", 0.0);
    step(&world, 30);
    // Another catalog, though equal.
    world.catalog.value = Some(Arc::new(world.catalog.value.as_deref().unwrap().clone()));
    step(&world, 30);
    world.clusters.clear();
    step(&world, 2);
    world.catalog.value = None;
    assert!(joined.next(&world) == Joined::new(&world));
}
