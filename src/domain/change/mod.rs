//! Changes: what a proposal does to the catalog, how risky it is, and what it still needs.

use super::{
    finding::Finding,
    gate::GateStatus,
    name::{ChangeId, CommitId, ServiceName},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::{fmt, sync::Arc};

/// A person as Git names one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Full name.
    pub name: String,
    /// E-mail address; who somebody is is decided by it.
    pub email: String,
}

/// What kind of change it is, told from the catalog's difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeClass {
    /// Only texts and settings outside the catalog.
    Other,
    /// Patch version; low risk.
    Bugfix,
    /// Minor version or a new service; medium risk.
    Feature,
    /// Towards deprecated or retired; needs a migration.
    Deprecation,
    /// Major version, or a service that is gone; high risk.
    Breaking,
    /// Files below `policies/`.
    Policy,
    /// Files below `infrastructure/`.
    Infrastructure,
}

impl ChangeClass {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Bugfix => "bugfix",
            Self::Feature => "feature",
            Self::Deprecation => "deprecation",
            Self::Breaking => "breaking",
            Self::Policy => "policy",
            Self::Infrastructure => "infrastructure",
        }
    }

    /// The seed's table of risk: patch low, minor medium, major high; policy and infrastructure touch everybody.
    pub const fn risk(self) -> &'static str {
        match self {
            Self::Other | Self::Bugfix => "low",
            Self::Feature | Self::Deprecation => "medium",
            Self::Breaking | Self::Policy | Self::Infrastructure => "high",
        }
    }
}

impl fmt::Display for ChangeClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A proposal as Git knows it, before anything is concluded from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its id.
    pub id: ChangeId,
    /// Full branch name without the remote (`change/…`).
    pub branch: String,
    /// Where the branch stands.
    pub head: CommitId,
    /// Merge base with the main branch.
    pub base: CommitId,
    /// Authors of its commits, each once.
    pub authors: Vec<Identity>,
    /// Committer of the head: whoever pushed last, as far as Git tells.
    pub last_committer: Identity,
    /// Subject of the head commit.
    pub subject: String,
    /// When the head was committed.
    pub committed_at: DateTime<Utc>,
    /// When the first commit beyond the base was made.
    pub opened_at: DateTime<Utc>,
    /// Paths that differ from the base.
    pub paths: Vec<String>,
}

/// One field of a service that a change alters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Which service.
    pub service: ServiceName,
    /// Dotted key.
    pub field: String,
    /// Before; `None` for new.
    pub old: Option<String>,
    /// After; `None` for removed.
    pub new: Option<String>,
}

/// A change under review, with everything concluded about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What Git says.
    pub proposal: Proposal,
    /// Its class.
    pub class: ChangeClass,
    /// Services it touches.
    pub services: Vec<ServiceName>,
    /// Difference of the catalogs.
    pub fields: Vec<FieldChange>,
    /// What validation found at its head.
    pub findings: Arc<Vec<Finding>>,
    /// Its gates.
    pub gates: Vec<GateStatus>,
}

/// TEMPORARY until the ledger branch is merged.
pub fn gates(_: &Change, _: &super::catalog::Catalog, _: &super::ledger::Operations) -> Vec<GateStatus> {
    Vec::new()
}
