//! The seed's service lifecycle: development → beta → ga → maintenance → deprecated → retired.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a service stands in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// Experimental, 0.x.y, staging only.
    Development,
    /// Unstable, 1.0.0-beta.x, production by opt-in.
    Beta,
    /// Generally available.
    #[default]
    Ga,
    /// Security fixes only.
    Maintenance,
    /// To be replaced; migration window running.
    Deprecated,
    /// Gone.
    Retired,
}

impl Lifecycle {
    /// All states in order.
    pub const ALL: [Self; 6] =
        [Self::Development, Self::Beta, Self::Ga, Self::Maintenance, Self::Deprecated, Self::Retired];

    /// The word in the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Beta => "beta",
            Self::Ga => "ga",
            Self::Maintenance => "maintenance",
            Self::Deprecated => "deprecated",
            Self::Retired => "retired",
        }
    }

    /// The state of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
