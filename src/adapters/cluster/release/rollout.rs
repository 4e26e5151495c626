//! An Argo Rollout: its own steps carry the canary, its own switch the blue-green.
//!
//! A Rollout says itself at which weights it stops. A weight that is asked for means: go on until its own weight is
//! at least that.

use super::{Asked, PURPOSE, ReleaseRoute, ReleaseStep, RolloutStatus, Taking};
use crate::{
    adapters::cluster::{
        object::{OBSERVED_WITHIN, Part, text},
        objects::ROLLOUT_REVISION,
        rollout::{Rollout, judge},
        template::{self, parsed},
        undo,
    },
    domain::deployment::{
        Health,
        release::{Release, Strategy},
    },
    error::Failure,
};
use serde_json::{Value, json};

/// The Rollout's own steps with a weight: index and weight.
fn weights(steps: &[Value]) -> Vec<(usize, u64)> {
    steps.iter().enumerate().filter_map(|(index, step)| Some((index, step["setWeight"].as_u64()?))).collect()
}

/// The step at which its weight is at least `weight`; the last one with a weight where none is.
fn step_of(steps: &[Value], weight: u8) -> Option<(usize, u64)> {
    let all = weights(steps);
    all.iter().find(|(_, own)| *own >= u64::from(weight)).or(all.last()).copied()
}

/// The merge patch that puts a release into a Rollout, or into the Deployment that has its template.
fn patch(rollout: &Rollout<'_>, release: &Release) -> Result<Value, Failure> {
    template::patch(&rollout.owner, release)
}

pub(super) async fn plan(asked: &Asked<'_>) -> Result<ReleaseRoute, Failure> {
    let Asked { cluster, target, release, strategy } = asked;
    let rollout = Rollout::read(cluster, target).await?;
    rollout.object.may("patch", PURPOSE).await?;
    if rollout.refers() {
        rollout.templated.may("patch", PURPOSE).await?;
    }
    rollout.must_be_ready(target, "deployed")?;
    let refuse = |why: &str| Failure::refused(format!("{} cannot be deployed: {why}", target.service));
    let runs = rollout.version();
    if rollout.updating() && runs != release.version {
        return Err(refuse(&format!("an update to {runs} is under way"))
            .hint("promote it, abort it or roll it back first"));
    }
    let blue_green = rollout.json.pointer("/spec/strategy/blueGreen").is_some_and(Value::is_object);
    let mut notes = Vec::new();
    match strategy {
        Strategy::Canary { .. } if blue_green => {
            return Err(refuse("its Rollout is a blue-green one").hint("choose `blue-green`"));
        }
        Strategy::Canary { .. } if weights(rollout.steps()).is_empty() => {
            return Err(refuse("its Rollout has no steps with a weight")
                .hint("give it steps (spec.strategy.canary.steps), or choose `immediate`"));
        }
        Strategy::BlueGreen if !blue_green => {
            return Err(refuse("its Rollout is a canary").hint("choose `canary`"));
        }
        Strategy::BlueGreen
            if rollout.json["spec"]["strategy"]["blueGreen"]["autoPromotionEnabled"] != false =>
        {
            return Err(refuse("its Rollout switches by itself as soon as the new version is ready")
                .hint("set spec.strategy.blueGreen.autoPromotionEnabled to false"));
        }
        Strategy::Canary { weights: asked } => notes.extend(said(&rollout, asked)),
        Strategy::BlueGreen | Strategy::Immediate => {}
    }
    rollout.templated.try_merge("deploy to", Part::Object, &patch(&rollout, release)?).await?;
    let mut objects = vec![rollout.object.reference().to_string()];
    if rollout.refers() {
        objects.push(rollout.templated.reference().to_string());
    }
    Ok(asked.route(&rollout.owner, objects, notes))
}

