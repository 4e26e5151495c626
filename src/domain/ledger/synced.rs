//! What bringing the ledger and its remote together did.

use super::fold::Operations;
use crate::domain::name::{CommitId, IncidentId};
use std::sync::Arc;

/// The ledger after it and its remote were brought together, and what that took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Synced {
    /// Its newest commit; `None` while it is empty.
    pub tip: Option<CommitId>,
    /// What folding all events gives.
    pub operations: Arc<Operations>,
    /// How many events are still not on the remote.
    pub unsynced: usize,
    /// How many events of others came.
    pub received: usize,
    /// How many events that waited went to the remote.
    pub sent: usize,
    /// How many events the remote had once and had lost; they were sent again.
    pub lost: usize,
    /// How many of what waited were written again on top of what others wrote meanwhile.
    pub replayed: usize,
    /// Incidents that got another number thereby: the former, and the present one.
    pub renumbered: Vec<(IncidentId, IncidentId)>,
}
