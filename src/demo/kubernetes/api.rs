//! The routes of the simulated Kubernetes API.

use super::{
    answer::{self, Refusal},
    discovery,
    faults::Faults,
    logs,
    patch::Change,
    resources::Resource,
    selector::Selector,
    store::{Key, Part, Store},
    watch::{self as watching, WatchRequest},
};
use crate::demo::{noise, traffic::Traffic};
use axum::{
    Json, Router,
    body::{Bytes, to_bytes},
    extract::{Query, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::watch;

/// The largest body the real server takes (its default for writes).
const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// What the handler needs.
#[derive(Debug, Clone)]
pub struct Api {
    /// The cluster's objects.
    pub store: Arc<Store>,
    /// How well which version serves, which the logs tell of.
    pub traffic: Arc<Traffic>,
    /// What is wrong with the cluster at the moment.
    pub faults: watch::Receiver<Faults>,
}

/// One address below a resource type.
#[derive(Debug, PartialEq)]
struct Target {
    resource: Resource,
    namespace: Option<String>,
    name: Option<String>,
    subresource: Option<String>,
}

type Parameters = HashMap<String, String>;

/// A list, which is written without a copy of its objects.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    kind: String,
    api_version: String,
    metadata: Value,
    items: Vec<Cow<'a, Value>>,
}

/// The whole API as one router.
pub fn router(api: Api) -> Router {
    // One handler: the paths of a Kubernetes API are data (group, version, type), not routes.
    Router::new().fallback(handle).with_state(api)
}

async fn handle(State(api): State<Api>, request: Request) -> Response {
    let faults = *api.faults.borrow();
    if !faults.delay.is_zero() {
        tokio::time::sleep(faults.delay).await;
    }
    if faults.hang {
        std::future::pending::<()>().await;
    }
    if faults.error_500 {
        return Refusal::internal().into_response();
    }
    if faults.error_429 {
        return answer::too_many_requests();
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let parameters = Query::<Parameters>::try_from_uri(&parts.uri).map(|query| query.0).unwrap_or_default();
    let call = Call { api: &api, faults, method: parts.method, headers: parts.headers, parameters, body };
    let (answer, was_made_before) = call.answer(&parts.uri);
    if faults.swallow_answers && was_made_before == Some(false) {
        // Whoever asked waits until it gives up, or dies.
        std::future::pending::<()>().await;
    }
    answer
}

/// What a path leads to.
enum Place {
    Fixed(Value),
    AccessReview,
    Objects(Target),
    UnknownGroup,
    Nothing,
}

fn place(path: &str) -> Place {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, version, rest) = match parts.as_slice() {
        ["version"] => return Place::Fixed(discovery::version()),
        ["api"] => return Place::Fixed(discovery::core_versions()),
        ["apis"] => return Place::Fixed(discovery::groups()),
        ["apis", group] => return discovery::group(group).map_or(Place::UnknownGroup, Place::Fixed),
        ["apis", discovery::AUTHORIZATION, "v1", "selfsubjectaccessreviews"] => return Place::AccessReview,
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Place::UnknownGroup,
    };
    let Some(list) = discovery::resources(group, version) else { return Place::UnknownGroup };
    let (namespace, rest) = match rest {
        [] => return Place::Fixed(list),
        // `namespaces/x` is the namespace itself; only what follows it is in it.
        ["namespaces", namespace, plural, rest @ ..] if !(group.is_empty() && *plural == "status") => {
            (Some((*namespace).to_owned()), [&[*plural], rest].concat())
        }
        rest => (None, rest.to_vec()),
    };
    let Some(resource) = rest.first().and_then(|plural| Resource::find(group, version, plural)) else {
        return Place::UnknownGroup;
    };
    if rest.len() > 3 || (namespace.is_some() && !resource.row().namespaced) {
        return Place::Nothing;
    }
    let part = |index: usize| rest.get(index).map(|part| (*part).to_owned());
    Place::Objects(Target { resource, namespace, name: part(1), subresource: part(2) })
}

struct Call<'a> {
    api: &'a Api,
    faults: Faults,
    method: Method,
    headers: HeaderMap,
    parameters: Parameters,
    body: Bytes,
}

