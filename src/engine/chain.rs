//! Whether the ledger can be believed: verified behind the console, so that a chain that is broken is seen at once.

use super::{
    Outside,
    slots::Slots,
    sources::{CatalogWatch, Look},
};
use crate::model::event::SourceUpdate;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// So long everything else has the processor for itself: verifying a long ledger for the first time takes all of it.
const FIRST_PICTURES: Duration = Duration::from_millis(1_500);

/// Verifies what is new whenever a ref moved. What is valid is remembered, unless the console is read-only.
pub(super) async fn watch(
    outside: Outside,
    slots: Slots,
    mut looks: watch::Receiver<Look>,
    mut catalogs: CatalogWatch,
    read_only: bool,
) {
    if catalogs.wait_for(Option::is_some).await.is_err() {
        return;
    }
    tokio::time::sleep(FIRST_PICTURES).await;
    loop {
        looks.borrow_and_update();
        let main =
            catalogs.borrow().as_ref().map_or_else(String::new, |catalog| catalog.settings.main.clone());
        let now = outside.ports.clock.now();
        let health = outside.ports.ledger.verify_on(&main, now, !read_only).await;
        slots.put(SourceUpdate::Chain(health.map(Arc::new)));
        if looks.changed().await.is_err() {
            return;
        }
    }
}
