//! Latest-value slots: a source that is faster than the loop overwrites what was not yet taken.

use crate::model::event::SourceUpdate;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Notify;

/// One slot per source.
#[derive(Clone, Default)]
pub struct Slots {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    waiting: Mutex<BTreeMap<String, SourceUpdate>>,
    filled: Notify,
}

/// The slot that an update belongs to.
fn name(update: &SourceUpdate) -> String {
    match update {
        SourceUpdate::Catalog(_) => "catalog".to_owned(),
        SourceUpdate::Findings(_) => "findings".to_owned(),
        SourceUpdate::Main(_) => "main".to_owned(),
        SourceUpdate::Changes(_) => "changes".to_owned(),
        SourceUpdate::Ledger(_) => "ledger".to_owned(),
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
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(name(&update), update);
        self.inner.filled.notify_one();
    }

    /// Takes everything that waits.
    pub fn take(&self) -> Vec<SourceUpdate> {
        let mut waiting = self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting).into_values().collect()
    }

    /// Waits until something is in.
    pub async fn filled(&self) {
        self.inner.filled.notified().await;
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
}
