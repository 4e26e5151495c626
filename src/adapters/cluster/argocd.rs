//! Rolling an Argo CD Application back to an entry of its history, through its `operation` field.

use super::{
    FIELD_MANAGER, KubeCluster, access,
    objects::{self, ApplicationObject, HistoryEntry},
    path,
};
use crate::{
    domain::{
        catalog::Target,
        deployment::{RollbackRoute, RolloutStatus, shown_version},
    },
    error::Failure,
};
use kube::api::{Patch, PatchParams};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// Finds the way back; changes nothing.
pub(super) async fn plan(cluster: &KubeCluster, target: &Target) -> Result<RollbackRoute, Failure> {
    let (namespace, name) = application(target)?;
    access::may_patch(cluster, &objects::applications(), namespace, name).await?;
    let (seen, _) = read(cluster, target).await?;
    if let Some(why) = busy(&seen) {
        return Err(Failure::refused(format!("{} cannot be rolled back now: {why}", target.service))
            .hint("wait for it to end, or terminate it in Argo CD, and plan again"));
    }
    let (from, to) = entries(&seen, target)?;
    Ok(RollbackRoute::History {
        resource_version: seen.resource_version(),
        from_id: from.id,
        to_id: to.id,
        from_version: from.revision(),
        to_version: to.revision(),
        suspend_automated_sync: seen.automated(),
    })
}

/// Suspends automated sync where it must, then sets the operation; each once, each under the lock.
pub(super) async fn start(
    cluster: &KubeCluster,
    target: &Target,
    route: &RollbackRoute,
) -> Result<(), Failure> {
    let RollbackRoute::History { from_id, to_id, suspend_automated_sync, .. } = route else {
        return Err(Failure::refused("this plan is not for an Application"));
    };
    let (mut seen, mut json) = read(cluster, target).await?;
    as_planned(cluster, target, &seen, *from_id, *to_id)?;
    if seen.automated() && !suspend_automated_sync {
        return Err(moved(cluster, target)
            .cause("automated sync was switched on meanwhile, and would put Git back at once"));
    }
    let suspended = seen.automated();
    if suspended {
        let body = json!({
            "metadata": {"resourceVersion": seen.resource_version()},
            "spec": {"syncPolicy": {"automated": {"enabled": false}}},
        });
        patch(cluster, target, "suspend automated sync of", &body).await?;
        (seen, json) = read(cluster, target).await.map_err(|failure| stays_suspended(failure, target))?;
        as_planned(cluster, target, &seen, *from_id, *to_id)
            .map_err(|failure| stays_suspended(failure, target))?;
        if seen.automated() {
            return Err(moved(cluster, target).cause("automated sync was switched on again at once"));
        }
    }
    let body = operation(&json, &seen.resource_version(), *to_id).ok_or_else(|| moved(cluster, target));
    let sent = match body {
        Ok(body) => patch(cluster, target, "roll back", &body).await,
        Err(failure) => Err(failure),
    };
    sent.map_err(|failure| if suspended { stays_suspended(failure, target) } else { failure })
}

/// How far it is: complete when the operation succeeded, deployed the revision, and nothing is degraded.
pub(super) async fn status(
    cluster: &KubeCluster,
    target: &Target,
    to_version: &str,
) -> Result<RolloutStatus, Failure> {
    let (seen, _) = read(cluster, target).await?;
    Ok(judge(&seen, to_version))
}

/// What an Application's status means for the rollback to `to_version`.
fn judge(seen: &ApplicationObject, to_version: &str) -> RolloutStatus {
    let kept = seen.extract();
    let Some(state) = seen.status.operation_state.as_ref() else {
        return RolloutStatus::Progressing("waiting for Argo CD to begin the sync".to_owned());
    };
    let message = state.message.as_deref().filter(|text| !text.is_empty());
    let with_message = |text: String| match message {
        Some(message) => format!("{text}: {message}"),
        None => text,
    };
    match (state.phase.as_str(), state.finished_at) {
        ("Failed" | "Error", Some(_)) => RolloutStatus::Failed(with_message(format!("sync {}", state.phase))),
        ("Succeeded", Some(finished)) if seen.operation.is_none() => {
            let deployed = kept.deployed.map(|(_, revision)| revision).unwrap_or_default();
            if deployed != to_version {
                return RolloutStatus::Failed(format!(
                    "Argo CD deployed {}, not {}",
                    shown_version(&deployed),
                    shown_version(to_version)
                ));
            }
            // Health has no time of its own: it is of the last comparison, which may be of before.
            if kept.reconciled_at.is_some_and(|compared| compared < finished) {
                return RolloutStatus::Progressing(
                    "synced; waiting for Argo CD to look at its health".to_owned(),
                );
            }
            match kept.health.as_str() {
                "Healthy" => {
                    RolloutStatus::Complete(format!("{} is deployed and healthy", shown_version(to_version)))
                }
                "Degraded" => {
                    RolloutStatus::Failed(format!("{} is deployed, and degraded", shown_version(to_version)))
                }
                other => RolloutStatus::Progressing(format!("synced; health {other}")),
            }
        }
        ("Running", Some(_)) => RolloutStatus::Progressing(with_message("sync will be retried".to_owned())),
        (phase, _) => RolloutStatus::Progressing(with_message(format!("sync {phase}"))),
    }
}

