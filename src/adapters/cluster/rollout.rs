//! Argo Rollouts: where an update stands, the way back past its steps, and the patches of its verbs.
//!
//! Patches of the status go to its subresource: on the object itself they are answered with 200 and do nothing.

use super::{
    KubeCluster,
    object::{OBSERVED_WITHIN, Object, Part, text},
    objects::{self, ROLLOUT_REVISION},
    template::{parsed, selector, template, version},
    undo::{self, PURPOSE},
};
use crate::{
    domain::{
        catalog::Target,
        deployment::{Health, RollbackRoute, RolloutStatus},
    },
    error::Failure,
};
use serde_json::{Value, json};

/// The label with which the controller marks `ReplicaSet`s and pods.
const HASH: &str = "rollouts-pod-template-hash";

/// A Rollout as it was read.
pub(super) struct Rollout<'a> {
    pub(super) cluster: &'a KubeCluster,
    pub(super) object: Object<'a>,
    pub(super) json: Value,
    /// What has the pod template: the Rollout, or the Deployment that it refers to.
    pub(super) templated: Object<'a>,
    /// The object with the pod template.
    pub(super) owner: Value,
}

impl<'a> Rollout<'a> {
    /// Reads the Rollout of a target, and the Deployment that it refers to.
    pub(super) async fn read(cluster: &'a KubeCluster, target: &Target) -> Result<Self, Failure> {
        let object = Object::new(cluster, objects::rollouts(), &target.namespace, &target.workload);
        let json = object.read().await?;
        let (templated, owner) = match json.pointer("/spec/workloadRef/name").and_then(Value::as_str) {
            Some(name) => {
                let workload = Object::new(cluster, objects::deployments(), &target.namespace, name);
                let owner = workload.read().await?;
                (workload, owner)
            }
            None => (object.clone(), json.clone()),
        };
        Ok(Self { cluster, object, json, templated, owner })
    }

    /// Whether the template is that of another workload.
    pub(super) fn refers(&self) -> bool {
        self.templated.name != self.object.name || !self.json["spec"]["workloadRef"].is_null()
    }

    /// The version that is wanted.
    pub(super) fn version(&self) -> String {
        version(&self.owner).unwrap_or_default()
    }

    /// The hash of the template that is wanted.
    pub(super) fn current(&self) -> String {
        text(&self.json, "/status/currentPodHash")
    }

    /// The hash of the template that is known to be good.
    pub(super) fn stable(&self) -> String {
        text(&self.json, "/status/stableRS")
    }

    /// Whether its controller has seen the newest spec.
    pub(super) fn observed(&self) -> bool {
        let generation = self.json["metadata"]["generation"].as_i64().unwrap_or(0).to_string();
        // A text, unlike everywhere else.
        self.json["status"]["observedGeneration"] == generation.as_str()
    }

    /// Whether an update is under way, or was aborted with the template still the new one.
    pub(super) fn updating(&self) -> bool {
        self.current() != self.stable()
    }

    /// Whether its update was aborted.
    pub(super) fn aborted(&self) -> bool {
        self.json["status"]["abort"] == true
    }

    /// Whether somebody paused it as a whole.
    pub(super) fn paused(&self) -> bool {
        self.json["spec"]["paused"] == true
    }

    /// The step that it is at.
    pub(super) fn index(&self) -> usize {
        self.json["status"]["currentStepIndex"].as_u64().unwrap_or(0) as usize
    }

