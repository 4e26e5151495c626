//! Writing the ledger: commits, the branch's compare-and-swap, and replaying what waited.

use super::{BRANCH, Inner, history};
use crate::{
    adapters::git::{
        child::Call,
        references::{contains, unreadable},
    },
    domain::{
        change::Identity,
        ledger::{EntryBody, Happening, Marks, Operations, encode, fits},
        name::{DeploymentId, IncidentId},
    },
    error::Failure,
};
use chrono::{DateTime, Utc};
use gix::{ObjectId, Repository};
use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    thread,
    time::{Duration, Instant},
};

/// How long a process waits for another one of the same clone; longer than that one may take to push.
const LOCK_LIMIT: Duration = Duration::from_mins(1);

/// What a commit of the ledger is made of.
#[derive(Debug, Clone)]
pub(super) struct Written {
    message: String,
    author: Identity,
    at: DateTime<Utc>,
}

/// What bringing the branch to where it belongs did.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The branch's tip.
    pub tip: Option<ObjectId>,
    /// How many waiting events were written again.
    pub replayed: usize,
    /// Incidents that got another number: the former, and the present one.
    pub renumbered: BTreeMap<IncidentId, IncidentId>,
}

impl Written {
    /// A new event.
    pub fn new(happening: &Happening, author: &Identity, at: DateTime<Utc>) -> Result<Self, Failure> {
        Ok(Self { message: encode(happening, Marks::default())?, author: author.clone(), at })
    }
}

