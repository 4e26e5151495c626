//! The cluster adapter against the simulated Kubernetes API: watching, both rollbacks, and what may go wrong.

use quarterdeck::{
    adapters::{
        clock::SystemClock,
        cluster::{Connections, KubeCluster},
        install_crypto,
    },
    demo::{
        Environment, Pace, Scenario,
        clock::Time,
        kubernetes::{ClusterOptions, SimulatedCluster, faults::Faults, resources::Resource},
        traffic::Traffic,
    },
    domain::{
        catalog::{ManagedBy, Target},
        deployment::{ClusterView, RollbackRoute, RolloutStatus},
    },
    error::{Failure, FailureKind},
    ports::{Clock as _, Cluster as _, PublishCluster},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

pub const DEADLINE: Duration = Duration::from_mins(1);

pub struct Bench {
    pub simulated: SimulatedCluster,
    pub cluster: Arc<KubeCluster>,
    pub traffic: Arc<Traffic>,
    /// Calls that the test itself makes to furnish the cluster.
    pub own_calls: &'static [&'static str],
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            crate::console::granted(&self.simulated, self.own_calls);
        }
    }
}

pub async fn bench() -> Bench {
    install_crypto();
    // A restart is judged by both clocks: they must be the same.
    let time = Time::starting_at(SystemClock.now());
    let (environment, scenario) = (Environment::Production, Scenario::BadRelease);
    let traffic = Arc::new(Traffic::new(environment, scenario, time, 1));
    let options = ClusterOptions { environment, scenario, time, pace: Pace::fast(), seed: 1 };
    let simulated = SimulatedCluster::start(options, Arc::clone(&traffic)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- {{name: c, cluster: {{server: '{}'}}}}\ncontexts:\n- {{name: demo-production, context: {{cluster: c, user: u}}}}\nusers: []\n",
        simulated.url()
    );
    std::fs::write(&path, text).unwrap();
    let connections = Connections::open(Some(&path)).unwrap();
    let cluster = Arc::new(KubeCluster::of(&connections, &"demo-production".into()).unwrap());
    Bench { simulated, cluster, traffic, own_calls: &[] }
}

pub fn target(service: &str, managed_by: ManagedBy) -> Target {
    Target {
        service: service.into(),
        environment: "production".into(),
        context: "demo-production".into(),
        namespace: "shared".to_owned(),
        workload: service.to_owned(),
        managed_by,
        application: (managed_by == ManagedBy::ArgoCd).then(|| ("argocd".to_owned(), service.to_owned())),
        production: true,
    }
}

pub type Seen = Option<Result<ClusterView, Failure>>;

impl Bench {
    /// Watches in a task; what is published, newest first.
    fn watch(&self) -> (watch::Receiver<Seen>, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = watch::channel(None);
        let publish: PublishCluster = Arc::new(move |view| {
            sender.send_replace(Some(view));
        });
        let cluster = Arc::clone(&self.cluster);
        (receiver, tokio::spawn(async move { cluster.watch(publish).await }))
    }

