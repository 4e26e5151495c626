//! The join: what should run, what runs, how it runs and what was promised, side by side.

use super::world::{LedgerView, World};
use crate::domain::{
    catalog::{Catalog, Service, Target, Tier},
    change::{Change, Proposal, Review},
    deployment::{Application, ClusterView, Health, Keeper, Objects, Restarts, Workload},
    forge::{self, Request},
    incident::Incident,
    name::{ContextName, ProjectName, ServiceName},
    sla::{Endpoint, Indicators, Judgement, MetricsView, SlaVerdict, judge},
};
use chrono::{DateTime, Utc};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// A service in one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Where.
    pub target: Target,
    /// What the cluster reports, if it does.
    pub workload: Option<Arc<Workload>>,
    /// The Argo CD Application that manages it, if one does.
    pub application: Option<Arc<Application>>,
    /// What of Flux keeps it, if something does.
    pub keeper: Option<Arc<Keeper>>,
    /// How often its containers were started again; `None` where its pods are not seen.
    pub restarts: Option<Restarts>,
    /// What its scrapes say, if there were any.
    pub indicators: Option<Indicators>,
    /// The promise held against them.
    pub judgement: Judgement,
}

/// How what runs in a place stands to what Git says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// It is what Git says.
    Same,
    /// It is something else.
    Differs,
    /// Argo CD finds something else than the version to differ.
    OutOfSync,
    /// One of the two is not known.
    Unknown,
}

impl Drift {
    /// The word for people and for JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "none",
            Self::Differs => "version",
            Self::OutOfSync => "out-of-sync",
            Self::Unknown => "unknown",
        }
    }
}

impl Place {
    /// How what runs stands to the version that Git says.
    pub fn drift(&self, service: &Service) -> Drift {
        let merged = service.version.as_ref().map(ToString::to_string);
        match (self.version(), merged) {
            (Some(runs), Some(merged)) if runs != merged => Drift::Differs,
            _ if self.application.as_ref().is_some_and(|application| application.sync == "OutOfSync") => {
                Drift::OutOfSync
            }
            (Some(_), Some(_)) => Drift::Same,
            _ => Drift::Unknown,
        }
    }

    /// When Argo CD last compared it with Git; for everything else the age of the cluster's picture counts.
    pub fn compared_at(&self) -> Option<DateTime<Utc>> {
        self.application.as_ref().and_then(|application| application.reconciled_at)
    }

    /// The version that runs, if the cluster tells.
    pub fn version(&self) -> Option<&str> {
        self.workload.as_ref().and_then(|workload| workload.version.as_deref())
    }
}

/// A service with all its places.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRow {
    /// The catalog's word.
    pub service: Arc<Service>,
    /// In the order of the environments.
    pub places: Vec<Place>,
    /// Worst verdict in production, or anywhere if it is not in production.
    pub verdict: SlaVerdict,
    /// Open incidents about it.
    pub incidents: usize,
    /// Open changes that touch it.
    pub changes: usize,
}

impl ServiceRow {
    /// The place in an environment.
    pub fn place(&self, environment: &str) -> Option<&Place> {
        self.places.iter().find(|place| place.target.environment == *environment)
    }

    /// The place that decides the verdict: the worst in production, or the worst anywhere.
    pub fn main_place(&self) -> Option<&Place> {
        let production = self.places.iter().filter(|place| place.target.production);
        production
            .min_by_key(|place| place.judgement.verdict)
            .or_else(|| self.places.iter().min_by_key(|place| place.judgement.verdict))
    }

    /// Whether the cluster says that it is not well, whatever its metrics say.
    pub fn is_degraded(&self) -> bool {
        self.places.iter().any(|place| {
            place.workload.as_ref().is_some_and(|workload| matches!(workload.health, Health::Degraded(_)))
        })
    }

    /// Order of worry: violated, burning, degraded, no data for an important one, then by tier and name.
    fn worry(&self) -> (u8, std::cmp::Reverse<Tier>) {
        let rank = match self.verdict {
            SlaVerdict::Violated => 0,
            SlaVerdict::Burning => 1,
            _ if self.is_degraded() => 2,
            SlaVerdict::NoData => 3,
            SlaVerdict::Met => 4,
        };
        (rank, std::cmp::Reverse(self.service.tier))
    }
}

/// SLA compliance of one project (or of the shared services).
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectRow {
    /// Which project; `None` for the shared services.
    pub project: Option<ProjectName>,
    /// Its services by verdict: violated, burning, no data, met.
    pub counts: [usize; 4],
    /// Requests it was judged by.
    pub requests: f64,
    /// Share of good ones.
    pub availability: Option<f64>,
    /// The service that is worst, with its judgement.
    pub worst: Option<(ServiceName, Judgement)>,
    /// Its services, the worst first.
    pub services: Vec<ServiceName>,
}