impl Inner {
    /// Keeps the other processes and threads that use this clone out while an event is written. The
    /// system lets go of the lock when its process dies.
    pub fn lock(&self) -> Result<File, Failure> {
        let path = self.clone.repository().common_dir().join("quarterdeck-ledger.lock");
        let failed = |error: std::io::Error| {
            Failure::failed(format!("could not lock the ledger with {}", path.display())).because(&error)
        };
        let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
        let deadline = Instant::now() + LOCK_LIMIT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Failure::conflict(format!(
                        "another process of this clone has been writing to the ledger for {} seconds",
                        LOCK_LIMIT.as_secs()
                    ))
                    .hint("see whether another quarterdeck hangs, and end it"));
                }
            }
        }
    }

    /// Writes a commit on top of `parent`, signed if the user signs commits. It is in no branch yet.
    pub fn commit(
        &self,
        repository: &Repository,
        written: &Written,
        parent: Option<ObjectId>,
    ) -> Result<ObjectId, Failure> {
        let tree = self.empty_tree(repository)?;
        let parent = parent.map(|id| id.to_string());
        let mut arguments = vec!["commit-tree", &tree];
        if let Some(parent) = &parent {
            arguments.extend(["-p", parent]);
        }
        if self.clone.git.signs()? {
            arguments.push("-S");
        }
        let date = format!("@{} +0000", written.at.timestamp().max(0));
        let environment = [
            ("GIT_AUTHOR_NAME", written.author.name.as_str()),
            ("GIT_AUTHOR_EMAIL", written.author.email.as_str()),
            ("GIT_AUTHOR_DATE", &date),
        ];
        let call = Call {
            arguments: &arguments,
            environment: &environment,
            input: Some(&written.message),
            network: false,
        };
        let line = self.clone.git.line(&call, "could not write an event to the ledger")?;
        ObjectId::from_hex(line.as_bytes()).map_err(|error| {
            Failure::failed(format!("git named the event's commit `{line}`, which is no commit"))
                .because(&error)
        })
    }

    /// The tree that every commit of the ledger has: none of its files is of the platform.
    fn empty_tree(&self, repository: &Repository) -> Result<String, Failure> {
        let id = ObjectId::empty_tree(repository.object_hash()).to_string();
        // Git knows this tree without having it; other programs, and checks of the remote, need it there.
        let (folder, file) = id.split_at(2);
        if repository.objects.store_ref().path().join(folder).join(file).exists() {
            return Ok(id);
        }
        let call = Call { arguments: &["mktree"], input: Some(""), ..Call::default() };
        self.clone.git.line(&call, "could not write the ledger's empty tree")
    }

    /// Moves the branch from `old` to `new` (`None`: no branch). False when it was not at `old` any more.
    pub fn move_branch(&self, new: Option<ObjectId>, old: Option<ObjectId>) -> Result<bool, Failure> {
        if new == old {
            return Ok(true);
        }
        let hash = new.or(old).map_or(gix::hash::Kind::Sha1, |id| id.kind());
        let old = old.unwrap_or_else(|| ObjectId::null(hash)).to_string();
        let new = new.map(|id| id.to_string());
        let arguments = match &new {
            Some(new) => {
                ["update-ref", "--create-reflog", "-m", "quarterdeck: event", BRANCH, new, &old].to_vec()
            }
            None => ["update-ref", "-d", BRANCH, &old].to_vec(),
        };
        let output = self.clone.git.run(&Call { arguments: &arguments, ..Call::default() })?;
        if output.success {
            return Ok(true);
        }
        // Another program moved it, or holds it at this moment: that is a lost race, not a fault.
        if ["cannot lock ref", "Unable to create", "but expected"]
            .iter()
            .any(|race| output.stderr.contains(race))
        {
            return Ok(false);
        }
        Err(output.explain(Failure::failed("could not move the branch quarterdeck/ledger")))
    }

    /// The failure of a branch that could not be moved.
    pub fn held(&self) -> Failure {
        let lock = self.clone.repository().common_dir().join(format!("{BRANCH}.lock"));
        Failure::conflict("another program moves or holds the branch quarterdeck/ledger in this clone")
            .hint("try again")
            .hint(format!("if no other git is running, remove {}", lock.display()))
    }

    /// Brings the branch to where it belongs, with no network: what the remote is known to have, and
    /// what waits on top of it.
    pub fn settle(&self, repository: &Repository) -> Result<Settled, Failure> {
        let standing = self.standing(repository)?;
        let settled = |tip| Settled { tip, ..Settled::default() };
        let moved = |done: bool| if done { Ok(()) } else { Err(self.held()) };
        if let (Some(remote), Some(accepted)) = (self.clone.remote(), standing.accepted) {
            self.accept(repository, &remote, accepted)?;
            if standing.diverged {
                let (tip, renumbered) = self.replay(repository, accepted, &standing.waiting)?;
                moved(self.move_branch(Some(tip), standing.local)?)?;
                return Ok(Settled { tip: Some(tip), replayed: standing.waiting.len(), renumbered });
            }
            let behind = match standing.local {
                Some(local) => !contains(repository, local, accepted)?,
                None => true,
            };
            if behind {
                moved(self.move_branch(Some(accepted), standing.local)?)?;
                return Ok(settled(Some(accepted)));
            }
        }
        Ok(settled(standing.local))
    }

    /// Makes the waiting commits again on top of `tip`: author, time and message stay. An incident
    /// whose number another took meanwhile gets the next free one, and so do the events that follow it.
    fn replay(
        &self,
        repository: &Repository,
        tip: ObjectId,
        waiting: &[ObjectId],
    ) -> Result<(ObjectId, BTreeMap<IncidentId, IncidentId>), Failure> {
        let mut operations = Operations::clone(&*self.operations(repository, tip)?);
        let mut renumbered = BTreeMap::new();
        let mut deployments = BTreeMap::new();
        let mut tip = tip;
        for (id, mut entry) in waiting.iter().zip(history::decode(repository, waiting)?) {
            let commit = repository.find_commit(*id).map_err(|error| unreadable("the ledger", &error))?;
            let mut message = String::from_utf8_lossy(commit.message_raw_sloppy()).into_owned();
            if let EntryBody::Known(happening) = &mut entry.body {
                let formerly = renumber(happening, &operations, &mut renumbered);
                let moved = renumber_deployment(happening, &operations, &mut deployments);
                // It was right when it was written; now it says itself why it no longer fits.
                let late = fits(&operations, &entry).is_err();
                if let EntryBody::Known(happening) = &entry.body
                    && (formerly.is_some() || moved || late)
                {
                    message = encode(happening, Marks { formerly: formerly.as_ref(), late })?;
                }
            }
            operations.apply(&entry);
            tip =
                self.commit(repository, &Written { message, author: entry.actor, at: entry.at }, Some(tip))?;
        }
        Ok((tip, renumbered))
    }
}

