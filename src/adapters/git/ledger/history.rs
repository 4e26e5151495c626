//! Reading the ledger: where it stands against the remote, and its commits as entries.

use super::{BRANCH, Inner};
use crate::{
    adapters::git::{
        references::{contains, find, merge_base, unreadable},
        repository::{identity, time},
    },
    domain::ledger::{Entry, LONGEST_MESSAGE, decode as decode_message},
    error::Failure,
};
use gix::{Commit, ObjectId, Repository};

/// Where the ledger stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The branch.
    pub local: Option<ObjectId>,
    /// The remote's newest known tip; `None` without a remote, or while it has no ledger.
    pub accepted: Option<ObjectId>,
    /// Commits that the remote does not have, oldest first. Empty without a remote.
    pub waiting: Vec<ObjectId>,
    /// Whether the remote has commits that the branch lacks, and the other way round.
    pub diverged: bool,
    /// The last commit that both have.
    pub base: Option<ObjectId>,
}

impl Standing {
    /// The tip whose history holds everything but the waiting commits of a diverged branch.
    pub fn settled(&self) -> Option<ObjectId> {
        if self.diverged || self.waiting.is_empty() { self.accepted.or(self.local) } else { self.local }
    }
}

/// What the walk from a tip found.
pub(super) struct Walked {
    /// The entries, oldest first.
    pub entries: Vec<Entry>,
    /// Whether it ended at the commit where it was to end, instead of the beginning.
    pub reached: bool,
}

impl Inner {
    /// Where the ledger stands, without changing anything. A remote whose history was rewritten is a
    /// failure: nothing of it is taken over, and nothing of ours is given up.
    pub fn standing(&self, repository: &Repository) -> Result<Standing, Failure> {
        let local = find(repository, BRANCH)?;
        let Some(remote) = self.clone.remote() else {
            return Ok(Standing { local, ..Standing::default() });
        };
        let seen = find(repository, &tracking_ref(&remote))?;
        let accepted = match (find(repository, &accepted_ref(&remote))?, seen) {
            (Some(accepted), Some(seen)) if accepted != seen => {
                if contains(repository, seen, accepted)? {
                    Some(seen)
                } else if contains(repository, accepted, seen)? {
                    // An older view: pushing does not always move the tracking ref.
                    Some(accepted)
                } else {
                    return Err(rewritten(&remote, accepted, seen));
                }
            }
            (accepted, seen) => accepted.or(seen),
        };
        let Some(branch) = local else { return Ok(Standing { local, accepted, ..Standing::default() }) };
        let base = match accepted {
            Some(accepted) => merge_base(repository, branch, accepted)?,
            None => None,
        };
        let waiting = if base == Some(branch) { Vec::new() } else { commits(repository, branch, base)? };
        let diverged = !waiting.is_empty() && accepted.is_some() && base != accepted;
        Ok(Standing { local, accepted, waiting, diverged, base })
    }
}

/// How many commits the remote had once and has no more, as the fetch saw it that was just made: its branch was set back
/// or deleted.
pub(super) fn lost(
    repository: &Repository,
    remote: &str,
    accepted: Option<ObjectId>,
) -> Result<usize, Failure> {
    let Some(accepted) = accepted else { return Ok(0) };
    count(repository, accepted, find(repository, &tracking_ref(remote))?)
}

/// What any fetch saw last.
pub(super) fn tracking_ref(remote: &str) -> String {
    format!("refs/remotes/{remote}/quarterdeck/ledger")
}

/// The newest tip of the remote that this clone believes.
pub(super) fn accepted_ref(remote: &str) -> String {
    format!("refs/quarterdeck/accepted/{remote}")
}

fn rewritten(remote: &str, accepted: ObjectId, seen: ObjectId) -> Failure {
    Failure::conflict(format!(
        "the ledger on {remote} was rewritten: its commit {} does not follow {}, which this clone knows",
        seen.to_hex_with_len(8),
        accepted.to_hex_with_len(8)
    ))
    .cause("the ledger is append-only; nothing here was changed")
    .hint(format!(
        "compare them with `git log {accepted}` and `git log {seen}`, and have the true one restored"
    ))
    .hint(format!(
        "if the new one is to hold, accept it with `git update-ref {} {seen}`; events that only the old one \
         has are then replayed on top",
        accepted_ref(remote)
    ))
}

/// Goes from `tip` back to `end` (without it) or the beginning, and says whether `end` was met. The ledger
/// is linear: of a merge, which only a foreign hand can have made, the first parent is followed.
pub(super) fn walk(
    repository: &Repository,
    tip: ObjectId,
    end: Option<ObjectId>,
    mut each: impl FnMut(&Commit<'_>),
) -> Result<bool, Failure> {
    let mut next = Some(tip);
    while let Some(id) = next {
        if Some(id) == end {
            return Ok(true);
        }
        let commit = repository.find_commit(id).map_err(|error| unreadable("the ledger", &error))?;
        each(&commit);
        next = commit.parent_ids().next().map(gix::Id::detach);
    }
    Ok(false)
}

/// The commits from `tip` back to `end` (without it) or the beginning, oldest first.
pub(super) fn commits(
    repository: &Repository,
    tip: ObjectId,
    end: Option<ObjectId>,
) -> Result<Vec<ObjectId>, Failure> {
    let mut commits = Vec::new();
    walk(repository, tip, end, |commit| commits.push(commit.id))?;
    commits.reverse();
    Ok(commits)
}

/// How many commits there are from `tip` back to `end` (without it) or the beginning.
pub(super) fn count(repository: &Repository, tip: ObjectId, end: Option<ObjectId>) -> Result<usize, Failure> {
    let mut count = 0;
    walk(repository, tip, end, |_| count += 1)?;
    Ok(count)
}

/// The entries from `tip` back to `known` (without it) or the beginning, oldest first.
pub(super) fn entries(
    repository: &Repository,
    tip: ObjectId,
    known: Option<ObjectId>,
) -> Result<Walked, Failure> {
    let mut entries = Vec::new();
    let reached = walk(repository, tip, known, |commit| entries.push(entry(commit)))?;
    entries.reverse();
    Ok(Walked { entries, reached })
}

/// Commits as entries, in the same order.
pub(super) fn decode(repository: &Repository, commits: &[ObjectId]) -> Result<Vec<Entry>, Failure> {
    let found = commits.iter().map(|id| repository.find_commit(*id).map(|commit| entry(&commit)));
    found.collect::<Result<_, _>>().map_err(|error| unreadable("the ledger", &error))
}

/// A commit as an entry.
pub(super) fn entry(commit: &Commit<'_>) -> Entry {
    let author = commit.author().ok();
    // An unreadable author or date is an empty one rather than a lost event.
    let at = author.as_ref().map(time).unwrap_or_default();
    let actor = author.as_ref().map(identity).unwrap_or_default();
    let bytes: &[u8] = commit.message_raw_sloppy();
    // What is too long is cut where it is still seen to be.
    let message = String::from_utf8_lossy(bytes.get(..LONGEST_MESSAGE + 4).unwrap_or(bytes));
    let (subject, body) = decode_message(&message);
    Entry { commit: commit.id.to_string().into(), at, actor, subject, body }
}
