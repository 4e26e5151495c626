//! What is seen outside, as far as a deployment's next leg needs it.

use super::{Situation, job, perform, step_of};
use crate::{
    domain::{
        calendar,
        catalog::{Service, Target},
        deployment::{
            ClusterView, RolloutStatus,
            analysis::{Analysis, Series},
            gate, glass,
            machine::Observations,
            order::{Leg, Place, Stage},
            precheck::{self, Check},
            record::DeploymentRecord,
            release::ReleaseStep,
        },
        escalation::Severity,
        finding::Level,
        ledger::{Operations, Verdict},
        name::EnvironmentName,
        sla::{Endpoint, Sample},
    },
    engine::{Outside, executor},
    error::Failure,
    ports::CommandLine,
};
use chrono::{DateTime, Utc};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

/// How long a cluster may take to show what it has.
const GLANCE: Duration = Duration::from_secs(15);

/// How long the rest of its kinds may take after the first.
const MORE: Duration = Duration::from_secs(2);

/// What was seen of a place since a step.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// The step since which is counted.
    step: Option<ReleaseStep>,
    /// When it was first looked at.
    since: Option<DateTime<Utc>>,
    /// When last.
    last: Option<DateTime<Utc>>,
    /// The intervals.
    series: Series,
}

/// What this process saw of one deployment.
#[derive(Debug, Clone, Default)]
pub struct Sighting {
    /// By environment.
    places: BTreeMap<EnvironmentName, Seen>,
    /// Since when the step of a leg is seen to have failed.
    failed: Option<(Leg, DateTime<Utc>)>,
}

/// Looks at what the next leg needs.
pub(super) async fn observe(outside: &Outside, situation: &Situation) -> Result<Observations, Failure> {
    let record = &situation.record;
    let mut seen = Observations { holder: outside.holder.to_string(), ..Observations::default() };
    let Some(leg) = record.next_leg().filter(|_| record.is_open()) else { return Ok(seen) };
    if record.is_exposed() {
        seen.analysis = analysis(outside, situation).await;
        seen.watched_since = watched_since(outside, situation);
    }
    if record.held.is_some() {
        return Ok(seen);
    }
    if matches!(leg.stage, Stage::Gates | Stage::Schedule | Stage::Precheck) {
        seen.glass = glass::granted(record, &situation.main.people, situation.now);
    }
    match leg.stage {
        Stage::Gates => {
            let staged = gate::staged(&situation.operations, record, &situation.main);
            seen.gates = gate::standings(record, &situation.main, situation.service()?, &staged);
        }
        Stage::Schedule => {
            let projects: Vec<_> = situation.service()?.project.clone().into_iter().collect();
            let standing = |place: &Place| {
                calendar::standing(&situation.main, Some(&place.environment), &projects, situation.now)
            };
            seen.closed =
                situation.order().places.iter().find_map(|place| standing(place).closure().cloned());
        }
        Stage::Precheck => seen.checks = prechecks(outside, situation, seen.glass.as_deref()).await?,
        Stage::Postcheck => {
            seen.checks = postchecks(outside, situation, &leg, seen.analysis.as_ref()).await?;
        }
        Stage::Test(_) => seen.job = job::look(outside, situation, &leg).await,
        Stage::Watch => seen.incidents = incidents(&situation.operations, record),
        Stage::Settle => {
            let wanted = situation.main.services.get(&situation.order().service);
            let version = wanted.and_then(|service| service.version.as_ref());
            seen.is_settled = version.is_none_or(|version| version.to_string() != situation.order().version);
        }
        _ => {}
    }
    if let Some(environment) = &leg.environment
        && (step_of(&leg).is_some() || matches!(leg.stage, Stage::Undo | Stage::Undone))
    {
        seen.status = status(outside, situation, &leg, environment).await;
        seen.failed_since = remember_failure(outside, situation, &leg, seen.status.as_ref());
    }
    Ok(seen)
}

