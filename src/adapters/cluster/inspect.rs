//! Pods, events and logs of a service.

use super::{
    KubeCluster, failures,
    object::{Object, text},
    object_name, objects, path,
    rollout::Rollout,
    template::selector,
    undo,
};
use crate::{
    domain::{
        catalog::{ManagedBy, Target},
        deployment::inspect::{LOG_LINE, LogRequest, Occurrence, Pod},
        text::clean,
        units::format_duration,
    },
    error::Failure,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::{AsyncBufRead, AsyncBufReadExt as _, StreamExt as _, stream::BoxStream};
use kube::api::LogParams;
use serde_json::Value;
use std::time::Duration;

/// The workload of a target, with the selector of its pods.
async fn workload(cluster: &KubeCluster, target: &Target) -> Result<Value, Failure> {
    if target.managed_by == ManagedBy::ArgoRollouts {
        let rollout = Rollout::read(cluster, target).await?;
        let own = rollout.json["spec"]["selector"].is_object();
        return Ok(if own { rollout.json } else { rollout.owner });
    }
    undo::deployment(cluster, target).read().await
}

/// The pods of a service; those that worry first, then by name.
pub(super) async fn pods(cluster: &KubeCluster, target: &Target) -> Result<Vec<Pod>, Failure> {
    let workload = workload(cluster, target).await?;
    let pods = Object::new(cluster, objects::pods(), &target.namespace, "");
    let mut pods: Vec<Pod> = pods.siblings(&selector(&workload)).await?.iter().map(pod).collect();
    pods.sort_by(|one, other| (!one.is_worrying(), &one.name).cmp(&(!other.is_worrying(), &other.name)));
    Ok(pods)
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|moment| moment.to_utc())
}

fn words(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(clean)
}

