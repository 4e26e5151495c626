//! The lines of the map, cell by cell, as far as they are in sight.

use crate::{
    config::theme::Role,
    domain::graph::map::{Link, Map},
    tui::paint::Painter,
};
use ratatui::layout::Rect;

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

#[derive(Clone, Copy, Default)]
struct Cell {
    mask: u8,
    /// Whether the horizontal and the vertical line belong together here.
    joint: bool,
    arrow: bool,
    /// How many links run through it, and how many of them lead into another project.
    links: u32,
    foreign: u32,
    /// Whether one of them begins or ends at the cursor.
    near: bool,
}

/// Where the map is on the screen.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// Where it may be drawn.
    pub area: Rect,
    /// Its first cell, from the first one of the area.
    pub origin: (i64, i64),
    /// Rows between two spots.
    pub spacing: u32,
}

impl Sight {
    /// The cell of a place in the map, from the first one of the area.
    pub fn at(&self, x: u32, row: u32) -> (i64, i64) {
        (self.origin.0 + i64::from(x), self.origin.1 + i64::from(row) * i64::from(self.spacing))
    }

    /// Whether columns of cells are in sight.
    pub fn shows(&self, x: u32, width: u32) -> bool {
        let begin = self.origin.0 + i64::from(x);
        begin < i64::from(self.area.width) && begin + i64::from(width) > 0
    }
}

/// How the links that run along a line are drawn.
#[derive(Clone, Copy, Default)]
pub struct Look {
    links: u32,
    foreign: u32,
    near: bool,
}

impl Look {
    /// Of some links of a map, when the cursor is on a spot.
    pub fn of<'l>(links: impl Iterator<Item = &'l Link>, cursor: usize) -> Self {
        links.fold(Self::default(), |look, link| Self {
            links: look.links + 1,
            foreign: look.foreign + u32::from(link.foreign),
            near: look.near || link.from == cursor || link.to == cursor,
        })
    }

    const fn is_foreign(self) -> bool {
        self.links > 0 && self.links == self.foreign
    }

    /// The role of a line.
    pub const fn role(self) -> Role {
        match (self.near, self.is_foreign()) {
            (true, _) => Role::GraphSelected,
            (false, true) => Role::GraphForeign,
            (false, false) => Role::GraphEdge,
        }
    }

    /// A horizontal line.
    pub const fn dash(self) -> &'static str {
        if self.is_foreign() { "┄" } else { "─" }
    }
}

/// The cells of an area.
pub struct Canvas {
    cells: Vec<Cell>,
    width: i64,
    height: i64,
}

impl Canvas {
    /// The lines of a map that are in sight, when the cursor is on a spot.
    pub fn new(map: &Map, sight: &Sight, cursor: usize) -> Self {
        let (width, height) = (sight.area.width, sight.area.height);
        let mut canvas = Self {
            cells: vec![Cell::default(); usize::from(width) * usize::from(height)],
            width: i64::from(width),
            height: i64::from(height),
        };
        if map.is_lined() {
            canvas.all(map, sight, cursor);
        } else {
            canvas.of_cursor(map, sight, cursor);
        }
        canvas
    }

    fn all(&mut self, map: &Map, sight: &Sight, cursor: usize) {
        let looks = |links: &[usize]| Look::of(links.iter().filter_map(|link| map.links.get(*link)), cursor);
        for (column, passes) in map.columns.iter().zip(&map.passes) {
            if !sight.shows(column.x, column.width) {
                continue;
            }
            for pass in passes {
                let (x, y) = sight.at(column.x, pass.row);
                self.across(x, x + i64::from(column.width) - 1, y, looks(&pass.links));
            }
        }
        for (column, gutter) in map.columns.iter().zip(&map.gutters) {
            let x = column.x + column.width;
            if !sight.shows(x, gutter.width) {
                continue;
            }
            for wire in &gutter.wires {
                let (begin, from) = sight.at(x, wire.from);
                let (_, to) = sight.at(x, wire.to);
                let shape = Shape {
                    begin,
                    track: begin + 1 + i64::from(wire.track),
                    end: begin + i64::from(gutter.width) - 1,
                    from,
                    to,
                    arrives: wire.arrives,
                };
                self.route(&shape, looks(&wire.links));
            }
        }
    }