/// Gives a waiting deployment a free number, or lets an event follow its deployment's new number; whether it did.
fn renumber_deployment(
    happening: &mut Happening,
    operations: &Operations,
    renumbered: &mut BTreeMap<DeploymentId, DeploymentId>,
) -> bool {
    if let Happening::DeploymentStarted { deployment, .. } = happening {
        let next = operations.next_deployment();
        let moved = *deployment != next;
        if moved {
            renumbered.insert(std::mem::replace(deployment, next.clone()), next);
        }
        return moved;
    }
    let Some(deployment) = happening.deployment_mut() else { return false };
    match renumbered.get(deployment) {
        Some(now) => {
            deployment.clone_from(now);
            true
        }
        None => false,
    }
}

/// Gives a waiting incident a free number, or lets an event follow its incident's new number. The id that
/// it had before, if it changed.
fn renumber(
    happening: &mut Happening,
    operations: &Operations,
    renumbered: &mut BTreeMap<IncidentId, IncidentId>,
) -> Option<IncidentId> {
    match happening {
        Happening::IncidentDeclared { incident, .. } => {
            if *incident == operations.next_incident() {
                return None;
            }
            let formerly = incident.clone();
            *incident = operations.next_incident();
            renumbered.insert(formerly.clone(), incident.clone());
            Some(formerly)
        }
        Happening::IncidentAcknowledged { incident }
        | Happening::IncidentEscalated { incident, .. }
        | Happening::IncidentResolved { incident, .. }
        | Happening::PostMortemWritten { incident, .. }
        | Happening::GlassOpened { incident, .. }
        | Happening::DeploymentGlassOpened { incident, .. } => {
            let now = renumbered.get(incident)?.clone();
            Some(std::mem::replace(incident, now))
        }
        Happening::MainRestored(restored) => {
            let incident = restored.incident.as_mut()?;
            let now = renumbered.get(incident)?.clone();
            Some(std::mem::replace(incident, now))
        }
        Happening::ChangeApproved { .. }
        | Happening::ChangeProposed { .. }
        | Happening::ApprovalWithdrawn { .. }
        | Happening::ChangesRequested { .. }
        | Happening::RequestWithdrawn { .. }
        | Happening::ChangeCommented { .. }
        | Happening::ChangeMerged(_)
        | Happening::ChangeReverted { .. }
        | Happening::GlassSeconded { .. }
        | Happening::GlassSettled { .. }
        | Happening::NoticeDelivered { .. }
        | Happening::ChangeValidated { .. }
        | Happening::RollbackStarted { .. }
        | Happening::RollbackFinished { .. }
        | Happening::ServiceActed { .. }
        | Happening::DeploymentStarted { .. }
        | Happening::StageBegan { .. }
        | Happening::StageJudged { .. }
        | Happening::DeploymentHeld { .. }
        | Happening::DeploymentContinued { .. }
        | Happening::DeploymentGlassSeconded { .. }
        | Happening::DeploymentApproved { .. }
        | Happening::DeploymentScheduled { .. }
        | Happening::DeploymentCancelled { .. }
        | Happening::DeploymentFinished { .. }
        | Happening::ReleaseQuarantined { .. }
        | Happening::ReleaseCleared { .. }
        | Happening::ServiceFrozen { .. }
        | Happening::ServiceThawed { .. } => None,
    }
}
