//! Which sources an answer needs: waiting for them, and what is told of those that did not come.

use super::oneshot::PATIENCE;
use crate::{
    action::command::Report,
    domain::{catalog::Catalog, finding::Level, name::ContextName, text::clean},
    engine::headless::Engine,
    error::Failure,
    model::{
        Model,
        event::{Event, SourceUpdate},
        layout::Pane,
        world::Source,
    },
};
use std::collections::BTreeSet;

/// Waits for every source that a picture of the whole needs.
///
/// # Errors
/// The control repository cannot be read.
pub async fn everything(engine: &mut Engine) -> Result<(), Failure> {
    settle(engine, needs(Report::Briefing)).await
}

/// Waits for the catalog alone.
///
/// # Errors
/// The control repository cannot be read.
pub(super) async fn catalog(engine: &mut Engine) -> Result<(), Failure> {
    settle(engine, Needs::default()).await
}

/// Which sources an answer needs.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each source is needed or not, independently")]
pub(super) struct Needs {
    pub changes: bool,
    pub ledger: bool,
    pub remote: bool,
    pub clusters: bool,
    pub metrics: bool,
    pub requests: bool,
    pub history: bool,
}

pub(super) fn needs(report: Report) -> Needs {
    let none = Needs::default();
    match report {
        Report::Services => Needs { clusters: true, metrics: true, ..none },
        Report::Sla | Report::Usage => Needs { metrics: true, ..none },
        Report::Compliance => Needs { clusters: true, ..none },
        Report::Migrations => Needs { history: true, ..none },
        Report::Changes => Needs { changes: true, ledger: true, remote: true, requests: true, ..none },
        Report::Incidents => Needs { ledger: true, remote: true, ..none },
        Report::Briefing => Needs {
            changes: true,
            ledger: true,
            remote: true,
            clusters: true,
            metrics: true,
            requests: true,
            ..none
        },
    }
}

/// Starts the sources and waits for the needed ones. What the remote has is fetched before anything is
/// read: an answer from before the fetch would be somebody else's yesterday.
pub(super) async fn settle(engine: &mut Engine, mut needs: Needs) -> Result<(), Failure> {
    if needs.remote {
        let fetched = engine.outside.ports.repository.fetch().await;
        engine.apply(Event::Source(SourceUpdate::Remote(fetched)));
    }
    engine.start_sources();
    if engine.model.ui.focus == Pane::CrossProject {
        // Which history the page needs is known once the catalog is; the next event asks for it.
        engine.until(PATIENCE, |model| came(&model.world.catalog)).await;
        engine.apply(Event::Tick);
        needs.history |= engine.model.world.cross.request.is_some();
    }
    engine.until(PATIENCE, |model| is_settled(model, needs)).await;
    match (&engine.model.world.catalog.value, &engine.model.world.catalog.failure) {
        (None, Some(failure)) => Err(failure.clone()),
        (None, None) => Err(Failure::unreachable("the control repository could not be read in time")),
        _ => Ok(()),
    }
}

pub(super) fn came<T>(source: &Source<T>) -> bool {
    source.value.is_some() || source.failure.is_some()
}

fn is_settled(model: &Model, needs: Needs) -> bool {
    let world = &model.world;
    if world.catalog.failure.is_some() && world.catalog.value.is_none() {
        return true;
    }
    let Some(catalog) = &world.catalog.value else { return false };
    let clusters = catalog
        .settings
        .environments
        .iter()
        .all(|environment| world.clusters.get(&environment.context).is_some_and(came));
    // A rate needs two scrapes, so one round is not enough.
    let metrics = catalog.settings.scrape.is_none()
        || world.metrics.value.as_ref().is_some_and(|view| {
            view.endpoints.values().all(|seen| seen.rate.is_some() || seen.problem.is_some())
        });
    (!needs.changes || came(&world.changes))
        && (!needs.ledger || came(&world.ledger))
        && (!needs.remote || came(&world.remote))
        && (!needs.clusters || clusters)
        && (!needs.metrics || metrics)
        && (!needs.history || world.cross.request.is_none() || came(&world.history))
        && (!needs.requests || catalog.settings.forge.is_none() || came(&world.requests))
        && (!needs.changes || came(&world.findings))
}

