//! The console's loop: keys at once, data at most thirty times a second, nothing waits for anything.

use super::{headless::Engine, update};
use crate::{
    error::Failure,
    model::{
        Model,
        event::{EditFile, Event},
    },
};
use std::{io, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

/// Least time between two frames that only new data asked for.
const FRAME: Duration = Duration::from_millis(33);
/// How often clocks move.
const TICK: Duration = Duration::from_secs(1);

/// The terminal that the loop draws on, and can hand over.
pub trait Face {
    /// Draws a frame.
    ///
    /// # Errors
    /// The terminal is gone.
    fn draw(&mut self, model: &Model) -> io::Result<()>;

    /// Hands the terminal over to the person's editor and takes it back when that has ended. Nothing is drawn
    /// and no key is read meanwhile; sources go on looking.
    ///
    /// # Errors
    /// The terminal could not be taken back. That the editor failed is in the answer.
    fn edit(&mut self, file: &EditFile) -> impl Future<Output = io::Result<Result<(), Failure>>>;
}

/// Runs until the person or the system ends it.
///
/// # Errors
/// What drawing answers: the terminal is gone.
pub async fn run(
    engine: &mut Engine,
    mut input: mpsc::Receiver<Event>,
    face: &mut impl Face,
) -> io::Result<()> {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_frame = Instant::now() - FRAME;
    loop {
        if engine.model.ending.is_some() {
            return Ok(());
        }
        let mut urgent = false;
        tokio::select! {
            biased;
            event = input.recv() => {
                let Some(event) = event else { return Ok(()) };
                engine.apply(event);
                // Keys that were typed ahead are worked off before the one frame that shows them all.
                while let Ok(event) = input.try_recv() {
                    engine.apply(event);
                }
                urgent = true;
            }
            () = tokio::time::sleep_until(last_frame + FRAME), if engine.model.dirty => {}
            events = engine.next() => {
                let waited = engine.model.world.catalog.value.is_none();
                for event in events {
                    engine.apply(event);
                }
                // The first rows are what a person waits for; they do not wait for a frame's time.
                urgent = waited && engine.model.world.catalog.value.is_some();
            }
            _ = ticks.tick() => engine.apply(Event::Tick),
        }
        if let Some(file) = engine.model.handover.take() {
            let result = face.edit(&file).await?;
            engine.apply(Event::Edited(result));
            urgent = true;
        }
        let due = last_frame.elapsed() >= FRAME;
        if engine.model.dirty && (urgent || due) && engine.model.ending.is_none() {
            update::settle(&mut engine.model);
            engine.model.dirty = false;
            face.draw(&engine.model)?;
            last_frame = Instant::now();
        }
    }
}
