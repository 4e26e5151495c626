//! What reviewers say, written to the ledger: read again, checked at the tip, appended once.

use super::{Outside, Reporter, append, forge_review, outcome, tell};
use crate::{
    domain::{
        catalog::Catalog,
        change::Change,
        forge::ReviewDraft,
        gate::Gate,
        ledger::{self, ApprovalDraft, Happening, Shown},
        name::{ChangeId, ServiceName},
        notice::NoticeEvent,
        plan::Outcome,
    },
    engine::changes,
    error::Failure,
    ports::{Draft, Revision},
};
use std::sync::Arc;

/// The change as it is now, with the main branch's catalog. The branch may have moved between the plan and the yes;
/// without the remote what is known here counts.
async fn read_again(
    outside: &Outside,
    change: &ChangeId,
    report: &Reporter,
) -> Result<(Change, Arc<Catalog>), Failure> {
    report.step(0, "reading the change again").await;
    let repository = &outside.ports.repository;
    repository.fetch().await.ok();
    let main = repository.load(&Revision::WorkingTree).await?.settings.main.clone();
    let catalog = repository.load(&Revision::Branch(main)).await?;
    let proposals = changes::proposals(outside, &catalog, change).await?;
    let proposal = proposals.into_iter().find(|proposal| proposal.id == *change).ok_or_else(|| {
        Failure::conflict(format!("{change} is gone: merged or deleted since the plan was shown"))
    })?;
    let loaded = changes::load(outside, proposal, &catalog).await?;
    Ok((loaded, catalog))
}

/// Approves a gate.
pub(super) async fn approve(
    outside: &Outside,
    change: &ChangeId,
    approval: &ApprovalDraft,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let (loaded, catalog) = read_again(outside, change, report).await?;
    let operator = outside.ports.repository.operator().await?;
    let gate = approval.gate;
    let subject = tell::Subject {
        event: Some(NoticeEvent::ChangeApproved),
        about: change.to_string(),
        title: format!("{gate} approved"),
        service: only_service(&loaded),
        ..tell::Subject::default()
    };
    let reviewed = ReviewDraft {
        number: 0,
        head: loaded.proposal.head.clone(),
        approve: true,
        body: approval.note.clone().unwrap_or_else(|| format!("{gate} approved")),
    };
    let branch = loaded.proposal.branch.clone();
    let approval = approval.clone();
    let draft: Draft = Box::new(move |operations| {
        ledger::approve(operations, &loaded, &catalog.people, &operator, &approval)
    });
    let receipt = append(outside, draft, report).await?;
    let outcome = outcome(format!("{gate} of {change} approved"), receipt);
    let outcome = tell::after(outside, subject, outcome, report).await;
    Ok(forge_review::after(outside, &branch, reviewed, outcome).await)
}

/// A change of several services is about none of them alone.
fn only_service(change: &Change) -> Option<ServiceName> {
    match change.services.as_slice() {
        [service] => Some(service.clone()),
        _ => None,
    }
}

/// Requests changes.
pub(super) async fn request_changes(
    outside: &Outside,
    change: &ChangeId,
    shown: &Shown,
    note: &str,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let (loaded, catalog) = read_again(outside, change, report).await?;
    let operator = outside.ports.repository.operator().await?;
    let (shown, note) = (shown.clone(), note.to_owned());
    let draft: Draft =
        Box::new(move |_| ledger::request_changes(&loaded, &catalog.people, &operator, &shown, &note));
    let receipt = append(outside, draft, report).await?;
    Ok(outcome(format!("changes of {change} requested"), receipt))
}

/// Takes an approval back, or without a gate a request for changes.
pub(super) async fn withdraw(
    outside: &Outside,
    change: &ChangeId,
    gate: Option<Gate>,
    note: Option<String>,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let operator = outside.ports.repository.operator().await?;
    let id = change.clone();
    let draft: Draft = Box::new(move |operations| {
        let happening = ledger::withdraw(operations, &id, &operator, gate, note.as_deref())?;
        match (&happening, gate) {
            // An approval came in between: the person saw that their request would be taken back.
            (Happening::ApprovalWithdrawn { .. }, None) => Err(Failure::conflict(format!(
                "you approved {id} since the plan was shown; nothing was taken back"
            ))
            .hint("name the gate to take the approval back")),
            _ => Ok(happening),
        }
    });
    let receipt = append(outside, draft, report).await?;
    let summary = match gate {
        Some(gate) => format!("the approval of {gate} of {change} is taken back"),
        None => format!("the request for changes of {change} is taken back"),
    };
    Ok(outcome(summary, receipt))
}

/// Says something.
pub(super) async fn comment(
    outside: &Outside,
    change: &ChangeId,
    text: &str,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let (id, text) = (change.clone(), text.to_owned());
    let draft: Draft = Box::new(move |_| ledger::comment(&id, &text));
    let receipt = append(outside, draft, report).await?;
    Ok(outcome(format!("commented on {change}"), receipt))
}
