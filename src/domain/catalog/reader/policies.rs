//! The files below `policies/`, and `services/versions.toml` and `services/patterns.toml`.

use super::{services::read_sla, sink::Sink, view::View};
use crate::domain::{
    catalog::{Catalog, Pattern},
    escalation::{Severity, SeverityPolicy},
    name::{PersonName, ServiceName, TeamName},
    people::{Person, PersonKind, Rotation, Team},
    rules::reading,
};
use std::ops::Range;

/// Reads `policies/teams.toml`.
pub fn read_teams(top: View<'_, '_>, catalog: &mut Catalog, sink: &mut Sink) {
    for (handle, at, view) in top.named("person") {
        let handle = PersonName::from(handle.trim_start_matches('@'));
        catalog.places.insert(format!("person.{handle}"), at);
        let mut emails: Vec<String> = view.owned("email").into_iter().collect();
        emails.extend(view.list::<String>("emails"));
        let kind = match view.text("kind") {
            Some("agent") => PersonKind::Agent,
            _ => PersonKind::Human,
        };
        let person = Person {
            kind,
            name: view.owned("name").unwrap_or_else(|| handle.to_string()),
            emails,
            chat: view.owned("chat"),
            phone: view.owned("phone"),
            handle: handle.clone(),
        };
        catalog.people.persons.insert(handle, person);
    }
    for (handle, at, view) in top.named("team") {
        let handle = TeamName::from(handle.trim_start_matches('@'));
        for key in ["members", "lead"] {
            if let Some(span) = view.span(key) {
                catalog.places.insert(format!("team.{handle}.{key}"), span);
            }
        }
        if let Some(span) = view.table("rotation").and_then(|rotation| rotation.span("members")) {
            catalog.places.insert(format!("team.{handle}.rotation"), span);
        }
        if let Some(span) = view.table("rotation").and_then(|rotation| rotation.span("start")) {
            catalog.places.insert(format!("team.{handle}.rotation.start"), span);
        }
        catalog.places.insert(format!("team.{handle}"), at);
        let team = Team {
            description: view.owned("description"),
            members: view.handles("members"),
            lead: view.handle("lead").map(PersonName::from),
            channel: view.owned("channel"),
            rotation: view.table("rotation").and_then(|rotation| read_rotation(rotation, sink)),
            handle: handle.clone(),
        };
        catalog.people.teams.insert(handle, team);
    }
}

fn read_rotation(view: View<'_, '_>, sink: &mut Sink) -> Option<Rotation> {
    let rotation = Rotation {
        members: view.handles("members"),
        start: view.moment("start")?,
        time_zone: view.text("time_zone")?.parse().ok()?,
        shift: view.duration("shift")?,
    };
    if rotation.shift.num_seconds() <= 0 {
        let at = range_of(&view, "shift");
        let message = "a shift cannot be shorter than a second".to_owned();
        sink.report(&reading::INVALID_VALUE, &at, message, Some("write for example `shift = \"7d\"`".into()));
        return None;
    }
    if rotation.members.is_empty() {
        let at = range_of(&view, "members");
        let message = "nobody takes part in the rotation".to_owned();
        sink.report(&reading::INVALID_VALUE, &at, message, Some("name at least one member".into()));
        return None;
    }
    Some(rotation)
}

fn range_of(view: &View<'_, '_>, key: &str) -> Range<usize> {
    view.span(key).map_or(0..0, |span| span.start as usize..span.end as usize)
}

/// Reads `policies/escalation.toml`; what it does not say keeps the usual matrix.
pub fn read_escalation(top: View<'_, '_>, catalog: &mut Catalog) {
    if let Some(team) = top.handle("on_call") {
        catalog.severities.on_call = Some(TeamName::from(team));
        if let Some(span) = top.span("on_call") {
            catalog.places.insert("severity.on_call".to_owned(), span);
        }
    }
    for (word, _, view) in top.named("severity") {
        let Some(severity) = Severity::parse(word) else { continue };
        let usual = catalog.severities.rows.get(&severity);
        let Some(response) = view.duration("response").or_else(|| usual.map(|row| row.response)) else {
            continue;
        };
        let notification = view
            .owned("notification")
            .or_else(|| usual.map(|row| row.notification.clone()))
            .unwrap_or_default();
        let row = SeverityPolicy {
            response,
            escalation: view.duration("escalation"),
            notification,
            channels: view.list("channels"),
        };
        catalog.severities.rows.insert(severity, row);
    }
    let mut levels: Vec<_> = top.tables("level").into_iter().enumerate().collect();
    // Without a number a level follows the one before it.
    levels.sort_by_key(|(index, view)| view.integer::<usize>("after_escalations").unwrap_or(*index));
    if !levels.is_empty() {
        catalog.severities.levels = levels.iter().map(|(_, view)| view.list("notify")).collect();
        for (index, (_, view)) in levels.iter().enumerate() {
            if let Some(span) = view.span("notify") {
                catalog.places.insert(format!("level.{index}"), span);
            }
        }
    }
}

/// Reads `policies/sla.toml`.
pub fn read_sla_policy(top: View<'_, '_>, catalog: &mut Catalog) {
    for (tier, _, view) in top.named("sla") {
        catalog.sla_by_tier.insert(tier.to_owned(), read_sla(view));
    }
}

/// Reads the gates of `policies/security.toml` and `policies/compliance.toml`.
pub fn read_gates(top: View<'_, '_>, catalog: &mut Catalog) {
    for (gate, _, view) in top.named("gate") {
        if let Some(team) = view.handle("team") {
            catalog.gate_teams.insert(gate.to_owned(), TeamName::from(team));
        }
        if let Some(span) = view.span("team") {
            catalog.places.insert(format!("gate.{gate}"), span);
        }
    }
}

/// Reads what `policies/security.toml` says about the ledger.
pub fn read_ledger(top: View<'_, '_>, catalog: &mut Catalog) {
    if let Some(word) = top.table("ledger").and_then(|ledger| ledger.owned("signatures")) {
        catalog.signatures_required = word == "required";
    }
}

/// Reads `services/versions.toml`, once all services are known.
pub fn read_versions(top: View<'_, '_>, catalog: &mut Catalog) {
    for (service, _, view) in top.named("version") {
        if let Some(digest) = view.owned("digest") {
            catalog.digests.insert(ServiceName::from(service), digest);
        }
        if let Some(migration) = view.owned("data_migration") {
            catalog.data_migrations.insert(ServiceName::from(service), migration);
        }
        let previous: Vec<_> =
            view.list::<&str>("previous").into_iter().filter_map(|text| text.parse().ok()).collect();
        catalog.previous_versions.insert(ServiceName::from(service), previous);
    }
}

/// Reads `services/patterns.toml`.
pub fn read_patterns(top: View<'_, '_>, catalog: &mut Catalog) {
    for (name, span, view) in top.named("pattern") {
        let pattern = Pattern {
            replicas: view.integer("replicas"),
            strategy: view.owned("strategy"),
            canary_steps: view.table.contains_key("canary_steps").then(|| view.integers("canary_steps")),
            steps_span: view.span("canary_steps").unwrap_or_else(|| span.clone()),
            span,
        };
        catalog.patterns.insert(name.to_owned(), pattern);
    }
}
