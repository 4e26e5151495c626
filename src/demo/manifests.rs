//! The estate as Kubernetes objects: what a cluster holds when the demo starts.

use super::{
    clock::{Time, stamp},
    estate::{Environment, ManagedBy, SERVICES, Service},
    kubernetes::{answer::Refusal, resources::Resource, store::Store},
    noise,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// Where Argo CD has its own objects.
pub const ARGO_CD_NAMESPACE: &str = "argocd";
/// Where Flux has its own.
pub const FLUX_NAMESPACE: &str = "flux-system";
/// The repository of rendered manifests that Argo CD and Flux read.
const MANIFESTS: &str = "https://git.example.com/shop/manifests.git";

/// The service whose Application in production has no automated sync.
const BY_HAND: &str = "project-c-api";

/// How the Rollout of a service goes forward: one routes traffic by exact weights and waits for somebody at each
/// of them, the others count pods and go on by themselves.
fn canary(service: &Service) -> Value {
    if service.name == "catalog-search" {
        return json!({ "maxSurge": 1, "maxUnavailable": 0,
            "canaryService": service.name, "stableService": service.name,
            "trafficRouting": { "nginx": { "stableIngress": service.name } },
            "steps": [{ "setWeight": 5 }, { "pause": {} }, { "setWeight": 25 }, { "pause": {} },
                      { "setWeight": 50 }, { "pause": {} }] });
    }
    json!({ "maxSurge": 1, "maxUnavailable": 0, "steps": [
        { "setWeight": 25 }, { "pause": { "duration": "30s" } }, { "setWeight": 50 },
        { "pause": { "duration": "30s" } }] })
}

/// The pod template of a service's `version`, without the hash that a controller adds.
pub fn template(service: &Service, version: &str) -> Value {
    json!({
        "metadata": {
            "labels": labels(service, version),
            "annotations": { "prometheus.io/scrape": service.measured.to_string(), "prometheus.io/port": "8080" },
        },
        "spec": {
            "containers": [{
                "name": service.name,
                "image": service.image(version),
                "ports": [{ "name": "http", "containerPort": 8080, "protocol": "TCP" }],
                "env": [{ "name": "RELEASE", "value": version }],
                "readinessProbe": { "httpGet": { "path": "/healthz", "port": "http" }, "periodSeconds": 5 },
                "resources": { "requests": { "cpu": "100m", "memory": "128Mi" },
                               "limits": { "cpu": "1", "memory": "512Mi" } },
            }],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
        },
    })
}

fn labels(service: &Service, version: &str) -> Value {
    json!({ "app.kubernetes.io/name": service.name, "app.kubernetes.io/version": version,
            "app.kubernetes.io/part-of": service.project.unwrap_or("shared"),
            "app.kubernetes.io/component": service.kind })
}

/// What `kubernetes.io/change-cause` says of a release.
pub fn change_cause(service: &str, version: &str) -> String {
    format!("release {service} {version}")
}

/// The revision of the manifests repository at which `service` is at `version`.
pub fn revision(service: &str, version: &str) -> String {
    noise::revision(noise::hash(0, &["manifests", service, version]))
}

/// The hash of a pod template, as a `ReplicaSet`'s name ends with it.
pub fn template_hash(template: &Value) -> String {
    noise::suffix(noise::hash(0, &[&template.to_string()]), 10)
}

/// When the version that runs was deployed: as the scenario says, else some days ago. Staging had it some hours
/// before production; where production lags, it has what ran before the control repository began.
pub fn deployed_at(
    scenario: super::Scenario,
    environment: Environment,
    service: &Service,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let told =
        |place| scenario.bad().iter().find(|bad| bad.service == service.name && bad.environment == place);
    let drawn = 30.0 + 300.0 * noise::unit(noise::hash(7, &[service.name, Environment::Production.name()]));
    let in_production = told(Environment::Production).map_or(drawn, |bad| bad.hours);
    let hours = match environment {
        Environment::Production if service.lags() => 30.9 * 24.0,
        Environment::Production => in_production,
        Environment::Staging => told(environment).map_or(in_production + 4.0, |bad| bad.hours),
    };
    now - TimeDelta::seconds((hours * 3600.0) as i64)
}

/// Fills `store` with all of `environment`: namespaces, workloads, pods, and what keeps them.
pub fn fill(
    store: &Store,
    environment: Environment,
    scenario: super::Scenario,
    time: Time,
) -> Result<(), Refusal> {
    let now = time.now();
    let old = stamp(now - TimeDelta::days(400));
    for name in
        ["default", "kube-system", "shared", "project-a", "project-b", "project-c", "argocd", "flux-system"]
    {
        let namespace = json!({ "metadata": { "name": name, "creationTimestamp": old,
            "labels": { "kubernetes.io/metadata.name": name } }, "status": { "phase": "Active" } });
        store.create(Resource::Namespaces, "", namespace, false)?;
    }
    let source = json!({
        "metadata": { "name": "manifests", "creationTimestamp": old },
        "spec": { "interval": "1m", "url": MANIFESTS, "ref": { "branch": "main" } },
        "status": { "observedGeneration": 1, "conditions": [{ "type": "Ready", "status": "True",
            "reason": "Succeeded", "message": "stored artifact for revision 'main'",
            "lastTransitionTime": old, "observedGeneration": 1 }] },
    });
    store.create(Resource::GitRepositories, FLUX_NAMESPACE, source, false)?;
    for service in SERVICES.iter().filter(|service| service.runs_in(environment)) {
        let since = deployed_at(scenario, environment, service, now);
        let bad = scenario.bad().iter().find(|bad| bad.service == service.name);
        let fails = bad.is_some_and(|bad| bad.environment == environment && bad.quality.error_ratio >= 0.01);
        Workload { store, environment, service, since, old: &old, fails, now }.create()?;
    }
    Ok(())
}

struct Workload<'a> {
    store: &'a Store,
    environment: Environment,
    service: &'a Service,
    since: DateTime<Utc>,
    old: &'a str,
    /// Whether its pods were restarted, again and again.
    fails: bool,
    now: DateTime<Utc>,
}

