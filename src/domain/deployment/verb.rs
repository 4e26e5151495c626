//! What can be done to a running service beside deploying it and rolling it back: one row for each verb.

use super::ObjectRef;
use crate::domain::catalog::ManagedBy::{self, ArgoCd, ArgoRollouts, Deployment, Flux};
use serde::{Deserialize, Serialize};

/// What is done to a running service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Replace its pods, one after another.
    Restart,
    /// Stop a rollout where it is.
    Pause,
    /// Let go on what was paused or suspended.
    Resume,
    /// Run another number of pods.
    Scale,
    /// Argo CD: bring what Git says now.
    Sync,
    /// Argo CD: compare with Git anew.
    Refresh,
    /// Argo CD: end the running operation.
    Terminate,
    /// Argo Rollouts: go on to the next step.
    Promote,
    /// Argo Rollouts: skip all steps that are left.
    PromoteFull,
    /// Argo Rollouts: the stable version gets everything again.
    Abort,
    /// Argo Rollouts: begin an aborted update anew.
    Retry,
    /// Flux: bring what Git says now.
    Reconcile,
    /// Argo CD and Flux: leave the service alone until it is resumed.
    Suspend,
}

/// One row of [`Verb::TABLE`].
#[derive(Debug)]
pub struct VerbRow {
    /// Which verb.
    pub verb: Verb,
    /// The word on the command line and in the action's name.
    pub word: &'static str,
    /// What it does, as a title.
    pub title: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// What must manage the service.
    pub managers: &'static [ManagedBy],
    /// Why it cannot be done to a service that something else manages.
    pub otherwise: &'static str,
    /// Whether it takes something away from users, or may.
    pub destructive: bool,
}

impl Verb {
    /// All verbs.
    pub const TABLE: &'static [VerbRow] = &[
        VerbRow {
            verb: Self::Restart,
            word: "restart",
            title: "Restart the service",
            doc: "Replaces the service's pods one after another, with the same version.",
            managers: &[Deployment, ArgoCd, ArgoRollouts, Flux],
            otherwise: "restart it with `docker compose restart`",
            destructive: true,
        },
        VerbRow {
            verb: Self::Pause,
            word: "pause",
            title: "Pause the rollout",
            doc: "Stops the rollout of the service where it is.",
            managers: &[Deployment, ArgoRollouts],
            otherwise: "only Deployments and Rollouts of its own can be paused; what follows Git is suspended",
            destructive: false,
        },
        VerbRow {
            verb: Self::Resume,
            word: "resume",
            title: "Resume the service",
            doc: "Lets a paused rollout go on, or the automated sync or reconciliation that was suspended.",
            managers: &[Deployment, ArgoCd, ArgoRollouts, Flux],
            otherwise: "there is nothing that could be paused",
            destructive: false,
        },
        VerbRow {
            verb: Self::Scale,
            word: "scale",
            title: "Scale the service",
            doc: "Runs another number of pods of the service.",
            managers: &[Deployment, ArgoRollouts],
            otherwise: "Git says how many pods it has: propose a change there, or it is put back",
            destructive: true,
        },
        VerbRow {
            verb: Self::Sync,
            word: "sync",
            title: "Sync with Git",
            doc: "Has Argo CD bring what Git says now.",
            managers: &[ArgoCd],
            otherwise: "no Argo CD Application keeps it",
            destructive: true,
        },
        VerbRow {
            verb: Self::Refresh,
            word: "refresh",
            title: "Compare with Git anew",
            doc: "Has Argo CD compare the service with Git anew, without changing it.",
            managers: &[ArgoCd],
            otherwise: "no Argo CD Application keeps it",
            destructive: false,
        },
        VerbRow {
            verb: Self::Terminate,
            word: "terminate",
            title: "End the running sync",
            doc: "Ends the operation that Argo CD runs for the service.",
            managers: &[ArgoCd],
            otherwise: "no Argo CD Application keeps it",
            destructive: true,
        },
        VerbRow {
            verb: Self::Promote,
            word: "promote",
            title: "Promote to the next step",
            doc: "Lets the Rollout go on to its next step.",
            managers: &[ArgoRollouts],
            otherwise: "it is no Argo Rollout",
            destructive: true,
        },
        VerbRow {
            verb: Self::PromoteFull,
            word: "promote-full",
            title: "Promote in full",
            doc: "Skips all steps of the Rollout that are left: the new version gets everything.",
            managers: &[ArgoRollouts],
            otherwise: "it is no Argo Rollout",
            destructive: true,
        },
        VerbRow {
            verb: Self::Abort,
            word: "abort",
            title: "Abort the update",
            doc: "The Rollout's stable version gets everything again; what is wanted stays the new version.",
            managers: &[ArgoRollouts],
            otherwise: "it is no Argo Rollout",
            destructive: true,
        },
        VerbRow {
            verb: Self::Retry,
            word: "retry",
            title: "Retry the update",
            doc: "Begins the Rollout's aborted update anew.",
            managers: &[ArgoRollouts],
            otherwise: "it is no Argo Rollout",
            destructive: true,
        },
        VerbRow {
            verb: Self::Reconcile,
            word: "reconcile",
            title: "Reconcile with Git",
            doc: "Has Flux fetch Git and bring what it says now.",
            managers: &[Flux],
            otherwise: "Flux does not keep it",
            destructive: true,
        },
        VerbRow {
            verb: Self::Suspend,
            word: "suspend",
            title: "Suspend following Git",
            doc: "Argo CD or Flux leaves the service alone until it is resumed.",
            managers: &[ArgoCd, Flux],
            otherwise: "nothing follows Git for it",
            destructive: false,
        },
    ];

    /// Its row.
    pub fn row(self) -> &'static VerbRow {
        &Self::TABLE[self as usize]
    }

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// Why it cannot be done to a service with this manager; `None` when it can.
    pub fn refused_for(self, manager: ManagedBy) -> Option<&'static str> {
        let row = self.row();
        (!row.managers.contains(&manager)).then_some(row.otherwise)
    }
}

/// What a verb will change, with what was seen when it was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerbRoute {
    /// What is done.
    pub verb: Verb,
    /// How many pods are wanted, for [`Verb::Scale`].
    pub replicas: Option<u32>,
    /// What is changed.
    pub object: ObjectRef,
    /// Its `resourceVersion` when planned.
    pub resource_version: String,
    /// What is done to it, in the imperative.
    pub step: String,
    /// How it stands now, as label and value.
    pub facts: Vec<(String, String)>,
    /// What a person should weigh.
    pub notes: Vec<String>,
    /// A word that finds what was asked for again, such as the time of a request.
    pub mark: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_stand_in_the_order_of_the_verbs_and_say_why_not() {
        for (index, row) in Verb::TABLE.iter().enumerate() {
            assert_eq!(row.verb as usize, index, "{}", row.word);
            assert!(!row.managers.is_empty() && !row.managers.contains(&ManagedBy::Compose));
            assert!(row.verb.refused_for(ManagedBy::Compose).is_some());
            let json = serde_json::to_value(row.verb).unwrap();
            assert_eq!(json, row.word, "the ledger and the command line use the same word");
        }
        assert_eq!(Verb::Sync.refused_for(ManagedBy::ArgoCd), None);
        assert!(Verb::Scale.refused_for(ManagedBy::Flux).is_some());
    }
}
