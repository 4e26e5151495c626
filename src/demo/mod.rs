//! The simulated platform: the protocols of a real one, in this process, on loopback.

pub mod alertmanager;
pub mod clock;
pub mod colleagues;
pub mod estate;
pub mod forge;
pub mod integration;
pub mod kubeconfig;
pub mod kubernetes;
pub mod manifests;
pub mod metrics;
pub mod noise;
mod past;
pub mod people;
pub mod registry;
pub mod repository;
pub mod scenario;
pub mod sinks;
pub mod story;
pub mod traffic;

pub use estate::{Environment, Quality};
pub use kubernetes::{SimulatedCluster, faults::Faults};
pub use scenario::Scenario;

use crate::error::Failure;
use alertmanager::Alertmanager;
use axum::Router;
use chrono::{DateTime, Utc};
use clock::Time;
use kubernetes::ClusterOptions;
use repository::{Addresses, Repositories};
use sinks::Sinks;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use traffic::Traffic;

/// How fast things happen in the simulated clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two steps of a rollout (a pod created, ready, ended) or of a sync.
    pub rollout_step: Duration,
    /// How long Flux leaves a drifted workload before it puts it back.
    pub reconcile_interval: Duration,
    /// After how long without progress a rollout counts as stuck.
    pub progress_deadline: Duration,
}

impl Default for Pace {
    /// A rollout of three pods takes between two and three seconds.
    fn default() -> Self {
        Self {
            rollout_step: Duration::from_millis(450),
            reconcile_interval: Duration::from_secs(30),
            progress_deadline: Duration::from_secs(20),
        }
    }
}

impl Pace {
    /// As fast as is still in steps, for tests.
    pub fn fast() -> Self {
        Self {
            rollout_step: Duration::from_millis(10),
            reconcile_interval: Duration::from_millis(50),
            progress_deadline: Duration::from_millis(150),
        }
    }
}

/// What a platform is made from.
#[derive(Debug, Clone)]
pub struct PlatformOptions {
    /// The same seed gives the same platform.
    pub seed: u64,
    /// The story it tells.
    pub scenario: Scenario,
    /// The time at its start; history is dated back from here.
    pub now: DateTime<Utc>,
    /// How fast things happen in it.
    pub pace: Pace,
    /// Whether it was lived in: its ledger tells of thirty days of deployments and of the open incidents, and its
    /// settings of an agent. Without, the ledger is empty.
    pub past: bool,
}

/// The simulated platform: clusters, metrics, Alertmanager, a forge, receivers and the control repository.
///
/// Dropping it ends its servers and removes its files.
#[derive(Debug)]
pub struct Platform {
    staging: SimulatedCluster,
    production: SimulatedCluster,
    sinks: Arc<Sinks>,
    forge: Arc<forge::Forge>,
    images: Arc<registry::Images>,
    addresses: Addresses,
    repositories: Repositories,
    kubeconfig: PathBuf,
    directory: TempDir,
    tasks: Vec<JoinHandle<()>>,
    /// Others find the demo by it.
    _running: std::fs::File,
}

