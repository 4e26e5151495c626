//! What the engine asks of the outside, in domain types. Adapters implement these; tests may too.

use crate::{
    domain::{
        alert::Alert,
        catalog::{Catalog, ScrapeSettings, Target},
        change::{Identity, Proposal, Seals},
        cross_project::Moment,
        deployment::{
            ClusterView, RollbackRoute, RolloutStatus,
            inspect::{LogRequest, Occurrence, Pod},
            job::{JobDraft, JobMark, JobState},
            release::{Release, ReleaseRoute, ReleaseStep, Strategy},
            verb::{Verb, VerbRoute},
        },
        finding::SourceFile,
        forge::{
            CommitStatus, ForgeSettings, ForgeTeam, IssueDraft, MergeDraft, Request, RequestDraft,
            ReviewDraft,
        },
        leadership::{Hold, LeasePlace, LeaseRecord, LeaseTerms},
        ledger::{ChainHealth, Entry, Happening, Link, Operations, Synced, Verification},
        merge::{Ancestor, CommitDraft},
        name::{CommitId, ContextName},
        notice::{Channel, Delivery, Notice},
        sla::{Endpoint, Sample},
    },
    error::Failure,
};
use chrono::{DateTime, Utc};
use futures::{future::BoxFuture, stream::BoxStream};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

/// What an asynchronous port call gives.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Failure>>;

/// Time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// Which state of the control repository is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// The files as they lie in the working tree.
    WorkingTree,
    /// A branch as the remote has it (`main`, say); the local one where there is no remote.
    Branch(String),
    /// Any Git revision expression (`HEAD`, `main`, a branch, a commit).
    Named(String),
}

/// A cheap sign of whether anything in the repository may have changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Digest over path, size and modification time of the control files.
    pub working_tree: u64,
    /// Digest over the refs that matter (main, changes, ledger; local and remote-tracking).
    pub references: u64,
}

/// A branch that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchDraft {
    /// Its name.
    pub branch: String,
    /// The commit that it begins at.
    pub base: CommitId,
    /// The files that its one commit changes, each with its new text.
    pub files: Vec<(String, Arc<str>)>,
    /// The commit's message.
    pub message: String,
    /// The commit's time.
    pub at: DateTime<Utc>,
}

/// What is brought onto a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Theirs {
    /// What a branch has changed since the two parted.
    Branch(CommitId),
    /// The opposite of what a commit changed of its first parent.
    Opposite(CommitId),
}

/// What two sides come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combined {
    /// A commit with the files, on top of the one that they were brought onto. It is in no branch.
    pub commit: CommitId,
    /// The files that both sides changed in the same place; in the commit they hold both, with marks.
    pub conflicts: Vec<String>,
    /// Whether it has the very files of the commit that they were brought onto.
    pub is_same: bool,
}

/// A tag that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The commit that it names.
    pub commit: CommitId,
    /// Its message; empty for one without.
    pub message: String,
}

/// A branch that is to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchMove {
    /// Its name.
    pub branch: String,
    /// Where it must be; `None` where there must be none.
    pub from: Option<CommitId>,
    /// Where it goes; `None` when it is deleted.
    pub to: Option<CommitId>,
}

/// What becomes visible to everybody at once, or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Publication {
    /// The branches that move; the first is what it is all for.
    pub branches: Vec<BranchMove>,
    /// Annotated tags: name, message, and whether one of that name that is only here gives way.
    pub tags: Vec<(String, String, bool)>,
    /// The commit that the tags name.
    pub tagged: Option<CommitId>,
}