/// How far the step of a leg is.
async fn status(
    outside: &Outside,
    situation: &Situation,
    leg: &Leg,
    environment: &EnvironmentName,
) -> Option<Result<RolloutStatus, String>> {
    let place = situation.order().place(environment)?;
    let asked = async {
        let target = situation.target(environment)?;
        let cluster = outside.cluster(&target.context)?;
        if let Some(step) = step_of(leg) {
            cluster.release_status(&target, &situation.order().route(place), step).await
        } else {
            let route = perform::way_back(situation.order(), place)?;
            cluster.release_status(&target, &route, ReleaseStep::Apply).await
        }
    };
    Some(asked.await.map_err(|failure| failure.to_string()))
}

/// Since when a step is seen to have failed.
fn remember_failure(
    outside: &Outside,
    situation: &Situation,
    leg: &Leg,
    status: Option<&Result<RolloutStatus, String>>,
) -> Option<DateTime<Utc>> {
    let mut sightings = outside.sightings.lock().unwrap_or_else(PoisonError::into_inner);
    let sighting = sightings.entry(situation.record.id.clone()).or_default();
    match (status, &sighting.failed) {
        (Some(Ok(RolloutStatus::Failed(_))), Some((known, since))) if known == leg => Some(*since),
        (Some(Ok(RolloutStatus::Failed(_))), _) => {
            sighting.failed = Some((leg.clone(), situation.now));
            Some(situation.now)
        }
        // A cluster that does not answer says nothing else.
        (Some(Err(_)), Some((known, since))) if known == leg => Some(*since),
        _ => {
            sighting.failed = None;
            None
        }
    }
}

/// What the metrics say of every place that the version has traffic in: the worst.
async fn analysis(outside: &Outside, situation: &Situation) -> Option<Analysis> {
    let mut worst: Option<Analysis> = None;
    for place in &situation.order().places {
        let Some(step) = situation.record.last_step(place) else { continue };
        if step == ReleaseStep::Prepare {
            continue;
        }
        let analysis = analysis_of(outside, situation, place, step).await;
        let rank = |analysis: &Analysis| match analysis.verdict {
            Verdict::Fail => 0,
            Verdict::Error => 1,
            Verdict::NoData => 2,
            Verdict::Pass => 3,
        };
        if worst.as_ref().is_none_or(|known| rank(&analysis) < rank(known)) {
            worst = Some(analysis);
        }
    }
    worst
}

/// Since when this process looks at all places that the version has traffic in.
fn watched_since(outside: &Outside, situation: &Situation) -> Option<DateTime<Utc>> {
    let sightings = outside.sightings.lock().unwrap_or_else(PoisonError::into_inner);
    let places = &sightings.get(&situation.record.id)?.places;
    places.values().filter_map(|seen| seen.since).max()
}

async fn analysis_of(outside: &Outside, situation: &Situation, place: &Place, step: ReleaseStep) -> Analysis {
    let (now, parameters, environment) = (situation.now, &situation.parameters, &place.environment);
    let id = &situation.record.id;
    let is_due = {
        let mut sightings = outside.sightings.lock().unwrap_or_else(PoisonError::into_inner);
        let known = sightings.entry(id.clone()).or_default().places.entry(environment.clone()).or_default();
        if known.step != Some(step) {
            // Another share of the traffic: what was counted before says nothing about it.
            *known = Seen { step: Some(step), since: Some(now), ..Seen::default() };
        }
        known.last.is_none_or(|last| now - last >= parameters.interval)
    };
    let scraped = if is_due { Some(scrape(outside, situation, environment).await) } else { None };
    let mut sightings = outside.sightings.lock().unwrap_or_else(PoisonError::into_inner);
    let known = sightings.entry(id.clone()).or_default().places.entry(environment.clone()).or_default();
    let is_whole =
        matches!(step, ReleaseStep::Apply | ReleaseStep::Promote | ReleaseStep::Switch | ReleaseStep::Retire);
    match scraped {
        Some(Ok(sample)) => {
            known.last = Some(now);
            let versions = (situation.order().version.as_str(), place.from_version.as_deref(), is_whole);
            known.series.push(now, &sample, versions, parameters.interval);
        }
        Some(Err(why)) => known.series.fail(why),
        None => {}
    }
    known.series.judge(parameters, now)
}

