//! What an outage, another version or a change does to everybody else: who falls, who breaks and why, what can still be
//! promised, and who is to be told.

mod availability;
mod harm;
mod promises;
#[cfg(test)]
mod tests;

pub use availability::Availability;

use super::{
    catalog::{Catalog, Service, Tier},
    change::classify,
    graph::DependencyGraph,
    name::{ProjectName, ServiceName, TeamName},
};
use availability::ceilings;
use harm::{Broken, unmet_needs, why_broken};
use semver::Version;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

/// What becomes of a service, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Harm {
    /// It cannot work with what changes.
    Breaks,
    /// It cannot work because something that it needs does not.
    Falls,
    /// It may not work: nothing says that it will.
    AtRisk,
    /// It works without something.
    Degrades,
    /// It goes on as before.
    Unharmed,
}

impl Harm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Breaks, Self::Falls, Self::AtRisk, Self::Degrades, Self::Unharmed];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaks => "breaks",
            Self::Falls => "falls",
            Self::AtRisk => "at risk",
            Self::Degrades => "degrades",
            Self::Unharmed => "unharmed",
        }
    }

    /// What becomes of a service that needs one which suffers this.
    const fn behind(self, optional: bool) -> Self {
        match (self, optional) {
            (Self::Unharmed, _) => Self::Unharmed,
            (Self::Degrades, _) | (_, true) => Self::Degrades,
            (Self::Breaks | Self::Falls, false) => Self::Falls,
            (Self::AtRisk, false) => Self::AtRisk,
        }
    }
}

/// What the question is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// A service does not answer.
    Outage(Arc<Service>),
    /// A service goes to another version.
    Version(Arc<Service>, Version),
    /// These services change or go, each with what happens in a few words.
    Change(Vec<(ServiceName, String)>),
}

/// A service that uses what the question is about, directly or through others.
#[derive(Debug, Clone, PartialEq)]
pub struct Affected {
    /// Which one.
    pub service: Arc<Service>,
    /// What becomes of it.
    pub harm: Harm,
    /// How many steps away it is; 0 for a changed service that breaks by itself.
    pub depth: usize,
    /// Whether it is reached along required needs alone.
    pub required: bool,
    /// Through which service the harm reaches it; `None` when it uses the cause itself.
    pub via: Option<ServiceName>,
    /// Why, in the order of weight; empty where `via` says it all.
    pub reasons: Vec<String>,
    /// What it promises, and what it can keep.
    pub availability: Availability,
}

/// Somebody who must hear of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// The owner, a team or a person; `None` for services that nobody owns.
    pub owner: Option<TeamName>,
    /// Where to write to.
    pub channel: Option<String>,
    /// Whom to ask for.
    pub lead: Option<String>,
    /// The worst that happens to their services.
    pub harm: Harm,
    /// Their services, the worst first.
    pub services: Vec<ServiceName>,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Impact {
    /// What the question was about.
    pub cause: Cause,
    /// Who uses it, the most worrying first.
    pub affected: Vec<Affected>,
    /// Harmed services by what becomes of them.
    pub by_harm: BTreeMap<Harm, usize>,
    /// Harmed services by tier.
    pub by_tier: BTreeMap<Tier, usize>,
    /// Harmed services by project; `None` are shared ones.
    pub by_project: BTreeMap<Option<ProjectName>, usize>,
    /// Whom to tell, the worst hit first.
    pub notify: Vec<Notify>,
}

impl Impact {
    /// What falls if `service` does not answer; `None` if there is no such service.
    pub fn outage(catalog: &Catalog, graph: &DependencyGraph, service: &ServiceName) -> Option<Self> {
        let subject = catalog.services.get(service)?;
        let place = graph.position(service)?;
        let mut seeds = Vec::new();
        for (user, need) in graph.users(place).filter(|(user, _)| *user != place) {
            let harm = if need.optional { Harm::Degrades } else { Harm::Falls };
            let dependency = named(catalog, graph, user)
                .and_then(|user| user.dependencies.iter().find(|dependency| dependency.service == *service));
            let now = Broken { old: Some(subject), new: Some(subject), version: subject.version.as_ref() };
            let reasons = dependency.map_or_else(Vec::new, |dependency| why_broken(&now, dependency).1);
            seeds.push((user, harm, reasons));
        }
        let now = ceilings(catalog, graph, &HashSet::new());
        let otherwise = ceilings(catalog, graph, &HashSet::from([place]));
        let otherwise = |_: &ServiceName, user: usize| Some(otherwise[user]);
        let spread = Spread {
            catalog,
            graph,
            subjects: &[place],
            now: &now,
            otherwise: &otherwise,
            risks: HashMap::new(),
        };
        Some(spread.answer(Cause::Outage(subject.clone()), seeds))
    }

