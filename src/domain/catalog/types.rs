//! What the control repository says: services, projects, environments, policies and settings.

use super::Places;
use crate::domain::{
    calendar::Calendar,
    deployment::parameters::Delivery,
    escalation::SeverityMatrix,
    finding::{Finding, Label, SourceFile, Span},
    forge::ForgeSettings,
    leadership::{LeasePlace, LeaseTerms},
    lifecycle::Lifecycle,
    name::{ContextName, EnvironmentName, ProjectName, ServiceName, TeamName},
    notice::Channel,
    people::People,
    policy::Policies,
    units::Ratio,
};
use chrono::{Duration, NaiveDate};
use semver::{Version, VersionReq};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// How much depends on a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Nice to have.
    Low,
    /// Ordinary.
    #[default]
    Medium,
    /// Felt by customers.
    High,
    /// The business stops.
    Critical,
}

impl Tier {
    /// All tiers, the most important first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// The word in the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The tier of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text)
    }
}

/// What brings a service into a cluster, and so how it is rolled back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManagedBy {
    /// A plain Kubernetes Deployment.
    #[default]
    Deployment,
    /// An Argo CD Application.
    ArgoCd,
    /// An Argo Rollouts Rollout.
    ArgoRollouts,
    /// A Flux Kustomization or `HelmRelease`.
    Flux,
    /// Docker Compose on a developer's machine.
    Compose,
}

impl ManagedBy {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Deployment, Self::ArgoCd, Self::ArgoRollouts, Self::Flux, Self::Compose];

    /// The word in the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::ArgoCd => "argo-cd",
            Self::ArgoRollouts => "argo-rollouts",
            Self::Flux => "flux",
            Self::Compose => "compose",
        }
    }

    /// The manager of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|manager| manager.as_str() == text)
    }
}

/// One entry of `dependencies.requires` or `.optional`: `shared-auth` or `shared-auth >= 1.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The service that is needed.
    pub service: ServiceName,
    /// Which versions will do; `None` for any.
    pub requirement: Option<VersionReq>,
    /// Whether it works without.
    pub optional: bool,
    /// Where it is said.
    pub span: Span,
}

/// `[service.X.governance]`: who may change it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Governance {
    /// Teams that approve changes, without `@`.
    pub approvers: Vec<TeamName>,
    /// Link to the change log.
    pub change_log: Option<String>,
    /// Days of notice before a breaking change.
    pub break_changes_notice: Option<u32>,
}

/// `[service.X.sla]`: what was promised.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sla {
    /// Share of requests (or time) that must be good.
    pub availability: Option<Ratio>,
    /// Bound on the 99th percentile of the response time.
    pub response_time_p99: Option<Duration>,
    /// Share of requests that may fail.
    pub error_rate: Option<Ratio>,
    /// Over what time the promise is judged; 30 days unless said.
    pub window: Option<Duration>,
    /// How breaking changes are handled, such as `graceful`.
    pub break_handling: Option<String>,
}

/// `[service.X.migration]`: the way off a deprecated service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Migration {
    /// Link to the guide.
    pub guide_url: Option<String>,
    /// Last day of support.
    pub support_until: Option<NaiveDate>,
    /// `easy`, `moderate` or `hard`.
    pub migration_difficulty: Option<String>,
    /// Hours that one consumer needs.
    pub estimated_effort_hours: Option<f64>,
}

/// `[service.X.notice]`: the announcement of a breaking version that is to come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// The version that will break.
    pub version: Option<Version>,
    /// When it was announced; notice runs from here.
    pub date: Option<NaiveDate>,
    /// Projects that were told.
    pub projects: Vec<ProjectName>,
    /// Services whose owners were told.
    pub services: Vec<ServiceName>,
}

