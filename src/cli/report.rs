//! Reports: what the model holds, as text for people and as JSON of a documented shape.

use super::{change, cross_project, table::table};
use crate::{
    action::command::Report,
    domain::{
        catalog::{Catalog, Service},
        deployment::Health,
        escalation::{EscalationClock, Response, SeverityMatrix, clock, order},
        finding::Level,
        incident::Incident,
        sla::{Indicators, SlaVerdict},
        text::clean,
        units::{format_clock, format_duration, format_percent},
    },
    model::{
        Model,
        join::{Place, ServiceRow},
        world::{Freshness, Source},
    },
};
use chrono::Duration;
use serde_json::{Value, json};

/// The text of a report that the model can answer.
pub fn text(model: &Model, report: Report) -> String {
    match report {
        Report::Services => services(model),
        Report::Usage => cross_project::usage_text(model),
        Report::Compliance => cross_project::compliance_text(model),
        Report::Migrations => cross_project::migrations_text(model),
        Report::Changes => change::list(model),
        Report::Sla => sla(model),
        Report::Incidents => incidents(model),
        Report::Briefing => briefing(model),
    }
}

/// The JSON of a report that the model can answer.
pub fn json(model: &Model, report: Report) -> Value {
    let at = model.now.to_rfc3339();
    match report {
        Report::Services => json!({ "at": at, "services": services_json(model) }),
        Report::Usage => json!({ "at": at, "services": cross_project::usage_json(model) }),
        Report::Compliance => json!({ "at": at, "demands": cross_project::compliance_json(model) }),
        Report::Migrations => cross_project::migrations_json(model),
        Report::Changes => json!({ "at": at, "changes": change::list_json(model) }),
        Report::Sla => json!({
            "at": at,
            "seen_seconds": looked(model).map(|span| span.num_seconds()),
            "projects": projects_json(model),
        }),
        Report::Incidents => json!({ "at": at, "incidents": incidents_json(model) }),
        Report::Briefing => json!({
            "at": at,
            "sources": sources_json(model),
            "seen_seconds": looked(model).map(|span| span.num_seconds()),
            "projects": projects_json(model),
            "incidents": incidents_json(model),
            "changes": change::list_json(model),
            "services": services_json(model),
            "findings": finding_counts(model),
        }),
    }
}

/// Glyph and word of a verdict, as every face shows it.
pub fn verdict(verdict: SlaVerdict) -> &'static str {
    match verdict {
        SlaVerdict::Violated => "■ violated",
        SlaVerdict::Burning => "▲ burning",
        SlaVerdict::NoData => "◌ no data",
        SlaVerdict::Met => "● met",
    }
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), format_percent)
}

fn milliseconds(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |seconds| format!("{:.0}ms", seconds * 1000.0))
}

fn health(health: &Health) -> String {
    match health {
        Health::Healthy => "healthy".to_owned(),
        Health::Progressing(why) => format!("progressing: {why}"),
        Health::Degraded(why) => format!("degraded: {why}"),
        Health::Paused => "paused".to_owned(),
        Health::Unknown => "unknown".to_owned(),
    }
}

fn services(model: &Model) -> String {
    let rows: Vec<Vec<String>> = model
        .world
        .joined
        .services
        .iter()
        .map(|row| {
            let place = row.main_place();
            let seen = place.and_then(|place| place.indicators.as_ref());
            vec![
                verdict(row.verdict).to_owned(),
                row.service.name.to_string(),
                row.service.project.as_ref().map_or("shared".to_owned(), ToString::to_string),
                row.service.version.as_ref().map_or("–".to_owned(), ToString::to_string),
                place.map_or("–".to_owned(), running),
                place
                    .and_then(|place| place.workload.as_ref())
                    .map_or("–".to_owned(), |w| format!("{}/{}", w.ready, w.desired)),
                row.service.status.to_string(),
                row.service.owner.as_ref().map_or("–".to_owned(), ToString::to_string),
                percent(seen.and_then(|seen| seen.availability)),
                percent(seen.and_then(|seen| seen.error_ratio)),
                milliseconds(seen.and_then(|seen| seen.p99_seconds)),
            ]
        })
        .collect();
    table(
        &[
            "sla",
            "service",
            "project",
            ">version",
            ">runs",
            ">ready",
            "status",
            "owner",
            ">availability",
            ">errors",
            ">p99",
        ],
        &rows,
    )
}

