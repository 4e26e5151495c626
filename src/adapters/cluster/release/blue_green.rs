//! Blue-green beside a plain Deployment: a second Deployment with the new version, and a Service whose selector is
//! switched between the two versions.
//!
//! The Service is pinned to the version that runs before the second Deployment is made, so that no request goes to
//! it by accident. When all is over the workload itself has the new version and the Service its old selector, so
//! that nothing is left that a later rollback or deployment would have to know of.

use super::{
    Asked, PURPOSE, ReleaseRoute, ReleaseStep, RolloutStatus, Taking, can_be_released,
    canary::{TRACK, made, must_be_ours, remove, second},
    immediate, services_of,
};
use crate::{
    adapters::cluster::{
        KubeCluster,
        object::{Object, Part, lock},
        objects::{self, VERSION_LABEL},
        template::{self, judge, parsed, version},
        undo,
    },
    domain::{catalog::Target, deployment::Health},
    error::Failure,
};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the workload itself may take to come to the new version, while the second one has the traffic.
const RETIRED_WITHIN: Duration = Duration::from_mins(10);
/// How long the pods of what is taken away may take to end.
const ENDED_WITHIN: Duration = Duration::from_mins(2);

/// The second Deployment of a target.
fn green<'a>(cluster: &'a KubeCluster, target: &Target) -> Object<'a> {
    second(cluster, target, "green")
}

/// The one Service that finds the pods of the workload, whichever version it is pinned to.
async fn service<'a>(
    cluster: &'a KubeCluster,
    target: &Target,
    deployment: &Value,
    pinned: &[&str],
) -> Result<(Object<'a>, Value), Failure> {
    let mut labels = template::template(deployment)["metadata"]["labels"].clone();
    let mut found = services_of(cluster, target, &labels).await?;
    for version in pinned {
        labels[VERSION_LABEL] = (*version).into();
        for one in services_of(cluster, target, &labels).await? {
            if !found.iter().any(|(known, _)| known.name == one.0.name) {
                found.push(one);
            }
        }
    }
    let refuse = |why: String| {
        Failure::refused(format!("{} cannot be deployed blue-green: {why}", target.service))
            .hint("deploy it at once, or as a canary")
    };
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|(object, _)| object.name.as_str()).collect();
        return Err(refuse(format!("several Services select its pods ({})", names.join(", ")))
            .cause("they would not be switched at once"));
    }
    found.pop().ok_or_else(|| refuse("no Service selects its pods".to_owned()))
}

/// The version that a Service is pinned to.
fn pin(service: &Value) -> Option<&str> {
    service["spec"]["selector"][VERSION_LABEL].as_str()
}

/// Points a Service at a version, or (`None`) at all of them, under the lock on what was read.
async fn point(object: &Object<'_>, service: &Value, version: Option<&str>) -> Result<(), Failure> {
    if pin(service) == version {
        return Ok(());
    }
    let body = json!({ "metadata": lock(service), "spec": { "selector": { VERSION_LABEL: version } } });
    object.merge("switch", Part::Object, &body).await?;
    Ok(())
}

pub(super) async fn plan(asked: &Asked<'_>) -> Result<ReleaseRoute, Failure> {
    let Asked { cluster, target, release, .. } = asked;
    let (first, green) = (undo::deployment(cluster, target), green(cluster, target));
    first.may("patch", PURPOSE).await?;
    for verb in ["create", "delete"] {
        green.may(verb, PURPOSE).await?;
    }
    let deployment = first.read().await?;
    can_be_released(cluster, target, &deployment)?;
    let from =
        template::template(&deployment)["metadata"]["labels"][VERSION_LABEL].as_str().map(str::to_owned);
    let Some(from) = from else {
        return Err(Failure::refused(format!(
            "{} cannot be deployed blue-green: its pods have no label {VERSION_LABEL} that a Service could tell them by",
            target.service
        ))
        .hint("deploy it at once first; that sets the label"));
    };
    if from == release.version {
        return Err(Failure::refused(format!("{} has {from} already", target.service)));
    }
    let (service, json) = service(cluster, target, &deployment, &[&release.version]).await?;
    service.may("patch", PURPOSE).await?;
    if let Some(found) = green.find().await? {
        must_be_ours(&green, &found, release)?;
    } else {
        if pin(&json).is_some() {
            return Err(Failure::refused(format!(
                "{} cannot be deployed blue-green: {} selects a version already",
                target.service,
                service.words()
            ))
            .hint(format!("take {VERSION_LABEL} out of its selector")));
        }
        green.create(&made(&deployment, release, &green, "green", 1)?, true).await?;
    }
    first.try_merge("deploy to", Part::Object, &template::patch(&deployment, release)?).await?;
    let all = parsed(cluster, &deployment)?.desired();
    let notes = vec![format!("While both stand there are {} pods instead of {all}.", all * 2)];
    let objects = [&first, &green, &service].map(|object| object.reference().to_string());
    Ok(asked.route(&deployment, objects.into(), notes))
}

/// What all steps look at.
struct Scene<'a> {
    first: Object<'a>,
    deployment: Value,
    green: Object<'a>,
    second: Option<Value>,
    service: Object<'a>,
    switched: Value,
    /// The version that ran when it was planned.
    from: &'a str,
    /// The version that is to run.
    to: &'a str,
}

