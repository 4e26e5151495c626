//! Incidents: declared, acknowledged, resolved; and how far their clocks have run.

use super::{
    escalation::Severity,
    name::{DeploymentId, IncidentId, ServiceName},
};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// How far an incident has gone up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Escalated {
    /// The level: how many deadlines had passed.
    pub level: u32,
    /// When it was called.
    pub at: DateTime<Utc>,
    /// Whom it calls, as `policies/escalation.toml` had it.
    pub to: Vec<String>,
    /// Whether the time to acknowledge it had passed by then.
    pub unanswered: bool,
}

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
    /// The highest level that was called so far; `None` while its first responders have it.
    pub escalated: Option<Escalated>,
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
