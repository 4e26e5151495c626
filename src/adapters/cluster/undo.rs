//! Rolling a Deployment back to an earlier `ReplicaSet`, as `kubectl rollout undo` does; where Flux keeps it, what
//! keeps it is suspended first.

use super::{
    KubeCluster, flux,
    object::{Object, Part, text},
    objects::{self, REVISION},
    template::{judge, parsed, selector, template, version},
};
use crate::{
    domain::{
        catalog::{ManagedBy, Target},
        deployment::{ObjectRef, RollbackRoute, RolloutStatus},
    },
    error::{Failure, FailureKind},
};
use kube::api::Patch;
use serde_json::{Map, Value, json};

/// Annotations that stay the Deployment's own; all others come from the `ReplicaSet`.
const OWN_ANNOTATIONS: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// What a plan that needs a permission is for.
pub(super) const PURPOSE: &str = "rolling back";

/// A Deployment and the `ReplicaSet` to go back to.
struct Situation {
    deployment: Value,
    replica_set: Value,
    from_revision: u64,
    to_revision: u64,
    from_version: String,
    to_version: String,
    suspend: Option<ObjectRef>,
}

/// The Deployment of a target.
pub(super) fn deployment<'a>(cluster: &'a KubeCluster, target: &Target) -> Object<'a> {
    Object::new(cluster, objects::deployments(), &target.namespace, &target.workload)
}

/// Finds the way back; changes nothing.
pub(super) async fn plan(
    cluster: &KubeCluster,
    target: &Target,
    to: Option<&str>,
) -> Result<RollbackRoute, Failure> {
    let object = deployment(cluster, target);
    object.may("patch", PURPOSE).await?;
    let now = situation(cluster, target, to).await?;
    if let Some(suspend) = &now.suspend {
        flux::object(cluster, suspend)?.may("patch", PURPOSE).await?;
    }
    // A server that would refuse it (a policy, a quota, a field that is no longer known) says so now.
    object.patch("roll back", Part::Object, &patch(&now.deployment, &now.replica_set, None)?, true).await?;
    Ok(RollbackRoute::Undo {
        resource_version: text(&now.deployment, "/metadata/resourceVersion"),
        from_revision: now.from_revision,
        to_revision: now.to_revision,
        from_version: now.from_version,
        to_version: now.to_version,
        replica_set: text(&now.replica_set, "/metadata/name"),
        suspend: now.suspend,
    })
}

/// Patches the Deployment, once, if it still is as it was planned.
pub(super) async fn start(
    cluster: &KubeCluster,
    target: &Target,
    route: &RollbackRoute,
) -> Result<(), Failure> {
    let RollbackRoute::Undo {
        from_revision,
        to_revision,
        from_version,
        to_version,
        replica_set,
        suspend,
        ..
    } = route
    else {
        return Err(Failure::refused("this plan is not for a Deployment"));
    };
    let object = deployment(cluster, target);
    let now = situation(cluster, target, Some(to_version))
        .await
        .map_err(|failure| since_the_plan(failure, &object))?;
    // A failing release changes its Deployment's status all the time, and so its resourceVersion since
    // the plan. What was planned is judged by what it said; the lock below is on what was judged.
    if (now.from_revision, now.to_revision) != (*from_revision, *to_revision)
        || (&now.from_version, &now.to_version) != (from_version, to_version)
        || text(&now.replica_set, "/metadata/name") != *replica_set
        || now.suspend != *suspend
    {
        return Err(object.moved().cause(format!(
            "planned was {from_version} (revision {from_revision}) to {to_version} (revision {to_revision}); now it is {} (revision {}) to {} (revision {})",
            now.from_version, now.from_revision, now.to_version, now.to_revision
        )));
    }
    if let Some(suspend) = suspend {
        flux::suspend(cluster, suspend).await?;
    }
    let locked = text(&now.deployment, "/metadata/resourceVersion");
    let patch = patch(&now.deployment, &now.replica_set, Some(&locked))?;
    let moved = |again: &Value| text(again, "/metadata/resourceVersion") != locked;
    send(&object, &patch, moved).await.map_err(|failure| match suspend {
        Some(suspend) => flux::stays_suspended(failure, suspend),
        None => failure,
    })
}

/// What stands against a rollback now and did not when it was planned.
pub(super) fn since_the_plan(failure: Failure, object: &Object<'_>) -> Failure {
    if failure.kind == FailureKind::Refused { object.moved().cause(failure.message) } else { failure }
}

/// Sends a JSON patch that tests what was read, once; `moved` tells whether that is not so any more.
pub(super) async fn send(
    object: &Object<'_>,
    patch: &Patch<()>,
    moved: impl Fn(&Value) -> bool,
) -> Result<(), Failure> {
    let Err(failure) = object.patch("roll back", Part::Object, patch, false).await else { return Ok(()) };
    // A failed `test` is an unexplained 422; only looking again tells it from an invalid template.
    let refused = failure.causes.iter().any(|cause| cause.contains("422"));
    if refused
        && let Ok(again) = object.read().await
        && moved(&again)
    {
        return Err(object.moved().cause("it changed in the moment of the rollback"));
    }
    Err(failure)
}