async fn scene<'a>(taking: &Taking<'a>) -> Result<Scene<'a>, Failure> {
    let (first, green) = (taking.deployment(), green(taking.cluster, taking.target));
    let deployment = first.read().await?;
    let second = green.find().await?;
    let to = taking.route.release.version.as_str();
    let from = taking.route.from_version.as_deref().unwrap_or_default();
    let (service, switched) = service(taking.cluster, taking.target, &deployment, &[from, to]).await?;
    Ok(Scene { first, deployment, green, second, service, switched, from, to })
}

impl Scene<'_> {
    /// How well the second Deployment stands.
    fn standing(&self, taking: &Taking<'_>) -> Result<RolloutStatus, Failure> {
        match &self.second {
            None => Ok(RolloutStatus::Progressing(format!("{} is not made yet", self.green.reference()))),
            Some(found) => Ok(judge(&parsed(taking.cluster, found)?, self.to, None)),
        }
    }
}

pub(super) async fn step(taking: &Taking<'_>, step: ReleaseStep) -> Result<(), Failure> {
    let scene = scene(taking).await?;
    match step {
        ReleaseStep::Prepare => prepare(taking, &scene).await,
        ReleaseStep::Switch => {
            let standing = scene.standing(taking)?;
            if pin(&scene.switched) != Some(scene.to) && !matches!(standing, RolloutStatus::Complete(_)) {
                return Err(Failure::refused(format!(
                    "{} cannot be switched: {} is not ready",
                    taking.target.service,
                    scene.green.words()
                )));
            }
            point(&scene.service, &scene.switched, Some(scene.to)).await
        }
        ReleaseStep::SwitchBack => point(&scene.service, &scene.switched, Some(scene.from)).await,
        ReleaseStep::Retire => retire(taking, &scene).await,
        _ => Err(taking.no_such(step)),
    }
}

async fn prepare(taking: &Taking<'_>, scene: &Scene<'_>) -> Result<(), Failure> {
    taking.as_planned(&scene.first, &scene.deployment)?;
    let release = &taking.route.release;
    if pin(&scene.switched).is_none() {
        point(&scene.service, &scene.switched, Some(scene.from)).await?;
    }
    if let Some(found) = &scene.second {
        return must_be_ours(&scene.green, found, release);
    }
    let all = parsed(taking.cluster, &scene.deployment)?.desired();
    let object = made(&scene.deployment, release, &scene.green, "green", all)?;
    scene.green.create(&object, false).await.map(|_| ())
}

/// Takes the side without traffic away.
async fn retire(taking: &Taking<'_>, scene: &Scene<'_>) -> Result<(), Failure> {
    if pin(&scene.switched) == Some(scene.to) {
        // The second one has the traffic: it stays until the workload itself is there.
        immediate::apply(taking).await?;
        let (cluster, to) = (taking.cluster, scene.to);
        scene
            .first
            .until(&format!("run {to}"), RETIRED_WITHIN, |seen| {
                match judge(&parsed(cluster, seen)?, to, None) {
                    RolloutStatus::Complete(_) => Ok(true),
                    RolloutStatus::Progressing(_) => Ok(false),
                    RolloutStatus::Failed(why) => {
                        Err(Failure::failed(format!("{} did not come to {to}: {why}", scene.first.words()))
                            .hint(format!("{} still has the traffic", scene.green.reference())))
                    }
                }
            })
            .await?;
        let service = scene.service.read().await?;
        point(&scene.service, &service, None).await?;
        return remove(&scene.green).await;
    }
    remove(&scene.green).await?;
    // Its pods must be gone before the Service selects by anything but the version.
    let deadline = tokio::time::Instant::now() + ENDED_WITHIN;
    let pods = Object::new(taking.cluster, objects::pods(), &taking.target.namespace, "");
    let selector = format!("{},{TRACK}=green", template::selector(&scene.deployment));
    while !pods.siblings(&selector).await?.is_empty() {
        if tokio::time::Instant::now() >= deadline {
            return Err(Failure::failed(format!("the pods of {} do not end", scene.green.words()))
                .hint("take this step again when they are gone; the Service stays pinned until then"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let service = scene.service.read().await?;
    point(&scene.service, &service, None).await
}

pub(super) async fn status(taking: &Taking<'_>, step: ReleaseStep) -> Result<RolloutStatus, Failure> {
    let scene = scene(taking).await?;
    let pinned = pin(&scene.switched);
    let service = scene.service.reference();
    let to_version = |version: &str| {
        if pinned == Some(version) {
            RolloutStatus::Complete(format!("{service} selects {version}"))
        } else {
            RolloutStatus::Progressing(format!("{service} selects {}", pinned.unwrap_or("every version")))
        }
    };
    Ok(match step {
        ReleaseStep::Prepare if pinned.is_none() => to_version(scene.from),
        ReleaseStep::Prepare => scene.standing(taking)?,
        ReleaseStep::Switch => to_version(scene.to),
        ReleaseStep::SwitchBack => to_version(scene.from),
        ReleaseStep::Retire if scene.second.is_some() => {
            RolloutStatus::Progressing(format!("{} still stands", scene.green.reference()))
        }
        ReleaseStep::Retire if pinned.is_some() => {
            RolloutStatus::Progressing(format!("{service} still selects by version"))
        }
        ReleaseStep::Retire => {
            let seen = parsed(taking.cluster, &scene.deployment)?;
            let runs = version(&scene.deployment).unwrap_or_default();
            match seen.health() {
                Health::Healthy => RolloutStatus::Complete(format!("{runs} alone stands")),
                _ => judge(&seen, &runs, None),
            }
        }
        _ => return Err(taking.no_such(step)),
    })
}
