//! Pod templates as JSON: which version they run, and the same with another one.
//!
//! Templates travel as JSON, never through typed structs: those would drop fields that they do not know.

use super::{
    KubeCluster,
    object::{lock, text},
    objects::{Template, VERSION_LABEL, WorkloadObject},
};
use crate::{
    domain::{
        deployment::{Health, RolloutStatus, release::Release},
        text::clean,
    },
    error::Failure,
};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

/// What `kubectl rollout history` shows of a revision.
pub(super) const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// Labels that controllers add to a `ReplicaSet`'s template.
const HASH_LABELS: [&str; 2] = ["pod-template-hash", "rollouts-pod-template-hash"];

/// The pod template without the controllers' own labels.
pub(super) fn template(object: &Value) -> Value {
    let mut template = object.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        for label in HASH_LABELS {
            labels.remove(label);
        }
    }
    template
}

/// The version of an object's pod template.
pub(super) fn version(object: &Value) -> Option<String> {
    let template = object.pointer("/spec/template")?;
    Template::deserialize(template).ok()?.version()
}

/// The image of the container that is the service.
pub(super) fn image(object: &Value, release: &Release) -> Option<String> {
    let containers = object.pointer("/spec/template/spec/containers")?.as_array()?;
    let index = container(containers, release)?;
    containers[index]["image"].as_str().map(str::to_owned)
}

/// An image's name without tag and digest.
fn repository(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    name[last..].find(':').map_or(name, |colon| &name[..last + colon])
}

/// Which container is the service: the one with its image, or of its name, or the only one.
fn container(containers: &[Value], release: &Release) -> Option<usize> {
    let by_image = release.image.as_deref().and_then(|image| {
        containers.iter().position(|container| {
            container["image"].as_str().is_some_and(|known| repository(known) == repository(image))
        })
    });
    let by_name = || containers.iter().position(|container| container["name"] == release.service.as_str());
    by_image.or_else(by_name).or((containers.len() == 1).then_some(0))
}

/// The image of a release: as the catalog says, else what runs with another tag.
pub(super) fn wanted_image(object: &Value, release: &Release) -> Result<String, Failure> {
    if let Some(image) = &release.image {
        return Ok(image.clone());
    }
    let refuse = |why: &str| {
        Failure::refused(format!("{} {} has no image: {why}", release.service, release.version))
            .hint("write `image` into the service's table of the catalog")
    };
    let running = image(object, release)
        .ok_or_else(|| refuse("the catalog names none, and which container is the service is unclear"))?;
    let (name, before) = (repository(&running), version(object).unwrap_or_default());
    match running.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')) {
        Some(tag) if tag == before => Ok(format!("{name}:{}", release.version)),
        Some(tag) if tag == format!("v{before}") => Ok(format!("{name}:v{}", release.version)),
        _ => Err(refuse("the catalog names none, and the tag that runs is not the version")),
    }
}

/// Whether an object's template is the release already.
pub(super) fn is(object: &Value, release: &Release) -> bool {
    version(object).as_deref() == Some(release.version.as_str())
        && release.image.as_ref().is_none_or(|wanted| image(object, release).as_ref() == Some(wanted))
}

/// The pod template of an object with the release in it.
pub(super) fn released(object: &Value, release: &Release) -> Result<Value, Failure> {
    let image = wanted_image(object, release)?;
    let mut template = template(object);
    let containers = template.pointer_mut("/spec/containers").and_then(Value::as_array_mut);
    let unclear = || {
        Failure::refused(format!("which container of {} is the service is unclear", release.service))
            .hint("name the container as the service, or write `image` into the catalog")
    };
    let containers = containers.ok_or_else(unclear)?;
    let index = container(containers, release).ok_or_else(unclear)?;
    containers[index]["image"] = image.into();
    if object.pointer("/spec/selector/matchLabels").is_some_and(|labels| labels.get(VERSION_LABEL).is_some())
    {
        return Err(Failure::refused(format!(
            "{} cannot be given another version: its selector, which cannot be changed, names the label {VERSION_LABEL}",
            release.service
        ))
        .hint("make the workload anew with a selector that leaves the version out"));
    }
    template["metadata"]["labels"][VERSION_LABEL] = release.version.as_str().into();
    Ok(template)
}

/// What a release says of itself in the history of revisions.
pub(super) fn change_cause(release: &Release) -> String {
    let commit = release.commit.as_ref().map(|commit| format!(" ({})", commit.short()));
    clean(&format!("release {} {}{}", release.service, release.version, commit.unwrap_or_default()))
}

/// The merge patch that puts a release into a workload, under the lock on what was read.
pub(super) fn patch(object: &Value, release: &Release) -> Result<Value, Failure> {
    let template = released(object, release)?;
    let mut metadata = lock(object);
    metadata["labels"] = json!({ VERSION_LABEL: release.version });
    metadata["annotations"] = json!({ CHANGE_CAUSE: change_cause(release) });
    Ok(json!({ "metadata": metadata, "spec": { "template": {
        "metadata": { "labels": { VERSION_LABEL: release.version } },
        "spec": { "containers": template["spec"]["containers"] } } } }))
}

/// A workload's label selector as a query.
pub(super) fn selector(workload: &Value) -> String {
    let mut terms = Vec::new();
    let labels = workload.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    for (key, value) in labels.into_iter().flatten() {
        terms.push(format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    let expressions = workload.pointer("/spec/selector/matchExpressions").and_then(Value::as_array);
    for expression in expressions.into_iter().flatten() {
        let key = text(expression, "/key");
        let values = expression["values"].as_array().into_iter().flatten();
        let values = values.filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        terms.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key,
        });
    }
    terms.join(",")
}

