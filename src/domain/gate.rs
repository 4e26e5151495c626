//! Gates: which approvals a change needs, and which it has.

use super::name::{PersonName, TeamName};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A kind of approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Somebody of the approvers has read it. Always.
    CodeReview,
    /// If the service is sensitive.
    Security,
    /// If the change is breaking.
    Architecture,
    /// If the service is regulated.
    Compliance,
}

impl Gate {
    /// All gates in the order they are shown.
    pub const ALL: [Self; 4] = [Self::CodeReview, Self::Security, Self::Architecture, Self::Compliance];

    /// The word in files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodeReview => "code-review",
            Self::Security => "security",
            Self::Architecture => "architecture",
            Self::Compliance => "compliance",
        }
    }

    /// The gate of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gate| gate.as_str() == text)
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What every reviewer is asked before an approval (the seed's five questions), with the answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewAnswers {
    /// Why is it done?
    pub reason: String,
    /// What does it do to other projects?
    pub effect: String,
    /// Is it documented?
    pub documentation: String,
    /// Does it break anybody, and do they know?
    pub breaking: String,
    /// How was it tested?
    pub tests: String,
}

/// How a gate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateState {
    /// Nobody of the right team has approved the present head.
    Open,
    /// Approved for the present head.
    Approved {
        /// By whom.
        by: PersonName,
        /// When.
        at: DateTime<Utc>,
    },
    /// Was approved, but the branch has moved since.
    Fallen {
        /// By whom it had been approved.
        by: PersonName,
    },
}

/// A gate of one change: who may open it, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateStatus {
    /// Which gate.
    pub gate: Gate,
    /// Teams whose members may approve.
    pub teams: Vec<TeamName>,
    /// How it stands.
    pub state: GateState,
}