impl ProjectRow {
    /// The row's name in lists.
    pub fn name(&self) -> &str {
        self.project.as_ref().map_or("shared", |project| project.as_str())
    }

    /// The worst verdict among its services. One without data keeps the whole from being called met.
    pub fn verdict(&self) -> SlaVerdict {
        let [violated, burning, no_data, met] = self.counts;
        match (violated, burning, no_data, met) {
            (1.., ..) => SlaVerdict::Violated,
            (_, 1.., ..) => SlaVerdict::Burning,
            (_, _, 0, 1..) => SlaVerdict::Met,
            _ => SlaVerdict::NoData,
        }
    }
}

/// Everything joined; brought up to date whenever a source has changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Joined {
    /// Services in the order of worry.
    pub services: Vec<Arc<ServiceRow>>,
    /// Where each service is in [`Self::services`].
    pub index: Arc<HashMap<ServiceName, usize>>,
    /// Projects, the worst first.
    pub projects: Arc<[ProjectRow]>,
    /// Open changes with their gates as the ledger has them, the nearest to done first.
    pub changes: Vec<Arc<Change>>,
    /// Open incidents, in the ledger's order; their clocks depend on the time and are computed when shown.
    pub incidents: Vec<Incident>,
    /// Services by verdict: violated, burning, no data, met.
    pub counts: [usize; 4],
    /// Who requires (or optionally uses) each service.
    pub dependants: Arc<BTreeMap<ServiceName, Vec<ServiceName>>>,
    shown: Arc<HashMap<ContextName, Shown>>,
    concerned: Arc<Concerned>,
    basis: Basis,
}

/// Which services show an object of a cluster, by its namespace and name.
#[derive(Debug, Default, PartialEq)]
struct Shown {
    workloads: HashMap<(String, String), Vec<ServiceName>>,
    applications: HashMap<(String, String), Vec<ServiceName>>,
}

/// What a join was made from, so that the next one looks only at what has changed.
#[derive(Debug, Clone, Default, PartialEq)]
struct Basis {
    catalog: Option<Arc<Catalog>>,
    clusters: BTreeMap<ContextName, Option<Arc<ClusterView>>>,
    metrics: Option<Arc<MetricsView>>,
    changes: Option<Arc<Review>>,
    ledger: Option<Arc<LedgerView>>,
    requests: Option<Arc<Vec<Request>>>,
}

impl Basis {
    fn of(world: &World) -> Self {
        let clusters = world.clusters.iter();
        Self {
            catalog: world.catalog.value.clone(),
            clusters: clusters.map(|(name, source)| (name.clone(), source.value.clone())).collect(),
            metrics: world.metrics.value.clone(),
            changes: world.changes.value.clone(),
            ledger: world.ledger.value.clone(),
            requests: world.requests.value.clone(),
        }
    }

    fn view(&self, context: &ContextName) -> Option<&Arc<ClusterView>> {
        self.clusters.get(context).and_then(Option::as_ref)
    }

    /// Whether both have the very same picture of a cluster.
    fn agree_on_cluster(&self, other: &Self, context: &ContextName) -> bool {
        is_same(self.view(context), other.view(context))
    }

    /// Whether both have the very same changes, with all that they are judged by.
    fn agree_on_changes(&self, other: &Self) -> bool {
        is_same(self.changes.as_ref(), other.changes.as_ref())
            && is_same(self.ledger.as_ref(), other.ledger.as_ref())
            && is_same(self.requests.as_ref(), other.requests.as_ref())
            && is_same(self.catalog.as_ref(), other.catalog.as_ref())
    }
}

/// Whether two shared values are one, not only equal.
fn is_same<T>(one: Option<&Arc<T>>, two: Option<&Arc<T>>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => Arc::ptr_eq(one, two),
        (None, None) => true,
        _ => false,
    }
}

impl Joined {
    /// The row of a service.
    pub fn service(&self, name: &str) -> Option<&Arc<ServiceRow>> {
        self.index.get(name).and_then(|index| self.services.get(*index))
    }

    /// Joins what the sources said last.
    pub fn new(world: &World) -> Self {
        Self::default().next(world)
    }

