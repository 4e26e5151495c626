//! A change takes a service to a state that does not follow its present one.

use super::{Context, Rule, version_form::in_words};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::next,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD402",
    name: "transition-not-allowed",
    level: Level::Error,
    summary: "A change takes a service to a state that does not follow its present one.",
    help: "Life goes development → beta → ga → maintenance → deprecated → retired, one step at a time. ga may go to deprecated at once, and what was never released (development, beta) may retire. There is no way back.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (old, new) in &context.kept {
        // A first word about the lifecycle is no step yet.
        let said = old.spans.contains_key("status");
        if !said || old.status == new.status || next(old.status).iter().any(|step| step.to == new.status) {
            continue;
        }
        let message =
            format!("`{}` goes from {} to {}, which does not follow it", new.name, old.status, new.status);
        let finding = context.place(
            RULE.finding(message),
            new.place("status"),
            format!("{} on the main branch", in_words(old.status)),
        );
        let steps: Vec<_> = next(old.status).iter().map(|step| format!("`{}`", step.to)).collect();
        findings.push(finding.help(if steps.is_empty() {
            "nothing follows: define it anew under another name".to_owned()
        } else {
            format!("what may follow `{}` is {}", old.status, steps.join(" or "))
        }));
    }
    findings
}
