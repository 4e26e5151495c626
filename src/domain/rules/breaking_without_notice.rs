//! A breaking change comes sooner than its service promised.

use super::{
    Context, Rule,
    breaking_change::{breaking, describe},
    users,
};
use crate::domain::{
    catalog::{Notice, Service},
    finding::{Finding, Level},
    lifecycle::{LEAST_NOTICE_DAYS, Lifecycle},
};
use chrono::{Days, NaiveDate};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD303",
    name: "breaking-without-notice",
    level: Level::Error,
    summary: "A breaking change comes sooner than `break_changes_notice` promises.",
    help: "Notice runs from the day that the main branch already carries, as `date` in the service's `notice` of that version or as its `deprecation_date`: announce it there, wait as many days as promised (30 unless said, none for what is in development), then break.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    breaking(context)
        .filter_map(|(old, new, uses)| {
            // The promise of the main branch counts: a change must not shorten its own notice.
            let days = old.governance.break_changes_notice.unwrap_or(match old.status {
                Lifecycle::Development => 0,
                _ => LEAST_NOTICE_DAYS,
            });
            if days == 0 {
                return None;
            }
            let since = announced(old, new);
            let allowed = since.and_then(|date| date.checked_add_days(Days::new(days.into())));
            if allowed.is_some_and(|allowed| context.today >= allowed) {
                return None;
            }
            let why = match (since, old.notice.as_ref().and_then(|notice| notice.version.as_ref())) {
                (Some(since), _) => format!("it was announced for {since}"),
                (None, Some(other)) => format!("the notice on the main branch is for {other}"),
                (None, None) => "nothing on the main branch announces it".to_owned(),
            };
            let message = format!(
                "{} breaks {} without the {days} days of notice that it promises: {why}",
                describe(old, new),
                users(&uses)
            );
            let version = new.version.as_ref().map_or_else(String::new, ToString::to_string);
            let help = match allowed {
                Some(allowed) => format!("merge it on {allowed} or later"),
                None => format!(
                    "first merge `notice = {{ version = \"{version}\", date = \"{}\", projects = […] }}` for \
                     `{}`, tell them, and let {days} days pass",
                    context.today, new.name
                ),
            };
            let finding = context.place(RULE.finding(message), new.place("version"), "");
            Some(context.place_uses(finding, &uses, "depends on it").help(help))
        })
        .collect()
}

/// Since when the step from `old` to `new` is announced on the main branch.
fn announced(old: &Service, new: &Service) -> Option<NaiveDate> {
    let notice = old.notice.as_ref().filter(|notice| covers(notice, old, new));
    [notice.and_then(|notice| notice.date), old.deprecation_date].into_iter().flatten().min()
}

/// Whether a notice is for the step from `old` to `new`: for a version of the same line (the major one, below
/// 1.0 the minor one) that is still to come.
pub(super) fn covers(notice: &Notice, old: &Service, new: &Service) -> bool {
    let (Some(announced), Some(before), Some(after)) = (&notice.version, &old.version, &new.version) else {
        return false;
    };
    announced > before
        && announced.major == after.major
        && (after.major > 0 || announced.minor == after.minor)
}
