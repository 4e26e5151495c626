//! What follows Git for a workload: Argo CD's Applications, Flux's Kustomizations and `HelmRelease`s.

use super::{Condition, conditions, key, moment, or_default, slim};
use crate::domain::{
    deployment::{Application, Keeper, ObjectRef},
    text::clean,
};
use chrono::{DateTime, Utc};
use kube::core::ObjectMeta;
use serde::Deserialize;

/// An Argo CD Application.
#[derive(Debug, Clone, Deserialize)]
pub(in super::super) struct ApplicationObject {
    #[serde(deserialize_with = "slim")]
    pub(super) metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    spec: ApplicationSpec,
    #[serde(default, deserialize_with = "or_default")]
    pub(in super::super) status: ApplicationStatus,
    /// Set while an operation waits to be picked up or runs.
    pub(in super::super) operation: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ApplicationSpec {
    sync_policy: Option<SyncPolicy>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SyncPolicy {
    automated: Option<Automated>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Automated {
    enabled: Option<bool>,
}

/// What Argo CD reports about an Application.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct ApplicationStatus {
    sync: Option<SyncStatus>,
    health: Option<HealthStatus>,
    /// The running or the last operation.
    pub(in super::super) operation_state: Option<OperationState>,
    /// What stands against comparing or syncing it.
    #[serde(deserialize_with = "conditions")]
    conditions: Vec<Condition>,
    /// Deployments of the past, oldest first.
    history: Option<Vec<HistoryEntry>>,
    /// When it was last compared with Git.
    #[serde(deserialize_with = "moment")]
    pub(in super::super) reconciled_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SyncStatus {
    status: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct HealthStatus {
    status: String,
}

/// The state of an operation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct OperationState {
    /// `Running`, `Succeeded`, `Failed`, `Error`, `Terminating`.
    pub(in super::super) phase: String,
    /// What it says about itself.
    pub(in super::super) message: Option<String>,
    /// When it ended.
    #[serde(deserialize_with = "moment")]
    pub(in super::super) finished_at: Option<DateTime<Utc>>,
}

/// One deployment of the past.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(in super::super) struct HistoryEntry {
    /// Grows by one with every deployment.
    pub(in super::super) id: i64,
    revision: Option<String>,
    revisions: Option<Vec<String>>,
    /// When it was deployed.
    #[serde(rename = "deployedAt", deserialize_with = "moment")]
    pub(in super::super) deployed_at: Option<DateTime<Utc>>,
}

impl HistoryEntry {
    /// The revision, or with several sources all of them joined by commas.
    pub(in super::super) fn revision(&self) -> String {
        match self.revision.as_deref().filter(|revision| !revision.is_empty()) {
            Some(revision) => revision.to_owned(),
            None => self.revisions.as_deref().unwrap_or_default().join(","),
        }
    }
}

impl ApplicationObject {
    /// Namespace and name.
    pub(in super::super) fn key(&self) -> (String, String) {
        key(&self.metadata)
    }

    /// `resourceVersion`.
    pub(in super::super) fn resource_version(&self) -> String {
        self.metadata.resource_version.clone().unwrap_or_default()
    }

    /// Whether automated sync would put Git back: present, and not switched off.
    pub(in super::super) fn automated(&self) -> bool {
        let automated = self.spec.sync_policy.as_ref().and_then(|policy| policy.automated.as_ref());
        automated.is_some_and(|automated| automated.enabled != Some(false))
    }

    /// Why it is not as it should be: an error condition, or how its last operation failed.
    fn message(&self) -> Option<String> {
        let mut conditions = self.status.conditions.iter();
        let condition = conditions.find(|condition| condition.kind.ends_with("Error"));
        let failed =
            self.status.operation_state.as_ref().filter(|state| {
                matches!(state.phase.as_str(), "Failed" | "Error" | "Running" | "Terminating")
            });
        condition
            .and_then(|condition| condition.message.as_deref())
            .or_else(|| failed.and_then(|state| state.message.as_deref()))
            .filter(|text| !text.is_empty())
            .map(clean)
    }

    /// Deployments of the past, oldest first.
    pub(in super::super) fn history(&self) -> &[HistoryEntry] {
        self.status.history.as_deref().unwrap_or_default()
    }

    /// What is kept of it.
    pub(in super::super) fn extract(&self) -> Application {
        let (namespace, name) = self.key();
        let said = |word: Option<&String>| {
            word.filter(|word| !word.is_empty()).cloned().unwrap_or_else(|| "Unknown".to_owned())
        };
        let status = &self.status;
        Application {
            namespace,
            name,
            sync: said(status.sync.as_ref().map(|sync| &sync.status)),
            health: said(status.health.as_ref().map(|health| &health.status)),
            phase: status.operation_state.as_ref().map(|state| state.phase.clone()),
            automated: self.automated(),
            deployed: self.history().last().map(|entry| (entry.id, entry.revision())),
            reconciled_at: status.reconciled_at,
            message: self.message(),
        }
    }
}

/// A Flux Kustomization or `HelmRelease`.
#[derive(Debug, Clone, Deserialize)]
pub(in super::super) struct KeeperObject {
    #[serde(deserialize_with = "slim")]
    pub(super) metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    spec: KeeperSpec,
    #[serde(default, deserialize_with = "or_default")]
    status: KeeperStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct KeeperSpec {
    suspend: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct KeeperStatus {
    #[serde(deserialize_with = "conditions")]
    conditions: Vec<Condition>,
    last_applied_revision: Option<String>,
    last_attempted_revision: Option<String>,
    /// Releases of a `HelmRelease`, the newest first.
    history: Option<Vec<Release>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Release {
    chart_version: Option<String>,
    status: Option<String>,
}

impl KeeperObject {
    /// Namespace and name.
    pub(in super::super) fn key(&self) -> (String, String) {
        key(&self.metadata)
    }

    /// What is kept of it.
    pub(in super::super) fn extract(&self, kind: &str) -> Keeper {
        let (namespace, name) = self.key();
        let status = &self.status;
        let of_kind = |kind: &str| status.conditions.iter().find(|condition| condition.kind == kind);
        let condition = of_kind("Ready");
        // After a failed upgrade was undone, `Ready` tells of the way back alone, and these of the failure.
        let failed = ["Released", "TestSuccess"].map(of_kind).into_iter().flatten();
        let failed = failed.into_iter().find(|condition| condition.status == "False");
        let said =
            condition.map(|ready| if ready.status == "False" { failed.unwrap_or(ready) } else { ready });
        // What was attempted last need not be what runs.
        let deployed = status.history.iter().flatten().find(|one| one.status.as_deref() == Some("deployed"));
        let deployed = deployed.and_then(|release| release.chart_version.as_ref());
        let revision = status.last_applied_revision.as_ref().or(deployed);
        let revision = revision.or(status.last_attempted_revision.as_ref());
        Keeper {
            object: ObjectRef { kind: kind.to_owned(), namespace, name },
            ready: condition.and_then(|condition| match condition.status.as_str() {
                "True" => Some(true),
                "False" => Some(false),
                _ => None,
            }),
            message: said.and_then(|condition| condition.message.as_deref()).map(clean).unwrap_or_default(),
            revision: revision.map(|revision| clean(revision)).unwrap_or_default(),
            is_suspended: self.spec.suspend == Some(true),
        }
    }
}
