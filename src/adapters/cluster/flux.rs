//! Flux: which Kustomization or `HelmRelease` keeps a workload, reconciling it now, suspending and resuming it.

use super::{
    KubeCluster,
    object::{Object, Part, lock, text},
    objects,
};
use crate::{
    domain::{catalog::Target, deployment::ObjectRef},
    error::Failure,
};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

/// Asks the controllers to look now; they answer with [`HANDLED`].
pub(super) const REQUESTED: &str = "reconcile.fluxcd.io/requestedAt";
/// Where they tell which request they have answered, below `/status`.
pub(super) const HANDLED: &str = "lastHandledReconcileAt";

/// The labels with which the controllers say whose an object is: kind, and the prefix of its labels.
const KEEPERS: [(&str, &str); 2] =
    [("Kustomization", "kustomize.toolkit.fluxcd.io"), ("HelmRelease", "helm.toolkit.fluxcd.io")];

/// Whether a label is one of those.
pub(super) fn marks(label: &str) -> bool {
    KEEPERS.iter().any(|(_, prefix)| label.starts_with(prefix))
}

/// The Kustomization or `HelmRelease` that labels name.
pub(super) fn kept_by<'a>(label: impl Fn(&str) -> Option<&'a str>) -> Option<ObjectRef> {
    KEEPERS.into_iter().find_map(|(kind, prefix)| {
        let label = |name: &str| label(&format!("{prefix}/{name}")).map(str::to_owned);
        Some(ObjectRef { kind: kind.to_owned(), namespace: label("namespace")?, name: label("name")? })
    })
}

/// The Kustomization or `HelmRelease` that keeps a workload.
pub(super) fn keeper(workload: &Value, target: &Target) -> Result<ObjectRef, Failure> {
    let labels = &workload["metadata"]["labels"];
    if let Some(keeper) = kept_by(|label| labels[label].as_str()) {
        return Ok(keeper);
    }
    Err(Failure::refused(format!("what of Flux keeps {} cannot be found", target.service))
        .cause(format!(
            "{}/{} has none of the labels with which Flux marks what it applies",
            target.namespace, target.workload
        ))
        .hint("check `managed_by` in the service's deployment table"))
}

/// The object of a reference to something of Flux.
pub(super) fn object<'a>(cluster: &'a KubeCluster, reference: &ObjectRef) -> Result<Object<'a>, Failure> {
    let resource = match reference.kind.as_str() {
        "Kustomization" => objects::kustomizations(),
        "HelmRelease" => objects::helm_releases(),
        "GitRepository" => source("GitRepository", "gitrepositories"),
        "OCIRepository" => source("OCIRepository", "ocirepositories"),
        "Bucket" => source("Bucket", "buckets"),
        other => return Err(Failure::refused(format!("{other} is no kind of Flux that is known here"))),
    };
    Ok(Object::new(cluster, resource, &reference.namespace, &reference.name))
}

fn source(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("source.toolkit.fluxcd.io", "v1", kind), plural)
}

/// Where a Kustomization gets its files from; `None` for what is not fetched from a source of its own.
pub(super) fn source_of(keeper: &Value) -> Option<ObjectRef> {
    let source =
        keeper.pointer("/spec/sourceRef").or_else(|| keeper.pointer("/spec/chart/spec/sourceRef"))?;
    let kind = source["kind"].as_str()?;
    if !matches!(kind, "GitRepository" | "OCIRepository" | "Bucket") {
        return None;
    }
    let namespace = source["namespace"].as_str().or_else(|| keeper["metadata"]["namespace"].as_str())?;
    Some(ObjectRef {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: source["name"].as_str()?.to_owned(),
    })
}

/// Asks Flux to look at an object now.
pub(super) fn request(mark: &str) -> Value {
    json!({ "metadata": { "annotations": { REQUESTED: mark } } })
}

/// Fetches the source, where there is one, and then applies it.
pub(super) async fn reconcile(
    cluster: &KubeCluster,
    keeper: &ObjectRef,
    source: Option<&ObjectRef>,
    mark: &str,
) -> Result<(), Failure> {
    if let Some(source) = source {
        object(cluster, source)?.merge("fetch", Part::Object, &request(mark)).await?;
    }
    object(cluster, keeper)?.merge("reconcile", Part::Object, &request(mark)).await?;
    Ok(())
}

/// Suspends it, under a lock; what is suspended already stays so.
pub(super) async fn suspend(cluster: &KubeCluster, keeper: &ObjectRef) -> Result<(), Failure> {
    let object = object(cluster, keeper)?;
    let seen = object.read().await?;
    if seen["spec"]["suspend"] == true {
        return Ok(());
    }
    let body = json!({ "metadata": lock(&seen), "spec": { "suspend": true } });
    object.merge("suspend", Part::Object, &body).await?;
    Ok(())
}

/// What the condition `Ready` says, if it is of the newest spec: whether, and why.
pub(super) fn ready(json: &Value) -> Option<(bool, String)> {
    let generation = &json["metadata"]["generation"];
    let condition = json["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == "Ready")
        .filter(|condition| {
            condition["observedGeneration"].is_null() || condition["observedGeneration"] == *generation
        })?;
    match condition["status"].as_str() {
        Some("True") => Some((true, text(condition, "/message"))),
        Some("False") => Some((false, text(condition, "/message"))),
        _ => None,
    }
}

/// Adds that Flux leaves the service alone now, which nobody would guess from the failure.
pub(super) fn stays_suspended(failure: Failure, keeper: &ObjectRef) -> Failure {
    failure
        .cause(format!("{keeper} was suspended before, and stays so"))
        .hint("resume it with `quarterdeck service resume` when that is wanted")
}
