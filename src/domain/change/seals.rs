//! How the events that decide about open changes are signed. The fold believes no signature and asks for none: whoever
//! can push can write an approval in somebody's name. So what counts is sifted here, by the rules of the main branch
//! as they are now.

use super::Change;
use crate::domain::{
    gate::Gate,
    ledger::ChangeRecord,
    name::{ChangeId, CommitId, PersonName},
    people::People,
    signature::SignatureState,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the signatures of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seals {
    /// Whether the main branch requires signatures.
    pub required: bool,
    /// How each event that was looked at is signed, by its commit.
    pub states: BTreeMap<CommitId, SignatureState>,
    /// Whether an event counts that was not looked at. It opens no gate; but whoever would say the same must look at
    /// what came first.
    pub unseen_counts: bool,
}

/// An approval that does not count because of its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    /// For which gate.
    pub gate: Gate,
    /// In whose name.
    pub by: PersonName,
    /// Why it does not count.
    pub why: String,
}

impl Seals {
    /// Why an event does not count; `None` when it does. One that was not looked at does not where signatures are
    /// required; one that another key signed than its author's never does.
    pub fn objection(&self, commit: &CommitId) -> Option<String> {
        match self.states.get(commit) {
            Some(SignatureState::Valid { .. }) => None,
            Some(SignatureState::Foreign { by, .. }) => Some(format!("{by} signed it")),
            Some(SignatureState::Bad(why)) => Some(why.clone()),
            _ if !self.required => None,
            None if self.unseen_counts => None,
            Some(SignatureState::Unsigned) => Some("it is not signed".to_owned()),
            Some(SignatureState::Unknown { why, .. }) => Some(why.clone()),
            Some(SignatureState::Unchecked(why)) => Some(format!("it could not be checked: {why}")),
            None => Some("its signature was not looked at yet".to_owned()),
        }
    }

    /// The same, for whoever would say what may have been said before: an event that was not looked at counts.
    #[must_use]
    pub fn believing_the_unseen(&self) -> Self {
        Self { unseen_counts: true, ..self.clone() }
    }

    /// What of a record counts.
    pub fn sift(&self, record: &ChangeRecord) -> ChangeRecord {
        let counts = |commit: &CommitId| self.objection(commit).is_none();
        let mut sifted = record.clone();
        sifted.approvals.retain(|approval| counts(&approval.commit));
        // Against a merge, even what was not looked at yet counts; once it was, only what is proven.
        sifted
            .requests
            .retain(|request| !self.states.contains_key(&request.commit) || counts(&request.commit));
        for request in &mut sifted.requests {
            request.withdrawn = request.withdrawn.filter(|_| request.withdrawal.as_ref().is_none_or(counts));
        }
        sifted.glasses.retain(|glass| counts(&glass.commit));
        for glass in &mut sifted.glasses {
            glass.seconds.retain(|agreement| counts(&agreement.commit));
        }
        sifted
    }
}

/// The events of changes whose signatures decide.
pub fn deciding<'r>(
    changes: &'r BTreeMap<ChangeId, ChangeRecord>,
    ids: impl IntoIterator<Item = &'r ChangeId>,
) -> BTreeSet<CommitId> {
    let mut commits = BTreeSet::new();
    for record in ids.into_iter().filter_map(|id| changes.get(id)) {
        commits.extend(record.approvals.iter().map(|approval| approval.commit.clone()));
        for request in &record.requests {
            commits.insert(request.commit.clone());
            commits.extend(request.withdrawal.clone());
        }
        for glass in &record.glasses {
            commits.insert(glass.commit.clone());
            commits.extend(glass.seconds.iter().map(|agreement| agreement.commit.clone()));
        }
    }
    commits
}

