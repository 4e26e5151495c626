//! Images in registries, by the OCI distribution API: whether one is there, and nothing else.

use crate::{
    adapters::metrics::fetch::Fetcher,
    domain::text::clean,
    error::Failure,
    ports::{Answer, Registry},
};
use futures::FutureExt;
use reqwest::{Client, StatusCode, Url, header::WWW_AUTHENTICATE};
use std::time::Duration;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What an image may be described by; registries answer 404 for what a client does not take.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.docker.distribution.manifest.v2+json";

/// Registries over HTTP.
pub struct HttpRegistry {
    fetcher: Fetcher,
}

impl Default for HttpRegistry {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpRegistry {
    /// A client; nothing is connected yet. [`crate::adapters::install_crypto`] must have run.
    pub fn new() -> Self {
        Self { fetcher: Fetcher::without_redirects() }
    }

    async fn look(&self, base: Option<&str>, image: &str) -> Result<bool, Failure> {
        let wrong = || Failure::configuration(format!("could not look for {} in its registry", clean(image)));
        let name = Image::parse(image).ok_or_else(|| wrong().cause("this is no image's name"))?;
        let base = base
            .map_or_else(|| format!("https://{}", name.host), |base| base.trim_end_matches('/').to_owned());
        let url = format!("{base}/v2/{}/manifests/{}", name.repository, name.reference);
        let url = Url::parse(&url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| wrong().cause(format!("`{}` is not an http or https address", clean(&base))))?;
        let reply = self.ask(&url, None).await?;
        let reply = if reply.status == StatusCode::UNAUTHORIZED {
            let challenge = reply.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
            let token = match challenge.and_then(bearer) {
                Some(realm) => self.token(&realm).await?,
                None => None,
            };
            match token {
                Some(token) => self.ask(&url, Some(&token)).await?,
                None => reply,
            }
        } else {
            reply
        };
        match reply.status {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Failure::forbidden(format!(
                "the registry {} does not tell whether {} is there",
                name.host,
                clean(image)
            ))
            .cause(format!("it answered {}", reply.status))),
            status => Err(Failure::unreachable(format!("could not look for {}", clean(image)))
                .cause(format!("{} answered {status}", name.host))),
        }
    }

    async fn ask(
        &self,
        url: &Url,
        token: Option<&str>,
    ) -> Result<crate::adapters::metrics::fetch::Reply, Failure> {
        let shown = url.as_str().to_owned();
        let build = |client: &Client, url: Url| {
            let request = client.head(url).header("accept", ACCEPT);
            match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            }
        };
        self.fetcher.send("look for the image", url.clone(), &shown, TIMEOUT, build).await
    }

    /// A token that anybody gets; `None` when the answer has none.
    async fn token(&self, realm: &Url) -> Result<Option<String>, Failure> {
        let shown = realm.as_str().to_owned();
        let reply = self
            .fetcher
            .send("get a token for the registry", realm.clone(), &shown, TIMEOUT, Client::get)
            .await?;
        let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap_or_default();
        let token =
            ["token", "access_token"].into_iter().find_map(|key| body.get(key)?.as_str().map(str::to_owned));
        Ok(token)
    }
}

impl Registry for HttpRegistry {
    fn has<'a>(&'a self, base: Option<&'a str>, image: &'a str) -> Answer<'a, bool> {
        self.look(base, image).boxed()
    }
}

/// An image's name, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Image<'a> {
    host: &'a str,
    repository: String,
    reference: &'a str,
}

impl<'a> Image<'a> {
    /// `[host[:port]/]repository[:tag][@digest]`; a digest counts before a tag, and `latest` where there is neither.
    fn parse(text: &'a str) -> Option<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if is_host(host) => (host, path),
            // As every container runtime reads it.
            _ => ("registry-1.docker.io", name),
        };
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, tag),
            None => (path, "latest"),
        };
        let official = host == "registry-1.docker.io" && !repository.contains('/');
        let repository = if official { format!("library/{repository}") } else { repository.to_owned() };
        let reference = digest.unwrap_or(tag);
        let is_path = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:+".contains(&byte))
                && !text.split('/').any(|part| matches!(part, "" | "." | ".."))
        };
        (is_path(&repository) && is_path(reference) && !host.contains('/') && !host.contains('?'))
            .then_some(Self { host, repository, reference })
    }
}