    /// What happens when `service` goes to `version`; `None` if there is no such service.
    pub fn version(
        catalog: &Catalog,
        graph: &DependencyGraph,
        service: &ServiceName,
        version: &Version,
    ) -> Option<Self> {
        let subject = catalog.services.get(service)?;
        let place = graph.position(service)?;
        let now = Broken { old: Some(subject), new: Some(subject), version: Some(version) };
        let seeds = seeds(catalog, graph, &HashMap::from([(service, now)]));
        let now = ceilings(catalog, graph, &HashSet::new());
        let otherwise = |_: &ServiceName, _: usize| None;
        let spread = Spread {
            catalog,
            graph,
            subjects: &[place],
            now: &now,
            otherwise: &otherwise,
            risks: HashMap::new(),
        };
        Some(spread.answer(Cause::Version(subject.clone(), version.clone()), seeds))
    }

    /// What the step from `base` to `head` does.
    pub fn change(base: &Catalog, head: &Catalog) -> Self {
        let graph = DependencyGraph::build(head);
        let before = DependencyGraph::build(base);
        let promised = promises::changed(base, head);
        let changed: BTreeSet<ServiceName> = classify(base, head, &[])
            .services
            .into_iter()
            // The policy of a tier changes what services promise whose own tables stay as they are.
            .chain(promised.keys().map(|name| (*name).clone()))
            .collect();
        let in_words = |name: &ServiceName| {
            let (old, new) = (base.services.get(name), head.services.get(name));
            let said = promised.get(name).map_or(&[][..], |promised| &promised.words);
            (name.clone(), harm::in_words(old.map(Arc::as_ref), new.map(Arc::as_ref), said))
        };
        let words = changed.iter().map(in_words).collect();
        let (subjects, seeds) = change_seeds(base, head, &graph, &changed, &promised);
        let now = ceilings(head, &graph, &HashSet::new());
        let earlier = ceilings(base, &before, &HashSet::new());
        let otherwise = |name: &ServiceName, _: usize| before.position(name).map(|place| earlier[place]);
        let risks = promises::risks(base, head, &graph, &now, &otherwise);
        Spread { catalog: head, graph: &graph, subjects: &subjects, now: &now, otherwise: &otherwise, risks }
            .answer(Cause::Change(words), seeds)
    }

    /// How many services suffer each kind of harm from the step from `base` to `head`, as [`Self::change`] counts them:
    /// for where many changes are listed and nobody reads the names. `graph` is that of the head, and `touched` are
    /// the services that differ.
    pub fn count_change(
        base: &Catalog,
        head: &Catalog,
        graph: &DependencyGraph,
        touched: &[ServiceName],
    ) -> BTreeMap<Harm, usize> {
        let promised = promises::changed(base, head);
        if !promised.is_empty() || touched.iter().any(|name| has_other_needs(base, head, name)) {
            // Then it must be found out what everybody can still keep.
            return Self::change(base, head).by_harm;
        }
        let changed = touched.iter().cloned().collect();
        let (subjects, seeds) = change_seeds(base, head, graph, &changed, &promised);
        let mut counts = BTreeMap::new();
        let harms = suffered(graph, &subjects, &seeds).into_iter().flatten();
        for (harm, _) in harms.filter(|(harm, _)| *harm != Harm::Unharmed) {
            *counts.entry(harm).or_default() += 1;
        }
        counts
    }

    /// How many services are harmed.
    pub fn harmed(&self) -> usize {
        self.by_harm.values().sum()
    }

    /// How many services suffer one kind of harm.
    pub fn count(&self, harm: Harm) -> usize {
        self.by_harm.get(&harm).copied().unwrap_or(0)
    }

