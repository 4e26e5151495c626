//! What lands on the main branch: a change that is merged, one that is taken back, and the whole branch when it was
//! broken and is brought back. Each is planned as one commit on top of the branch's tip.

mod books;
mod changelog;
mod message;
mod versions;

pub use books::*;
pub use message::*;

use super::{
    calendar::Closure,
    catalog::Catalog,
    change::{Change, Identity},
    finding::{Finding, Level},
    forge::ForgeSettings,
    gate::{Gate, GateState},
    ledger::{Approval, ChangeRecord, Merged, Operations, Restored},
    name::{ChangeId, CommitId, ServiceName},
    people::People,
};
use chrono::{DateTime, Utc};
use semver::Version;
use std::sync::Arc;

/// What is wanted of the main branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LandingRequest {
    /// Merge a change.
    Merge(ChangeId),
    /// Take a merged change back.
    Revert {
        /// Which change.
        change: ChangeId,
        /// Why.
        reason: String,
        /// On the main branch at once, instead of as a proposal.
        direct: bool,
    },
    /// Bring a broken main branch back to what last validated.
    Restore {
        /// When it was noticed that it is broken; when the plan is made if `None`.
        detected_at: Option<DateTime<Utc>>,
    },
}

impl LandingRequest {
    /// Two requests of the same key are about the same.
    pub fn key(&self) -> String {
        match self {
            Self::Merge(change) => format!("merge/{change}"),
            Self::Revert { change, .. } => format!("revert/{change}"),
            Self::Restore { .. } => "restore".to_owned(),
        }
    }

    /// What is planned, in a few words.
    pub fn title(&self) -> String {
        match self {
            Self::Merge(change) => format!("merge {change}"),
            Self::Revert { change, .. } => format!("revert {change}"),
            Self::Restore { .. } => "restore the main branch".to_owned(),
        }
    }
}

/// What lands, once it is planned.
#[derive(Debug, Clone, PartialEq)]
pub enum Landing {
    /// A change.
    Merge(MergePlan),
    /// The opposite of a change.
    Revert(RevertPlan),
    /// The files of a commit before.
    Restore(RestorePlan),
    /// Nothing more: an earlier run was cut off after its commit, and only the event is missing.
    Record(RecordPlan),
}

impl Landing {
    /// Two landings of the same key never run at once.
    pub fn key(&self) -> String {
        match self {
            Self::Merge(plan) => format!("merge/{}", plan.change),
            Self::Revert(plan) => format!("revert/{}", plan.change),
            Self::Restore(_) => "restore".to_owned(),
            Self::Record(plan) => format!("record/{}", plan.commit()),
        }
    }
}

/// A commit to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitDraft {
    /// Its parent.
    pub parent: CommitId,
    /// The commit whose files it has.
    pub files_of: CommitId,
    /// Files that differ from those, by path.
    pub edits: Vec<(String, Arc<str>)>,
    /// Its message.
    pub message: String,
}

/// A merge, written out.
#[derive(Debug, Clone, PartialEq)]
pub struct MergePlan {
    /// Which change.
    pub change: ChangeId,
    /// Its branch.
    pub branch: String,
    /// Its head.
    pub head: CommitId,
    /// Its class and risk, in words.
    pub class: String,
    /// Whether its risk is high, so that its id must be typed.
    pub is_risky: bool,
    /// The main branch.
    pub main: String,
    /// The commit that it becomes, on top of the main branch's tip.
    pub draft: CommitDraft,
    /// The versions that it releases.
    pub releases: Vec<Release>,
    /// Who opened its gates.
    pub approvals: Vec<Approver>,
    /// What validation finds in the result and not in the main branch.
    pub findings: Vec<Finding>,
    /// What broken glass lets it pass; `None` where no glass was broken for it.
    pub past: Option<Vec<String>>,
    /// Bookkeeping files that both sides had changed: the main branch's text was kept and added to.
    pub settled: Vec<String>,
    /// The forge that merges it, and the request's number; `None` when it is merged here.
    pub forge: Option<(Box<ForgeSettings>, u64)>,
}

/// A version that rises with a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Of which service.
    pub service: ServiceName,
    /// The version on the main branch; `None` for a new service.
    pub from: Option<Version>,
    /// The version that is released.
    pub version: Version,
    /// Its tag.
    pub tag: String,
    /// A tag of this name stays here from a run that was cut off; it is set anew.
    pub replaces: bool,
}

/// Somebody whose approval opened a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// Which gate.
    pub gate: Gate,
    /// Who.
    pub by: Identity,
    /// The ledger's commit.
    pub approval: CommitId,
}