impl Call<'_> {
    /// The answer; and of a change that was made, whether the very same was made before.
    fn answer(&self, uri: &Uri) -> (Response, Option<bool>) {
        let answer = match place(uri.path()) {
            Place::Fixed(value) => Json(value).into_response(),
            Place::AccessReview => self.access_review(),
            Place::Objects(target) => {
                return match self.objects(&target) {
                    Ok(answer) if answer.status().is_success() => (answer, self.note_write(&target)),
                    Ok(answer) => (answer, None),
                    Err(refusal) => (refusal.into_response(), None),
                };
            }
            Place::Nothing => Refusal::no_such_path().into_response(),
            Place::UnknownGroup => match uri.path() {
                "/healthz" | "/livez" | "/readyz" => "ok".into_response(),
                _ => answer::unknown_group(),
            },
        };
        (answer, None)
    }

    /// Notes a change that was made.
    fn note_write(&self, target: &Target) -> Option<bool> {
        let verb = match self.method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => return None,
        };
        // An agent renews its Lease every two seconds: that is no news.
        if self.dry_run() || target.resource == Resource::Leases {
            return None;
        }
        let named = || {
            let made: Value = serde_json::from_slice(&self.body).unwrap_or_default();
            made["metadata"]["name"].as_str().unwrap_or_default().to_owned()
        };
        let sub = target.subresource.as_deref().map(|sub| format!("/{sub}")).unwrap_or_default();
        let words = format!(
            "{verb} {}{sub} {}/{}",
            target.resource.row().qualified(),
            target.namespace.as_deref().unwrap_or_default(),
            target.name.clone().unwrap_or_else(named)
        );
        // Two patches of one object are two different ones.
        let words = if verb == "patch" { format!("{words} {}", digest(&self.body)) } else { words };
        Some(self.api.store.wrote(words) > 0)
    }

    fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.parameter(name), "true" | "1")
    }

    fn dry_run(&self) -> bool {
        self.parameter("dryRun") == "All"
    }

    fn metadata_only(&self) -> bool {
        let accept = self.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        accept.is_some_and(|accept| accept.contains("as=PartialObjectMetadata"))
    }

    fn objects(&self, target: &Target) -> Result<Response, Refusal> {
        let verb = match (&self.method, &target.name) {
            (&Method::GET, None) if self.flag("watch") => "watch",
            (&Method::GET, None) => "list",
            (&Method::GET, Some(_)) => "get",
            (&Method::POST, None) => "create",
            (&Method::PUT, Some(_)) => "update",
            (&Method::PATCH, Some(_)) => "patch",
            (&Method::DELETE, Some(_)) => "delete",
            _ => return Err(Refusal::method_not_allowed()),
        };
        let sub = target.subresource.as_deref().map(|sub| format!("/{sub}")).unwrap_or_default();
        self.api.store.note(format!("{verb} {}{sub}", target.resource.row().qualified()));
        let writes = !matches!(verb, "watch" | "list" | "get");
        if let Some(code) = self.faults.refuse_writes.filter(|_| writes && !self.dry_run()) {
            return Err(match code {
                409 => Refusal::conflict(target.resource, target.name.as_deref().unwrap_or_default()),
                403 => {
                    let namespace = target.namespace.as_deref().unwrap_or_default();
                    let name = target.name.as_deref().unwrap_or_default();
                    Refusal::forbidden(target.resource, namespace, name, verb)
                }
                429 => return Ok(answer::too_many_requests()),
                _ => Refusal::internal(),
            });
        }
        if self.faults.forbid_everything || (self.faults.forbid_patch && writes) {
            let namespace = target.namespace.as_deref().unwrap_or_default();
            let name = target.name.as_deref().unwrap_or_default();
            return Err(Refusal::forbidden(target.resource, namespace, name, verb));
        }
        let row = target.resource.row();
        if (target.name.is_some() || verb == "create") && row.namespaced && target.namespace.is_none() {
            return Err(Refusal::no_such_path());
        }
        let key = Key::new(
            target.resource,
            target.namespace.clone().unwrap_or_default(),
            target.name.clone().unwrap_or_default(),
        );
        let part = match target.subresource.as_deref() {
            None => Part::Object,
            Some("status") if row.status && verb != "delete" => Part::Status,
            Some("log") if target.resource == Resource::Pods && verb == "get" => {
                return logs::answer(&self.api.store, &self.api.traffic, &key, &self.parameters);
            }
            Some(_) => return Err(Refusal::no_such_path()),
        };
        match verb {
            "watch" => self.watch(target),
            "list" => self.list(target),
            "get" => {
                let object = self.api.store.get(&key);
                object
                    .map(|object| self.one(&object))
                    .ok_or_else(|| Refusal::not_found(key.resource, &key.name))
            }
            "create" => {
                let object = self.json()?;
                let created = self.api.store.create(key.resource, &key.namespace, object, self.dry_run())?;
                Ok((StatusCode::CREATED, self.one(&created)).into_response())
            }
            "update" => {
                let object = self.json()?;
                let updated = self.api.store.update(&key, part, self.dry_run(), |current| {
                    *current = object;
                    Ok(())
                })?;
                Ok(self.one(&updated))
            }
            "patch" => self.patch(&key, part),
            _ => self.delete(&key),
        }
    }

    fn json(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::bad_request(format!("the body is not valid JSON: {error}")))
    }

    fn one(&self, object: &Value) -> Response {
        if self.metadata_only() {
            return Json(watching::metadata_of(object)).into_response();
        }
        Json(object).into_response()
    }

    fn patch(&self, key: &Key, part: Part) -> Result<Response, Refusal> {
        let media_type = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let change = Change::read(key.resource, media_type.unwrap_or_default(), &self.body)?;
        if let Change::Apply(object) = &change
            && part == Part::Object
            && self.api.store.get(key).is_none()
        {
            let mut object = object.clone();
            object["metadata"]["name"] = key.name.as_str().into();
            let made = self.api.store.create(key.resource, &key.namespace, object, self.dry_run())?;
            return Ok((StatusCode::CREATED, self.one(&made)).into_response());
        }
        let patched = self.api.store.update(key, part, self.dry_run(), |object| change.apply(object))?;
        Ok(self.one(&patched))
    }

    fn delete(&self, key: &Key) -> Result<Response, Refusal> {
        let options: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        if let Some(current) = self.api.store.get(key) {
            let wanted = &options["preconditions"];
            for field in ["uid", "resourceVersion"] {
                if !wanted[field].is_null() && wanted[field] != current["metadata"][field] {
                    return Err(Refusal::conflict(key.resource, &key.name));
                }
            }
        }
        if self.dry_run() || !options["dryRun"].is_null() {
            let object =
                self.api.store.get(key).ok_or_else(|| Refusal::not_found(key.resource, &key.name))?;
            return Ok(self.one(&object));
        }
        // A pod gets time to end, unless it is told to go at once.
        let at_once = options["gracePeriodSeconds"] == 0 || self.parameter("gracePeriodSeconds") == "0";
        let grace = key.resource == Resource::Pods && !at_once;
        let object = self.api.store.delete(key, grace)?;
        if grace || object["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty()) {
            return Ok(self.one(&object));
        }
        let row = key.resource.row();
        Ok(Json(json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": { "name": key.name, "group": row.group, "kind": row.plural,
                         "uid": object["metadata"]["uid"] } }))
        .into_response())
    }

    fn selector(&self) -> Result<Selector, Refusal> {
        Selector::parse(self.parameter("labelSelector"), self.parameter("fieldSelector"))
    }

    fn version(&self) -> Result<Option<u64>, Refusal> {
        match self.parameter("resourceVersion") {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                Refusal::bad_request(format!("Invalid value: {text:?}: invalid resource version"))
            }),
        }
    }

    fn watch(&self, target: &Target) -> Result<Response, Refusal> {
        let initial_events = self.flag("sendInitialEvents");
        if initial_events && self.parameter("resourceVersionMatch") != "NotOlderThan" {
            return Err(Refusal::bad_request(
                "resourceVersionMatch: Forbidden: resourceVersionMatch must be NotOlderThan for \
                 sendInitialEvents",
            ));
        }
        let request = WatchRequest {
            resource: target.resource,
            namespace: target.namespace.clone(),
            selector: self.selector()?,
            version: self.version()?,
            initial_events,
            bookmarks: self.flag("allowWatchBookmarks"),
            timeout: Duration::from_secs(self.parameter("timeoutSeconds").parse().unwrap_or(1800)),
            metadata_only: self.metadata_only(),
        };
        Ok(watching::answer(Arc::clone(&self.api.store), self.api.faults.clone(), request))
    }

    fn list(&self, target: &Target) -> Result<Response, Refusal> {
        let selector = self.selector()?;
        let (current, compacted) = self.api.store.versions();
        let exact = self.parameter("resourceVersionMatch") == "Exact";
        match self.version()? {
            Some(asked) if asked > current => return Err(Refusal::from_the_future(asked, current)),
            Some(asked) if exact && asked != current => return Err(Refusal::expired(asked, current)),
            _ => {}
        }
        let (mut version, objects) = self.api.store.list(target.resource, target.namespace.as_deref());
        let mut after = None;
        if let Some(token) = self.parameters.get("continue").filter(|token| !token.is_empty()) {
            let (asked, namespace, name) = read_token(token)
                .ok_or_else(|| Refusal::bad_request("continue key is not valid: unknown form"))?;
            if asked < compacted {
                return Err(Refusal::continue_expired());
            }
            // All pages tell the first one's version: a watch from there misses nothing.
            version = asked;
            after = Some((namespace, name));
        }
        let selected: Vec<&Arc<Value>> = objects
            .iter()
            .filter(|object| {
                let meta = &object["metadata"];
                let place = (
                    meta["namespace"].as_str().unwrap_or_default(),
                    meta["name"].as_str().unwrap_or_default(),
                );
                after.as_ref().is_none_or(|(namespace, name)| place > (namespace.as_str(), name.as_str()))
            })
            .filter(|object| selector.matches(object))
            .collect();
        let limit = self.parameter("limit").parse().ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let page = &selected[..selected.len().min(limit)];
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if page.len() < selected.len()
            && let Some(last) = page.last()
        {
            metadata["continue"] = write_token(version, last).into();
            if selector.is_empty() {
                metadata["remainingItemCount"] = (selected.len() - page.len()).into();
            }
        }
        let row = target.resource.row();
        let partial = self.metadata_only();
        let items = page.iter().map(|object| {
            if partial { Cow::Owned(watching::metadata_of(object)) } else { Cow::Borrowed(&***object) }
        });
        let (kind, api_version) = if partial {
            ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned())
        } else {
            (format!("{}List", row.kind), row.api_version())
        };
        let items = items.collect();
        Ok(Json(List { kind, api_version, metadata, items }).into_response())
    }

    fn access_review(&self) -> Response {
        if self.method != Method::POST {
            return Refusal::method_not_allowed().into_response();
        }
        let mut review: Value = match self.json() {
            Ok(review) => review,
            Err(refusal) => return refusal.into_response(),
        };
        let verb = review["spec"]["resourceAttributes"]["verb"].as_str().unwrap_or_default();
        let reads = matches!(verb, "get" | "list" | "watch");
        let allowed = !self.faults.forbid_everything && (reads || !self.faults.forbid_patch);
        review["kind"] = "SelfSubjectAccessReview".into();
        review["apiVersion"] = "authorization.k8s.io/v1".into();
        review["status"] = json!({ "allowed": allowed,
            "reason": if allowed { "the demo's operator may do everything" } else { "" } });
        (StatusCode::CREATED, Json(review)).into_response()
    }
}

