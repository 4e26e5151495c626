//! How long each part of a deployment takes and what it is held against: the seed's values, unless the files say
//! otherwise.

use super::{order::Test, release::Strategy};
use crate::domain::{
    catalog::{Catalog, Service},
    name::EnvironmentName,
    units::Ratio,
};
use chrono::Duration;

/// How a test is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestMeans {
    /// By a command on this machine, as arguments; there is no shell.
    Command(Vec<String>),
    /// By a Job of an image, with a command unless it has its own.
    Image(String, Vec<String>),
    /// By a Job whose manifest is this file of the control repository.
    Manifest(String),
}

impl TestMeans {
    /// What a file says: a manifest before an image, an image before a command of this machine.
    pub fn of(command: Vec<String>, image: Option<String>, manifest: Option<String>) -> Option<Self> {
        match (manifest, image) {
            (Some(path), _) => Some(Self::Manifest(path)),
            (None, Some(image)) => Some(Self::Image(image, command)),
            (None, None) => (!command.is_empty()).then_some(Self::Command(command)),
        }
    }

    /// Whether it runs in the cluster.
    pub const fn is_job(&self) -> bool {
        !matches!(self, Self::Command(_))
    }
}

/// What a file says of deployments: the keys of `[tests]`, `[rollout]`, `[rollback]` and `[[wave]]`, in
/// `projects/*/deployment.toml` for a project, and below `[delivery]` in `quarterdeck.toml` for everybody.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delivery {
    /// How the integration test is run; `None` where nothing is said of it.
    pub integration: Option<TestMeans>,
    /// How long it may take.
    pub integration_time: Option<Duration>,
    /// How the performance test is run.
    pub performance: Option<TestMeans>,
    /// How long it may take.
    pub performance_time: Option<Duration>,
    /// The command that says whether the infrastructure files are valid.
    pub infrastructure: Vec<String>,
    /// How long a step may take until every pod is ready.
    pub health_time: Option<Duration>,
    /// How long each step of a canary, or a switch, is judged.
    pub step_time: Option<Duration>,
    /// Time between two looks at the metrics while judging.
    pub interval: Option<Duration>,
    /// How many intervals decide together.
    pub intervals: Option<usize>,
    /// Fewer requests than this in an interval are no evidence.
    pub minimum_events: Option<u64>,
    /// Most errors that the new version may answer.
    pub error_rate: Option<Ratio>,
    /// Most that its 99th percentile may be.
    pub response_time_p99: Option<Duration>,
    /// How many times worse than the old version it may be.
    pub worse_than_baseline: Option<f64>,
    /// Metrics older than this are not judged.
    pub stale_after: Option<Duration>,
    /// Per cent of the traffic, step by step.
    pub steps: Vec<u8>,
    /// How long it is watched afterwards.
    pub watch: Option<Duration>,
    /// After so many rollbacks a service is frozen.
    pub freeze_after: Option<usize>,
    /// Within this time.
    pub freeze_window: Option<Duration>,
    /// Environments of production in the order in which they get a version; the first is the canary.
    pub waves: Vec<Vec<EnvironmentName>>,
}

/// What holds for the deployments of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// How each test that there is is run, with its time limit.
    pub tests: Vec<(Test, TestMeans, Duration)>,
    /// The command that says whether the infrastructure files are valid; empty for none.
    pub infrastructure: Vec<String>,
    /// How long a step may take until every pod is ready.
    pub health_time: Duration,
    /// How long each step of a canary, or a switch, is judged.
    pub step_time: Duration,
    /// Time between two looks at the metrics while judging.
    pub interval: Duration,
    /// How many intervals decide together.
    pub intervals: usize,
    /// Fewer requests than this in an interval are no evidence.
    pub minimum_events: f64,
    /// Most errors, as a share; `None` where nothing is promised.
    pub error_rate: Option<f64>,
    /// Most of the 99th percentile, in seconds; `None` where nothing is promised.
    pub p99_seconds: Option<f64>,
    /// How many times worse than the old version it may be.
    pub worse_than_baseline: f64,
    /// Metrics older than this are not judged.
    pub stale_after: Duration,
    /// Per cent of the traffic, step by step.
    pub steps: Vec<u8>,
    /// How long it is watched afterwards.
    pub watch: Duration,
    /// After so many rollbacks a service is frozen; 0 for never.
    pub freeze_after: usize,
    /// Within this time.
    pub freeze_window: Duration,
    /// Environments of production, wave by wave; empty for the file's order, each a wave of its own.
    pub waves: Vec<Vec<EnvironmentName>>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            tests: Vec::new(),
            infrastructure: Vec::new(),
            health_time: Duration::minutes(5),
            step_time: Duration::minutes(5),
            interval: Duration::seconds(30),
            intervals: 5,
            minimum_events: 50.0,
            error_rate: None,
            p99_seconds: None,
            worse_than_baseline: 2.0,
            stale_after: Duration::minutes(2),
            steps: vec![5, 25, 50],
            watch: Duration::hours(24),
            freeze_after: 3,
            freeze_window: Duration::days(7),
            waves: Vec::new(),
        }
    }
}

