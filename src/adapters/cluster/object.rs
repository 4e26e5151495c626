//! One object of a cluster by name: reading it, changing it under a lock, and asking whether we may.

use super::{DEADLINE, FIELD_MANAGER, KubeCluster, failures, object_name, path};
use crate::{domain::deployment::ObjectRef, error::Failure};
use kube::{
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
    core::ApiResource,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Debug;

/// An object of a cluster, which need not be there.
#[derive(Clone)]
pub(super) struct Object<'a> {
    cluster: &'a KubeCluster,
    resource: ApiResource,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl<'a> Object<'a> {
    /// The object of a kind, namespace and name.
    pub(super) fn new(
        cluster: &'a KubeCluster,
        resource: ApiResource,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self { cluster, resource, namespace: namespace.into(), name: name.into() }
    }

    /// How it is written in a plan.
    pub(super) fn reference(&self) -> ObjectRef {
        ObjectRef {
            kind: self.resource.kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// `Deployment shop/api`, for sentences.
    pub(super) fn words(&self) -> String {
        format!("{} {}/{}", self.resource.kind, self.namespace, self.name)
    }

    /// Fails when the cluster says that we may not do this to it.
    pub(super) async fn may(&self, verb: &str, purpose: &str) -> Result<(), Failure> {
        let Self { cluster, resource, namespace, name } = self;
        super::access::may(cluster, verb, resource, namespace, name, purpose).await
    }

    /// Reads it.
    pub(super) async fn read(&self) -> Result<Value, Failure> {
        self.cluster.get(&self.resource, &self.namespace, &self.name).await
    }

    /// Reads it; `None` when it is not there.
    pub(super) async fn find(&self) -> Result<Option<Value>, Failure> {
        let request = path(&self.resource, &self.namespace)?
            .get(object_name(&self.name)?, &kube::api::GetParams::default());
        match self.cluster.send_raw(request).await {
            Ok(value) => Ok(Some(value)),
            Err(problem) if problem.code() == Some(404) => Ok(None),
            Err(problem) => {
                Err(problem.into_failure(&self.cluster.context, &format!("read {}", self.words())))
            }
        }
    }

    /// All objects of its kind in its namespace that a label selector finds.
    pub(super) async fn siblings(&self, selector: &str) -> Result<Vec<Value>, Failure> {
        let path = path(&self.resource, &self.namespace)?;
        let attempt = format!("list the {} of {}", self.resource.plural, self.namespace);
        let mut params = ListParams { limit: Some(500), ..ListParams::default() };
        if !selector.is_empty() {
            params.label_selector = Some(selector.to_owned());
        }
        let mut found = Vec::new();
        loop {
            let mut page: Value = self.cluster.send(&attempt, path.list(&params)).await?;
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                found.extend(items);
            }
            let token = text(&page, "/metadata/continue");
            if token.is_empty() {
                return Ok(found);
            }
            params.continue_token = Some(token);
        }
    }

    /// Sends one merge patch, once; `status` names the subresource. Every kind takes a merge patch, and one that
    /// carries a `resourceVersion` is answered with a plain 409 when the object has moved; server-side apply
    /// would take fields over by force instead.
    pub(super) async fn merge(&self, verb: &str, part: Part, body: &Value) -> Result<Value, Failure> {
        self.patch(verb, part, &Patch::Merge(body), false).await
    }

    /// The same as a question: what the server would say, without anything being changed. It goes without the lock:
    /// a status that moves meanwhile is no answer.
    pub(super) async fn try_merge(&self, verb: &str, part: Part, body: &Value) -> Result<Value, Failure> {
        let mut body = body.clone();
        if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
        }
        self.patch(verb, part, &Patch::Merge(&body), true).await
    }

    /// Sends a patch, once.
    pub(super) async fn patch<P: Serialize + Debug>(
        &self,
        verb: &str,
        part: Part,
        patch: &Patch<P>,
        dry_run: bool,
    ) -> Result<Value, Failure> {
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), dry_run, ..PatchParams::default() };
        let builder = path(&self.resource, &self.namespace)?;
        let name = object_name(&self.name)?;
        let request = match part {
            Part::Object => builder.patch(name, &params, patch),
            Part::Status => builder.patch_subresource("status", name, &params, patch),
        };
        match self.cluster.send_raw(request).await {
            Ok(value) => Ok(value),
            Err(problem) if problem.code() == Some(409) => Err(self.moved()),
            Err(problem) => {
                let tried = if dry_run { "try to " } else { "" };
                let attempt = format!("{tried}{verb} {}", self.words());
                Err(problem.into_failure(&self.cluster.context, &attempt))
            }
        }
    }

    /// Makes it, once.
    pub(super) async fn create(&self, object: &Value, dry_run: bool) -> Result<Value, Failure> {
        let params = PostParams { dry_run, field_manager: Some(FIELD_MANAGER.to_owned()) };
        let request = path(&self.resource, &self.namespace)?.create(&params, object.to_string().into_bytes());
        match self.cluster.send_raw(request).await {
            Ok(value) => Ok(value),
            Err(problem) if problem.code() == Some(409) => Err(self.moved().cause("it is there already")),
            Err(problem) => {
                Err(problem.into_failure(&self.cluster.context, &format!("make {}", self.words())))
            }
        }
    }

    /// Deletes it with what it owns, once, if it still is the one with this uid.
    pub(super) async fn delete(&self, uid: &str) -> Result<(), Failure> {
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::background()
        };
        let request = path(&self.resource, &self.namespace)?.delete(object_name(&self.name)?, &params);
        match self.cluster.send_raw::<Value>(request).await {
            Ok(_) => Ok(()),
            Err(problem) if problem.code() == Some(404) => Ok(()),
            Err(problem) if problem.code() == Some(409) => Err(self.moved()),
            Err(problem) => {
                Err(problem.into_failure(&self.cluster.context, &format!("delete {}", self.words())))
            }
        }
    }

    /// The failure for an object that is not as it was planned.
    pub(super) fn moved(&self) -> Failure {
        Failure::conflict(format!(
            "{} in the cluster {} changed since the plan; nothing was done to it",
            self.words(),
            self.cluster.context
        ))
        .hint("look at what runs now, and plan again")
    }

    /// Looks at it, twice a second, until `right` says that it is so; fails when that takes too long.
    pub(super) async fn until(
        &self,
        what: &str,
        longest: std::time::Duration,
        right: impl Fn(&Value) -> Result<bool, Failure>,
    ) -> Result<Value, Failure> {
        let deadline = tokio::time::Instant::now() + longest;
        let mut pause = std::time::Duration::from_millis(20);
        loop {
            let seen = self.read().await?;
            if right(&seen)? {
                return Ok(seen);
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(failures::late(
                    &self.cluster.context,
                    &format!("see {} {what}", self.words()),
                    longest,
                ));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(std::time::Duration::from_millis(500));
        }
    }
}

