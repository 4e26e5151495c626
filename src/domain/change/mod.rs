//! Changes: what a proposal does to the catalog, how risky it is, and what it still needs.

mod classify;
mod gates;
#[cfg(test)]
mod tests;

pub use classify::*;
pub use gates::*;

use super::{
    catalog::Catalog,
    finding::{Finding, Level},
    forge::Request,
    gate::{GateState, GateStatus},
    ledger::Operations,
    name::{ChangeId, CommitId, ServiceName},
    people::People,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeClass {
    /// Only texts and settings outside the catalog.
    Other,
    /// Patch version; low risk.
    Bugfix,
    /// Minor version or a new service; medium risk.
    Feature,
    /// Towards deprecated; needs a migration.
    Deprecation,
    /// Towards retired, or gone after it; nobody may need it any more.
    Retirement,
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
            Self::Retirement => "retirement",
            Self::Breaking => "breaking",
            Self::Policy => "policy",
            Self::Infrastructure => "infrastructure",
        }
    }

    /// The seed's table of risk: patch low, minor medium, major high; policy and infrastructure touch everybody.
    pub const fn risk(self) -> &'static str {
        match self {
            Self::Other | Self::Bugfix => "low",
            Self::Feature | Self::Deprecation | Self::Retirement => "medium",
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
    /// Its pull or merge request, where a forge has one.
    pub request: Option<Arc<Request>>,
}

/// The open changes, with the people who may approve them: those of the main branch, so that a change
/// or an unfinished edit in a working tree appoints nobody.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Review {
    /// Who is who on the main branch.
    pub people: People,
    /// The open changes.
    pub changes: Vec<Change>,
}

/// Concludes everything about a proposal.
///
/// `base` and `head` are the catalogs at the proposal's merge base and head; `main` is the main
/// branch's, which alone says who may approve. `findings` are what validation found at the head.
pub fn assemble(
    proposal: Proposal,
    base: &Catalog,
    head: &Catalog,
    findings: Arc<Vec<Finding>>,
    main: &Catalog,
    operations: &Operations,
) -> Change {
    let classification = classify(base, head, &proposal.paths);
    let gates = gates(&classification, main, head, &proposal, operations.approvals_of(&proposal.id));
    let Classification { class, services, fields, .. } = classification;
    Change { proposal, class, services, fields, findings, gates, request: None }
}

impl Change {
    /// How many findings block the merge.
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.level == Level::Error).count()
    }

    /// What stands against merging, in a few words (`2 errors, code-review open`); `None` when nothing does.
    pub fn blocked(&self) -> Option<String> {
        let mut reasons = Vec::new();
        match self.errors() {
            0 => {}
            1 => reasons.push("1 error".to_owned()),
            many => reasons.push(format!("{many} errors")),
        }
        for status in &self.gates {
            match status.state {
                GateState::Approved { .. } => {}
                GateState::Open => reasons.push(format!("{} open", status.gate)),
                GateState::Fallen { .. } => reasons.push(format!("{} fell with the new head", status.gate)),
            }
        }
        (!reasons.is_empty()).then(|| reasons.join(", "))
    }
}
