//! Folding events into the state of operations.

use crate::domain::{incident::Incident, name::IncidentId};
use std::collections::BTreeMap;

/// What all events together say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Operations {
    /// Incidents by id.
    pub incidents: BTreeMap<IncidentId, Incident>,
}
