//! What the program wants done outside of itself: plain data, carried out by the executor.

use super::{inspection::InspectRequest, jobs::JobId};
use crate::domain::{
    catalog::Target,
    cross_project::HistoryRequest,
    deployment::{request::DeployRequest, verb::Verb},
    merge::LandingRequest,
    name::{ChangeId, CommitId, ServiceName},
    plan::Plan,
    proposal::Wanted,
};
use semver::Version;
use std::sync::Arc;

/// What is to be validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValidationRequest {
    /// The working tree, alone or against where it parted from a base.
    WorkingTree {
        /// The branch or commit that it changes.
        base: Option<String>,
    },
    /// Any revision, alone or against where it parted from a base.
    Revision {
        /// What to validate.
        head: String,
        /// The branch or commit that it changes.
        base: Option<String>,
    },
    /// The head of a change against its merge base.
    Change {
        /// Which change.
        change: ChangeId,
        /// The head that was seen.
        head: CommitId,
    },
}

/// What the impact is asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImpactRequest {
    /// A service that falls, or goes to another version.
    Service {
        /// Which one.
        service: ServiceName,
        /// The version; it falls if `None`.
        version: Option<Version>,
    },
    /// The step from one revision to another.
    Difference {
        /// Where it leads; the working tree if `None`.
        head: Option<String>,
        /// Where it begins.
        base: String,
        /// What it is called, if it has a name.
        name: Option<String>,
    },
}

impl ImpactRequest {
    /// What it is about, in a word.
    pub fn subject(&self) -> String {
        match self {
            Self::Service { service, version: None } => service.to_string(),
            Self::Service { service, version: Some(version) } => format!("{service}@{version}"),
            Self::Difference { name: Some(name), .. } => name.clone(),
            Self::Difference { head, base, .. } => {
                format!("{base}..{}", head.as_deref().unwrap_or("working tree"))
            }
        }
    }
}

/// A place in a file of the working tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditTarget {
    /// Path from the repository's root.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask a cluster about the pods, events or a log of a service until another look is wanted, or none; answers
    /// with `Inspected`.
    Inspect(Option<Box<InspectRequest>>),
    /// Find the ways back of services, each to what ran before or to a version; answers with `RollbackPlanned`.
    PlanRollback(JobId, Vec<Target>, Option<String>),
    /// Find out what a verb changes (how many pods are wanted, if it scales); answers with `VerbPlanned`.
    PlanVerb(JobId, Target, Verb, Option<u32>),
    /// Write the deployments out that a request comes to; answers with `DeploymentPlanned`.
    PlanDeployment(JobId, Box<DeployRequest>),
    /// Write edits of a service out as a proposal; answers with `ProposalPlanned`.
    PlanProposal(JobId, Wanted),
    /// Find out which projects a change breaks; answers with `AnnouncementPlanned`.
    PlanAnnouncement(JobId, ChangeId),
    /// Plan what is to land on the main branch; answers with `LandingPlanned`.
    PlanLanding(JobId, LandingRequest),
    /// Hand the terminal over to the person's editor.
    Edit(EditTarget),
    /// Validate; answers with `Validated`.
    Validate(JobId, ValidationRequest),
    /// Find out what something does to everybody else; answers with `ImpactFound`.
    Impact(JobId, ImpactRequest),
    /// Run a confirmed plan; answers with `Progress` and one `Finished`.
    Run(JobId, Arc<Plan>),
    /// Read every source again, now.
    Refresh,
    /// Keep this history read, or none any more.
    WantHistory(Option<Arc<HistoryRequest>>),
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
