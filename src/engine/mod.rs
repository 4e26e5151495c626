//! The engine: one loop owns the model; effects run as tasks against ports; sources fill slots.

pub mod agent;
mod chain;
mod changes;
pub mod executor;
pub mod headless;
mod history;
mod impact;
mod inspect;
pub mod live;
mod main_branch;
pub mod reconcile;
pub mod slots;
mod sources;
mod teams;
pub mod update;
pub mod watcher;
mod work;

use crate::{
    domain::{
        catalog::Catalog,
        finding::Finding,
        graph::part::{Part, Way},
        impact::Impact,
        name::{CommitId, ContextName, ServiceName},
        plan::Validation,
    },
    error::Failure,
    model::effect::{ImpactRequest, ValidationRequest},
    ports::{Cluster, Ports, Revision},
};
use agent::seat::Seat;
use work::deploy::Sightings;

use chrono::NaiveDate;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
pub use work::{Reporter, deploy};

/// Ports, with each cluster connected at most once.
#[derive(Clone)]
pub struct Outside {
    /// The ports.
    pub ports: Ports,
    clusters: Arc<Mutex<BTreeMap<ContextName, Arc<dyn Cluster>>>>,
    judged: Arc<Mutex<Option<Judged>>>,
    /// The agent of this process, while it has taken the place of one.
    pub seat: Arc<Seat>,
    /// Names this process in claims.
    holder: Arc<str>,
    /// What this process saw of running deployments.
    sightings: Arc<Mutex<Sightings>>,
}

/// What was found last in a commit that changes began at: most changes begin at the same one.
#[derive(Debug, Clone)]
struct Judged {
    commit: CommitId,
    catalog: Arc<Catalog>,
    /// Some rules count days.
    day: NaiveDate,
    findings: Arc<Vec<Finding>>,
}

impl Outside {
    /// Nothing is connected yet.
    pub fn new(ports: Ports) -> Self {
        let began = ports.clock.now().timestamp_micros();
        let holder = Arc::from(format!("{}-{began}", std::process::id()));
        Self {
            ports,
            clusters: Arc::default(),
            judged: Arc::default(),
            seat: Arc::default(),
            holder,
            sightings: Arc::default(),
        }
    }

    /// The name of the main branch, as the working tree has it; which remote counts is known from then on.
    ///
    /// # Errors
    /// The working tree cannot be read.
    pub async fn main_branch(&self) -> Result<String, Failure> {
        Ok(self.ports.repository.load(&Revision::WorkingTree).await?.settings.main.clone())
    }

    /// The catalog of the main branch, by which everybody is judged; where there is none yet, the one that is given.
    pub async fn governing(&self, here: &Arc<Catalog>) -> Arc<Catalog> {
        let main = Revision::Branch(here.settings.main.clone());
        self.ports.repository.load(&main).await.unwrap_or_else(|_| Arc::clone(here))
    }

    /// The cluster of a context.
    pub fn cluster(&self, context: &ContextName) -> Result<Arc<dyn Cluster>, Failure> {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = clusters.get(context) {
            return Ok(cluster.clone());
        }
        let cluster = self.ports.clusters.connect(context)?;
        clusters.insert(context.clone(), cluster.clone());
        Ok(cluster)
    }

    /// Validates a state of the control repository, against its base where there is one.
    pub async fn validate(&self, request: ValidationRequest) -> Result<Validation, Failure> {
        executor::validate(self, request).await
    }

    /// Finds out what something does to everybody else.
    pub async fn impact(&self, request: ImpactRequest) -> Result<Arc<Impact>, Failure> {
        impact::impact(self, request).await.map(Arc::new)
    }

    /// How many teams both the policies and the forge know, and where they differ, a sentence each.
    ///
    /// # Errors
    /// There is no forge, or it does not answer.
    pub async fn compare_teams(&self) -> Result<(usize, Vec<String>), Failure> {
        teams::compare(self).await
    }

    /// The dependency graph of the working tree, around a service or whole.
    pub async fn graph(
        &self,
        service: Option<ServiceName>,
        depth: Option<usize>,
        way: Way,
    ) -> Result<Part, Failure> {
        impact::graph(self, service, depth, way).await
    }
}
