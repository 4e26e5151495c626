//! The simulated platform: the protocols of a real one, in this process, on loopback.

pub mod clock;
pub mod estate;
pub mod kubernetes;
pub mod manifests;
pub mod noise;
pub mod traffic;

pub use estate::{Environment, Quality, Scenario};

use crate::error::Failure;
use std::{net::SocketAddr, time::Duration};
use tokio::net::TcpListener;

/// How fast things happen in the simulated clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two steps of a rollout (a pod created, ready, ended) or of a sync.
    pub rollout_step: Duration,
    /// How long Flux leaves a drifted workload before it puts it back.
    pub reconcile_interval: Duration,
    /// After how long without progress a rollout counts as stuck.
    pub progress_deadline: Duration,
}

impl Default for Pace {
    /// A rollout of three pods takes between two and three seconds.
    fn default() -> Self {
        Self {
            rollout_step: Duration::from_millis(450),
            reconcile_interval: Duration::from_secs(30),
            progress_deadline: Duration::from_secs(20),
        }
    }
}

impl Pace {
    /// As fast as is still in steps, for tests.
    pub fn fast() -> Self {
        Self {
            rollout_step: Duration::from_millis(10),
            reconcile_interval: Duration::from_millis(50),
            progress_deadline: Duration::from_millis(150),
        }
    }
}

/// A listener on a loopback port of the system's choice.
async fn listen() -> Result<TcpListener, Failure> {
    TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| {
        Failure::failed("could not open a port on 127.0.0.1 for the simulated platform").because(&error)
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|error| Failure::failed("could not read the port of the simulated platform").because(&error))
}
