//! The open changes: what each does, judged once for each head and kept.

use super::{
    Judged, Outside, executor,
    slots::Slots,
    sources::{CatalogWatch, Look},
};
use crate::{
    domain::{
        catalog::Catalog,
        change::{self, Change, Conclusion, Proposal, Review, Seals, Unread},
        deployment::proof,
        forge,
        graph::DependencyGraph,
        ledger::Operations,
        name::{ChangeId, CommitId},
        proposal::new_findings,
        rules,
    },
    error::Failure,
    model::event::SourceUpdate,
    ports::Revision,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZero,
    sync::Arc,
    thread,
};
use tokio::sync::watch;

/// More changes than this are not judged at once: each holds a catalog.
const MOST_AT_ONCE: usize = 8;

/// After so many that were judged, what was concluded is kept.
const KEPT_AT_ONCE: usize = 50;

/// Branches that the forge has requests for.
#[derive(Debug, Default)]
pub(super) struct Requested {
    /// Their names.
    pub branches: BTreeSet<String>,
    /// How many times they were others.
    pub times: u64,
}

/// What was concluded, by its name.
type Known = BTreeMap<String, Arc<Conclusion>>;

/// Reads the open changes whenever a ref, the catalog or the requested branches moved. `reviewed` is which of the
/// latter were looked at.
pub(super) async fn read(
    outside: Outside,
    slots: Slots,
    mut looks: watch::Receiver<Look>,
    mut catalogs: CatalogWatch,
    mut requested: watch::Receiver<Requested>,
    reviewed: watch::Sender<u64>,
) {
    let mut known = Known::new();
    loop {
        looks.borrow_and_update();
        let (branches, times) = {
            let requested = requested.borrow_and_update();
            (requested.branches.clone(), requested.times)
        };
        let catalog = catalogs.borrow_and_update().clone();
        if let Some(catalog) = catalog {
            let result = review(&outside, &catalog, &branches, &mut known).await;
            slots.put(SourceUpdate::Changes(result.map(Arc::new)));
        }
        reviewed.send_replace(times);
        let ended = tokio::select! {
            changed = looks.changed() => changed.is_err(),
            changed = catalogs.changed() => changed.is_err(),
            changed = requested.changed() => changed.is_err(),
        };
        if ended {
            return;
        }
    }
}

/// The open changes. What was concluded about a head is kept, here and on disk; who may approve is asked of the main
/// branch each time.
async fn review(
    outside: &Outside,
    catalog: &Catalog,
    requested: &BTreeSet<String>,
    known: &mut Known,
) -> Result<Review, Failure> {
    let repository = &outside.ports.repository;
    let main = repository.load(&Revision::Branch(catalog.settings.main.clone())).await?;
    let proposals = repository.proposals(catalog, requested).await?;
    let today = outside.ports.clock.now().date_naive();
    let named: Vec<(String, Proposal)> =
        proposals.into_iter().map(|proposal| (change::kept_name(&proposal, today), proposal)).collect();
    known.retain(|name, _| named.iter().any(|(wanted, _)| wanted == name));
    if named.iter().any(|(name, _)| !known.contains_key(name)) {
        complete(outside, &named, known).await?;
    }
    let ids: Vec<&ChangeId> = named.iter().map(|(_, proposal)| &proposal.id).collect();
    let seals = seals(outside, &catalog.settings.main, &ids).await;
    // What cannot be looked at proves nothing.
    let seals = seals.unwrap_or_else(|_| Arc::new(Seals { required: true, ..Seals::default() }));
    let changes = named.into_iter().filter_map(|(name, proposal)| {
        let conclusion = known.get(&name)?;
        Some(change::assemble(proposal, conclusion, &main, &Operations::default(), Arc::clone(&seals)))
    });
    let changes = changes.collect();
    Ok(Review { people: main.people.clone(), changes, seals })
}

