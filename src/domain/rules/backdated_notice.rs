//! An announcement claims to have been made long before anybody could read it.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD309",
    name: "backdated-notice",
    level: Level::Error,
    summary: "A change announces a breaking version with a date in the past.",
    help: "Notice runs from `notice.date`, and consumers can read it only once it is on the main branch: an earlier date takes days from them. A week is left for the review.",
    check: Some(check),
};

/// As many days a review may take.
const REVIEW_DAYS: i64 = 7;

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if context.base.is_none() {
        return findings;
    }
    for service in context.head.services.values() {
        let Some(notice) = &service.notice else { continue };
        let before = context.before(service).and_then(|before| before.notice.as_ref());
        let same = before.is_some_and(|old| (old.date, &old.version) == (notice.date, &notice.version));
        let Some(date) = notice.date.filter(|_| !same) else { continue };
        let days = (context.today - date).num_days();
        if days <= REVIEW_DAYS {
            continue;
        }
        let message = format!(
            "`{}` is announced now with the date {date}, {days} days ago",
            notice
                .version
                .as_ref()
                .map_or_else(|| service.name.to_string(), |version| format!("{} {version}", service.name))
        );
        let finding = context.place(RULE.finding(message), service.place("notice.date"), "");
        findings.push(finding.help(format!("write `date = \"{}\"`", context.today)));
    }
    findings
}
