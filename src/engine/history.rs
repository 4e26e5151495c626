//! The source of the history: reads who depended on what at a few commits, while somebody looks.

use super::{Outside, slots::Slots, sources::TORN};
use crate::{
    domain::{
        cross_project::{History, HistoryRequest, Moment, Point, consumers_of, thin},
        name::CommitId,
    },
    error::Failure,
    model::event::SourceUpdate,
    ports::Revision,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// Time between two looks at whether the main branch has moved.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Points by commit, so that each commit is read once.
type Known = BTreeMap<CommitId, Arc<Point>>;

/// Starts the source; it ends with the set.
pub(super) fn start(
    tasks: &mut JoinSet<()>,
    outside: &Outside,
    slots: &Slots,
    wanted: watch::Receiver<Option<Arc<HistoryRequest>>>,
) {
    tasks.spawn(read(outside.clone(), slots.clone(), wanted));
}

async fn read(outside: Outside, slots: Slots, mut wanted: watch::Receiver<Option<Arc<HistoryRequest>>>) {
    let mut known = Known::new();
    let mut of = BTreeSet::new();
    let mut shown: Option<(Arc<HistoryRequest>, Vec<Moment>)> = None;
    loop {
        let request = wanted.borrow_and_update().clone();
        if let Some(request) = &request {
            // A point only tells of the services that were asked for.
            if request.services != of {
                known.clear();
                of.clone_from(&request.services);
            }
            let moments = outside.ports.repository.history(&request.main, request.since).await.map(thin);
            let is_new = match (&moments, &shown) {
                (Ok(moments), Some((before, listed))) => before != request || listed != moments,
                _ => true,
            };
            if is_new {
                let listed = moments.as_ref().ok().cloned();
                let result = match moments {
                    Ok(moments) => points(&outside, request, moments, &mut known).await,
                    Err(failure) => Err(failure),
                };
                shown = listed.filter(|_| result.is_ok()).map(|listed| (request.clone(), listed));
                slots.put(SourceUpdate::History(result.map(Arc::new)));
            }
        }
        tokio::select! {
            changed = wanted.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK_EVERY), if request.is_some() => {}
        }
    }
}

/// Reads what is not known yet. A commit that cannot be read is left out and counted; if none can be, that is a
/// failure.
async fn points(
    outside: &Outside,
    request: &HistoryRequest,
    moments: Vec<Moment>,
    known: &mut Known,
) -> Result<History, Failure> {
    let mut points = Vec::with_capacity(moments.len());
    let mut failure = None;
    let mut unread = 0;
    let mut kept = Known::new();
    for moment in moments {
        let point = match known.remove(&moment.commit) {
            Some(point) => point,
            None => match point(outside, request, moment).await {
                Ok(point) => Arc::new(point),
                Err(why) => {
                    unread += 1;
                    failure.get_or_insert(why);
                    continue;
                }
            },
        };
        kept.insert(point.moment.commit.clone(), point.clone());
        points.push(point);
    }
    *known = kept;
    match failure {
        Some(failure) if points.is_empty() => Err(failure),
        _ => Ok(History { request: request.clone(), points, unread }),
    }
}

async fn point(outside: &Outside, request: &HistoryRequest, moment: Moment) -> Result<Point, Failure> {
    let revision = Revision::Named(moment.commit.to_string());
    let catalog = outside.ports.repository.load(&revision).await?;
    // What a broken file said is not known; its consumers would look as if they had left and come back.
    if let Some(finding) = catalog.findings.iter().find(|finding| TORN.contains(&finding.code)) {
        return Err(Failure::configuration(format!(
            "commit {} cannot be read to its end",
            moment.commit.short()
        ))
        .cause(finding.message.clone()));
    }
    let services = request.services.clone();
    // Ten thousand services take a few milliseconds; they need not be the loop's.
    let consumers = tokio::task::spawn_blocking(move || consumers_of(&catalog, &services))
        .await
        .map_err(|error| Failure::failed("reading the history stopped before its end").because(&error))?;
    Ok(Point { moment, consumers })
}