    /// The steps of its canary; none where it has no canary.
    pub(super) fn steps(&self) -> &[Value] {
        self.json
            .pointer("/spec/strategy/canary/steps")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Its `ReplicaSet`s.
    pub(super) async fn sets(&self) -> Result<Vec<Value>, Failure> {
        let sets = Object::new(
            self.cluster,
            objects::replica_sets(),
            &self.object.namespace,
            self.object.name.as_str(),
        );
        let selected = if self.json["spec"]["selector"].is_object() { &self.json } else { &self.owner };
        Ok(undo::owned(sets.siblings(&selector(selected)).await?, &self.json))
    }

    /// Fails where the controller has not seen the newest spec, or where it is paused.
    pub(super) fn must_be_ready(&self, target: &Target, what: &str) -> Result<(), Failure> {
        let refuse = |why: &str| Failure::refused(format!("{} cannot be {what}: {why}", target.service));
        if !self.observed() {
            return Err(refuse("the controller of its Rollout has not seen the newest change yet")
                .hint("plan again in a moment"));
        }
        if self.paused() {
            return Err(refuse("its Rollout is paused").hint(format!(
                "resume it first: quarterdeck service resume {} --environment {}",
                target.service, target.environment
            )));
        }
        Ok(())
    }

    /// Brings back the template of a `ReplicaSet`, past the steps; one mutation, or two.
    pub(super) async fn restore(&self, set: &Value) -> Result<(), Failure> {
        let generation = &self.owner["metadata"]["generation"];
        let moved = |again: &Value| again["metadata"]["generation"] != *generation;
        undo::send(&self.templated, &undo::operations(body(set, Some(generation)))?, moved).await?;
        let hash = text(set, &format!("/metadata/labels/{HASH}"));
        // The stable template skips the steps by itself; for another one they are skipped here.
        if hash != self.stable() {
            self.skip(&hash).await?;
        }
        Ok(())
    }

    /// Waits until the controller has seen the template of a hash, and skips the steps to it.
    async fn skip(&self, hash: &str) -> Result<(), Failure> {
        self.object
            .until("take the template up", OBSERVED_WITHIN, |seen| {
                Ok(text(seen, "/status/currentPodHash") == hash)
            })
            .await?;
        self.object.merge("promote", Part::Status, &json!({ "status": { "promoteFull": true } })).await?;
        Ok(())
    }
}

/// The JSON patch of an undo. It tests the generation: a Rollout in an update has another `resourceVersion` with
/// every pod, and the template that is replaced is still the same.
fn body(set: &Value, generation: Option<&Value>) -> Value {
    let mut body = vec![json!({"op": "replace", "path": "/spec/template", "value": template(set)})];
    if let Some(generation) = generation {
        body.insert(0, json!({"op": "test", "path": "/metadata/generation", "value": generation}));
    }
    body.into()
}

/// A Rollout and the `ReplicaSet` to go back to.
struct Situation<'a> {
    rollout: Rollout<'a>,
    set: Value,
    from_revision: u64,
    to_revision: u64,
}

async fn situation<'a>(
    cluster: &'a KubeCluster,
    target: &Target,
    to: Option<&str>,
) -> Result<Situation<'a>, Failure> {
    let rollout = Rollout::read(cluster, target).await?;
    rollout.must_be_ready(target, "rolled back")?;
    let refuse = |why: &str| Failure::refused(format!("{} cannot be rolled back: {why}", target.service));
    let from_revision = undo::revision(&rollout.json, ROLLOUT_REVISION)
        .ok_or_else(|| refuse("its Rollout has no revision number"))?;
    let sets = rollout.sets().await?;
    let stable = rollout.stable();
    let found = match to {
        // An update that is not over goes back to what is known to be good.
        None if rollout.updating() => sets
            .into_iter()
            .find(|set| text(set, &format!("/metadata/labels/{HASH}")) == stable)
            .and_then(|set| Some((undo::revision(&set, ROLLOUT_REVISION)?, set))),
        _ => undo::earlier(sets, ROLLOUT_REVISION, from_revision, to),
    };
    let (to_revision, set) = found.ok_or_else(|| {
        let failure = match to {
            Some(to) => refuse(&format!("no revision with {to} is there any more")),
            None => refuse("there is no previous revision"),
        };
        failure.hint("deploy a good version instead")
    })?;
    if template(&set) == template(&rollout.owner) {
        return Err(refuse(&format!("it already is at the template of revision {to_revision}")));
    }
    Ok(Situation { rollout, set, from_revision, to_revision })
}

