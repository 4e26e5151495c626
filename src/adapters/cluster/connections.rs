//! Kubeconfigs: which clusters can be reached, and the client of one of them.

use super::proxy::{self, Surroundings};
use crate::{
    adapters::plain,
    config::environment,
    domain::{name::ContextName, text},
    error::Failure,
};
use futures::FutureExt;
use kube::config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The context that stands for the cluster that this process runs in.
pub const IN_CLUSTER: &str = "in-cluster";

/// More of a kubeconfig is not read, in bytes.
const LARGEST: u64 = 16 << 20;

/// A kubeconfig that was read.
#[derive(Debug, Clone)]
pub struct Connections {
    kubeconfig: Kubeconfig,
    /// What was read, in words, for messages.
    origin: String,
}

impl Connections {
    /// Reads and merges the kubeconfigs at `paths`; the first to name something wins, as with kubectl.
    ///
    /// # Errors
    /// Configuration: no path was given, a file cannot be read, or is not a kubeconfig.
    pub fn load(paths: &[PathBuf]) -> Result<Self, Failure> {
        let origin = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        if paths.is_empty() {
            return Err(absent(Failure::configuration("no kubeconfig was named")));
        }
        let mut merged = Kubeconfig::default();
        for path in paths {
            plain_enough(path)?;
            merged = Kubeconfig::read_from(path)
                .and_then(|next| merged.merge(next))
                .map_err(|error| unreadable(&path.display().to_string(), &error))?;
        }
        Ok(Self { kubeconfig: merged, origin })
    }

    /// Reads the kubeconfig at `path`, or without one those that kubectl would read: the paths in
    /// `KUBECONFIG`, else `~/.kube/config`.
    ///
    /// # Errors
    /// As [`Connections::load`].
    pub fn open(path: Option<&Path>) -> Result<Self, Failure> {
        const USUAL: &str = "KUBECONFIG or ~/.kube/config";
        if let Some(path) = path {
            return Self::load(&[path.to_owned()]);
        }
        for path in usual().iter().filter(|path| path.exists()) {
            plain_enough(path)?;
        }
        Kubeconfig::read()
            .map(|kubeconfig| Self { kubeconfig, origin: USUAL.to_owned() })
            .map_err(|error| unreadable(USUAL, &error))
    }

    /// The client settings inside of a cluster: those of the pod's service account.
    ///
    /// # Errors
    /// Configuration: this process does not run in a pod, or the account's token is not mounted.
    pub fn in_cluster() -> Result<kube::Config, Failure> {
        let mut settings = kube::Config::incluster().map_err(|error| {
            Failure::configuration(format!("the context `{IN_CLUSTER}` cannot be used here"))
                .because(&error)
                .hint("it is for a pod with a service account; elsewhere name a context of the kubeconfig")
        })?;
        settings.connect_timeout = Some(CONNECT_TIMEOUT);
        settings.default_retry = false;
        // The API server of the own cluster is never behind a proxy.
        settings.proxy_url = None;
        Ok(settings)
    }

    /// The contexts it names, in the file's order.
    pub fn contexts(&self) -> Vec<ContextName> {
        self.kubeconfig.contexts.iter().map(|context| ContextName::from(context.name.as_str())).collect()
    }

    /// The client settings of one context. Reads certificate files, and nothing from the network.
    ///
    /// # Errors
    /// Configuration: the context or its cluster is not there, or a certificate or address is wrong.
    pub fn settings(&self, context: &ContextName) -> Result<kube::Config, Failure> {
        if !self.kubeconfig.contexts.iter().any(|known| known.name == context.as_str()) {
            return Err(self.unknown(context));
        }
        let wrong = |error: &KubeconfigError| {
            Failure::configuration(format!("the context `{context}` of {} cannot be used", self.origin))
                .because(error)
                .hint(format!(
                    "check its cluster and user with `kubectl config view --context {context} --minify`"
                ))
        };
        let options = KubeConfigOptions { context: Some(context.to_string()), ..Default::default() };
        // Asynchronous in name only: it waits for nothing.
        let mut kubeconfig = self.kubeconfig.clone();
        for user in &mut kubeconfig.auth_infos {
            // A credential plugin must neither write over the console nor read its keys.
            if let Some(exec) = user.auth_info.as_mut().and_then(|info| info.exec.as_mut()) {
                exec.interactive_mode = Some(ExecInteractiveMode::Never);
            }
        }
        let mut settings = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .now_or_never()
            .ok_or_else(|| Failure::configuration(format!("the context `{context}` could not be read")))?
            .map_err(|error| wrong(&error))?;
        settings.connect_timeout = Some(CONNECT_TIMEOUT);
        // A mutation is sent once; watches have a backoff of their own.
        settings.default_retry = false;
        // The library takes HTTPS_PROXY for every cluster, and holds NO_PROXY against the proxy's own name.
        let named = self.named_proxy(context);
        settings.proxy_url = proxy::proxy(named, &Surroundings::read(), &settings.cluster_url)?;
        Ok(settings)
    }

