//! Latest-value slots: a source that is faster than the loop overwrites what was not yet taken.

use crate::model::event::SourceUpdate;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// One slot per source.
#[derive(Clone, Default)]
pub struct Slots {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    filled: Notify,
    /// How many times what waited was taken, as far as the loop is done with it.
    worked_off: watch::Sender<u64>,
}

#[derive(Default)]
struct Waiting {
    updates: BTreeMap<String, SourceUpdate>,
    /// How many times what waited was taken.
    taken: u64,
}

/// The slot that an update belongs to.
fn name(update: &SourceUpdate) -> String {
    match update {
        SourceUpdate::Catalog(_) => "catalog".to_owned(),
        SourceUpdate::Findings(_) => "findings".to_owned(),
        SourceUpdate::Main(_) => "main".to_owned(),
        SourceUpdate::Changes(_) => "changes".to_owned(),
        SourceUpdate::Ledger(_) => "ledger".to_owned(),
        SourceUpdate::Chain(_) => "chain".to_owned(),
        SourceUpdate::Cluster(context, _) => format!("cluster/{context}"),
        SourceUpdate::Metrics(_) => "metrics".to_owned(),
        SourceUpdate::Alerts(_) => "alerts".to_owned(),
        SourceUpdate::Requests(_) => "requests".to_owned(),
        SourceUpdate::Agent(_) => "agent".to_owned(),
        SourceUpdate::Remote(_) => "remote".to_owned(),
        SourceUpdate::History(_) => "history".to_owned(),
        SourceUpdate::Operator(_) => "operator".to_owned(),
    }
}

impl Slots {
    /// Puts an update in; an older one of the same source that nobody has taken is gone.
    pub fn put(&self, update: SourceUpdate) {
        self.waiting().updates.insert(name(&update), update);
        self.inner.filled.notify_one();
    }

    /// Puts an update in, and waits until the loop has done with it and asks for more, so that it is on the screen
    /// where there is one; at most for `limit`.
    pub async fn put_and_settle(&self, update: SourceUpdate, limit: Duration) {
        let mut worked_off = self.inner.worked_off.subscribe();
        let takes = {
            let mut waiting = self.waiting();
            waiting.updates.insert(name(&update), update);
            waiting.taken + 1
        };
        self.inner.filled.notify_one();
        // A loop that is busy or gone keeps nobody waiting for longer.
        let _ = tokio::time::timeout(limit, worked_off.wait_for(|done| *done >= takes)).await;
    }

    /// Takes everything that waits.
    pub fn take(&self) -> Vec<SourceUpdate> {
        let mut waiting = self.waiting();
        waiting.taken += 1;
        std::mem::take(&mut waiting.updates).into_values().collect()
    }

    /// Waits until something is in; what was taken before is worked off.
    pub async fn filled(&self) {
        let taken = self.waiting().taken;
        self.inner.worked_off.send_if_modified(|done| std::mem::replace(done, taken) != taken);
        self.inner.filled.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;

    #[tokio::test]
    async fn the_newest_value_of_each_source_wins() {
        let slots = Slots::default();
        for text in ["first", "second"] {
            slots.put(SourceUpdate::Remote(Err(Failure::unreachable(text))));
        }
        slots.put(SourceUpdate::Alerts(Err(Failure::unreachable("down"))));
        slots.filled().await;
        let taken: Vec<String> = slots
            .take()
            .into_iter()
            .map(|update| match update {
                SourceUpdate::Remote(Err(failure)) | SourceUpdate::Alerts(Err(failure)) => failure.message,
                _ => String::new(),
            })
            .collect();
        assert_eq!(taken, ["down", "second"]);
        assert!(slots.take().is_empty());
    }

    #[tokio::test]
    async fn what_is_to_be_seen_first_waits_until_the_loop_asks_for_more() {
        let slots = Slots::default();
        let limit = Duration::from_hours(1);
        let mut put = tokio::task::JoinSet::new();
        let theirs = slots.clone();
        put.spawn(async move {
            theirs.put_and_settle(SourceUpdate::Alerts(Err(Failure::unreachable("down"))), limit).await;
        });
        slots.filled().await;
        assert_eq!(slots.take().len(), 1);
        assert!(put.try_join_next().is_none(), "taken, but not worked off");
        tokio::select! {
            () = slots.filled() => unreachable!("nothing else is put in"),
            done = put.join_next() => assert!(done.is_some_and(|done| done.is_ok())),
        }
    }
}