impl Platform {
    /// Starts everything. Needs `git` on the PATH, a temporary directory and a Tokio runtime with
    /// time and I/O.
    pub async fn start(options: PlatformOptions) -> Result<Self, Failure> {
        let PlatformOptions { seed, scenario, now, pace, .. } = options;
        let directory = tempfile::Builder::new().prefix(people::PREFIX).tempdir().map_err(|error| {
            Failure::failed("could not make a temporary directory for the demo").because(&error)
        })?;
        let time = Time::starting_at(now);
        let traffic: BTreeMap<Environment, Arc<Traffic>> = Environment::ALL
            .into_iter()
            .map(|place| (place, Arc::new(Traffic::new(place, scenario, time, seed))))
            .collect();
        let sinks = Arc::new(Sinks::new(time));
        let mut tasks = Vec::new();
        let metrics = metrics::Metrics { traffic: traffic.clone(), time, seed };
        let alertmanager = Arc::new(Alertmanager::new(traffic.clone(), time));
        let token = format!("demo-{:016x}", noise::hash(seed, &["forge"]));
        let token_file = directory.path().join("forge-token");
        std::fs::write(&token_file, &token)
            .map_err(|error| Failure::failed("could not write the demo's token").because(&error))?;
        let forge = Arc::new(forge::Forge::new(repository::remote(directory.path()), token, time));
        let images = Arc::new(registry::Images::default());
        let addresses = Addresses {
            metrics: serve(metrics::router(metrics), &mut tasks).await?,
            alertmanager: serve(alertmanager::router(alertmanager), &mut tasks).await?,
            forge: serve(forge::router(Arc::clone(&forge)), &mut tasks).await?,
            token: token_file.display().to_string(),
            sinks: serve(sinks::router(Arc::clone(&sinks)), &mut tasks).await?,
            registry: serve(registry::router(Arc::clone(&images)), &mut tasks).await?,
        };
        let start = |environment: Environment| {
            let seed = noise::hash(seed, &[environment.name()]);
            let cluster = ClusterOptions { environment, scenario, time, pace, seed };
            SimulatedCluster::start(cluster, Arc::clone(&traffic[&environment]))
        };
        let (repositories, staging, production) = tokio::try_join!(
            repository::create(directory.path(), &options, &addresses),
            start(Environment::Staging),
            start(Environment::Production),
        )?;
        let manifests = [&staging, &production].map(|cluster| Arc::clone(cluster.manifests()));
        let interval = pace.rollout_step.max(Duration::from_millis(50));
        tasks.push(tokio::spawn(integration::run(repositories.remote.clone(), manifests.into(), interval)));
        let kubeconfig = directory.path().join(people::KUBECONFIG);
        kubeconfig::write(&kubeconfig, [&staging, &production])?;
        let running = people::mark_running(directory.path())
            .map_err(|error| Failure::failed("could not mark the demo as running").because(&error))?;
        Ok(Self {
            staging,
            production,
            sinks,
            forge,
            images,
            addresses,
            repositories,
            kubeconfig,
            directory,
            tasks,
            _running: running,
        })
    }

    /// The directory that everything is in; it is removed with the platform.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The operator's clone of the control repository.
    pub fn repository(&self) -> &Path {
        &self.repositories.working
    }

    /// The bare remote of the control repository.
    pub fn remote(&self) -> &Path {
        &self.repositories.remote
    }

    /// The environment in which git commits and signs as a person of the demo.
    pub fn environment(&self, name: &str, email: &str) -> Vec<(String, String)> {
        self.repositories.environment(name, email)
    }

    /// Whether what happens is signed; it is not where `ssh-keygen` is missing.
    pub fn is_signing(&self) -> bool {
        self.repositories.signing
    }

    /// The kubeconfig with the contexts `demo-staging` and `demo-production`.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The cluster of an environment.
    pub fn cluster(&self, environment: Environment) -> &SimulatedCluster {
        match environment {
            Environment::Staging => &self.staging,
            Environment::Production => &self.production,
        }
    }

    /// The receivers of notifications, and what they got.
    pub fn sinks(&self) -> &Sinks {
        &self.sinks
    }

    /// Where the receivers are: below it `/services/…` (Slack), `/v2/…` (PagerDuty), `/webhook`.
    pub fn sinks_url(&self) -> &str {
        &self.addresses.sinks
    }

    /// The registry of images.
    pub fn images(&self) -> &registry::Images {
        &self.images
    }

    /// The forge, and what was posted to it.
    pub fn forge(&self) -> &forge::Forge {
        &self.forge
    }

    /// Where the forge's API is.
    pub fn forge_url(&self) -> &str {
        &self.addresses.forge
    }

    /// Where the metrics are: below it `/{environment}/{service}/metrics`.
    pub fn metrics_url(&self) -> &str {
        &self.addresses.metrics
    }