    /// What the question was, as a title.
    pub fn title(&self) -> String {
        match &self.cause {
            Cause::Outage(service) => format!("If {} falls", service.name),
            Cause::Version(service, version) => {
                let from = service.version.as_ref().map_or_else(String::new, |from| format!(" from {from}"));
                format!("If {} goes{from} to {version}", service.name)
            }
            Cause::Change(changed) => match changed.as_slice() {
                [(name, _)] => format!("If {name} changes"),
                many => format!("If {} services change", many.len()),
            },
        }
    }

    /// The answer in one sentence.
    pub fn summary(&self) -> String {
        let harmed = self.harmed();
        if harmed == 0 {
            return match (self.affected.len(), &self.cause) {
                (_, Cause::Change(changed)) if changed.is_empty() => "no service changes".to_owned(),
                (0, _) => "no other service uses it".to_owned(),
                (1, _) => "the one service that uses it goes on as before".to_owned(),
                (many, _) => format!("all {many} services that use it go on as before"),
            };
        }
        let parts: Vec<String> = Harm::ALL
            .into_iter()
            .filter(|harm| *harm != Harm::Unharmed && self.count(*harm) > 0)
            .map(|harm| {
                let count = self.count(harm);
                match (harm, count) {
                    (Harm::AtRisk, 1) => "1 is at risk".to_owned(),
                    (Harm::AtRisk, many) => format!("{many} are at risk"),
                    (harm, 1) => format!("1 {}", harm.as_str()),
                    (harm, many) => format!("{many} {}", harm.as_str().trim_end_matches('s')),
                }
            })
            .collect();
        let projects = self.by_project.keys().flatten().count();
        let place = match projects {
            0 => String::new(),
            1 => ", in 1 project".to_owned(),
            many => format!(", in {many} projects"),
        };
        let noun = if harmed == 1 { "service" } else { "services" };
        match parts.as_slice() {
            // `6 services fall`, without counting them twice.
            [part] => {
                let verb = part.split_once(' ').map_or("", |(_, verb)| verb);
                format!("{harmed} {noun} {verb}{place}")
            }
            parts => format!("{harmed} {noun}: {}{place}", parts.join(", ")),
        }
    }
}

/// The service at a place of the graph.
fn named<'c>(catalog: &'c Catalog, graph: &DependencyGraph, place: usize) -> Option<&'c Arc<Service>> {
    catalog.services.get(graph.name(place)?)
}

/// A harmed direct user: its place, what becomes of it, and why.
type Seed = (usize, Harm, Vec<String>);

/// The direct users of what is broken. Every dependency is looked at, also those on what is gone.
fn seeds(
    catalog: &Catalog,
    graph: &DependencyGraph,
    broken: &HashMap<&ServiceName, Broken<'_>>,
) -> Vec<Seed> {
    let mut seeds = Vec::new();
    for user in catalog.services.values() {
        for dependency in &user.dependencies {
            let Some(it) = broken.get(&dependency.service).filter(|_| dependency.service != user.name) else {
                continue;
            };
            let (harm, mut reasons) = why_broken(it, dependency);
            // With many causes, each reason names its own.
            if broken.len() > 1 {
                for reason in &mut reasons {
                    *reason = format!("{}: {reason}", dependency.service);
                }
            }
            let harm = if dependency.optional && harm != Harm::Unharmed { Harm::Degrades } else { harm };
            if let Some(place) = graph.position(&user.name) {
                seeds.push((place, harm, reasons));
            }
        }
    }
    seeds
}

/// Whether a service comes, goes, or needs other services than before.
fn has_other_needs(base: &Catalog, head: &Catalog, name: &ServiceName) -> bool {
    let needs = |service: &Arc<Service>| -> BTreeSet<(ServiceName, bool)> {
        let needs = service.dependencies.iter();
        needs.map(|dependency| (dependency.service.clone(), dependency.optional)).collect()
    };
    match (base.services.get(name), head.services.get(name)) {
        (Some(old), Some(new)) => needs(old) != needs(new),
        _ => true,
    }
}

