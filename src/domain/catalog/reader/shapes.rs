//! The keys of every file of the control repository, each declared once.

use super::shape::{Key, Kind, Names, Table};

use super::delivery::{DELIVERY, REGISTRY, ROLLBACK, ROLLOUT, TESTS, WAVES};
pub use super::widgets::{COLUMNS, WIDGETS, WidgetShape};

/// Which files have which shape.
#[derive(Debug)]
pub struct FileShape {
    /// Path from the repository's root; `*` stands for one folder's name.
    pub path: &'static str,
    /// Its top-level table.
    pub table: &'static Table,
    /// What the file is for.
    pub doc: &'static str,
}

/// All TOML files that are read.
pub static FILES: &[FileShape] = &[
    FileShape { path: "services/catalog.toml", table: &CATALOG, doc: "Services that projects share" },
    FileShape { path: "services/versions.toml", table: &VERSIONS, doc: "Released versions" },
    FileShape { path: "services/patterns.toml", table: &PATTERNS, doc: "Deployment patterns" },
    FileShape { path: "projects/*/services.toml", table: &PROJECT, doc: "A project and its services" },
    FileShape { path: "projects/*/deployment.toml", table: &DEPLOYMENTS, doc: "Where a project runs" },
    FileShape { path: "projects/*/monitoring.toml", table: &MONITORING, doc: "Thresholds and alerts" },
    FileShape { path: "policies/teams.toml", table: &TEAMS, doc: "People, teams and on-call rotations" },
    FileShape { path: "policies/escalation.toml", table: &ESCALATION, doc: "The severity matrix" },
    FileShape { path: "policies/calendar.toml", table: &CALENDAR, doc: "Freezes and maintenance windows" },
    FileShape { path: "policies/sla.toml", table: &SLA_POLICY, doc: "Promises by tier, and recovery" },
    FileShape { path: "policies/security.toml", table: &SECURITY, doc: "Security policies" },
    FileShape { path: "policies/compliance.toml", table: &COMPLIANCE, doc: "Compliance rules" },
    FileShape { path: "quarterdeck.toml", table: &SETTINGS, doc: "Backends, patterns and presets" },
];

/// The path of the dashboard document.
pub const DASHBOARD: &str = "monitoring-dashboard.yml";

/// The shape of a path, if it is read.
pub fn of(path: &str) -> Option<&'static FileShape> {
    FILES.iter().find(|file| match file.path.split_once('*') {
        None => file.path == path,
        Some((before, after)) => path
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|folder| !folder.is_empty() && !folder.contains('/')),
    })
}

/// Kinds of service.
pub static SERVICE_TYPES: &[&str] =
    &["microservice", "web", "api", "gateway", "worker", "database", "cache", "queue", "library", "job"];
static LIFECYCLE: &[&str] = &["development", "beta", "ga", "maintenance", "deprecated", "retired"];
static TIERS: &[&str] = &["critical", "high", "medium", "low"];
static SEVERITIES: &[&str] = &["critical", "high", "medium", "low", "info"];
static MANAGERS: &[&str] = &["deployment", "argo-cd", "argo-rollouts", "flux", "compose"];
static PERSONS: &[&str] = &["human", "agent"];
static STRATEGIES: &[&str] = &["immediate", "canary", "blue-green", "scheduled"];
static DIFFICULTIES: &[&str] = &["easy", "moderate", "hard"];
static BREAKS: &[&str] = &["graceful", "immediate"];
static FORGES: &[&str] = &["github", "gitlab", "gitea"];
static CHANNELS: &[&str] = &["slack", "webhook"];
/// What a channel can hear of.
static MERGES: &[&str] = &["here", "forge"];
static NOTICES: &[&str] = &[
    "incident.declared",
    "incident.escalated",
    "incident.resolved",
    "change.approved",
    "main.restored",
    "deployment.started",
    "deployment.held",
    "deployment.finished",
    "rollback.finished",
];
/// What the agent can look after, as `engine/reconcile` lists it.
pub static RECONCILERS: &[&str] = &["escalate", "deployments", "staging", "validate", "notify"];
/// Gates that a team may own.
static GATES: &[&str] = &["code-review", "security", "architecture", "compliance", "product", "operations"];
/// Tiers for which promises are made, and the default.
static PROMISES: &[&str] = &["default", "critical", "high", "medium", "low"];
/// How much a rule of one's own may matter.
static RULE_LEVELS: &[&str] = &["note", "warning", "error"];
/// What a rule of one's own may be about.
static SUBJECTS: &[&str] = &["service", "project", "change"];
static LEVELS: &[&str] = &["allow", "note", "warning", "error"];

