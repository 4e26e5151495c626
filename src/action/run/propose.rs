//! Proposing a step of a service's life: planned against the main branch, shown with its diff, then made.

use super::{plan, say_failure};
use crate::{
    config::key::Key,
    domain::{
        plan::{Plan, Risk, Step, Work},
        proposal::{Transition, TransitionProposal, allowed},
    },
    error::Failure,
    model::{
        Model,
        effect::{Effect, Effects},
        jobs::{JobId, JobState},
        ui::Overlay,
    },
};

/// How many findings the plan names one by one.
const NAMED: usize = 6;

pub(super) fn run(model: &mut Model, wanted: Transition, opened_by: Option<Key>) -> Result<Effects, Failure> {
    let Transition { service, to } = &wanted;
    let catalog = model.world.catalog.value.as_ref().ok_or_else(|| {
        Failure::refused(format!("cannot propose {service}: the control repository is not read yet"))
    })?;
    // What the working tree knows is said at once; the main branch has the last word.
    if let Some(known) = catalog.services.get(service) {
        allowed(known, *to)?;
    }
    let (key, title) = (format!("propose/{service}"), format!("propose {service} as {to}"));
    match model.jobs.open(key, title, JobState::Planning, model.now) {
        Ok(job) => {
            model.ui.overlays.push(Overlay::Planning { job, opened_by });
            Ok(Effects::one(Effect::PlanProposal(job, wanted)))
        }
        Err(running) => {
            plan::already(model, running);
            Ok(Effects::none())
        }
    }
}

/// The proposal is written out: shows the plan, if somebody still waits for it.
pub fn proposal_planned(model: &mut Model, job: JobId, result: Result<TransitionProposal, Failure>) {
    let Some(plan::Asked(opened_by)) = plan::awaited(model, job) else { return };
    match result {
        Ok(proposal) => {
            let plan = proposal_plan(model, proposal);
            plan::show(model, job, plan, opened_by);
        }
        Err(failure) => {
            model.jobs.forget(job);
            say_failure(model, &failure);
        }
    }
}

fn proposal_plan(model: &Model, proposal: TransitionProposal) -> Plan {
    let step = |title: &str, object: String| Step { title: title.to_owned(), object };
    let mut notes: Vec<String> =
        proposal.open_duties.iter().map(|duty| format!("Still open for {}: {duty}.", proposal.to)).collect();
    let found = &proposal.findings;
    notes.extend(found.iter().take(NAMED).map(|finding| {
        format!("Validation will find: {}[{}] {}", finding.level, finding.code, finding.message)
    }));
    if found.len() > NAMED {
        notes.push(format!("Validation will find {} more.", found.len() - NAMED));
    }
    let counted = if found.is_empty() { "nothing new".to_owned() } else { format!("{} new", found.len()) };
    let remote = model.world.catalog.value.as_ref().map_or("the remote", |catalog| &catalog.settings.remote);
    Plan {
        title: format!("propose {} as {}", proposal.service, proposal.to),
        facts: vec![
            ("service".to_owned(), proposal.service.to_string()),
            ("status".to_owned(), format!("{} → {}", proposal.from, proposal.to)),
            ("branch".to_owned(), proposal.branch.clone()),
            ("on top of".to_owned(), format!("{} at {}", proposal.main, proposal.base.short())),
            ("file".to_owned(), proposal.path.clone()),
            ("validation".to_owned(), counted),
            ("as".to_owned(), format!("{} <{}>", model.operator.name, model.operator.email)),
        ],
        steps: vec![
            step("commit the edited file to the new branch", proposal.branch.clone()),
            step("see the branch at that commit on", remote.to_owned()),
            step("record it in the ledger", format!("change.proposed({})", proposal.change)),
        ],
        notes,
        risk: Risk::Shared,
        confirm_by_typing: None,
        work: Work::Propose(Box::new(proposal)),
    }
}
