//! `services/catalog.toml` and the files below `projects/`: services, and what is joined onto them.

use super::{
    sink::Sink,
    view::{View, span},
};
use crate::domain::{
    catalog::{
        AlertRouting, Deployment, Governance, ManagedBy, MetricThresholds, Migration, Project, Service, Sla,
        Tier,
    },
    finding::{Label, SourceFile, Span},
    lifecycle::Lifecycle,
    name::{EnvironmentName, ProjectName, ServiceName, TeamName},
    rules::reading,
    text::{clean, nearest},
};
use std::{collections::BTreeMap, sync::Arc};

/// What is known of services and projects while the files are read one after the other.
#[derive(Debug, Default)]
pub struct Estate {
    /// Services by name.
    pub services: BTreeMap<ServiceName, Service>,
    /// Projects by name.
    pub projects: BTreeMap<ProjectName, Project>,
    /// Where the owner of a project is named.
    pub places: BTreeMap<String, Span>,
}

/// Reads `services/catalog.toml`.
pub fn read_catalog(top: View<'_, '_>, estate: &mut Estate, files: &[Arc<SourceFile>], sink: &mut Sink) {
    read_services(top, None, estate, files, sink);
}

/// Reads `projects/<folder>/services.toml`.
pub fn read_project(
    top: View<'_, '_>,
    folder: &str,
    estate: &mut Estate,
    files: &[Arc<SourceFile>],
    sink: &mut Sink,
) {
    let name = ProjectName::from(folder);
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
    let project = project_of(estate, &name, top.file);
    if let Some((at, view)) = own {
        project.title = view.owned("name");
        project.environment = view.text("environment").map(EnvironmentName::from);
        project.tier = view.text("tier").and_then(Tier::parse);
        project.owner = view.handle("owner").map(TeamName::from);
        project.span = at;
        for key in ["owner", "environment"] {
            if let Some(at) = view.span(key) {
                estate.places.insert(format!("{key}.{folder}"), at);
            }
        }
    }
    read_services(top, Some(&name), estate, files, sink);
}

/// The project of a folder, made when it is first met.
fn project_of<'e>(estate: &'e mut Estate, name: &ProjectName, file: u32) -> &'e mut Project {
    estate.projects.entry(name.clone()).or_insert_with(|| Project {
        name: name.clone(),
        title: None,
        environment: None,
        tier: None,
        owner: None,
        namespaces: BTreeMap::new(),
        monitoring_level: None,
        span: span(file, &(0..0)),
    })
}

fn read_services(
    top: View<'_, '_>,
    project: Option<&ProjectName>,
    estate: &mut Estate,
    files: &[Arc<SourceFile>],
    sink: &mut Sink,
) {
    let home = project.and_then(|name| estate.projects.get(name)).map(|home| (home.tier, home.owner.clone()));
    let (tier, owner) = home.unwrap_or_default();
    for (key, at, view) in top.named("service") {
        let service = read_service(key, at, view, project, tier, owner.as_ref(), sink);
        if let Some(first) = estate.services.get(&service.name) {
            let range = service.span.start as usize..service.span.end as usize;
            let mut finding = reading::DUPLICATE_SERVICE
                .finding(format!("`{key}` is defined twice"))
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
            continue;
        }
        estate.services.insert(service.name.clone(), service);
    }
}

