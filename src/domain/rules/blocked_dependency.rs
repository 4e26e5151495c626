//! A service needs another one that its own network list, or the other's, keeps it from.

use super::{Context, Rule, Use, open_network::is_open};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level},
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD510",
    name: "blocked-dependency",
    level: Level::Error,
    summary: "A service requires another one that the network lists keep it from.",
    help: "It would not work once the lists are enforced. Add the one to `network.egress` and the other to `network.ingress`, or drop the dependency.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (Use { user, dependency }, needed) in &context.needs {
        if dependency.optional {
            continue;
        }
        let sides: [(&Service, &Service, &str, _); 2] = [
            (user, needed, "network.egress", user.network.as_ref().and_then(|n| n.egress.as_ref())),
            (needed, user, "network.ingress", needed.network.as_ref().and_then(|n| n.ingress.as_ref())),
        ];
        for (owner, other, key, list) in sides {
            let Some(list) = list else { continue };
            // A network may well be where the other one is: only names can be told.
            let may = |entry: &String| {
                is_open(entry) || *entry == *other.name.as_str() || entry.contains(['/', ':'])
            };
            if list.iter().any(may) {
                continue;
            }
            let message = format!(
                "`{}` requires `{}`, which `{key}` of `{}` does not allow",
                user.name, needed.name, owner.name
            );
            let finding = context.place(RULE.finding(message), &dependency.span, "required here");
            let finding = context.place(finding, owner.place(key), "not allowed here");
            findings.push(finding.help(format!("add \"{}\" to `{key}` of `{}`", other.name, owner.name)));
        }
    }
    findings
}