/// Where the services are that a change alters, in ascending order, and what that does to their direct users.
fn change_seeds(
    base: &Catalog,
    head: &Catalog,
    graph: &DependencyGraph,
    changed: &BTreeSet<ServiceName>,
    promised: &BTreeMap<&ServiceName, promises::Changed>,
) -> (Vec<usize>, Vec<Seed>) {
    let mut broken: HashMap<&ServiceName, Broken<'_>> = HashMap::new();
    for name in changed {
        let (old, new) = (base.services.get(name), head.services.get(name));
        // A promise that only gets better harms nobody.
        let is_same = old.zip(new).is_some_and(|(old, new)| Arc::ptr_eq(old, new) || old == new);
        if old.is_some() && !(is_same && promised.get(name).is_some_and(|promised| !promised.lowered)) {
            let version = new.and_then(|new| new.version.as_ref());
            broken.insert(name, Broken { old, new, version });
        }
    }
    let mut seeds = seeds(head, graph, &broken);
    let mut subjects: Vec<usize> = changed.iter().filter_map(|name| graph.position(name)).collect();
    // A changed service can ask for something that is not there.
    for place in &subjects {
        let reasons = named(head, graph, *place).map(|service| unmet_needs(head, service));
        if let Some(reasons) = reasons.filter(|reasons| !reasons.is_empty()) {
            seeds.push((*place, Harm::Breaks, reasons));
        }
    }
    subjects.sort_unstable();
    (subjects, seeds)
}

/// What becomes of every service, and through which other one, by its place. The worst harm comes first, and whoever
/// it reaches suffers nothing milder.
fn suffered(
    graph: &DependencyGraph,
    subjects: &[usize],
    seeds: &[Seed],
) -> Vec<Option<(Harm, Option<usize>)>> {
    let mut waiting: [VecDeque<(usize, Option<usize>)>; Harm::ALL.len()] = Default::default();
    let mut by_self: HashSet<usize> = HashSet::new();
    for (place, harm, _) in seeds {
        waiting[*harm as usize].push_back((*place, None));
        if subjects.binary_search(place).is_ok() {
            by_self.insert(*place);
        }
    }
    let mut suffered: Vec<Option<(Harm, Option<usize>)>> = vec![None; graph.len()];
    for harm in Harm::ALL {
        while let Some((place, via)) = waiting[harm as usize].pop_front() {
            let is_subject = subjects.binary_search(&place).is_ok() && !by_self.contains(&place);
            if suffered[place].is_some() || is_subject {
                continue;
            }
            suffered[place] = Some((harm, via));
            for (user, need) in graph.users(place) {
                waiting[harm.behind(need.optional) as usize].push_back((user, Some(place)));
            }
        }
    }
    suffered
}

/// How harm spreads from the direct users to everybody behind them.
struct Spread<'a> {
    catalog: &'a Catalog,
    graph: &'a DependencyGraph,
    /// What the question is about, in ascending order.
    subjects: &'a [usize],
    /// What each service can keep.
    now: &'a [f64],
    /// What it could keep otherwise.
    otherwise: &'a dyn Fn(&ServiceName, usize) -> Option<f64>,
    /// Why a service cannot keep what it promises any more. That harms nobody behind it: they count on the promise.
    risks: HashMap<usize, String>,
}

