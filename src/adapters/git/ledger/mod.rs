//! The ledger on the branch `quarterdeck/ledger`: one commit per event, empty tree, linear.
//!
//! Three refs say where it stands. The branch is the ledger as it is known here, with events that wait
//! for the remote at its end. `refs/remotes/<remote>/quarterdeck/ledger` is what any fetch saw last.
//! `refs/quarterdeck/accepted/<remote>` is the newest tip of the remote that this clone has taken as
//! the truth: it only ever moves forward, so a remote whose history was rewritten is noticed.
//!
//! Every step leaves a valid repository: an event that was committed and not pushed when the process
//! died waits like one that was made without the remote, and is replayed by the next append or sync.

mod cache;
mod examine;
mod history;
mod remote;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod verify_tests;
mod write;

use super::{clone::LocalClone, repository::GitRepository};
use crate::{
    domain::{
        change::Seals,
        ledger::{ChainHealth, Entry, Operations, Synced, Walk},
        name::CommitId,
        signature::Seal,
    },
    error::Failure,
    ports::{Answer, Draft, Examination, Ledger, LedgerState, Receipt},
};
use chrono::{DateTime, Utc};
use gix::{ObjectId, Repository};
use history::Standing;
use remote::Push;
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};
use write::Written;

/// The ledger's branch.
const BRANCH: &str = "refs/heads/quarterdeck/ledger";

/// How many times a lost race is run again. Each one means that somebody else's event came through.
const ATTEMPTS: u32 = 200;

/// How many times the branch may be found elsewhere, or held, in this clone. Other processes of this
/// program wait for their turn, so it is another program's doing, or a lock that one left behind.
const LOCAL_ATTEMPTS: u32 = 20;

/// How long a remote that did not answer in time is not asked again by an append, so that a rollback in
/// an emergency does not wait for it at each step.
const PATIENCE: Duration = Duration::from_mins(1);

/// The ledger of one clone. Without a remote of the settings' name it is local only, and nothing waits.
#[derive(Clone)]
pub struct GitLedger {
    inner: Arc<Inner>,
}

struct Inner {
    clone: Arc<LocalClone>,
    /// The state at a tip that was folded before; a tip that descends from it needs only the rest.
    folded: Mutex<Option<(ObjectId, Arc<Operations>)>>,
    /// When, and why, the remote last ran into the time limit.
    silent: Mutex<Option<(Instant, Failure)>>,
    /// How far the ledger was verified.
    chain: Mutex<Option<(ObjectId, Walk)>>,
    /// Signatures that were looked at.
    sealed: Mutex<BTreeMap<CommitId, Seal>>,
}

/// Pushes lost in a row on one and the same tip until it counts as a fault of the remote.
const STUCK: u32 = 12;

fn stuck(remote: &str) -> Failure {
    Failure::unreachable(format!(
        "{remote} does not move its ledger branch, although nobody else wrote to it"
    ))
    .hint("see whether a lock file of a dead process is left on the remote, or a branch named `quarterdeck`")
}

impl GitLedger {
    /// The ledger in the clone that `repository` has opened.
    pub fn new(repository: &GitRepository) -> Self {
        Self {
            inner: Arc::new(Inner {
                clone: repository.local_clone(),
                folded: Mutex::new(None),
                silent: Mutex::new(None),
                chain: Mutex::new(None),
                sealed: Mutex::default(),
            }),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner)).await.unwrap_or_else(|error| {
            Err(Failure::failed("work on the ledger ended before its time").because(&error))
        })
    }
}

