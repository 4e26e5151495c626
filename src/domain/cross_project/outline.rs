//! What the catalog alone says about use across projects.

use super::{
    Options,
    compliance::{self, Requirement},
    migration::{self, Migration},
    usage::{Deprecation, Usage},
};
use crate::domain::{
    catalog::{Catalog, Service, Tier},
    lifecycle::Lifecycle,
    name::{ProjectName, ServiceName},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The users of a service in one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectUse {
    /// Which project; `None` for the shared services.
    pub project: Option<ProjectName>,
    /// Services that cannot work without it, by name.
    pub required: Vec<ServiceName>,
    /// Services that use it and can work without, by name.
    pub optional: Vec<ServiceName>,
}

impl ProjectUse {
    /// The project's name in lists.
    pub fn name(&self) -> &str {
        self.project.as_ref().map_or("shared", |project| project.as_str())
    }

    /// How many services.
    pub const fn count(&self) -> usize {
        self.required.len() + self.optional.len()
    }
}

/// A service that uses another one, once, however often it says so.
#[derive(Clone, Copy)]
pub(super) struct User<'a> {
    pub service: &'a Service,
    pub optional: bool,
}

/// Everything about use across projects that the catalog alone says; valid until the catalog changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outline {
    /// Shared services, and those of projects that other projects use, by name.
    pub usage: Vec<Arc<Usage>>,
    /// What is required of whom, by the service that it is required of.
    pub requirements: Vec<Arc<Requirement>>,
    /// What is going away, by name.
    pub migrations: Vec<Arc<Migration>>,
}

impl Outline {
    /// Reads a catalog.
    pub fn new(catalog: &Catalog, options: Options) -> Self {
        let users = users(catalog);
        let nobody: &[User<'_>] = &[];
        let of = |service: &Service| users.get(&service.name).map_or(nobody, Vec::as_slice);
        let mut outline = Self::default();
        for service in catalog.services.values() {
            outline.usage.extend(usage(service, of(service), options).map(Arc::new));
            outline.migrations.extend(migration::migration(service, of(service), options).map(Arc::new));
            compliance::requirements(catalog, service, of(service), options, &mut outline.requirements);
        }
        outline
    }
}

/// Who uses each service. A service that names another one twice needs it if one of the two says so. Retired
/// services use nothing any more.
fn users(catalog: &Catalog) -> HashMap<&ServiceName, Vec<User<'_>>> {
    let mut users: HashMap<&ServiceName, Vec<User<'_>>> = HashMap::with_capacity(catalog.services.len());
    for service in catalog.services.values().filter(|service| service.status != Lifecycle::Retired) {
        for dependency in service.dependencies.iter().filter(|one| one.service != service.name) {
            let known = users.entry(&dependency.service).or_default();
            match known.last_mut().filter(|user| user.service.name == service.name) {
                Some(user) => user.optional &= dependency.optional,
                None => known.push(User { service, optional: dependency.optional }),
            }
        }
    }
    users
}

/// Users by project, the project with the most users first.
pub(super) fn by_project(users: &[User<'_>]) -> Vec<ProjectUse> {
    let mut projects: BTreeMap<Option<&ProjectName>, ProjectUse> = BTreeMap::new();
    for User { service, optional } in users {
        let known = projects.entry(service.project.as_ref()).or_insert_with(|| ProjectUse {
            project: service.project.clone(),
            required: Vec::new(),
            optional: Vec::new(),
        });
        if *optional { &mut known.optional } else { &mut known.required }.push(service.name.clone());
    }
    let mut projects: Vec<ProjectUse> = projects.into_values().collect();
    projects.sort_by_key(|used| Reverse(used.count()));
    projects
}

/// A service of a project matters here once another project uses it; a shared one always does.
fn usage(service: &Service, users: &[User<'_>], options: Options) -> Option<Usage> {
    let foreign: Vec<User<'_>> = users
        .iter()
        .copied()
        .filter(|user| service.project.is_none() || user.service.project != service.project)
        .collect();
    if foreign.is_empty() && (service.project.is_some() || service.status == Lifecycle::Retired) {
        return None;
    }
    let mut tiers = [0; Tier::ALL.len()];
    let mut required = 0;
    for user in foreign.iter().filter(|user| !user.optional) {
        required += 1;
        if let Some(index) = Tier::ALL.into_iter().position(|tier| tier == user.service.tier) {
            tiers[index] += 1;
        }
    }
    Some(Usage {
        service: service.name.clone(),
        project: service.project.clone(),
        owner: service.owner.clone(),
        status: service.status,
        projects: by_project(&foreign),
        required,
        optional: foreign.len() - required,
        tiers,
        deprecation: Deprecation::of(service).filter(|_| options.show_deprecations),
    })
}
