//! The engine without a terminal: what one-shot commands, the agent and tests drive.

use super::{Outside, executor::Executor, history, slots::Slots, sources, update};
use crate::{
    action::{command::Command, run},
    error::Failure,
    model::{Model, effect::Effects, event::Event},
    ports::Ports,
};
use std::time::Duration;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

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
        self.sources = sources::start(&self.outside, &self.slots, &self.asked, self.model.config.read_only);
        history::start(&mut self.sources, &self.outside, &self.slots, self.executor.wanted_history());
    }

    /// Lets an event change the model, and starts what it wants done.
    pub fn apply(&mut self, event: Event) {
        let now = self.outside.ports.clock.now();
        let effects = update::update(&mut self.model, now, event);
        self.executor.run(effects);
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
