//! Tests as Jobs: made once under a name that says which test it is, found by their labels, and left to the cluster, which
//! takes them away after a day or later.

use super::{
    KubeCluster, failures, inspect,
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
use futures::{Stream, StreamExt as _};
use serde_json::{Value, json};
use std::{collections::VecDeque, time::Duration};

/// How long a Job stays after its end, in seconds; longer if its manifest says so, and never shorter: one that is gone
/// before anybody has looked at it would be made again.
const KEPT: i64 = 24 * 60 * 60;
/// How many lines of a log are read.
const LOG_LINES: u32 = 5_000;
/// How much of its end is kept, in bytes.
const LOG_LENGTH: usize = 1 << 20;
/// How long it is read.
const LOG_TIME: Duration = Duration::from_secs(30);
/// What a manifest may not say of its Job.
const GIVEN_UP: [&str; 7] = [
    "selector",
    "manualSelector",
    "suspend",
    "podFailurePolicy",
    "successPolicy",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
];

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
    let lines = inspect::logs(cluster, target, &request).await?;
    let attempt = format!("read the log of the Job {}/{}", target.namespace, mark.name);
    let late = failures::late(&cluster.context, &attempt, LOG_TIME);
    end_of(lines, (LOG_LENGTH, LOG_TIME), late).await
}

/// The end of a log, no longer than so many bytes, as far as it comes within so long; what is not there is said. A log
/// that breaks off before its first line is a failure: `late` when it took too long.
async fn end_of(
    mut lines: impl Stream<Item = Result<String, Failure>> + Unpin,
    (length, longest): (usize, Duration),
    late: Failure,
) -> Result<String, Failure> {
    let deadline = tokio::time::Instant::now() + longest;
    let mut kept: VecDeque<String> = VecDeque::new();
    let (mut used, mut is_cut) = (0, false);
    let broken = loop {
        match tokio::time::timeout_at(deadline, lines.next()).await {
            Ok(Some(Ok(line))) => {
                used += line.len() + 1;
                kept.push_back(line);
            }
            Ok(Some(Err(failure))) => break Some(failure),
            Ok(None) => break None,
            Err(_) => break Some(late),
        }
        while used > length
            && let Some(oldest) = kept.pop_front()
        {
            used -= oldest.len() + 1;
            is_cut = true;
        }
    };
    if kept.is_empty()
        && let Some(failure) = broken
    {
        return Err(failure);
    }
    let mut text = String::with_capacity(used);
    if is_cut {
        text += "(what came before is cut off)\n";
    }
    for line in kept {
        text += &line;
        text.push('\n');
    }
    if let Some(failure) = broken {
        text += &format!("(it breaks off here: {})\n", failure.message);
    }
    Ok(text)
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
        // The cluster gives out the selector; and with the others one could pass without being good.
        for field in GIVEN_UP {
            spec.remove(field);
        }
        // None wanted is no test: that would pass, or wait, without having run.
        for field in ["completions", "parallelism"] {
            if spec.get(field).is_some_and(|wanted| wanted.as_i64().is_none_or(|wanted| wanted < 1)) {
                spec.remove(field);
            }
        }
        spec.insert("backoffLimit".to_owned(), 0.into());
        spec.insert("activeDeadlineSeconds".to_owned(), draft.limit.num_seconds().max(1).into());
        let kept = spec.get("ttlSecondsAfterFinished").and_then(Value::as_i64).unwrap_or(KEPT);
        spec.insert("ttlSecondsAfterFinished".to_owned(), kept.max(KEPT).into());
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
    use crate::adapters::cluster::target;
    use futures::stream;

    fn draft(body: JobBody) -> JobDraft {
        let mark = JobMark {
            name: "cart-integration".to_owned(),
            labels: vec![(RUN, "cart-integration".to_owned())],
        };
        let variables = vec![("QUARTERDECK_VERSION".to_owned(), "2.0.0".to_owned())];
        JobDraft { mark, body, variables, limit: chrono::Duration::minutes(10) }
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
        assert_eq!((&spec["backoffLimit"], &spec["ttlSecondsAfterFinished"]), (&json!(0), &json!(KEPT)));
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
    fn a_manifest_can_neither_let_its_job_vanish_nor_pass_without_having_run() {
        let longer = format!("ttlSecondsAfterFinished: {}", 2 * KEPT);
        for (own, field, expected) in [
            ("ttlSecondsAfterFinished: 0", "ttlSecondsAfterFinished", json!(KEPT)),
            ("ttlSecondsAfterFinished: -1", "ttlSecondsAfterFinished", json!(KEPT)),
            ("ttlSecondsAfterFinished: soon", "ttlSecondsAfterFinished", json!(KEPT)),
            (longer.as_str(), "ttlSecondsAfterFinished", json!(2 * KEPT)),
            ("completions: 0", "completions", json!(null)),
            ("completions: 3", "completions", json!(3)),
            ("parallelism: 0", "parallelism", json!(null)),
            ("parallelism: none", "parallelism", json!(null)),
            ("parallelism: 2", "parallelism", json!(2)),
            ("successPolicy: {rules: [{succeededCount: 1}]}", "successPolicy", json!(null)),
            ("backoffLimitPerIndex: 3", "backoffLimitPerIndex", json!(null)),
            ("maxFailedIndexes: 3", "maxFailedIndexes", json!(null)),
            ("podFailurePolicy: {rules: [{action: Ignore}]}", "podFailurePolicy", json!(null)),
            ("suspend: true", "suspend", json!(null)),
        ] {
            let text =
                format!("kind: Job\nspec:\n  {own}\n  template: {{spec: {{containers: [{{name: a}}]}}}}\n");
            let body = JobBody::Manifest { path: "tests/job.yaml".to_owned(), text };
            let made = manifest(&target(), &draft(body)).unwrap();
            assert_eq!(made["spec"][field], expected, "{own}");
        }
    }

    #[tokio::test]
    async fn the_end_of_a_log_is_kept_and_what_is_not_there_is_said() {
        let late = || Failure::unreachable("late");
        let read = |lines: &[&str], length, end: Option<Failure>, is_silent: bool| {
            let lines: Vec<Result<String, Failure>> =
                lines.iter().map(|line| Ok((*line).to_owned())).chain(end.map(Err)).collect();
            let silence = stream::pending().take(usize::from(is_silent));
            let longest = Duration::from_millis(if is_silent { 20 } else { 60_000 });
            end_of(stream::iter(lines).chain(silence).boxed(), (length, longest), late())
        };
        let broken = || Some(Failure::unreachable("gone"));
        let cut = "(what came before is cut off)\n";
        for (lines, length, end, is_silent, expected) in [
            (&["a", "b"][..], 100, None, false, Ok("a\nb\n".to_owned())),
            (&[], 100, None, false, Ok(String::new())),
            (&["aa", "bb", "cc"], 6, None, false, Ok(format!("{cut}bb\ncc\n"))),
            (&["aa", "bb", "cc"], 9, None, false, Ok("aa\nbb\ncc\n".to_owned())),
            (&["aa", "bb"], 2, None, false, Ok(cut.to_owned())),
            (&["a"], 100, None, true, Ok("a\n(it breaks off here: late)\n".to_owned())),
            (&["a"], 100, broken(), false, Ok("a\n(it breaks off here: gone)\n".to_owned())),
            (&[], 100, None, true, Err("late".to_owned())),
            (&[], 100, broken(), false, Err("gone".to_owned())),
        ] {
            let found = read(lines, length, end, is_silent).await.map_err(|failure| failure.message);
            assert_eq!(found, expected, "{lines:?} {length} {is_silent}");
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
