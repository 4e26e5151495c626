//! A rollback: claim it in the ledger, change the cluster once, watch it to its end, judge the metrics.

use super::{Outside, Reporter, deploy::settle, synced_text, tell};
use crate::{
    domain::{
        catalog::{ScrapeSettings, Target, Tier},
        deployment::{RollbackRoute, RolloutStatus, object_name, shown_version},
        escalation::Severity,
        ledger::{self, Happening, RollbackStart, Verdict},
        notice::NoticeEvent,
        plan::Outcome,
        sla::{self, Endpoint, Sample, compare_after, increase},
        units::format_percent,
    },
    error::{Failure, FailureKind},
    ports::{Cluster, Draft, Receipt, Revision},
};
use std::time::Duration;
use tokio::time::Instant;

/// How long the cluster may take until the rollback counts as failed. The same as Kubernetes' own
/// default of `progressDeadlineSeconds`.
const ROLLOUT_DEADLINE: Duration = Duration::from_mins(10);
/// How long to look whether a change that was never answered was applied.
const UNANSWERED_DEADLINE: Duration = Duration::from_mins(1);
/// How long a rollout must be failed until it counts.
const FAILED_FOR: Duration = Duration::from_secs(5);
/// Time between two looks at the cluster.
const LOOK_EVERY: Duration = Duration::from_millis(500);
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

pub(super) async fn run(
    outside: &Outside,
    target: &Target,
    route: &RollbackRoute,
    error_threshold: Option<f64>,
    report: &Reporter,
) -> Result<Outcome, Failure> {
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

    let limit = if unanswered.is_some() { UNANSWERED_DEADLINE } else { ROLLOUT_DEADLINE };
    let (verdict, detail) = match (ready(cluster.as_ref(), target, route, limit, report).await, unanswered) {
        (Err(why), Some(failure)) => {
            (Verdict::Error, format!("whether it was applied is unknown: {failure}; then {why}"))
        }
        (Err(why), None) => (Verdict::Fail, why),
        (Ok(seen), _) => {
            let (verdict, metrics) = judge(outside, target, error_threshold, report).await;
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
    Ok(aftermath(outside, target, (from, to), outcome, report).await)
}

/// What follows a rollback in production: a deployment that is under way there is called off, Git is settled, an
/// incident is open with a post-mortem due, and the team is told. The cluster is back whatever becomes of these.
async fn aftermath(
    outside: &Outside,
    target: &Target,
    (from, to): (&str, &str),
    mut outcome: Outcome,
    report: &Reporter,
) -> Outcome {
    let (service, environment) = (&target.service, &target.environment);
    let reason = format!("{service} in {environment} was rolled back by hand from {from} to {to}");
    call_off(outside, target, from, &reason).await;
    report.step(GIT, "settling").await;
    let words = git(outside, target, (from, to), &reason).await;
    report.step(GIT, words.clone()).await;
    outcome.summary += &format!("; {words}");

    report.step(INCIDENT, "opening").await;
    let catalog = outside.ports.repository.load(&Revision::WorkingTree).await.ok();
    let tier = catalog.as_ref().and_then(|catalog| catalog.services.get(service)).map(|service| service.tier);
    let severity = if tier == Some(Tier::Critical) { Severity::Critical } else { Severity::High };
    let at = outside.ports.clock.now();
    let (about, title) = (service.clone(), reason.clone());
    let draft: Draft =
        Box::new(move |operations| ledger::declare_with_post_mortem(operations, severity, &title, &about, at));
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

/// Calls off what was being deployed there: it does not run any more.
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

/// Watches the cluster until the wanted version runs everywhere. A cluster that does not answer for a
/// while is asked again until the deadline: the change is made, only the view of it is missing.
async fn ready(
    cluster: &dyn Cluster,
    target: &Target,
    route: &RollbackRoute,
    limit: Duration,
    report: &Reporter,
) -> Result<String, String> {
    let deadline = Instant::now() + limit;
    let mut failed_since: Option<Instant> = None;
    loop {
        let last = match cluster.rollback_status(target, route).await {
            Ok(RolloutStatus::Complete(seen)) => {
                report.step(READY, seen.clone()).await;
                return Ok(seen);
            }
            Ok(RolloutStatus::Failed(why)) => {
                // A release that had run out of time leaves its condition behind until the controller has
                // looked again: one look alone proves nothing.
                let since = *failed_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= FAILED_FOR {
                    report.step(READY, why.clone()).await;
                    return Err(why);
                }
                why
            }
            Ok(RolloutStatus::Progressing(seen)) => {
                failed_since = None;
                seen
            }
            Err(failure) => failure.to_string(),
        };
        report.step(READY, last.clone()).await;
        if Instant::now() >= deadline {
            return Err(format!("not ready after {} seconds: {last}", limit.as_secs()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
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
