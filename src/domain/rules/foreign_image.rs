//! An image comes from a registry that is not allowed.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    text::clean,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD504",
    name: "foreign-image",
    level: Level::Error,
    summary: "An image comes from a registry that policies/security.toml does not allow.",
    help: "Nobody scans or keeps what lies elsewhere. Copy the image into an allowed registry, or add the registry to `allowed_registries`.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let Some(allowed) = &context.policies.allowed_registries else { return Vec::new() };
    let mut findings = Vec::new();
    for service in head.services.values() {
        let Some(image) = &service.image else { continue };
        let within = |registry: &String| {
            let registry = registry.trim_end_matches('/');
            image.strip_prefix(registry).is_some_and(|rest| rest.starts_with('/'))
                // Docker Hub needs not be named by an image that comes from there.
                || (registry_of(image) == "docker.io" && registry == "docker.io")
        };
        if allowed.iter().any(within) {
            continue;
        }
        let from = registry_of(image);
        let message = format!("the image of `{}` comes from {}", service.name, clean(from));
        let help = match allowed.as_slice() {
            [] => "no registry is allowed: add one to `allowed_registries`".to_owned(),
            allowed => format!(
                "allowed are {}",
                allowed.iter().map(|name| clean(name)).collect::<Vec<_>>().join(", ")
            ),
        };
        findings.push(context.place(RULE.finding(message), service.place("image"), "").help(help));
    }
    findings
}

/// The registry of an image; without a host it is Docker Hub.
fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}
