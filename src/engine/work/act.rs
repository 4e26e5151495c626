//! A verb on a running service: one change, watched to its end, in the ledger.

use super::{Outside, Reporter, synced_text, watch};
use crate::{
    domain::{
        catalog::Target,
        deployment::verb::VerbRoute,
        ledger::{Happening, Verdict},
        plan::Outcome,
        text::clean,
    },
    error::{Failure, FailureKind},
    ports::Draft,
};

// The plan's steps, as `action::run::verb` lists them.
const CHANGE: usize = 0;
const SEEN: usize = 1;
const RECORD: usize = 2;

pub(super) async fn run(
    outside: &Outside,
    target: &Target,
    route: &VerbRoute,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let cluster = outside.cluster(&target.context)?;
    report.step(CHANGE, "sending").await;
    let unanswered = match cluster.act(target, route).await {
        Ok(()) => {
            report.step(CHANGE, format!("accepted by {}", target.context)).await;
            None
        }
        // Without an answer nobody knows whether it was applied. It is not sent again.
        Err(failure) if failure.kind == FailureKind::Unreachable => {
            report.step(CHANGE, format!("no answer, looking whether it was applied: {failure}")).await;
            Some(failure)
        }
        // Nothing was changed: there is nothing to record.
        Err(failure) => return Err(failure),
    };
    let look = || cluster.verb_status(target, route);
    let (verdict, detail) = match watch::until_done(look, unanswered.as_ref(), (report, SEEN)).await {
        Ok(seen) => (Verdict::Pass, seen),
        Err(other) => other,
    };
    let (service, environment, word) = (&target.service, &target.environment, route.verb.word());
    let mut summary = match verdict {
        Verdict::Pass => format!("{word} of {service} in {environment}: {detail}"),
        Verdict::NoData | Verdict::Error => {
            format!("what became of {word} of {service} in {environment} is not known: {detail}")
        }
        Verdict::Fail => format!("{word} of {service} in {environment} did NOT succeed: {detail}"),
    };
    report.step(RECORD, "recording").await;
    let happening = Happening::ServiceActed {
        service: service.clone(),
        environment: environment.clone(),
        verb: route.verb,
        object: route.object.to_string(),
        verdict,
        detail: clean(&detail),
    };
    let draft: Draft = Box::new(move |_| Ok(happening.clone()));
    // The cluster was changed whether or not the ledger took it: what was seen is told in any case.
    let (commit, synced) = match outside.ports.ledger.append(outside.ports.clock.now(), draft).await {
        Ok(receipt) => {
            report.step(RECORD, synced_text(&receipt)).await;
            (Some(receipt.commit), receipt.synced)
        }
        Err(failure) => {
            summary += &format!("; it is NOT in the ledger: {failure}");
            (None, false)
        }
    };
    Ok(Outcome { verdict, summary, incident: None, commit, synced, deliveries: Vec::new() })
}
