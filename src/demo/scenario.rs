//! The demo's scenarios: what is wrong, what was merged, when production is open, and how fast deployments go. A
//! scenario only chooses what the platform and its repository are; the console knows nothing of it.

use super::estate::{Environment, Quality, SERVICES};

/// A version that is bad in an environment.
#[derive(Debug)]
pub struct BadVersion {
    /// The service.
    pub service: &'static str,
    /// Where it is bad: only there does it have the load for it.
    pub environment: Environment,
    /// Which version.
    pub version: &'static str,
    /// How bad.
    pub quality: Quality,
    /// How many hours ago it was deployed.
    pub hours: f64,
}

/// A version that will be bad in an environment once it is deployed there.
#[derive(Debug)]
pub struct ComingVersion {
    /// The service.
    pub service: &'static str,
    /// Where it will be bad.
    pub environment: Environment,
    /// Which version.
    pub version: &'static str,
    /// How bad.
    pub quality: Quality,
}

/// A version that the main branch has and that runs nowhere yet, with the change that brought it.
#[derive(Debug, PartialEq, Eq)]
pub struct MergedVersion {
    /// The service.
    pub service: &'static str,
    /// Which version.
    pub version: &'static str,
    /// What it brings, as a sentence without its full stop.
    pub what: &'static str,
    /// The change.
    pub change: &'static str,
    /// Who wrote it.
    pub author: &'static str,
    /// Who approved it.
    pub reviewer: &'static str,
    /// How many hours ago it was merged.
    pub hours: i64,
}

/// A window or a freeze of the calendar.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// What it is called.
    pub name: &'static str,
    /// When it begins, in minutes from the start of the demo; negative before.
    pub from: i64,
    /// How long it lasts, in minutes.
    pub minutes: i64,
    /// For which projects; for all when empty.
    pub projects: &'static [&'static str],
    /// Why.
    pub reason: &'static str,
}

/// How fast deployments are judged, as `[delivery.rollout]` has it.
#[derive(Debug, Clone, Copy)]
pub struct Judging {
    /// How long each step is judged.
    pub step_time: &'static str,
    /// Time between two looks at the metrics.
    pub interval: &'static str,
    /// Fewer requests than this in an interval are no evidence.
    pub least: u32,
    /// How long a version is watched afterwards.
    pub watch: &'static str,
}

/// A story that the demo tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scenario {
    /// A bad release of shared-auth in production, and two services that burn their budgets.
    #[default]
    BadRelease,
    /// Nothing is wrong.
    Calm,
    /// A merged version that a canary of 5 % finds out.
    CanaryFails,
    /// A version that is switched to, and back.
    BlueGreen,
    /// A version that waits for its window.
    Scheduled,
    /// A breaking change that nobody caught.
    BreakingChange,
    /// A calendar that keeps production closed.
    Night,
}

/// One row of [`Scenario::TABLE`].
#[derive(Debug)]
pub struct ScenarioRow {
    /// Which scenario.
    pub scenario: Scenario,
    /// The name on the command line.
    pub name: &'static str,
    /// One sentence for the help.
    pub summary: &'static str,
    /// What is bad in it.
    pub bad: &'static [BadVersion],
    /// What will be bad in it: versions that look well until production's load is on them.
    pub coming: &'static [ComingVersion],
    /// What was merged and runs nowhere yet.
    pub merged: &'static [MergedVersion],
    /// Strategies that the catalog names for services, where they are not the estate's.
    pub strategies: &'static [(&'static str, &'static str)],
    /// When production lets deployments in, every day.
    pub windows: &'static [Span],
    /// When it does not.
    pub freezes: &'static [Span],
    /// How fast deployments are judged.
    pub judging: Judging,
    /// Whether a rollback may write to the main branch without a review.
    pub direct_revert: bool,
}

/// Most hours of the day, and open when the demo starts.
const OPEN: Span = Span { name: "release hours", from: -120, minutes: 14 * 60, projects: &[], reason: "" };

/// A freeze that ends while somebody looks.
const FIRMWARE: Span = Span {
    name: "firmware rollout",
    from: -300,
    minutes: 302,
    projects: &["project-c"],
    reason: "the fleet gets new firmware",
};

const BASE: ScenarioRow = ScenarioRow {
    scenario: Scenario::Calm,
    name: "calm",
    summary: "nothing is wrong",
    bad: &[],
    coming: &[],
    merged: &[],
    strategies: &[],
    windows: &[OPEN],
    freezes: &[FIRMWARE],
    judging: Judging { step_time: "40s", interval: "10s", least: 20, watch: "24h" },
    direct_revert: false,
};

/// For scenarios about one deployment: seconds where there are minutes in life.
const QUICK: ScenarioRow = ScenarioRow {
    judging: Judging { step_time: "20s", interval: "5s", least: 10, watch: "30s" },
    direct_revert: true,
    ..BASE
};

