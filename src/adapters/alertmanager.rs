//! Alerts from Alertmanager's API (v2).

use crate::{
    adapters::metrics::fetch::Fetcher,
    domain::alert::Alert,
    error::Failure,
    ports::{AlertSource, Answer},
};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Alertmanager over HTTP.
pub struct Alertmanager {
    fetcher: Fetcher,
}

impl Alertmanager {
    /// A client; nothing is connected yet. [`crate::adapters::install_crypto`] must have run.
    ///
    /// # Errors
    /// None yet: that the system's TLS roots or proxy settings cannot be used is told by the first request.
    pub fn new() -> Result<Self, Failure> {
        Ok(Self { fetcher: Fetcher::default() })
    }
}

/// An alert on the wire.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    fingerprint: String,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: DateTime<Utc>,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

impl From<Wire> for Alert {
    fn from(wire: Wire) -> Self {
        Self {
            fingerprint: wire.fingerprint,
            name: wire.labels.get("alertname").cloned().unwrap_or_default(),
            summary: wire.annotations.get("summary").cloned().unwrap_or_default(),
            labels: wire.labels,
            starts_at: wire.starts_at,
            suppressed: wire.status.state == "suppressed",
        }
    }
}

impl AlertSource for Alertmanager {
    fn alerts(&self, base_url: &str) -> Answer<'_, Vec<Alert>> {
        let url = format!("{}/api/v2/alerts", base_url.trim_end_matches('/'));
        async move {
            let hint = "check `url` under [alertmanager] in quarterdeck.toml, and that Alertmanager is up";
            let page = self
                .fetcher
                .get("the alerts of Alertmanager", &url, TIMEOUT)
                .await
                .map_err(|failure| failure.hint(hint))?;
            let alerts: Vec<Wire> = serde_json::from_str(&page).map_err(|error| {
                Failure::unreachable("could not read the alerts of Alertmanager")
                    .cause("it answers with something else than its API, version 2")
                    .because(&error)
                    .hint(hint)
            })?;
            Ok(alerts.into_iter().map(Alert::from).collect())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, routing::get};

    const ALERTS: &str = r#"[
      {"fingerprint":"a1","labels":{"alertname":"ErrorsHigh","service":"shared-auth","severity":"critical"},
       "annotations":{"summary":"5xx above 2 %"},"startsAt":"2026-01-01T02:03:04.5Z","endsAt":"2026-01-01T03:00:00Z",
       "updatedAt":"2026-01-01T02:03:04Z","receivers":[{"name":"ops"}],"generatorURL":"",
       "status":{"state":"active","silencedBy":[],"inhibitedBy":[]}},
      {"fingerprint":"b2","labels":{},"startsAt":"2026-01-01T02:03:04Z","status":{"state":"suppressed","silencedBy":["x"],"inhibitedBy":[]}}]"#;

    #[tokio::test]
    async fn alerts_are_read_and_failures_say_why() {
        crate::adapters::install_crypto();
        let app = Router::new()
            .route("/good/api/v2/alerts", get(|| async { ALERTS }))
            .route("/bad/api/v2/alerts", get(|| async { "{}" }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let source = Alertmanager::new().unwrap();

        let alerts = source.alerts(&format!("{base}/good/")).await.unwrap();
        assert_eq!(alerts.len(), 2);
        assert_eq!((alerts[0].name.as_str(), alerts[0].service()), ("ErrorsHigh", Some("shared-auth")));
        assert_eq!((alerts[0].summary.as_str(), alerts[0].suppressed), ("5xx above 2 %", false));
        assert!(alerts[1].suppressed && alerts[1].name.is_empty());

        for (path, expected) in [("bad", "version 2"), ("absent", "404")] {
            let failure = source.alerts(&format!("{base}/{path}")).await.unwrap_err();
            assert!(failure.render().contains(expected), "{}", failure.render());
        }
    }
}