pub(super) const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, required: true, doc }
}

pub(super) const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, required: false, doc }
}

pub(super) const fn closed(keys: &'static [Key]) -> Table {
    Table { keys }
}

pub(super) const TEXTS: Kind = Kind::List(&Kind::Text);
pub(super) const NAMES: Kind = Kind::List(&Kind::Name);
const HANDLES: Kind = Kind::List(&Kind::Handle);
const COUNT: Kind = Kind::Integer(0, 100_000);

/// `services/catalog.toml`.
pub static CATALOG: Table = closed(&[SERVICES]);
const SERVICES: Key = optional("service", Kind::Named(&SERVICE_NAMES), "Services by name");
static SERVICE_NAMES: Names = Names { name: Kind::Name, value: Kind::Table(&SERVICE) };

/// `[service.X]`.
pub static SERVICE: Table = closed(&[
    required("name", Kind::Name, "The service's name, equal to its key"),
    required("type", Kind::Word(SERVICE_TYPES), "Kind of service"),
    optional("owner", Kind::Handle, "Owning team; in a project its owner unless said"),
    optional("description", Kind::Text, "What it does"),
    optional("version", Kind::Version, "Version that should run; needed unless deprecated or retired"),
    optional("status", Kind::Word(LIFECYCLE), "Where it stands in its life; `ga` unless said"),
    optional("tier", Kind::Word(TIERS), "How much depends on it; the project's, else `medium`"),
    optional("compat_version_min", Kind::Version, "Oldest version that consumers may still rely on"),
    optional("compat_with", TEXTS, "Versions it is compatible with"),
    optional("deprecation_date", Kind::Date, "When it was or will be deprecated"),
    optional("sunset_date", Kind::Date, "When it will be gone"),
    optional("maintenance_date", Kind::Date, "Since when it is in maintenance"),
    optional("support_until", Kind::Date, "Last day of support; in maintenance at least 12 months of it"),
    optional("replacement_service", Kind::Name, "What takes its place"),
    optional("image", Kind::Text, "Container image without tag"),
    optional("port", Kind::Integer(1, 65_535), "Port it listens on"),
    optional("health_check", Kind::Text, "Path of the health check"),
    optional("sensitive", Kind::Boolean, "Needs the security gate"),
    optional("regulated", Kind::Boolean, "Needs the compliance gate"),
    optional("pattern", Kind::Text, "Pattern of services/patterns.toml"),
    optional("consumers", Kind::Table(&CONSUMERS), "Who uses it"),
    optional("governance", Kind::Table(&GOVERNANCE), "Who may change it"),
    optional("dependencies", Kind::Table(&DEPENDENCIES), "What it needs"),
    optional("migration", Kind::Table(&MIGRATION), "The way off it"),
    optional("notice", Kind::Table(&NOTICE), "The announcement of a breaking version that is to come"),
    optional("sla", Kind::Table(&SLA), "What was promised"),
    optional("deployment", Kind::Table(&DEPLOYMENT), "Where and how it runs"),
    optional("network", Kind::Table(&NETWORK), "Who reaches it, and whom it reaches"),
]);
static CONSUMERS: Table = closed(&[
    optional("projects", NAMES, "Projects that use it"),
    optional("required_by", NAMES, "Services that need it"),
]);
static GOVERNANCE: Table = closed(&[
    optional("approvers", HANDLES, "Teams that approve changes"),
    optional("change_log", Kind::Text, "Link to the change log"),
    optional("break_changes_notice", Kind::Integer(0, 3_650), "Days of notice before a breaking change"),
]);
static DEPENDENCIES: Table = closed(&[
    optional("requires", Kind::List(&Kind::Requirement), "Services it cannot work without"),
    optional("optional", Kind::List(&Kind::Requirement), "Services it can work without"),
    optional("accept_beta", NAMES, "Services in beta that it uses in production all the same"),
]);
static NOTICE: Table = closed(&[
    required("version", Kind::Version, "The version that will break"),
    required("date", Kind::Date, "When it was announced; notice runs from here"),
    optional("projects", NAMES, "Projects that were told"),
    optional("services", NAMES, "Services whose owners were told"),
]);
static MIGRATION: Table = closed(&[
    optional("guide_url", Kind::Text, "Link to the guide"),
    optional("support_until", Kind::Date, "Last day of support"),
    optional("migration_difficulty", Kind::Word(DIFFICULTIES), "How hard it is"),
    optional("estimated_effort_hours", Kind::Number, "Hours that one consumer needs"),
]);
static SLA: Table = closed(&[
    optional("availability", Kind::Percent, "Share of requests that must be good"),
    optional("response_time_p99", Kind::Duration, "Bound on the 99th percentile of the response time"),
    optional("error_rate", Kind::Percent, "Share of requests that may fail"),
    optional("window", Kind::Duration, "Over what time it is judged; 30 days unless said"),
    optional("break_handling", Kind::Word(BREAKS), "How breaking changes are handled"),
]);
static NETWORK: Table = closed(&[
    optional("ingress", TEXTS, "Who may reach it: names of services, and networks such as `10.0.0.0/8`"),
    optional("egress", TEXTS, "Whom it may reach, in the same way"),
]);
static DEPLOYMENT: Table = closed(&[
    optional("managed_by", Kind::Word(MANAGERS), "What brings it there; `deployment` unless said"),
    optional("workload", Kind::Name, "Deployment or Rollout; the service's name unless said"),
    optional("application", Kind::Name, "Argo CD Application; the service's name unless said"),
    optional("application_namespace", Kind::Name, "Namespace of the Application; `argocd` unless said"),
    optional(
        "environments",
        NAMES,
        "Where it runs; unless said, in all environments that its project's own allows",
    ),
    optional("replicas", COUNT, "How many pods"),
    optional("strategy", Kind::Word(STRATEGIES), "How a new version comes"),
    optional(
        "privileges",
        TEXTS,
        "`privileged`, `host-network`, `run-as-root`, or a capability such as `SYS_ADMIN`",
    ),
]);

