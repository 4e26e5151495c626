//! Which services are shown, in which column and row, and the edges between neighbouring columns.

use super::routes::{Edge, Gutter};
use crate::{
    domain::{catalog::Service, name::ServiceName},
    tui::{paint::cells, view::View},
};
use std::{collections::HashSet, sync::Arc};

/// More nodes than this are a hairball; the least worrying are counted instead of drawn.
const MOST_NODES: usize = 30;
const MOST_NODES_ZOOMED: usize = 90;
/// The widest that a name's column gets; longer names are cut.
const WIDEST: u16 = 26;
/// Cells of a gutter beside its tracks.
const GUTTER: u16 = 5;

/// What stands in one row of a column.
#[derive(Clone, Copy)]
pub enum Slot<'a> {
    /// A service.
    Service(&'a Service),
    /// So many more that are not drawn.
    More(usize),
}

/// One column: services that are equally far from the middle.
pub struct Column<'a> {
    /// Steps from the middle: negative for those that use it.
    pub level: i32,
    /// Offset from the left end.
    pub x: u16,
    /// Width of its names.
    pub width: u16,
    /// What stands in it, with the row.
    pub slots: Vec<(Slot<'a>, u16)>,
}

/// All columns, with the gutter to the right of each but the last.
pub struct Layers<'a> {
    /// From left to right.
    pub columns: Vec<Column<'a>>,
    /// Between them.
    pub gutters: Vec<Gutter>,
}

/// A column before it has a place.
struct Level<'a> {
    services: Vec<&'a Service>,
    hidden: usize,
}

impl Level<'_> {
    fn width(&self) -> u16 {
        let longest = self.services.iter().map(|service| cells(service.name.as_str())).max().unwrap_or(0);
        longest.max(if self.hidden > 0 { 9 } else { 0 }) + 2
    }

    fn rows(&self) -> usize {
        self.services.len() + usize::from(self.hidden > 0)
    }
}

fn depends(service: &Service, on: &Service) -> bool {
    service.dependencies.iter().any(|dependency| dependency.service == on.name)
}

impl<'a> Layers<'a> {
    /// Chooses as many levels around `middle` as fit into `width` by `height` cells and lays them out.
    pub fn new(view: &View<'a>, middle: &'a Arc<Service>, width: u16, height: u16, zoomed: bool) -> Self {
        let height = height.max(1);
        let capacity = usize::from(height);
        let joined = view.joined;
        // Services are their places in the order of worry here: everybody may need one of them, and ten
        // thousand names are not compared in every frame.
        let mut placed: HashSet<usize> = joined.index.get(&middle.name).copied().into_iter().collect();
        let mut left_over = if zoomed { MOST_NODES_ZOOMED } else { MOST_NODES };
        let mut take = |names: Vec<&'a ServiceName>, towards: &[&Service], level: i32| -> Option<Level<'a>> {
            let mut found: Vec<usize> = names
                .into_iter()
                .filter_map(|name| joined.index.get(name).copied())
                .filter(|index| !placed.contains(index))
                .collect();
            found.sort_unstable();
            found.dedup();
            if found.is_empty() || left_over == 0 {
                return None;
            }
            let room = capacity.min(left_over.max(2));
            let shown = if found.len() > room { room.saturating_sub(1) } else { found.len() };
            let hidden = found.len() - shown;
            placed.extend(&found);
            found.truncate(shown);
            let found = found.into_iter().filter_map(|index| joined.services.get(index));
            let mut found: Vec<&Service> = found.map(|row| &*row.service).collect();
            left_over = left_over.saturating_sub(shown);
            // Beside what they are connected to, so that lines cross less.
            found.sort_by_cached_key(|service| {
                let near: Vec<usize> = towards
                    .iter()
                    .enumerate()
                    .filter(
                        |(_, other)| {
                            if level < 0 { depends(service, other) } else { depends(other, service) }
                        },
                    )
                    .map(|(index, _)| index)
                    .collect();
                near.iter().sum::<usize>() * 100 / near.len().max(1)
            });
            Some(Level { services: found, hidden })
        };

        let middle_width = cells(middle.name.as_str()) + 2;
        let mut left: Vec<Level<'a>> = Vec::new();
        let mut right: Vec<Level<'a>> = Vec::new();
        let users = |name: &ServiceName| joined.dependants.get(name).into_iter().flatten();
        let first = users(&middle.name).collect();
        left.extend(take(first, &[middle], -1));
        let first = middle.dependencies.iter().map(|dependency| &dependency.service).collect();
        right.extend(take(first, &[middle], 1));

        let total = |left: &[Level<'_>], right: &[Level<'_>]| {
            let columns = left.iter().chain(right);
            middle_width
                + columns.map(|level| level.width().min(WIDEST) + GUTTER + tracks(level)).sum::<u16>()
        };
        // Further levels only where they fit whole.
        let mut grows = [!left.is_empty(), !right.is_empty()];
        while grows.iter().any(|grows| *grows) {
            for (side, grows) in grows.iter_mut().enumerate().filter(|(_, grows)| **grows) {
                let levels = if side == 0 { &left } else { &right };
                let Some(outer) = levels.last() else { continue };
                let names: Vec<&ServiceName> = if side == 0 {
                    outer.services.iter().flat_map(|service| users(&service.name)).collect()
                } else {
                    let dependencies = outer.services.iter().flat_map(|service| &service.dependencies);
                    dependencies.map(|dependency| &dependency.service).collect()
                };
                let longest = names.iter().map(|name| cells(name.as_str())).max().unwrap_or(0);
                let needed = (longest + 2).min(WIDEST) + GUTTER + outer.services.len() as u16;
                if names.is_empty() || total(&left, &right) + needed > width {
                    *grows = false;
                    continue;
                }
                let towards = outer.services.clone();
                let level = signed(levels.len()) + 1;
                match take(names, &towards, if side == 0 { -level } else { level }) {
                    Some(level) if side == 0 => left.push(level),
                    Some(level) => right.push(level),
                    None => *grows = false,
                }
            }
        }
        place(left, middle, right, width, height)
    }
}