fn running(place: &Place) -> String {
    place.version().unwrap_or("–").to_owned()
}

fn services_json(model: &Model) -> Vec<Value> {
    model.world.joined.services.iter().map(|row| service_json(row)).collect()
}

/// A service as every list of services has it.
pub fn service_json(row: &ServiceRow) -> Value {
    let service = &row.service;
    json!({
        "name": service.name,
        "project": service.project,
        "kind": service.kind,
        "owner": service.owner,
        "version": service.version,
        "status": service.status,
        "tier": service.tier,
        "verdict": row.verdict,
        "open_incidents": row.incidents,
        "open_changes": row.changes,
        "places": row.places.iter().map(|place| place_json(service, place)).collect::<Vec<_>>(),
    })
}

fn place_json(service: &Service, place: &Place) -> Value {
    let target = &place.target;
    let workload = place.workload.as_deref();
    let seen = place.indicators.as_ref();
    json!({
        "environment": target.environment,
        "production": target.production,
        "context": target.context,
        "namespace": target.namespace,
        "workload": target.workload,
        "managed_by": target.managed_by,
        "version": place.version(),
        "drift": place.drift(service).as_str(),
        "step": workload.and_then(|workload| workload.detail.step).map(|(step, _)| step),
        "weight": workload.and_then(|workload| workload.detail.weight),
        "ready": workload.map(|workload| workload.ready),
        "desired": workload.map(|workload| workload.desired),
        "restarts": place.restarts.map(|restarts| restarts.count),
        "last_restart": place.restarts.and_then(|restarts| restarts.last),
        "health": workload.map(|workload| health(&workload.health)),
        "sync": place.application.as_ref().map(|application| &application.sync),
        "verdict": place.judgement.verdict,
        "reasons": place.judgement.reasons,
        "availability": seen.and_then(|seen| seen.availability),
        "error_ratio": seen.and_then(|seen| seen.error_ratio),
        "p99_seconds": seen.and_then(|seen| seen.p99_seconds),
        "requests_per_second": seen.and_then(|seen| seen.rate),
        "budget_remaining": place.judgement.budget_remaining,
        "burn_rate": place.judgement.burn_rate,
        "problem": seen.and_then(|seen| seen.problem.as_deref()),
    })
}

fn sla(model: &Model) -> String {
    let empty_catalog = Catalog::default();
    let catalog = model.world.catalog.value.as_deref().unwrap_or(&empty_catalog);
    let mut out = String::new();
    for project in model.world.joined.projects.iter() {
        let [violated, burn, no_data, met] = project.counts;
        let burning = burning(model, burn);
        out += &format!(
            "{}  {}  availability {}  ■ {violated} violated  ▲ {burning}  ◌ {no_data} no data  ● {met} met\n",
            clean(project.name()),
            verdict(project.verdict()),
            percent(project.availability),
        );
        let rows: Vec<Vec<String>> = project
            .services
            .iter()
            .filter_map(|name| model.world.joined.service(name.as_str()))
            .map(|row| {
                let place = row.main_place();
                let seen = place.and_then(|place| place.indicators.as_ref());
                let promise = catalog.sla(&row.service);
                vec![
                    format!("  {}", verdict(row.verdict)),
                    row.service.name.to_string(),
                    promise.availability.map_or("–".to_owned(), |ratio| ratio.to_string()),
                    percent(seen.and_then(|seen| seen.availability)),
                    percent(place.and_then(|place| place.judgement.budget_remaining)),
                    percent(seen.and_then(|seen| seen.error_ratio)),
                    milliseconds(seen.and_then(|seen| seen.p99_seconds)),
                    place.and_then(|place| place.judgement.reasons.first()).cloned().unwrap_or_default(),
                ]
            })
            .collect();
        out += &table(
            &["  sla", "service", ">promised", ">availability", ">budget left", ">errors", ">p99", "why"],
            &rows,
        );
        out.push('\n');
    }
    if out.is_empty() {
        empty(&model.world.catalog, "the catalog has no service")
    } else {
        short_look(model) + &out
    }
}

