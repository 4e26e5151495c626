//! The demo's continuous integration: it follows the main branch of the control repository, and publishes each
//! version that is merged there as what the manifests say, for Argo CD and Flux to find.

use super::{
    estate::{PROJECTS, SERVICES, Service},
    kubernetes::SimulatedCluster,
};
use crate::domain::catalog::{Catalog, reader};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// What the manifests of one environment say, where that is no longer what the estate began with.
#[derive(Debug)]
pub struct Manifests {
    /// Each service's versions, in the order in which they were published.
    versions: Mutex<BTreeMap<String, Vec<Published>>>,
    changed: watch::Sender<()>,
}

/// A version that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Which.
    pub version: String,
    /// Its image, with the tag.
    pub image: String,
}

impl Default for Manifests {
    fn default() -> Self {
        Self { versions: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl Manifests {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Published>>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on they say this of `service`.
    pub fn publish(&self, service: &str, published: Published) {
        self.lock().entry(service.to_owned()).or_default().push(published);
        self.changed.send_replace(());
    }

    /// What they say of `service`; none where nothing was published.
    pub fn current(&self, service: &str) -> Option<Published> {
        self.lock().get(service)?.last().cloned()
    }

    /// The published version that `right` is true of; the newest such.
    pub fn find(&self, service: &str, right: impl Fn(&str) -> bool) -> Option<Published> {
        self.lock().get(service)?.iter().rev().find(|published| right(&published.version)).cloned()
    }

    /// Tells when they have changed.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// What a catalog says of each service of the estate.
fn published(catalog: &Catalog) -> BTreeMap<&'static str, Published> {
    let known = SERVICES.iter().filter_map(|service| {
        let entry = catalog.services.get(service.name)?;
        let version = entry.version.as_ref()?.to_string();
        let image = match &entry.image {
            Some(image) => format!("{image}:{version}"),
            None => service.image(&version),
        };
        Some((service.name, Published { version, image }))
    });
    known.collect()
}

/// The commit of a branch (`refs/heads/main`), as the files of a bare repository have it.
pub(super) fn head(remote: &Path, branch: &str) -> Option<String> {
    if let Ok(text) = std::fs::read_to_string(remote.join(branch)) {
        return Some(text.trim().to_owned());
    }
    let packed = std::fs::read_to_string(remote.join("packed-refs")).ok()?;
    let found = packed.lines().filter_map(|line| line.split_once(' ')).find(|(_, name)| *name == branch);
    found.map(|(commit, _)| commit.to_owned())
}

/// The services' files at a commit.
fn catalog(remote: &Path, commit: &str) -> Option<Catalog> {
    let repository = gix::open(remote).ok()?;
    let paths = PROJECTS.iter().map(|(project, ..)| format!("projects/{project}/services.toml"));
    let files = ["services/catalog.toml".to_owned()].into_iter().chain(paths).filter_map(|path| {
        let id = repository.rev_parse_single(format!("{commit}:{path}").as_str()).ok()?;
        let data = id.object().ok()?.detach().data;
        Some((path, data))
    });
    Some(reader::read(files.collect::<Vec<_>>()))
}

/// Follows the main branch of `remote` until the task is aborted, looking every `interval`.
pub async fn run(remote: PathBuf, clusters: Vec<Arc<Manifests>>, interval: Duration) {
    let mut seen: Option<String> = None;
    // What the estate began with is in the clusters already.
    let began = |service: &Service| {
        let (version, image) = (service.version.to_owned(), service.image(service.version));
        Published { version, image }
    };
    let mut said: BTreeMap<&str, Published> =
        SERVICES.iter().map(|service| (service.name, began(service))).collect();
    loop {
        let (at, before) = (remote.clone(), seen.clone());
        let found = tokio::task::spawn_blocking(move || {
            let head = head(&at, "refs/heads/main").filter(|head| before.as_ref() != Some(head))?;
            let catalog = catalog(&at, &head)?;
            Some((head, published(&catalog)))
        });
        if let Ok(Some((head, now))) = found.await {
            for (service, published) in now {
                if said.get(service) == Some(&published) {
                    continue;
                }
                for manifests in &clusters {
                    manifests.publish(service, published.clone());
                }
                said.insert(service, published);
            }
            seen = Some(head);
        }
        tokio::time::sleep(interval).await;
    }
}

impl SimulatedCluster {
    /// Publishes a version of `service`, as a merge does.
    pub fn publish(&self, service: &Service, version: &str) {
        let published = Published { version: version.to_owned(), image: service.image(version) };
        self.manifests().publish(service.name, published);
    }
}
