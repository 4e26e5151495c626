//! What the author says about a change, held against what it does.

use super::{ChangeClass, Classification, Proposal};
use crate::domain::{catalog::Catalog, finding::Finding, rules::claims_less::RULE, text::clean};
use std::sync::Arc;

/// How much a change asks of others. The order is that of the seed's table of risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Small,
    Feature,
    Breaking,
    /// Policies and infrastructure, of which only a trailer can speak.
    Everybody,
}

/// `findings` with the one that the messages say less than the change does, if they do. The base decides how much
/// it matters, as for every rule.
pub(super) fn added(
    findings: Arc<Vec<Finding>>,
    proposal: &Proposal,
    classification: &Classification,
    base: &Catalog,
) -> Arc<Vec<Finding>> {
    let level = base.settings.rules.get(RULE.code).copied().unwrap_or(Some(RULE.level));
    let (Some(level), Some((claim, does))) = (level, disagreement(&proposal.messages, classification)) else {
        return findings;
    };
    let message = format!("the commits speak of {claim}, and the change is {does}");
    let mut finding = RULE.finding(message).help(
        "say so in a commit's message: `feat: …`, `feat!: …`, or a line `Change-Type: breaking` at its end",
    );
    finding.level = level;
    let mut all = findings.as_ref().clone();
    all.push(finding);
    all.sort_by(Finding::order);
    Arc::new(all)
}

/// The largest claim in words, and what the change is, where that is more.
fn disagreement(messages: &[String], classification: &Classification) -> Option<(String, &'static str)> {
    let claims = messages.iter().flat_map(|message| claims(message));
    let (claimed, words, by_trailer) = claims.max_by_key(|(weight, ..)| *weight)?;
    let class = classification.class;
    let (actual, does) = match class {
        ChangeClass::Policy | ChangeClass::Infrastructure if by_trailer => {
            (Weight::Everybody, class.as_str())
        }
        _ if classification.breaking => (Weight::Breaking, ChangeClass::Breaking.as_str()),
        ChangeClass::Feature | ChangeClass::Deprecation | ChangeClass::Retirement => {
            (Weight::Feature, class.as_str())
        }
        _ => (Weight::Small, class.as_str()),
    };
    (claimed < actual).then_some((words, does))
}

/// What one message claims: its conventional prefix (`fix:`, `feat(api)!:`), its footer `BREAKING CHANGE:`, and its
/// trailer `Change-Type:`. Each with its words, and whether it is the trailer.
fn claims(message: &str) -> Vec<(Weight, String, bool)> {
    let mut found = Vec::new();
    if let Some((prefix, _)) = message.lines().next().unwrap_or_default().split_once(':') {
        let breaks = prefix.ends_with('!');
        let kind = prefix.trim_end_matches('!').split('(').next().unwrap_or_default().trim();
        let weight = match kind.to_ascii_lowercase().as_str() {
            "feat" => Some(Weight::Feature),
            "fix" | "build" | "chore" | "ci" | "docs" | "perf" | "refactor" | "revert" | "style" | "test" => {
                Some(Weight::Small)
            }
            _ => None,
        };
        if let Some(weight) = weight {
            let words = format!("`{}:`", clean(prefix.trim()));
            found.push((if breaks { Weight::Breaking } else { weight }, words, false));
        }
    }
    for line in message.lines().skip(1) {
        let Some((key, value)) = line.split_once(':') else { continue };
        if matches!(key, "BREAKING CHANGE" | "BREAKING-CHANGE") {
            found.push((Weight::Breaking, format!("`{key}`"), false));
        } else if key.eq_ignore_ascii_case("change-type") {
            let weight = match value.trim().to_ascii_lowercase().as_str() {
                "other" | "bugfix" => Weight::Small,
                "feature" | "deprecation" | "retirement" => Weight::Feature,
                "breaking" => Weight::Breaking,
                "policy" | "infrastructure" => Weight::Everybody,
                _ => continue,
            };
            found.push((weight, format!("`{}`", clean(line.trim())), true));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_below_what_the_change_does_is_told() {
        use ChangeClass::{Breaking, Bugfix, Deprecation, Feature, Policy};
        for (message, class, breaking, expected) in [
            ("fix: a typo", Bugfix, false, None),
            ("fix: a typo", Feature, false, Some(("`fix:`", "feature"))),
            ("chore(api): tidy", Deprecation, false, Some(("`chore(api):`", "deprecation"))),
            ("feat: more", Feature, false, None),
            ("feat: more", Breaking, true, Some(("`feat:`", "breaking"))),
            ("feat!: other", Breaking, true, None),
            ("fix: other\n\nBREAKING CHANGE: the port moves", Breaking, true, None),
            ("fix: other\n\nChange-Type: breaking", Breaking, true, None),
            ("Release\n\nChange-Type: bugfix", Feature, false, Some(("`Change-Type: bugfix`", "feature"))),
            // Prefixes have no word for policies; a trailer has.
            ("fix: the limit", Policy, false, None),
            ("fix: the limit", Policy, true, Some(("`fix:`", "breaking"))),
            ("x\n\nChange-Type: feature", Policy, false, Some(("`Change-Type: feature`", "policy"))),
            ("x\n\nchange-type: policy", Policy, false, None),
            // Nobody claims anything here.
            ("shared-auth: ga → deprecated", Deprecation, false, None),
            ("Release 2.0", Breaking, true, None),
            ("x\n\nChange-Type: whatever", Breaking, true, None),
        ] {
            let classification = Classification { class, breaking, services: Vec::new(), fields: Vec::new() };
            let found = disagreement(&[message.to_owned()], &classification);
            let found = found.as_ref().map(|(claim, does)| (claim.as_str(), *does));
            assert_eq!(found, expected, "{message}");
        }
        let classification =
            Classification { class: Feature, breaking: false, services: Vec::new(), fields: Vec::new() };
        // The largest claim of all commits counts.
        let messages = ["fix: after it".to_owned(), "feat: it".to_owned()];
        assert_eq!(disagreement(&messages, &classification), None);
    }
}