impl Scenario {
    /// All scenarios.
    pub const TABLE: &'static [ScenarioRow] = &[
        ScenarioRow {
            scenario: Self::BadRelease,
            name: "default",
            summary: "shared-auth 1.3.0 fails in production; project-a-api and new-api burn their budgets",
            bad: &[
                BadVersion {
                    service: "shared-auth",
                    environment: Environment::Production,
                    version: "1.3.0",
                    quality: Quality { error_ratio: 0.028, latency_factor: 4.5, starts: true },
                    hours: 51.0,
                },
                BadVersion {
                    service: "project-a-api",
                    environment: Environment::Production,
                    version: "2.1.0",
                    quality: Quality { error_ratio: 0.003, latency_factor: 1.6, starts: true },
                    hours: 98.0,
                },
                BadVersion {
                    service: "new-api",
                    environment: Environment::Production,
                    version: "2.0.0",
                    quality: Quality { error_ratio: 0.011, latency_factor: 2.2, starts: true },
                    hours: 27.0,
                },
            ],
            coming: &[ComingVersion {
                service: "catalog-search",
                environment: Environment::Production,
                version: "1.5.0",
                quality: Quality { error_ratio: 0.06, latency_factor: 3.5, starts: true },
            }],
            ..BASE
        },
        BASE,
        ScenarioRow {
            scenario: Self::CanaryFails,
            name: "canary-fails",
            summary: "catalog-search 1.5.0 is merged: it passes staging, and 5 % of production find it out",
            coming: &[ComingVersion {
                service: "catalog-search",
                environment: Environment::Production,
                version: "1.5.0",
                // Enough for a verdict on the few requests that 5 % are.
                quality: Quality { error_ratio: 0.35, latency_factor: 6.0, starts: true },
            }],
            merged: &[MergedVersion {
                service: "catalog-search",
                version: "1.5.0",
                what: "rank products by what visitors look at",
                change: "catalog-search-1.5.0",
                author: "s-novak",
                reviewer: "a-chen",
                hours: 3,
            }],
            ..QUICK
        },
        ScenarioRow {
            scenario: Self::BlueGreen,
            name: "blue-green",
            summary: "notification-service 1.6.0 is switched to in production, fails there, and is switched back",
            coming: &[ComingVersion {
                service: "notification-service",
                environment: Environment::Production,
                version: "1.6.0",
                quality: Quality { error_ratio: 0.09, latency_factor: 2.0, starts: true },
            }],
            strategies: &[("notification-service", "blue-green")],
            ..QUICK
        },
        ScenarioRow {
            scenario: Self::Scheduled,
            name: "scheduled",
            summary: "cart 1.8.2 waits for its window, which opens three minutes after the start",
            strategies: &[("cart", "scheduled")],
            windows: &[Span { from: 3, minutes: 8 * 60, ..OPEN }],
            ..QUICK
        },
        ScenarioRow {
            scenario: Self::BreakingChange,
            name: "breaking-change",
            summary: "session-cache 2.9.0 breaks its users, and validation, review and staging did not see it",
            coming: &[ComingVersion {
                service: "session-cache",
                environment: Environment::Production,
                version: "2.9.0",
                quality: Quality { error_ratio: 0.17, latency_factor: 40.0, starts: true },
            }],
            merged: &[MergedVersion {
                service: "session-cache",
                version: "2.9.0",
                what: "keep sessions in the compact format",
                change: "session-cache-2.9.0",
                author: "k-ito",
                reviewer: "s-novak",
                hours: 2,
            }],
            ..QUICK
        },
        ScenarioRow {
            scenario: Self::Night,
            name: "night",
            summary: "production is closed until the working hours, seven hours after the start",
            windows: &[Span { name: "working hours", from: 7 * 60, minutes: 6 * 60, ..OPEN }],
            ..BASE
        },
    ];

    /// The scenario of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.name == name).map(|row| row.scenario)
    }

    /// Its row in the table.
    pub fn row(self) -> &'static ScenarioRow {
        Self::TABLE.iter().find(|row| row.scenario == self).unwrap_or(&Self::TABLE[0])
    }

    /// What is bad in it.
    pub fn bad(self) -> &'static [BadVersion] {
        self.row().bad
    }

    /// What will be bad in it once it is deployed.
    pub fn coming(self) -> &'static [ComingVersion] {
        self.row().coming
    }

    /// The version that the main branch has of a service.
    pub fn version(self, service: &str) -> Option<&'static str> {
        let merged = self.row().merged.iter().find(|merged| merged.service == service);
        let estate = || SERVICES.iter().find(|known| known.name == service).map(|known| known.version);
        merged.map(|merged| merged.version).or_else(estate)
    }

    /// All of them, each with its sentence, for people.
    pub fn list() -> String {
        let width = Self::TABLE.iter().map(|row| row.name.len()).max().unwrap_or_default();
        Self::TABLE.iter().map(|row| format!("{:width$}  {}\n", row.name, row.summary)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::estate::Service;

    #[test]
    fn what_is_bad_runs_and_can_be_rolled_back() {
        for row in Scenario::TABLE {
            for bad in row.bad {
                let service = Service::find(bad.service).expect("a service of the estate");
                assert_eq!(service.running(bad.environment), bad.version);
                assert!(service.deployed(bad.environment).len() >= 2, "{}", bad.service);
            }
            assert_eq!(Scenario::find(row.name), Some(row.scenario));
            assert_eq!(row.scenario.row().name, row.name, "each has a row of its own");
        }
        assert!(Scenario::Calm.bad().is_empty());
        assert_eq!(Scenario::default().row().name, "default");
    }

    #[test]
    fn what_will_be_bad_can_be_deployed() {
        for row in Scenario::TABLE.iter().filter(|row| row.scenario != Scenario::BadRelease) {
            for coming in row.coming {
                let service = Service::find(coming.service).expect("a service of the estate");
                assert_eq!(row.scenario.version(coming.service), Some(coming.version));
                assert_ne!(service.running(Environment::Production), coming.version);
            }
        }
    }
}
