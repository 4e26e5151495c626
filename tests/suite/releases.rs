//! Releases and verbs through the real client against the simulated cluster: each manager, each strategy, each step.

use crate::cluster::{Bench, bench, target};
use quarterdeck::{
    demo::{Quality, estate::Service, kubernetes::faults::Faults, kubernetes::resources::Resource},
    domain::{
        catalog::{ManagedBy, Target},
        deployment::{
            RollbackRoute, RolloutStatus,
            release::{Release, ReleaseRoute, ReleaseStep, Strategy},
            verb::Verb,
        },
    },
    error::FailureKind,
    ports::Cluster as _,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// A service where it really is.
fn of(service: &str, managed_by: ManagedBy) -> Target {
    let namespace = Service::find(service).unwrap().namespace().to_owned();
    Target { namespace, ..target(service, managed_by) }
}

fn release(service: &str, version: &str) -> Release {
    let image = Some(Service::find(service).unwrap().image(version));
    Release { service: service.into(), version: version.to_owned(), image, commit: None }
}

struct Run<'a> {
    bench: &'a Bench,
    target: Target,
    route: ReleaseRoute,
}

impl<'a> Run<'a> {
    async fn plan(bench: &'a Bench, target: Target, version: &str, strategy: Strategy) -> Self {
        let release = release(target.service.as_str(), version);
        let route = bench.cluster.plan_release(&target, &release, &strategy).await.unwrap();
        Self { bench, target, route }
    }

    async fn look(&self, step: ReleaseStep) -> RolloutStatus {
        self.bench.cluster.release_status(&self.target, &self.route, step).await.unwrap()
    }

    /// Takes a step, and waits for its end, woken by the cluster's own changes.
    async fn take(&self, step: ReleaseStep) -> String {
        self.bench.cluster.release_step(&self.target, &self.route, step).await.unwrap();
        self.end(step).await
    }

    async fn end(&self, step: ReleaseStep) -> String {
        let mut last = None;
        let done = self
            .bench
            .eventually(async || match self.look(step).await {
                RolloutStatus::Complete(seen) => Some(seen),
                other => {
                    last = Some(other);
                    None
                }
            })
            .await;
        done.unwrap_or_else(|| panic!("{step:?} never ended: {last:?}"))
    }

    fn object(&self, resource: Resource, name: &str) -> Option<Arc<Value>> {
        self.bench.simulated.object(resource, &self.target.namespace, name)
    }

    fn share(&self, version: &str) -> f64 {
        let shares = self.bench.traffic.shares(self.target.service.as_str());
        shares.get(version).copied().unwrap_or_default()
    }

    /// Waits until the traffic is as it should be: it follows the pods a moment later.
    async fn traffic(&self, version: &str, right: impl Fn(f64) -> bool) {
        let seen = self.bench.eventually(async || right(self.share(version)).then_some(())).await;
        assert!(seen.is_some(), "{version} gets {}", self.share(version));
    }
}

