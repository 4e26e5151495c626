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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::reader;
    use std::fmt::Write as _;

    /// A catalog of `name: needs…` lines; a name before `/` is a project's, `?` marks an optional need.
    fn graph(lines: &[&str]) -> (Catalog, DependencyGraph) {
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
    fn what_falls_is_counted_without_optional_needs() {
        let (catalog, graph) = graph(ESTATE);
        let blast = graph.blast(&catalog, &"stats".into());
        assert_eq!(blast, Blast::default());
        let blast = graph.blast(&catalog, &"auth".into());
        assert_eq!(blast.services, 4);
        assert_eq!(blast.by_tier[&Tier::Medium], 4);
        assert_eq!(blast.by_project[&Some("shop".into())], 2);
        assert_eq!(blast.by_project[&None], 1);
    }

    #[test]
    fn cycles_are_found_once_with_their_path() {
        let (_, graph) = graph(&["d: b", "b: c", "c: d a", "a: a", "e: b"]);
        let cycles: Vec<Vec<_>> =
            graph.cycles().iter().map(|cycle| cycle.iter().map(ToString::to_string).collect()).collect();
        assert_eq!(cycles, [vec!["a"], vec!["b", "c", "d"]]);
    }

    #[test]
    fn the_neighbourhood_is_layered_and_free_of_cycles() {
        let (_, graph) =
            graph(&["web: api", "api: auth store ?stats", "auth: store", "store: web", "stats:", "far: web"]);
        let near = graph.neighbourhood(&"api".into(), 1);
        let layers: Vec<_> = near.layers.iter().map(|(layer, names)| (*layer, names.len())).collect();
        assert_eq!(layers, [(-1, 1), (0, 1), (1, 3)]);
        let edges: Vec<_> = near.edges.iter().map(|edge| format!("{}>{}", edge.from, edge.to)).collect();
        assert_eq!(edges, ["api>auth", "api>stats", "api>store", "web>api"]);
        let cut: Vec<_> = near.cut.iter().map(|edge| format!("{}>{}", edge.from, edge.to)).collect();
        assert_eq!(cut, ["auth>store", "store>web"]);
        assert_eq!(graph.neighbourhood(&"api".into(), 2).layers[&-2], ["far"]);
        let (_, crossing) = self::graph(ESTATE);
        let near = crossing.neighbourhood(&"api".into(), 1);
        let flags: Vec<_> = near.edges.iter().map(|e| (e.to.as_str(), e.optional, e.cross_project)).collect();
        assert_eq!(
            flags,
            [("auth", false, true), ("stats", true, true), ("api", false, false), ("auth", false, true)]
        );
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
        assert_eq!(graph.cycles(), Vec::<Vec<ServiceName>>::new());
        graph.graph.add_edge(nodes[199_999], nodes[0], Need { optional: false, cross_project: false });
        assert_eq!(graph.cycles()[0].len(), 200_000);
        assert_eq!(graph.dependencies_of(&"s000000".into()).len(), 199_999);
    }
}