impl Change {
    /// Remembers how the approvals that opened gates are signed, and which do not count.
    pub(super) fn note_signatures(&mut self, people: &People, record: &ChangeRecord) {
        self.signatures.clear();
        self.unproven.clear();
        for approval in record.approvals.iter().filter(|approval| approval.withdrawn.is_none()) {
            let Some(status) = self.gates.iter().find(|status| status.gate == approval.gate) else {
                continue;
            };
            let Some(person) = people.by_email(&approval.by.email) else { continue };
            if let Some(why) = self.seals.objection(&approval.commit) {
                let by = person.handle.clone();
                self.unproven.push(Unproven { gate: approval.gate, by, why });
            } else if let crate::domain::gate::GateState::Approved { by, at, .. } = &status.state
                && *by == person.handle
                && *at == approval.at
                && let Some(state) = self.seals.states.get(&approval.commit)
            {
                self.signatures.insert(approval.gate, state.clone());
            }
        }
    }

    /// The approvals of a gate that do not count for their signature; none once somebody else's opened it.
    pub fn unproven_of(&self, gate: Gate) -> impl Iterator<Item = &Unproven> {
        let is_open = self.gates.iter().any(|status| status.gate == gate && !status.is_approved());
        self.unproven.iter().filter(move |one| is_open && one.gate == gate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{change::Identity, ledger::ChangesRequest};
    use chrono::DateTime;

    fn seals(required: bool) -> Seals {
        let states = [
            ("valid", SignatureState::Valid { by: "bo@example.com".into(), key: "k".into() }),
            ("foreign", SignatureState::Foreign { by: "cy@example.com".into(), key: "k".into() }),
            ("bad", SignatureState::Bad("it does not fit".into())),
            ("unsigned", SignatureState::Unsigned),
            ("unknown", SignatureState::Unknown { key: "k".into(), why: "nobody's".into() }),
            ("unchecked", SignatureState::Unchecked("no gpg".into())),
        ];
        let states = states.into_iter().map(|(commit, state)| (commit.into(), state)).collect();
        Seals { required, states, unseen_counts: false }
    }

    #[test]
    fn what_counts_depends_on_what_is_required() {
        let counting = |required| -> Vec<&str> {
            ["valid", "foreign", "bad", "unsigned", "unknown", "unchecked", "not seen"]
                .into_iter()
                .filter(|commit| seals(required).objection(&(*commit).into()).is_none())
                .collect()
        };
        assert_eq!(counting(true), ["valid"]);
        let lenient = Seals { unseen_counts: true, ..seals(true) };
        assert_eq!(lenient.objection(&"not seen".into()), None);
        assert!(lenient.objection(&"unsigned".into()).is_some());
        assert_eq!(counting(false), ["valid", "unsigned", "unknown", "unchecked", "not seen"]);
    }

    #[test]
    fn a_forged_request_blocks_nothing_and_a_forged_withdrawal_opens_nothing() {
        let request = |commit: &str, withdrawal: Option<&str>| ChangesRequest {
            head: "h".into(),
            digest: "d".into(),
            note: "split it".into(),
            withdrawn: withdrawal.map(|_| DateTime::UNIX_EPOCH),
            withdrawal: withdrawal.map(CommitId::from),
            by: Identity { name: "Bo".into(), email: "bo@example.com".into() },
            at: DateTime::UNIX_EPOCH,
            commit: commit.into(),
            place: 0,
        };
        let left = |required, commit: &str, withdrawal| -> Option<bool> {
            let record =
                ChangeRecord { requests: vec![request(commit, withdrawal)], ..ChangeRecord::default() };
            let sifted = seals(required).sift(&record);
            sifted.requests.first().map(|request| request.withdrawn.is_some())
        };
        // Whether it is there, and whether it is taken back then.
        assert_eq!(left(true, "valid", None), Some(false));
        assert_eq!(left(true, "unsigned", None), None);
        assert_eq!(left(false, "unsigned", None), Some(false));
        assert_eq!(left(false, "foreign", None), None);
        assert_eq!(left(true, "not seen", None), Some(false), "against a merge it counts at once");
        assert_eq!(left(true, "valid", Some("valid")), Some(true));
        assert_eq!(left(true, "valid", Some("foreign")), Some(false));
        assert_eq!(left(true, "valid", Some("not seen")), Some(false));
        let record = ChangeRecord { requests: vec![request("one", Some("two"))], ..ChangeRecord::default() };
        let changes = BTreeMap::from([("api-1".into(), record)]);
        assert_eq!(deciding(&changes, [&"api-1".into()]), BTreeSet::from(["one".into(), "two".into()]));
    }
}