fn version(object: &Value) -> &str {
    object["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_deployment_takes_a_release_at_once() {
    let bench = bench().await;
    let run = Run::plan(&bench, of("cart", ManagedBy::Deployment), "1.9.0", Strategy::Immediate).await;
    assert_eq!(run.route.from_version.as_deref(), Some("1.8.1"));
    assert_eq!(run.route.objects, ["deployment/project-a/cart"]);
    // Planning changes nothing, although the server was asked.
    assert_eq!(version(&run.object(Resource::Deployments, "cart").unwrap()), "1.8.1");
    assert!(matches!(run.look(ReleaseStep::Apply).await, RolloutStatus::Progressing(_)), "not begun");
    let seen = run.take(ReleaseStep::Apply).await;
    assert!(seen.starts_with("1.9.0 runs, 3 of 3"), "{seen}");
    let cart = run.object(Resource::Deployments, "cart").unwrap();
    assert_eq!(
        cart["spec"]["template"]["spec"]["containers"][0]["image"],
        "registry.example.com/project-a/cart:1.9.0"
    );
    assert_eq!(cart["metadata"]["annotations"]["kubernetes.io/change-cause"], "release cart 1.9.0");
    // Taken again it changes nothing.
    run.take(ReleaseStep::Apply).await;
    let again = run.object(Resource::Deployments, "cart").unwrap();
    assert_eq!(again["metadata"]["generation"], cart["metadata"]["generation"]);
    // And the way back knows where it came from.
    let back = bench.cluster.plan_rollback(&run.target, None).await.unwrap();
    assert_eq!(back.versions(), ("1.9.0", "1.8.1"));
}

#[tokio::test]
async fn a_step_fails_when_somebody_else_has_moved_it() {
    let bench = bench().await;
    let cart = of("cart", ManagedBy::Deployment);
    let ours = Run::plan(&bench, cart.clone(), "1.9.0", Strategy::Immediate).await;
    let theirs = Run::plan(&bench, cart, "2.0.0", Strategy::Immediate).await;
    theirs.take(ReleaseStep::Apply).await;
    let late = bench.cluster.release_step(&ours.target, &ours.route, ReleaseStep::Apply).await.unwrap_err();
    assert_eq!(late.kind, FailureKind::Conflict, "{}", late.render());
    let status = ours.look(ReleaseStep::Apply).await;
    assert!(matches!(&status, RolloutStatus::Failed(why) if why.contains("2.0.0")), "{status:?}");
}

#[tokio::test]
async fn a_canary_beside_a_deployment_is_weighed_in_pods_and_promoted() {
    let bench = bench().await;
    let strategy = Strategy::Canary { weights: vec![5, 50] };
    let run = Run::plan(&bench, of("cart", ManagedBy::Deployment), "1.9.0", strategy).await;
    assert!(
        run.route.notes.iter().any(|note| note.contains("5 % is 1 of 4 pods, 25 %")),
        "{:?}",
        run.route.notes
    );
    assert!(run.object(Resource::Deployments, "cart-canary").is_none(), "planning makes nothing");
    let seen = run.take(ReleaseStep::Weight(5)).await;
    assert!(seen.contains("1 of 4 pods, 25 % (5 % asked)"), "{seen}");
    run.traffic("1.9.0", |share| (share - 0.25).abs() < 0.01).await;
    run.take(ReleaseStep::Weight(50)).await;
    run.traffic("1.9.0", |share| (share - 0.5).abs() < 0.01).await;
    assert_eq!(version(&run.object(Resource::Deployments, "cart").unwrap()), "1.8.1");
    run.take(ReleaseStep::Promote).await;
    assert!(run.object(Resource::Deployments, "cart-canary").is_none());
    run.traffic("1.9.0", |share| share > 0.99).await;
}

#[tokio::test]
async fn a_canary_that_is_bad_or_never_ready_is_aborted_without_a_trace() {
    let bench = bench().await;
    let bad = Quality { error_ratio: 0.2, latency_factor: 3.0, starts: true };
    bench.simulated.set_quality("cart", "1.9.0", bad);
    let strategy = || Strategy::Canary { weights: vec![5] };
    let run = Run::plan(&bench, of("cart", ManagedBy::Deployment), "1.9.0", strategy()).await;
    run.take(ReleaseStep::Weight(5)).await;
    run.traffic("1.9.0", |share| share > 0.2).await;
    assert!(bench.traffic.condition("cart").unwrap().error_ratio > 0.04);
    run.take(ReleaseStep::Abort).await;
    run.traffic("1.9.0", |share| share == 0.0).await;
    assert!(bench.traffic.condition("cart").unwrap().error_ratio < 0.001);

    bench.simulated.set_quality("cart", "1.9.1", Quality { starts: false, ..Quality::GOOD });
    let run = Run::plan(&bench, of("cart", ManagedBy::Deployment), "1.9.1", strategy()).await;
    bench.cluster.release_step(&run.target, &run.route, ReleaseStep::Weight(5)).await.unwrap();
    let failed = bench
        .eventually(async || match run.look(ReleaseStep::Weight(5)).await {
            RolloutStatus::Failed(why) => Some(why),
            _ => None,
        })
        .await;
    assert!(failed.unwrap().contains("timed out"), "the controller's own words");
    run.take(ReleaseStep::Abort).await;
    assert!(run.object(Resource::Deployments, "cart-canary").is_none());
    assert_eq!(version(&run.object(Resource::Deployments, "cart").unwrap()), "1.8.1");
}

#[tokio::test]
async fn blue_green_switches_a_service_there_and_back() {
    let bench = bench().await;
    let run = Run::plan(&bench, of("cart", ManagedBy::Deployment), "1.9.0", Strategy::BlueGreen).await;
    let selector = || run.object(Resource::Services, "cart").unwrap()["spec"]["selector"].clone();
    let untouched = selector();
    let early = bench.cluster.release_step(&run.target, &run.route, ReleaseStep::Switch).await.unwrap_err();
    assert_eq!(early.kind, FailureKind::Refused, "nothing to switch to: {}", early.render());
    run.take(ReleaseStep::Prepare).await;
    // Both stand, and the new one has no traffic.
    let green = run.object(Resource::Deployments, "cart-green").unwrap();
    assert_eq!(green["spec"]["replicas"], 3);
    run.traffic("1.9.0", |share| share == 0.0).await;
    run.take(ReleaseStep::Switch).await;
    run.traffic("1.9.0", |share| share > 0.99).await;
    run.take(ReleaseStep::SwitchBack).await;
    run.traffic("1.8.1", |share| share > 0.99).await;
    run.take(ReleaseStep::Switch).await;
    run.traffic("1.9.0", |share| share > 0.99).await;
    let seen = run.take(ReleaseStep::Retire).await;
    assert!(seen.contains("1.9.0 alone stands"), "{seen}");
    assert_eq!(selector(), untouched, "the Service is as it was");
    assert_eq!(version(&run.object(Resource::Deployments, "cart").unwrap()), "1.9.0");
    run.traffic("1.9.0", |share| share > 0.99).await;
}

#[tokio::test]
async fn blue_green_that_is_given_up_leaves_nothing_behind() {
    let bench = bench().await;
    let run = Run::plan(&bench, of("cart", ManagedBy::Deployment), "1.9.0", Strategy::BlueGreen).await;
    let untouched = run.object(Resource::Services, "cart").unwrap()["spec"]["selector"].clone();
    run.take(ReleaseStep::Prepare).await;
    run.take(ReleaseStep::Switch).await;
    run.take(ReleaseStep::SwitchBack).await;
    let seen = run.take(ReleaseStep::Retire).await;
    assert!(seen.contains("1.8.1 alone stands"), "{seen}");
    assert!(run.object(Resource::Deployments, "cart-green").is_none());
    assert_eq!(run.object(Resource::Services, "cart").unwrap()["spec"]["selector"], untouched);
    run.traffic("1.8.1", |share| share > 0.99).await;
}

#[tokio::test]
async fn a_rollout_carries_the_canary_by_its_own_steps() {
    let bench = bench().await;
    let strategy = Strategy::Canary { weights: vec![5, 40] };
    let run = Run::plan(&bench, of("catalog-search", ManagedBy::ArgoRollouts), "1.5.0", strategy).await;
    assert!(
        run.route.notes.iter().any(|note| note.contains("40 % means 50 % there")),
        "{:?}",
        run.route.notes
    );
    let seen = run.take(ReleaseStep::Weight(5)).await;
    assert!(seen.starts_with("at 5 %"), "{seen}");
    // It routes by weight: one pod of four, and five per cent of the traffic.
    run.traffic("1.5.0", |share| (share - 0.05).abs() < 0.001).await;
    run.take(ReleaseStep::Weight(40)).await;
    run.traffic("1.5.0", |share| (share - 0.5).abs() < 0.001).await;
    let seen = run.take(ReleaseStep::Promote).await;
    assert!(seen.contains("1.5.0 runs and is stable"), "{seen}");
    run.traffic("1.5.0", |share| share > 0.99).await;
}

#[tokio::test]
async fn a_rollout_gives_everything_back_and_can_be_rolled_back_from_any_step() {
    let bench = bench().await;
    let search = of("catalog-search", ManagedBy::ArgoRollouts);
    let strategy = || Strategy::Canary { weights: vec![5] };
    let run = Run::plan(&bench, search.clone(), "1.5.0", strategy()).await;
    run.take(ReleaseStep::Weight(5)).await;
    let seen = run.take(ReleaseStep::Abort).await;
    assert!(seen.contains("1.4.0 runs and is stable"), "{seen}");
    run.traffic("1.4.0", |share| share > 0.99).await;

    // In the middle of an update the way back is the stable version, and nothing else.
    let run = Run::plan(&bench, search.clone(), "1.5.0", strategy()).await;
    run.take(ReleaseStep::Weight(5)).await;
    let route = bench.cluster.plan_rollback(&search, None).await.unwrap();
    assert!(matches!(route, RollbackRoute::Rollout { abort: true, .. }), "{route:?}");
    assert_eq!(route.versions(), ("1.5.0", "1.4.0"));
    bench.cluster.start_rollback(&search, &route).await.unwrap();
    let end = bench.end_of(&search, &route).await;
    assert!(matches!(end, RolloutStatus::Complete(_)), "{end:?}");

    // At rest it is the revision before, or the one that is asked for; the steps are skipped.
    let route = bench.cluster.plan_rollback(&search, Some("1.3.7")).await.unwrap();
    assert!(matches!(route, RollbackRoute::Rollout { abort: false, .. }), "{route:?}");
    bench.cluster.start_rollback(&search, &route).await.unwrap();
    let end = bench.end_of(&search, &route).await;
    assert!(matches!(&end, RolloutStatus::Complete(seen) if seen.starts_with("1.3.7")), "{end:?}");
    let unknown = bench.cluster.plan_rollback(&search, Some("9.9.9")).await.unwrap_err();
    assert!(unknown.message.contains("9.9.9"), "{}", unknown.render());
}

#[tokio::test]
async fn a_blue_green_rollout_waits_for_its_switch() {
    let bench = bench().await;
    let store = bench.simulated.store();
    let front = of("project-a-frontend", ManagedBy::ArgoRollouts);
    let key = quarterdeck::demo::kubernetes::store::Key::new(
        Resource::Rollouts,
        front.namespace.as_str(),
        front.workload.as_str(),
    );
    store
        .update(&key, quarterdeck::demo::kubernetes::store::Part::Object, false, |object| {
            object["spec"]["strategy"] =
                json!({ "blueGreen": { "activeService": front.workload, "autoPromotionEnabled": false } });
            Ok(())
        })
        .unwrap();
    bench
        .eventually(async || {
            let service = bench.simulated.object(Resource::Services, &front.namespace, &front.workload)?;
            service["spec"]["selector"].get("rollouts-pod-template-hash").map(|_| ())
        })
        .await
        .expect("the controller points its Service");
    let run = Run::plan(&bench, front, "2.2.0", Strategy::BlueGreen).await;
    run.take(ReleaseStep::Prepare).await;
    run.traffic("2.2.0", |share| share == 0.0).await;
    run.take(ReleaseStep::Switch).await;
    run.traffic("2.2.0", |share| share > 0.99).await;
    run.take(ReleaseStep::SwitchBack).await;
    run.traffic("2.1.0", |share| share > 0.99).await;
}

#[tokio::test]
async fn a_rollout_that_refers_to_a_deployment_is_released_and_rolled_back_there() {
    use quarterdeck::demo::kubernetes::store::{Key, Part};
    let bench = bench().await;
    let store = bench.simulated.store();
    let front = of("project-a-frontend", ManagedBy::ArgoRollouts);
    let rollout = Key::new(Resource::Rollouts, front.namespace.as_str(), front.workload.as_str());
    let template = store.get(&rollout).unwrap()["spec"]["template"].clone();
    let labels = json!({ "app.kubernetes.io/name": "frontend-template" });
    let deployment = json!({ "metadata": { "name": "frontend-template" },
        "spec": { "replicas": 0, "selector": { "matchLabels": labels }, "template": template } });
    store.create(Resource::Deployments, &front.namespace, deployment, false).unwrap();
    store
        .update(&rollout, Part::Object, false, |object| {
            object["spec"]["workloadRef"] =
                json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "frontend-template" });
            object["spec"].as_object_mut().unwrap().remove("template");
            Ok(())
        })
        .unwrap();
    bench.settled(Resource::Rollouts, &front).await;
    let run = Run::plan(&bench, front.clone(), "2.2.0", Strategy::Immediate).await;
    assert_eq!(run.route.objects.len(), 2, "{:?}", run.route.objects);
    run.take(ReleaseStep::Apply).await;
    run.traffic("2.2.0", |share| share > 0.99).await;
    let route = bench.cluster.plan_rollback(&front, None).await.unwrap();
    let RollbackRoute::Rollout { workload, .. } = &route else { panic!("{route:?}") };
    assert_eq!(workload.as_deref(), Some("frontend-template"));
    bench.cluster.start_rollback(&front, &route).await.unwrap();
    let end = bench.end_of(&front, &route).await;
    assert!(matches!(&end, RolloutStatus::Complete(seen) if seen.starts_with("2.1.0")), "{end:?}");
}

