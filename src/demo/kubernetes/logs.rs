//! What the containers of a simulated cluster say: a line for each request that is logged, two a second.

use super::{
    answer::Refusal,
    store::{Key, Store},
};
use crate::demo::{clock::stamp, noise, traffic::Traffic};
use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Between two lines, milliseconds.
const EVERY: i64 = 500;
/// How many lines a node keeps of a container.
const KEPT: i64 = 4000;
/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// What a container says before it serves.
const OPENING: i64 = 3;

/// The log of one container.
#[derive(Debug, Clone)]
struct Container {
    pod: String,
    service: String,
    version: String,
    image: String,
    started: DateTime<Utc>,
    /// Share of requests that fail.
    errors: f64,
    /// When it ended; none while it runs.
    ended: Option<DateTime<Utc>>,
}

impl Container {
    /// How many lines there are at a moment.
    fn length(&self, now: DateTime<Utc>) -> i64 {
        let until = self.ended.unwrap_or(now);
        let requests = ((until - self.started).num_milliseconds() / EVERY).max(0);
        OPENING + requests + i64::from(self.ended.is_some())
    }

    /// When a line was written.
    fn at(&self, line: i64) -> DateTime<Utc> {
        let moment = self.started + TimeDelta::milliseconds((line - OPENING + 1).max(0) * EVERY);
        self.ended.map_or(moment, |ended| moment.min(ended))
    }

    fn line(&self, line: i64, now: DateTime<Utc>) -> String {
        let at = stamp(self.at(line));
        let Self { service, version, image, .. } = self;
        match line {
            0 => return format!("{at} info  {service} {version} starting ({image})"),
            1 => return format!("{at} info  configuration read"),
            2 => return format!("{at} info  listening on 0.0.0.0:8080"),
            _ if self.ended.is_some() && line + 1 == self.length(now) => {
                return format!("{at} fatal out of memory: cannot allocate 67108864 bytes");
            }
            _ => {}
        }
        let draw = noise::hash(line as u64, &[&self.pod]);
        let path = ["/v1/items", "/v1/items/42", "/v1/sessions", "/healthz"][(draw % 4) as usize];
        let took = 3 + draw % 40;
        if noise::unit(noise::mix(draw)) < self.errors {
            return format!("{at} error GET {path} 503 {}ms: upstream did not answer in time", took * 40);
        }
        format!("{at} info  GET {path} 200 {took}ms")
    }
}

/// The answer to `…/pods/{name}/log`.
pub fn answer(
    store: &Arc<Store>,
    traffic: &Traffic,
    key: &Key,
    parameters: &HashMap<String, String, impl std::hash::BuildHasher>,
) -> Result<Response, Refusal> {
    let pod = store.get(key).ok_or_else(|| Refusal::not_found(key.resource, &key.name))?;
    if let Some(printed) = super::controllers::job::printed(&pod) {
        return Ok(printed.into_response());
    }
    let parameter = |name: &str| parameters.get(name).map_or("", String::as_str);
    let container = container(&pod, traffic, parameter("container"), parameter("previous") == "true")?;
    let now = store.time().now();
    let length = container.length(now);
    let mut first = (length - KEPT).max(0);
    if let Ok(tail) = parameter("tailLines").parse::<i64>() {
        first = first.max(length - tail.max(0));
    }
    if let Ok(seconds) = parameter("sinceSeconds").parse::<i64>() {
        let since = now - TimeDelta::seconds(seconds);
        while first < length && container.at(first) < since {
            first += 1;
        }
    }
    let stamps = parameter("timestamps") == "true";
    let write = move |container: &Container, lines: std::ops::Range<i64>, now: DateTime<Utc>| -> String {
        let line = |line| {
            let prefix = if stamps { format!("{} ", stamp(container.at(line))) } else { String::new() };
            format!("{prefix}{}\n", container.line(line, now))
        };
        lines.map(line).collect()
    };
    let mut text = write(&container, first..length, now);
    if let Ok(limit) = parameter("limitBytes").parse::<usize>() {
        text.truncate(limit);
    }
    if parameter("follow") != "true" || container.ended.is_some() {
        return Ok(text.into_response());
    }
    let (store, key, uid) = (Arc::clone(store), key.clone(), pod["metadata"]["uid"].clone());
    let stream = futures::stream::unfold((length, Some(text)), move |(mut next, mut waiting)| {
        let (store, key, uid, container) = (Arc::clone(&store), key.clone(), uid.clone(), container.clone());
        async move {
            loop {
                if let Some(text) = waiting.take().filter(|text| !text.is_empty()) {
                    return Some((Ok::<Bytes, std::io::Error>(text.into()), (next, None)));
                }
                tokio::time::sleep(LOOK).await;
                // The log ends with its pod.
                let pod = store.get(&key).filter(|pod| pod["metadata"]["uid"] == uid)?;
                let now = store.time().now();
                let length = container.length(now);
                if length > next {
                    waiting = Some(write(&container, next..length, now));
                    next = length;
                } else if !pod["metadata"]["deletionTimestamp"].is_null() {
                    return None;
                }
            }
        }
    });
    Ok(Body::from_stream(stream).into_response())
}

/// The container that is asked for, or why it has no log.
fn container(pod: &Value, traffic: &Traffic, name: &str, previous: bool) -> Result<Container, Refusal> {
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let states = pod["status"]["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(state) = states.iter().find(|state| name.is_empty() || state["name"] == name) else {
        return Err(Refusal::bad_request(format!("container {name} is not valid for pod {pod_name}")));
    };
    let known = state["name"].as_str().unwrap_or_default();
    let moment = |value: &Value| {
        value.as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok()).unwrap_or_default()
    };
    let labels = &pod["metadata"]["labels"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (service, version) =
        (text(&labels["app.kubernetes.io/name"]), text(&labels["app.kubernetes.io/version"]));
    let (started, ended) = if previous {
        let last = &state["lastState"]["terminated"];
        if last.is_null() {
            return Err(Refusal::bad_request(format!(
                "previous terminated container {known:?} in pod {pod_name:?} not found"
            )));
        }
        (moment(&last["startedAt"]), Some(moment(&last["finishedAt"])))
    } else if state["state"]["waiting"].is_object() {
        let reason = text(&state["state"]["waiting"]["reason"]);
        return Err(Refusal::bad_request(format!(
            "container {known:?} in pod {pod_name:?} is waiting to start: {reason}"
        )));
    } else {
        (moment(&state["state"]["running"]["startedAt"]), None)
    };
    let errors = traffic.quality(&service, &version).error_ratio;
    let image = text(&state["image"]);
    Ok(Container { pod: pod_name.to_owned(), service, version, image, started, errors, ended })
}
