//! Incidents: declared, acknowledged, resolved; and how far their clocks have run.

use super::{
    escalation::Severity,
    name::{DeploymentId, IncidentId, ServiceName},
};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// An incident as the ledger's events made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// `INC-14`.
    pub id: IncidentId,
    /// How bad.
    pub severity: Severity,
    /// What it is, in one line.
    pub title: String,
    /// Which service, if one.
    pub service: Option<ServiceName>,
    /// When it was declared.
    pub declared_at: DateTime<Utc>,
    /// Who declared it (name, or e-mail address for people outside `policies/teams.toml`).
    pub declared_by: String,
    /// When and by whom it was first acknowledged.
    pub acknowledged: Option<(DateTime<Utc>, String)>,
    /// When and by whom it was resolved.
    pub resolved: Option<(DateTime<Utc>, String)>,
    /// The deployment that failed, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// The post-mortem, if it needs one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_mortem: Option<PostMortem>,
}

/// The post-mortem of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PostMortem {
    /// When it must be written.
    pub due: DateTime<Utc>,
    /// When and by whom it was written, and where it is or what it says.
    pub written: Option<(DateTime<Utc>, String, String)>,
}

impl Incident {
    /// Whether it still needs somebody.
    pub const fn is_open(&self) -> bool {
        self.resolved.is_none()
    }

    /// When the post-mortem that is not written yet is due.
    pub fn post_mortem_due(&self) -> Option<DateTime<Utc>> {
        self.post_mortem.as_ref().filter(|known| known.written.is_none()).map(|known| known.due)
    }
}
