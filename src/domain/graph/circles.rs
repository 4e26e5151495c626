//! Circles of needs: the shortest ones that together go over every need which lies on any.

use super::{DependencyGraph, Need};
use crate::domain::name::ServiceName;
use petgraph::{
    algo::kosaraju_scc,
    graph::NodeIndex,
    visit::{EdgeFiltered, EdgeRef},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Which circles are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Circles of required needs: none of their services can be first.
    Required,
    /// Circles that only optional needs close.
    Optional,
}

/// The circles of one group of services, each of which reaches all others of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circles {
    /// Each as the services in the order of their needs, the alphabetically first one first; the last needs the first.
    pub paths: Vec<Vec<ServiceName>>,
    /// Needs that lie on more circles, which are not among the paths: who needs, and what.
    pub rest: Vec<(ServiceName, ServiceName)>,
}

/// Who needs whom within a group, by the numbers of services, which are those of the alphabet.
type Needs = BTreeMap<usize, BTreeSet<usize>>;

impl DependencyGraph {
    /// The circles of a kind, group by group, at most `most` of each group. A service that needs itself is none.
    ///
    /// A group can have more circles than there are atoms, so not every one is told: first the shortest through the
    /// group's first service, then for every need that is on none of those told so far the shortest through it.
    /// Whoever breaks all of those and asks again is done, or is told the next ones.
    pub fn circles(&self, kind: Kind, most: usize) -> Vec<Circles> {
        // Most repositories need nothing optionally, and no circle closes then.
        if kind == Kind::Optional && !self.graph.edge_weights().any(|need| need.optional) {
            return Vec::new();
        }
        let counts = |need: &Need| kind == Kind::Optional || !need.optional;
        let counted = EdgeFiltered::from_fn(&self.graph, |edge| counts(edge.weight()));
        let groups = kosaraju_scc(&counted).into_iter().filter(|group| group.len() > 1);
        let mut all: Vec<Circles> =
            groups.filter_map(|group| self.circles_of(&group, kind, &counts, most)).collect();
        all.sort_by(|one, two| one.paths.cmp(&two.paths));
        all
    }

    fn circles_of(
        &self,
        group: &[NodeIndex],
        kind: Kind,
        counts: &dyn Fn(&Need) -> bool,
        most: usize,
    ) -> Option<Circles> {
        let members: BTreeSet<usize> = group.iter().map(|node| node.index()).collect();
        let mut needs = Needs::new();
        let mut required = BTreeSet::new();
        for from in &members {
            for edge in self.graph.edges(NodeIndex::new(*from)).filter(|edge| counts(edge.weight())) {
                let to = edge.target().index();
                if to != *from && members.contains(&to) {
                    needs.entry(*from).or_default().insert(to);
                    if !edge.weight().optional {
                        required.insert((*from, to));
                    }
                }
            }
        }
        let mut open: BTreeSet<(usize, usize)> =
            needs.iter().flat_map(|(from, all)| all.iter().map(move |to| (*from, *to))).collect();
        let mut found: Vec<Vec<usize>> = Vec::new();
        match kind {
            Kind::Required => {
                let first = *members.first()?;
                found.extend(shortest(&needs, first, first));
            }
            // What is both is required, and of that the other kind speaks.
            Kind::Optional => open.retain(|need| !required.contains(need)),
        }
        for path in &found {
            cover(path, &mut open);
        }
        while let Some((from, to)) = open.first().copied().filter(|_| found.len() < most) {
            // In a group there is always a way back.
            let Some(path) = shortest(&needs, to, from) else { break };
            cover(&path, &mut open);
            open.remove(&(from, to));
            found.push(path);
        }
        if found.is_empty() {
            return None;
        }
        let name = |place: &usize| self.graph[NodeIndex::new(*place)].clone();
        let mut paths: Vec<Vec<usize>> = found.into_iter().map(from_the_first).collect();
        paths.sort();
        paths.dedup();
        Some(Circles {
            paths: paths.iter().map(|path| path.iter().map(name).collect()).collect(),
            rest: open.iter().map(|(from, to)| (name(from), name(to))).collect(),
        })
    }
}