/// Which endpoint of an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The object itself.
    Object,
    /// Its status.
    Status,
}

/// How long a controller may take to see a change of a spec.
pub(super) const OBSERVED_WITHIN: std::time::Duration = DEADLINE;

/// A text inside of a JSON document, empty where it is not.
pub(super) fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The lock on what was read.
pub(super) fn lock(object: &Value) -> Value {
    json!({ "resourceVersion": object["metadata"]["resourceVersion"] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        adapters::cluster::{inspect, objects, target},
        domain::deployment::inspect::LogRequest,
        error::FailureKind,
    };

    #[tokio::test]
    async fn a_name_that_would_lead_elsewhere_is_sent_nowhere() {
        // Nothing listens there: whatever was sent would fail in another way.
        let settings = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let cluster = KubeCluster::with(&"demo".into(), settings);
        let target = target();
        for name in ["../nodes", "..", "", "a/b", "a?b", "%2e%2e"] {
            let object = Object::new(&cluster, objects::jobs(), "shop", name);
            let body = json!({});
            let mut failures = Vec::new();
            for part in [Part::Object, Part::Status] {
                failures.push(object.merge("change", part, &body).await.unwrap_err());
            }
            failures.push(object.find().await.unwrap_err());
            failures.push(object.delete("1").await.unwrap_err());
            let pod = name.to_owned();
            let request = LogRequest { pod, container: None, previous: false, follow: false, tail: 1 };
            failures.extend(inspect::logs(&cluster, &target, &request).await.err());
            assert_eq!(failures.len(), 5, "{name}");
            for failure in failures {
                let is_told = failure.message.contains("cannot be the name of an object");
                assert!(failure.kind == FailureKind::Configuration && is_told, "{name}: {failure:?}");
            }
        }
    }
}
