//! Through which proxy a cluster is reached: the one that the kubeconfig names, else the one of the environment.

use crate::{adapters::metrics::fetch::is_loopback_host, config::environment, error::Failure};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// What the environment says about proxies, as curl and kubectl read it.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    /// `HTTPS_PROXY`.
    pub(super) proxy: Option<String>,
    /// `NO_PROXY`: hosts, domains with everything below them, and networks that are reached without it.
    pub(super) excepted: String,
}

impl Surroundings {
    /// Those of this process.
    pub(super) fn read() -> Self {
        let either = |name: &str| environment::var(name).or_else(|| environment::var(&name.to_lowercase()));
        Self { proxy: either("HTTPS_PROXY"), excepted: either("NO_PROXY").unwrap_or_default() }
    }
}

/// The proxy for the API server at `server`, if there is one. What the kubeconfig names holds whatever the environment
/// says; a server on this machine, or spoken to without TLS, is never meant by the environment.
///
/// # Errors
/// Configuration: the proxy's address is none.
pub(super) fn proxy(
    named: Option<&str>,
    surroundings: &Surroundings,
    server: &Uri,
) -> Result<Option<Uri>, Failure> {
    if let Some(named) = named {
        return address(named, "`proxy-url` of the kubeconfig").map(Some);
    }
    let Some(proxy) = surroundings.proxy.as_deref() else { return Ok(None) };
    if server.scheme_str() != Some("https") || server.host().is_some_and(is_loopback_host) {
        return Ok(None);
    }
    let address = address(proxy, "HTTPS_PROXY")?;
    let matcher = Matcher::builder().https(proxy).no(surroundings.excepted.as_str()).build();
    Ok(matcher.intercept(server).map(|_| address))
}

/// A proxy's address; `http` where it names no scheme.
fn address(text: &str, origin: &str) -> Result<Uri, Failure> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    // The address may hold a password: it is not repeated.
    whole.parse::<Uri>().ok().filter(|address| address.host().is_some()).ok_or_else(|| {
        Failure::configuration(format!("{origin} is not the address of a proxy"))
            .hint("write it as http://HOST:PORT")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubeconfig_decides_and_then_the_environment_with_its_exceptions() {
        let own = Some("http://own:1");
        let set = |excepted: &str| Surroundings {
            proxy: Some("http://office:3128".to_owned()),
            excepted: excepted.to_owned(),
        };
        for (named, surroundings, server, expected) in [
            (None, Surroundings::default(), "https://api.example.com", None),
            (None, set(""), "https://api.example.com", Some("http://office:3128/")),
            (None, set(""), "https://127.0.0.1:6443", None),
            (None, set(""), "https://[::1]:6443", None),
            (None, set(""), "https://localhost:6443", None),
            (None, set(""), "https://LOCALHOST:6443", None),
            (None, set(""), "http://api.example.com", None),
            (None, set("other.org, example.com"), "https://api.example.com", None),
            (None, set("example.org"), "https://api.example.com", Some("http://office:3128/")),
            (None, set("10.0.0.0/8"), "https://10.2.3.4:6443", None),
            (None, set("10.0.0.0/8"), "https://11.2.3.4:6443", Some("http://office:3128/")),
            (None, set("*"), "https://api.example.com", None),
            (own, set("*"), "https://api.example.com", Some("http://own:1/")),
            (own, Surroundings::default(), "http://127.0.0.1:8001", Some("http://own:1/")),
            (Some("own:1"), Surroundings::default(), "https://api.example.com", Some("http://own:1/")),
        ] {
            let server: Uri = server.parse().unwrap();
            let found = proxy(named, &surroundings, &server).unwrap();
            let found = found.map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{named:?} {surroundings:?} {server}");
        }
        let bad = Surroundings { proxy: Some("http://user:secret@".to_owned()), excepted: String::new() };
        let refused = proxy(None, &bad, &"https://api.example.com".parse().unwrap()).unwrap_err();
        assert!(refused.message.contains("HTTPS_PROXY") && !refused.render().contains("secret"));
    }
}
