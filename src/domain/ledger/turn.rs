//! What the ledger's events do to deployments, and what they keep away from them.

use super::{
    event::Entry,
    fold::{Operations, deployment_number, is_next},
    happening::{Happening, Verdict},
};
use crate::domain::{
    change::Identity,
    deployment::{
        order::{Leg, Order, Stage},
        record::{DeploymentRecord, Turn},
    },
    name::{CommitId, DeploymentId},
};
use chrono::{DateTime, Utc};

/// A version that may not be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Its image, with tag or digest.
    pub image: Option<String>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: Identity,
    /// The deployment that failed, if one did.
    pub deployment: Option<DeploymentId>,
}

/// A service of which nothing may be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: Identity,
}

impl Happening {
    /// What it does to a deployment, and to which, as the event of a commit; `None` for what happens to none. An incident
    /// or a quarantine that belongs to one is a leg of its way back.
    pub fn turn<'a>(&'a self, commit: &'a CommitId) -> Option<(&'a DeploymentId, Turn<'a>)> {
        const INCIDENT: &Leg = &Leg::all(Stage::Incident);
        const QUARANTINE: &Leg = &Leg::all(Stage::Quarantine);
        let done = |leg, detail| Turn::Judged { leg, verdict: Verdict::Pass, detail, figures: None };
        Some(match self {
            Self::StageBegan { deployment, leg, holder, until } => {
                (deployment, Turn::Began { leg, holder, until: *until })
            }
            Self::StageJudged { deployment, leg, verdict, detail, figures } => {
                (deployment, Turn::Judged { leg, verdict: *verdict, detail, figures: figures.as_deref() })
            }
            Self::DeploymentHeld { deployment, reason, verdict } => {
                (deployment, Turn::Held { reason, verdict: *verdict })
            }
            Self::DeploymentContinued { deployment, accept, note } => {
                (deployment, Turn::Continued { accept: *accept, note: note.as_deref(), commit })
            }
            Self::DeploymentGlassOpened { deployment, reason, expires, incident } => {
                (deployment, Turn::GlassOpened { reason, expires: *expires, incident, commit })
            }
            Self::DeploymentGlassSeconded { deployment } => (deployment, Turn::GlassSeconded { commit }),
            Self::DeploymentApproved { deployment, gate, note } => {
                (deployment, Turn::Approved { gate: *gate, note: note.as_deref(), commit })
            }
            Self::DeploymentScheduled { deployment, not_before, window } => {
                (deployment, Turn::Scheduled { not_before: *not_before, window: *window })
            }
            Self::DeploymentCancelled { deployment, reason } => (deployment, Turn::Cancelled { reason }),
            Self::DeploymentFinished { deployment, ending, detail } => {
                (deployment, Turn::Finished { ending: *ending, detail })
            }
            Self::IncidentDeclared { deployment: Some(deployment), incident, .. } => {
                (deployment, done(INCIDENT, incident.as_str()))
            }
            Self::ReleaseQuarantined { deployment: Some(deployment), reason, .. } => {
                (deployment, done(QUARANTINE, reason))
            }
            _ => return None,
        })
    }

    /// The deployment that it happens to.
    pub const fn deployment_mut(&mut self) -> Option<&mut DeploymentId> {
        match self {
            Self::StageBegan { deployment, .. }
            | Self::StageJudged { deployment, .. }
            | Self::DeploymentHeld { deployment, .. }
            | Self::DeploymentContinued { deployment, .. }
            | Self::DeploymentGlassOpened { deployment, .. }
            | Self::DeploymentGlassSeconded { deployment }
            | Self::DeploymentApproved { deployment, .. }
            | Self::DeploymentScheduled { deployment, .. }
            | Self::DeploymentCancelled { deployment, .. }
            | Self::DeploymentFinished { deployment, .. }
            | Self::IncidentDeclared { deployment: Some(deployment), .. }
            | Self::ReleaseQuarantined { deployment: Some(deployment), .. } => Some(deployment),
            _ => None,
        }
    }
}

impl Operations {
    /// The deployment of an id.
    pub fn deployment(&self, id: &str) -> Option<&DeploymentRecord> {
        self.deployments.get(&deployment_number(id)?)
    }

    /// Deployments that are not over, by number.
    pub fn open_deployments(&self) -> impl Iterator<Item = &DeploymentRecord> {
        self.deployments.values().filter(|record| record.is_open())
    }

    /// The id that the next deployment gets.
    pub fn next_deployment(&self) -> DeploymentId {
        format!("DEP-{}", self.last_deployment.saturating_add(1)).into()
    }

    /// Lets an event happen to the deployment that it is about.
    pub(super) fn turn(&mut self, entry: &Entry, happening: &Happening) -> Result<(), String> {
        let Some((id, turn)) = happening.turn(&entry.commit) else { return Ok(()) };
        let record = deployment_number(id.as_str())
            .and_then(|number| self.deployments.get_mut(&number))
            .ok_or_else(|| format!("{id} was never started"))?;
        if let Happening::IncidentDeclared { incident, .. } = happening {
            record.incident = Some(incident.clone());
        }
        record.apply(&turn, entry.at, &entry.actor)
    }

    /// A deployment begins.
    pub(super) fn deployment_started(
        &mut self,
        entry: &Entry,
        id: &DeploymentId,
        order: &Order,
    ) -> Result<(), String> {
        let number = deployment_number(id.as_str())
            .filter(|number| is_next(*number, self.last_deployment))
            .ok_or_else(|| format!("{id} is not a deployment's id that can come next"))?;
        if self.deployments.contains_key(&number) {
            return Err(format!("{id} was started before"));
        }
        self.last_deployment = self.last_deployment.max(number);
        let record = DeploymentRecord::new(id.clone(), order.clone(), entry.at, entry.actor.clone());
        self.deployments.insert(number, record);
        Ok(())
    }
}
