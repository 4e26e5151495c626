//! A canary beside a plain Deployment: a second Deployment with the new version, whose pods the same Service finds.
//!
//! The weight is a number of pods, and so only as exact as whole pods are. The Deployment itself keeps all of its
//! pods, so that neither its autoscaler nor its capacity is touched; the canary has at most as many.

use super::{Asked, PURPOSE, ReleaseRoute, ReleaseStep, RolloutStatus, Taking, can_be_released, services_of};
use crate::{
    adapters::cluster::{
        KubeCluster,
        object::{Object, Part, lock, text},
        objects,
        template::{self, CHANGE_CAUSE, change_cause, judge, parsed, version},
        undo,
    },
    domain::{
        catalog::Target,
        deployment::{
            Health,
            release::{Release, Strategy},
        },
    },
    error::Failure,
};
use serde_json::{Value, json};

/// Label that tells the pods of a second Deployment from those of the first.
pub(super) const TRACK: &str = "quarterdeck/track";

/// The canary of a target.
fn canary<'a>(cluster: &'a KubeCluster, target: &Target) -> Object<'a> {
    second(cluster, target, "canary")
}

/// A second Deployment beside that of a target.
pub(super) fn second<'a>(cluster: &'a KubeCluster, target: &Target, track: &str) -> Object<'a> {
    let name = format!("{}-{track}", target.workload);
    Object::new(cluster, objects::deployments(), &target.namespace, name)
}

/// How many pods carry a weight beside `all` pods of the old version.
pub(super) fn pods(weight: u8, all: u32) -> u32 {
    let weight = u32::from(weight.min(99));
    let wanted = (f64::from(all * weight) / f64::from(100 - weight)).round() as u32;
    wanted.clamp(1, all.max(1))
}

/// The share that so many pods really get.
fn share(canaries: u32, all: u32) -> String {
    let percent = f64::from(canaries) * 100.0 / f64::from((canaries + all).max(1));
    format!("{canaries} of {} pods, {percent:.0} %", canaries + all)
}

/// The Deployment that carries a release beside the first one.
pub(super) fn made(
    deployment: &Value,
    release: &Release,
    object: &Object<'_>,
    track: &str,
    replicas: u32,
) -> Result<Value, Failure> {
    let mut template = template::released(deployment, release)?;
    template["metadata"]["labels"][TRACK] = track.into();
    let mut spec = deployment["spec"].clone();
    spec["replicas"] = replicas.into();
    spec["template"] = template;
    spec["selector"]["matchLabels"][TRACK] = track.into();
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("paused");
    }
    let mut labels = deployment["metadata"]["labels"].clone();
    // What keeps the first one (Argo CD, Flux, Helm) must not take the second for its own.
    if let Some(labels) = labels.as_object_mut() {
        labels.retain(|key, _| {
            !["argocd.argoproj.io/", "toolkit.fluxcd.io/", "app.kubernetes.io/managed-by", "helm.sh/"]
                .iter()
                .any(|mark| key.contains(mark))
        });
    }
    labels[objects::VERSION_LABEL] = release.version.as_str().into();
    labels[TRACK] = track.into();
    let meta = &deployment["metadata"];
    Ok(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": object.name,
            "namespace": object.namespace,
            "labels": labels,
            "annotations": { CHANGE_CAUSE: change_cause(release) },
            // It goes with the first one, whatever else happens.
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "Deployment", "name": meta["name"],
                                  "uid": meta["uid"] }],
        },
        "spec": spec,
    }))
}

/// Refuses where something else of this name stands already.
pub(super) fn must_be_ours(object: &Object<'_>, found: &Value, release: &Release) -> Result<(), Failure> {
    if found["spec"]["selector"]["matchLabels"][TRACK].is_null() {
        return Err(Failure::refused(format!("{} is there already, and not for this", object.words()))
            .hint("rename it, or deploy at once"));
    }
    let stands = version(found).unwrap_or_default();
    if stands != release.version {
        return Err(Failure::conflict(format!("{} of {stands} stands already", object.words()))
            .hint("end that deployment first"));
    }
    Ok(())
}

pub(super) async fn plan(asked: &Asked<'_>) -> Result<ReleaseRoute, Failure> {
    let Asked { cluster, target, release, strategy } = asked;
    let (first, canary) = (undo::deployment(cluster, target), canary(cluster, target));
    first.may("patch", PURPOSE).await?;
    for verb in ["create", "patch", "delete"] {
        canary.may(verb, PURPOSE).await?;
    }
    let deployment = first.read().await?;
    can_be_released(cluster, target, &deployment)?;
    if let Some(found) = canary.find().await? {
        must_be_ours(&canary, &found, release)?;
    } else {
        canary.create(&made(&deployment, release, &canary, "canary", 1)?, true).await?;
    }
    first.try_merge("deploy to", Part::Object, &template::patch(&deployment, release)?).await?;
    let labels = template::template(&deployment)["metadata"]["labels"].clone();
    let services = services_of(cluster, target, &labels).await?;
    let mut notes = Vec::new();
    if services.is_empty() {
        notes.push("No Service selects its pods: the canary runs, and gets no traffic from one.".to_owned());
    }
    for (service, json) in &services {
        if !json["spec"]["selector"][objects::VERSION_LABEL].is_null() {
            return Err(Failure::refused(format!(
                "{} cannot be deployed as a canary: {} selects by version, so the canary would get nothing",
                target.service,
                service.words()
            ))
            .hint("deploy it blue-green, which switches that selector"));
        }
    }
    let all = parsed(cluster, &deployment)?.desired();
    if let Strategy::Canary { weights } = strategy {
        let shares: Vec<String> = weights
            .iter()
            .map(|weight| format!("{weight} % is {}", share(pods(*weight, all), all)))
            .collect();
        notes.push(format!("Weights are whole pods: {}.", shares.join("; ")));
    }
    let objects = [&first, &canary].map(|object| object.reference().to_string());
    Ok(asked.route(&deployment, objects.into(), notes))
}

