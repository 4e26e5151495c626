//! Kubernetes clusters through the `kube` client: watching them, and rolling services back.

mod access;
mod argocd;
mod connections;
mod failures;
mod flux;
mod inspect;
mod job;
mod lease;
mod object;
mod objects;
mod proxy;
mod release;
pub mod rights;
mod rollout;
mod template;
mod transport;
mod undo;
mod verbs;
mod watch;

pub use connections::Connections;
pub use lease::KubeLease;

use crate::{
    adapters::{clock::SystemClock, compose::Compose},
    domain::{
        catalog::{ManagedBy, Target},
        deployment::{
            RollbackRoute, RolloutStatus,
            inspect::{LogRequest, Occurrence, Pod},
            job::{JobDraft, JobMark, JobState},
            release::{Release, ReleaseRoute, ReleaseStep, Strategy},
            verb::{Verb, VerbRoute},
        },
        name::ContextName,
        text,
    },
    error::Failure,
    ports::{Answer, Clock as _, Cluster, Clusters, LogLines, PublishCluster},
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
use tokio::{
    sync::{Mutex, OnceCell},
    task::JoinHandle,
};

/// How long one call may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Who changes objects, as the API server records it.
const FIELD_MANAGER: &str = "quarterdeck";

/// One cluster of a kubeconfig.
pub struct KubeCluster {
    context: ContextName,
    settings: kube::Config,
    client: OnceCell<Client>,
    /// The client while it is being made: a credential plugin that hangs is waited for again, not started again.
    opening: Mutex<Option<JoinHandle<Result<Client, kube::Error>>>>,
    deadline: Duration,
    pace: watch::Pace,
}

impl KubeCluster {
    /// The cluster of a context in the kubeconfig at `kubeconfig` (without one: where kubectl looks); the context
    /// `in-cluster` is the one that this process runs in.
    /// It reads files only; what is wrong with the cluster itself shows with each call.
    ///
    /// # Errors
    /// Configuration: the kubeconfig is absent or invalid, or does not know the context.
    pub fn connect(kubeconfig: Option<&Path>, context: &ContextName) -> Result<Self, Failure> {
        if context.as_str() == connections::IN_CLUSTER {
            return Ok(Self::with(context, Connections::in_cluster()?));
        }
        Self::of(&Connections::open(kubeconfig)?, context)
    }

    /// The cluster of a context in a kubeconfig that was read already.
    ///
    /// # Errors
    /// Configuration: the kubeconfig does not know the context, or its entry cannot be used.
    pub fn of(connections: &Connections, context: &ContextName) -> Result<Self, Failure> {
        Ok(Self::with(context, connections.settings(context)?))
    }

    fn with(context: &ContextName, settings: kube::Config) -> Self {
        Self {
            context: context.clone(),
            settings,
            client: OnceCell::new(),
            opening: Mutex::default(),
            deadline: DEADLINE,
            pace: watch::Pace::default(),
        }
    }

    /// The same cluster where one call may take so long, instead of ten seconds.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The same cluster where a quiet watch is begun anew after so many seconds, instead of 45.
    #[must_use]
    pub fn with_turn(self, seconds: u32) -> Self {
        Self { pace: watch::Pace { turn: seconds, ..self.pace }, ..self }
    }

    /// The client, made with the first call: a credential plugin may take seconds, and runs aside.
    pub(super) async fn client(&self) -> Result<Client, Failure> {
        // A credential plugin that waits for somebody must not keep the cluster at "loading".
        let made = self.client.get_or_try_init(|| self.open());
        match tokio::time::timeout(self.deadline, made).await {
            Ok(made) => made.cloned(),
            Err(_) => Err(failures::no_credentials(&self.context, self.deadline)),
        }
    }

    async fn open(&self) -> Result<Client, Failure> {
        let attempt = "open a connection";
        let mut opening = self.opening.lock().await;
        let running = opening.get_or_insert_with(|| {
            let (settings, deadline) = (self.settings.clone(), self.deadline);
            tokio::task::spawn_blocking(move || transport::client(settings, deadline))
        });
        let made = running.await;
        *opening = None;
        made.map_err(|error| Failure::unreachable(format!("could not {attempt}")).because(&error))?
            .map_err(|error| failures::failure(&self.context, attempt, &error))
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
        tokio::time::timeout(self.deadline, call).await.unwrap_or(Err(Problem::Late(self.deadline)))
    }

    /// Reads one object as JSON.
    async fn get(&self, resource: &ApiResource, namespace: &str, name: &str) -> Result<Value, Failure> {
        let attempt = format!("read {} {namespace}/{name}", resource.kind);
        let request = path(resource, namespace)?.get(object_name(name)?, &kube::api::GetParams::default());
        self.send(&attempt, request).await
    }
}

/// Now, as a mark by which what was asked for is found again.
fn mark() -> String {
    SystemClock.now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
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

/// The name of an object, where it can be one: it becomes a part of a URL, and must not lead elsewhere.
fn object_name(name: &str) -> Result<&str, Failure> {
    let inside =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b':');
    let valid = !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(inside)
        && name.split('.').all(|part| !part.is_empty());
    if valid {
        return Ok(name);
    }
    Err(Failure::configuration(format!("`{}` cannot be the name of an object", text::clean(name)))
        .hint("correct the name of the workload or the application in the control repository"))
}

/// What came of a request that did not succeed.
enum Problem {
    /// The client's own error.
    Client(kube::Error),
    /// A failure made before the request was sent.
    Failure(Failure),
    /// It took longer than this.
    Late(Duration),
}

impl Problem {
    fn into_failure(self, context: &ContextName, attempt: &str) -> Failure {
        match self {
            Self::Client(error) => failures::failure(context, attempt, &error),
            Self::Failure(failure) => failure,
            Self::Late(limit) => failures::late(context, attempt, limit),
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

    fn plan_rollback(&self, target: &Target, to: Option<&str>) -> Answer<'_, RollbackRoute> {
        let (target, to) = (target.clone(), to.map(str::to_owned));
        async move {
            match target.managed_by {
                ManagedBy::Deployment | ManagedBy::Flux => undo::plan(self, &target, to.as_deref()).await,
                ManagedBy::ArgoCd => argocd::plan(self, &target, to.as_deref()).await,
                ManagedBy::ArgoRollouts => rollout::plan(self, &target, to.as_deref()).await,
                ManagedBy::Compose => Err(Failure::refused(format!(
                    "{} runs with Docker Compose, which keeps no earlier version to go back to",
                    target.service
                ))
                .hint("by hand: write the previous image into the compose file, and `docker compose up`")),
            }
        }
        .boxed()
    }

    fn start_rollback(&self, target: &Target, route: &RollbackRoute) -> Answer<'_, ()> {
        let (target, route) = (target.clone(), route.clone());
        async move {
            match &route {
                RollbackRoute::Undo { .. } => undo::start(self, &target, &route).await,
                RollbackRoute::Rollout { .. } => rollout::start(self, &target, &route).await,
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
                RollbackRoute::Rollout { to_version, .. } => rollout::status(self, &target, to_version).await,
                RollbackRoute::History { to_version, .. } => argocd::status(self, &target, to_version).await,
            }
        }
        .boxed()
    }

    fn pods(&self, target: &Target) -> Answer<'_, Vec<Pod>> {
        let target = target.clone();
        async move { inspect::pods(self, &target).await }.boxed()
    }

    fn events(&self, target: &Target) -> Answer<'_, Vec<Occurrence>> {
        let target = target.clone();
        async move { inspect::events(self, &target).await }.boxed()
    }

    fn logs(&self, target: &Target, request: &LogRequest) -> Answer<'_, LogLines> {
        let (target, request) = (target.clone(), request.clone());
        async move { inspect::logs(self, &target, &request).await }.boxed()
    }

    fn plan_verb(&self, target: &Target, verb: Verb, replicas: Option<u32>) -> Answer<'_, VerbRoute> {
        let target = target.clone();
        async move { verbs::plan(self, &target, verb, replicas).await }.boxed()
    }

    fn act(&self, target: &Target, route: &VerbRoute) -> Answer<'_, ()> {
        let (target, route) = (target.clone(), route.clone());
        async move { verbs::act(self, &target, &route).await }.boxed()
    }

    fn verb_status(&self, target: &Target, route: &VerbRoute) -> Answer<'_, RolloutStatus> {
        let (target, route) = (target.clone(), route.clone());
        async move { verbs::status(self, &target, &route).await }.boxed()
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

    fn find_job(&self, target: &Target, mark: &JobMark) -> Answer<'_, Option<JobState>> {
        let (target, mark) = (target.clone(), mark.clone());
        async move { job::find(self, &target, &mark).await }.boxed()
    }

    fn start_job(&self, target: &Target, job: &JobDraft) -> Answer<'_, ()> {
        let (target, job) = (target.clone(), job.clone());
        async move { job::start(self, &target, &job).await }.boxed()
    }

    fn job_log(&self, target: &Target, mark: &JobMark) -> Answer<'_, String> {
        let (target, mark) = (target.clone(), mark.clone());
        async move { job::log(self, &target, &mark).await }.boxed()
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

/// The clusters of a kubeconfig, and the compose files that a context may name instead. It is read when a cluster is first asked for, so that a console opens
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
        if let Some(compose) = Compose::of(context) {
            return Ok(Arc::new(compose));
        }
        Ok(Arc::new(KubeCluster::connect(self.kubeconfig.as_deref(), context)?))
    }
}

/// Where a service is meant to run, as tests need it.
#[cfg(test)]
fn target() -> Target {
    Target {
        service: "cart".into(),
        environment: "staging".into(),
        context: "demo".into(),
        namespace: "shop".to_owned(),
        workload: "cart".to_owned(),
        managed_by: ManagedBy::Deployment,
        application: None,
        production: false,
    }
}
