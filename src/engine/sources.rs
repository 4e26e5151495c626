//! Sources: tasks that look at the outside and put what they see into slots. Each fails alone.

use super::{Outside, agent, chain, changes, executor, main_branch, slots::Slots};
use crate::{
    domain::{
        catalog::{Catalog, Target},
        forge,
        name::ContextName,
        sla::{Endpoint, History, MetricsView},
    },
    error::{Failure, FailureKind},
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

/// So long, at most, the first rows have the processor for themselves before whatever follows the catalog begins.
const FIRST_ROWS: Duration = Duration::from_millis(250);
/// Time between two looks at the working tree and the refs.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time between two fetches of the remote.
const FETCH_EVERY: Duration = Duration::from_secs(10);
/// Time between two looks at Alertmanager.
const ALERTS_EVERY: Duration = Duration::from_secs(5);
/// Time between two looks at the forge.
const FORGE_EVERY: Duration = Duration::from_secs(30);
/// Time until an unusable cluster context is tried again.
const RECONNECT_EVERY: Duration = Duration::from_secs(30);
/// Scrapes under way at once.
const SCRAPES_AT_ONCE: usize = 32;
/// Over how long error ratio, rate and quantiles look back.
const RECENT: chrono::Duration = chrono::Duration::seconds(60);

/// The newest catalog, for the sources that follow it.
pub(super) type CatalogWatch = watch::Receiver<Option<Arc<Catalog>>>;

/// Counts how often somebody asked to read everything again.
pub(super) type Asked = watch::Receiver<u64>;

/// What a look at the repository saw, and by whose asking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Look {
    seen: Fingerprint,
    asked: u64,
}

/// Who looks at what the sources see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// A person. A read-only console pushes nothing.
    Person {
        /// Whether it is one.
        read_only: bool,
    },
    /// An agent, which decides by the repository, the ledger, the forge and the clusters, and scrapes for itself
    /// what it judges.
    Agent,
}

/// Starts all sources that matter to whoever looks; they end when the set is dropped.
pub(super) fn start(outside: &Outside, slots: &Slots, asked: &Asked, audience: Audience) -> JoinSet<()> {
    let read_only = audience == Audience::Person { read_only: true };
    let mut tasks = JoinSet::new();
    let (catalog_sender, catalog) = watch::channel(None);
    let (look_sender, looks) = watch::channel(Look::default());
    let (requested_sender, requested) = watch::channel(changes::Requested::default());
    let (reviewed_sender, reviewed) = watch::channel(0);
    let fetched = Arc::new(Notify::new());
    let each = || (outside.clone(), slots.clone());
    let (outside_, slots_) = each();
    tasks.spawn(read_catalog(outside_, slots_, looks.clone(), catalog_sender));
    let (outside_, slots_) = each();
    tasks.spawn(read_ledger(outside_, slots_, looks.clone()));
    let (outside_, slots_) = each();
    tasks.spawn(changes::read(outside_, slots_, looks.clone(), catalog.clone(), requested, reviewed_sender));
    let (outside_, slots_) = each();
    tasks.spawn(chain::watch(outside_, slots_, looks.clone(), catalog.clone(), read_only));
    let (outside_, slots_) = each();
    tasks.spawn(main_branch::watch(outside_, slots_, looks, catalog.clone()));
    let (outside_, slots_) = each();
    tasks.spawn(fetch(outside_, slots_, asked.clone(), fetched.clone(), catalog.clone(), read_only));
    tasks.spawn(look(outside.clone(), look_sender, asked.clone(), fetched));
    let (outside_, slots_) = each();
    tasks.spawn(watch_clusters(outside_, slots_, asked.clone(), catalog.clone()));
    if audience != Audience::Agent {
        let (outside_, slots_) = each();
        tasks.spawn(scrape(outside_, slots_, catalog.clone()));
        let (outside_, slots_) = each();
        tasks.spawn(read_alerts(outside_, slots_, asked.clone(), catalog.clone()));
        let (outside_, slots_) = each();
        tasks.spawn(agent::watch::watch(outside_, slots_, asked.clone(), catalog.clone()));
    }
    let (outside_, slots_) = each();
    tasks.spawn(read_requests(outside_, slots_, asked.clone(), catalog, (requested_sender, reviewed)));
    let (outside_, slots_) = each();
    tasks.spawn(read_operator(outside_, slots_, asked.clone()));
    tasks
}

