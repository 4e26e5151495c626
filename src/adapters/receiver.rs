//! A server for the adapters' tests: it answers as told, and keeps what it was asked.

use crate::ports::Clock;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A clock that stands still.
pub(in crate::adapters) struct At(pub DateTime<Utc>);

impl Clock for At {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

/// The time of the tests.
pub(in crate::adapters) fn clock() -> Arc<dyn Clock> {
    Arc::new(At("2026-11-24T03:00:00Z".parse().unwrap()))
}

/// An answer.
#[derive(Debug, Clone)]
pub(in crate::adapters) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    after: Duration,
}

/// An answer with a body.
pub(in crate::adapters) fn reply(status: u16, body: &str) -> Reply {
    Reply { status, headers: Vec::new(), body: body.to_owned(), after: Duration::ZERO }
}

impl Reply {
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }
}

/// What came in.
#[derive(Debug, Clone)]
pub(in crate::adapters) struct Seen {
    /// `GET /path?query`.
    pub line: String,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[derive(Default)]
struct Inner {
    answers: BTreeMap<String, Vec<Reply>>,
    seen: Vec<Seen>,
}

/// The server.
#[derive(Clone, Default)]
pub(in crate::adapters) struct Receiver {
    inner: Arc<Mutex<Inner>>,
    pub url: String,
}

impl Receiver {
    /// Starts one on loopback.
    pub async fn start() -> Self {
        crate::adapters::install_crypto();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { url, ..Self::default() };
        let router = Router::new().fallback(answer).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// What is answered to `GET /path` or `GET /path?query`; the last answer is given again and again.
    pub fn on(&self, line: &str, replies: impl IntoIterator<Item = Reply>) -> &Self {
        self.inner.lock().unwrap().answers.insert(line.to_owned(), replies.into_iter().collect());
        self
    }

    /// What came in, oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.inner.lock().unwrap().seen.clone()
    }

    /// The lines of what came in.
    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// What came in on a line.
    pub fn sent(&self, line: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.line == line).collect()
    }
}

async fn answer(
    State(receiver): State<Receiver>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let (path, line) = (format!("{method} {}", uri.path()), format!("{method} {uri}"));
    let reply = {
        let mut inner = receiver.inner.lock().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        inner.seen.push(Seen { line: line.clone(), headers, text, body });
        let key = if inner.answers.contains_key(&line) { line } else { path };
        match inner.answers.get_mut(&key) {
            Some(replies) if replies.len() > 1 => replies.remove(0),
            Some(replies) => replies[0].clone(),
            None => reply(404, r#"{"message":"Not Found"}"#),
        }
    };
    tokio::time::sleep(reply.after).await;
    let mut response = (StatusCode::from_u16(reply.status).unwrap(), reply.body).into_response();
    for (name, value) in reply.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
