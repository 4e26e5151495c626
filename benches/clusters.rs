//! Three clusters with 10,000 Deployments and 30,000 pods together: the first list to the table (at most 2 s), from a key to
//! its frame while 500 objects change each second (at most 16 ms at the 99th percentile), the console's memory then (at
//! most 200 MiB), and from the confirmed key to the patch that the API took (one request, at most 20 ms over the round
//! trip). The clusters are another process. Arguments, after `--`: the names of parts to run (`lists`, `keys`, `program`,
//! `patches`); none runs all. A number is how many services there are, a third of the Deployments; 3,334 unless said.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says where")]

mod support;

use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::Request,
};
use quarterdeck::{
    action::registry,
    adapters,
    domain::deployment::Restarts,
    engine::headless::Engine,
    model::{Model, jobs::JobState},
};
use serde_json::json;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use support::{
    child::{Child, environment},
    clusters::{self, Clusters, PLACES},
    console,
    report::Table,
    repository::{name, namespace},
};
use tokio::runtime::{Builder, Runtime};

/// Longest wait for anything.
const LIMIT: Duration = Duration::from_mins(1);
/// Changes a second, all clusters together.
const CHURN: u32 = 500;
/// Keys of one measurement.
const KEYS: usize = 600;
/// Patches of one measurement.
const PATCHES: usize = 40;

