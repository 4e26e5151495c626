//! What a deployment is to do: the version, the places it goes to, and the way there and back in legs.

use super::release::{Release, ReleaseRoute, ReleaseStep, Strategy};
use crate::domain::name::{ChangeId, CommitId, EnvironmentName, ServiceName};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One environment that a deployment goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Which environment.
    pub environment: EnvironmentName,
    /// In which wave, from 0; a wave begins when the one before it is done.
    pub wave: usize,
    /// The version that ran there; `None` where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<String>,
    /// The image that ran there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_image: Option<String>,
    /// The objects that are changed, as kubectl names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
}

/// What was ordered, as the ledger keeps it from the start on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Which service.
    pub service: ServiceName,
    /// Which version.
    pub version: String,
    /// Its image with tag or digest; `None` where the catalog names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The commit of the main branch that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// The merged change that brought the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeId>,
    /// Whether it goes to production, past gates and prechecks, and is watched afterwards.
    pub production: bool,
    /// Where it goes, in order.
    pub places: Vec<Place>,
    /// How it takes over.
    pub strategy: Strategy,
    /// Which tests are run after it was applied, in order; staging only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<Test>,
    /// Not before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<DateTime<Utc>>,
    /// Not before the calendar is open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub window: bool,
}

/// A test of staging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// Whether it works with the others.
    Integration,
    /// Whether it is fast enough.
    Performance,
}

impl Test {
    /// The word in files and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Integration => "integration",
            Self::Performance => "performance",
        }
    }
}

/// One stretch of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// People approve.
    Gates,
    /// Its time, or a window of the calendar, is awaited.
    Schedule,
    /// What must be so before production is touched.
    Precheck,
    /// The cluster is asked for a step.
    Step(ReleaseStep),
    /// The step's end is seen in the cluster.
    Health(ReleaseStep),
    /// A test runs.
    Test(Test),
    /// What the new version answers is judged.
    Analysis(ReleaseStep),
    /// What must be so after production was changed.
    Postcheck,
    /// It is watched for a day.
    Watch,
    /// The version before is put back.
    Undo,
    /// The version before is seen to run.
    Undone,
    /// An incident is opened.
    Incident,
    /// The version is quarantined.
    Quarantine,
    /// Git is made to say what runs.
    Settle,
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Gates => "gates".to_owned(),
            Self::Schedule => "schedule".to_owned(),
            Self::Precheck => "precheck".to_owned(),
            Self::Step(step) => step_words(*step),
            Self::Health(step) => format!("health after {}", step_words(*step)),
            Self::Test(test) => format!("{} test", test.as_str()),
            Self::Analysis(step) => format!("analysis at {}", step_words(*step)),
            Self::Postcheck => "postcheck".to_owned(),
            Self::Watch => "watch".to_owned(),
            Self::Undo => "undo".to_owned(),
            Self::Undone => "health after undo".to_owned(),
            Self::Incident => "incident".to_owned(),
            Self::Quarantine => "quarantine".to_owned(),
            Self::Settle => "settle Git".to_owned(),
        };
        formatter.pad(&words)
    }
}

/// A step in a word or two.
pub fn step_words(step: ReleaseStep) -> String {
    match step {
        ReleaseStep::Apply => "apply".to_owned(),
        ReleaseStep::Weight(weight) => format!("canary {weight}%"),
        ReleaseStep::Promote => "promote".to_owned(),
        ReleaseStep::Abort => "abort".to_owned(),
        ReleaseStep::Prepare => "prepare".to_owned(),
        ReleaseStep::Switch => "switch".to_owned(),
        ReleaseStep::SwitchBack => "switch back".to_owned(),
        ReleaseStep::Retire => "retire".to_owned(),
    }
}

/// A stage, and where it is done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Leg {
    /// Which stage.
    pub stage: Stage,
    /// In which environment; `None` where it concerns all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
}

impl Leg {
    /// A stage of an environment.
    pub fn of(stage: Stage, environment: &EnvironmentName) -> Self {
        Self { stage, environment: Some(environment.clone()) }
    }