    /// Joins what the sources said last, where this is what they said before: rows of which nothing has
    /// changed are kept, and so is their order.
    #[must_use]
    pub fn next(&self, world: &World) -> Self {
        let mut joined = Self { basis: Basis::of(world), ..Self::default() };
        if self.basis.agree_on_changes(&joined.basis) {
            joined.changes.clone_from(&self.changes);
            joined.incidents.clone_from(&self.incidents);
            joined.concerned = Arc::clone(&self.concerned);
        } else {
            joined.changes = changes(world);
            if let Some(ledger) = &world.ledger.value {
                joined.incidents = ledger.operations.open_incidents().cloned().collect();
            }
            joined.concerned = Arc::new(Concerned::of(&joined.incidents, &joined.changes));
        }
        let Some(catalog) = joined.basis.catalog.clone() else { return joined };
        if is_same(Some(&catalog), self.basis.catalog.as_ref()) {
            self.refresh(&mut joined);
        } else {
            let concerned = &joined.concerned;
            joined.services =
                catalog.services.values().map(|service| joined.basis.row(service, concerned)).collect();
            joined.arrange();
            joined.judge();
            joined.dependants = Arc::new(dependants(&catalog));
            joined.shown = Arc::new(shown(&joined.services));
        }
        joined
    }

    /// Fills `joined` with the rows of the same catalog, anew where something has changed.
    fn refresh(&self, joined: &mut Self) {
        joined.services.clone_from(&self.services);
        joined.index = Arc::clone(&self.index);
        joined.dependants = Arc::clone(&self.dependants);
        joined.projects = Arc::clone(&self.projects);
        joined.shown = Arc::clone(&self.shown);
        joined.counts = self.counts;
        let same_metrics = is_same(self.basis.metrics.as_ref(), joined.basis.metrics.as_ref());
        let touched: BTreeSet<usize> = if same_metrics {
            let services = self.services_of_changed_objects(&joined.basis);
            let mut touched: BTreeSet<usize> =
                services.iter().filter_map(|service| self.index.get(*service).copied()).collect();
            if self.concerned != joined.concerned {
                let concerned = &joined.concerned;
                touched.extend(self.services.iter().enumerate().filter_map(|(index, row)| {
                    let name = &row.service.name;
                    let same =
                        (row.incidents, row.changes) == (concerned.incidents(name), concerned.changes(name));
                    (!same).then_some(index)
                }));
            }
            touched
        } else {
            (0..self.services.len()).collect()
        };
        let (mut rearrange, mut rejudge) = (false, false);
        for index in touched {
            let row = &mut joined.services[index];
            let new = joined.basis.row(&row.service, &joined.concerned);
            rearrange |= new.worry() != row.worry();
            rejudge |= !same_metrics || new.verdict != row.verdict;
            *row = new;
        }
        if rearrange {
            joined.arrange();
        }
        if rearrange || rejudge {
            joined.judge();
        }
    }

    /// The services of which a cluster says something else now than when this was joined. Pictures share what has not
    /// changed, so that mostly pointers are compared, and no place is looked up.
    fn services_of_changed_objects(&self, now: &Basis) -> Vec<&ServiceName> {
        let mut services = Vec::new();
        let nothing = ClusterView::default();
        for (context, shown) in &*self.shown {
            if self.basis.agree_on_cluster(now, context) {
                continue;
            }
            let view = |basis: &Basis| basis.view(context).cloned();
            let (old, new) = (view(&self.basis), view(now));
            let (old, new) = (old.as_deref().unwrap_or(&nothing), new.as_deref().unwrap_or(&nothing));
            let mut workload = |key: &(String, String)| {
                services.extend(shown.workloads.get(key).into_iter().flatten());
            };
            differences(&old.workloads, &new.workloads, Arc::ptr_eq, &mut workload);
            match (&old.restarts, &new.restarts) {
                (Some(old), Some(new)) => differences(old, new, PartialEq::eq, &mut workload),
                (None, None) => {}
                _ => shown.workloads.keys().for_each(&mut workload),
            }
            if !Arc::ptr_eq(&old.keepers, &new.keepers) {
                // A workload names its keeper, which names nothing.
                for (key, kept) in new.workloads.iter() {
                    let keeper = |view: &ClusterView| {
                        kept.detail.keeper.as_ref().and_then(|keeper| view.keepers.get(keeper)).cloned()
                    };
                    if !is_same(keeper(old).as_ref(), keeper(new).as_ref()) {
                        workload(key);
                    }
                }
            }
            differences(&old.applications, &new.applications, Arc::ptr_eq, |key| {
                services.extend(shown.applications.get(key).into_iter().flatten());
            });
        }
        services
    }

