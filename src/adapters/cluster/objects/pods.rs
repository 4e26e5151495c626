//! Pods as they are watched: whose they are, and how often their containers were started again.

use super::{moment, or_default};
use crate::domain::deployment::Restarts;
use chrono::{DateTime, Utc};
use kube::core::ObjectMeta;
use serde::Deserialize;

/// A pod. There are many and they change often, so that nothing else is read of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Wire")]
pub(in super::super) struct PodObject {
    pub(super) metadata: ObjectMeta,
    workload: Option<String>,
    restarts: Restarts,
}

#[derive(Deserialize)]
struct Wire {
    metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    resource_version: Option<String>,
    #[serde(deserialize_with = "or_default")]
    labels: Labels,
    owner_references: Option<Vec<Owner>>,
}

/// The hash of the pod template, which a `ReplicaSet` has behind the name of its workload.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(rename = "pod-template-hash")]
    deployment: Option<String>,
    #[serde(rename = "rollouts-pod-template-hash")]
    rollout: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Owner {
    kind: String,
    name: String,
    controller: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    container_statuses: Option<Vec<Container>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    restart_count: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    last_state: LastState,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LastState {
    terminated: Option<Terminated>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Terminated {
    #[serde(deserialize_with = "moment")]
    finished_at: Option<DateTime<Utc>>,
}

impl From<Wire> for PodObject {
    fn from(wire: Wire) -> Self {
        let Wire { metadata, status } = wire;
        let told = status.container_statuses.iter().flatten();
        let restarts = told
            .map(|container| Restarts {
                count: container.restart_count.unwrap_or_default(),
                last: container.last_state.terminated.as_ref().and_then(|end| end.finished_at),
            })
            .sum();
        Self {
            workload: workload(&metadata),
            restarts,
            metadata: ObjectMeta {
                name: metadata.name,
                namespace: metadata.namespace,
                resource_version: metadata.resource_version,
                ..ObjectMeta::default()
            },
        }
    }
}

/// The Deployment or Rollout whose `ReplicaSet` made a pod: their controllers call it after both.
fn workload(metadata: &Metadata) -> Option<String> {
    let owners = metadata.owner_references.as_ref()?;
    let owner = owners.iter().find(|owner| owner.controller == Some(true) && owner.kind == "ReplicaSet")?;
    let hash = metadata.labels.deployment.as_ref().or(metadata.labels.rollout.as_ref())?;
    Some(owner.name.strip_suffix(hash)?.strip_suffix('-')?.to_owned())
}

impl PodObject {
    /// Its own name, and the namespace and name of its workload with its restarts; `None` when no workload that we
    /// show made it.
    pub(in super::super) fn extract(self) -> Option<(Box<str>, (String, String), Restarts)> {
        let name = self.metadata.name?.into_boxed_str();
        Some((name, (self.metadata.namespace.unwrap_or_default(), self.workload?), self.restarts))
    }
}
