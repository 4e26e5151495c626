//! What is done while nobody watches: pure functions from what the sources said, and the time, to commands. The agent
//! runs them, and a console that has taken its place.

mod deployments;
mod escalate;
mod notify;
mod restore;
mod staging;
#[cfg(test)]
mod tests;
mod validate;

use crate::{action::command::Command, domain::catalog::AgentSettings, model::Model};
use std::time::Duration;

/// One thing that is looked after.
pub struct Reconciler {
    /// Its name in `[agent] run`.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// Least time between two looks.
    pub pace: Duration,
    /// Least time until the same command may come again after it has run. What it did is seen by then, and where it
    /// failed it is given time.
    pub again: Duration,
    /// How many of its commands may be under way at once; what is more waits for the next look.
    pub at_once: usize,
    /// What is to be done now. The model's time is the time.
    pub reconcile: fn(&Model) -> Vec<Command>,
}

/// All of them, in the order in which they look.
pub static TABLE: &[Reconciler] = &[
    Reconciler {
        name: "escalate",
        doc: "Calls the next level when the time to acknowledge or to resolve an incident has passed.",
        pace: Duration::from_secs(1),
        again: Duration::from_secs(10),
        at_once: 4,
        reconcile: escalate::reconcile,
    },
    Reconciler {
        name: "restore",
        doc: "Brings a main branch that does not validate back to what last did, where `restore = true`.",
        pace: Duration::from_secs(5),
        again: Duration::from_mins(1),
        at_once: 4,
        reconcile: restore::reconcile,
    },
    Reconciler {
        name: "deployments",
        doc: "Looks after every deployment that nobody holds: canary steps, schedules, tests, the way back, the watch of a day.",
        pace: Duration::from_secs(2),
        again: Duration::from_secs(30),
        at_once: 32,
        reconcile: deployments::reconcile,
    },
    Reconciler {
        name: "staging",
        doc: "Deploys the versions that merged changes brought to the environments that are not production.",
        pace: Duration::from_secs(10),
        again: Duration::from_mins(2),
        at_once: 4,
        reconcile: staging::reconcile,
    },
    Reconciler {
        name: "validate",
        doc: "Validates each new head of a change, keeps the result, and sets its status on the forge.",
        pace: Duration::from_secs(2),
        again: Duration::from_secs(30),
        at_once: 4,
        reconcile: validate::reconcile,
    },
    Reconciler {
        name: "notify",
        doc: "Tells channels what the ledger says happened and nobody has told them.",
        pace: Duration::from_secs(5),
        again: Duration::from_secs(30),
        at_once: 4,
        reconcile: notify::reconcile,
    },
];

impl Reconciler {
    /// Whether the settings let it run. Restoring asks for a policy of its own.
    pub fn is_enabled(&self, settings: &AgentSettings) -> bool {
        match (self.name, &settings.run) {
            ("restore", _) => settings.restore,
            (_, None) => true,
            (name, Some(run)) => run.iter().any(|wanted| wanted == name),
        }
    }
}
