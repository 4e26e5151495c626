//! The agent's own endpoints: whether it is alive, whether it is ready, and its metrics.

use crate::error::Failure;
use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, task::JoinHandle};

/// The media type of the Prometheus text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is asked: why it is not well, if it is not.
pub type Ailment = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// What the endpoints tell.
#[derive(Clone)]
pub struct Health {
    /// Why it should be started again.
    pub hangs: Ailment,
    /// What keeps it from working.
    pub is_missing: Ailment,
    /// Its metrics, as Prometheus reads them.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Endpoints that answer until this is dropped.
#[derive(Debug)]
pub struct Endpoints {
    /// Where they are.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Endpoints {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics` on an address; with port 0 on one of the system's choice.
///
/// # Errors
/// Configuration: nobody may listen there, or somebody does already.
pub async fn serve(address: SocketAddr, health: Health) -> Result<Endpoints, Failure> {
    let failed = |error: std::io::Error| {
        Failure::configuration(format!("could not listen on {address}"))
            .because(&error)
            .hint("name another address with --listen")
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let Health { hangs, is_missing, metrics } = health;
    let router = Router::new()
        .route("/healthz", get(move || std::future::ready(answer(hangs()))))
        .route("/readyz", get(move || std::future::ready(answer(is_missing()))))
        .route(
            "/metrics",
            get(move || std::future::ready(([(header::CONTENT_TYPE, EXPOSITION)], metrics()))),
        );
    let task = tokio::spawn(async move {
        // It ends only with its task.
        let _ = axum::serve(listener, router).await;
    });
    Ok(Endpoints { address, task })
}

fn answer(ailment: Option<String>) -> Response {
    match ailment {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn each_endpoint_answers_for_itself() {
        crate::adapters::install_crypto();
        let ready = Arc::new(AtomicBool::new(false));
        let asked = ready.clone();
        let health = Health {
            hangs: Arc::new(|| None),
            is_missing: Arc::new(move || (!asked.load(Ordering::SeqCst)).then(|| "no ledger".to_owned())),
            metrics: Arc::new(|| "up 1\n".to_owned()),
        };
        let endpoints = serve(([127, 0, 0, 1], 0).into(), health).await.unwrap();
        let web = reqwest::Client::builder().no_proxy().build().unwrap();
        let get = async |path: &str| {
            let answer = web.get(format!("http://{}{path}", endpoints.address)).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        assert_eq!(get("/healthz").await, (200, "ok\n".to_owned()));
        assert_eq!(get("/readyz").await, (503, "no ledger\n".to_owned()));
        ready.store(true, Ordering::SeqCst);
        assert_eq!(get("/readyz").await.0, 200);
        assert_eq!(get("/metrics").await, (200, "up 1\n".to_owned()));
        assert_eq!(get("/").await.0, 404);
        // The port is taken now, and that is said.
        let health = Health {
            hangs: Arc::new(|| None),
            is_missing: Arc::new(|| None),
            metrics: Arc::new(String::new),
        };
        let taken = serve(endpoints.address, health).await.unwrap_err();
        assert!(taken.message.contains("could not listen"), "{}", taken.render());
    }
}
