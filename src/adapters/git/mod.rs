//! The control repository and the ledger in Git: read through gix, written by the `git` program, so that
//! the user's signing, credentials and hooks hold.

mod child;
mod clone;
mod files;
#[cfg(test)]
mod fixture;
mod ledger;
mod references;
mod repository;
#[cfg(test)]
mod tests;

pub use ledger::GitLedger;
pub use repository::GitRepository;
