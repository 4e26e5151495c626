//! The verbs of a running service: what each changes on which object, what stands against it, and when it is done.

use super::{
    KubeCluster,
    argocd::{self, Application},
    flux,
    object::{Object, Part, lock, text},
    rollout::{self, Rollout},
    template::{judge, parsed},
    undo,
};
use crate::{
    domain::{
        catalog::{ManagedBy, Target},
        deployment::{
            ObjectRef, RolloutStatus, shown_version,
            verb::{Verb, VerbRoute},
        },
    },
    error::Failure,
};
use serde_json::{Value, json};

/// Annotation of a pod template with which `kubectl rollout restart` makes it another one.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
/// Annotation of an Application that asks for a comparison; the controller takes it away.
const REFRESH: &str = "argocd.argoproj.io/refresh";
const REFRESH_TIME: &str = "argocd.argoproj.io/refresh-timestamp";

/// One patch.
type Patch = (Part, Value);

/// What a verb changes.
struct Deed<'a> {
    object: Object<'a>,
    /// The object as it was read.
    seen: Value,
    /// What is done to it, in the imperative.
    step: &'static str,
    /// The patches, in order.
    patches: Vec<Patch>,
    facts: Vec<(&'static str, String)>,
    notes: Vec<String>,
    /// What is found again; the time of the request unless said.
    mark: Option<String>,
    /// What of Flux is asked before it, with the same patch.
    source: Option<ObjectRef>,
}

impl<'a> Deed<'a> {
    fn new(object: Object<'a>, seen: Value, step: &'static str, patches: Vec<Patch>) -> Self {
        Self { object, seen, step, patches, facts: Vec::new(), notes: Vec::new(), mark: None, source: None }
    }
}

/// Finds out what a verb will change; changes nothing.
pub(super) async fn plan(
    cluster: &KubeCluster,
    target: &Target,
    verb: Verb,
    replicas: Option<u32>,
) -> Result<VerbRoute, Failure> {
    let mark = super::mark();
    let deed = deed(cluster, target, verb, replicas, &mark).await?;
    let purpose = format!("`{}`", verb.word());
    deed.object.may("patch", &purpose).await?;
    if let Some(source) = &deed.source {
        flux::object(cluster, source)?.may("patch", &purpose).await?;
    }
    for (part, body) in &deed.patches {
        deed.object.try_merge(deed.step, *part, body).await?;
    }
    let facts = deed.facts.into_iter().map(|(label, value)| (label.to_owned(), value)).collect();
    Ok(VerbRoute {
        verb,
        replicas,
        object: deed.object.reference(),
        resource_version: text(&deed.seen, "/metadata/resourceVersion"),
        step: deed.step.to_owned(),
        facts,
        notes: deed.notes,
        mark: deed.mark.unwrap_or(mark),
    })
}

/// Does it: what stood against it is asked again, each patch is sent once.
pub(super) async fn act(cluster: &KubeCluster, target: &Target, route: &VerbRoute) -> Result<(), Failure> {
    let deed = deed(cluster, target, route.verb, route.replicas, &route.mark).await?;
    let facts = deed.facts.iter().map(|(label, value)| ((*label).to_owned(), value.clone()));
    let is_scaled = route.verb != Verb::Scale || facts.eq(route.facts.iter().cloned());
    if deed.object.reference() != route.object || !is_scaled {
        return Err(deed.object.moved());
    }
    if let Some(source) = &deed.source {
        flux::object(cluster, source)?.merge("fetch", Part::Object, &flux::request(&route.mark)).await?;
    }
    for (part, body) in &deed.patches {
        deed.object.merge(deed.step, *part, body).await?;
    }
    Ok(())
}

