//! Opening the request of a change on the forge.

use super::Reporter;
use crate::{
    domain::{
        forge::{ForgeSettings, RequestDraft},
        ledger::Verdict,
        name::{ChangeId, CommitId},
        plan::Outcome,
    },
    engine::Outside,
    error::Failure,
};

/// Sees that the branch is where it was shown, then opens its request, or finds the one that is open.
pub(super) async fn run(
    outside: &Outside,
    change: &ChangeId,
    head: &CommitId,
    draft: &RequestDraft,
    forge: &ForgeSettings,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    report.step(0, "looking").await;
    // Without the remote, what is known of it here counts; the forge knows its own branches.
    outside.ports.repository.fetch().await.ok();
    let found = outside.ports.repository.branch(&draft.branch).await?;
    if found.as_ref() != Some(head) {
        return Err(Failure::conflict(format!(
            "{change} has moved or is gone since the plan was shown; nothing was opened"
        ))
        .hint("look at its new head, and ask again"));
    }
    report.step(0, format!("{} is at {}", draft.branch, head.short())).await;
    report.step(1, "opening").await;
    let number = outside.ports.forge.open_request(forge, draft).await?;
    report.step(1, format!("#{number}")).await;
    Ok(Outcome {
        verdict: Verdict::Pass,
        summary: format!("{} is request #{number} in {}", draft.branch, forge.repository),
        incident: None,
        commit: None,
        // There is no event that could wait.
        synced: true,
        deliveries: Vec::new(),
    })
}
