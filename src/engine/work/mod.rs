//! Confirmed plans, run to a verified end and written to the ledger. Each mutation is sent once.

mod act;
pub(super) mod announce;
mod assume;
mod break_glass;
mod deliver;
pub mod deploy;
mod forge_review;
pub(super) mod landing;
mod merge;
mod post;
pub(super) mod propose;
mod request;
mod restore;
mod revert;
mod review;
mod rollback;
mod tell;
mod watch;

use super::Outside;
use crate::{
    domain::{
        ledger::{self, Happening, Verdict},
        name::IncidentId,
        notice::NoticeEvent,
        plan::{Outcome, Plan, Progress, Work},
    },
    error::Failure,
    model::{event::Event, jobs::JobId},
    ports::{Draft, Receipt},
};
use tokio::sync::mpsc;

/// Tells the loop how far a work is.
#[derive(Debug, Clone)]
pub struct Reporter {
    told: Option<(JobId, mpsc::Sender<Event>)>,
    /// The step of the plan that the work's first one is.
    first: usize,
    /// Whether the plan has no further steps for it: then all is told there.
    only: bool,
}

impl Reporter {
    pub(super) fn new(job: JobId, answers: mpsc::Sender<Event>) -> Self {
        Self { told: Some((job, answers)), first: 0, only: false }
    }

    /// One that nobody listens to.
    pub const fn silent() -> Self {
        Self { told: None, first: 0, only: false }
    }

    /// The same for a work that is part of another one, and begins with its step `first`.
    fn from(&self, first: usize) -> Self {
        Self { first: self.first + first, ..self.clone() }
    }

    /// The same for a work that is one step of another one.
    fn only(&self, first: usize) -> Self {
        Self { only: true, ..self.from(first) }
    }

    async fn step(&self, step: usize, detail: impl Into<String>) {
        let Some((job, answers)) = &self.told else { return };
        let progress =
            Progress { step: self.first + if self.only { 0 } else { step }, detail: detail.into() };
        // Nobody may be watching any more; the work goes on all the same.
        let _ = answers.send(Event::Progress(*job, progress)).await;
    }
}

