//! The few fields of Kubernetes objects that are looked at, and what they mean.
//!
//! Own structs instead of the full API types: at 10,000 objects the rest (managed fields above all)
//! would cost most of the memory and of the decoding.

mod gitops;
mod pods;

pub(super) use gitops::{ApplicationObject, HistoryEntry, KeeperObject};
pub(super) use pods::PodObject;

use super::flux;
use crate::domain::{
    catalog::ManagedBy,
    deployment::{Health, Workload, WorkloadDetail},
    text::clean,
};
use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::{ApiResource, GroupVersionKind, ObjectMeta, Resource, dynamic::DynamicObject};
use serde::{Deserialize, Deserializer};
use std::{borrow::Cow, collections::BTreeMap};

/// Label of a pod template that says which version it is.
pub(super) const VERSION_LABEL: &str = "app.kubernetes.io/version";
/// Annotation of a Deployment and of its `ReplicaSet`s that numbers the revisions.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// The same for Argo Rollouts.
pub(super) const ROLLOUT_REVISION: &str = "rollout.argoproj.io/revision";

/// `apps/v1` Deployments.
pub(super) fn deployments() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("apps", "v1", "Deployment"), "deployments")
}

/// `apps/v1` `ReplicaSet`s.
pub(super) fn replica_sets() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("apps", "v1", "ReplicaSet"), "replicasets")
}

/// Argo Rollouts.
pub(super) fn rollouts() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Rollout"),
        "rollouts",
    )
}

/// Argo CD Applications.
pub(super) fn applications() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application"),
        "applications",
    )
}

/// Flux Kustomizations.
pub(super) fn kustomizations() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("kustomize.toolkit.fluxcd.io", "v1", "Kustomization"),
        "kustomizations",
    )
}

/// Flux `HelmRelease`s.
pub(super) fn helm_releases() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("helm.toolkit.fluxcd.io", "v2", "HelmRelease"),
        "helmreleases",
    )
}

/// `v1` Services.
pub(super) fn services() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Service"), "services")
}

/// `v1` Pods.
pub(super) fn pods() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Pod"), "pods")
}

/// `batch/v1` Jobs.
pub(super) fn jobs() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("batch", "v1", "Job"), "jobs")
}

/// `v1` Events.
pub(super) fn events() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Event"), "events")
}

/// The metadata that is looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SlimMetadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

/// Reads metadata without its managed fields, and with those labels and annotations only that are looked at.
fn slim<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let slim = SlimMetadata::deserialize(deserializer)?;
    let revisions = slim.annotations.map(|annotations| {
        annotations.into_iter().filter(|(key, _)| key == REVISION || key == ROLLOUT_REVISION).collect()
    });
    Ok(ObjectMeta {
        name: slim.name,
        namespace: slim.namespace,
        uid: slim.uid,
        resource_version: slim.resource_version,
        generation: slim.generation,
        annotations: revisions,
        creation_timestamp: slim.creation_timestamp,
        labels: slim.labels.map(|labels| labels.into_iter().filter(|(key, _)| flux::marks(key)).collect()),
        ..ObjectMeta::default()
    })
}

/// A value that may be absent or null.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A generation: a number in Kubernetes, a text in Argo Rollouts.
fn generation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    Ok(match Option::<Either>::deserialize(deserializer)? {
        Some(Either::Number(number)) => Some(number),
        Some(Either::Text(text)) => text.parse().ok(),
        None => None,
    })
}

/// A moment. One that is written wrongly is unknown, and does not spoil the whole list.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| DateTime::parse_from_rfc3339(&text).ok()).map(|moment| moment.to_utc()))
}

/// Conditions. What is written otherwise than as a list is none, and does not spoil the whole list of objects.
fn conditions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        List(Vec<Condition>),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::List(conditions) => conditions,
        Either::Other(_) => Vec::new(),
    })
}

/// A Deployment or a Rollout.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WorkloadObject {
    #[serde(deserialize_with = "slim")]
    metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    spec: WorkloadSpec,
    #[serde(default, deserialize_with = "or_default")]
    status: WorkloadStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WorkloadSpec {
    replicas: Option<u32>,
    paused: Option<bool>,
    template: Option<Template>,
    strategy: Option<Strategy>,
}

