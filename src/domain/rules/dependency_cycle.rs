//! Services that need each other in a circle.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    graph::{Circles, Kind},
    name::ServiceName,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD203",
    name: "dependency-cycle",
    level: Level::Error,
    summary: "Services require each other in a circle.",
    help: "None of them can be started, deployed or rolled back first. Break the circle at one of the places shown. Every circle is told whose needs are not all on shorter ones; a circle that an optional need closes is no error, and QD222 speaks of it.",
    check: Some(check),
};

/// Circles that only an optional need closes.
pub static OPTIONAL: Rule = Rule {
    code: "QD222",
    name: "optional-cycle",
    level: Level::Warning,
    summary: "Services need each other in a circle that only an optional need closes.",
    help: "They can be started one after the other, since the optional one is not needed at first. But none of them can be changed or taken down without a thought for the other. Take the need out if nobody misses it, or allow the rule if the circle is meant.",
    check: Some(check_optional),
};

/// As many services of a circle are named; more than anybody ever made by hand.
const MOST_STEPS: usize = 50;

/// As many circles of services that all reach each other are told; the needs of all others are counted.
const MOST_CIRCLES: usize = 20;

fn check(context: &Context<'_>) -> Vec<Finding> {
    findings(context, Kind::Required)
}

fn check_optional(context: &Context<'_>) -> Vec<Finding> {
    findings(context, Kind::Optional)
}

fn findings(context: &Context<'_>, kind: Kind) -> Vec<Finding> {
    let (rule, title, help) = match kind {
        Kind::Required => (
            &RULE,
            "services require each other in a circle",
            "take one of these out, or turn it into a service that both need",
        ),
        Kind::Optional => (
            &OPTIONAL,
            "services need each other in a circle that an optional need closes",
            "take one of these out, or set `QD222 = \"allow\"` if such circles are meant",
        ),
    };
    let mut findings = Vec::new();
    for circles in context.graph.circles(kind, MOST_CIRCLES) {
        for circle in &circles.paths {
            let mut finding = rule.finding(format!("{title}: {}", path(circle)));
            for (from, to) in circle.iter().zip(circle.iter().cycle().skip(1)).take(MOST_STEPS) {
                finding = place(context, finding, from, to);
            }
            findings.push(finding.help(help));
        }
        findings.extend(rest(context, rule, &circles));
    }
    findings
}

/// `finding` with the place where one service names the other.
fn place(context: &Context<'_>, finding: Finding, from: &ServiceName, to: &ServiceName) -> Finding {
    let Some(service) = context.head.services.get(from) else { return finding };
    let named = service.dependencies.iter().filter(|dependency| dependency.service == *to);
    let Some(need) = named.min_by_key(|dependency| dependency.optional) else { return finding };
    let verb = if need.optional { "can use" } else { "needs" };
    context.place(finding, &need.span, format!("`{from}` {verb} `{to}`"))
}

/// That there are more circles among the same services than are told.
fn rest(context: &Context<'_>, rule: &Rule, circles: &Circles) -> Option<Finding> {
    let (from, to) = circles.rest.first()?;
    let first = circles.paths.first()?.first()?;
    let message = format!(
        "`{first}` and others need each other in more circles: {} more needs lie on some",
        circles.rest.len()
    );
    let finding = place(context, rule.finding(message), from, to);
    Some(finding.help("break the circles that are told, and check again"))
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
