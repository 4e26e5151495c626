//! A broken main branch is brought back, where the settings say so; and a restoration that was cut off before the ledger
//! had it is recorded.

use crate::{
    action::command::Command,
    domain::{merge::LandingRequest, name::CommitId},
    model::Model,
};

pub(super) fn reconcile(model: &Model) -> Vec<Command> {
    let world = &model.world;
    let (Some(main), Some(ledger)) = (&world.main.value, &world.ledger.value) else { return Vec::new() };
    // A branch that cannot be read now may have been mended meanwhile.
    if world.main.failure.is_some() {
        return Vec::new();
    }
    let known = &ledger.operations.restorations;
    let is_recorded = |commit: &CommitId| known.iter().any(|known| known.restored.commit == *commit);
    if main.errors.is_empty() && main.restorations.iter().all(is_recorded) {
        return Vec::new();
    }
    vec![Command::Land(LandingRequest::Restore { detected_at: world.main_broken_since })]
}
