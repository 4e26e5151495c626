//! Tests as Jobs: made once under a name that says which test it is, found by their labels, and left to the cluster, which
//! takes them away after a day.

use super::{
    KubeCluster, inspect,
    object::{Object, text},
    objects,
};
use crate::{
    domain::{
        catalog::Target,
        deployment::{
            inspect::LogRequest,
            job::{JobBody, JobDraft, JobMark, JobState, RUN},
        },
        text::clean,
    },
    error::Failure,
};
use futures::StreamExt as _;
use serde_json::{Value, json};

/// How long a Job stays after its end, in seconds, unless its manifest says otherwise.
const KEPT: i64 = 24 * 60 * 60;
/// How many lines of a log are read.
const LOG_LINES: u32 = 5_000;
/// How much of it is kept, in bytes.
const LOG_LENGTH: usize = 1 << 20;

fn jobs<'a>(cluster: &'a KubeCluster, target: &Target, name: &str) -> Object<'a> {
    Object::new(cluster, objects::jobs(), &target.namespace, name)
}

/// How the Job with these labels is.
pub(super) async fn find(
    cluster: &KubeCluster,
    target: &Target,
    mark: &JobMark,
) -> Result<Option<JobState>, Failure> {
    let found = jobs(cluster, target, "").siblings(&mark.selector()).await?;
    Ok(found.first().map(state))
}

/// Makes it.
pub(super) async fn start(cluster: &KubeCluster, target: &Target, draft: &JobDraft) -> Result<(), Failure> {
    let object = jobs(cluster, target, &draft.mark.name);
    let made = manifest(target, draft)?;
    object.may("create", "running a test").await?;
    object.create(&made, false).await.map(drop)
}

/// The end of what its newest pod has printed.
pub(super) async fn log(cluster: &KubeCluster, target: &Target, mark: &JobMark) -> Result<String, Failure> {
    let pods = Object::new(cluster, objects::pods(), &target.namespace, "");
    let pods = pods.siblings(&format!("{RUN}={}", mark.name)).await?;
    let newest = pods.iter().max_by_key(|pod| text(pod, "/metadata/creationTimestamp"));
    let pod = newest.ok_or_else(|| Failure::refused(format!("the Job {} has no pod any more", mark.name)))?;
    let request = LogRequest {
        pod: text(pod, "/metadata/name"),
        container: pod.pointer("/spec/containers/0/name").and_then(Value::as_str).map(str::to_owned),
        previous: false,
        follow: false,
        tail: LOG_LINES,
    };
    let mut lines = inspect::logs(cluster, target, &request).await?;
    let mut kept = String::new();
    while let Some(line) = lines.next().await {
        kept += &line?;
        kept.push('\n');
        if kept.len() > LOG_LENGTH {
            kept += "(cut off here)\n";
            break;
        }
    }
    Ok(kept)
}

/// How a Job is, by its conditions.
fn state(job: &Value) -> JobState {
    let conditions = job.pointer("/status/conditions").and_then(Value::as_array);
    let holds = |kind: &str| {
        let mut all = conditions.into_iter().flatten();
        all.find(|condition| condition["type"] == kind && condition["status"] == "True")
    };
    if let Some(failed) = holds("Failed") {
        let reason = failed["reason"].as_str().unwrap_or("Failed");
        let message = failed["message"].as_str().unwrap_or_default();
        let words = if reason == "DeadlineExceeded" { "took too long and was ended" } else { reason };
        return JobState::Failed(clean(format!("{words}: {message}").trim_end_matches(": ")));
    }
    if holds("Complete").is_some() {
        return JobState::Passed;
    }
    let name = text(job, "/metadata/name");
    let active = job.pointer("/status/active").and_then(Value::as_u64).unwrap_or(0);
    JobState::Running(clean(&format!("the Job {name} runs, {active} pods")))
}