/// The shortest way along needs from one service to another, both included; to itself, the shortest way round, in
/// which it stands once.
fn shortest(needs: &Needs, start: usize, end: usize) -> Option<Vec<usize>> {
    let mut before: HashMap<usize, usize> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(place) = queue.pop_front() {
        for next in needs.get(&place).into_iter().flatten().copied() {
            if next == end {
                let mut path = if start == end { Vec::new() } else { vec![end] };
                let mut at = place;
                path.push(at);
                while let Some(previous) = before.get(&at) {
                    at = *previous;
                    path.push(at);
                }
                path.reverse();
                return Some(path);
            }
            if next != start && !before.contains_key(&next) {
                before.insert(next, place);
                queue.push_back(next);
            }
        }
    }
    None
}

/// Takes the needs of a circle out of those that are on none yet.
fn cover(path: &[usize], open: &mut BTreeSet<(usize, usize)>) {
    for (from, to) in path.iter().zip(path.iter().cycle().skip(1)) {
        open.remove(&(*from, *to));
    }
}

/// The same circle, told from its first service on.
fn from_the_first(mut path: Vec<usize>) -> Vec<usize> {
    if let Some(at) = (0..path.len()).min_by_key(|at| path[*at]) {
        path.rotate_left(at);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::graph::tests::graph;

    fn told(lines: &[&str], kind: Kind, most: usize) -> Vec<(Vec<String>, usize)> {
        let (_, graph) = graph(lines);
        let words =
            |path: &Vec<ServiceName>| path.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let circles = graph.circles(kind, most);
        circles.iter().map(|all| (all.paths.iter().map(words).collect(), all.rest.len())).collect()
    }

    fn all(lines: &[&str], kind: Kind) -> Vec<String> {
        let told = told(lines, kind, 100);
        assert!(told.iter().all(|(_, rest)| *rest == 0), "{told:?}");
        told.into_iter().flat_map(|(paths, _)| paths).collect()
    }

    #[test]
    fn every_need_that_lies_on_a_circle_is_on_one_that_is_told() {
        for (lines, expected) in [
            (&["d: b", "b: c", "c: d a", "a: a", "e: b"][..], &["b c d"][..]),
            // Two circles through one service, and two with nothing in common.
            (&["a: b", "b: a c", "c: b"], &["a b", "b c"]),
            (&["a: b", "b: a", "c: d", "d: c"], &["a b", "c d"]),
            // A short one does not hide the long one beside it.
            (&["a: b", "b: a c", "c: d", "d: a"], &["a b", "a b c d"]),
            (&["a: b c", "b: c a", "c: a b"], &["a b", "a c", "b c"]),
            // The first service's shortest comes first, not the first need's.
            (&["a: b d", "b: c", "c: a", "d: a"], &["a b c", "a d"]),
            (&["a: b", "b: c", "c:"], &[]),
        ] {
            assert_eq!(all(lines, Kind::Required), expected, "{lines:?}");
            assert_eq!(all(lines, Kind::Optional), Vec::<String>::new(), "{lines:?}");
        }
    }

    #[test]
    fn circles_that_only_an_optional_need_closes_are_of_their_own_kind() {
        for (lines, required, optional) in [
            (&["a: b", "b: ?a"][..], &[][..], &["a b"][..]),
            (&["a: ?b", "b: ?a"], &[], &["a b"]),
            (&["a: b", "b: a ?c", "c: a"], &["a b"], &["a b c"]),
            // What is named twice is required.
            (&["a: b", "b: a ?a"], &["a b"], &[]),
        ] {
            assert_eq!(all(lines, Kind::Required), required, "{lines:?}");
            assert_eq!(all(lines, Kind::Optional), optional, "{lines:?}");
        }
    }

    #[test]
    fn a_knot_is_told_in_part_and_counted() {
        let names: Vec<String> = (0..30).map(|number| format!("s{number:02}")).collect();
        let lines: Vec<String> = names
            .iter()
            .map(|name| {
                let others: Vec<&str> =
                    names.iter().filter(|other| *other != name).map(String::as_str).collect();
                format!("{name}: {}", others.join(" "))
            })
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let told = told(&lines, Kind::Required, 5);
        assert_eq!((told.len(), told[0].0.len(), told[0].1), (1, 5, 30 * 29 - 10));
    }
}