    /// Asks, woken by the simulated cluster's own changes, until there is an answer; `None` when it took too long.
    pub async fn eventually<T>(&self, mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
        let mut changed = self.simulated.store().subscribe();
        let waiting = async {
            loop {
                changed.borrow_and_update();
                if let Some(answer) = ask().await {
                    return answer;
                }
                // The traffic follows the last change a moment later.
                let _ = tokio::time::timeout(Duration::from_millis(50), changed.changed()).await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.ok()
    }

    /// Waits until the controller has seen what was written into the store.
    pub async fn settled(&self, resource: Resource, target: &Target) {
        let seen = self
            .eventually(async || {
                let object = self.simulated.object(resource, &target.namespace, &target.workload)?;
                let generation = object["metadata"]["generation"].to_string();
                (object["status"]["observedGeneration"].as_str() == Some(generation.as_str())).then_some(())
            })
            .await;
        assert!(seen.is_some(), "the controller never saw it");
    }

    /// Asks for the status, woken by the simulated cluster's own changes, until it is final.
    pub async fn end_of(&self, target: &Target, route: &RollbackRoute) -> RolloutStatus {
        let mut changed = self.simulated.store().subscribe();
        let mut last = None;
        let waiting = async {
            loop {
                changed.borrow_and_update();
                let status = self.cluster.rollback_status(target, route).await.unwrap();
                if !matches!(status, RolloutStatus::Progressing(_)) {
                    return status;
                }
                last = Some(status);
                changed.changed().await.unwrap();
            }
        };
        let end = tokio::time::timeout(DEADLINE, waiting).await;
        end.unwrap_or_else(|_| panic!("the rollback never ended: last {last:?}"))
    }
}

pub async fn until(
    receiver: &mut watch::Receiver<Seen>,
    right: impl Fn(&Result<ClusterView, Failure>) -> bool,
) {
    let waiting = receiver.wait_for(|seen| seen.as_ref().is_some_and(&right));
    assert!(
        tokio::time::timeout(DEADLINE, waiting).await.is_ok(),
        "never published: last {:?}",
        receiver.borrow()
    );
}

#[tokio::test]
async fn the_watch_sees_everything_and_recovers_by_itself() {
    let bench = bench().await;
    let (mut receiver, task) = bench.watch();
    until(&mut receiver, |seen| {
        seen.as_ref().is_ok_and(|view| {
            let auth = view.workloads.get(&("shared".to_owned(), "shared-auth".to_owned()));
            auth.is_some_and(|auth| auth.version.as_deref() == Some("1.3.0") && auth.ready == auth.desired)
                && view.applications.contains_key(&("argocd".to_owned(), "api-gateway".to_owned()))
                && view.workloads.values().any(|workload| workload.managed_by == ManagedBy::ArgoRollouts)
        })
    })
    .await;
    bench.simulated.set_faults(Faults { unreachable: true, ..Faults::default() });
    until(&mut receiver, |seen| seen.as_ref().is_err_and(|failure| failure.kind == FailureKind::Unreachable))
        .await;
    bench.simulated.set_faults(Faults::default());
    until(&mut receiver, |seen| seen.as_ref().is_ok_and(|view| view.workloads.len() > 10)).await;
    task.abort();
}

#[tokio::test]
async fn a_forbidding_cluster_says_so() {
    let bench = bench().await;
    bench.simulated.set_faults(Faults { forbid_everything: true, ..Faults::default() });
    let (mut receiver, task) = bench.watch();
    until(&mut receiver, |seen| {
        seen.as_ref()
            .is_ok_and(|view| view.missing.get("deployments").is_some_and(|why| why.contains("not allowed")))
    })
    .await;
    task.abort();
    bench.simulated.set_faults(Faults { forbid_patch: true, ..Faults::default() });
    let refused =
        bench.cluster.plan_rollback(&target("shared-auth", ManagedBy::Deployment), None).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Forbidden);
    assert!(refused.message.contains("patch on deployments in shared"), "{}", refused.render());
    bench.simulated.set_faults(Faults { error_500: true, ..Faults::default() });
    let broken =
        bench.cluster.plan_rollback(&target("shared-auth", ManagedBy::Deployment), None).await.unwrap_err();
    assert_eq!(broken.kind, FailureKind::Unreachable, "{}", broken.render());
}

#[tokio::test]
async fn a_deployment_goes_back_to_its_previous_replica_set() {
    let bench = bench().await;
    let target = target("shared-auth", ManagedBy::Deployment);
    let route = bench.cluster.plan_rollback(&target, None).await.unwrap();
    assert_eq!(route.versions(), ("1.3.0", "1.2.3"));
    bench.cluster.start_rollback(&target, &route).await.unwrap();
    let end = bench.end_of(&target, &route).await;
    assert!(matches!(&end, RolloutStatus::Complete(words) if words.starts_with("1.2.3 runs")), "{end:?}");
    let deployment = bench.simulated.object(Resource::Deployments, "shared", "shared-auth").unwrap();
    assert!(deployment["spec"]["template"]["metadata"]["labels"].get("pod-template-hash").is_none());
    // The same plan a second time is refused: what it was made from has moved.
    let again = bench.cluster.start_rollback(&target, &route).await.unwrap_err();
    assert_eq!(again.kind, FailureKind::Conflict, "{}", again.render());
}

#[tokio::test]
async fn an_application_goes_back_in_its_history() {
    let bench = bench().await;
    let target = target("new-api", ManagedBy::ArgoCd);
    let route = bench.cluster.plan_rollback(&target, None).await.unwrap();
    let RollbackRoute::History { from_id, to_id, suspend_automated_sync, .. } = &route else {
        panic!("{route:?}")
    };
    assert!(to_id < from_id);
    bench.cluster.start_rollback(&target, &route).await.unwrap();
    let end = bench.end_of(&target, &route).await;
    assert!(matches!(end, RolloutStatus::Complete(_)), "{end:?}");
    let application = bench.simulated.object(Resource::Applications, "argocd", "new-api").unwrap();
    let enabled =
        application.pointer("/spec/syncPolicy/automated/enabled").and_then(serde_json::Value::as_bool);
    assert_eq!(enabled == Some(false), *suspend_automated_sync);
    let again = bench.cluster.start_rollback(&target, &route).await.unwrap_err();
    assert_eq!(again.kind, FailureKind::Conflict, "{}", again.render());
}

#[tokio::test]
async fn what_cannot_be_rolled_back_says_what_to_do() {
    let bench = bench().await;
    for (target, kind, expected) in [
        (target("pdf-renderer", ManagedBy::Compose), FailureKind::Refused, "docker compose up"),
        (target("absent", ManagedBy::Deployment), FailureKind::Refused, "404"),
        (target("../secrets", ManagedBy::Deployment), FailureKind::Refused, ""),
        (
            Target { namespace: "a/../b".to_owned(), ..target("shared-auth", ManagedBy::Deployment) },
            FailureKind::Configuration,
            "cannot be a namespace",
        ),
    ] {
        let failure = bench.cluster.plan_rollback(&target, None).await.unwrap_err();
        assert!(failure.render().contains(expected), "{}", failure.render());
        if target.workload != "../secrets" {
            assert_eq!(failure.kind, kind, "{}", failure.render());
        }
    }
}
