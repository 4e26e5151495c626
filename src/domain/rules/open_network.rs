//! A service that must be guarded can be reached by anybody, or can reach anything.

use super::{Context, Rule};
use crate::domain::{
    catalog::Tier,
    finding::{Finding, Level},
    text::clean,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD508",
    name: "open-network",
    level: Level::Error,
    summary: "A sensitive or critical service does not say who reaches it and whom it reaches, or says everybody.",
    help: "`require_network_policy` of policies/security.toml asks for it. Name services and networks in `network.ingress` and `network.egress`.",
    check: Some(check),
};

/// Whether an entry of a network list lets everybody in or out.
pub fn is_open(entry: &str) -> bool {
    let entry = entry.trim();
    // Whatever address stands before it: without a single fixed bit, it is every address.
    let everywhere = entry.rsplit_once('/').is_some_and(|(address, bits)| {
        let is_address = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
        address.chars().all(is_address) && bits.parse::<u8>().is_ok_and(|bits| bits == 0)
    });
    matches!(entry, "*" | "any" | "all") || everywhere
}

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    if !context.policies.require_network_policy {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let guarded = |critical: bool, sensitive: bool| match (sensitive, critical) {
        (true, _) => Some("sensitive"),
        (false, true) => Some("critical"),
        (false, false) => None,
    };
    for service in head.services.values() {
        let Some(why) = guarded(service.tier == Tier::Critical, service.sensitive) else { continue };
        let name = &service.name;
        let network = service.network.clone().unwrap_or_default();
        for (key, place, list, open) in [
            ("ingress", "network.ingress", &network.ingress, "lets everybody reach it"),
            ("egress", "network.egress", &network.egress, "may reach everything"),
        ] {
            let Some(list) = list else {
                let message = format!("`{name}` is {why} and has no `network.{key}`");
                let help =
                    format!("add `[service.{name}.network]` with `{key} = [\"…\"]`; nobody is `{key} = []`");
                findings.push(context.place(RULE.finding(message), &service.span, "").help(help));
                continue;
            };
            for entry in list.iter().filter(|entry| is_open(entry)) {
                let message = format!("`{name}` is {why} and {open}: `{}`", clean(entry));
                let finding = context.place_entry(RULE.finding(message), service.place(place), entry);
                findings.push(finding.help("name the services and networks instead"));
            }
        }
    }
    findings
}