/// `[service.X.deployment]`: where and how it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployment {
    /// What brings it there.
    pub managed_by: ManagedBy,
    /// Name of the Deployment or Rollout; the service's name unless said.
    pub workload: Option<String>,
    /// Name of the Argo CD Application; the service's name unless said.
    pub application: Option<String>,
    /// Namespace of the Application; `argocd` unless said.
    pub application_namespace: Option<String>,
    /// In which environments; unless said, in all, but in production only if the project's own environment is not
    /// another one.
    pub environments: Option<Vec<EnvironmentName>>,
    /// How many pods.
    pub replicas: Option<u32>,
    /// `immediate`, `canary`, `blue-green` or `scheduled`.
    pub strategy: Option<String>,
    /// `privileged`, `host-network`, `run-as-root` or a capability.
    pub privileges: Vec<String>,
}

/// `[service.X.network]`: who reaches it, and whom it reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Names of services, and networks; `None` where it is not said.
    pub ingress: Option<Vec<String>>,
    /// Names of services, and networks; `None` where it is not said.
    pub egress: Option<Vec<String>>,
}

/// `[service.X.metrics]` of `monitoring.toml`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricThresholds {
    /// Least availability.
    pub availability: Option<Ratio>,
    /// Most 50th percentile of the response time.
    pub response_time_p50: Option<Duration>,
    /// Most 95th percentile.
    pub response_time_p95: Option<Duration>,
    /// Most 99th percentile.
    pub response_time_p99: Option<Duration>,
    /// Most errors (`error_rate_threshold`, in per cent in the file).
    pub error_rate: Option<Ratio>,
    /// Bounds of the histogram that quantiles are read from.
    pub histogram_buckets: Vec<Duration>,
    /// Kinds of error that alert.
    pub error_type_alerts: Vec<String>,
}

/// `[service.X.alerts]` of `monitoring.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertRouting {
    /// Channels by severity word.
    pub channels: BTreeMap<String, Vec<String>>,
    /// Time without an answer until it escalates.
    pub time_to_escalate: Option<Duration>,
    /// Whom then.
    pub escalate_to: Vec<String>,
    /// From which severity a person is paged.
    pub page_if: Option<String>,
}

/// A service: everything all files say about it, joined. What most services do not say is boxed: a large repository has
/// tens of thousands of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Unique name.
    pub name: ServiceName,
    /// Kind of service, such as `microservice`.
    pub kind: String,
    /// Owning team without `@`, its own or its project's.
    pub owner: Option<TeamName>,
    /// What it does.
    pub description: Option<String>,
    /// The version that should run.
    pub version: Option<Version>,
    /// Where it stands in its life.
    pub status: Lifecycle,
    /// How much depends on it.
    pub tier: Tier,
    /// The project it belongs to; `None` for shared services of the global catalog.
    pub project: Option<ProjectName>,
    /// Oldest version that consumers may still rely on.
    pub compat_version_min: Option<Version>,
    /// Versions it says it is compatible with.
    pub compat_with: Vec<String>,
    /// When it was or will be deprecated.
    pub deprecation_date: Option<NaiveDate>,
    /// When it will be gone.
    pub sunset_date: Option<NaiveDate>,
    /// Since when it is in maintenance.
    pub maintenance_date: Option<NaiveDate>,
    /// Last day of support.
    pub support_until: Option<NaiveDate>,
    /// What takes its place.
    pub replacement_service: Option<ServiceName>,
    /// Container image without tag.
    pub image: Option<String>,
    /// Port it listens on.
    pub port: Option<u16>,
    /// Path of the health check.
    pub health_check: Option<String>,
    /// Needs the security gate.
    pub sensitive: bool,
    /// Needs the compliance gate.
    pub regulated: bool,
    /// Deployment pattern in `services/patterns.toml`.
    pub pattern: Option<String>,
    /// `consumers.projects`.
    pub consumer_projects: Vec<ProjectName>,
    /// `consumers.required_by`.
    pub required_by: Vec<ServiceName>,
    /// What it needs.
    pub dependencies: Vec<Dependency>,
    /// `dependencies.accept_beta`: beta services that it uses knowingly.
    pub accept_beta: Vec<ServiceName>,
    /// Who may change it.
    pub governance: Governance,
    /// What was promised; `None` where the service promises nothing of its own.
    pub sla: Option<Sla>,
    /// The way off it.
    pub migration: Option<Box<Migration>>,
    /// A breaking version that was announced.
    pub notice: Option<Box<Notice>>,
    /// Where and how it runs.
    pub deployment: Deployment,
    /// Who reaches it, and whom it reaches.
    pub network: Option<Box<Network>>,
    /// Monitoring thresholds.
    pub metrics: Option<Box<MetricThresholds>>,
    /// Alert channels.
    pub alerts: Option<Box<AlertRouting>>,
    /// Where its table's header stands.
    pub span: Span,
    /// Where single keys stand, by dotted key (`version`, `sla.availability`).
    pub spans: Places,
}

