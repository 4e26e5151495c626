//! What runs: workloads, their revisions, and the routes by which one goes back.

pub mod analysis;
#[cfg(test)]
pub mod fixture;
pub mod gate;
pub mod glass;
pub mod inspect;
pub mod job;
pub mod machine;
pub mod order;
pub mod parameters;
pub mod precheck;
pub mod proof;
pub mod record;
pub mod recovery;
pub mod release;
pub mod request;
pub mod statistics;
pub mod timeline;
pub mod verb;
pub mod work;

use super::{
    catalog::{ManagedBy, Target},
    name::ContextName,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// How a workload is doing, from its own status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// All pods of the wanted revision are ready.
    Healthy,
    /// On its way.
    Progressing(String),
    /// It will not get there by itself.
    Degraded(String),
    /// Somebody paused it.
    Paused,
    /// Its status does not tell.
    Unknown,
}

/// A Deployment or Rollout as the cluster reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Deployment or Rollout.
    pub managed_by: ManagedBy,
    /// From the pod template: label `app.kubernetes.io/version`, else the image's tag, else its digest.
    pub version: Option<String>,
    /// Pods that should be.
    pub desired: u32,
    /// Pods of the wanted revision.
    pub updated: u32,
    /// Pods that are ready.
    pub ready: u32,
    /// How it is doing.
    pub health: Health,
    /// Annotation `deployment.kubernetes.io/revision`.
    pub revision: Option<u64>,
    /// What else it says of itself.
    pub detail: WorkloadDetail,
}

/// What a workload says of itself besides what runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkloadDetail {
    /// Since when it is there.
    pub since: Option<DateTime<Utc>>,
    /// Where a Rollout's update is: the step, and how many there are.
    pub step: Option<(usize, usize)>,
    /// What share of the traffic (or of the pods) a Rollout's new version has, in per cent.
    pub weight: Option<u8>,
    /// Its conditions that are not as they should be, such as `ReplicaFailure: exceeded quota`.
    pub conditions: Vec<String>,
    /// What of Flux keeps it.
    pub keeper: Option<ObjectRef>,
}

/// A Flux Kustomization or `HelmRelease` as its controller reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    /// Which one.
    pub object: ObjectRef,
    /// Whether it is ready; `None` while it is at it, or when it does not tell.
    pub ready: Option<bool>,
    /// Why, in its own words.
    pub message: String,
    /// What it has applied.
    pub revision: String,
    /// Whether somebody suspended it.
    pub is_suspended: bool,
}

/// An Argo CD Application as its controller reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `Synced`, `OutOfSync`, `Unknown`.
    pub sync: String,
    /// `Healthy`, `Progressing`, `Degraded`, …
    pub health: String,
    /// Phase of a running or the last operation.
    pub phase: Option<String>,
    /// Whether automated sync would put Git back.
    pub automated: bool,
    /// Id and revision of the newest history entry.
    pub deployed: Option<(i64, String)>,
    /// When the controller last compared it.
    pub reconciled_at: Option<DateTime<Utc>>,
    /// Why it is not as it should be, in Argo CD's own words.
    pub message: Option<String>,
}

/// How often the containers of a workload's pods were started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restarts {
    /// All together, of the pods that are there.
    pub count: u32,
    /// When one of them ended last.
    pub last: Option<DateTime<Utc>>,
}

impl std::iter::Sum for Restarts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            count: sum.count.saturating_add(one.count),
            last: sum.last.max(one.last),
        })
    }
}

/// Namespace and name of an object. Every picture of a cluster has all of them, so they are shared.
pub type ObjectKey = Arc<(String, String)>;

/// Objects of a kind by namespace and name. Pictures share what has not changed between them.
pub type Objects<T> = Arc<BTreeMap<ObjectKey, T>>;

/// Everything seen in one cluster; cheap to clone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterView {
    /// Workloads by namespace and name.
    pub workloads: Objects<Arc<Workload>>,
    /// Applications by namespace and name.
    pub applications: Objects<Arc<Application>>,
    /// What Flux has there.
    pub keepers: Arc<BTreeMap<ObjectRef, Arc<Keeper>>>,
    /// Restarts by the namespace and name of the workload, of those that had any; `None` until pods were seen.
    pub restarts: Option<Objects<Restarts>>,
    /// Kinds that this cluster does not serve or does not let us see, with the reason.
    pub missing: BTreeMap<String, String>,
}

