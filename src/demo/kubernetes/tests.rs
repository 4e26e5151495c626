//! The simulated cluster, driven by the real client.

use super::*;
use chrono::DateTime;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet},
        authorization::v1::SelfSubjectAccessReview,
        coordination::v1::Lease,
        core::v1::{ConfigMap, Pod},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, LogParams, Patch,
        PatchParams, PostParams, WatchEvent, WatchParams,
    },
    core::Status,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;

const DEADLINE: Duration = Duration::from_secs(20);

struct Bench {
    cluster: SimulatedCluster,
    client: Client,
}

async fn bench() -> Bench {
    // Another test of the process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let time = Time::starting_at(DateTime::from_timestamp(1_790_000_000, 0).expect("a date"));
    let (environment, scenario) = (Environment::Production, Scenario::BadRelease);
    let traffic = Arc::new(Traffic::new(environment, scenario, time, 1));
    let options = ClusterOptions { environment, scenario, time, pace: Pace::fast(), seed: 1 };
    let cluster = SimulatedCluster::start(options, traffic).await.expect("starts");
    let mut config = Config::new(cluster.url().parse().expect("an address"));
    config.proxy_url = None;
    // Refusals are what is asked for here; trying again would only take long.
    config.default_retry = false;
    let client = Client::try_from(config).expect("a client");
    Bench { cluster, client }
}

impl Bench {
    fn dynamic(&self, resource: Resource, namespace: &str) -> Api<DynamicObject> {
        let row = resource.row();
        let kind = GroupVersionKind::gvk(row.group, row.version, row.kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, row.plural);
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }

    fn deployments(&self, namespace: &str) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Waits for an object to be as `right` says, woken by the store's own changes.
    async fn until(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        right: impl Fn(&Value) -> bool,
    ) -> Arc<Value> {
        let mut changed = self.cluster.store().subscribe();
        let waiting = async {
            loop {
                changed.borrow_and_update();
                if let Some(object) = self.cluster.object(resource, namespace, name)
                    && right(&object)
                {
                    return object;
                }
                changed.changed().await.expect("the store lives");
            }
        };
        let done = tokio::time::timeout(DEADLINE, waiting).await;
        done.unwrap_or_else(|_| {
            let last = self.cluster.object(resource, namespace, name);
            panic!("{name} never became right: {}", serde_json::to_string_pretty(&last).expect("JSON"))
        })
    }
}

