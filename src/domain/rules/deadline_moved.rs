//! A change takes time away that consumers were promised.

use super::{Context, Rule, users};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::LEAST_NOTICE_DAYS,
};
use chrono::{Days, NaiveDate};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD418",
    name: "deadline-moved",
    level: Level::Error,
    summary: "A change moves the end of a service or of its support closer, or dates a step of its life into the past.",
    help: "Whoever migrates has planned with `sunset_date` and `support_until` as the main branch has them. They may move to later days at any time, and to earlier ones while at least the notice that the service promises is left. A step of its life begins on the day that it is proposed, give or take a week of review.",
    check: Some(check),
};

/// As many days a review may take.
const REVIEW_DAYS: i64 = 7;

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (old, new) in &context.kept {
        let notice = old.governance.break_changes_notice.unwrap_or(LEAST_NOTICE_DAYS);
        let least = context.today.checked_add_days(Days::new(notice.into()));
        for (key, before, after) in [
            ("sunset_date", old.sunset_date, new.sunset_date),
            ("support_until", old.support_until, new.support_until),
        ] {
            let (Some(before), Some(after), Some(least)) = (before, after, least) else { continue };
            let uses: Vec<_> = context.uses(&new.name).collect();
            // One that has passed already takes nothing more from anybody.
            if after >= before || after >= least || before < context.today || uses.is_empty() {
                continue;
            }
            let message = format!(
                "`{key}` of `{}` moves from {before} to {after}, in {} days, and {} depend{} on it",
                new.name,
                (after - context.today).num_days(),
                users(&uses),
                if uses.len() == 1 { "s" } else { "" }
            );
            let finding = context.place(RULE.finding(message), new.place(key), "");
            findings.push(finding.help(format!("keep {before}, or write {least} or later")));
        }
        for (key, before, after) in [
            ("deprecation_date", old.deprecation_date, new.deprecation_date),
            ("maintenance_date", old.maintenance_date, new.maintenance_date),
        ] {
            let Some(days) = backdated(before, after, context.today) else { continue };
            let message = format!("`{key}` of `{}` is set now to a day {days} days ago", new.name);
            let finding = context.place(RULE.finding(message), new.place(key), "");
            findings.push(finding.help(format!("write `{key} = \"{}\"`", context.today)));
        }
    }
    findings
}

/// How many days in the past a date lies that is new; `None` for what a review explains.
fn backdated(before: Option<NaiveDate>, after: Option<NaiveDate>, today: NaiveDate) -> Option<i64> {
    let after = after.filter(|_| before != after)?;
    let days = (today - after).num_days();
    (days > REVIEW_DAYS).then_some(days)
}