impl Workload<'_> {
    fn create(&self) -> Result<(), Refusal> {
        let service = self.service;
        let namespace = service.namespace();
        self.store.create(
            Resource::Services,
            namespace,
            json!({ "metadata": { "name": service.name, "creationTimestamp": self.old },
                    "spec": { "selector": { "app.kubernetes.io/name": service.name }, "type": "ClusterIP",
                              "ports": [{ "name": "http", "port": 80, "targetPort": "http" }] } }),
            false,
        )?;
        let rollout = service.managed_by == ManagedBy::ArgoRollouts;
        let owner = self.workload(rollout)?;
        let versions = service.deployed(self.environment);
        for (index, version) in versions.iter().enumerate() {
            let newest = index + 1 == versions.len();
            self.replica_set(&owner, rollout, version, index + 1, newest)?;
        }
        match service.managed_by {
            ManagedBy::ArgoCd => self.application(&versions),
            ManagedBy::Flux => self.kustomization(),
            ManagedBy::Deployment | ManagedBy::ArgoRollouts => Ok(()),
        }
    }

    fn workload(&self, rollout: bool) -> Result<Value, Refusal> {
        let service = self.service;
        let version = service.running(self.environment);
        let replicas = service.replicas_in(self.environment);
        let since = stamp(self.since);
        let revision = service.deployed(self.environment).len().to_string();
        let template = template(service, version);
        let hash = template_hash(&template);
        let mut spec = json!({ "replicas": replicas, "revisionHistoryLimit": 10,
            "selector": { "matchLabels": { "app.kubernetes.io/name": service.name } }, "template": template });
        let mut annotations = json!({ "kubernetes.io/change-cause": change_cause(service.name, version) });
        let status = if rollout {
            annotations["rollout.argoproj.io/revision"] = revision.into();
            let canary = canary(service);
            let steps = canary["steps"].as_array().map(Vec::len);
            spec["strategy"] = json!({ "canary": canary });
            json!({ "phase": "Healthy", "observedGeneration": "1", "replicas": replicas,
                    "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
                    "currentPodHash": hash, "stableRS": hash, "currentStepIndex": steps,
                    "currentStepHash": noise::suffix(4, 10),
                    "conditions": [{ "type": "Available", "status": "True", "reason": "AvailableReason",
                                     "lastTransitionTime": since, "lastUpdateTime": since }] })
        } else {
            annotations["deployment.kubernetes.io/revision"] = revision.into();
            spec["progressDeadlineSeconds"] = 600.into();
            spec["strategy"] = json!({ "type": "RollingUpdate",
                                       "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } });
            json!({ "observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas,
                    "readyReplicas": replicas, "availableReplicas": replicas,
                    "conditions": [
                        { "type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
                          "message": "Deployment has minimum availability.",
                          "lastTransitionTime": since, "lastUpdateTime": since },
                        { "type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
                          "message": format!("ReplicaSet \"{}-{hash}\" has successfully progressed.", service.name),
                          "lastTransitionTime": since, "lastUpdateTime": since }] })
        };
        let mut labels = labels(service, version);
        if service.managed_by == ManagedBy::Flux {
            // So does the real controller say whose it is.
            labels["kustomize.toolkit.fluxcd.io/name"] = service.name.into();
            labels["kustomize.toolkit.fluxcd.io/namespace"] = FLUX_NAMESPACE.into();
        }
        let object = json!({ "metadata": { "name": service.name, "creationTimestamp": self.old,
                "labels": labels, "annotations": annotations },
            "spec": spec, "status": status });
        let resource = if rollout { Resource::Rollouts } else { Resource::Deployments };
        Ok((*self.store.create(resource, service.namespace(), object, false)?).clone())
    }

    fn replica_set(
        &self,
        owner: &Value,
        rollout: bool,
        version: &str,
        revision: usize,
        newest: bool,
    ) -> Result<(), Refusal> {
        let service = self.service;
        let template = template(service, version);
        let replicas = if newest { service.replicas_in(self.environment) } else { 0 };
        let behind = service.deployed(self.environment).len() - revision;
        let since = self.since - TimeDelta::hours(i64::try_from(behind).unwrap_or_default() * 170);
        let mut set = replica_set(owner, rollout, &template, revision as u64);
        set["metadata"]["creationTimestamp"] = stamp(since).into();
        set["metadata"]["annotations"]["kubernetes.io/change-cause"] =
            change_cause(service.name, version).into();
        set["spec"]["replicas"] = replicas.into();
        set["status"] = json!({ "observedGeneration": 1, "replicas": replicas, "readyReplicas": replicas,
                                "availableReplicas": replicas, "fullyLabeledReplicas": replicas });
        let set = self.store.create(Resource::ReplicaSets, service.namespace(), set, false)?;
        for serial in 0..replicas {
            let mut pod =
                pod(&set, noise::hash(self.since.timestamp() as u64, &[service.name, &serial.to_string()]));
            pod["metadata"]["creationTimestamp"] = stamp(since).into();
            mark_ready(&mut pod, &stamp(since));
            if self.fails {
                let ended = self.now - TimeDelta::minutes(11 + 9 * serial);
                let status = &mut pod["status"]["containerStatuses"][0];
                status["restartCount"] = (2 + serial).into();
                status["state"]["running"]["startedAt"] = stamp(ended).into();
                status["lastState"] = json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled",
                    "startedAt": stamp(ended - TimeDelta::hours(5)), "finishedAt": stamp(ended) } });
            }
            let pod = self.store.create(Resource::Pods, service.namespace(), pod, false)?;
            if self.fails {
                self.complain(&pod, serial)?;
            }
        }
        Ok(())
    }

    /// The kubelet's events about a pod that does not do well.
    fn complain(&self, pod: &Value, serial: i64) -> Result<(), Refusal> {
        let last = stamp(self.now - TimeDelta::minutes(2 + serial));
        let first = stamp(self.now - TimeDelta::hours(6));
        for (reason, message, count) in [
            ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 41),
            ("BackOff", "Back-off restarting failed container", 2 + serial),
        ] {
            let meta = &pod["metadata"];
            let event = json!({
                "metadata": { "generateName": format!("{}.", meta["name"].as_str().unwrap_or_default()),
                              "creationTimestamp": first },
                "involvedObject": { "apiVersion": "v1", "kind": "Pod", "name": meta["name"],
                                    "namespace": meta["namespace"], "uid": meta["uid"] },
                "reason": reason, "message": message, "type": "Warning", "count": count,
                "source": { "component": "kubelet", "host": pod["spec"]["nodeName"] },
                "firstTimestamp": first, "lastTimestamp": last,
            });
            self.store.create(Resource::Events, self.service.namespace(), event, false)?;
        }
        Ok(())
    }

    fn application(&self, versions: &[&str]) -> Result<(), Refusal> {
        let service = self.service;
        let running = service.running(self.environment);
        let source = json!({ "repoURL": MANIFESTS, "targetRevision": "main",
            "path": format!("{}/{}", self.environment, service.name) });
        let history: Vec<Value> = versions
            .iter()
            .enumerate()
            .map(|(id, version)| {
                let behind = i64::try_from(versions.len() - 1 - id).unwrap_or_default();
                let at = stamp(self.since - TimeDelta::hours(behind * 170));
                json!({ "id": id, "revision": revision(service.name, version), "source": source,
                        "deployStartedAt": at, "deployedAt": at,
                        "initiatedBy": { "automated": true } })
            })
            .collect();
        let since = stamp(self.since);
        let current = revision(service.name, running);
        let destination =
            json!({ "server": "https://kubernetes.default.svc", "namespace": service.namespace() });
        let mut application = json!({
            "metadata": { "name": service.name, "creationTimestamp": self.old,
                          "labels": { "app.kubernetes.io/name": service.name } },
            "spec": { "project": service.project.unwrap_or("default"), "source": source, "destination": destination,
                      "syncPolicy": { "automated": { "prune": true, "selfHeal": true },
                                      "syncOptions": ["CreateNamespace=false"] },
                      "revisionHistoryLimit": 10 },
            "status": {
                "sync": { "status": "Synced", "revision": current,
                          "comparedTo": { "source": source, "destination": destination } },
                "health": { "status": "Healthy" },
                "history": history,
                "reconciledAt": since,
                "sourceType": "Directory",
                "summary": { "images": [service.image(running)] },
                "resources": [{ "group": "apps", "version": "v1", "kind": "Deployment", "name": service.name,
                                "namespace": service.namespace(), "status": "Synced" }],
                "operationState": { "phase": "Succeeded", "message": "successfully synced (all tasks run)",
                    "startedAt": since, "finishedAt": since,
                    "operation": { "initiatedBy": { "automated": true }, "sync": { "revision": current } },
                    "syncResult": { "revision": current, "source": source } },
            },
        });
        // One team syncs production by hand.
        if service.name == BY_HAND && self.environment == Environment::Production {
            application["spec"]["syncPolicy"] = json!({ "syncOptions": ["CreateNamespace=false"] });
        }
        self.store.create(Resource::Applications, ARGO_CD_NAMESPACE, application, false)?;
        Ok(())
    }

    fn kustomization(&self) -> Result<(), Refusal> {
        let service = self.service;
        let applied = format!("main@sha1:{}", revision(service.name, service.running(self.environment)));
        let since = stamp(self.since);
        let kustomization = json!({
            "metadata": { "name": service.name, "creationTimestamp": self.old,
                          "labels": { "app.kubernetes.io/name": service.name } },
            "spec": { "interval": "10m", "path": format!("./{}/{}", self.environment, service.name), "prune": true,
                      "sourceRef": { "kind": "GitRepository", "name": "manifests" },
                      "targetNamespace": service.namespace() },
            "status": { "observedGeneration": 1, "lastAppliedRevision": applied,
                "lastAttemptedRevision": applied,
                "inventory": { "entries": [
                    { "id": format!("{}_{}_apps_Deployment", service.namespace(), service.name), "v": "v1" }] },
                "conditions": [{ "type": "Ready", "status": "True", "reason": "ReconciliationSucceeded",
                    "message": format!("Applied revision: {applied}"), "lastTransitionTime": since,
                    "observedGeneration": 1 }] },
        });
        self.store.create(Resource::Kustomizations, FLUX_NAMESPACE, kustomization, false)?;
        Ok(())
    }
}