/// Finds what is not known yet: on disk, else by judging it; and keeps on disk what is new.
async fn complete(outside: &Outside, named: &[(String, Proposal)], known: &mut Known) -> Result<(), Failure> {
    let repository = &outside.ports.repository;
    // Without what was kept it only takes longer.
    let mut kept = repository.kept_conclusions().await.unwrap_or_default();
    let count = kept.len();
    kept.retain(|name, _| named.iter().any(|(wanted, _)| wanted == name));
    let mut is_new = kept.len() != count;
    let missing = |known: &Known| -> Vec<(String, Proposal)> {
        named.iter().filter(|(name, _)| !known.contains_key(name)).cloned().collect()
    };
    let read: Vec<(String, CommitId, Unread)> = missing(known)
        .into_iter()
        .filter_map(|(name, proposal)| {
            let unread = Unread::read(kept.get(&name)?)?;
            Some((name, proposal.head, unread))
        })
        .collect();
    let wanted = read.iter().map(|(_, head, unread)| (head.clone(), unread.paths())).collect();
    let sources = repository.sources(wanted).await.unwrap_or_default();
    for ((name, _, unread), files) in read.into_iter().zip(sources) {
        if let Some(conclusion) = unread.finish(&files) {
            known.insert(name, Arc::new(conclusion));
        }
    }
    let mut rest = missing(known);
    // Those that began at the same commit one after the other: it is judged once for them all.
    rest.sort_by(|(_, one), (_, two)| one.base.cmp(&two.base));
    for group in rest.chunk_by(|(_, one), (_, two)| one.base == two.base) {
        let Some((_, first)) = group.first() else { continue };
        let began = executor::began(outside, &first.base).await?;
        let at_once = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_AT_ONCE);
        // Kept in between, so that whoever is in a hurry goes on where they left off.
        for some in group.chunks(KEPT_AT_ONCE) {
            let judged: Vec<(String, Conclusion, Option<String>)> = stream::iter(some.to_vec())
                .map(|(name, proposal)| {
                    let (outside, began) = (outside.clone(), began.clone());
                    async move {
                        let (conclusion, text) = conclude(&outside, &proposal, began).await?;
                        Ok::<_, Failure>((name, conclusion, text))
                    }
                })
                .buffer_unordered(at_once)
                .try_collect()
                .await?;
            for (name, conclusion, text) in judged {
                is_new |= text.is_some();
                kept.extend(text.map(|text| (name.clone(), text)));
                known.insert(name, Arc::new(conclusion));
            }
            if std::mem::take(&mut is_new) {
                repository.keep_conclusions(kept.clone()).await.ok();
            }
        }
    }
    if is_new {
        repository.keep_conclusions(kept).await.ok();
    }
    Ok(())
}

/// Concludes everything from both ends of a proposal; beside it, as it can be kept.
async fn conclude(
    outside: &Outside,
    proposal: &Proposal,
    began: Judged,
) -> Result<(Conclusion, Option<String>), Failure> {
    let today = outside.ports.clock.now().date_naive();
    let head = outside.ports.repository.load(&Revision::Named(proposal.head.to_string())).await?;
    let proposal = proposal.clone();
    tokio::task::spawn_blocking(move || {
        let graph = DependencyGraph::build(&head);
        let findings = rules::check_with(&head, &graph, Some(&began.catalog), today);
        // What is wrong already where it began is not its fault, and must keep nobody from mending something else.
        let findings = new_findings(&began.findings, findings);
        let conclusion = change::conclude(&proposal, &began.catalog, &head, &graph, findings);
        let text = change::kept_text(&conclusion, &head);
        (conclusion, text)
    })
    .await
    .map_err(|error| Failure::failed("a change was not judged to its end").because(&error))
}

/// The open proposals, for who looks for the one of an id. The forge is asked for branches of other names only where
/// the pattern has not that id; without an answer nobody knows whether there is such a change.
pub(super) async fn proposals(
    outside: &Outside,
    main: &Catalog,
    id: &ChangeId,
) -> Result<Vec<Proposal>, Failure> {
    let repository = &outside.ports.repository;
    let matched = repository.proposals(main, &BTreeSet::new()).await?;
    let Some(settings) = main.settings.forge.as_ref() else { return Ok(matched) };
    if matched.iter().any(|proposal| proposal.id == *id) {
        return Ok(matched);
    }
    match outside.ports.forge.requests(settings).await {
        Ok(requests) => repository.proposals(main, &forge::requested(&requests, &main.settings)).await,
        Err(failure) => {
            Err(failure
                .hint(format!("no branch is named as a change {id}; whether a request has it is unknown")))
        }
    }
}

/// A change as it is now, judged anew: what is acted upon rests on nothing that was kept.
pub(super) async fn load(outside: &Outside, proposal: Proposal, main: &Catalog) -> Result<Change, Failure> {
    let began = executor::began(outside, &proposal.base).await?;
    let (conclusion, _) = conclude(outside, &proposal, began).await?;
    let seals = seals(outside, &main.settings.main, &[&proposal.id]).await?;
    Ok(change::assemble(proposal, &conclusion, main, &Operations::default(), seals))
}

/// How what decides about changes and open deployments is signed, by the rules of the main branch.
async fn seals(outside: &Outside, main: &str, ids: &[&ChangeId]) -> Result<Arc<Seals>, Failure> {
    let ledger = &outside.ports.ledger;
    let operations = ledger.state().await?.operations;
    let mut commits = change::deciding(&operations.changes, ids.iter().copied());
    commits.extend(operations.open_deployments().flat_map(proof::deciding).cloned());
    Ok(Arc::new(ledger.seals(main, commits).await?))
}