fn main() {
    if clusters::serve_if_asked() {
        return;
    }
    adapters::install_crypto();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|part| !part.starts_with('-')).collect();
    let services = arguments.iter().find_map(|part| part.parse().ok()).unwrap_or(3_334);
    let parts: Vec<&String> = arguments.iter().filter(|part| part.parse::<usize>().is_err()).collect();
    let wants = |part: &str| parts.is_empty() || parts.iter().any(|wanted| *wanted == part);
    let home = tempfile::tempdir().unwrap();
    let mut clusters = Clusters::start(home.path(), services);
    let deployments = services * PLACES.len();
    let mut table = Table::default();
    if wants("lists") {
        lists(&mut table, home.path(), services, deployments);
    }
    // Before anything changes: a workload that the churn left without a pod is never done restarting.
    if wants("patches") {
        patches(&mut table, home.path(), &mut clusters, services);
    }
    if wants("keys") {
        keys(&mut table, home.path(), &mut clusters, services, deployments);
    }
    if wants("program") {
        program(&mut table, home.path(), &mut clusters, deployments);
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn engine(home: &Path) -> Engine {
    let variables = environment(home).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    console::engine(home, variables)
}

/// Whether every Deployment and every pod has been joined.
fn is_whole(model: &Model, services: usize) -> bool {
    let world = &model.world;
    world.clusters.len() == PLACES.len()
        && world.clusters.values().all(|cluster| {
            cluster
                .value
                .as_ref()
                .is_some_and(|view| view.workloads.len() == services && view.restarts.is_some())
        })
        && world
            .joined
            .services
            .iter()
            .all(|row| row.places.iter().all(|place| place.workload.is_some() && place.restarts.is_some()))
}

/// From nothing to a table that has all of it, and the same lists read and dropped.
fn lists(table: &mut Table, home: &Path, services: usize, deployments: usize) {
    let (mut first, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let inside = runtime();
        let took = inside.block_on(async {
            let mut engine = engine(home);
            let began = Instant::now();
            engine.start_sources();
            assert!(engine.until(LIMIT, |model| is_whole(model, services)).await, "everything comes");
            console::draw(&engine.model);
            began.elapsed()
        });
        first.push(took);
        inside.shutdown_background();
        let inside = runtime();
        let began = Instant::now();
        inside.block_on(async {
            let all = PLACES.map(|place| read(home, place));
            futures::future::join_all(all).await;
        });
        bare.push(began.elapsed());
        inside.shutdown_background();
    }
    table.times(&format!("{deployments} Deployments, 3 pods each: start to a whole table"), "≤ 2 s", first);
    table.times("  beside it: the same lists, read and dropped", "", bare);
}

async fn client(home: &Path, place: &str) -> Client {
    let kubeconfig = Kubeconfig::read_from(home.join("kubeconfig")).unwrap();
    let options = KubeConfigOptions { context: Some(place.to_owned()), ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Lists Deployments and pods by pages of 500, as the console does, and keeps nothing.
async fn read(home: &Path, place: &str) {
    let client = client(home, place).await;
    for path in ["/apis/apps/v1/deployments", "/api/v1/pods"] {
        let mut params = kube::api::ListParams { limit: Some(500), ..Default::default() };
        loop {
            let request = Request::new(path).list(&params).unwrap();
            let text = client.request_text(request).await.unwrap();
            // The token is at the head of the answer's metadata, wherever that is.
            let token = text.split_once("\"continue\":\"").and_then(|(_, rest)| rest.split_once('"'));
            let Some((token, _)) = token else { break };
            params.continue_token = Some(token.to_owned());
        }
    }
}

/// From a key to its frame while objects change, and how much of a change is on the screen by then.
fn keys(table: &mut Table, home: &Path, clusters: &mut Clusters, services: usize, deployments: usize) {
    for (churn, aim) in [(0, ""), (CHURN, "≤ 16 ms")] {
        let inside = runtime();
        let seen = inside.block_on(async {
            let mut engine = engine(home);
            engine.start_sources();
            assert!(engine.until(LIMIT, |model| is_whole(model, services)).await, "everything comes");
            clusters.churn(churn);
            let seen = console::press(&mut engine, KEYS).await;
            // The figures are of a console that does follow.
            let restarted = |restarts: Restarts| restarts.count > 0;
            let follows = engine
                .model
                .world
                .joined
                .services
                .iter()
                .any(|row| row.places.iter().any(|place| place.restarts.is_some_and(restarted)));
            assert!(churn == 0 || follows, "what changes is seen");
            seen
        });
        inside.shutdown_background();
        clusters.churn(0);
        table.times(
            &format!("key to frame, {deployments} Deployments, {churn} changes a second"),
            aim,
            seen.keys,
        );
        table.times("  its frames, drawn and written", "", seen.frames);
        table.value("  frames a second", "", format!("{:.1}", seen.rate));
    }
}

/// The program itself as a process.
fn program(table: &mut Table, home: &Path, clusters: &mut Clusters, deployments: usize) {
    let start = || Child::start(&["--repo", "control"], home);
    let live = (0..5).map(|_| start().until(LIMIT, |screen| screen.contains("/3 ")).expect("pods"));
    table.times(&format!("the program, {deployments} Deployments: start to live pods"), "", live.collect());
    let mut child = start();
    child.watch(Duration::from_secs(15));
    table.value(
        "  resident after 15 s, nothing changes",
        "≤ 200 MiB",
        format!("{:.1} MiB", child.memory("VmRSS")),
    );
    clusters.churn(CHURN);
    child.watch(Duration::from_mins(1));
    clusters.churn(0);
    let what = format!("  resident after 45 s of {CHURN} changes a second");
    table.value(&what, "≤ 200 MiB", format!("{:.1} MiB", child.memory("VmRSS")));
    table.value("  most resident", "≤ 200 MiB", format!("{:.1} MiB", child.memory("VmHWM")));
}

/// From the yes to the patch that the API took, beside the same patch by the client alone.
fn patches(table: &mut Table, home: &Path, clusters: &mut Clusters, services: usize) {
    let inside = runtime();
    let (mut ours, mut bare, mut requests) = (Vec::new(), Vec::new(), 0);
    inside.block_on(async {
        let mut engine = engine(home);
        engine.start_sources();
        assert!(engine.until(LIMIT, |model| is_whole(model, services)).await, "everything comes");
        let client = client(home, "staging").await;
        let restart = registry::all().find(|action| action.cli == ["service", "restart"]).unwrap();
        for index in 0..PATCHES {
            let arguments =
                [("service", name(index)), ("environment", "staging".to_owned())].into_iter().collect();
            let command = (restart.build)(&arguments).unwrap();
            let (job, _) = engine.plan(command).await.expect("a plan");
            clusters.patches();
            let began = clusters::now();
            engine.confirm().unwrap();
            let done = |model: &Model| {
                model.jobs.all.get(&job).is_some_and(|job| matches!(job.state, JobState::Done(_)))
            };
            assert!(engine.until(LIMIT, done).await, "the job ends");
            let (patched, before) = clusters.patches();
            assert_eq!(patched.len(), 1, "one patch is sent");
            requests = requests.max(before + 1);
            ours.push(Duration::from_nanos((patched[0] - began) as u64));

            let api = Api::<Deployment>::namespaced(client.clone(), &namespace(index));
            let stamp = json!({ "spec": { "template": { "metadata": { "annotations": {
                "kubectl.kubernetes.io/restartedAt": format!("2026-05-28T00:{:02}:00Z", index % 60) } } } } });
            let began = clusters::now();
            api.patch(&name(index), &PatchParams::default(), &Patch::Merge(&stamp)).await.unwrap();
            let (patched, _) = clusters.patches();
            bare.push(Duration::from_nanos((patched[0] - began) as u64));
        }
    });
    inside.shutdown_background();
    table.times("confirmed key to accepted patch (`service restart`)", "≤ 20 ms more", ours);
    table.times("  beside it: the same patch by the client alone", "", bare);
    table.value("  requests from the yes to the patch, with it", "1", requests.to_string());
}
