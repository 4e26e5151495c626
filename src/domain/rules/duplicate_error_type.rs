//! A kind of error is listed twice.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level, Span},
    text::clean,
};
use std::collections::BTreeSet;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD706",
    name: "duplicate-error-type",
    level: Level::Warning,
    summary: "A kind of error stands twice in `error_type_alerts`.",
    help: "One of the two was meant to be another. Remove it, or write what was meant.",
    check: Some(check),
};

/// `finding` at the second entry of a list that reads `entry`.
fn second(context: &Context<'_>, finding: Finding, list: &Span, entry: &str) -> Finding {
    let Some(mut label) = context.head.label(list, "") else { return finding };
    let text = label.file.text.get(label.start..label.end).unwrap_or_default();
    let quoted = [format!("\"{entry}\""), format!("'{entry}'")];
    let place = quoted.iter().find_map(|quoted| Some((text.match_indices(quoted).nth(1)?.0, quoted.len())));
    if let Some((at, length)) = place {
        label.start += at;
        label.end = label.start + length;
    }
    finding.at(label)
}

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        let Some(metrics) = &service.metrics else { continue };
        let mut seen = BTreeSet::new();
        let mut reported = BTreeSet::new();
        for kind in &metrics.error_type_alerts {
            if seen.insert(kind) || !reported.insert(kind) {
                continue;
            }
            let times = metrics.error_type_alerts.iter().filter(|other| *other == kind).count();
            let message = format!("`{}` lists the error `{}` {times} times", service.name, clean(kind));
            let finding = RULE.finding(message).help("keep one of them");
            findings.push(second(context, finding, service.place("metrics.error_type_alerts"), kind));
        }
    }
    findings
}
