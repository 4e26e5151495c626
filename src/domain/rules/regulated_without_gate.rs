//! A regulated service can change without the people who answer for its compliance.

use super::{Context, Rule};
use crate::domain::{
    change::gate_team,
    finding::{Finding, Level},
    gate::Gate,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD511",
    name: "regulated-without-gate",
    level: Level::Error,
    summary: "A regulated service can change without a team for the compliance gate.",
    help: "Set `[gate.compliance] team` in policies/compliance.toml, or keep a team called `compliance-team`. Without one, whoever reviews the code opens the gate as well.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    if gate_team(Gate::Compliance, context.head).is_some() {
        return Vec::new();
    }
    let regulated = context.head.services.values().filter(|service| service.regulated);
    regulated
        .map(|service| {
            let message = format!("`{}` is regulated, and no team opens the compliance gate", service.name);
            context
                .place(RULE.finding(message), service.place("regulated"), "")
                .help("set `[gate.compliance] team` in policies/compliance.toml")
        })
        .collect()
}