fn projects_json(model: &Model) -> Vec<Value> {
    model
        .world
        .joined
        .projects
        .iter()
        .map(|project| {
            let [violated, burning, no_data, met] = project.counts;
            json!({
                "project": project.name(),
                "verdict": project.verdict(),
                "availability": project.availability,
                "requests": project.requests,
                "counts": { "violated": violated, "burning": burning, "no_data": no_data, "met": met },
                "worst": project.worst.as_ref().map(|(service, judgement)| json!({
                    "service": service, "verdict": judgement.verdict, "reasons": judgement.reasons,
                })),
                "services": project.services,
            })
        })
        .collect()
}

fn with_clocks(model: &Model) -> Vec<(&Incident, EscalationClock)> {
    let seed = SeverityMatrix::default();
    let matrix = model.world.catalog.value.as_ref().map_or(&seed, |catalog| &catalog.severities);
    let mut open: Vec<_> = model
        .world
        .joined
        .incidents
        .iter()
        .map(|incident| (incident, clock(incident, matrix, model.now)))
        .collect();
    order(&mut open);
    open
}

fn deadline(incident: &Incident, clock: &EscalationClock) -> String {
    match (clock.response, clock.remaining) {
        (Response::Overdue, Some(left)) => format!("■ ack overdue by {}", format_clock(-left)),
        (Response::Waiting, Some(left)) => format!("▲ ack due in {}", format_clock(left)),
        (_, left) => {
            let by = incident.acknowledged.as_ref().map_or("–", |(_, by)| by.as_str());
            let escalates =
                left.map(|left| format!(", escalates in {}", format_clock(left))).unwrap_or_default();
            format!("● ack by {}{escalates}", clean(by))
        }
    }
}

fn incidents(model: &Model) -> String {
    let open = with_clocks(model);
    if open.is_empty() {
        return empty(&model.world.ledger, "no open incident");
    }
    let rows: Vec<Vec<String>> = open
        .iter()
        .map(|(incident, clock)| {
            vec![
                incident.id.to_string(),
                incident.severity.to_string(),
                incident.service.as_ref().map_or("–".to_owned(), ToString::to_string),
                clean(&incident.title),
                format_duration(model.now - incident.declared_at),
                clock.level.to_string(),
                deadline(incident, clock),
            ]
        })
        .collect();
    table(&["incident", "severity", "service", "title", ">age", ">level", "clock"], &rows)
}

fn incidents_json(model: &Model) -> Vec<Value> {
    with_clocks(model)
        .into_iter()
        .map(|(incident, clock)| json!({ "incident": incident, "clock": clock }))
        .collect()
}

pub(super) fn empty<T>(source: &Source<T>, nothing: &str) -> String {
    match (&source.value, &source.failure) {
        (Some(_), _) => format!("{nothing}\n"),
        (None, Some(failure)) => format!("unknown: {}\n", failure.render()),
        (None, None) => "unknown: nothing has come yet\n".to_owned(),
    }
}

fn finding_counts(model: &Model) -> Value {
    let count = |level: Level| {
        let findings = model.world.findings.value.as_ref()?;
        Some(findings.iter().filter(|finding| finding.level == level).count())
    };
    json!({ "errors": count(Level::Error), "warnings": count(Level::Warning) })
}

/// Every source with how it stands.
fn sources(model: &Model) -> Vec<(String, Freshness, Option<String>)> {
    fn stand<T>(model: &Model, name: &str, source: &Source<T>) -> (String, Freshness, Option<String>) {
        let freshness = source.freshness(model.now, Duration::seconds(60));
        (name.to_owned(), freshness, source.failure.as_ref().map(|failure| failure.message.clone()))
    }
    let world = &model.world;
    let settings = world.catalog.value.as_ref().map(|catalog| &catalog.settings);
    let mut all = vec![
        stand(model, "control repository", &world.catalog),
        stand(model, "changes", &world.changes),
        stand(model, "ledger", &world.ledger),
        stand(model, "git remote", &world.remote),
    ];
    all.extend(world.clusters.iter().map(|(context, source)| {
        let (name, _, failure) = stand(model, context.as_str(), source);
        (name, source.cluster_freshness(model.now, Duration::seconds(60)), failure)
    }));
    if settings.is_some_and(|settings| settings.scrape.is_some()) {
        all.push(stand(model, "metrics", &world.metrics));
    }
    if settings.is_some_and(|settings| settings.alertmanager.is_some()) {
        all.push(stand(model, "alertmanager", &world.alerts));
    }
    if settings.is_some_and(|settings| settings.forge.is_some()) {
        all.push(stand(model, "forge", &world.requests));
    }
    all
}