impl Ledger for GitLedger {
    fn state(&self) -> Answer<'_, LedgerState> {
        Box::pin(self.run(|inner| {
            let repository = inner.clone.repository();
            let standing = inner.standing(&repository)?;
            inner.state(&repository, &standing)
        }))
    }

    fn entries(&self) -> Answer<'_, Vec<Entry>> {
        Box::pin(self.run(|inner| {
            let repository = inner.clone.repository();
            let standing = inner.standing(&repository)?;
            let mut entries = match standing.settled() {
                Some(tip) => history::entries(&repository, tip, None)?.entries,
                None => Vec::new(),
            };
            if standing.diverged {
                entries.extend(history::decode(&repository, &standing.waiting)?);
            }
            Ok(entries)
        }))
    }

    fn append(&self, at: DateTime<Utc>, draft: Draft) -> Answer<'_, Receipt> {
        Box::pin(self.run(move |inner| inner.append(at, &draft)))
    }

    fn sync(&self) -> Answer<'_, Synced> {
        Box::pin(self.run(Inner::sync))
    }

    fn seals(&self, main: &str, commits: BTreeSet<CommitId>) -> Answer<'_, Seals> {
        let main = main.to_owned();
        Box::pin(self.run(move |inner| inner.seals(&main, commits)))
    }

    fn verify_on(&self, main: &str, now: DateTime<Utc>, remember: bool) -> Answer<'_, ChainHealth> {
        let main = main.to_owned();
        Box::pin(self.run(move |inner| inner.verify_on(&main, now, remember)))
    }

    fn examine(&self, main: &str, now: DateTime<Utc>, remember: bool) -> Answer<'_, Examination> {
        let main = main.to_owned();
        Box::pin(self.run(move |inner| inner.examine(&main, now, remember)))
    }
}

impl Inner {
    /// The operations state at `tip`, from the nearest state that is already known.
    fn operations(&self, repository: &Repository, tip: ObjectId) -> Result<Arc<Operations>, Failure> {
        let mut folded = self.folded.lock().unwrap_or_else(PoisonError::into_inner);
        if folded.is_none() {
            *folded = cache::read(repository);
        }
        let known = folded.as_ref().map(|(known, _)| *known);
        if let (true, Some((_, operations))) = (known == Some(tip), &*folded) {
            return Ok(Arc::clone(operations));
        }
        let walked = history::entries(repository, tip, known)?;
        let mut operations = match &*folded {
            Some((_, operations)) if walked.reached => Operations::clone(operations),
            _ => Operations::default(),
        };
        for entry in &walked.entries {
            operations.apply(entry);
        }
        if walked.entries.len() >= cache::WORTH_KEEPING {
            cache::write(repository, tip, &operations);
        }
        let operations = Arc::new(operations);
        *folded = Some((tip, Arc::clone(&operations)));
        Ok(operations)
    }

    fn state(&self, repository: &Repository, standing: &Standing) -> Result<LedgerState, Failure> {
        let mut operations = match standing.settled() {
            Some(tip) => self.operations(repository, tip)?,
            None => Arc::default(),
        };
        let mut tip = standing.settled();
        if standing.diverged {
            // Shown as the next append will write it: what waits comes after what the remote has.
            let folding = Arc::make_mut(&mut operations);
            for entry in history::decode(repository, &standing.waiting)? {
                folding.apply(&entry);
            }
            tip = standing.local;
        }
        Ok(LedgerState {
            tip: tip.map(|id| id.to_string().into()),
            operations,
            unsynced: standing.waiting.len(),
        })
    }

