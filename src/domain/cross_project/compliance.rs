//! Version compliance: what is required of a service, what the main branch has, and what runs.

use super::{Observed, Options, Outline, outline::User};
use crate::domain::{
    catalog::{Catalog, Service},
    name::{EnvironmentName, ProjectName, ServiceName},
};
use semver::{Comparator, Op, Version, VersionReq};
use std::{cmp::Ordering, sync::Arc};

/// What is demanded of a service's version.
#[derive(Debug, Clone, PartialEq)]
pub enum Demand {
    /// A consumer needs it (`requires`, `optional`).
    Dependency {
        /// Who.
        consumer: ServiceName,
        /// The consumer's project; `None` for a shared service.
        project: Option<ProjectName>,
        /// Which versions will do.
        requirement: VersionReq,
        /// Whether the consumer works without.
        optional: bool,
        /// Where the consumer is meant to run; `None` for everywhere.
        environments: Option<Vec<EnvironmentName>>,
    },
    /// It says itself from which version on consumers may rely on it (`compat_version_min`).
    Least(Version),
    /// It says itself with which versions it is compatible (`compat_with`).
    Compatible {
        /// As it is written.
        texts: Vec<String>,
        /// What can be read of it.
        versions: Vec<VersionReq>,
    },
    /// Nobody demands a version, but what runs should be the same everywhere, and what the main branch says.
    Same,
}

impl Demand {
    /// Whether a version does.
    fn holds(&self, version: &Version, main: Option<&Version>) -> Standing {
        let (holds, is_below) = match self {
            Self::Dependency { requirement, .. } => {
                (requirement.matches(version), is_below(requirement, version))
            }
            Self::Least(least) => (version >= least, version < least),
            Self::Compatible { versions, .. } => (
                versions.is_empty() || versions.iter().any(|one| one.matches(version)),
                versions.iter().all(|one| is_below(one, version)),
            ),
            Self::Same => {
                return match main.map(|main| version.cmp(main)) {
                    Some(Ordering::Less) => Standing::Behind,
                    Some(Ordering::Greater) => Standing::Ahead,
                    Some(Ordering::Equal) | None => Standing::Meets,
                };
            }
        };
        match (holds, is_below) {
            (true, _) => Standing::Meets,
            (false, true) => Standing::Below,
            (false, false) => Standing::Outside,
        }
    }

    /// The demand in words, such as `>=1.2` or `from 1.0.0`.
    pub fn words(&self) -> String {
        match self {
            Self::Dependency { requirement, .. } => requirement.to_string(),
            Self::Least(least) => format!("from {least}"),
            Self::Compatible { texts, .. } => texts.join(", "),
            Self::Same => "as main has it".to_owned(),
        }
    }

    /// Who demands it: a consumer, or the service itself.
    pub fn by(&self) -> &str {
        match self {
            Self::Dependency { consumer, .. } => consumer.as_str(),
            Self::Least(_) | Self::Compatible { .. } => "itself",
            Self::Same => "–",
        }
    }
}

/// A demand of a service, as the catalog has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    /// The name of its row.
    pub id: Arc<str>,
    /// The service that it is demanded of.
    pub service: ServiceName,
    /// The version that the catalog has.
    pub main: Option<Version>,
    /// What is demanded.
    pub demand: Demand,
}

/// What runs of a service in one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Where.
    pub environment: EnvironmentName,
    /// Whether it is marked as production.
    pub production: bool,
    /// What the cluster says, if it says something.
    pub text: Option<String>,
    /// The same as a version, if it is one.
    pub version: Option<Version>,
}

/// How what runs in one environment stands to a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Meets,
    /// It is too old.
    Below,
    /// It is not too old, and does not do either: too new, or a pre-release.
    Outside,
    /// Nobody demands a version, and it is older than the main branch's.
    Behind,
    /// Nobody demands a version, and it is newer than the main branch's.
    Ahead,
    /// The cluster does not tell, or tells something that is no version.
    Unknown,
    /// The service is not meant to run where its consumer is.
    Absent,
    /// The consumer is not meant to run there.
    NotConcerned,
}

/// How a demand stands altogether, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComplianceState {
    /// The catalog's own version does not do, or one runs that is not too old and does not do.
    Unmet,
    /// Production runs a version that is too old.
    LagsInProduction,
    /// Another environment runs a version that is too old.
    Lags,
    /// Environments run different versions, or others than the main branch has.
    Drifts,
    /// Not everything is known, and what is known does.
    Unknown,
    /// What runs does, everywhere.
    Met,
}

