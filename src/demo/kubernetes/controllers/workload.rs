//! The Deployment controller: rolling updates, one pod at a time.

use super::{
    super::{
        resources::Resource,
        store::{Key, Part},
    },
    Steps, World,
    pods::{self, Set},
    set_condition,
};
use serde_json::{Value, json};

/// One look at a Deployment: its `ReplicaSet`, a step if one is due, its status.
pub fn reconcile(world: &World, steps: &mut Steps, object: &Value) {
    let key = Key::of(Resource::Deployments, object);
    if object["spec"]["paused"] == true {
        world.write(&key, Part::Status, observe);
        return;
    }
    let what = format!("deployment/{}/{}", key.namespace, key.name);
    let desired = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let mut sets = pods::owned(world, object);
    let Some(current) = pods::current(world, object, false, &mut sets) else { return };
    sets[current].wanted = desired;
    // The newest first: what is missing is created there before old ones are looked at.
    sets.swap(0, current);
    if sets.iter().all(Set::settled) {
        steps.done(&what);
    } else if steps.due(&what) && pods::advance(world, desired, &mut sets) {
        steps.progress(&what);
    }
    pods::report(world, &sets);
    let stuck = steps.stuck_for(&what) > world.pace.progress_deadline;
    report(world, &key, desired, &sets, stuck);
}

fn observe(object: &mut Value) {
    object["status"]["observedGeneration"] = object["metadata"]["generation"].clone();
}

fn report(world: &World, key: &Key, desired: i64, sets: &[Set], stuck: bool) {
    let now = world.time.stamp();
    let live: i64 = sets.iter().map(Set::live).sum();
    let ready: i64 = sets.iter().map(Set::ready).sum();
    let complete = sets.iter().all(Set::settled);
    let name = sets[0].object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    world.write(key, Part::Status, |object| {
        observe(object);
        let status = &mut object["status"];
        let counts = json!({ "replicas": live, "updatedReplicas": sets[0].live(), "readyReplicas": ready,
            "availableReplicas": ready, "unavailableReplicas": (desired - ready).max(0) });
        for (field, value) in counts.as_object().into_iter().flatten() {
            status[field] = value.clone();
        }
        // The real API leaves a zero out.
        if let Some(fields) = status.as_object_mut()
            && fields["unavailableReplicas"] == 0
        {
            fields.remove("unavailableReplicas");
        }
        if ready >= desired {
            let message = "Deployment has minimum availability.";
            set_condition(status, "Available", "True", "MinimumReplicasAvailable", message, &now);
        } else {
            let message = "Deployment does not have minimum availability.";
            set_condition(status, "Available", "False", "MinimumReplicasUnavailable", message, &now);
        }
        let (holds, reason, message) = if complete {
            ("True", "NewReplicaSetAvailable", format!("ReplicaSet {name:?} has successfully progressed."))
        } else if stuck {
            ("False", "ProgressDeadlineExceeded", format!("ReplicaSet {name:?} has timed out progressing."))
        } else {
            ("True", "ReplicaSetUpdated", format!("ReplicaSet {name:?} is progressing."))
        };
        set_condition(status, "Progressing", holds, reason, &message, &now);
    });
}