#[tokio::test]
async fn argo_cd_brings_what_git_says_and_says_when_git_does_not_have_it() {
    let bench = bench().await;
    let api = of("project-c-api", ManagedBy::ArgoCd);
    let early = Run::plan(&bench, api.clone(), "1.5.0", Strategy::Immediate).await;
    bench.cluster.release_step(&early.target, &early.route, ReleaseStep::Apply).await.unwrap();
    let failed = bench
        .eventually(async || match early.look(ReleaseStep::Apply).await {
            RolloutStatus::Failed(why) => Some(why),
            _ => None,
        })
        .await;
    assert!(failed.as_ref().unwrap().contains("has 1.4.2 and not 1.5.0"), "{failed:?}");
    bench.simulated.publish(Service::find("project-c-api").unwrap(), "1.5.0");
    let run = Run::plan(&bench, api.clone(), "1.5.0", Strategy::Immediate).await;
    run.take(ReleaseStep::Apply).await;
    assert_eq!(version(&run.object(Resource::Deployments, "project-c-api").unwrap()), "1.5.0");
    for strategy in [Strategy::Canary { weights: vec![5] }, Strategy::BlueGreen] {
        let refused = bench.cluster.plan_release(&api, &release("project-c-api", "1.6.0"), &strategy).await;
        assert_eq!(refused.unwrap_err().kind, FailureKind::Refused);
    }
}