/// How long the integration test may take unless said.
const INTEGRATION_TIME: Duration = Duration::minutes(10);
/// How long the performance test may take unless said.
const PERFORMANCE_TIME: Duration = Duration::minutes(5);

impl Parameters {
    /// What holds for a service: its project's file, then `[delivery]` of `quarterdeck.toml`, then the defaults.
    pub fn of(catalog: &Catalog, service: &Service) -> Self {
        let project = service.project.as_ref().and_then(|project| catalog.projects.get(project));
        let mut layers: Vec<&Delivery> = project.iter().map(|project| &project.delivery).collect();
        layers.push(&catalog.settings.delivery);
        let means =
            |of: fn(&Delivery) -> &Option<TestMeans>| layers.iter().find_map(|layer| of(layer).clone());
        let infrastructure = layers.iter().map(|layer| &layer.infrastructure);
        let time = |of: fn(&Delivery) -> Option<Duration>| layers.iter().find_map(|layer| of(layer));
        let default = Self::default();
        let promise = catalog.sla(service);
        let measured = service.metrics.as_ref();
        let error_rate = layers
            .iter()
            .find_map(|layer| layer.error_rate)
            .or_else(|| measured.and_then(|metrics| metrics.error_rate))
            .or(promise.error_rate);
        let p99 = layers
            .iter()
            .find_map(|layer| layer.response_time_p99)
            .or_else(|| measured.and_then(|metrics| metrics.response_time_p99))
            .or(promise.response_time_p99);
        let pattern = service.pattern.as_ref().and_then(|name| catalog.patterns.get(name));
        let steps = pattern
            .and_then(|pattern| pattern.canary_steps.clone())
            .into_iter()
            .chain(layers.iter().map(|layer| layer.steps.clone()))
            .find_map(|steps| Some(rising(&steps)).filter(|steps| !steps.is_empty()));
        let tests = [
            (
                Test::Integration,
                means(|layer| &layer.integration),
                time(|layer| layer.integration_time).unwrap_or(INTEGRATION_TIME),
            ),
            (
                Test::Performance,
                means(|layer| &layer.performance),
                time(|layer| layer.performance_time).unwrap_or(PERFORMANCE_TIME),
            ),
        ];
        Self {
            tests: tests.into_iter().filter_map(|(test, means, limit)| Some((test, means?, limit))).collect(),
            infrastructure: infrastructure
                .into_iter()
                .find(|words| !words.is_empty())
                .cloned()
                .unwrap_or_default(),
            health_time: time(|layer| layer.health_time).unwrap_or(default.health_time),
            step_time: time(|layer| layer.step_time).unwrap_or(default.step_time),
            interval: time(|layer| layer.interval).unwrap_or(default.interval),
            intervals: layers.iter().find_map(|layer| layer.intervals).unwrap_or(default.intervals).max(1),
            minimum_events: layers
                .iter()
                .find_map(|layer| layer.minimum_events)
                .map_or(default.minimum_events, |events| events.max(1) as f64),
            error_rate: error_rate.map(Ratio::share),
            p99_seconds: p99.map(chrono::TimeDelta::as_seconds_f64),
            worse_than_baseline: layers
                .iter()
                .find_map(|layer| layer.worse_than_baseline)
                .filter(|factor| factor.is_finite() && *factor >= 1.0)
                .unwrap_or(default.worse_than_baseline),
            stale_after: time(|layer| layer.stale_after).unwrap_or(default.stale_after),
            steps: steps.unwrap_or(default.steps),
            watch: time(|layer| layer.watch).unwrap_or(default.watch),
            freeze_after: layers.iter().find_map(|layer| layer.freeze_after).unwrap_or(default.freeze_after),
            freeze_window: time(|layer| layer.freeze_window).unwrap_or(default.freeze_window),
            waves: layers
                .iter()
                .map(|layer| &layer.waves)
                .find(|waves| !waves.is_empty())
                .cloned()
                .unwrap_or_default(),
        }
    }

    /// How a test is run, with its time limit.
    pub fn test(&self, test: Test) -> Option<(&TestMeans, Duration)> {
        let found = self.tests.iter().find(|(known, ..)| *known == test);
        found.map(|(_, means, limit)| (means, *limit))
    }

    /// The strategy of a word of the catalog; `scheduled` says when and not how, so it is all at once.
    pub fn strategy(&self, word: Option<&str>) -> Strategy {
        match word {
            Some("canary") => Strategy::Canary { weights: self.steps.clone() },
            Some("blue-green") => Strategy::BlueGreen,
            _ => Strategy::Immediate,
        }
    }

