//! A simulated Kubernetes cluster: objects, API and controllers, on a loopback port of its own.

pub mod answer;
pub mod api;
pub mod controllers;
pub mod discovery;
pub mod faults;
pub mod logs;
pub mod patch;
pub mod resources;
pub mod selector;
pub mod store;
pub mod watch;

use super::{
    Pace, Scenario,
    clock::Time,
    estate::{Environment, Quality},
    integration::Manifests,
    manifests,
    traffic::Traffic,
};
use crate::error::Failure;
use controllers::World;
use faults::{Faults, FaultyListener};
use resources::Resource;
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use store::{Key, Part, Store};
use tokio::{net::TcpListener, sync::watch as channel, task::JoinHandle};

/// One simulated cluster. Dropping it closes its connections and stops its controllers.
#[derive(Debug)]
pub struct SimulatedCluster {
    environment: Environment,
    address: SocketAddr,
    world: Arc<World>,
    faults: channel::Sender<Faults>,
    tasks: Vec<JoinHandle<()>>,
}

/// What a cluster is made from.
#[derive(Debug)]
pub struct ClusterOptions {
    /// Which environment it is.
    pub environment: Environment,
    /// What is wrong in it.
    pub scenario: Scenario,
    /// The clock.
    pub time: Time,
    /// How fast things happen in it.
    pub pace: Pace,
    /// The seed of its identities.
    pub seed: u64,
}

/// A stream of harmless changes, for measuring; it stops when it is dropped.
#[derive(Debug)]
pub struct Churn(JoinHandle<()>);

impl Drop for Churn {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl SimulatedCluster {
    /// Fills a cluster, and serves it on a port of the system's choice.
    pub async fn start(options: ClusterOptions, traffic: Arc<Traffic>) -> Result<Self, Failure> {
        let ClusterOptions { environment, scenario, time, pace, seed } = options;
        let store = Arc::new(Store::new(time, seed));
        manifests::fill(&store, environment, scenario, time).map_err(|refusal| {
            Failure::failed(format!("could not fill the simulated {environment} cluster"))
                .cause(refusal.message)
        })?;
        let all = |resource| store.list(resource, None).1;
        traffic.route(&all(Resource::Pods), &all(Resource::Services), &all(Resource::Rollouts));
        let listener = super::listen().await?;
        let address = super::address(&listener)?;
        let (faults, told) = channel::channel(Faults::default());
        let world = Arc::new(World {
            store: Arc::clone(&store),
            traffic,
            manifests: Arc::default(),
            environment,
            time,
            pace,
        });
        let tasks = vec![
            tokio::spawn(serve(listener, store, Arc::clone(&world.traffic), told)),
            tokio::spawn(controllers::run(Arc::clone(&world))),
        ];
        Ok(Self { environment, address, world, faults, tasks })
    }

    /// Which environment it is.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// Where its API is: `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its objects.
    pub fn store(&self) -> &Arc<Store> {
        &self.world.store
    }

    /// The object of that type, namespace (empty for cluster-wide types) and name.
    pub fn object(&self, resource: Resource, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.world.store.get(&Key::new(resource, namespace, name))
    }

    /// What the manifests say that should run in it.
    pub fn manifests(&self) -> &Arc<Manifests> {
        &self.world.manifests
    }

    /// What is wrong with it now.
    pub fn faults(&self) -> Faults {
        *self.faults.borrow()
    }

    /// Makes it misbehave, or behave again.
    pub fn set_faults(&self, faults: Faults) {
        self.faults.send_replace(faults);
    }

    /// Decides how a version of a service behaves from now on.
    pub fn set_quality(&self, service: &str, version: &str, quality: Quality) {
        self.world.traffic.set_quality(service, version, quality);
    }

    /// Forgets all past changes, so that watches from before must begin again (410).
    pub fn compact(&self) {
        self.world.store.compact();
    }

    /// Changes an annotation of one pod after another, `per_second` times a second.
    #[must_use]
    pub fn churn(&self, per_second: u32) -> Churn {
        let store = Arc::clone(&self.world.store);
        Churn(tokio::spawn(async move {
            // Timers are no finer than a millisecond; more than that comes in small batches.
            let batch = per_second.div_ceil(500).max(1);
            let mut beat = tokio::time::interval(Duration::from_secs(1) * batch / per_second.max(1));
            let mut serial = 0_usize;
            loop {
                beat.tick().await;
                let (_, pods) = store.list(Resource::Pods, None);
                for _ in 0..batch {
                    serial += 1;
                    let Some(pod) = pods.get(serial % pods.len().max(1)) else { continue };
                    // A pod that is gone meanwhile is simply skipped.
                    let _ = store.update(&Key::of(Resource::Pods, pod), Part::Object, false, |pod| {
                        pod["metadata"]["annotations"]["demo.example.com/churn"] = serial.to_string().into();
                        Ok(())
                    });
                }
            }
        }))
    }
}

impl Drop for SimulatedCluster {
    fn drop(&mut self) {
        // Connections are tasks of the server's own; only a fault reaches them.
        self.faults.send_replace(Faults { unreachable: true, ..Faults::default() });
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn serve(
    listener: TcpListener,
    store: Arc<Store>,
    traffic: Arc<Traffic>,
    faults: channel::Receiver<Faults>,
) {
    let router = api::router(api::Api { store, traffic, faults: faults.clone() });
    // It ends only with its task.
    let _ = axum::serve(FaultyListener { listener, faults }, router).await;
}

#[cfg(test)]
mod tests;