/// Finds the way back; changes nothing.
pub(super) async fn plan(
    cluster: &KubeCluster,
    target: &Target,
    to: Option<&str>,
) -> Result<RollbackRoute, Failure> {
    let now = situation(cluster, target, to).await?;
    now.rollout.object.may("patch", PURPOSE).await?;
    if now.rollout.refers() {
        now.rollout.templated.may("patch", PURPOSE).await?;
    }
    let patch = undo::operations(body(&now.set, None))?;
    now.rollout.templated.patch("roll back", Part::Object, &patch, true).await?;
    Ok(RollbackRoute::Rollout {
        resource_version: text(&now.rollout.json, "/metadata/resourceVersion"),
        from_revision: now.from_revision,
        to_revision: now.to_revision,
        from_version: now.rollout.version(),
        to_version: version(&now.set).unwrap_or_default(),
        replica_set: text(&now.set, "/metadata/name"),
        abort: now.rollout.updating() && !now.rollout.aborted(),
        workload: now.rollout.refers().then(|| now.rollout.templated.name.clone()),
    })
}

/// Aborts what is under way, and brings the template back.
pub(super) async fn start(
    cluster: &KubeCluster,
    target: &Target,
    route: &RollbackRoute,
) -> Result<(), Failure> {
    let RollbackRoute::Rollout { from_revision, to_revision, from_version, to_version, replica_set, .. } =
        route
    else {
        return Err(Failure::refused("this plan is not for a Rollout"));
    };
    let object = Object::new(cluster, objects::rollouts(), &target.namespace, &target.workload);
    let now = situation(cluster, target, Some(to_version))
        .await
        .map_err(|failure| undo::since_the_plan(failure, &object))?;
    if (now.from_revision, now.to_revision) != (*from_revision, *to_revision)
        || now.rollout.version() != *from_version
        || text(&now.set, "/metadata/name") != *replica_set
    {
        return Err(now.rollout.object.moved().cause(format!(
            "planned was {from_version} (revision {from_revision}); now it is {} (revision {})",
            now.rollout.version(),
            now.from_revision
        )));
    }
    let mut rollout = now.rollout;
    if rollout.updating() && !rollout.aborted() {
        // The traffic goes back at once; what the template says follows.
        rollout.object.merge("abort", Part::Status, &json!({ "status": { "abort": true } })).await?;
        rollout = Rollout::read(cluster, target).await?;
    }
    rollout.restore(&now.set).await
}

/// How far it is: complete only when the version alone runs, and is the stable one.
pub(super) async fn status(
    cluster: &KubeCluster,
    target: &Target,
    to_version: &str,
) -> Result<RolloutStatus, Failure> {
    judge(&Rollout::read(cluster, target).await?, to_version, None)
}

/// How far a Rollout is on its way to have a version alone; one that still is at `before` has not begun.
pub(super) fn judge(
    rollout: &Rollout<'_>,
    wanted: &str,
    before: Option<&str>,
) -> Result<RolloutStatus, Failure> {
    let runs = rollout.version();
    if runs != wanted {
        return Ok(if before == Some(runs.as_str()) {
            RolloutStatus::Progressing(format!("{runs} is what should run still"))
        } else {
            RolloutStatus::Failed(format!(
                "its template is {runs} now: somebody or something changed it again"
            ))
        });
    }
    let seen = parsed(rollout.cluster, &rollout.json)?;
    let (ready, desired) = (seen.ready(), seen.desired());
    Ok(match seen.rollout_health() {
        Health::Healthy if !rollout.updating() => {
            RolloutStatus::Complete(format!("{wanted} runs and is stable, {ready} of {desired} pods ready"))
        }
        Health::Degraded(why) => RolloutStatus::Failed(why),
        Health::Paused if rollout.paused() => RolloutStatus::Failed("the Rollout is paused".to_owned()),
        Health::Progressing(why) if !why.is_empty() => RolloutStatus::Progressing(why),
        _ => RolloutStatus::Progressing(format!("{} of {desired} pods of {wanted}", seen.updated())),
    })
}
