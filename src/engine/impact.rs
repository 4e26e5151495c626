//! Questions about the dependency graph: who needs whom, and what something does to everybody else.

use super::Outside;
use crate::{
    domain::{
        catalog::Catalog,
        graph::{
            DependencyGraph,
            part::{Part, Way},
        },
        impact::Impact,
        name::ServiceName,
        text::nearest,
    },
    error::Failure,
    model::effect::ImpactRequest,
    ports::Revision,
};

/// Reads what the question needs, and answers it off the loop's threads.
pub(super) async fn impact(outside: &Outside, request: ImpactRequest) -> Result<Impact, Failure> {
    let repository = &outside.ports.repository;
    match request {
        ImpactRequest::Service { service, version } => {
            let catalog = repository.load(&Revision::WorkingTree).await?;
            if !catalog.services.contains_key(&service) {
                return Err(absent(&catalog, &service));
            }
            answer(move || {
                let graph = DependencyGraph::build(&catalog);
                match version {
                    None => Impact::outage(&catalog, &graph, &service),
                    Some(version) => Impact::version(&catalog, &graph, &service, &version),
                }
                .ok_or_else(|| absent(&catalog, &service))
            })
            .await
        }
        ImpactRequest::Difference { head, base, .. } => {
            let base = repository.load(&Revision::Named(base)).await?;
            let head = head.map_or(Revision::WorkingTree, Revision::Named);
            let head = repository.load(&head).await?;
            answer(move || Ok(Impact::change(&base, &head))).await
        }
    }
}

/// The graph of the working tree: around a service as far as asked, or the whole of it.
pub(super) async fn graph(
    outside: &Outside,
    service: Option<ServiceName>,
    depth: Option<usize>,
    way: Way,
) -> Result<Part, Failure> {
    let catalog = outside.ports.repository.load(&Revision::WorkingTree).await?;
    answer(move || {
        let graph = DependencyGraph::build(&catalog);
        match service {
            None => Ok(Part::whole(&graph, &catalog)),
            Some(service) if !catalog.services.contains_key(&service) => Err(absent(&catalog, &service)),
            Some(service) => Ok(Part::around(&graph, &catalog, &service, depth.unwrap_or(usize::MAX), way)),
        }
    })
    .await
}

async fn answer<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Failure::failed("a question about the graph stopped before its end").because(&error)
    })?
}

/// There is no such service; the nearest one is named.
fn absent(catalog: &Catalog, service: &ServiceName) -> Failure {
    let failure = Failure::usage(format!("there is no service `{service}`"));
    match nearest(service.as_str(), catalog.services.keys().map(ServiceName::as_str)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("`quarterdeck service list` shows all services"),
    }
}
