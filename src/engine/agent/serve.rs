//! An agent as a process of its own: it watches with an engine that nobody looks at, and ends when it is told to.

use super::{
    Agent, Snapshot,
    journal::{Journal, Level, Line},
    reading_main,
};
use crate::{
    config::Config,
    domain::{catalog::Catalog, change::Identity},
    engine::{headless::Engine, update},
    error::Failure,
    model::{Model, event::Event, layout::Size},
    ports::{Ports, Revision},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::MissedTickBehavior};

/// Time between two pictures for the agent.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// Makes the agent of a repository, with the engine that watches for it. Its settings are those of the main branch.
///
/// # Errors
/// The repository cannot be read, the operator is a human being, or the lease cannot be used as it is named.
pub async fn prepare(
    ports: Ports,
    config: Arc<Config>,
    journal: &Journal,
) -> Result<(Agent, Engine), Failure> {
    let reading = reading_main(ports.clone());
    let (catalog, operator) =
        futures::try_join!(reading.repository.load(&Revision::WorkingTree), reading.repository.operator(),)?;
    if let Some(warning) = vet(&catalog, &operator)? {
        journal.write(&Line::new(Level::Warning, warning));
    }
    let agent = Agent::new(ports, &catalog.settings.agent, journal.clone())?;
    let watching = agent.ports();
    let mut model = Model::new(config, watching.clock.now(), Size::default());
    model.operator = operator;
    Ok((agent, Engine::new(model, watching)))
}

/// Whether an agent may act under this identity: it must not speak in a human being's name.
fn vet(catalog: &Catalog, operator: &Identity) -> Result<Option<String>, Failure> {
    match catalog.people.by_email(&operator.email) {
        Some(person) if person.is_agent() => Ok(None),
        Some(person) => Err(Failure::configuration(format!(
            "the agent would act as {}, who is a human being by policies/teams.toml",
            person.handle
        ))
        .hint("give it an identity of its own: GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL and the same for GIT_COMMITTER")
        .hint("name it in policies/teams.toml: [person.agent] with its address and `kind = \"agent\"`")),
        None => Ok(Some(format!(
            "{} is nobody of policies/teams.toml; add it with kind = \"agent\", so that its events are known to be its own",
            operator.email
        ))),
    }
}

/// Runs an agent until `stop` says so.
///
/// # Errors
/// The lead could not be released at the end.
pub async fn serve(agent: Agent, mut watching: Engine, stop: watch::Receiver<bool>) -> Result<(), Failure> {
    watching.start_sources_of_an_agent();
    let (worlds, seen) = watch::channel(None);
    let mut agent = tokio::spawn(agent.run(seen, stop));
    let mut ticks = tokio::time::interval(SHOW_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ended = &mut agent => {
                return ended.unwrap_or_else(|error| {
                    Err(Failure::failed("the agent broke off").because(&error))
                });
            }
            events = watching.next() => {
                for event in events {
                    watching.apply(event);
                }
            }
            _ = ticks.tick() => {
                watching.apply(Event::Tick);
                update::settle(&mut watching.model);
                worlds.send_replace(Some(Arc::new(Snapshot::of(&watching.model))));
            }
        }
    }
}
