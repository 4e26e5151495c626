//! Where agents agree who leads: a Lease of a cluster, or a lock file of the clone.

use super::{
    cluster::{KubeCluster, KubeLease},
    git::{FileLock, GitRepository},
};
use crate::{
    config::environment::var,
    domain::{
        leadership::{LeasePlace, LeaseRecord, LeaseTerms},
        text,
    },
    error::Failure,
    ports::{Clock, Leadership, Leaderships},
};
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::PathBuf,
    sync::Arc,
};

/// Both kinds, under one name for this process.
pub struct AgentLeases {
    repository: Option<GitRepository>,
    kubeconfig: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    who: String,
}

impl AgentLeases {
    /// Nothing is opened yet. Without a repository there is no lock file; the kubeconfig is the one of the clusters.
    pub fn new(
        repository: Option<GitRepository>,
        kubeconfig: Option<PathBuf>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { repository, kubeconfig, clock, who: who() }
    }
}

impl Leaderships for AgentLeases {
    fn who(&self) -> &str {
        &self.who
    }

    fn at(&self, place: &LeasePlace, terms: LeaseTerms) -> Result<Arc<dyn Leadership>, Failure> {
        let clock = Arc::clone(&self.clock);
        match (place, &self.repository) {
            (LeasePlace::Cluster { context, namespace, name }, _) => {
                let cluster = KubeCluster::connect(self.kubeconfig.as_deref(), context)?;
                Ok(Arc::new(KubeLease::new(cluster, (namespace, name), &self.who, terms, clock)))
            }
            (LeasePlace::Repository, Some(repository)) => {
                Ok(Arc::new(FileLock::new(repository, &self.who, terms, clock)))
            }
            (LeasePlace::Repository, None) => {
                Err(Failure::configuration("there is no repository that could hold the agent's lock"))
            }
        }
    }
}

/// A name that no other process has: the machine, the process, and a number that nobody can guess, since both of
/// the former come again.
fn who() -> String {
    let machine = var("HOSTNAME").or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let machine = machine.map(|name| text::clean(name.trim())).filter(|name| !name.is_empty());
    let chance = RandomState::new().build_hasher().finish();
    format!("{}/{}-{:08x}", machine.as_deref().unwrap_or("localhost"), std::process::id(), chance as u32)
}

/// The failure of who no longer leads.
pub(super) fn lost(place: &str, record: Option<&LeaseRecord>) -> Failure {
    let holder = record.map(|record| text::clean(&record.holder)).filter(|holder| !holder.is_empty());
    let now = holder.map_or_else(|| "nobody leads now".to_owned(), |holder| format!("{holder} leads now"));
    Failure::conflict(format!("this agent no longer leads by {place}")).cause(now)
}