/// The place of a `status` that is no state, under this key instead of its own.
pub const UNKNOWN_STATUS: &str = "status?";

impl Service {
    /// Where a dotted key stands, or else where the service's table begins.
    pub fn place(&self, key: &str) -> &Span {
        self.spans.get(key).unwrap_or(&self.span)
    }
}

/// A project: one tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Folder name.
    pub name: ProjectName,
    /// Title for people.
    pub title: Option<String>,
    /// Its main environment: where it is not production, services that list no environments stay out of production.
    pub environment: Option<EnvironmentName>,
    /// Tier of its services unless they say otherwise.
    pub tier: Option<Tier>,
    /// Owner of its services unless they say otherwise.
    pub owner: Option<TeamName>,
    /// Namespace by environment.
    pub namespaces: BTreeMap<EnvironmentName, String>,
    /// `[monitoring.<p>] level`.
    pub monitoring_level: Option<String>,
    /// `[monitoring.<p>] histogram_buckets`.
    pub histogram_buckets: Vec<Duration>,
    /// How its services are deployed, as far as `deployment.toml` says.
    pub delivery: Delivery,
    /// Where it is defined.
    pub span: Span,
}

/// An environment of `quarterdeck.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Context in the kubeconfig.
    pub context: ContextName,
    /// Namespace of services outside any project.
    pub namespace: String,
    /// Marked everywhere, and confirmations need the name typed.
    pub production: bool,
    /// Nothing may be changed there.
    pub read_only: bool,
}

/// `[metrics.scrape]`: where `/metrics` of a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrapeSettings {
    /// URL with `{environment}`, `{namespace}` and `{service}`.
    pub url: String,
    /// Time between two scrapes.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
}

/// `quarterdeck.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The platform's name.
    pub name: String,
    /// Git remote that is the truth.
    pub remote: String,
    /// Its main branch.
    pub main: String,
    /// Branch pattern of changes, with one `*`.
    pub changes: String,
    /// Tag pattern with `<service>` and `<version>`.
    pub tags: String,
    /// Environments in the file's order.
    pub environments: Vec<Environment>,
    /// Direct scrapes.
    pub scrape: Option<ScrapeSettings>,
    /// Base URL of Alertmanager.
    pub alertmanager: Option<String>,
    /// `[limits] mass_deletion`: share of the services that one change may remove.
    pub mass_deletion: Option<Ratio>,
    /// Where pull and merge requests are.
    pub forge: Option<ForgeSettings>,
    /// `[changes] merge = "forge"`: changes with a request are merged by the forge.
    pub merge_on_forge: bool,
    /// `[changes] direct_revert`: a merged change may be taken back on the main branch at once.
    pub direct_revert: bool,
    /// `[delivery]`: how services are deployed unless their project says otherwise.
    pub delivery: Delivery,
    /// `[registry] url`: where the images' registry is reached, when not by the name in the image.
    pub registry: Option<String>,
    /// Who else is told what happens, in the file's order.
    pub channels: Vec<Channel>,
    /// What the agent does.
    pub agent: AgentSettings,
    /// Level per rule code; `None` allows it.
    pub rules: BTreeMap<String, Option<crate::domain::finding::Level>>,
    /// Named filters.
    pub presets: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "control".into(),
            remote: "origin".into(),
            main: "main".into(),
            changes: "change/*".into(),
            tags: "<service>-v<version>".into(),
            environments: Vec::new(),
            scrape: None,
            alertmanager: None,
            mass_deletion: None,
            forge: None,
            merge_on_forge: false,
            direct_revert: false,
            delivery: Delivery::default(),
            registry: None,
            channels: Vec::new(),
            agent: AgentSettings::default(),
            rules: BTreeMap::new(),
            presets: BTreeMap::new(),
        }
    }
}

