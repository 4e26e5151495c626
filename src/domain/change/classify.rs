//! Telling what kind of change it is from the difference of two catalogs.

use super::{ChangeClass, FieldChange};
use crate::domain::{
    catalog::{Catalog, Dependency, Service, Settings},
    lifecycle::Lifecycle,
    name::ServiceName,
    units::Ratio,
};
use chrono::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    sync::Arc,
};

/// What the difference of two catalogs says about a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// The worst class of everything it does.
    pub class: ChangeClass,
    /// Whether any part of it breaks consumers, whatever the class: a policy change may do both.
    pub breaking: bool,
    /// Services that differ, by name.
    pub services: Vec<ServiceName>,
    /// Their fields that differ.
    pub fields: Vec<FieldChange>,
}

/// Classifies the change from `base` to `head` that touches `paths`. The worst part of it wins.
pub fn classify(base: &Catalog, head: &Catalog, paths: &[String]) -> Classification {
    let mut classes = BTreeSet::from([ChangeClass::Other]);
    let mut services = Vec::new();
    let mut fields = Vec::new();
    let names: BTreeSet<_> = base.services.keys().chain(head.services.keys()).collect();
    for name in names {
        let (old, new) = (base.services.get(name), head.services.get(name));
        // Most services are the same on both sides, spans and all: nothing to describe then.
        if old == new {
            continue;
        }
        let changed = changed_fields(name, old.map(Arc::as_ref), new.map(Arc::as_ref));
        if changed.is_empty() {
            continue;
        }
        classes.insert(match (old, new) {
            (Some(_), Some(_)) if changed.iter().all(is_monitoring) => ChangeClass::Other,
            (Some(old), Some(new)) => service_class(old, new),
            (None, _) => ChangeClass::Feature,
            // What was retired before may go; everything else is missed by somebody.
            (Some(old), None) if old.status == Lifecycle::Retired => ChangeClass::Retirement,
            (Some(_), None) => ChangeClass::Breaking,
        });
        services.push(name.clone());
        fields.extend(changed);
    }
    for path in paths {
        if path.starts_with("policies/") {
            classes.insert(ChangeClass::Policy);
        } else if path.starts_with("infrastructure/") {
            classes.insert(ChangeClass::Infrastructure);
        }
    }
    if governs(&base.settings) != governs(&head.settings) {
        classes.insert(ChangeClass::Policy);
    }
    Classification {
        breaking: classes.contains(&ChangeClass::Breaking),
        class: classes.last().copied().unwrap_or(ChangeClass::Other),
        services,
        fields,
    }
}

/// The settings that decide about others: who is asked and told, what is looked at, which branches count. A name
/// and filters are only for looking.
fn governs(settings: &Settings) -> Settings {
    Settings { name: String::new(), presets: BTreeMap::new(), ..settings.clone() }
}

/// Whether a field says only how a service is watched.
fn is_monitoring(field: &FieldChange) -> bool {
    ["metrics.", "alerts."].iter().any(|prefix| field.field.starts_with(prefix))
}

/// The class of a service that exists on both sides and differs.
fn service_class(old: &Service, new: &Service) -> ChangeClass {
    if removes_a_promise(old, new) {
        return ChangeClass::Breaking;
    }
    if new.status != old.status {
        match new.status {
            Lifecycle::Deprecated => return ChangeClass::Deprecation,
            Lifecycle::Retired => return ChangeClass::Retirement,
            _ => {}
        }
    }
    let bumps_minor = match (&old.version, &new.version) {
        (Some(old), Some(new)) => {
            // A step back to an older minor is as much to review as a step forward.
            (old.minor, old.pre.is_empty()) != (new.minor, new.pre.is_empty())
        }
        (None, Some(_)) => true,
        _ => false,
    };
    if bumps_minor || !required(new).is_subset(&required(old)) || new.status != old.status {
        ChangeClass::Feature
    } else {
        ChangeClass::Bugfix
    }
}

fn required(service: &Service) -> BTreeSet<&ServiceName> {
    service.dependencies.iter().filter(|d| !d.optional).map(|d| &d.service).collect()
}

/// Whether consumers lose something that they may rely on: the major version (below 1.0 the minor one
/// plays its part), versions that were still supported, or what every service must say.
pub fn removes_a_promise(old: &Service, new: &Service) -> bool {
    let major = match (&old.version, &new.version) {
        (Some(old), Some(new)) => old.major != new.major || (old.major == 0 && old.minor != new.minor),
        (Some(_), None) => !matches!(new.status, Lifecycle::Deprecated | Lifecycle::Retired),
        _ => false,
    };
    let support = match (&old.compat_version_min, &new.compat_version_min) {
        (Some(old), Some(new)) => new > old,
        (None, Some(new)) => new.major > old.version.as_ref().map_or(0, |version| version.major),
        _ => false,
    };
    let interface = old.kind != new.kind || (old.port.is_some() && old.port != new.port);
    let ownerless = old.owner.is_some() && new.owner.is_none();
    major || support || interface || ownerless
}

