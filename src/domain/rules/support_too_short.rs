//! A service in maintenance does not say how long it is supported, or not long enough.

use super::{Context, Rule};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level},
    lifecycle::{DutyKind, Lifecycle, SUPPORT_MONTHS},
};
use chrono::Months;
use std::sync::Arc;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD406",
    name: "support-too-short",
    level: Level::Error,
    summary: "A service in maintenance is not supported for 12 months.",
    help: "Maintenance promises a year of security fixes. Say since when (`maintenance_date`) and until when (`support_until`), at least 12 months apart.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |service: &Arc<Service>| {
        let name = &service.name;
        let (message, place) = match (service.maintenance_date, service.support_until) {
            (Some(since), Some(until)) => (
                format!("`{name}` is in maintenance since {since} and supported until {until} only"),
                "support_until",
            ),
            (Some(_), None) => {
                (format!("`{name}` is in maintenance without `support_until`"), "maintenance_date")
            }
            _ => (format!("`{name}` is in maintenance without `maintenance_date`"), "status"),
        };
        let least = service
            .maintenance_date
            .unwrap_or(context.today)
            .checked_add_months(Months::new(SUPPORT_MONTHS))
            .map_or_else(String::new, |least| format!("; `support_until` is \"{least}\" or later"));
        let finding = context.place(RULE.finding(message), service.place(place), "");
        finding.help(format!("write both `maintenance_date` and `support_until`{least}"))
    };
    context.neglecting(&[Lifecycle::Maintenance], DutyKind::SupportPeriod).map(finding).collect()
}
