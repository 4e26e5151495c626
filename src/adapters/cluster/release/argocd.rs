//! An Argo CD Application: a sync with Git, which must have the version already.
//!
//! What Argo CD syncs to is its own source at its own revision. Whether that brings the version is seen in the
//! workload afterwards, and nothing else is called done.

use super::{Asked, PURPOSE, ReleaseRoute, ReleaseStep, RolloutStatus, Taking};
use crate::{
    adapters::cluster::{
        argocd::{self, Application},
        template::{judge, parsed, version},
        undo,
    },
    domain::deployment::shown_version,
    error::Failure,
};

pub(super) async fn plan(asked: &Asked<'_>) -> Result<ReleaseRoute, Failure> {
    let Asked { cluster, target, release, .. } = asked;
    let application = Application::read(cluster, target).await?;
    application.object.may("patch", PURPOSE).await?;
    application.must_be_idle(target, "deployed")?;
    let mark = mark(asked.release.version.as_str());
    application.try_sync(&mark).await?;
    let deployment = undo::deployment(cluster, target).read().await?;
    let mut notes = Vec::new();
    if application.seen.automated() {
        notes.push(format!(
            "Automated sync is on: Argo CD brings what Git says by itself, and puts {} back as soon as Git says otherwise.",
            release.version
        ));
    }
    if version(&deployment).as_deref() != Some(release.version.as_str()) {
        notes.push(format!("The manifests that Argo CD reads must have {} by now.", release.version));
    }
    Ok(asked.route(&deployment, vec![application.object.reference().to_string()], notes))
}

/// The words by which an operation is found again.
fn mark(version: &str) -> String {
    format!("deploy {version}")
}

pub(super) async fn step(taking: &Taking<'_>, step: ReleaseStep) -> Result<(), Failure> {
    if step != ReleaseStep::Apply {
        return Err(taking.no_such(step));
    }
    let mark = mark(&taking.route.release.version);
    let object = taking.deployment();
    let deployment = object.read().await?;
    taking.as_planned(&object, &deployment)?;
    let application = Application::read(taking.cluster, taking.target).await?;
    let there = version(&deployment).as_deref() == Some(taking.route.release.version.as_str());
    // Automated sync may have been quicker; and what was asked for already is not asked for twice.
    if there && argocd::busy(&application.seen).is_none() || application.is_running(&mark) {
        return Ok(());
    }
    application.sync(&mark).await
}

pub(super) async fn status(taking: &Taking<'_>, _step: ReleaseStep) -> Result<RolloutStatus, Failure> {
    let version = taking.route.release.version.as_str();
    let application = Application::read(taking.cluster, taking.target).await?;
    let deployment = taking.deployment().read().await?;
    let seen = parsed(taking.cluster, &deployment)?;
    if let Some(why) = argocd::busy(&application.seen) {
        return Ok(RolloutStatus::Progressing(why.to_owned()));
    }
    let Some((phase, message, revision)) = application.ended(&mark(version)) else {
        return Ok(judge(&seen, version, taking.route.from_version.as_deref()));
    };
    if matches!(phase.as_str(), "Failed" | "Error") {
        return Ok(RolloutStatus::Failed(format!("sync {phase}: {message}")));
    }
    Ok(match judge(&seen, version, taking.route.from_version.as_deref()) {
        RolloutStatus::Progressing(_) if seen.version().as_deref() != Some(version) => {
            RolloutStatus::Failed(format!(
                "Argo CD synced {}, which has {} and not {version}",
                shown_version(&revision),
                seen.version().as_deref().unwrap_or("no version")
            ))
        }
        status => status,
    })
}