/// `[agent]` of `quarterdeck.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSettings {
    /// Which reconcilers run; all that ask for no policy of their own if `None`.
    pub run: Option<Vec<String>>,
    /// Whether a broken main branch is brought back without asking.
    pub restore: bool,
    /// Where agents agree who leads.
    pub lease: LeasePlace,
    /// How long leading holds without being renewed.
    pub terms: LeaseTerms,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self { run: None, restore: false, lease: LeasePlace::Repository, terms: LeaseTerms::default() }
    }
}

/// A deployment pattern of `services/patterns.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// How many pods.
    pub replicas: Option<u32>,
    /// `immediate`, `canary`, `blue-green` or `scheduled`.
    pub strategy: Option<String>,
    /// Per cent of traffic, step by step.
    pub canary_steps: Option<Vec<u8>>,
    /// Where its name stands.
    pub span: Span,
    /// Where its steps stand, or else its name.
    pub steps_span: Span,
}

/// A widget of `monitoring-dashboard.yml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Widget {
    /// `service_list`, `dependency_graph`, …
    pub kind: String,
    /// All its other keys.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Where the values of its other keys stand.
    pub spans: BTreeMap<String, Span>,
}

/// A section of `monitoring-dashboard.yml`.
#[derive(Debug, Clone, PartialEq)]
pub struct DashboardSection {
    /// Title.
    pub name: String,
    /// Its widgets.
    pub widgets: Vec<Widget>,
}

/// The whole control repository at one revision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    /// All files that were read, by index of [`Span::file`].
    pub files: Vec<Arc<SourceFile>>,
    /// Services by name.
    pub services: BTreeMap<ServiceName, Arc<Service>>,
    /// Projects by name.
    pub projects: BTreeMap<ProjectName, Project>,
    /// `services/versions.toml`: previous versions, newest first.
    pub previous_versions: BTreeMap<ServiceName, Vec<Version>>,
    /// `services/versions.toml`: digests of the images.
    pub digests: BTreeMap<ServiceName, String>,
    /// `services/versions.toml`: what the current version did to the data that the one before cannot read.
    pub data_migrations: BTreeMap<ServiceName, String>,
    /// `services/patterns.toml` by name.
    pub patterns: BTreeMap<String, Pattern>,
    /// Persons, teams and rotations.
    pub people: People,
    /// The severity matrix, and who is on call.
    pub severities: SeverityMatrix,
    /// `policies/sla.toml`: promise by tier (`default`, `critical`, …).
    pub sla_by_tier: BTreeMap<String, Sla>,
    /// Team that owns a gate, by gate (`security`, `compliance`, `architecture`, `code-review`).
    pub gate_teams: BTreeMap<String, TeamName>,
    /// Whether events of the ledger must be signed (`[ledger] signatures` of `policies/security.toml`).
    pub signatures_required: bool,
    /// Security and compliance.
    pub policies: Policies,
    /// Freezes and maintenance windows.
    pub calendar: Calendar,
    /// The console's layout.
    pub dashboard: Vec<DashboardSection>,
    /// `quarterdeck.toml`.
    pub settings: Settings,
    /// Where things stand that carry no span of their own, by dotted path: `owner.<project>`,
    /// `team.<team>.members`, `person.<person>`, `gate.<gate>`, `severity.on_call`, `level.<index>`, `rules.<code>`,
    /// `preset.<name>`.
    pub places: BTreeMap<String, Span>,
    /// What reading found wrong; rules add theirs.
    pub findings: Vec<Finding>,
}

