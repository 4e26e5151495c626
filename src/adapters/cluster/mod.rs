//! Kubernetes clusters through the `kube` client: watching them, and rolling services back.

mod access;
mod argocd;
mod connections;
mod failures;
mod lease;
mod objects;
mod release;
pub mod rights;
mod undo;
mod watch;

pub use connections::Connections;
pub use lease::KubeLease;

use crate::{
    domain::{
        catalog::{ManagedBy, Target},
        deployment::{
            RollbackRoute, RolloutStatus,
            release::{Release, ReleaseRoute, ReleaseStep, Strategy},
        },
        name::ContextName,
    },
    error::Failure,
    ports::{Answer, Cluster, Clusters, PublishCluster},
};
use futures::{FutureExt, future::BoxFuture};
use kube::{
    Client,
    core::{ApiResource, DynamicObject, Request, Resource as _, request},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::OnceCell;

/// How long one call may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Who changes objects, as the API server records it.
const FIELD_MANAGER: &str = "quarterdeck";

/// One cluster of a kubeconfig.
pub struct KubeCluster {
    context: ContextName,
    settings: kube::Config,
    client: OnceCell<Client>,
    pace: watch::Pace,
}

impl KubeCluster {
    /// The cluster of a context in the kubeconfig at `kubeconfig` (without one: where kubectl looks).
    /// It reads files only; what is wrong with the cluster itself shows with each call.
    ///
    /// # Errors
    /// Configuration: the kubeconfig is absent or invalid, or does not know the context.
    pub fn connect(kubeconfig: Option<&Path>, context: &ContextName) -> Result<Self, Failure> {
        Self::of(&Connections::open(kubeconfig)?, context)
    }

    /// The cluster of a context in a kubeconfig that was read already.
    ///
    /// # Errors
    /// Configuration: the kubeconfig does not know the context, or its entry cannot be used.
    pub fn of(connections: &Connections, context: &ContextName) -> Result<Self, Failure> {
        Ok(Self {
            context: context.clone(),
            settings: connections.settings(context)?,
            client: OnceCell::new(),
            pace: watch::Pace::default(),
        })
    }

    /// The client, made with the first call: a credential plugin may take seconds, and runs aside.
    pub(super) async fn client(&self) -> Result<Client, Failure> {
        let made = self.client.get_or_try_init(|| async {
            let settings = self.settings.clone();
            let attempt = "open a connection";
            tokio::task::spawn_blocking(move || Client::try_from(settings))
                .await
                .map_err(|error| Failure::unreachable(format!("could not {attempt}")).because(&error))?
                .map_err(|error| failures::failure(&self.context, attempt, &error))
        });
        // A credential plugin that waits for somebody must not keep the cluster at "loading".
        match tokio::time::timeout(DEADLINE, made).await {
            Ok(made) => made.cloned(),
            Err(_) => Err(Failure::unreachable(format!(
                "{}: the credentials were not there after {} seconds",
                self.context,
                DEADLINE.as_secs()
            ))
            .hint("run the credential plugin of the kubeconfig by hand, and log in")),
        }
    }

    /// Sends one request, once, and reads the answer.
    async fn send<T: DeserializeOwned>(
        &self,
        attempt: &str,
        request: Result<http::Request<Vec<u8>>, request::Error>,
    ) -> Result<T, Failure> {
        self.send_raw(request).await.map_err(|problem| problem.into_failure(&self.context, attempt))
    }

    /// Like `send`, with the client's own error.
    async fn send_raw<T: DeserializeOwned>(
        &self,
        request: Result<http::Request<Vec<u8>>, request::Error>,
    ) -> Result<T, Problem> {
        let request = request.map_err(|error| Problem::Client(kube::Error::BuildRequest(error)))?;
        let call = async {
            let client = self.client().await.map_err(Problem::Failure)?;
            client.request(request).await.map_err(Problem::Client)
        };
        tokio::time::timeout(DEADLINE, call).await.unwrap_or(Err(Problem::Late))
    }

    /// Reads one object as JSON.
    async fn get(&self, resource: &ApiResource, namespace: &str, name: &str) -> Result<Value, Failure> {
        let attempt = format!("read {} {namespace}/{name}", resource.kind);
        let request = path(resource, namespace)?.get(name, &kube::api::GetParams::default());
        self.send(&attempt, request).await
    }

    /// Refuses what this manager cannot do yet.
    fn unsupported(&self, target: &Target) -> Failure {
        let Target { namespace, workload, .. } = target;
        let failure = Failure::refused(format!(
            "{} is managed by {}, whose rollback is not built yet",
            target.service,
            target.managed_by.as_str()
        ));
        match target.managed_by {
            ManagedBy::ArgoRollouts => failure.hint(format!(
                "by hand: kubectl argo rollouts undo {workload} -n {namespace} --context {}",
                self.context
            )),
            ManagedBy::Flux => failure.hint(
                "go back through Git: revert the commit that brought the version; Flux would put back anything else",
            ),
            _ => failure.hint("by hand: deploy the previous image with docker compose"),
        }
    }
}

/// The request builder of a kind in a namespace.
fn path(resource: &ApiResource, namespace: &str) -> Result<Request, Failure> {
    // The name becomes a part of a URL: what no namespace can be called must not get there.
    let valid = !namespace.is_empty()
        && namespace.len() <= 63
        && namespace.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !valid {
        return Err(Failure::configuration(format!("`{namespace}` cannot be a namespace"))
            .hint("correct the namespace in quarterdeck.toml or the project's deployment.toml"));
    }
    Ok(Request::new(DynamicObject::url_path(resource, Some(namespace))))
}

/// What came of a request that did not succeed.
enum Problem {
    /// The client's own error.
    Client(kube::Error),
    /// A failure made before the request was sent.
    Failure(Failure),
    /// It took too long.
    Late,
}

impl Problem {
    fn into_failure(self, context: &ContextName, attempt: &str) -> Failure {
        match self {
            Self::Client(error) => failures::failure(context, attempt, &error),
            Self::Failure(failure) => failure,
            Self::Late => failures::late(context, attempt, DEADLINE.as_secs()),
        }
    }

    /// The API server's status code, if it answered.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Client(kube::Error::Api(status)) => Some(status.code),
            _ => None,
        }
    }
}

