//! Break-glass: a change that may be merged past its gates and the freezes, because two people said so, for a
//! time, for one head. What was skipped is made up for afterwards.
//!
//! The ledger is not believed: whoever can push can write that glass was broken. The people of the main branch are
//! asked each time it is read.

use super::{
    change::{Change, Identity, Proposal},
    ledger::{ChangeRecord, Glass, MergeRecord, Operations},
    name::{ChangeId, CommitId, PersonName},
    people::{People, Person},
};
use chrono::{DateTime, Duration, Utc};

/// How long it may be merged unless said otherwise.
pub const USUAL_LENGTH: Duration = Duration::hours(1);

/// How long it may be merged at most.
pub const LONGEST: Duration = Duration::hours(8);

/// How long after the merge the post-mortem is due.
pub const SETTLE_WITHIN: Duration = Duration::hours(24);

/// How broken glass stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GlassState {
    /// It was asked for, and a second person has not agreed.
    Waiting {
        /// Who asked.
        by: PersonName,
        /// Until when it could be used.
        until: DateTime<Utc>,
    },
    /// It may be merged past gates and freezes.
    Granted {
        /// Until when.
        until: DateTime<Utc>,
        /// Who asked.
        by: PersonName,
        /// Who agreed.
        seconded: PersonName,
    },
    /// Its time is over, and it was not used.
    Expired,
    /// It was used; the post-mortem is missing.
    Used {
        /// Until when it must be written.
        due: DateTime<Utc>,
    },
    /// It was made up for.
    Settled,
}

impl GlassState {
    /// The word for people.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waits for a second person",
            Self::Granted { .. } => "granted",
            Self::Expired => "expired",
            Self::Used { .. } => "to be settled",
            Self::Settled => "settled",
        }
    }

    /// Whether the change may be merged past its gates and the freezes.
    pub const fn is_granted(&self) -> bool {
        matches!(self, Self::Granted { .. })
    }

    /// Whether somebody must still do something.
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Granted { .. } | Self::Used { .. })
    }
}

/// How broken glass of a change stands for its present head; `None` when nobody who may broke it for that head.
///
/// `proposal` is the change while it is open: its authors may not agree to their own. Of a change that is merged
/// or gone only what was used and settled can be told.
pub fn state(
    record: &ChangeRecord,
    people: &People,
    proposal: Option<&Proposal>,
    head: &CommitId,
    now: DateTime<Utc>,
) -> Option<GlassState> {
    let (glass, opener) = record
        .glasses
        .iter()
        .rev()
        .filter(|glass| glass.head == *head)
        .find_map(|glass| Some((glass, people.by_email(&glass.by.email).filter(|by| !by.is_agent())?)))?;
    if let Some(merge) = use_of(record, glass) {
        let is_settled = glass.settled.is_some();
        return Some(if is_settled {
            GlassState::Settled
        } else {
            GlassState::Used { due: merge.at + SETTLE_WITHIN }
        });
    }
    let until = end(glass);
    if now >= until {
        return Some(GlassState::Expired);
    }
    let seconded = glass
        .seconds
        .iter()
        .filter_map(|agreement| people.by_email(&agreement.by.email))
        .find(|person| proposal.is_some_and(|proposal| objection(person, opener, proposal).is_none()));
    Some(match seconded {
        Some(person) => {
            GlassState::Granted { until, by: opener.handle.clone(), seconded: person.handle.clone() }
        }
        None => GlassState::Waiting { by: opener.handle.clone(), until },
    })
}

/// How broken glass of an open change stands: as [`state`], of what is signed as the main branch demands.
pub fn standing(
    change: &Change,
    operations: &Operations,
    people: &People,
    now: DateTime<Utc>,
) -> Option<GlassState> {
    let proposal = &change.proposal;
    let record = operations.changes.get(&proposal.id).filter(|record| !record.glasses.is_empty())?;
    state(&change.seals.sift(record), people, Some(proposal), &proposal.head, now)
}

/// Why a person may not agree to glass that `opener` broke; `None` when they may.
pub fn objection(person: &Person, opener: &Person, proposal: &Proposal) -> Option<&'static str> {
    let is_person = |identity: &Identity| {
        person.emails.iter().any(|known| known.eq_ignore_ascii_case(identity.email.trim()))
    };
    if person.is_agent() {
        Some("it is an agent, and agents agree to nothing")
    } else if person.handle == opener.handle {
        Some("they asked for it")
    } else if proposal.authors.iter().any(is_person) {
        Some("it is their own change")
    } else if is_person(&proposal.last_committer) {
        Some("they committed last to it")
    } else {
        None
    }
}

/// When it ends, whatever was written: no longer than it may be open.
fn end(glass: &Glass) -> DateTime<Utc> {
    glass.expires.min(glass.at + LONGEST)
}

/// The merge that used it.
pub fn use_of<'a>(record: &'a ChangeRecord, glass: &Glass) -> Option<&'a MergeRecord> {
    record.merges.iter().find(|merge| merge.merged.break_glass && merge.merged.head == glass.head)
}

/// Glass that was used and not made up for, what is due first, first.
pub fn unsettled(operations: &Operations) -> Vec<(ChangeId, DateTime<Utc>)> {
    let mut open: Vec<(ChangeId, DateTime<Utc>)> = operations
        .changes
        .iter()
        .filter_map(|(change, record)| {
            let glasses = record.glasses.iter().filter(|glass| glass.settled.is_none());
            let due = glasses.filter_map(|glass| Some(use_of(record, glass)?.at + SETTLE_WITHIN)).min()?;
            Some((change.clone(), due))
        })
        .collect();
    open.sort_by_key(|(_, due)| *due);
    open
}

#[cfg(test)]
mod tests;
