//! The demo's estate: the services and where they run. All of the demo's data comes from this file and from the
//! scenario: control repository, clusters, metrics and alerts cannot disagree.

mod services;

pub use services::SERVICES;

use std::fmt;

/// One of the demo's two environments, each with its own cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Environment {
    /// Where changes go first.
    Staging,
    /// Where the customers are.
    Production,
}

impl Environment {
    /// Both, in the order of deployment.
    pub const ALL: [Self; 2] = [Self::Staging, Self::Production];

    /// The name in `quarterdeck.toml`, in paths and in labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    /// The environment of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|environment| environment.name() == name)
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// What drives a service's pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManagedBy {
    /// A plain Deployment.
    Deployment,
    /// A Deployment that an Argo CD Application keeps.
    ArgoCd,
    /// An Argo Rollout.
    ArgoRollouts,
    /// A Deployment that a Flux Kustomization keeps.
    Flux,
}

impl ManagedBy {
    /// The word of the control repository's `managed_by`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::ArgoCd => "argo-cd",
            Self::ArgoRollouts => "argo-rollouts",
            Self::Flux => "flux",
        }
    }
}

/// One service of the estate.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each a yes or no")]
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// Its project; none for the shared ones of the global catalog.
    pub project: Option<&'static str>,
    /// `type` in the catalog.
    pub kind: &'static str,
    /// The team that owns it.
    pub owner: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// The merged version.
    pub version: &'static str,
    /// Earlier versions, newest first.
    pub previous: &'static [&'static str],
    /// `status` in the catalog.
    pub status: &'static str,
    /// `tier` in the catalog.
    pub tier: &'static str,
    /// What drives its pods.
    pub managed_by: ManagedBy,
    /// What it cannot run without, as the catalog writes it.
    pub requires: &'static [&'static str],
    /// What it can run without.
    pub optional: &'static [&'static str],
    /// Pods in production; staging has one less, at least one.
    pub replicas: i64,
    /// Requests per second in production; staging has a tenth.
    pub rate: f64,
    /// Median response time, milliseconds.
    pub median: f64,
    /// Whether it needs the security gate.
    pub sensitive: bool,
    /// Whether it needs the compliance gate.
    pub regulated: bool,
    /// Whether it runs in production at all.
    pub in_production: bool,
    /// Whether it has a `/metrics`.
    pub measured: bool,
}

/// The projects: name, title, tier, owner.
pub const PROJECTS: &[(&str, &str, &str, &str)] = &[
    ("project-a", "E-Commerce Platform", "critical", "shop-team"),
    ("project-b", "Document Portal", "high", "documents-team"),
    ("project-c", "Device Fleet", "medium", "devices-team"),
];

/// Where production still runs an older version than the one that is merged.
const LAGGING: &[(&str, &str)] =
    &[("cart", "1.8.1"), ("notification-service", "1.5.3"), ("project-c-console", "1.0.9")];

/// How a version behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Share of requests answered with a 5xx code, 0 to 1.
    pub error_ratio: f64,
    /// How many times slower than usual it answers.
    pub latency_factor: f64,
    /// Whether its pods ever get ready.
    pub starts: bool,
}

impl Quality {
    /// An ordinary good version: 99.98 % of requests succeed.
    pub const GOOD: Self = Self { error_ratio: 0.000_2, latency_factor: 1.0, starts: true };
}

impl Service {
    /// The service of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        SERVICES.iter().find(|service| service.name == name)
    }

    /// The namespace that its workload is in.
    pub fn namespace(&self) -> &'static str {
        self.project.unwrap_or("shared")
    }

    /// Whether it runs in `environment`.
    pub fn runs_in(&self, environment: Environment) -> bool {
        self.in_production || environment == Environment::Staging
    }

    /// How many pods it should have in `environment`.
    pub fn replicas_in(&self, environment: Environment) -> i64 {
        match environment {
            Environment::Production => self.replicas,
            Environment::Staging => (self.replicas - 1).max(1),
        }
    }

    /// Requests per second in `environment`.
    pub fn rate_in(&self, environment: Environment) -> f64 {
        match environment {
            Environment::Production => self.rate,
            Environment::Staging => self.rate / 10.0,
        }
    }

    /// Whether production runs an older version than the one that is merged.
    pub fn lags(&self) -> bool {
        LAGGING.iter().any(|(name, _)| *name == self.name)
    }

    /// The version that runs in `environment` when the demo starts.
    pub fn running(&self, environment: Environment) -> &'static str {
        let lagging = LAGGING.iter().find(|(name, _)| *name == self.name);
        match (environment, lagging) {
            (Environment::Production, Some((_, version))) => version,
            _ => self.version,
        }
    }

    /// All its versions, oldest first, up to the one that runs in `environment`.
    pub fn deployed(&self, environment: Environment) -> Vec<&'static str> {
        let running = self.running(environment);
        let mut versions: Vec<&str> = self.previous.iter().rev().copied().chain([self.version]).collect();
        if let Some(end) = versions.iter().position(|version| *version == running) {
            versions.truncate(end + 1);
        }
        versions
    }

    /// The container image of `version`.
    pub fn image(&self, version: &str) -> String {
        format!("registry.example.com/{}/{}:{version}", self.project.unwrap_or("shared"), self.name)
    }

    /// The names of what it requires, without version requirements.
    pub fn required(&self) -> impl Iterator<Item = &'static str> {
        self.requires.iter().map(|text| text.split(' ').next().unwrap_or(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estate_is_whole_and_has_no_cycle() {
        let mut settled: Vec<&str> = Vec::new();
        while settled.len() < SERVICES.len() {
            let before = settled.len();
            for service in SERVICES.iter().filter(|service| !settled.contains(&service.name)) {
                for name in service.required().chain(service.optional.iter().copied()) {
                    assert!(Service::find(name).is_some(), "{} needs {name}", service.name);
                }
            }
            let open = SERVICES.iter().filter(|service| !settled.contains(&service.name));
            let free: Vec<&str> = open
                .filter(|service| service.required().all(|name| settled.contains(&name)))
                .map(|service| service.name)
                .collect();
            settled.extend(free);
            let open = || SERVICES.iter().map(|service| service.name).filter(|name| !settled.contains(name));
            assert!(settled.len() > before, "a cycle among {:?}", open().collect::<Vec<_>>());
        }
        assert!(SERVICES.len() >= 28);
    }

    #[test]
    fn every_service_can_be_rolled_back() {
        for service in SERVICES {
            assert!(!service.previous.is_empty(), "{}", service.name);
        }
    }
}
