//! A deprecated service has outlived its sunset.

use super::{Context, Rule, users};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule. A warning, because the day passes without a change: it must not block everybody else's.
pub static RULE: Rule = Rule {
    code: "QD411",
    name: "sunset-passed",
    level: Level::Warning,
    summary: "The sunset date of a deprecated service has passed.",
    help: "Retire it, or move the date and tell those who still use it. Nobody supports it any more.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        let Some(sunset) = service.sunset_date.filter(|date| *date < context.today) else { continue };
        if service.status != Lifecycle::Deprecated {
            continue;
        }
        let uses: Vec<_> = context.uses(&service.name).collect();
        let message = format!(
            "`{}` should have been gone on {sunset}, {} days ago, and is {}",
            service.name,
            (context.today - sunset).num_days(),
            if uses.is_empty() {
                "needed by nobody".to_owned()
            } else {
                format!("needed by {}", users(&uses))
            }
        );
        let finding = context.place(RULE.finding(message), service.place("sunset_date"), "");
        let finding = context.place_uses(finding, &uses, "still needs it");
        findings.push(finding.help(if uses.is_empty() {
            "write `status = \"retired\"`"
        } else {
            "move its consumers, then write `status = \"retired\"`; or agree on a later `sunset_date`"
        }));
    }
    findings
}
