//! A rollback: claim it in the ledger, change the cluster once, watch it to its end, judge the metrics.

use super::{Outside, Reporter, deploy::settle, synced_text, tell, watch};
use crate::{
    domain::{
        catalog::{ScrapeSettings, Target, Tier},
        deployment::{object_name, shown_version},
        escalation::Severity,
        ledger::{self, Happening, RollbackStart, Verdict},
        name::IncidentId,
        notice::NoticeEvent,
        plan::{Outcome, Rollback},
        sla::{self, Endpoint, Sample, compare_after, increase},
        units::format_percent,
    },
    error::{Failure, FailureKind},
    ports::{Draft, Receipt, Revision},
};
use std::time::Duration;
use tokio::time::Instant;

/// How long the metrics are asked until there is enough to judge, or it stays `no data`.
const METRICS_DEADLINE: Duration = Duration::from_secs(30);
/// Time between two scrapes while judging.
const SCRAPE_EVERY: Duration = Duration::from_secs(1);

// The plan's steps, as `action::run::service` lists them.
const CLAIM: usize = 0;
const CHANGE: usize = 1;
const READY: usize = 2;
const METRICS: usize = 3;
const RECORD: usize = 4;
// In production only.
const GIT: usize = 5;
const INCIDENT: usize = 6;

/// Rolls a service back.
pub(super) async fn run(
    outside: &Outside,
    rollback: &Rollback,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    one(outside, rollback, None, report).await
}

/// Rolls services back one after the other. Each is verified before the next begins; when one is not well, or nobody can
/// tell, the rest stays as it is. They belong to one incident.
pub(super) async fn together(
    outside: &Outside,
    rollbacks: &[Rollback],
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let mut summaries: Vec<String> = Vec::new();
    let mut last: Option<Outcome> = None;
    let mut deliveries = Vec::new();
    let mut is_synced = true;
    let mut first = 0;
    for (index, rollback) in rollbacks.iter().enumerate() {
        let incident = last.as_ref().and_then(|outcome| outcome.incident.clone());
        let done = match one(outside, rollback, incident.as_ref(), &report.from(first)).await {
            Ok(done) => done,
            // The cluster changed nothing of this one; what was done before is told all the same.
            Err(failure) if index > 0 => {
                let summary = format!("{} is NOT rolled back: {failure}", rollback.target.service);
                Outcome { verdict: Verdict::Error, summary, ..super::nothing(incident) }
            }
            Err(failure) => return Err(failure),
        };
        first += steps(&rollback.target);
        is_synced &= done.synced;
        deliveries.extend(done.deliveries.iter().cloned());
        summaries.push(done.summary.clone());
        let is_well = done.verdict == Verdict::Pass;
        last = Some(done);
        if !is_well {
            break;
        }
    }
    let left: Vec<&str> =
        rollbacks.iter().skip(summaries.len()).map(|rollback| rollback.target.service.as_str()).collect();
    if !left.is_empty() {
        summaries.push(format!("stopped there: {} NOT rolled back", left.join(", ")));
    }
    let last = last.ok_or_else(|| Failure::usage("nothing is to be rolled back"))?;
    Ok(Outcome { summary: summaries.join("; "), synced: is_synced, deliveries, ..last })
}

/// How many steps of the plan belong to one service.
const fn steps(target: &Target) -> usize {
    if target.production { INCIDENT + 1 } else { RECORD + 1 }
}

async fn one(
    outside: &Outside,
    rollback: &Rollback,
    incident: Option<&IncidentId>,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let Rollback { target, route, error_threshold } = rollback;
    let cluster = outside.cluster(&target.context)?;
    let (from, to) = route.versions();
    let (from, to) = (shown_version(from), shown_version(to));

    report.step(CLAIM, "claiming").await;
    let start = RollbackStart {
        service: target.service.clone(),
        environment: target.environment.clone(),
        from: from.to_owned(),
        to: to.to_owned(),
        object: object_name(target),
    };
    let at = outside.ports.clock.now();
    let draft: Draft = Box::new(move |operations| ledger::start_rollback(operations, &start, at));
    let claim = outside.ports.ledger.append(at, draft).await?;
    report.step(CLAIM, synced_text(&claim)).await;

    report.step(CHANGE, "sending").await;
    let sent = cluster.start_rollback(target, route).await;
    let unanswered = match sent {
        Ok(()) => {
            report.step(CHANGE, format!("accepted by {}", target.context)).await;
            None
        }
        // Without an answer nobody knows whether it was applied. It is not sent again; what the cluster
        // then runs tells.
        Err(failure) if failure.kind == FailureKind::Unreachable => {
            report.step(CHANGE, format!("no answer, looking whether it was applied: {failure}")).await;
            Some(failure)
        }
        Err(failure) => {
            record(outside, target, Verdict::Error, &format!("refused: {failure}"), report).await.ok();
            return Err(failure);
        }
    };

    let look = || cluster.rollback_status(target, route);
    let watched = watch::until_done(look, unanswered.as_ref(), (report, READY)).await;
    let back = watched.as_ref().map_or_else(|(verdict, _)| *verdict, |_| Verdict::Pass);
    let (verdict, detail) = match watched {
        Err(other) => other,
        Ok(seen) => {
            let (verdict, metrics) = judge(outside, target, *error_threshold, report).await;
            (verdict, format!("{seen}; {metrics}"))
        }
    };
    let (service, environment) = (&target.service, &target.environment);
    let mut summary = match verdict {
        Verdict::Pass => format!("{service} in {environment} is back at {to}: {detail}"),
        Verdict::NoData | Verdict::Error => {
            format!("whether {service} in {environment} is well at {to} could not be verified: {detail}")
        }
        Verdict::Fail => format!("{service} in {environment} is NOT well after the rollback: {detail}"),
    };
    // The cluster was changed whether or not the ledger took it: what was seen is told in any case.
    let (commit, synced) = match record(outside, target, verdict, &detail, report).await {
        Ok(receipt) => (Some(receipt.commit), receipt.synced),
        Err(failure) => {
            summary += &format!("; the verdict is NOT in the ledger: {failure}");
            (None, false)
        }
    };
    let outcome = Outcome { verdict, summary, incident: None, commit, synced, deliveries: Vec::new() };
    if !target.production {
        return Ok(outcome);
    }
    let known = (outcome, incident);
    Ok(aftermath(outside, target, (from, to, back), known, report).await)
}

