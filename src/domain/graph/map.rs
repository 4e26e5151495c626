//! The dependency graph as a map of terminal cells: layers from left to right, groups that fold, lines between.
//!
//! In the whole map a layer is the longest way to something that needs nothing, counted over cycles as wholes; so every
//! line leads to the right, and the services of a cycle stand below each other. Around one service it is the distance
//! from it, and what does not lead to the right has no line; the keys walk along it all the same.

use super::{
    part::{Part, PartEdge},
    wires::{self, Gutter, Pass},
};
use crate::domain::{
    catalog::Service,
    name::{ProjectName, ServiceName},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// A layer with more rows than this folds its leaves.
const FOLD_FROM: usize = 12;
/// Fewer leaves than this are not worth folding.
const FOLD_LEAST: usize = 3;
/// Maps with more than this are drawn without lines, except those of the service under the cursor: nobody could follow
/// them, and they would push the layers apart.
const MOST_LINED: usize = 80;
/// The widest that a name's column gets; longer names are cut.
const WIDEST: u32 = 26;
/// How often the rows of a layer are put in the order of what they are connected to.
const SWEEPS: usize = 4;

/// What stands at one place of the map.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A service.
    Service(Arc<Service>),
    /// Leaves of one project and layer, folded.
    Group(Vec<Arc<Service>>),
}

/// One place of the map.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    /// Its name in lists: the service's, or the group's.
    pub key: String,
    /// What stands there.
    pub content: Content,
    /// Its column.
    pub column: usize,
    /// Its row.
    pub row: u32,
    /// Index of the cycle that it is in.
    pub cycle: Option<usize>,
    /// The group that it would fold into.
    pub group: Option<String>,
    /// The spots that it needs, in reading order.
    pub needs: Vec<usize>,
    /// The spots that need it, in reading order.
    pub users: Vec<usize>,
}

impl Spot {
    /// The project of what stands here.
    pub fn project(&self) -> Option<&ProjectName> {
        match &self.content {
            Content::Service(service) => service.project.as_ref(),
            Content::Group(members) => members.first().and_then(|member| member.project.as_ref()),
        }
    }

    /// The services that stand here.
    pub fn services(&self) -> &[Arc<Service>] {
        match &self.content {
            Content::Service(service) => std::slice::from_ref(service),
            Content::Group(members) => members,
        }
    }

    /// What is written here.
    pub fn label(&self) -> String {
        match &self.content {
            Content::Service(service) => service.name.to_string(),
            Content::Group(members) => {
                let project = self.project().map_or("shared", |project| project.as_str());
                format!("{project}: {} leaves", members.len())
            }
        }
    }
}

/// A line between two spots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The spot that needs.
    pub from: usize,
    /// The spot that is needed.
    pub to: usize,
    /// Whether everything that it stands for can do without.
    pub optional: bool,
    /// Whether it leads into another project (a shared service belongs to all).
    pub foreign: bool,
}

/// Spots below each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its first cell.
    pub x: u32,
    /// Cells of its names.
    pub width: u32,
    /// Its first spot.
    pub first: usize,
    /// How many spots it has.
    pub count: usize,
}

/// A part of the graph, laid out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map {
    /// Column by column, each from top to bottom.
    pub spots: Vec<Spot>,
    /// From left to right.
    pub columns: Vec<Column>,
    /// Lines from one column to a later one.
    pub links: Vec<Link>,
    /// The lines in the space behind each column; empty for a map without lines.
    pub gutters: Vec<Gutter>,
    /// Lines that pass through a column, by column.
    pub passes: Vec<Vec<Pass>>,
    /// The cycles among the services.
    pub cycles: Vec<Vec<ServiceName>>,
    /// How many services there are, folded ones too.
    pub services: usize,
    /// How many services are one step beyond.
    pub beyond: usize,
    /// Cells.
    pub width: u32,
    /// Rows.
    pub height: u32,
    index: HashMap<String, usize>,
}

