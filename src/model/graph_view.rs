//! What the graph pane shows: the whole map or the neighbourhood of a service, laid out once per catalog and choice,
//! never while drawing.

use super::{Model, layout::Pane, rows::Filter};
use crate::domain::{
    catalog::{Catalog, Service},
    graph::{
        DependencyGraph,
        map::{Content, Map, Spot},
        part::{Part, Way},
    },
    name::ServiceName,
};
use std::{collections::BTreeSet, sync::Arc};

/// How far the neighbourhood reaches at first, and at most.
const FIRST_DEPTH: usize = 2;
/// Nobody follows more steps; who wants everything looks at the whole map.
pub const MOST_DEPTH: usize = 9;

/// The state of the graph pane.
#[derive(Debug, Clone)]
pub struct GraphView {
    /// Whether everything is shown instead of a neighbourhood.
    pub whole: bool,
    /// How far the neighbourhood reaches.
    pub depth: usize,
    /// Groups that are shown one by one.
    pub unfolded: BTreeSet<String>,
    /// The service in the middle of the neighbourhood.
    pub centre: Option<ServiceName>,
    /// First cell and row on the screen.
    pub offset: (u32, u32),
    /// What is shown.
    pub map: Arc<Map>,
    catalog: Option<Arc<Catalog>>,
    graph: Arc<DependencyGraph>,
    /// For what the map was made.
    made: Option<(bool, usize, BTreeSet<String>, Option<ServiceName>)>,
}

impl Default for GraphView {
    fn default() -> Self {
        Self {
            whole: false,
            depth: FIRST_DEPTH,
            unfolded: BTreeSet::new(),
            centre: None,
            offset: (0, 0),
            map: Arc::default(),
            catalog: None,
            graph: Arc::default(),
            made: None,
        }
    }
}

impl GraphView {
    /// Rows between two spots of a layer: a blank one where there is room for it.
    pub fn spacing(&self, height: u16) -> u32 {
        if self.map.height * 2 <= u32::from(height) + 1 { 2 } else { 1 }
    }

    /// Brings the map up to date; true if it is another one.
    fn settle(&mut self, catalog: Option<&Arc<Catalog>>, selected: Option<&ServiceName>, keep: bool) -> bool {
        let is_same = match (&self.catalog, catalog) {
            (Some(known), Some(catalog)) => Arc::ptr_eq(known, catalog),
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            self.graph = Arc::new(catalog.map(|catalog| DependencyGraph::build(catalog)).unwrap_or_default());
            self.catalog = catalog.cloned();
            self.made = None;
        }
        let is_there = |name: &ServiceName| self.graph.position(name).is_some();
        if !(keep && self.centre.as_ref().is_some_and(is_there)) {
            self.centre = selected.cloned();
        }
        let centre = self.centre.clone().filter(|_| !self.whole);
        let wanted = (self.whole, self.depth, self.unfolded.clone(), centre);
        if self.made.as_ref() == Some(&wanted) {
            return false;
        }
        let part = match (&self.catalog, &wanted.3) {
            (Some(catalog), None) if self.whole => Part::whole(&self.graph, catalog),
            (Some(catalog), Some(centre)) => {
                Part::around(&self.graph, catalog, centre, self.depth, Way::Both)
            }
            _ => Part::default(),
        };
        self.map = Arc::new(Map::new(&part, &self.unfolded));
        self.made = Some(wanted);
        true
    }
}

/// Where the cursor goes in the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphMove {
    /// Along an edge; `Both` goes nowhere.
    Along(Way),
    /// Within the layer, by rows.
    Rows(isize),
}

impl Model {
    /// The spot under the cursor of the graph.
    pub fn graph_spot(&self) -> Option<&Spot> {
        self.ui.graph.map.spots.get(self.ui.list(Pane::Graph).cursor)
    }

    /// Brings the graph pane up to date with the catalog, the selection and what is wanted of it. While it has the
    /// keys its neighbourhood stays where it is, and the cursor walks.
    pub fn settle_graph(&mut self) {
        let has_keys = self.ui.focus == Pane::Graph;
        let before = self.ui.list(Pane::Graph).current().map(str::to_owned);
        let catalog = self.world.catalog.value.clone();
        let selected = self.ui.selected.clone();
        let is_new = self.ui.graph.settle(catalog.as_ref(), selected.as_ref(), has_keys);
        let map = self.ui.graph.map.clone();
        if is_new {
            self.ui.lists[Pane::Graph.index()].rows = map.spots.iter().map(|spot| spot.key.clone()).collect();
        }
        let selected = selected.as_ref().map(ServiceName::as_str);
        // A group under the cursor stays there although no service is selected by it.
        let kept = before.as_deref().filter(|_| has_keys).and_then(|key| map.spot(key));
        let at = kept.or_else(|| map.spot(selected?)).unwrap_or(0);
        self.place_graph(at, is_new);
    }

