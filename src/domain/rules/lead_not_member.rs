//! A team is led by somebody who is no member of it.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD810",
    name: "lead-not-member",
    level: Level::Warning,
    summary: "The lead of a team is not among its members.",
    help: "The lead is called at the second level and may approve for the team; who that is should be seen in one place. Add the lead to `members`.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let mut findings = Vec::new();
    for team in head.people.teams.values() {
        let Some(lead) = &team.lead else { continue };
        // Somebody unknown has a rule of their own.
        if team.members.contains(lead) || !head.people.persons.contains_key(lead) {
            continue;
        }
        let finding = RULE.finding(format!("`{lead}` leads `{}` but is not among its members", team.handle));
        let finding = match head.places.get(&format!("team.{}.lead", team.handle)) {
            Some(at) => context.place(finding, at, ""),
            None => finding,
        };
        findings.push(finding.help(format!("add \"{lead}\" to `members`")));
    }
    findings
}
