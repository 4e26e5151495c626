//! `services/catalog.toml` and the files below `projects/`: services, and what is joined onto them.

use super::{
    delivery::read_delivery,
    part::{Content, Overlay},
    shape,
    sink::Sink,
    view::{View, span},
};
use crate::domain::{
    catalog::{
        AlertRouting, Deployment, Governance, ManagedBy, MetricThresholds, Migration, Network, Notice,
        Places, Project, Service, Sla, Tier, UNKNOWN_STATUS,
    },
    deployment::parameters::Delivery,
    finding::{Label, SourceFile, Span},
    lifecycle::Lifecycle,
    name::{EnvironmentName, ProjectName, ServiceName, TeamName},
    rules::reading,
    text::{clean, nearest},
};
use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

/// What is known of services and projects while the files are joined one after the other.
#[derive(Debug, Default)]
pub struct Estate {
    /// Projects by name.
    pub projects: BTreeMap<ProjectName, Project>,
    /// Where the owner of a project is named.
    pub places: BTreeMap<String, Span>,
    /// Services in the order in which they come.
    services: Vec<Joining>,
    /// Where they are, by name: a sorted tree of ten thousand names costs more to fill than all else here.
    index: HashMap<ServiceName, usize>,
}

/// A service while it is joined.
#[derive(Debug, Clone)]
pub struct Joining {
    /// Its definition.
    pub definition: Arc<Service>,
    /// What is laid over it, in order.
    pub overlays: Vec<Arc<Overlay>>,
}

impl Joining {
    /// Whether it was joined from the very same parts.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.definition, &other.definition)
            && self.overlays.len() == other.overlays.len()
            && self.overlays.iter().zip(&other.overlays).all(|(one, two)| Arc::ptr_eq(one, two))
    }

    /// The service with all that is laid over it.
    pub fn service(&self) -> Arc<Service> {
        if self.overlays.is_empty() {
            return Arc::clone(&self.definition);
        }
        let mut service = Service::clone(&self.definition);
        for overlay in &self.overlays {
            overlay.apply(&mut service);
        }
        Arc::new(service)
    }
}

impl Estate {
    /// All services in the order of their names. Those of a file mostly come in order, which makes sorting easy.
    pub fn into_services(self) -> Vec<Joining> {
        let mut services = self.services;
        services.sort_by(|one, other| one.definition.name.cmp(&other.definition.name));
        services
    }

    /// Adds what a file says.
    pub fn join(&mut self, content: &Content, files: &[Arc<SourceFile>], sink: &mut Sink) {
        match content {
            Content::Services { project, places, services } => {
                if let Some(project) = project {
                    self.projects.insert(project.name.clone(), Project::clone(project));
                }
                self.places.extend(places.iter().map(|(path, span)| (path.clone(), span.clone())));
                for service in services {
                    self.define(service, files, sink);
                }
            }
            Content::Overlays {
                project,
                namespaces,
                monitoring_level,
                histogram_buckets,
                delivery,
                services,
            } => {
                let project =
                    self.projects.entry(project.clone()).or_insert_with(|| empty(project, sink.index));
                project.namespaces.extend(namespaces.iter().map(|(name, own)| (name.clone(), own.clone())));
                if monitoring_level.is_some() {
                    project.monitoring_level.clone_from(monitoring_level);
                }
                if !histogram_buckets.is_empty() {
                    project.histogram_buckets.clone_from(histogram_buckets);
                }
                if let Some(delivery) = delivery {
                    project.delivery = (**delivery).clone();
                }
                let own = project.name.clone();
                for (name, at, overlay) in services {
                    self.lay(&own, name, at, overlay, sink);
                }
            }
            Content::Text => {}
        }
    }