    /// Brings the services into the order of worry.
    fn arrange(&mut self) {
        self.services.sort_by(|one, two| {
            one.worry().cmp(&two.worry()).then_with(|| one.service.name.cmp(&two.service.name))
        });
        let rows = self.services.iter().enumerate();
        self.index = Arc::new(rows.map(|(index, row)| (row.service.name.clone(), index)).collect());
    }

    /// Counts verdicts, of all and by project.
    fn judge(&mut self) {
        self.projects = projects(&self.services).into();
        self.counts = [0; 4];
        for row in &self.services {
            self.counts[verdict_index(row.verdict)] += 1;
        }
    }
}

/// Names the objects that only one of two pictures has, or that differ.
fn differences<T>(
    old: &Objects<T>,
    new: &Objects<T>,
    same: impl Fn(&T, &T) -> bool,
    mut differs: impl FnMut(&(String, String)),
) {
    if Arc::ptr_eq(old, new) {
        return;
    }
    let (mut olds, mut news) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (olds.peek(), news.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) if Arc::ptr_eq(old, new) => Ordering::Equal,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let old = if order == Ordering::Greater { None } else { olds.next() };
        let new = if order == Ordering::Less { None } else { news.next() };
        match (old, new) {
            (Some((_, old)), Some((_, new))) if same(old, new) => {}
            (Some((key, _)), _) | (None, Some((key, _))) => differs(key),
            (None, None) => return,
        }
    }
}

/// Which services show which objects.
fn shown(rows: &[Arc<ServiceRow>]) -> HashMap<ContextName, Shown> {
    let mut all: HashMap<ContextName, Shown> = HashMap::new();
    for (row, place) in rows.iter().flat_map(|row| row.places.iter().map(move |place| (row, place))) {
        let Target { context, namespace, workload, application, .. } = &place.target;
        let shown = match all.get_mut(context) {
            Some(shown) => shown,
            None => all.entry(context.clone()).or_default(),
        };
        let name = &row.service.name;
        shown.workloads.entry((namespace.clone(), workload.clone())).or_default().push(name.clone());
        if let Some(application) = application {
            shown.applications.entry(application.clone()).or_default().push(name.clone());
        }
    }
    all
}

/// How many open incidents and changes there are about each service.
#[derive(Debug, Default, PartialEq)]
struct Concerned {
    incidents: HashMap<ServiceName, usize>,
    changes: HashMap<ServiceName, usize>,
}

impl Concerned {
    fn of(incidents: &[Incident], changes: &[Arc<Change>]) -> Self {
        let mut concerned = Self::default();
        for service in incidents.iter().filter_map(|incident| incident.service.as_ref()) {
            *concerned.incidents.entry(service.clone()).or_default() += 1;
        }
        for service in changes.iter().flat_map(|change| &change.services) {
            *concerned.changes.entry(service.clone()).or_default() += 1;
        }
        concerned
    }

    fn incidents(&self, service: &ServiceName) -> usize {
        self.incidents.get(service).copied().unwrap_or_default()
    }

    fn changes(&self, service: &ServiceName) -> usize {
        self.changes.get(service).copied().unwrap_or_default()
    }
}

fn dependants(catalog: &Catalog) -> BTreeMap<ServiceName, Vec<ServiceName>> {
    let mut dependants: BTreeMap<ServiceName, Vec<ServiceName>> = BTreeMap::new();
    for service in catalog.services.values() {
        for dependency in &service.dependencies {
            let known = dependants.entry(dependency.service.clone()).or_default();
            if known.last() != Some(&service.name) {
                known.push(service.name.clone());
            }
        }
    }
    dependants
}

/// What of Flux keeps a workload.
fn keeper<'a>(
    view: Option<&'a Arc<ClusterView>>,
    workload: Option<&Arc<Workload>>,
) -> Option<&'a Arc<Keeper>> {
    view?.keepers.get(workload?.detail.keeper.as_ref()?)
}

/// Index into arrays of counts: violated, burning, no data, met.
const fn verdict_index(verdict: SlaVerdict) -> usize {
    match verdict {
        SlaVerdict::Violated => 0,
        SlaVerdict::Burning => 1,
        SlaVerdict::NoData => 2,
        SlaVerdict::Met => 3,
    }
}

impl Basis {
    fn row(&self, service: &Arc<Service>, concerned: &Concerned) -> Arc<ServiceRow> {
        let mut row = ServiceRow {
            service: Arc::clone(service),
            places: self.places(service),
            verdict: SlaVerdict::NoData,
            incidents: concerned.incidents(&service.name),
            changes: concerned.changes(&service.name),
        };
        row.verdict = row.main_place().map_or(SlaVerdict::NoData, |place| place.judgement.verdict);
        Arc::new(row)
    }

