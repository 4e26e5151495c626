//! A ledger that somebody watches write: something happens right before an event is written, or right after.

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use quarterdeck::{
    domain::{
        change::Seals,
        ledger::{ChainHealth, Entry, Happening, Synced},
        name::CommitId,
    },
    ports::{Answer, Draft, Examination, Ledger, LedgerState, Receipt},
};
use std::{collections::BTreeSet, sync::Arc};

/// When something happens.
#[derive(Clone, Copy)]
pub enum Moment {
    Before,
    After,
}

type Watch = Box<dyn Fn(Moment, &Happening) -> BoxFuture<'static, ()> + Send + Sync>;

struct Witnessed {
    inner: Arc<dyn Ledger>,
    watch: Watch,
}

/// The ledger, with `watch` before and after each event that is written.
pub fn witnessed(inner: &Arc<dyn Ledger>, watch: Watch) -> Arc<dyn Ledger> {
    Arc::new(Witnessed { inner: inner.clone(), watch })
}

/// The ledger, with `then` after each event that is written.
pub fn followed(
    inner: &Arc<dyn Ledger>,
    then: impl Fn(&Happening) + Send + Sync + 'static,
) -> Arc<dyn Ledger> {
    let watch = move |moment, happening: &Happening| -> BoxFuture<'static, ()> {
        if matches!(moment, Moment::After) {
            then(happening);
        }
        Box::pin(std::future::ready(()))
    };
    witnessed(inner, Box::new(watch))
}

impl Ledger for Witnessed {
    fn state(&self) -> Answer<'_, LedgerState> {
        self.inner.state()
    }

    fn entries(&self) -> Answer<'_, Vec<Entry>> {
        self.inner.entries()
    }

    fn append(&self, at: DateTime<Utc>, draft: Draft) -> Answer<'_, Receipt> {
        Box::pin(async move {
            let wanted = draft(&self.inner.state().await?.operations)?;
            (self.watch)(Moment::Before, &wanted).await;
            let receipt = self.inner.append(at, draft).await?;
            (self.watch)(Moment::After, &receipt.happening).await;
            Ok(receipt)
        })
    }

    fn sync(&self) -> Answer<'_, Synced> {
        self.inner.sync()
    }

    fn examine(&self, main: &str, now: DateTime<Utc>, remember: bool) -> Answer<'_, Examination> {
        self.inner.examine(main, now, remember)
    }

    fn seals(&self, main: &str, commits: BTreeSet<CommitId>) -> Answer<'_, Seals> {
        self.inner.seals(main, commits)
    }

    fn verify_on(&self, main: &str, now: DateTime<Utc>, remember: bool) -> Answer<'_, ChainHealth> {
        self.inner.verify_on(main, now, remember)
    }
}