    /// Puts the cursor of the graph on a spot, and it into sight: in the middle of a new map, else only as far
    /// as needed.
    pub fn place_graph(&mut self, at: usize, anew: bool) {
        let list = &mut self.ui.lists[Pane::Graph.index()];
        list.cursor = at.min(list.rows.len().saturating_sub(1));
        let at = list.cursor;
        let (width, height) = self.ui.graph_room();
        let view = &mut self.ui.graph;
        let (Some(spot), Some(column)) = (view.map.spots.get(at), view.map.column_of(at)) else {
            view.offset = (0, 0);
            return;
        };
        let spacing = view.spacing(height);
        let (width, height) = (u32::from(width.max(1)), u32::from(height.max(1)));
        let sight = |offset: u32, begin: u32, end: u32, room: u32, all: u32| {
            let offset = if anew {
                u32::midpoint(begin, end).saturating_sub(room / 2)
            } else if begin < offset {
                begin
            } else if end > offset + room {
                end - room
            } else {
                offset
            };
            offset.min(all.saturating_sub(room))
        };
        // The columns to both sides come into sight with it, as far as there is room.
        let margin = (width.saturating_sub(column.width) / 2).min(16);
        let (begin, end) = (column.x.saturating_sub(margin), column.x + column.width + margin);
        let rows = (view.map.height * spacing).saturating_sub(spacing - 1);
        let y = spot.row * spacing;
        view.offset = (
            sight(view.offset.0, begin, end, width, view.map.width),
            sight(view.offset.1, y.saturating_sub(1), y + 2, height, rows),
        );
    }

    /// Where the first cell of the map is, from the first cell that it may use: left of it and above where the map is
    /// scrolled, to the right and below where it is smaller than the room.
    pub fn graph_origin(&self) -> (i64, i64) {
        let (width, height) = self.ui.graph_room();
        let view = &self.ui.graph;
        let spacing = view.spacing(height);
        let along = |all: u32, room: u16, offset: u32| {
            let room = u32::from(room);
            if all <= room { i64::from((room - all) / 2) } else { -i64::from(offset.min(all - room)) }
        };
        let rows = (view.map.height * spacing).saturating_sub(spacing - 1);
        (along(view.map.width, width, view.offset.0), along(rows, height, view.offset.1))
    }

    /// The spot at a cell of the screen.
    pub fn graph_at(&self, column: u16, row: u16) -> Option<usize> {
        let pane = self.ui.layout().pane(Pane::Graph);
        let (x, y) = self.graph_origin();
        let (column, row) =
            (i64::from(column) - i64::from(pane.x + 1) - x, i64::from(row) - i64::from(pane.y + 2) - y);
        let view = &self.ui.graph;
        let spacing = i64::from(view.spacing(self.ui.graph_room().1));
        let place = view.map.columns.iter().find(|place| {
            column >= i64::from(place.x) && column < i64::from(place.x) + i64::from(place.width)
        })?;
        let spots = place.first..place.first + place.count;
        spots.into_iter().find(|spot| i64::from(view.map.spots[*spot].row) * spacing == row)
    }

    /// Where a move leads from the spot under the cursor.
    pub fn graph_target(&self, step: GraphMove) -> Option<usize> {
        let map = &self.ui.graph.map;
        let at = self.ui.list(Pane::Graph).cursor;
        let spot = map.spots.get(at)?;
        match step {
            GraphMove::Along(Way::Dependencies) => map.nearest(at, &spot.needs),
            GraphMove::Along(Way::Dependants) => map.nearest(at, &spot.users),
            GraphMove::Along(Way::Both) => None,
            GraphMove::Rows(rows) => {
                let column = map.column_of(at)?;
                let last = column.first + column.count.saturating_sub(1);
                Some(at.saturating_add_signed(rows).clamp(column.first, last))
            }
        }
    }

    /// Folds the group that the spot under the cursor belongs to, or unfolds the one that it is; false if there is none.
    pub fn fold_graph(&mut self) -> bool {
        let Some(spot) = self.graph_spot() else { return false };
        let (key, first) = match (&spot.content, &spot.group) {
            (Content::Group(members), _) => {
                (spot.key.clone(), members.first().map(|member| member.name.to_string()))
            }
            (Content::Service(_), Some(group)) => (group.clone(), None),
            (Content::Service(_), None) => return false,
        };
        if !self.ui.graph.unfolded.remove(&key) {
            self.ui.graph.unfolded.insert(key.clone());
        }
        self.settle_graph();
        // It was under the cursor before, so the cursor stays with it.
        if let Some(at) = self.ui.graph.map.spot(first.as_deref().unwrap_or(&key)) {
            self.place_graph(at, false);
        }
        true
    }

    /// The spots that pass the graph's filter, in reading order; a group passes with any of its services.
    pub fn graph_matches(&self) -> Vec<usize> {
        let text = &self.ui.list(Pane::Graph).filter;
        if text.trim().is_empty() {
            return Vec::new();
        }
        let mut filter = Filter::new(text);
        let mut passes = |service: &Arc<Service>| filter.passes(|| service.name.to_string());
        let spots = self.ui.graph.map.spots.iter().enumerate();
        spots.filter(|(_, spot)| spot.services().iter().any(&mut passes)).map(|(index, _)| index).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_laid_out_twice_for_one_catalog() {
        let mut view = GraphView { whole: true, ..GraphView::default() };
        let catalog = Arc::new(Catalog::default());
        assert!(view.settle(Some(&catalog), None, false));
        let map = view.map.clone();
        assert!(!view.settle(Some(&catalog), Some(&"auth".into()), false), "the whole map has no middle");
        assert!(Arc::ptr_eq(&map, &view.map));
        assert!(
            view.settle(Some(&Arc::new(Catalog::default())), None, false),
            "another catalog, though equal"
        );
    }
}