    fn places(&self, service: &Service) -> Vec<Place> {
        let Some(catalog) = &self.catalog else { return Vec::new() };
        let promise = catalog.sla(service);
        // Where nothing is scraped at all, no scrape is on its way either.
        let unmeasured = catalog.settings.scrape.is_none().then(|| UNMEASURED.to_owned());
        let nothing = Indicators { problem: unmeasured, ..Indicators::default() };
        let targets = catalog.settings.environments.iter();
        targets
            .filter_map(|environment| catalog.target(service, environment))
            .map(|target| {
                let view = self.view(&target.context);
                let key = (target.namespace.clone(), target.workload.clone());
                let workload = view.and_then(|view| view.workloads.get(&key).cloned());
                let restarts = view.and_then(|view| view.restarts_of(&key)).filter(|_| workload.is_some());
                let application = view
                    .zip(target.application.as_ref())
                    .and_then(|(view, key)| view.applications.get(key).cloned());
                let endpoint =
                    Endpoint { service: service.name.clone(), environment: target.environment.clone() };
                let indicators =
                    self.metrics.as_ref().and_then(|view| view.endpoints.get(&endpoint)).cloned();
                let judgement = judge(&promise, indicators.as_ref().unwrap_or(&nothing));
                let keeper = keeper(view, workload.as_ref()).cloned();
                Place { target, workload, application, keeper, restarts, indicators, judgement }
            })
            .collect()
    }
}

/// Why nothing is known of services that nobody measures.
const UNMEASURED: &str = "nothing measures it: quarterdeck.toml has no [metrics.scrape]";

fn projects(services: &[Arc<ServiceRow>]) -> Vec<ProjectRow> {
    let mut rows: BTreeMap<Option<ProjectName>, ProjectRow> = BTreeMap::new();
    let mut good: BTreeMap<Option<ProjectName>, f64> = BTreeMap::new();
    // Services come in the order of worry, so the first of each project is its worst.
    for row in services {
        let key = row.service.project.clone();
        let project = rows.entry(key.clone()).or_insert_with(|| ProjectRow {
            project: key.clone(),
            counts: [0; 4],
            requests: 0.0,
            availability: None,
            worst: None,
            services: Vec::new(),
        });
        project.counts[verdict_index(row.verdict)] += 1;
        project.services.push(row.service.name.clone());
        if let Some(place) = row.main_place() {
            if project.worst.is_none() {
                project.worst = Some((row.service.name.clone(), place.judgement.clone()));
            }
            if let Some((availability, seen)) = place.judgement.availability.zip(place.indicators.as_ref()) {
                project.requests += seen.requests;
                *good.entry(key).or_default() += availability * seen.requests;
            }
        }
    }
    for (key, good) in good {
        if let Some(row) = rows.get_mut(&key).filter(|row| row.requests > 0.0) {
            row.availability = Some(good / row.requests);
        }
    }
    let mut rows: Vec<ProjectRow> = rows.into_values().collect();
    rows.sort_by_key(|row| {
        (row.verdict(), std::cmp::Reverse(row.counts[0]), std::cmp::Reverse(row.counts[1]))
    });
    rows
}

fn changes(world: &World) -> Vec<Arc<Change>> {
    let Some(review) = &world.changes.value else { return Vec::new() };
    let operations = world.ledger.value.as_ref().map(|ledger| ledger.operations.clone()).unwrap_or_default();
    let requests = world.requests.value.as_deref().map(Vec::as_slice).unwrap_or_default();
    let main = world.catalog.value.as_ref().map_or("main", |catalog| catalog.settings.main.as_str());
    let mut changes: Vec<Arc<Change>> = review
        .changes
        .iter()
        // A branch that is left over after its merge is no open change.
        .filter(|change| !operations.is_merged(&change.proposal.id, &change.proposal.head))
        .map(|change| {
            let mut change = change.clone();
            // Approvals may have come since the change was read.
            change.judge(&review.people, &operations);
            let Proposal { branch, head, .. } = &change.proposal;
            change.request = forge::of_change(requests, branch, head, main).cloned().map(Arc::new);
            Arc::new(change)
        })
        .collect();
    // What waits for a person and is not broken comes first, the oldest of it first.
    changes.sort_by_key(|change| {
        let broken =
            change.findings.iter().any(|finding| finding.level == crate::domain::finding::Level::Error);
        let open = change.gates.iter().filter(|gate| !gate.is_approved()).count();
        (broken, open == 0, change.proposal.opened_at)
    });
    changes
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
