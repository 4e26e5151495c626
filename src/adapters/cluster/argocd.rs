//! Rolling an Argo CD Application back to an entry of its history, through its `operation` field.

use super::{
    FIELD_MANAGER, KubeCluster,
    object::{Object, Part, lock, text},
    objects::{self, ApplicationObject, HistoryEntry},
    undo::PURPOSE,
};
use crate::{
    domain::{
        catalog::Target,
        deployment::{RollbackRoute, RolloutStatus, shown_version},
    },
    error::Failure,
};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// Name of the `info` of an operation by which one of ours is found again.
const INFO: &str = "quarterdeck";

/// An Application as it was read.
pub(super) struct Application<'a> {
    pub(super) object: Object<'a>,
    pub(super) seen: ApplicationObject,
    pub(super) json: Value,
}

impl<'a> Application<'a> {
    /// Reads the Application of a target.
    pub(super) async fn read(cluster: &'a KubeCluster, target: &Target) -> Result<Self, Failure> {
        let (namespace, name) = application(target)?;
        let object = Object::new(cluster, objects::applications(), namespace, name);
        let json = object.read().await?;
        let seen = ApplicationObject::deserialize(&json).map_err(|error| {
            Failure::unreachable(format!(
                "the cluster {} answered with something else than an Application",
                cluster.context
            ))
            .because(&error)
        })?;
        Ok(Self { object, seen, json })
    }

    /// Refuses while an operation runs.
    pub(super) fn must_be_idle(&self, target: &Target, what: &str) -> Result<(), Failure> {
        let Some(why) = busy(&self.seen) else { return Ok(()) };
        Err(Failure::refused(format!("{} cannot be {what} now: {why}", target.service)).hint(format!(
            "wait for it to end, or `quarterdeck service terminate {} --environment {}`, and plan again",
            target.service, target.environment
        )))
    }

    /// The merge patch that has Argo CD sync to what its source says at its own revision.
    pub(super) fn sync_body(&self, mark: &str) -> Value {
        let mut sync = json!({"prune": false, "syncStrategy": {"hook": {}}});
        if let Some(options) = self.json.pointer("/spec/syncPolicy/syncOptions") {
            sync["syncOptions"] = options.clone();
        }
        if let Some(revision) = self.json.pointer("/spec/source/targetRevision") {
            sync["revision"] = revision.clone();
        }
        json!({
            "metadata": lock(&self.json),
            "operation": {"initiatedBy": {"username": FIELD_MANAGER}, "sync": sync,
                          "info": [{"name": INFO, "value": mark}]},
            "status": {"operationState": null},
        })
    }

    /// Asks the server whether it would take a sync.
    pub(super) async fn try_sync(&self, mark: &str) -> Result<(), Failure> {
        self.object.try_merge("sync", Part::Object, &self.sync_body(mark)).await.map(|_| ())
    }

    /// Starts a sync, once, under the lock on what was read.
    pub(super) async fn sync(&self, mark: &str) -> Result<(), Failure> {
        if let Some(why) = busy(&self.seen) {
            return Err(self.object.moved().cause(why));
        }
        self.object.merge("sync", Part::Object, &self.sync_body(mark)).await.map(|_| ())
    }

    /// Switches automated sync off, under the lock on what was read.
    async fn suspend(&self) -> Result<(), Failure> {
        let body = json!({
            "metadata": lock(&self.json),
            "spec": {"syncPolicy": {"automated": {"enabled": false}}},
        });
        self.object.merge("suspend automated sync of", Part::Object, &body).await.map(|_| ())
    }

    /// Whether the operation with this mark waits or runs.
    pub(super) fn is_running(&self, mark: &str) -> bool {
        let of = |operation: &Value| marked(operation) == Some(mark);
        of(&self.json["operation"])
            || (self.phase() == Some("Running") && of(&self.json["status"]["operationState"]["operation"]))
    }

    fn phase(&self) -> Option<&str> {
        self.json["status"]["operationState"]["phase"].as_str()
    }

    /// Phase, message and revision of the operation with this mark, if it was the last one and has ended.
    pub(super) fn ended(&self, mark: &str) -> Option<(String, String, String)> {
        let state = &self.json["status"]["operationState"];
        if state["finishedAt"].is_null() || marked(&state["operation"]) != Some(mark) {
            return None;
        }
        Some((self.phase()?.to_owned(), text(state, "/message"), text(state, "/syncResult/revision")))
    }
}

/// The mark of an operation of ours.
fn marked(operation: &Value) -> Option<&str> {
    let info = operation["info"].as_array()?;
    info.iter().find(|info| info["name"] == INFO)?["value"].as_str()
}

/// Finds the way back; changes nothing.
pub(super) async fn plan(
    cluster: &KubeCluster,
    target: &Target,
    to: Option<&str>,
) -> Result<RollbackRoute, Failure> {
    let application = Application::read(cluster, target).await?;
    application.object.may("patch", PURPOSE).await?;
    application.must_be_idle(target, "rolled back")?;
    let versions = match to {
        Some(_) => versions(cluster, target).await?,
        None => Vec::new(),
    };
    let (from, to) = entries(&application.seen, target, to, &versions)?;
    let body = operation(&application.json, &application.seen.resource_version(), to.id)
        .ok_or_else(|| application.object.moved())?;
    application.object.try_merge("roll back", Part::Object, &body).await?;
    Ok(RollbackRoute::History {
        resource_version: application.seen.resource_version(),
        from_id: from.id,
        to_id: to.id,
        from_version: from.revision(),
        to_version: to.revision(),
        suspend_automated_sync: application.seen.automated(),
    })
}

