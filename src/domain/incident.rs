//! Incidents: declared, acknowledged, resolved; and how far their clocks have run.

use super::{
    escalation::Severity,
    name::{IncidentId, ServiceName},
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
}

impl Incident {
    /// Whether it still needs somebody.
    pub const fn is_open(&self) -> bool {
        self.resolved.is_none()
    }
}
