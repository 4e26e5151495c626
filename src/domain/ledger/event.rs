//! One ledger event: what happened, when, by whom.

use crate::domain::{
    change::Identity,
    escalation::Severity,
    gate::Gate,
    name::{ChangeId, CommitId, EnvironmentName, IncidentId, ServiceName},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The version of the JSON that is written now.
pub const EVENT_VERSION: u32 = 1;

/// How something that was checked came out. Only `Pass` is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// There was too little to judge.
    NoData,
    /// It could not be checked.
    Error,
}

impl Verdict {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NoData => "no data",
            Self::Error => "error",
        }
    }
}

/// What happened. The serde tag is the event's kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Happening {
    /// Somebody approved a gate of a change.
    #[serde(rename = "change.approved")]
    ChangeApproved {
        /// Which change.
        change: ChangeId,
        /// Which gate.
        gate: Gate,
        /// The head that was reviewed; the approval holds for it alone.
        head: CommitId,
        /// The merge base that it was reviewed against.
        base: CommitId,
        /// The reviewer's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A rollback began; nobody else may begin one for the same service and environment until it ended.
    #[serde(rename = "rollback.started")]
    RollbackStarted {
        /// Which service.
        service: ServiceName,
        /// Where.
        environment: EnvironmentName,
        /// The version that ran.
        from: String,
        /// The version to go back to.
        to: String,
        /// `deployment/default/api` or `application/argocd/api`: what is changed.
        object: String,
    },
    /// A rollback ended, well or not.
    #[serde(rename = "rollback.finished")]
    RollbackFinished {
        /// Which service.
        service: ServiceName,
        /// Where.
        environment: EnvironmentName,
        /// How it was verified.
        verdict: Verdict,
        /// What was seen, in one sentence.
        detail: String,
    },
    /// Somebody declared an incident.
    #[serde(rename = "incident.declared")]
    IncidentDeclared {
        /// Its id, given out by the fold: one past the highest.
        incident: IncidentId,
        /// How bad.
        severity: Severity,
        /// What it is.
        title: String,
        /// Which service, if one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
    },
    /// Somebody has taken it.
    #[serde(rename = "incident.acknowledged")]
    IncidentAcknowledged {
        /// Which incident.
        incident: IncidentId,
    },
    /// It is over.
    #[serde(rename = "incident.resolved")]
    IncidentResolved {
        /// Which incident.
        incident: IncidentId,
        /// What ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

impl Happening {
    /// The kind, as it stands in the subject line.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ChangeApproved { .. } => "change.approved",
            Self::RollbackStarted { .. } => "rollback.started",
            Self::RollbackFinished { .. } => "rollback.finished",
            Self::IncidentDeclared { .. } => "incident.declared",
            Self::IncidentAcknowledged { .. } => "incident.acknowledged",
            Self::IncidentResolved { .. } => "incident.resolved",
        }
    }
}

/// What a commit of the ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryBody {
    /// An event of a kind this program knows.
    Known(Happening),
    /// An event that it does not know (a newer program wrote it), kept and shown as it is.
    Unknown {
        /// Its kind, or the empty text when the body is no event at all.
        kind: String,
        /// The commit's body.
        text: String,
    },
}

/// One commit of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its commit.
    pub commit: CommitId,
    /// When it happened, by the author date.
    pub at: DateTime<Utc>,
    /// Who did it, by the author of the commit.
    pub actor: Identity,
    /// The subject line.
    pub subject: String,
    /// What happened.
    pub body: EntryBody,
}
