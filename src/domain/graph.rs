//! The dependency graph of services.

mod circles;
pub mod map;
pub mod part;
mod wires;

pub use circles::{Circles, Kind};

use crate::domain::{catalog::Catalog, name::ServiceName};
use petgraph::{
    Direction,
    algo::kosaraju_scc,
    graph::{DiGraph, EdgeReference, NodeIndex},
    visit::EdgeRef,
};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// What an edge says: the service at its source needs the one at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Whether the service works without.
    pub optional: bool,
    /// Whether the two belong to different projects (a shared service is in none).
    pub cross_project: bool,
}

/// A form in which a graph is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GraphFormat {
    /// For people at a terminal.
    #[default]
    Text,
    /// For Graphviz.
    Dot,
    /// For Markdown pages.
    Mermaid,
    /// For programs.
    Json,
}

impl GraphFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::Dot, Self::Mermaid, Self::Json];

    /// Its word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Dot => "dot",
            Self::Mermaid => "mermaid",
            Self::Json => "json",
        }
    }

    /// The format of a word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }
}

/// Something reached from a service, with the least number of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// What was reached.
    pub service: ServiceName,
    /// In how many steps; 1 is a direct one.
    pub depth: usize,
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
        let services: Vec<_> = catalog.services.values().collect();
        let index: HashMap<_, _> =
            catalog.services.keys().map(|name| (name.clone(), graph.add_node(name.clone()))).collect();
        for (from, service) in services.iter().enumerate() {
            for dependency in &service.dependencies {
                let Some(to) = index.get(&dependency.service) else { continue };
                // Services are numbered in the order of the catalog.
                let other = services[to.index()].project.as_ref();
                let cross_project = service.project.as_ref() != other;
                let need = Need { optional: dependency.optional, cross_project };
                graph.add_edge(NodeIndex::new(from), *to, need);
            }
        }
        Self { graph, index }
    }

    /// How many services there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there is no service.
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// The place of a service: services are numbered in the order of the catalog.
    pub fn position(&self, service: &ServiceName) -> Option<usize> {
        self.index.get(service).map(|node| node.index())
    }

    /// The name of the service at a place.
    pub fn name(&self, position: usize) -> Option<&ServiceName> {
        self.graph.node_weight(NodeIndex::new(position))
    }

    /// What the service at a place needs, as places.
    pub fn needs(&self, position: usize) -> impl Iterator<Item = (usize, Need)> + '_ {
        self.edges(position, Direction::Outgoing)
    }

    /// Who needs the service at a place, as places.
    pub fn users(&self, position: usize) -> impl Iterator<Item = (usize, Need)> + '_ {
        self.edges(position, Direction::Incoming)
    }

    fn edges(&self, position: usize, direction: Direction) -> impl Iterator<Item = (usize, Need)> + '_ {
        let edges = self.graph.edges_directed(NodeIndex::new(position), direction);
        edges.map(move |edge| (other_end(&edge, direction).index(), *edge.weight()))
    }

    /// All services as groups in which everybody reaches everybody (mostly of one), each behind what it needs.
    ///
    /// They come from Kosaraju's algorithm: petgraph's Tarjan recurses, and a long chain would overflow the stack.
    pub fn components(&self) -> Vec<Vec<usize>> {
        let places = |nodes: Vec<NodeIndex>| nodes.into_iter().map(NodeIndex::index).collect();
        kosaraju_scc(&self.graph).into_iter().map(places).collect()
    }

    /// Everything that `service` needs, directly or through others, nearest first.
    pub fn dependencies_of(&self, service: &ServiceName) -> Vec<Reached> {
        self.reach(service, Direction::Outgoing)
    }

    /// Everything that needs `service`, directly or through others, nearest first.
    pub fn dependants_of(&self, service: &ServiceName) -> Vec<Reached> {
        self.reach(service, Direction::Incoming)
    }

    fn reach(&self, service: &ServiceName, direction: Direction) -> Vec<Reached> {
        let Some(start) = self.index.get(service) else { return Vec::new() };
        let mut depth = vec![usize::MAX; self.graph.node_count()];
        depth[start.index()] = 0;
        let mut queue = VecDeque::from([*start]);
        let mut reached = Vec::new();
        while let Some(node) = queue.pop_front() {
            for edge in self.graph.edges_directed(node, direction) {
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

    /// The shortest cycle through the alphabetically first of `component`'s services, within it.
    pub fn cycle_through(&self, component: &[usize]) -> Option<Vec<ServiceName>> {
        let nodes: Vec<NodeIndex> = component.iter().map(|place| NodeIndex::new(*place)).collect();
        let first = *nodes.first()?;
        if nodes.len() == 1 && !self.graph.contains_edge(first, first) {
            return None;
        }
        self.shortest_cycle(&nodes)
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
}

fn other_end(edge: &EdgeReference<'_, Need>, direction: Direction) -> NodeIndex {
    match direction {
        Direction::Outgoing => edge.target(),
        Direction::Incoming => edge.source(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::catalog::reader;
    use std::{collections::BTreeMap, fmt::Write as _};

    /// A catalog of `name: needs…` lines; a name before `/` is a project's, `?` marks an optional need.
    pub fn graph(lines: &[&str]) -> (Catalog, DependencyGraph) {
        let mut files: BTreeMap<String, String> =
            BTreeMap::from([("services/catalog.toml".into(), String::new())]);
        for line in lines {
            let (name, needs) = line.split_once(':').unwrap();
            let (path, name) = match name.split_once('/') {
                Some((project, name)) => (format!("projects/{project}/services.toml"), name),
                None => ("services/catalog.toml".to_owned(), name),
            };
            let text = files.entry(path).or_default();
            let (optional, required): (Vec<_>, Vec<_>) =
                needs.split_whitespace().partition(|need| need.starts_with('?'));
            let optional: Vec<_> = optional.iter().map(|need| need.trim_start_matches('?')).collect();
            write!(
                text,
                "[service.{name}]\nname = \"{name}\"\ntype = \"api\"\nversion = \"1.0.0\"\n\
                 dependencies = {{ requires = {required:?}, optional = {optional:?} }}\n"
            )
            .unwrap();
        }
        let catalog = reader::read(files.into_iter().map(|(path, text)| (path, text.into_bytes())));
        let graph = DependencyGraph::build(&catalog);
        (catalog, graph)
    }

    fn names(reached: &[Reached]) -> Vec<(&str, usize)> {
        reached.iter().map(|reached| (reached.service.as_str(), reached.depth)).collect()
    }

    const ESTATE: &[&str] = &[
        "auth: store",
        "store:",
        "shop/api: auth ?stats",
        "shop/web: api auth",
        "blog/site: auth",
        "stats: auth",
    ];

    #[test]
    fn reaches_both_ways_with_the_least_depth() {
        let (_, graph) = graph(ESTATE);
        assert_eq!(
            names(&graph.dependencies_of(&"web".into())),
            [("api", 1), ("auth", 1), ("stats", 2), ("store", 2)]
        );
        assert_eq!(
            names(&graph.dependants_of(&"store".into())),
            [("auth", 1), ("api", 2), ("site", 2), ("stats", 2), ("web", 2)]
        );
        assert_eq!(graph.dependants_of(&"nobody".into()), []);
    }

    #[test]
    fn a_chain_of_two_hundred_thousand_overflows_no_stack() {
        let mut graph = DependencyGraph::default();
        let nodes: Vec<_> = (0..200_000)
            .map(|index| {
                let name = ServiceName::from(format!("s{index:06}"));
                let node = graph.graph.add_node(name.clone());
                graph.index.insert(name, node);
                node
            })
            .collect();
        for pair in nodes.windows(2) {
            graph.graph.add_edge(pair[0], pair[1], Need { optional: false, cross_project: false });
        }
        assert_eq!(graph.circles(Kind::Required, 5), Vec::<Circles>::new());
        graph.graph.add_edge(nodes[199_999], nodes[0], Need { optional: false, cross_project: false });
        let circles = graph.circles(Kind::Required, 5);
        assert_eq!((circles.len(), circles[0].paths[0].len(), circles[0].rest.len()), (1, 200_000, 0));
        assert_eq!(graph.dependencies_of(&"s000000".into()).len(), 199_999);
    }
}
