//! The demo's other people: how somebody in another terminal joins a demo that runs, with a clone and a key of
//! their own.

use super::repository::{self, history};
use crate::{domain::text::nearest, error::Failure};
use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// How the directory of every demo begins.
pub(super) const PREFIX: &str = "quarterdeck-demo-";
/// Locked by the demo for as long as it runs: a file alone would outlive one that was killed.
const RUNNING: &str = "running";
/// Where the clones of those who join are.
const CLONES: &str = "people";
/// The ledger's branch, in the remote.
pub(super) const LEDGER: &str = "refs/heads/quarterdeck/ledger";
/// The clusters' addresses, below the demo's directory.
pub(super) const KUBECONFIG: &str = "kubeconfig";

/// Where one of the demo's people works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Their clone of the control repository.
    pub repository: PathBuf,
    /// The clusters' addresses.
    pub kubeconfig: PathBuf,
}

/// Marks a demo as running until the file is dropped.
pub(super) fn mark_running(directory: &Path) -> io::Result<File> {
    let file = File::create(directory.join(RUNNING))?;
    file.lock()?;
    Ok(file)
}

/// The directory of the demo that was started last by the same user and still runs.
///
/// # Errors
/// There is none.
pub fn running() -> Result<PathBuf, Failure> {
    let none = || {
        Failure::refused("no demo is running that could be joined")
            .hint("start one in another terminal with `quarterdeck demo`")
    };
    let failed = |error: io::Error| none().because(&error);
    // Where everybody may write, another user's directory could be named like a demo's.
    let own = tempfile::tempfile().and_then(|file| file.metadata()).map_err(failed)?.uid();
    let mut found: Option<(SystemTime, PathBuf)> = None;
    for entry in fs::read_dir(tempfile::env::temp_dir()).map_err(failed)?.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if !metadata.is_dir()
            || metadata.uid() != own
            || !entry.file_name().to_string_lossy().starts_with(PREFIX)
        {
            continue;
        }
        let mark = entry.path().join(RUNNING);
        let Ok(file) = File::open(&mark) else { continue };
        let since =
            file.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
            && found.as_ref().is_none_or(|(newest, _)| since > *newest)
        {
            found = Some((since, entry.path()));
        }
    }
    found.map(|(_, directory)| directory).ok_or_else(none)
}

/// Gives one of the demo's people their place in it, with a clone that is theirs alone.
///
/// # Errors
/// There is no such person, or the clone cannot be made.
pub async fn join(directory: &Path, handle: &str) -> Result<Seat, Failure> {
    let names = history::PEOPLE.map(|(name, _)| name);
    let Some((_, author)) = history::PEOPLE.into_iter().find(|(name, _)| *name == handle) else {
        let failure =
            Failure::usage(format!("the demo knows nobody called `{}`", crate::domain::text::clean(handle)));
        return Err(match nearest(handle, names) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint(format!("its people are {}", names.join(", "))),
        });
    };
    let kubeconfig = directory.join(KUBECONFIG);
    if handle == repository::OPERATOR {
        return Ok(Seat { repository: repository::working(directory), kubeconfig });
    }
    let seat = Seat { repository: directory.join(CLONES).join(handle), kubeconfig };
    if !seat.repository.exists() {
        // Whole or not at all: somebody else may join as the same person at the same time.
        let draft = directory.join(CLONES).join(format!(".{handle}-{}", std::process::id()));
        repository::clone(directory, author, &draft, &seat.repository).await?;
        if let Err(error) = fs::rename(&draft, &seat.repository) {
            let _ = fs::remove_dir_all(&draft);
            if !seat.repository.exists() {
                return Err(Failure::failed(format!("could not make a clone for {handle}")).because(&error));
            }
        }
    }
    Ok(seat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_demos_people_can_join() {
        let directory = tempfile::tempdir().unwrap();
        let failure = join(directory.path(), "s-nowak").await.unwrap_err();
        assert!(failure.render().contains("did you mean `s-novak`?"), "{}", failure.render());
        assert!(
            join(directory.path(), "../../etc").await.unwrap_err().render().contains("its people are m-ruiz")
        );
    }

    #[test]
    fn a_demo_that_ended_is_not_running() {
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir().unwrap();
        let is_found = || running().is_ok_and(|found| found == directory.path());
        let mark = mark_running(directory.path()).unwrap();
        // Another test's demo may be newer; this one alone must be seen as locked.
        let open = || File::open(directory.path().join(RUNNING)).unwrap();
        assert!(matches!(open().try_lock_shared(), Err(TryLockError::WouldBlock)));
        assert!(running().is_ok());
        drop(mark);
        assert!(open().try_lock_shared().is_ok() && !is_found());
    }
}