/// What is kept of a pod. Its status is what `kubectl get pods` prints.
fn pod(json: &Value) -> Pod {
    let (meta, spec, status) = (&json["metadata"], &json["spec"], &json["status"]);
    let told = status["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let begins = status["initContainerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ready = status["conditions"].as_array().is_some_and(|conditions| {
        conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    });
    let waits = |state: &Value| {
        words(&state["state"]["waiting"]["reason"]).filter(|reason| reason != "PodInitializing")
    };
    let ended = |state: &Value| {
        let end = &state["state"]["terminated"];
        (!end.is_null()).then(|| words(&end["reason"]).unwrap_or_else(|| "Error".to_owned()))
    };
    let said = if meta["deletionTimestamp"].is_string() {
        "Terminating".to_owned()
    } else if let Some(reason) = begins.iter().find_map(waits) {
        format!("Init:{reason}")
    } else {
        let by_container = told.iter().find_map(waits).or_else(|| told.iter().find_map(ended));
        let said = by_container.or_else(|| words(&status["reason"])).or_else(|| words(&status["phase"]));
        said.unwrap_or_else(|| "Unknown".to_owned())
    };
    let last_end = told
        .iter()
        .map(|state| &state["lastState"]["terminated"])
        .filter(|end| !end.is_null())
        .map(|end| {
            let reason = words(&end["reason"]).unwrap_or_else(|| "ended".to_owned());
            (moment(&end["finishedAt"]), format!("{reason} ({})", end["exitCode"].as_i64().unwrap_or(-1)))
        })
        .max();
    let template = serde_json::json!({ "spec": { "template": { "metadata": meta, "spec": spec } } });
    let containers = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    Pod {
        name: clean(&text(json, "/metadata/name")),
        status: said,
        is_ready: ready && meta["deletionTimestamp"].is_null(),
        containers_ready: (told.iter().filter(|state| state["ready"] == true).count(), containers.len()),
        restarts: told
            .iter()
            .map(|state| u32::try_from(state["restartCount"].as_u64().unwrap_or(0)).unwrap_or(u32::MAX))
            .fold(0, u32::saturating_add),
        last_end,
        since: moment(&meta["creationTimestamp"]),
        version: super::template::version(&template).map(|version| clean(&version)),
        node: words(&spec["nodeName"]),
        containers: containers.iter().filter_map(|container| words(&container["name"])).collect(),
    }
}

/// What happened to a service's workload, `ReplicaSet`s and pods, the newest first.
pub(super) async fn events(cluster: &KubeCluster, target: &Target) -> Result<Vec<Occurrence>, Failure> {
    let events = Object::new(cluster, objects::events(), &target.namespace, "").siblings("").await?;
    let prefix = format!("{}-", target.workload);
    let mut found: Vec<Occurrence> = events
        .iter()
        .filter(|event| {
            event["involvedObject"]["name"]
                .as_str()
                .is_some_and(|name| name == target.workload || name.starts_with(&prefix))
        })
        .map(|event| Occurrence {
            is_warning: event["type"] == "Warning",
            reason: words(&event["reason"]).unwrap_or_default(),
            message: words(&event["message"]).unwrap_or_default(),
            object: clean(&format!(
                "{}/{}",
                text(event, "/involvedObject/kind").to_lowercase(),
                text(event, "/involvedObject/name")
            )),
            count: event["count"]
                .as_u64()
                .or_else(|| event["series"]["count"].as_u64())
                .map_or(1, |count| u32::try_from(count).unwrap_or(u32::MAX)),
            last: moment(&event["lastTimestamp"])
                .or_else(|| moment(&event["series"]["lastObservedTime"]))
                .or_else(|| moment(&event["eventTime"]))
                .or_else(|| moment(&event["metadata"]["creationTimestamp"])),
        })
        .collect();
    found.sort_by(|one, other| other.last.cmp(&one.last).then_with(|| one.object.cmp(&other.object)));
    Ok(found)
}

/// How long nothing may come of a log that is not followed, until its end.
const SILENCE: Duration = Duration::from_secs(30);

/// Opens a log. Its lines come as they are asked for, so that what nobody takes is not read. One that is followed may be
/// silent for as long as it likes; any other is there already, and fails when nothing comes.
pub(super) async fn logs(
    cluster: &KubeCluster,
    target: &Target,
    request: &LogRequest,
) -> Result<BoxStream<'static, Result<String, Failure>>, Failure> {
    let context = cluster.context.clone();
    let attempt = format!("read the log of pod {}/{}", target.namespace, clean(&request.pod));
    let params = LogParams {
        container: request.container.clone(),
        follow: request.follow,
        previous: request.previous,
        tail_lines: Some(i64::from(request.tail)),
        ..LogParams::default()
    };
    let built = path(&objects::pods(), &target.namespace)?
        .logs(object_name(&request.pod)?, &params)
        .map_err(|error| failures::failure(&context, &attempt, &kube::Error::BuildRequest(error)))?;
    let client = cluster.client().await?;
    let opened = tokio::time::timeout(cluster.deadline, client.request_stream(built)).await;
    let reader = match opened {
        Ok(Ok(reader)) => Box::pin(reader),
        Ok(Err(error)) => return Err(failures::failure(&context, &attempt, &error)),
        Err(_) => return Err(failures::late(&context, &attempt, cluster.deadline)),
    };
    let longest = (!request.follow).then_some(SILENCE);
    let lines = futures::stream::unfold(Some(reader), move |reader| {
        let (context, attempt) = (context.clone(), attempt.clone());
        async move {
            let mut reader = reader?;
            match line_within(&mut reader, longest).await {
                Ok(Some(line)) => Some((Ok(line), Some(reader))),
                Ok(None) => None,
                Err(error) => {
                    let failure =
                        Failure::unreachable(format!("could not {attempt} in the cluster {context}"));
                    Some((Err(failure.because(&error)), None))
                }
            }
        }
    });
    Ok(lines.boxed())
}

