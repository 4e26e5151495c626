//! The team on call has no rotation.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD808",
    name: "on-call-without-rotation",
    level: Level::Error,
    summary: "The team that is on call has no rotation.",
    help: "Nobody would be on call. Give the team `[team.<name>.rotation]` in policies/teams.toml, or name another team in `on_call`.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let Some(team) = head.severities.on_call.as_ref().and_then(|team| head.people.teams.get(team)) else {
        return Vec::new();
    };
    // Where `@on-call` is called, that it reaches nobody is an error of the escalation.
    let levels = head.severities.levels.iter().enumerate();
    let called = levels
        .filter(|(index, _)| head.places.contains_key(&format!("level.{index}")))
        .map(|(_, level)| level);
    let by_services =
        head.services.values().flat_map(|service| &service.alerts).map(|alerts| &alerts.escalate_to);
    if team.rotation.is_some() || called.chain(by_services).flatten().any(|target| target == "@on-call") {
        return Vec::new();
    }
    let finding = RULE.finding(format!("`{}` is on call but has no rotation", team.handle));
    let finding = match head.places.get("severity.on_call") {
        Some(at) => context.place(finding, at, ""),
        None => finding,
    };
    vec![finding.help(format!("add `[team.{}.rotation]` to policies/teams.toml", team.handle))]
}
