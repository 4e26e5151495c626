//! The operation of a rollback, word for word, and what an Application's status means.

use super::*;

fn application_with(history: &Value) -> Value {
    json!({
        "metadata": {"name": "gateway", "namespace": "argocd", "resourceVersion": "7"},
        "spec": {"source": {"repoURL": "spec"}, "syncPolicy": {"syncOptions": ["CreateNamespace=true"]}},
        "status": {"history": history},
    })
}

#[test]
fn the_operation_names_revision_source_and_lock() {
    let seen = application_with(&json!([
        {"id": 4, "revision": "aaa", "source": {"repoURL": "git", "path": "x"}},
        {"id": 5, "revision": "bbb", "source": {"repoURL": "git"}},
    ]));
    assert_eq!(
        operation(&seen, "7", 4),
        Some(json!({
            "metadata": {"resourceVersion": "7"},
            "operation": {"initiatedBy": {"username": "quarterdeck"}, "sync": {
                "revision": "aaa", "prune": false, "syncStrategy": {"apply": {}},
                "source": {"repoURL": "git", "path": "x"}, "syncOptions": ["CreateNamespace=true"],
            }},
            "status": {"operationState": null},
        }))
    );
    assert_eq!(operation(&seen, "7", 9), None);

    let several = application_with(&json!([
        {"id": 4, "revisions": ["a", "b"], "sources": [{"repoURL": "one"}, {"repoURL": "two"}]},
    ]));
    let sync = operation(&several, "7", 4).unwrap()["operation"]["sync"].take();
    assert_eq!(sync["source"], json!({"repoURL": ""}));
    assert_eq!(sync["revisions"], json!(["a", "b"]));
    assert_eq!(sync["sources"].as_array().map(Vec::len), Some(2));
    assert!(sync.get("revision").is_none());
}

#[test]
fn a_rollback_is_complete_only_when_its_own_sync_is_done_and_healthy() {
    let judged = |operation: Value, state: Value, deployed: &str, health: &str, reconciled: &str| {
        let seen: ApplicationObject = serde_json::from_value(json!({
            "metadata": {"name": "gateway", "namespace": "argocd"},
            "operation": operation,
            "status": {"operationState": state, "health": {"status": health}, "reconciledAt": reconciled,
                "history": [{"id": 6, "revision": deployed}]},
        }))
        .unwrap();
        match judge(&seen, "aaa") {
            RolloutStatus::Complete(_) => "complete",
            RolloutStatus::Progressing(_) => "progressing",
            RolloutStatus::Failed(_) => "failed",
        }
    };
    let (before, after) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z");
    let ended = |phase: &str| json!({"phase": phase, "finishedAt": "2026-01-01T00:00:05Z", "message": "m"});
    for (operation, state, deployed, health, reconciled, expected) in [
        (json!(null), ended("Succeeded"), "aaa", "Healthy", after, "complete"),
        (json!({"sync": {}}), json!(null), "bbb", "Degraded", before, "progressing"),
        (json!(null), json!({"phase": "Running"}), "bbb", "Degraded", before, "progressing"),
        (json!(null), ended("Running"), "bbb", "Degraded", before, "progressing"),
        (json!(null), ended("Succeeded"), "aaa", "Progressing", after, "progressing"),
        // The health is of before the sync.
        (json!(null), ended("Succeeded"), "aaa", "Degraded", before, "progressing"),
        (json!(null), ended("Succeeded"), "aaa", "Degraded", after, "failed"),
        (json!(null), ended("Succeeded"), "bbb", "Healthy", after, "failed"),
        (json!(null), ended("Failed"), "bbb", "Healthy", after, "failed"),
        (json!(null), ended("Error"), "bbb", "Healthy", after, "failed"),
    ] {
        let found = judged(operation.clone(), state.clone(), deployed, health, reconciled);
        assert_eq!(found, expected, "{operation} {state} {deployed} {health} {reconciled}");
    }
}
