//! Exemptions: which hold, what they silence, and what is wrong with the others.

use super::{Context, Rule, credential, suggest};
use crate::domain::{
    change::gate_team,
    finding::{Finding, Level},
    gate::Gate,
    policy::Exemption,
    text::clean,
};
use chrono::{Duration, NaiveDate};

/// An exemption is worth nothing.
pub static INVALID: Rule = Rule {
    code: "QD604",
    name: "invalid-exemption",
    level: Level::Error,
    summary: "An exemption names no rule, has run out, runs too long, or was approved by nobody who may.",
    help: "It silences nothing. The approver is a person of the team of the security or compliance gate, and it ends within 180 days.",
    check: Some(invalid),
};

/// An exemption silences nothing.
pub static UNUSED: Rule = Rule {
    code: "QD605",
    name: "unused-exemption",
    level: Level::Note,
    summary: "An exemption matches no finding.",
    help: "What it was for is mended, or its `subject` is misspelt. Remove it: it would hide the next finding of its kind.",
    check: None,
};

/// Findings are silenced.
pub static IN_USE: Rule = Rule {
    code: "QD606",
    name: "exemption-in-use",
    level: Level::Note,
    summary: "Findings are accepted for a time.",
    help: "Nothing is hidden: each exemption that is in use is listed with its reason and its end.",
    check: None,
};

/// The longest time for which anything is accepted.
pub const LONGEST_DAYS: i64 = 180;

/// Codes that cannot be exempt: what is wrong with exemptions themselves.
fn is_about_exemptions(code: &str) -> bool {
    [INVALID.code, UNUSED.code, IN_USE.code, credential::EXEMPTION.code].contains(&code)
}

/// What is wrong with an exemption; the place that is to blame, and what to do.
fn objection<'e>(
    context: &Context<'_>,
    exemption: &'e Exemption,
) -> Option<(String, &'e crate::domain::finding::Span, Option<String>)> {
    let today: NaiveDate = context.today;
    let code = clean(&exemption.rule);
    if is_about_exemptions(&exemption.rule) {
        return Some((
            format!("{code} cannot be exempt: it is about exemptions"),
            &exemption.rule_span,
            None,
        ));
    }
    if super::find(&exemption.rule).is_none() {
        let help = suggest(&exemption.rule, super::all().map(|rule| rule.code))
            .unwrap_or_else(|| "all rules are listed in docs/RULES.md".to_owned());
        return Some((format!("no rule has the code `{code}`"), &exemption.rule_span, Some(help)));
    }
    let people = &context.head.people;
    let approver = &exemption.approver;
    let teams: Vec<_> = [Gate::Security, Gate::Compliance]
        .into_iter()
        .filter_map(|gate| gate_team(gate, context.head))
        .collect();
    if !people.persons.contains_key(approver) {
        let message = format!("the exemption from {code} is approved by `{approver}`, who is no person");
        return Some((message, &exemption.approver_span, suggest(approver, people.persons.keys())));
    }
    if !teams.iter().any(|team| people.is_member(approver, team.as_str())) {
        let names: Vec<_> = teams.iter().map(ToString::to_string).collect();
        let message = format!("`{approver}` approves the exemption from {code} but opens no gate");
        let help = match names.as_slice() {
            [] => "no team owns the security or the compliance gate".to_owned(),
            names => format!("a person of {} may", names.join(" or ")),
        };
        return Some((message, &exemption.approver_span, Some(help)));
    }
    let expires = exemption.expires?;
    if expires < today {
        let days = (today - expires).num_days();
        let message = format!("the exemption from {code} ran out on {expires}, {days} days ago");
        return Some((
            message,
            &exemption.expires_span,
            Some("mend what it was for, and remove it".to_owned()),
        ));
    }
    if expires - today > Duration::days(LONGEST_DAYS) {
        let days = (expires - today).num_days();
        let message = format!("the exemption from {code} runs for {days} more days");
        let latest = today + Duration::days(LONGEST_DAYS);
        let help = format!("let it end on {latest} at the latest, {LONGEST_DAYS} days ahead");
        return Some((message, &exemption.expires_span, Some(help)));
    }
    None
}

fn invalid(context: &Context<'_>) -> Vec<Finding> {
    let exemptions = &context.head.policies.exemptions;
    exemptions
        .iter()
        .filter_map(|exemption| objection(context, exemption))
        .map(|(message, at, help)| {
            let mut finding = context.place(INVALID.finding(message), at, "");
            finding.help = help;
            // That time went by blocks nobody else's change: what was exempt is found again anyway.
            if finding.message.contains(" ran out on ") {
                finding.level = Level::Warning;
            }
            finding
        })
        .collect()
}

/// Whether an exemption is about a finding: same rule, and its subject is named by the message or is its file.
fn is_about(exemption: &Exemption, finding: &Finding) -> bool {
    finding.code == exemption.rule
        && exemption.subject.as_ref().is_none_or(|subject| {
            finding.message.contains(&format!("`{subject}`"))
                || finding.labels.first().is_some_and(|label| label.file.path == *subject)
        })
}

/// Takes out what is exempt, and adds what there is to say about exemptions.
pub fn apply(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut notes = Vec::new();
    for exemption in &context.head.policies.exemptions {
        let Some(expires) = exemption.expires else { continue };
        if objection(context, exemption).is_some() {
            continue;
        }
        // A change must not exempt itself: what counts is on the main branch already.
        let granted = context
            .base
            .is_none_or(|base| base.policies.exemptions.iter().any(|known| known.grants_the_same(exemption)));
        let mut silenced = 0_usize;
        let mut waiting = 0_usize;
        findings.retain(|finding| {
            let about = is_about(exemption, finding);
            silenced += usize::from(about && granted);
            waiting += usize::from(about && !granted);
            !(about && granted)
        });
        let code = &exemption.rule;
        let subject = exemption
            .subject
            .as_ref()
            .map(|subject| format!(" for `{}`", clean(subject)))
            .unwrap_or_default();
        let note = if silenced > 0 {
            let findings =
                if silenced == 1 { "1 finding is".to_owned() } else { format!("{silenced} findings are") };
            IN_USE.finding(format!(
                "{findings} accepted until {expires}: {code}{subject}, by `{}`: {}",
                exemption.approver,
                clean(&exemption.reason)
            ))
        } else if waiting > 0 {
            IN_USE
                .finding(format!(
                    "the exemption from {code}{subject} counts only once it is on the main branch"
                ))
                .help("merge the exemption by itself first")
        } else {
            UNUSED.finding(format!("the exemption from {code}{subject} matches nothing")).help("remove it")
        };
        notes.push(context.place(note, &exemption.rule_span, ""));
    }
    for (label, until, reason) in credential::allowed(context) {
        let message = format!("a credential is accepted until {until}: {}", clean(&reason));
        notes.push(IN_USE.finding(message).at(label));
    }
    findings.append(&mut notes);
}

#[cfg(test)]
mod tests;
