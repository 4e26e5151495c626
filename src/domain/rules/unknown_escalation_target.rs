//! An escalation calls somebody who does not exist.

use super::{Context, Rule, suggest};
use crate::domain::{
    finding::{Finding, Level},
    name::{PersonName, TeamName},
    text::clean,
};
use std::collections::BTreeSet;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD210",
    name: "unknown-escalation-target",
    level: Level::Error,
    summary: "An escalation calls somebody, or a channel, that does not exist.",
    help: "In the worst moment nobody would be called. `@on-call` needs a team with a rotation; others are a team, a person, or `@<team>-lead` of a team with a lead. A word without `@` is a channel: it must be one that a team, a severity, an alert, a person or `[notify]` names as well.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let channels = channels(context);
    let mut findings = Vec::new();
    for (target, at, whose) in context.called() {
        let (problem, help) = match target.strip_prefix('@') {
            Some(handle) => (problem(context, handle), known_handle(context, handle)),
            // Without `@` it is a channel, such as `slack#ops`.
            None if channels.contains(target) => continue,
            None => (Some("there is no such channel".to_owned()), meant(context, &channels, target)),
        };
        if let Some(problem) = problem {
            let message = format!("{whose} calls `{}`: {problem}", clean(target));
            let mut finding = context.place_entry(RULE.finding(message), at, target);
            finding.help = help;
            findings.push(finding);
        }
    }
    findings
}

/// Every address that something else in the repository writes to: of teams and people, of severities and alerts, and the
/// names of the channels of quarterdeck.toml.
fn channels<'c>(context: &Context<'c>) -> BTreeSet<&'c str> {
    let head = context.head;
    let teams = head.people.teams.values().filter_map(|team| team.channel.as_deref());
    let people = head.people.persons.values().flat_map(|person| {
        let emails = person.emails.iter().map(String::as_str);
        emails.chain(person.chat.as_deref()).chain(person.phone.as_deref())
    });
    let severities = head.severities.rows.values().flat_map(|row| &row.channels);
    let alerts = head.services.values().filter_map(|service| service.alerts.as_ref());
    let alerts = alerts.flat_map(|alerts| alerts.channels.values().flatten());
    let told = head.settings.channels.iter().map(|channel| channel.name.as_str());
    teams.chain(people).chain(severities.chain(alerts).map(String::as_str)).chain(told).collect()
}

/// What was meant by a word that is no channel.
fn meant(context: &Context<'_>, channels: &BTreeSet<&str>, word: &str) -> Option<String> {
    if !word.is_empty() && problem(context, word).is_none() {
        return Some(format!("write `@{}` to call a team or a person", clean(word)));
    }
    suggest(word, channels.iter().copied()).or_else(|| known_handle(context, word)).or_else(|| {
        let help =
            "write the `channel` of a team, or call `@on-call`, `@<team>`, `@<team>-lead` or `@<person>`";
        Some(help.to_owned())
    })
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