fn sources_json(model: &Model) -> Vec<Value> {
    sources(model)
        .into_iter()
        .map(|(name, freshness, failure)| {
            let state = match freshness {
                Freshness::Loading => "loading",
                Freshness::Live => "live",
                Freshness::Partial => "partial",
                Freshness::Stale => "stale",
                Freshness::Failed => "failed",
            };
            json!({ "source": name, "state": state, "failure": failure })
        })
        .collect()
}

fn briefing(model: &Model) -> String {
    let joined = &model.world.joined;
    let [violated, burn, no_data, met] = joined.counts;
    let name = model.world.catalog.value.as_ref().map_or("control repository", |c| c.settings.name.as_str());
    let mut out = format!("{} briefing · {}\n", clean(name), model.now.format("%Y-%m-%d %H:%M UTC"));
    out += &format!(
        "{} services: ■ {violated} violated  ▲ {}  ◌ {no_data} no data  ● {met} met\n",
        joined.services.len(),
        burning(model, burn)
    );
    out += &short_look(model);

    out += "\nOpen incidents\n";
    out += &indent(&incidents(model));

    out += "\nPending changes\n";
    out += &indent(&change::list(model));

    out += "\nSLA\n";
    let rows: Vec<Vec<String>> = joined
        .projects
        .iter()
        .map(|project| {
            let worst = project.worst.as_ref().filter(|(_, judgement)| judgement.verdict != SlaVerdict::Met);
            vec![
                verdict(project.verdict()).to_owned(),
                project.name().to_owned(),
                percent(project.availability),
                worst.map_or(String::new(), |(service, judgement)| {
                    let why = judgement.reasons.first().map_or("", String::as_str);
                    format!("{service}: {why}")
                }),
            ]
        })
        .collect();
    out += &indent(&table(&["sla", "project", ">availability", "worst"], &rows));

    out += "\nDeployments\n";
    out += &indent(&deployments(model));

    if let Some(findings) = &model.world.findings.value {
        let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
        let warnings = findings.iter().filter(|finding| finding.level == Level::Warning).count();
        out += &match (errors, warnings) {
            (0, 0) => "\nValidation\n  ● the repository is clean\n".to_owned(),
            _ => format!("\nValidation\n  ■ {errors} errors, {warnings} warnings: run `quarterdeck check`\n"),
        };
    }
    let failed: Vec<String> = sources(model)
        .into_iter()
        .filter_map(|(name, freshness, failure)| match freshness {
            Freshness::Live => None,
            Freshness::Failed => Some(format!("  ■ {name}: {}\n", clean(&failure.unwrap_or_default()))),
            Freshness::Partial => Some(format!("  ▲ {name}: its deployments cannot be seen\n")),
            Freshness::Stale => Some(format!("  ▲ {name}: stale\n")),
            Freshness::Loading => Some(format!("  ◌ {name}: nothing has come yet\n")),
        })
        .collect();
    if !failed.is_empty() {
        out += "\nSources that are not live\n";
        out += &failed.concat();
    }
    out
}

/// From how long a look on nothing that burns means that nothing does.
const LONG_ENOUGH: Duration = Duration::seconds(30);

/// Over how long recent errors were seen; `None` where nothing was scraped twice.
fn looked(model: &Model) -> Option<Duration> {
    let endpoints = model.world.metrics.value.iter().flat_map(|view| view.endpoints.values());
    endpoints.filter_map(Indicators::span).max()
}

/// How many services burn. Who looks for a moment does not see what breaks slowly: that none burns is not known then.
fn burning(model: &Model, count: usize) -> String {
    let is_known = count > 0 || looked(model).is_some_and(|span| span >= LONG_ENOUGH);
    if is_known { format!("{count} burning") } else { "? burning".to_owned() }
}

/// That a look was too short to know all that burns.
fn short_look(model: &Model) -> String {
    match looked(model) {
        Some(span) if span >= LONG_ENOUGH => String::new(),
        Some(span) => format!(
            "errors were watched for {} only: more may burn than is known yet\n",
            format_duration(span.max(Duration::seconds(1)))
        ),
        None => "errors were not watched: what burns is not known\n".to_owned(),
    }
}