/// One scrape of the service in an environment.
async fn scrape(
    outside: &Outside,
    situation: &Situation,
    environment: &EnvironmentName,
) -> Result<Sample, String> {
    let settings = situation.main.settings.scrape.as_ref().ok_or("no metrics are configured")?;
    let target = situation.target(environment).map_err(|failure| failure.to_string())?;
    let endpoint = Endpoint { service: target.service.clone(), environment: target.environment.clone() };
    let scraped = outside.ports.scraper.scrape(settings, &endpoint, &target.namespace).await;
    scraped.map_err(|failure| failure.to_string())
}

/// Critical incidents of the service that began after the version did.
fn incidents(operations: &Operations, record: &DeploymentRecord) -> Vec<String> {
    operations
        .open_incidents()
        .filter(|incident| {
            incident.severity == Severity::Critical
                && incident.service.as_ref() == Some(&record.order.service)
                && incident.declared_at > record.started_at
        })
        .map(|incident| format!("{}, {}", incident.id, incident.title))
        .collect()
}

/// What a cluster has now: its first picture with everything that is wanted in it, or the newest one after a while,
/// because kinds come one after the other.
async fn glance(
    outside: &Outside,
    target: &Target,
    wanted: &[(String, String)],
) -> Result<ClusterView, Failure> {
    let cluster = outside.cluster(&target.context)?;
    let (sender, mut receiver) = tokio::sync::watch::channel(None);
    let publish: crate::ports::PublishCluster = Arc::new(move |view| {
        sender.send_replace(Some(view));
    });
    let unseen = || Failure::unreachable(format!("{} did not show what runs in time", target.context));
    let mut newest: Option<Result<ClusterView, Failure>> = None;
    let watched = cluster.watch(publish);
    tokio::pin!(watched);
    let mut deadline = tokio::time::Instant::now() + GLANCE;
    loop {
        tokio::select! {
            changed = receiver.changed() => {
                if changed.is_err() {
                    break;
                }
                let view = receiver.borrow_and_update().clone();
                let is_whole = |view: &ClusterView| wanted.iter().all(|key| view.workloads.contains_key(key));
                match view {
                    Some(Ok(view)) if is_whole(&view) => return Ok(view),
                    Some(view) => {
                        if newest.is_none() {
                            deadline = tokio::time::Instant::now() + MORE;
                        }
                        newest = Some(view);
                    }
                    None => {}
                }
            }
            () = &mut watched => break,
            () = tokio::time::sleep_until(deadline) => break,
        }
    }
    newest.unwrap_or_else(|| Err(unseen()))
}

/// Where a service and what it requires run in a cluster.
fn wanted(situation: &Situation, service: &Service, target: &Target) -> Vec<(String, String)> {
    let main = &situation.main;
    let Some(environment) = main.environment(target.environment.as_str()) else { return Vec::new() };
    let needed = service.dependencies.iter().filter(|dependency| !dependency.optional);
    let needed =
        needed.filter_map(|dependency| main.target(main.services.get(&dependency.service)?, environment));
    needed
        .filter(|needed| needed.context == target.context)
        .chain([target.clone()])
        .map(|needed| (needed.namespace, needed.workload))
        .collect()
}

