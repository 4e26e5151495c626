//! Breaking the glass for a deployment: the incident first, then the event that a second person may agree to.

use super::{Situation, tell};
use crate::{
    domain::{
        change::Identity,
        escalation::Severity,
        ledger::{self, Happening},
        name::IncidentId,
        notice::NoticeEvent,
        plan::Outcome,
        units::format_duration,
    },
    engine::{
        Outside,
        work::{Reporter, append, outcome},
    },
    error::Failure,
    ports::Draft,
};
use chrono::Duration;

/// Declares the incident, then breaks the glass. What would refuse the second is asked before the first, so that no
/// incident is left without its glass.
pub(super) async fn open(
    outside: &Outside,
    situation: &Situation,
    (reason, length): (&str, Duration),
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let id = &situation.record.id;
    let operator = outside.ports.repository.operator().await?;
    draft(situation, &operator, (reason, length), None)(&situation.operations)?;
    let service = situation.order().service.clone();
    let title = format!("break-glass: {id}, {service} {}, {reason}", situation.order().version);
    let (about, said, at) = (service.clone(), title.clone(), situation.now);
    let declared: Draft = Box::new(move |operations| {
        ledger::declare_with_post_mortem(operations, Severity::High, &said, &about, at)
    });
    let declared = append(outside, declared, report).await?;
    let Happening::IncidentDeclared { incident, .. } = &declared.happening else {
        return Err(Failure::failed("the ledger did not tell which incident was declared"));
    };
    let opened = draft(situation, &operator, (reason, length), Some(incident.clone()));
    // The plan has the incident before it.
    let report = &report.from(1);
    let receipt = append(outside, opened, report).await.map_err(|failure| {
        failure.hint(format!("{incident} was declared for it: resolve it, or break the glass again"))
    })?;
    let subject = tell::Subject {
        event: Some(NoticeEvent::IncidentDeclared),
        about: incident.to_string(),
        title,
        severity: Some(Severity::High),
        service: Some(service),
        ..tell::Subject::default()
    };
    let told = tell::after(outside, subject, outcome(String::new(), declared.clone()), report).await;
    let summary = format!(
        "the glass is broken for {id} for {}; {incident} is open, and a second person must agree{}",
        format_duration(length),
        told.summary
    );
    let synced = receipt.synced && told.synced;
    let broken = outcome(summary, receipt);
    Ok(Outcome { incident: Some(incident.clone()), deliveries: told.deliveries, synced, ..broken })
}

/// The event, for an incident; for the one that comes next where there is none yet.
fn draft(
    situation: &Situation,
    operator: &Identity,
    (reason, length): (&str, Duration),
    incident: Option<IncidentId>,
) -> Draft {
    let (id, main, operator) = (situation.record.id.clone(), situation.main.clone(), operator.clone());
    let (reason, now, seals) = (reason.to_owned(), situation.now, situation.seals.clone());
    Box::new(move |operations| {
        let incident = incident.clone().unwrap_or_else(|| operations.next_incident());
        let people = (&main.people, &operator);
        ledger::open_deployment_glass(operations, &id, people, (&reason, length), &incident, now, &seals)
    })
}
