//! What `policies/security.toml` and `policies/compliance.toml` demand, and `policies/calendar.toml`.

use super::view::View;
use crate::domain::{
    calendar::{CalendarEntry, EntryKind},
    catalog::Catalog,
    expression::About,
    finding::Level,
    name::PersonName,
    policy::{Condition, Exemption, PolicyRule},
};
use std::collections::BTreeMap;

/// Reads what a file of policies demands, beside its gates.
pub fn read_demands(top: View<'_, '_>, catalog: &mut Catalog) {
    let policies = &mut catalog.policies;
    // Both files may say each of these; one shape has fewer keys than the other.
    let says = |key: &str| top.shape.key(key).is_some() && top.table.contains_key(key);
    if says("allowed_registries") {
        policies.allowed_registries = Some(top.list("allowed_registries"));
    }
    if says("forbidden_ports") {
        policies.forbidden_ports = top.integers("forbidden_ports");
    }
    if says("forbidden_privileges") {
        policies.forbidden_privileges = top.list("forbidden_privileges");
    }
    if says("mutable_tags") {
        policies.mutable_tags = Some(top.list("mutable_tags"));
    }
    if says("require_network_policy") {
        policies.require_network_policy = top.boolean("require_network_policy").unwrap_or_default();
    }
    if says("require_digest") {
        policies.require_digest = top.boolean("require_digest").unwrap_or_default();
    }
    policies.exemptions.extend(top.tables("exemption").into_iter().filter_map(read_exemption));
    policies.rules.extend(top.tables("rule").into_iter().filter_map(|view| {
        let about = match view.text("applies_to") {
            None => About::Service,
            Some(word) => About::parse(word)?,
        };
        read_rule(view, "name", None, about, None)
    }));
    if top.shape.key("framework").is_none() {
        return;
    }
    for (framework, _, view) in top.named("framework") {
        let applies = condition(view, "applies_to");
        policies.rules.extend(view.tables("control").into_iter().filter_map(|control| {
            read_rule(control, "id", Some(framework), About::Service, applies.clone())
        }));
    }
}

fn condition(view: View<'_, '_>, key: &str) -> Option<Condition> {
    Some(Condition { text: view.owned(key)?, span: view.span(key)? })
}

fn read_rule(
    view: View<'_, '_>,
    name: &str,
    framework: Option<&str>,
    about: About,
    applies: Option<Condition>,
) -> Option<PolicyRule> {
    Some(PolicyRule {
        name: view.owned(name)?,
        framework: framework.map(str::to_owned),
        about,
        applies,
        condition: condition(view, "rule")?,
        message: view.owned("message"),
        level: match view.text("severity") {
            Some("note") => Level::Note,
            Some("warning") => Level::Warning,
            _ => Level::Error,
        },
    })
}

/// An exemption, unless it lacks what it is worth nothing without; the reader's rules say what is missing.
fn read_exemption(view: View<'_, '_>) -> Option<Exemption> {
    Some(Exemption {
        rule: view.owned("rule")?,
        subject: view.owned("subject"),
        reason: view.owned("reason")?,
        approver: PersonName::from(view.handle("approver")?),
        expires: view.date("expires"),
        rule_span: view.span("rule")?,
        approver_span: view.span("approver")?,
        expires_span: view.span("expires")?,
    })
}

/// Reads `policies/calendar.toml`.
pub fn read_calendar(top: View<'_, '_>, catalog: &mut Catalog) {
    for (key, kind) in [("freeze", EntryKind::Freeze), ("window", EntryKind::Window)] {
        for view in top.tables(key) {
            let mut spans = BTreeMap::new();
            for key in ["name", "start", "end", "rrule", "duration", "environments", "projects"] {
                if view.shape.key(key).is_some() {
                    spans.extend(view.span(key).map(|span| (key, span)));
                }
            }
            let once = kind == EntryKind::Freeze;
            let Some(name) = view.owned("name") else { continue };
            catalog.calendar.push(CalendarEntry {
                kind,
                name,
                start: once.then(|| view.instant("start")).flatten(),
                end: once.then(|| view.instant("end")).flatten(),
                recurrence: view.owned("rrule"),
                duration: view.duration("duration"),
                environments: view.list("environments"),
                projects: view.list("projects"),
                reason: once.then(|| view.owned("reason")).flatten(),
                spans,
            });
        }
    }
}
