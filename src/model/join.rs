//! The join: what should run, what runs, how it runs and what was promised, side by side.

use super::world::World;
use crate::domain::{
    catalog::{Catalog, Service, Target, Tier},
    change::{Change, gate_states},
    deployment::{Application, Health, Workload},
    gate::GateState,
    incident::Incident,
    name::{ProjectName, ServiceName},
    sla::{Endpoint, Indicators, Judgement, SlaVerdict, judge},
};
use std::{
    collections::{BTreeMap, HashMap},
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
    /// What its scrapes say, if there were any.
    pub indicators: Option<Indicators>,
    /// The promise held against them.
    pub judgement: Judgement,
}

impl Place {
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

/// Everything joined; rebuilt as a whole whenever a source has changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Joined {
    /// Services in the order of worry.
    pub services: Vec<Arc<ServiceRow>>,
    /// Where each service is in [`Self::services`].
    pub index: HashMap<ServiceName, usize>,
    /// Projects, the worst first.
    pub projects: Vec<ProjectRow>,
    /// Open changes with their gates as the ledger has them, the nearest to done first.
    pub changes: Vec<Arc<Change>>,
    /// Open incidents, in the ledger's order; their clocks depend on the time and are computed when shown.
    pub incidents: Vec<Incident>,
    /// Services by verdict: violated, burning, no data, met.
    pub counts: [usize; 4],
    /// Who requires (or optionally uses) each service.
    pub dependants: BTreeMap<ServiceName, Vec<ServiceName>>,
}

impl Joined {
    /// The row of a service.
    pub fn service(&self, name: &str) -> Option<&Arc<ServiceRow>> {
        self.index.get(name).and_then(|index| self.services.get(*index))
    }

    /// Joins what the sources said last.
    pub fn new(world: &World) -> Self {
        let empty = Catalog::default();
        let catalog = world.catalog.value.as_deref().unwrap_or(&empty);
        let changes = changes(world);
        let operations =
            world.ledger.value.as_ref().map(|ledger| ledger.operations.clone()).unwrap_or_default();
        let incidents: Vec<Incident> = operations.open_incidents().cloned().collect();

        let mut incidents_by_service: BTreeMap<&ServiceName, usize> = BTreeMap::new();
        for service in incidents.iter().filter_map(|incident| incident.service.as_ref()) {
            *incidents_by_service.entry(service).or_default() += 1;
        }
        let mut changes_by_service: BTreeMap<&ServiceName, usize> = BTreeMap::new();
        for service in changes.iter().flat_map(|change| &change.services) {
            *changes_by_service.entry(service).or_default() += 1;
        }

        let mut services: Vec<Arc<ServiceRow>> = catalog
            .services
            .values()
            .map(|service| {
                let mut row = ServiceRow {
                    service: service.clone(),
                    places: places(world, catalog, service),
                    verdict: SlaVerdict::NoData,
                    incidents: incidents_by_service.get(&service.name).copied().unwrap_or(0),
                    changes: changes_by_service.get(&service.name).copied().unwrap_or(0),
                };
                row.verdict = row.main_place().map_or(SlaVerdict::NoData, |place| place.judgement.verdict);
                Arc::new(row)
            })
            .collect();
        services.sort_by_cached_key(|row| (row.worry(), row.service.name.clone()));
        let index =
            services.iter().enumerate().map(|(index, row)| (row.service.name.clone(), index)).collect();
        let projects = projects(&services);
        let mut counts = [0; 4];
        for row in &services {
            counts[verdict_index(row.verdict)] += 1;
        }
        let mut dependants: BTreeMap<ServiceName, Vec<ServiceName>> = BTreeMap::new();
        for service in catalog.services.values() {
            for dependency in &service.dependencies {
                let known = dependants.entry(dependency.service.clone()).or_default();
                if known.last() != Some(&service.name) {
                    known.push(service.name.clone());
                }
            }
        }
        Self { services, index, projects, changes, incidents, counts, dependants }
    }
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

fn places(world: &World, catalog: &Catalog, service: &Service) -> Vec<Place> {
    let promise = catalog.sla(service);
    let nothing = Indicators::default();
    catalog
        .settings
        .environments
        .iter()
        .filter_map(|environment| catalog.target(service, environment))
        .map(|target| {
            let view = world.clusters.get(&target.context).and_then(|source| source.value.as_ref());
            let workload = view.and_then(|view| {
                view.workloads.get(&(target.namespace.clone(), target.workload.clone())).cloned()
            });
            let application = view
                .zip(target.application.as_ref())
                .and_then(|(view, key)| view.applications.get(key).cloned());
            let endpoint =
                Endpoint { service: service.name.clone(), environment: target.environment.clone() };
            let indicators =
                world.metrics.value.as_ref().and_then(|view| view.endpoints.get(&endpoint)).cloned();
            let judgement = judge(&promise, indicators.as_ref().unwrap_or(&nothing));
            Place { target, workload, application, indicators, judgement }
        })
        .collect()
}

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
    let mut changes: Vec<Arc<Change>> = review
        .changes
        .iter()
        .map(|change| {
            let mut change = change.clone();
            // Approvals may have come since the change was read.
            let approvals = operations.approvals_of(&change.proposal.id);
            let states = gate_states(&change.gates, &change.proposal, &review.people, approvals);
            for (gate, state) in change.gates.iter_mut().zip(states) {
                gate.state = state;
            }
            Arc::new(change)
        })
        .collect();
    // What waits for a person and is not broken comes first, the oldest of it first.
    changes.sort_by_key(|change| {
        let broken =
            change.findings.iter().any(|finding| finding.level == crate::domain::finding::Level::Error);
        let open =
            change.gates.iter().filter(|gate| !matches!(gate.state, GateState::Approved { .. })).count();
        (broken, open == 0, change.proposal.opened_at)
    });
    changes
}
