//! Leading: of several agents one acts at a time. A record says which; whoever leads renews it, and who wants to lead
//! waits until it was released, or until it has not changed for as long as it holds.

use super::name::ContextName;
use crate::domain::units::format_duration;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// Where agents agree who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeasePlace {
    /// A lock file of this clone: for one machine.
    Repository,
    /// A Lease of a cluster (`coordination.k8s.io/v1`).
    Cluster {
        /// Context in the kubeconfig.
        context: ContextName,
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
}

impl fmt::Display for LeasePlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository => formatter.write_str("the lock of this clone"),
            Self::Cluster { context, namespace, name } => {
                write!(formatter, "the lease {namespace}/{name} in {context}")
            }
        }
    }
}

/// How long leading holds without being renewed, and what follows from it, in the proportions of client-go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    /// How long others wait for a record that does not change.
    pub duration: Duration,
}

impl Default for LeaseTerms {
    fn default() -> Self {
        Self { duration: Duration::from_secs(15) }
    }
}

impl LeaseTerms {
    /// After how long without a renewal the leader itself stops: before others may begin.
    pub const fn deadline(self) -> Duration {
        Duration::from_millis(self.duration.as_millis() as u64 * 2 / 3)
    }

    /// Time between two renewals, and between two attempts.
    pub const fn retry(self) -> Duration {
        Duration::from_millis(self.duration.as_millis() as u64 * 2 / 15)
    }

    /// How old a renewal may be so that a mutation may still begin when no newer one can be had: what it takes
    /// must end while nobody else may begin.
    pub const fn trusted(self) -> Duration {
        Duration::from_millis(self.duration.as_millis() as u64 / 3)
    }
}

/// Who leads, as everybody can read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// Who leads; empty once it was released.
    pub holder: String,
    /// How long it holds after each renewal, in seconds.
    pub duration_seconds: u64,
    /// When the holder took it, by the holder's clock.
    pub acquired_at: DateTime<Utc>,
    /// When it was renewed last, by the holder's clock.
    pub renewed_at: DateTime<Utc>,
    /// How often it went to another one.
    pub transitions: u32,
    /// When the holder last looked whether there is something to do, by its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticked_at: Option<DateTime<Utc>>,
}

impl LeaseRecord {
    /// Whether it may be taken by somebody who has seen it unchanged for `unchanged`, by their own clock. The times in
    /// the record are another clock's, and decide nothing.
    pub fn is_free(&self, unchanged: Duration) -> bool {
        self.holder.is_empty() || unchanged > Duration::from_secs(self.duration_seconds)
    }

    /// What it becomes when `who` takes or renews it.
    pub fn claim(before: Option<&Self>, who: &str, now: DateTime<Utc>, terms: LeaseTerms) -> Self {
        let own = before.filter(|before| before.holder == who);
        let transitions = before.map_or(0, |before| before.transitions);
        Self {
            holder: who.to_owned(),
            duration_seconds: terms.duration.as_secs().max(1),
            acquired_at: own.map_or(now, |own| own.acquired_at),
            renewed_at: now,
            transitions: if own.is_some() || before.is_none() { transitions } else { transitions + 1 },
            ticked_at: own.and_then(|own| own.ticked_at),
        }
    }

    /// What it becomes when it is given up.
    #[must_use]
    pub fn released(&self, now: DateTime<Utc>) -> Self {
        Self { holder: String::new(), duration_seconds: 1, renewed_at: now, ..self.clone() }
    }
}

/// What became of an attempt to lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// We lead.
    Ours(LeaseRecord),
    /// Somebody else does, or may.
    Theirs(LeaseRecord),
}

/// How the leader is seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    /// The record; `None` where there never was an agent.
    pub record: Option<LeaseRecord>,
    /// Since when the record has been as it is, by our clock.
    pub unchanged_since: DateTime<Utc>,
    /// Whether this very process leads.
    pub is_here: bool,
}

/// How an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentState {
    /// There is none.
    None,
    /// It leads and looks what there is to do.
    Alive,
    /// It leads, and has not looked for a while.
    Stuck,
    /// It led, and does not renew any more.
    Gone,
}

/// How long a leader may not have looked until it counts as stuck; making plans takes that long at most.
const STUCK: chrono::Duration = chrono::Duration::minutes(3);