/// `projects/*/services.toml`.
pub static PROJECT: Table = closed(&[
    optional(
        "project-specific",
        Kind::Named(&Names { name: Kind::Name, value: Kind::Table(&PROJECT_HEAD) }),
        "The project, by its folder's name",
    ),
    SERVICES,
]);
static PROJECT_HEAD: Table = closed(&[
    optional("name", Kind::Text, "Title for people"),
    optional(
        "environment",
        Kind::Name,
        "Its own environment; if that is not production, services that list none stay out of production",
    ),
    optional("tier", Kind::Word(TIERS), "Tier of its services unless they say otherwise"),
    optional("owner", Kind::Handle, "Owner of its services unless they say otherwise"),
]);

/// `projects/*/deployment.toml`.
pub static DEPLOYMENTS: Table = closed(&[
    optional(
        "environment",
        Kind::Named(&Names { name: Kind::Name, value: Kind::Table(&PROJECT_ENVIRONMENT) }),
        "Where the project runs",
    ),
    optional(
        "service",
        Kind::Named(&Names { name: Kind::Name, value: Kind::Table(&DEPLOYED) }),
        "Services by name",
    ),
    TESTS,
    ROLLOUT,
    ROLLBACK,
    WAVES,
]);
static PROJECT_ENVIRONMENT: Table =
    closed(&[optional("namespace", Kind::Name, "Namespace of the project's services")]);
static DEPLOYED: Table = closed(&[optional("deployment", Kind::Table(&DEPLOYMENT), "Where and how it runs")]);

/// `projects/*/monitoring.toml`.
pub static MONITORING: Table = closed(&[
    optional(
        "monitoring",
        Kind::Named(&Names { name: Kind::Name, value: Kind::Table(&MONITORED_PROJECT) }),
        "The project, by its folder's name",
    ),
    optional(
        "service",
        Kind::Named(&Names { name: Kind::Name, value: Kind::Table(&MONITORED) }),
        "Services by name",
    ),
]);
static MONITORED_PROJECT: Table =
    closed(&[optional("level", Kind::Word(TIERS), "How closely it is watched"), HISTOGRAM_BUCKETS]);