/// How far the rollback is: complete only when the wanted version alone runs, with all its pods ready.
pub(super) async fn status(
    cluster: &KubeCluster,
    target: &Target,
    to_version: &str,
) -> Result<RolloutStatus, Failure> {
    let json = deployment(cluster, target).read().await?;
    Ok(judge(&parsed(cluster, &json)?, to_version, None))
}

/// Reads the Deployment and its `ReplicaSet`s, and refuses where there is no way back.
async fn situation(cluster: &KubeCluster, target: &Target, to: Option<&str>) -> Result<Situation, Failure> {
    let Target { namespace, workload, service, .. } = target;
    let deployment = deployment(cluster, target).read().await?;
    let seen = parsed(cluster, &deployment)?;
    let refuse = |why: &str| Failure::refused(format!("{service} cannot be rolled back: {why}"));
    if seen.paused() {
        return Err(refuse("its Deployment is paused").hint(format!(
            "resume it first: quarterdeck service resume {service} --environment {}",
            target.environment
        )));
    }
    if !seen.observed() {
        return Err(
            refuse("its controller has not seen the newest change yet").hint("plan again in a moment")
        );
    }
    let suspend = match target.managed_by {
        ManagedBy::Flux => {
            let keeper = flux::keeper(&deployment, target)?;
            let json = flux::object(cluster, &keeper)?.read().await?;
            (json["spec"]["suspend"] != true).then_some(keeper)
        }
        _ => None,
    };
    let from_revision = revision(&deployment, REVISION).ok_or_else(|| {
        refuse("its Deployment has no revision number").hint("wait for its first rollout to begin")
    })?;
    let sets = Object::new(cluster, objects::replica_sets(), namespace, workload);
    let sets = owned(sets.siblings(&selector(&deployment)).await?, &deployment);
    let (to_revision, replica_set) = earlier(sets, REVISION, from_revision, to).ok_or_else(|| {
        let failure = match to {
            Some(to) => refuse(&format!("no revision with {to} is there any more")),
            None => refuse("there is no previous revision")
                .cause(format!("revision {from_revision} is the only one whose ReplicaSet is still there")),
        };
        failure.hint("deploy a good version instead")
    })?;
    if template(&deployment) == template(&replica_set) {
        return Err(refuse(&format!("it already is at the template of revision {to_revision}")));
    }
    Ok(Situation {
        from_version: version(&deployment).unwrap_or_default(),
        to_version: version(&replica_set).unwrap_or_default(),
        deployment,
        replica_set,
        from_revision,
        to_revision,
        suspend,
    })
}

/// Those of some `ReplicaSet`s that `owner` controls.
pub(super) fn owned(sets: Vec<Value>, owner: &Value) -> Vec<Value> {
    let uid = text(owner, "/metadata/uid");
    let mut sets = sets;
    sets.retain(|candidate| {
        candidate.pointer("/metadata/ownerReferences").and_then(Value::as_array).is_some_and(|owners| {
            owners.iter().any(|reference| {
                reference["uid"] == uid.as_str() && reference["controller"] == Value::Bool(true)
            })
        })
    });
    sets
}

/// The newest `ReplicaSet` before a revision, or the newest with a version.
pub(super) fn earlier(
    sets: Vec<Value>,
    annotation: &str,
    from_revision: u64,
    to: Option<&str>,
) -> Option<(u64, Value)> {
    sets.into_iter()
        .filter_map(|candidate| revision(&candidate, annotation).map(|number| (number, candidate)))
        .filter(|(number, candidate)| match to {
            Some(to) => *number != from_revision && version(candidate).as_deref() == Some(to),
            None => *number < from_revision,
        })
        .max_by_key(|(number, _)| *number)
}

/// The JSON patch: lock, template, annotations.
fn patch(deployment: &Value, replica_set: &Value, locked: Option<&str>) -> Result<Patch<()>, Failure> {
    operations(patch_body(deployment, replica_set, locked))
}

/// A JSON patch of these operations.
pub(super) fn operations(body: Value) -> Result<Patch<()>, Failure> {
    let operations = serde_json::from_value(body)
        .map_err(|error| Failure::failed("could not write the patch of the rollback").because(&error))?;
    Ok(Patch::Json(operations))
}

fn patch_body(deployment: &Value, replica_set: &Value, locked: Option<&str>) -> Value {
    let annotations_of = |object: &Value| {
        object.pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let own = |key: &String| OWN_ANNOTATIONS.contains(&key.as_str());
    let mut annotations: Map<String, Value> =
        annotations_of(deployment).into_iter().filter(|(key, _)| own(key)).collect();
    annotations.extend(annotations_of(replica_set).into_iter().filter(|(key, _)| !own(key)));
    let mut body = vec![
        json!({"op": "replace", "path": "/spec/template", "value": template(replica_set)}),
        json!({"op": "replace", "path": "/metadata/annotations", "value": annotations}),
    ];
    if let Some(locked) = locked {
        body.insert(0, json!({"op": "test", "path": "/metadata/resourceVersion", "value": locked}));
    }
    body.into()
}

/// The revision number in an object's annotations.
pub(super) fn revision(object: &Value, annotation: &str) -> Option<u64> {
    object.get("metadata")?.get("annotations")?.get(annotation)?.as_str()?.parse().ok()
}

#[cfg(test)]
#[path = "undo_tests.rs"]
mod tests;
