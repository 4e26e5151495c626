//! Incident clocks: when a deadline passes, the next level is called.

use crate::{
    action::command::{Command, IncidentCommand},
    domain::escalation,
    model::Model,
};

pub(super) fn reconcile(model: &Model) -> Vec<Command> {
    let world = &model.world;
    let (Some(catalog), Some(ledger)) = (&world.catalog.value, &world.ledger.value) else {
        return Vec::new();
    };
    ledger
        .operations
        .open_incidents()
        .filter_map(|incident| {
            let due = escalation::due(incident, &catalog.severities, model.now)?;
            Some(Command::Incident(IncidentCommand::Escalate {
                incident: incident.id.clone(),
                due: Some(due),
            }))
        })
        .collect()
}
