//! A network list names what is neither a service nor a network.

use super::{Context, Rule, open_network::is_open, suggest};
use crate::domain::{
    finding::{Finding, Level},
    text::clean,
};
// An address is a value here; `core` has no sockets.
use core::net::IpAddr;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD509",
    name: "unknown-network-peer",
    level: Level::Error,
    summary: "A network list names what is neither a service nor a network.",
    help: "It allows nothing. Name a service of the catalog, or a network such as `10.0.0.0/8`.",
    check: Some(check),
};

/// Whether an entry is an address or a network in CIDR notation.
fn is_network(entry: &str) -> bool {
    let (address, length) = match entry.split_once('/') {
        Some((address, length)) => (address, length.parse::<u8>().ok()),
        None => (entry, Some(0)),
    };
    match (address.parse::<IpAddr>(), length) {
        (Ok(IpAddr::V4(_)), Some(length)) => length <= 32,
        (Ok(IpAddr::V6(_)), Some(length)) => length <= 128,
        _ => false,
    }
}

fn check(context: &Context<'_>) -> Vec<Finding> {
    let services = &context.head.services;
    let mut findings = Vec::new();
    for service in services.values() {
        let Some(network) = &service.network else { continue };
        for (key, list) in [("network.ingress", &network.ingress), ("network.egress", &network.egress)] {
            for entry in list.iter().flatten() {
                if is_open(entry) || is_network(entry.trim()) || services.contains_key(entry.as_str()) {
                    continue;
                }
                let message = format!(
                    "`{key}` of `{}` names `{}`, which is no service and no network",
                    service.name,
                    clean(entry)
                );
                let mut finding = context.place_entry(RULE.finding(message), service.place(key), entry);
                finding.help = suggest(entry, services.keys()).or_else(|| {
                    Some("write a service's name, or a network such as \"10.0.0.0/8\"".to_owned())
                });
                findings.push(finding);
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::is_network;

    #[test]
    fn networks_are_told_from_names() {
        for (entry, expected) in [
            ("10.0.0.0/8", true),
            ("192.168.1.7", true),
            ("fd00::/8", true),
            ("10.0.0.0/33", false),
            ("10.0.0/8", false),
            ("fd00::/129", false),
            ("shared-auth", false),
            ("", false),
        ] {
            assert_eq!(is_network(entry), expected, "{entry}");
        }
    }
}