async fn deed<'a>(
    cluster: &'a KubeCluster,
    target: &Target,
    verb: Verb,
    replicas: Option<u32>,
    mark: &str,
) -> Result<Deed<'a>, Failure> {
    let refuse = |why: &str| Failure::refused(format!("cannot {} {}: {why}", verb.word(), target.service));
    if let Some(why) = verb.refused_for(target.managed_by) {
        return Err(refuse(why).cause(format!("it is managed by {}", target.managed_by.as_str())));
    }
    match (verb, target.managed_by) {
        (Verb::Sync | Verb::Refresh | Verb::Terminate, _)
        | (Verb::Suspend | Verb::Resume, ManagedBy::ArgoCd) => {
            of_application(&Application::read(cluster, target).await?, target, verb, mark, &refuse)
        }
        (Verb::Suspend | Verb::Resume | Verb::Reconcile, ManagedBy::Flux) => {
            of_flux(cluster, target, verb, mark, &refuse).await
        }
        (_, ManagedBy::ArgoRollouts) => {
            of_rollout(Rollout::read(cluster, target).await?, verb, replicas, mark, &refuse)
        }
        _ => {
            let object = undo::deployment(cluster, target);
            let seen = object.read().await?;
            let paused = parsed(cluster, &seen)?.paused();
            of_workload(object, seen, verb, replicas, mark, paused, &refuse)
        }
    }
}

/// What is the same for Deployments and Rollouts, and a Deployment's restart.
fn of_workload<'a>(
    object: Object<'a>,
    seen: Value,
    verb: Verb,
    replicas: Option<u32>,
    mark: &str,
    paused: bool,
    refuse: &(dyn Fn(&str) -> Failure + Sync),
) -> Result<Deed<'a>, Failure> {
    let running = seen["spec"]["replicas"].as_u64().unwrap_or(1);
    let (step, spec) = match verb {
        Verb::Pause if paused => return Err(refuse("it is paused already")),
        Verb::Pause => ("pause", json!({ "paused": true })),
        Verb::Resume if !paused => return Err(refuse("it is not paused")),
        Verb::Resume => ("resume", json!({ "paused": false })),
        Verb::Scale => {
            let wanted = replicas.ok_or_else(|| Failure::usage("to how many pods is not said"))?;
            if u64::from(wanted) == running {
                return Err(refuse(&format!("it has {wanted} pods already")));
            }
            ("scale", json!({ "replicas": wanted }))
        }
        Verb::Restart if paused => return Err(refuse("it is paused, and no pod would be replaced")),
        Verb::Restart => {
            ("restart", json!({ "template": { "metadata": { "annotations": { RESTARTED: mark } } } }))
        }
        _ => return Err(refuse("it is no Rollout")),
    };
    // Without the lock: what is asked for is the same whatever the status became meanwhile.
    let body = json!({ "spec": spec });
    let mut deed = Deed::new(object, seen, step, vec![(Part::Object, body)]);
    if let (Verb::Scale, Some(wanted)) = (verb, replicas) {
        deed.facts.push(("pods", format!("{running} → {wanted}")));
        if wanted == 0 {
            deed.notes
                .push("No pod will be left: the service is down until it is scaled up again.".to_owned());
        }
        deed.notes.push("An autoscaler that looks after it will change the number again.".to_owned());
    }
    Ok(deed)
}

