//! The dependency graph of services.

use crate::domain::{
    catalog::{Catalog, Tier},
    name::{ProjectName, ServiceName},
};
use petgraph::{
    Direction,
    algo::kosaraju_scc,
    graph::{DiGraph, EdgeReference, NodeIndex},
    visit::EdgeRef,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// What an edge says: the service at its source needs the one at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Whether the service works without.
    pub optional: bool,
    /// Whether the two belong to different projects (a shared service is in none).
    pub cross_project: bool,
}

/// Something reached from a service, with the least number of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// What was reached.
    pub service: ServiceName,
    /// In how many steps; 1 is a direct one.
    pub depth: usize,
}

/// What falls if a service falls: everything that cannot work without it, however far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blast {
    /// How many services.
    pub services: usize,
    /// How many of each tier.
    pub by_tier: BTreeMap<Tier, usize>,
    /// How many of each project; `None` are shared services.
    pub by_project: BTreeMap<Option<ProjectName>, usize>,
}

/// A piece of the graph around one service, ready to be drawn in layers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbourhood {
    /// Services by layer: dependants at negative layers, the service at 0, dependencies at positive ones.
    pub layers: BTreeMap<i32, Vec<ServiceName>>,
    /// Edges without any cycle: every one leads to a later layer or stays out (see `cut`).
    pub edges: Vec<NeighbourEdge>,
    /// Edges left out because they lead back or stay within a layer; a drawing says that they exist.
    pub cut: Vec<NeighbourEdge>,
}

/// An edge of a [`Neighbourhood`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeighbourEdge {
    /// Who needs.
    pub from: ServiceName,
    /// What is needed.
    pub to: ServiceName,
    /// Whether it works without.
    pub optional: bool,
    /// Whether the two belong to different projects.
    pub cross_project: bool,
}

/// Who needs whom. Dependencies on services that do not exist are not in it; a rule reports them.
#[derive(Debug, Clone, Default)]
pub struct DependencyGraph {
    graph: DiGraph<ServiceName, Need>,
    index: HashMap<ServiceName, NodeIndex>,
}

impl DependencyGraph {
    /// The graph of all services of a catalog.
    pub fn build(catalog: &Catalog) -> Self {
        let edges = catalog.services.values().map(|service| service.dependencies.len()).sum();
        let mut graph = DiGraph::with_capacity(catalog.services.len(), edges);
        let index: HashMap<_, _> =
            catalog.services.keys().map(|name| (name.clone(), graph.add_node(name.clone()))).collect();
        for (name, service) in &catalog.services {
            for dependency in &service.dependencies {
                let (Some(from), Some(to)) = (index.get(name), index.get(&dependency.service)) else {
                    continue;
                };
                let other =
                    catalog.services.get(&dependency.service).and_then(|other| other.project.as_ref());
                let cross_project = service.project.as_ref() != other;
                graph.add_edge(*from, *to, Need { optional: dependency.optional, cross_project });
            }
        }
        Self { graph, index }
    }

    /// Everything that `service` needs, directly or through others, nearest first.
    pub fn dependencies_of(&self, service: &ServiceName) -> Vec<Reached> {
        self.reach(service, Direction::Outgoing, |_| true)
    }

    /// Everything that needs `service`, directly or through others, nearest first.
    pub fn dependants_of(&self, service: &ServiceName) -> Vec<Reached> {
        self.reach(service, Direction::Incoming, |_| true)
    }

    fn reach(
        &self,
        service: &ServiceName,
        direction: Direction,
        follow: impl Fn(&Need) -> bool,
    ) -> Vec<Reached> {
        let Some(start) = self.index.get(service) else { return Vec::new() };
        let mut depth = vec![usize::MAX; self.graph.node_count()];
        depth[start.index()] = 0;
        let mut queue = VecDeque::from([*start]);
        let mut reached = Vec::new();
        while let Some(node) = queue.pop_front() {
            for edge in self.graph.edges_directed(node, direction).filter(|edge| follow(edge.weight())) {
                let next = other_end(&edge, direction);
                if depth[next.index()] == usize::MAX {
                    depth[next.index()] = depth[node.index()] + 1;
                    reached.push(Reached { service: self.graph[next].clone(), depth: depth[next.index()] });
                    queue.push_back(next);
                }
            }
        }
        reached.sort_by(|a, b| (a.depth, &a.service).cmp(&(b.depth, &b.service)));
        reached
    }

