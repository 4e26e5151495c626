//! What the sources said last, each with its age and its own failure.

use crate::{
    domain::{
        alert::Alert,
        catalog::Catalog,
        change::Review,
        cross_project::History,
        deployment::ClusterView,
        finding::Finding,
        forge::Request,
        leadership::AgentView,
        ledger::{ChainHealth, Operations},
        name::{CommitId, ContextName},
        sla::MetricsView,
    },
    error::Failure,
};
use chrono::{DateTime, Duration, Utc};
use std::{collections::BTreeMap, sync::Arc};

use super::{calendar::CalendarBook, cross::CrossProject, join::Joined};

/// One source: its last good picture, when that was, and why there is no newer one.
#[derive(Debug, Clone, PartialEq)]
pub struct Source<T> {
    /// The last good picture.
    pub value: Option<Arc<T>>,
    /// When it was taken.
    pub at: Option<DateTime<Utc>>,
    /// Why the last attempt failed, if it did.
    pub failure: Option<Failure>,
}

impl<T> Default for Source<T> {
    fn default() -> Self {
        Self { value: None, at: None, failure: None }
    }
}

/// How a source stands, for its freshness mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing has come yet.
    Loading,
    /// Young enough.
    Live,
    /// It answers, but does not let us see what matters.
    Partial,
    /// Older than it should be.
    Stale,
    /// The last attempt failed.
    Failed,
}

impl Source<ClusterView> {
    /// How a cluster stands at `now`: one whose deployments are hidden from us answers, but is not well seen.
    pub fn cluster_freshness(&self, now: DateTime<Utc>, limit: Duration) -> Freshness {
        match self.freshness(now, limit) {
            Freshness::Live if self.value.as_ref().is_some_and(|view| view.blind().is_some()) => {
                Freshness::Partial
            }
            freshness => freshness,
        }
    }
}

impl World {
    /// The catalog whose calendar counts: the main branch's, by which merges and deployments are judged; until that
    /// was read, the working tree's.
    pub fn governing(&self) -> Option<&Arc<Catalog>> {
        self.main.value.as_ref().map(|main| &main.catalog).or(self.catalog.value.as_ref())
    }

    /// Whether the working tree has another calendar than the main branch.
    pub fn calendar_differs(&self) -> bool {
        let both = self.main.value.as_ref().zip(self.catalog.value.as_ref());
        both.is_some_and(|(main, here)| main.catalog.calendar != here.calendar)
    }
}

impl<T> Source<T> {
    /// Takes a new picture, or keeps the old one with the reason.
    pub fn receive(&mut self, at: DateTime<Utc>, result: Result<Arc<T>, Failure>) {
        match result {
            Ok(value) => {
                self.value = Some(value);
                self.at = Some(at);
                self.failure = None;
            }
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// How it stands at `now`, when a picture older than `limit` is too old.
    pub fn freshness(&self, now: DateTime<Utc>, limit: Duration) -> Freshness {
        match (&self.failure, self.at) {
            (Some(_), _) => Freshness::Failed,
            (None, None) => Freshness::Loading,
            (None, Some(at)) if now - at > limit => Freshness::Stale,
            (None, Some(_)) => Freshness::Live,
        }
    }
}

/// The ledger as it is known here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LedgerView {
    /// The state of operations.
    pub operations: Arc<Operations>,
    /// Events that the remote does not have yet.
    pub unsynced: usize,
}

/// The main branch, as the remote has it.
#[derive(Debug, Clone, PartialEq)]
pub struct MainBranch {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub head: CommitId,
    /// What it says: its calendar is the one that counts.
    pub catalog: Arc<Catalog>,
    /// The errors that validation finds in it; it is broken while there are any.
    pub errors: Vec<Finding>,
    /// The newest restorations that its commits tell of, whether or not the ledger has them.
    pub restorations: Vec<CommitId>,
}

/// Everything the sources said.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The control repository's working tree.
    pub catalog: Source<Catalog>,
    /// What validation of it found.
    pub findings: Source<Vec<Finding>>,
    /// Whether the main branch validates.
    pub main: Source<MainBranch>,
    /// Since when it is known that it does not.
    pub main_broken_since: Option<DateTime<Utc>>,
    /// Open changes; their gates follow the ledger in [`Joined`].
    pub changes: Source<Review>,
    /// The ledger.
    pub ledger: Source<LedgerView>,
    /// Whether it can be believed.
    pub chain: Source<ChainHealth>,
    /// Clusters by context.
    pub clusters: BTreeMap<ContextName, Source<ClusterView>>,
    /// Scrapes.
    pub metrics: Source<MetricsView>,
    /// Alertmanager.
    pub alerts: Source<Vec<Alert>>,
    /// Pull and merge requests of the forge.
    pub requests: Source<Vec<Request>>,
    /// The agent: whether one is alive, and when it last looked.
    pub agent: Source<AgentView>,
    /// The Git remote: when it was last fetched, or why it could not be.
    pub remote: Source<()>,
    /// Who depended on what is going away, commit by commit; read only while somebody looks.
    pub history: Source<History>,
    /// The calendar written out, and the pipeline.
    pub calendar: CalendarBook,
    /// The cross-project tables; made only while somebody looks.
    pub cross: CrossProject,
    /// All of it joined per service, project, change; rebuilt when a source changed.
    pub joined: Arc<Joined>,
}