impl Map {
    /// Lays a part of the graph out; groups whose name is in `unfolded` are shown one by one.
    pub fn new(part: &Part, unfolded: &BTreeSet<String>) -> Self {
        let columns = layers(part);
        let (mut drafts, place) = drafts(part, &columns, unfolded);
        let (links, within) = links(part, &place, &drafts);
        let count = columns.iter().max().map_or(0, |last| last + 1);
        let lined = drafts.len() <= MOST_LINED;
        let routes = wires::order(&mut drafts, &links, count, SWEEPS, lined);
        let mut map = Self {
            cycles: part.cycles.clone(),
            services: part.services.len(),
            beyond: part.beyond,
            height: routes.height,
            ..Self::default()
        };
        // Spots are numbered anew in reading order.
        let mut order: Vec<usize> = (0..drafts.len()).collect();
        order.sort_by_key(|index| (drafts[*index].column, drafts[*index].row));
        let mut renamed = vec![0; drafts.len()];
        for (new, old) in order.iter().enumerate() {
            renamed[*old] = new;
        }
        let mut slots: Vec<Option<Spot>> = drafts.into_iter().map(Some).collect();
        map.spots = order.iter().filter_map(|old| slots[*old].take()).collect();
        map.links = links
            .iter()
            .map(|link| Link { from: renamed[link.from], to: renamed[link.to], ..*link })
            .collect();
        let within = within.into_iter().map(|(from, to)| (renamed[from], renamed[to]));
        let both: Vec<(usize, usize)> =
            map.links.iter().map(|link| (link.from, link.to)).chain(within).collect();
        for (from, to) in both {
            map.spots[from].needs.push(to);
            map.spots[to].users.push(from);
        }
        for spot in &mut map.spots {
            spot.needs.sort_unstable();
            spot.users.sort_unstable();
        }
        map.index = map.spots.iter().enumerate().map(|(index, spot)| (spot.key.clone(), index)).collect();
        for (index, spot) in map.spots.iter().enumerate() {
            if let Content::Group(members) = &spot.content {
                map.index.extend(members.iter().map(|member| (member.name.to_string(), index)));
            }
        }
        map.place_columns(count, &routes.gutters);
        map.gutters = routes.gutters;
        map.passes = routes.passes;
        map
    }

    /// Gives every column its cells.
    fn place_columns(&mut self, count: usize, gutters: &[Gutter]) {
        let mut x = 0;
        let mut first = 0;
        for column in 0..count {
            let spots = self.spots[first..].iter().take_while(|spot| spot.column == column);
            let (count, longest) = spots.fold((0, 0), |(count, longest), spot| {
                (count + 1, longest.max(spot.label().chars().count() as u32 + marks(spot)))
            });
            let width = longest.min(WIDEST) + 3;
            self.columns.push(Column { x, width, first, count });
            self.width = x + width;
            x += width + gutters.get(column).map_or(wires::LEAST_GUTTER, |gutter| gutter.width);
            first += count;
        }
    }

    /// The spot of a service or a group; for a folded service its group's.
    pub fn spot(&self, key: &str) -> Option<usize> {
        self.index.get(key).copied()
    }

    /// The column of a spot, with its cells.
    pub fn column_of(&self, spot: usize) -> Option<&Column> {
        self.columns.get(self.spots.get(spot)?.column)
    }

    /// Of `spots`, the one that is nearest to the row of `spot`.
    pub fn nearest(&self, spot: usize, spots: &[usize]) -> Option<usize> {
        let row = self.spots.get(spot)?.row;
        spots
            .iter()
            .copied()
            .filter(|other| *other != spot)
            .min_by_key(|other| (self.spots[*other].row.abs_diff(row), *other))
    }

    /// Whether the lines of all spots are drawn.
    pub const fn is_lined(&self) -> bool {
        !self.gutters.is_empty()
    }
}

/// Cells of the marks behind a name: a cycle, a shared service, a breaking change.
const fn marks(spot: &Spot) -> u32 {
    if matches!(spot.content, Content::Group(_)) { 0 } else { 2 + if spot.cycle.is_some() { 2 } else { 0 } }
}

/// The column of each service.
fn layers(part: &Part) -> Vec<usize> {
    // Around a service it is the distance from it: direct users stand beside it, whatever else they need.
    if let Some(first) = part.levels.iter().min() {
        return part.levels.iter().map(|level| level.abs_diff(*first) as usize).collect();
    }
    let mut component = vec![0; part.services.len()];
    for (number, members) in part.components.iter().enumerate() {
        for member in members {
            component[*member] = number;
        }
    }
    let mut needs: Vec<Vec<usize>> = vec![Vec::new(); part.components.len()];
    for edge in &part.edges {
        if component[edge.from] != component[edge.to] {
            needs[component[edge.from]].push(component[edge.to]);
        }
    }
    // What a component needs comes before it.
    let mut rank: Vec<usize> = vec![0; part.components.len()];
    for number in 0..rank.len() {
        rank[number] = needs[number].iter().map(|other| rank[*other] + 1).max().unwrap_or(0);
    }
    let last = rank.iter().copied().max().unwrap_or(0);
    component.iter().map(|component| last - rank[*component]).collect()
}

