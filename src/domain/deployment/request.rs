//! What somebody wants deployed, and what comes of it before it is confirmed.

use super::order::Order;
use crate::domain::{
    catalog::{Catalog, Service},
    name::{ChangeId, EnvironmentName, ServiceName},
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeploySubject {
    /// The services whose versions a merged change brought.
    Change(ChangeId),
    /// One service.
    Service {
        /// Which one.
        service: ServiceName,
        /// Which version; the catalog's if `None`.
        version: Option<String>,
    },
}

/// What somebody wants deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployRequest {
    /// What.
    pub subject: DeploySubject,
    /// Where.
    pub environment: EnvironmentName,
    /// To all environments of the waves, not only to this one.
    pub waves: bool,
    /// How, in the catalog's words; as the catalog says if `None`.
    pub strategy: Option<String>,
    /// Not before this time.
    pub not_before: Option<DateTime<Utc>>,
    /// Not before the calendar is open.
    pub window: bool,
}

impl DeployRequest {
    /// Two requests of the same key are about the same.
    pub fn key(&self) -> String {
        match &self.subject {
            DeploySubject::Change(change) => format!("deploy/{}/{change}", self.environment),
            DeploySubject::Service { service, .. } => format!("deploy/{}/{service}", self.environment),
        }
    }

    /// What is planned, in a few words.
    pub fn title(&self) -> String {
        match &self.subject {
            DeploySubject::Change(change) => format!("deploy {change} to {}", self.environment),
            DeploySubject::Service { service, version: Some(version) } => {
                format!("deploy {service} {version} to {}", self.environment)
            }
            DeploySubject::Service { service, version: None } => {
                format!("deploy {service} to {}", self.environment)
            }
        }
    }
}

/// Deployments that wait for a yes.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployPlan {
    /// In the order in which they are run.
    pub orders: Vec<Order>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// The image of a version: by its digest where that is known, else by its tag.
pub fn image_of(catalog: &Catalog, service: &Service, version: &str) -> Option<String> {
    let image = service.image.as_ref()?;
    let is_current = service.version.as_ref().is_some_and(|current| current.to_string() == version);
    let digest = catalog.digests.get(&service.name).filter(|_| is_current);
    Some(match digest {
        Some(digest) => format!("{image}@{digest}"),
        None => format!("{image}:{version}"),
    })
}

/// Services so that each comes after those that it needs; what needs each other in a circle stays by name.
pub fn in_dependency_order(catalog: &Catalog, services: &[ServiceName]) -> Vec<ServiceName> {
    let mut left: BTreeSet<ServiceName> = services.iter().cloned().collect();
    let needs: BTreeMap<ServiceName, BTreeSet<ServiceName>> =
        left.iter().map(|name| (name.clone(), reach(catalog, name, &left))).collect();
    let mut ordered = Vec::with_capacity(left.len());
    while let Some(next) = left
        .iter()
        .find(|name| needs.get(*name).is_none_or(|needs| needs.is_disjoint(&left)))
        .or_else(|| left.first())
        .cloned()
    {
        left.remove(&next);
        ordered.push(next);
    }
    ordered
}

/// Which of `among` a service needs, also by way of others.
fn reach(catalog: &Catalog, service: &ServiceName, among: &BTreeSet<ServiceName>) -> BTreeSet<ServiceName> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![service];
    while let Some(name) = waiting.pop() {
        let Some(known) = catalog.services.get(name) else { continue };
        for dependency in &known.dependencies {
            if seen.insert(&dependency.service) {
                waiting.push(&dependency.service);
            }
        }
    }
    seen.into_iter().filter(|name| *name != service && among.contains(*name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let text = r#"
[service.web]
name = "web"
type = "web"
version = "1.0.0"
image = "r.example.com/web"
dependencies.requires = ["api"]
[service.api]
name = "api"
type = "api"
version = "2.0.0"
image = "r.example.com/api"
dependencies.requires = ["between"]
[service.between]
name = "between"
type = "api"
version = "1.0.0"
dependencies.requires = ["auth"]
[service.auth]
name = "auth"
type = "api"
version = "1.0.0"
dependencies.optional = ["web"]
"#;
        let versions = "[version.api]\ncurrent = \"2.0.0\"\ndigest = \"sha256:ab\"\n";
        crate::domain::catalog::read([
            ("services/catalog.toml".to_owned(), text.as_bytes().to_vec()),
            ("services/versions.toml".to_owned(), versions.as_bytes().to_vec()),
        ])
    }

    #[test]
    fn what_is_needed_goes_first_also_by_way_of_others() {
        let names = |names: &[&str]| names.iter().map(|name| ServiceName::from(*name)).collect::<Vec<_>>();
        // `auth` may use `web`, so all of these go round in a circle: what is by name first begins.
        for (given, expected) in [
            (&["web", "api"][..], &["api", "web"][..]),
            (&["api", "between"], &["between", "api"]),
            (&["nobody"], &["nobody"]),
            (&[], &[]),
        ] {
            let mut catalog = catalog();
            if given.len() == 2 {
                let mut auth = Service::clone(&catalog.services["auth"]);
                auth.dependencies.clear();
                catalog.services.insert("auth".into(), auth.into());
            }
            assert_eq!(in_dependency_order(&catalog, &names(given)), names(expected));
        }
        let circle = in_dependency_order(&catalog(), &names(&["web", "auth"]));
        assert_eq!(circle.len(), 2);
    }

    #[test]
    fn an_image_is_named_by_its_digest_where_that_is_known() {
        let catalog = catalog();
        for (service, version, expected) in [
            ("api", "2.0.0", Some("r.example.com/api@sha256:ab")),
            ("api", "1.9.0", Some("r.example.com/api:1.9.0")),
            ("web", "1.0.0", Some("r.example.com/web:1.0.0")),
            ("auth", "1.0.0", None),
        ] {
            let found = image_of(&catalog, &catalog.services[service], version);
            assert_eq!(found.as_deref(), expected, "{service} {version}");
        }
    }
}