/// Who acts here; read again when somebody asks, for an identity may be set while the console is open.
async fn read_operator(outside: Outside, slots: Slots, mut asked: Asked) {
    loop {
        slots.put(SourceUpdate::Operator(outside.ports.repository.operator().await));
        if asked.changed().await.is_err() {
            return;
        }
    }
}

/// Looks whether anything in the repository may have changed: every second, at once after a fetch, and
/// when somebody asks.
async fn look(outside: Outside, looks: watch::Sender<Look>, mut asked: Asked, fetched: Arc<Notify>) {
    loop {
        let now = *asked.borrow_and_update();
        if let Ok(seen) = outside.ports.repository.fingerprint().await {
            looks.send_if_modified(|known| {
                let look = Look { seen, asked: now };
                let changed = *known != look;
                *known = look;
                changed
            });
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = fetched.notified() => {}
            changed = asked.changed() => if changed.is_err() { return },
        }
    }
}

/// Reads the working tree at once and whenever it changed; validates it behind.
async fn read_catalog(
    outside: Outside,
    slots: Slots,
    mut looks: watch::Receiver<Look>,
    catalogs: watch::Sender<Option<Arc<Catalog>>>,
) {
    let mut read: Option<(u64, u64)> = None;
    let mut last: Option<Arc<Catalog>> = None;
    loop {
        let seen = {
            let look = looks.borrow_and_update();
            (look.seen.working_tree, look.asked)
        };
        // The first look has not ended yet when the first reading begins; what it then tells is not new.
        if read.is_none_or(|known| known != seen && known != (0, 0)) {
            let result = outside.ports.repository.load(&Revision::WorkingTree).await;
            let torn = result.as_ref().ok().zip(last.as_ref()).and_then(|(new, last)| torn(new, last));
            match (&result, torn) {
                (Ok(_), Some(failure)) => slots.put(SourceUpdate::Catalog(Err(failure))),
                (Ok(catalog), None) => {
                    let update = SourceUpdate::Catalog(Ok(catalog.clone()));
                    if last.replace(catalog.clone()).is_none() {
                        slots.put_and_settle(update, FIRST_ROWS).await;
                    } else {
                        slots.put(update);
                    }
                    catalogs.send_replace(Some(catalog.clone()));
                }
                (Err(failure), _) => slots.put(SourceUpdate::Catalog(Err(failure.clone()))),
            }
            if let Ok(catalog) = result {
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

/// Codes of findings that say that a file could not be read to its end.
pub(super) const TORN: [&str; 4] = ["QD001", "QD100", "QD101", "QD111"];

/// Whether `new` was read from files that somebody has not finished writing, where `last` was whole:
/// then the last good state is kept, and this says why.
fn torn(new: &Catalog, last: &Catalog) -> Option<Failure> {
    let broken = |catalog: &Catalog| -> BTreeSet<(&'static str, String)> {
        catalog
            .findings
            .iter()
            .filter(|finding| TORN.contains(&finding.code))
            .map(|finding| {
                (finding.code, finding.labels.first().map_or(String::new(), |l| l.file.path.clone()))
            })
            .collect()
    };
    let before = broken(last);
    let (_, path) = broken(new).into_iter().find(|place| !before.contains(place))?;
    let what = if path.is_empty() { "the control repository".to_owned() } else { path };
    Some(
        Failure::configuration(format!("{what} cannot be read to its end; the last good state is shown"))
            .hint("`V` (or `quarterdeck check`) shows what is wrong in it"),
    )
}

/// Folds the ledger whenever a ref moved.
async fn read_ledger(outside: Outside, slots: Slots, mut looks: watch::Receiver<Look>) {
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

/// Fetches the remote, and replays what waits for it.
async fn fetch(
    outside: Outside,
    slots: Slots,
    mut asked: Asked,
    fetched: Arc<Notify>,
    mut catalogs: CatalogWatch,
    read_only: bool,
) {
    // The first picture comes from what is here already; the remote may be slow.
    if catalogs.wait_for(Option::is_some).await.is_err() {
        return;
    }
    loop {
        let result = outside.ports.repository.fetch().await;
        let reached = result.is_ok();
        slots.put(SourceUpdate::Remote(result));
        if reached
            && !read_only
            && let Ok(state) = outside.ports.ledger.state().await
            && state.unsynced > 0
            && let Err(failure) = outside.ports.ledger.sync().await
            // An agent that does not lead leaves that to the one that does.
            && !matches!(failure.kind, FailureKind::Conflict | FailureKind::Interrupted)
        {
            slots.put(SourceUpdate::Remote(Err(failure)));
        }
        fetched.notify_one();
        tokio::select! {
            () = tokio::time::sleep(FETCH_EVERY) => {}
            changed = asked.changed() => if changed.is_err() { return },
        }
    }
}

/// Watches every cluster that an environment names, each in a task of its own.
async fn watch_clusters(outside: Outside, slots: Slots, mut asked: Asked, mut catalogs: CatalogWatch) {
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
            changed = asked.changed() => if changed.is_err() { return },
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
async fn read_alerts(outside: Outside, slots: Slots, mut asked: Asked, mut catalogs: CatalogWatch) {
    loop {
        let url =
            catalogs.borrow_and_update().as_ref().and_then(|catalog| catalog.settings.alertmanager.clone());
        if let Some(url) = &url {
            let alerts = outside.ports.alerts.alerts(url).await;
            slots.put(SourceUpdate::Alerts(alerts.map(Arc::new)));
        }
        tokio::select! {
            () = tokio::time::sleep(ALERTS_EVERY), if url.is_some() => {}
            changed = asked.changed() => if changed.is_err() { return },
            changed = catalogs.changed() => if changed.is_err() { return },
        }
    }
}

/// Reads the requests of the forge, where one is set.
async fn read_requests(
    outside: Outside,
    slots: Slots,
    mut asked: Asked,
    mut catalogs: CatalogWatch,
    (requested, mut reviewed): (watch::Sender<changes::Requested>, watch::Receiver<u64>),
) {
    let mut shown = false;
    loop {
        let catalog = catalogs.borrow_and_update().clone();
        let settings = catalog.as_ref().and_then(|catalog| catalog.settings.forge.clone());
        let answer = match &settings {
            Some(settings) => Some(outside.ports.forge.requests(settings).await),
            // A forge that is no longer meant has no word about the changes.
            None => shown.then(|| Ok(Vec::new())),
        };
        // Without an answer the branches stay that were known.
        if let (Some(Ok(requests)), Some(catalog)) = (&answer, &catalog) {
            let branches = forge::requested(requests, &catalog.settings);
            let is_new = requested.send_if_modified(|known| {
                let is_new = known.branches != branches;
                known.times += u64::from(is_new);
                known.branches = branches;
                is_new
            });
            // Who sees the requests sees the changes that they are about.
            if is_new {
                let times = requested.borrow().times;
                reviewed.wait_for(|seen| *seen >= times).await.ok();
            }
        }
        if let Some(requests) = answer {
            slots.put(SourceUpdate::Requests(requests.map(Arc::new)));
        }
        shown = settings.is_some();
        // What else changed in the catalog is no reason to ask the forge again.
        let moved = async {
            catalogs
                .wait_for(|catalog| {
                    catalog.as_ref().and_then(|catalog| catalog.settings.forge.as_ref()) != settings.as_ref()
                })
                .await
                .is_err()
        };
        let ended = tokio::select! {
            () = tokio::time::sleep(FORGE_EVERY), if shown => false,
            changed = asked.changed() => changed.is_err(),
            ended = moved => ended,
        };
        if ended {
            return;
        }
    }
}