/// When each version of the Deployment was first wanted, as its `ReplicaSet`s tell: the only thing that says which
/// of Argo CD's Git revisions had which version.
async fn versions(cluster: &KubeCluster, target: &Target) -> Result<Vec<(String, String)>, Failure> {
    let deployment = super::undo::deployment(cluster, target).read().await?;
    let sets = Object::new(cluster, objects::replica_sets(), &target.namespace, &target.workload);
    let sets = sets.siblings(&super::template::selector(&deployment)).await?;
    let sets = super::undo::owned(sets, &deployment);
    Ok(sets
        .iter()
        .filter_map(|set| Some((super::template::version(set)?, text(set, "/metadata/creationTimestamp"))))
        .collect())
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
    let mut application = Application::read(cluster, target).await?;
    as_planned(&application, *from_id, *to_id)?;
    if application.seen.automated() && !suspend_automated_sync {
        return Err(application
            .object
            .moved()
            .cause("automated sync was switched on meanwhile, and would put Git back at once"));
    }
    let suspended = application.seen.automated();
    if suspended {
        application.suspend().await?;
        application =
            Application::read(cluster, target).await.map_err(|failure| stays_suspended(failure, target))?;
        as_planned(&application, *from_id, *to_id).map_err(|failure| stays_suspended(failure, target))?;
        if application.seen.automated() {
            return Err(application.object.moved().cause("automated sync was switched on again at once"));
        }
    }
    let body = operation(&application.json, &application.seen.resource_version(), *to_id)
        .ok_or_else(|| application.object.moved());
    let sent = match body {
        Ok(body) => application.object.merge("roll back", Part::Object, &body).await.map(|_| ()),
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
    let application = Application::read(cluster, target).await?;
    Ok(judge(&application.seen, to_version))
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

/// Why no operation may be set now, if so.
pub(super) fn busy(seen: &ApplicationObject) -> Option<&'static str> {
    if seen.operation.is_some() {
        return Some("an operation of Argo CD waits or runs");
    }
    let phase = seen.status.operation_state.as_ref().map(|state| state.phase.as_str());
    matches!(phase, Some("Running" | "Terminating")).then_some("a sync of Argo CD is running")
}

/// The entry that is deployed, and the newest one before it that is something else, or that is asked for: a Git
/// revision (or its beginning), or the version that was wanted when it was deployed.
fn entries<'a>(
    seen: &'a ApplicationObject,
    target: &Target,
    asked: Option<&str>,
    versions: &[(String, String)],
) -> Result<(&'a HistoryEntry, &'a HistoryEntry), Failure> {
    let refuse = |why: &str| {
        Failure::refused(format!("{} cannot be rolled back: {why}", target.service))
            .hint("deploy a good version through Git instead")
    };
    let (from, before) = seen.history().split_last().ok_or_else(|| refuse("Argo CD has no history of it"))?;
    let other = |entry: &&HistoryEntry| entry.revision() != from.revision();
    let Some(asked) = asked else {
        let to = before.iter().rev().find(other);
        return Ok((from, to.ok_or_else(|| refuse("its history has no earlier revision"))?));
    };
    let by_revision = |entry: &&HistoryEntry| asked.len() >= 7 && entry.revision().starts_with(asked);
    // The newest entry that was deployed before the version's pods were first made, and not long before.
    let made = versions.iter().filter(|(version, _)| version == asked).map(|(_, at)| at.as_str()).max();
    let by_version = |made: &str| {
        let made = chrono::DateTime::parse_from_rfc3339(made).ok()?.to_utc();
        let distance = |entry: &HistoryEntry| {
            let at = entry.deployed_at?;
            Some((at - made).abs())
        };
        let near = before.iter().filter(|entry| distance(entry).is_some_and(|far| far <= NEAR));
        near.min_by_key(|entry| distance(entry))
    };
    let to = before.iter().rev().find(by_revision).or_else(|| made.and_then(by_version)).filter(other);
    let to = to.ok_or_else(|| {
        refuse(&format!("which entry of its history had {asked} is not known"))
            .hint("name a Git revision of its history, as `argocd app history` shows them")
    })?;
    Ok((from, to))
}

/// How far a deployment in the history and the making of its pods may lie apart.
const NEAR: chrono::Duration = chrono::Duration::minutes(10);

/// Fails unless the Application still is as it was planned.
fn as_planned(application: &Application<'_>, from_id: i64, to_id: i64) -> Result<(), Failure> {
    let (object, seen) = (&application.object, &application.seen);
    if let Some(why) = busy(seen) {
        return Err(object.moved().cause(why));
    }
    if seen.history().last().map(|entry| entry.id) != Some(from_id) {
        return Err(object.moved().cause("something else is deployed now"));
    }
    if !seen.history().iter().any(|entry| entry.id == to_id) {
        return Err(object.moved().cause(format!("history entry {to_id} is gone")));
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

/// Adds that automated sync is off now, which nobody would guess from the failure.
fn stays_suspended(failure: Failure, target: &Target) -> Failure {
    failure.cause("automated sync was suspended before, and stays so").hint(format!(
        "resume it when that is wanted: quarterdeck service resume {} --environment {}",
        target.service, target.environment
    ))
}

#[cfg(test)]
#[path = "argocd_tests.rs"]
mod tests;
