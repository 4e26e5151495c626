//! What the ledger says about changes, folded: approvals, refusals, words, merges, and glass that was broken.

use super::{
    event::Entry,
    happening::{Happening, Merged},
    precondition_agent::ValidatedHead,
};
use crate::domain::{
    change::Identity,
    gate::{Gate, ReviewAnswers},
    name::{CommitId, IncidentId},
};
use chrono::{DateTime, Utc};

/// An approval as the ledger has it. Whether it counts is judged against people and teams later:
/// everybody who can push can write one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Which gate.
    pub gate: Gate,
    /// The head that was reviewed.
    pub head: CommitId,
    /// The merge base that it was reviewed against.
    pub base: CommitId,
    /// The digest of what was reviewed.
    pub digest: Option<String>,
    /// The answers to the reviewer's questions.
    pub answers: Option<ReviewAnswers>,
    /// When it was taken back.
    pub withdrawn: Option<DateTime<Utc>>,
    /// Who wrote the event.
    pub by: Identity,
    /// When.
    pub at: DateTime<Utc>,
    /// The reviewer's words.
    pub note: Option<String>,
    /// The event's commit.
    pub commit: CommitId,
    /// How many events about the change came before. Time does not tell what came first: clocks differ.
    pub place: usize,
}

/// A refusal: changes were requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangesRequest {
    /// The head that was reviewed.
    pub head: CommitId,
    /// The digest of what was reviewed.
    pub digest: String,
    /// What is to be done.
    pub note: String,
    /// When it was taken back.
    pub withdrawn: Option<DateTime<Utc>>,
    /// The commit of the event that took it back: that must be as well proven as the request.
    pub withdrawal: Option<CommitId>,
    /// Who wrote the event.
    pub by: Identity,
    /// When.
    pub at: DateTime<Utc>,
    /// The event's commit.
    pub commit: CommitId,
    /// How many events about the change came before.
    pub place: usize,
}

impl Approval {
    /// Whether this address wrote it.
    pub fn is_by(&self, identity: &Identity) -> bool {
        self.by.email.eq_ignore_ascii_case(identity.email.trim())
    }
}

impl ChangesRequest {
    /// Whether this address wrote it.
    pub fn is_by(&self, identity: &Identity) -> bool {
        self.by.email.eq_ignore_ascii_case(identity.email.trim())
    }
}

/// Words about a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// What was said.
    pub text: String,
    /// Who wrote the event.
    pub by: Identity,
    /// When.
    pub at: DateTime<Utc>,
}

/// A merge that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRecord {
    /// What was merged.
    pub merged: Merged,
    /// Who did it.
    pub by: Identity,
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// The commit that took it back, if one did, on the main branch or proposed.
    pub reverted: Option<CommitId>,
}

/// Glass that was broken: a change that may pass its gates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glass {
    /// The head that may be merged, and no other.
    pub head: CommitId,
    /// Why it could not wait.
    pub reason: String,
    /// Until when it may be merged.
    pub expires: DateTime<Utc>,
    /// The incident that was opened for it.
    pub incident: IncidentId,
    /// Who asked for it.
    pub by: Identity,
    /// When.
    pub at: DateTime<Utc>,
    /// Who agreed. Whether they may is judged against the people later.
    pub seconds: Vec<Agreement>,
    /// When it was made up for, and by whom.
    pub settled: Option<(DateTime<Utc>, Identity)>,
    /// The event's commit.
    pub commit: CommitId,
}

/// Somebody agreed to breaking the glass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// When.
    pub at: DateTime<Utc>,
    /// Who wrote the event.
    pub by: Identity,
    /// The event's commit.
    pub commit: CommitId,
}

/// A head that was validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validated {
    /// What it came to.
    pub result: ValidatedHead,
    /// Who did it.
    pub by: Identity,
    /// When.
    pub at: DateTime<Utc>,
}

impl Validated {
    /// Whether it is about this head and merge base.
    pub fn is_of(&self, head: &CommitId, base: &CommitId) -> bool {
        self.result.head == *head && self.result.base == *base
    }
}

/// Everything about one change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeRecord {
    /// Approvals, oldest first, for whatever head.
    pub approvals: Vec<Approval>,
    /// Refusals, oldest first, for whatever head.
    pub requests: Vec<ChangesRequest>,
    /// What was said, oldest first.
    pub comments: Vec<Comment>,
    /// Who proposed it here, and when.
    pub proposed: Option<(DateTime<Utc>, Identity)>,
    /// Its merges; a branch of the same name may come again.
    pub merges: Vec<MergeRecord>,
    /// Glass that was broken for it, oldest first.
    pub glasses: Vec<Glass>,
    /// The validation of a head that was recorded last.
    pub validated: Option<Validated>,
    /// How many events are about it.
    pub events: usize,
}