/// What follows a rollback in production: a deployment that is under way there is called off, Git is settled if the
/// version is seen to run, an incident is open with a post-mortem due (or `known` already), and the team is told. The
/// cluster is as it is whatever becomes of these.
async fn aftermath(
    outside: &Outside,
    target: &Target,
    (from, to, back): (&str, &str, Verdict),
    (mut outcome, known): (Outcome, Option<&IncidentId>),
    report: &Reporter,
) -> Outcome {
    let (service, environment) = (&target.service, &target.environment);
    let reason = match back {
        Verdict::Pass => format!("{service} in {environment} was rolled back by hand from {from} to {to}"),
        Verdict::Fail => {
            format!("{service} in {environment} is NOT back: its rollback by hand from {from} to {to} failed")
        }
        Verdict::NoData | Verdict::Error => format!(
            "whether {service} in {environment} is back is unknown: its rollback by hand from {from} to {to} got no answer"
        ),
    };
    call_off(outside, target, from, &reason).await;
    let words = if back == Verdict::Pass {
        report.step(GIT, "settling").await;
        git(outside, target, (from, to), &reason).await
    } else {
        format!("Git stays as it is, for {to} is not seen to run")
    };
    report.step(GIT, words.clone()).await;
    outcome.summary += &format!("; {words}");

    if let Some(incident) = known {
        report.step(INCIDENT, format!("belongs to {incident}")).await;
        return Outcome { incident: Some(incident.clone()), ..outcome };
    }
    report.step(INCIDENT, "opening").await;
    let catalog = outside.ports.repository.load(&Revision::WorkingTree).await.ok();
    let tier = catalog.as_ref().and_then(|catalog| catalog.services.get(service)).map(|service| service.tier);
    let severity = if tier == Some(Tier::Critical) { Severity::Critical } else { Severity::High };
    let at = outside.ports.clock.now();
    let (about, title) = (service.clone(), reason.clone());
    let draft: Draft = Box::new(move |operations| {
        ledger::declare_with_post_mortem(operations, severity, &title, &about, at)
    });
    match outside.ports.ledger.append(at, draft).await {
        Ok(receipt) => {
            outcome.synced &= receipt.synced;
            if let Happening::IncidentDeclared { incident, .. } = &receipt.happening {
                report.step(INCIDENT, format!("{incident} is open, post-mortem due in 24h")).await;
                outcome.summary += &format!("; {incident} is open");
                outcome.incident = Some(incident.clone());
                let subject = tell::Subject {
                    event: Some(NoticeEvent::IncidentDeclared),
                    about: incident.to_string(),
                    title: reason,
                    severity: Some(severity),
                    service: Some(service.clone()),
                    ..tell::Subject::default()
                };
                // The notice is of the incident, and the outcome of the rollback.
                let of_rollback = outcome.commit.replace(receipt.commit.clone());
                outcome = tell::after(outside, subject, outcome, &Reporter::silent()).await;
                outcome.commit = of_rollback;
            }
        }
        Err(failure) => {
            report.step(INCIDENT, failure.to_string()).await;
            outcome.summary += &format!("; the incident is NOT open: {failure}");
        }
    }
    outcome
}

