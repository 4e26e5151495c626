//! A service listens on a port that nobody may listen on.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD506",
    name: "forbidden-port",
    level: Level::Error,
    summary: "A service listens on a port that policies/security.toml forbids.",
    help: "Let it listen on another port, or ask for an `[[exemption]]` with a reason and an end.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let forbidden = &context.policies.forbidden_ports;
    if forbidden.is_empty() {
        return Vec::new();
    }
    head.services
        .values()
        .filter_map(|service| Some((service, service.port.filter(|port| forbidden.contains(port))?)))
        .map(|(service, port)| {
            let message = format!("`{}` listens on port {port}, which is forbidden", service.name);
            context
                .place(RULE.finding(message), service.place("port"), "")
                .help("choose another port, such as 8080")
        })
        .collect()
}
