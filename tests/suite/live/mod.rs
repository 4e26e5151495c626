//! Releases, rollbacks and verbs on any cluster: on the simulated one always, and on a real one where
//! `QUARTERDECK_TEST_KUBECONFIG` names a kubeconfig (its current context, or `QUARTERDECK_TEST_CONTEXT`). Everything
//! happens in a namespace of its own, which is deleted at the end. The real one must be able to pull
//! `registry.k8s.io/pause`.

use crate::cluster;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use quarterdeck::{
    adapters::{
        cluster::{Connections, KubeCluster},
        install_crypto,
    },
    domain::{
        catalog::{ManagedBy, Target},
        deployment::{
            RolloutStatus,
            inspect::LogRequest,
            release::{Release, ReleaseRoute, ReleaseStep, Strategy},
            verb::Verb,
        },
    },
    error::{Failure, FailureKind},
    ports::Cluster,
};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

/// How long one step may take; images are pulled meanwhile.
const DEADLINE: Duration = Duration::from_mins(4);
const NAME: &str = "quarterdeck-live";
const IMAGE: &str = "registry.k8s.io/pause";

struct Live {
    cluster: KubeCluster,
    client: Client,
    target: Target,
}

fn labels(version: &str) -> Value {
    json!({ "app.kubernetes.io/name": NAME, "app.kubernetes.io/version": version })
}

impl Live {
    async fn start(kubeconfig: &Path, context: Option<&str>) -> Self {
        install_crypto();
        let file = Kubeconfig::read_from(kubeconfig).unwrap();
        let context = context.map(str::to_owned).or_else(|| file.current_context.clone()).unwrap();
        let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
        let mut config = Config::from_custom_kubeconfig(file, &options).await.unwrap();
        if config.cluster_url.host() == Some("127.0.0.1") {
            config.proxy_url = None;
        }
        let client = Client::try_from(config).unwrap();
        let connections = Connections::open(Some(kubeconfig)).unwrap();
        let cluster = KubeCluster::of(&connections, &context.as_str().into()).unwrap();
        let namespace = format!("{NAME}-{}", std::process::id());
        let target = Target {
            service: NAME.into(),
            environment: "live".into(),
            context: context.as_str().into(),
            namespace,
            workload: NAME.to_owned(),
            managed_by: ManagedBy::Deployment,
            application: None,
            production: false,
        };
        Self { cluster, client, target }
    }