/// The control repository.
pub trait ControlRepository: Send + Sync {
    /// Reads the catalog at a revision. Whatever is wrong in its files becomes a finding; it fails only
    /// when there is no repository or no such revision.
    fn load(&self, revision: &Revision) -> Answer<'_, Arc<Catalog>>;
    /// Resolves a revision to its commit.
    fn resolve(&self, revision: &str) -> Answer<'_, CommitId>;
    /// The best common ancestor of two revisions; `None` when their histories have nothing in common.
    fn merge_base(&self, one: &str, two: &str) -> Answer<'_, Option<CommitId>>;
    /// Open proposals on the remote (or local when there is none): the branches that the pattern of the settings
    /// matches, and those of `requested`, whatever their names. The id of the latter is the branch's whole name,
    /// unless a branch of the pattern has that id.
    fn proposals(&self, catalog: &Catalog, requested: &BTreeSet<String>) -> Answer<'_, Vec<Proposal>>;
    /// Commits of the main branch that touched services or projects, since a time: the first parents only, the
    /// oldest first. The last one before that time is among them, for it says how things stood then. Empty where
    /// there is no such branch.
    fn history(&self, main: &str, since: DateTime<Utc>) -> Answer<'_, Vec<Moment>>;
    /// Whether anything changed since last time, without reading it.
    fn fingerprint(&self) -> Answer<'_, Fingerprint>;
    /// Updates the remote-tracking refs.
    fn fetch(&self) -> Answer<'_, ()>;
    /// Who would author a commit here.
    fn operator(&self) -> Answer<'_, Identity>;
    /// Where a branch stands: the remote's if it is known, else the local one; `None` where there is none.
    fn branch(&self, name: &str) -> Answer<'_, Option<CommitId>>;
    /// The bytes of a file at a commit.
    fn read(&self, commit: &CommitId, path: &str) -> Answer<'_, Vec<u8>>;
    /// Makes a branch with one commit on top of another, and brings it to the remote; the working tree and
    /// its index stay as they are. A branch of that name that is there already is a `Conflict`.
    fn propose(&self, draft: BranchDraft) -> Answer<'_, CommitId>;
    /// Brings changes onto a commit, as merging would. No branch and no file of the working tree changes.
    fn combine(&self, onto: &CommitId, theirs: &Theirs) -> Answer<'_, Combined>;
    /// Writes a commit, signed if the person signs commits. It is in no branch yet.
    fn commit(&self, draft: &CommitDraft, at: DateTime<Utc>) -> Answer<'_, CommitId>;
    /// Moves branches and sets tags, on the remote where there is one: all of it, or nothing. A branch that is
    /// not where it must be is a `Conflict`. Neither the working tree nor its branch is touched where there is a
    /// remote.
    fn publish(&self, publication: &Publication) -> Answer<'_, ()>;
    /// The newest first parents of a commit, itself first, at most `limit`.
    fn ancestors(&self, commit: &CommitId, limit: usize) -> Answer<'_, Vec<Ancestor>>;
    /// A tag of this clone; `None` where there is none of that name.
    fn tag(&self, name: &str) -> Answer<'_, Option<Tag>>;
    /// Files of commits as their catalogs have them, for showing places in them. What is not there or is no text is
    /// left out.
    fn sources(&self, wanted: Vec<(CommitId, BTreeSet<String>)>) -> Answer<'_, Vec<Vec<Arc<SourceFile>>>>;
    /// What was concluded about open changes and kept by this very program, by name. It saves time and is no truth.
    fn kept_conclusions(&self) -> Answer<'_, BTreeMap<String, String>>;
    /// Keeps these conclusions and forgets all others. That they cannot be kept is no failure.
    fn keep_conclusions(&self, all: BTreeMap<String, String>) -> Answer<'_, ()>;
    /// Where a file of the working tree lies on this machine.
    fn file(&self, path: &str) -> Answer<'_, PathBuf>;
}

/// The state of the ledger.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LedgerState {
    /// Its newest commit; `None` while it is empty.
    pub tip: Option<CommitId>,
    /// What folding all events gave.
    pub operations: Arc<Operations>,
    /// How many events are not on the remote yet.
    pub unsynced: usize,
}

