//! A plain Deployment, all at once: its own rolling update.

use super::{Asked, PURPOSE, ReleaseRoute, ReleaseStep, RolloutStatus, Taking, can_be_released};
use crate::{
    adapters::cluster::{
        object::Part,
        template::{self, judge, parsed},
        undo,
    },
    error::Failure,
};

pub(super) async fn plan(asked: &Asked<'_>) -> Result<ReleaseRoute, Failure> {
    let object = undo::deployment(asked.cluster, asked.target);
    object.may("patch", PURPOSE).await?;
    let deployment = object.read().await?;
    can_be_released(asked.cluster, asked.target, &deployment)?;
    // A server that would refuse it (a policy, a quota) says so now.
    object.try_merge("deploy to", Part::Object, &template::patch(&deployment, asked.release)?).await?;
    Ok(asked.route(&deployment, vec![object.reference().to_string()], Vec::new()))
}

pub(super) async fn step(taking: &Taking<'_>, step: ReleaseStep) -> Result<(), Failure> {
    if step != ReleaseStep::Apply {
        return Err(taking.no_such(step));
    }
    apply(taking).await
}

/// Puts the release into the Deployment, once; one that has it already is left alone.
pub(super) async fn apply(taking: &Taking<'_>) -> Result<(), Failure> {
    let object = taking.deployment();
    let deployment = object.read().await?;
    taking.as_planned(&object, &deployment)?;
    if template::is(&deployment, &taking.route.release) {
        return Ok(());
    }
    let body = template::patch(&deployment, &taking.route.release)?;
    object.merge("deploy to", Part::Object, &body).await?;
    Ok(())
}

pub(super) async fn status(taking: &Taking<'_>, _step: ReleaseStep) -> Result<RolloutStatus, Failure> {
    let deployment = taking.deployment().read().await?;
    let seen = parsed(taking.cluster, &deployment)?;
    Ok(judge(&seen, &taking.route.release.version, taking.route.from_version.as_deref()))
}
