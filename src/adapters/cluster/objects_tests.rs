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

/// The objects of a list of `tests/fixtures/kubernetes`, as the client reads it.
fn recorded<K: Clone + serde::de::DeserializeOwned>(text: &str) -> Vec<K> {
    serde_json::from_str::<kube::core::ObjectList<K>>(text).unwrap().items
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../tests/fixtures/kubernetes/", $name, ".json"))
    };
}

#[test]
fn deployments_as_api_servers_answer_them() {
    let progressing = |text: &str| Health::Progressing(text.to_owned());
    let quota = "pods \"reports-5f6d7c8b9-\" is forbidden: exceeded quota: compute, requested: limits.memory=1Gi, \
                 used: limits.memory=8Gi, limited: limits.memory=8Gi";
    let unseen = || progressing("waiting for the controller to see the new spec");
    let digest = "sha256:5d20c808ce198565ff70b3ed23a991dd49afac45dece63474b27ce6ed036adc6";
    let expected = [
        ("checkout", Some("2.4.1"), (3, 3), Health::Healthy, Some(12), 0),
        (
            "payments",
            Some("1.9.0"),
            (3, 4),
            Health::Degraded("ReplicaSet \"payments-6c8f9d7b5\" has timed out progressing.".to_owned()),
            Some(12),
            1,
        ),
        ("emails", Some(digest), (2, 2), Health::Paused, Some(12), 0),
        ("reports", None, (0, 2), progressing(quota), Some(12), 2),
        ("nightly", Some("2026-05-01"), (0, 0), Health::Healthy, Some(12), 0),
        ("newcomer", Some("0.1.0"), (0, 1), unseen(), None, 0),
        ("bare", None, (0, 1), progressing("0 of 1 new pods made"), None, 0),
        ("tomorrow", Some("3.0.0-rc.1+build.7"), (1, 1), Health::Healthy, Some(12), 0),
    ];
    let found: Vec<WorkloadObject> = recorded(fixture!("deployments"));
    assert_eq!(found.len(), expected.len());
    for (object, (name, version, (ready, desired), health, revision, conditions)) in
        found.iter().zip(expected)
    {
        let seen = object.extract(ManagedBy::Deployment);
        assert_eq!(seen.name, name);
        assert_eq!(seen.version.as_deref(), version, "{name}");
        assert_eq!((seen.ready, seen.desired), (ready, desired), "{name}");
        assert_eq!(seen.health, health, "{name}");
        assert_eq!(seen.revision, revision, "{name}");
        assert_eq!(seen.detail.conditions.len(), conditions, "{name}: {:?}", seen.detail.conditions);
    }
    assert_eq!(
        found[0].extract(ManagedBy::Deployment).detail.since.unwrap().to_rfc3339(),
        "2026-04-01T08:00:00+00:00"
    );
    let none =
        r#"{"kind":"DeploymentList","apiVersion":"apps/v1","metadata":{"resourceVersion":"1"},"items":null}"#;
    assert!(recorded::<WorkloadObject>(none).is_empty());
}

