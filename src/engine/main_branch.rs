//! Whether the main branch validates: looked at whenever it moves, so that a broken one is seen at once.

use super::{Outside, executor, slots::Slots};
use crate::{
    domain::finding::Level,
    error::Failure,
    model::{event::SourceUpdate, world::MainBranch},
    ports::Revision,
};
use std::sync::Arc;

/// Looks at the main branch, if it is not where it was seen last.
///
/// # Errors
/// It cannot be read.
async fn look(outside: &Outside, last: Option<&MainBranch>) -> Result<Option<MainBranch>, Failure> {
    let repository = &outside.ports.repository;
    let name = outside.main_branch().await?;
    let Some(head) = repository.branch(&name).await? else { return Ok(None) };
    if last.is_some_and(|last| last.head == head && last.name == name) {
        return Ok(None);
    }
    let catalog = repository.load(&Revision::Named(head.to_string())).await?;
    let mut errors = executor::check(outside, catalog, None).await?;
    errors.retain(|finding| finding.level == Level::Error);
    Ok(Some(MainBranch { name, head, errors }))
}

/// Looks whenever `moved` has something new, until it ends.
pub(super) async fn watch<T>(outside: Outside, slots: Slots, mut moved: tokio::sync::watch::Receiver<T>) {
    let mut last: Option<Arc<MainBranch>> = None;
    loop {
        moved.borrow_and_update();
        match look(&outside, last.as_deref()).await {
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
