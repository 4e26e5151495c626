//! Sources: tasks that look at the outside and put what they see into slots. Each fails alone.

use super::{Outside, executor, slots::Slots};
use crate::{
    domain::{
        catalog::{Catalog, Target},
        change::{self, Change, Proposal, Review},
        ledger::Operations,
        name::{CommitId, ContextName},
        sla::{Endpoint, History, MetricsView},
    },
    error::Failure,
    model::{event::SourceUpdate, world::LedgerView},
    ports::{Fingerprint, PublishCluster, Revision},
};
use futures::{StreamExt, stream};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

/// Time between two looks at the working tree and the refs.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time between two fetches of the remote.
const FETCH_EVERY: Duration = Duration::from_secs(10);
/// Time between two looks at Alertmanager.
const ALERTS_EVERY: Duration = Duration::from_secs(5);
/// Time until an unusable cluster context is tried again.
const RECONNECT_EVERY: Duration = Duration::from_secs(30);
/// Scrapes under way at once.
const SCRAPES_AT_ONCE: usize = 32;
/// Over how long error ratio, rate and quantiles look back.
const RECENT: chrono::Duration = chrono::Duration::seconds(60);

/// The newest catalog, for the sources that follow it.
type CatalogWatch = watch::Receiver<Option<Arc<Catalog>>>;

/// Starts all sources; they end when the set is dropped.
pub(super) fn start(outside: &Outside, slots: &Slots, refresh: &Arc<Notify>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (catalog_sender, catalog) = watch::channel(None);
    let (look_sender, looks) = watch::channel(Fingerprint::default());
    let each = || (outside.clone(), slots.clone());
    let (outside_, slots_) = each();
    tasks.spawn(read_catalog(outside_, slots_, looks.clone(), catalog_sender));
    let (outside_, slots_) = each();
    tasks.spawn(read_ledger(outside_, slots_, looks.clone()));
    let (outside_, slots_) = each();
    tasks.spawn(read_changes(outside_, slots_, looks, catalog.clone()));
    let (outside_, slots_) = each();
    tasks.spawn(fetch(outside_, slots_, refresh.clone(), catalog.clone()));
    tasks.spawn(look(outside.clone(), look_sender, refresh.clone()));
    let (outside_, slots_) = each();
    tasks.spawn(watch_clusters(outside_, slots_, catalog.clone()));
    let (outside_, slots_) = each();
    tasks.spawn(scrape(outside_, slots_, catalog.clone()));
    let (outside_, slots_) = each();
    tasks.spawn(read_alerts(outside_, slots_, catalog));
    let (outside_, slots_) = each();
    tasks.spawn(async move {
        slots_.put(SourceUpdate::Operator(outside_.ports.repository.operator().await));
    });
    tasks
}

/// Waits for the next look: the time is up, or somebody asked.
async fn pause(time: Duration, refresh: &Notify) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = refresh.notified() => {}
    }
}

/// Looks whether anything in the repository may have changed.
async fn look(outside: Outside, looks: watch::Sender<Fingerprint>, refresh: Arc<Notify>) {
    loop {
        if let Ok(seen) = outside.ports.repository.fingerprint().await {
            looks.send_if_modified(|known| {
                let changed = *known != seen;
                *known = seen;
                changed
            });
        }
        pause(LOOK_EVERY, &refresh).await;
    }
}

/// Reads the working tree at once and whenever it changed; validates it behind.
async fn read_catalog(
    outside: Outside,
    slots: Slots,
    mut looks: watch::Receiver<Fingerprint>,
    catalogs: watch::Sender<Option<Arc<Catalog>>>,
) {
    let mut read = None;
    loop {
        let seen = looks.borrow_and_update().working_tree;
        // The first look has not ended yet when the first reading begins; what it then tells is not new.
        if read.is_none_or(|known| known != seen && known != 0) {
            let result = outside.ports.repository.load(&Revision::WorkingTree).await;
            slots.put(SourceUpdate::Catalog(result.clone()));
            if let Ok(catalog) = result {
                catalogs.send_replace(Some(catalog.clone()));
                let findings = executor::check(&outside, catalog, None).await.map(Arc::new);
                slots.put(SourceUpdate::Findings(findings));
            }
        }
        read = Some(seen);
        if looks.changed().await.is_err() {
            return;
        }
    }
}