impl Cluster for KubeCluster {
    fn context(&self) -> &ContextName {
        &self.context
    }

    fn watch(&self, publish: PublishCluster) -> BoxFuture<'_, ()> {
        watch::watch(self, publish).boxed()
    }

    fn plan_rollback(&self, target: &Target) -> Answer<'_, RollbackRoute> {
        let target = target.clone();
        async move {
            match target.managed_by {
                ManagedBy::Deployment => undo::plan(self, &target).await,
                ManagedBy::ArgoCd => argocd::plan(self, &target).await,
                _ => Err(self.unsupported(&target)),
            }
        }
        .boxed()
    }

    fn start_rollback(&self, target: &Target, route: &RollbackRoute) -> Answer<'_, ()> {
        let (target, route) = (target.clone(), route.clone());
        async move {
            match &route {
                RollbackRoute::Undo { .. } => undo::start(self, &target, &route).await,
                RollbackRoute::History { .. } => argocd::start(self, &target, &route).await,
            }
        }
        .boxed()
    }

    fn rollback_status(&self, target: &Target, route: &RollbackRoute) -> Answer<'_, RolloutStatus> {
        let (target, route) = (target.clone(), route.clone());
        async move {
            match &route {
                RollbackRoute::Undo { to_version, .. } => undo::status(self, &target, to_version).await,
                RollbackRoute::History { to_version, .. } => argocd::status(self, &target, to_version).await,
            }
        }
        .boxed()
    }

    fn plan_release(
        &self,
        target: &Target,
        release: &Release,
        strategy: &Strategy,
    ) -> Answer<'_, ReleaseRoute> {
        let (target, release, strategy) = (target.clone(), release.clone(), strategy.clone());
        async move { release::plan(self, &target, &release, &strategy).await }.boxed()
    }

    fn release_step(&self, target: &Target, route: &ReleaseRoute, step: ReleaseStep) -> Answer<'_, ()> {
        let (target, route) = (target.clone(), route.clone());
        async move { release::step(self, &target, &route, step).await }.boxed()
    }

    fn release_status(
        &self,
        target: &Target,
        route: &ReleaseRoute,
        step: ReleaseStep,
    ) -> Answer<'_, RolloutStatus> {
        let (target, route) = (target.clone(), route.clone());
        async move { release::status(self, &target, &route, step).await }.boxed()
    }
}

/// The clusters of a kubeconfig. It is read when a cluster is first asked for, so that a console opens
/// without one.
pub struct KubeClusters {
    kubeconfig: Option<PathBuf>,
}

impl KubeClusters {
    /// The clusters of the kubeconfig at a path, or without one of those that kubectl would read.
    pub fn new(kubeconfig: Option<PathBuf>) -> Self {
        Self { kubeconfig }
    }
}

impl Clusters for KubeClusters {
    fn connect(&self, context: &ContextName) -> Result<Arc<dyn Cluster>, Failure> {
        Ok(Arc::new(KubeCluster::connect(self.kubeconfig.as_deref(), context)?))
    }
}