/// A Rollout's strategy, and of a Deployment's nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Strategy {
    canary: Option<Canary>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Canary {
    steps: Option<Vec<CanaryStep>>,
    traffic_routing: Option<TrafficRouting>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TrafficRouting {
    /// What all the traffic is; a hundred unless said.
    max_traffic_weight: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CanaryStep {
    set_weight: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Template {
    metadata: Option<TemplateMetadata>,
    spec: Option<PodSpec>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct TemplateMetadata {
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct PodSpec {
    containers: Option<Vec<Container>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Container {
    image: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WorkloadStatus {
    #[serde(deserialize_with = "generation")]
    observed_generation: Option<i64>,
    replicas: Option<u32>,
    updated_replicas: Option<u32>,
    ready_replicas: Option<u32>,
    available_replicas: Option<u32>,
    #[serde(deserialize_with = "conditions")]
    conditions: Vec<Condition>,
    /// Argo Rollouts only, as all that follows.
    #[serde(rename = "currentPodHash")]
    current: Option<String>,
    #[serde(rename = "stableRS")]
    stable: Option<String>,
    current_step_index: Option<usize>,
    canary: Option<CanaryStatus>,
    phase: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct CanaryStatus {
    weights: Option<Weights>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Weights {
    canary: Option<Weight>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Weight {
    weight: u32,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: Option<String>,
    message: Option<String>,
}

impl Template {
    /// Its version: label, else the first image's tag, else its digest.
    pub(super) fn version(&self) -> Option<String> {
        let labels = self.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref());
        if let Some(version) =
            labels.and_then(|labels| labels.get(VERSION_LABEL)).filter(|text| !text.is_empty())
        {
            return Some(version.clone());
        }
        let containers = self.spec.as_ref().and_then(|spec| spec.containers.as_ref());
        let image = containers?.first()?.image.as_deref()?;
        let (name, digest) =
            image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
        // A colon before the last slash is a registry's port.
        let last = name.rsplit('/').next().unwrap_or(name);
        let tag = last.split_once(':').map(|(_, tag)| tag).filter(|tag| !tag.is_empty());
        tag.or(digest).map(str::to_owned)
    }
}

impl WorkloadObject {
    /// Namespace and name.
    pub(super) fn key(&self) -> (String, String) {
        key(&self.metadata)
    }

    /// What is kept of it.
    pub(super) fn extract(&self, managed_by: ManagedBy) -> Workload {
        let (namespace, name) = self.key();
        let annotations = self.metadata.annotations.as_ref();
        let annotation = if managed_by == ManagedBy::ArgoRollouts { ROLLOUT_REVISION } else { REVISION };
        Workload {
            namespace,
            name,
            managed_by,
            version: self.spec.template.as_ref().and_then(Template::version),
            desired: self.desired(),
            updated: self.status.updated_replicas.unwrap_or(0),
            ready: self.status.ready_replicas.unwrap_or(0),
            health: if managed_by == ManagedBy::ArgoRollouts { self.rollout_health() } else { self.health() },
            revision: annotations.and_then(|all| all.get(annotation)).and_then(|text| text.parse().ok()),
            detail: self.detail(),
        }
    }

    /// What else it says of itself.
    fn detail(&self) -> WorkloadDetail {
        let (step, weight) = self.step().unzip();
        let since = self.metadata.creation_timestamp.as_ref();
        WorkloadDetail {
            since: since.and_then(|since| DateTime::from_timestamp(since.0.as_second(), 0)),
            step,
            weight: weight.flatten(),
            conditions: self
                .status
                .conditions
                .iter()
                .filter(|condition| match condition.kind.as_str() {
                    "Available" | "Progressing" => condition.status == "False",
                    "ReplicaFailure" | "InvalidSpec" => condition.status == "True",
                    _ => false,
                })
                .map(|condition| {
                    let words = condition.message.as_deref().or(condition.reason.as_deref());
                    clean(&format!("{}: {}", condition.kind, words.unwrap_or("no reason given")))
                })
                .collect(),
            keeper: self
                .metadata
                .labels
                .as_ref()
                .and_then(|labels| flux::kept_by(|label| labels.get(label).map(String::as_str))),
        }
    }

    /// Where an update of a Rollout stands: its step among how many, and its weight.
    fn step(&self) -> Option<((usize, usize), Option<u8>)> {
        let status = &self.status;
        let index = status.current_step_index?;
        if status.current == status.stable {
            return None;
        }
        let canary = self.spec.strategy.as_ref()?.canary.as_ref()?;
        let steps = canary.steps.as_deref().unwrap_or_default();
        let routed = status.canary.as_ref().and_then(|canary| canary.weights.as_ref());
        let routed = routed.and_then(|weights| weights.canary.as_ref()).map(|canary| canary.weight);
        let all = canary.traffic_routing.as_ref().and_then(|routing| routing.max_traffic_weight);
        let all = all.filter(|all| *all > 0).unwrap_or(100);
        let own = || {
            if index >= steps.len() {
                return Some(all);
            }
            steps.iter().take(index + 1).rev().find_map(|step| step.set_weight)
        };
        let share = |weight: u32| (u64::from(weight) * 100 / u64::from(all)).min(100) as u8;
        Some(((index, steps.len()), routed.or_else(own).map(share)))
    }

    /// Pods that should be; the API server's default is one.
    pub(super) fn desired(&self) -> u32 {
        self.spec.replicas.unwrap_or(1)
    }

    /// Whether the controller has seen the newest spec.
    pub(super) fn observed(&self) -> bool {
        self.status.observed_generation.unwrap_or(0) >= self.metadata.generation.unwrap_or(0)
    }

    /// Whether somebody paused it.
    pub(super) fn paused(&self) -> bool {
        self.spec.paused.unwrap_or(false)
    }

    /// All pods, of whichever revision.
    pub(super) fn pods(&self) -> u32 {
        self.status.replicas.unwrap_or(0)
    }

    /// Pods of older revisions that are still there.
    pub(super) fn old_pods(&self) -> u32 {
        let status = &self.status;
        status.replicas.unwrap_or(0).saturating_sub(status.updated_replicas.unwrap_or(0))
    }

    /// Health of a Deployment, judged in the order of `kubectl rollout status`.
    pub(super) fn health(&self) -> Health {
        let status = &self.status;
        let (desired, updated) = (self.desired(), status.updated_replicas.unwrap_or(0));
        let available = status.available_replicas.unwrap_or(0);
        if !self.observed() {
            return Health::Progressing("waiting for the controller to see the new spec".to_owned());
        }
        if let Some(condition) = status.conditions.iter().find(|condition| {
            condition.kind == "Progressing" && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
        }) {
            let why = condition.message.clone().filter(|text| !text.is_empty());
            return Health::Degraded(why.unwrap_or_else(|| "ProgressDeadlineExceeded".to_owned()));
        }
        if self.paused() {
            return Health::Paused;
        }
        // Why pods cannot even be made (a quota, an admission webhook) is worth more than the count.
        let refused = status
            .conditions
            .iter()
            .find(|condition| condition.kind == "ReplicaFailure" && condition.status == "True");
        if let (true, Some(condition)) = (updated < desired, refused) {
            return Health::Progressing(
                condition.message.clone().unwrap_or_else(|| "ReplicaFailure".to_owned()),
            );
        }
        if updated < desired {
            return Health::Progressing(format!("{updated} of {desired} new pods made"));
        }
        if self.old_pods() > 0 {
            return Health::Progressing(format!("{} old pods still to end", self.old_pods()));
        }
        if available < updated {
            return Health::Progressing(format!("{available} of {updated} pods available"));
        }
        Health::Healthy
    }

    /// Health of a Rollout: its phase, which counts only when it is about the newest spec.
    pub(super) fn rollout_health(&self) -> Health {
        if self.status.observed_generation != self.metadata.generation {
            return Health::Progressing("waiting for the controller to see the new spec".to_owned());
        }
        let message = || self.status.message.clone().unwrap_or_default();
        match self.status.phase.as_deref() {
            Some("Healthy") => Health::Healthy,
            Some("Progressing") => Health::Progressing(message()),
            Some("Degraded") => Health::Degraded(message()),
            Some("Paused") => Health::Paused,
            _ => Health::Unknown,
        }
    }

    /// The version of its pod template.
    pub(super) fn version(&self) -> Option<String> {
        self.spec.template.as_ref().and_then(Template::version)
    }

    /// Ready pods.
    pub(super) fn ready(&self) -> u32 {
        self.status.ready_replicas.unwrap_or(0)
    }

    /// Pods of the wanted revision.
    pub(super) fn updated(&self) -> u32 {
        self.status.updated_replicas.unwrap_or(0)
    }
}

/// Namespace and name.
fn key(metadata: &ObjectMeta) -> (String, String) {
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

macro_rules! dynamic_resource {
    ($($name:ident),+) => {$(
        impl Resource for $name {
            type DynamicType = ApiResource;
            type Scope = <DynamicObject as Resource>::Scope;

            fn kind(resource: &ApiResource) -> Cow<'_, str> {
                resource.kind.as_str().into()
            }
            fn group(resource: &ApiResource) -> Cow<'_, str> {
                resource.group.as_str().into()
            }
            fn version(resource: &ApiResource) -> Cow<'_, str> {
                resource.version.as_str().into()
            }
            fn plural(resource: &ApiResource) -> Cow<'_, str> {
                resource.plural.as_str().into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    )+};
}

dynamic_resource!(WorkloadObject, ApplicationObject, KeeperObject, PodObject);

#[cfg(test)]
#[path = "objects_tests.rs"]
mod tests;