/// Bounds of the histogram that quantiles are read from.
const HISTOGRAM_BUCKETS: Key = optional(
    "histogram_buckets",
    Kind::List(&Kind::Duration),
    "Bounds of the response-time histogram; a quantile beyond the last one cannot be told",
);
static MONITORED: Table = closed(&[
    optional("metrics", Kind::Table(&METRICS), "Thresholds"),
    optional("alerts", Kind::Table(&ALERTS), "Channels by severity"),
]);
static METRICS: Table = closed(&[
    optional("availability_threshold", Kind::Percent, "Least availability"),
    optional("availability_check_interval", Kind::Duration, "Time between two checks"),
    optional("response_time_p50", Kind::Duration, "Most 50th percentile of the response time"),
    optional("response_time_p95", Kind::Duration, "Most 95th percentile of the response time"),
    optional("response_time_p99", Kind::Duration, "Most 99th percentile of the response time"),
    optional("error_rate_threshold", Kind::Percent, "Most errors, in per cent"),
    HISTOGRAM_BUCKETS,
    optional("error_type_alerts", TEXTS, "Kinds of error that alert"),
    optional("active_users_threshold", Kind::Number, "Least active users"),
    optional("transaction_success_rate", Kind::Percent, "Least successful transactions"),
    optional("cpu_threshold", Kind::Percent, "Most of the CPU limit"),
    optional("memory_threshold", Kind::Percent, "Most of the memory limit"),
    optional("disk_threshold", Kind::Percent, "Most of the disk"),
]);
static ALERTS: Table = closed(&[
    optional("critical", TEXTS, "Channels for critical alerts"),
    optional("high", TEXTS, "Channels for high alerts"),
    optional("warning", TEXTS, "Channels for warnings"),
    optional("info", TEXTS, "Channels for information"),
    optional("escalation", Kind::Table(&ALERT_ESCALATION), "What happens without an answer"),
]);
static ALERT_ESCALATION: Table = closed(&[
    optional("time_to_escalate", Kind::Duration, "Time without an answer until it escalates"),
    optional("escalate_to", TEXTS, "Whom then"),
    optional("page_if", Kind::Word(SEVERITIES), "From which severity a person is paged"),
]);

/// `services/versions.toml`.
pub static VERSIONS: Table = closed(&[optional(
    "version",
    Kind::Named(&Names { name: Kind::Name, value: Kind::Table(&VERSION) }),
    "Versions by service",
)]);
static VERSION: Table = closed(&[
    required("current", Kind::Version, "The version that is released"),
    optional("previous", Kind::List(&Kind::Version), "Versions before, newest first"),
    optional("released", Kind::Date, "When the current one was released"),
    optional("digest", Kind::Text, "Digest of its image"),
    optional(
        "data_migration",
        Kind::Text,
        "What it did to the data that the version before cannot read; a rollback warns of it",
    ),
]);

/// `services/patterns.toml`.
pub static PATTERNS: Table = closed(&[optional(
    "pattern",
    Kind::Named(&Names { name: Kind::Text, value: Kind::Table(&PATTERN) }),
    "Patterns by name",
)]);
static PATTERN: Table = closed(&[
    optional("description", Kind::Text, "What it is for"),
    optional("replicas", COUNT, "How many pods"),
    optional("strategy", Kind::Word(STRATEGIES), "How a new version comes"),
    optional("cpu", Kind::Text, "CPU request, such as `250m`"),
    optional("memory", Kind::Text, "Memory request, such as `256Mi`"),
    optional("canary_steps", Kind::List(&Kind::Integer(0, 100)), "Per cent of traffic, step by step"),
]);

/// `policies/teams.toml`.
pub static TEAMS: Table = closed(&[
    optional(
        "person",
        Kind::Named(&Names { name: Kind::Handle, value: Kind::Table(&PERSON) }),
        "People by handle",
    ),
    optional(
        "team",
        Kind::Named(&Names { name: Kind::Handle, value: Kind::Table(&TEAM) }),
        "Teams by handle",
    ),
]);
static PERSON: Table = closed(&[
    optional("name", Kind::Text, "Full name"),
    optional(
        "kind",
        Kind::Word(PERSONS),
        "`agent` for an unattended program, which approves nothing; `human` unless said",
    ),
    optional("email", Kind::Text, "E-mail address; recognises the author of a commit"),
    optional("emails", TEXTS, "Several e-mail addresses"),
    optional("chat", Kind::Text, "Where to write to"),
    optional("phone", Kind::Text, "Where to call"),
]);
static TEAM: Table = closed(&[
    optional("description", Kind::Text, "What the team is for"),
    optional("members", HANDLES, "Its people"),
    optional("lead", Kind::Handle, "Who leads it"),
    optional("channel", Kind::Text, "Its channel, such as `slack#platform`"),
    optional("rotation", Kind::Table(&ROTATION), "Who is on call when"),
]);
static ROTATION: Table = closed(&[
    required("members", HANDLES, "The order of the shifts"),
    required("start", Kind::Moment, "Local start of the first member's first shift"),
    required("time_zone", Kind::TimeZone, "Where that local time is"),
    required("shift", Kind::Duration, "Length of a shift"),
]);

