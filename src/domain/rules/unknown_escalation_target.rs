//! An escalation calls somebody who does not exist.

use super::{Context, Rule, suggest};
use crate::domain::{
    finding::{Finding, Level},
    name::{PersonName, TeamName},
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD210",
    name: "unknown-escalation-target",
    level: Level::Error,
    summary: "An escalation calls somebody who does not exist.",
    help: "In the worst moment nobody would be called. `@on-call` needs a team with a rotation; others are a team, a person, or `@<team>-lead` of a team with a lead.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (target, at, whose) in context.called() {
        // Without `@` it is a channel, such as `slack#ops`.
        let Some(handle) = target.strip_prefix('@') else { continue };
        if let Some(problem) = problem(context, handle) {
            let mut finding =
                context.place_entry(RULE.finding(format!("{whose} calls `{target}`: {problem}")), at, target);
            finding.help = known_handle(context, handle);
            findings.push(finding);
        }
    }
    findings
}

/// Why a handle calls nobody.
fn problem(context: &Context<'_>, handle: &str) -> Option<String> {
    let people = &context.head.people;
    if handle == "on-call" {
        return match &context.head.severities.on_call {
            None => Some("no team is on call (`on_call` in policies/escalation.toml)".to_owned()),
            // A team that does not exist has its own rule.
            Some(team) => match people.teams.get(team) {
                Some(found) if found.rotation.is_none() => Some(format!("the team `{team}` has no rotation")),
                _ => None,
            },
        };
    }
    if people.teams.contains_key(handle) || people.persons.contains_key(handle) {
        return None;
    }
    // `@platform-lead` and `@platform-team-lead` both mean the lead of `platform-team`.
    if let Some(stem) = handle.strip_suffix("-lead") {
        let team = people.teams.get(stem).or_else(|| people.teams.get(format!("{stem}-team").as_str()));
        return match team {
            None => Some("there is no such team, person or lead".to_owned()),
            Some(team) if team.lead.is_none() => Some(format!("the team `{}` has no lead", team.handle)),
            Some(_) => None,
        };
    }
    Some("there is no such team or person".to_owned())
}

fn known_handle(context: &Context<'_>, handle: &str) -> Option<String> {
    let people = &context.head.people;
    suggest(
        handle,
        people.teams.keys().map(TeamName::as_str).chain(people.persons.keys().map(PersonName::as_str)),
    )
}
