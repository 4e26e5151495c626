//! Bringing a release into a cluster, step by step.

use super::KubeCluster;
use crate::{
    domain::{
        catalog::Target,
        deployment::{
            RolloutStatus,
            release::{Release, ReleaseRoute, ReleaseStep, Strategy},
        },
    },
    error::Failure,
};

fn refused(cluster: &KubeCluster, target: &Target) -> Failure {
    Failure::refused(format!(
        "{} in {} is managed by {}, to which nothing can be deployed from here yet",
        target.service,
        cluster.context,
        target.managed_by.as_str()
    ))
}

/// Finds out how a release gets there; changes nothing.
#[expect(clippy::unused_async, reason = "it will ask the cluster")]
pub(super) async fn plan(
    cluster: &KubeCluster,
    target: &Target,
    _release: &Release,
    _strategy: &Strategy,
) -> Result<ReleaseRoute, Failure> {
    Err(refused(cluster, target))
}

/// Takes one step.
#[expect(clippy::unused_async, reason = "it will ask the cluster")]
pub(super) async fn step(
    cluster: &KubeCluster,
    target: &Target,
    _route: &ReleaseRoute,
    _step: ReleaseStep,
) -> Result<(), Failure> {
    Err(refused(cluster, target))
}

/// How far a step is.
#[expect(clippy::unused_async, reason = "it will ask the cluster")]
pub(super) async fn status(
    cluster: &KubeCluster,
    target: &Target,
    _route: &ReleaseRoute,
    _step: ReleaseStep,
) -> Result<RolloutStatus, Failure> {
    Err(refused(cluster, target))
}
