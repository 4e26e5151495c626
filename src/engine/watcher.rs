//! Waits for the control repository to change, for those who are no console.

use super::Outside;
use crate::{error::Failure, ports::Fingerprint};
use std::time::Duration;

/// Time between two looks. A look reads sizes and times, no file.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// An editor may save in several steps: what is reported has stood still for this long.
const STILL_FOR: Duration = Duration::from_millis(30);

/// So many looks at something that never stands still, and it is taken as it is.
const MOST_WAITS: usize = 50;

/// What the repository looked like last.
pub struct Watcher<'a> {
    outside: &'a Outside,
    seen: Option<Fingerprint>,
}

impl<'a> Watcher<'a> {
    /// Looks for the first time. Whoever reads the repository after this misses nothing: what is saved in
    /// between is a change.
    ///
    /// # Errors
    /// The repository cannot be looked at.
    pub async fn new(outside: &'a Outside) -> Result<Self, Failure> {
        let mut watcher = Self { outside, seen: None };
        watcher.seen = Some(watcher.still().await?);
        Ok(watcher)
    }

    /// Waits until a file or a ref has changed, and stands still.
    ///
    /// # Errors
    /// The repository cannot be looked at. It may be asked again.
    pub async fn changed(&mut self) -> Result<(), Failure> {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.seen.as_ref() != Some(&self.look().await?) {
                self.seen = Some(self.still().await?);
                return Ok(());
            }
        }
    }

    /// The next look finds a change, whatever it sees.
    pub fn forget(&mut self) {
        self.seen = None;
    }

    async fn look(&self) -> Result<Fingerprint, Failure> {
        self.outside.ports.repository.fingerprint().await
    }

    async fn still(&self) -> Result<Fingerprint, Failure> {
        let mut last = self.look().await?;
        for _ in 0..MOST_WAITS {
            tokio::time::sleep(STILL_FOR).await;
            let next = self.look().await?;
            if next == last {
                break;
            }
            last = next;
        }
        Ok(last)
    }
}