#[tokio::test]
async fn automated_sync_that_was_suspended_for_a_rollback_is_resumed_by_its_own_verb() {
    let bench = bench().await;
    let api = of("new-api", ManagedBy::ArgoCd);
    let route = bench.cluster.plan_rollback(&api, Some("2.0.0-rc.1")).await.unwrap();
    bench.cluster.start_rollback(&api, &route).await.unwrap();
    assert!(matches!(bench.end_of(&api, &route).await, RolloutStatus::Complete(_)));
    let runs =
        || version(&bench.simulated.object(Resource::Deployments, "shared", "new-api").unwrap()).to_owned();
    assert_eq!(runs(), "2.0.0-rc.1", "the entry of the version that was asked for");
    // Git is settled, and only then what follows it is let loose.
    bench.simulated.publish(Service::find("new-api").unwrap(), "2.0.0-rc.1");
    act(&bench, &api, Verb::Resume).await;
    assert_eq!(runs(), "2.0.0-rc.1");
    let again = bench.cluster.plan_verb(&api, Verb::Resume, None).await.unwrap_err();
    assert!(again.message.contains("automated sync is on"), "{}", again.render());
}

#[tokio::test]
async fn flux_fetches_and_brings_a_release_and_is_suspended_for_a_rollback() {
    let bench = bench().await;
    let bus = of("event-bus", ManagedBy::Flux);
    bench.simulated.publish(Service::find("event-bus").unwrap(), "4.1.0");
    let run = Run::plan(&bench, bus.clone(), "4.1.0", Strategy::Immediate).await;
    assert_eq!(
        run.route.objects,
        ["gitrepository/flux-system/manifests", "kustomization/flux-system/event-bus"]
    );
    run.take(ReleaseStep::Apply).await;
    let source = bench.simulated.object(Resource::GitRepositories, "flux-system", "manifests").unwrap();
    assert!(source["status"]["lastHandledReconcileAt"].is_string());

    let route = bench.cluster.plan_rollback(&bus, None).await.unwrap();
    let RollbackRoute::Undo { suspend: Some(keeper), .. } = &route else { panic!("{route:?}") };
    assert_eq!(keeper.to_string(), "kustomization/flux-system/event-bus");
    bench.cluster.start_rollback(&bus, &route).await.unwrap();
    assert!(matches!(bench.end_of(&bus, &route).await, RolloutStatus::Complete(_)));
    // A suspended one cannot be deployed to, and says what to do.
    let refused =
        bench.cluster.plan_release(&bus, &release("event-bus", "4.1.1"), &Strategy::Immediate).await;
    assert!(refused.unwrap_err().hints[0].contains("service resume event-bus"));
    act(&bench, &bus, Verb::Resume).await;
    // Git was not settled: Flux brings 4.1.0 again, as the plan said it would.
    let back = bench
        .eventually(async || {
            let object = run.object(Resource::Deployments, "event-bus").unwrap();
            (version(&object) == "4.1.0").then_some(())
        })
        .await;
    assert!(back.is_some());
}