/// What an append gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The event's commit.
    pub commit: CommitId,
    /// What was written, with the ids that the fold gave out.
    pub happening: Happening,
    /// Whether the remote has it.
    pub synced: bool,
    /// Why not, if it has not.
    pub unsynced_because: Option<Failure>,
}

/// The ledger with everything that can be held against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// Its commits, oldest first.
    pub links: Vec<Link>,
    /// What verifying them found.
    pub verification: Verification,
}

/// Makes the event from the state at the tip, or refuses. Called again after every lost race.
pub type Draft = Box<dyn Fn(&Operations) -> Result<Happening, Failure> + Send + Sync>;

/// The append-only ledger.
pub trait Ledger: Send + Sync {
    /// Folds the ledger as it is known here (no network).
    fn state(&self) -> Answer<'_, LedgerState>;
    /// All entries, oldest first.
    fn entries(&self) -> Answer<'_, Vec<Entry>>;
    /// Appends by compare-and-swap and pushes; when the remote cannot be reached the event waits locally.
    fn append(&self, at: DateTime<Utc>, draft: Draft) -> Answer<'_, Receipt>;
    /// Fetches, replays waiting events on top, pushes.
    fn sync(&self) -> Answer<'_, Synced>;
    /// Verifies the ledger as it is known here (no network), by what the branch `main` says about people
    /// and signatures. What is valid is remembered, so that a later rewriting is noticed.
    fn examine(&self, main: &str, now: DateTime<Utc>, remember: bool) -> Answer<'_, Examination>;
    /// How some of its events are signed, by what the branch `main` says about people and keys now (no network).
    fn seals(&self, main: &str, commits: BTreeSet<CommitId>) -> Answer<'_, Seals>;
    /// Verifies what came since it was verified last, by this process or, if that was found valid, by an earlier
    /// one (no network). What is valid is remembered as by [`Self::examine`].
    fn verify_on(&self, main: &str, now: DateTime<Utc>, remember: bool) -> Answer<'_, ChainHealth>;
}

/// Where a cluster's watcher puts what it sees; the newest value wins. A failure says why it sees
/// nothing new; watching goes on.
pub type PublishCluster = Arc<dyn Fn(Result<ClusterView, Failure>) + Send + Sync>;

/// The lines of a log as they are asked for; it ends with the log, or with a failure.
pub type LogLines = BoxStream<'static, Result<String, Failure>>;