/// What is to be known of the Rollout's own steps.
fn said(rollout: &Rollout<'_>, asked: &[u8]) -> Vec<String> {
    let steps = rollout.steps();
    let own: Vec<String> = weights(steps).iter().map(|(_, weight)| format!("{weight} %")).collect();
    let mut notes = vec![format!("The Rollout's own weights hold: {}.", own.join(", "))];
    for weight in asked {
        if let Some((_, own)) = step_of(steps, *weight).filter(|(_, own)| *own != u64::from(*weight)) {
            notes.push(format!("{weight} % means {own} % there."));
        }
    }
    if steps.iter().any(|step| !step["pause"]["duration"].is_null()) {
        notes.push("Some of its pauses are timed: it goes on by itself when they are over.".to_owned());
    }
    if !rollout.json["spec"]["strategy"]["canary"]["trafficRouting"].is_object() {
        notes.push("It routes no traffic: its weights are whole pods.".to_owned());
    }
    notes
}

pub(super) async fn step(taking: &Taking<'_>, step: ReleaseStep) -> Result<(), Failure> {
    let rollout = Rollout::read(taking.cluster, taking.target).await?;
    match step {
        ReleaseStep::Prepare => begin(taking, rollout).await.map(|_| ()),
        ReleaseStep::Apply | ReleaseStep::Promote => {
            let rollout = begin(taking, rollout).await?;
            if rollout.updating() {
                let body = json!({ "status": { "promoteFull": true } });
                rollout.object.merge("promote", Part::Status, &body).await?;
            }
            Ok(())
        }
        ReleaseStep::Weight(weight) => {
            let rollout = begin(taking, rollout).await?;
            let Some((index, _)) = step_of(rollout.steps(), weight) else { return Ok(()) };
            if !rollout.updating() || rollout.index() >= index {
                return Ok(());
            }
            let body = json!({ "status": { "pauseConditions": null, "currentStepIndex": index } });
            rollout.object.merge("promote", Part::Status, &body).await?;
            Ok(())
        }
        ReleaseStep::Switch => {
            if rollout.version() != taking.route.release.version {
                return Err(rollout.object.moved());
            }
            if !rollout.updating() || rollout.json["status"]["pauseConditions"].is_null() {
                return Ok(());
            }
            let body = json!({ "status": { "pauseConditions": null } });
            rollout.object.merge("promote", Part::Status, &body).await?;
            Ok(())
        }
        ReleaseStep::Abort | ReleaseStep::SwitchBack => back(taking, rollout).await,
        // The controller takes the old pods away by itself.
        ReleaseStep::Retire => Ok(()),
    }
}

/// Puts the release into the Rollout, once, and waits until its controller has seen it.
async fn begin<'a>(taking: &Taking<'a>, rollout: Rollout<'a>) -> Result<Rollout<'a>, Failure> {
    let release = &taking.route.release;
    if !template::is(&rollout.owner, release) {
        taking.as_planned(&rollout.templated, &rollout.owner)?;
        let body = patch(&rollout, release)?;
        rollout.templated.merge("deploy to", Part::Object, &body).await?;
        let before = rollout.current();
        rollout
            .object
            .until("take the template up", OBSERVED_WITHIN, |seen| {
                Ok(text(seen, "/status/currentPodHash") != before)
            })
            .await?;
        return Rollout::read(taking.cluster, taking.target).await;
    }
    if rollout.aborted() && rollout.updating() {
        return Err(Failure::refused(format!(
            "the update of {} to {} was aborted",
            taking.target.service, release.version
        ))
        .hint(format!(
            "begin it anew: quarterdeck service retry {} --environment {}",
            taking.target.service, taking.target.environment
        )));
    }
    Ok(rollout)
}

/// The old version gets everything, and is what is wanted.
async fn back<'a>(taking: &Taking<'a>, rollout: Rollout<'a>) -> Result<(), Failure> {
    let from = taking.route.from_version.as_deref().unwrap_or_default();
    let mut rollout = rollout;
    if rollout.version() == from {
        return Ok(());
    }
    taking.as_planned(&rollout.templated, &rollout.owner)?;
    if rollout.updating() && !rollout.aborted() {
        // The traffic goes back at once; what the template says follows.
        rollout.object.merge("abort", Part::Status, &json!({ "status": { "abort": true } })).await?;
        rollout = Rollout::read(taking.cluster, taking.target).await?;
    }
    let revision = undo::revision(&rollout.json, ROLLOUT_REVISION).unwrap_or_default();
    let found = undo::earlier(rollout.sets().await?, ROLLOUT_REVISION, revision, Some(from));
    let (_, set) = found.ok_or_else(|| {
        Failure::refused(format!("no revision of {} with {from} is there any more", taking.target.service))
            .hint("its update is aborted, so the old version has the traffic; deploy a good version")
    })?;
    rollout.restore(&set).await
}