/// The Job as it is made: what a manifest says of time, retries, names and labels gives way to the settings.
fn manifest(target: &Target, draft: &JobDraft) -> Result<Value, Failure> {
    let mut job = match &draft.body {
        JobBody::Image { image, command } => {
            let mut container = json!({ "name": "test", "image": image });
            if !command.is_empty() {
                container["command"] = json!(command);
            }
            json!({ "spec": { "template": { "spec": { "containers": [container] } } } })
        }
        JobBody::Manifest { path, text } => read(path, text)?,
    };
    job["apiVersion"] = "batch/v1".into();
    job["kind"] = "Job".into();
    let labels: Vec<(&str, &String)> = draft.mark.labels.iter().map(|(key, value)| (*key, value)).collect();
    let own = job["metadata"].take();
    job["metadata"] = json!({ "name": draft.mark.name, "namespace": target.namespace });
    for (field, value) in [("labels", &own["labels"]), ("annotations", &own["annotations"])] {
        if value.is_object() {
            job["metadata"][field] = value.clone();
        }
    }
    let spec = &mut job["spec"];
    if let Some(spec) = spec.as_object_mut() {
        // The cluster gives out the selector, and one that runs again could pass without being good.
        for field in ["selector", "manualSelector", "suspend", "podFailurePolicy"] {
            spec.remove(field);
        }
        spec.insert("backoffLimit".to_owned(), 0.into());
        spec.insert("activeDeadlineSeconds".to_owned(), draft.limit.num_seconds().max(1).into());
        spec.entry("ttlSecondsAfterFinished").or_insert_with(|| KEPT.into());
    }
    let template = &mut spec["template"];
    template["spec"]["restartPolicy"] = "Never".into();
    for list in ["initContainers", "containers"] {
        let containers = template["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter(|container| container.is_object()) {
            let mut variables: Vec<Value> = container["env"].as_array().cloned().unwrap_or_default();
            variables.retain(|known| draft.variables.iter().all(|(name, _)| known["name"] != name.as_str()));
            variables
                .extend(draft.variables.iter().map(|(name, value)| json!({ "name": name, "value": value })));
            container["env"] = variables.into();
        }
    }
    for (key, value) in labels {
        job["metadata"]["labels"][key] = value.as_str().into();
        job["spec"]["template"]["metadata"]["labels"][key] = value.as_str().into();
    }
    Ok(job)
}

