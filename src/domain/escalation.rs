//! The severity matrix (`policies/escalation.toml`) and the clocks that run from it.

use super::name::TeamName;
use chrono::Duration;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// How bad an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Daily digest.
    Info,
    /// Hours.
    Low,
    /// Half an hour.
    Medium,
    /// A quarter of an hour.
    High,
    /// At once.
    Critical,
}

impl Severity {
    /// All severities, the worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The word in files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// One row of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeverityPolicy {
    /// Time until somebody must have acknowledged.
    pub response: Duration,
    /// Time until it escalates while unresolved; `None` never escalates.
    pub escalation: Option<Duration>,
    /// What is done, in words.
    pub notification: String,
    /// Channels that hear of it.
    pub channels: Vec<String>,
}

/// The matrix and its levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeverityMatrix {
    /// Row by severity.
    pub rows: BTreeMap<Severity, SeverityPolicy>,
    /// Whom each level calls: level 1 first.
    pub levels: Vec<Vec<String>>,
    /// The team whose rotation is *the* on-call.
    pub on_call: Option<TeamName>,
}

/// The seed's matrix, which holds until `policies/escalation.toml` says otherwise.
impl Default for SeverityMatrix {
    fn default() -> Self {
        let row = |response, escalation: Option<i64>, notification: &str| SeverityPolicy {
            response: Duration::minutes(response),
            escalation: escalation.map(Duration::minutes),
            notification: notification.to_owned(),
            channels: Vec::new(),
        };
        Self {
            rows: BTreeMap::from([
                (Severity::Critical, row(5, Some(15), "Page on-call")),
                (Severity::High, row(15, Some(30), "Slack #high")),
                (Severity::Medium, row(30, Some(60), "Slack #med")),
                (Severity::Low, row(60, Some(240), "Slack #low")),
                (Severity::Info, row(240, None, "Daily digest")),
            ]),
            levels: vec![vec!["@on-call".to_owned()]],
            on_call: None,
        }
    }
}