/// A revert, written out.
#[derive(Debug, Clone, PartialEq)]
pub struct RevertPlan {
    /// The change that is taken back.
    pub change: ChangeId,
    /// Its commit on the main branch.
    pub merged: CommitId,
    /// Why.
    pub reason: String,
    /// The main branch.
    pub main: String,
    /// The branch on which it is proposed; `None` when it goes to the main branch at once.
    pub branch: Option<String>,
    /// Why it may go to the main branch at once.
    pub because: Option<String>,
    /// The commit.
    pub draft: CommitDraft,
    /// What validation finds in the result and not in the main branch.
    pub findings: Vec<Finding>,
}

/// A restoration, written out.
#[derive(Debug, Clone, PartialEq)]
pub struct RestorePlan {
    /// The main branch.
    pub main: String,
    /// The newest commit that validates.
    pub good: CommitId,
    /// How many commits are undone.
    pub undone: usize,
    /// What is wrong at the tip: the errors that the good one has not.
    pub errors: Vec<Finding>,
    /// When it was noticed.
    pub detected_at: DateTime<Utc>,
    /// The commit; its parent is the broken tip.
    pub draft: CommitDraft,
}

/// A commit that is on the main branch, and whose event is missing.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordPlan {
    /// A merge.
    Merged(Merged),
    /// A revert.
    Reverted {
        /// The change that was taken back.
        change: ChangeId,
        /// Its commit.
        merged: CommitId,
        /// The commit that took it back.
        commit: CommitId,
        /// Why.
        reason: String,
    },
    /// A restoration.
    Restored(Restored),
}

impl RecordPlan {
    /// The commit on the main branch.
    pub const fn commit(&self) -> &CommitId {
        match self {
            Self::Merged(merged) => &merged.commit,
            Self::Reverted { commit, .. } => commit,
            Self::Restored(restored) => &restored.commit,
        }
    }
}

/// A commit among the first parents of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// Its id.
    pub commit: CommitId,
    /// Its first parent; `None` for the first of all.
    pub parent: Option<CommitId>,
    /// Its whole message.
    pub message: String,
}

/// What sort of thing stands against a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObstacleKind {
    /// An error that validation found, by its code. Broken glass passes none that says that a file cannot be read.
    Finding(&'static str),
    /// A gate that is not open.
    Gate(Gate),
    /// Somebody wants it done otherwise.
    Wish,
    /// The calendar keeps merges away.
    Closed,
}

impl ObstacleKind {
    /// Whether broken glass passes it: everything but a file that cannot be read.
    pub fn yields_to_glass(&self) -> bool {
        !matches!(self, Self::Finding(code) if is_about_reading(code))
    }
}

/// Whether a rule is about files that cannot be read (`QD0xx` and QD1xx): past that nothing may be merged, for
/// nobody would know what it says.
pub fn is_about_reading(code: &str) -> bool {
    code.starts_with("QD0") || code.starts_with("QD1")
}

/// Something that stands against a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// What sort of thing.
    pub kind: ObstacleKind,
    /// What it is, in a few words.
    pub text: String,
}

/// Everything that stands against merging a change as it is; empty when it may be merged. `closed` is what the
/// calendar has against merges now.
pub fn obstacles(change: &Change, closed: Option<&Closure>) -> Vec<Obstacle> {
    let mut found: Vec<Obstacle> = errors(&change.findings).map(of_finding).collect();
    for status in &change.gates {
        let text = match &status.state {
            GateState::Approved { .. } => continue,
            GateState::Open if change.unproven_of(status.gate).next().is_some() => {
                let found = change.unproven_of(status.gate);
                let words: Vec<String> =
                    found.map(|one| format!("that of {} does not count, {}", one.by, one.why)).collect();
                format!("the {} gate has no approval that is proven: {}", status.gate, words.join("; "))
            }
            GateState::Open => {
                let teams: Vec<String> = status.teams.iter().map(|team| format!("@{team}")).collect();
                format!(
                    "the {} gate is open: somebody of {} must approve it",
                    status.gate,
                    teams.join(" or ")
                )
            }
            GateState::Fallen { by } => {
                format!(
                    "the {} gate fell: {by} had approved it, and it alters something else now",
                    status.gate
                )
            }
        };
        found.push(Obstacle { kind: ObstacleKind::Gate(status.gate), text });
    }
    found.extend(change.wishes.iter().filter(|wish| !wish.answered).map(|wish| Obstacle {
        kind: ObstacleKind::Wish,
        text: format!("{} wants it done otherwise: {}", wish.by, wish.note),
    }));
    found.extend(closed.map(|closure| Obstacle { kind: ObstacleKind::Closed, text: closure.words() }));
    found
}

/// An error of validation as an obstacle.
pub fn of_finding(finding: &Finding) -> Obstacle {
    let place = finding.location().map(|place| format!("{place}: ")).unwrap_or_default();
    Obstacle {
        kind: ObstacleKind::Finding(finding.code),
        text: format!("{place}{} {}", finding.code, finding.message),
    }
}