/// Settles Git, and lets automated sync go on once Git says what runs. A history that knows revisions only does not
/// tell which version of the catalog ran: then nothing is known to be settled, and sync stays suspended.
async fn git(outside: &Outside, target: &Target, (from, to): (&str, &str), reason: &str) -> String {
    let service = &target.service;
    if semver::Version::parse(from.trim_start_matches('v')).is_err() {
        return format!(
            "Git is not settled: which version {from} is cannot be told; propose the one that runs, then `quarterdeck \
             service resume {service} --environment {}`",
            target.environment
        );
    }
    let mut words = match settle::settle_version(outside, (service, from, Some(to)), None, reason).await {
        Ok(said) => said,
        Err(failure) => return format!("Git is not settled: {failure}"),
    };
    if settle::is_asked_for(outside, service, from).await.is_ok_and(|asked| !asked) {
        let resumed = settle::resume(outside, std::slice::from_ref(target)).await;
        words.extend(resumed.map(|said| format!("; {said}")));
    }
    words
}

/// Calls off what was being deployed there: whoever rolls it back does not want it to go on.
async fn call_off(outside: &Outside, target: &Target, from: &str, reason: &str) {
    let Ok(state) = outside.ports.ledger.state().await else { return };
    let open = state.operations.open_deployments().find(|record| {
        record.order.service == target.service
            && record.order.place(&target.environment).is_some()
            && record.order.version == from
            && !record.is_retreating()
    });
    let Some(id) = open.map(|record| record.id.clone()) else { return };
    let reason = reason.to_owned();
    let draft: Draft = Box::new(move |operations| ledger::cancel(operations, &id, &reason));
    // One that ended meanwhile needs no end.
    let _ = outside.ports.ledger.append(outside.ports.clock.now(), draft).await;
}

/// Judges what is answered from now on: only requests after the pods were ready count.
async fn judge(
    outside: &Outside,
    target: &Target,
    error_threshold: Option<f64>,
    report: &Reporter,
) -> (Verdict, String) {
    let settings = match outside.ports.repository.load(&Revision::WorkingTree).await {
        Ok(catalog) => catalog.settings.scrape.clone(),
        Err(failure) => {
            return (Verdict::Error, format!("the metrics settings could not be read: {failure}"));
        }
    };
    let Some(settings) = settings else {
        return (Verdict::NoData, "no metrics are configured".to_owned());
    };
    let Some(threshold) = error_threshold else {
        return (Verdict::NoData, "no error rate is promised that it could be held against".to_owned());
    };
    let endpoint = Endpoint { service: target.service.clone(), environment: target.environment.clone() };
    let deadline = Instant::now() + METRICS_DEADLINE;
    let mut before: Option<Sample> = None;
    let mut failed: Option<String> = None;
    loop {
        let said = match (scrape(outside, &settings, &endpoint, target).await, &before) {
            (Err(failure), _) => (Verdict::Error, failure.to_string()),
            (Ok(sample), None) => {
                before = Some(sample);
                (Verdict::NoData, "waiting for requests".to_owned())
            }
            (Ok(after), Some(before)) => {
                let gain = increase(before, &after).requests;
                match compare_after(before, &after, threshold) {
                    sla::Verdict::Pass(ratio) => (Verdict::Pass, compared(ratio, gain, threshold)),
                    sla::Verdict::Fail(ratio) => (Verdict::Fail, compared(ratio, gain, threshold)),
                    sla::Verdict::NoData(requests) => {
                        (Verdict::NoData, format!("only {requests:.0} new requests, too few to judge"))
                    }
                }
            }
        };
        report.step(METRICS, said.1.clone()).await;
        // A failing ratio gets until the deadline to come down: connections drain, caches fill. What was
        // proven bad is not forgotten because the last look saw too little.
        match said.0 {
            Verdict::Pass => return said,
            Verdict::Fail => {
                failed = Some(said.1.clone());
                before = scrape(outside, &settings, &endpoint, target).await.ok().or(before);
            }
            Verdict::NoData | Verdict::Error => {}
        }
        if Instant::now() >= deadline {
            return failed.map_or(said, |why| (Verdict::Fail, why));
        }
        tokio::time::sleep(SCRAPE_EVERY).await;
    }
}

fn compared(ratio: f64, requests: f64, threshold: f64) -> String {
    format!(
        "error ratio {} of {requests:.0} new requests, at most {} allowed",
        format_percent(ratio),
        format_percent(threshold)
    )
}

async fn scrape(
    outside: &Outside,
    settings: &ScrapeSettings,
    endpoint: &Endpoint,
    target: &Target,
) -> Result<Sample, Failure> {
    outside.ports.scraper.scrape(settings, endpoint, &target.namespace).await
}

async fn record(
    outside: &Outside,
    target: &Target,
    verdict: Verdict,
    detail: &str,
    report: &Reporter,
) -> Result<Receipt, Failure> {
    report.step(RECORD, "recording").await;
    let (service, environment, detail) =
        (target.service.clone(), target.environment.clone(), detail.to_owned());
    let draft: Draft = Box::new(move |operations| {
        ledger::finish_rollback(operations, &service, &environment, verdict, &detail)
    });
    let receipt = outside.ports.ledger.append(outside.ports.clock.now(), draft).await?;
    report.step(RECORD, synced_text(&receipt)).await;
    Ok(receipt)
}