#[tokio::test]
async fn a_plan_knows_what_is_not_allowed_before_anything_is_tried() {
    let bench = bench().await;
    bench.simulated.set_faults(Faults { forbid_patch: true, ..Faults::default() });
    for (service, managed_by, strategy, expected) in [
        ("cart", ManagedBy::Deployment, Strategy::Immediate, "patch on deployments in project-a"),
        ("cart", ManagedBy::Deployment, Strategy::BlueGreen, "patch on deployments in project-a"),
        ("new-api", ManagedBy::ArgoCd, Strategy::Immediate, "patch on applications in argocd"),
        ("event-bus", ManagedBy::Flux, Strategy::Immediate, "patch on kustomizations in flux-system"),
        ("catalog-search", ManagedBy::ArgoRollouts, Strategy::Immediate, "patch on rollouts in project-a"),
    ] {
        let target = of(service, managed_by);
        let refused = bench.cluster.plan_release(&target, &release(service, "9.0.0"), &strategy).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind, FailureKind::Forbidden, "{}", refused.render());
        assert!(refused.message.contains(expected), "{}", refused.render());
    }
}

#[tokio::test]
async fn what_a_server_cannot_take_is_sent_once_and_told() {
    let bench = bench().await;
    let run = Run::plan(&bench, of("cart", ManagedBy::Deployment), "1.9.0", Strategy::Immediate).await;
    let before = run.object(Resource::Deployments, "cart").unwrap();
    for faults in [
        Faults { error_429: true, ..Faults::default() },
        Faults { error_500: true, ..Faults::default() },
        Faults { unreachable: true, ..Faults::default() },
    ] {
        bench.simulated.set_faults(faults);
        let failure =
            bench.cluster.release_step(&run.target, &run.route, ReleaseStep::Apply).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreachable, "{faults:?}: {}", failure.render());
    }
    // Looking is allowed and changing is not: the server's own words, and nothing moved.
    bench.simulated.set_faults(Faults { forbid_patch: true, ..Faults::default() });
    let failure = bench.cluster.release_step(&run.target, &run.route, ReleaseStep::Apply).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Forbidden, "{}", failure.render());
    bench.simulated.set_faults(Faults::default());
    let after = run.object(Resource::Deployments, "cart").unwrap();
    assert_eq!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
    run.take(ReleaseStep::Apply).await;
}

