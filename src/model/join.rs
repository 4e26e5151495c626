//! The join: what should run, what runs, how it runs and what was promised, side by side.

use super::world::World;
use crate::domain::{
    catalog::{Catalog, Service, Target, Tier},
    change::{Change, Proposal},
    deployment::{Application, ClusterView, Health, Keeper, Workload},
    forge,
    incident::Incident,
    name::{ContextName, ProjectName, ServiceName},
    sla::{Endpoint, Indicators, Judgement, MetricsView, SlaVerdict, judge},
};
use chrono::{DateTime, Utc};
use std::{
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
    basis: Basis,
}

/// What a join was made from, so that the next one looks only at what has changed.
#[derive(Debug, Clone, Default, PartialEq)]
struct Basis {
    catalog: Option<Arc<Catalog>>,
    clusters: BTreeMap<ContextName, Option<Arc<ClusterView>>>,
    metrics: Option<Arc<MetricsView>>,
}

impl Basis {
    fn of(world: &World) -> Self {
        let clusters = world.clusters.iter();
        Self {
            catalog: world.catalog.value.clone(),
            clusters: clusters.map(|(name, source)| (name.clone(), source.value.clone())).collect(),
            metrics: world.metrics.value.clone(),
        }
    }

    /// Whether both have the very same picture of a cluster.
    fn agree_on_cluster(&self, other: &Self, context: &ContextName) -> bool {
        let view = |basis: &Self| basis.clusters.get(context).cloned().flatten();
        is_same(view(self).as_ref(), view(other).as_ref())
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
        let mut joined = Self { changes: changes(world), basis: Basis::of(world), ..Self::default() };
        if let Some(ledger) = &world.ledger.value {
            joined.incidents = ledger.operations.open_incidents().cloned().collect();
        }
        let concerned = Concerned::of(&joined.incidents, &joined.changes);
        let Some(catalog) = joined.basis.catalog.clone() else { return joined };
        if is_same(Some(&catalog), self.basis.catalog.as_ref()) {
            self.refresh(&mut joined, &concerned);
        } else {
            joined.services =
                catalog.services.values().map(|service| joined.basis.row(service, &concerned)).collect();
            joined.arrange();
            joined.judge();
            joined.dependants = Arc::new(dependants(&catalog));
        }
        joined
    }

