//! A service may do on its node what no service may.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    text::clean,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD507",
    name: "forbidden-privilege",
    level: Level::Error,
    summary: "A service asks for a privilege that policies/security.toml forbids.",
    help: "Whoever breaks into it owns the node. Do without the privilege, or ask for an `[[exemption]]` with a reason and an end.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let same = |one: &str, two: &str| bare(one).eq_ignore_ascii_case(bare(two));
    let mut findings = Vec::new();
    for service in head.services.values() {
        for privilege in &service.deployment.privileges {
            if !context.policies.forbidden_privileges.iter().any(|forbidden| same(forbidden, privilege)) {
                continue;
            }
            let message = format!("`{}` asks for `{}`, which is forbidden", service.name, clean(privilege));
            let at = service.place("deployment.privileges");
            let finding = context.place_entry(RULE.finding(message), at, privilege);
            findings.push(finding.help("remove it from `deployment.privileges`"));
        }
    }
    findings
}

/// Capabilities are written with and without their prefix.
fn bare(privilege: &str) -> &str {
    privilege.strip_prefix("CAP_").unwrap_or(privilege)
}
