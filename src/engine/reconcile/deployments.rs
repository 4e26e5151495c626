//! Deployments that are under way: each is looked after until it is over or waits for long, and again after that. So canary
//! steps, schedules, the way back and the watch of a day go on by themselves, also where somebody else was cut off. What is
//! held waits for a person.

use crate::{
    action::command::{Command, DeploymentCommand},
    domain::deployment::work::Steering,
    model::Model,
};

pub(super) fn reconcile(model: &Model) -> Vec<Command> {
    let Some(ledger) = &model.world.ledger.value else { return Vec::new() };
    ledger
        .operations
        .open_deployments()
        .filter(|record| record.held.is_none())
        .map(|record| {
            let steering = Steering::Continue { accept: false, note: None };
            Command::Deployment(DeploymentCommand::Steer { deployment: record.id.clone(), steering })
        })
        .collect()
}
