//! What the program wants done outside of itself: plain data, carried out by the executor.

use super::jobs::JobId;
use crate::domain::{
    catalog::Target,
    name::{ChangeId, CommitId},
    plan::Plan,
};
use std::sync::Arc;

/// What is to be validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValidationRequest {
    /// The working tree, alone.
    WorkingTree,
    /// Any revision, alone or against a base.
    Revision {
        /// What to validate.
        head: String,
        /// What it changes.
        base: Option<String>,
    },
    /// The head of a change against its merge base.
    Change {
        /// Which change.
        change: ChangeId,
        /// Its head.
        head: CommitId,
        /// Its merge base.
        base: CommitId,
    },
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Find the way back of a service; answers with `RollbackPlanned`.
    PlanRollback(JobId, Target),
    /// Validate; answers with `Validated`.
    Validate(JobId, ValidationRequest),
    /// Run a confirmed plan; answers with `Progress` and one `Finished`.
    Run(JobId, Arc<Plan>),
    /// Read every source again, now.
    Refresh,
}

/// Effects that must reach the executor.
#[must_use = "effects that are dropped never happen"]
#[derive(Debug, Default, PartialEq)]
pub struct Effects(pub Vec<Effect>);

impl Effects {
    /// Nothing to do.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// One effect.
    pub fn one(effect: Effect) -> Self {
        Self(vec![effect])
    }

    /// These and those.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}
