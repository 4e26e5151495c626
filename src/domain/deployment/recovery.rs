//! How long it took to see that a deployment was bad, and to get over it.

use super::{
    order::{Leg, Stage},
    record::DeploymentRecord,
};
use crate::domain::ledger::Verdict;
use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

/// When what happened to a deployment that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// When the cluster was first asked for something.
    pub began_at: DateTime<Utc>,
    /// When it was found to be bad.
    pub failed_at: DateTime<Utc>,
    /// When its incident was opened.
    pub incident_at: Option<DateTime<Utc>>,
    /// When the version before was seen to run again, everywhere; `None` while it is not.
    pub restored_at: Option<DateTime<Utc>>,
    /// When Git was settled; `None` while it is not.
    pub settled_at: Option<DateTime<Utc>>,
}

impl Recovery {
    /// The times of a deployment; `None` for one that did not fail.
    pub fn of(record: &DeploymentRecord) -> Option<Self> {
        let failed = record.failed.as_ref()?;
        let began = record.judged.iter().find(|judged| matches!(judged.leg.stage, Stage::Step(_)));
        let over = |stage| record.result(&Leg::all(stage)).map(|judged| judged.at);
        // Legs in an environment are about what runs; the others keep books. One that failed, or that somebody took as
        // passed, was not seen.
        let legs = record.legs();
        let mut steps = legs.iter().filter(|leg| leg.environment.is_some());
        let restored_at = steps.try_fold(failed.at, |latest, leg| {
            let judged = record.result(leg).filter(|judged| judged.verdict == Verdict::Pass)?;
            Some(latest.max(judged.at))
        });
        Some(Self {
            began_at: began.map_or(failed.since, |judged| judged.since),
            failed_at: failed.at,
            incident_at: over(Stage::Incident),
            restored_at,
            settled_at: over(Stage::Settle),
        })
    }

    /// From the first step to the fault.
    pub fn detection(&self) -> Duration {
        (self.failed_at - self.began_at).max(Duration::zero())
    }

    /// From the fault until the version before ran again.
    pub fn way_back(&self) -> Option<Duration> {
        self.restored_at.map(|at| (at - self.failed_at).max(Duration::zero()))
    }

    /// From the fault until Git was settled.
    pub fn settling(&self) -> Option<Duration> {
        self.settled_at.map(|at| (at - self.failed_at).max(Duration::zero()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        change::Identity,
        deployment::{fixture, record::Turn, release::Strategy},
    };

    #[test]
    fn times_run_from_the_first_step_to_the_fault_and_from_there_back() {
        let order = fixture::order(true, Strategy::Immediate, &[("production", 0)]);
        let by = Identity { name: "Ana".into(), email: "ana@example.com".into() };
        let at = |second: i64| DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap();
        let mut record = DeploymentRecord::new("DEP-1".into(), order, at(0), by.clone());
        let judge = |record: &mut DeploymentRecord, second: i64, verdict: Verdict| {
            let leg = record.next_leg().unwrap();
            if matches!(leg.stage, Stage::Step(_) | Stage::Undo) {
                let began = Turn::Began { leg: &leg, holder: "h", until: at(1_000) };
                record.apply(&began, at(second - 1), &by).unwrap();
            }
            let turn = Turn::Judged { leg: &leg, verdict, detail: "", figures: None };
            record.apply(&turn, at(second), &by).unwrap();
            Recovery::of(record)
        };
        // Gates, precheck, apply, health.
        for second in [10, 20, 31, 40] {
            assert_eq!(judge(&mut record, second, Verdict::Pass), None);
        }
        let failed = judge(&mut record, 60, Verdict::Fail).unwrap();
        assert_eq!((failed.detection(), failed.way_back()), (Duration::seconds(30), None));
        let mut lost = record.clone();
        // Undo, incident, and a health that never came.
        for (second, verdict) in [(62, Verdict::Pass), (63, Verdict::Pass), (70, Verdict::Fail)] {
            let seen = judge(&mut lost, second, verdict).unwrap();
            assert_eq!(seen.restored_at, None, "what nobody saw is not restored");
        }
        // Undo, incident, its health, quarantine, Git.
        judge(&mut record, 62, Verdict::Pass);
        assert_eq!(
            judge(&mut record, 63, Verdict::Pass).unwrap().restored_at,
            None,
            "books do not run anything"
        );
        let restored = judge(&mut record, 70, Verdict::Pass).unwrap();
        assert_eq!(restored.way_back(), Some(Duration::seconds(10)));
        assert_eq!((restored.incident_at, restored.settled_at), (Some(at(63)), None));
        judge(&mut record, 71, Verdict::Pass);
        let settled = judge(&mut record, 75, Verdict::Pass).unwrap();
        assert_eq!(settled.settling(), Some(Duration::seconds(15)));
    }
}