fn of_rollout<'a>(
    rollout: Rollout<'a>,
    verb: Verb,
    replicas: Option<u32>,
    mark: &str,
    refuse: &(dyn Fn(&str) -> Failure + Sync),
) -> Result<Deed<'a>, Failure> {
    let waits = || {
        let version = rollout.version();
        if rollout.updating() {
            Ok(version)
        } else {
            Err(refuse(&format!("{version} is stable; no update is under way")))
        }
    };
    let (step, patches) = match verb {
        Verb::Restart => ("restart", vec![(Part::Object, json!({ "spec": { "restartAt": mark } }))]),
        Verb::Promote => {
            waits()?;
            if rollout.aborted() {
                return Err(refuse("its update was aborted; `retry` begins it anew"));
            }
            ("promote", promotion(&rollout))
        }
        Verb::PromoteFull => {
            waits()?;
            ("promote in full", vec![(Part::Status, json!({ "status": { "promoteFull": true } }))])
        }
        Verb::Abort => {
            waits()?;
            if rollout.aborted() {
                return Err(refuse("it is aborted already"));
            }
            ("abort", vec![(Part::Status, json!({ "status": { "abort": true } }))])
        }
        Verb::Retry => {
            waits()?;
            if !rollout.aborted() {
                return Err(refuse("its update was not aborted"));
            }
            ("retry", vec![(Part::Status, json!({ "status": { "abort": false } }))])
        }
        _ => {
            let paused = rollout.paused();
            return of_workload(rollout.object, rollout.json, verb, replicas, mark, paused, refuse);
        }
    };
    let (index, all) = (rollout.index(), rollout.steps().len());
    let mut facts = vec![("version", rollout.version())];
    if all > 0 {
        facts.push(("step", format!("{index} of {all}")));
    }
    let mut notes = Vec::new();
    if verb == Verb::Abort {
        notes.push(format!(
            "{} stays what is wanted: settle that with a rollback or in Git, or `retry` brings it again.",
            rollout.version()
        ));
    }
    let mut deed = Deed::new(rollout.object, rollout.json, step, patches);
    (deed.facts, deed.notes) = (facts, notes);
    deed.mark = (verb == Verb::Promote).then(|| index.to_string());
    Ok(deed)
}

/// The patches that let a Rollout go on to its next step.
fn promotion(rollout: &Rollout<'_>) -> Vec<Patch> {
    let mut patches = Vec::new();
    if rollout.paused() {
        patches.push((Part::Object, json!({ "spec": { "paused": false } })));
    }
    let pauses = rollout.json["status"]["pauseConditions"].as_array();
    let status = match pauses {
        Some(pauses) if !pauses.is_empty() => {
            let inconclusive = pauses.iter().any(|pause| pause["reason"] == "InconclusiveAnalysisRun");
            if inconclusive {
                json!({ "pauseConditions": null, "controllerPause": false })
            } else {
                json!({ "pauseConditions": null })
            }
        }
        _ if rollout.paused() => return patches,
        _ => json!({ "pauseConditions": null, "currentStepIndex": rollout.index() + 1 }),
    };
    patches.push((Part::Status, json!({ "status": status })));
    patches
}

fn of_application<'a>(
    application: &Application<'a>,
    target: &Target,
    verb: Verb,
    mark: &str,
    refuse: &(dyn Fn(&str) -> Failure + Sync),
) -> Result<Deed<'a>, Failure> {
    let (seen, json) = (&application.seen, &application.json);
    let has_policy = json.pointer("/spec/syncPolicy/automated").is_some_and(Value::is_object);
    let automate = |on: bool| json!({ "metadata": lock(json), "spec": { "syncPolicy": { "automated": { "enabled": on } } } });
    let mut notes = Vec::new();
    let (step, body) = match verb {
        Verb::Sync => {
            application.must_be_idle(target, "synced")?;
            ("sync", application.sync_body(mark))
        }
        Verb::Refresh => {
            let annotations = json!({ REFRESH: "normal", REFRESH_TIME: mark });
            ("compare with Git", json!({ "metadata": { "annotations": annotations } }))
        }
        Verb::Terminate => {
            if argocd::busy(seen).is_none() {
                return Err(refuse("no operation runs"));
            }
            let state = json!({ "operationState": { "phase": "Terminating" } });
            ("end the operation of", json!({ "metadata": lock(json), "status": state }))
        }
        Verb::Suspend if !seen.automated() => return Err(refuse("automated sync is not on")),
        Verb::Suspend => ("suspend automated sync of", automate(false)),
        _ if !has_policy => return Err(refuse("it never had automated sync; a person syncs it")),
        _ if seen.automated() => return Err(refuse("automated sync is on")),
        _ => {
            notes.push("Argo CD brings what Git says now, at once.".to_owned());
            ("resume automated sync of", automate(true))
        }
    };
    let kept = seen.extract();
    let mut deed = Deed::new(application.object.clone(), json.clone(), step, vec![(Part::Object, body)]);
    deed.facts = vec![("sync", kept.sync), ("health", kept.health)];
    deed.notes = notes;
    Ok(deed)
}

