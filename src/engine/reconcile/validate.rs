//! Heads of changes: each is validated once, and once more when what it is held against has moved.

use crate::{
    action::command::{ChangeCommand, Command},
    model::Model,
};

pub(super) fn reconcile(model: &Model) -> Vec<Command> {
    let world = &model.world;
    let (Some(catalog), Some(ledger)) = (&world.catalog.value, &world.ledger.value) else {
        return Vec::new();
    };
    let has_forge = catalog.settings.forge.is_some();
    // Without the list of requests nobody knows where the comment goes.
    if has_forge && world.requests.value.is_none() {
        return Vec::new();
    }
    world
        .joined
        .changes
        .iter()
        .filter(|change| {
            let proposal = &change.proposal;
            let record = ledger.operations.changes.get(&proposal.id);
            let known = record.and_then(|record| record.validated.as_ref());
            !known.is_some_and(|known| {
                known.is_of(&proposal.head, &proposal.base) && (known.result.posted || !has_forge)
            })
        })
        .map(|change| Command::Change(ChangeCommand::Record(change.proposal.id.clone())))
        .collect()
}