/// Folds the ledger whenever a ref moved.
async fn read_ledger(outside: Outside, slots: Slots, mut looks: watch::Receiver<Fingerprint>) {
    loop {
        looks.borrow_and_update();
        let state = outside.ports.ledger.state().await;
        slots
            .put(SourceUpdate::Ledger(state.map(|state| {
                Arc::new(LedgerView { operations: state.operations, unsynced: state.unsynced })
            })));
        if looks.changed().await.is_err() {
            return;
        }
    }
}

/// Reads the open changes whenever a ref or the catalog moved. What was concluded about a head is kept.
async fn read_changes(
    outside: Outside,
    slots: Slots,
    mut looks: watch::Receiver<Fingerprint>,
    mut catalogs: CatalogWatch,
) {
    let mut known: BTreeMap<(CommitId, CommitId), Change> = BTreeMap::new();
    let mut with: Option<Arc<Catalog>> = None;
    loop {
        looks.borrow_and_update();
        let catalog = catalogs.borrow_and_update().clone();
        if let Some(catalog) = catalog {
            let result = changes(&outside, &catalog, &mut known, &mut with).await;
            slots.put(SourceUpdate::Changes(result.map(Arc::new)));
        }
        let ended = tokio::select! {
            changed = looks.changed() => changed.is_err(),
            changed = catalogs.changed() => changed.is_err(),
        };
        if ended {
            return;
        }
    }
}

async fn changes(
    outside: &Outside,
    catalog: &Arc<Catalog>,
    known: &mut BTreeMap<(CommitId, CommitId), Change>,
    with: &mut Option<Arc<Catalog>>,
) -> Result<Review, Failure> {
    let main = outside.ports.repository.load(&Revision::Branch(catalog.settings.main.clone())).await?;
    if with.as_ref().is_none_or(|before| before.people != main.people || before.gate_teams != main.gate_teams)
    {
        // Gates depend on the main branch's teams.
        known.clear();
    }
    *with = Some(main.clone());
    let proposals = outside.ports.repository.proposals(catalog).await?;
    let mut changes = Vec::with_capacity(proposals.len());
    let mut kept = BTreeMap::new();
    for proposal in proposals {
        let key = (proposal.base.clone(), proposal.head.clone());
        let change = match known.remove(&key) {
            Some(change) if change.proposal == proposal => change,
            _ => load_change(outside, proposal, &main).await?,
        };
        kept.insert(key, change.clone());
        changes.push(change);
    }
    *known = kept;
    Ok(Review { people: main.people.clone(), changes })
}

/// Concludes everything about a proposal: reads both its ends, compares and validates them.
pub(super) async fn load_change(
    outside: &Outside,
    proposal: Proposal,
    main: &Arc<Catalog>,
) -> Result<Change, Failure> {
    let named = |commit: &CommitId| Revision::Named(commit.to_string());
    let (head, base) = (named(&proposal.head), named(&proposal.base));
    let (head, base) =
        futures::try_join!(outside.ports.repository.load(&head), outside.ports.repository.load(&base))?;
    let findings = executor::check(outside, head.clone(), Some(base.clone())).await?;
    Ok(change::assemble(proposal, &base, &head, Arc::new(findings), main, &Operations::default()))
}

/// Fetches the remote, and replays what waits for it.
async fn fetch(outside: Outside, slots: Slots, refresh: Arc<Notify>, mut catalogs: CatalogWatch) {
    // The first picture comes from what is here already; the remote may be slow.
    if catalogs.wait_for(Option::is_some).await.is_err() {
        return;
    }
    loop {
        let fetched = outside.ports.repository.fetch().await;
        let reached = fetched.is_ok();
        slots.put(SourceUpdate::Remote(fetched));
        if reached
            && let Ok(state) = outside.ports.ledger.state().await
            && state.unsynced > 0
            && let Err(failure) = outside.ports.ledger.sync().await
        {
            slots.put(SourceUpdate::Remote(Err(failure)));
        }
        pause(FETCH_EVERY, &refresh).await;
    }
}

