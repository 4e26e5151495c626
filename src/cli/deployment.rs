//! Deployments on the command line: the list, the timeline of seven days, and everything about one.

use super::{oneshot::pretty, table::table};
use crate::{
    cli::arguments::Output,
    domain::{
        deployment::{
            record::DeploymentRecord,
            recovery::Recovery,
            shown_version,
            statistics::{ServiceFigures, Statistics, count},
            timeline::{MarkKind, SHOWN, lanes, listed},
        },
        ledger::Operations,
        name::{DeploymentId, EnvironmentName},
        text::clean,
        units::{format_duration, format_percent},
    },
    error::Failure,
    model::Model,
};
use chrono::Duration;
use serde_json::{Value, json};

/// How long the statistics look back.
const FREQUENCY: Duration = Duration::days(30);

fn operations(model: &Model) -> Operations {
    model.world.ledger.value.as_ref().map(|ledger| (*ledger.operations).clone()).unwrap_or_default()
}

/// The state of a deployment, in a word.
fn state(record: &DeploymentRecord) -> &'static str {
    match (&record.finished, &record.held) {
        (Some(finished), _) => finished.ending.as_str(),
        (None, Some(_)) => "held",
        (None, None) if record.is_retreating() => "going back",
        (None, None) => "open",
    }
}

fn places(record: &DeploymentRecord) -> String {
    let places: Vec<&str> = record.order.places.iter().map(|place| place.environment.as_str()).collect();
    places.join(" ")
}

/// The deployments that run, wait, or ended lately.
pub fn list(model: &Model, output: Output) -> String {
    let operations = operations(model);
    let records = listed(&operations, model.now);
    match output {
        Output::Json => pretty(&json!({
            "version": 1,
            "at": model.now.to_rfc3339(),
            "deployments": records.iter().map(|record| json(record)).collect::<Vec<_>>(),
        })),
        Output::Text if records.is_empty() => format!("nothing was deployed in {} days\n", SHOWN.num_days()),
        Output::Text => {
            let rows: Vec<Vec<String>> = records.iter().map(|record| row(model, record)).collect();
            table(&["id", "service", "version", "where", "state", "next", ">age"], &rows)
        }
    }
}

fn row(model: &Model, record: &DeploymentRecord) -> Vec<String> {
    let order = &record.order;
    let from = order.places.iter().find_map(|place| place.from_version.as_deref()).map_or("–", shown_version);
    let next = match (&record.held, &record.finished) {
        (Some(held), _) => held.reason.clone(),
        (None, Some(finished)) => finished.detail.clone(),
        (None, None) => record.next_leg().map_or_else(|| "its end".to_owned(), |leg| leg.to_string()),
    };
    vec![
        record.id.to_string(),
        order.service.to_string(),
        format!("{from} → {}", shown_version(&order.version)),
        places(record),
        state(record).to_owned(),
        clean(&next),
        format_duration((model.now - record.started_at).max(Duration::zero())),
    ]
}

/// What the briefing says: what is open and for what it waits, what came in a day, what went back in a week, and which
/// post-mortems are due.
pub fn briefed(model: &Model) -> String {
    let operations = operations(model);
    let age = |at: chrono::DateTime<chrono::Utc>| format_duration((model.now - at).max(Duration::zero()));
    let mut out = String::new();
    for record in operations.open_deployments() {
        let order = &record.order;
        let next = record.next_leg().map_or_else(|| "its end".to_owned(), |leg| leg.stage.to_string());
        let why = match &record.held {
            Some(held) => format!("held: {}", clean(&held.reason)),
            None if record.is_retreating() => format!("going back, at {next}"),
            None => format!("at {next}"),
        };
        let since = age(record.since());
        out += &format!(
            "{} {} {} to {}: {why}, for {since}\n",
            record.id,
            order.service,
            order.version,
            places(record)
        );
    }
    let ended = |since: Duration| {
        let from = model.now - since;
        operations
            .deployments
            .values()
            .filter(move |record| record.finished.as_ref().is_some_and(|finished| finished.at > from))
    };
    let day: Vec<&DeploymentRecord> = ended(Duration::days(1))
        .filter(|record| record.failed.is_none() && record.cancelled.is_none())
        .collect();
    if !day.is_empty() {
        let production = day.iter().filter(|record| record.order.production).count();
        out += &format!(
            "in a day {} done: {production} to production, {} elsewhere\n",
            day.len(),
            day.len() - production
        );
    }
    for record in ended(SHOWN) {
        let Some(failed) = &record.failed else { continue };
        let incident = record.incident.as_ref().map_or_else(String::new, |incident| format!("; {incident}"));
        out += &format!(
            "{} {} {} went back in {} {} ago, at {}: {}{incident}\n",
            record.id,
            record.order.service,
            record.order.version,
            places(record),
            age(failed.at),
            failed.leg.stage,
            clean(&failed.detail)
        );
    }
    for incident in operations.incidents.values() {
        let Some(due) = incident.post_mortem_due() else { continue };
        let when = if due < model.now {
            format!("overdue since {}", age(due))
        } else {
            format!("due in {}", format_duration(due - model.now))
        };
        out += &format!("post-mortem of {} {when}: {}\n", incident.id, clean(&incident.title));
    }
    out
}

