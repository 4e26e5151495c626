//! Where notifications go in the demo: Slack, PagerDuty and plain webhooks that keep what they get.

use super::clock::Time;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::post,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The largest event that PagerDuty takes.
const PAGERDUTY_LIMIT: usize = 512 * 1024;

/// Which kind of receiver got something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// A Slack incoming webhook.
    Slack,
    /// PagerDuty Events v2, alerts.
    PagerDutyEvent,
    /// PagerDuty Events v2, changes.
    PagerDutyChange,
    /// A webhook of any other kind.
    Webhook,
}

/// One notification as it came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// Who got it.
    pub sink: Sink,
    /// The path it was sent to.
    pub path: String,
    /// The body; a JSON string when it was no JSON.
    pub body: Value,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether it was taken.
    pub accepted: bool,
}

/// All receivers together.
#[derive(Debug)]
pub struct Sinks {
    time: Time,
    received: Mutex<Vec<Received>>,
}

impl Sinks {
    /// Receivers that have got nothing yet.
    pub fn new(time: Time) -> Self {
        Self { time, received: Mutex::new(Vec::new()) }
    }

    /// Everything that came in, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, sink: Sink, uri: &Uri, body: &Value, accepted: bool) {
        let (path, at) = (uri.path().to_owned(), self.time.now());
        self.lock().push(Received { sink, path, body: body.clone(), at, accepted });
    }
}

/// Slack below `/services/`, PagerDuty below `/v2/`, other webhooks below `/webhook`.
pub fn router(sinks: Arc<Sinks>) -> Router {
    Router::new()
        .route("/services/{*hook}", post(slack))
        .route("/v2/enqueue", post(event))
        .route("/v2/change/enqueue", post(change))
        .route("/webhook", post(webhook))
        .route("/webhook/{*rest}", post(webhook))
        // PagerDuty says itself what is too large, with a code of its own.
        .layer(DefaultBodyLimit::max(2 * PAGERDUTY_LIMIT))
        .with_state(sinks)
}

fn read(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into())
}

async fn slack(State(sinks): State<Arc<Sinks>>, uri: Uri, body: Bytes) -> Response {
    let body = read(&body);
    let filled = |field: &str| match &body[field] {
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    };
    let refusal = if !body.is_object() {
        Some("invalid_payload")
    } else if !(filled("text") || filled("blocks") || filled("attachments")) {
        Some("no_text")
    } else {
        None
    };
    sinks.keep(Sink::Slack, &uri, &body, refusal.is_none());
    refusal.map_or_else(|| "ok".into_response(), |text| (StatusCode::BAD_REQUEST, text).into_response())
}

async fn event(State(sinks): State<Arc<Sinks>>, uri: Uri, body: Bytes) -> Response {
    let size = body.len();
    let body = read(&body);
    let mut errors = key_errors(&body);
    let action = body["event_action"].as_str().unwrap_or_default();
    match action {
        "trigger" => {
            for field in ["summary", "source", "severity"] {
                if body["payload"][field].as_str().is_none_or(str::is_empty) {
                    errors.push(format!("'payload.{field}' is missing or blank"));
                }
            }
            if body["payload"]["summary"].as_str().is_some_and(|text| text.chars().count() > 1024) {
                errors.push("'payload.summary' is too long (maximum is 1024 characters)".to_owned());
            }
            let severity = body["payload"]["severity"].as_str().unwrap_or_default();
            if !severity.is_empty() && !matches!(severity, "critical" | "error" | "warning" | "info") {
                errors.push("'payload.severity' is invalid".to_owned());
            }
        }
        "acknowledge" | "resolve" => {
            if body["dedup_key"].as_str().is_none_or(str::is_empty) {
                errors.push("'dedup_key' is missing or blank".to_owned());
            }
        }
        _ => errors.push("'event_action' is missing or invalid".to_owned()),
    }
    if body["dedup_key"].as_str().is_some_and(|key| key.chars().count() > 255) {
        errors.push("'dedup_key' is too long (maximum is 255 characters)".to_owned());
    }
    let key =
        body["dedup_key"].as_str().map_or_else(|| format!("demo-{}", sinks.lock().len()), str::to_owned);
    let accepted = json!({ "status": "success", "message": "Event processed", "dedup_key": key });
    take(&sinks, Sink::PagerDutyEvent, &uri, &body, size, &errors, &accepted)
}

async fn change(State(sinks): State<Arc<Sinks>>, uri: Uri, body: Bytes) -> Response {
    let size = body.len();
    let body = read(&body);
    let mut errors = key_errors(&body);
    if body["payload"]["summary"].as_str().is_none_or(str::is_empty) {
        errors.push("'payload.summary' is missing or blank".to_owned());
    }
    let accepted = json!({ "status": "success", "message": "Change event processed" });
    take(&sinks, Sink::PagerDutyChange, &uri, &body, size, &errors, &accepted)
}

fn key_errors(body: &Value) -> Vec<String> {
    if !body.is_object() {
        return vec!["the body is not a JSON object".to_owned()];
    }
    if body["routing_key"].as_str().is_none_or(str::is_empty) {
        return vec!["'routing_key' is missing or blank".to_owned()];
    }
    Vec::new()
}

fn take(
    sinks: &Sinks,
    sink: Sink,
    uri: &Uri,
    body: &Value,
    size: usize,
    errors: &[String],
    accepted: &Value,
) -> Response {
    let too_large = size > PAGERDUTY_LIMIT;
    sinks.keep(sink, uri, body, errors.is_empty() && !too_large);
    if too_large {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    if errors.is_empty() {
        return (StatusCode::ACCEPTED, Json(accepted)).into_response();
    }
    let refused =
        json!({ "status": "invalid event", "message": "Event object is invalid", "errors": errors });
    (StatusCode::BAD_REQUEST, Json(refused)).into_response()
}

async fn webhook(State(sinks): State<Arc<Sinks>>, uri: Uri, body: Bytes) -> Json<Value> {
    sinks.keep(Sink::Webhook, &uri, &read(&body), true);
    Json(json!({ "ok": true }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_receiver_answers_and_keeps_as_the_real_one() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sinks = Arc::new(Sinks::new(Time::starting_at(DateTime::UNIX_EPOCH)));
        let listener = crate::demo::listen().await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let served = tokio::spawn(axum::serve(listener, router(Arc::clone(&sinks))).into_future());
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let trigger = json!({ "routing_key": "k", "event_action": "trigger", "dedup_key": "INC-1",
            "payload": { "summary": "s", "source": "q", "severity": "critical" } });
        for (path, body, code, accepted) in [
            ("/services/T/B/x", json!({ "text": "hello" }), 200, true),
            ("/services/T/B/x", json!({}), 400, false),
            ("/v2/enqueue", trigger, 202, true),
            ("/v2/enqueue", json!({ "routing_key": "k", "event_action": "resolve" }), 400, false),
            ("/v2/enqueue", json!({ "event_action": "resolve", "dedup_key": "INC-1" }), 400, false),
            ("/v2/change/enqueue", json!({ "routing_key": "k", "payload": { "summary": "s" } }), 202, true),
            ("/webhook/any/thing", json!({ "a": 1 }), 200, true),
        ] {
            let answer = client.post(format!("{url}{path}")).json(&body).send().await.expect("answers");
            assert_eq!(answer.status().as_u16(), code, "{path} {body}");
            let last = sinks.received().pop().expect("kept");
            assert_eq!((last.path.as_str(), &last.body, last.accepted), (path, &body, accepted));
        }
        served.abort();
    }
}