/// Where an anonymous token is given out, from `Bearer realm="…",service="…",scope="…"`.
fn bearer(challenge: &str) -> Option<Url> {
    let parts = challenge.strip_prefix("Bearer ")?;
    let part = |name: &str| {
        let (_, rest) = parts.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    };
    let mut url = Url::parse(part("realm")?).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    for name in ["service", "scope"] {
        if let Some(value) = part(name) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;
    use axum::{
        Router,
        extract::Path,
        http::{HeaderMap, StatusCode},
        response::IntoResponse,
        routing::get,
    };

    #[test]
    fn names_are_taken_apart() {
        for (text, host, repository, reference) in [
            ("registry.example.com/shop/api:1.2.3", "registry.example.com", "shop/api", "1.2.3"),
            ("localhost:5000/api", "localhost:5000", "api", "latest"),
            ("registry.example.com/a/b:1@sha256:ab", "registry.example.com", "a/b", "sha256:ab"),
            ("nginx:1.27", "registry-1.docker.io", "library/nginx", "1.27"),
            ("grafana/loki", "registry-1.docker.io", "grafana/loki", "latest"),
        ] {
            let image = Image::parse(text).unwrap();
            assert_eq!(
                (image.host, image.repository.as_str(), image.reference),
                (host, repository, reference)
            );
        }
        for text in ["", "a/../b:1", "registry.example.com/:1", "registry.example.com/a b:1", "x.y/a?b:1"] {
            assert_eq!(Image::parse(text), None, "{text}");
        }
    }

    async fn serve() -> String {
        async fn manifest(
            Path((name, reference)): Path<(String, String)>,
            headers: HeaderMap,
        ) -> impl IntoResponse {
            let challenge = |code| {
                let realm = headers["host"].to_str().unwrap_or_default();
                let value = format!("Bearer realm=\"http://{realm}/token\",service=\"r\",scope=\"pull\"");
                (code, [("www-authenticate", value)]).into_response()
            };
            let is_known = headers.get("authorization").is_some_and(|value| value == "Bearer open");
            match (name.as_str(), reference.as_str()) {
                ("open", "1") if is_known => StatusCode::OK.into_response(),
                ("private", _) | ("open", "1") => challenge(StatusCode::UNAUTHORIZED),
                ("api", "1") => StatusCode::OK.into_response(),
                ("broken", _) => StatusCode::BAD_GATEWAY.into_response(),
                _ => StatusCode::NOT_FOUND.into_response(),
            }
        }
        let app = Router::new()
            .route("/v2/{name}/manifests/{reference}", get(manifest))
            .route("/token", get(|| async { "{\"token\":\"open\"}" }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn an_image_is_there_or_not_or_nobody_knows() {
        crate::adapters::install_crypto();
        let (registry, base) = (HttpRegistry::new(), serve().await);
        for (image, expected) in [
            ("r.example.com/api:1", Ok(true)),
            ("r.example.com/api:2", Ok(false)),
            ("r.example.com/open:1", Ok(true)),
            ("r.example.com/private:1", Err(FailureKind::Forbidden)),
            ("r.example.com/broken:1", Err(FailureKind::Unreachable)),
            ("not an image", Err(FailureKind::Configuration)),
        ] {
            let found = registry.has(Some(&base), image).await.map_err(|failure| failure.kind);
            assert_eq!(found, expected, "{image}");
        }
        let dead = registry.has(Some("http://127.0.0.1:1"), "r.example.com/api:1").await.unwrap_err();
        assert_eq!(dead.kind, FailureKind::Unreachable);
    }
}
