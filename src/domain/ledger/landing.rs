//! Events of what landed on the main branch: each is written once, however often the run is repeated.

use super::{
    fold::Operations,
    happening::{Happening, Merged, Restored},
};
use crate::{
    domain::{
        name::{ChangeId, CommitId},
        text,
    },
    error::Failure,
};

/// Records a merge. The commit is on the main branch already; refused when the ledger has it.
pub fn merged(operations: &Operations, merged: &Merged) -> Result<Happening, Failure> {
    let known = operations.changes.get(&merged.change).map_or(&[][..], |record| record.merges.as_slice());
    match known.iter().find(|record| record.merged.commit == merged.commit) {
        Some(record) => Err(already(&merged.commit, &record.by.name)),
        None => Ok(Happening::ChangeMerged(Box::new(merged.clone()))),
    }
}

/// Records that a merged change was taken back, or that it is proposed to.
pub fn reverted(
    operations: &Operations,
    change: &ChangeId,
    merged: &CommitId,
    commit: &CommitId,
    branch: Option<&str>,
    reason: &str,
) -> Result<Happening, Failure> {
    let known = operations.changes.get(change).map_or(&[][..], |record| record.merges.as_slice());
    let record = known.iter().find(|record| record.merged.commit == *merged).ok_or_else(|| {
        Failure::refused(format!("the ledger has no merge of {change} as {}", merged.short()))
            .hint(format!("record it first with `quarterdeck change merge {change}`"))
    })?;
    if record.reverted.as_ref() == Some(commit) {
        return Err(already(commit, "somebody"));
    }
    Ok(Happening::ChangeReverted {
        change: change.clone(),
        merged: merged.clone(),
        commit: commit.clone(),
        branch: branch.map(str::to_owned),
        reason: text::clean(reason).trim().to_owned(),
    })
}

/// Records that a broken main branch was brought back.
pub fn restored(operations: &Operations, restored: &Restored) -> Result<Happening, Failure> {
    match operations.restorations.iter().find(|known| known.restored.commit == restored.commit) {
        Some(known) => Err(already(&restored.commit, &known.by.name)),
        None => Ok(Happening::MainRestored(Box::new(restored.clone()))),
    }
}

fn already(commit: &CommitId, by: &str) -> Failure {
    Failure::refused(format!("{by} recorded {} already", commit.short()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        change::{ChangeClass, Identity},
        ledger::{Entry, EntryBody, fits},
    };
    use chrono::DateTime;

    type Make<'a> = &'a dyn Fn(&Operations) -> Result<Happening, Failure>;

    fn entry(number: u32, happening: Happening) -> Entry {
        Entry {
            commit: format!("{number:040x}").into(),
            at: DateTime::UNIX_EPOCH,
            actor: Identity { name: "Bo".into(), email: "bo@example.com".into() },
            subject: happening.subject(),
            body: EntryBody::Known(happening),
        }
    }

    #[test]
    fn what_landed_is_recorded_once_and_only_a_merge_can_be_taken_back() {
        let merge = Merged {
            change: "a".into(),
            class: ChangeClass::Bugfix,
            branch: "main".into(),
            head: "1".repeat(40).into(),
            onto: "2".repeat(40).into(),
            commit: "3".repeat(40).into(),
            services: Vec::new(),
            tags: Vec::new(),
            approvals: Vec::new(),
            request: None,
            break_glass: false,
        };
        let mut operations = Operations::default();
        let back = |operations: &Operations| {
            reverted(operations, &merge.change, &merge.commit, &"4".repeat(40).into(), None, " it\nleaks ")
        };
        assert!(back(&operations).unwrap_err().message.contains("has no merge of a"));
        let restoration = Restored {
            branch: "main".into(),
            from: "5".repeat(40).into(),
            to: "6".repeat(40).into(),
            commit: "7".repeat(40).into(),
            reason: "broken".into(),
            detected_at: DateTime::UNIX_EPOCH,
            incident: None,
        };
        let made: [Make<'_>; 3] =
            [&|known| merged(known, &merge), &back, &|known| restored(known, &restoration)];
        for (number, make) in (1..).zip(made) {
            let entry = entry(number, make(&operations).unwrap());
            assert_eq!(fits(&operations, &entry), Ok(()));
            operations.apply(&entry);
            assert!(fits(&operations, &entry).is_err(), "a second time: {}", entry.subject);
            assert!(make(&operations).is_err(), "a second time: {}", entry.subject);
        }
        assert_eq!(operations.contradictions, 0);
        assert!(operations.is_merged(&"a".into(), &merge.head));
        assert!(!operations.is_merged(&"a".into(), &merge.onto));
        let reason = |happening| match happening {
            Ok(Happening::ChangeReverted { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        let other = reverted(&operations, &merge.change, &merge.commit, &merge.onto, None, " it\nleaks ");
        assert_eq!(reason(other), "it leaks");
    }
}
