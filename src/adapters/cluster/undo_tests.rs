//! The patch of an undo, word for word.

use super::*;

#[test]
fn the_patch_locks_replaces_and_keeps_what_is_the_deployments_own() {
    let deployment = json!({"metadata": {"resourceVersion": "41", "annotations": {
        "deployment.kubernetes.io/revision": "3",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "kubernetes.io/change-cause": "bad release",
        "own": "goes with the bad release",
    }}});
    let replica_set = json!({
        "metadata": {"annotations": {
            "deployment.kubernetes.io/revision": "2",
            "deployment.kubernetes.io/desired-replicas": "3",
            "deployment.kubernetes.io/max-replicas": "4",
            "kubernetes.io/change-cause": "good release",
        }},
        "spec": {"template": {
            "metadata": {"labels": {"app": "api", "pod-template-hash": "abc"}},
            "spec": {"containers": [{"image": "api:1", "fieldOfTheFuture": {"kept": true}}]},
        }},
    });
    assert_eq!(
        patch_body(&deployment, &replica_set, Some("41")),
        json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": "41"},
            {"op": "replace", "path": "/spec/template", "value": {
                "metadata": {"labels": {"app": "api"}},
                "spec": {"containers": [{"image": "api:1", "fieldOfTheFuture": {"kept": true}}]},
            }},
            {"op": "replace", "path": "/metadata/annotations", "value": {
                "deployment.kubernetes.io/revision": "3",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "kubernetes.io/change-cause": "good release",
            }},
        ])
    );
}

#[test]
fn selectors_become_queries() {
    for (selector_of, expected) in [
        (json!({"matchLabels": {"app": "api", "tier": "web"}}), "app=api,tier=web"),
        (
            json!({"matchLabels": {"app": "api"}, "matchExpressions": [
                {"key": "zone", "operator": "In", "values": ["a", "b"]},
                {"key": "zone", "operator": "NotIn", "values": ["c"]},
                {"key": "canary", "operator": "DoesNotExist"},
                {"key": "owner", "operator": "Exists"},
            ]}),
            "app=api,zone in (a,b),zone notin (c),!canary,owner",
        ),
        (json!({}), ""),
    ] {
        assert_eq!(selector(&json!({"spec": {"selector": selector_of}})), expected);
    }
}