async fn of_flux<'a>(
    cluster: &'a KubeCluster,
    target: &Target,
    verb: Verb,
    mark: &str,
    refuse: &(dyn Fn(&str) -> Failure + Sync),
) -> Result<Deed<'a>, Failure> {
    let workload = undo::deployment(cluster, target).read().await?;
    let object = flux::object(cluster, &flux::keeper(&workload, target)?)?;
    let seen = object.read().await?;
    let suspended = seen["spec"]["suspend"] == true;
    let locked = |suspend: Value| json!({ "metadata": lock(&seen), "spec": { "suspend": suspend } });
    let (step, body) = match verb {
        Verb::Reconcile if suspended => return Err(refuse("it is suspended; `resume` reconciles it")),
        Verb::Reconcile => ("reconcile", flux::request(mark)),
        Verb::Suspend if suspended => return Err(refuse("it is suspended already")),
        Verb::Suspend => ("suspend", locked(true.into())),
        _ if !suspended => return Err(refuse("it is not suspended")),
        _ => ("resume", locked(Value::Null)),
    };
    let source = (verb == Verb::Reconcile).then(|| flux::source_of(&seen)).flatten();
    let mut deed = Deed::new(object, seen, step, vec![(Part::Object, body)]);
    deed.facts.push(("revision", text(&deed.seen, "/status/lastAppliedRevision")));
    if verb == Verb::Resume {
        deed.notes.push("Flux brings what Git says now, at once.".to_owned());
    }
    deed.source = source;
    Ok(deed)
}

/// How far it is.
pub(super) async fn status(
    cluster: &KubeCluster,
    target: &Target,
    route: &VerbRoute,
) -> Result<RolloutStatus, Failure> {
    match (route.verb, target.managed_by) {
        (Verb::Sync | Verb::Refresh | Verb::Terminate, _)
        | (Verb::Suspend | Verb::Resume, ManagedBy::ArgoCd) => {
            Ok(application_status(&Application::read(cluster, target).await?, route))
        }
        (Verb::Suspend | Verb::Resume | Verb::Reconcile, ManagedBy::Flux) => {
            Ok(flux_status(&flux::object(cluster, &route.object)?.read().await?, route))
        }
        (_, ManagedBy::ArgoRollouts) => rollout_status(&Rollout::read(cluster, target).await?, route),
        _ => {
            let seen = undo::deployment(cluster, target).read().await?;
            let workload = parsed(cluster, &seen)?;
            let version = workload.version().unwrap_or_default();
            let restarted = &seen["spec"]["template"]["metadata"]["annotations"][RESTARTED];
            Ok(match route.verb {
                _ if !workload.observed() => waiting(),
                Verb::Pause => done_when(workload.paused(), "its rollout is paused"),
                Verb::Resume => done_when(!workload.paused(), "its rollout goes on"),
                Verb::Restart if *restarted != route.mark.as_str() => {
                    RolloutStatus::Failed("somebody else restarted or changed it meanwhile".to_owned())
                }
                Verb::Scale if Some(workload.desired()) != route.replicas => RolloutStatus::Failed(format!(
                    "{} pods are wanted now: somebody or something changed it again",
                    workload.desired()
                )),
                _ => judge(&workload, &version, None),
            })
        }
    }
}

fn waiting() -> RolloutStatus {
    RolloutStatus::Progressing("waiting for the controller to see it".to_owned())
}

fn done_when(done: bool, words: &str) -> RolloutStatus {
    if done {
        RolloutStatus::Complete(words.to_owned())
    } else {
        RolloutStatus::Failed("somebody or something changed it back".to_owned())
    }
}

