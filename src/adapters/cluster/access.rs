//! Asking a cluster whether we may, before a plan promises anything.

use super::KubeCluster;
use crate::error::Failure;
use kube::core::{ApiResource, GroupVersionKind, Request, Resource, dynamic::DynamicObject};
use serde_json::{Value, json};

/// Fails when the cluster says that we may not do `verb` to this object, which `purpose` needs.
pub(super) async fn may(
    cluster: &KubeCluster,
    verb: &str,
    resource: &ApiResource,
    namespace: &str,
    name: &str,
    purpose: &str,
) -> Result<(), Failure> {
    let reviews = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("authorization.k8s.io", "v1", "SelfSubjectAccessReview"),
        "selfsubjectaccessreviews",
    );
    let review = json!({
        "apiVersion": reviews.api_version,
        "kind": reviews.kind,
        "spec": {"resourceAttributes": {
            "namespace": namespace,
            "verb": verb,
            "group": resource.group,
            "resource": resource.plural,
            "name": name,
        }},
    });
    let request = Request::new(DynamicObject::url_path(&reviews, None))
        .create(&kube::api::PostParams::default(), review.to_string().into_bytes());
    let answer: Value = match cluster.send_raw(request).await {
        Ok(answer) => answer,
        // A server that will not answer the question will say no to the change itself, if it must.
        Err(problem) if matches!(problem.code(), Some(403 | 404)) => return Ok(()),
        Err(problem) => return Err(problem.into_failure(&cluster.context, "ask for permissions")),
    };
    if answer["status"]["allowed"] != Value::Bool(false) {
        return Ok(());
    }
    let failure = Failure::forbidden(format!(
        "{purpose} needs {verb} on {} in {namespace} of the cluster {}",
        resource.plural, cluster.context
    ))
    .hint("ask the cluster's administrators for a role that allows it");
    Err(match answer["status"]["reason"].as_str().filter(|reason| !reason.is_empty()) {
        Some(reason) => failure.cause(reason),
        None => failure,
    })
}
