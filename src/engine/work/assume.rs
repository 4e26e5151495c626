//! Taking the agent's place from a console, and giving it up.

use super::Reporter;
use crate::{
    domain::{ledger::Verdict, plan::Outcome},
    engine::Outside,
    error::Failure,
    ports::Revision,
};

fn outcome(summary: String) -> Outcome {
    Outcome {
        verdict: Verdict::Pass,
        summary,
        incident: None,
        commit: None,
        // There is no event that could wait.
        synced: true,
        deliveries: Vec::new(),
    }
}

/// Takes the lead, and begins to look after the platform.
pub(super) async fn assume(outside: &Outside, report: &Reporter) -> Result<Outcome, Failure> {
    report.step(0, "taking").await;
    let catalog = outside.ports.repository.load(&Revision::WorkingTree).await?;
    let place = outside.seat.assume(outside.ports.clone(), &catalog).await?;
    report.step(0, format!("leading by {place}")).await;
    Ok(outcome(format!("this console is the agent now, by {place}")))
}

/// Finishes what is being changed, and releases the lead.
pub(super) async fn give_up(outside: &Outside, report: &Reporter) -> Result<Outcome, Failure> {
    report.step(0, "finishing").await;
    outside.seat.give_up().await?;
    report.step(1, "released").await;
    Ok(outcome("this console is no longer the agent".to_owned()))
}
