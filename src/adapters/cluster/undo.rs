//! Rolling a plain Deployment back to its previous `ReplicaSet`, as `kubectl rollout undo` does.
//!
//! Templates travel as JSON, never through typed structs: those would drop fields that they do not know.

use super::{
    FIELD_MANAGER, KubeCluster, access,
    objects::{self, REVISION, Template, WorkloadObject},
    path,
};
use crate::{
    domain::{
        catalog::Target,
        deployment::{Health, RollbackRoute, RolloutStatus},
    },
    error::Failure,
};
use kube::api::{ListParams, Patch, PatchParams};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

/// Label that the controller adds to a `ReplicaSet`'s template.
const HASH_LABEL: &str = "pod-template-hash";

/// Annotations that stay the Deployment's own; all others come from the `ReplicaSet`.
const OWN_ANNOTATIONS: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// A Deployment and the `ReplicaSet` to go back to.
struct Situation {
    deployment: Value,
    replica_set: Value,
    from_revision: u64,
    to_revision: u64,
    from_version: String,
    to_version: String,
}

/// Finds the way back; changes nothing.
pub(super) async fn plan(cluster: &KubeCluster, target: &Target) -> Result<RollbackRoute, Failure> {
    access::may_patch(cluster, &objects::deployments(), &target.namespace, &target.workload).await?;
    let now = situation(cluster, target).await?;
    Ok(RollbackRoute::Undo {
        resource_version: text(&now.deployment, "/metadata/resourceVersion"),
        from_revision: now.from_revision,
        to_revision: now.to_revision,
        from_version: now.from_version,
        to_version: now.to_version,
        replica_set: text(&now.replica_set, "/metadata/name"),
    })
}

/// Patches the Deployment, once, if it still is as it was planned.
pub(super) async fn start(
    cluster: &KubeCluster,
    target: &Target,
    route: &RollbackRoute,
) -> Result<(), Failure> {
    let RollbackRoute::Undo { from_revision, to_revision, from_version, to_version, replica_set, .. } = route
    else {
        return Err(Failure::refused("this plan is not for a Deployment"));
    };
    let name = &target.workload;
    let now = situation(cluster, target).await?;
    // A failing release changes its Deployment's status all the time, and so its resourceVersion since
    // the plan. What was planned is judged by what it said; the lock below is on what was judged.
    if (now.from_revision, now.to_revision) != (*from_revision, *to_revision)
        || (&now.from_version, &now.to_version) != (from_version, to_version)
        || text(&now.replica_set, "/metadata/name") != *replica_set
    {
        return Err(moved(cluster, target).cause(format!(
            "planned was {from_version} (revision {from_revision}) to {to_version} (revision {to_revision}); now it is {} (revision {}) to {} (revision {})",
            now.from_version, now.from_revision, now.to_version, now.to_revision
        )));
    }
    let locked = text(&now.deployment, "/metadata/resourceVersion");
    let body = patch(&now.deployment, &now.replica_set, &locked);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(body).map_err(|error| {
        Failure::failed(format!("could not write the patch of Deployment {name}")).because(&error)
    })?);
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let resource = objects::deployments();
    let request = path(&resource, &target.namespace)?.patch(name, &params, &patch);
    let Err(problem) = cluster.send_raw::<Value>(request).await else { return Ok(()) };
    // A failed `test` is an unexplained 422; only looking again tells it from an invalid template.
    let refused = problem.code() == Some(422);
    let failure =
        problem.into_failure(&cluster.context, &format!("roll back Deployment {}/{name}", target.namespace));
    if refused
        && let Ok(again) = cluster.get(&resource, &target.namespace, name).await
        && text(&again, "/metadata/resourceVersion") != locked
    {
        return Err(moved(cluster, target).cause("it changed in the moment of the rollback"));
    }
    Err(failure)
}

/// How far the rollback is: complete only when the wanted version alone runs, with all its pods ready.
pub(super) async fn status(
    cluster: &KubeCluster,
    target: &Target,
    to_version: &str,
) -> Result<RolloutStatus, Failure> {
    let json = cluster.get(&objects::deployments(), &target.namespace, &target.workload).await?;
    let seen = parsed(cluster, &json)?;
    let wanted = seen.version().unwrap_or_default();
    let (ready, desired) = (seen.ready(), seen.desired());
    Ok(match seen.health() {
        _ if wanted != to_version => RolloutStatus::Failed(format!(
            "its template is {} now: somebody or something changed it again",
            named(&wanted)
        )),
        Health::Degraded(why) => RolloutStatus::Failed(why),
        Health::Paused => RolloutStatus::Failed("the Deployment is paused".to_owned()),
        Health::Healthy if seen.updated() == desired && ready == desired => {
            RolloutStatus::Complete(format!("{to_version} runs, {ready} of {desired} pods ready"))
        }
        _ if !seen.observed() => {
            RolloutStatus::Progressing("waiting for the controller to see the new spec".to_owned())
        }
        _ if seen.old_pods() > 0 => RolloutStatus::Progressing(format!(
            "{} of {desired} pods of {to_version}, {} old ones still to end",
            seen.updated().min(desired),
            seen.old_pods()
        )),
        Health::Progressing(why) if seen.updated() < desired => RolloutStatus::Progressing(why),
        _ => RolloutStatus::Progressing(format!("{ready} of {desired} pods ready")),
    })
}

