//! What this clone notes for itself about the ledger and open changes, in `quarterdeck/` of the Git directory. Nothing
//! of it is needed: what is missing or torn is as good as not written.

use crate::adapters::plain;
use gix::Repository;
use std::{fs, path::PathBuf, process};

/// A longer note is none of ours, in bytes; that of a million events has some fifty million.
const LARGEST: u64 = 256 << 20;

fn folder(repository: &Repository) -> PathBuf {
    repository.common_dir().join("quarterdeck")
}

/// Reads a note.
pub(super) fn read(repository: &Repository, name: &str) -> Option<Vec<u8>> {
    plain::read(&folder(repository).join(name), LARGEST).ok()
}

/// Writes a note whole or not at all.
pub(super) fn write(repository: &Repository, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = folder(repository);
    fs::create_dir_all(&folder)?;
    let draft = folder.join(format!("{name}.{}", process::id()));
    fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, folder.join(name))).inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })
}

/// Where a note is, for people.
pub(super) fn path(repository: &Repository, name: &str) -> PathBuf {
    folder(repository).join(name)
}
