//! Telling the forge how validation of a change's head comes out.

use super::Reporter;
use crate::{
    domain::{
        forge::{self, COMMENT_MARKER, ForgeSettings, STATUS_CONTEXT, StatusState},
        ledger::Verdict,
        name::{ChangeId, CommitId},
        plan::Outcome,
    },
    engine::{Outside, changes},
    error::Failure,
    ports::Revision,
};

/// Validates the head that was shown, sets the status, and writes the comment.
pub(super) async fn run(
    outside: &Outside,
    change: &ChangeId,
    head: &CommitId,
    request: Option<u64>,
    settings: &ForgeSettings,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    report.step(0, "validating").await;
    let repository = &outside.ports.repository;
    let main = repository.load(&Revision::WorkingTree).await?.settings.main.clone();
    let catalog = repository.load(&Revision::Branch(main)).await?;
    let proposals = repository.proposals(&catalog).await?;
    let proposal = proposals.into_iter().find(|proposal| proposal.id == *change && proposal.head == *head);
    let proposal = proposal.ok_or_else(|| {
        Failure::conflict(format!(
            "{change} has moved or is gone since the plan was shown; nothing was posted"
        ))
        .hint("look at its new head, and post that")
    })?;
    let mut loaded = changes::load(outside, proposal, &catalog).await?;
    let operations = outside.ports.ledger.state().await?.operations;
    loaded.judge(&catalog.people, &operations);
    let status = forge::validation_status(&loaded, &loaded.findings);
    report.step(1, status.description.clone()).await;
    outside.ports.forge.post_status(settings, &status).await?;
    let word = match status.state {
        StatusState::Success => "success",
        _ => "failure",
    };
    let mut summary = format!("{STATUS_CONTEXT} of {} is {word} ({})", head.short(), status.description);
    if let Some(number) = request {
        report.step(2, format!("#{number}")).await;
        let body = forge::validation_comment(&loaded, &loaded.findings);
        outside.ports.forge.post_comment(settings, number, COMMENT_MARKER, &body).await.map_err(
            |failure| failure.hint("the status of the head is set already; posting again is safe"),
        )?;
        summary += &format!("; #{number} has the comment");
    }
    Ok(Outcome {
        verdict: Verdict::Pass,
        summary,
        incident: None,
        commit: None,
        // There is no event that could wait.
        synced: true,
        deliveries: Vec::new(),
    })
}