impl Spread<'_> {
    fn answer(&self, cause: Cause, seeds: Vec<Seed>) -> Impact {
        let mut suffered = suffered(self.graph, self.subjects, &seeds);
        let mut reasons: HashMap<usize, Vec<(Harm, String)>> = HashMap::new();
        let mut depth = vec![usize::MAX; self.graph.len()];
        for (place, harm, said) in seeds {
            reasons.entry(place).or_default().extend(said.into_iter().map(|reason| (harm, reason)));
            depth[place] = 1;
        }
        let (required, mut depth) = self.distances(depth);
        for (place, why) in &self.risks {
            reasons.entry(*place).or_default().push((Harm::AtRisk, why.clone()));
            if suffered[*place].is_none_or(|(harm, _)| harm > Harm::AtRisk) {
                suffered[*place] = Some((Harm::AtRisk, None));
            }
            // What no need leads to stands for itself.
            if depth[*place] == usize::MAX {
                depth[*place] = 0;
            }
        }
        let mut affected = Vec::new();
        for (place, suffered) in suffered.into_iter().enumerate() {
            let (Some((harm, via)), Some(service)) = (suffered, named(self.catalog, self.graph, place))
            else {
                continue;
            };
            let mut said = reasons.remove(&place).unwrap_or_default();
            said.sort_by_key(|(harm, _)| *harm);
            let promise = self.catalog.sla(service);
            affected.push(Affected {
                service: service.clone(),
                harm,
                depth: depth[place],
                required: required[place],
                via: via.and_then(|via| self.graph.name(via).cloned()),
                reasons: said.into_iter().map(|(_, reason)| reason).collect(),
                availability: Availability::new(
                    &promise,
                    self.now[place],
                    (self.otherwise)(&service.name, place),
                ),
            });
        }
        affected.sort_by(|a, b| {
            let worry = |it: &Affected| (it.harm, std::cmp::Reverse(it.service.tier), it.depth);
            worry(a).cmp(&worry(b)).then_with(|| a.service.name.cmp(&b.service.name))
        });
        let mut impact = Impact {
            notify: notify(self.catalog, &affected),
            cause,
            affected,
            by_harm: BTreeMap::new(),
            by_tier: BTreeMap::new(),
            by_project: BTreeMap::new(),
        };
        for it in impact.affected.iter().filter(|it| it.harm != Harm::Unharmed) {
            *impact.by_harm.entry(it.harm).or_default() += 1;
            *impact.by_tier.entry(it.service.tier).or_default() += 1;
            *impact.by_project.entry(it.service.project.clone()).or_default() += 1;
        }
        impact
    }

    /// Whether each service is reached along required needs alone, and in how many steps along any. `depth` has the
    /// direct users already: what is gone is not in the graph any more.
    fn distances(&self, mut depth: Vec<usize>) -> (Vec<bool>, Vec<usize>) {
        let mut required = vec![false; depth.len()];
        let mut along_required: VecDeque<usize> = VecDeque::new();
        let mut queue: VecDeque<usize> = VecDeque::new();
        for subject in self.subjects {
            depth[*subject] = 0;
            required[*subject] = true;
            along_required.push_back(*subject);
            queue.push_back(*subject);
        }
        // Direct users of what is gone.
        for place in (0..depth.len()).filter(|place| depth[*place] == 1).collect::<Vec<_>>() {
            queue.push_back(place);
            let is_needed = named(self.catalog, self.graph, place).is_some_and(|service| {
                service.dependencies.iter().any(|dependency| {
                    !dependency.optional && !self.catalog.services.contains_key(&dependency.service)
                })
            });
            if is_needed {
                required[place] = true;
                along_required.push_back(place);
            }
        }
        while let Some(place) = queue.pop_front() {
            for (user, _) in self.graph.users(place) {
                if depth[user] == usize::MAX {
                    depth[user] = depth[place] + 1;
                    queue.push_back(user);
                }
            }
        }
        while let Some(place) = along_required.pop_front() {
            for (user, need) in self.graph.users(place) {
                if !need.optional && !std::mem::replace(&mut required[user], true) {
                    along_required.push_back(user);
                }
            }
        }
        (required, depth)
    }
}

/// Whom to tell about the harmed services.
fn notify(catalog: &Catalog, affected: &[Affected]) -> Vec<Notify> {
    let mut by_owner: BTreeMap<Option<&TeamName>, Notify> = BTreeMap::new();
    for it in affected.iter().filter(|it| it.harm != Harm::Unharmed) {
        let owner = it.service.owner.as_ref();
        let entry = by_owner.entry(owner).or_insert_with(|| {
            let team = owner.and_then(|owner| catalog.people.team(owner.as_str()));
            let person = owner.and_then(|owner| catalog.people.persons.get(owner.as_str()));
            let lead = team.and_then(|team| team.lead.as_ref());
            Notify {
                owner: owner.cloned(),
                channel: team
                    .and_then(|team| team.channel.clone())
                    .or_else(|| person.and_then(|person| person.chat.clone())),
                lead: lead.map(|lead| {
                    catalog
                        .people
                        .persons
                        .get(lead)
                        .map_or_else(|| lead.to_string(), |person| person.name.clone())
                }),
                harm: it.harm,
                services: Vec::new(),
            }
        });
        // They come sorted by worry, so the first one is the worst.
        entry.services.push(it.service.name.clone());
    }
    let mut all: Vec<Notify> = by_owner.into_values().collect();
    all.sort_by(|a, b| {
        let size = |it: &Notify| (it.harm, std::cmp::Reverse(it.services.len()));
        size(a).cmp(&size(b)).then_with(|| a.owner.cmp(&b.owner))
    });
    all
}
