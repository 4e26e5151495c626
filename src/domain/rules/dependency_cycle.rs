//! Services that need each other in a circle.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    name::ServiceName,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD203",
    name: "dependency-cycle",
    level: Level::Error,
    summary: "Services need each other in a circle.",
    help: "None of them can be started, deployed or rolled back first. Break the circle at one of the places shown.",
    check: Some(check),
};

/// As many services of a circle are named; more than anybody ever made by hand.
const MOST_STEPS: usize = 50;

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A circle of one has its own rule.
    for cycle in context.graph.cycles().into_iter().filter(|cycle| cycle.len() > 1) {
        let mut finding = RULE.finding(format!("services need each other in a circle: {}", path(&cycle)));
        for (from, to) in cycle.iter().zip(cycle.iter().cycle().skip(1)).take(MOST_STEPS) {
            let Some(service) = context.head.services.get(from) else { continue };
            if let Some(step) = service.dependencies.iter().find(|dependency| dependency.service == *to) {
                finding = context.place(finding, &step.span, format!("`{from}` needs `{to}`"));
            }
        }
        findings.push(finding.help("take one of these out, or turn it into a service that both need"));
    }
    findings
}

/// `a → b → a`; a circle that nobody can take in is cut in the middle of nowhere, with the number of the rest.
fn path(cycle: &[ServiceName]) -> String {
    let mut steps: Vec<_> = cycle.iter().take(MOST_STEPS).map(ToString::to_string).collect();
    if cycle.len() > MOST_STEPS {
        steps.push(format!("… {} more …", cycle.len() - MOST_STEPS));
    }
    steps.extend(cycle.first().map(ToString::to_string));
    steps.join(" → ")
}