/// A manifest of the control repository, as far as it is one of a Job.
fn read(path: &str, text: &str) -> Result<Value, Failure> {
    let broken = |why: String| {
        Failure::configuration(format!("{path} is no manifest of a Job"))
            .cause(why)
            .hint("name a YAML file with one batch/v1 Job under [tests]")
    };
    let read: Value = serde_saphyr::from_str(text).map_err(|error| broken(clean(&error.to_string())))?;
    if read["kind"] != "Job" {
        let kind = read["kind"].as_str().unwrap_or("nothing");
        return Err(broken(format!("its kind is {}", clean(kind))));
    }
    let containers = read.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    if containers.is_none_or(Vec::is_empty) {
        return Err(broken("it has no containers".to_owned()));
    }
    for pointer in
        ["/metadata", "/metadata/labels", "/spec/template/metadata", "/spec/template/metadata/labels"]
    {
        if read.pointer(pointer).is_some_and(|value| !value.is_object() && !value.is_null()) {
            return Err(broken(format!("{pointer} is no table")));
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::ManagedBy;
    use chrono::Duration;

    fn target() -> Target {
        Target {
            service: "cart".into(),
            environment: "staging".into(),
            context: "demo".into(),
            namespace: "shop".to_owned(),
            workload: "cart".to_owned(),
            managed_by: ManagedBy::Deployment,
            application: None,
            production: false,
        }
    }

    fn draft(body: JobBody) -> JobDraft {
        let mark = JobMark {
            name: "cart-integration".to_owned(),
            labels: vec![(RUN, "cart-integration".to_owned())],
        };
        let variables = vec![("QUARTERDECK_VERSION".to_owned(), "2.0.0".to_owned())];
        JobDraft { mark, body, variables, limit: Duration::minutes(10) }
    }

    #[test]
    fn an_image_becomes_a_job_that_runs_once_for_a_time() {
        let image = JobBody::Image { image: "r/test:1".to_owned(), command: vec!["./test".to_owned()] };
        let made = manifest(&target(), &draft(image)).unwrap();
        let spec = &made["spec"];
        assert_eq!((&spec["backoffLimit"], &spec["activeDeadlineSeconds"]), (&json!(0), &json!(600)));
        assert_eq!(spec["ttlSecondsAfterFinished"], KEPT);
        let pod = &spec["template"]["spec"];
        assert_eq!(pod["restartPolicy"], "Never");
        assert_eq!(
            pod["containers"],
            json!([{ "name": "test", "image": "r/test:1", "command": ["./test"],
                     "env": [{ "name": "QUARTERDECK_VERSION", "value": "2.0.0" }] }])
        );
        assert_eq!(made["metadata"]["namespace"], "shop");
        for labels in [&made["metadata"]["labels"], &spec["template"]["metadata"]["labels"]] {
            assert_eq!(labels[RUN], "cart-integration");
        }
        let bare = JobBody::Image { image: "r/test:1".to_owned(), command: Vec::new() };
        let made = manifest(&target(), &draft(bare)).unwrap();
        assert_eq!(made.pointer("/spec/template/spec/containers/0/command"), None);
    }

    #[test]
    fn a_manifest_keeps_what_is_its_own_and_gives_way_where_the_settings_decide() {
        let text = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  generateName: x-\n  namespace: kube-system\n  labels: {team: shop}\n\
                    spec:\n  backoffLimit: 6\n  ttlSecondsAfterFinished: 60\n  selector: {matchLabels: {a: b}}\n  template:\n    spec:\n      \
                    serviceAccountName: tester\n      restartPolicy: OnFailure\n      containers:\n      - name: a\n        image: r/a:1\n        \
                    env:\n        - {name: QUARTERDECK_VERSION, value: forged}\n        - {name: MINE, value: x}\n";
        let body =
            |text: &str| JobBody::Manifest { path: "tests/job.yaml".to_owned(), text: text.to_owned() };
        let made = manifest(&target(), &draft(body(text))).unwrap();
        assert_eq!(
            made["metadata"],
            json!({ "name": "cart-integration", "namespace": "shop", "labels": { "team": "shop", RUN: "cart-integration" } })
        );
        let spec = &made["spec"];
        assert_eq!((&spec["backoffLimit"], &spec["ttlSecondsAfterFinished"]), (&json!(0), &json!(60)));
        assert!(spec["selector"].is_null());
        let pod = &spec["template"]["spec"];
        assert_eq!((&pod["serviceAccountName"], &pod["restartPolicy"]), (&json!("tester"), &json!("Never")));
        assert_eq!(
            pod["containers"][0]["env"],
            json!([{ "name": "MINE", "value": "x" }, { "name": "QUARTERDECK_VERSION", "value": "2.0.0" }])
        );
        for (text, why) in [
            ("kind: Pod", "its kind is Pod"),
            ("", "its kind is nothing"),
            ("kind: Job\nspec: {template: {spec: {containers: []}}}", "no containers"),
            (
                "kind: Job\nmetadata: []\nspec: {template: {spec: {containers: [{}]}}}",
                "/metadata is no table",
            ),
            ("kind: [", ""),
        ] {
            let failure = manifest(&target(), &draft(body(text))).unwrap_err();
            assert!(
                failure.render().contains(why) && failure.message.contains("tests/job.yaml"),
                "{failure:?}"
            );
        }
    }

    #[test]
    fn a_job_is_over_when_its_conditions_say_so() {
        let job = |conditions: Value| json!({ "metadata": { "name": "a" }, "status": { "conditions": conditions } });
        let condition = |kind: &str, status: &str| json!({ "type": kind, "status": status, "reason": "BackoffLimitExceeded", "message": "it failed" });
        for (json, expected) in [
            (job(json!(null)), JobState::Running("the Job a runs, 0 pods".to_owned())),
            (
                job(json!([condition("FailureTarget", "True")])),
                JobState::Running("the Job a runs, 0 pods".to_owned()),
            ),
            (
                job(json!([condition("Complete", "False")])),
                JobState::Running("the Job a runs, 0 pods".to_owned()),
            ),
            (
                job(json!([condition("SuccessCriteriaMet", "True"), condition("Complete", "True")])),
                JobState::Passed,
            ),
            (
                job(json!([condition("Failed", "True")])),
                JobState::Failed("BackoffLimitExceeded: it failed".to_owned()),
            ),
            (
                job(json!([{ "type": "Failed", "status": "True", "reason": "DeadlineExceeded" }])),
                JobState::Failed("took too long and was ended".to_owned()),
            ),
        ] {
            assert_eq!(state(&json), expected, "{json}");
        }
    }
}