/// What kept a needed source from answering, or from answering wholly.
pub(super) fn failures(model: &Model, needs: Needs) -> Vec<Failure> {
    fn of<T>(name: &str, source: &Source<T>) -> Option<Failure> {
        match (&source.failure, &source.value) {
            (Some(failure), _) => Some(failure.clone()),
            (None, Some(_)) => None,
            (None, None) => Some(Failure::unreachable(format!(
                "{name} gave no answer within {} seconds",
                PATIENCE.as_secs()
            ))),
        }
    }
    let world = &model.world;
    let mut failures = Vec::new();
    if needs.clusters || needs.metrics {
        failures.extend(world.catalog.value.as_deref().and_then(partly));
    }
    if needs.remote {
        failures.extend(of("the git remote", &world.remote));
    }
    if needs.ledger {
        failures.extend(of("the ledger", &world.ledger));
    }
    if needs.changes {
        failures.extend(of("the open changes", &world.changes));
    }
    if needs.requests && world.catalog.value.as_ref().is_some_and(|catalog| catalog.settings.forge.is_some())
    {
        failures.extend(of("the forge", &world.requests));
    }
    if needs.clusters {
        let environments = world.catalog.value.iter().flat_map(|catalog| &catalog.settings.environments);
        let contexts: BTreeSet<&ContextName> = environments.map(|environment| &environment.context).collect();
        for context in contexts {
            let source = world.clusters.get(context).cloned().unwrap_or_default();
            failures.extend(of(&format!("the cluster {context}"), &source));
        }
    }
    if needs.history && world.cross.request.is_some() {
        failures.extend(of("the history of the main branch", &world.history));
    }
    failures.extend(unseen(model, needs));
    failures
}

/// Whether a control repository was read only in part. A service whose file is broken is not there at all, and what is
/// not there is not violated.
pub(super) fn partly(catalog: &Catalog) -> Option<Failure> {
    let mut errors = catalog.findings.iter().filter(|finding| finding.level == Level::Error);
    let first = errors.next()?;
    let more = errors.count();
    let more = if more == 0 { String::new() } else { format!("; {more} more") };
    let place = first.location().map(|place| format!("{place}: ")).unwrap_or_default();
    Some(
        Failure::configuration(
            "the control repository was read only in part; what could not be read is missing here",
        )
        .cause(clean(&format!("{place}{} ({}){more}", first.message, first.code)))
        .hint("see everything with `quarterdeck check`"),
    )
}

/// How many metrics endpoints could not be scraped, of how many; `None` without metrics.
pub(super) fn unscraped(model: &Model) -> Option<(usize, usize)> {
    let endpoints = &model.world.metrics.value.as_ref()?.endpoints;
    Some((endpoints.values().filter(|seen| seen.problem.is_some()).count(), endpoints.len()))
}

/// What stays dark although its source answered: a cluster that does not let us look, endpoints that are
/// all dead. Without a word about it the report would look like a quiet night.
fn unseen(model: &Model, needs: Needs) -> Vec<Failure> {
    let world = &model.world;
    let mut found = Vec::new();
    let clusters = world.clusters.iter().filter(|_| needs.clusters);
    for (context, view) in clusters.filter_map(|(context, source)| Some((context, source.value.as_ref()?))) {
        if let Some(reason) = view.blind() {
            found.push(
                Failure::forbidden(format!("could not see the deployments of the cluster {context}"))
                    .cause(reason)
                    .hint("ask the cluster's administrators for a role that may list and watch deployments"),
            );
        }
    }
    if needs.metrics
        && let Some(view) = &world.metrics.value
        && view.endpoints.values().all(|seen| seen.availability.is_none())
        && let Some(problem) = view.endpoints.values().find_map(|seen| seen.problem.clone())
    {
        found.push(
            Failure::unreachable(format!(
                "could not get any metrics: none of {} endpoints answers",
                view.endpoints.len()
            ))
            .cause(problem)
            .hint("check the address under [metrics.scrape] in quarterdeck.toml, and that it can be reached"),
        );
    }
    found
}
