//! The engine without a terminal: what one-shot commands, the agent and tests drive.

use super::{Outside, executor::Executor, history, slots::Slots, sources, update};
use crate::{
    action::{command::Command, run},
    domain::plan::Plan,
    error::Failure,
    model::{
        Model,
        effect::Effects,
        event::Event,
        jobs::JobId,
        ui::{Overlay, TextInput},
    },
    ports::Ports,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

/// How long a plan may take that asks remotes, clusters and forges, each of which has nearer deadlines.
const PLAN_LIMIT: Duration = Duration::from_mins(2);

/// The model with everything that feeds it. The console's loop drives it too.
pub struct Engine {
    /// The model.
    pub model: Model,
    /// Everything outside.
    pub outside: Outside,
    executor: Executor,
    answers: mpsc::Receiver<Event>,
    slots: Slots,
    asked: watch::Receiver<u64>,
    sources: JoinSet<()>,
}

impl Engine {
    /// An engine whose sources do not look yet.
    pub fn new(model: Model, ports: Ports) -> Self {
        let outside = Outside::new(ports);
        let (executor, answers, asked) = Executor::new(outside.clone());
        Self { model, outside, executor, answers, slots: Slots::default(), asked, sources: JoinSet::new() }
    }

    /// Starts the sources. They end with the engine.
    pub fn start_sources(&mut self) {
        let audience = sources::Audience::Person { read_only: self.model.config.read_only };
        self.sources = sources::start(&self.outside, &self.slots, &self.asked, audience);
        history::start(&mut self.sources, &self.outside, &self.slots, self.executor.wanted_history());
    }

    /// Starts the sources that an agent decides by.
    pub fn start_sources_of_an_agent(&mut self) {
        let audience = sources::Audience::Agent;
        self.sources = sources::start(&self.outside, &self.slots, &self.asked, audience);
    }

    /// Lets an event change the model, and starts what it wants done.
    pub fn apply(&mut self, event: Event) {
        let now = self.outside.ports.clock.now();
        let ticks = matches!(event, Event::Tick);
        let effects = update::update(&mut self.model, now, event);
        self.executor.run(effects);
        if ticks {
            self.outside.seat.show(&mut self.model);
        }
    }

    /// Executes a command, as a key would.
    ///
    /// # Errors
    /// The command's refusal.
    pub fn command(&mut self, command: Command) -> Result<(), Failure> {
        self.model.now = self.outside.ports.clock.now();
        update::settle(&mut self.model);
        let effects = run::execute(&mut self.model, command, None)?;
        self.executor.run(effects);
        Ok(())
    }

    /// Makes the plan of a command, as a person who asks for it would see it. Nothing is changed, and whatever else was
    /// shown is closed.
    ///
    /// # Errors
    /// The command's refusal, or that the plan was not made in time.
    pub async fn plan(&mut self, command: Command) -> Result<(JobId, Arc<Plan>), Failure> {
        self.model.ui.overlays.clear();
        self.model.ui.notice = None;
        self.command(command)?;
        if let Some(Overlay::Planning { job, .. }) = self.model.ui.overlays.last() {
            let job = *job;
            let waits =
                |overlay: &Overlay| matches!(overlay, Overlay::Planning { job: known, .. } if *known == job);
            if !self.until(PLAN_LIMIT, |model| !model.ui.overlays.iter().any(waits)).await {
                self.decline();
                return Err(Failure::unreachable("the plan was not made in time"));
            }
        }
        match self.model.ui.overlays.last() {
            Some(Overlay::Confirm { job, plan, .. }) => Ok((*job, plan.clone())),
            _ => Err(match &self.model.ui.notice {
                Some(notice) => Failure::refused(notice.text.clone()),
                None => Failure::refused("there is nothing to confirm"),
            }),
        }
    }

    /// Says yes to the plan that was made last, and starts it.
    ///
    /// # Errors
    /// Why it does not run.
    pub fn confirm(&mut self) -> Result<(), Failure> {
        if let Some(Overlay::Confirm { input, plan, .. }) = self.model.ui.overlays.last_mut() {
            *input = TextInput::new(plan.confirm_by_typing.clone().unwrap_or_default());
        }
        let effects = run::confirmed(&mut self.model);
        if effects.0.is_empty() {
            let said = self.model.ui.notice.as_ref().map_or("there is no plan", |notice| &notice.text);
            return Err(Failure::refused(said.to_owned()));
        }
        self.model.ui.overlays.clear();
        self.executor.run(effects);
        Ok(())
    }

    /// Says no to it.
    pub fn decline(&mut self) {
        run::close(&mut self.model);
        self.model.ui.overlays.clear();
    }

    /// Starts what a caller decided outside of an event.
    pub fn start(&self, effects: Effects) {
        self.executor.run(effects);
    }

    /// Waits until something has come in, and gives it; source updates come one by one.
    pub async fn next(&mut self) -> Vec<Event> {
        tokio::select! {
            Some(event) = self.answers.recv() => {
                let mut events = vec![event];
                while let Ok(event) = self.answers.try_recv() {
                    events.push(event);
                }
                events
            }
            () = self.slots.filled() => self.slots.take().into_iter().map(Event::Source).collect(),
        }
    }

    /// Goes on until `done`, or until the time is up; tells which.
    pub async fn until(&mut self, limit: Duration, mut done: impl FnMut(&Model) -> bool) -> bool {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            update::settle(&mut self.model);
            if done(&self.model) {
                return true;
            }
            tokio::select! {
                events = self.next() => for event in events { self.apply(event) },
                () = tokio::time::sleep_until(deadline) => return false,
            }
        }
    }
}