/// Reads the Deployment and its `ReplicaSet`s, and refuses where there is no way back.
async fn situation(cluster: &KubeCluster, target: &Target) -> Result<Situation, Failure> {
    let Target { namespace, workload, service, .. } = target;
    let deployment = cluster.get(&objects::deployments(), namespace, workload).await?;
    let seen = parsed(cluster, &deployment)?;
    let refuse = |why: &str| Failure::refused(format!("{service} cannot be rolled back: {why}"));
    if seen.paused() {
        return Err(refuse("its Deployment is paused").hint(format!(
            "resume it first: kubectl rollout resume deployment/{workload} -n {namespace} --context {}",
            cluster.context
        )));
    }
    if !seen.observed() {
        return Err(
            refuse("its controller has not seen the newest change yet").hint("plan again in a moment")
        );
    }
    let from_revision = revision(&deployment).ok_or_else(|| {
        refuse("its Deployment has no revision number").hint("wait for its first rollout to begin")
    })?;
    let owner = text(&deployment, "/metadata/uid");
    let replica_set = replica_sets(cluster, target, &deployment)
        .await?
        .into_iter()
        .filter(|candidate| {
            candidate.pointer("/metadata/ownerReferences").and_then(Value::as_array).is_some_and(|owners| {
                owners.iter().any(|reference| {
                    reference["uid"] == owner.as_str() && reference["controller"] == Value::Bool(true)
                })
            })
        })
        .filter_map(|candidate| revision(&candidate).map(|number| (number, candidate)))
        .filter(|(number, _)| *number < from_revision)
        .max_by_key(|(number, _)| *number);
    let Some((to_revision, replica_set)) = replica_set else {
        return Err(refuse("there is no previous revision")
            .cause(format!("revision {from_revision} is the only one whose ReplicaSet is still there"))
            .hint("deploy a good version instead"));
    };
    if template(&deployment) == template(&replica_set) {
        return Err(refuse(&format!("it already is at the template of revision {to_revision}")));
    }
    let version = |object: &Value| {
        object
            .pointer("/spec/template")
            .and_then(|template| Template::deserialize(template).ok())
            .and_then(|template| template.version())
            .unwrap_or_default()
    };
    Ok(Situation {
        from_version: version(&deployment),
        to_version: version(&replica_set),
        deployment,
        replica_set,
        from_revision,
        to_revision,
    })
}

/// All `ReplicaSet`s that the Deployment's selector finds.
async fn replica_sets(
    cluster: &KubeCluster,
    target: &Target,
    deployment: &Value,
) -> Result<Vec<Value>, Failure> {
    let path = path(&objects::replica_sets(), &target.namespace)?;
    let attempt = format!("list the ReplicaSets of {}/{}", target.namespace, target.workload);
    let mut params =
        ListParams { label_selector: Some(selector(deployment)), limit: Some(500), ..ListParams::default() };
    let mut found = Vec::new();
    loop {
        let mut page: Value = cluster.send(&attempt, path.list(&params)).await?;
        if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
            found.extend(items);
        }
        let token = text(&page, "/metadata/continue");
        if token.is_empty() {
            return Ok(found);
        }
        params.continue_token = Some(token);
    }
}

/// The Deployment's label selector as a query.
fn selector(deployment: &Value) -> String {
    let mut terms = Vec::new();
    let labels = deployment.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    for (key, value) in labels.into_iter().flatten() {
        terms.push(format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    let expressions = deployment.pointer("/spec/selector/matchExpressions").and_then(Value::as_array);
    for expression in expressions.into_iter().flatten() {
        let key = text(expression, "/key");
        let values = expression["values"].as_array().into_iter().flatten();
        let values = values.filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        terms.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key,
        });
    }
    terms.join(",")
}

/// The JSON patch: lock, template, annotations.
fn patch(deployment: &Value, replica_set: &Value, locked: &str) -> Value {
    let annotations_of = |object: &Value| {
        object.pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let own = |key: &String| OWN_ANNOTATIONS.contains(&key.as_str());
    let mut annotations: Map<String, Value> =
        annotations_of(deployment).into_iter().filter(|(key, _)| own(key)).collect();
    annotations.extend(annotations_of(replica_set).into_iter().filter(|(key, _)| !own(key)));
    json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": locked},
        {"op": "replace", "path": "/spec/template", "value": template(replica_set)},
        {"op": "replace", "path": "/metadata/annotations", "value": annotations},
    ])
}

/// The pod template without the controller's own label.
fn template(object: &Value) -> Value {
    let mut template = object.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(HASH_LABEL);
    }
    template
}

/// The revision number in an object's annotations.
fn revision(object: &Value) -> Option<u64> {
    object.get("metadata")?.get("annotations")?.get(REVISION)?.as_str()?.parse().ok()
}

/// A text inside of a JSON document, empty where it is not.
fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The fields of a Deployment that are looked at.
fn parsed(cluster: &KubeCluster, json: &Value) -> Result<WorkloadObject, Failure> {
    WorkloadObject::deserialize(json).map_err(|error| {
        Failure::unreachable(format!(
            "the cluster {} answered with something else than a Deployment",
            cluster.context
        ))
        .because(&error)
    })
}

/// The failure for a Deployment that is not as it was planned.
fn moved(cluster: &KubeCluster, target: &Target) -> Failure {
    Failure::conflict(format!(
        "Deployment {}/{} in the cluster {} changed since the plan; nothing was done",
        target.namespace, target.workload, cluster.context
    ))
    .hint("look at what runs now, and plan again")
}

/// A version for a sentence.
fn named(version: &str) -> &str {
    if version.is_empty() { "without a version" } else { version }
}

#[cfg(test)]
#[path = "undo_tests.rs"]
mod tests;