/// Namespace and name of the Application.
fn application(target: &Target) -> Result<(&str, &str), Failure> {
    let named = target.application.as_ref().map(|(namespace, name)| (namespace.as_str(), name.as_str()));
    named.ok_or_else(|| {
        Failure::configuration(format!("{} names no Argo CD Application", target.service))
            .hint("set `application` in the service's deployment table")
    })
}

/// Reads the Application.
async fn read(cluster: &KubeCluster, target: &Target) -> Result<(ApplicationObject, Value), Failure> {
    let (namespace, name) = application(target)?;
    let json = cluster.get(&objects::applications(), namespace, name).await?;
    let seen = ApplicationObject::deserialize(&json).map_err(|error| {
        Failure::unreachable(format!(
            "the cluster {} answered with something else than an Application",
            cluster.context
        ))
        .because(&error)
    })?;
    Ok((seen, json))
}

/// Why no operation may be set now, if so.
fn busy(seen: &ApplicationObject) -> Option<&'static str> {
    if seen.operation.is_some() {
        return Some("an operation of Argo CD waits or runs");
    }
    let phase = seen.status.operation_state.as_ref().map(|state| state.phase.as_str());
    matches!(phase, Some("Running" | "Terminating")).then_some("a sync of Argo CD is running")
}

/// The entry that is deployed, and the newest one before it that is something else.
fn entries<'a>(
    seen: &'a ApplicationObject,
    target: &Target,
) -> Result<(&'a HistoryEntry, &'a HistoryEntry), Failure> {
    let refuse = |why: &str| {
        Failure::refused(format!("{} cannot be rolled back: {why}", target.service))
            .hint("deploy a good version through Git instead")
    };
    let (from, before) = seen.history().split_last().ok_or_else(|| refuse("Argo CD has no history of it"))?;
    let to = before.iter().rev().find(|entry| entry.revision() != from.revision());
    Ok((from, to.ok_or_else(|| refuse("its history has no earlier revision"))?))
}

/// Fails unless the Application still is as it was planned.
fn as_planned(
    cluster: &KubeCluster,
    target: &Target,
    seen: &ApplicationObject,
    from_id: i64,
    to_id: i64,
) -> Result<(), Failure> {
    if let Some(why) = busy(seen) {
        return Err(moved(cluster, target).cause(why));
    }
    if seen.history().last().map(|entry| entry.id) != Some(from_id) {
        return Err(moved(cluster, target).cause("something else is deployed now"));
    }
    if !seen.history().iter().any(|entry| entry.id == to_id) {
        return Err(moved(cluster, target).cause(format!("history entry {to_id} is gone")));
    }
    Ok(())
}

/// The merge patch that starts the rollback; `None` when the entry is not in the history.
fn operation(application: &Value, locked: &str, to_id: i64) -> Option<Value> {
    let history = application.pointer("/status/history")?.as_array()?;
    let entry = history.iter().find(|entry| entry["id"] == to_id)?;
    let mut sync = json!({"prune": false, "syncStrategy": {"apply": {}}});
    let several = entry.get("sources").and_then(Value::as_array).is_some_and(|sources| !sources.is_empty());
    if several {
        sync["revisions"] = entry.get("revisions").cloned().unwrap_or_default();
        sync["sources"] = entry["sources"].clone();
        // Mandatory in the schema, and unused with several sources.
        sync["source"] = json!({"repoURL": ""});
    } else {
        sync["revision"] = entry["revision"].clone();
        sync["source"] = entry.get("source").or_else(|| application.pointer("/spec/source"))?.clone();
    }
    if let Some(options) = application.pointer("/spec/syncPolicy/syncOptions") {
        sync["syncOptions"] = options.clone();
    }
    Some(json!({
        "metadata": {"resourceVersion": locked},
        "operation": {"initiatedBy": {"username": FIELD_MANAGER}, "sync": sync},
        "status": {"operationState": null},
    }))
}

/// Sends one merge patch, once.
async fn patch(cluster: &KubeCluster, target: &Target, verb: &str, body: &Value) -> Result<(), Failure> {
    let (namespace, name) = application(target)?;
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let request = path(&objects::applications(), namespace)?.patch(name, &params, &Patch::Merge(body));
    match cluster.send_raw::<Value>(request).await {
        Ok(_) => Ok(()),
        Err(problem) if problem.code() == Some(409) => Err(moved(cluster, target)),
        Err(problem) => {
            Err(problem.into_failure(&cluster.context, &format!("{verb} Application {namespace}/{name}")))
        }
    }
}

/// The failure for an Application that is not as it was planned.
fn moved(cluster: &KubeCluster, target: &Target) -> Failure {
    let name = target.application.as_ref().map(|(namespace, name)| format!("{namespace}/{name}"));
    Failure::conflict(format!(
        "Application {} in the cluster {} changed since the plan; it was not rolled back",
        name.unwrap_or_default(),
        cluster.context
    ))
    .hint("look at what runs now, and plan again")
}

/// Adds that automated sync is off now, which nobody would guess from the failure.
fn stays_suspended(failure: Failure, target: &Target) -> Failure {
    let name = target.application.as_ref().map(|(_, name)| name.as_str()).unwrap_or_default();
    failure
        .cause("automated sync was suspended before, and stays so")
        .hint(format!("resume it with `argocd app set {name} --sync-policy automated` when that is wanted"))
}

#[cfg(test)]
#[path = "argocd_tests.rs"]
mod tests;
