//! The engine: one loop owns the model; effects run as tasks against ports; sources fill slots.

pub mod executor;
pub mod headless;
pub mod live;
pub mod slots;
mod sources;
pub mod update;
mod work;

use crate::{
    domain::{name::ContextName, plan::Validation},
    error::Failure,
    model::effect::ValidationRequest,
    ports::{Cluster, Ports},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Ports, with each cluster connected at most once.
#[derive(Clone)]
pub struct Outside {
    /// The ports.
    pub ports: Ports,
    clusters: Arc<Mutex<BTreeMap<ContextName, Arc<dyn Cluster>>>>,
}

impl Outside {
    /// Nothing is connected yet.
    pub fn new(ports: Ports) -> Self {
        Self { ports, clusters: Arc::default() }
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
}
