//! A service in maintenance has outlived its support.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule. A warning, because the day passes without a change: it must not block everybody else's.
pub static RULE: Rule = Rule {
    code: "QD416",
    name: "support-ended",
    level: Level::Warning,
    summary: "The support of a service in maintenance has ended.",
    help: "Nobody promises security fixes any more. Deprecate it, or prolong the support.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        let Some(until) = service.support_until.filter(|date| *date < context.today) else { continue };
        if service.status != Lifecycle::Maintenance {
            continue;
        }
        let message = format!(
            "the support of `{}` ended on {until}, {} days ago",
            service.name,
            (context.today - until).num_days()
        );
        let finding = context.place(RULE.finding(message), service.place("support_until"), "");
        findings.push(finding.help("write `status = \"deprecated\"`, or a later `support_until`"));
    }
    findings
}
