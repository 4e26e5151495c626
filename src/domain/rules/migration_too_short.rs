//! A deprecated service does not say when it will be gone, or leaves too little time.

use super::{Context, Rule};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level},
    lifecycle::{DutyKind, Lifecycle, MIGRATION_MONTHS},
};
use chrono::Months;
use std::sync::Arc;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD408",
    name: "migration-too-short",
    level: Level::Error,
    summary: "A deprecated service leaves less than six months until its sunset.",
    help: "Those who use it need the time to move. Say since when (`deprecation_date`) and until when (`sunset_date`), at least six months apart.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |service: &Arc<Service>| {
        let name = &service.name;
        let (message, place) = match (service.deprecation_date, service.sunset_date) {
            (Some(since), Some(until)) => {
                let days = (until - since).num_days();
                let message = format!(
                    "`{name}` is deprecated since {since} and gone on {until}: {days} days, not \
                     {MIGRATION_MONTHS} months"
                );
                (message, "sunset_date")
            }
            (Some(_), None) => (format!("`{name}` is deprecated without `sunset_date`"), "deprecation_date"),
            _ => (format!("`{name}` is deprecated without `deprecation_date`"), "status"),
        };
        let least = service
            .deprecation_date
            .unwrap_or(context.today)
            .checked_add_months(Months::new(MIGRATION_MONTHS))
            .map_or_else(String::new, |least| format!("; `sunset_date` is \"{least}\" or later"));
        let finding = context.place(RULE.finding(message), service.place(place), "");
        finding.help(format!("write both `deprecation_date` and `sunset_date`{least}"))
    };
    context.neglecting(&[Lifecycle::Deprecated], DutyKind::MigrationPeriod).map(finding).collect()
}
