//! Direct scrapes of `/metrics` over HTTP.

mod exposition;
pub(in crate::adapters) mod fetch;

use crate::{
    domain::{
        catalog::ScrapeSettings,
        sla::{Endpoint, Sample},
    },
    error::Failure,
    ports::{Answer, Scraper},
};
use fetch::Fetcher;
use futures::FutureExt;
use std::fmt::Write as _;

/// Pages longer than this are read aside, so that a large one does not hold up other tasks.
const READ_ASIDE: usize = 128 * 1024;

/// Scrapes with one HTTP client for all endpoints.
pub struct HttpScraper {
    fetcher: Fetcher,
}

impl HttpScraper {
    /// A scraper; nothing is connected yet. [`crate::adapters::install_crypto`] must have run.
    ///
    /// # Errors
    /// None yet: that the system's TLS roots or proxy settings cannot be used is told by the first request.
    pub fn new() -> Result<Self, Failure> {
        Ok(Self { fetcher: Fetcher::default() })
    }
}

impl Scraper for HttpScraper {
    fn scrape(&self, settings: &ScrapeSettings, endpoint: &Endpoint, namespace: &str) -> Answer<'_, Sample> {
        let url = fill(&settings.url, |name| match name {
            "environment" => Some(endpoint.environment.as_str()),
            "service" => Some(endpoint.service.as_str()),
            "namespace" => Some(namespace),
            _ => None,
        });
        let what = format!("the metrics of {} in {}", endpoint.service, endpoint.environment);
        let timeout = settings.timeout.to_std().unwrap_or_default();
        async move {
            let page = self.fetcher.get(&what, &url, timeout).await.map_err(|failure| {
                failure.hint(
                    "check `url` under [metrics.scrape] in quarterdeck.toml, and that the service exposes it",
                )
            })?;
            let read = if page.len() < READ_ASIDE {
                exposition::read(&page)
            } else {
                tokio::task::spawn_blocking(move || exposition::read(&page))
                    .await
                    .map_err(|error| Failure::unreachable(format!("could not read {what}")).because(&error))?
            };
            read.ok_or_else(|| {
                Failure::unreachable(format!("could not read {what}"))
                    .cause(format!("{url} answers with something else than the Prometheus text format"))
                    .hint("check `url` under [metrics.scrape] in quarterdeck.toml")
            })
        }
        .boxed()
    }
}

/// Fills the `{name}`s of a URL template, percent-encoded; unknown ones stay as they are.
fn fill<'a>(template: &str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut url = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        url.push_str(before);
        let filled = after.split_once('}').and_then(|(name, after)| value(name).map(|value| (value, after)));
        if let Some((value, after)) = filled {
            encode(&mut url, value);
            rest = after;
        } else {
            url.push('{');
            rest = after;
        }
    }
    url.push_str(rest);
    url
}

/// Appends `text` with everything but unreserved characters (RFC 3986) percent-encoded.
fn encode(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;
    use axum::{Router, http::StatusCode, routing::get};
    use chrono::Duration;

    const PAGE: &str = "# TYPE http_requests_total counter\nhttp_requests_total{code=\"200\"} 97\nhttp_requests_total{code=\"503\"} 3\n";

    async fn serve() -> String {
        let app = Router::new()
            .route("/staging/shared-auth/metrics", get(|| async { PAGE }))
            .route("/staging/a%20b%2Fc/metrics", get(|| async { PAGE }))
            .route("/staging/html/metrics", get(|| async { "<html>\nlogin please" }))
            .route("/staging/broken/metrics", get(|| async { (StatusCode::BAD_GATEWAY, "no") }))
            .route("/staging/huge/metrics", get(|| async { "x 1\n".repeat(3 * 1024 * 1024) }))
            .route("/staging/slow/metrics", get(std::future::pending::<&str>));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}/{{environment}}/{{service}}/metrics")
    }

    async fn scrape(url: String, service: &str) -> Result<Sample, Failure> {
        crate::adapters::install_crypto();
        let timeout = Duration::milliseconds(if service == "slow" { 50 } else { 5_000 });
        let settings = ScrapeSettings { url, interval: Duration::seconds(1), timeout };
        let endpoint = Endpoint { service: service.into(), environment: "staging".into() };
        HttpScraper::new().unwrap().scrape(&settings, &endpoint, "shared").await
    }

    #[tokio::test]
    async fn scrapes_what_is_there_and_says_what_is_not() {
        let url = serve().await;
        let sample = scrape(url.clone(), "shared-auth").await.unwrap();
        assert_eq!((sample.requests, sample.errors), (100.0, 3.0));
        for (service, expected) in [
            ("absent", "404"),
            ("broken", "502"),
            ("html", "something else than the Prometheus text format"),
            ("huge", "more than 8 MiB"),
            ("slow", "did not answer within 50ms"),
        ] {
            let failure = scrape(url.clone(), service).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Unreachable, "{service}");
            assert!(failure.render().contains(expected), "{service}: {}", failure.render());
            assert!(!failure.hints.is_empty(), "{service}");
        }
        let dead = scrape("http://127.0.0.1:1/metrics".to_owned(), "dead").await.unwrap_err();
        assert!(dead.render().contains("refused"), "{}", dead.render());
        let nonsense = scrape("not a url".to_owned(), "dead").await.unwrap_err();
        assert_eq!(nonsense.kind, FailureKind::Configuration, "{}", nonsense.render());
    }

    #[test]
    fn templates_are_filled_and_encoded() {
        let value = |name: &str| match name {
            "service" => Some("a b/c"),
            "environment" => Some("{service}"),
            _ => None,
        };
        for (template, expected) in [
            ("http://x/{service}/m", "http://x/a%20b%2Fc/m"),
            ("http://x/{environment}", "http://x/%7Bservice%7D"),
            ("http://x/{other}/{service}", "http://x/{other}/a%20b%2Fc"),
            ("http://x/{", "http://x/{"),
        ] {
            assert_eq!(fill(template, value), expected);
        }
    }
}
