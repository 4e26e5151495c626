//! An image may become another one without anybody saying so.

use super::{Context, Rule};
use crate::domain::{
    catalog::Tier,
    finding::{Finding, Level},
    text::clean,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD505",
    name: "mutable-image",
    level: Level::Error,
    summary: "An image is named by a tag that moves, or lacks the digest that policies/security.toml requires.",
    help: "What was reviewed need not be what runs. Write the image without a tag (the version says which), and put its digest into services/versions.toml.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let policies = &context.policies;
    let mut findings = Vec::new();
    for service in head.services.values() {
        let Some(image) = &service.image else { continue };
        let name = &service.name;
        let (path, pinned) = match image.split_once('@') {
            Some((path, _)) => (path, true),
            None => (image.as_str(), head.digests.contains_key(name)),
        };
        let tag = path.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
        let finding = match tag {
            Some(tag) if policies.is_mutable(tag) && !image.contains('@') => {
                let message = format!("the image of `{name}` has the tag `{}`, which moves", clean(tag));
                RULE.finding(message)
                    .help(format!("write `image = \"{}\"`: the version says which", untagged(path, tag)))
            }
            _ if policies.require_digest
                && !pinned
                && (service.sensitive || service.tier == Tier::Critical) =>
            {
                let why = if service.sensitive { "sensitive" } else { "critical" };
                RULE.finding(format!("`{name}` is {why}, and its image has no digest")).help(format!(
                    "add `digest = \"sha256:…\"` to `[version.{name}]` in services/versions.toml"
                ))
            }
            _ => continue,
        };
        findings.push(context.place(finding, service.place("image"), ""));
    }
    findings
}

fn untagged(path: &str, tag: &str) -> String {
    clean(path.strip_suffix(tag).and_then(|path| path.strip_suffix(':')).unwrap_or(path))
}
