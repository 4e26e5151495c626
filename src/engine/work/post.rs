//! Keeping how validation of a change's head comes out, and telling the forge.

use super::{Reporter, synced_text};
use crate::{
    domain::{
        finding::Level,
        forge::{self, COMMENT_MARKER, CheckState, ForgeSettings, STATUS_CONTEXT, StatusState},
        ledger::{self, ValidatedHead, Verdict},
        name::{ChangeId, CommitId},
        plan::Outcome,
    },
    engine::{Outside, changes},
    error::{Failure, FailureKind},
    ports::{Draft, Revision},
};

/// Validates the head that was shown, sets the status, writes the comment, and records it. A status that the forge shows
/// already is not set again.
pub(super) async fn run(
    outside: &Outside,
    change: &ChangeId,
    head: &CommitId,
    request: Option<u64>,
    settings: Option<&ForgeSettings>,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    report.step(0, "validating").await;
    let repository = &outside.ports.repository;
    let main = repository.load(&Revision::WorkingTree).await?.settings.main.clone();
    let catalog = repository.load(&Revision::Branch(main)).await?;
    let proposals = changes::proposals(outside, &catalog, change).await?;
    let proposal = proposals.into_iter().find(|proposal| proposal.id == *change && proposal.head == *head);
    let proposal = proposal.ok_or_else(|| {
        Failure::conflict(format!(
            "{change} has moved or is gone since the plan was shown; nothing was posted"
        ))
        .hint("look at its new head, and post that")
    })?;
    let base = proposal.base.clone();
    let mut loaded = changes::load(outside, proposal, &catalog).await?;
    let operations = outside.ports.ledger.state().await?.operations;
    loaded.judge(&catalog.people, &operations);
    let status = forge::validation_status(&loaded, &loaded.findings);
    report.step(0, status.description.clone()).await;
    let mut summary = format!("{change} at {}: {}", head.short(), status.description);
    let mut step = 1;
    if let Some(settings) = settings {
        // Whoever was cut off before recording it may have set it: that is seen, and not done twice.
        let recorded = operations.changes.get(change).and_then(|record| record.validated.as_ref());
        let is_new = recorded.is_none_or(|known| known.result.head != *head);
        if !(is_new && is_shown(outside, settings, request, &status).await) {
            outside.ports.forge.post_status(settings, &status).await?;
        }
        report.step(step, status.description.clone()).await;
        let word = match status.state {
            StatusState::Success => "success",
            _ => "failure",
        };
        summary = format!("{STATUS_CONTEXT} of {} is {word} ({})", head.short(), status.description);
        if let Some(number) = request {
            step += 1;
            report.step(step, format!("#{number}")).await;
            let body = forge::validation_comment(&loaded, &loaded.findings);
            outside.ports.forge.post_comment(settings, number, COMMENT_MARKER, &body).await.map_err(
                |failure| failure.hint("the status of the head is set already; posting again is safe"),
            )?;
            summary += &format!("; #{number} has the comment");
        }
        step += 1;
    }
    let count = |level| loaded.findings.iter().filter(|finding| finding.level == level).count();
    let result = ValidatedHead {
        head: head.clone(),
        base,
        errors: count(Level::Error),
        warnings: count(Level::Warning),
        posted: settings.is_some(),
    };
    let id = change.clone();
    let draft: Draft = Box::new(move |operations| ledger::validated(operations, &id, &result));
    let mut outcome = Outcome {
        verdict: Verdict::Pass,
        summary,
        incident: None,
        commit: None,
        synced: true,
        deliveries: Vec::new(),
    };
    match outside.ports.ledger.append(outside.ports.clock.now(), draft).await {
        Ok(receipt) => {
            report.step(step, synced_text(&receipt)).await;
            outcome.synced = receipt.synced;
            outcome.commit = Some(receipt.commit);
        }
        // The ledger has it already.
        Err(failure) if failure.kind == FailureKind::Refused => {}
        Err(failure) if settings.is_none() => return Err(failure),
        Err(failure) => outcome.summary += &format!("; the ledger could not keep it: {failure}"),
    }
    Ok(outcome)
}

/// Whether the forge shows this very verdict at this head already.
async fn is_shown(
    outside: &Outside,
    settings: &ForgeSettings,
    request: Option<u64>,
    status: &forge::CommitStatus,
) -> bool {
    let (Some(number), state) = (request, status.state) else { return false };
    let wanted = match state {
        StatusState::Success => CheckState::Passed,
        StatusState::Failure | StatusState::Error => CheckState::Failed,
        StatusState::Pending => return false,
    };
    let Ok(requests) = outside.ports.forge.requests(settings).await else { return false };
    requests.iter().any(|known| {
        known.number == number
            && known.head == status.head
            && known.checks.iter().any(|check| check.name == status.context && check.state == wanted)
    })
}
