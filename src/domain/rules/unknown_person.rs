//! A team names a member, a lead or somebody on call who is no person of the repository.

use super::{Context, Rule, suggest};
use crate::domain::{
    finding::{Finding, Level},
    name::PersonName,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD211",
    name: "unknown-person",
    level: Level::Error,
    summary: "A team names somebody who is not defined.",
    help: "Approvals and pages need a person with an address. People are defined in policies/teams.toml.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let people = &context.head.people;
    let mut findings = Vec::new();
    for team in people.teams.values() {
        let rotation = team.rotation.iter().flat_map(|rotation| &rotation.members);
        let named = [
            ("members", team.members.iter().collect::<Vec<&PersonName>>()),
            ("lead", team.lead.iter().collect()),
            ("rotation", rotation.collect()),
        ];
        for (key, persons) in named {
            for person in persons.into_iter().filter(|person| !people.persons.contains_key(*person)) {
                let finding =
                    RULE.finding(format!("`{person}` ({key} of `{}`) is nobody known", team.handle));
                let place = context.head.places.get(&format!("team.{}.{key}", team.handle));
                let mut finding = match place {
                    Some(at) => context.place_entry(finding, at, person.as_str()),
                    None => finding,
                };
                finding.help = suggest(person, people.persons.keys())
                    .or_else(|| Some(format!("define `[person.{person}]` in policies/teams.toml")));
                findings.push(finding);
            }
        }
    }
    findings
}