/// `policies/escalation.toml`.
pub static ESCALATION: Table = closed(&[
    optional("on_call", Kind::Handle, "The team whose rotation is the on-call"),
    optional(
        "severity",
        Kind::Named(&Names { name: Kind::Word(SEVERITIES), value: Kind::Table(&SEVERITY) }),
        "The matrix by severity",
    ),
    optional("level", Kind::Tables(&LEVEL), "Whom each level calls, the first level first"),
]);
static SEVERITY: Table = closed(&[
    required("response", Kind::Duration, "Time until somebody must have acknowledged"),
    optional("escalation", Kind::Duration, "Time until it escalates while unresolved; never unless said"),
    optional("notification", Kind::Text, "What is done, in words"),
    optional("channels", TEXTS, "Channels that hear of it"),
]);
static LEVEL: Table = closed(&[
    optional("after_escalations", COUNT, "After how many escalations this level is called"),
    required("notify", TEXTS, "Whom it calls: `@on-call`, `@team`, `@team-lead`, `@person`, a channel"),
]);

/// `policies/calendar.toml`.
pub static CALENDAR: Table = closed(&[
    optional("freeze", Kind::Tables(&FREEZE), "Times without deployments"),
    optional("window", Kind::Tables(&WINDOW), "Times for deployments"),
]);
static FREEZE: Table = closed(&[
    required("name", Kind::Text, "What it is called"),
    optional("start", Kind::Instant, "When it begins"),
    optional("end", Kind::Instant, "When it ends"),
    optional("rrule", Kind::Text, "When it recurs (RFC 5545)"),
    optional("duration", Kind::Duration, "How long a recurrence lasts"),
    optional("environments", NAMES, "Where it holds; everywhere unless said"),
    optional("projects", NAMES, "For which projects; all unless said"),
    optional("reason", Kind::Text, "Why"),
]);
static WINDOW: Table = closed(&[
    required("name", Kind::Text, "What it is called"),
    required("rrule", Kind::Text, "When it recurs (RFC 5545)"),
    required("duration", Kind::Duration, "How long it lasts"),
    optional("environments", NAMES, "Where it holds; everywhere unless said"),
    optional("projects", NAMES, "For which projects; all unless said"),
]);

/// `policies/sla.toml`.
pub static SLA_POLICY: Table = closed(&[
    optional(
        "sla",
        Kind::Named(&Names { name: Kind::Word(PROMISES), value: Kind::Table(&SLA) }),
        "Promises by tier, and the default",
    ),
    optional("recovery", Kind::Table(&RECOVERY), "Recovery after a disaster"),
]);
static RECOVERY: Table = closed(&[
    optional("rto", Kind::Duration, "Time until it works again"),
    optional("rpo", Kind::Duration, "Time whose data may be lost"),
    optional("backup_test", Kind::Duration, "Time between two restore drills"),
]);

/// `policies/security.toml`.
pub static SECURITY: Table = closed(&[
    optional("allowed_registries", TEXTS, "Registries that images may come from"),
    optional("forbidden_ports", Kind::List(&Kind::Integer(1, 65_535)), "Ports nobody may listen on"),
    optional("forbidden_privileges", TEXTS, "Privileges nobody may have"),
    optional("mutable_tags", TEXTS, "Image tags that come to mean another image; `latest` unless said"),
    optional(
        "require_network_policy",
        Kind::Boolean,
        "Whether sensitive and critical services need `network`",
    ),
    optional("require_digest", Kind::Boolean, "Whether sensitive and critical services need a digest"),
    optional("ledger", Kind::Table(&LEDGER), "The ledger"),
    GATE_OWNERS,
    EXEMPTIONS,
    CUSTOM_RULES,
]);

