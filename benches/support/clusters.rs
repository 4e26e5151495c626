//! Three clusters in a process of their own: this program again, which serves them and is told what to do by lines.

use super::repository::{self, Backends, name, namespace};
use axum::{
    extract::{Request, State},
    http::Method,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use chrono::DateTime;
use quarterdeck::{
    adapters::git,
    demo::{
        Environment, Scenario,
        clock::Time,
        kubernetes::{
            api::{Api, router},
            faults::Faults,
            resources::Resource,
            store::{Key, Part, Store},
        },
        traffic::Traffic,
    },
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{net::TcpListener, sync::watch};

/// What makes this program the servers.
const SERVE: &str = "--serve-clusters";
/// The environments and their contexts.
pub const PLACES: [&str; 3] = ["staging", "production", "production-us"];
/// Pods of each Deployment.
const PODS: usize = 3;

/// Serves, if this process was started for that.
pub fn serve_if_asked() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(at) = arguments.iter().position(|argument| argument == SERVE) else { return false };
    let (home, services) = (arguments[at + 1].clone(), arguments[at + 2].parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(serve(Path::new(&home), services));
    true
}

/// Nanoseconds by the clock that all processes share.
pub fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()
}

/// The servers' process.
pub struct Clusters {
    process: Child,
    orders: ChildStdin,
    answers: std::io::Lines<BufReader<ChildStdout>>,
}

impl Clusters {
    /// Starts it: a home with `control`, a control repository of so many services, and `kubeconfig`.
    pub fn start(home: &Path, services: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([SERVE, &home.to_string_lossy(), &services.to_string()]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut clusters = Self { process, orders, answers };
        assert_eq!(clusters.answer(), "ready");
        clusters
    }

    /// Lets so many objects change each second, all clusters together.
    pub fn churn(&mut self, per_second: u32) {
        self.order(&format!("churn {per_second}"));
    }

    /// When each patch that was meant was answered, and how many requests there were before it, since this was asked
    /// last.
    pub fn patches(&mut self) -> (Vec<u128>, usize) {
        let told: Value = serde_json::from_str(&self.order("patches")).unwrap();
        let times = told["patches"].as_array().unwrap().iter();
        (
            times.map(|time| time.as_str().unwrap().parse().unwrap()).collect(),
            told["before"].as_u64().unwrap() as usize,
        )
    }

    fn order(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> String {
        self.answers.next().expect("the servers' process has ended").unwrap()
    }
}

impl Drop for Clusters {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What was asked of all clusters.
#[derive(Default)]
struct Requests {
    patches: Vec<u128>,
    before: usize,
}

struct Server {
    store: Arc<Store>,
    requests: Arc<Mutex<Requests>>,
}

async fn serve(home: &Path, services: usize) {
    write_control(&home.join("control"), services);
    let requests = Arc::new(Mutex::new(Requests::default()));
    let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
    let (_faults, faults) = watch::channel(Faults::default());
    let mut stores = Vec::new();
    let mut kubeconfig =
        "apiVersion: v1\nkind: Config\nusers:\n- name: bench\n  user:\n    token: bench\n".to_owned();
    let (mut clusters, mut contexts) = (String::new(), String::new());
    for place in PLACES {
        let store = Arc::new(Store::new(Time::starting_at(now), 1));
        fill(&store, services);
        let traffic = Traffic::new(Environment::Production, Scenario::Calm, Time::starting_at(now), 1);
        let api =
            router(Api { store: Arc::clone(&store), traffic: Arc::new(traffic), faults: faults.clone() });
        let server = Arc::new(Server { store: Arc::clone(&store), requests: Arc::clone(&requests) });
        let api = api.layer(from_fn_with_state(server, note));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, api).await });
        let _ = write!(clusters, "- name: {place}\n  cluster:\n    server: http://{address}\n");
        let _ = write!(contexts, "- name: {place}\n  context:\n    cluster: {place}\n    user: bench\n");
        stores.push(store);
    }
    let _ = write!(kubeconfig, "clusters:\n{clusters}contexts:\n{contexts}");
    std::fs::write(home.join("kubeconfig"), kubeconfig).unwrap();
    let rate = Arc::new(AtomicU32::new(0));
    tokio::spawn(churn(stores, services, Arc::clone(&rate)));
    // Standard input blocks, and ends with the parent.
    tokio::task::spawn_blocking(move || {
        let say = |text: &str| {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{text}").and_then(|()| out.flush()).unwrap();
        };
        say("ready");
        for order in std::io::stdin().lines().map_while(Result::ok) {
            if let Some(("churn", per_second)) = order.split_once(' ') {
                rate.store(per_second.parse().unwrap(), Ordering::SeqCst);
                say("done");
            } else {
                let Requests { patches, before } = std::mem::take(&mut *requests.lock().unwrap());
                let patches: Vec<String> = patches.iter().map(ToString::to_string).collect();
                say(&json!({ "patches": patches, "before": before }).to_string());
            }
        }
    })
    .await
    .unwrap();
}

/// Notes patches, and is the controller that sees them at once.
async fn note(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let is_meant = method == Method::PATCH && !query.contains("dryRun");
    if !is_meant && !query.contains("watch=") && path != "/version" {
        let mut requests = server.requests.lock().unwrap();
        // What follows the patch is about how it went.
        requests.before += usize::from(requests.patches.is_empty());
    }
    let response = next.run(request).await;
    if is_meant {
        server.requests.lock().unwrap().patches.push(now());
        if let [.., namespace, "deployments", name] = path.split('/').collect::<Vec<_>>()[..] {
            let key = Key::new(Resource::Deployments, namespace, name);
            let seen = server.store.update(&key, Part::Status, false, |object| {
                object["status"]["observedGeneration"] = object["metadata"]["generation"].clone();
                Ok(())
            });
            seen.unwrap();
        }
    }
    response
}

fn write_control(directory: &Path, services: usize) {
    let mut files = repository::files(services, &Backends::default());
    for (path, text) in &mut files {
        if path == "quarterdeck.toml" {
            text.clear();
            text.push_str("name = \"bench\"\n\n");
            for place in PLACES {
                let production = place.starts_with("production");
                let _ = write!(
                    text,
                    "[environment.{place}]\ncontext = \"{place}\"\nnamespace = \"shared\"\nproduction = {production}\n\n"
                );
            }
        }
        if path.ends_with("/deployment.toml") {
            let project = path.split('/').nth(1).unwrap_or_default();
            let _ = write!(text, "\n[environment.production-us]\nnamespace = \"{project}\"\n");
        }
    }
    let environment = vec![("GIT_CONFIG_GLOBAL".to_owned(), "/dev/null".to_owned())];
    git::create(directory, &files, environment).unwrap();
}

fn fill(store: &Store, services: usize) {
    let namespaces: BTreeSet<String> = (0..services).map(namespace).collect();
    for namespace in namespaces {
        store.create(Resource::Namespaces, "", json!({ "metadata": { "name": namespace } }), false).unwrap();
    }
    for index in 0..services {
        let namespace = namespace(index);
        store.create(Resource::Deployments, &namespace, deployment(index), false).unwrap();
        for number in 0..PODS {
            store.create(Resource::Pods, &namespace, pod(index, number), false).unwrap();
        }
    }
}

/// Changes one Deployment and one pod after another: every change is one that must be shown.
async fn churn(stores: Vec<Arc<Store>>, services: usize, rate: Arc<AtomicU32>) {
    let mut serial = 0_usize;
    loop {
        let per_second = rate.load(Ordering::SeqCst);
        if per_second == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        // Timers are no finer than a millisecond; more than that comes in small batches.
        let batch = per_second.div_ceil(500).max(1);
        tokio::time::sleep(Duration::from_secs(1) * batch / per_second).await;
        for _ in 0..batch {
            serial += 1;
            let (store, turn) = (&stores[serial % stores.len()], serial / stores.len());
            let index = (turn / 2) % services;
            let round = (turn / 2 / services) as u64 + 1;
            if turn % 2 == 0 {
                let key = Key::new(Resource::Deployments, namespace(index), name(index));
                let ready = if round.is_multiple_of(2) { 3 } else { 2 };
                store.update(&key, Part::Status, false, |object| {
                    object["status"]["readyReplicas"] = ready.into();
                    object["status"]["availableReplicas"] = ready.into();
                    Ok(())
                })
            } else {
                let key = Key::new(Resource::Pods, namespace(index), pod_name(index, 0));
                store.update(&key, Part::Status, false, |object| {
                    object["status"]["containerStatuses"][0]["restartCount"] = round.into();
                    Ok(())
                })
            }
            .unwrap();
        }
    }
}

fn hash(index: usize) -> String {
    format!("{:010x}", (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24)
}

fn pod_name(index: usize, number: usize) -> String {
    format!("{}-{}-{number:05}", name(index), hash(index))
}

/// Who wrote which fields, as the API server notes it of every object: the larger part of many.
fn managed(manager: &str, fields: usize) -> Value {
    let names =
        ["image", "name", "ports", "resources", "env", "livenessProbe", "readinessProbe", "volumeMounts"];
    let fields: serde_json::Map<String, Value> = (0..fields)
        .map(|index| (format!("f:{}{index}", names[index % names.len()]), json!({ ".": {}, "f:type": {} })))
        .collect();
    json!({ "manager": manager, "operation": "Update", "apiVersion": "apps/v1",
            "time": "2026-05-28T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": fields } })
}

fn container(index: usize) -> Value {
    let (name, version) = (name(index), format!("1.{}.0", index % 9));
    let variables: Vec<Value> = (0..6)
        .map(|number| json!({ "name": format!("SETTING_{number}"), "value": "some value of it" }))
        .collect();
    let probe = |path: &str| {
        json!({ "httpGet": { "path": path, "port": 8080, "scheme": "HTTP" },
                "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3 })
    };
    json!({
        "name": name,
        "image": format!("registry.example.com/shop/{name}:{version}"),
        "ports": [{ "name": "http", "containerPort": 8080, "protocol": "TCP" }],
        "env": variables,
        "resources": { "requests": { "cpu": "250m", "memory": "256Mi" }, "limits": { "memory": "512Mi" } },
        "livenessProbe": probe("/healthz"),
        "readinessProbe": probe("/readyz"),
        "terminationMessagePath": "/dev/termination-log",
        "imagePullPolicy": "IfNotPresent",
    })
}

fn deployment(index: usize) -> Value {
    let (name, version) = (name(index), format!("1.{}.0", index % 9));
    let condition = |kind: &str, reason: &str| {
        json!({ "type": kind, "status": "True", "reason": reason, "message": "as it should be",
                "lastUpdateTime": "2026-05-28T00:00:00Z", "lastTransitionTime": "2026-05-28T00:00:00Z" })
    };
    json!({
        "metadata": {
            "name": name,
            "labels": { "app.kubernetes.io/name": name, "app.kubernetes.io/version": version },
            "annotations": { "deployment.kubernetes.io/revision": "4" },
            "managedFields": [managed("kubectl-client-side-apply", 16), managed("kube-controller-manager", 8)],
        },
        "spec": {
            "replicas": PODS,
            "revisionHistoryLimit": 10,
            "selector": { "matchLabels": { "app.kubernetes.io/name": name } },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" } },
            "template": {
                "metadata": { "labels": { "app.kubernetes.io/name": name, "app.kubernetes.io/version": version } },
                "spec": { "containers": [container(index)], "restartPolicy": "Always", "dnsPolicy": "ClusterFirst" },
            },
        },
        "status": {
            "observedGeneration": 1,
            "replicas": PODS, "updatedReplicas": PODS, "readyReplicas": PODS, "availableReplicas": PODS,
            "conditions": [condition("Available", "MinimumReplicasAvailable"),
                           condition("Progressing", "NewReplicaSetAvailable")],
        },
    })
}

fn pod(index: usize, number: usize) -> Value {
    let (name, hash) = (name(index), hash(index));
    let condition = |kind: &str| json!({ "type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-05-28T00:00:00Z" });
    json!({
        "metadata": {
            "name": pod_name(index, number),
            "generateName": format!("{name}-{hash}-"),
            "labels": { "app.kubernetes.io/name": name, "pod-template-hash": hash },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{name}-{hash}"),
                                  "uid": "7f1c", "controller": true, "blockOwnerDeletion": true }],
            "managedFields": [managed("kube-controller-manager", 16), managed("kubelet", 10)],
        },
        "spec": {
            "containers": [container(index)],
            "nodeName": format!("node-{:03}", (index * PODS + number) % 200),
            "restartPolicy": "Always",
            "serviceAccountName": "default",
            "tolerations": [
                { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 },
                { "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 },
            ],
            "volumes": [{ "name": "kube-api-access", "projected": { "defaultMode": 420, "sources": [
                { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
            ] } }],
        },
        "status": {
            "phase": "Running",
            "conditions": [condition("PodScheduled"), condition("Initialized"), condition("ContainersReady"),
                           condition("Ready")],
            "podIP": "10.1.2.3",
            "startTime": "2026-05-28T00:00:00Z",
            "containerStatuses": [{
                "name": name, "ready": true, "started": true, "restartCount": 0, "lastState": {},
                "image": format!("registry.example.com/shop/{name}"),
                "imageID": format!("registry.example.com/shop/{name}@sha256:{hash}"),
                "containerID": format!("containerd://{hash}{number}"),
                "state": { "running": { "startedAt": "2026-05-28T00:00:00Z" } },
            }],
        },
    })
}
