//! Breaking the glass for a change, agreeing to it, and settling it.

use super::{super::changes, Reporter, append, outcome, tell};
use crate::{
    domain::{
        break_glass::SETTLE_WITHIN,
        catalog::Catalog,
        change::Proposal,
        escalation::Severity,
        ledger::{self, Happening},
        name::{ChangeId, CommitId},
        notice::NoticeEvent,
        plan::Outcome,
        units::format_duration,
    },
    engine::Outside,
    error::Failure,
    ports::{Draft, Revision},
};
use chrono::Duration;
use std::sync::Arc;

/// Declares the incident, then breaks the glass. What would refuse the second is asked before the first, so that
/// no incident is left without its glass.
pub(super) async fn open(
    outside: &Outside,
    change: &ChangeId,
    head: &CommitId,
    reason: &str,
    length: Duration,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let (catalog, proposal) = read_again(outside, change, report).await?;
    let operator = outside.ports.repository.operator().await?;
    let draft = |incident: Option<crate::domain::name::IncidentId>| -> Draft {
        let (catalog, proposal, operator) = (catalog.clone(), proposal.clone(), operator.clone());
        let (head, reason, now) = (head.clone(), reason.to_owned(), outside.ports.clock.now());
        Box::new(move |operations| {
            let incident = incident.clone().unwrap_or_else(|| operations.next_incident());
            let people = &catalog.people;
            ledger::open_glass(
                operations, &proposal, people, &operator, &head, &reason, length, &incident, now,
            )
        })
    };
    draft(None)(&outside.ports.ledger.state().await?.operations)?;
    let title = format!("break-glass: {change}, {reason}");
    let subject = tell::Subject {
        event: Some(NoticeEvent::IncidentDeclared),
        title: title.clone(),
        severity: Some(Severity::High),
        ..tell::Subject::default()
    };
    let declared: Draft =
        Box::new(move |operations| ledger::declare(operations, Severity::High, &title, None));
    let declared = append(outside, declared, report).await?;
    let Happening::IncidentDeclared { incident, .. } = &declared.happening else {
        return Err(Failure::failed("the ledger did not tell which incident was declared"));
    };
    let receipt = append(outside, draft(Some(incident.clone())), report).await.map_err(|failure| {
        failure.hint(format!("{incident} was declared for it: resolve it, or break the glass again"))
    })?;
    let summary = format!(
        "the glass is broken for {change} at {} for {}; {incident} is open, and a second person must agree",
        head.short(),
        format_duration(length)
    );
    let outcome = Outcome { incident: Some(incident.clone()), ..outcome(summary, receipt) };
    let subject = tell::Subject { about: incident.to_string(), ..subject };
    Ok(tell::after(outside, subject, outcome, report).await)
}

/// Agrees to it.
pub(super) async fn second(
    outside: &Outside,
    change: &ChangeId,
    head: &CommitId,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let (catalog, proposal) = read_again(outside, change, report).await?;
    let operator = outside.ports.repository.operator().await?;
    let (expected, now) = (head.clone(), outside.ports.clock.now());
    let draft: Draft = Box::new(move |operations| {
        ledger::second_glass(operations, &proposal, &catalog.people, &operator, &expected, now)
    });
    let receipt = append(outside, draft, report).await?;
    let summary = format!("{change} at {} may be merged past its gates and freezes", head.short());
    Ok(outcome(summary, receipt))
}

/// Settles it; the change may be long merged and its branch gone.
pub(super) async fn settle(
    outside: &Outside,
    change: &ChangeId,
    note: &str,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    report.step(0, "reading the people").await;
    outside.ports.repository.fetch().await.ok();
    let catalog = main(outside).await?;
    let operator = outside.ports.repository.operator().await?;
    let (id, note) = (change.clone(), note.to_owned());
    let draft: Draft =
        Box::new(move |operations| ledger::settle_glass(operations, &id, &catalog.people, &operator, &note));
    let receipt = append(outside, draft, report).await?;
    let due = format_duration(SETTLE_WITHIN);
    Ok(outcome(
        format!("the broken glass for {change} is settled (it was due {due} after the merge)"),
        receipt,
    ))
}

/// The main branch, which alone says who is who.
async fn main(outside: &Outside) -> Result<Arc<Catalog>, Failure> {
    let repository = &outside.ports.repository;
    let main = repository.load(&Revision::WorkingTree).await?.settings.main.clone();
    repository.load(&Revision::Branch(main)).await
}

/// The change as it is now: its branch may have moved between the plan and the yes.
async fn read_again(
    outside: &Outside,
    change: &ChangeId,
    report: &Reporter,
) -> Result<(Arc<Catalog>, Proposal), Failure> {
    report.step(0, "reading the change again").await;
    outside.ports.repository.fetch().await.ok();
    let catalog = main(outside).await?;
    let proposals = changes::proposals(outside, &catalog, change).await?;
    let proposal = proposals.into_iter().find(|proposal| proposal.id == *change).ok_or_else(|| {
        Failure::conflict(format!("{change} is gone: merged or deleted since the plan was shown"))
    })?;
    Ok((catalog, proposal))
}