    /// What falls with `service`: dependants along needs that are not optional, counted.
    pub fn blast(&self, catalog: &Catalog, service: &ServiceName) -> Blast {
        let mut blast = Blast::default();
        for reached in self.reach(service, Direction::Incoming, |need| !need.optional) {
            let Some(service) = catalog.services.get(&reached.service) else { continue };
            blast.services += 1;
            *blast.by_tier.entry(service.tier).or_default() += 1;
            *blast.by_project.entry(service.project.clone()).or_default() += 1;
        }
        blast
    }

    /// Every cycle once, as its shortest path through its alphabetically first member, which is named
    /// first; a service that needs itself is a cycle of one.
    ///
    /// Strongly connected components come from Kosaraju's algorithm: petgraph's Tarjan recurses, and a
    /// long chain would overflow the stack.
    pub fn cycles(&self) -> Vec<Vec<ServiceName>> {
        let mut cycles: Vec<_> = kosaraju_scc(&self.graph)
            .into_iter()
            .filter(|component| component.len() > 1 || self.graph.contains_edge(component[0], component[0]))
            .filter_map(|component| self.shortest_cycle(&component))
            .collect();
        cycles.sort();
        cycles
    }

    /// The shortest way from the first member of a component back to itself.
    fn shortest_cycle(&self, component: &[NodeIndex]) -> Option<Vec<ServiceName>> {
        let start = component.iter().copied().min_by_key(|node| &self.graph[*node])?;
        let members: BTreeSet<_> = component.iter().copied().collect();
        let mut before: HashMap<NodeIndex, NodeIndex> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            let mut next: Vec<_> = self.graph.neighbors(node).filter(|next| members.contains(next)).collect();
            next.sort_by_key(|next| &self.graph[*next]);
            for next in next {
                if next == start {
                    let mut path = vec![node];
                    while let Some(previous) = before.get(path.last()?) {
                        path.push(*previous);
                    }
                    path.reverse();
                    return Some(path.into_iter().map(|node| self.graph[node].clone()).collect());
                }
                if next != start && !before.contains_key(&next) {
                    before.insert(next, node);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// What is at most `depth` steps from `service` in either direction, in layers, without cycles.
    ///
    /// A service that is both dependant and dependency stands on the side where it is nearer.
    pub fn neighbourhood(&self, service: &ServiceName, depth: usize) -> Neighbourhood {
        let Some(start) = self.index.get(service) else { return Neighbourhood::default() };
        let mut layer: HashMap<NodeIndex, i32> = HashMap::from([(*start, 0)]);
        let mut queue = VecDeque::new();
        for direction in [Direction::Outgoing, Direction::Incoming] {
            queue.push_back((*start, direction, 0_usize));
        }
        // One queue for both sides visits in the order of distance, so that the nearer side wins.
        while let Some((node, direction, distance)) = queue.pop_front() {
            if distance == depth {
                continue;
            }
            for edge in self.graph.edges_directed(node, direction) {
                let next = other_end(&edge, direction);
                layer.entry(next).or_insert_with(|| {
                    queue.push_back((next, direction, distance + 1));
                    let steps = i32::try_from(distance + 1).unwrap_or(i32::MAX);
                    if direction == Direction::Outgoing { steps } else { -steps }
                });
            }
        }
        let mut found = Neighbourhood::default();
        for (node, at) in &layer {
            found.layers.entry(*at).or_default().push(self.graph[*node].clone());
            for edge in self.graph.edges(*node) {
                let Some(target) = layer.get(&edge.target()) else { continue };
                let need = edge.weight();
                let drawn = NeighbourEdge {
                    from: self.graph[*node].clone(),
                    to: self.graph[edge.target()].clone(),
                    optional: need.optional,
                    cross_project: need.cross_project,
                };
                if at < target { found.edges.push(drawn) } else { found.cut.push(drawn) }
            }
        }
        found.layers.values_mut().for_each(|names| names.sort());
        found.edges.sort();
        found.edges.dedup();
        found.cut.sort();
        found.cut.dedup();
        found
    }
}

fn other_end(edge: &EdgeReference<'_, Need>, direction: Direction) -> NodeIndex {
    match direction {
        Direction::Outgoing => edge.target(),
        Direction::Incoming => edge.source(),
    }
}
