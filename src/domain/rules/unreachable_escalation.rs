//! An escalation calls somebody who cannot be reached.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    name::PersonName,
    people::{People, Team},
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD704",
    name: "unreachable-escalation",
    level: Level::Error,
    summary: "An escalation calls a person or a team that has no address to be called at.",
    help: "In the worst moment the call would go nowhere. Give the person an `email`, `chat` or `phone`, or the team a `channel`, in policies/teams.toml.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let mut findings = Vec::new();
    for (target, at, whose) in context.called() {
        // Without `@` it is a channel; somebody who does not exist has its own rule.
        let Some(handle) = target.strip_prefix('@') else { continue };
        for (problem, person) in problems(context, handle) {
            let message = format!("{whose} calls `{target}`: {problem}");
            let finding = context.place_entry(RULE.finding(message), at, target);
            let place = person.as_ref().and_then(|person| head.places.get(&format!("person.{person}")));
            let finding = match place {
                Some(place) => context.place(finding, place, "no address here"),
                None => finding,
            };
            findings.push(
                finding.help("give an `email`, `chat` or `phone` to a person, or a `channel` to a team"),
            );
        }
    }
    findings
}

/// Whether a person has any address; one who does not exist has its own rule.
fn is_reachable(people: &People, person: &PersonName) -> bool {
    people
        .persons
        .get(person)
        .is_none_or(|person| !person.emails.is_empty() || person.chat.is_some() || person.phone.is_some())
}

fn alone(people: &People, person: &PersonName, why: &str) -> Vec<(String, Option<PersonName>)> {
    if is_reachable(people, person) {
        return Vec::new();
    }
    vec![(format!("`{person}`{why} has no address"), Some(person.clone()))]
}

/// Why a handle reaches nobody, with the person who is to blame.
fn problems(context: &Context<'_>, handle: &str) -> Vec<(String, Option<PersonName>)> {
    let people = &context.head.people;
    let of_team = |team: &Team| {
        let silent = team.channel.is_none()
            && !team.members.is_empty()
            && team.members.iter().all(|member| !is_reachable(people, member));
        let problem = format!("neither the team `{}` nor any member has an address", team.handle);
        if silent { vec![(problem, None)] } else { Vec::new() }
    };
    if handle == "on-call" {
        let team = context.head.severities.on_call.as_ref().and_then(|team| people.teams.get(team));
        let rotation = team.and_then(|team| team.rotation.as_ref());
        // Each of them is alone on call for a shift.
        let mut members: Vec<_> = rotation.into_iter().flat_map(|rotation| &rotation.members).collect();
        members.sort_unstable();
        members.dedup();
        return members.into_iter().flat_map(|member| alone(people, member, ", who takes shifts,")).collect();
    }
    if let Some(team) = people.teams.get(handle) {
        return of_team(team);
    }
    if people.persons.contains_key(handle) {
        return alone(people, &PersonName::from(handle), "");
    }
    let stem = handle.strip_suffix("-lead").unwrap_or_default();
    let team = people.teams.get(stem).or_else(|| people.teams.get(format!("{stem}-team").as_str()));
    team.and_then(|team| team.lead.as_ref()).map_or_else(Vec::new, |lead| alone(people, lead, ", its lead,"))
}
