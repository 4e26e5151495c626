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

impl ReviewAnswers {
    /// The questions: the name of each, what is asked, and the answer.
    pub fn each(&self) -> [(&'static str, &'static str, &str); 5] {
        [
            ("reason", "why is it done?", &self.reason),
            ("effect", "what does it do to other projects?", &self.effect),
            ("documentation", "is it documented, and where?", &self.documentation),
            ("breaking", "does it break anybody, and do they know?", &self.breaking),
            ("tests", "how was it tested?", &self.tests),
        ]
    }

    /// The names of the questions without an answer. A dash or a full stop is none.
    pub fn unanswered(&self) -> Vec<&'static str> {
        let answers = self.each().into_iter();
        answers
            .filter(|(.., answer)| !answer.chars().any(char::is_alphanumeric))
            .map(|(name, ..)| name)
            .collect()
    }

    /// Whether nothing was answered at all.
    pub fn is_empty(&self) -> bool {
        self.each().iter().all(|(.., answer)| answer.trim().is_empty())
    }
}

/// How a gate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateState {
    /// Nobody of the right team has approved the present head.
    Open,
    /// Approved as it is now.
    Approved {
        /// By whom.
        by: PersonName,
        /// When.
        at: DateTime<Utc>,
        /// Whether the approval was given to an earlier head that altered exactly the same: it was kept through a
        /// rebase.
        carried: bool,
    },
    /// Was approved, but the change alters something else since.
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

impl GateStatus {
    /// Whether it holds nobody up any more.
    pub const fn is_approved(&self) -> bool {
        matches!(self.state, GateState::Approved { .. })
    }
}
