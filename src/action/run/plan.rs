//! Plans: shown, confirmed by another key than the one that asked, run once.

use super::{say, say_failure, view};
use crate::{
    action::command::PlanCommand,
    config::key::Key,
    domain::{
        ledger::Verdict,
        plan::{Outcome, Plan, Risk},
    },
    error::Failure,
    model::{
        Model,
        effect::{Effect, Effects},
        jobs::{JobId, JobState},
        ui::{ConfirmFocus, NoticeKind, Overlay, TextInput},
    },
};
use std::sync::Arc;

/// Opens a job for a plan that needed no asking, and shows it.
pub fn open_plan(model: &mut Model, plan: Plan, opened_by: Option<Key>) -> Effects {
    match model.jobs.open(plan.work.key(), plan.title.clone(), JobState::Planning, model.now) {
        Ok(job) => show(model, job, plan, opened_by),
        Err(running) => already(model, running),
    }
    Effects::none()
}

/// The key that asked for a plan, if a key did.
pub(super) struct Asked(pub Option<Key>);

/// Closes the window that waits for a plan, and gives the key that asked for it. Without such a window the
/// person has closed it: a late answer opens nothing.
pub(super) fn awaited(model: &mut Model, job: JobId) -> Option<Asked> {
    model.dirty = true;
    let waits =
        |overlay: &Overlay| matches!(overlay, Overlay::Planning { job: waiting, .. } if *waiting == job);
    let Some(waiting) = model.ui.overlays.iter().position(waits) else {
        model.jobs.forget(job);
        return None;
    };
    match model.ui.overlays.remove(waiting) {
        Overlay::Planning { opened_by, .. } => Some(Asked(opened_by)),
        _ => None,
    }
}

/// Says that a job of the same key is there, and shows it where it runs.
pub(super) fn already(model: &mut Model, running: JobId) {
    let Some(job) = model.jobs.all.get(&running) else { return };
    let text = format!("already under way: {}", job.title);
    if job.state == JobState::Running && job.plan.is_some() {
        model.ui.overlays.push(Overlay::Running { job: running, offset: 0 });
    }
    say(model, NoticeKind::Warning, text);
}

/// Shows a plan; it waits for a yes.
pub(super) fn show(model: &mut Model, job: JobId, plan: Plan, opened_by: Option<Key>) {
    model.dirty = true;
    let plan = Arc::new(plan);
    if let Some(entry) = model.jobs.all.get_mut(&job) {
        entry.title.clone_from(&plan.title);
        entry.plan = Some(plan.clone());
    }
    model.ui.overlays.push(Overlay::Confirm {
        job,
        plan,
        input: TextInput::default(),
        focus: ConfirmFocus::Cancel,
        opened_by,
        offset: 0,
    });
}

pub(super) fn command(model: &mut Model, command: PlanCommand) -> Effects {
    let Some(Overlay::Confirm { focus, plan, input, .. }) = model.ui.overlays.last_mut() else {
        return Effects::none();
    };
    let is_unnamed = !plan.is_named_by(&input.text);
    match command {
        PlanCommand::Focus => {
            *focus = match focus {
                ConfirmFocus::Cancel => ConfirmFocus::Run,
                ConfirmFocus::Run => ConfirmFocus::Cancel,
            };
            Effects::none()
        }
        // Where a name is missing, that is said; it runs nothing.
        PlanCommand::Press if *focus == ConfirmFocus::Run || is_unnamed => confirmed(model),
        PlanCommand::Press => {
            view::close(model);
            Effects::none()
        }
        PlanCommand::Confirm => confirmed(model),
    }
}

/// The person said yes to the plan on top: runs it, once.
pub fn confirmed(model: &mut Model) -> Effects {
    let Some(Overlay::Confirm { job, plan, input, .. }) = model.ui.overlays.last() else {
        return Effects::none();
    };
    let (job, plan, typed) = (*job, plan.clone(), input.text.trim().to_owned());
    if let Some(expected) = plan.confirm_by_typing.as_ref().filter(|_| !plan.is_named_by(&typed)) {
        let text = if typed.is_empty() {
            format!("type {expected} to confirm, or Esc to leave it")
        } else {
            format!("`{typed}` is not {expected}; nothing was done")
        };
        say(model, NoticeKind::Warning, text);
        return Effects::none();
    }
    // Between the plan and the yes the console may have become read-only.
    if model.config.read_only {
        say(model, NoticeKind::Warning, "this console is read-only; nothing was done");
        return Effects::none();
    }
    model.ui.overlays.pop();
    let Some(entry) = model.jobs.all.get_mut(&job).filter(|entry| entry.state == JobState::Planning) else {
        return Effects::none();
    };
    entry.state = JobState::Running;
    entry.started = model.now;
    if plan.risk == Risk::Destructive {
        model.ui.overlays.push(Overlay::Running { job, offset: 0 });
    }
    model.dirty = true;
    Effects::one(Effect::Run(job, plan))
}

/// A run ended: keeps its result, and says it where nobody watches it.
pub fn finished(model: &mut Model, job: JobId, result: Result<Outcome, Failure>) {
    let watched = model
        .ui
        .overlays
        .iter()
        .any(|overlay| matches!(overlay, Overlay::Running { job: shown, .. } if *shown == job));
    if !watched {
        match &result {
            Ok(outcome) => {
                let kind =
                    if outcome.verdict == Verdict::Pass { NoticeKind::Info } else { NoticeKind::Error };
                let unsynced = if outcome.synced {
                    ""
                } else {
                    " (not on the remote yet: the ledger waits to be synced)"
                };
                say(model, kind, format!("{}{unsynced}", outcome.summary));
            }
            Err(failure) => say_failure(model, failure),
        }
    }
    model.dirty = true;
    model.jobs.finish(job, result, model.now);
}
