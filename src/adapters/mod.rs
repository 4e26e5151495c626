//! The outside world behind the ports: Git, clusters, metrics, alerts, forges, notices and time.

pub mod alertmanager;
pub mod clock;
pub mod cluster;
pub mod commands;
pub mod compose;
pub mod endpoints;
pub mod forge;
pub mod git;
pub mod leadership;
pub mod metrics;
pub mod notify;
mod plain;
#[cfg(test)]
mod receiver;
pub mod registry;
mod secret;

/// Makes rustls use its `ring` provider in this process. HTTPS clients panic without one; calling it
/// again changes nothing.
pub fn install_crypto() {
    // An error only says that a provider is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