static LEDGER: Table = closed(&[optional(
    "signatures",
    Kind::Word(&["required", "optional"]),
    "Whether every event must be signed by its author; `optional` unless said",
)]);

/// `policies/compliance.toml`.
pub static COMPLIANCE: Table = closed(&[
    optional(
        "framework",
        Kind::Named(&Names { name: Kind::Text, value: Kind::Table(&FRAMEWORK) }),
        "Frameworks by name",
    ),
    GATE_OWNERS,
    EXEMPTIONS,
    CUSTOM_RULES,
]);
const GATE_OWNERS: Key = optional("gate", Kind::Named(&GATE_NAMES), "Who opens a gate");
static GATE_NAMES: Names = Names { name: Kind::Word(GATES), value: Kind::Table(&GATE) };
static GATE: Table = closed(&[required("team", Kind::Handle, "The team whose members may approve")]);
const CUSTOM_RULES: Key = optional("rule", Kind::Tables(&CUSTOM_RULE), "Rules of one's own");
static CUSTOM_RULE: Table = closed(&[
    required("name", Kind::Text, "What it is called"),
    required("rule", Kind::Text, "What must hold, in CEL"),
    optional("message", Kind::Text, "What is said when it does not hold"),
    SEVERITY_OF_RULE,
    optional("applies_to", Kind::Word(SUBJECTS), "What it is about; `service` unless said"),
]);
const SEVERITY_OF_RULE: Key =
    optional("severity", Kind::Word(RULE_LEVELS), "How much it matters; `error` unless said");
static FRAMEWORK: Table = closed(&[
    optional("description", Kind::Text, "What it is about"),
    optional("applies_to", Kind::Text, "Which services it speaks of, in CEL; all unless said"),
    optional("control", Kind::Tables(&CONTROL), "What it demands of them"),
]);
static CONTROL: Table = closed(&[
    required("id", Kind::Text, "What the framework calls it"),
    required("rule", Kind::Text, "What must hold, in CEL"),
    optional("message", Kind::Text, "What is said when it does not hold"),
    SEVERITY_OF_RULE,
]);
const EXEMPTIONS: Key =
    optional("exemption", Kind::Tables(&EXEMPTION), "Findings that are accepted for a time");
static EXEMPTION: Table = closed(&[
    required("rule", Kind::Text, "Code of the rule, such as `QD506`"),
    optional(
        "subject",
        Kind::Text,
        "What the finding is about: a name in its message, or the path of its file",
    ),
    required("reason", Kind::Text, "Why it is accepted"),
    required(
        "approver",
        Kind::Handle,
        "The person who accepted it, of the team of the security or compliance gate",
    ),
    required("expires", Kind::Date, "The last day on which it holds, at most 180 days ahead"),
]);

