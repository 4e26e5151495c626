//! The Argo Rollouts controller, reduced to canaries: weights, pauses, abort, promotion.

use super::{
    super::{
        resources::Resource,
        store::{Key, Part},
    },
    Steps, World,
    pods::{self, Set},
};
use serde_json::{Value, json};

/// Where an update stands.
struct Update<'a> {
    steps: &'a [Value],
    index: usize,
    replicas: i64,
}

impl Update<'_> {
    /// How many pods of the new version the last weight asks for.
    fn canaries(&self) -> i64 {
        if self.index >= self.steps.len() {
            return self.replicas;
        }
        let mut passed = self.steps.iter().take(self.index + 1).rev();
        let weight = passed.find_map(|step| step["setWeight"].as_i64()).unwrap_or_default();
        (self.replicas * weight + 99) / 100
    }
}

/// One look at a Rollout: its `ReplicaSets`, a step if one is due, its status.
pub fn reconcile(world: &World, steps: &mut Steps, object: &Value) {
    let key = Key::of(Resource::Rollouts, object);
    if !object["spec"]["workloadRef"].is_null() || !object["spec"]["template"].is_object() {
        return;
    }
    let what = format!("rollout/{}/{}", key.namespace, key.name);
    let replicas = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let mut sets = pods::owned(world, object);
    let Some(current) = pods::current(world, object, true, &mut sets) else { return };
    sets.swap(0, current);
    let hash = sets[0].hash(true).to_owned();
    let mut status = object["status"].clone();
    if !status.is_object() {
        status = json!({});
    }
    let no_steps = Vec::new();
    let canary = object["spec"]["strategy"]["canary"]["steps"].as_array().unwrap_or(&no_steps);
    if status["currentPodHash"] != hash.as_str() {
        // Another template: the update begins anew, whatever became of the last one.
        status["currentPodHash"] = hash.as_str().into();
        status["currentStepIndex"] = 0.into();
        status["abort"] = false.into();
        clear_pause(&mut status);
    }
    if status["stableRS"].as_str().is_none_or(str::is_empty) {
        status["stableRS"] = hash.as_str().into();
    }
    let stable = status["stableRS"] == hash.as_str();
    let aborted = !stable && status["abort"] == true;
    if stable || status["promoteFull"] == true {
        status["currentStepIndex"] = canary.len().into();
        clear_pause(&mut status);
    }
    if aborted {
        status["currentStepIndex"] = 0.into();
        clear_pause(&mut status);
    }
    let index = status["currentStepIndex"].as_u64().unwrap_or_default() as usize;
    let update = Update { steps: canary, index, replicas };
    let canaries = if aborted { 0 } else { update.canaries() };
    for (position, set) in sets.iter_mut().enumerate() {
        set.wanted = match position {
            0 => canaries,
            _ if status["stableRS"] == set.hash(true) => replicas - canaries,
            _ => 0,
        };
    }
    let paused = object["spec"]["paused"] == true;
    let settled = sets.iter().all(Set::settled);
    if !settled {
        if steps.due(&what) && pods::advance(world, replicas, &mut sets) {
            steps.progress(&what);
        }
    } else if stable || aborted || paused {
        steps.done(&what);
    } else if index >= canary.len() {
        status["stableRS"] = hash.as_str().into();
        status["promoteFull"] = Value::Null;
        steps.done(&what);
    } else {
        pass_step(&mut status, steps, &what, &canary[index], index, &world.time.stamp());
    }
    pods::report(world, &sets);
    report(world, &key, object, status, &sets, aborted);
}

/// A settled step: a weight is passed at the next beat, a pause waits.
fn pass_step(status: &mut Value, steps: &mut Steps, what: &str, step: &Value, index: usize, now: &str) {
    let is_pause = step.get("pause").is_some();
    let timed = !step["pause"]["duration"].is_null();
    let resumed = status["controllerPause"] == true && status["pauseConditions"].is_null();
    if is_pause && status["controllerPause"] != true {
        status["controllerPause"] = true.into();
        status["pauseConditions"] = json!([{ "reason": "CanaryPauseStep", "startTime": now }]);
        steps.done(what);
    }
    let beat = (!is_pause || timed) && steps.due(what);
    if resumed || beat {
        status["currentStepIndex"] = (index + 1).into();
        clear_pause(status);
    }
}

fn clear_pause(status: &mut Value) {
    status["controllerPause"] = false.into();
    status["pauseConditions"] = Value::Null;
}

fn report(world: &World, key: &Key, object: &Value, mut status: Value, sets: &[Set], aborted: bool) {
    let ready: i64 = sets.iter().map(Set::ready).sum();
    let live: i64 = sets.iter().map(Set::live).sum();
    let settled = sets.iter().all(Set::settled);
    let (phase, message) = if aborted {
        let revision = sets[0].revision(true);
        ("Degraded", format!("RolloutAborted: Rollout aborted update to revision {revision}"))
    } else if object["spec"]["paused"] == true {
        ("Paused", "manually paused".to_owned())
    } else if !status["pauseConditions"].is_null() {
        ("Paused", "CanaryPauseStep".to_owned())
    } else if settled && status["stableRS"] == status["currentPodHash"] {
        ("Healthy", String::new())
    } else {
        ("Progressing", "more replicas need to be updated".to_owned())
    };
    status["phase"] = phase.into();
    status["message"] = message.into();
    status["replicas"] = live.into();
    status["updatedReplicas"] = sets[0].live().into();
    status["readyReplicas"] = ready.into();
    status["availableReplicas"] = ready.into();
    let generation = world.store.get(key).and_then(|object| object["metadata"]["generation"].as_i64());
    // A string, in the real one too.
    status["observedGeneration"] = generation.unwrap_or_default().to_string().into();
    if let Some(fields) = status.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    // A person may have written the status meanwhile (abort, promote): theirs must not be lost.
    let read = object["status"].clone();
    let _ = world.store.update(key, Part::Status, false, |object| {
        if object["status"] == read {
            object["status"] = status;
        }
        Ok(())
    });
}
