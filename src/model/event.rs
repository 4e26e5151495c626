//! Everything that can happen to the program.

use super::{inspection::Inspected, jobs::JobId, layout::Size};
use crate::{
    config::key::Key,
    domain::{
        alert::Alert,
        catalog::{Catalog, Target},
        change::{Identity, Review},
        cross_project::History,
        deployment::{ClusterView, RollbackRoute, request::DeployPlan, verb::VerbRoute},
        finding::Finding,
        forge::{Announcement, Request},
        impact::Impact,
        leadership::AgentView,
        ledger::ChainHealth,
        merge::Landing,
        name::ContextName,
        plan::{Outcome, Progress, Validation},
        proposal::ServiceProposal,
        sla::MetricsView,
    },
    error::Failure,
};
use std::{path::PathBuf, sync::Arc};

use super::world::{LedgerView, MainBranch};

/// A file on this machine, and a line in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditFile {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
}

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseKind {
    /// The left button went down.
    Press,
    /// The wheel turned away from the person.
    ScrollUp,
    /// The wheel turned towards the person.
    ScrollDown,
}

/// A source's new picture.
#[derive(Debug, Clone)]
pub enum SourceUpdate {
    /// The control repository.
    Catalog(Result<Arc<Catalog>, Failure>),
    /// Validation of the working tree.
    Findings(Result<Arc<Vec<Finding>>, Failure>),
    /// Whether the main branch validates.
    Main(Result<Arc<MainBranch>, Failure>),
    /// Open changes.
    Changes(Result<Arc<Review>, Failure>),
    /// The ledger.
    Ledger(Result<Arc<LedgerView>, Failure>),
    /// Whether the ledger can be believed.
    Chain(Result<Arc<ChainHealth>, Failure>),
    /// A cluster.
    Cluster(ContextName, Result<Arc<ClusterView>, Failure>),
    /// Scrapes.
    Metrics(Result<Arc<MetricsView>, Failure>),
    /// Alertmanager.
    Alerts(Result<Arc<Vec<Alert>>, Failure>),
    /// The forge.
    Requests(Result<Arc<Vec<Request>>, Failure>),
    /// Who leads among agents.
    Agent(Result<Arc<AgentView>, Failure>),
    /// The Git remote was fetched.
    Remote(Result<(), Failure>),
    /// The history of what is going away.
    History(Result<Arc<History>, Failure>),
    /// Who acts here.
    Operator(Result<Identity, Failure>),
}

/// Everything that can happen.
#[derive(Debug, Clone)]
pub enum Event {
    /// A key went down.
    Key(Key),
    /// The mouse did something at a column and row.
    Mouse(MouseKind, u16, u16),
    /// Text was pasted.
    Paste(String),
    /// The terminal has a new size.
    Resize(Size),
    /// Time went by.
    Tick,
    /// A source has a new picture.
    Source(SourceUpdate),
    /// The way back was found, or not.
    RollbackPlanned(JobId, Result<Vec<(Target, RollbackRoute)>, Failure>),
    /// Deployments were planned, or cannot be.
    DeploymentPlanned(JobId, Result<Box<DeployPlan>, Failure>),
    /// A cluster told of pods, events or a log, for the look with this number.
    Inspected(u64, Inspected),
    /// The cluster told what a verb changes.
    VerbPlanned(JobId, Result<Box<(Target, VerbRoute)>, Failure>),
    /// A proposal was written out, or cannot be.
    ProposalPlanned(JobId, Result<Box<ServiceProposal>, Failure>),
    /// Whom a change breaks was found out, or cannot be.
    AnnouncementPlanned(JobId, Result<Box<Announcement>, Failure>),
    /// What lands on the main branch was planned, or cannot be.
    LandingPlanned(JobId, Result<Box<Landing>, Failure>),
    /// The editor is to be opened on a file, or cannot be.
    Edit(Result<EditFile, Failure>),
    /// The editor has ended, or could not be started.
    Edited(Result<(), Failure>),
    /// A validation ended.
    Validated(JobId, Result<Validation, Failure>),
    /// What something does to everybody else: what it is about where that has a name, and the answer.
    ImpactFound(JobId, Option<String>, Result<Arc<Impact>, Failure>),
    /// A running plan got further.
    Progress(JobId, Progress),
    /// A running plan ended.
    Finished(JobId, Result<Outcome, Failure>),
    /// The system asks the program to end.
    Terminate,
}
