//! Incidents: declared, acknowledged, resolved; and how far their clocks have run.

use super::{
    escalation::Severity,
    name::{IncidentId, ServiceName},
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
}

impl Incident {
    /// Whether it still needs somebody.
    pub const fn is_open(&self) -> bool {
        self.resolved.is_none()
    }
}
