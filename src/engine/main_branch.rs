//! Whether the main branch validates: looked at whenever it moves, so that a broken one is seen at once.

use super::{Outside, executor, slots::Slots};
use crate::{
    domain::{catalog::Catalog, finding::Level, merge},
    error::Failure,
    model::{event::SourceUpdate, world::MainBranch},
    ports::Revision,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch::Receiver;

/// So long the first pictures have the processor for themselves: judging the main branch takes all of it.
const FIRST_PICTURES: Duration = Duration::from_millis(500);

/// How many commits are looked at for a restoration that a run which was cut off did not record.
const RECENT: usize = 20;

/// Looks at the main branch, if it is not where it was seen last.
///
/// # Errors
/// It cannot be read.
async fn look(
    outside: &Outside,
    name: &str,
    last: Option<&MainBranch>,
) -> Result<Option<MainBranch>, Failure> {
    let repository = &outside.ports.repository;
    let Some(head) = repository.branch(name).await? else { return Ok(None) };
    if last.is_some_and(|last| last.head == head && last.name == name) {
        return Ok(None);
    }
    let catalog = repository.load(&Revision::Named(head.to_string())).await?;
    let mut errors = executor::check(outside, catalog.clone(), None).await?;
    errors.retain(|finding| finding.level == Level::Error);
    let ancestors = repository.ancestors(&head, RECENT).await?;
    let restorations = merge::restorations(name, &ancestors).map(|restored| restored.commit).collect();
    Ok(Some(MainBranch { name: name.to_owned(), head, catalog, errors, restorations }))
}

/// Looks whenever `moved` has something new, until it ends. Which branch it is, is said by the working tree, which
/// comes first.
pub(super) async fn watch<T>(
    outside: Outside,
    slots: Slots,
    mut moved: Receiver<T>,
    mut catalogs: Receiver<Option<Arc<Catalog>>>,
) {
    let mut last: Option<Arc<MainBranch>> = None;
    if catalogs.wait_for(Option::is_some).await.is_err() {
        return;
    }
    tokio::time::sleep(FIRST_PICTURES).await;
    loop {
        moved.borrow_and_update();
        let name =
            catalogs.borrow().as_ref().map_or_else(String::new, |catalog| catalog.settings.main.clone());
        match look(&outside, &name, last.as_deref()).await {
            Ok(Some(seen)) => {
                let seen = Arc::new(seen);
                last = Some(seen.clone());
                slots.put(SourceUpdate::Main(Ok(seen)));
            }
            Ok(None) => {}
            Err(failure) => slots.put(SourceUpdate::Main(Err(failure))),
        }
        if moved.changed().await.is_err() {
            return;
        }
    }
}
