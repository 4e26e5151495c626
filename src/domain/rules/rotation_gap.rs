//! A rotation leaves a time without anybody on call.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD807",
    name: "rotation-gap",
    level: Level::Warning,
    summary: "A rotation has not begun yet, so nobody is on call until then.",
    help: "Let it begin in the past: shifts are counted from `start`, and the order of the members stays.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let mut findings = Vec::new();
    for team in head.people.teams.values() {
        let Some(rotation) = &team.rotation else { continue };
        if rotation.start.date() <= context.today {
            continue;
        }
        let message = format!(
            "nobody of `{}` is on call until {}, when its rotation begins",
            team.handle,
            rotation.start.format("%F %H:%M")
        );
        let at = head.places.get(&format!("team.{}.rotation.start", team.handle));
        let finding = match at {
            Some(at) => context.place(RULE.finding(message), at, ""),
            None => RULE.finding(message),
        };
        findings.push(finding.help("set `start` back by whole rounds of the members"));
    }
    findings
}