fn refusal<T>(result: kube::Result<T>) -> Status {
    match result.err() {
        Some(kube::Error::Api(status)) => *status,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn complete(deployment: &Value) -> bool {
    let status = &deployment["status"];
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && status["updatedReplicas"] == deployment["spec"]["replicas"]
        && status["replicas"] == deployment["spec"]["replicas"]
        && status["availableReplicas"] == deployment["spec"]["replicas"]
}

fn template_version(object: &Value) -> &str {
    object["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"].as_str().unwrap_or_default()
}

/// The patch of `kubectl rollout undo` to the `ReplicaSet` of `version`.
async fn undo(bench: &Bench, name: &str, version: &str) -> json_patch::Patch {
    let sets: Api<ReplicaSet> = Api::namespaced(bench.client.clone(), "shared");
    let selected = ListParams::default()
        .labels(&format!("app.kubernetes.io/name={name},app.kubernetes.io/version={version}"));
    let set = sets.list(&selected).await.expect("lists").items.remove(0);
    let set = serde_json::to_value(set).expect("JSON");
    let mut template = set["spec"]["template"].clone();
    template["metadata"]["labels"].as_object_mut().expect("labels").remove("pod-template-hash");
    let cause = set["metadata"]["annotations"]["kubernetes.io/change-cause"].clone();
    serde_json::from_value(json!([
        { "op": "replace", "path": "/spec/template", "value": template },
        { "op": "replace", "path": "/metadata/annotations", "value": { "kubernetes.io/change-cause": cause } },
    ]))
    .expect("a patch")
}

#[tokio::test]
async fn lists_in_pages_and_by_selectors() {
    let bench = bench().await;
    let pods: Api<Pod> = Api::all(bench.client.clone());
    let all = pods.list(&ListParams::default()).await.expect("lists").items;
    let mut seen = Vec::new();
    let mut page = ListParams::default().limit(7);
    loop {
        let list = pods.list(&page).await.expect("lists");
        let left = list.metadata.remaining_item_count;
        seen.extend(list.items.into_iter().map(|pod| pod.name_any()));
        let Some(token) = list.metadata.continue_.filter(|token| !token.is_empty()) else { break };
        assert_eq!(left, i64::try_from(all.len() - seen.len()).ok());
        page = ListParams::default().limit(7).continue_token(&token);
    }
    assert_eq!(seen, all.iter().map(ResourceExt::name_any).collect::<Vec<_>>());
    assert!(seen.len() > 50);

    let selected = ListParams::default().labels("app.kubernetes.io/name=shared-auth").limit(1);
    let list = pods.list(&selected).await.expect("lists");
    assert_eq!(list.metadata.remaining_item_count, None, "null with a selector, as in the real API");
    assert_eq!(list.items[0].labels()["app.kubernetes.io/version"], "1.3.0");
    let named = ListParams::default().fields("metadata.name=cart");
    let deployments: Api<Deployment> = Api::all(bench.client.clone());
    assert_eq!(deployments.list(&named).await.expect("lists").items.len(), 1);
    let partial = pods.list_metadata(&selected).await.expect("lists metadata");
    assert!(partial.items[0].name_any().starts_with("shared-auth-"));
}

#[tokio::test]
async fn says_no_in_the_words_of_the_real_api() {
    let bench = bench().await;
    let missing = refusal(bench.deployments("shared").get("nothing").await);
    assert_eq!((missing.code, missing.reason.as_str()), (404, "NotFound"));

    let kind = GroupVersionKind::gvk("unknown.example.com", "v1", "Thing");
    let unknown: Api<DynamicObject> =
        Api::all_with(bench.client.clone(), &ApiResource::from_gvk_with_plural(&kind, "things"));
    let answer = refusal(unknown.list(&ListParams::default()).await);
    assert_eq!((answer.code, answer.reason.as_str()), (404, "Failed to parse error data"));

    let applications = bench.dynamic(Resource::Applications, "argocd");
    let patch = Patch::Merge(json!({ "status": {} }));
    let status = applications.patch_status("new-api", &PatchParams::default(), &patch).await;
    assert_eq!(refusal(status).code, 404);
    let strategic = Patch::Strategic(json!({ "spec": {} }));
    let answer = applications.patch("new-api", &PatchParams::default(), &strategic).await;
    assert_eq!(refusal(answer).code, 415);

    let future = ListParams::default().at("999999999").matching(kube::api::VersionMatch::NotOlderThan);
    assert_eq!(refusal(bench.deployments("shared").list(&future).await).code, 504);
}

#[tokio::test]
async fn a_stale_merge_patch_conflicts_and_a_failed_test_is_unprocessable() {
    let bench = bench().await;
    let deployments = bench.deployments("shared");
    let stale = Patch::Merge(json!({ "metadata": { "resourceVersion": "1" }, "spec": { "replicas": 5 } }));
    let answer = refusal(deployments.patch("shared-auth", &PatchParams::default(), &stale).await);
    assert_eq!((answer.code, answer.reason.as_str()), (409, "Conflict"));
    let failed: json_patch::Patch =
        serde_json::from_value(json!([{ "op": "test", "path": "/spec/replicas", "value": 99 }]))
            .expect("a patch");
    let failed = Patch::<()>::Json(failed);
    let answer = refusal(deployments.patch("shared-auth", &PatchParams::default(), &failed).await);
    assert_eq!((answer.code, answer.reason.as_str()), (422, "Invalid"));

    let before = deployments.get("shared-auth").await.expect("there");
    let change = Patch::Merge(json!({ "spec": { "replicas": 5 } }));
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let after = deployments.patch("shared-auth", &dry, &change).await.expect("a dry run");
    assert_eq!(after.metadata.generation, before.metadata.generation.map(|generation| generation + 1));
    assert_eq!(after.resource_version(), before.resource_version());
}

#[tokio::test]
async fn objects_are_created_replaced_applied_and_deleted() {
    let bench = bench().await;
    let maps: Api<ConfigMap> = Api::namespaced(bench.client.clone(), "shared");
    let map = ConfigMap {
        metadata: ObjectMeta { name: Some("settings".to_owned()), ..ObjectMeta::default() },
        data: Some([("a".to_owned(), "1".to_owned())].into()),
        ..ConfigMap::default()
    };
    let mut made = maps.create(&PostParams::default(), &map).await.expect("created");
    assert_eq!(refusal(maps.create(&PostParams::default(), &map).await).reason, "AlreadyExists");
    made.data = Some([("a".to_owned(), "2".to_owned())].into());
    let replaced = maps.replace("settings", &PostParams::default(), &made).await.expect("replaced");
    assert_ne!(replaced.resource_version(), made.resource_version());
    assert_eq!(refusal(maps.replace("settings", &PostParams::default(), &made).await).reason, "Conflict");
    let apply = json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": { "b": "3" } });
    for name in ["settings", "fresh"] {
        let applied = maps.patch(name, &PatchParams::apply("test"), &Patch::Apply(&apply)).await;
        assert_eq!(applied.expect("applied").data.expect("data")["b"], "3");
    }
    assert_eq!(maps.get("settings").await.expect("there").data.expect("data").len(), 2);
    assert!(maps.delete("settings", &DeleteParams::default()).await.expect("deleted").is_right());
    assert_eq!(maps.get_opt("settings").await.expect("asked"), None);

    let leases: Api<Lease> = Api::namespaced(bench.client.clone(), "shared");
    let lease = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": "agent" }, "spec": { "holderIdentity": "one", "leaseDurationSeconds": 15 } });
    let lease: Lease = serde_json::from_value(lease).expect("a lease");
    let made = leases.create(&PostParams::default(), &lease).await.expect("created");
    assert_eq!(made.spec.expect("spec").holder_identity.as_deref(), Some("one"));
}

#[tokio::test]
async fn a_watch_tells_changes_and_an_old_version_is_gone() {
    let bench = bench().await;
    let deployments = bench.deployments("shared");
    let list = deployments.list(&ListParams::default()).await.expect("lists");
    let version = list.metadata.resource_version.expect("a version");
    let mut events = deployments.watch(&WatchParams::default(), &version).await.expect("watches").boxed();
    let mark = Patch::Merge(json!({ "metadata": { "labels": { "mark": "x" } } }));
    deployments.patch("user-store", &PatchParams::default(), &mark).await.expect("patched");
    let event = tokio::time::timeout(DEADLINE, events.try_next()).await.expect("in time").expect("no error");
    let Some(WatchEvent::Modified(object)) = event else { panic!("expected a change, got {event:?}") };
    assert_eq!(object.name_any(), "user-store");

    bench.cluster.compact();
    let mut late = deployments.watch(&WatchParams::default(), &version).await.expect("answers 200").boxed();
    let event = tokio::time::timeout(DEADLINE, late.try_next()).await.expect("in time").expect("no error");
    let Some(WatchEvent::Error(status)) = event else { panic!("expected an error event, got {event:?}") };
    assert_eq!(status.code, 410);
}

#[tokio::test]
async fn watchers_begin_either_way_and_begin_again_after_compaction() {
    let bench = bench().await;
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let deployments: Api<Deployment> = Api::all(bench.client.clone());
        let count = deployments.list(&ListParams::default()).await.expect("lists").items.len();
        let mut events = watcher(deployments.clone(), config).default_backoff().boxed();
        let mut next =
            async || tokio::time::timeout(DEADLINE, events.next()).await.expect("in time").expect("endless");
        let mut initial = 0;
        loop {
            match next().await.expect("no error") {
                watcher::Event::Init => {}
                watcher::Event::InitApply(_) => initial += 1,
                watcher::Event::InitDone => break,
                other => panic!("not yet: {other:?}"),
            }
        }
        assert_eq!(initial, count);
        // The connection breaks, and what it missed is compacted: the watcher has to list again.
        bench.cluster.set_faults(Faults { unreachable: true, ..Faults::default() });
        bench.cluster.compact();
        bench.cluster.set_faults(Faults::default());
        loop {
            if matches!(next().await, Ok(watcher::Event::InitDone)) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_undo_rolls_out_and_renumbers_the_revision() {
    let bench = bench().await;
    let patch = undo(&bench, "shared-auth", "1.2.3").await;
    let deployments = bench.deployments("shared");
    deployments
        .patch("shared-auth", &PatchParams::default(), &Patch::<()>::Json(patch))
        .await
        .expect("patched");
    let done = bench
        .until(Resource::Deployments, "shared", "shared-auth", |object| {
            complete(object) && template_version(object) == "1.2.3"
        })
        .await;
    let annotations = &done["metadata"]["annotations"];
    assert_eq!(annotations["deployment.kubernetes.io/revision"], "4");
    assert_eq!(annotations["kubernetes.io/change-cause"], "release shared-auth 1.2.3");
    assert_eq!(
        done["metadata"]["labels"]["app.kubernetes.io/version"], "1.3.0",
        "labels are not rolled back"
    );
    let sets: Api<ReplicaSet> = Api::namespaced(bench.client.clone(), "shared");
    let sets = sets.list(&ListParams::default().labels("app.kubernetes.io/name=shared-auth")).await;
    let mut sets: Vec<(String, Option<i32>)> = sets
        .expect("lists")
        .items
        .into_iter()
        .map(|set| (set.annotations()["deployment.kubernetes.io/revision"].clone(), set.spec.replicas))
        .collect();
    sets.sort();
    let expected = [("1", 0), ("3", 0), ("4", 3)].map(|(revision, pods)| (revision.to_owned(), Some(pods)));
    assert_eq!(sets, expected);
    let totals = bench.cluster.world.traffic.condition("shared-auth").expect("serves");
    assert_eq!((totals.version.as_str(), totals.failing_since), ("1.2.3", None));
}

#[tokio::test]
async fn a_version_that_never_starts_exceeds_its_deadline_and_the_old_pods_stay() {
    let bench = bench().await;
    bench.cluster.set_quality("user-store", "5.1.4", Quality { starts: false, ..Quality::GOOD });
    let patch = undo(&bench, "user-store", "5.1.4").await;
    let deployments = bench.deployments("shared");
    deployments
        .patch("user-store", &PatchParams::default(), &Patch::<()>::Json(patch))
        .await
        .expect("patched");
    let stuck = bench
        .until(Resource::Deployments, "shared", "user-store", |object| {
            let conditions = object["status"]["conditions"].as_array();
            conditions.is_some_and(|list| list.iter().any(|one| one["reason"] == "ProgressDeadlineExceeded"))
        })
        .await;
    assert_eq!(stuck["status"]["availableReplicas"], 3);
}

#[tokio::test]
async fn scaling_and_deleting_a_pod_are_made_good() {
    let bench = bench().await;
    let deployments = bench.deployments("project-a");
    let four = Patch::Merge(json!({ "spec": { "replicas": 5 } }));
    deployments.patch("cart", &PatchParams::default(), &four).await.expect("patched");
    bench.until(Resource::Deployments, "project-a", "cart", complete).await;
    let pods: Api<Pod> = Api::namespaced(bench.client.clone(), "project-a");
    let ours = ListParams::default().labels("app.kubernetes.io/name=cart");
    let victim = pods.list(&ours).await.expect("lists").items.remove(0).name_any();
    pods.delete(&victim, &DeleteParams::default()).await.expect("deleted");
    // Four pods are not waited for: the controller may have made it good before anybody looks.
    let replaced = |object: &Value| {
        let (_, pods) = bench.cluster.store().list(Resource::Pods, Some("project-a"));
        let mine = pods.iter().filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == "cart");
        let names: Vec<_> = mine.map(|pod| pod["metadata"]["name"].clone()).collect();
        complete(object) && names.len() == 5 && !names.contains(&json!(victim))
    };
    bench.until(Resource::Deployments, "project-a", "cart", replaced).await;
    let pods_now = pods.list(&ours).await.expect("lists").items;
    let newest = pods_now.iter().max_by_key(|pod| pod.metadata.creation_timestamp.clone()).expect("pods");
    let log = pods.logs(&newest.name_any(), &LogParams::default()).await;
    assert!(log.expect("a log").contains("cart 1.8.1 starting"));
}

#[tokio::test]
async fn an_application_goes_back_when_automation_is_suspended_and_git_wins_when_it_is_not() {
    let bench = bench().await;
    let applications = bench.dynamic(Resource::Applications, "argocd");
    let application = applications.get("new-api").await.expect("there");
    let target = application.data["status"]["history"][1].clone();
    assert_eq!(application.data["status"]["history"].as_array().map(Vec::len), Some(3));
    let roll_back = |application: &DynamicObject| {
        Patch::Merge(json!({
            "metadata": { "resourceVersion": application.resource_version() },
            "operation": { "initiatedBy": { "username": "m.ruiz" },
                "sync": { "revision": target["revision"], "prune": false, "syncStrategy": { "apply": {} },
                          "source": target["source"] } },
            "status": { "operationState": null },
        }))
    };
    let suspend = Patch::Merge(json!({ "spec": { "syncPolicy": { "automated": { "enabled": false } } } }));
    let parameters = PatchParams::default();
    let suspended = applications.patch("new-api", &parameters, &suspend).await.expect("suspended");
    applications.patch("new-api", &parameters, &roll_back(&suspended)).await.expect("started");
    let done = bench
        .until(Resource::Applications, "argocd", "new-api", |object| {
            object["status"]["operationState"]["finishedAt"].is_string()
                && object["operation"].is_null()
                && object["status"]["history"].as_array().is_some_and(|history| history.len() == 4)
        })
        .await;
    assert_eq!(done["status"]["operationState"]["phase"], "Succeeded");
    assert_eq!(done["status"]["history"][3]["id"], 3);
    assert_eq!(done["status"]["history"][3]["revision"], target["revision"]);
    bench
        .until(Resource::Deployments, "shared", "new-api", |object| {
            complete(object) && template_version(object) == "2.0.0-rc.2"
        })
        .await;
    let after = bench
        .until(Resource::Applications, "argocd", "new-api", |object| {
            object["status"]["sync"]["status"] == "OutOfSync"
                && object["status"]["health"]["status"] == "Healthy"
        })
        .await;
    assert_eq!(after["operation"], Value::Null);

    let resume = Patch::Merge(json!({ "spec": { "syncPolicy": { "automated": { "enabled": true } } } }));
    applications.patch("new-api", &parameters, &resume).await.expect("resumed");
    bench
        .until(Resource::Deployments, "shared", "new-api", |object| {
            complete(object) && template_version(object) == "2.0.0"
        })
        .await;
}

#[tokio::test]
async fn an_operation_to_an_unknown_revision_ends_in_error() {
    let bench = bench().await;
    let applications = bench.dynamic(Resource::Applications, "argocd");
    let patch = Patch::Merge(json!({ "operation": { "sync": { "revision": "feedface" } },
                                     "status": { "operationState": null } }));
    applications.patch("checkout", &PatchParams::default(), &patch).await.expect("started");
    let done = bench
        .until(Resource::Applications, "argocd", "checkout", |object| {
            object["status"]["operationState"]["phase"] == "Error"
        })
        .await;
    assert_eq!(done["status"]["history"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_rollout_walks_its_steps_and_an_abort_brings_the_stable_version_back() {
    let bench = bench().await;
    let rollouts = bench.dynamic(Resource::Rollouts, "project-a");
    let parameters = PatchParams::default();
    let service = super::super::estate::Service::find("catalog-search").expect("a service");
    let template = manifests::template(service, "1.4.1");
    let steps =
        json!([{ "setWeight": 30 }, { "pause": {} }, { "setWeight": 60 }, { "pause": { "duration": "1s" } }]);
    let patch = json!({ "spec": { "template": template, "strategy": { "canary": { "steps": steps } } } });
    rollouts.patch("catalog-search", &parameters, &Patch::Merge(&patch)).await.expect("patched");
    let at = |index: usize, phase: &'static str| {
        move |object: &Value| {
            let status = &object["status"];
            status["phase"] == phase
                && status["currentStepIndex"] == index
                && status["observedGeneration"] == object["metadata"]["generation"].to_string().as_str()
        }
    };
    bench.until(Resource::Rollouts, "project-a", "catalog-search", at(1, "Paused")).await;
    // On the main object a status patch answers 200 and does nothing.
    let abort = Patch::Merge(json!({ "status": { "abort": true } }));
    let ignored = rollouts.patch("catalog-search", &parameters, &abort).await.expect("answered");
    assert_ne!(ignored.data["status"]["abort"], true);
    rollouts.patch_status("catalog-search", &parameters, &abort).await.expect("aborted");
    bench
        .until(Resource::Rollouts, "project-a", "catalog-search", |object| {
            object["status"]["phase"] == "Degraded" && object["status"]["updatedReplicas"] == 0
        })
        .await;
    let retry = Patch::Merge(json!({ "status": { "abort": false } }));
    rollouts.patch_status("catalog-search", &parameters, &retry).await.expect("retried");
    bench.until(Resource::Rollouts, "project-a", "catalog-search", at(1, "Paused")).await;
    let promote = Patch::Merge(json!({ "status": { "pauseConditions": null } }));
    rollouts.patch_status("catalog-search", &parameters, &promote).await.expect("promoted");
    let done = bench.until(Resource::Rollouts, "project-a", "catalog-search", at(4, "Healthy")).await;
    assert_eq!(done["status"]["stableRS"], done["status"]["currentPodHash"]);
    assert_eq!(template_version(&done), "1.4.1");
}

#[tokio::test]
async fn flux_answers_a_request_and_puts_an_undone_deployment_back() {
    let bench = bench().await;
    let kustomizations = bench.dynamic(Resource::Kustomizations, "flux-system");
    let ask = json!({ "metadata": { "annotations": { "reconcile.fluxcd.io/requestedAt": "now" } } });
    kustomizations.patch("event-bus", &PatchParams::default(), &Patch::Merge(&ask)).await.expect("asked");
    bench
        .until(Resource::Kustomizations, "flux-system", "event-bus", |object| {
            object["status"]["lastHandledReconcileAt"] == "now"
        })
        .await;
    let patch = undo(&bench, "event-bus", "4.0.1").await;
    let deployments = bench.deployments("shared");
    deployments
        .patch("event-bus", &PatchParams::default(), &Patch::<()>::Json(patch))
        .await
        .expect("patched");
    bench
        .until(Resource::Deployments, "shared", "event-bus", |object| {
            complete(object)
                && template_version(object) == "4.0.2"
                && object["metadata"]["generation"].as_i64() > Some(2)
        })
        .await;
}

#[tokio::test]
async fn faults_are_felt_and_pass() {
    let bench = bench().await;
    let deployments = bench.deployments("shared");
    let review = async || {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(bench.client.clone());
        let review = json!({ "spec": { "resourceAttributes": { "verb": "patch", "group": "apps",
            "resource": "deployments", "namespace": "shared" } } });
        let review = serde_json::from_value(review).expect("a review");
        let answer = reviews.create(&PostParams::default(), &review).await.expect("answers");
        answer.status.expect("a status").allowed
    };
    assert!(review().await);
    let patch = Patch::Merge(json!({ "spec": { "replicas": 4 } }));
    bench.cluster.set_faults(Faults { forbid_patch: true, ..Faults::default() });
    assert!(!review().await);
    let answer = refusal(deployments.patch("user-store", &PatchParams::default(), &patch).await);
    assert_eq!((answer.code, answer.reason.as_str()), (403, "Forbidden"));
    assert!(deployments.get("user-store").await.is_ok(), "reading is still allowed");
    bench.cluster.set_faults(Faults { error_500: true, ..Faults::default() });
    assert_eq!(refusal(deployments.get("user-store").await).code, 500);
    bench.cluster.set_faults(Faults { unreachable: true, ..Faults::default() });
    assert!(!matches!(deployments.get("user-store").await, Ok(_) | Err(kube::Error::Api(_))));
    bench.cluster.set_faults(Faults::default());
    assert!(deployments.get("user-store").await.is_ok());
}

#[tokio::test]
async fn discovery_finds_types_and_versions() {
    let bench = bench().await;
    assert_eq!(bench.client.apiserver_version().await.expect("a version").minor, "36");
    let found = kube::discovery::Discovery::new(bench.client.clone()).run().await.expect("discovers");
    let kind = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Rollout");
    let (_, capabilities) = found.resolve_gvk(&kind).expect("found");
    assert!(capabilities.subresources.iter().any(|(resource, _)| resource.plural == "status"));
}

#[tokio::test]
async fn churn_reaches_a_watch_and_moves_nothing() {
    let bench = bench().await;
    let pods: Api<Pod> = Api::all(bench.client.clone());
    let version = pods.list(&ListParams::default()).await.expect("lists").metadata.resource_version;
    let events = pods.watch(&WatchParams::default(), &version.expect("a version")).await.expect("watches");
    let churn = bench.cluster.churn(1000);
    let seen = tokio::time::timeout(DEADLINE, events.take(200).try_collect::<Vec<_>>()).await;
    assert_eq!(seen.expect("in time").expect("no error").len(), 200);
    drop(churn);
    let deployment = bench.cluster.object(Resource::Deployments, "shared", "shared-auth").expect("there");
    assert!(complete(&deployment));
}