/// Runs a plan to its end.
pub(super) async fn run(outside: &Outside, plan: &Plan, report: &Reporter) -> Result<Outcome, Failure> {
    match &plan.work {
        Work::Rollback(back) => rollback::run(outside, back, report).await,
        Work::RollbackTogether(rollbacks) => rollback::together(outside, rollbacks, report).await,
        Work::Act { target, route } => act::run(outside, target, route, report).await,
        Work::Propose(proposal) => propose::run(outside, proposal, report).await,
        Work::Land(landing) => landing::run(outside, landing, report).await,
        Work::Approve { change, draft } => review::approve(outside, change, draft, report).await,
        Work::RequestChanges { change, shown, note } => {
            review::request_changes(outside, change, shown, note, report).await
        }
        Work::Withdraw { change, gate, note } => {
            review::withdraw(outside, change, *gate, note.clone(), report).await
        }
        Work::Comment { change, text } => review::comment(outside, change, text, report).await,
        Work::PostValidation { change, head, request, forge } => {
            post::run(outside, change, head, *request, forge.as_deref(), report).await
        }
        Work::DeliverNotice { event, channels } => deliver::run(outside, event, channels, report).await,
        Work::AssumeAgent => assume::assume(outside, report).await,
        Work::YieldAgent => assume::give_up(outside, report).await,
        Work::BreakGlass { change, head, reason, length } => {
            break_glass::open(outside, change, head, reason, *length, report).await
        }
        Work::SecondGlass { change, head } => break_glass::second(outside, change, head, report).await,
        Work::SettleGlass { change, note } => break_glass::settle(outside, change, note, report).await,
        Work::OpenRequest { change, head, draft, forge } => {
            request::run(outside, change, head, draft, forge, report).await
        }
        Work::Announce(announcement) => announce::run(outside, announcement, report).await,
        Work::Deploy { orders } => deploy::run(outside, orders, report).await,
        Work::Steer(steered) => deploy::steer(outside, steered, report).await,
        Work::Enter(entered) => deploy::enter(outside, entered, report).await,
        Work::DeclareIncident { severity, title, service } => {
            let (severity, title, service) = (*severity, title.clone(), service.clone());
            let subject = tell::Subject {
                event: Some(NoticeEvent::IncidentDeclared),
                title: title.clone(),
                severity: Some(severity),
                service: service.clone(),
                ..tell::Subject::default()
            };
            let draft: Draft =
                Box::new(move |operations| ledger::declare(operations, severity, &title, service.as_ref()));
            let receipt = append(outside, draft, report).await?;
            let incident = match &receipt.happening {
                Happening::IncidentDeclared { incident, .. } => Some(incident.clone()),
                _ => None,
            };
            let name = incident.as_ref().map_or_else(|| "incident".to_owned(), IncidentId::to_string);
            let outcome = Outcome { incident, ..outcome(format!("{name} declared, {severity}"), receipt) };
            Ok(tell::after(outside, tell::Subject { about: name, ..subject }, outcome, report).await)
        }
        Work::EscalateIncident { incident, escalation } => {
            let (id, wanted) = (incident.clone(), escalation.clone());
            let draft: Draft = Box::new(move |operations| {
                ledger::escalate(operations, &id, wanted.level, &wanted.to, wanted.unanswered)
            });
            let receipt = append(outside, draft, report).await?;
            let calls = escalation.to.clone();
            let summary = format!("level {} of {incident} called: {}", escalation.level, calls.join(", "));
            let outcome = Outcome { incident: Some(incident.clone()), ..outcome(summary, receipt) };
            let state = outside.ports.ledger.state().await.ok();
            let known = state.as_ref().and_then(|state| state.operations.incident(incident.as_str()));
            let title = known.map_or("", |known| known.title.as_str());
            let subject = tell::Subject {
                event: Some(NoticeEvent::IncidentEscalated),
                about: incident.to_string(),
                title: format!("{title}; level {} calls {}", escalation.level, calls.join(", ")),
                severity: known.map(|known| known.severity),
                service: known.and_then(|known| known.service.clone()),
                since: known.map(|known| known.declared_at),
                calls,
            };
            Ok(tell::after(outside, subject, outcome, report).await)
        }
        Work::AcknowledgeIncident { incident } => {
            let id = incident.clone();
            let draft: Draft = Box::new(move |operations| ledger::acknowledge(operations, &id));
            let receipt = append(outside, draft, report).await?;
            Ok(Outcome {
                incident: Some(incident.clone()),
                ..outcome(format!("{incident} acknowledged"), receipt)
            })
        }
        Work::ResolveIncident { incident, note } => {
            let (id, note) = (incident.clone(), note.clone());
            let draft: Draft = Box::new(move |operations| ledger::resolve(operations, &id, note.as_deref()));
            let receipt = append(outside, draft, report).await?;
            let outcome = Outcome {
                incident: Some(incident.clone()),
                ..outcome(format!("{incident} resolved"), receipt)
            };
            let state = outside.ports.ledger.state().await.ok();
            let known = state.as_ref().and_then(|state| state.operations.incident(incident.as_str()));
            let subject = tell::Subject {
                event: Some(NoticeEvent::IncidentResolved),
                about: incident.to_string(),
                title: known.map_or_else(String::new, |known| known.title.clone()),
                severity: known.map(|known| known.severity),
                service: known.and_then(|known| known.service.clone()),
                since: known.map(|known| known.declared_at),
                ..tell::Subject::default()
            };
            Ok(tell::after(outside, subject, outcome, report).await)
        }
    }
}

async fn append(outside: &Outside, draft: Draft, report: &Reporter) -> Result<Receipt, Failure> {
    report.step(0, "appending").await;
    let receipt = outside.ports.ledger.append(outside.ports.clock.now(), draft).await?;
    report.step(1, synced_text(&receipt)).await;
    Ok(receipt)
}

/// Whether the remote has it, in words.
fn synced_text(receipt: &Receipt) -> String {
    match (&receipt.unsynced_because, receipt.synced) {
        (_, true) => format!("{} is on the remote", receipt.commit.short()),
        (Some(why), false) => format!("{} waits here: {why}", receipt.commit.short()),
        (None, false) => format!("{} waits here for the remote", receipt.commit.short()),
    }
}

/// What there is to say where nothing was done.
const fn nothing(incident: Option<IncidentId>) -> Outcome {
    Outcome {
        verdict: Verdict::Pass,
        summary: String::new(),
        incident,
        commit: None,
        synced: true,
        deliveries: Vec::new(),
    }
}

fn outcome(summary: String, receipt: Receipt) -> Outcome {
    Outcome {
        verdict: Verdict::Pass,
        summary,
        incident: None,
        commit: Some(receipt.commit),
        synced: receipt.synced,
        deliveries: Vec::new(),
    }
}
