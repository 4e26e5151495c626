//! Notices that were not delivered: whoever made the event was cut off before telling, or a channel did not answer.

use crate::{
    action::command::{Command, NoticeCommand},
    domain::{ledger::Untold, notice::Channel},
    model::Model,
};
use chrono::Duration;

/// So long whoever made an event has time to tell it; the deliveries of one notice have nearer limits.
const GRACE: Duration = Duration::minutes(1);
/// What is older and nobody ever told is history, and no news.
const NEWS: Duration = Duration::hours(1);
/// For so long a channel that could not be told is tried again.
const PATIENCE: Duration = Duration::hours(24);
/// How often in all.
const TRIES: u32 = 6;

pub(super) fn reconcile(model: &Model) -> Vec<Command> {
    let world = &model.world;
    let (Some(catalog), Some(ledger)) = (&world.catalog.value, &world.ledger.value) else {
        return Vec::new();
    };
    ledger
        .operations
        .untold
        .iter()
        .filter_map(|untold| {
            let channels = wanting(untold, &catalog.settings.channels, model)?;
            let event = untold.commit.clone();
            Some(Command::Notice(NoticeCommand::Deliver { event, channels }))
        })
        .collect()
}

/// The channels that are to be told now; `None` where there are none.
fn wanting(untold: &Untold, channels: &[Channel], model: &Model) -> Option<Vec<String>> {
    let age = model.now - untold.at;
    let due = match untold.tried_at {
        None => age >= GRACE && age <= NEWS,
        // Twice as long after each try.
        Some(tried) => {
            let wait = GRACE * 2_i32.saturating_pow(untold.tries.min(TRIES));
            untold.tries < TRIES && age <= PATIENCE && model.now - tried >= wait
        }
    };
    let wanted: Vec<String> = channels
        .iter()
        .filter(|channel| match untold.tries {
            0 => channel.hears(untold.event, untold.severity, &untold.calls),
            _ => untold.failed.contains(&channel.name),
        })
        .map(|channel| channel.name.clone())
        .collect();
    (due && !wanted.is_empty()).then_some(wanted)
}
