//! Services that replace each other in a circle.

use super::{Context, MOST_PLACES, Rule};
use crate::domain::{
    finding::{Finding, Level},
    name::ServiceName,
};
use std::collections::HashMap;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD220",
    name: "replacement-cycle",
    level: Level::Error,
    summary: "Services name each other as replacement in a circle.",
    help: "Whoever follows the replacements never arrives. One of them must lead to a service that stays.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let services = &context.head.services;
    // Every service has at most one replacement, so that following them meets what was seen before: in this
    // walk, then it is a circle, or in an earlier one, then it is known where it leads.
    let mut walk_of: HashMap<&ServiceName, usize> = HashMap::new();
    let mut findings = Vec::new();
    for (number, start) in services.values().enumerate() {
        let mut path: Vec<&ServiceName> = Vec::new();
        let mut next = Some(start);
        while let Some(service) = next {
            match walk_of.get(&service.name) {
                Some(walk) if *walk == number => {
                    let begin = path.iter().position(|name| **name == service.name).unwrap_or(0);
                    findings.push(circle(context, &path[begin..]));
                    break;
                }
                Some(_) => break,
                None => {}
            }
            // A service without a replacement is the end of every walk, and costs nothing to visit again.
            let Some(replacement) = &service.replacement_service else { break };
            walk_of.insert(&service.name, number);
            path.push(&service.name);
            next = services.get(replacement);
        }
    }
    findings
}

fn circle(context: &Context<'_>, names: &[&ServiceName]) -> Finding {
    let shown = names.iter().take(MOST_PLACES).chain(names.first());
    let path: Vec<_> = shown.map(|name| name.as_str()).collect();
    let mut finding = RULE.finding(match names {
        [one] => format!("`{one}` is to be replaced by itself"),
        _ => format!("{} services replace each other in a circle: {}", names.len(), path.join(" → ")),
    });
    for name in names.iter().take(MOST_PLACES) {
        let Some(service) = context.head.services.get(*name) else { continue };
        finding = context.place(finding, service.place("replacement_service"), "");
    }
    finding.help("name a service that stays as the replacement of one of them")
}