/// Whether all labels of `some` are among `all`.
pub(super) fn within(some: &Map<String, Value>, all: &Value) -> bool {
    !some.is_empty() && some.iter().all(|(key, value)| all.get(key) == Some(value))
}

/// The fields of a workload that are looked at.
pub(super) fn parsed(cluster: &KubeCluster, json: &Value) -> Result<WorkloadObject, Failure> {
    WorkloadObject::deserialize(json).map_err(|error| {
        Failure::unreachable(format!(
            "the cluster {} answered with something else than a workload",
            cluster.context
        ))
        .because(&error)
    })
}

/// How far a Deployment is on its way to a version: complete only when it alone runs, with all its pods ready.
/// One that still is at `before` has not begun.
pub(super) fn judge(seen: &WorkloadObject, wanted: &str, before: Option<&str>) -> RolloutStatus {
    let runs = seen.version().unwrap_or_default();
    let (ready, desired) = (seen.ready(), seen.desired());
    match seen.health() {
        _ if runs != wanted && before == Some(runs.as_str()) => {
            RolloutStatus::Progressing(format!("{runs} is what should run still"))
        }
        _ if runs != wanted => RolloutStatus::Failed(format!(
            "its template is {} now: somebody or something changed it again",
            named(&runs)
        )),
        Health::Degraded(why) => RolloutStatus::Failed(why),
        Health::Paused => RolloutStatus::Failed("the Deployment is paused".to_owned()),
        Health::Healthy if seen.updated() == desired && ready == desired => {
            RolloutStatus::Complete(format!("{wanted} runs, {ready} of {desired} pods ready"))
        }
        _ if !seen.observed() => {
            RolloutStatus::Progressing("waiting for the controller to see the new spec".to_owned())
        }
        _ if seen.old_pods() > 0 => RolloutStatus::Progressing(format!(
            "{} of {desired} pods of {wanted}, {} old ones still to end",
            seen.updated().min(desired),
            seen.old_pods()
        )),
        Health::Progressing(why) if seen.updated() < desired => RolloutStatus::Progressing(why),
        _ => RolloutStatus::Progressing(format!("{ready} of {desired} pods ready")),
    }
}

/// A version for a sentence.
pub(super) fn named(version: &str) -> &str {
    if version.is_empty() { "without a version" } else { version }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(image: Option<&str>) -> Release {
        Release {
            service: "api".into(),
            version: "1.1.0".to_owned(),
            image: image.map(str::to_owned),
            commit: None,
        }
    }

    fn deployment(containers: &Value) -> Value {
        json!({ "metadata": { "resourceVersion": "7" }, "spec": {
            "selector": { "matchLabels": { "app": "api" } },
            "template": { "metadata": { "labels": { "app": "api", VERSION_LABEL: "1.0.0" } },
                          "spec": { "containers": containers } } } })
    }

    #[test]
    fn the_image_of_a_release_is_the_catalogs_or_what_runs_with_another_tag() {
        let of = |running: &str, image: Option<&str>| {
            wanted_image(&deployment(&json!([{ "name": "x", "image": running }])), &release(image)).ok()
        };
        for (running, image, expected) in [
            ("r:5000/a/api:1.0.0", None, Some("r:5000/a/api:1.1.0")),
            ("r/api:v1.0.0", None, Some("r/api:v1.1.0")),
            ("r/api:stable", None, None),
            ("r/api@sha256:abc", None, None),
            ("r:5000/api", None, None),
            ("r/api:1.0.0", Some("other/api:1.1.0"), Some("other/api:1.1.0")),
        ] {
            assert_eq!(of(running, image).as_deref(), expected, "{running} {image:?}");
        }
    }

    #[test]
    fn the_container_of_the_service_is_found_among_sidecars() {
        let sidecar = json!({ "name": "proxy", "image": "r/proxy:3" });
        for (containers, image, expected) in [
            (json!([sidecar, { "name": "main", "image": "r/api:1.0.0" }]), Some("r/api:1.1.0"), Some(1)),
            (json!([sidecar, { "name": "api", "image": "r/x:1.0.0" }]), Some("r/api:1.1.0"), Some(1)),
            (json!([sidecar, { "name": "main", "image": "r/x:1.0.0" }]), Some("r/api:1.1.0"), None),
        ] {
            let found = container(containers.as_array().unwrap(), &release(image));
            assert_eq!(found, expected, "{containers}");
        }
    }

    #[test]
    fn a_patch_keeps_the_other_containers_and_refuses_a_version_that_selects() {
        let mut object = deployment(&json!([{ "name": "proxy", "image": "r/proxy:3", "args": ["a"] },
                                           { "name": "api", "image": "r/api:1.0.0" }]));
        let body = patch(&object, &release(None)).unwrap();
        assert_eq!(body["metadata"]["resourceVersion"], "7");
        let containers = &body["spec"]["template"]["spec"]["containers"];
        assert_eq!(containers[0]["args"][0], "a");
        assert_eq!(containers[1]["image"], "r/api:1.1.0");
        assert_eq!(body["spec"]["template"]["metadata"]["labels"][VERSION_LABEL], "1.1.0");
        object["spec"]["selector"]["matchLabels"][VERSION_LABEL] = "1.0.0".into();
        assert!(patch(&object, &release(None)).unwrap_err().message.contains("selector"));
    }
}
