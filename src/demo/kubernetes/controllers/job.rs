//! The Job controller: one pod that runs once. What it tests is the version that its variables name: it passes when that
//! version answers well, fails when it does not, and never begins when the version does not start.

use super::{
    super::{
        resources::Resource,
        store::{Key, Part},
    },
    Steps, World, set_condition,
};
use crate::demo::noise;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::sync::Arc;

/// Label of a Job's pods.
const JOB: &str = "job-name";
/// Annotation of a pod that holds what it has printed.
const PRINTED: &str = "demo.example.com/printed";
/// From this share of failed requests on a test fails.
const MOST_ERRORS: f64 = 0.01;
/// How many requests a test sends.
const REQUESTS: f64 = 200.0;

/// What a pod of a Job has printed; `None` for any other pod.
pub fn printed(pod: &Value) -> Option<String> {
    pod["metadata"]["labels"].get(JOB)?;
    Some(pod["metadata"]["annotations"][PRINTED].as_str().unwrap_or_default().to_owned())
}

/// One look at a Job.
pub(super) fn reconcile(world: &World, steps: &mut Steps, job: &Value) {
    let key = Key::of(Resource::Jobs, job);
    let what = format!("job/{}/{}", key.namespace, key.name);
    if is_over(job) {
        steps.done(&what);
        return;
    }
    let begun = moment(&job["status"]["startTime"]);
    let limit = job["spec"]["activeDeadlineSeconds"].as_i64().unwrap_or(i64::MAX);
    if begun.is_some_and(|begun| (world.time.now() - begun).num_seconds() >= limit) {
        for pod in pods(world, job) {
            let _ = world.store.delete(&Key::of(Resource::Pods, &pod), false);
        }
        end(world, &key, Some(("DeadlineExceeded", "Job was active longer than specified deadline")));
        return;
    }
    if !steps.due(&what) {
        return;
    }
    match pods(world, job).first() {
        None => begin(world, &key, job),
        Some(pod) if pod["status"]["phase"] == "Pending" => run(world, pod),
        Some(pod) => finish(world, &key, pod),
    }
}

fn is_over(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| {
        condition["status"] == "True" && (condition["type"] == "Complete" || condition["type"] == "Failed")
    })
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str()?.parse().ok()
}

fn pods(world: &World, job: &Value) -> Vec<Arc<Value>> {
    let (_, pods) = world.store.list(Resource::Pods, job["metadata"]["namespace"].as_str());
    pods.into_iter().filter(|pod| pod["metadata"]["labels"][JOB] == job["metadata"]["name"]).collect()
}

/// The version that a pod tests, by its variables.
fn tested(pod: &Value) -> (String, String) {
    let env = pod["spec"]["containers"][0]["env"].as_array().map(Vec::as_slice).unwrap_or_default();
    let value = |name: &str| {
        let known = env.iter().find(|variable| variable["name"] == name);
        known.and_then(|variable| variable["value"].as_str()).unwrap_or_default().to_owned()
    };
    (value("QUARTERDECK_SERVICE"), value("QUARTERDECK_VERSION"))
}

/// Makes its pod.
fn begin(world: &World, key: &Key, job: &Value) {
    let template = &job["spec"]["template"];
    let (serial, _) = world.store.versions();
    let mut labels = template["metadata"]["labels"].clone();
    labels[JOB] = key.name.as_str().into();
    let container = &template["spec"]["containers"][0];
    let pod = json!({
        "metadata": {
            "name": format!("{}-{}", key.name, noise::suffix(noise::hash(serial, &[&key.name]), 5)),
            "labels": labels,
            "ownerReferences": [{ "apiVersion": "batch/v1", "kind": "Job", "name": key.name,
                "uid": job["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true }],
        },
        "spec": template["spec"],
        "status": { "phase": "Pending", "containerStatuses": [{ "name": container["name"],
            "image": container["image"], "ready": false, "restartCount": 0,
            "state": { "waiting": { "reason": "ContainerCreating" } } }] },
    });
    if world.store.create(Resource::Pods, &key.namespace, pod, false).is_ok() {
        let now = world.time.stamp();
        world.write(key, Part::Status, |job| {
            job["status"] = json!({ "startTime": now, "active": 1, "ready": 0 });
        });
    }
}

/// Its container starts, unless what it tests does not.
fn run(world: &World, pod: &Value) {
    let (service, version) = tested(pod);
    if !world.traffic.quality(&service, &version).starts {
        return;
    }
    let (key, now) = (Key::of(Resource::Pods, pod), world.time.stamp());
    world.write(&key, Part::Status, |pod| {
        pod["status"]["phase"] = "Running".into();
        pod["status"]["containerStatuses"][0]["state"] = json!({ "running": { "startedAt": now } });
    });
}

/// Its container ends.
fn finish(world: &World, key: &Key, pod: &Value) {
    let (service, version) = tested(pod);
    let errors = world.traffic.quality(&service, &version).error_ratio;
    let is_bad = errors > MOST_ERRORS;
    let failed = (REQUESTS * errors).round();
    let lines = [
        format!("testing {service} {version}"),
        format!("{REQUESTS} requests, {failed} failed"),
        if is_bad { "FAILED".to_owned() } else { "all good".to_owned() },
    ];
    let (pod, now) = (Key::of(Resource::Pods, pod), world.time.stamp());
    world.write(&pod, Part::Object, |pod| {
        pod["metadata"]["annotations"][PRINTED] = format!("{}\n", lines.join("\n")).into();
    });
    world.write(&pod, Part::Status, |pod| {
        let (phase, reason) = if is_bad { ("Failed", "Error") } else { ("Succeeded", "Completed") };
        pod["status"]["phase"] = phase.into();
        pod["status"]["containerStatuses"][0]["state"] = json!({ "terminated": {
            "exitCode": i32::from(is_bad), "reason": reason, "finishedAt": now } });
    });
    end(
        world,
        key,
        is_bad.then_some(("BackoffLimitExceeded", "Job has reached the specified backoff limit")),
    );
}

fn end(world: &World, key: &Key, failed: Option<(&str, &str)>) {
    let now = world.time.stamp();
    world.write(key, Part::Status, |job| {
        let status = &mut job["status"];
        status["active"] = 0.into();
        if let Some((reason, message)) = failed {
            status["failed"] = 1.into();
            set_condition(status, "Failed", "True", reason, message, &now);
        } else {
            status["succeeded"] = 1.into();
            status["completionTime"] = now.clone().into();
            let message = "Reached expected number of succeeded pods";
            set_condition(status, "Complete", "True", "CompletionsReached", message, &now);
        }
    });
}