/// Where a service runs in one environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Which service.
    pub service: ServiceName,
    /// In which environment.
    pub environment: EnvironmentName,
    /// In which cluster.
    pub context: ContextName,
    /// In which namespace.
    pub namespace: String,
    /// Name of its Deployment or Rollout.
    pub workload: String,
    /// What brings it there.
    pub managed_by: ManagedBy,
    /// Namespace and name of its Argo CD Application.
    pub application: Option<(String, String)>,
    /// Whether the environment is marked as production.
    pub production: bool,
}

impl Catalog {
    /// A label for a place with the words that belong to it; `None` if the file is not of this catalog.
    pub fn label(&self, span: &Span, text: impl Into<String>) -> Option<Label> {
        let file = Arc::clone(self.files.get(span.file as usize)?);
        Some(Label { file, start: span.start as usize, end: span.end as usize, text: text.into() })
    }

    /// The environment of a name.
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.settings.environments.iter().find(|environment| environment.name == *name)
    }

    /// The project that a service belongs to, if it is known.
    pub fn project_of(&self, service: &Service) -> Option<&Project> {
        self.projects.get(service.project.as_ref()?)
    }

    /// Whether the tables send `service` to `environment`: its own list, or where there is none, its project's
    /// environment. A project whose own environment is not production runs nothing in production by itself.
    pub fn is_listed_for(&self, service: &Service, environment: &Environment) -> bool {
        if let Some(listed) = &service.deployment.environments {
            return listed.contains(&environment.name);
        }
        let own = self.project_of(service).and_then(|project| project.environment.as_ref());
        let own = own.and_then(|own| self.environment(own.as_str()));
        !environment.production || own.is_none_or(|own| own.production)
    }

    /// Whether `service` is meant to run in `environment`.
    pub fn is_meant_for(&self, service: &Service, environment: &Environment) -> bool {
        service.status != Lifecycle::Retired
            && service.deployment.managed_by != ManagedBy::Compose
            && self.is_listed_for(service, environment)
    }

    /// Where `service` runs in `environment`; `None` where it is not meant to run there.
    pub fn target(&self, service: &Service, environment: &Environment) -> Option<Target> {
        if !self.is_meant_for(service, environment) {
            return None;
        }
        let deployment = &service.deployment;
        let namespace = self.project_of(service).map_or_else(
            || environment.namespace.clone(),
            |project| {
                let own = project.namespaces.get(&environment.name).cloned();
                own.unwrap_or_else(|| project.name.to_string())
            },
        );
        // A machine that runs Docker Compose has no namespaces.
        let is_composed = deployment.managed_by == ManagedBy::Compose;
        let namespace = if is_composed { String::new() } else { namespace };
        let or_name = |name: &Option<String>| name.clone().unwrap_or_else(|| service.name.to_string());
        Some(Target {
            service: service.name.clone(),
            environment: environment.name.clone(),
            context: environment.context.clone(),
            namespace,
            workload: or_name(&deployment.workload),
            managed_by: deployment.managed_by,
            application: (deployment.managed_by == ManagedBy::ArgoCd).then(|| {
                let namespace =
                    deployment.application_namespace.clone().unwrap_or_else(|| "argocd".to_owned());
                (namespace, or_name(&deployment.application))
            }),
            production: environment.production,
        })
    }

    /// Every place where any service is meant to run.
    pub fn targets(&self) -> impl Iterator<Item = Target> + '_ {
        self.services.values().flat_map(|service| {
            self.settings.environments.iter().filter_map(|environment| self.target(service, environment))
        })
    }

    /// What `service` promises: its own SLA, each gap filled from its tier's, then the default one.
    pub fn sla(&self, service: &Service) -> Sla {
        let mut sla = service.sla.clone().unwrap_or_default();
        for fallback in [service.tier.as_str(), "default"] {
            if let Some(fallback) = self.sla_by_tier.get(fallback) {
                sla.availability = sla.availability.or(fallback.availability);
                sla.response_time_p99 = sla.response_time_p99.or(fallback.response_time_p99);
                sla.error_rate = sla.error_rate.or(fallback.error_rate);
                sla.window = sla.window.or(fallback.window);
            }
        }
        sla
    }
}