    async fn make(&self, group: &str, version: &str, kind: &str, object: Value) {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.target.namespace, &resource);
        api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }

    async fn furnish(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let namespace = json!({ "metadata": { "name": self.target.namespace } });
        let namespace = serde_json::from_value(namespace).unwrap();
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        let selector = json!({ "app.kubernetes.io/name": NAME });
        let deployment = json!({ "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": NAME, "annotations": { "kubernetes.io/change-cause": "the first" } },
            "spec": { "replicas": 2, "selector": { "matchLabels": selector },
                "template": { "metadata": { "labels": labels("3.9") },
                              "spec": { "containers": [{ "name": "main", "image": format!("{IMAGE}:3.9") }] } } } });
        self.make("apps", "v1", "Deployment", deployment).await;
        let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": NAME },
            "spec": { "selector": selector, "ports": [{ "port": 80 }] } });
        self.make("", "v1", "Service", service).await;
        // Until then its controller writes to it, and whoever planned before is told that it has changed.
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.target.namespace, &resource);
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while api.get(NAME).await.unwrap().data["status"]["availableReplicas"] != 2 {
            assert!(tokio::time::Instant::now() < deadline, "the first version never runs");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn end(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.target.namespace, &DeleteParams::default()).await.unwrap();
    }

    async fn until(&self, what: &str, ask: impl AsyncFn() -> Result<RolloutStatus, Failure>) -> String {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            match ask().await {
                Ok(RolloutStatus::Complete(seen)) => return seen,
                other if tokio::time::Instant::now() >= deadline => panic!("{what} never ended: {other:?}"),
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn plan(&self, version: &str, strategy: Strategy) -> ReleaseRoute {
        let image = Some(format!("{IMAGE}:{version}"));
        let release = Release { service: NAME.into(), version: version.to_owned(), image, commit: None };
        self.cluster.plan_release(&self.target, &release, &strategy).await.unwrap()
    }

    async fn take(&self, route: &ReleaseRoute, step: ReleaseStep) {
        self.cluster.release_step(&self.target, route, step).await.unwrap();
        let ask = async || self.cluster.release_status(&self.target, route, step).await;
        self.until(&format!("{step:?}"), ask).await;
    }

    async fn act(&self, verb: Verb, replicas: Option<u32>) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        let route = loop {
            let route = self.cluster.plan_verb(&self.target, verb, replicas).await.unwrap();
            match self.cluster.act(&self.target, &route).await {
                Ok(()) => break route,
                // A controller wrote its status in that moment; a person plans again.
                Err(failure)
                    if failure.kind == FailureKind::Conflict && tokio::time::Instant::now() < deadline => {}
                Err(failure) => panic!("{}: {}", verb.word(), failure.render()),
            }
        };
        let ask = async || self.cluster.verb_status(&self.target, &route).await;
        self.until(verb.word(), ask).await;
    }

    async fn roll_back(&self, to: Option<&str>) -> (String, String) {
        let route = self.cluster.plan_rollback(&self.target, to).await.unwrap();
        self.cluster.start_rollback(&self.target, &route).await.unwrap();
        let ask = async || self.cluster.rollback_status(&self.target, &route).await;
        self.until("rollback", ask).await;
        let (from, to) = route.versions();
        (from.to_owned(), to.to_owned())
    }

    async fn flows(&self) {
        self.furnish().await;
        let first = self.plan("3.10", Strategy::Immediate).await;
        assert_eq!(first.from_version.as_deref(), Some("3.9"));
        self.take(&first, ReleaseStep::Apply).await;
        assert_eq!(self.roll_back(None).await, ("3.10".to_owned(), "3.9".to_owned()));
        assert_eq!(self.roll_back(Some("3.10")).await, ("3.9".to_owned(), "3.10".to_owned()));

        let canary = self.plan("3.9", Strategy::Canary { weights: vec![33] }).await;
        self.take(&canary, ReleaseStep::Weight(33)).await;
        self.take(&canary, ReleaseStep::Abort).await;
        self.take(&canary, ReleaseStep::Weight(33)).await;
        self.take(&canary, ReleaseStep::Promote).await;

        let colours = self.plan("3.10", Strategy::BlueGreen).await;
        for step in [
            ReleaseStep::Prepare,
            ReleaseStep::Switch,
            ReleaseStep::SwitchBack,
            ReleaseStep::Switch,
            ReleaseStep::Retire,
        ] {
            self.take(&colours, step).await;
        }
        self.act(Verb::Restart, None).await;
        self.act(Verb::Pause, None).await;
        self.act(Verb::Resume, None).await;
        self.act(Verb::Scale, Some(3)).await;
        let pods = self.cluster.pods(&self.target).await.unwrap();
        assert!(pods.iter().filter(|pod| pod.is_ready).count() >= 3, "{pods:?}");
        assert!(!self.cluster.events(&self.target).await.unwrap().is_empty());
        let request = LogRequest {
            pod: pods[0].name.clone(),
            container: None,
            previous: false,
            follow: false,
            tail: 5,
        };
        // The pause container says nothing; that the log can be opened and ends is what counts.
        let mut lines = self.cluster.logs(&self.target, &request).await.unwrap();
        while let Some(line) = lines.next().await {
            line.unwrap();
        }
        self.end().await;
    }
}

#[tokio::test]
async fn the_flows_hold_on_the_simulated_cluster() {
    let mut bench = cluster::bench().await;
    bench.own_calls = &["create namespaces", "delete namespaces", "create services"];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let url = bench.simulated.url();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: sim\nclusters:\n- {{name: c, cluster: {{server: '{url}'}}}}\ncontexts:\n- {{name: sim, context: {{cluster: c, user: u}}}}\nusers: []\n"
    );
    std::fs::write(&path, text).unwrap();
    Live::start(&path, None).await.flows().await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the variable is for this test alone")]
async fn the_flows_hold_on_a_real_cluster() {
    let Ok(kubeconfig) = std::env::var("QUARTERDECK_TEST_KUBECONFIG") else {
        eprintln!("SKIPPED: set QUARTERDECK_TEST_KUBECONFIG to run this against a real cluster");
        return;
    };
    let context = std::env::var("QUARTERDECK_TEST_CONTEXT").ok();
    Live::start(Path::new(&kubeconfig), context.as_deref()).await.flows().await;
}
