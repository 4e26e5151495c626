//! How the simulated Kubernetes API says no: `Status` objects with the real reasons and codes.

use super::resources::{Resource, ResourceType};
use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A refusal, in the API's own words.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason, such as `NotFound`.
    pub reason: &'static str,
    /// What a person reads.
    pub message: String,
    /// Which object it is about; null when the real API says nothing.
    pub details: Value,
}

impl Refusal {
    fn about(code: u16, reason: &'static str, row: &ResourceType, name: &str, message: String) -> Self {
        let mut details = json!({ "name": name, "kind": row.plural });
        if !row.group.is_empty() {
            details["group"] = row.group.into();
        }
        Self { code, reason, message, details }
    }

    /// 404: there is no such object.
    pub fn not_found(resource: Resource, name: &str) -> Self {
        let row = resource.row();
        let message = format!("{} {name:?} not found", row.qualified());
        Self::about(404, "NotFound", row, name, message)
    }

    /// 404 for a path that no handler has.
    pub fn no_such_path() -> Self {
        let message = "the server could not find the requested resource".to_owned();
        Self { code: 404, reason: "NotFound", message, details: json!({}) }
    }

    /// 409: an object of that name is already there.
    pub fn already_exists(resource: Resource, name: &str) -> Self {
        let row = resource.row();
        let message = format!("{} {name:?} already exists", row.qualified());
        Self::about(409, "AlreadyExists", row, name, message)
    }

    /// 409: the object is no longer the one that was read.
    pub fn conflict(resource: Resource, name: &str) -> Self {
        let row = resource.row();
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: the object has been modified; please apply your \
             changes to the latest version and try again",
            row.qualified()
        );
        Self::about(409, "Conflict", row, name, message)
    }

    /// 422: the object would not be valid.
    pub fn invalid(resource: Resource, name: &str, why: &str) -> Self {
        let row = resource.row();
        let message = format!("{} {name:?} is invalid: {why}", row.kind);
        Self::about(422, "Invalid", row, name, message)
    }

    /// 422 for a JSON patch that cannot be applied; the real API gives no details either.
    pub fn unprocessable() -> Self {
        let message = "the server rejected our request due to an error in our request".to_owned();
        Self { code: 422, reason: "Invalid", message, details: json!({}) }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { code: 400, reason: "BadRequest", message: message.into(), details: Value::Null }
    }

    /// 405: the path exists, the verb does not.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource".to_owned();
        Self { code: 405, reason: "MethodNotAllowed", message, details: json!({}) }
    }

    /// 410: the resource version was compacted away.
    pub fn expired(asked: u64, oldest: u64) -> Self {
        let message = format!("too old resource version: {asked} ({oldest})");
        Self { code: 410, reason: "Expired", message, details: Value::Null }
    }

    /// 410 for a continue token that is too old.
    pub fn continue_expired() -> Self {
        let message = "The provided continue parameter is too old to display a consistent list result. You \
                       must start a new list without the continue parameter."
            .to_owned();
        Self { code: 410, reason: "Expired", message, details: Value::Null }
    }

    /// 504: the resource version has not happened yet.
    pub fn from_the_future(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let details = json!({ "causes": [{ "reason": "ResourceVersionTooLarge",
            "message": "Too large resource version" }], "retryAfterSeconds": 1 });
        Self { code: 504, reason: "Timeout", message, details }
    }

    /// 415: this kind of patch is not for this kind of object.
    pub fn unsupported_media_type(accepted: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
        Self { code: 415, reason: "UnsupportedMediaType", message, details: json!({}) }
    }

    /// 403: the account may not do this.
    pub fn forbidden(resource: Resource, namespace: &str, name: &str, verb: &str) -> Self {
        let row = resource.row();
        let place =
            if namespace.is_empty() { String::new() } else { format!(" in the namespace {namespace:?}") };
        let message = format!(
            "{} {name:?} is forbidden: User \"demo-operator\" cannot {verb} resource {:?} in API group {:?}{place}",
            row.qualified(),
            row.plural,
            row.group
        );
        Self::about(403, "Forbidden", row, name, message)
    }

    /// 500: the API server is not well.
    pub fn internal() -> Self {
        let message =
            "Internal error occurred: etcdserver: request timed out, possibly due to connection lost";
        Self { code: 500, reason: "InternalError", message: message.to_owned(), details: Value::Null }
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (code, Json(self.status())).into_response()
    }
}

/// 429: the server protects itself. In plain text and with the header, as its filter for priority and fairness does.
pub fn too_many_requests() -> Response {
    let text = "Too many requests, please try again later.\n";
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], text).into_response()
}

/// The answer for an API group that is not installed: plain text, as the real server gives it.
pub fn unknown_group() -> Response {
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}
