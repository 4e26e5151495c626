//! A team has no members.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD809",
    name: "empty-team",
    level: Level::Warning,
    summary: "A team has neither members nor a lead.",
    help: "Nobody can approve for it or be called. Add `members`, or remove the team.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    // Where no person is listed at all, teams are only names here.
    if head.people.persons.is_empty() {
        return Vec::new();
    }
    let empty = head.people.teams.values().filter(|team| team.members.is_empty() && team.lead.is_none());
    empty
        .map(|team| {
            let finding = RULE.finding(format!("the team `{}` has no members", team.handle));
            let finding = match head.places.get(&format!("team.{}", team.handle)) {
                Some(at) => context.place(finding, at, ""),
                None => finding,
            };
            finding.help("add `members = [\"…\"]`")
        })
        .collect()
}
