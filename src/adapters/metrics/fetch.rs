//! One bounded request: with a deadline, a largest size, and failures that say what was tried.

use crate::{
    domain::{text, units::format_duration},
    error::Failure,
};
use reqwest::{Client, RequestBuilder, StatusCode, Url, header::HeaderMap, redirect::Policy};
use std::{net::IpAddr, time::Duration};
use tokio::sync::OnceCell;

/// The longest answer that is read.
const LARGEST: usize = 8 * 1024 * 1024;

/// HTTP clients: one that follows the system's proxies, and one for this machine, which never does.
///
/// Each is made when it is first used: reading the system's TLS roots takes longer than reading a
/// catalog, and the first frame must not wait for it.
pub(in crate::adapters) struct Fetcher {
    outward: OnceCell<Client>,
    loopback: OnceCell<Client>,
    redirects: usize,
}

impl Default for Fetcher {
    fn default() -> Self {
        Self { outward: OnceCell::new(), loopback: OnceCell::new(), redirects: 3 }
    }
}

/// An answer, whatever it says.
#[derive(Debug, Clone)]
pub(in crate::adapters) struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; what was no UTF-8 is replaced.
    pub body: String,
}

impl Fetcher {
    /// A fetcher that follows no redirect, so that a secret goes nowhere but where it was meant to.
    pub(in crate::adapters) fn without_redirects() -> Self {
        Self { redirects: 0, ..Self::default() }
    }

    /// The client for an address.
    async fn client(&self, url: &Url) -> Result<&Client, Failure> {
        let is_loopback = is_loopback(url);
        let cell = if is_loopback { &self.loopback } else { &self.outward };
        let policy = if self.redirects == 0 { Policy::none() } else { Policy::limited(self.redirects) };
        let build = move || {
            let builder = Client::builder()
                .user_agent(concat!("quarterdeck/", env!("CARGO_PKG_VERSION")))
                .redirect(policy);
            if is_loopback { builder.no_proxy().build() } else { builder.build() }
        };
        cell.get_or_try_init(|| async {
            let failure = || Failure::configuration("the HTTP client cannot be set up");
            let client =
                tokio::task::spawn_blocking(build).await.map_err(|error| failure().because(&error))?;
            client.map_err(|error| failure().because(&error))
        })
        .await
    }

    /// Gets `what` from `url` as text.
    pub(in crate::adapters) async fn get(
        &self,
        what: &str,
        url: &str,
        timeout: Duration,
    ) -> Result<String, Failure> {
        let parsed = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                Failure::configuration(format!("could not get {what}"))
                    .cause(format!("`{}` is not an http or https address", text::clean(url)))
            })?;
        // Without user and password, should the address carry them: this text is shown and logged.
        let mut shown = parsed.clone();
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        let reply = self.send(&format!("get {what}"), parsed, shown.as_str(), timeout, Client::get).await?;
        if !reply.status.is_success() {
            return Err(Failure::unreachable(format!("could not get {what}"))
                .cause(format!("{shown} answered {}", reply.status)));
        }
        Ok(reply.body)
    }

    /// Sends one request, once, and reads the answer. `attempt` says what is tried (`get the alerts`), and
    /// `shown` is the address as people may see it.
    pub(in crate::adapters) async fn send(
        &self,
        attempt: &str,
        url: Url,
        shown: &str,
        timeout: Duration,
        build: impl FnOnce(&Client, Url) -> RequestBuilder,
    ) -> Result<Reply, Failure> {
        let client = self.client(&url).await?;
        let failed = |cause: String| Failure::unreachable(format!("could not {attempt}")).cause(cause);
        let wrong = |error: reqwest::Error| {
            if error.is_timeout() {
                let timeout = chrono::Duration::from_std(timeout).unwrap_or_default();
                return failed(format!("{shown} did not answer within {}", format_duration(timeout)));
            }
            failed(format!("{shown} cannot be reached")).because(&root(&error))
        };
        let mut response = build(client, url).timeout(timeout).send().await.map_err(wrong)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let too_long = || failed(format!("{shown} answered with more than 8 MiB"));
        if response.content_length().is_some_and(|length| length > LARGEST as u64) {
            return Err(too_long());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(wrong)? {
            if body.len() + chunk.len() > LARGEST {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
        let body = String::from_utf8(body)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Ok(Reply { status, headers, body })
    }
}

/// The innermost cause: the layers above it repeat the address.
fn root(error: &reqwest::Error) -> std::io::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    std::io::Error::other(cause.to_string())
}

/// Whether an address is on this machine.
pub(in crate::adapters) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(is_loopback_host)
}

/// Whether a host of an address is this machine.
pub(in crate::adapters) fn is_loopback_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