/// One cluster.
pub trait Cluster: Send + Sync {
    /// Its context.
    fn context(&self) -> &ContextName;
    /// Watches workloads and applications until dropped, reconnecting by itself.
    fn watch(&self, publish: PublishCluster) -> BoxFuture<'_, ()>;
    /// Finds the way back of a service, to what ran before or to a version, and what stands against it. Changes
    /// nothing; the server is asked whether it would take the change.
    fn plan_rollback(&self, target: &Target, to: Option<&str>) -> Answer<'_, RollbackRoute>;
    /// Starts it. Sends each mutation once; a conflict is a `Conflict` failure.
    fn start_rollback(&self, target: &Target, route: &RollbackRoute) -> Answer<'_, ()>;
    /// How far it is.
    fn rollback_status(&self, target: &Target, route: &RollbackRoute) -> Answer<'_, RolloutStatus>;
    /// The pods of a service; those that worry first.
    fn pods(&self, target: &Target) -> Answer<'_, Vec<Pod>>;
    /// What happened to a service's workload and pods, the newest first.
    fn events(&self, target: &Target) -> Answer<'_, Vec<Occurrence>>;
    /// Opens a log.
    fn logs(&self, target: &Target, request: &LogRequest) -> Answer<'_, LogLines>;
    /// Finds out what a verb changes, and what stands against it. Changes nothing.
    fn plan_verb(&self, target: &Target, verb: Verb, replicas: Option<u32>) -> Answer<'_, VerbRoute>;
    /// Does it. Sends each mutation once; a conflict is a `Conflict` failure.
    fn act(&self, target: &Target, route: &VerbRoute) -> Answer<'_, ()>;
    /// How far it is.
    fn verb_status(&self, target: &Target, route: &VerbRoute) -> Answer<'_, RolloutStatus>;
    /// Finds out how a release gets there, and what stands against it (permission, a pause, a running operation, a
    /// strategy that what manages it cannot do). Changes nothing.
    fn plan_release(
        &self,
        target: &Target,
        release: &Release,
        strategy: &Strategy,
    ) -> Answer<'_, ReleaseRoute>;
    /// Takes one step. Sends each mutation once; a conflict is a `Conflict` failure.
    fn release_step(&self, target: &Target, route: &ReleaseRoute, step: ReleaseStep) -> Answer<'_, ()>;
    /// How the Job of a test is, found by its labels; `None` where there is none.
    fn find_job(&self, target: &Target, mark: &JobMark) -> Answer<'_, Option<JobState>>;
    /// Makes the Job of a test, once; one that is there already is a `Conflict`.
    fn start_job(&self, target: &Target, job: &JobDraft) -> Answer<'_, ()>;
    /// The end of what the newest pod of a Job has printed.
    fn job_log(&self, target: &Target, mark: &JobMark) -> Answer<'_, String>;
    /// How far a step is: complete when the cluster shows its end, whoever took it.
    fn release_status(
        &self,
        target: &Target,
        route: &ReleaseRoute,
        step: ReleaseStep,
    ) -> Answer<'_, RolloutStatus>;
}

/// Direct scrapes of `/metrics`.
pub trait Scraper: Send + Sync {
    /// Scrapes one endpoint; `namespace` fills the URL's `{namespace}`.
    fn scrape(&self, settings: &ScrapeSettings, endpoint: &Endpoint, namespace: &str) -> Answer<'_, Sample>;
}

/// Alertmanager.
pub trait AlertSource: Send + Sync {
    /// The alerts that are firing or silenced.
    fn alerts(&self, base_url: &str) -> Answer<'_, Vec<Alert>>;
}

/// The clusters that can be reached.
pub trait Clusters: Send + Sync {
    /// The cluster of a context. Does not touch the network; fails when the kubeconfig does not know it.
    fn connect(&self, context: &ContextName) -> Result<Arc<dyn Cluster>, Failure>;
}

/// A forge. What changes something is sent once; a head that has moved is a `Conflict`, and what the forge
/// does not allow is `Refused` or `Forbidden`.
pub trait Forge: Send + Sync {
    /// The open pull or merge requests with their reviews and checks.
    fn requests<'a>(&'a self, settings: &'a ForgeSettings) -> Answer<'a, Vec<Request>>;
    /// Sets a status on a commit.
    fn post_status<'a>(&'a self, settings: &'a ForgeSettings, status: &'a CommitStatus) -> Answer<'a, ()>;
    /// Writes the one comment whose body begins with `marker`, or brings it up to date.
    fn post_comment<'a>(
        &'a self,
        settings: &'a ForgeSettings,
        number: u64,
        marker: &'a str,
        body: &'a str,
    ) -> Answer<'a, ()>;
    /// Opens a request, or finds the open one of the same two branches; gives its number.
    fn open_request<'a>(&'a self, settings: &'a ForgeSettings, draft: &'a RequestDraft) -> Answer<'a, u64>;
    /// Approves a request at a head, or requests changes.
    fn review<'a>(&'a self, settings: &'a ForgeSettings, review: &'a ReviewDraft) -> Answer<'a, ()>;
    /// Merges a request at a head, squashed; gives the commit on the main branch.
    fn merge<'a>(&'a self, settings: &'a ForgeSettings, merge: &'a MergeDraft) -> Answer<'a, CommitId>;
    /// Opens an issue, or brings the open one of the same marker up to date; gives its number.
    fn put_issue<'a>(&'a self, settings: &'a ForgeSettings, issue: &'a IssueDraft) -> Answer<'a, u64>;
    /// The teams of the repository's owner with their people.
    fn teams<'a>(&'a self, settings: &'a ForgeSettings) -> Answer<'a, Vec<ForgeTeam>>;
}

