//! The Argo Rollouts controller, reduced: weights, pauses, abort, promotion, blue-green, restarts.

use super::{
    super::{
        resources::Resource,
        store::{Key, Part},
    },
    Steps, World,
    pods::{self, Set},
};
use serde_json::{Value, json};

/// How an update goes forward.
struct Strategy<'a> {
    /// The canary's steps; none for blue-green.
    steps: &'a [Value],
    /// Whether traffic is routed by weights, and the stable pods therefore all stay until the end.
    routed: bool,
    /// Its blue-green settings.
    blue_green: Option<&'a Value>,
    replicas: i64,
}

impl<'a> Strategy<'a> {
    fn of(rollout: &'a Value) -> Self {
        let strategy = &rollout["spec"]["strategy"];
        Self {
            steps: strategy["canary"]["steps"].as_array().map(Vec::as_slice).unwrap_or_default(),
            routed: strategy["canary"]["trafficRouting"].is_object(),
            blue_green: strategy.get("blueGreen").filter(|settings| settings.is_object()),
            replicas: rollout["spec"]["replicas"].as_i64().unwrap_or(1),
        }
    }

    /// The weight that is asked for at the step `index`.
    fn weight(&self, index: usize) -> i64 {
        if index >= self.steps.len() {
            return 100;
        }
        let mut passed = self.steps.iter().take(index + 1).rev();
        passed.find_map(|step| step["setWeight"].as_i64()).unwrap_or_default()
    }

    /// How many pods of the new and of the stable version the step `index` asks for.
    fn pods(&self, index: usize) -> (i64, i64) {
        let canaries = (self.replicas * self.weight(index) + 99) / 100;
        let stay = self.routed || self.blue_green.is_some();
        (canaries, if stay { self.replicas } else { self.replicas - canaries })
    }
}

/// The pod template of a Rollout: its own, or that of the Deployment that it refers to.
fn with_template(world: &World, object: &Value) -> Option<Value> {
    let mut object = object.clone();
    if object["spec"]["workloadRef"].is_object() {
        let namespace = object["metadata"]["namespace"].as_str()?;
        let name = object["spec"]["workloadRef"]["name"].as_str()?;
        let workload = world.store.get(&Key::new(Resource::Deployments, namespace, name))?;
        object["spec"]["template"] = workload["spec"]["template"].clone();
    }
    object["spec"]["template"].is_object().then_some(object)
}

/// One look at a Rollout: its `ReplicaSets`, a step if one is due, its status.
pub fn reconcile(world: &World, steps: &mut Steps, object: &Value) {
    let key = Key::of(Resource::Rollouts, object);
    let Some(whole) = with_template(world, object) else { return };
    let what = format!("rollout/{}/{}", key.namespace, key.name);
    let strategy = Strategy::of(object);
    let replicas = strategy.replicas;
    let mut sets = pods::owned(world, object);
    let Some(current) = pods::current(world, &whole, true, &mut sets) else { return };
    sets.swap(0, current);
    let hash = sets[0].hash(true).to_owned();
    let mut status = object["status"].clone();
    if !status.is_object() {
        status = json!({});
    }
    let last = strategy.steps.len();
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
        status["currentStepIndex"] = last.into();
        clear_pause(&mut status);
    }
    if aborted {
        status["currentStepIndex"] = 0.into();
        clear_pause(&mut status);
    }
    let index = status["currentStepIndex"].as_u64().unwrap_or_default() as usize;
    let (canaries, rest) = match () {
        () if stable => (replicas, 0),
        () if aborted => (0, replicas),
        () => strategy.pods(index),
    };
    for (position, set) in sets.iter_mut().enumerate() {
        set.wanted = match position {
            0 => canaries,
            _ if status["stableRS"] == set.hash(true) => rest,
            _ => 0,
        };
    }
    let paused = object["spec"]["paused"] == true;
    let settled = sets.iter().all(Set::settled);
    if !settled {
        if steps.due(&what) && pods::advance(world, canaries + rest, &mut sets) {
            steps.progress(&what);
        }
    } else if stable || aborted || paused {
        if !stable || !restart(world, steps, &what, object, &mut status, &sets[0]) {
            steps.done(&what);
        }
    } else if index >= last && !waits(&strategy, &mut status, &world.time.stamp()) {
        status["stableRS"] = hash.as_str().into();
        status["promoteFull"] = Value::Null;
        switch(world, &key.namespace, &strategy, &hash);
        steps.done(&what);
    } else if index >= last {
        steps.done(&what);
    } else {
        pass_step(&mut status, steps, &what, &strategy.steps[index], index, &world.time.stamp());
    }
    if strategy.routed {
        // The router is told only when the canary can take what it will get.
        let weight = match () {
            () if stable || aborted => Some(0),
            () if settled => Some(strategy.weight(index)),
            () => None,
        };
        if let Some(weight) = weight {
            status["canary"]["weights"] = json!({
                "canary": { "weight": weight, "podTemplateHash": hash },
                "stable": { "weight": 100 - weight, "podTemplateHash": status["stableRS"] } });
        }
    }
    if stable {
        switch(world, &key.namespace, &strategy, &hash);
    }
    pods::report(world, &sets);
    report(world, &key, object, status, &sets, aborted);
}

/// Whether a blue-green update waits to be promoted.
fn waits(strategy: &Strategy<'_>, status: &mut Value, now: &str) -> bool {
    let Some(settings) = strategy.blue_green else { return false };
    if settings["autoPromotionEnabled"] != false || status["promoteFull"] == true {
        return false;
    }
    let resumed = status["controllerPause"] == true && status["pauseConditions"].is_null();
    if resumed {
        clear_pause(status);
        return false;
    }
    if status["controllerPause"] != true {
        status["controllerPause"] = true.into();
        status["pauseConditions"] = json!([{ "reason": "BlueGreenPause", "startTime": now }]);
    }
    true
}

/// Points a blue-green Rollout's active Service at the pods of `hash`.
fn switch(world: &World, namespace: &str, strategy: &Strategy<'_>, hash: &str) {
    let name = strategy.blue_green.and_then(|settings| settings["activeService"].as_str());
    if let Some(name) = name {
        world.write(&Key::new(Resource::Services, namespace, name), Part::Object, |service| {
            service["spec"]["selector"]["rollouts-pod-template-hash"] = hash.into();
        });
    }
}

/// Ends one pod after another that is older than `spec.restartAt`; whether one is still to end.
fn restart(
    world: &World,
    steps: &mut Steps,
    what: &str,
    object: &Value,
    status: &mut Value,
    set: &Set,
) -> bool {
    let asked = &object["spec"]["restartAt"];
    if asked.is_null() || status["restartedAt"] == *asked {
        return false;
    }
    let before = |pod: &Value| pod["metadata"]["creationTimestamp"].as_str() < asked.as_str();
    let Some(old) = set.pods.iter().find(|pod| before(pod)) else {
        status["restartedAt"] = asked.clone();
        return false;
    };
    if steps.due(what) {
        let _ = world.store.delete(&Key::of(Resource::Pods, old), true);
    }
    true
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
        let reason = status["pauseConditions"][0]["reason"].as_str().unwrap_or_default();
        ("Paused", reason.to_owned())
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
