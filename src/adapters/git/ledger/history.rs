//! Reading the ledger: where it stands against the remote, and its commits as entries.

use super::{BRANCH, Inner};
use crate::{
    adapters::git::{
        references::{contains, find, merge_base, unreadable},
        repository::{identity, time},
    },
    domain::ledger::{Entry, decode as decode_message},
    error::Failure,
};
use gix::{ObjectId, Repository};

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
        let (waiting, _) =
            if base == Some(branch) { (Vec::new(), true) } else { walk(repository, branch, base)? };
        let diverged = !waiting.is_empty() && accepted.is_some() && base != accepted;
        Ok(Standing { local, accepted, waiting, diverged })
    }
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

/// The commits from `tip` back to `end` (without it) or the beginning, oldest first, and whether `end`
/// was met. The ledger is linear: of a merge, which only a foreign hand can have made, the first
/// parent is followed.
fn walk(
    repository: &Repository,
    tip: ObjectId,
    end: Option<ObjectId>,
) -> Result<(Vec<ObjectId>, bool), Failure> {
    let mut commits = Vec::new();
    let mut next = Some(tip);
    while let Some(id) = next {
        if Some(id) == end {
            commits.reverse();
            return Ok((commits, true));
        }
        commits.push(id);
        let commit = repository.find_commit(id).map_err(|error| unreadable("the ledger", &error))?;
        next = commit.parent_ids().next().map(gix::Id::detach);
    }
    commits.reverse();
    Ok((commits, false))
}

/// The entries from `tip` back to `known` (without it) or the beginning, oldest first.
pub(super) fn entries(
    repository: &Repository,
    tip: ObjectId,
    known: Option<ObjectId>,
) -> Result<Walked, Failure> {
    let (commits, reached) = walk(repository, tip, known)?;
    Ok(Walked { entries: decode(repository, &commits)?, reached })
}

/// Commits as entries, in the same order.
pub(super) fn decode(repository: &Repository, commits: &[ObjectId]) -> Result<Vec<Entry>, Failure> {
    commits.iter().map(|id| entry(repository, *id)).collect()
}

fn entry(repository: &Repository, id: ObjectId) -> Result<Entry, Failure> {
    let commit = repository.find_commit(id).map_err(|error| unreadable("the ledger", &error))?;
    let author = commit.author().ok();
    // An unreadable author or date is an empty one rather than a lost event.
    let at = author.as_ref().map(time).unwrap_or_default();
    let actor = author.as_ref().map(identity).unwrap_or_default();
    let message = String::from_utf8_lossy(commit.message_raw_sloppy()).into_owned();
    let (subject, body) = decode_message(&message);
    Ok(Entry { commit: id.to_string().into(), at, actor, subject, body })
}