/// What is not as Git says, or not well; and the rollbacks of the last week.
fn deployments(model: &Model) -> String {
    let mut rows = Vec::new();
    for row in &model.world.joined.services {
        for place in &row.places {
            let wanted = row.service.version.as_ref().map(ToString::to_string);
            let drift = wanted.as_deref().zip(place.version()).filter(|(wanted, running)| wanted != running);
            let unwell = place.workload.as_ref().filter(|workload| workload.health != Health::Healthy);
            let out_of_sync =
                place.application.as_ref().filter(|application| application.sync == "OutOfSync");
            if drift.is_none() && unwell.is_none() && out_of_sync.is_none() {
                continue;
            }
            let mut said = Vec::new();
            if let Some((wanted, running)) = drift {
                said.push(format!("runs {running}, Git says {wanted}"));
            }
            if let Some(workload) = unwell {
                said.push(health(&workload.health));
            }
            if out_of_sync.is_some() {
                said.push("Argo CD: OutOfSync".to_owned());
            }
            rows.push(vec![
                "▲".to_owned(),
                row.service.name.to_string(),
                place.target.environment.to_string(),
                said.join("; "),
            ]);
        }
    }
    let mut out = String::new();
    let places: usize = model.world.joined.services.iter().map(|row| row.places.len()).sum();
    let seen = model
        .world
        .joined
        .services
        .iter()
        .flat_map(|row| &row.places)
        .filter(|p| p.workload.is_some())
        .count();
    out += &format!("{seen} of {places} deployments seen, {} not as Git says or not well\n", rows.len());
    if !rows.is_empty() {
        out += &table(&["", "service", "environment", "what"], &rows);
    }
    out += &super::deployment::briefed(model);
    if let Some(ledger) = &model.world.ledger.value {
        let week = model.now - Duration::days(7);
        for past in ledger.operations.past_rollbacks.iter().rev().filter(|past| past.started_at > week) {
            out += &format!(
                "rollback of {} in {} from {} to {}: {} ({} ago, took {})\n",
                past.service,
                past.environment,
                clean(&past.from),
                clean(&past.to),
                past.verdict.as_str(),
                format_duration(model.now - past.started_at),
                format_duration(past.duration),
            );
        }
    }
    out
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        domain::sla::{Endpoint, MetricsView},
        model::layout::Size,
    };
    use std::sync::Arc;

    /// A model of which errors were watched for so many seconds.
    fn model(seconds: Option<f64>, burning: usize) -> Model {
        let now = "2026-03-09T02:48:12Z".parse().unwrap();
        let mut model = Model::new(Arc::new(Config::default()), now, Size { width: 80, height: 24 });
        let indicators = Indicators {
            rate: seconds.map(|_| 10.0),
            recent_requests: 10.0 * seconds.unwrap_or_default(),
            ..Indicators::default()
        };
        let endpoint = Endpoint { service: "api".into(), environment: "production".into() };
        let view = MetricsView { endpoints: [(endpoint, indicators)].into() };
        model.world.metrics.value = Some(Arc::new(view));
        Arc::make_mut(&mut model.world.joined).counts = [0, burning, 0, 1];
        model
    }

    #[test]
    fn that_nothing_burns_is_not_said_after_a_short_look() {
        for (seconds, burning, words, told) in [
            (None, 0, "? burning", "not watched"),
            (Some(1.0), 0, "? burning", "watched for 1s"),
            (Some(2.0), 3, "3 burning", "watched for 2s"),
            (Some(60.0), 0, "0 burning", ""),
        ] {
            let shown = text(&model(seconds, burning), Report::Briefing);
            assert!(shown.contains(&format!("▲ {words}")), "{shown}");
            assert!(shown.contains(told), "{told} is not in {shown}");
            assert_eq!(shown.contains("watched"), !told.is_empty(), "{shown}");
        }
        let value = json(&model(Some(2.0), 0), Report::Briefing);
        assert_eq!(value["seen_seconds"], 2);
        assert_eq!(json(&model(None, 0), Report::Sla)["seen_seconds"], Value::Null);
    }
}