/// `quarterdeck.toml`.
pub static SETTINGS: Table = closed(&[
    optional("name", Kind::Text, "The platform's name"),
    optional("repository", Kind::Table(&REPOSITORY), "Remote, branches and tags"),
    optional(
        "environment",
        Kind::Named(&Names { name: Kind::Name, value: Kind::Table(&ENVIRONMENT) }),
        "Environments in the order in which they are shown",
    ),
    optional("metrics", Kind::Table(&METRICS_BACKENDS), "Where metrics come from"),
    optional("alertmanager", Kind::Table(&ALERTMANAGER), "Where alerts come from"),
    optional("forge", Kind::Table(&FORGE), "Where pull and merge requests are"),
    optional(
        "notify",
        Kind::Named(&Names { name: Kind::Name, value: Kind::Table(&NOTIFY) }),
        "Channels outside of the console that are told what happens",
    ),
    optional(
        "preset",
        Kind::Named(&Names { name: Kind::Text, value: Kind::Table(&PRESET) }),
        "Named filters",
    ),
    optional("limits", Kind::Table(&LIMITS), "What one change may do at most"),
    optional("changes", Kind::Table(&CHANGES), "How changes reach the main branch"),
    optional("agent", Kind::Table(&AGENT), "What is done while nobody watches (docs/AGENT.md)"),
    optional(
        "delivery",
        Kind::Table(&DELIVERY),
        "How services are deployed, unless a project says otherwise",
    ),
    optional("registry", Kind::Table(&REGISTRY), "Where images are"),
    optional(
        "rules",
        Kind::Named(&Names { name: Kind::Text, value: Kind::Word(LEVELS) }),
        "Level by rule code",
    ),
]);
static LIMITS: Table = closed(&[optional(
    "mass_deletion",
    Kind::Percent,
    "Share of the services that one change may remove; 10% unless said",
)]);
static CHANGES: Table = closed(&[
    optional("merge", Kind::Word(MERGES), "Who merges a change that has a request: `here` unless said"),
    optional("direct_revert", Kind::Boolean, "A change may be taken back without a proposal; no unless said"),
]);
static AGENT: Table = closed(&[
    optional("run", Kind::List(&Kind::Word(RECONCILERS)), "What it looks after; everything unless said"),
    optional("restore", Kind::Boolean, "It brings a broken main branch back without asking; no unless said"),
    optional("lease", Kind::Table(&LEASE), "Where agents agree who leads; a lock of the clone unless said"),
]);
static LEASE: Table = closed(&[
    required("context", Kind::Text, "Context in the kubeconfig"),
    optional("namespace", Kind::Name, "Namespace of the Lease; `default` unless said"),
    optional("name", Kind::Name, "Its name; `quarterdeck-agent` unless said"),
    optional("duration", Kind::Duration, "How long it holds without being renewed; 15 seconds unless said"),
]);
static REPOSITORY: Table = closed(&[
    optional("remote", Kind::Text, "Git remote that is the truth; `origin` unless said"),
    optional("main", Kind::Text, "Its main branch; `main` unless said"),
    optional("changes", Kind::Text, "Branch pattern of changes with one `*`; `change/*` unless said"),
    optional("tags", Kind::Text, "Tag pattern; `<service>-v<version>` unless said"),
]);
static ENVIRONMENT: Table = closed(&[
    required("context", Kind::Text, "Context in the kubeconfig"),
    optional("namespace", Kind::Name, "Namespace of services outside any project; `default` unless said"),
    optional("production", Kind::Boolean, "Marked everywhere; confirmations need the name typed"),
    optional("read_only", Kind::Boolean, "Nothing may be changed there"),
]);
static METRICS_BACKENDS: Table =
    closed(&[optional("scrape", Kind::Table(&SCRAPE), "Reading /metrics of the services themselves")]);
static SCRAPE: Table = closed(&[
    required("url", Kind::Text, "Address with {environment}, {namespace} and {service}"),
    optional("interval", Kind::Duration, "Time between two scrapes; 15 seconds unless said"),
    optional("timeout", Kind::Duration, "How long one may take; 5 seconds unless said"),
]);
static ALERTMANAGER: Table = closed(&[required("url", Kind::Text, "Base address of Alertmanager")]);
static FORGE: Table = closed(&[
    required("kind", Kind::Word(FORGES), "Which forge it is; `gitea` also for Forgejo"),
    required("repository", Kind::Text, "This repository on it, as `owner/name`"),
    optional("url", Kind::Text, "Its address (docs/FORGES.md); needed for gitea"),
    optional("token_env", Kind::Text, "Environment variable that holds the token"),
    optional("token_file", Kind::Text, "File that holds the token"),
    optional(
        "review",
        Kind::Boolean,
        "Whether approvals in the ledger are also given on the forge; `false` unless said",
    ),
    optional(
        "projects",
        Kind::Named(&Names { name: Kind::Name, value: Kind::Text }),
        "Repository of a project on the forge, as `owner/name`; an issue there tells of what breaks it",
    ),
]);
static NOTIFY: Table = closed(&[
    required("kind", Kind::Word(CHANNELS), "How it wants its messages"),
    optional("url", Kind::Text, "Its address, where that is no secret"),
    optional("url_env", Kind::Text, "Environment variable that holds the address"),
    optional("url_file", Kind::Text, "File that holds the address"),
    optional("secret_env", Kind::Text, "Environment variable with what signs the messages of a webhook"),
    optional("secret_file", Kind::Text, "File with what signs the messages of a webhook"),
    required("on", Kind::List(&Kind::Word(NOTICES)), "What it is told"),
    optional("severity", Kind::Word(SEVERITIES), "Least severity of what it is told; any unless said"),
]);
static PRESET: Table = closed(&[required("filter", Kind::Text, "The filter")]);