/// A registry of images (OCI distribution).
pub trait Registry: Send + Sync {
    /// Whether an image is there, by its tag or digest. `base` is where the registry is reached, when not by the
    /// name in the image. What is not known is a failure, and not `false`.
    fn has<'a>(&'a self, base: Option<&'a str>, image: &'a str) -> Answer<'a, bool>;
}

/// A command of the control repository that is run on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// What it is for, as the folder and file of its log: `DEP-7/integration`.
    pub name: (String, String),
    /// The program and its arguments; there is no shell.
    pub arguments: Vec<String>,
    /// Variables on top of the process's own.
    pub variables: Vec<(String, String)>,
    /// How long it may take; then it is ended.
    pub limit: std::time::Duration,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEnd {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Whether it was ended because it took too long.
    pub is_late: bool,
    /// The end of what it printed, as text.
    pub tail: String,
    /// Where all of it is.
    pub log: PathBuf,
}

/// Running commands, in the control repository's directory, with their output kept in a file.
pub trait Commands: Send + Sync {
    /// Runs one to its end. That it fails is no failure; that it cannot be started is.
    fn run<'a>(&'a self, command: &'a CommandLine) -> Answer<'a, CommandEnd>;
    /// Keeps what something else has printed, beside the output of commands; tells where.
    fn keep<'a>(&'a self, name: &'a (String, String), text: &'a str) -> Answer<'a, PathBuf>;
}

/// Whoever tells people outside of the console.
pub trait Notifier: Send + Sync {
    /// Delivers a notice to a channel; it tries again by itself, for some seconds.
    fn deliver<'a>(&'a self, channel: &'a Channel, notice: &'a Notice) -> BoxFuture<'a, Delivery>;
}

/// One place where agents agree who leads.
pub trait Leadership: Send + Sync {
    /// Where it is, for people.
    fn place(&self) -> &str;
    /// Under which name we lead here.
    fn who(&self) -> &str;
    /// Looks who leads. Changes nothing.
    fn observe(&self) -> Answer<'_, Option<LeaseRecord>>;
    /// Takes the lead where it is free, and renews it where it is ours.
    fn acquire(&self) -> Answer<'_, Hold>;
    /// Renews it, with the time of the last tick if there was one. A `Conflict` when it is no longer ours.
    fn renew(&self, ticked: Option<DateTime<Utc>>) -> Answer<'_, ()>;
    /// Gives it up, if it is ours.
    fn release(&self) -> Answer<'_, ()>;
}

/// All such places.
pub trait Leaderships: Send + Sync {
    /// The name of this process; no other has it.
    fn who(&self) -> &str;
    /// The place as the settings name it. Does not touch the network.
    fn at(&self, place: &LeasePlace, terms: LeaseTerms) -> Result<Arc<dyn Leadership>, Failure>;
}

/// Everything outside, as the program was given it.
#[derive(Clone)]
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The control repository.
    pub repository: Arc<dyn ControlRepository>,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// Clusters by context.
    pub clusters: Arc<dyn Clusters>,
    /// Scrapes.
    pub scraper: Arc<dyn Scraper>,
    /// Alertmanager.
    pub alerts: Arc<dyn AlertSource>,
    /// Forges.
    pub forge: Arc<dyn Forge>,
    /// Notices to people.
    pub notifier: Arc<dyn Notifier>,
    /// Who leads among agents.
    pub leaderships: Arc<dyn Leaderships>,
    /// Registries of images.
    pub registry: Arc<dyn Registry>,
    /// Commands of the control repository.
    pub commands: Arc<dyn Commands>,
}