/// One deployment as JSON.
fn json(record: &DeploymentRecord) -> Value {
    json!({
        "id": record.id,
        "state": state(record),
        "order": record.order,
        "started_at": record.started_at,
        "started_by": record.started_by,
        "next": record.next_leg(),
        "legs": record.judged.iter().map(|judged| json!({
            "leg": judged.leg,
            "verdict": judged.verdict,
            "detail": judged.detail,
            "figures": judged.figures,
            "since": judged.since,
            "at": judged.at,
        })).collect::<Vec<_>>(),
        "held": record.held.as_ref().map(|held| json!({ "reason": held.reason, "verdict": held.verdict, "at": held.at })),
        "approvals": record.approvals.iter().map(|given| json!({
            "gate": given.gate, "by": given.by, "at": given.at, "note": given.note,
        })).collect::<Vec<_>>(),
        "glass": record.glass.as_ref().map(|glass| json!({
            "reason": glass.reason, "by": glass.by, "at": glass.at, "expires": glass.expires,
            "incident": glass.incident, "seconds": glass.seconds,
        })),
        "incident": record.incident,
        "recovery": Recovery::of(record),
        "finished": record.finished.as_ref().map(|finished| json!({
            "ending": finished.ending, "detail": finished.detail, "at": finished.at,
        })),
    })
}

/// Everything about one deployment.
pub fn show(model: &Model, id: &DeploymentId, output: Output) -> Result<String, Failure> {
    let operations = operations(model);
    let record = operations.deployment(id.as_str()).ok_or_else(|| {
        Failure::usage(format!("there is no deployment `{}`", clean(id.as_str())))
            .hint("`quarterdeck deployment list` shows them")
    })?;
    if output == Output::Json {
        return Ok(pretty(&json(record)));
    }
    let order = &record.order;
    let mut out = format!(
        "{} {} {} to {}, {}\n",
        record.id,
        order.service,
        order.version,
        places(record),
        state(record)
    );
    let mut fact = |label: &str, value: &str| out += &format!("  {label}: {}\n", clean(value));
    fact(
        "started",
        &format!("{} by {}", record.started_at.format("%F %H:%M:%S UTC"), record.started_by.name),
    );
    for place in &order.places {
        let from = place.from_version.as_deref().map_or("nothing", shown_version);
        fact(place.environment.as_str(), &format!("from {from}, wave {}", place.wave + 1));
    }
    if let Some(image) = &order.image {
        fact("image", image);
    }
    if let Some(change) = &order.change {
        fact("change", change.as_str());
    }
    if let Some(incident) = &record.incident {
        fact("incident", incident.as_str());
    }
    for given in &record.approvals {
        fact("approved", &format!("{} by {} {}", given.gate, given.by.name, given.at.format("%F %H:%M UTC")));
    }
    if let Some(glass) = &record.glass {
        let agreed: Vec<&str> = glass.seconds.iter().map(|second| second.by.name.as_str()).collect();
        let agreed = if agreed.is_empty() { "nobody".to_owned() } else { agreed.join(", ") };
        let until = glass.expires.format("%F %H:%M UTC");
        let words = format!(
            "{} until {until}, agreed to by {agreed}, {}: {}",
            glass.by.name, glass.incident, glass.reason
        );
        fact("broken glass", &words);
    }
    if let Some(held) = &record.held {
        fact("held", &held.reason);
    }
    if let Some(recovery) = Recovery::of(record) {
        let after = |time: Option<Duration>| {
            time.map_or_else(|| "not yet".to_owned(), |time| format!("after {}", format_duration(time)))
        };
        fact("first step", &recovery.began_at.format("%F %H:%M:%S UTC").to_string());
        fact("fault seen", &after(Some(recovery.detection())));
        fact("version before runs again", &after(recovery.way_back()));
        if order.production {
            fact("Git settled", &after(recovery.settling()));
        }
    }
    for judged in &record.judged {
        out += &format!(
            "  {} {:7} {}: {}\n",
            judged.at.format("%H:%M:%S"),
            judged.verdict.as_str(),
            judged.leg,
            clean(&judged.detail)
        );
    }
    for leg in record.legs().iter().filter(|leg| record.is_open() && record.result(leg).is_none()) {
        out += &format!("           –       {leg}\n");
    }
    if let Some(finished) = &record.finished {
        out += &format!(
            "  {} {}: {}\n",
            finished.at.format("%H:%M:%S"),
            finished.ending.as_str(),
            clean(&finished.detail)
        );
    }
    Ok(out)
}