impl ClusterView {
    /// Puts a workload in.
    pub fn put(&mut self, workload: Workload) {
        let key = Arc::new((workload.namespace.clone(), workload.name.clone()));
        Arc::make_mut(&mut self.workloads).insert(key, Arc::new(workload));
    }

    /// Restarts of a workload; `None` where its pods cannot be seen.
    pub fn restarts_of(&self, workload: &(String, String)) -> Option<Restarts> {
        self.restarts.as_ref().map(|restarts| restarts.get(workload).copied().unwrap_or_default())
    }

    /// Why the deployments cannot be seen, without which the rest says little; `None` when they can.
    pub fn blind(&self) -> Option<&str> {
        self.missing.get("deployments").map(String::as_str)
    }
}

/// An object of a cluster by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Its kind, such as `Deployment`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.kind.to_lowercase(), self.namespace, self.name)
    }
}

/// How a service goes back, with what was seen when it was planned; running it fails when that has moved.
#[derive(Debug, Clone, PartialEq)]
pub enum RollbackRoute {
    /// JSON patch of a Deployment's template from a `ReplicaSet`.
    Undo {
        /// `resourceVersion` of the Deployment when planned.
        resource_version: String,
        /// Revision that runs.
        from_revision: u64,
        /// Revision to go back to.
        to_revision: u64,
        /// Version that runs.
        from_version: String,
        /// Version to go back to.
        to_version: String,
        /// The `ReplicaSet` whose template is restored.
        replica_set: String,
        /// What of Flux would put Git back, and is suspended first (and must be resumed when Git is settled).
        suspend: Option<ObjectRef>,
    },
    /// JSON patch of a Rollout's template from a `ReplicaSet`, past its steps.
    Rollout {
        /// `resourceVersion` of the Rollout when planned.
        resource_version: String,
        /// Revision that is wanted.
        from_revision: u64,
        /// Revision to go back to.
        to_revision: u64,
        /// Version that is wanted.
        from_version: String,
        /// Version to go back to.
        to_version: String,
        /// The `ReplicaSet` whose template is restored.
        replica_set: String,
        /// Whether an update is under way, which is aborted first.
        abort: bool,
        /// The Deployment that has the template, where the Rollout refers to one.
        workload: Option<String>,
    },
    /// Argo CD's `operation` with a source of its history.
    History {
        /// `resourceVersion` of the Application when planned.
        resource_version: String,
        /// History id that is deployed.
        from_id: i64,
        /// History id to go back to.
        to_id: i64,
        /// Revision or version that is deployed.
        from_version: String,
        /// Revision or version to go back to.
        to_version: String,
        /// Whether automated sync is suspended first (and must be resumed when Git is settled).
        suspend_automated_sync: bool,
    },
}

impl RollbackRoute {
    /// From which version to which.
    pub fn versions(&self) -> (&str, &str) {
        match self {
            Self::Undo { from_version, to_version, .. }
            | Self::Rollout { from_version, to_version, .. }
            | Self::History { from_version, to_version, .. } => (from_version, to_version),
        }
    }
}

/// How far a rollback is, read from the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutStatus {
    /// Not there yet; what is seen.
    Progressing(String),
    /// The wanted version runs and all its pods are ready.
    Complete(String),
    /// It will not get there by itself; why.
    Failed(String),
}

/// A version as people read it: a Git revision by its first eight digits, anything else as it is.
pub fn shown_version(version: &str) -> &str {
    let is_revision = version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_revision { &version[..8] } else { version }
}

/// The kubectl-like name of what a rollback changes, such as `deployment/shop/api`.
pub fn object_name(target: &Target) -> String {
    match &target.application {
        Some((namespace, name)) => format!("application/{namespace}/{name}"),
        None if target.managed_by == ManagedBy::ArgoRollouts => {
            format!("rollout/{}/{}", target.namespace, target.workload)
        }
        None => format!("deployment/{}/{}", target.namespace, target.workload),
    }
}

/// A cluster's context with its view; what adapters publish.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterReport {
    /// Which cluster.
    pub context: ContextName,
    /// What is there.
    pub view: ClusterView,
}