    fn append(&self, at: DateTime<Utc>, draft: &Draft) -> Result<Receipt, Failure> {
        let _lock = self.lock()?;
        let operator = super::repository::operator(&self.clone)?;
        let remote = self.clone.remote();
        // Why nothing is pushed any more in this call.
        let mut offline = self.silence();
        let mut moved_here = 0;
        // The tip that the last lost push was made on, and how many were lost on it in a row.
        let mut lost_on = (None, 0);
        for attempt in 0..ATTEMPTS {
            pause(attempt);
            let repository = self.clone.repository();
            let tip = self.settle(&repository)?.tip;
            if offline.is_none() && lost_on.1 >= STUCK && lost_on.0 == tip {
                // Nobody is ahead of us, and still the remote does not move its branch: that is no race.
                // The event waits here, as if the remote could not be reached.
                offline = Some(stuck(remote.as_deref().unwrap_or_default()));
            }
            let operations = match tip {
                Some(tip) => self.operations(&repository, tip)?,
                None => Arc::default(),
            };
            let happening = draft(&operations)?;
            let written = Written::new(&happening, &operator, at)?;
            let commit = self.commit(&repository, &written, tip)?;
            if !self.move_branch(Some(commit), tip)? {
                moved_here += 1;
                if moved_here == LOCAL_ATTEMPTS {
                    return Err(self.held());
                }
                continue;
            }
            let receipt = |unsynced_because: Option<Failure>| Receipt {
                commit: commit.to_string().into(),
                happening: happening.clone(),
                synced: unsynced_because.is_none(),
                unsynced_because,
            };
            let Some(remote) = &remote else { return Ok(receipt(None)) };
            if let Some(failure) = offline {
                return Ok(receipt(Some(failure)));
            }
            match self.push(remote, commit)? {
                Push::Done => {
                    self.accept(&repository, remote, commit)?;
                    return Ok(receipt(None));
                }
                Push::Unreachable(failure) => return Ok(receipt(Some(failure))),
                Push::Forbidden(failure) => {
                    self.move_branch(tip, Some(commit))?;
                    return Err(failure);
                }
                Push::Lost => {
                    lost_on = if lost_on.0 == tip { (tip, lost_on.1 + 1) } else { (tip, 1) };
                    // Nobody has seen this commit: it is made again on what came first.
                    self.move_branch(tip, Some(commit))?;
                    if let Err(failure) = self.fetch(remote) {
                        offline = Some(failure);
                    }
                }
            }
        }
        Err(Failure::conflict(format!("others wrote to the ledger {ATTEMPTS} times before this event could"))
            .hint("try again"))
    }

    fn sync(&self) -> Result<Synced, Failure> {
        let _lock = self.lock()?;
        let Some(remote) = self.clone.remote() else {
            let repository = self.clone.repository();
            let standing = self.standing(&repository)?;
            let LedgerState { tip, operations, unsynced } = self.state(&repository, &standing)?;
            return Ok(Synced { tip, operations, unsynced, ..Synced::default() });
        };
        let known = self.standing(&self.clone.repository())?.accepted;
        let (mut replayed, mut renumbered) = (0, BTreeMap::new());
        for attempt in 0..ATTEMPTS {
            pause(attempt);
            self.fetch(&remote)?;
            let repository = self.clone.repository();
            let settled = self.settle(&repository)?;
            // Written again after a lost race it is still the same event.
            replayed = replayed.max(settled.replayed);
            renumbered.extend(settled.renumbered);
            let standing = self.standing(&repository)?;
            // A ledger only grows: what the remote has lost is sent again.
            let lost = history::lost(&repository, &remote, standing.accepted)?;
            let sent = standing.waiting.len();
            let received = match standing.accepted {
                Some(accepted) if Some(accepted) != known => history::count(&repository, accepted, known)?,
                _ => 0,
            };
            let synced = |LedgerState { tip, operations, unsynced }| Synced {
                tip,
                operations,
                unsynced,
                received,
                sent,
                lost,
                replayed,
                renumbered: renumbered.iter().map(|(from, to)| (from.clone(), to.clone())).collect(),
            };
            let (Some(tip), true) = (settled.tip, sent + lost > 0) else {
                return self.state(&repository, &standing).map(synced);
            };
            match self.push(&remote, tip)? {
                Push::Done => {
                    self.accept(&repository, &remote, tip)?;
                    let standing = self.standing(&repository)?;
                    return self.state(&repository, &standing).map(synced);
                }
                Push::Unreachable(failure) | Push::Forbidden(failure) => return Err(failure),
                Push::Lost => {}
            }
        }
        Err(Failure::conflict(format!(
            "others wrote to the ledger {ATTEMPTS} times before the waiting events could"
        ))
        .hint("try again"))
    }

    /// The failure of a remote that recently did not answer in time.
    fn silence(&self) -> Option<Failure> {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.as_ref().filter(|(since, _)| since.elapsed() < PATIENCE).map(|(_, failure)| failure.clone())
    }
}

/// Waits before another attempt: longer each time, and not the same time as the others who lost.
fn pause(attempt: u32) {
    if attempt > 0 {
        let longest = 20_u64 << attempt.min(4);
        let chance = RandomState::new().build_hasher().finish();
        thread::sleep(Duration::from_millis(chance % longest));
    }
}
