//! A service accepts a beta that is none, or that it does not use.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    lifecycle::Lifecycle,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD221",
    name: "needless-opt-in",
    level: Level::Warning,
    summary: "A service accepts a beta that has left beta, or that it does not depend on.",
    help: "Remove the name from `dependencies.accept_beta`: left there, it would accept the service's next beta without anybody deciding so.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in context.head.services.values() {
        for accepted in &service.accept_beta {
            let used = service.dependencies.iter().any(|dependency| dependency.service == *accepted);
            let why = match context.head.services.get(accepted) {
                _ if !used => "does not depend on it".to_owned(),
                // That it is missing is told by the rule of missing dependencies.
                None => continue,
                Some(other) if other.status == Lifecycle::Beta => continue,
                Some(other) => format!("it is {}", other.status),
            };
            let message = format!("`{}` accepts `{accepted}` as a beta, but {why}", service.name);
            let at = service.place("dependencies.accept_beta");
            findings.push(
                context
                    .place(RULE.finding(message), at, "")
                    .help(format!("remove \"{accepted}\" from `accept_beta`")),
            );
        }
    }
    findings
}
