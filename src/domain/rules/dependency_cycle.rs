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

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A circle of one has its own rule.
    for cycle in context.graph.cycles().into_iter().filter(|cycle| cycle.len() > 1) {
        let path: Vec<_> = cycle.iter().chain(cycle.first()).map(ServiceName::as_str).collect();
        let mut finding = RULE.finding(format!("services need each other in a circle: {}", path.join(" → ")));
        for (from, to) in cycle.iter().zip(cycle.iter().cycle().skip(1)) {
            let Some(service) = context.head.services.get(from) else { continue };
            if let Some(step) = service.dependencies.iter().find(|dependency| dependency.service == *to) {
                finding = context.place(finding, &step.span, format!("`{from}` needs `{to}`"));
            }
        }
        findings.push(finding.help("take one of these out, or turn it into a service that both need"));
    }
    findings
}
