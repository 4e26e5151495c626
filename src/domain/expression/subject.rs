//! What a condition is asked of, and the variables that it gives.

use crate::domain::{
    catalog::{Catalog, Project, Service},
    change::{Classification, classify},
    finding::SourceFile,
    lifecycle::Lifecycle,
    name::{EnvironmentName, ProjectName, ServiceName, TeamName},
    units::Ratio,
};
use cel::{
    Value,
    common::{
        types::{CelBool, CelInt, CelString},
        value::CowVal,
    },
    context::VariableResolver,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// What a condition is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A service.
    #[default]
    Service,
    /// A project.
    Project,
    /// The step from the main branch to what is proposed.
    Change,
}

impl About {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Service, Self::Project, Self::Change];

    /// The word in the policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Project => "project",
            Self::Change => "change",
        }
    }

    /// The subject of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|about| about.as_str() == text)
    }

    /// The variables that a condition may use, with their meanings.
    pub const fn variables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Service => SERVICE_VARIABLES,
            Self::Project => PROJECT_VARIABLES,
            Self::Change => CHANGE_VARIABLES,
        }
    }
}

/// What is known of a service. What it does not say is `""`, `0`, `false` or `[]`.
const SERVICE_VARIABLES: &[(&str, &str)] = &[
    ("name", "its name"),
    ("type", "kind of service, such as `api`"),
    ("status", "`development`, `active` (beta, ga and maintenance), `deprecated` or `retired`"),
    ("lifecycle", "its exact state, such as `ga`"),
    ("version", "the version that should run, as text"),
    ("owner", "its team without `@`"),
    ("project", "its project; \"\" for shared services"),
    ("tier", "`critical`, `high`, `medium` or `low`"),
    ("sensitive", "whether it needs the security gate"),
    ("regulated", "whether it needs the compliance gate"),
    ("requires", "names of the services that it cannot work without"),
    ("optional", "names of the services that it can work without"),
    ("consumers", "names of the projects and services that it declares as consumers"),
    (
        "sla",
        "`sla.availability` and `sla.error_rate` in per cent, `sla.response_time_p99` in seconds, as promised by itself or its tier",
    ),
    ("port", "the port it listens on"),
    ("replicas", "how many pods, as it says itself or as its pattern says"),
    ("image", "its container image"),
    ("pattern", "its deployment pattern"),
    ("environments", "names of the environments where it runs"),
];

/// What is known of a project.
const PROJECT_VARIABLES: &[(&str, &str)] = &[
    ("name", "its folder's name"),
    ("title", "its title for people"),
    ("tier", "`critical`, `high`, `medium` or `low`; \"\" unless it says so"),
    ("owner", "its team without `@`"),
    ("environment", "its main environment"),
    ("services", "names of its services"),
    ("namespaces", "its namespaces"),
    ("monitoring", "how closely it is watched"),
];

/// What is known of a change.
const CHANGE_VARIABLES: &[(&str, &str)] = &[
    ("class", "its class, such as `breaking` or `bugfix`"),
    ("risk", "`low`, `medium` or `high`"),
    ("breaking", "whether any part of it breaks consumers"),
    ("services", "names of the services that differ"),
    ("added", "names of the services that are new"),
    ("removed", "names of the services that are gone"),
    ("projects", "names of the projects of these services"),
    ("fields", "what differs, such as `shared-auth.version`"),
    ("paths", "the files that differ"),
];

/// What a condition is asked of.
#[derive(Debug)]
pub struct Subject<'a>(Kind<'a>);

#[derive(Debug)]
enum Kind<'a> {
    Service(&'a Catalog, &'a Service),
    Project(&'a Catalog, &'a Project),
    Change(ChangeFacts),
}

#[derive(Debug)]
struct ChangeFacts {
    classification: Classification,
    added: Vec<String>,
    removed: Vec<String>,
    projects: Vec<String>,
    paths: Vec<String>,
}

impl<'a> Subject<'a> {
    /// A service of a catalog.
    pub fn service(catalog: &'a Catalog, service: &'a Service) -> Self {
        Self(Kind::Service(catalog, service))
    }

    /// A project of a catalog.
    pub fn project(catalog: &'a Catalog, project: &'a Project) -> Self {
        Self(Kind::Project(catalog, project))
    }

    /// The step from one catalog to another.
    pub fn change(base: &Catalog, head: &Catalog) -> Subject<'static> {
        let paths = changed_paths(base, head);
        let classification = classify(base, head, &paths);
        let names = |has: &Catalog, lacks: &Catalog| {
            let names = classification.services.iter();
            names
                .filter(|name| has.services.contains_key(*name) && !lacks.services.contains_key(*name))
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let (added, removed) = (names(head, base), names(base, head));
        let projects: BTreeSet<_> = classification
            .services
            .iter()
            .flat_map(|name| [base.services.get(name), head.services.get(name)])
            .flatten()
            .filter_map(|service| service.project.as_ref())
            .map(ToString::to_string)
            .collect();
        let projects = projects.into_iter().collect();
        Subject(Kind::Change(ChangeFacts { classification, added, removed, projects, paths }))
    }
}

/// Paths of the files that are not the same in both.
fn changed_paths(base: &Catalog, head: &Catalog) -> Vec<String> {
    let files = |catalog: &Catalog| -> BTreeMap<String, Arc<SourceFile>> {
        catalog.files.iter().map(|file| (file.path.clone(), Arc::clone(file))).collect()
    };
    let (before, after) = (files(base), files(head));
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let other = after.iter().filter_map(|(path, file)| {
        let same = before.get(path).is_some_and(|old| Arc::ptr_eq(old, file) || old.text == file.text);
        (!same).then_some(path)
    });
    let all: BTreeSet<_> = gone.chain(other).cloned().collect();
    all.into_iter().collect()
}

