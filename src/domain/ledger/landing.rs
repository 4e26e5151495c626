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