#[test]
fn huge_annotations_and_managed_fields_are_not_kept() {
    let mut list: Value = serde_json::from_str(fixture!("deployments")).unwrap();
    let item = &mut list["items"][0];
    item["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
        "x".repeat(250_000).into();
    item["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:more"] = "x".repeat(250_000).into();
    let found: Vec<WorkloadObject> = recorded(&list.to_string());
    let kept = format!("{:?}", found[0]);
    assert!(kept.len() < 4_000, "{} bytes", kept.len());
}

#[test]
fn pods_as_api_servers_answer_them() {
    let found: Vec<PodObject> = recorded(fixture!("pods"));
    let seen: Vec<_> = found.into_iter().map(PodObject::extract).collect();
    let restarts = |index: usize| {
        let (name, workload, restarts) = seen[index].as_ref().unwrap();
        assert_eq!(workload.0, "shop", "{name}");
        (workload.1.as_str(), restarts.count, restarts.last.map(|last| last.to_rfc3339()))
    };
    let at = |text: &str| Some(text.to_owned());
    assert_eq!(restarts(0), ("checkout", 1, at("2026-05-05T01:00:00+00:00")));
    assert_eq!(restarts(1), ("checkout", 7, at("2026-05-06T03:04:05+00:00")));
    assert_eq!(restarts(2), ("checkout", 0, None));
    assert_eq!(restarts(3), ("checkout", 0, None));
    assert_eq!(restarts(4), ("search", 2, None), "a Rollout's, whose end has no time");
    assert!(seen[5..].iter().all(Option::is_none), "of a DaemonSet, of a node, of nobody: {:?}", &seen[5..]);
}

#[test]
fn rollouts_as_the_controller_writes_them() {
    let unseen = "waiting for the controller to see the new spec";
    let expected = [
        ("search", Health::Healthy, None),
        ("cart", Health::Paused, Some(((1, 5), Some(5)))),
        (
            "prices",
            Health::Degraded("RolloutAborted: Rollout aborted update to revision 4".to_owned()),
            Some(((0, 5), Some(5))),
        ),
        (
            "stock",
            Health::Progressing("more replicas need to be updated".to_owned()),
            Some(((0, 2), Some(25))),
        ),
        ("old", Health::Progressing(unseen.to_owned()), None),
        ("young", Health::Progressing(unseen.to_owned()), None),
    ];
    let found: Vec<WorkloadObject> = recorded(fixture!("rollouts"));
    assert_eq!(found.len(), expected.len());
    for (object, (name, health, update)) in found.iter().zip(expected) {
        let seen = object.extract(ManagedBy::ArgoRollouts);
        assert_eq!((seen.name.as_str(), seen.version.as_deref()), (name, Some("1.8.0")));
        assert_eq!((&seen.health, seen.revision), (&health, Some(6)), "{name}");
        let step = seen.detail.step.map(|step| (step, seen.detail.weight));
        assert_eq!(step, update, "{name}");
    }
}

#[test]
fn applications_as_argo_cd_writes_them() {
    let sha = "2b571ad9ceaab7ed1e6225ca674e367f2d07e41d";
    let both = format!("0.9.0,{sha}");
    let expected = [
        ("gateway", ("Synced", "Healthy"), true, Some((41, sha)), None),
        ("ledger", ("OutOfSync", "Degraded"), false, None, Some("spec.selector: field is immutable")),
        (
            "alloy",
            ("Synced", "Progressing"),
            false,
            Some((7, both.as_str())),
            Some("waiting for healthy state"),
        ),
        ("lost", ("Unknown", "Unknown"), false, None, Some("app path does not exist")),
        ("asleep", ("Twisted", "Hibernating"), false, None, None),
        ("unborn", ("Unknown", "Unknown"), false, None, None),
    ];
    let found: Vec<ApplicationObject> = recorded(fixture!("applications"));
    assert_eq!(found.len(), expected.len());
    for (object, (name, (sync, health), automated, deployed, message)) in found.iter().zip(expected) {
        let seen = object.extract();
        assert_eq!(seen.name, name);
        assert_eq!((seen.sync.as_str(), seen.health.as_str()), (sync, health), "{name}");
        assert_eq!(seen.automated, automated, "{name}");
        assert_eq!(seen.deployed.as_ref().map(|(id, revision)| (*id, revision.as_str())), deployed, "{name}");
        match message {
            Some(part) => {
                assert!(seen.message.as_ref().unwrap().contains(part), "{name}: {:?}", seen.message);
            }
            None => assert_eq!(seen.message, None, "{name}"),
        }
    }
    assert!(found[0].extract().reconciled_at.is_some() && found[3].extract().reconciled_at.is_none());
    assert!(found[2].operation.is_some() && found[0].operation.is_none());
}

#[test]
fn what_flux_keeps_as_its_controllers_write_it() {
    let sha = "main@sha1:2b571ad9ceaab7ed1e6225ca674e367f2d07e41d";
    let kustomizations = [
        ("apps", Some(true), false, sha, "Applied revision"),
        ("broken", Some(false), false, "", "\"deploy\" not found"),
        ("busy", None, false, "main@sha1:aaaa", "Reconciliation in progress"),
        ("held", None, true, "", ""),
    ];
    let releases = [
        ("podinfo", Some(true), false, "6.5.4", "Helm upgrade succeeded"),
        // Not that the way back succeeded, but what failed; and what runs, not what was tried.
        ("undone", Some(false), false, "6.5.3", "privilege escalation is disallowed"),
        ("fresh", None, false, "6.5.4", "Running 'install' action"),
    ];
    for (kind, text, expected) in [
        ("Kustomization", fixture!("kustomizations"), &kustomizations[..]),
        ("HelmRelease", fixture!("helmreleases"), &releases[..]),
    ] {
        let found: Vec<KeeperObject> = recorded(text);
        assert_eq!(found.len(), expected.len());
        for (object, (name, ready, suspended, revision, message)) in found.iter().zip(expected) {
            let seen = object.extract(kind);
            assert_eq!(seen.object.to_string(), format!("{}/flux-system/{name}", kind.to_lowercase()));
            assert_eq!((seen.ready, seen.is_suspended), (*ready, *suspended), "{name}");
            assert_eq!(seen.revision, *revision, "{name}");
            assert!(
                seen.message.contains(message) && !seen.message.contains('\n'),
                "{name}: {}",
                seen.message
            );
        }
    }
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