    /// Fills `joined` with the rows of the same catalog, anew where something has changed.
    fn refresh(&self, joined: &mut Self, concerned: &Concerned) {
        joined.services.clone_from(&self.services);
        joined.index = Arc::clone(&self.index);
        joined.dependants = Arc::clone(&self.dependants);
        joined.projects = Arc::clone(&self.projects);
        joined.counts = self.counts;
        let same_metrics = is_same(self.basis.metrics.as_ref(), joined.basis.metrics.as_ref());
        let known = self.basis.clusters.keys().chain(joined.basis.clusters.keys());
        let moved: BTreeSet<&ContextName> =
            known.filter(|context| !self.basis.agree_on_cluster(&joined.basis, context)).collect();
        let (mut rearrange, mut rejudge) = (false, false);
        let mut key = (String::new(), String::new());
        for row in &mut joined.services {
            let kept = same_metrics
                && row.incidents == concerned.incidents(&row.service.name)
                && row.changes == concerned.changes(&row.service.name)
                && (row.places.iter().filter(|place| moved.contains(&place.target.context)))
                    .all(|place| joined.basis.shows(place, &mut key));
            if kept {
                continue;
            }
            let new = joined.basis.row(&row.service, concerned);
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

/// How many open incidents and changes there are about each service.
#[derive(Default)]
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
    /// Whether `place` still says what its cluster does. `key` is a buffer: ten thousand places ask.
    fn shows(&self, place: &Place, key: &mut (String, String)) -> bool {
        let view = self.clusters.get(&place.target.context).and_then(Option::as_ref);
        key.0.clone_from(&place.target.namespace);
        key.1.clone_from(&place.target.workload);
        let workload = view.and_then(|view| view.workloads.get(key));
        let application = view
            .zip(place.target.application.as_ref())
            .and_then(|(view, application)| view.applications.get(application));
        is_same(workload, place.workload.as_ref())
            && is_same(application, place.application.as_ref())
            && is_same(keeper(view, workload), place.keeper.as_ref())
    }

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
                let view = self.clusters.get(&target.context).and_then(Option::as_ref);
                let workload = view.and_then(|view| {
                    view.workloads.get(&(target.namespace.clone(), target.workload.clone())).cloned()
                });
                let application = view
                    .zip(target.application.as_ref())
                    .and_then(|(view, key)| view.applications.get(key).cloned());
                let endpoint =
                    Endpoint { service: service.name.clone(), environment: target.environment.clone() };
                let indicators =
                    self.metrics.as_ref().and_then(|view| view.endpoints.get(&endpoint)).cloned();
                let judgement = judge(&promise, indicators.as_ref().unwrap_or(&nothing));
                let keeper = keeper(view, workload.as_ref()).cloned();
                Place { target, workload, application, keeper, indicators, judgement }
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
mod tests {
    use super::*;
    use crate::domain::catalog::reader;
    use std::fmt::Write as _;

    /// A world of thirty services in one cluster.
    fn world() -> World {
        let mut text = String::new();
        for index in 0..30 {
            let _ = write!(
                text,
                "[service.s{index}]\nname = \"s{index}\"\ntype = \"api\"\nowner = \"core\"\nversion = \"1.0.0\"\n\
                 [service.s{index}.sla]\navailability = \"99.9%\"\n"
            );
        }
        let settings =
            "[environment.production]\ncontext = \"one\"\nnamespace = \"shop\"\nproduction = true\n";
        let catalog = reader::read([
            ("services/catalog.toml".to_owned(), text.into_bytes()),
            ("quarterdeck.toml".to_owned(), settings.as_bytes().to_vec()),
        ]);
        let mut world = World::default();
        world.catalog.value = Some(Arc::new(catalog));
        world.clusters.entry("one".into()).or_default().value = Some(Arc::default());
        world
    }

    fn workload(ready: u32) -> Arc<Workload> {
        Arc::new(Workload {
            namespace: "shop".into(),
            name: "s3".into(),
            managed_by: crate::domain::catalog::ManagedBy::Deployment,
            version: Some("1.0.0".into()),
            desired: 3,
            updated: 3,
            ready,
            health: Health::Healthy,
            revision: Some(1),
            detail: crate::domain::deployment::WorkloadDetail::default(),
        })
    }

    fn show(world: &mut World, workload: Arc<Workload>) {
        let source = world.clusters.get_mut("one").unwrap();
        let mut view = ClusterView::clone(source.value.as_ref().unwrap());
        view.workloads.insert(("shop".into(), "s3".into()), workload);
        source.value = Some(Arc::new(view));
    }

    fn measure(world: &mut World, service: &str, errors: f64) {
        let mut view = world.metrics.value.as_deref().cloned().unwrap_or_default();
        let endpoint = Endpoint { service: service.into(), environment: "production".into() };
        let requests = 10_000.0;
        view.endpoints.insert(
            endpoint,
            Indicators {
                requests,
                availability: Some(1.0 - errors),
                error_ratio: Some(errors),
                ..Indicators::default()
            },
        );
        world.metrics.value = Some(Arc::new(view));
    }

    #[test]
    fn what_nobody_measures_is_not_waited_for() {
        let why = |world: &World| {
            let joined = Joined::new(world);
            joined.service("s3").unwrap().places[0].judgement.reasons.join("; ")
        };
        let mut world = world();
        assert_eq!(why(&world), UNMEASURED);
        let mut catalog = Catalog::clone(world.catalog.value.as_ref().unwrap());
        catalog.settings.scrape = Some(crate::domain::catalog::ScrapeSettings {
            url: "http://{service}/metrics".into(),
            interval: chrono::Duration::seconds(15),
            timeout: chrono::Duration::seconds(5),
        });
        world.catalog.value = Some(Arc::new(catalog));
        assert_eq!(why(&world), "not scraped yet");
    }

    #[test]
    fn each_step_gives_what_a_join_of_everything_gives_and_keeps_the_other_rows() {
        let mut world = world();
        let mut joined = Joined::new(&world);
        let mut step = |world: &World, anew: usize| {
            let next = joined.next(world);
            assert!(next == Joined::new(world), "not what a join of everything gives");
            let kept = |row: &&Arc<ServiceRow>| {
                joined.service(row.service.name.as_str()).is_some_and(|before| Arc::ptr_eq(before, row))
            };
            assert_eq!(next.services.iter().filter(kept).count(), 30 - anew);
            joined = next;
        };
        step(&world, 0);
        show(&mut world, workload(1));
        step(&world, 1);
        // The same picture once more, with the same objects in it.
        let view = ClusterView::clone(world.clusters["one"].value.as_ref().unwrap());
        world.clusters.get_mut("one").unwrap().value = Some(Arc::new(view));
        step(&world, 0);
        show(&mut world, workload(3));
        step(&world, 1);
        // Metrics are judged anew for all, and the order of worry follows.
        measure(&mut world, "s7", 0.2);
        step(&world, 30);
        measure(&mut world, "s7", 0.0);
        step(&world, 30);
        // Another catalog, though equal.
        world.catalog.value = Some(Arc::new(world.catalog.value.as_deref().unwrap().clone()));
        step(&world, 30);
        world.clusters.clear();
        step(&world, 1);
        world.catalog.value = None;
        assert!(joined.next(&world) == Joined::new(&world));
    }
}
