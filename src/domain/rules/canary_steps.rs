//! A canary that goes back, stands still, or never arrives.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    text::clean,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD814",
    name: "canary-steps",
    level: Level::Error,
    summary: "The canary steps of a pattern do not rise to 100 per cent, or belong to another strategy.",
    help: "Each step gives the new version more of the traffic than the one before, and the last gives it all: `canary_steps = [5, 25, 50, 100]`.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, pattern) in &context.head.patterns {
        let name = clean(name);
        let canary = pattern.strategy.as_deref() == Some("canary");
        let (message, help) = match (&pattern.canary_steps, canary) {
            (None, true) => (
                format!("the pattern `{name}` is a canary without steps"),
                "add `canary_steps = [5, 25, 50, 100]`",
            ),
            (Some(_), false) if pattern.strategy.is_some() => (
                format!("the pattern `{name}` has canary steps but another strategy"),
                "write `strategy = \"canary\"`, or remove the steps",
            ),
            (Some(steps), _) => {
                if let Some((from, to)) = steps.iter().zip(steps.iter().skip(1)).find(|(from, to)| from >= to)
                {
                    let message = format!("the canary of `{name}` goes from {from} to {to} per cent");
                    (message, "let each step be larger than the one before")
                } else if steps.last() != Some(&100) {
                    let last = steps
                        .last()
                        .map_or_else(|| "nowhere".to_owned(), |last| format!("at {last} per cent"));
                    (format!("the canary of `{name}` ends {last}"), "end with 100")
                } else {
                    continue;
                }
            }
            _ => continue,
        };
        findings.push(context.place(RULE.finding(message), &pattern.steps_span, "").help(help));
    }
    findings
}
