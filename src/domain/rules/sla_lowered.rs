//! A change lowers a promise below what those who build on it promise themselves.

use super::{
    Context, Rule, Use,
    sla_above_dependency::{HAIR, availability},
    users,
};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD306",
    name: "sla-lowered",
    level: Level::Error,
    summary: "A change lowers an availability below what a consumer promises.",
    help: "The consumer promised in good faith, and cannot keep it any more. Agree with its owners first: they lower theirs, or work without.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let Some(base) = context.base else { return Vec::new() };
    let mut findings = Vec::new();
    for new in context.head.services.values() {
        // Not only its own line: the promise of a tier may be what changed.
        let Some(old) = context.before(new).and_then(|old| availability(base, old)) else { continue };
        let now = availability(context.head, new);
        if now.is_some_and(|now| now.share() > old.share() - HAIR) {
            continue;
        }
        let broken: Vec<Use<'_>> = context
            .uses(&new.name)
            .filter(|one| !one.dependency.optional)
            .filter(|one| {
                availability(context.head, one.user).is_some_and(|promised| {
                    let kept = now.is_some_and(|now| now.share() > promised.share() - HAIR);
                    !kept && promised.share() < old.share() + HAIR
                })
            })
            .collect();
        if broken.is_empty() {
            continue;
        }
        let now = now.map_or_else(|| "nothing".to_owned(), |now| now.to_string());
        let message = format!(
            "`{}` lowers its promise from {old} to {now}, below what {} promise{}",
            new.name,
            users(&broken),
            if broken.len() == 1 { "s" } else { "" }
        );
        let mut finding =
            context.place(RULE.finding(message), new.place("sla.availability"), format!("now {now}"));
        for one in broken.iter().take(super::MOST_PLACES) {
            let Some(promised) = availability(context.head, one.user) else { continue };
            let words = format!("`{}` promises {promised}", one.user.name);
            finding = context.place(finding, one.user.place("sla.availability"), words);
        }
        findings.push(finding.help(format!("keep {old}, or lower the consumers' promises first")));
    }
    findings
}
