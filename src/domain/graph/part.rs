//! A part of the dependency graph: everything, or what is near one service.

use super::{DependencyGraph, Need};
use crate::domain::{
    catalog::{Catalog, Service},
    name::ServiceName,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// Which way to go from a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Way {
    /// To what it needs.
    Dependencies,
    /// To who needs it.
    Dependants,
    /// Both.
    #[default]
    Both,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dependencies, Self::Dependants, Self::Both];

    /// Its word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dependencies => "dependencies",
            Self::Dependants => "dependants",
            Self::Both => "both",
        }
    }

    /// The way of a word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == word)
    }
}

/// An edge of a [`Part`], by the numbers of its services there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartEdge {
    /// Who needs.
    pub from: usize,
    /// What is needed.
    pub to: usize,
    /// How.
    pub need: Need,
}

/// Some services with all edges among them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// The services, by name.
    pub services: Vec<Arc<Service>>,
    /// Number of the service in the middle; `None` for the whole graph.
    pub root: Option<usize>,
    /// Edges, each pair once, in the order of the numbers. One that is both required and optional is required.
    pub edges: Vec<PartEdge>,
    /// Cycles among them: the shortest path through the first member, which is named first.
    pub cycles: Vec<Vec<ServiceName>>,
    /// The services of each component that is a cycle, as numbers; in the order of [`Self::cycles`].
    pub rings: Vec<Vec<usize>>,
    /// Steps from the root: negative for those that use it, positive for what it needs; empty for the whole graph. What
    /// is both stands where it is nearer.
    pub levels: Vec<i32>,
    /// Components with the ones they need before them.
    pub components: Vec<Vec<usize>>,
    /// How many services are one step beyond what was asked for.
    pub beyond: usize,
}

impl Part {
    /// The whole graph.
    pub fn whole(graph: &DependencyGraph, catalog: &Catalog) -> Self {
        Self::of(graph, catalog, (0..graph.len()).collect(), None)
    }

    /// What is at most `depth` steps away from `service`; nothing if there is no such service.
    pub fn around(
        graph: &DependencyGraph,
        catalog: &Catalog,
        service: &ServiceName,
        depth: usize,
        way: Way,
    ) -> Self {
        let Some(root) = graph.position(service) else { return Self::default() };
        let mut found = BTreeMap::from([(root, 0)]);
        let mut beyond = BTreeSet::new();
        if way != Way::Dependants {
            reach(root, depth, 1, |place| graph.needs(place).map(|(next, _)| next), &mut found, &mut beyond);
        }
        if way != Way::Dependencies {
            reach(root, depth, -1, |place| graph.users(place).map(|(next, _)| next), &mut found, &mut beyond);
        }
        let outside = beyond.iter().filter(|place| !found.contains_key(place)).count();
        let levels = found.values().copied().collect();
        let mut part = Self::of(graph, catalog, found.into_keys().collect(), Some(root));
        part.levels = levels;
        part.beyond = outside;
        part
    }

    /// `places` in ascending order, with what is among them.
    fn of(graph: &DependencyGraph, catalog: &Catalog, places: Vec<usize>, root: Option<usize>) -> Self {
        let mut number = vec![usize::MAX; graph.len()];
        let mut services = Vec::with_capacity(places.len());
        let mut kept = Vec::with_capacity(places.len());
        for place in places {
            let Some(service) = graph.name(place).and_then(|name| catalog.services.get(name)) else {
                continue;
            };
            number[place] = services.len();
            services.push(service.clone());
            kept.push(place);
        }
        let mut edges = Vec::new();
        let mut all = petgraph::graph::DiGraph::<(), ()>::with_capacity(kept.len(), kept.len() * 2);
        for _ in &kept {
            all.add_node(());
        }
        for (from, place) in kept.iter().enumerate() {
            let mut needs: Vec<(usize, Need)> = graph
                .needs(*place)
                .map(|(next, need)| (number[next], need))
                .filter(|(to, _)| *to != usize::MAX)
                .collect();
            needs.sort_by_key(|(to, need)| (*to, need.optional));
            needs.dedup_by_key(|(to, _)| *to);
            for (to, need) in needs {
                edges.push(PartEdge { from, to, need });
                all.add_edge(node(from), node(to), ());
            }
        }
        let components: Vec<Vec<usize>> = petgraph::algo::kosaraju_scc(&all)
            .into_iter()
            .map(|nodes| {
                let mut members: Vec<usize> =
                    nodes.into_iter().map(petgraph::graph::NodeIndex::index).collect();
                members.sort_unstable();
                members
            })
            .collect();
        let mut cycles: Vec<(Vec<ServiceName>, Vec<usize>)> = components
            .iter()
            .filter_map(|members| {
                let places: Vec<usize> = members.iter().map(|member| kept[*member]).collect();
                Some((graph.cycle_through(&places)?, members.clone()))
            })
            .collect();
        cycles.sort();
        let (cycles, rings) = cycles.into_iter().unzip();
        let root = root.map(|root| number[root]).filter(|root| *root != usize::MAX);
        Self { services, root, edges, cycles, rings, levels: Vec::new(), components, beyond: 0 }
    }