fn application_status(application: &Application<'_>, route: &VerbRoute) -> RolloutStatus {
    let (seen, json) = (&application.seen, &application.json);
    let kept = seen.extract();
    let compared = format!("{}, {}", kept.sync, kept.health);
    match route.verb {
        Verb::Suspend => done_when(!seen.automated(), "automated sync is off"),
        Verb::Resume => done_when(seen.automated(), "automated sync is on"),
        Verb::Refresh if json["metadata"]["annotations"][REFRESH].is_null() => {
            RolloutStatus::Complete(compared)
        }
        Verb::Terminate if argocd::busy(seen).is_none() => {
            RolloutStatus::Complete(format!("the operation ended: {}", kept.phase.unwrap_or_default()))
        }
        Verb::Sync if argocd::busy(seen).is_none() => match application.ended(&route.mark) {
            None => waiting(),
            Some((phase, message, _)) if phase != "Succeeded" => {
                RolloutStatus::Failed(format!("sync {phase}: {message}"))
            }
            Some((_, _, revision)) => match kept.health.as_str() {
                "Healthy" => {
                    RolloutStatus::Complete(format!("{} is deployed and healthy", shown_version(&revision)))
                }
                "Degraded" => RolloutStatus::Failed(format!("{} is degraded", shown_version(&revision))),
                other => RolloutStatus::Progressing(format!("synced; health {other}")),
            },
        },
        _ => RolloutStatus::Progressing(argocd::busy(seen).unwrap_or("waiting for Argo CD").to_owned()),
    }
}

fn flux_status(json: &Value, route: &VerbRoute) -> RolloutStatus {
    let suspended = json["spec"]["suspend"] == true;
    match route.verb {
        Verb::Suspend => return done_when(suspended, "Flux leaves it alone"),
        Verb::Resume if suspended => return done_when(false, ""),
        Verb::Resume if json["status"]["observedGeneration"] != json["metadata"]["generation"] => {
            return waiting();
        }
        Verb::Reconcile if text(json, &format!("/status/{}", flux::HANDLED)) != route.mark => {
            return waiting();
        }
        _ => {}
    }
    match flux::ready(json) {
        Some((true, message)) => RolloutStatus::Complete(message),
        Some((false, message)) => RolloutStatus::Failed(message),
        None => RolloutStatus::Progressing("Flux is at it".to_owned()),
    }
}

fn rollout_status(rollout: &Rollout<'_>, route: &VerbRoute) -> Result<RolloutStatus, Failure> {
    let (json, version) = (&rollout.json, rollout.version());
    let seen = parsed(rollout.cluster, json)?;
    if !rollout.observed() {
        return Ok(waiting());
    }
    Ok(match route.verb {
        Verb::Pause => done_when(rollout.paused(), "it is paused"),
        Verb::Resume => done_when(!rollout.paused(), "it goes on"),
        Verb::Restart if json["status"]["restartedAt"] == json["spec"]["restartAt"] => {
            RolloutStatus::Complete("all its pods were replaced".to_owned())
        }
        Verb::Restart => RolloutStatus::Progressing("its pods are being replaced".to_owned()),
        Verb::Scale if seen.ready() == seen.desired() && Some(seen.desired()) == route.replicas => {
            RolloutStatus::Complete(format!("{} pods ready", seen.ready()))
        }
        Verb::Scale => {
            RolloutStatus::Progressing(format!("{} of {} pods ready", seen.ready(), seen.desired()))
        }
        Verb::Promote if !rollout.updating() => RolloutStatus::Complete(format!("{version} is stable")),
        Verb::Promote => {
            let before = route.mark.parse::<usize>().unwrap_or(0);
            let at = format!("step {} of {}", rollout.index(), rollout.steps().len());
            if rollout.index() > before {
                RolloutStatus::Complete(at)
            } else {
                RolloutStatus::Progressing(at)
            }
        }
        Verb::Abort if rollout.aborted() && seen.updated() == 0 => {
            RolloutStatus::Complete(format!("the stable version has everything; {version} is still wanted"))
        }
        Verb::Abort => RolloutStatus::Progressing(format!("{} pods of {version} left", seen.updated())),
        Verb::Retry => done_when(!rollout.aborted(), &format!("the update to {version} begins anew")),
        _ => rollout::judge(rollout, &version, None)?,
    })
}
