//! The demo's registry of images: the part of the OCI distribution API that tells whether an image is there.

use super::estate::Service;
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What an image is described by.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Images of the estate's services; what is built is there, unless somebody removed it.
#[derive(Debug, Default)]
pub struct Images {
    removed: Mutex<BTreeSet<(String, String)>>,
}

impl Images {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<(String, String)>> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a version of a service, as a cleaning that goes too far does.
    pub fn remove(&self, service: &str, version: &str) {
        self.lock().insert((service.to_owned(), version.to_owned()));
    }

    /// Whether `repository:reference` is there: a repository of a service, and a version that was not removed.
    fn has(&self, repository: &str, reference: &str) -> bool {
        let Some((namespace, name)) = repository.split_once('/') else { return false };
        let Some(service) = Service::find(name) else { return false };
        let is_version = semver::Version::parse(reference).is_ok();
        service.namespace() == namespace
            && is_version
            && !self.lock().contains(&(name.to_owned(), reference.to_owned()))
    }
}

/// `GET` and `HEAD /v2/{namespace}/{name}/manifests/{reference}`.
pub fn router(images: Arc<Images>) -> Router {
    Router::new()
        .route("/v2/", get(|| async { "{}" }))
        .route("/v2/{namespace}/{name}/manifests/{reference}", get(manifest))
        .with_state(images)
}

async fn manifest(
    State(images): State<Arc<Images>>,
    Path((namespace, name, reference)): Path<(String, String, String)>,
) -> Response {
    if images.has(&format!("{namespace}/{name}"), &reference) {
        let body = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": {}, "layers": [] });
        return ([(CONTENT_TYPE, HeaderValue::from_static(MANIFEST))], body.to_string()).into_response();
    }
    let body = json!({ "errors": [{ "code": "MANIFEST_UNKNOWN", "message": "manifest unknown" }] });
    (StatusCode::NOT_FOUND, body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_estate_are_there_until_they_are_removed() {
        let images = Images::default();
        for (repository, reference, expected) in [
            ("project-a/cart", "1.8.1", true),
            ("project-a/cart", "latest", false),
            ("project-b/cart", "1.8.1", false),
            ("shared/nobody", "1.0.0", false),
            ("cart", "1.8.1", false),
        ] {
            assert_eq!(images.has(repository, reference), expected, "{repository}:{reference}");
        }
        images.remove("cart", "1.8.1");
        assert!(!images.has("project-a/cart", "1.8.1") && images.has("project-a/cart", "1.9.0"));
    }
}