    /// A stage that concerns all environments.
    pub const fn all(stage: Stage) -> Self {
        Self { stage, environment: None }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.environment {
            Some(environment) => write!(formatter, "{} in {environment}", self.stage),
            None => write!(formatter, "{}", self.stage),
        }
    }
}

impl Order {
    /// The place of an environment.
    pub fn place(&self, environment: &EnvironmentName) -> Option<&Place> {
        self.places.iter().find(|place| place.environment == *environment)
    }

    /// The way into a cluster as it was found when the deployment was planned.
    pub fn route(&self, place: &Place) -> ReleaseRoute {
        ReleaseRoute {
            release: Release {
                service: self.service.clone(),
                version: self.version.clone(),
                image: self.image.clone(),
                commit: self.commit.clone(),
            },
            strategy: self.strategy.clone(),
            from_version: place.from_version.clone(),
            from_image: place.from_image.clone(),
            objects: place.objects.clone(),
            notes: Vec::new(),
        }
    }

    /// The way there, leg by leg.
    pub fn legs(&self) -> Vec<Leg> {
        let mut legs = Vec::new();
        if self.production {
            legs.push(Leg::all(Stage::Gates));
            if self.window || self.not_before.is_some() {
                legs.push(Leg::all(Stage::Schedule));
            }
            legs.push(Leg::all(Stage::Precheck));
        }
        let last_wave = self.places.iter().map(|place| place.wave).max().unwrap_or_default();
        for place in &self.places {
            let mut push = |stage| legs.push(Leg::of(stage, &place.environment));
            let mut taken = |step, analysed: bool| {
                push(Stage::Step(step));
                push(Stage::Health(step));
                if analysed {
                    push(Stage::Analysis(step));
                }
            };
            match &self.strategy {
                // A region that others follow is the canary of the regions.
                Strategy::Immediate => {
                    taken(ReleaseStep::Apply, self.production && place.wave < last_wave);
                }
                Strategy::Canary { weights } => {
                    for weight in weights {
                        taken(ReleaseStep::Weight(*weight), true);
                    }
                    taken(ReleaseStep::Promote, false);
                }
                Strategy::BlueGreen => {
                    taken(ReleaseStep::Prepare, false);
                    taken(ReleaseStep::Switch, true);
                    legs.push(Leg::of(Stage::Step(ReleaseStep::Retire), &place.environment));
                }
            }
            let tests = self.tests.iter().map(|test| Leg::of(Stage::Test(*test), &place.environment));
            legs.extend(tests);
            if self.production {
                legs.push(Leg::of(Stage::Postcheck, &place.environment));
            }
        }
        if self.production {
            legs.push(Leg::all(Stage::Watch));
        }
        legs
    }

    /// The way back of one environment, from the steps that were begun there; empty where nothing was touched.
    fn way_back(&self, place: &Place, begun: &dyn Fn(ReleaseStep) -> bool) -> Vec<Leg> {
        let undo = || vec![Stage::Undo, Stage::Undone];
        let stages = match &self.strategy {
            Strategy::Immediate if begun(ReleaseStep::Apply) => undo(),
            Strategy::Canary { .. } if begun(ReleaseStep::Promote) => undo(),
            Strategy::Canary { weights }
                if weights.iter().any(|weight| begun(ReleaseStep::Weight(*weight))) =>
            {
                vec![Stage::Step(ReleaseStep::Abort), Stage::Health(ReleaseStep::Abort)]
            }
            Strategy::BlueGreen if begun(ReleaseStep::Retire) => undo(),
            Strategy::BlueGreen if begun(ReleaseStep::Switch) => vec![
                Stage::Step(ReleaseStep::SwitchBack),
                Stage::Health(ReleaseStep::SwitchBack),
                Stage::Step(ReleaseStep::Retire),
            ],
            Strategy::BlueGreen if begun(ReleaseStep::Prepare) => vec![Stage::Step(ReleaseStep::Retire)],
            _ => Vec::new(),
        };
        stages.into_iter().map(|stage| Leg::of(stage, &place.environment)).collect()
    }

