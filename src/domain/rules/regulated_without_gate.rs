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
    let (why, help) = match gate_team(Gate::Compliance, context.head) {
        None => (
            "no team opens the compliance gate".to_owned(),
            "set `[gate.compliance] team` in policies/compliance.toml".to_owned(),
        ),
        Some(team) if !context.has_members(&team) => (
            format!("nobody is in `{team}`, which opens the compliance gate"),
            format!("add `members` to `[team.{team}]` in policies/teams.toml"),
        ),
        Some(_) => return Vec::new(),
    };
    let regulated = context.head.services.values().filter(|service| service.regulated);
    regulated
        .map(|service| {
            let message = format!("`{}` is regulated, and {why}", service.name);
            context.place(RULE.finding(message), service.place("regulated"), "").help(help.clone())
        })
        .collect()
}