impl AgentView {
    /// How it is doing at `now`, with the time since its last sign of life.
    pub fn state(&self, now: DateTime<Utc>) -> (AgentState, chrono::Duration) {
        let Some(record) = self.record.as_ref().filter(|record| !record.holder.is_empty()) else {
            return (AgentState::None, chrono::Duration::zero());
        };
        let silent = (now - self.unchanged_since).max(chrono::Duration::zero());
        if record.is_free(silent.to_std().unwrap_or_default()) {
            return (AgentState::Gone, silent);
        }
        // Both times are the holder's, so that their difference is true whatever its clock says.
        let behind = record.ticked_at.map(|ticked| record.renewed_at - ticked).unwrap_or_default();
        let since = silent + behind.max(chrono::Duration::zero());
        (if since > STUCK { AgentState::Stuck } else { AgentState::Alive }, since)
    }

    /// In a few words: `4s`, `none`, `gone 2m`.
    pub fn words(&self, now: DateTime<Utc>) -> String {
        match self.state(now) {
            (AgentState::None, _) => "none".to_owned(),
            (AgentState::Alive, since) => format_duration(since),
            (AgentState::Stuck, since) => format!("stuck {}", format_duration(since)),
            (AgentState::Gone, since) => format!("gone {}", format_duration(since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
    }

    fn record(holder: &str) -> LeaseRecord {
        LeaseRecord::claim(None, holder, at(0), LeaseTerms::default())
    }

    #[test]
    fn only_our_own_clock_tells_when_a_record_is_free() {
        let held = LeaseRecord { renewed_at: at(-900_000), ..record("one") };
        for (record, unchanged, free) in [
            (record("one"), 0, false),
            (record("one"), 15, false),
            (record("one"), 16, true),
            // Its clock is days behind ours, or ahead: that says nothing.
            (held.clone(), 0, false),
            (held, 15, false),
            (record("one").released(at(3)), 0, true),
        ] {
            assert_eq!(record.is_free(Duration::from_secs(unchanged)), free, "{record:?} {unchanged}");
        }
    }

    #[test]
    fn a_claim_keeps_what_is_ours_and_counts_what_goes_over() {
        let first = record("one");
        assert_eq!((first.transitions, first.acquired_at), (0, at(0)));
        let renewed = LeaseRecord::claim(Some(&first), "one", at(2), LeaseTerms::default());
        assert_eq!((renewed.transitions, renewed.acquired_at, renewed.renewed_at), (0, at(0), at(2)));
        let other = LeaseRecord::claim(Some(&renewed), "two", at(40), LeaseTerms::default());
        assert_eq!((other.transitions, other.acquired_at), (1, at(40)));
        let again = LeaseRecord::claim(Some(&other.released(at(41))), "one", at(42), LeaseTerms::default());
        assert_eq!((again.transitions, again.duration_seconds), (2, 15));
    }

    #[test]
    fn the_leader_stops_before_others_may_begin() {
        for seconds in [3, 15, 60] {
            let terms = LeaseTerms { duration: Duration::from_secs(seconds) };
            assert!(terms.retry() < terms.trusted() && terms.trusted() < terms.deadline());
            assert!(terms.deadline() + terms.retry() < terms.duration, "{seconds}");
        }
    }

    #[test]
    fn an_agent_is_seen_as_it_is() {
        let view = |record: Option<LeaseRecord>, since| AgentView {
            record,
            unchanged_since: at(since),
            is_here: false,
        };
        let ticked = |ticked| Some(LeaseRecord { ticked_at: Some(at(ticked)), ..record("one") });
        for (view, now, expected) in [
            (view(None, 0), 99, "none"),
            (view(Some(record("one").released(at(1))), 0), 99, "none"),
            (view(Some(record("one")), 0), 2, "2s"),
            (view(ticked(-2), 0), 2, "4s"),
            (view(ticked(-600), 0), 2, "stuck 10m"),
            (view(ticked(0), 0), 16, "gone 16s"),
            // Our clock was set back meanwhile.
            (view(ticked(0), 0), -30, "0s"),
        ] {
            assert_eq!(view.words(at(now)), expected, "{view:?}");
        }
    }
}