/// What must be so before production is touched.
async fn prechecks(
    outside: &Outside,
    situation: &Situation,
    glass: Option<&str>,
) -> Result<Vec<Check>, Failure> {
    let service = situation.service()?;
    let main = &situation.main;
    let projects: Vec<_> = service.project.clone().into_iter().collect();
    let mut checks = Vec::new();
    for place in &situation.order().places {
        let target = situation.target(&place.environment)?;
        match glance(outside, &target, &wanted(situation, service, &target)).await {
            Ok(view) => {
                checks.push(precheck::health(&view, &target));
                checks.push(precheck::dependencies(main, service, &target, &view));
            }
            Err(failure) => checks.push(Check::new("health", Verdict::Error, failure.to_string())),
        }
        let sample = match &main.settings.scrape {
            Some(_) => Some(scrape(outside, situation, &place.environment).await),
            None => None,
        };
        checks.push(precheck::budget(main, service, sample.as_ref()));
        let standing = calendar::standing(main, Some(&place.environment), &projects, situation.now);
        checks.push(match (standing.closure(), glass) {
            (Some(closure), Some(glass)) => {
                Check::new("calendar", Verdict::Pass, format!("{}; {glass}", closure.words()))
            }
            _ => precheck::calendar(&standing),
        });
        checks.push(previous_image(outside, situation, place).await);
    }
    checks.push(validity(outside, situation).await);
    checks.extend(infrastructure(outside, situation).await);
    Ok(checks)
}

/// Whether one could go back: the image that runs is still in its registry.
async fn previous_image(outside: &Outside, situation: &Situation, place: &Place) -> Check {
    let name = "previous image";
    let Some(image) = &place.from_image else {
        let verdict = if place.from_version.is_none() { Verdict::Pass } else { Verdict::NoData };
        return Check::new(name, verdict, "no image is known that runs");
    };
    let base = situation.main.settings.registry.as_deref();
    match outside.ports.registry.has(base, image).await {
        Ok(true) => Check::new(name, Verdict::Pass, format!("{image} is in its registry")),
        Ok(false) => Check::new(
            name,
            Verdict::Fail,
            format!("{image} is gone from its registry: there is no way back"),
        ),
        Err(failure) => Check::new(name, Verdict::Error, failure.to_string()),
    }
}

/// Whether the control repository validates.
async fn validity(outside: &Outside, situation: &Situation) -> Check {
    let name = "main branch";
    match executor::check(outside, situation.main.clone(), None).await {
        Ok(findings) => match findings.iter().filter(|finding| finding.level == Level::Error).count() {
            0 => Check::new(name, Verdict::Pass, "validates"),
            errors => {
                Check::new(name, Verdict::Fail, format!("has {errors} errors: see `quarterdeck check`"))
            }
        },
        Err(failure) => Check::new(name, Verdict::Error, failure.to_string()),
    }
}

/// Whether the infrastructure files are valid, by the command that the files name. Nobody is kept from deploying by
/// a command that is not there.
async fn infrastructure(outside: &Outside, situation: &Situation) -> Option<Check> {
    let name = "infrastructure";
    let command = &situation.parameters.infrastructure;
    if command.is_empty() {
        return None;
    }
    let line = CommandLine {
        name: (situation.record.id.to_string(), name.to_owned()),
        arguments: command.clone(),
        variables: Vec::new(),
        limit: Duration::from_mins(2),
    };
    let check = match outside.ports.commands.run(&line).await {
        Ok(end) if end.code == Some(0) => Check::new(name, Verdict::Pass, "is valid"),
        Ok(end) => Check::new(name, Verdict::Fail, perform::ended(&end)),
        Err(failure) => Check::new(name, Verdict::Error, failure.to_string()),
    };
    Some(check)
}

/// What must be so after production was changed.
async fn postchecks(
    outside: &Outside,
    situation: &Situation,
    leg: &Leg,
    analysis: Option<&Analysis>,
) -> Result<Vec<Check>, Failure> {
    let Some(environment) = &leg.environment else { return Ok(Vec::new()) };
    let target = situation.target(environment)?;
    let own = [(target.namespace.clone(), target.workload.clone())];
    let health = match glance(outside, &target, &own).await {
        Ok(view) => precheck::health(&view, &target),
        Err(failure) => Check::new("health", Verdict::Error, failure.to_string()),
    };
    let metrics = match analysis {
        Some(analysis) => Check::new("metrics", analysis.verdict, analysis.detail.clone()),
        None => Check::new("metrics", Verdict::NoData, "nothing is measured"),
    };
    Ok(vec![health, metrics])
}