    /// Only the lines from and to the cursor, as far as they lead to the next column.
    fn of_cursor(&mut self, map: &Map, sight: &Sight, cursor: usize) {
        for link in map.links.iter().filter(|link| link.from == cursor || link.to == cursor) {
            let (Some(from), Some(to)) = (map.spots.get(link.from), map.spots.get(link.to)) else { continue };
            let (Some(left), Some(right)) = (map.columns.get(from.column), map.columns.get(to.column)) else {
                continue;
            };
            if to.column != from.column + 1 {
                continue;
            }
            let (begin, from) = sight.at(left.x + left.width, from.row);
            let (_, to) = sight.at(0, to.row);
            let end = sight.at(right.x, 0).0 - 1;
            let shape = Shape { begin, track: begin + 1, end, from, to, arrives: true };
            self.route(&shape, Look::of(std::iter::once(link), cursor));
        }
    }

    fn at(&mut self, x: i64, y: i64) -> Option<&mut Cell> {
        if x < 0 || y < 0 || x >= self.width || y >= self.height {
            return None;
        }
        self.cells.get_mut((y * self.width + x) as usize)
    }

    fn add(&mut self, x: i64, y: i64, mask: u8, look: Look) {
        if let Some(cell) = self.at(x, y) {
            cell.mask |= mask;
            cell.links += look.links;
            cell.foreign += look.foreign;
            cell.near |= look.near;
        }
    }

    fn across(&mut self, begin: i64, end: i64, y: i64, look: Look) {
        if y < 0 || y >= self.height {
            return;
        }
        for x in begin.max(0)..=end.min(self.width - 1) {
            self.add(x, y, LEFT | RIGHT, look);
        }
    }

    fn route(&mut self, shape: &Shape, look: Look) {
        let Shape { begin, track, end, from, to, arrives } = *shape;
        // The last cell before a name stays blank; the one before that has the arrow.
        let stop = if arrives { end - 1 } else { end };
        if from == to {
            self.across(begin, stop, from, look);
            if let Some(cell) = self.at(track, from) {
                cell.joint = true;
            }
        } else {
            self.across(begin, track - 1, from, look);
            self.across(track + 1, stop, to, look);
            let (upper, lower) = (from.min(to), from.max(to));
            self.add(track, from, LEFT, look);
            self.add(track, to, RIGHT, look);
            for y in upper.max(0)..=lower.min(self.height - 1) {
                let mask = if y == upper { DOWN } else { 0 } | if y == lower { UP } else { 0 };
                self.add(track, y, if mask == 0 { UP | DOWN } else { mask }, look);
            }
            for y in [from, to] {
                if let Some(cell) = self.at(track, y) {
                    cell.joint = true;
                }
            }
        }
        if arrives && let Some(cell) = self.at(stop, to) {
            cell.arrow = true;
        }
    }

    /// Draws the lines; true if some lead into another project.
    pub fn draw(&self, painter: &mut Painter<'_>, area: Rect) -> bool {
        let mut has_foreign = false;
        for (index, cell) in self.cells.iter().enumerate().filter(|(_, cell)| cell.mask != 0) {
            let look = Look { links: cell.links, foreign: cell.foreign, near: cell.near };
            has_foreign |= look.is_foreign();
            let symbol = match cell {
                Cell { arrow: true, .. } => "▶",
                Cell { mask, .. } if *mask == LEFT | RIGHT => look.dash(),
                Cell { mask, .. } if *mask == UP | DOWN && look.is_foreign() => "┆",
                Cell { joint: false, mask, .. } if mask & (UP | DOWN) != 0 => "│",
                Cell { mask, .. } => symbol(*mask),
            };
            let (x, y) = (index as u16 % area.width, index as u16 / area.width);
            painter.cell(area.x + x, area.y + y, symbol, painter.style(look.role()));
        }
        has_foreign
    }
}

/// A line between two columns, in cells of the area.
struct Shape {
    begin: i64,
    track: i64,
    end: i64,
    from: i64,
    to: i64,
    arrives: bool,
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
