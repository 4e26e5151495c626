//! Flux: fetch Git now and apply it; Git must have the version already.

use super::{Asked, PURPOSE, ReleaseRoute, ReleaseStep, RolloutStatus, Taking};
use crate::{
    adapters::cluster::{
        flux::{self, keeper, object, source_of},
        mark,
        object::{Part, text},
        template::{judge, parsed},
        undo,
    },
    error::Failure,
};

pub(super) async fn plan(asked: &Asked<'_>) -> Result<ReleaseRoute, Failure> {
    let Asked { cluster, target, release, .. } = asked;
    let deployment = undo::deployment(cluster, target).read().await?;
    let reference = keeper(&deployment, target)?;
    let keeper = object(cluster, &reference)?;
    keeper.may("patch", PURPOSE).await?;
    let json = keeper.read().await?;
    if json["spec"]["suspend"] == true {
        return Err(Failure::refused(format!(
            "{} cannot be deployed: {reference} is suspended",
            target.service
        ))
        .hint(format!(
            "resume it first: quarterdeck service resume {} --environment {}",
            target.service, target.environment
        )));
    }
    keeper.try_merge("reconcile", Part::Object, &flux::request("dry-run")).await?;
    let mut objects = vec![reference.to_string()];
    if let Some(source) = source_of(&json) {
        object(cluster, &source)?.may("patch", PURPOSE).await?;
        objects.insert(0, source.to_string());
    }
    let notes = vec![format!("Flux brings what its source says; that must have {} by now.", release.version)];
    Ok(asked.route(&deployment, objects, notes))
}

pub(super) async fn step(taking: &Taking<'_>, step: ReleaseStep) -> Result<(), Failure> {
    if step != ReleaseStep::Apply {
        return Err(taking.no_such(step));
    }
    let workload = taking.deployment();
    let deployment = workload.read().await?;
    taking.as_planned(&workload, &deployment)?;
    let reference = keeper(&deployment, taking.target)?;
    let json = object(taking.cluster, &reference)?.read().await?;
    let mark = mark();
    flux::reconcile(taking.cluster, &reference, source_of(&json).as_ref(), &mark).await
}

pub(super) async fn status(taking: &Taking<'_>, _step: ReleaseStep) -> Result<RolloutStatus, Failure> {
    let deployment = taking.deployment().read().await?;
    let seen = parsed(taking.cluster, &deployment)?;
    let (version, from) = (taking.route.release.version.as_str(), taking.route.from_version.as_deref());
    let status = judge(&seen, version, from);
    if seen.version().as_deref() == Some(version) || matches!(status, RolloutStatus::Failed(_)) {
        return Ok(status);
    }
    let reference = keeper(&deployment, taking.target)?;
    let json = object(taking.cluster, &reference)?.read().await?;
    Ok(match flux::ready(&json) {
        Some((false, why)) => RolloutStatus::Failed(format!("{reference} is not ready: {why}")),
        _ => RolloutStatus::Progressing(format!(
            "Flux has applied {}, and {} runs",
            text(&json, "/status/lastAppliedRevision"),
            from.unwrap_or("nothing")
        )),
    })
}
