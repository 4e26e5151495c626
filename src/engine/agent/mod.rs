//! The agent: looks what the reconcilers want done, and does it through the same engine as a person, while it leads.
//!
//! It has hands of its own: an engine without sources, whose ports ask before every mutation whether this process still
//! leads. What it sees are pictures of a world that somebody else keeps: the agent's own watching engine, or the console
//! that has taken the agent's place. Nothing that it needs to know is only in its memory, so it may be killed at any step.

mod guarded;
pub mod journal;
pub mod leader;
mod repository;
pub mod seat;
pub mod serve;
pub mod status;
pub(in crate::engine) mod watch;

use super::{
    headless::Engine,
    reconcile::{Reconciler, TABLE},
};
use crate::{
    action::command::Command,
    config::Config,
    domain::{
        catalog::AgentSettings,
        change::Identity,
        ledger::Verdict,
        plan::{Outcome, Plan},
    },
    error::{Failure, FailureKind},
    model::{
        Model,
        jobs::{JobId, JobState},
        layout::Size,
        world::{Source, World},
    },
    ports::Ports,
};
use chrono::{DateTime, Duration, Utc};
use guarded::guarded;
use journal::{Journal, Level, Line};
use leader::{Leader, Standing};
use repository::AgentRepository;
use status::{Result as Came, SourceStatus, Status};
use std::{collections::BTreeMap, sync::Arc};
use tokio::time::MissedTickBehavior;

/// Time between two looks at what there is to do.
const TICK: std::time::Duration = std::time::Duration::from_secs(1);
/// The first wait after a command failed; it doubles each time.
const FIRST_WAIT: Duration = Duration::seconds(5);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::minutes(10);
/// How long an attempt is remembered after nobody wanted it any more.
const REMEMBERED: Duration = Duration::hours(1);

/// What an agent sees.
#[derive(Debug, Clone)]
pub struct Snapshot {
    world: World,
    operator: Identity,
}

impl Snapshot {
    /// What a settled model shows now.
    pub fn of(model: &Model) -> Self {
        Self { world: model.world.clone(), operator: model.operator.clone() }
    }
}

/// How often a command was tried, and when it may come again.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    is_running: bool,
    failures: u32,
    next: DateTime<Utc>,
}

/// A command that is under way.
struct Begun {
    row: &'static Reconciler,
    key: String,
    title: String,
}

/// What became of a command.
#[derive(Debug, Clone)]
pub struct Deed {
    /// The reconciler that wanted it.
    pub reconciler: &'static str,
    /// What it was, in a line.
    pub title: String,
    /// How it ended.
    pub result: Result<Outcome, Failure>,
}

/// An agent.
pub struct Agent {
    hands: Engine,
    leader: Arc<Leader>,
    status: Status,
    journal: Journal,
    /// When each reconciler looked last.
    looked: BTreeMap<&'static str, DateTime<Utc>>,
    attempts: BTreeMap<String, Attempt>,
    begun: BTreeMap<JobId, Begun>,
    /// Whether it ends when it loses the lead, instead of waiting for it.
    ends_with_the_lead: bool,
}