    /// The proxy through which the kubeconfig itself sends this context.
    fn named_proxy(&self, context: &ContextName) -> Option<&str> {
        let context = self.kubeconfig.contexts.iter().find(|known| known.name == context.as_str())?;
        let cluster = &context.context.as_ref()?.cluster;
        let named = self.kubeconfig.clusters.iter().find(|known| known.name == *cluster)?;
        named.cluster.as_ref()?.proxy_url.as_deref().filter(|proxy| !proxy.is_empty())
    }

    /// The failure for a context that is not there.
    fn unknown(&self, context: &ContextName) -> Failure {
        let known = self.contexts();
        let failure = Failure::configuration(format!("there is no context `{context}` in {}", self.origin))
            .cause(if known.is_empty() {
                "it names no context at all".to_owned()
            } else {
                let names = known.iter().map(ContextName::as_str).collect::<Vec<_>>();
                format!("it knows {}", names.join(", "))
            });
        match text::nearest(context.as_str(), known.iter().map(ContextName::as_str)) {
            Some(near) => failure.hint(format!("write `context = \"{near}\"` in quarterdeck.toml")),
            None => failure.hint("correct `context` in quarterdeck.toml, or name another kubeconfig"),
        }
    }
}

/// Where kubectl looks.
fn usual() -> Vec<PathBuf> {
    match environment::var("KUBECONFIG") {
        Some(paths) => std::env::split_paths(&paths).collect(),
        None => {
            environment::var("HOME").map(|home| Path::new(&home).join(".kube/config")).into_iter().collect()
        }
    }
}

/// Makes sure that a kubeconfig can be read without waiting for it or filling the memory.
fn plain_enough(path: &Path) -> Result<(), Failure> {
    plain::check(path, LARGEST).map_err(|error| {
        absent(
            Failure::configuration(format!("the kubeconfig {} cannot be read", path.display()))
                .because(&error),
        )
    })
}

/// The failure for a kubeconfig that cannot be read.
fn unreadable(origin: &str, error: &KubeconfigError) -> Failure {
    match error {
        KubeconfigError::ReadConfig(source, path) => absent(
            Failure::configuration(format!("the kubeconfig {} cannot be read", path.display()))
                .because(source),
        ),
        KubeconfigError::FindPath => absent(Failure::configuration(
            "no kubeconfig was found: KUBECONFIG is not set, and there is no home directory",
        )),
        other => Failure::configuration(format!("the kubeconfig {origin} is not valid"))
            .because(other)
            .hint("check it with `kubectl config view`"),
    }
}

/// Adds how a kubeconfig is named.
fn absent(failure: Failure) -> Failure {
    failure.hint("name one with --kubeconfig FILE, or set KUBECONFIG, or put it at ~/.kube/config")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;

    const TWO: &str = "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {server: 'http://127.0.0.1:1'}\nusers:\n- {name: u, user: {token: t}}\ncontexts:\n- {name: demo-production, context: {cluster: c, user: u}}\n- {name: demo-staging, context: {cluster: c, user: u}}\n- {name: broken, context: {cluster: nowhere, user: u}}\n";

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn names_its_contexts_and_gives_their_settings() {
        let (_folder, path) = written(TWO);
        let connections = Connections::open(Some(&path)).unwrap();
        assert_eq!(connections.contexts(), ["demo-production", "demo-staging", "broken"]);
        let settings = connections.settings(&"demo-staging".into()).unwrap();
        assert_eq!(settings.cluster_url.to_string(), "http://127.0.0.1:1/");
        assert!(!settings.default_retry);
    }

    #[test]
    fn says_what_was_tried_what_is_wrong_and_what_to_do() {
        let (_folder, path) = written(TWO);
        let connections = Connections::open(Some(&path)).unwrap();
        let unknown = connections.settings(&"demo-prodution".into()).unwrap_err();
        assert!(unknown.render().contains("it knows demo-production, demo-staging"), "{}", unknown.render());
        assert!(unknown.hints[0].contains("demo-production"));
        let broken = connections.settings(&"broken".into()).unwrap_err();
        assert!(broken.render().contains("nowhere"), "{}", broken.render());

        let gone = Connections::open(Some(&path.with_file_name("absent"))).unwrap_err();
        assert_eq!(gone.kind, FailureKind::Configuration);
        assert!(gone.message.contains("absent") && gone.hints[0].contains("KUBECONFIG"), "{}", gone.render());
        assert!(Connections::load(&[]).is_err());

        let (_folder, bad) = written("contexts: [unclosed");
        assert!(Connections::open(Some(&bad)).unwrap_err().message.contains("is not valid"));
    }

    #[test]
    fn outside_of_a_pod_the_own_cluster_is_refused_with_the_reason() {
        let refused = Connections::in_cluster().unwrap_err();
        assert_eq!(refused.kind, FailureKind::Configuration);
        assert!(refused.hints[0].contains("service account"), "{}", refused.render());
    }
}
