//! A sensitive service can change without the people who guard it.

use super::{Context, Rule};
use crate::domain::{
    change::gate_team,
    finding::{Finding, Level},
    gate::Gate,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD503",
    name: "sensitive-without-gate",
    level: Level::Error,
    summary: "A sensitive service can change without the team of the security gate.",
    help: "Set `[gate.security] team` in policies/security.toml, and name that team in the service's `governance.approvers`.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let team = gate_team(Gate::Security, head);
    head.services
        .values()
        .filter(|service| service.sensitive)
        .filter_map(|service| {
            let name = &service.name;
            let (message, help) = match &team {
                None => (
                    format!("`{name}` is sensitive, and no team opens the security gate"),
                    "set `[gate.security] team` in policies/security.toml".to_owned(),
                ),
                Some(team) if !context.has_members(team) => (
                    format!(
                        "`{name}` is sensitive, and nobody is in `{team}`, which opens the security gate"
                    ),
                    format!("add `members` to `[team.{team}]` in policies/teams.toml"),
                ),
                Some(team) if !service.governance.approvers.contains(team) => (
                    format!("`{name}` is sensitive, and `{team}` is not among its approvers"),
                    format!("add \"@{team}\" to `governance.approvers` of `{name}`"),
                ),
                Some(_) => return None,
            };
            let at = service.place("governance.approvers");
            Some(context.place(RULE.finding(message), at, "").help(help))
        })
        .collect()
}