pub(super) async fn status(taking: &Taking<'_>, step: ReleaseStep) -> Result<RolloutStatus, Failure> {
    let rollout = Rollout::read(taking.cluster, taking.target).await?;
    let (to, from) = (taking.route.release.version.as_str(), taking.route.from_version.as_deref());
    match step {
        ReleaseStep::Weight(weight) => weighed(taking, &rollout, weight),
        ReleaseStep::Prepare => prepared(taking, &rollout),
        ReleaseStep::Apply | ReleaseStep::Promote | ReleaseStep::Switch => judge(&rollout, to, from),
        ReleaseStep::Abort | ReleaseStep::SwitchBack => {
            let back = from.ok_or_else(|| taking.no_such(step))?;
            judge(&rollout, back, Some(to))
        }
        ReleaseStep::Retire => judge(&rollout, &rollout.version(), None),
    }
}

/// Whether the wanted version is not there, or not seen, or aborted; `None` when its update is on its way.
fn off(taking: &Taking<'_>, rollout: &Rollout<'_>) -> Result<Option<RolloutStatus>, Failure> {
    let (to, from) = (taking.route.release.version.as_str(), taking.route.from_version.as_deref());
    if rollout.version() != to {
        return judge(rollout, to, from).map(Some);
    }
    if !rollout.observed() {
        let why = "waiting for the controller to see the new spec";
        return Ok(Some(RolloutStatus::Progressing(why.to_owned())));
    }
    let seen = parsed(rollout.cluster, &rollout.json)?;
    Ok(match seen.rollout_health() {
        Health::Degraded(why) => Some(RolloutStatus::Failed(why)),
        _ if rollout.aborted() && rollout.updating() => {
            Some(RolloutStatus::Failed("the update was aborted".to_owned()))
        }
        _ => None,
    })
}

fn weighed(taking: &Taking<'_>, rollout: &Rollout<'_>, weight: u8) -> Result<RolloutStatus, Failure> {
    if let Some(status) = off(taking, rollout)? {
        return Ok(status);
    }
    let Some((index, own)) = step_of(rollout.steps(), weight) else {
        return Ok(RolloutStatus::Failed("its Rollout has no steps with a weight".to_owned()));
    };
    let seen = parsed(rollout.cluster, &rollout.json)?;
    let (updated, all) = (seen.updated(), seen.pods());
    // The controller passes a step with a weight when the weight is reached.
    Ok(if !rollout.updating() || rollout.index() > index {
        RolloutStatus::Complete(format!("at {own} % ({updated} of {all} pods), {weight} % asked"))
    } else {
        RolloutStatus::Progressing(format!("on the way to {own} % ({updated} of {all} pods)"))
    })
}

fn prepared(taking: &Taking<'_>, rollout: &Rollout<'_>) -> Result<RolloutStatus, Failure> {
    if let Some(status) = off(taking, rollout)? {
        return Ok(status);
    }
    let waits = rollout.json["status"]["pauseConditions"]
        .as_array()
        .is_some_and(|list| list.iter().any(|one| one["reason"] == "BlueGreenPause"));
    Ok(if waits || !rollout.updating() {
        RolloutStatus::Complete(format!("{} stands beside what runs", taking.route.release.version))
    } else {
        RolloutStatus::Progressing("the new pods are not all ready".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_means_the_first_of_its_own_that_is_no_less() {
        let steps = [
            json!({ "setWeight": 5 }),
            json!({ "pause": {} }),
            json!({ "setWeight": 25 }),
            json!({ "pause": { "duration": "30s" } }),
        ];
        for (weight, expected) in
            [(1, Some((0, 5))), (5, Some((0, 5))), (6, Some((2, 25))), (80, Some((2, 25)))]
        {
            assert_eq!(step_of(&steps, weight), expected, "{weight}");
        }
        assert_eq!(step_of(&[json!({ "pause": {} })], 5), None);
    }
}
