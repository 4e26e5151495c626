//! The controllers of a simulated cluster: they make what is wanted so, over a few seconds.

mod application;
mod flux;
pub mod job;
mod pods;
mod rollout;
mod workload;

use super::{
    resources::Resource,
    store::{Key, LogEntry, Part, Store},
};
use crate::demo::{
    Pace,
    clock::Time,
    estate::{Environment, Service},
    integration::Manifests,
    manifests,
    traffic::Traffic,
};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};
use tokio::time::Instant;

/// What the controllers watch.
const WATCHED: [Resource; 9] = [
    Resource::Jobs,
    Resource::Services,
    Resource::Deployments,
    Resource::ReplicaSets,
    Resource::Pods,
    Resource::Rollouts,
    Resource::Applications,
    Resource::Kustomizations,
    Resource::GitRepositories,
];

/// What all controllers of a cluster share.
#[derive(Debug)]
pub struct World {
    /// The cluster's objects.
    pub store: Arc<Store>,
    /// Who is told which versions serve.
    pub traffic: Arc<Traffic>,
    /// What Git says.
    pub manifests: Arc<Manifests>,
    /// Which environment the cluster is.
    pub environment: Environment,
    /// The clock.
    pub time: Time,
    /// How fast things happen.
    pub pace: Pace,
}

impl World {
    /// The version that Git says should run.
    pub fn target(&self, service: &Service) -> String {
        let published = self.manifests.current(service.name);
        published.map_or_else(|| service.running(self.environment).to_owned(), |published| published.version)
    }

    /// The version that a revision of the manifests repository has for `service`.
    pub fn version_at(&self, service: &Service, revision: &str) -> Option<String> {
        let target = self.target(service);
        if revision.is_empty() || matches!(revision, "HEAD" | "main") {
            return Some(target);
        }
        let right = |version: &str| manifests::revision(service.name, version) == revision;
        if let Some(published) = self.manifests.find(service.name, right) {
            return Some(published.version);
        }
        service
            .previous
            .iter()
            .copied()
            .chain([service.version, target.as_str()])
            .find(|version| right(version))
            .map(str::to_owned)
    }

    /// Makes the Deployment of `service` the one that Git has at `version`.
    fn apply(&self, service: &Service, version: &str) {
        let key = Key::new(Resource::Deployments, service.namespace(), service.name);
        self.write(&key, Part::Object, |object| {
            object["metadata"]["labels"]["app.kubernetes.io/version"] = version.into();
            object["metadata"]["annotations"]["kubernetes.io/change-cause"] =
                manifests::change_cause(service.name, version).into();
            object["spec"]["template"] = manifests::template(service, version);
            if let Some(published) = self.manifests.find(service.name, |known| known == version) {
                object["spec"]["template"]["spec"]["containers"][0]["image"] = published.image.into();
            }
        });
    }

    /// The version in the pod template of the Deployment of `service`.
    fn applied(&self, service: &Service) -> Option<String> {
        let key = Key::new(Resource::Deployments, service.namespace(), service.name);
        let object = self.store.get(&key)?;
        let labels = &object["spec"]["template"]["metadata"]["labels"];
        labels["app.kubernetes.io/version"].as_str().map(str::to_owned)
    }

    /// Changes an object. That it is gone meanwhile is not a failure: the next round sees it.
    fn write(&self, key: &Key, part: Part, change: impl FnOnce(&mut Value)) {
        let _ = self.store.update(key, part, false, |object| {
            change(object);
            Ok(())
        });
    }

    /// Records a `v1` Event about `object`.
    fn event(&self, object: &Value, reason: &str, message: &str) {
        let meta = &object["metadata"];
        let now = self.time.stamp();
        let event = json!({
            "metadata": { "generateName": format!("{}.", meta["name"].as_str().unwrap_or_default()) },
            "involvedObject": { "apiVersion": object["apiVersion"], "kind": object["kind"], "name": meta["name"],
                                "namespace": meta["namespace"], "uid": meta["uid"] },
            "reason": reason, "message": message, "type": "Normal", "count": 1,
            "source": { "component": "controller-manager" }, "firstTimestamp": now, "lastTimestamp": now,
        });
        let namespace = meta["namespace"].as_str().unwrap_or_default();
        // Only a namespace that is gone can refuse it, and then nobody will read it.
        let _ = self.store.create(Resource::Events, namespace, event, false);
    }
}

/// When the next step of each thing under way is due.
#[derive(Debug)]
struct Steps {
    step: std::time::Duration,
    due: HashMap<String, Instant>,
    progressed: HashMap<String, Instant>,
}

impl Steps {
    /// Whether the next step of `what` may be made now; asking for the first time starts the wait.
    fn due(&mut self, what: &str) -> bool {
        self.due_after(what, self.step)
    }