    /// Where Alertmanager is: below it `/api/v2`.
    pub fn alertmanager_url(&self) -> &str {
        &self.addresses.alertmanager
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Serves `router` on a port of its own, and tells its base address.
async fn serve(router: Router, tasks: &mut Vec<JoinHandle<()>>) -> Result<String, Failure> {
    let listener = listen().await?;
    let address = address(&listener)?;
    tasks.push(tokio::spawn(async move {
        // It ends only with its task.
        let _ = axum::serve(listener, router).await;
    }));
    Ok(format!("http://{address}"))
}

/// A listener on a loopback port of the system's choice.
async fn listen() -> Result<TcpListener, Failure> {
    TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| {
        Failure::failed("could not open a port on 127.0.0.1 for the simulated platform").because(&error)
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|error| Failure::failed("could not read the port of the simulated platform").because(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::{
        Api, Client, Config,
        api::{ListParams, Patch, PatchParams},
        config::{KubeConfigOptions, Kubeconfig},
    };
    use kubernetes::resources::Resource;

    async fn platform(scenario: Scenario) -> Platform {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let now = DateTime::from_timestamp(1_790_000_000, 0).expect("a date");
        let options = PlatformOptions { seed: 1, scenario, now, pace: Pace::fast(), past: false };
        Platform::start(options).await.expect("starts")
    }

    async fn client(platform: &Platform, context: &str) -> Client {
        let file = Kubeconfig::read_from(platform.kubeconfig()).expect("readable");
        let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
        let mut config = Config::from_custom_kubeconfig(file, &options).await.expect("a configuration");
        config.proxy_url = None;
        Client::try_from(config).expect("a client")
    }

    #[tokio::test]
    async fn the_kubeconfig_and_the_repository_lead_to_what_runs() {
        let platform = platform(Scenario::BadRelease).await;
        let settings =
            std::fs::read_to_string(platform.repository().join("quarterdeck.toml")).expect("there");
        let settings: toml::Table = settings.parse().expect("TOML");
        for environment in Environment::ALL {
            let context = settings["environment"][environment.name()]["context"].as_str().expect("a context");
            let client = client(&platform, context).await;
            let deployments: Api<k8s_openapi::api::apps::v1::Deployment> = Api::all(client);
            assert!(deployments.list(&ListParams::default()).await.expect("lists").items.len() > 20);
        }
        let web = reqwest::Client::builder().no_proxy().build().expect("a client");
        let url = settings["metrics"]["scrape"]["url"].as_str().expect("an address");
        let url = url.replace("{environment}", "production").replace("{service}", "cart");
        let text = web.get(url).send().await.expect("answers").text().await.expect("text");
        assert!(
            text.contains(
                "http_requests_total{service=\"cart\",environment=\"production\",version=\"1.8.1\""
            )
        );
        let url = format!("{}/api/v2/alerts", settings["alertmanager"]["url"].as_str().expect("an address"));
        let alerts: serde_json::Value =
            web.get(url).send().await.expect("answers").json().await.expect("JSON");
        assert_eq!(alerts.as_array().map(Vec::len), Some(3));
    }

    #[tokio::test]
    async fn a_rollback_through_the_api_ends_the_alert() {
        let platform = platform(Scenario::BadRelease).await;
        let client = client(&platform, "demo-production").await;
        let deployments: Api<k8s_openapi::api::apps::v1::Deployment> = Api::namespaced(client, "shared");
        let template = manifests::template(estate::Service::find("shared-auth").expect("known"), "1.2.3");
        let patch = Patch::Merge(serde_json::json!({ "spec": { "template": template } }));
        let cluster = platform.cluster(Environment::Production);
        let mut changed = cluster.store().subscribe();
        deployments.patch("shared-auth", &PatchParams::default(), &patch).await.expect("patched");
        let web = reqwest::Client::builder().no_proxy().build().expect("a client");
        let ended = async {
            loop {
                changed.borrow_and_update();
                let url = format!("{}/api/v2/alerts", platform.alertmanager_url());
                let alerts = web.get(url).send().await.expect("answers").text().await.expect("text");
                if !alerts.contains("shared-auth") {
                    return;
                }
                // The last change of a rollout is told before the traffic follows it.
                let _ = tokio::time::timeout(Duration::from_millis(50), changed.changed()).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ended).await.expect("in time");
        assert!(cluster.object(Resource::Deployments, "shared", "shared-auth").is_some());
    }

    #[tokio::test]
    async fn nothing_is_left_when_it_is_dropped() {
        let platform = platform(Scenario::Calm).await;
        let (directory, url) =
            (platform.directory().to_owned(), platform.cluster(Environment::Staging).url());
        drop(platform);
        assert!(!directory.exists());
        let web = reqwest::Client::builder().no_proxy().build().expect("a client");
        assert!(web.get(format!("{url}/version")).send().await.is_err());
    }
}