    /// The number of a service.
    pub fn number(&self, service: &ServiceName) -> Option<usize> {
        self.services.binary_search_by(|known| known.name.cmp(service)).ok()
    }
}

fn node(number: usize) -> petgraph::graph::NodeIndex {
    petgraph::graph::NodeIndex::new(number)
}

/// Adds what `next` leads to in at most `depth` steps; what comes one step later goes to `beyond`.
fn reach<I: Iterator<Item = usize>>(
    root: usize,
    depth: usize,
    sign: i32,
    next: impl Fn(usize) -> I,
    found: &mut BTreeMap<usize, i32>,
    beyond: &mut BTreeSet<usize>,
) {
    // Each direction has its own memory: a cycle leads back over the root's other side.
    let mut seen = BTreeSet::from([root]);
    let mut queue = VecDeque::from([(root, 0)]);
    while let Some((place, distance)) = queue.pop_front() {
        for other in next(place) {
            if distance == depth {
                if !seen.contains(&other) {
                    beyond.insert(other);
                }
            } else if seen.insert(other) {
                let steps = i32::try_from(distance + 1).unwrap_or(i32::MAX);
                let level = found.entry(other).or_insert(sign * steps);
                if level.abs() > steps {
                    *level = sign * steps;
                }
                queue.push_back((other, distance + 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::graph, *};

    fn names(part: &Part) -> Vec<&str> {
        part.services.iter().map(|service| service.name.as_str()).collect()
    }

    #[test]
    fn a_part_is_as_deep_and_as_wide_as_asked() {
        let (catalog, graph) =
            graph(&["web: api", "api: auth ?stats", "auth: store", "store:", "stats:", "far: web"]);
        let around = |name: &str, depth, way| Part::around(&graph, &catalog, &name.into(), depth, way);
        for (depth, way, expected, beyond) in [
            (0, Way::Both, vec!["api"], 3),
            (1, Way::Both, vec!["api", "auth", "stats", "web"], 2),
            (9, Way::Dependencies, vec!["api", "auth", "stats", "store"], 0),
            (9, Way::Dependants, vec!["api", "far", "web"], 0),
            (9, Way::Both, vec!["api", "auth", "far", "stats", "store", "web"], 0),
        ] {
            let part = around("api", depth, way);
            assert_eq!((names(&part), part.beyond), (expected, beyond), "{depth} {way:?}");
        }
        assert_eq!(around("nobody", 1, Way::Both), Part::default());
        let whole = Part::whole(&graph, &catalog);
        assert_eq!((whole.services.len(), whole.edges.len(), whole.root), (6, 5, None));
        assert!(whole.edges.iter().any(|edge| edge.need.optional));
    }

    #[test]
    fn levels_are_steps_on_the_nearer_side() {
        let (catalog, graph) = graph(&["far: web", "web: api", "api: auth", "auth: store", "store: web"]);
        let part = Part::around(&graph, &catalog, &"api".into(), 2, Way::Both);
        let levels: Vec<_> = names(&part).into_iter().zip(part.levels.iter().copied()).collect();
        assert_eq!(levels, [("api", 0), ("auth", 1), ("far", -2), ("store", 2), ("web", -1)]);
    }

    #[test]
    fn cycles_are_those_of_the_part() {
        let (catalog, graph) = graph(&["a: b", "b: c", "c: a", "d: a d"]);
        let whole = Part::whole(&graph, &catalog);
        let shown: Vec<String> = whole
            .cycles
            .iter()
            .map(|cycle| cycle.iter().map(ToString::to_string).collect::<String>())
            .collect();
        assert_eq!(shown, ["abc", "d"]);
        assert_eq!(whole.rings, [vec![0, 1, 2], vec![3]]);
        let near = Part::around(&graph, &catalog, &"a".into(), 1, Way::Dependencies);
        assert_eq!((names(&near), near.cycles.len()), (vec!["a", "b"], 0));
    }
}
