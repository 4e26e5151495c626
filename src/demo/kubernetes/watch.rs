//! Watches: a never-ending answer of one JSON event per line.

use super::{
    answer::Refusal,
    faults::Faults,
    resources::Resource,
    selector::Selector,
    store::{LogEntry, Store},
};
use axum::{
    body::Body,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{io, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// How often a quiet watch that allows bookmarks gets one.
const BOOKMARK_EVERY: Duration = Duration::from_secs(5);

/// What a client asked to watch.
#[derive(Debug)]
pub struct WatchRequest {
    /// The type.
    pub resource: Resource,
    /// The namespace, or all.
    pub namespace: Option<String>,
    /// Which of the objects.
    pub selector: Selector,
    /// After which version; none or zero begins with the objects as they are.
    pub version: Option<u64>,
    /// Whether to begin with the objects as they are, closed by a marked bookmark.
    pub initial_events: bool,
    /// Whether bookmarks may be sent.
    pub bookmarks: bool,
    /// After how long the watch ends by itself.
    pub timeout: Duration,
    /// Whether only metadata is wanted.
    pub metadata_only: bool,
}

struct Watch {
    store: Arc<Store>,
    request: WatchRequest,
    changed: watch::Receiver<u64>,
    faults: watch::Receiver<Faults>,
    /// What was wrong when it was opened.
    opened_in: Faults,
    version: u64,
    pending: String,
    /// Whether it has begun an event that will not be finished.
    torn: bool,
    ended: bool,
    deadline: Instant,
}

/// The answer to a watch. What went wrong is told inside it, with status 200, as the real API does.
pub fn answer(store: Arc<Store>, faults: watch::Receiver<Faults>, request: WatchRequest) -> Response {
    let changed = store.subscribe();
    let opened_in = *faults.borrow();
    let mut watch = Watch {
        deadline: Instant::now() + request.timeout,
        version: request.version.unwrap_or_default(),
        store,
        request,
        changed,
        opened_in,
        faults,
        pending: String::new(),
        torn: false,
        ended: false,
    };
    watch.begin();
    let stream = futures::stream::unfold(watch, |mut watch| async move {
        let chunk = watch.next().await?;
        Some((chunk, watch))
    });
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(stream)).into_response()
}

impl Watch {
    fn begin(&mut self) {
        let newest = self.store.versions().0;
        if self.version > newest {
            self.end_with(&Refusal::from_the_future(self.version, newest));
        } else if self.request.initial_events || self.version == 0 {
            let (version, objects) =
                self.store.list(self.request.resource, self.request.namespace.as_deref());
            for object in &objects {
                if self.request.selector.matches(object) {
                    self.push("ADDED", object);
                }
            }
            self.version = version;
            if self.request.initial_events {
                self.bookmark(&json!({ "k8s.io/initial-events-end": "true" }));
            }
        }
    }

    /// The next lines; `None` ends the answer properly, an error breaks it off.
    async fn next(&mut self) -> Option<Result<String, io::Error>> {
        loop {
            let faults = *self.faults.borrow();
            if faults.hang || faults.silent_watches > self.opened_in.silent_watches {
                std::future::pending::<()>().await;
            }
            if faults.broken_watches > self.opened_in.broken_watches {
                if self.torn {
                    return Some(Err(io::ErrorKind::ConnectionReset.into()));
                }
                self.torn = true;
                return Some(Ok(r#"{"type":"MODIFIED","object":{"#.to_owned()));
            }
            if faults.unreachable {
                self.ended = true;
                self.pending.clear();
                return Some(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if !self.pending.is_empty() {
                return Some(Ok(std::mem::take(&mut self.pending)));
            }
            if self.ended {
                return None;
            }
            self.changed.borrow_and_update();
            match self.store.changes(self.request.resource, self.version) {
                Ok((entries, version)) => {
                    for entry in &entries {
                        self.tell(entry);
                    }
                    self.version = version;
                }
                Err(expired) => self.end_with(&expired),
            }
            if !self.pending.is_empty() {
                continue;
            }
            tokio::select! {
                changed = self.changed.changed() => self.ended = changed.is_err(),
                fault = self.faults.changed() => self.ended = fault.is_err(),
                () = tokio::time::sleep_until(self.deadline) => self.ended = true,
                () = tokio::time::sleep(BOOKMARK_EVERY), if self.request.bookmarks => {
                    self.bookmark(&Value::Null);
                }
            }
        }
    }

    /// An object that comes into a selector is added, and one that leaves it is deleted.
    fn tell(&mut self, entry: &LogEntry) {
        if self
            .request
            .namespace
            .as_deref()
            .is_some_and(|namespace| entry.object["metadata"]["namespace"] != namespace)
        {
            return;
        }
        let was = entry.before.as_ref().is_some_and(|before| self.request.selector.matches(before));
        let is = !entry.deleted && self.request.selector.matches(&entry.object);
        let kind = match (was, is) {
            (false, false) => return,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        self.push(kind, &entry.object);
    }

    fn push(&mut self, kind: &str, object: &Value) {
        let text =
            if self.request.metadata_only { metadata_of(object).to_string() } else { object.to_string() };
        self.pending.push_str(r#"{"type":""#);
        self.pending.push_str(kind);
        self.pending.push_str(r#"","object":"#);
        self.pending.push_str(&text);
        self.pending.push_str("}\n");
    }

    fn bookmark(&mut self, annotations: &Value) {
        let row = self.request.resource.row();
        let mut metadata = json!({ "resourceVersion": self.version.to_string() });
        if !annotations.is_null() {
            metadata["annotations"] = annotations.clone();
        }
        self.push(
            "BOOKMARK",
            &json!({ "kind": row.kind, "apiVersion": row.api_version(), "metadata": metadata }),
        );
    }

    fn end_with(&mut self, refusal: &Refusal) {
        let line = json!({ "type": "ERROR", "object": refusal.status() });
        self.pending.push_str(&line.to_string());
        self.pending.push('\n');
        self.ended = true;
    }
}

/// An object as `PartialObjectMetadata`.
pub fn metadata_of(object: &Value) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] })
}