    /// Adds a service, or a finding that there is one of its name.
    fn define(&mut self, service: &Arc<Service>, files: &[Arc<SourceFile>], sink: &mut Sink) {
        let first = match self.index.entry(service.name.clone()) {
            Entry::Occupied(first) => &self.services[*first.get()].definition,
            Entry::Vacant(place) => {
                place.insert(self.services.len());
                self.services.push(Joining { definition: Arc::clone(service), overlays: Vec::new() });
                return;
            }
        };
        let range = service.span.start as usize..service.span.end as usize;
        let mut finding = reading::DUPLICATE_SERVICE
            .finding(format!("`{}` is defined twice", service.name))
            .at(sink.label(&range, "defined again here, and not used"));
        if let Some(file) = files.get(first.span.file as usize) {
            finding = finding.at(Label {
                file: Arc::clone(file),
                start: first.span.start as usize,
                end: first.span.end as usize,
                text: "first defined here".to_owned(),
            });
        }
        sink.push(finding.help("keep one of the two definitions"));
    }

    /// Lays what a project says over a service, or adds a finding that there is none of this name, or that it is
    /// another project's.
    fn lay(
        &mut self,
        project: &ProjectName,
        name: &ServiceName,
        at: &Span,
        overlay: &Arc<Overlay>,
        sink: &mut Sink,
    ) {
        if let Some(joining) = self.index.get(name).and_then(|place| self.services.get_mut(*place)) {
            // What all projects share may be watched by each; what is another project's is its own affair.
            if let Some(other) = joining.definition.project.as_ref().filter(|other| *other != project) {
                let range = at.start as usize..at.end as usize;
                let message = format!("`{name}` belongs to the project `{other}`, not to `{project}`");
                let help = format!("move the table to projects/{other}/");
                sink.report(&reading::NAME_MISMATCH, &range, message, Some(help));
                return;
            }
            joining.overlays.push(Arc::clone(overlay));
            return;
        }
        let range = at.start as usize..at.end as usize;
        let meant = nearest(name.as_str(), self.services.iter().map(|known| known.definition.name.as_str()));
        let help = meant.map_or_else(
            || "define it in services/catalog.toml or in the project's services.toml".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        let message = format!("no file defines the service `{name}`");
        sink.report(&reading::UNKNOWN_SERVICE, &range, message, Some(help));
    }
}

/// A project of which nothing but its folder is known.
fn empty(name: &ProjectName, file: u32) -> Project {
    Project {
        name: name.clone(),
        title: None,
        environment: None,
        tier: None,
        owner: None,
        namespaces: BTreeMap::new(),
        monitoring_level: None,
        histogram_buckets: Vec::new(),
        delivery: Delivery::default(),
        span: span(file, &(0..0)),
    }
}

/// Reads `services/catalog.toml`.
pub fn read_catalog(top: View<'_, '_>, sink: &mut Sink) -> Content {
    Content::Services { project: None, places: BTreeMap::new(), services: read_services(top, None, sink) }
}

/// Reads `projects/<folder>/services.toml`.
pub fn read_project(top: View<'_, '_>, folder: &str, sink: &mut Sink) -> Content {
    check_folder(folder, sink);
    let mut own = None;
    for (key, at, view) in top.named("project-specific") {
        if key == folder {
            own = Some((at, view));
        } else {
            let message =
                format!("`[project-specific.{}]` stands in the folder of `{}`", clean(key), clean(folder));
            let help = format!("call it `[project-specific.{}]`, or move the file", clean(folder));
            let range = at.start as usize..at.end as usize;
            sink.report(&reading::NAME_MISMATCH, &range, message, Some(help));
        }
    }
    if own.is_none() && top.named("project-specific").is_empty() {
        let message = format!("the project `{}` has no table of its own", clean(folder));
        let help = format!("begin the file with `[project-specific.{}]`", clean(folder));
        sink.report(&reading::MISSING_KEY, &(0..0), message, Some(help));
    }
    let mut project = empty(&ProjectName::from(folder), top.file);
    let mut places = BTreeMap::new();
    if let Some((at, view)) = own {
        project.title = view.owned("name");
        project.environment = view.text("environment").map(EnvironmentName::from);
        project.tier = view.text("tier").and_then(Tier::parse);
        project.owner = view.handle("owner").map(TeamName::from);
        project.span = at;
        for key in ["owner", "environment"] {
            if let Some(at) = view.span(key) {
                places.insert(format!("{key}.{folder}"), at);
            }
        }
    }
    let services = read_services(top, Some(&project), sink);
    Content::Services { project: Some(Box::new(project)), places, services }
}

/// A project is its folder, and its folder's name becomes a namespace.
fn check_folder(folder: &str, sink: &mut Sink) {
    if let Err(shape::Refusal::Name(message, help)) = shape::name(folder) {
        sink.report(&reading::INVALID_NAME, &(0..0), format!("the project's folder: {message}"), help);
    }
}

fn read_services(top: View<'_, '_>, project: Option<&Project>, sink: &mut Sink) -> Vec<Arc<Service>> {
    top.named("service")
        .into_iter()
        .map(|(key, at, view)| Arc::new(read_service(key, at, view, project, sink)))
        .collect()
}

fn read_service(
    key: &str,
    at: Span,
    view: View<'_, '_>,
    project: Option<&Project>,
    sink: &mut Sink,
) -> Service {
    let table = at.start as usize..at.end as usize;
    let mut spans = Places::default();
    let mut remember = |view: &View<'_, '_>, key: &'static str, name: &'static str| {
        if let Some(span) = view.span(key) {
            spans.insert(name, span);
        }
    };
    for name in [
        "owner",
        "type",
        "tier",
        "version",
        "compat_version_min",
        "replacement_service",
        "deprecation_date",
        "sunset_date",
        "maintenance_date",
        "support_until",
        "pattern",
        "port",
        "image",
        "regulated",
    ] {
        remember(&view, name, name);
    }
    // A word that is no state says nothing of the state.
    let is_state = view.text("status").and_then(Lifecycle::parse).is_some();
    remember(&view, "status", if is_state { "status" } else { UNKNOWN_STATUS });
    let consumers = view.table("consumers");
    if let Some(consumers) = &consumers {
        remember(consumers, "projects", "consumers.projects");
        remember(consumers, "required_by", "consumers.required_by");
    }
    let governance = view.table("governance");
    if let Some(governance) = &governance {
        remember(governance, "approvers", "governance.approvers");
        remember(governance, "change_log", "governance.change_log");
        remember(governance, "break_changes_notice", "governance.break_changes_notice");
    }
    if let Some(needs) = &view.table("dependencies") {
        remember(needs, "accept_beta", "dependencies.accept_beta");
    }
    let deployment = view.table("deployment");
    if let Some(deployment) = &deployment {
        remember(deployment, "environments", "deployment.environments");
        remember(deployment, "privileges", "deployment.privileges");
    }
    let network = view.table("network");
    if let Some(network) = &network {
        remember(network, "ingress", "network.ingress");
        remember(network, "egress", "network.egress");
    }
    let notice = view.table("notice");
    if let Some(notice) = &notice {
        for (key, name) in [
            ("version", "notice.version"),
            ("date", "notice.date"),
            ("projects", "notice.projects"),
            ("services", "notice.services"),
        ] {
            remember(notice, key, name);
        }
    }
    if let Some(sla) = &view.table("sla") {
        remember(sla, "availability", "sla.availability");
        remember(sla, "response_time_p99", "sla.response_time_p99");
        remember(sla, "error_rate", "sla.error_rate");
    }

    spans.close();

    if let Some(name) = view.text("name").filter(|name| *name != key)
        && let Some(span) = view.span("name")
    {
        let message = format!("the service `{key}` calls itself `{}`", clean(name));
        let range = span.start as usize..span.end as usize;
        sink.report(&reading::NAME_MISMATCH, &range, message, Some(format!("write `name = \"{key}\"`")));
    }
    let status = view.text("status").and_then(Lifecycle::parse).unwrap_or_default();
    let declares = |key: &str| view.table.contains_key(key);
    if !matches!(status, Lifecycle::Deprecated | Lifecycle::Retired) && !declares("version") {
        let message = format!("service `{key}` has no `version`");
        let help = "add `version = …`, a version such as \"1.4.0\"";
        sink.report(&reading::MISSING_KEY, &table, message, Some(help.to_owned()));
    }
    if project.is_none() && !declares("owner") {
        let message = format!("service `{key}` has no `owner`");
        let help = "add `owner = …`, a team of policies/teams.toml: a shared service needs one";
        sink.report(&reading::MISSING_KEY, &table, message, Some(help.to_owned()));
    }

    let needs = view.table("dependencies");
    let mut dependencies = needs.map_or_else(Vec::new, |needs| needs.dependencies("requires", false));
    dependencies.extend(needs.map_or_else(Vec::new, |needs| needs.dependencies("optional", true)));
    Service {
        name: ServiceName::from(key),
        kind: view.owned("type").unwrap_or_else(|| "microservice".to_owned()),
        owner: view.handle("owner").map(TeamName::from).or_else(|| project?.owner.clone()),
        description: view.owned("description"),
        version: view.version("version"),
        status,
        tier: view.text("tier").and_then(Tier::parse).or_else(|| project?.tier).unwrap_or_default(),
        project: project.map(|project| project.name.clone()),
        compat_version_min: view.version("compat_version_min"),
        compat_with: view.list("compat_with"),
        deprecation_date: view.date("deprecation_date"),
        sunset_date: view.date("sunset_date"),
        maintenance_date: view.date("maintenance_date"),
        support_until: view.date("support_until"),
        replacement_service: view.text("replacement_service").map(ServiceName::from),
        image: view.owned("image"),
        port: view.integer("port"),
        health_check: view.owned("health_check"),
        sensitive: view.boolean("sensitive").unwrap_or_default(),
        regulated: view.boolean("regulated").unwrap_or_default(),
        pattern: view.owned("pattern"),
        consumer_projects: consumers.map_or_else(Vec::new, |consumers| consumers.list("projects")),
        required_by: consumers.map_or_else(Vec::new, |consumers| consumers.list("required_by")),
        dependencies,
        accept_beta: needs.map_or_else(Vec::new, |needs| needs.list("accept_beta")),
        governance: governance.map_or_else(Governance::default, |governance| Governance {
            approvers: governance.handles("approvers"),
            change_log: governance.owned("change_log"),
            break_changes_notice: governance.integer("break_changes_notice"),
        }),
        sla: view.table("sla").map(read_sla),
        migration: view.table("migration").map(|migration| {
            Box::new(Migration {
                guide_url: migration.owned("guide_url"),
                support_until: migration.date("support_until"),
                migration_difficulty: migration.owned("migration_difficulty"),
                estimated_effort_hours: migration.number("estimated_effort_hours"),
            })
        }),
        notice: notice.map(|notice| {
            Box::new(Notice {
                version: notice.version("version"),
                date: notice.date("date"),
                projects: notice.list("projects"),
                services: notice.list("services"),
            })
        }),
        deployment: deployment.map_or_else(Deployment::default, read_deployment),
        network: network.map(|network| {
            Box::new(Network {
                ingress: network.table.contains_key("ingress").then(|| network.list("ingress")),
                egress: network.table.contains_key("egress").then(|| network.list("egress")),
            })
        }),
        metrics: None,
        alerts: None,
        span: at,
        spans,
    }
}

/// A table of promises.
pub fn read_sla(view: View<'_, '_>) -> Sla {
    Sla {
        availability: view.percent("availability"),
        response_time_p99: view.duration("response_time_p99"),
        error_rate: view.percent("error_rate"),
        window: view.duration("window"),
        break_handling: view.owned("break_handling"),
    }
}

fn read_deployment(view: View<'_, '_>) -> Deployment {
    Deployment {
        managed_by: view.text("managed_by").and_then(ManagedBy::parse).unwrap_or_default(),
        workload: view.owned("workload"),
        application: view.owned("application"),
        application_namespace: view.owned("application_namespace"),
        environments: view.table.contains_key("environments").then(|| view.list("environments")),
        replicas: view.integer("replicas"),
        strategy: view.owned("strategy"),
        privileges: view.list("privileges"),
    }
}

/// Reads `projects/<folder>/deployment.toml`.
pub fn read_deployments(top: View<'_, '_>, folder: &str) -> Content {
    let namespaces = top
        .named("environment")
        .into_iter()
        .filter_map(|(name, _, view)| Some((EnvironmentName::from(name), view.owned("namespace")?)))
        .collect();
    let services = top.named("service").into_iter().map(|(name, at, view)| {
        let mut overlay = Overlay::default();
        if let Some(deployment) = view.table("deployment") {
            overlay.deployment = Some(read_deployment(deployment));
            for (key, name) in
                [("environments", "deployment.environments"), ("privileges", "deployment.privileges")]
            {
                overlay.spans.extend(deployment.span(key).map(|span| (name, span)));
            }
        }
        (ServiceName::from(name), at, Arc::new(overlay))
    });
    Content::Overlays {
        project: ProjectName::from(folder),
        namespaces,
        monitoring_level: None,
        histogram_buckets: Vec::new(),
        delivery: Some(Box::new(read_delivery(top))),
        services: services.collect(),
    }
}

/// Reads `projects/<folder>/monitoring.toml`.
pub fn read_monitoring(top: View<'_, '_>, folder: &str, sink: &mut Sink) -> Content {
    let mut monitoring_level = None;
    let mut histogram_buckets = Vec::new();
    for (key, at, view) in top.named("monitoring") {
        if key == folder {
            monitoring_level = view.owned("level");
            histogram_buckets = view.durations("histogram_buckets");
        } else {
            let message =
                format!("`[monitoring.{}]` stands in the folder of `{}`", clean(key), clean(folder));
            let range = at.start as usize..at.end as usize;
            let help = format!("call it `[monitoring.{}]`, or move the file", clean(folder));
            sink.report(&reading::NAME_MISMATCH, &range, message, Some(help));
        }
    }
    let services = top
        .named("service")
        .into_iter()
        .map(|(name, at, view)| (ServiceName::from(name), at, Arc::new(read_monitored(view))));
    Content::Overlays {
        project: ProjectName::from(folder),
        namespaces: BTreeMap::new(),
        monitoring_level,
        histogram_buckets,
        delivery: None,
        services: services.collect(),
    }
}

/// Keys of `metrics` whose places rules point at.
const METRIC_PLACES: &[(&str, &str)] = &[
    ("availability_threshold", "metrics.availability_threshold"),
    ("response_time_p50", "metrics.response_time_p50"),
    ("response_time_p95", "metrics.response_time_p95"),
    ("response_time_p99", "metrics.response_time_p99"),
    ("error_rate_threshold", "metrics.error_rate_threshold"),
    ("histogram_buckets", "metrics.histogram_buckets"),
    ("error_type_alerts", "metrics.error_type_alerts"),
];

fn read_monitored(view: View<'_, '_>) -> Overlay {
    let mut overlay = Overlay::default();
    if let Some(metrics) = view.table("metrics") {
        for (key, name) in METRIC_PLACES {
            overlay.spans.extend(metrics.span(key).map(|span| (*name, span)));
        }
        overlay.metrics = Some(MetricThresholds {
            availability: metrics.percent("availability_threshold"),
            response_time_p50: metrics.duration("response_time_p50"),
            response_time_p95: metrics.duration("response_time_p95"),
            response_time_p99: metrics.duration("response_time_p99"),
            error_rate: metrics.percent("error_rate_threshold"),
            histogram_buckets: metrics.durations("histogram_buckets"),
            error_type_alerts: metrics.list("error_type_alerts"),
        });
    }
    if let Some(alerts) = view.table("alerts") {
        overlay.spans.extend(view.span("alerts").map(|span| ("alerts", span)));
        for (key, name) in [
            ("critical", "alerts.critical"),
            ("high", "alerts.high"),
            ("warning", "alerts.warning"),
            ("info", "alerts.info"),
        ] {
            overlay.spans.extend(alerts.span(key).map(|span| (name, span)));
        }
        let escalation = alerts.table("escalation");
        if let Some(span) = escalation.and_then(|escalation| escalation.span("escalate_to")) {
            overlay.spans.insert("alerts.escalation.escalate_to", span);
        }
        overlay.alerts = Some(AlertRouting {
            channels: ["critical", "high", "warning", "info"]
                .into_iter()
                .filter(|severity| alerts.table.contains_key(*severity))
                .map(|severity| (severity.to_owned(), alerts.list(severity)))
                .collect(),
            time_to_escalate: escalation.and_then(|view| view.duration("time_to_escalate")),
            escalate_to: escalation.map_or_else(Vec::new, |view| view.list("escalate_to")),
            page_if: escalation.and_then(|view| view.owned("page_if")),
        });
    }
    overlay
}