    /// The way back, newest place first: what was touched is undone, and then what has to follow. `begun` tells
    /// which steps were begun where; `failed` is false when a person called it off, which needs no consequences.
    pub fn legs_back(&self, begun: impl Fn(&Place, ReleaseStep) -> bool, failed: bool) -> Vec<Leg> {
        let mut legs: Vec<Leg> = Vec::new();
        for place in self.places.iter().rev() {
            legs.extend(self.way_back(place, &|step| begun(place, step)));
        }
        if failed {
            // Who is needed should know at once: as soon as the first step back was asked for.
            legs.insert(legs.len().min(1), Leg::all(Stage::Incident));
            legs.push(Leg::all(Stage::Quarantine));
            if self.production {
                legs.push(Leg::all(Stage::Settle));
            }
        }
        legs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::deployment::fixture;

    fn order(production: bool, strategy: Strategy, places: &[(&str, usize)]) -> Order {
        let tests = if production { Vec::new() } else { vec![Test::Integration, Test::Performance] };
        Order { tests, ..fixture::order(production, strategy, places) }
    }

    fn words(legs: &[Leg]) -> Vec<String> {
        legs.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_way_follows_from_the_order() {
        let staging = order(false, Strategy::Immediate, &[("staging", 0)]);
        assert_eq!(
            words(&staging.legs()),
            [
                "apply in staging",
                "health after apply in staging",
                "integration test in staging",
                "performance test in staging"
            ]
        );
        let canary = order(true, Strategy::Canary { weights: vec![5] }, &[("production", 0)]);
        assert_eq!(
            words(&canary.legs()),
            [
                "gates",
                "precheck",
                "canary 5% in production",
                "health after canary 5% in production",
                "analysis at canary 5% in production",
                "promote in production",
                "health after promote in production",
                "postcheck in production",
                "watch"
            ]
        );
        let regions = Order {
            window: true,
            ..order(true, Strategy::Immediate, &[("europe", 0), ("america", 1), ("asia", 1)])
        };
        let legs = words(&regions.legs());
        assert_eq!(legs[1], "schedule");
        // The first region is the canary of the others.
        let analysed: Vec<&String> = legs.iter().filter(|leg| leg.starts_with("analysis")).collect();
        assert_eq!(analysed, ["analysis at apply in europe"]);
    }

    #[test]
    fn the_way_back_undoes_what_was_begun() {
        use ReleaseStep::{Apply, Prepare, Promote, Retire, Switch, Weight};
        let canary = Strategy::Canary { weights: vec![5, 50] };
        for (strategy, begun, expected) in [
            (Strategy::Immediate, vec![], &[][..]),
            (Strategy::Immediate, vec![Apply], &["undo in p", "health after undo in p"]),
            (canary.clone(), vec![Weight(5)], &["abort in p", "health after abort in p"]),
            (canary, vec![Weight(5), Weight(50), Promote], &["undo in p", "health after undo in p"]),
            (Strategy::BlueGreen, vec![Prepare], &["retire in p"]),
            (
                Strategy::BlueGreen,
                vec![Prepare, Switch],
                &["switch back in p", "health after switch back in p", "retire in p"],
            ),
            (Strategy::BlueGreen, vec![Prepare, Switch, Retire], &["undo in p", "health after undo in p"]),
        ] {
            let order = order(true, strategy, &[("p", 0)]);
            let back = order.legs_back(|_, step| begun.contains(&step), false);
            assert_eq!(words(&back), expected, "{begun:?}");
        }
    }

    #[test]
    fn what_failed_has_consequences_and_the_newest_place_goes_back_first() {
        let regions = order(true, Strategy::Immediate, &[("a", 0), ("b", 1), ("c", 2)]);
        let back = regions.legs_back(|place, _| place.environment != "c", true);
        assert_eq!(
            words(&back),
            [
                "undo in b",
                "incident",
                "health after undo in b",
                "undo in a",
                "health after undo in a",
                "quarantine",
                "settle Git"
            ]
        );
        let staging = order(false, Strategy::Immediate, &[("staging", 0)]);
        assert_eq!(words(&staging.legs_back(|_, _| false, true)), ["incident", "quarantine"]);
    }
}
