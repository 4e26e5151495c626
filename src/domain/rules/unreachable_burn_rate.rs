//! A promise so low that the fastest burn-rate alert can never fire.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD708",
    name: "unreachable-burn-rate",
    level: Level::Note,
    summary: "A promised availability is so low that the fastest burn-rate alert can never fire.",
    help: "It fires when errors exceed 14.4 times what is allowed. With 93.06 % or less promised that is more than all requests, so a full outage is noticed only by the slower alerts.",
    check: Some(check),
};

/// The usual fastest burn rate: 2 % of 30 days' budget within an hour.
const FASTEST: f64 = 14.4;

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        let Some(promised) = service.sla.as_ref().and_then(|sla| sla.availability) else { continue };
        if promised.complement() * FASTEST < 1.0 {
            continue;
        }
        let message = format!(
            "`{}` promises {promised}: errors would have to exceed {:.0} % for its fastest burn-rate alert",
            service.name,
            promised.complement() * FASTEST * 100.0
        );
        let at = service.place("sla.availability");
        findings.push(
            context
                .place(RULE.finding(message), at, "")
                .help("promise at least 93.1%, or rely on slower alerts"),
        );
    }
    findings
}