impl ComplianceState {
    /// Its word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unmet => "unmet",
            Self::LagsInProduction => "lags-in-production",
            Self::Lags => "lags",
            Self::Drifts => "drifts",
            Self::Unknown => "unknown",
            Self::Met => "met",
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct ComplianceRow {
    /// What is demanded.
    pub requirement: Arc<Requirement>,
    /// Whether the catalog's own version does; `None` without one.
    pub main: Option<Standing>,
    /// What runs, in the order of the environments.
    pub runs: Arc<[Run]>,
    /// How each of [`Self::runs`] stands.
    pub standings: Vec<Standing>,
    /// Environments where the consumer is meant to run and the service is not.
    pub absent: Vec<EnvironmentName>,
    /// How it stands altogether.
    pub state: ComplianceState,
}

impl ComplianceRow {
    /// Whether somebody should look: something does not fit, or is not the same everywhere.
    pub fn is_worrying(&self) -> bool {
        self.state < ComplianceState::Unknown
    }

    /// What the row can be found by.
    pub fn searchable(&self) -> String {
        let Requirement { service, demand, .. } = &*self.requirement;
        let project = match demand {
            Demand::Dependency { project, .. } => {
                project.as_ref().map_or("shared", |project| project.as_str())
            }
            _ => "",
        };
        format!("{service} {} {project} {} {}", demand.by(), demand.words(), self.state.as_str())
    }

