//! Of what people said about a deployment, what counts. The fold believes no signature and asks for none: whoever can
//! push can write an approval in somebody's name. So it is sifted by the rules of the main branch, as they are now.

use super::record::DeploymentRecord;
use crate::domain::{change::Seals, name::CommitId};

/// The record without approvals and broken glass that do not count for their signature. A failed check that somebody
/// accepted stays as it is: [`super::gate::distrusted`] is asked about it.
pub fn proven(record: &DeploymentRecord, seals: &Seals) -> DeploymentRecord {
    let counts = |commit: &CommitId| seals.objection(commit).is_none();
    let mut sifted = record.clone();
    sifted.approvals.retain(|given| counts(&given.commit));
    sifted.glass = sifted.glass.filter(|glass| counts(&glass.commit));
    if let Some(glass) = &mut sifted.glass {
        glass.seconds.retain(|second| counts(&second.commit));
    }
    sifted
}

/// The events of a deployment whose signatures decide.
pub fn deciding(record: &DeploymentRecord) -> impl Iterator<Item = &CommitId> {
    let approvals = record.approvals.iter().map(|given| &given.commit);
    let accepted = record.accepted.iter().map(|accepted| &accepted.commit);
    let glass = record.glass.iter().flat_map(|glass| {
        std::iter::once(&glass.commit).chain(glass.seconds.iter().map(|second| &second.commit))
    });
    approvals.chain(accepted).chain(glass)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        change::Identity,
        deployment::{fixture, gate::ReleaseGate, record::Turn, release::Strategy},
        signature::SignatureState,
    };
    use chrono::{DateTime, Duration};

    #[test]
    fn what_another_key_signed_opens_nothing() {
        let (at, ana) =
            (DateTime::UNIX_EPOCH, Identity { name: "Ana".into(), email: "ana@example.com".into() });
        let order = fixture::order(true, Strategy::Immediate, &[("production", 0)]);
        let mut record = DeploymentRecord::new("DEP-1".into(), order, at, ana.clone());
        let commits = ["approved", "opened", "seconded"].map(CommitId::from);
        let [approved, opened, seconded] = &commits;
        let incident = "INC-1".into();
        for turn in [
            Turn::Approved { gate: ReleaseGate::Product, note: None, commit: approved },
            Turn::GlassOpened {
                reason: "x",
                expires: at + Duration::hours(1),
                incident: &incident,
                commit: opened,
            },
            Turn::GlassSeconded { commit: seconded },
        ] {
            record.apply(&turn, at, &ana).unwrap();
        }
        assert_eq!(deciding(&record).cloned().collect::<Vec<_>>(), commits);
        let valid = SignatureState::Valid { by: "ana@example.com".into(), key: "k".into() };
        let foreign = SignatureState::Foreign { by: "eve@example.com".into(), key: "k".into() };
        // Which of them is not Ana's, and what is left: approvals, glass, who agreed.
        for (bad, left) in
            [(None, (1, true, 1)), (Some(0), (0, true, 1)), (Some(1), (1, false, 0)), (Some(2), (1, true, 0))]
        {
            let state = |index| if Some(index) == bad { foreign.clone() } else { valid.clone() };
            let states = commits.iter().cloned().enumerate().map(|(index, commit)| (commit, state(index)));
            let seals = Seals { required: true, states: states.collect(), unseen_counts: false };
            let sifted = proven(&record, &seals);
            let seconds = sifted.glass.as_ref().map_or(0, |glass| glass.seconds.len());
            assert_eq!((sifted.approvals.len(), sifted.glass.is_some(), seconds), left, "{bad:?}");
        }
        let unseen = |required| proven(&record, &Seals { required, ..Seals::default() }).approvals.len();
        assert_eq!(
            (unseen(true), unseen(false)),
            (0, 1),
            "what was not looked at counts only where none is asked for"
        );
    }
}
