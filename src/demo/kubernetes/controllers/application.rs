//! The Argo CD controller: operations, history, automated sync, health.

use super::{
    super::{
        resources::Resource,
        store::{Key, Part},
    },
    Steps, World,
};
use crate::demo::{estate::Service, manifests};
use serde_json::{Value, json};

/// How many entries `status.history` keeps.
const HISTORY: usize = 10;

/// One look at an Application.
pub fn reconcile(world: &World, steps: &mut Steps, object: &Value) {
    let key = Key::of(Resource::Applications, object);
    let Some(service) = Service::find(&key.name) else { return };
    let what = format!("application/{}", key.name);
    let automatic = format!("automatic/{}", key.name);
    if object["operation"].is_object() {
        steps.done(&automatic);
        operate(world, steps, &key, object, service, &what);
        return;
    }
    steps.done(&what);
    let target = world.target(service);
    let synced = world.applied(service).as_deref() == Some(target.as_str());
    let automated = &object["spec"]["syncPolicy"]["automated"];
    if synced || !automated.is_object() || automated["enabled"] == false {
        steps.done(&automatic);
    } else if steps.due(&automatic) {
        steps.done(&automatic);
        let operation = json!({ "initiatedBy": { "automated": true }, "retry": { "limit": 5 },
            "sync": { "revision": manifests::revision(service.name, &target), "prune": automated["prune"] } });
        world.write(&key, Part::Object, |object| {
            object["operation"] = operation;
            object["status"]["operationState"] = Value::Null;
        });
        return;
    }
    report(world, &key, service, &target, synced);
}

/// Writes sync and health as they are, and answers a refresh.
fn report(world: &World, key: &Key, service: &Service, target: &str, synced: bool) {
    let health = health(world, service);
    let now = world.time.stamp();
    let revision = manifests::revision(service.name, target);
    let running = world.applied(service).unwrap_or_default();
    world.write(key, Part::Object, |object| {
        let comparison = if synced { "Synced" } else { "OutOfSync" };
        let source = object["spec"]["source"].clone();
        let status = &mut object["status"];
        let before = status.clone();
        status["sync"]["status"] = comparison.into();
        status["sync"]["revision"] = revision.into();
        status["sync"]["comparedTo"]["source"] = source;
        status["health"]["status"] = health.into();
        status["summary"]["images"] = json!([service.image(&running)]);
        if let Some(resource) = status["resources"].get_mut(0) {
            resource["status"] = comparison.into();
        }
        let changed = *status != before;
        let refreshed = object
            .pointer_mut("/metadata/annotations")
            .and_then(Value::as_object_mut)
            .is_some_and(|annotations| annotations.remove("argocd.argoproj.io/refresh").is_some());
        if changed || refreshed {
            object["status"]["reconciledAt"] = now.into();
        }
    });
}

fn health(world: &World, service: &Service) -> &'static str {
    let key = Key::new(Resource::Deployments, service.namespace(), service.name);
    let Some(object) = world.store.get(&key) else { return "Missing" };
    let reason = object["status"]["conditions"]
        .as_array()
        .and_then(|list| list.iter().find(|condition| condition["type"] == "Progressing"))
        .and_then(|condition| condition["reason"].as_str());
    let observed = object["status"]["observedGeneration"] == object["metadata"]["generation"];
    match reason {
        Some("ProgressDeadlineExceeded") => "Degraded",
        Some("NewReplicaSetAvailable") if observed => "Healthy",
        _ => "Progressing",
    }
}

fn operate(world: &World, steps: &mut Steps, key: &Key, object: &Value, service: &Service, what: &str) {
    let now = world.time.stamp();
    let operation = &object["operation"];
    let state = &object["status"]["operationState"];
    match state["phase"].as_str() {
        Some("Terminating") => {
            steps.done(what);
            finish(world, key, "Failed", "Operation terminated", None);
        }
        Some("Running") if state["operation"] == *operation => {
            if !steps.due(what) {
                return;
            }
            steps.done(what);
            let revision = operation["sync"]["revision"].as_str().unwrap_or_default();
            if let Some(version) = world.version_at(service, revision) {
                if operation["sync"]["dryRun"] != true {
                    world.apply(service, &version);
                }
                let revision = manifests::revision(service.name, &version);
                finish(world, key, "Succeeded", "successfully synced (all tasks run)", Some(&revision));
                world.event(object, "OperationCompleted", &format!("Sync operation to {revision} succeeded"));
            } else {
                let message = format!("ComparisonError: unable to resolve '{revision}' to a commit SHA");
                finish(world, key, "Error", &message, None);
            }
        }
        _ => {
            steps.done(what);
            steps.due(what);
            world.write(key, Part::Object, |object| {
                let operation = object["operation"].clone();
                object["status"]["operationState"] = json!({ "phase": "Running", "operation": operation,
                    "message": "waiting for completion of hook and resources", "startedAt": now,
                    "retryCount": 0 });
            });
        }
    }
}

/// Ends the operation; success is appended to the history.
fn finish(world: &World, key: &Key, phase: &str, message: &str, revision: Option<&str>) {
    let now = world.time.stamp();
    world.write(key, Part::Object, |object| {
        let operation = object["operation"].take();
        let spec_source = object["spec"]["source"].clone();
        let source = if operation["sync"]["source"].is_object() {
            operation["sync"]["source"].clone()
        } else {
            spec_source
        };
        let status = &mut object["status"];
        let state = &mut status["operationState"];
        let started = state["startedAt"].clone();
        state["phase"] = phase.into();
        state["message"] = message.into();
        state["finishedAt"] = now.as_str().into();
        let Some(revision) = revision else { return };
        state["syncResult"] = json!({ "revision": revision, "source": source });
        if !status["history"].is_array() {
            status["history"] = json!([]);
        }
        let Some(history) = status["history"].as_array_mut() else { return };
        let id = history.last().and_then(|entry| entry["id"].as_i64()).map_or(0, |id| id + 1);
        history.push(json!({ "id": id, "revision": revision, "source": source, "deployStartedAt": started,
            "deployedAt": now, "initiatedBy": operation["initiatedBy"] }));
        while history.len() > HISTORY {
            history.remove(0);
        }
    });
}
