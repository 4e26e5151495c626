//! An owner, an approver or a gate names a team that does not exist.

use super::{Context, Rule, suggest};
use crate::domain::{
    finding::{Finding, Level, Span},
    name::TeamName,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD209",
    name: "unknown-team",
    level: Level::Error,
    summary: "An owner, an approver or a gate names a team that does not exist.",
    help: "Nobody could approve or be called. Teams are defined in policies/teams.toml.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let teams = &head.people.teams;
    let mut findings = Vec::new();
    let mut expect = |team: &TeamName, at: Option<&Span>, whose: String| {
        if teams.contains_key(team) {
            return;
        }
        let finding = RULE.finding(format!("{whose} is `{team}`, which is no team"));
        let mut finding = match at {
            Some(at) => context.place_entry(finding, at, team.as_str()),
            None => finding,
        };
        finding.help = suggest(team, teams.keys())
            .or_else(|| Some(format!("define `[team.{team}]` in policies/teams.toml")));
        findings.push(finding);
    };
    for project in head.projects.values() {
        if let Some(owner) = &project.owner {
            let at = head.places.get(&format!("owner.{}", project.name));
            expect(owner, at, format!("the owner of the project `{}`", project.name));
        }
    }
    for service in head.services.values() {
        // An owner that comes from the project is reported there.
        if let (Some(owner), Some(at)) = (&service.owner, service.spans.get("owner")) {
            expect(owner, Some(at), format!("the owner of `{}`", service.name));
        }
        for approver in &service.governance.approvers {
            let at = service.place("governance.approvers");
            expect(approver, Some(at), format!("an approver of `{}`", service.name));
        }
    }
    for (gate, team) in &head.gate_teams {
        expect(team, head.places.get(&format!("gate.{gate}")), format!("the team of the gate `{gate}`"));
    }
    if let Some(team) = &head.severities.on_call {
        expect(team, head.places.get("severity.on_call"), "the team on call".to_owned());
    }
    findings
}