fn read_service(
    key: &str,
    at: Span,
    view: View<'_, '_>,
    project: Option<&ProjectName>,
    tier: Option<Tier>,
    owner: Option<&TeamName>,
    sink: &mut Sink,
) -> Service {
    let table = at.start as usize..at.end as usize;
    let mut spans = BTreeMap::new();
    let mut remember = |view: &View<'_, '_>, key: &'static str, name: &'static str| {
        if let Some(span) = view.span(key) {
            spans.insert(name, span);
        }
    };
    for name in [
        "owner",
        "version",
        "status",
        "compat_version_min",
        "replacement_service",
        "deprecation_date",
        "sunset_date",
        "pattern",
        "port",
        "image",
    ] {
        remember(&view, name, name);
    }
    let consumers = view.table("consumers");
    if let Some(consumers) = &consumers {
        remember(consumers, "projects", "consumers.projects");
        remember(consumers, "required_by", "consumers.required_by");
    }
    let governance = view.table("governance");
    if let Some(governance) = &governance {
        remember(governance, "approvers", "governance.approvers");
        remember(governance, "break_changes_notice", "governance.break_changes_notice");
    }
    let deployment = view.table("deployment");
    if let Some(deployment) = &deployment {
        remember(deployment, "environments", "deployment.environments");
    }
    if let Some(sla) = &view.table("sla") {
        remember(sla, "availability", "sla.availability");
        remember(sla, "response_time_p99", "sla.response_time_p99");
    }

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
        owner: view.handle("owner").map(TeamName::from).or_else(|| owner.cloned()),
        description: view.owned("description"),
        version: view.version("version"),
        status,
        tier: view.text("tier").and_then(Tier::parse).or(tier).unwrap_or_default(),
        project: project.cloned(),
        compat_version_min: view.version("compat_version_min"),
        compat_with: view.list("compat_with"),
        deprecation_date: view.date("deprecation_date"),
        sunset_date: view.date("sunset_date"),
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
        governance: governance.map_or_else(Governance::default, |governance| Governance {
            approvers: governance.handles("approvers"),
            change_log: governance.owned("change_log"),
            break_changes_notice: governance.integer("break_changes_notice"),
        }),
        sla: view.table("sla").map(read_sla),
        migration: view.table("migration").map(|migration| Migration {
            guide_url: migration.owned("guide_url"),
            support_until: migration.date("support_until"),
            migration_difficulty: migration.owned("migration_difficulty"),
            estimated_effort_hours: migration.number("estimated_effort_hours"),
        }),
        deployment: deployment.map_or_else(Deployment::default, read_deployment),
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
    }
}

/// Reads `projects/<folder>/deployment.toml`, once all services are known.
pub fn read_deployments(top: View<'_, '_>, folder: &str, estate: &mut Estate, sink: &mut Sink) {
    let project = project_of(estate, &ProjectName::from(folder), top.file);
    for (environment, _, view) in top.named("environment") {
        if let Some(namespace) = view.owned("namespace") {
            project.namespaces.insert(EnvironmentName::from(environment), namespace);
        }
    }
    for (name, at, view) in top.named("service") {
        let Some(service) = service_of(estate, name, &at, sink) else { continue };
        if let Some(deployment) = view.table("deployment") {
            service.deployment = read_deployment(deployment);
            if let Some(span) = deployment.span("environments") {
                service.spans.insert("deployment.environments", span);
            }
        }
    }
}

/// Reads `projects/<folder>/monitoring.toml`, once all services are known.
pub fn read_monitoring(top: View<'_, '_>, folder: &str, estate: &mut Estate, sink: &mut Sink) {
    let project = project_of(estate, &ProjectName::from(folder), top.file);
    for (key, at, view) in top.named("monitoring") {
        if key == folder {
            project.monitoring_level = view.owned("level");
        } else {
            let message =
                format!("`[monitoring.{}]` stands in the folder of `{}`", clean(key), clean(folder));
            let range = at.start as usize..at.end as usize;
            let help = format!("call it `[monitoring.{}]`, or move the file", clean(folder));
            sink.report(&reading::NAME_MISMATCH, &range, message, Some(help));
        }
    }
    for (name, at, view) in top.named("service") {
        let Some(service) = service_of(estate, name, &at, sink) else { continue };
        if let Some(metrics) = view.table("metrics") {
            service.metrics = Some(MetricThresholds {
                availability: metrics.percent("availability_threshold"),
                response_time_p50: metrics.duration("response_time_p50"),
                response_time_p95: metrics.duration("response_time_p95"),
                response_time_p99: metrics.duration("response_time_p99"),
                error_rate: metrics.percent("error_rate_threshold"),
            });
        }
        if let Some(alerts) = view.table("alerts") {
            let escalation = alerts.table("escalation");
            if let Some(span) = escalation.and_then(|escalation| escalation.span("escalate_to")) {
                service.spans.insert("alerts.escalation.escalate_to", span);
            }
            service.alerts = Some(AlertRouting {
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
    }
}

/// The service of a name, or a finding that there is none.
fn service_of<'e>(estate: &'e mut Estate, name: &str, at: &Span, sink: &mut Sink) -> Option<&'e mut Service> {
    if !estate.services.contains_key(name) {
        let range = at.start as usize..at.end as usize;
        let meant = nearest(name, estate.services.keys().map(ServiceName::as_str));
        let help = meant.map_or_else(
            || "define it in services/catalog.toml or in the project's services.toml".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        sink.report(
            &reading::UNKNOWN_SERVICE,
            &range,
            format!("no file defines the service `{name}`"),
            Some(help),
        );
        return None;
    }
    estate.services.get_mut(name)
}