/// Whose approvals opened the gates of a change, by what the ledger has.
pub fn approvers(change: &Change, people: &People, approvals: &[Approval]) -> Vec<Approver> {
    let of_gate = |gate: Gate, handle: &str, at: DateTime<Utc>| {
        let fits = |approval: &&Approval| {
            let person = people.by_email(&approval.by.email);
            approval.gate == gate
                && approval.at == at
                && approval.withdrawn.is_none()
                && person.is_some_and(|person| person.handle.as_str() == handle)
        };
        approvals.iter().rfind(fits)
    };
    let opened = change.gates.iter().filter_map(|status| match &status.state {
        GateState::Approved { by, at, .. } => of_gate(status.gate, by.as_str(), *at),
        _ => None,
    });
    opened
        .map(|approval| Approver {
            gate: approval.gate,
            by: approval.by.clone(),
            approval: approval.commit.clone(),
        })
        .collect()
}

/// The versions that rise between the main branch and what a merge makes of it, with their tags.
pub fn releases(main: &Catalog, merged: &Catalog, services: &[ServiceName]) -> Vec<Release> {
    let version = |catalog: &Catalog, name: &ServiceName| catalog.services.get(name)?.version.clone();
    let rising = services.iter().filter_map(|name| {
        let (from, version) = (version(main, name), version(merged, name)?);
        let rises = from.as_ref().is_none_or(|from| version > *from);
        let tag =
            main.settings.tags.replace("<service>", name.as_str()).replace("<version>", &version.to_string());
        rises.then(|| Release { service: name.clone(), from, version, tag, replaces: false })
    });
    rising.collect()
}

/// The errors among findings.
pub fn errors(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| finding.level == Level::Error)
}

/// The merge of a change that was not taken back yet, if there is one: the newest.
pub fn standing_merge(record: &ChangeRecord) -> Option<&Merged> {
    record.merges.iter().rev().find(|merge| merge.reverted.is_none()).map(|merge| &merge.merged)
}

/// A commit of the main branch that says of itself that it is a change's merge, and of which the ledger has no
/// event. `ancestors` are the first parents of the main branch, the newest first.
///
/// Whoever can push can write such a message: it counts only where the ledger has an approval that fits it, or glass
/// that was broken for that head.
pub fn unrecorded_merge(
    main: &str,
    ancestors: &[Ancestor],
    change: &ChangeId,
    operations: &Operations,
) -> Option<Merged> {
    let record = operations.changes.get(change)?;
    let is_known = |merged: &Merged| {
        let approved = record
            .approvals
            .iter()
            .any(|approval| merged.approvals.contains(&approval.commit) || approval.head == merged.head);
        approved || merged.break_glass && record.glasses.iter().any(|glass| glass.head == merged.head)
    };
    ancestors
        .iter()
        .filter_map(|ancestor| merged_of(main, ancestor))
        .find(|merged| merged.change == *change && is_known(merged))
        .filter(|merged| record.merges.iter().all(|known| known.merged.commit != merged.commit))
}

/// A commit of the main branch that takes a change back, and of which the ledger has no event.
pub fn unrecorded_revert(ancestors: &[Ancestor], merged: &Merged) -> Option<RecordPlan> {
    ancestors.iter().find_map(|ancestor| {
        let trailers = Trailers::of(&ancestor.message);
        let fits = trailers.one(REVERTED) == Some(merged.commit.as_str());
        fits.then(|| RecordPlan::Reverted {
            change: merged.change.clone(),
            merged: merged.commit.clone(),
            commit: ancestor.commit.clone(),
            reason: trailers.one(REASON).unwrap_or_default().to_owned(),
        })
    })
}

/// A commit that restored the main branch, and of which the ledger has no event.
pub fn unrecorded_restoration(
    main: &str,
    ancestors: &[Ancestor],
    operations: &Operations,
) -> Option<Restored> {
    restorations(main, ancestors)
        .find(|restored| !operations.restorations.iter().any(|one| one.restored.commit == restored.commit))
}

/// The restorations that commits of the main branch tell of in their trailers, the newest first.
pub fn restorations<'a>(main: &'a str, ancestors: &'a [Ancestor]) -> impl Iterator<Item = Restored> + 'a {
    ancestors.iter().filter_map(move |ancestor| {
        let trailers = Trailers::of(&ancestor.message);
        Some(Restored {
            branch: main.to_owned(),
            from: ancestor.parent.clone()?,
            to: trailers.one(RESTORES)?.into(),
            commit: ancestor.commit.clone(),
            reason: trailers.one(REASON).unwrap_or_default().to_owned(),
            detected_at: trailers.one(DETECTED)?.parse().ok()?,
            incident: None,
        })
    })
}

#[cfg(test)]
mod tests;
