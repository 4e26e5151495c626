//! Telling channels of an event that they have not heard of, because whoever made it was cut off, or could not reach them.

use super::{Reporter, tell};
use crate::{
    domain::{
        ledger::Verdict,
        name::CommitId,
        notice::{Delivery, told},
        plan::Outcome,
    },
    engine::Outside,
    error::Failure,
    ports::Revision,
};

/// Tells them, and records how that went.
///
/// # Errors
/// Refused when somebody told all of them meanwhile, or when none of them is in the settings any more.
pub(super) async fn run(
    outside: &Outside,
    event: &CommitId,
    channels: &[String],
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let state = outside.ports.ledger.state().await?;
    let untold = state.operations.untold.iter().find(|untold| untold.commit == *event).cloned();
    let untold =
        untold.ok_or_else(|| Failure::refused(format!("all were told of {} meanwhile", event.short())))?;
    let catalog = outside.ports.repository.load(&Revision::WorkingTree).await?;
    let known = catalog.settings.channels.iter().filter(|channel| channels.contains(&channel.name));
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return Err(Failure::refused(format!("quarterdeck.toml has no channel {}", channels.join(", "))));
    }
    report.step(0, "telling").await;
    let subject = tell::Subject {
        event: Some(untold.event),
        about: untold.about.clone(),
        title: untold.title,
        severity: untold.severity,
        service: untold.service,
        since: Some(untold.at),
        calls: untold.calls,
    };
    let page = (state.unsynced == 0).then_some(event);
    let now = outside.ports.clock.now();
    let notice = tell::notice(&catalog, untold.event, subject, (untold.by, now), (event.as_str(), page));
    let deliveries = known.into_iter().map(|channel| outside.ports.notifier.deliver(channel, &notice));
    let deliveries = futures::future::join_all(deliveries).await;
    let said = told(&deliveries).unwrap_or_default();
    report.step(0, said.clone()).await;
    let verdict = if deliveries.iter().all(Delivery::is_sent) { Verdict::Pass } else { Verdict::Fail };
    let outcome = Outcome {
        verdict,
        summary: format!("{} of {}: {said}", untold.event.as_str(), untold.about),
        incident: None,
        commit: Some(event.clone()),
        synced: true,
        deliveries,
    };
    Ok(tell::record(outside, &untold.about, untold.event.as_str(), outcome).await)
}
