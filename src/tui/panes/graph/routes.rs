//! Lines between two columns of the graph: one vertical track per service that is nearer to the middle, so that
//! lines meet only where they belong together; where two merely cross, the vertical one stays whole.

use crate::{config::theme::Role, tui::paint::Painter};
use std::collections::BTreeMap;

/// An edge from a row of the left column to a row of the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Row of the service that needs.
    pub from: u16,
    /// Row of the service that is needed.
    pub to: u16,
    /// Whether it crosses into another project.
    pub foreign: bool,
}

/// The space between two columns.
pub struct Gutter {
    /// Its edges.
    pub edges: Vec<Edge>,
    /// Cells.
    pub width: u16,
    /// Whether the right column is the one nearer to the middle.
    towards_right: bool,
    /// Offset of the first track.
    first_track: u16,
    /// Track by row of the service nearer to the middle.
    tracks: BTreeMap<u16, u16>,
}

impl Gutter {
    /// A gutter for `edges`, of `base` cells and one for each track.
    pub fn new(edges: Vec<Edge>, towards_right: bool, base: u16) -> Self {
        let mut tracks = BTreeMap::new();
        for edge in &edges {
            let near = if towards_right { edge.to } else { edge.from };
            tracks.insert(near, 0);
        }
        let count = tracks.len() as u16;
        for (index, track) in tracks.values_mut().enumerate() {
            *track = index as u16;
        }
        // The stub is on the side of the many: before the tracks on the left half, behind them on the right.
        let first_track = if towards_right { 3 } else { 2 };
        Self { edges, width: base + count.max(1), towards_right, first_track, tracks }
    }

    /// Whether an edge begins in a row of the left column.
    pub fn begins(&self, row: u16) -> bool {
        self.edges.iter().any(|edge| edge.from == row)
    }
}

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

#[derive(Clone, Copy, Default)]
struct Cell {
    mask: u8,
    /// Whether the horizontal and the vertical line belong together here.
    joint: bool,
    foreign: bool,
    arrow: bool,
}

/// The lines of one gutter, cell by cell.
pub struct Routes {
    cells: Vec<Cell>,
    width: u16,
    height: u16,
}

impl Routes {
    /// Routes all edges of a gutter.
    pub fn new(gutter: &Gutter, height: u16) -> Self {
        let mut routes = Self {
            cells: vec![Cell::default(); usize::from(gutter.width) * usize::from(height)],
            width: gutter.width,
            height,
        };
        for edge in &gutter.edges {
            routes.route(gutter, *edge);
        }
        routes
    }

    fn at(&mut self, x: u16, y: u16) -> Option<&mut Cell> {
        if x >= self.width || y >= self.height {
            return None;
        }
        self.cells.get_mut(usize::from(y) * usize::from(self.width) + usize::from(x))
    }

    fn add(&mut self, x: u16, y: u16, mask: u8) {
        if let Some(cell) = self.at(x, y) {
            cell.mask |= mask;
        }
    }

    fn route(&mut self, gutter: &Gutter, edge: Edge) {
        let near = if gutter.towards_right { edge.to } else { edge.from };
        let track = gutter.first_track + gutter.tracks.get(&near).copied().unwrap_or(0);
        // The first and the last cell stay blank, the one before the last has the arrow.
        let (begin, end) = (1, gutter.width - 2);
        for x in begin..=end {
            let y = match x.cmp(&track) {
                std::cmp::Ordering::Less => edge.from,
                std::cmp::Ordering::Greater => edge.to,
                std::cmp::Ordering::Equal => continue,
            };
            self.add(x, y, LEFT | RIGHT);
        }
        self.add(track, edge.from, LEFT);
        self.add(track, edge.to, RIGHT);
        if edge.from != edge.to {
            let (upper, lower) = (edge.from.min(edge.to), edge.from.max(edge.to));
            self.add(track, upper, DOWN);
            self.add(track, lower, UP);
            for y in upper + 1..lower {
                self.add(track, y, UP | DOWN);
            }
        }
        for y in [edge.from, edge.to] {
            if let Some(cell) = self.at(track, y) {
                cell.joint = true;
            }
        }
        if let Some(cell) = self.at(end, edge.to) {
            cell.arrow = true;
        }
        if edge.foreign {
            // Only the part of the line that belongs to this edge alone is marked.
            let stub = if gutter.towards_right { begin..=begin + 1 } else { end - 1..=end };
            let y = if gutter.towards_right { edge.from } else { edge.to };
            for x in stub {
                if let Some(cell) = self.at(x, y) {
                    cell.foreign = true;
                }
            }
        }
    }

    /// Draws the lines; true if some cross into another project.
    pub fn draw(&self, painter: &mut Painter<'_>, x: u16, y: u16) -> bool {
        let edge = painter.style(Role::GraphEdge);
        let foreign = painter.style(Role::GraphForeign);
        let mut has_foreign = false;
        for (index, cell) in self.cells.iter().enumerate().filter(|(_, cell)| cell.mask != 0) {
            let (column, row) = (index as u16 % self.width, index as u16 / self.width);
            has_foreign |= cell.foreign;
            let symbol = match cell {
                Cell { arrow: true, .. } => "▶",
                Cell { foreign: true, mask, .. } if *mask == LEFT | RIGHT => "┄",
                Cell { joint: false, mask, .. } if mask & (UP | DOWN) != 0 => "│",
                Cell { mask, .. } => symbol(*mask),
            };
            painter.cell(x + column, y + row, symbol, if cell.foreign { foreign } else { edge });
        }
        has_foreign
    }
}

const fn symbol(mask: u8) -> &'static str {
    match mask {
        5 => "┘",
        6 => "┐",
        7 => "┤",
        9 => "└",
        10 => "┌",
        11 => "├",
        13 => "┴",
        14 => "┬",
        15 => "┼",
        1..=3 => "│",
        _ => "─",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::theme::Theme, tui::style::Styles};
    use ratatui::{buffer::Buffer, layout::Rect};

    fn shown(edges: &[(u16, u16, bool)], towards_right: bool) -> String {
        let edges = edges.iter().map(|(from, to, foreign)| Edge { from: *from, to: *to, foreign: *foreign });
        let gutter = Gutter::new(edges.collect(), towards_right, 5);
        let mut buffer = Buffer::empty(Rect::new(0, 0, gutter.width, 5));
        let styles = Styles::new(&Theme::built_in("dark"));
        let mut painter = Painter { buffer: &mut buffer, styles: &styles };
        Routes::new(&gutter, 5).draw(&mut painter, 0, 0);
        crate::tui::svg::to_text(&buffer)
    }

    #[test]
    fn many_lead_to_one() {
        insta::assert_snapshot!(shown(&[(0, 2, true), (2, 2, false), (4, 2, false)], true));
    }

    #[test]
    fn one_leads_to_many() {
        insta::assert_snapshot!(shown(&[(2, 0, false), (2, 2, false), (2, 4, true)], false));
    }

    #[test]
    fn lines_that_only_cross_do_not_meet() {
        insta::assert_snapshot!(shown(&[(0, 4, false), (2, 0, false), (4, 0, false)], true));
    }
}