/// The spots without their rows, and the spot of each service.
fn drafts(part: &Part, columns: &[usize], unfolded: &BTreeSet<String>) -> (Vec<Spot>, Vec<usize>) {
    let mut cycle = vec![None; part.services.len()];
    for (number, members) in part.rings.iter().enumerate() {
        for member in members {
            cycle[*member] = Some(number);
        }
    }
    let group = groups(part, columns, &cycle);
    let mut members: BTreeMap<&str, usize> = BTreeMap::new();
    for key in group.iter().flatten() {
        *members.entry(key).or_default() += 1;
    }
    let mut spots: Vec<Spot> = Vec::new();
    let mut place = Vec::with_capacity(part.services.len());
    let mut folded: HashMap<&str, usize> = HashMap::new();
    for (number, service) in part.services.iter().enumerate() {
        let key = group[number].as_deref().filter(|key| members[key] >= FOLD_LEAST);
        if let Some(key) = key.filter(|key| !unfolded.contains(*key)) {
            if let Some(spot) = folded.get(key) {
                if let Content::Group(members) = &mut spots[*spot].content {
                    members.push(service.clone());
                }
                place.push(*spot);
                continue;
            }
            folded.insert(key, spots.len());
        }
        let is_folded = key.is_some_and(|key| !unfolded.contains(key));
        place.push(spots.len());
        spots.push(Spot {
            key: key.filter(|_| is_folded).map_or_else(|| service.name.to_string(), str::to_owned),
            content: if is_folded {
                Content::Group(vec![service.clone()])
            } else {
                Content::Service(service.clone())
            },
            column: columns[number],
            row: 0,
            cycle: cycle[number],
            group: key.map(str::to_owned),
            needs: Vec::new(),
            users: Vec::new(),
        });
    }
    (spots, place)
}

/// The group that each service could fold into: leaves of one project in a layer that is too long.
fn groups(part: &Part, columns: &[usize], cycle: &[Option<usize>]) -> Vec<Option<String>> {
    let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
    for column in columns {
        *rows.entry(*column).or_default() += 1;
    }
    let (mut needs, mut users) = (vec![false; columns.len()], vec![false; columns.len()]);
    for edge in &part.edges {
        needs[edge.from] = true;
        users[edge.to] = true;
    }
    part.services
        .iter()
        .enumerate()
        .map(|(number, service)| {
            let is_leaf = !(needs[number] && users[number]) && cycle[number].is_none();
            (is_leaf && part.root != Some(number) && rows[&columns[number]] > FOLD_FROM).then(|| {
                let project = service.project.as_ref().map_or("shared", |project| project.as_str());
                let side = if users[number] { "needed" } else { "needs" };
                // No service has such a name.
                format!("{project}/{side}/{}", columns[number])
            })
        })
        .collect()
}

