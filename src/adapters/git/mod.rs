//! The control repository and the ledger in Git: read through gix, written by the `git` program, so that
//! the user's signing, credentials and hooks hold.

mod absent;
mod child;
mod clone;
mod commit;
mod create;
mod files;
#[cfg(test)]
mod fixture;
mod heartbeat;
mod history;
mod kept;
mod ledger;
mod merge;
mod notebook;
mod propose;
mod publish;
mod references;
mod repository;
#[cfg(test)]
mod tests;

pub use absent::AbsentRepository;
pub use create::create;
pub use heartbeat::FileLock;
pub use ledger::GitLedger;
pub use repository::GitRepository;
