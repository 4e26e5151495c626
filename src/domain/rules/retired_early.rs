//! A service is retired before the day that was promised.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD417",
    name: "retired-early",
    level: Level::Warning,
    summary: "A change retires a deprecated service before its sunset date.",
    help: "Its users were told that they have until then, and not all of them need be in this catalog. Wait for the day, or be sure that nobody is left.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (old, new) in &context.kept {
        let retires = old.status == Lifecycle::Deprecated && new.status == Lifecycle::Retired;
        // The date of the main branch counts: a change must not move it for itself.
        let Some(sunset) = old.sunset_date.filter(|date| retires && *date > context.today) else { continue };
        let message = format!(
            "`{}` is retired {} days before its sunset on {sunset}",
            new.name,
            (sunset - context.today).num_days()
        );
        let finding = context.place(RULE.finding(message), new.place("status"), "retired here");
        findings.push(finding.help(format!("merge it on {sunset} or later")));
    }
    findings
}