/// The fields of one service that differ.
fn changed_fields(name: &ServiceName, old: Option<&Service>, new: Option<&Service>) -> Vec<FieldChange> {
    let (before, after) = (old.map(described).unwrap_or_default(), new.map(described).unwrap_or_default());
    let keys = if before.is_empty() { &after } else { &before };
    keys.iter()
        .enumerate()
        .filter_map(|(index, (field, _))| {
            let value =
                |side: &[(&'static str, Option<String>)]| side.get(index).and_then(|(_, v)| v.clone());
            let (old, new) = (value(&before), value(&after));
            (old != new).then(|| FieldChange { service: name.clone(), field: (*field).to_owned(), old, new })
        })
        .collect()
}

/// All fields of a service that matter to a reviewer, as text, always the same ones in the same order.
fn described(service: &Service) -> Vec<(&'static str, Option<String>)> {
    let sla = service.sla.clone().unwrap_or_default();
    let migration = service.migration.clone().unwrap_or_default();
    let notice = service.notice.clone().unwrap_or_default();
    let metrics = service.metrics.clone().unwrap_or_default();
    let alerts = service.alerts.clone().unwrap_or_default();
    let network = service.network.clone().unwrap_or_default();
    let buckets = metrics.histogram_buckets.iter().filter_map(|bound| time(Some(*bound)));
    let deployment = &service.deployment;
    let flag = |flag: bool| flag.then(|| "true".to_owned());
    let dependencies =
        |optional: bool| list(service.dependencies.iter().filter(|d| d.optional == optional).map(dependency));
    let channels =
        alerts.channels.iter().map(|(severity, channels)| format!("{severity}: {}", channels.join(" ")));
    vec![
        ("type", Some(service.kind.clone())),
        ("owner", text(service.owner.as_ref())),
        ("description", service.description.clone()),
        ("version", text(service.version.as_ref())),
        ("status", Some(service.status.to_string())),
        ("tier", Some(service.tier.as_str().to_owned())),
        ("project", text(service.project.as_ref())),
        ("compat_version_min", text(service.compat_version_min.as_ref())),
        ("compat_with", list(service.compat_with.iter())),
        ("deprecation_date", text(service.deprecation_date)),
        ("sunset_date", text(service.sunset_date)),
        ("maintenance_date", text(service.maintenance_date)),
        ("support_until", text(service.support_until)),
        ("replacement_service", text(service.replacement_service.as_ref())),
        ("image", service.image.clone()),
        ("port", text(service.port)),
        ("health_check", service.health_check.clone()),
        ("sensitive", flag(service.sensitive)),
        ("regulated", flag(service.regulated)),
        ("pattern", service.pattern.clone()),
        ("consumers.projects", list(service.consumer_projects.iter())),
        ("consumers.required_by", list(service.required_by.iter())),
        ("dependencies.requires", dependencies(false)),
        ("dependencies.optional", dependencies(true)),
        ("dependencies.accept_beta", list(service.accept_beta.iter())),
        ("governance.approvers", list(service.governance.approvers.iter())),
        ("governance.change_log", service.governance.change_log.clone()),
        ("governance.break_changes_notice", text(service.governance.break_changes_notice)),
        ("sla.availability", ratio(sla.availability)),
        ("sla.response_time_p99", time(sla.response_time_p99)),
        ("sla.error_rate", ratio(sla.error_rate)),
        ("sla.window", time(sla.window)),
        ("sla.break_handling", sla.break_handling),
        ("migration.guide_url", migration.guide_url),
        ("migration.support_until", text(migration.support_until)),
        ("migration.migration_difficulty", migration.migration_difficulty),
        ("migration.estimated_effort_hours", text(migration.estimated_effort_hours)),
        ("notice.version", text(notice.version)),
        ("notice.date", text(notice.date)),
        ("notice.projects", list(notice.projects.iter())),
        ("notice.services", list(notice.services.iter())),
        ("deployment.managed_by", Some(deployment.managed_by.as_str().to_owned())),
        ("deployment.workload", deployment.workload.clone()),
        ("deployment.application", deployment.application.clone()),
        ("deployment.application_namespace", deployment.application_namespace.clone()),
        ("deployment.environments", deployment.environments.as_ref().map(|e| joined(e.iter()))),
        ("deployment.replicas", text(deployment.replicas)),
        ("deployment.strategy", deployment.strategy.clone()),
        ("deployment.privileges", list(deployment.privileges.iter())),
        ("network.ingress", network.ingress.map(|peers| joined(peers.iter()))),
        ("network.egress", network.egress.map(|peers| joined(peers.iter()))),
        ("metrics.availability_threshold", ratio(metrics.availability)),
        ("metrics.response_time_p50", time(metrics.response_time_p50)),
        ("metrics.response_time_p95", time(metrics.response_time_p95)),
        ("metrics.response_time_p99", time(metrics.response_time_p99)),
        ("metrics.error_rate_threshold", ratio(metrics.error_rate)),
        ("metrics.histogram_buckets", list(buckets)),
        ("metrics.error_type_alerts", list(metrics.error_type_alerts.iter())),
        ("alerts.channels", list(channels)),
        ("alerts.escalation.time_to_escalate", time(alerts.time_to_escalate)),
        ("alerts.escalation.escalate_to", list(alerts.escalate_to.iter())),
        ("alerts.escalation.page_if", alerts.page_if),
    ]
}

fn text(value: Option<impl Display>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn ratio(value: Option<Ratio>) -> Option<String> {
    text(value)
}

/// A duration in the largest unit that loses nothing: two that differ must never read the same.
fn time(value: Option<Duration>) -> Option<String> {
    let ms = value?.num_milliseconds();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(length, _)| ms != 0 && ms % length == 0);
    Some(unit.map_or_else(|| format!("{ms}ms"), |(length, unit)| format!("{}{unit}", ms / length)))
}

fn joined(values: impl Iterator<Item = impl Display>) -> String {
    values.map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}

/// A list as text; an empty one is as good as none.
fn list(values: impl Iterator<Item = impl Display>) -> Option<String> {
    Some(joined(values)).filter(|text| !text.is_empty())
}

fn dependency(dependency: &Dependency) -> String {
    match &dependency.requirement {
        Some(requirement) => format!("{} {requirement}", dependency.service),
        None => dependency.service.to_string(),
    }
}
