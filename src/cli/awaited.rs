//! Waiting for what a one-shot command asked for: an event, a plan, the end of a job.

use crate::{
    domain::{
        plan::Plan,
        text::{clean, clean_lines},
    },
    engine::headless::Engine,
    error::Failure,
    model::{
        Model,
        event::{Event, SourceUpdate},
        jobs::{JobId, JobState},
        ui::Overlay,
    },
};
use std::{sync::Arc, time::Duration};

/// How long a plan may take that asks remotes, clusters and forges, each of which has nearer deadlines.
const PLAN_LIMIT: Duration = Duration::from_mins(2);

/// Whether a job is over.
pub(super) fn is_over(model: &Model, job: JobId) -> bool {
    model.jobs.all.get(&job).is_none_or(|job| matches!(job.state, JobState::Done(_)))
}

/// Lets events in until one is the awaited one.
pub(super) async fn wait(
    engine: &mut Engine,
    limit: Duration,
    mut awaited: impl FnMut(&Event) -> bool,
) -> bool {
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        tokio::select! {
            events = engine.next() => {
                for event in events {
                    let found = awaited(&event);
                    engine.apply(event);
                    if found {
                        return true;
                    }
                }
            }
            () = tokio::time::sleep_until(deadline) => return false,
        }
    }
}

/// The plan that waits for a yes.
pub(super) async fn planned(engine: &mut Engine) -> Result<(JobId, Arc<Plan>), Failure> {
    if let Some(Overlay::Planning { .. }) = engine.model.ui.overlays.last() {
        let mut refused = None;
        let came = wait(engine, PLAN_LIMIT, |event| match event {
            Event::RollbackPlanned(_, Ok(_))
            | Event::DeploymentPlanned(_, Ok(_))
            | Event::VerbPlanned(_, Ok(_))
            | Event::ProposalPlanned(_, Ok(_))
            | Event::AnnouncementPlanned(_, Ok(_))
            | Event::LandingPlanned(_, Ok(_)) => true,
            Event::RollbackPlanned(_, Err(failure))
            | Event::DeploymentPlanned(_, Err(failure))
            | Event::VerbPlanned(_, Err(failure))
            | Event::ProposalPlanned(_, Err(failure))
            | Event::AnnouncementPlanned(_, Err(failure))
            | Event::LandingPlanned(_, Err(failure))
            | Event::Source(SourceUpdate::Operator(Err(failure))) => {
                refused = Some(failure.clone());
                true
            }
            _ => false,
        })
        .await;
        if let Some(failure) = refused {
            return Err(failure);
        }
        if !came {
            return Err(Failure::unreachable("the plan was not made in time"));
        }
    }
    match engine.model.ui.overlays.last() {
        Some(Overlay::Confirm { job, plan, .. }) => Ok((*job, plan.clone())),
        _ => Err(match &engine.model.ui.notice {
            Some(notice) => Failure::refused(notice.text.clone()),
            None => Failure::refused("there is nothing to confirm"),
        }),
    }
}

/// A plan as text.
pub(super) fn render_plan(plan: &Plan) -> String {
    let mut out = format!("Plan: {}\n", clean(&plan.title));
    for (label, value) in &plan.facts {
        out += &format!("  {label}: {}\n", clean(value));
    }
    for (index, step) in plan.steps.iter().enumerate() {
        out += &format!("  {}. {} {}\n", index + 1, clean(&step.title), clean(&step.object));
    }
    for file in plan.files() {
        out += &format!("  {}\n", clean(&file.path));
        for line in &file.diff {
            out += &format!("  {} {}\n", line.sign(), clean_lines(&line.text));
        }
    }
    for note in &plan.notes {
        out += &format!("  ! {}\n", clean(note));
    }
    out
}