/// A `ReplicaSet` of `owner` for `template`, with no pods yet.
pub fn replica_set(owner: &Value, rollout: bool, template: &Value, revision: u64) -> Value {
    let hash = template_hash(template);
    let (label, annotation) = kind_of_hash(rollout);
    let mut stamped = template.clone();
    stamped["metadata"]["labels"][label] = hash.as_str().into();
    let name = owner["metadata"]["name"].as_str().unwrap_or_default();
    let mut selector = owner["spec"]["selector"].clone();
    selector["matchLabels"][label] = hash.as_str().into();
    json!({
        "metadata": {
            "name": format!("{name}-{hash}"),
            "namespace": owner["metadata"]["namespace"],
            "labels": stamped["metadata"]["labels"],
            "annotations": { annotation: revision.to_string(),
                             "deployment.kubernetes.io/desired-replicas": owner["spec"]["replicas"].to_string() },
            "ownerReferences": [{ "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name,
                "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true }],
        },
        "spec": { "replicas": 0, "selector": selector, "template": stamped },
        "status": { "replicas": 0, "observedGeneration": 1 },
    })
}

/// The label and the annotation with which Deployments and Rollouts mark their `ReplicaSets`.
pub fn kind_of_hash(rollout: bool) -> (&'static str, &'static str) {
    if rollout {
        ("rollouts-pod-template-hash", "rollout.argoproj.io/revision")
    } else {
        ("pod-template-hash", "deployment.kubernetes.io/revision")
    }
}

/// A pod of the `ReplicaSet` `set`, just scheduled.
pub fn pod(set: &Value, seed: u64) -> Value {
    let template = &set["spec"]["template"];
    let name = set["metadata"]["name"].as_str().unwrap_or_default();
    let mut spec = template["spec"].clone();
    spec["nodeName"] = format!("node-{}", 1 + seed % 4).into();
    let containers: Vec<Value> = template["spec"]["containers"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(|container| {
            json!({ "name": container["name"], "image": container["image"], "imageID": "", "ready": false,
                    "restartCount": 0, "started": false,
                    "state": { "waiting": { "reason": "ContainerCreating" } } })
        })
        .collect();
    json!({
        "metadata": {
            "name": format!("{name}-{}", noise::suffix(seed, 5)),
            "namespace": set["metadata"]["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name,
                "uid": set["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true }],
        },
        "spec": spec,
        "status": { "phase": "Pending",
                    "conditions": [{ "type": "PodScheduled", "status": "True" },
                                   { "type": "Ready", "status": "False", "reason": "ContainersNotReady" }],
                    "containerStatuses": containers },
    })
}

/// Makes `pod` run and be ready since `at`.
pub fn mark_ready(pod: &mut Value, at: &str) {
    let number = noise::hash(3, &[pod["metadata"]["name"].as_str().unwrap_or_default()]);
    let status = &mut pod["status"];
    status["phase"] = "Running".into();
    status["startTime"] = at.into();
    status["podIP"] = format!("10.42.{}.{}", number % 4, 2 + (number >> 8) % 250).into();
    status["conditions"] = json!([
        { "type": "PodScheduled", "status": "True", "lastTransitionTime": at },
        { "type": "Initialized", "status": "True", "lastTransitionTime": at },
        { "type": "ContainersReady", "status": "True", "lastTransitionTime": at },
        { "type": "Ready", "status": "True", "lastTransitionTime": at },
    ]);
    if let Some(containers) = status["containerStatuses"].as_array_mut() {
        for container in containers {
            container["ready"] = true.into();
            container["started"] = true.into();
            container["state"] = json!({ "running": { "startedAt": at } });
        }
    }
}

/// Whether `pod` is ready and stays.
pub fn is_ready(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_null()
        && pod["status"]["conditions"].as_array().is_some_and(|conditions| {
            conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        })
}
