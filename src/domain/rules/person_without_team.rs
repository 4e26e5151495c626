//! A person belongs to no team.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};
use std::collections::BTreeSet;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD811",
    name: "person-without-team",
    level: Level::Note,
    summary: "A person belongs to no team.",
    help: "They can approve nothing and are never called. Add them to a team, or remove them.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let teams = &head.people.teams;
    let belonging: BTreeSet<_> = teams
        .values()
        .flat_map(|team| {
            let shifts = team.rotation.iter().flat_map(|rotation| &rotation.members);
            team.members.iter().chain(&team.lead).chain(shifts)
        })
        .collect();
    // An agent approves nothing and is not called: it needs none.
    let people = head.people.persons.values().filter(|person| !person.is_agent());
    let lonely = people.map(|person| &person.handle).filter(|person| !belonging.contains(person));
    lonely
        .map(|person| {
            let finding = RULE.finding(format!("`{person}` belongs to no team"));
            let finding = match head.places.get(&format!("person.{person}")) {
                Some(at) => context.place(finding, at, ""),
                None => finding,
            };
            finding.help("add them to `members` of a team, or remove them")
        })
        .collect()
}