    fn due_after(&mut self, what: &str, wait: std::time::Duration) -> bool {
        let now = Instant::now();
        match self.due.get_mut(what) {
            None => {
                self.due.insert(what.to_owned(), now + wait);
                self.progressed.insert(what.to_owned(), now);
                false
            }
            Some(at) if *at <= now => {
                *at = now + wait;
                true
            }
            Some(_) => false,
        }
    }

    fn progress(&mut self, what: &str) {
        self.progressed.insert(what.to_owned(), Instant::now());
    }

    /// For how long `what` has not come forward.
    fn stuck_for(&self, what: &str) -> std::time::Duration {
        self.progressed.get(what).map_or(std::time::Duration::ZERO, Instant::elapsed)
    }

    fn done(&mut self, what: &str) {
        self.due.remove(what);
        self.progressed.remove(what);
    }

    /// Drops what was due when the round `began` and was not asked for in it: its object is gone.
    fn forget(&mut self, began: Instant) {
        self.due.retain(|_, at| *at > began);
        self.progressed.retain(|what, _| self.due.contains_key(what));
    }

    fn next(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }
}

/// Runs all controllers of a cluster until the task is aborted.
pub async fn run(world: Arc<World>) {
    let step = world.pace.rollout_step;
    let mut steps = Steps { step, due: HashMap::new(), progressed: HashMap::new() };
    let mut changed = world.store.subscribe();
    let (mut seen, _) = world.store.versions();
    let mut relevant = true;
    let mut published = world.manifests.subscribe();
    // Changes come in bursts; looking once after a burst is enough.
    let gather = (step / 8).min(std::time::Duration::from_millis(20));
    loop {
        changed.borrow_and_update();
        let newest = world.store.versions().0;
        relevant |= newest != seen && concerns(&world.store, seen);
        seen = newest;
        if relevant || steps.next().is_some_and(|next| next <= Instant::now()) {
            relevant = false;
            let began = Instant::now();
            reconcile(&world, &mut steps);
            steps.forget(began);
        }
        let next = steps.next();
        tokio::select! {
            result = changed.changed() => {
                if result.is_err() {
                    return;
                }
                tokio::time::sleep(gather).await;
            }
            result = published.changed() => {
                if result.is_err() {
                    return;
                }
                relevant = true;
            }
            () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
    }
}

/// Whether anything after `version` may need a controller; an annotation on a pod does not.
fn concerns(store: &Store, version: u64) -> bool {
    WATCHED.into_iter().any(|resource| match store.changes(resource, version) {
        Ok((entries, _)) => entries.iter().any(|entry| resource != Resource::Pods || pod_matters(entry)),
        Err(_) => true,
    })
}

fn pod_matters(entry: &LogEntry) -> bool {
    entry.deleted
        || entry.before.as_ref().is_none_or(|before| {
            let mark = |pod: &Value| pod["metadata"]["deletionTimestamp"].clone();
            before["status"] != entry.object["status"] || mark(before) != mark(&entry.object)
        })
}

fn reconcile(world: &World, steps: &mut Steps) {
    pods::remove_ended(world, steps);
    for object in world.store.list(Resource::Deployments, None).1 {
        workload::reconcile(world, steps, &object);
    }
    for object in world.store.list(Resource::Jobs, None).1 {
        job::reconcile(world, steps, &object);
    }
    for object in world.store.list(Resource::Rollouts, None).1 {
        rollout::reconcile(world, steps, &object);
    }
    for object in world.store.list(Resource::Applications, None).1 {
        application::reconcile(world, steps, &object);
    }
    for object in world.store.list(Resource::Kustomizations, None).1 {
        flux::reconcile(world, steps, &object);
    }
    for object in world.store.list(Resource::GitRepositories, None).1 {
        flux::fetch(world, &object);
    }
    let all = |resource| world.store.list(resource, None).1;
    world.traffic.route(&all(Resource::Pods), &all(Resource::Services), &all(Resource::Rollouts));
}

/// Sets a condition; its transition time moves only when its status does.
fn set_condition(status: &mut Value, kind: &str, holds: &str, reason: &str, message: &str, now: &str) {
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(list) = status["conditions"].as_array_mut() else { return };
    let index = list.iter().position(|condition| condition["type"] == kind).unwrap_or_else(|| {
        list.push(json!({ "type": kind }));
        list.len() - 1
    });
    let condition = &mut list[index];
    if condition["status"] == holds && condition["reason"] == reason {
        return;
    }
    if condition["status"] != holds {
        condition["lastTransitionTime"] = now.into();
    }
    condition["lastUpdateTime"] = now.into();
    condition["status"] = holds.into();
    condition["reason"] = reason.into();
    condition["message"] = message.into();
}