    /// The wave of an environment, from 0; what no wave names comes after all of them.
    pub fn wave(&self, environment: &EnvironmentName) -> usize {
        let found = self.waves.iter().position(|wave| wave.contains(environment));
        found.unwrap_or(self.waves.len())
    }
}

/// The weights of a canary: between 1 and 99, each above the one before.
fn rising(steps: &[u8]) -> Vec<u8> {
    let mut rising: Vec<u8> = Vec::new();
    for step in steps.iter().copied().filter(|step| (1..100).contains(step)) {
        if rising.last().is_none_or(|last| step > *last) {
            rising.push(step);
        }
    }
    rising
}

/// The word of a service's strategy: its own, else its pattern's.
pub fn strategy_word(catalog: &Catalog, service: &Service) -> Option<String> {
    let pattern = service.pattern.as_ref().and_then(|name| catalog.patterns.get(name));
    service.deployment.strategy.clone().or_else(|| pattern.and_then(|pattern| pattern.strategy.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::read;

    fn catalog(project: &str, settings: &str) -> Catalog {
        let service =
            "[service.api]\nname = \"api\"\ntype = \"api\"\nowner = \"@shop\"\nversion = \"1.0.0\"\n";
        read([
            ("services/catalog.toml".to_owned(), Vec::new()),
            ("projects/shop/services.toml".to_owned(), service.as_bytes().to_vec()),
            ("projects/shop/deployment.toml".to_owned(), project.as_bytes().to_vec()),
            ("quarterdeck.toml".to_owned(), settings.as_bytes().to_vec()),
        ])
    }

    #[test]
    fn the_defaults_are_the_seeds() {
        let catalog = catalog("", "");
        let found = Parameters::of(&catalog, &catalog.services["api"]);
        assert_eq!(found, Parameters::default());
        assert_eq!((found.health_time, found.watch), (Duration::minutes(5), Duration::hours(24)));
        assert_eq!(found.steps[0], 5);
    }

    #[test]
    fn a_test_is_a_manifest_or_an_image_before_it_is_a_command_and_the_nearest_file_decides() {
        let platform = "[delivery.tests]\nintegration_job = \"tests/job.yaml\"\nperformance = [\"./load\"]\n";
        for (project, integration, performance) in [
            (
                "",
                TestMeans::Manifest("tests/job.yaml".to_owned()),
                TestMeans::Command(vec!["./load".to_owned()]),
            ),
            (
                "[tests]\nintegration = [\"./here\"]\nperformance_image = \"r/load:1\"\n",
                TestMeans::Command(vec!["./here".to_owned()]),
                TestMeans::Image("r/load:1".to_owned(), Vec::new()),
            ),
            (
                "[tests]\nperformance = [\"-n\", \"9\"]\nperformance_image = \"r/load:1\"\n",
                TestMeans::Manifest("tests/job.yaml".to_owned()),
                TestMeans::Image("r/load:1".to_owned(), vec!["-n".to_owned(), "9".to_owned()]),
            ),
        ] {
            let catalog = catalog(project, platform);
            let found = Parameters::of(&catalog, &catalog.services["api"]);
            assert_eq!(found.test(Test::Integration).unwrap().0, &integration, "{project}");
            assert_eq!(found.test(Test::Performance).unwrap().0, &performance, "{project}");
        }
    }

    #[test]
    fn a_project_goes_before_the_platform() {
        let catalog = catalog(
            "[tests]\nintegration = [\"./test\", \"--all\"]\n[rollout]\nstep_time = \"20s\"\nsteps = [5, 50, 40, 100]\n\
             [[wave]]\nenvironments = [\"europe\"]\n[[wave]]\nenvironments = [\"america\", \"asia\"]\n",
            "[delivery.rollout]\nstep_time = \"40s\"\nwatch = \"2h\"\nerror_rate = \"1%\"\n\
             [delivery.tests]\nperformance = [\"./load\"]\nperformance_time = \"30s\"\n",
        );
        assert!(
            catalog.findings.iter().all(|finding| !finding.message.contains("key")),
            "{:?}",
            catalog.findings
        );
        let found = Parameters::of(&catalog, &catalog.services["api"]);
        assert_eq!((found.step_time, found.watch), (Duration::seconds(20), Duration::hours(2)));
        assert_eq!(found.steps, [5, 50]);
        assert_eq!(found.error_rate, Some(0.01));
        let (means, limit) = found.test(Test::Integration).unwrap();
        let command = TestMeans::Command(vec!["./test".to_owned(), "--all".to_owned()]);
        assert_eq!((means, limit), (&command, INTEGRATION_TIME));
        assert_eq!(found.test(Test::Performance).unwrap().1, Duration::seconds(30));
        let waves: Vec<usize> =
            ["europe", "asia", "africa"].map(|name| found.wave(&name.into())).into_iter().collect();
        assert_eq!(waves, [0, 1, 2]);
    }
}