/// Watches every cluster that an environment names, each in a task of its own.
async fn watch_clusters(outside: Outside, slots: Slots, mut catalogs: CatalogWatch) {
    let mut watched: BTreeSet<ContextName> = BTreeSet::new();
    let mut watchers = JoinSet::new();
    loop {
        let catalog = catalogs.borrow_and_update().clone();
        let contexts: BTreeSet<ContextName> = catalog
            .iter()
            .flat_map(|catalog| &catalog.settings.environments)
            .map(|environment| environment.context.clone())
            .collect();
        for context in contexts.difference(&watched.clone()) {
            match outside.cluster(context) {
                Ok(cluster) => {
                    watched.insert(context.clone());
                    let (slots, context) = (slots.clone(), context.clone());
                    watchers.spawn(async move {
                        let publish: PublishCluster = Arc::new(move |result| {
                            slots.put(SourceUpdate::Cluster(context.clone(), result.map(Arc::new)));
                        });
                        cluster.watch(publish).await;
                    });
                }
                Err(failure) => slots.put(SourceUpdate::Cluster(context.clone(), Err(failure))),
            }
        }
        tokio::select! {
            changed = catalogs.changed() => if changed.is_err() { return },
            // A kubeconfig may be mended while the console is open.
            () = tokio::time::sleep(RECONNECT_EVERY), if contexts.len() > watched.len() => {}
        }
    }
}

/// Scrapes every endpoint, round after round.
async fn scrape(outside: Outside, slots: Slots, mut catalogs: CatalogWatch) {
    let mut history: BTreeMap<Endpoint, History> = BTreeMap::new();
    loop {
        let catalog = catalogs.borrow_and_update().clone();
        let Some((catalog, settings)) =
            catalog.and_then(|catalog| catalog.settings.scrape.clone().map(|settings| (catalog, settings)))
        else {
            if catalogs.changed().await.is_err() {
                return;
            }
            continue;
        };
        let round = tokio::time::Instant::now();
        let targets: Vec<Target> = catalog.targets().collect();
        let one = |target: Target| {
            let (scraper, settings) = (outside.ports.scraper.clone(), settings.clone());
            async move {
                let endpoint = Endpoint { service: target.service, environment: target.environment };
                let result = scraper.scrape(&settings, &endpoint, &target.namespace).await;
                (endpoint, result)
            }
        };
        let answers: Vec<_> =
            stream::iter(targets.into_iter().map(one)).buffer_unordered(SCRAPES_AT_ONCE).collect().await;
        let now = outside.ports.clock.now();
        let mut fresh = BTreeMap::new();
        for (endpoint, result) in answers {
            let mut past = history.remove(&endpoint).unwrap_or_default();
            match result {
                Ok(sample) => past.push(now, sample),
                Err(failure) => {
                    // The attempt alone helps nobody: the address and what became of it are in the cause.
                    let cause = failure.causes.first().map(|cause| format!(": {cause}")).unwrap_or_default();
                    past.fail(now, format!("{failure}{cause}"));
                }
            }
            fresh.insert(endpoint, past);
        }
        // What the catalog no longer names is forgotten.
        history = fresh;
        let endpoints =
            history.iter().map(|(endpoint, past)| (endpoint.clone(), past.indicators(now, RECENT))).collect();
        slots.put(SourceUpdate::Metrics(Ok(Arc::new(MetricsView { endpoints }))));
        let interval = settings.interval.to_std().unwrap_or(LOOK_EVERY).max(Duration::from_millis(200));
        tokio::select! {
            () = tokio::time::sleep_until(round + interval) => {}
            changed = catalogs.changed() => if changed.is_err() { return },
        }
    }
}

/// Reads the alerts, where an Alertmanager is set.
async fn read_alerts(outside: Outside, slots: Slots, mut catalogs: CatalogWatch) {
    loop {
        let url =
            catalogs.borrow_and_update().as_ref().and_then(|catalog| catalog.settings.alertmanager.clone());
        if let Some(url) = &url {
            let alerts = outside.ports.alerts.alerts(url).await;
            slots.put(SourceUpdate::Alerts(alerts.map(Arc::new)));
        }
        tokio::select! {
            () = tokio::time::sleep(ALERTS_EVERY), if url.is_some() => {}
            changed = catalogs.changed() => if changed.is_err() { return },
        }
    }
}