#[tokio::test]
async fn a_log_that_breaks_off_says_so() {
    use futures::StreamExt as _;
    let bench = bench().await;
    let cart = of("cart", ManagedBy::Deployment);
    let pods = bench.cluster.pods(&cart).await.unwrap();
    let request = quarterdeck::domain::deployment::inspect::LogRequest {
        pod: pods[0].name.clone(),
        container: None,
        previous: false,
        follow: true,
        tail: 3,
    };
    let mut lines = bench.cluster.logs(&cart, &request).await.unwrap();
    assert!(lines.next().await.unwrap().is_ok());
    bench.simulated.set_faults(Faults { unreachable: true, ..Faults::default() });
    let mut broken = false;
    while let Some(line) = lines.next().await {
        broken |= line.is_err();
    }
    assert!(broken, "an end that is none must not look like one");
}

/// Does a verb, and waits for its end.
async fn act(bench: &Bench, target: &Target, verb: Verb) -> String {
    scaled(bench, target, verb, None).await
}

async fn scaled(bench: &Bench, target: &Target, verb: Verb, replicas: Option<u32>) -> String {
    let route = bench.cluster.plan_verb(target, verb, replicas).await.unwrap();
    bench.cluster.act(target, &route).await.unwrap();
    let mut last = None;
    let done = bench
        .eventually(async || match bench.cluster.verb_status(target, &route).await.unwrap() {
            RolloutStatus::Complete(seen) => Some(seen),
            other => {
                last = Some(other);
                None
            }
        })
        .await;
    done.unwrap_or_else(|| panic!("{verb:?} never ended: {last:?}"))
}