/// A number of columns with a sign.
fn signed(columns: usize) -> i32 {
    i32::try_from(columns).unwrap_or(i32::MAX)
}

/// At most so many tracks are between a level and the next one towards the middle.
fn tracks(level: &Level<'_>) -> u16 {
    u16::from(!level.services.is_empty())
}

/// Gives every column its place and every service its row.
fn place<'a>(
    left: Vec<Level<'a>>,
    middle: &'a Arc<Service>,
    right: Vec<Level<'a>>,
    width: u16,
    height: u16,
) -> Layers<'a> {
    let middle_level = left.len();
    let mut levels: Vec<Level<'a>> = left.into_iter().rev().collect();
    levels.push(Level { services: vec![middle], hidden: 0 });
    levels.extend(right);

    // One blank row between services where that fits.
    let most = levels.iter().map(Level::rows).max().unwrap_or(1);
    let spacing: u16 = if most * 2 <= usize::from(height) + 1 { 2 } else { 1 };
    let rows: Vec<Vec<u16>> = levels
        .iter()
        .map(|level| {
            let count = level.rows() as u16;
            let used = (count * spacing).saturating_sub(spacing - 1);
            let begin = height.saturating_sub(used) / 2;
            (0..count).map(|index| begin + index * spacing).collect()
        })
        .collect();

    let gutters: Vec<Gutter> = (0..levels.len().saturating_sub(1))
        .map(|index| {
            let (from, to) = (&levels[index], &levels[index + 1]);
            let mut edges = Vec::new();
            for (source, source_row) in from.services.iter().zip(&rows[index]) {
                for (target, target_row) in to.services.iter().zip(&rows[index + 1]) {
                    if depends(source, target) {
                        edges.push(Edge {
                            from: *source_row,
                            to: *target_row,
                            foreign: target.project.is_some() && target.project != source.project,
                        });
                    }
                }
            }
            Gutter::new(edges, index < middle_level, GUTTER)
        })
        .collect();

    // Names give way, the longest columns first, until everything fits.
    let mut widths: Vec<u16> = levels.iter().map(|level| level.width().min(WIDEST)).collect();
    let fixed: u16 = gutters.iter().map(|gutter| gutter.width).sum();
    while widths.iter().sum::<u16>() + fixed > width {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > 6) else { break };
        *widest -= 1;
    }
    let used = widths.iter().sum::<u16>() + fixed;
    let mut x = width.saturating_sub(used) / 2;
    let mut columns = Vec::with_capacity(levels.len());
    for (index, level) in levels.iter().enumerate() {
        let slots = level
            .services
            .iter()
            .map(|service| Slot::Service(service))
            .chain((level.hidden > 0).then_some(Slot::More(level.hidden)))
            .zip(rows[index].iter().copied())
            .collect();
        let column = Column { level: signed(index) - signed(middle_level), x, width: widths[index], slots };
        x += widths[index] + gutters.get(index).map_or(0, |gutter| gutter.width);
        columns.push(column);
    }
    Layers { columns, gutters }
}