pub(super) async fn step(taking: &Taking<'_>, step: ReleaseStep) -> Result<(), Failure> {
    match step {
        ReleaseStep::Weight(weight) => weigh(taking, weight).await,
        ReleaseStep::Promote => {
            super::immediate::apply(taking).await?;
            remove(&canary(taking.cluster, taking.target)).await
        }
        ReleaseStep::Abort => remove(&canary(taking.cluster, taking.target)).await,
        _ => Err(taking.no_such(step)),
    }
}

/// Makes the canary, or gives it another number of pods.
async fn weigh(taking: &Taking<'_>, weight: u8) -> Result<(), Failure> {
    let (first, canary) = (taking.deployment(), canary(taking.cluster, taking.target));
    let deployment = first.read().await?;
    taking.as_planned(&first, &deployment)?;
    let release = &taking.route.release;
    let wanted = pods(weight, parsed(taking.cluster, &deployment)?.desired());
    let Some(found) = canary.find().await? else {
        canary.create(&made(&deployment, release, &canary, "canary", wanted)?, false).await?;
        return Ok(());
    };
    must_be_ours(&canary, &found, release)?;
    if found["spec"]["replicas"] == wanted {
        return Ok(());
    }
    let body = json!({ "metadata": lock(&found), "spec": { "replicas": wanted } });
    canary.merge("give another weight to", Part::Object, &body).await?;
    Ok(())
}

/// Takes a second Deployment away; one that is gone already is no failure.
pub(super) async fn remove(object: &Object<'_>) -> Result<(), Failure> {
    let Some(found) = object.find().await? else { return Ok(()) };
    if found["spec"]["selector"]["matchLabels"][TRACK].is_null() {
        return Err(Failure::refused(format!("{} was not made by a deployment, and stays", object.words())));
    }
    object.delete(&text(&found, "/metadata/uid")).await
}

pub(super) async fn status(taking: &Taking<'_>, step: ReleaseStep) -> Result<RolloutStatus, Failure> {
    let first = taking.deployment().read().await?;
    let first = parsed(taking.cluster, &first)?;
    let found = canary(taking.cluster, taking.target).find().await?;
    let (release, from) = (&taking.route.release.version, taking.route.from_version.as_deref());
    match (step, found) {
        (ReleaseStep::Weight(_), None) => {
            Ok(RolloutStatus::Progressing("the canary is not made yet".to_owned()))
        }
        (ReleaseStep::Weight(weight), Some(found)) => {
            let seen = parsed(taking.cluster, &found)?;
            let (all, wanted) = (first.desired(), pods(weight, first.desired()));
            Ok(match (judge(&seen, release, None), seen.health()) {
                (RolloutStatus::Failed(why), _) => RolloutStatus::Failed(format!("the canary: {why}")),
                (RolloutStatus::Complete(_), Health::Healthy) if seen.desired() == wanted => {
                    RolloutStatus::Complete(format!(
                        "the canary has {} ({weight} % asked)",
                        share(wanted, all)
                    ))
                }
                (RolloutStatus::Progressing(what), _) if seen.desired() == wanted => {
                    RolloutStatus::Progressing(format!("the canary: {what}"))
                }
                _ => RolloutStatus::Progressing(format!("the canary still has {} pods", seen.desired())),
            })
        }
        (_, Some(_)) => Ok(RolloutStatus::Progressing("the canary is still there".to_owned())),
        (ReleaseStep::Abort, None) => Ok(match from {
            Some(from) => judge(&first, from, Some(release)),
            None => RolloutStatus::Complete("the canary is gone".to_owned()),
        }),
        (_, None) => Ok(judge(&first, release, from)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_the_nearest_number_of_whole_pods_beside_the_others() {
        for (weight, all, expected) in [
            (5, 3, 1),
            (25, 3, 1),
            (50, 3, 3),
            (50, 4, 4),
            (25, 9, 3),
            (10, 9, 1),
            (5, 100, 5),
            (75, 4, 4),
            (5, 0, 1),
        ] {
            assert_eq!(pods(weight, all), expected, "{weight} % beside {all}");
        }
        assert_eq!(share(1, 3), "1 of 4 pods, 25 %");
    }
}
