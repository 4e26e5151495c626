//! Folding events into the state of operations.

use crate::domain::{incident::Incident, name::IncidentId};
use std::collections::BTreeMap;

/// What all events together say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Operations {
    /// Incidents by id.
    pub incidents: BTreeMap<IncidentId, Incident>,
}
impl Operations {
    /// TEMPORARY until the ledger branch is merged.
    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values().filter(|incident| incident.is_open())
    }
}
