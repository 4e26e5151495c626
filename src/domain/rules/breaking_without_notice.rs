//! A breaking change comes sooner than its service promised.

use super::{
    Context, Rule,
    breaking_change::{breaking, describe},
    list,
};
use crate::domain::finding::{Finding, Level};
use chrono::Days;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD303",
    name: "breaking-without-notice",
    level: Level::Error,
    summary: "A breaking change comes sooner than `break_changes_notice` promises.",
    help: "Notice runs from the `deprecation_date` that the main branch already carries: announce it there, wait as many days as promised, then break.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    breaking(context)
        .filter_map(|(old, new, consumers)| {
            // The promise of the main branch counts: a change must not shorten its own notice.
            let days = old.governance.break_changes_notice.filter(|days| *days > 0)?;
            let allowed = old.deprecation_date.and_then(|date| date.checked_add_days(Days::new(days.into())));
            if allowed.is_some_and(|allowed| context.today >= allowed) {
                return None;
            }
            let why = allowed.map_or_else(
                || "no `deprecation_date` announces it".to_owned(),
                |allowed| format!("it was announced for {allowed}"),
            );
            let message = format!(
                "{} breaks {} without the {days} days of notice that it promises: {why}",
                describe(old, new),
                list(&consumers)
            );
            let help = match allowed {
                Some(allowed) => format!("merge it on {allowed} or later"),
                None => "merge a `deprecation_date` first, and let the notice run".to_owned(),
            };
            Some(context.place(RULE.finding(message), new.place("version"), "").help(help))
        })
        .collect()
}