/// The lines between spots of different columns, and those within a cycle, which have no lines.
fn links(part: &Part, place: &[usize], spots: &[Spot]) -> (Vec<Link>, Vec<(usize, usize)>) {
    let mut links: Vec<Link> = Vec::with_capacity(part.edges.len());
    let mut within = Vec::new();
    let mut known: HashMap<(usize, usize), usize> = HashMap::with_capacity(part.edges.len());
    for PartEdge { from, to, need } in &part.edges {
        let (source, target) = (&part.services[*from], &part.services[*to]);
        let (from, to) = (place[*from], place[*to]);
        if spots[from].column >= spots[to].column {
            within.push((from, to));
            continue;
        }
        if let Some(index) = known.get(&(from, to)) {
            links[*index].optional &= need.optional;
            continue;
        }
        known.insert((from, to), links.len());
        let foreign = target.project.is_some() && source.project != target.project;
        links.push(Link { from, to, optional: need.optional, foreign });
    }
    (links, within)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::graph, *};

    fn map(lines: &[&str], unfolded: &[&str]) -> Map {
        let (catalog, graph) = graph(lines);
        let part = Part::whole(&graph, &catalog);
        Map::new(&part, &unfolded.iter().map(ToString::to_string).collect())
    }

    fn columns(map: &Map) -> Vec<Vec<&str>> {
        let names = |column: &Column| {
            map.spots[column.first..column.first + column.count]
                .iter()
                .map(|spot| spot.key.as_str())
                .collect()
        };
        map.columns.iter().map(names).collect()
    }

    /// What must hold for every map.
    fn check(map: &Map) {
        assert_eq!(map.columns.iter().map(|column| column.count).sum::<usize>(), map.spots.len());
        for link in &map.links {
            assert!(map.spots[link.from].column < map.spots[link.to].column, "a line leads back");
        }
        for pair in map.columns.windows(2) {
            assert!(pair[0].x + pair[0].width + wires::LEAST_GUTTER <= pair[1].x);
        }
        for column in 0..map.columns.len() {
            let spots = map.spots.iter().filter(|spot| spot.column == column).map(|spot| spot.row);
            let passes = map.passes.get(column).into_iter().flatten().map(|pass| pass.row);
            let mut rows: Vec<u32> = spots.chain(passes).collect();
            rows.sort_unstable();
            assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "two things in one row");
            assert!(rows.last().is_none_or(|row| *row < map.height));
        }
        for (gutter, column) in map.gutters.iter().zip(&map.columns) {
            for wire in &gutter.wires {
                assert!(wire.track + wires::LEAST_GUTTER <= gutter.width, "{column:?}");
                // No other net's vertical part lies on this one's.
                for other in
                    gutter.wires.iter().filter(|other| other.track == wire.track && other.to != wire.to)
                {
                    let range = |wire: &wires::Wire| (wire.from.min(wire.to), wire.from.max(wire.to));
                    let ((a, b), (c, d)) = (range(wire), range(other));
                    assert!(a == b || c == d || b < c || d < a, "{wire:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn layers_lead_from_those_that_nobody_needs_to_those_that_need_nothing() {
        let map = map(
            &["web: api ?stats", "api: auth", "auth: store", "store:", "stats: store", "far: web store"],
            &[],
        );
        check(&map);
        assert_eq!(
            columns(&map),
            [vec!["far"], vec!["web"], vec!["api"], vec!["auth", "stats"], vec!["store"]]
        );
        let far = map.spot("far").unwrap();
        assert_eq!(map.spots[far].needs, [map.spot("web").unwrap(), map.spot("store").unwrap()]);
        // The line from far to store passes three layers.
        assert_eq!(map.passes.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 2, 1, 0]);
        assert_eq!(map.nearest(far, &map.spots[far].needs), map.spot("web"));
    }

    #[test]
    fn a_cycle_stands_together_in_one_layer() {
        let map = map(&["a: b", "b: c", "c: a x", "x:", "u: b", "v: x", "w: x"], &[]);
        check(&map);
        assert_eq!(map.cycles, [["a", "b", "c"].map(ServiceName::from)]);
        let rows: Vec<u32> =
            ["a", "b", "c"].iter().map(|name| map.spots[map.spot(name).unwrap()].row).collect();
        assert_eq!((rows.iter().max().unwrap() - rows.iter().min().unwrap(), map.columns.len()), (2, 3));
        let (a, b) = (map.spot("a").unwrap(), map.spot("b").unwrap());
        assert!(
            map.spots[a].needs.contains(&b) && !map.links.iter().any(|link| (link.from, link.to) == (a, b))
        );
    }

    #[test]
    fn leaves_of_a_long_layer_fold_by_project_and_unfold() {
        let lines: Vec<String> = (0..20)
            .map(|index| format!("{}/leaf{index:02}: hub", if index < 15 { "shop" } else { "blog" }))
            .chain(["hub: store".to_owned(), "store:".to_owned()])
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let folded = map(&lines, &[]);
        check(&folded);
        assert_eq!((folded.services, folded.spots.len(), folded.links.len()), (22, 4, 3));
        let shop = folded.spot("leaf03").unwrap();
        assert_eq!(folded.spots[shop].label(), "shop: 15 leaves");
        let key = folded.spots[shop].key.clone();
        let open = map(&lines, &[&key]);
        check(&open);
        assert_eq!(open.spots.len(), 18);
        assert_eq!(open.spots[open.spot("leaf03").unwrap()].group.as_deref(), Some(&*key));
    }

    #[test]
    fn around_a_service_distance_makes_the_layers() {
        let (catalog, graph) = graph(&["web: api auth", "api: auth store", "auth: store", "store:"]);
        let part = Part::around(&graph, &catalog, &"auth".into(), 1, super::super::part::Way::Both);
        let map = Map::new(&part, &BTreeSet::new());
        check(&map);
        assert_eq!(columns(&map).iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1]);
        // The edge from web to api has no line, but is walked.
        let (web, api) = (map.spot("web").unwrap(), map.spot("api").unwrap());
        assert!(map.spots[web].needs.contains(&api) && map.spots[api].users.contains(&web));
    }

    #[test]
    fn any_shape_gives_a_sound_map() {
        // Numbers from a fixed sequence: dense, sparse and circular graphs of many sizes.
        let mut seed = 7_u64;
        let mut next = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for size in [1, 2, 5, 9, 17, 30, 60] {
            for density in 0..5 {
                let lines: Vec<String> = (0..size)
                    .map(|index| {
                        let needs: Vec<String> = (0..density).map(|_| format!("s{}", next(size))).collect();
                        format!("p{}/s{index}: {}", next(3), needs.join(" "))
                    })
                    .collect();
                check(&map(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &[]));
            }
        }
        check(&Map::new(&Part::default(), &BTreeSet::new()));
    }

    #[test]
    fn a_long_chain_and_ten_thousand_users_of_one_are_laid_out() {
        let chain: Vec<String> = (0..20_000)
            .map(|index| {
                format!("s{index}: {}", if index > 0 { format!("s{}", index - 1) } else { String::new() })
            })
            .collect();
        let map = map(&chain.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        assert_eq!((map.columns.len(), map.height, map.is_lined()), (20_000, 1, false));
    }
}