/// What a patch says, but for the version that it expects, as a number in letters.
fn digest(body: &[u8]) -> String {
    let mut patch: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
    }
    noise::suffix(noise::hash(0, &[&patch.to_string()]), 8)
}

/// A continue token is opaque to clients; ours is the version and the last object's place.
fn write_token(version: u64, last: &Value) -> String {
    let meta = &last["metadata"];
    let text = format!(
        "{version}/{}/{}",
        meta["namespace"].as_str().unwrap_or_default(),
        meta["name"].as_str().unwrap_or_default()
    );
    text.bytes().fold(String::new(), |token, byte| token + &format!("{byte:02x}"))
}

fn read_token(token: &str) -> Option<(u64, String, String)> {
    let bytes: Option<Vec<u8>> = (0..token.len())
        .step_by(2)
        .map(|at| token.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    let text = String::from_utf8(bytes?).ok()?;
    let mut parts = text.splitn(3, '/');
    let version = parts.next()?.parse().ok()?;
    Some((version, parts.next()?.to_owned(), parts.next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_types_namespaces_and_subresources() {
        let objects = |path: &str| match place(path) {
            Place::Objects(target) => {
                Some((target.resource.row().plural, target.namespace, target.name, target.subresource))
            }
            _ => None,
        };
        let text = |text: &str| Some(text.to_owned());
        for (path, expected) in [
            ("/api/v1/pods", Some(("pods", None, None, None))),
            ("/api/v1/namespaces", Some(("namespaces", None, None, None))),
            ("/api/v1/namespaces/shop", Some(("namespaces", None, text("shop"), None))),
            ("/api/v1/namespaces/shop/pods/a/log", Some(("pods", text("shop"), text("a"), text("log")))),
            (
                "/apis/apps/v1/namespaces/shop/deployments/a/status",
                Some(("deployments", text("shop"), text("a"), text("status"))),
            ),
            ("/apis/apps/v1/statefulsets", None),
            ("/apis/unknown.example.com/v1/things", None),
        ] {
            assert_eq!(objects(path), expected, "{path}");
        }
    }

    #[test]
    fn continue_tokens_come_back_as_they_were() {
        let object = json!({ "metadata": { "namespace": "shop", "name": "a" } });
        let token = write_token(7, &object);
        assert_eq!(read_token(&token), Some((7, "shop".to_owned(), "a".to_owned())));
        assert_eq!(read_token("zz"), None);
    }
}
