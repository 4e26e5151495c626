//! The verbs of a running service: asking the cluster what one changes, and the plan that shows it.

use super::{plan, say_failure};
use crate::{
    config::key::Key,
    domain::{
        catalog::Target,
        deployment::verb::{Verb, VerbRoute},
        plan::{Plan, Risk, Step, Work, act_key},
    },
    error::Failure,
    model::{
        Model,
        effect::{Effect, Effects},
        jobs::{JobId, JobState},
        ui::Overlay,
    },
};

pub(super) fn run(
    model: &mut Model,
    target: Target,
    verb: Verb,
    replicas: Option<u32>,
    opened_by: Option<Key>,
) -> Result<Effects, Failure> {
    if let Some(why) = verb.refused_for(target.managed_by) {
        return Err(Failure::refused(format!("cannot {} {}: {why}", verb.word(), target.service))
            .cause(format!("it is managed by {}", target.managed_by.as_str())));
    }
    let title = format!("{} {} in {}", verb.word(), target.service, target.environment);
    match model.jobs.open(act_key(&target), title, JobState::Planning, model.now) {
        Ok(job) => {
            model.ui.overlays.push(Overlay::Planning { job, opened_by });
            Ok(Effects::one(Effect::PlanVerb(job, target, verb, replicas)))
        }
        Err(running) => {
            plan::already(model, running);
            Ok(Effects::none())
        }
    }
}

/// The cluster told what a verb changes: shows the plan, if somebody still waits for it.
pub fn verb_planned(model: &mut Model, job: JobId, result: Result<(Target, VerbRoute), Failure>) {
    let Some(plan::Asked(opened_by)) = plan::awaited(model, job) else { return };
    match result {
        Ok((target, route)) => {
            let plan = verb_plan(model, target, route);
            plan::show(model, job, plan, opened_by);
        }
        Err(failure) => {
            model.jobs.forget(job);
            say_failure(model, &failure);
        }
    }
}

fn verb_plan(model: &Model, target: Target, route: VerbRoute) -> Plan {
    let object = route.object.to_string();
    let row = route.verb.row();
    let mut facts = vec![
        ("cluster".to_owned(), target.context.to_string()),
        ("environment".to_owned(), target.environment.to_string()),
        ("object".to_owned(), object.clone()),
    ];
    facts.extend(route.facts.iter().cloned());
    let step = |title: &str, object: &str| Step { title: title.to_owned(), object: object.to_owned() };
    let mut notes = route.notes.clone();
    if row.destructive
        && let Some(catalog) = model.world.catalog.value.as_deref()
    {
        let dependants = super::service::dependants(catalog, &target);
        if !dependants.is_empty() {
            notes.push(format!("{} depend on it: {}.", dependants.len(), dependants.join(", ")));
        }
    }
    Plan {
        title: format!("{} {} in {}", row.word, target.service, target.environment),
        steps: vec![
            step(&route.step, &object),
            step("see that it is so in", &object),
            step("record what came of it in the ledger", "service.acted"),
        ],
        facts,
        notes,
        risk: if row.destructive { Risk::Destructive } else { Risk::Shared },
        confirm_by_typing: (target.production && row.destructive).then(|| target.service.to_string()),
        work: Work::Act { target: Box::new(target), route: Box::new(route) },
    }
}
