//! `service show`: everything about one service, as text and as JSON.

use super::report;
use crate::{
    domain::{
        catalog::{Catalog, Service},
        lifecycle::{Lifecycle, next, open_duties},
        passage,
        text::clean,
        units::{format_duration, format_percent},
    },
    model::{
        Model,
        join::{Drift, ServiceRow},
    },
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The service in words.
pub fn text(model: &Model, catalog: &Catalog, row: &ServiceRow) -> String {
    let service = &row.service;
    let mut out = format!("{}  {}\n", service.name, report::verdict(row.verdict));
    let mut fact = |label: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(out, "  {label:<14}{}", clean(&value));
        }
    };
    fact("description", service.description.clone());
    fact("version", service.version.as_ref().map(ToString::to_string));
    fact("status", Some(service.status.to_string()));
    fact("deprecated", service.deprecation_date.map(|date| date.to_string()));
    fact("gone by", service.sunset_date.map(|date| date.to_string()));
    fact("replaced by", service.replacement_service.as_ref().map(ToString::to_string));
    fact("type, tier", Some(format!("{}, {}", service.kind, service.tier.as_str())));
    fact("project", Some(service.project.as_ref().map_or_else(|| "shared".to_owned(), ToString::to_string)));
    fact("owner", service.owner.as_ref().map(ToString::to_string));
    fact("image", service.image.clone());
    let sla = catalog.sla(service);
    fact("promises", promises(&sla));
    for place in &row.places {
        let target = &place.target;
        let seen = place.judgement.availability.map_or_else(|| "no data".to_owned(), format_percent);
        let pods = place.workload.as_ref().map(|w| format!(", {} of {} pods ready", w.ready, w.desired));
        let drift = match place.drift(service) {
            Drift::Differs => " (Git says otherwise)",
            Drift::OutOfSync => " (out of sync with Git)",
            Drift::Same | Drift::Unknown => "",
        };
        let words = format!(
            "{}, runs {}{drift}{}, availability {seen}",
            report::verdict(place.judgement.verdict),
            place.version().unwrap_or("–"),
            pods.unwrap_or_default(),
        );
        fact(target.environment.as_str(), Some(words));
        for reason in &place.judgement.reasons {
            fact("", Some(reason.clone()));
        }
    }
    let needs: Vec<String> = service
        .dependencies
        .iter()
        .map(|need| {
            let version = need.requirement.as_ref().map_or_else(String::new, |wanted| format!(" {wanted}"));
            format!("{}{version}{}", need.service, if need.optional { " (optional)" } else { "" })
        })
        .collect();
    fact("needs", (!needs.is_empty()).then(|| needs.join(", ")));
    let users = model.world.joined.dependants.get(&service.name).cloned().unwrap_or_default();
    let users: Vec<String> = users.iter().map(ToString::to_string).collect();
    fact("used by", (!users.is_empty()).then(|| users.join(", ")));
    for (state, word) in steps(service) {
        let duties = open_duties(catalog, service, state);
        let open = duties.iter().filter(|duty| !duty.done).count();
        fact(state.as_str(), Some(format!("{word}, {open} of {} duties open", duties.len())));
        for duty in duties {
            fact("", Some(format!("{} {}", if duty.done { "✓ done" } else { "✗ open" }, duty.what)));
        }
    }
    for (path, line) in sources(catalog, service) {
        fact("said in", Some(format!("{path}:{line}")));
    }
    out
}

fn promises(sla: &crate::domain::catalog::Sla) -> Option<String> {
    let parts: Vec<String> = [
        sla.availability.map(|ratio| format!("availability {ratio}")),
        sla.error_rate.map(|ratio| format!("errors {ratio}")),
        sla.response_time_p99.map(|bound| format!("p99 {}ms", bound.num_milliseconds())),
        sla.window.map(|window| format!("over {}", format_duration(window))),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The state it is in, and those that it may go to.
fn steps(service: &Service) -> Vec<(Lifecycle, &'static str)> {
    let steps = next(service.status).iter().map(|step| (step.to, "next"));
    std::iter::once((service.status, "now")).chain(steps).collect()
}

/// Where the files speak of it: path and first line.
fn sources(catalog: &Catalog, service: &Service) -> Vec<(String, usize)> {
    let passages = passage::of_service(catalog, service);
    passages.into_iter().map(|passage| (passage.file.path.clone(), passage.lines.start)).collect()
}

/// The service as data; docs/CLI.md has the shape.
pub fn json(model: &Model, catalog: &Catalog, row: &ServiceRow) -> Value {
    let service = &row.service;
    let mut value = report::service_json(row);
    let sla = catalog.sla(service);
    let ladder: Vec<Value> = steps(service)
        .into_iter()
        .map(|(state, word)| {
            let duties = open_duties(catalog, service, state);
            let duties: Vec<Value> =
                duties.into_iter().map(|duty| json!({ "what": duty.what, "done": duty.done })).collect();
            json!({ "status": state, "is": word, "duties": duties })
        })
        .collect();
    let more = json!({
        "at": model.now.to_rfc3339(),
        "description": service.description,
        "image": service.image,
        "deprecation_date": service.deprecation_date.map(|date| date.to_string()),
        "sunset_date": service.sunset_date.map(|date| date.to_string()),
        "replacement_service": service.replacement_service,
        "promises": {
            "availability": sla.availability.map(crate::domain::units::Ratio::share),
            "error_rate": sla.error_rate.map(crate::domain::units::Ratio::share),
            "p99_seconds": sla.response_time_p99.map(|bound| bound.num_milliseconds() as f64 / 1000.0),
        },
        "needs": service.dependencies.iter().map(|need| json!({
            "service": need.service,
            "requirement": need.requirement.as_ref().map(ToString::to_string),
            "optional": need.optional,
        })).collect::<Vec<_>>(),
        "used_by": model.world.joined.dependants.get(&service.name).cloned().unwrap_or_default(),
        "lifecycle": ladder,
        "sources": sources(catalog, service).into_iter().map(|(path, line)| json!({ "path": path, "line": line }))
            .collect::<Vec<_>>(),
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}