impl Agent {
    /// An agent that does not lead yet.
    ///
    /// # Errors
    /// The place where agents agree cannot be used as the settings name it.
    pub fn new(ports: Ports, settings: &AgentSettings, journal: Journal) -> Result<Self, Failure> {
        let leadership = ports.leaderships.at(&settings.lease, settings.terms)?;
        let leader = Leader::new(leadership, settings.terms);
        let ports = guarded(ports, &leader);
        let now = ports.clock.now();
        let model = Model::new(Arc::new(Config::default()), now, Size::default());
        Ok(Self {
            hands: Engine::new(model, ports),
            leader,
            status: Status::new(now),
            journal,
            looked: BTreeMap::new(),
            attempts: BTreeMap::new(),
            begun: BTreeMap::new(),
            ends_with_the_lead: false,
        })
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// The lead that it has or wants.
    pub fn leader(&self) -> Arc<Leader> {
        self.leader.clone()
    }

    /// The ports that it changes things with.
    pub fn ports(&self) -> Ports {
        self.hands.outside.ports.clone()
    }

    /// Takes the lead now; gives where agents agree.
    ///
    /// # Errors
    /// Refused while another one leads.
    pub async fn take(&self) -> Result<String, Failure> {
        match self.leader.acquire().await? {
            Standing::Leading => Ok(self.leader.place().to_owned()),
            Standing::Waiting(holder) => Err(Failure::refused(format!(
                "there is an agent: {} leads by {}",
                holder.as_deref().unwrap_or("another one"),
                self.leader.place()
            ))),
            Standing::Ending => Err(Failure::refused("this agent is ending")),
        }
    }

    /// Looks and acts until it is to stop; then finishes what is being changed at that moment, and releases the lead.
    ///
    /// # Errors
    /// The lead could not be released.
    pub async fn run(
        mut self,
        worlds: tokio::sync::watch::Receiver<Option<Arc<Snapshot>>>,
        mut stop: tokio::sync::watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        let (leader, journal) = (self.leader.clone(), self.journal.clone());
        let leading = tokio::spawn(async move { leader.lead(&journal).await });
        let mut standing = self.leader.standing();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = until(&mut stop, |stop| *stop) => break,
                () = until(&mut standing, |standing| matches!(standing, Standing::Waiting(_))),
                    if self.ends_with_the_lead => break,
                _ = ticks.tick() => {
                    let seen = worlds.borrow().clone();
                    tokio::select! {
                        biased;
                        // A plan that is being made changes nothing, and may be dropped.
                        () = until(&mut stop, |stop| *stop) => break,
                        () = self.tick(seen.as_deref()) => {}
                    }
                }
                events = self.hands.next() => {
                    for event in events {
                        self.hands.apply(event);
                    }
                    self.collect();
                }
            }
        }
        self.journal.write(&Line::new(Level::Info, "ending").count("under_way", self.begun.len() as u64));
        let released = self.leader.release().await;
        leading.abort();
        match &released {
            Ok(()) => self.journal.write(&Line::new(Level::Info, "ended")),
            Err(failure) => {
                self.journal.write(
                    &Line::new(Level::Warning, "ended, and the lead was not released").because(failure),
                );
            }
        }
        released
    }

    /// Takes what was seen last.
    fn see(&mut self, seen: &Snapshot) {
        let model = &mut self.hands.model;
        model.world = seen.world.clone();
        model.operator = seen.operator.clone();
        model.now = self.hands.outside.ports.clock.now();
        model.stale = false;
    }

    /// Looks once what there is to do, and begins it if we lead.
    async fn tick(&mut self, seen: Option<&Snapshot>) {
        self.collect();
        let now = self.hands.outside.ports.clock.now();
        if let Some(seen) = seen {
            self.see(seen);
        }
        self.status.ticked(now, sources(&self.hands.model.world));
        self.status.stands(&self.leader.standing().borrow());
        self.leader.ticked(now);
        self.attempts.retain(|_, attempt| attempt.is_running || attempt.next + REMEMBERED > now);
        if !self.leader.leads() {
            return;
        }
        let Some(settings) = self.hands.model.world.catalog.value.as_ref() else { return };
        let settings = settings.settings.agent.clone();
        for row in TABLE.iter().filter(|row| row.is_enabled(&settings)) {
            let pace = Duration::from_std(row.pace).unwrap_or_default();
            if self.looked.get(row.name).is_some_and(|last| now - *last < pace && now >= *last) {
                continue;
            }
            self.looked.insert(row.name, now);
            self.status.looked(row.name);
            for command in (row.reconcile)(&self.hands.model) {
                let under_way = self.begun.values().filter(|begun| begun.row.name == row.name).count();
                if under_way >= row.at_once || !self.leader.leads() {
                    break;
                }
                self.begin(row, command).await;
                self.collect();
            }
        }
    }

    /// Plans a command and runs it, unless it runs already or was tried a short time ago.
    async fn begin(&mut self, row: &'static Reconciler, command: Command) {
        let key = format!("{command:?}");
        let now = self.hands.model.now;
        let before = self.attempts.get(&key).copied();
        if before.is_some_and(|before| before.is_running || now < before.next) {
            return;
        }
        let failures = before.map_or(0, |before| before.failures);
        self.attempts.insert(key.clone(), Attempt { is_running: true, failures, next: now });
        let planned = self.hands.plan(command).await;
        let started = planned.and_then(|(job, plan)| self.hands.confirm().map(|()| (job, plan)));
        match started {
            Ok((job, plan)) => {
                let line = Line::new(Level::Info, "begun").with("reconciler", row.name);
                self.journal.write(&line.with("action", &plan.title));
                self.begun.insert(job, Begun { row, key, title: plan.title.clone() });
            }
            Err(failure) => {
                let title = key.clone();
                self.ended(Begun { row, key, title }, &Err(failure));
            }
        }
        self.status.queued(self.begun.len());
    }

    /// Takes the results of what has ended.
    fn collect(&mut self) -> Vec<Deed> {
        let jobs = &self.hands.model.jobs.all;
        let over: Vec<(JobId, Result<Outcome, Failure>)> = self
            .begun
            .keys()
            .filter_map(|job| match jobs.get(job).map(|job| &job.state) {
                Some(JobState::Done(result)) => Some((*job, result.clone())),
                Some(_) => None,
                None => Some((*job, Err(Failure::failed("its result was lost")))),
            })
            .collect();
        let mut deeds = Vec::new();
        for (job, result) in over {
            let Some(begun) = self.begun.remove(&job) else { continue };
            let (reconciler, title) = (begun.row.name, begun.title.clone());
            self.ended(begun, &result);
            deeds.push(Deed { reconciler, title, result });
        }
        self.status.queued(self.begun.len());
        deeds
    }

    /// Notes how a command came out, and when it may come again.
    fn ended(&mut self, begun: Begun, result: &Result<Outcome, Failure>) {
        let now = self.hands.outside.ports.clock.now();
        let Begun { row, key, title } = begun;
        let came = came(result);
        self.status.came_out(row.name, came);
        let failures = match came {
            Came::Done => 0,
            _ => self.attempts.get(&key).map_or(0, |attempt| attempt.failures).saturating_add(1),
        };
        let again = Duration::from_std(row.again).unwrap_or_default();
        let wait = FIRST_WAIT * 2_i32.saturating_pow(failures.min(10));
        let next = now + if failures == 0 { again } else { wait.min(LONGEST_WAIT).max(again) };
        self.attempts.insert(key, Attempt { is_running: false, failures, next });
        let level = match came {
            Came::Done | Came::Refused => Level::Info,
            Came::Failed => Level::Error,
        };
        let line = match result {
            Ok(outcome) => Line::new(level, &outcome.summary).with("verdict", outcome.verdict.as_str()),
            Err(failure) => {
                let word = if came == Came::Refused { "not done" } else { "failed" };
                Line::new(level, word).because(failure)
            }
        };
        self.journal.write(&line.with("reconciler", row.name).with("action", title));
    }

    /// What there is to do now, each with its plan; nothing is done.
    pub async fn plans(&mut self, seen: &Snapshot) -> Vec<(&'static str, Result<Arc<Plan>, Failure>)> {
        self.see(seen);
        let Some(catalog) = self.hands.model.world.catalog.value.clone() else { return Vec::new() };
        let mut plans = Vec::new();
        for row in TABLE.iter().filter(|row| row.is_enabled(&catalog.settings.agent)) {
            for command in (row.reconcile)(&self.hands.model) {
                let planned = self.hands.plan(command).await;
                self.hands.decline();
                plans.push((row.name, planned.map(|(_, plan)| plan)));
            }
        }
        plans
    }

    /// Does what there is to do now, one after the other, and waits for its end. The lead must be taken before.
    pub async fn round(&mut self, seen: &Snapshot) -> Vec<Deed> {
        self.see(seen);
        let Some(catalog) = self.hands.model.world.catalog.value.clone() else { return Vec::new() };
        let mut deeds = Vec::new();
        let waiting = self.hands.model.world.ledger.value.as_ref().map_or(0, |ledger| ledger.unsynced);
        if waiting > 0
            && let Err(failure) = self.hands.outside.ports.ledger.sync().await
        {
            // One that was cut off before its push; without the remote it waits on.
            self.journal
                .write(&Line::new(Level::Warning, "the ledger could not be synced").because(&failure));
        }
        for row in TABLE.iter().filter(|row| row.is_enabled(&catalog.settings.agent)) {
            for command in (row.reconcile)(&self.hands.model) {
                let title = format!("{command:?}");
                match self.hands.plan(command).await.and_then(|(job, plan)| {
                    self.hands.confirm()?;
                    Ok((job, plan.title.clone()))
                }) {
                    Ok((job, title)) => {
                        self.begun.insert(job, Begun { row, key: title.clone(), title });
                        while !self.begun.is_empty() {
                            for event in self.hands.next().await {
                                self.hands.apply(event);
                            }
                            deeds.extend(self.collect());
                        }
                    }
                    Err(failure) => {
                        deeds.push(Deed { reconciler: row.name, title, result: Err(failure) });
                    }
                }
            }
        }
        deeds
    }
}

