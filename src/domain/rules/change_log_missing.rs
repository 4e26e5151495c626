//! A released service does not say where its changes can be read.

use super::{Context, Rule, version_form::standing};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level},
    lifecycle::{DutyKind, Lifecycle},
};
use std::sync::Arc;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD403",
    name: "change-log-missing",
    level: Level::Warning,
    summary: "A service from beta on links to no change log.",
    help: "Whoever depends on it must be able to read what a version changes. Set `change_log` in its `governance`.",
    check: Some(check),
};

/// States whose services are used by others.
pub(super) const RELEASED: &[Lifecycle] = &[Lifecycle::Beta, Lifecycle::Ga, Lifecycle::Maintenance];

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |service: &Arc<Service>| {
        let message = format!("`{}` {} and links to no change log", service.name, standing(service));
        let place = if service.spans.contains_key("governance.change_log") {
            "governance.change_log"
        } else {
            "status"
        };
        let finding = context.place(RULE.finding(message), service.place(place), "");
        finding.help("add `change_log = \"https://…\"` to its `governance`")
    };
    context.neglecting(RELEASED, DutyKind::ChangeLog).map(finding).collect()
}
