//! A console in the agent's place: the same agent, in this process, for as long as the person wants it and no other
//! leads.

use super::{Agent, Snapshot, journal::Journal};
use crate::{
    domain::catalog::Catalog,
    error::Failure,
    model::{
        Model,
        ui::{Notice, NoticeKind},
    },
    ports::Ports,
};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::{sync::watch, task::JoinHandle};

/// Where an agent of this process sits, if one does.
#[derive(Default)]
pub struct Seat {
    held: Mutex<Option<Held>>,
}

struct Held {
    worlds: watch::Sender<Option<Arc<Snapshot>>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), Failure>>,
}

impl Seat {
    fn held(&self) -> std::sync::MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the agent what the console sees now. One that has lost the lead is gone, and the person is told.
    pub fn show(&self, model: &mut Model) {
        let mut held = self.held();
        let Some(sitting) = held.as_ref() else { return };
        if sitting.task.is_finished() {
            *held = None;
            model.ui.notice = Some(Notice {
                kind: NoticeKind::Warning,
                text: "this console is no longer the agent: another one leads".to_owned(),
                at: model.now,
            });
            return;
        }
        sitting.worlds.send_replace(Some(Arc::new(Snapshot::of(model))));
    }

    /// Takes the place, if it is free; gives where that is.
    ///
    /// # Errors
    /// Refused while another one leads, or this process does already.
    pub async fn assume(&self, ports: Ports, catalog: &Catalog) -> Result<String, Failure> {
        if self.held().as_ref().is_some_and(|held| !held.task.is_finished()) {
            return Err(Failure::refused("this console is the agent already"));
        }
        let journal = Journal::silent(ports.clock.clone());
        let mut agent = Agent::new(ports, &catalog.settings.agent, journal)?;
        agent.ends_with_the_lead = true;
        let place = agent.take().await?;
        let (worlds, seen) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(agent.run(seen, stopped));
        *self.held() = Some(Held { worlds, stop, task });
        Ok(place)
    }

    /// Gives it up; returns when the lead is released.
    ///
    /// # Errors
    /// The lead could not be released; it runs out by itself.
    pub async fn give_up(&self) -> Result<(), Failure> {
        let Some(held) = self.held().take() else { return Ok(()) };
        held.stop.send_replace(true);
        held.task.await.unwrap_or_else(|error| Err(Failure::failed("the agent broke off").because(&error)))
    }
}
