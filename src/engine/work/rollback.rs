//! A rollback: claim it in the ledger, change the cluster once, watch it to its end, judge the metrics.

use super::{Outside, Reporter, synced_text};
use crate::{
    domain::{
        catalog::{ScrapeSettings, Target},
        deployment::{RollbackRoute, RolloutStatus, object_name},
        ledger::{self, RollbackStart, Verdict},
        plan::Outcome,
        sla::{self, Endpoint, Sample, compare_after, increase},
        units::format_percent,
    },
    error::Failure,
    ports::{Cluster, Draft, Receipt, Revision},
};
use std::time::Duration;
use tokio::time::Instant;

/// How long the cluster may take until the rollback counts as failed. The same as Kubernetes' own
/// default of `progressDeadlineSeconds`.
const ROLLOUT_DEADLINE: Duration = Duration::from_mins(10);
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

pub(super) async fn run(
    outside: &Outside,
    target: &Target,
    route: &RollbackRoute,
    error_threshold: Option<f64>,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let cluster = outside.cluster(&target.context)?;
    let (from, to) = route.versions();

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
    if let Err(failure) = cluster.start_rollback(target, route).await {
        let detail = format!("nothing was changed: {failure}");
        record(outside, target, Verdict::Error, &detail, report).await.ok();
        return Err(failure);
    }
    report.step(CHANGE, format!("accepted by {}", target.context)).await;

    let (verdict, detail) = match ready(cluster.as_ref(), target, route, report).await {
        Err(why) => (Verdict::Fail, why),
        Ok(seen) => {
            let (verdict, metrics) = judge(outside, target, error_threshold, report).await;
            (verdict, format!("{seen}; {metrics}"))
        }
    };
    let receipt = record(outside, target, verdict, &detail, report).await?;
    let summary = match verdict {
        Verdict::Pass => format!("{} in {} is back at {to}: {detail}", target.service, target.environment),
        Verdict::NoData | Verdict::Error => format!(
            "{} in {} runs {to}, but whether it is well could not be verified: {detail}",
            target.service, target.environment
        ),
        Verdict::Fail => {
            format!("{} in {} is NOT well after the rollback: {detail}", target.service, target.environment)
        }
    };
    Ok(Outcome { verdict, summary, incident: None, commit: Some(receipt.commit), synced: receipt.synced })
}

/// Watches the cluster until the wanted version runs everywhere. A cluster that does not answer for a
/// while is asked again until the deadline: the change is made, only the view of it is missing.
async fn ready(
    cluster: &dyn Cluster,
    target: &Target,
    route: &RollbackRoute,
    report: &Reporter,
) -> Result<String, String> {
    let deadline = Instant::now() + ROLLOUT_DEADLINE;
    loop {
        let last = match cluster.rollback_status(target, route).await {
            Ok(RolloutStatus::Complete(seen)) => {
                report.step(READY, seen.clone()).await;
                return Ok(seen);
            }
            Ok(RolloutStatus::Failed(why)) => {
                report.step(READY, why.clone()).await;
                return Err(why);
            }
            Ok(RolloutStatus::Progressing(seen)) => seen,
            Err(failure) => failure.to_string(),
        };
        report.step(READY, last.clone()).await;
        if Instant::now() >= deadline {
            return Err(format!("not ready after {} minutes: {last}", ROLLOUT_DEADLINE.as_secs() / 60));
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
        // A failing ratio gets until the deadline to come down: connections drain, caches fill.
        if said.0 == Verdict::Pass || Instant::now() >= deadline {
            return said;
        }
        if said.0 == Verdict::Fail {
            before = scrape(outside, &settings, &endpoint, target).await.ok().or(before);
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