/// Waits until a value is as it should be, or nobody can change it any more.
async fn until<T: Send + Sync>(
    value: &mut tokio::sync::watch::Receiver<T>,
    right: impl FnMut(&T) -> bool + Send,
) {
    let _ = value.wait_for(right).await;
}

/// Ports of who only looks: their repository reads the main branch in place of the working tree.
fn reading_main(ports: Ports) -> Ports {
    let repository = Arc::new(AgentRepository::new(ports.repository.clone(), None));
    Ports { repository, ..ports }
}

/// How a command came out, for counting.
fn came(result: &Result<Outcome, Failure>) -> Came {
    match result {
        Ok(outcome) if outcome.verdict == Verdict::Pass => Came::Done,
        Err(failure)
            if matches!(
                failure.kind,
                FailureKind::Refused | FailureKind::Conflict | FailureKind::Interrupted
            ) =>
        {
            Came::Refused
        }
        _ => Came::Failed,
    }
}

/// How the sources of a world stand.
fn sources(world: &World) -> Vec<SourceStatus> {
    fn of<T>(name: &str, source: &Source<T>, needed: bool) -> SourceStatus {
        SourceStatus { name: name.to_owned(), at: source.at, failed: source.failure.is_some(), needed }
    }
    let mut all = vec![
        of("catalog", &world.catalog, true),
        of("ledger", &world.ledger, true),
        of("changes", &world.changes, false),
        of("main", &world.main, false),
        of("remote", &world.remote, false),
    ];
    let settings = world.catalog.value.as_ref().map(|catalog| &catalog.settings);
    if settings.is_some_and(|settings| settings.forge.is_some()) {
        all.push(of("forge", &world.requests, false));
    }
    all.extend(
        world.clusters.iter().map(|(context, source)| of(&format!("cluster/{context}"), source, false)),
    );
    all
}
