//! Tables of objects and what is read from them.

use super::*;
use serde_json::{Value, json};

fn deployment(spec: &Value, status: &Value) -> WorkloadObject {
    serde_json::from_value(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "api", "namespace": "shop", "generation": 3, "resourceVersion": "9",
            "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {}}}],
            "annotations": {"deployment.kubernetes.io/revision": "2", "other": "kept out"}},
        "spec": spec, "status": status,
    }))
    .unwrap()
}

#[test]
fn health_is_judged_as_kubectl_judges() {
    let spec = json!({"replicas": 3});
    let full = |observed: i64, replicas: u32, updated: u32, available: u32| {
        json!({"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated,
               "readyReplicas": available, "availableReplicas": available})
    };
    let progressing = |text: &str| Health::Progressing(text.to_owned());
    let mut late = full(3, 4, 1, 3);
    late["conditions"] = json!([{"type": "Progressing", "status": "False",
        "reason": "ProgressDeadlineExceeded", "message": "has timed out progressing"}]);
    let mut quota = full(3, 1, 1, 1);
    quota["conditions"] = json!([{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]);
    for (spec, status, expected) in [
        (&spec, full(3, 3, 3, 3), Health::Healthy),
        (&spec, full(2, 3, 3, 3), progressing("waiting for the controller to see the new spec")),
        (&spec, full(3, 4, 1, 3), progressing("1 of 3 new pods made")),
        (&spec, full(3, 5, 3, 3), progressing("2 old pods still to end")),
        (&spec, full(3, 3, 3, 2), progressing("2 of 3 pods available")),
        (&spec, late, Health::Degraded("has timed out progressing".to_owned())),
        (&spec, quota, progressing("exceeded quota")),
        (&json!({"replicas": 3, "paused": true}), full(3, 3, 1, 3), Health::Paused),
        (&json!({"replicas": 0}), full(3, 0, 0, 0), Health::Healthy),
        (&spec, Value::Null, progressing("waiting for the controller to see the new spec")),
    ] {
        assert_eq!(deployment(spec, &status).health(), expected, "{status}");
    }
    let workload = deployment(&spec, &full(3, 3, 3, 3)).extract(ManagedBy::Deployment);
    assert_eq!((workload.revision, workload.desired, workload.ready), (Some(2), 3, 3));
}

#[test]
fn the_version_is_label_then_tag_then_digest() {
    let template = |labels: Value, image: &str| json!({"replicas": 1, "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"image": image}]}}});
    for (spec, expected) in [
        (template(json!({"app.kubernetes.io/version": "1.2.3"}), "r/x:9"), Some("1.2.3")),
        (template(json!(null), "registry:5000/shop/x:1.4.0"), Some("1.4.0")),
        (template(json!({}), "registry:5000/shop/x"), None),
        (template(json!({}), "x@sha256:abc"), Some("sha256:abc")),
        (template(json!({}), "x:1.0@sha256:abc"), Some("1.0")),
        (json!({}), None),
    ] {
        assert_eq!(deployment(&spec, &json!({})).version().as_deref(), expected, "{spec}");
    }
}

#[test]
fn a_rollout_phase_counts_only_for_the_newest_spec() {
    for (observed, phase, expected) in [
        (json!("3"), json!("Healthy"), Health::Healthy),
        (
            json!("2"),
            json!("Healthy"),
            Health::Progressing("waiting for the controller to see the new spec".into()),
        ),
        (json!("3"), json!("Degraded"), Health::Degraded("aborted".into())),
        (json!("3"), json!("Paused"), Health::Paused),
        (json!("3"), json!(null), Health::Unknown),
        (
            json!("v3"),
            json!("Healthy"),
            Health::Progressing("waiting for the controller to see the new spec".into()),
        ),
    ] {
        let status = json!({"observedGeneration": observed, "phase": phase, "message": "aborted"});
        let workload = deployment(&json!({}), &status).extract(ManagedBy::ArgoRollouts);
        assert_eq!(workload.health, expected, "{status}");
    }
}

#[test]
fn applications_tell_sync_health_and_history() {
    let application = |sync_policy: Value| -> ApplicationObject {
        serde_json::from_value(json!({
            "metadata": {"name": "gateway", "namespace": "argocd", "resourceVersion": "5"},
            "spec": {"syncPolicy": sync_policy},
            "status": {"sync": {"status": "Synced"}, "health": {"status": "Degraded"},
                "operationState": {"phase": "Succeeded", "finishedAt": "2026-01-01T00:00:00Z"},
                "history": [{"id": 1, "revision": "aaa"}, {"id": 2, "revisions": ["b", "c"]}],
                "reconciledAt": "2026-01-01T00:00:01Z"},
        }))
        .unwrap()
    };
    for (policy, automated) in [
        (json!(null), false),
        (json!({}), false),
        (json!({"automated": {}}), true),
        (json!({"automated": {"enabled": true}}), true),
        (json!({"automated": {"enabled": false}}), false),
    ] {
        assert_eq!(application(policy.clone()).automated(), automated, "{policy}");
    }
    let seen = application(json!({"automated": {"prune": true}})).extract();
    assert_eq!((seen.sync.as_str(), seen.health.as_str()), ("Synced", "Degraded"));
    assert_eq!(seen.phase.as_deref(), Some("Succeeded"));
    assert_eq!(seen.deployed, Some((2, "b,c".to_owned())));
    assert!(seen.reconciled_at.is_some());

    let odd: ApplicationObject = serde_json::from_value(
        json!({"metadata": {"name": "odd"}, "status": {"reconciledAt": "", "operationState": {"finishedAt": "soon"}}}),
    )
    .unwrap();
    assert_eq!(odd.extract().reconciled_at, None);

    let bare: ApplicationObject =
        serde_json::from_value(json!({"metadata": {"name": "new", "namespace": "argocd"}})).unwrap();
    assert_eq!(bare.extract().health, "Unknown");
}

#[test]
fn a_workload_says_where_its_update_stands_and_what_is_wrong() {
    let rollout: WorkloadObject = serde_json::from_value(json!({
        "metadata": {"name": "api", "namespace": "shop", "creationTimestamp": "2026-01-02T03:04:05Z"},
        "spec": {"strategy": {"canary": {"steps": [{"setWeight": 5}, {"pause": {}}, {"setWeight": 50}]}}},
        "status": {"currentPodHash": "b", "stableRS": "a", "currentStepIndex": 1,
            "conditions": [{"type": "Available", "status": "False", "reason": "R", "message": "m"},
                           {"type": "Progressing", "status": "True"}]},
    }))
    .unwrap();
    let detail = rollout.extract(ManagedBy::ArgoRollouts).detail;
    assert_eq!((detail.step, detail.weight), (Some((1, 3)), Some(5)));
    assert_eq!(detail.conditions, ["Available: m"]);
    assert_eq!(detail.since.unwrap().to_rfc3339(), "2026-01-02T03:04:05+00:00");
    let routed: WorkloadObject = serde_json::from_value(json!({
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {"strategy": {"canary": {"steps": [{"setWeight": 5}]}}},
        "status": {"currentPodHash": "b", "stableRS": "a", "currentStepIndex": 0,
            "canary": {"weights": {"canary": {"weight": 2}}}},
    }))
    .unwrap();
    assert_eq!(routed.extract(ManagedBy::ArgoRollouts).detail.weight, Some(2));
    let kept: WorkloadObject = serde_json::from_value(json!({
        "metadata": {"name": "api", "namespace": "shop", "labels": {"app": "api",
            "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}},
    }))
    .unwrap();
    let keeper = kept.extract(ManagedBy::Deployment).detail.keeper.unwrap();
    assert_eq!(keeper.to_string(), "kustomization/flux-system/apps");
}

#[test]
fn flux_and_argo_cd_say_why_in_their_own_words() {
    let keeper: KeeperObject = serde_json::from_value(json!({
        "metadata": {"name": "apps", "namespace": "flux-system"},
        "spec": {"suspend": true},
        "status": {"lastAppliedRevision": "main@sha1:abc",
            "conditions": [{"type": "Ready", "status": "False", "message": "kustomize \u{1b}[31mbuild failed"}]},
    }))
    .unwrap();
    let keeper = keeper.extract("Kustomization");
    assert_eq!((keeper.ready, keeper.is_suspended), (Some(false), true));
    assert!(keeper.message.ends_with("build failed") && !keeper.message.contains('\u{1b}'));
    let application: ApplicationObject = serde_json::from_value(json!({
        "metadata": {"name": "api", "namespace": "argocd"},
        "status": {"conditions": [{"type": "ComparisonError", "status": "", "message": "no such path"}]},
    }))
    .unwrap();
    assert_eq!(application.extract().message.as_deref(), Some("no such path"));
}
