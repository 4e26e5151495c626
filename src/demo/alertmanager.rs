//! An Alertmanager-shaped `/api/v2`: alerts that follow the metrics, and silences.

use super::{
    clock::{Time, stamp},
    estate::{Environment, SERVICES},
    noise,
    traffic::Traffic,
};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One alerting rule: from which error ratio, under which name, how severe.
struct Rule {
    ratio: f64,
    name: &'static str,
    severity: &'static str,
}

/// The highest ratio first; the first that holds fires.
const RULES: [Rule; 3] = [
    Rule { ratio: 0.02, name: "HighErrorRate", severity: "critical" },
    Rule { ratio: 0.005, name: "HighErrorRate", severity: "warning" },
    Rule { ratio: super::traffic::FAILING, name: "ErrorBudgetBurn", severity: "warning" },
];

/// How far ahead an alert's end lies while it fires, as Prometheus sends it.
const RESOLVE_AFTER: TimeDelta = TimeDelta::minutes(4);

/// A simulated Alertmanager.
#[derive(Debug)]
pub struct Alertmanager {
    traffic: BTreeMap<Environment, Arc<Traffic>>,
    time: Time,
    silences: Mutex<Vec<Silence>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Matcher {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Silence {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    matchers: Vec<Matcher>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    created_by: String,
    comment: String,
    #[serde(default = "DateTime::<Utc>::default")]
    updated_at: DateTime<Utc>,
}

/// A refusal as Alertmanager writes it: a JSON string.
type Answer = Result<Response, (StatusCode, Json<String>)>;

/// The `/api/v2` of `alertmanager`.
pub fn router(alertmanager: Arc<Alertmanager>) -> Router {
    Router::new()
        .route("/api/v2/status", get(status))
        .route("/api/v2/receivers", get(async || Json(json!([{ "name": "platform" }]))))
        .route("/api/v2/alerts", get(alerts))
        .route("/api/v2/alerts/groups", get(groups))
        .route("/api/v2/silences", get(silences).post(add_silence))
        .route("/api/v2/silence/{id}", get(silence).delete(end_silence))
        .route("/-/healthy", get(async || "OK"))
        .route("/-/ready", get(async || "OK"))
        .with_state(alertmanager)
}

impl Alertmanager {
    /// An Alertmanager that watches `traffic`.
    pub fn new(traffic: BTreeMap<Environment, Arc<Traffic>>, time: Time) -> Self {
        Self { traffic, time, silences: Mutex::new(Vec::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Silence>> {
        self.silences.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All alerts that fire now, as `/api/v2/alerts` tells them.
    pub fn firing(&self) -> Vec<Value> {
        let now = self.time.now();
        let silences: Vec<Silence> = self
            .lock()
            .iter()
            .filter(|silence| silence.starts_at <= now && now < silence.ends_at)
            .cloned()
            .collect();
        let mut alerts = Vec::new();
        for (environment, traffic) in &self.traffic {
            for service in SERVICES.iter().filter(|service| service.measured) {
                let Some(condition) = traffic.condition(service.name) else { continue };
                let Some(since) = condition.failing_since else { continue };
                let Some(rule) = RULES.iter().find(|rule| condition.error_ratio >= rule.ratio) else {
                    continue;
                };
                let labels = json!({ "alertname": rule.name, "service": service.name,
                    "environment": environment.name(), "namespace": service.namespace(), "severity": rule.severity,
                    "version": condition.version, "team": service.owner });
                let quieted_by: Vec<&str> = silences
                    .iter()
                    .filter(|silence| silence.matches(&labels))
                    .filter_map(|silence| silence.id.as_deref())
                    .collect();
                let percent = condition.error_ratio * 100.0;
                alerts.push(json!({
                    "labels": labels,
                    "annotations": {
                        "summary": format!("{} answers {percent:.1} % of requests with errors in {environment}", service.name),
                        "description": format!("The error budget of {} allows 0.1 %.", service.name),
                        "runbook_url": format!("https://wiki.example.com/runbooks/{}", service.name) },
                    "startsAt": stamp(since),
                    "endsAt": stamp(now + RESOLVE_AFTER),
                    "updatedAt": stamp(now),
                    "generatorURL": "http://prometheus.example.com/graph",
                    "fingerprint": fingerprint(rule.name, service.name, *environment),
                    "receivers": [{ "name": "platform" }],
                    "status": { "state": if quieted_by.is_empty() { "active" } else { "suppressed" },
                                "silencedBy": quieted_by, "inhibitedBy": [], "mutedBy": [] },
                }));
            }
        }
        alerts
    }
}

fn fingerprint(rule: &str, service: &str, environment: Environment) -> String {
    format!("{:016x}", noise::hash(0, &[rule, service, environment.name()]))
}

impl Silence {
    /// Whether every matcher holds. Regular expressions are reduced to alternatives (`a|b`) and
    /// `.*`, which is what consoles send.
    fn matches(&self, labels: &Value) -> bool {
        self.matchers.iter().all(|matcher| {
            let value = labels[&matcher.name].as_str().unwrap_or_default();
            let equal = if matcher.is_regex {
                matcher.value.split('|').any(|part| part == ".*" || part == value)
            } else {
                matcher.value == value
            };
            equal == matcher.is_equal
        })
    }

    fn told(&self, now: DateTime<Utc>) -> Value {
        let state = if now >= self.ends_at {
            "expired"
        } else if now < self.starts_at {
            "pending"
        } else {
            "active"
        };
        let mut told = json!(self);
        told["status"] = json!({ "state": state });
        told
    }
}

async fn status(State(alertmanager): State<Arc<Alertmanager>>) -> Json<Value> {
    Json(json!({ "cluster": { "status": "disabled", "peers": [] },
        "versionInfo": { "version": "0.28.0", "branch": "HEAD", "revision": "", "buildUser": "", "buildDate": "",
                         "goVersion": "go1.23" },
        "config": { "original": "route:\n  receiver: platform\nreceivers:\n- name: platform\n" },
        "uptime": stamp(alertmanager.time.origin()) }))
}

async fn alerts(State(alertmanager): State<Arc<Alertmanager>>) -> Json<Value> {
    Json(alertmanager.firing().into())
}

async fn groups(State(alertmanager): State<Arc<Alertmanager>>) -> Json<Value> {
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for alert in alertmanager.firing() {
        let name = alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned();
        groups.entry(name).or_default().push(alert);
    }
    let groups = groups.into_iter().map(|(name, alerts)| {
        json!({ "labels": { "alertname": name }, "receiver": { "name": "platform" }, "alerts": alerts })
    });
    Json(groups.collect())
}

async fn silences(State(alertmanager): State<Arc<Alertmanager>>) -> Json<Value> {
    let now = alertmanager.time.now();
    Json(alertmanager.lock().iter().map(|silence| silence.told(now)).collect())
}

async fn add_silence(State(alertmanager): State<Arc<Alertmanager>>, Json(body): Json<Value>) -> Answer {
    let refuse = |code, text: &str| (code, Json(text.to_owned()));
    let mut silence: Silence = serde_json::from_value(body)
        .map_err(|error| (StatusCode::BAD_REQUEST, Json(format!("bad request: {error}"))))?;
    if silence.matchers.is_empty() {
        return Err(refuse(StatusCode::BAD_REQUEST, "at least one matcher required"));
    }
    if silence.ends_at <= silence.starts_at {
        return Err(refuse(StatusCode::BAD_REQUEST, "start time must be before end time"));
    }
    silence.updated_at = alertmanager.time.now();
    let mut silences = alertmanager.lock();
    if let Some(id) = silence.id.clone().filter(|id| !id.is_empty()) {
        let known = silences.iter_mut().find(|known| known.id.as_ref() == Some(&id));
        let known = known.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "silence not found"))?;
        *known = silence;
        return Ok(Json(json!({ "silenceID": id })).into_response());
    }
    let id = noise::uid(noise::hash(silences.len() as u64, &[&silence.comment]));
    silence.id = Some(id.clone());
    silences.push(silence);
    Ok(Json(json!({ "silenceID": id })).into_response())
}

async fn silence(State(alertmanager): State<Arc<Alertmanager>>, Path(id): Path<String>) -> Response {
    let now = alertmanager.time.now();
    let silences = alertmanager.lock();
    let found = silences.iter().find(|silence| silence.id.as_ref() == Some(&id));
    found.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |silence| Json(silence.told(now)).into_response(),
    )
}

async fn end_silence(State(alertmanager): State<Arc<Alertmanager>>, Path(id): Path<String>) -> StatusCode {
    let now = alertmanager.time.now();
    let mut silences = alertmanager.lock();
    match silences.iter_mut().find(|silence| silence.id.as_ref() == Some(&id)) {
        Some(silence) => {
            silence.ends_at = silence.ends_at.min(now);
            StatusCode::OK
        }
        None => StatusCode::NOT_FOUND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{Quality, Scenario};

    fn alertmanager(scenario: Scenario) -> Arc<Alertmanager> {
        let time = Time::starting_at(DateTime::from_timestamp(1_790_000_000, 0).expect("a date"));
        let traffic = Environment::ALL
            .into_iter()
            .map(|place| (place, Arc::new(Traffic::new(place, scenario, time, 1))));
        Arc::new(Alertmanager::new(traffic.collect(), time))
    }

    fn firing(alertmanager: &Alertmanager) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let alerts = alertmanager.firing();
        alerts
            .iter()
            .map(|alert| {
                let labels = &alert["labels"];
                (text(&labels["service"]), text(&labels["severity"]), text(&alert["status"]["state"]))
            })
            .collect()
    }

    #[tokio::test]
    async fn alerts_follow_what_the_services_do() {
        let bad = alertmanager(Scenario::BadRelease);
        let named =
            |service: &str, severity: &str| (service.to_owned(), severity.to_owned(), "active".to_owned());
        assert_eq!(
            firing(&bad),
            [
                named("shared-auth", "critical"),
                named("new-api", "warning"),
                named("project-a-api", "warning")
            ]
        );
        let traffic = &bad.traffic[&Environment::Production];
        traffic.set_quality("shared-auth", "1.3.0", Quality::GOOD);
        assert_eq!(firing(&bad).len(), 2);
        assert_eq!(firing(&alertmanager(Scenario::Calm)), []);
    }

    #[tokio::test]
    async fn a_silence_suppresses_until_it_ends() {
        let alertmanager = alertmanager(Scenario::BadRelease);
        let now = alertmanager.time.now();
        let body = json!({ "matchers": [{ "name": "service", "value": "new-api|cart", "isRegex": true }],
            "startsAt": now, "endsAt": now + TimeDelta::hours(1), "createdBy": "m.ruiz", "comment": "known" });
        let added = add_silence(State(Arc::clone(&alertmanager)), Json(body)).await;
        assert_eq!(added.expect("taken").status(), 200);
        assert_eq!(firing(&alertmanager)[1].2, "suppressed");
        let id = alertmanager.lock()[0].id.clone().expect("an id");
        assert_eq!(end_silence(State(Arc::clone(&alertmanager)), Path(id)).await, StatusCode::OK);
        assert_eq!(firing(&alertmanager)[1].2, "active");
        let none = add_silence(State(Arc::clone(&alertmanager)), Json(json!({ "matchers": [] }))).await;
        assert_eq!(none.map(|_| ()).map_err(|no| no.0), Err(StatusCode::BAD_REQUEST));
    }
}