#[tokio::test]
async fn the_verbs_of_a_deployment() {
    let bench = bench().await;
    let cart = of("cart", ManagedBy::Deployment);
    let pods = || {
        let (_, pods) = bench.simulated.store().list(Resource::Pods, Some("project-a"));
        let mine = pods.iter().filter(|pod| {
            let meta = &pod["metadata"];
            meta["labels"]["app.kubernetes.io/name"] == "cart" && meta["deletionTimestamp"].is_null()
        });
        mine.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let before = pods();
    act(&bench, &cart, Verb::Restart).await;
    assert!(pods().iter().all(|pod| !before.contains(pod)), "every pod is another one");
    act(&bench, &cart, Verb::Pause).await;
    let twice = bench.cluster.plan_verb(&cart, Verb::Pause, None).await.unwrap_err();
    assert!(twice.message.contains("paused already"));
    // What is paused cannot be deployed to, and says how it is resumed.
    let refused = bench.cluster.plan_release(&cart, &release("cart", "2.0.0"), &Strategy::Immediate).await;
    assert!(refused.unwrap_err().hints[0].contains("service resume cart"));
    act(&bench, &cart, Verb::Resume).await;
    let seen = scaled(&bench, &cart, Verb::Scale, Some(5)).await;
    assert!(seen.contains("5 of 5"), "{seen}");
    let none = bench.cluster.plan_verb(&cart, Verb::Promote, None).await.unwrap_err();
    assert!(none.message.contains("no Argo Rollout"), "{}", none.render());
}

#[tokio::test]
async fn the_verbs_of_a_rollout() {
    let bench = bench().await;
    let search = of("catalog-search", ManagedBy::ArgoRollouts);
    let idle = bench.cluster.plan_verb(&search, Verb::Promote, None).await.unwrap_err();
    assert!(idle.message.contains("no update is under way"), "{}", idle.render());
    let strategy = Strategy::Canary { weights: vec![5] };
    let run = Run::plan(&bench, search.clone(), "1.5.0", strategy).await;
    run.take(ReleaseStep::Weight(5)).await;
    act(&bench, &search, Verb::Promote).await;
    act(&bench, &search, Verb::Abort).await;
    run.traffic("1.5.0", |share| share == 0.0).await;
    act(&bench, &search, Verb::Retry).await;
    run.end(ReleaseStep::Weight(5)).await;
    act(&bench, &search, Verb::Pause).await;
    act(&bench, &search, Verb::Resume).await;
    act(&bench, &search, Verb::PromoteFull).await;
    run.traffic("1.5.0", |share| share > 0.99).await;
    act(&bench, &search, Verb::Restart).await;
    scaled(&bench, &search, Verb::Scale, Some(4)).await;
}

#[tokio::test]
async fn the_verbs_of_argo_cd_and_flux() {
    let bench = bench().await;
    let gateway = of("api-gateway", ManagedBy::ArgoCd);
    assert_eq!(act(&bench, &gateway, Verb::Refresh).await, "Synced, Healthy");
    act(&bench, &gateway, Verb::Sync).await;
    act(&bench, &gateway, Verb::Restart).await;
    act(&bench, &gateway, Verb::Suspend).await;
    act(&bench, &gateway, Verb::Resume).await;
    let idle = bench.cluster.plan_verb(&gateway, Verb::Terminate, None).await.unwrap_err();
    assert!(idle.message.contains("no operation runs"), "{}", idle.render());
    let by_hand = bench.cluster.plan_verb(&of("project-c-api", ManagedBy::ArgoCd), Verb::Resume, None).await;
    assert!(by_hand.unwrap_err().message.contains("never had automated sync"));

    let bus = of("event-bus", ManagedBy::Flux);
    act(&bench, &bus, Verb::Reconcile).await;
    act(&bench, &bus, Verb::Suspend).await;
    act(&bench, &bus, Verb::Resume).await;
    let scale = bench.cluster.plan_verb(&bus, Verb::Scale, Some(9)).await.unwrap_err();
    assert!(scale.message.contains("Git says how many pods"), "{}", scale.render());
}
