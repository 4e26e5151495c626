//! What the simulated API says about itself: versions, groups and resources.

use super::resources::{ResourceType, TABLE};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The answer to `/version`.
pub fn version() -> Value {
    json!({ "major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "2026-04-22T00:00:00Z", "goVersion": "go1.26", "compiler": "gc",
            "platform": "linux/amd64" })
}

/// The answer to `/api`.
pub fn core_versions() -> Value {
    json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })
}

/// The answer to `/apis`.
pub fn groups() -> Value {
    let names: BTreeSet<&str> = TABLE.iter().map(|row| row.group).collect();
    let groups: Vec<Value> = names
        .into_iter()
        .filter(|group| !group.is_empty())
        .chain([AUTHORIZATION])
        .filter_map(group)
        .collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// The group of access reviews, which are answered and never stored.
pub const AUTHORIZATION: &str = "authorization.k8s.io";

/// The answer to `/apis/{group}`; none when it is not installed.
pub fn group(name: &str) -> Option<Value> {
    let version = if name == AUTHORIZATION {
        "v1"
    } else {
        TABLE.iter().find(|row| row.group == name && !name.is_empty())?.version
    };
    let version = json!({ "groupVersion": format!("{name}/{version}"), "version": version });
    Some(json!({ "kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": [version],
                 "preferredVersion": version }))
}

/// The answer to `/api/v1` and `/apis/{group}/{version}`; none when it is not installed.
pub fn resources(group: &str, version: &str) -> Option<Value> {
    if group == AUTHORIZATION && version == "v1" {
        return Some(json!({ "kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": "authorization.k8s.io/v1",
            "resources": [{ "name": "selfsubjectaccessreviews", "singularName": "selfsubjectaccessreview",
                            "namespaced": false, "kind": "SelfSubjectAccessReview", "verbs": ["create"] }] }));
    }
    let rows: Vec<&ResourceType> =
        TABLE.iter().filter(|row| row.group == group && row.version == version).collect();
    let first = rows.first()?;
    let mut list = Vec::new();
    for row in &rows {
        list.push(json!({ "name": row.plural, "singularName": row.kind.to_lowercase(), "kind": row.kind,
            "namespaced": row.namespaced, "shortNames": row.short,
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"] }));
        if row.status {
            list.push(
                json!({ "name": format!("{}/status", row.plural), "singularName": "", "kind": row.kind,
                "namespaced": row.namespaced, "verbs": ["get", "patch", "update"] }),
            );
        }
    }
    Some(json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": first.api_version(),
                 "resources": list }))
}
