//! A platform of any size on loopback: the simulated Kubernetes API without its controllers, one store
//! behind both contexts, and metrics for every service that is asked for.

use super::repository::{CONTEXTS, name, namespace};
use axum::{Router, extract::Path as UrlPath, routing::get};
use chrono::{DateTime, Utc};
use quarterdeck::demo::{
    Environment, Scenario,
    clock::Time,
    kubernetes::{
        api::{Api, router},
        faults::Faults,
        resources::Resource,
        store::{Key, Part, Store},
    },
    traffic::Traffic,
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// The servers; they end with the runtime.
pub struct Platform {
    /// The objects of both clusters.
    pub store: Arc<Store>,
    /// Base of the metrics.
    pub metrics: String,
    api: String,
    services: usize,
    // Dropped senders would read as "no faults any more": the same.
    _faults: watch::Sender<Faults>,
}

impl Platform {
    /// Serves `services` Deployments and their metrics.
    pub async fn start(services: usize, now: DateTime<Utc>) -> Self {
        let store = Arc::new(Store::new(Time::starting_at(now), 1));
        let namespaces: BTreeSet<String> = (0..services).map(namespace).collect();
        for namespace in namespaces {
            let object = json!({ "metadata": { "name": namespace } });
            store.create(Resource::Namespaces, "", object, false).unwrap();
        }
        for index in 0..services {
            store.create(Resource::Deployments, &namespace(index), deployment(index), false).unwrap();
        }
        let (sender, faults) = watch::channel(Faults::default());
        // Nobody reads logs here.
        let traffic = Traffic::new(Environment::Production, Scenario::Calm, Time::starting_at(now), 1);
        let api = serve(router(Api { store: store.clone(), traffic: Arc::new(traffic), faults })).await;
        let began = Instant::now();
        let handler = move |UrlPath((_, service)): UrlPath<(String, String)>| async move {
            exposition(&service, began.elapsed())
        };
        let metrics = serve(Router::new().route("/{environment}/{service}/metrics", get(handler))).await;
        Self { store, metrics, api, services, _faults: sender }
    }

    /// Writes a kubeconfig with both contexts.
    pub fn write_kubeconfig(&self, path: &Path) {
        let mut text =
            "apiVersion: v1\nkind: Config\nusers:\n- name: bench\n  user:\n    token: bench\n".to_owned();
        let _ = write!(text, "clusters:\n- name: bench\n  cluster:\n    server: {}\ncontexts:\n", self.api);
        for context in CONTEXTS {
            let _ = write!(text, "- name: {context}\n  context:\n    cluster: bench\n    user: bench\n");
        }
        std::fs::write(path, text).unwrap();
    }

    /// Changes the status of one Deployment after another, `per_second` in all, so that every change is
    /// one that the console must show.
    pub fn churn(&self, per_second: u32) -> JoinHandle<()> {
        let (store, services) = (self.store.clone(), self.services);
        tokio::spawn(async move {
            // Timers are no finer than a millisecond; more than that comes in small batches.
            let batch = per_second.div_ceil(500).max(1);
            let mut beat = tokio::time::interval(Duration::from_secs(1) * batch / per_second.max(1));
            let mut serial = 0;
            loop {
                beat.tick().await;
                for _ in 0..batch {
                    serial += 1;
                    let index = serial % services;
                    let key = Key::new(Resource::Deployments, namespace(index), name(index));
                    let ready = if (serial / services).is_multiple_of(2) { 2 } else { 3 };
                    store
                        .update(&key, Part::Status, false, |object| {
                            object["status"]["readyReplicas"] = ready.into();
                            object["status"]["availableReplicas"] = ready.into();
                            Ok(())
                        })
                        .unwrap();
                }
            }
        })
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn deployment(index: usize) -> serde_json::Value {
    let (name, version) = (name(index), format!("1.{}.0", index % 9));
    json!({
        "metadata": {
            "name": name,
            "labels": { "app.kubernetes.io/name": name },
            "annotations": { "deployment.kubernetes.io/revision": "4" },
        },
        "spec": {
            "replicas": 3,
            "selector": { "matchLabels": { "app.kubernetes.io/name": name } },
            "template": {
                "metadata": { "labels": { "app.kubernetes.io/name": name, "app.kubernetes.io/version": version } },
                "spec": { "containers": [{
                    "name": name,
                    "image": format!("registry.example.com/{name}:{version}"),
                    "ports": [{ "containerPort": 8080 }],
                    "resources": { "requests": { "cpu": "250m", "memory": "256Mi" } },
                }] },
            },
        },
        "status": {
            "observedGeneration": 1,
            "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
            "conditions": [{ "type": "Available", "status": "True", "reason": "MinimumReplicasAvailable" }],
        },
    })
}

/// Counters and a histogram as services have them, growing with the time; every fiftieth service fails more.
fn exposition(service: &str, time: Duration) -> String {
    let index: u64 = service.trim_start_matches("svc-").parse().unwrap_or(0);
    let requests = (time.as_secs_f64() * 20.0) as u64 + 10_000;
    let errors = if index.is_multiple_of(50) { requests / 40 } else { 0 };
    let mut text = "# TYPE http_requests_total counter\n".to_owned();
    for (code, count) in [("200", requests - errors), ("404", requests / 100), ("500", errors)] {
        let _ = writeln!(text, "http_requests_total{{service=\"{service}\",code=\"{code}\"}} {count}");
    }
    text += "# TYPE http_request_duration_seconds histogram\n";
    for (bound, share) in [("0.01", 30), ("0.05", 70), ("0.1", 95), ("0.25", 99), ("1", 100), ("+Inf", 100)] {
        let count = requests * share / 100;
        let _ = writeln!(
            text,
            "http_request_duration_seconds_bucket{{service=\"{service}\",le=\"{bound}\"}} {count}"
        );
    }
    let _ = writeln!(text, "http_request_duration_seconds_sum{{service=\"{service}\"}} {}", requests / 20);
    let _ = writeln!(text, "http_request_duration_seconds_count{{service=\"{service}\"}} {requests}");
    text
}
