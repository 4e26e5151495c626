//! What the engine asks of the outside, in domain types. Adapters implement these; tests may too.

use crate::{
    domain::{
        alert::Alert,
        catalog::{Catalog, ScrapeSettings, Target},
        change::{Identity, Proposal},
        deployment::{ClusterView, RollbackRoute, RolloutStatus},
        ledger::{Entry, Happening, Operations},
        name::{CommitId, ContextName},
        sla::{Endpoint, Sample},
    },
    error::Failure,
};
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use std::sync::Arc;

/// What an asynchronous port call gives.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Failure>>;

/// Time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// Which state of the control repository is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// The files as they lie in the working tree.
    WorkingTree,
    /// A branch as the remote has it (`main`, say); the local one where there is no remote.
    Branch(String),
    /// Any Git revision expression (`HEAD`, `main`, a branch, a commit).
    Named(String),
}

/// A cheap sign of whether anything in the repository may have changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Digest over path, size and modification time of the control files.
    pub working_tree: u64,
    /// Digest over the refs that matter (main, changes, ledger; local and remote-tracking).
    pub references: u64,
}

/// The control repository.
pub trait ControlRepository: Send + Sync {
    /// Reads the catalog at a revision. Whatever is wrong in its files becomes a finding; it fails only
    /// when there is no repository or no such revision.
    fn load(&self, revision: &Revision) -> Answer<'_, Arc<Catalog>>;
    /// Resolves a revision to its commit.
    fn resolve(&self, revision: &str) -> Answer<'_, CommitId>;
    /// Open proposals, by the branch pattern of the settings, on the remote (or local when there is none).
    fn proposals(&self, catalog: &Catalog) -> Answer<'_, Vec<Proposal>>;
    /// Whether anything changed since last time, without reading it.
    fn fingerprint(&self) -> Answer<'_, Fingerprint>;
    /// Updates the remote-tracking refs.
    fn fetch(&self) -> Answer<'_, ()>;
    /// Who would author a commit here.
    fn operator(&self) -> Answer<'_, Identity>;
}

/// The state of the ledger.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LedgerState {
    /// Its newest commit; `None` while it is empty.
    pub tip: Option<CommitId>,
    /// What folding all events gave.
    pub operations: Arc<Operations>,
    /// How many events are not on the remote yet.
    pub unsynced: usize,
}

/// What an append gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The event's commit.
    pub commit: CommitId,
    /// What was written, with the ids that the fold gave out.
    pub happening: Happening,
    /// Whether the remote has it.
    pub synced: bool,
    /// Why not, if it has not.
    pub unsynced_because: Option<Failure>,
}

/// Makes the event from the state at the tip, or refuses. Called again after every lost race.
pub type Draft = Box<dyn Fn(&Operations) -> Result<Happening, Failure> + Send + Sync>;

/// The append-only ledger.
pub trait Ledger: Send + Sync {
    /// Folds the ledger as it is known here (no network).
    fn state(&self) -> Answer<'_, LedgerState>;
    /// All entries, oldest first.
    fn entries(&self) -> Answer<'_, Vec<Entry>>;
    /// Appends by compare-and-swap and pushes; when the remote cannot be reached the event waits locally.
    fn append(&self, at: DateTime<Utc>, draft: Draft) -> Answer<'_, Receipt>;
    /// Fetches, replays waiting events on top, pushes.
    fn sync(&self) -> Answer<'_, LedgerState>;
}

/// Where a cluster's watcher puts what it sees; the newest value wins. A failure says why it sees
/// nothing new; watching goes on.
pub type PublishCluster = Arc<dyn Fn(Result<ClusterView, Failure>) + Send + Sync>;

/// One cluster.
pub trait Cluster: Send + Sync {
    /// Its context.
    fn context(&self) -> &ContextName;
    /// Watches workloads and applications until dropped, reconnecting by itself.
    fn watch(&self, publish: PublishCluster) -> BoxFuture<'_, ()>;
    /// Finds the way back of a service, and what stands against it. Changes nothing.
    fn plan_rollback(&self, target: &Target) -> Answer<'_, RollbackRoute>;
    /// Starts it. Sends each mutation once; a conflict is a `Conflict` failure.
    fn start_rollback(&self, target: &Target, route: &RollbackRoute) -> Answer<'_, ()>;
    /// How far it is.
    fn rollback_status(&self, target: &Target, route: &RollbackRoute) -> Answer<'_, RolloutStatus>;
}

/// Direct scrapes of `/metrics`.
pub trait Scraper: Send + Sync {
    /// Scrapes one endpoint; `namespace` fills the URL's `{namespace}`.
    fn scrape(&self, settings: &ScrapeSettings, endpoint: &Endpoint, namespace: &str) -> Answer<'_, Sample>;
}

/// Alertmanager.
pub trait AlertSource: Send + Sync {
    /// The alerts that are firing or silenced.
    fn alerts(&self, base_url: &str) -> Answer<'_, Vec<Alert>>;
}

/// The clusters that can be reached.
pub trait Clusters: Send + Sync {
    /// The cluster of a context. Does not touch the network; fails when the kubeconfig does not know it.
    fn connect(&self, context: &ContextName) -> Result<Arc<dyn Cluster>, Failure>;
}

/// Everything outside, as the program was given it.
#[derive(Clone)]
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The control repository.
    pub repository: Arc<dyn ControlRepository>,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// Clusters by context.
    pub clusters: Arc<dyn Clusters>,
    /// Scrapes.
    pub scraper: Arc<dyn Scraper>,
    /// Alertmanager.
    pub alerts: Arc<dyn AlertSource>,
}
