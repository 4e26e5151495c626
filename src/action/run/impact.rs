//! Impact: asking for it, and showing the answer.

use super::{say, say_failure};
use crate::{
    domain::impact::Impact,
    error::Failure,
    model::{
        Model,
        effect::{Effect, Effects, ImpactRequest},
        jobs::{JobId, JobState},
        ui::{NoticeKind, Overlay},
    },
};
use std::sync::Arc;

/// Asks for it; the answer opens as an overlay.
pub(super) fn ask(model: &mut Model, request: ImpactRequest) -> Effects {
    let subject = request.subject();
    let key = format!("impact/{subject}");
    let opened = model.jobs.open(key, format!("impact of {subject}"), JobState::Running, model.now);
    if let Ok(job) = opened {
        Effects::one(Effect::Impact(job, request))
    } else {
        say(model, NoticeKind::Info, format!("the impact of {subject} is being found out already"));
        Effects::none()
    }
}

/// Shows the answer.
pub fn impact_found(
    model: &mut Model,
    job: JobId,
    subject: Option<String>,
    result: Result<Arc<Impact>, Failure>,
) {
    model.dirty = true;
    // Nobody waits any more.
    if !model.jobs.all.contains_key(&job) {
        return;
    }
    model.jobs.forget(job);
    match result {
        Ok(impact) => {
            model.ui.overlays.retain(|overlay| !matches!(overlay, Overlay::Impact { .. }));
            model.ui.overlays.push(Overlay::Impact { subject, impact, offset: 0 });
        }
        Err(failure) => say_failure(model, &failure),
    }
}
