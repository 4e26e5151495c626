//! A generally available service promises too little.

use super::{Context, Rule, sla_above_dependency::availability, version_form::standing};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level},
    lifecycle::{DutyKind, LEAST_GA_AVAILABILITY, Lifecycle},
    units::format_percent,
};
use std::sync::Arc;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD405",
    name: "ga-below-availability",
    level: Level::Error,
    summary: "A generally available service promises less than 99.9% availability.",
    help: "General availability is that promise. Set `availability` in its `sla` (or for its tier in policies/sla.toml) to 99.9% or more, or leave it in beta until it can be kept.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |service: &Arc<Service>| {
        let own = service.spans.contains_key("sla.availability");
        let promises = match availability(context.head, service) {
            None => "no availability".to_owned(),
            Some(promised) if own => promised.to_string(),
            Some(promised) => format!("{promised}, as its tier does"),
        };
        let message = format!(
            "`{}` {} and promises {promises}, not {}",
            service.name,
            standing(service),
            format_percent(LEAST_GA_AVAILABILITY)
        );
        let place = if own { "sla.availability" } else { "status" };
        let finding = context.place(RULE.finding(message), service.place(place), "");
        finding.help("write `availability = \"99.9%\"` in its `sla`")
    };
    context.neglecting(&[Lifecycle::Ga], DutyKind::Availability).map(finding).collect()
}