impl ChangeRecord {
    /// Adds an event about this change.
    ///
    /// # Errors
    /// What it contradicts; it changes nothing then.
    pub(super) fn apply(&mut self, entry: &Entry, happening: &Happening) -> Result<(), String> {
        let (at, by) = (entry.at, entry.actor.clone());
        let place = self.events;
        self.events += 1;
        match happening {
            Happening::ChangeApproved { gate, head, base, digest, answers, note, .. } => {
                self.approvals.push(Approval {
                    gate: *gate,
                    head: head.clone(),
                    base: base.clone(),
                    digest: digest.clone(),
                    answers: answers.as_deref().cloned(),
                    withdrawn: None,
                    by,
                    at,
                    note: note.clone(),
                    commit: entry.commit.clone(),
                    place,
                });
            }
            Happening::ApprovalWithdrawn { change, gate, .. } => {
                // All of them: an older one that still stood would take the newer one's place.
                let mut found = false;
                for approval in self.approvals.iter_mut().filter(|approval| approval.is_by(&by)) {
                    if approval.gate == *gate && approval.withdrawn.is_none() {
                        approval.withdrawn = Some(at);
                        found = true;
                    }
                }
                if !found {
                    return Err(format!("{} had not approved the {gate} gate of {change}", by.email));
                }
            }
            Happening::RequestWithdrawn { change, .. } => {
                let mut found = false;
                for request in self.requests.iter_mut().filter(|request| request.is_by(&by)) {
                    if request.withdrawn.is_none() {
                        request.withdrawn = Some(at);
                        request.withdrawal = Some(entry.commit.clone());
                        found = true;
                    }
                }
                if !found {
                    return Err(format!("{} had not requested changes of {change}", by.email));
                }
            }
            Happening::ChangesRequested { head, digest, note, .. } => self.requests.push(ChangesRequest {
                head: head.clone(),
                digest: digest.clone(),
                note: note.clone(),
                withdrawn: None,
                withdrawal: None,
                by,
                at,
                commit: entry.commit.clone(),
                place,
            }),
            Happening::ChangeCommented { text, .. } => {
                self.comments.push(Comment { text: text.clone(), by, at });
            }
            Happening::ChangeValidated { head, base, errors, warnings, posted, .. } => {
                let result = ValidatedHead {
                    head: head.clone(),
                    base: base.clone(),
                    errors: *errors,
                    warnings: *warnings,
                    posted: *posted,
                };
                self.validated = Some(Validated { result, by, at });
            }
            Happening::ChangeProposed { .. } => self.proposed = Some((at, by)),
            Happening::ChangeMerged(merged) => {
                if self.merges.iter().any(|record| record.merged.commit == merged.commit) {
                    return Err(format!("{} was recorded as merged before", merged.change));
                }
                let merged = (**merged).clone();
                self.merges.push(MergeRecord { merged, by, at, reverted: None });
            }
            Happening::ChangeReverted { change, merged, commit, .. } => {
                let record = self.merges.iter_mut().find(|record| record.merged.commit == *merged);
                let missing = || format!("{change} was never recorded as merged at {}", merged.short());
                record.ok_or_else(missing)?.reverted = Some(commit.clone());
            }
            Happening::GlassOpened { head, reason, expires, incident, .. } => self.glasses.push(Glass {
                head: head.clone(),
                reason: reason.clone(),
                expires: *expires,
                incident: incident.clone(),
                by,
                at,
                seconds: Vec::new(),
                settled: None,
                commit: entry.commit.clone(),
            }),
            Happening::GlassSeconded { change, head } => {
                let glass = self.glasses.iter_mut().rev().find(|glass| glass.head == *head);
                let missing = || format!("nobody had broken the glass for {change} at {}", head.short());
                let commit = entry.commit.clone();
                glass.ok_or_else(missing)?.seconds.push(Agreement { at, by, commit });
            }
            Happening::GlassSettled { change, .. } => {
                // One that ran out without being used leaves nothing to settle.
                let merges = &self.merges;
                let is_used = |glass: &Glass| {
                    merges.iter().any(|merge| merge.merged.break_glass && merge.merged.head == glass.head)
                };
                let open =
                    self.glasses.iter_mut().rev().find(|glass| glass.settled.is_none() && is_used(glass));
                open.ok_or_else(|| format!("nothing of {change} was left to settle"))?.settled =
                    Some((at, by));
            }
            // Of no change; the fold sends none of these here.
            Happening::RollbackStarted { .. }
            | Happening::RollbackFinished { .. }
            | Happening::ServiceActed { .. }
            | Happening::IncidentDeclared { .. }
            | Happening::IncidentEscalated { .. }
            | Happening::IncidentAcknowledged { .. }
            | Happening::IncidentResolved { .. }
            | Happening::PostMortemWritten { .. }
            | Happening::DeploymentStarted { .. }
            | Happening::StageBegan { .. }
            | Happening::StageJudged { .. }
            | Happening::DeploymentHeld { .. }
            | Happening::DeploymentContinued { .. }
            | Happening::DeploymentGlassOpened { .. }
            | Happening::DeploymentGlassSeconded { .. }
            | Happening::DeploymentApproved { .. }
            | Happening::DeploymentScheduled { .. }
            | Happening::DeploymentCancelled { .. }
            | Happening::DeploymentFinished { .. }
            | Happening::ReleaseQuarantined { .. }
            | Happening::ReleaseCleared { .. }
            | Happening::ServiceFrozen { .. }
            | Happening::ServiceThawed { .. }
            | Happening::MainRestored(_)
            | Happening::NoticeDelivered { .. } => {}
        }
        Ok(())
    }
}
