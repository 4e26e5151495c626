//! The service lifecycle: development → beta → ga → maintenance → deprecated → retired. Which steps are
//! allowed, and what each state asks of a service.

mod duty;

pub use duty::{
    Duty, DutyKind, LEAST_GA_AVAILABILITY, LEAST_NOTICE_DAYS, MIGRATION_MONTHS, SUPPORT_MONTHS, open_duties,
    production_of, version_fits, version_form,
};

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

    /// What it asks of a service, as long as the service is in it.
    pub const fn duties(self) -> &'static [DutyKind] {
        match self {
            Self::Development => &[DutyKind::VersionForm, DutyKind::StagingOnly],
            Self::Beta => &[DutyKind::VersionForm, DutyKind::ChangeLog, DutyKind::Notice],
            Self::Ga => {
                &[DutyKind::VersionForm, DutyKind::ChangeLog, DutyKind::Notice, DutyKind::Availability]
            }
            Self::Maintenance => {
                &[DutyKind::VersionForm, DutyKind::ChangeLog, DutyKind::Notice, DutyKind::SupportPeriod]
            }
            Self::Deprecated => &[DutyKind::MigrationPeriod, DutyKind::Replacement, DutyKind::MigrationGuide],
            Self::Retired => &[DutyKind::Unneeded, DutyKind::Undeployed],
        }
    }

    /// Whether it may be relied on in production: everything but an experiment and what is gone.
    pub const fn is_in_production(self) -> bool {
        !matches!(self, Self::Development | Self::Retired)
    }

    /// The state of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A step that a service may take in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The state that it leads to.
    pub to: Lifecycle,
    /// What that state asks of the service; [`open_duties`] tells which of it is done.
    pub duties: &'static [DutyKind],
}

/// The steps that a service in `state` may take, the usual one first.
///
/// Life goes forward one state at a time. Two shortcuts exist: a released service may be deprecated without a
/// time in maintenance, and one that was never released (development, beta) may be given up at once. There is
/// no way back: what was promised stays promised.
pub const fn next(state: Lifecycle) -> &'static [Transition] {
    const fn to(to: Lifecycle) -> Transition {
        Transition { to, duties: to.duties() }
    }
    const GIVEN_UP: Transition = to(Lifecycle::Retired);
    match state {
        Lifecycle::Development => const { &[to(Lifecycle::Beta), GIVEN_UP] },
        Lifecycle::Beta => const { &[to(Lifecycle::Ga), GIVEN_UP] },
        Lifecycle::Ga => const { &[to(Lifecycle::Maintenance), to(Lifecycle::Deprecated)] },
        Lifecycle::Maintenance => const { &[to(Lifecycle::Deprecated)] },
        Lifecycle::Deprecated => const { &[to(Lifecycle::Retired)] },
        Lifecycle::Retired => &[],
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn life_goes_forward_with_two_shortcuts() {
        let steps: Vec<_> = Lifecycle::ALL
            .into_iter()
            .flat_map(|from| next(from).iter().map(move |step| format!("{from} → {}", step.to)))
            .collect();
        assert_eq!(
            steps,
            [
                "development → beta",
                "development → retired",
                "beta → ga",
                "beta → retired",
                "ga → maintenance",
                "ga → deprecated",
                "maintenance → deprecated",
                "deprecated → retired",
            ]
        );
        for from in Lifecycle::ALL {
            for step in next(from) {
                assert!(step.to > from && step.duties == step.to.duties(), "{from} → {}", step.to);
            }
        }
    }
}
