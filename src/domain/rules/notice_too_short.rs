//! A released service promises less notice than it must.

use super::{Context, Rule, change_log_missing::RELEASED, version_form::standing};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level},
    lifecycle::{DutyKind, LEAST_NOTICE_DAYS},
};
use std::sync::Arc;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD404",
    name: "notice-too-short",
    level: Level::Warning,
    summary: "A service from beta on promises less than 30 days of notice before a breaking change.",
    help: "Whoever depends on it needs the time to move. Set `break_changes_notice` in its `governance` to 30 or more.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |service: &Arc<Service>| {
        let (name, state) = (&service.name, standing(service));
        let (message, place) = match service.governance.break_changes_notice {
            Some(days) => (
                format!("`{name}` {state} and promises {days} days of notice, not {LEAST_NOTICE_DAYS}"),
                "governance.break_changes_notice",
            ),
            None => (format!("`{name}` {state} and promises no notice before it breaks"), "status"),
        };
        let finding = context.place(RULE.finding(message), service.place(place), "");
        finding.help(format!("write `break_changes_notice = {LEAST_NOTICE_DAYS}` in its `governance`"))
    };
    context.neglecting(RELEASED, DutyKind::Notice).map(finding).collect()
}
