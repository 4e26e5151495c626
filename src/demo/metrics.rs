//! Every service's `/metrics`, in the Prometheus text format.

use super::{
    clock::Time,
    estate::{Environment, Service},
    noise,
    traffic::{BOUNDS, Totals, Traffic},
};
use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use std::{collections::BTreeMap, f64::consts::TAU, fmt::Write as _, sync::Arc};

/// The media type of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Shares of the 5xx answers and of all answers by code; the rest is 200.
const UNAVAILABLE_AMONG_ERRORS: f64 = 0.7;
const NOT_FOUND_AMONG_ALL: f64 = 0.004;

/// What the metrics server needs.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The traffic of each environment.
    pub traffic: BTreeMap<Environment, Arc<Traffic>>,
    /// The clock.
    pub time: Time,
    /// The seed of the noise.
    pub seed: u64,
}

/// `GET /{environment}/{service}/metrics`.
pub fn router(metrics: Metrics) -> Router {
    Router::new().route("/{environment}/{service}/metrics", get(scrape)).with_state(Arc::new(metrics))
}

async fn scrape(
    State(metrics): State<Arc<Metrics>>,
    Path((environment, service)): Path<(String, String)>,
) -> Response {
    let found = Environment::find(&environment).zip(Service::find(&service));
    let Some((environment, service)) =
        found.filter(|(environment, service)| service.measured && service.runs_in(*environment))
    else {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    let traffic = metrics.traffic.get(&environment);
    match traffic.and_then(|traffic| traffic.totals(service.name)) {
        Some(totals) => {
            ([(CONTENT_TYPE, TEXT)], metrics.render(service, environment, &totals)).into_response()
        }
        // Nobody is there to answer; a scraper in a real cluster would not even connect.
        None => (StatusCode::SERVICE_UNAVAILABLE, "no ready pod\n").into_response(),
    }
}

impl Metrics {
    fn render(
        &self,
        service: &Service,
        environment: Environment,
        totals: &BTreeMap<String, Totals>,
    ) -> String {
        let mut text = String::with_capacity(4096);
        let labels = |version: &str| {
            format!("service=\"{}\",environment=\"{environment}\",version=\"{version}\"", service.name)
        };
        text.push_str("# HELP http_requests_total Requests answered, by status code.\n");
        text.push_str("# TYPE http_requests_total counter\n");
        for (version, totals) in totals {
            let labels = labels(version);
            let unavailable = (totals.errors * UNAVAILABLE_AMONG_ERRORS).floor();
            let internal = (totals.errors - totals.errors * UNAVAILABLE_AMONG_ERRORS).floor();
            let missing = (totals.requests * NOT_FOUND_AMONG_ALL).floor();
            let fine = totals.requests * (1.0 - NOT_FOUND_AMONG_ALL) - totals.errors;
            for (code, count) in
                [("200", fine.floor()), ("404", missing), ("500", internal), ("503", unavailable)]
            {
                line(&mut text, format_args!("http_requests_total{{{labels},code=\"{code}\"}} {count}"));
            }
        }
        text.push_str("# HELP http_request_duration_seconds How long requests took.\n");
        text.push_str("# TYPE http_request_duration_seconds histogram\n");
        for (version, totals) in totals {
            let labels = labels(version);
            let name = "http_request_duration_seconds";
            for (bound, count) in BOUNDS.iter().zip(totals.within) {
                let count = count.floor();
                line(&mut text, format_args!("{name}_bucket{{{labels},le=\"{bound}\"}} {count}"));
            }
            let count = totals.requests.floor();
            line(&mut text, format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {count}"));
            line(&mut text, format_args!("{name}_sum{{{labels}}} {:.3}", totals.seconds));
            line(&mut text, format_args!("{name}_count{{{labels}}} {count}"));
        }
        self.process(&mut text, service, environment, totals);
        text
    }

    fn process(
        &self,
        text: &mut String,
        service: &Service,
        environment: Environment,
        totals: &BTreeMap<String, Totals>,
    ) {
        let labels = format!("service=\"{}\",environment=\"{environment}\"", service.name);
        // Waiting costs little: a request takes a tenth of its time on the processor.
        let seconds: f64 =
            totals.values().map(|totals| totals.seconds * 0.1 + totals.requests * 0.0004).sum();
        text.push_str("# HELP process_cpu_seconds_total Processor time used, all pods together.\n");
        text.push_str("# TYPE process_cpu_seconds_total counter\n");
        line(text, format_args!("process_cpu_seconds_total{{{labels}}} {seconds:.3}"));
        let seed = noise::hash(self.seed, &[service.name, environment.name(), "memory"]);
        let base = 90.0 + 160.0 * noise::unit(seed);
        let swing = 6.0 * (TAU * (self.time.elapsed() / 53.0 + noise::unit(seed + 1))).sin();
        let bytes = ((base + swing) * 1_048_576.0).floor() * service.replicas_in(environment) as f64;
        text.push_str("# HELP process_resident_memory_bytes Memory used, all pods together.\n");
        text.push_str("# TYPE process_resident_memory_bytes gauge\n");
        line(text, format_args!("process_resident_memory_bytes{{{labels}}} {bytes}"));
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(arguments);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Scenario;
    use chrono::DateTime;

    fn metrics() -> Metrics {
        let time = Time::starting_at(DateTime::from_timestamp(1_790_000_000, 0).expect("a date"));
        let traffic = Environment::ALL
            .into_iter()
            .map(|environment| {
                (environment, Arc::new(Traffic::new(environment, Scenario::BadRelease, time, 1)))
            })
            .collect();
        Metrics { traffic, time, seed: 1 }
    }

    async fn ask(metrics: &Metrics, environment: &str, service: &str) -> (u16, String) {
        let path = Path((environment.to_owned(), service.to_owned()));
        let answer = scrape(State(Arc::new(metrics.clone())), path).await;
        let code = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
        (code, String::from_utf8(body.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn the_text_is_what_a_scraper_reads() {
        let (code, text) = ask(&metrics(), "production", "shared-auth").await;
        assert_eq!(code, 200);
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let scrape = prometheus_parse::Scrape::parse(lines).expect("parses");
        let total = |code: &str| -> f64 {
            let samples = scrape.samples.iter().filter(|sample| {
                sample.metric == "http_requests_total"
                    && sample.labels.get("code") == Some(code)
                    && sample.labels.get("version") == Some("1.3.0")
            });
            samples
                .map(|sample| match sample.value {
                    prometheus_parse::Value::Counter(value) => value,
                    ref other => panic!("not a counter: {other:?}"),
                })
                .sum()
        };
        let errors = total("500") + total("503");
        let ratio = errors / (errors + total("200") + total("404"));
        assert!((0.027..0.029).contains(&ratio), "{ratio}");
        assert!(text.contains("http_request_duration_seconds_bucket{service=\"shared-auth\""));
        assert!(text.contains("le=\"+Inf\""));
    }

    #[tokio::test]
    async fn what_is_not_measured_is_not_found() {
        let metrics = metrics();
        for (environment, service, expected) in [
            ("production", "cart", 200),
            ("staging", "device-twin", 200),
            ("production", "device-twin", 404),
            ("production", "pdf-renderer", 404),
            ("nowhere", "cart", 404),
            ("production", "nothing", 404),
        ] {
            assert_eq!(ask(&metrics, environment, service).await.0, expected, "{environment}/{service}");
        }
        metrics.traffic[&Environment::Production].follow(&[]);
        assert_eq!(ask(&metrics, "production", "cart").await.0, 503);
    }
}