    /// What runs where the demand matters, with how it stands.
    pub fn concerned(&self) -> impl Iterator<Item = (&Run, Standing)> {
        self.runs.iter().zip(self.standings.iter().copied()).filter(|(_, at)| *at != Standing::NotConcerned)
    }
}

/// Everything that is demanded of `service`, the general before the particular.
pub(super) fn requirements(
    catalog: &Catalog,
    service: &Service,
    users: &[User<'_>],
    options: Options,
    found: &mut Vec<Arc<Requirement>>,
) {
    let mut put = |mark: &str, demand: Demand| {
        found.push(Arc::new(Requirement {
            id: format!("{} {mark}", service.name).into(),
            service: service.name.clone(),
            main: service.version.clone(),
            demand,
        }));
    };
    if let Some(least) = service.compat_version_min.as_ref().filter(|_| options.check_min_versions) {
        put("≥", Demand::Least(least.clone()));
    }
    if !service.compat_with.is_empty() {
        let texts = service.compat_with.clone();
        let versions = texts.iter().filter_map(|text| VersionReq::parse(text).ok()).collect();
        put("~", Demand::Compatible { texts, versions });
    }
    for user in users {
        let dependencies = user.service.dependencies.iter().filter(|one| one.service == service.name);
        let demands = dependencies.filter_map(|one| Some((one.requirement.as_ref()?, one.optional)));
        for (index, (requirement, optional)) in demands.enumerate() {
            let demand = Demand::Dependency {
                consumer: user.service.name.clone(),
                project: user.service.project.clone(),
                requirement: requirement.clone(),
                optional,
                environments: environments(catalog, user.service),
            };
            // A consumer may name a service twice.
            match index {
                0 => put(user.service.name.as_str(), demand),
                _ => put(&format!("{} {}", user.service.name, index + 1), demand),
            }
        }
    }
    if !users.is_empty() || service.project.is_none() {
        put("=", Demand::Same);
    }
}

/// Where a service is meant to run; `None` for everywhere.
fn environments(catalog: &Catalog, service: &Service) -> Option<Vec<EnvironmentName>> {
    let all = &catalog.settings.environments;
    let is_everywhere = all.iter().all(|place| catalog.is_meant_for(service, place));
    let named =
        || all.iter().filter(|place| catalog.is_meant_for(service, place)).map(|place| place.name.clone());
    (!is_everywhere).then(|| named().collect())
}

/// The rows, the worst first. Where nobody demands a version, only what drifts is one.
pub(super) fn rows(outline: &Outline, observed: &dyn Observed) -> Vec<ComplianceRow> {
    let mut rows = Vec::with_capacity(outline.requirements.len());
    // Requirements of one service follow each other.
    let mut last: Option<(&ServiceName, Arc<[Run]>)> = None;
    for requirement in &outline.requirements {
        let runs = match &last {
            Some((service, runs)) if **service == requirement.service => runs.clone(),
            _ => runs(&requirement.service, observed),
        };
        last = Some((&requirement.service, runs.clone()));
        let row = row(requirement, runs);
        if requirement.demand != Demand::Same || row.state == ComplianceState::Drifts {
            rows.push(row);
        }
    }
    rows.sort_by_key(|row| row.state);
    rows
}

fn runs(service: &ServiceName, observed: &dyn Observed) -> Arc<[Run]> {
    let running = observed.running(service).into_iter();
    running
        .map(|running| Run {
            environment: running.environment.clone(),
            production: running.production,
            text: running.version.map(str::to_owned),
            version: running.version.and_then(read),
        })
        .collect()
}

/// A version as an image's tag has it: `1.4.0` or `v1.4.0`.
fn read(text: &str) -> Option<Version> {
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

fn row(requirement: &Arc<Requirement>, runs: Arc<[Run]>) -> ComplianceRow {
    let Requirement { demand, main: version, .. } = &**requirement;
    let consumer = match demand {
        Demand::Dependency { environments, .. } => environments.as_deref(),
        _ => None,
    };
    let is_concerned =
        |place: &EnvironmentName| consumer.is_none_or(|consumer| consumer.iter().any(|one| one == place));
    let standings: Vec<Standing> = runs
        .iter()
        .map(|run| match &run.version {
            _ if !is_concerned(&run.environment) => Standing::NotConcerned,
            Some(found) => demand.holds(found, version.as_ref()),
            None => Standing::Unknown,
        })
        .collect();
    let absent: Vec<EnvironmentName> = consumer
        .into_iter()
        .flatten()
        .filter(|place| !runs.iter().any(|run| run.environment == **place))
        .cloned()
        .collect();
    let main = version.as_ref().map(|version| demand.holds(version, Some(version)));
    let state = state(demand, version.as_ref(), main, &runs, &standings, !absent.is_empty());
    ComplianceRow { requirement: requirement.clone(), main, runs, standings, absent, state }
}

fn state(
    demand: &Demand,
    version: Option<&Version>,
    main: Option<Standing>,
    runs: &[Run],
    standings: &[Standing],
    is_absent: bool,
) -> ComplianceState {
    let at = |standing: Standing| runs.iter().zip(standings).filter(move |(_, found)| **found == standing);
    if *demand == Demand::Same {
        let mut versions: Vec<&Version> = runs.iter().filter_map(|run| run.version.as_ref()).collect();
        versions.extend(version);
        return match versions.windows(2).any(|pair| pair[0] != pair[1]) {
            true => ComplianceState::Drifts,
            false if at(Standing::Unknown).next().is_some() || runs.is_empty() => ComplianceState::Unknown,
            false => ComplianceState::Met,
        };
    }
    let is_concerned = standings.iter().any(|standing| *standing != Standing::NotConcerned);
    if main.is_some_and(|main| main != Standing::Meets) || at(Standing::Outside).next().is_some() {
        ComplianceState::Unmet
    } else if at(Standing::Below).any(|(run, _)| run.production) {
        ComplianceState::LagsInProduction
    } else if at(Standing::Below).next().is_some() {
        ComplianceState::Lags
    } else if !is_concerned || is_absent || at(Standing::Unknown).next().is_some() {
        ComplianceState::Unknown
    } else {
        ComplianceState::Met
    }
}

/// Whether a version that does not do is too old for one of the bounds.
fn is_below(requirement: &VersionReq, version: &Version) -> bool {
    requirement.comparators.iter().any(|bound| {
        let has_floor = matches!(
            bound.op,
            Op::Exact | Op::Greater | Op::GreaterEq | Op::Tilde | Op::Caret | Op::Wildcard
        );
        has_floor && (*version < floor(bound) || bound.op == Op::Greater && !is_past(bound, version))
    })
}

/// The least version that a bound names.
fn floor(bound: &Comparator) -> Version {
    Version {
        major: bound.major,
        minor: bound.minor.unwrap_or(0),
        patch: bound.patch.unwrap_or(0),
        pre: bound.pre.clone(),
        build: semver::BuildMetadata::EMPTY,
    }
}

/// Whether a version is past what `>` names: `>1.2` is past 1.2 only from 1.3 on.
fn is_past(bound: &Comparator, version: &Version) -> bool {
    match (bound.minor, bound.patch) {
        (None, _) => version.major > bound.major,
        (Some(minor), None) => (version.major, version.minor) > (bound.major, minor),
        (Some(_), Some(_)) => *version > floor(bound),
    }
}