/// The next line; a failure when it takes longer than that.
async fn line_within(
    reader: &mut (impl AsyncBufRead + Unpin),
    longest: Option<Duration>,
) -> std::io::Result<Option<String>> {
    let Some(longest) = longest else { return line(reader).await };
    let late = |_| {
        let words = format_duration(TimeDelta::from_std(longest).unwrap_or_default());
        std::io::Error::new(std::io::ErrorKind::TimedOut, format!("nothing came for {words}"))
    };
    tokio::time::timeout(longest, line(reader)).await.map_err(late)?
}

/// The next line, without control characters and without what is past the longest that is kept.
async fn line(reader: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<String>> {
    let mut kept: Vec<u8> = Vec::new();
    let mut long = false;
    let mut any = false;
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            break;
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = LOG_LINE - kept.len();
        long |= part.len() > room;
        kept.extend_from_slice(&part[..part.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume_unpin(used);
        if end.is_some() {
            break;
        }
    }
    if !any {
        return Ok(None);
    }
    let mut text = clean(&String::from_utf8_lossy(&kept));
    if long {
        text.push('…');
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt as _;
    use serde_json::json;

    #[test]
    fn a_pod_says_what_kubectl_would() {
        let made = |status: Value, deleted: bool| {
            let mut json = json!({ "metadata": { "name": "a" }, "spec": { "containers": [{ "name": "a" }] },
                                   "status": status });
            if deleted {
                json["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            }
            pod(&json).status
        };
        let waiting = |reason: &str| json!([{ "state": { "waiting": { "reason": reason } } }]);
        for (status, deleted, expected) in [
            (json!({ "phase": "Running" }), false, "Running"),
            (json!({ "phase": "Running" }), true, "Terminating"),
            (
                json!({ "phase": "Running", "containerStatuses": waiting("CrashLoopBackOff") }),
                false,
                "CrashLoopBackOff",
            ),
            (
                json!({ "phase": "Pending", "initContainerStatuses": waiting("ImagePullBackOff") }),
                false,
                "Init:ImagePullBackOff",
            ),
            (
                json!({ "phase": "Failed", "containerStatuses": [{ "state": { "terminated": { "reason": "OOMKilled" } } }] }),
                false,
                "OOMKilled",
            ),
            (json!({ "phase": "Failed", "reason": "Evicted" }), false, "Evicted"),
            (json!({}), false, "Unknown"),
        ] {
            assert_eq!(made(status.clone(), deleted), expected, "{status}");
        }
    }

    #[tokio::test]
    async fn a_log_that_falls_silent_fails_unless_it_is_followed() {
        let begun = futures::stream::iter([Ok(b"one\ntw".to_vec())]);
        let mut silent = begun.chain(futures::stream::pending()).boxed().into_async_read();
        let longest = Some(Duration::from_millis(20));
        assert_eq!(line_within(&mut silent, longest).await.unwrap().as_deref(), Some("one"));
        let failure = line_within(&mut silent, longest).await.unwrap_err();
        assert!(failure.to_string().contains("nothing came for"), "{failure}");
        let followed = line_within(&mut silent, None);
        assert!(tokio::time::timeout(Duration::from_millis(20), followed).await.is_err());
    }

    #[tokio::test]
    async fn lines_are_cleaned_and_bounded() {
        let long = "x".repeat(LOG_LINE + 5);
        let text = format!("one\n\u{1b}[31mred\u{1b}[0m\r\n{long}\nlast");
        let mut reader = futures::io::Cursor::new(text.into_bytes());
        let mut lines = Vec::new();
        while let Some(line) = line(&mut reader).await.unwrap() {
            lines.push(line);
        }
        assert_eq!(lines.len(), 4);
        assert_eq!((lines[0].as_str(), lines[3].as_str()), ("one", "last"));
        assert!(!lines[1].contains('\u{1b}') && lines[1].contains("red"), "{:?}", lines[1]);
        assert_eq!(lines[2].chars().count(), LOG_LINE + 1);
        assert!(lines[2].ends_with('…'));
    }
}