impl VariableResolver for Subject<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        match &self.0 {
            Kind::Service(catalog, service) => of_service(catalog, service, variable),
            Kind::Project(catalog, project) => of_project(catalog, project, variable),
            Kind::Change(facts) => of_change(facts, variable),
        }
    }
}

fn text(value: &str) -> CowVal<'_, '_> {
    CowVal::owned(CelString::from(value))
}

fn flag<'b>(value: bool) -> CowVal<'b, 'b> {
    CowVal::owned(CelBool::from(value))
}

fn list<'b>(values: impl Iterator<Item = impl AsRef<str>>) -> Option<CowVal<'b, 'b>> {
    boxed(Value::from(values.map(|value| value.as_ref().to_owned()).collect::<Vec<String>>()))
}

fn boxed<'b>(value: Value) -> Option<CowVal<'b, 'b>> {
    value.try_into().ok().map(CowVal::Owned)
}

fn of_service<'b>(catalog: &'b Catalog, service: &'b Service, variable: &str) -> Option<CowVal<'b, 'b>> {
    Some(match variable {
        "name" => text(service.name.as_str()),
        "type" => text(&service.kind),
        "status" => text(match service.status {
            Lifecycle::Beta | Lifecycle::Ga | Lifecycle::Maintenance => "active",
            other => other.as_str(),
        }),
        "lifecycle" => text(service.status.as_str()),
        "version" => {
            let version = service.version.as_ref().map(ToString::to_string).unwrap_or_default();
            CowVal::owned(CelString::from(version))
        }
        "owner" => text(service.owner.as_ref().map_or("", TeamName::as_str)),
        "project" => text(service.project.as_ref().map_or("", ProjectName::as_str)),
        "tier" => text(service.tier.as_str()),
        "sensitive" => flag(service.sensitive),
        "regulated" => flag(service.regulated),
        "requires" | "optional" => {
            let optional = variable == "optional";
            list(service.dependencies.iter().filter(|d| d.optional == optional).map(|d| d.service.as_str()))?
        }
        "consumers" => {
            let projects = service.consumer_projects.iter().map(ProjectName::as_str);
            list(projects.chain(service.required_by.iter().map(ServiceName::as_str)))?
        }
        "sla" => {
            let sla = catalog.sla(service);
            let percent = |ratio: Option<Ratio>| ratio.map_or(0.0, percent);
            let seconds = sla.response_time_p99.map_or(0.0, |time| time.num_milliseconds() as f64 / 1_000.0);
            boxed(Value::from(HashMap::from([
                ("availability", Value::from(percent(sla.availability))),
                ("error_rate", Value::from(percent(sla.error_rate))),
                ("response_time_p99", Value::from(seconds)),
            ])))?
        }
        "replicas" => {
            let pattern = service.pattern.as_ref().and_then(|pattern| catalog.patterns.get(pattern));
            let replicas = service.deployment.replicas.or_else(|| pattern?.replicas);
            CowVal::owned(CelInt::from(i64::from(replicas.unwrap_or_default())))
        }
        "port" => CowVal::owned(CelInt::from(i64::from(service.port.unwrap_or_default()))),
        "image" => text(service.image.as_deref().unwrap_or_default()),
        "pattern" => text(service.pattern.as_deref().unwrap_or_default()),
        "environments" => match &service.deployment.environments {
            Some(environments) => list(environments.iter())?,
            None => list(catalog.settings.environments.iter().map(|environment| environment.name.as_str()))?,
        },
        _ => return None,
    })
}

fn of_project<'b>(catalog: &'b Catalog, project: &'b Project, variable: &str) -> Option<CowVal<'b, 'b>> {
    Some(match variable {
        "name" => text(project.name.as_str()),
        "title" => text(project.title.as_deref().unwrap_or_default()),
        "tier" => text(project.tier.map_or("", |tier| tier.as_str())),
        "owner" => text(project.owner.as_ref().map_or("", TeamName::as_str)),
        "environment" => text(project.environment.as_ref().map_or("", EnvironmentName::as_str)),
        "services" => {
            let own =
                catalog.services.values().filter(|service| service.project.as_ref() == Some(&project.name));
            list(own.map(|service| service.name.as_str()))?
        }
        "namespaces" => list(project.namespaces.values())?,
        "monitoring" => text(project.monitoring_level.as_deref().unwrap_or_default()),
        _ => return None,
    })
}

fn of_change<'b>(facts: &'b ChangeFacts, variable: &str) -> Option<CowVal<'b, 'b>> {
    let classification = &facts.classification;
    Some(match variable {
        "class" => text(classification.class.as_str()),
        "risk" => text(classification.class.risk()),
        "breaking" => flag(classification.breaking),
        "services" => list(classification.services.iter())?,
        "added" => list(facts.added.iter())?,
        "removed" => list(facts.removed.iter())?,
        "projects" => list(facts.projects.iter())?,
        "fields" => {
            list(classification.fields.iter().map(|field| format!("{}.{}", field.service, field.field)))?
        }
        "paths" => list(facts.paths.iter())?,
        _ => return None,
    })
}

/// A share in per cent as it was written: without the digits that dividing by a hundred added.
fn percent(ratio: Ratio) -> f64 {
    (ratio.share() * 100.0 * 1e9).round() / 1e9
}
