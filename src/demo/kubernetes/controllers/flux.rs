//! The Flux controller: Kustomizations put their Deployments back to what Git says.

use super::{
    super::{
        resources::Resource,
        store::{Key, Part},
    },
    Steps, World, set_condition,
};
use crate::demo::{estate::Service, manifests};
use serde_json::Value;

/// One look at a `GitRepository`: a request to fetch is answered at once.
pub fn fetch(world: &World, object: &Value) {
    let key = Key::of(Resource::GitRepositories, object);
    let asked = &object["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"];
    if asked.is_null() || *asked == object["status"]["lastHandledReconcileAt"] {
        return;
    }
    world.write(&key, Part::Status, |object| {
        object["status"]["lastHandledReconcileAt"] = asked.clone();
    });
}

/// One look at a Kustomization.
pub fn reconcile(world: &World, steps: &mut Steps, object: &Value) {
    let key = Key::of(Resource::Kustomizations, object);
    let Some(service) = Service::find(&key.name) else { return };
    let (request, interval) = (format!("flux/{}", key.name), format!("interval/{}", key.name));
    if object["spec"]["suspend"] == true {
        steps.done(&request);
        steps.done(&interval);
        return;
    }
    let asked = object["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"].as_str();
    let asked = asked.filter(|asked| object["status"]["lastHandledReconcileAt"] != *asked);
    let drifted = world.applied(service).is_some_and(|version| version != world.target(service));
    let unseen = object["status"]["observedGeneration"] != object["metadata"]["generation"];
    if !drifted {
        steps.done(&interval);
    }
    let due = if asked.is_some() || unseen {
        steps.due(&request)
    } else {
        steps.done(&request);
        drifted && steps.due_after(&interval, world.pace.reconcile_interval)
    };
    if !due {
        return;
    }
    steps.done(&request);
    steps.done(&interval);
    let target = world.target(service);
    if drifted {
        world.apply(service, &target);
    }
    let asked = asked.map(str::to_owned);
    let revision = format!("main@sha1:{}", manifests::revision(service.name, &target));
    let now = world.time.stamp();
    world.write(&key, Part::Status, |object| {
        let generation = object["metadata"]["generation"].clone();
        let status = &mut object["status"];
        status["observedGeneration"] = generation.clone();
        status["lastAppliedRevision"] = revision.as_str().into();
        status["lastAttemptedRevision"] = revision.as_str().into();
        if let Some(asked) = asked {
            status["lastHandledReconcileAt"] = asked.into();
        }
        let message = format!("Applied revision: {revision}");
        set_condition(status, "Ready", "True", "ReconciliationSucceeded", &message, &now);
        if let Some(ready) = status["conditions"]
            .as_array_mut()
            .and_then(|list| list.iter_mut().find(|c| c["type"] == "Ready"))
        {
            ready["message"] = message.into();
            ready["observedGeneration"] = Value::clone(&generation);
        }
    });
}