/// The deployments of seven days by service, and how often they fail.
pub fn timeline(model: &Model, output: Output) -> String {
    let operations = operations(model);
    let from = model.now - SHOWN;
    let lanes = lanes(&operations, from, model.now);
    let catalog = model.world.catalog.value.as_deref();
    let is_production = |name: &EnvironmentName| {
        let environment = catalog.and_then(|catalog| catalog.environment(name.as_str()));
        environment.is_none_or(|environment| environment.production)
    };
    let statistics = count(&operations, is_production, model.now - FREQUENCY, model.now);
    if output == Output::Json {
        return pretty(&json!({
            "version": 1,
            "from": from,
            "to": model.now,
            "services": lanes,
            "frequency": frequency(&statistics),
        }));
    }
    let mut rows = Vec::new();
    for (service, marks) in &lanes {
        for mark in marks {
            let places: Vec<&str> = mark.environments.iter().map(EnvironmentName::as_str).collect();
            let took = mark.until.map(|until| format_duration((until - mark.at).max(Duration::zero())));
            rows.push(vec![
                mark.at.format("%F %H:%M").to_string(),
                service.to_string(),
                shown_version(&mark.version).to_owned(),
                places.join(" "),
                match mark.kind {
                    MarkKind::Done => "● done",
                    MarkKind::RolledBack => "▼ rolled back",
                    MarkKind::Rollback => "▼ rolled back by hand",
                    MarkKind::Open => "◐ open",
                    MarkKind::Cancelled => "○ cancelled",
                }
                .to_owned(),
                took.unwrap_or_else(|| "–".to_owned()),
                mark.deployment.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string),
            ]);
        }
    }
    rows.sort();
    let mut out = if rows.is_empty() {
        format!("nothing was deployed in {} days\n", SHOWN.num_days())
    } else {
        table(&["began", "service", "version", "where", "how it went", ">took", "id"], &rows)
    };
    out += &format!("\n30 days, {}\n", words(&statistics.total));
    for (service, figures) in &statistics.services {
        out += &format!("  {service}: {}\n", words(figures));
    }
    out += "A change failed when its deployment to production was rolled back; recovery runs from there to the \
            verified end of the rollback.\n";
    out
}

fn words(figures: &ServiceFigures) -> String {
    let rate = figures.failure_rate().map_or_else(|| "no data".to_owned(), format_percent);
    let recovery = figures.median_recovery().map_or_else(|| "no data".to_owned(), format_duration);
    let mut words = format!(
        "deployments to production {}, failed {} (change failure rate {rate}), rollbacks {}, median recovery {recovery}",
        figures.deployments, figures.failed, figures.rollbacks
    );
    if let Some(longest) = figures.censored.iter().max() {
        words += &format!(
            ", not recovered yet {}, the longest for {}",
            figures.censored.len(),
            format_duration(Duration::seconds(*longest))
        );
    }
    words
}

fn frequency(statistics: &Statistics) -> Value {
    let of = |figures: &ServiceFigures| {
        json!({
            "deployments": figures.deployments,
            "failed": figures.failed,
            "rollbacks": figures.rollbacks,
            "change_failure_rate": figures.failure_rate(),
            "median_recovery_seconds": figures.median_recovery().map(|time| time.num_seconds()),
            "recovery_seconds": figures.recoveries,
            "not_recovered_seconds": figures.censored,
        })
    };
    let services: serde_json::Map<String, Value> =
        statistics.services.iter().map(|(service, figures)| (service.to_string(), of(figures))).collect();
    json!({ "days": FREQUENCY.num_days(), "total": of(&statistics.total), "services": services })
}
