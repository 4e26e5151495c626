//! The rows of a map's layers, and the lines between them: every line that leads to one spot shares one vertical
//! track in each space between two columns, so that lines meet only where they belong together.

use super::map::{Link, Spot};
use std::collections::{BTreeMap, HashMap};

/// Cells of the space between two columns beside its tracks: one before them, and the arrow with a blank behind them.
pub const LEAST_GUTTER: u32 = 4;
/// A column with more rows than this begins at the top instead of being centred.
const MOST_CENTRED: usize = 60;
/// Columns with more rows than this keep the order they have: their neighbours are far away anyway.
const MOST_ORDERED: usize = 4_000;

/// A line from a row of the left column to a row of the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// Row on the left.
    pub from: u32,
    /// Row on the right.
    pub to: u32,
    /// Its vertical part, counted from the first track.
    pub track: u32,
    /// Whether it ends at a spot on the right, not at a line that goes on.
    pub arrives: bool,
    /// The links that run along it.
    pub links: Vec<usize>,
}

/// The space between two columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gutter {
    /// Cells.
    pub width: u32,
    /// Its lines.
    pub wires: Vec<Wire>,
}

/// A line that passes through a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Its row.
    pub row: u32,
    /// The links that run along it.
    pub links: Vec<usize>,
}

/// What ordering gives beside the rows of the spots.
#[derive(Debug, Default)]
pub struct Routes {
    /// Rows in all.
    pub height: u32,
    /// Spaces between the columns; empty without lines.
    pub gutters: Vec<Gutter>,
    /// Lines through columns; empty without lines.
    pub passes: Vec<Vec<Pass>>,
}

/// What stands in one row of a column: a spot, or a line on its way to one.
struct Stop {
    /// The spot that it is, or that the line leads to.
    spot: usize,
    /// Whether it is the spot itself.
    is_spot: bool,
    column: usize,
    row: u32,
    /// Stops of neighbouring columns that it is connected to.
    left: Vec<usize>,
    right: Vec<usize>,
    /// Links that run through it.
    links: Vec<usize>,
}

/// Gives every spot its row, and routes the lines if the map has any.
pub fn order(spots: &mut [Spot], links: &[Link], columns: usize, sweeps: usize, lined: bool) -> Routes {
    let mut stops: Vec<Stop> = spots
        .iter()
        .enumerate()
        .map(|(spot, it)| Stop {
            spot,
            is_spot: true,
            column: it.column,
            row: 0,
            left: Vec::new(),
            right: Vec::new(),
            links: Vec::new(),
        })
        .collect();
    let joins = connect(&mut stops, spots, links, lined);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); columns];
    for (index, stop) in stops.iter().enumerate() {
        rows[stop.column].push(index);
    }
    for column in &mut rows {
        column.sort_by_cached_key(|stop| {
            let spot = &spots[stops[*stop].spot];
            (spot.cycle, spot.project().cloned(), spot.key.clone())
        });
    }
    let height = rows.iter().map(Vec::len).max().unwrap_or(0);
    settle(&mut stops, &rows, height);
    for sweep in 0..sweeps {
        let to_right = sweep % 2 == 0;
        for turn in 0..columns {
            let column = if to_right { turn } else { columns - 1 - turn };
            sort(&mut stops, &mut rows[column], spots, to_right, height);
        }
    }
    for stop in stops.iter().filter(|stop| stop.is_spot) {
        spots[stop.spot].row = stop.row;
    }
    let mut routes = Routes { height: height as u32, ..Routes::default() };
    if lined {
        routes.gutters = gutters(&stops, &joins, columns);
        routes.passes = vec![Vec::new(); columns];
        for stop in stops.into_iter().filter(|stop| !stop.is_spot) {
            routes.passes[stop.column].push(Pass { row: stop.row, links: stop.links });
        }
    }
    routes
}

/// Connects stops along the links; a line that skips columns gets a stop in each of them, shared with all
/// others that lead to the same spot. Gives the links of every piece between two stops.
fn connect(
    stops: &mut Vec<Stop>,
    spots: &[Spot],
    links: &[Link],
    lined: bool,
) -> BTreeMap<(usize, usize), Vec<usize>> {
    let mut joins: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    let mut ways: HashMap<(usize, usize), usize> = HashMap::new();
    for (link, Link { from, to, .. }) in links.iter().enumerate() {
        let (first, last) = (spots[*from].column, spots[*to].column);
        if !lined {
            stops[*from].right.push(*to);
            stops[*to].left.push(*from);
            continue;
        }
        let mut before = *from;
        for column in first + 1..=last {
            let next = if column == last {
                *to
            } else {
                *ways.entry((*to, column)).or_insert_with(|| {
                    stops.push(Stop {
                        spot: *to,
                        is_spot: false,
                        column,
                        row: 0,
                        left: Vec::new(),
                        right: Vec::new(),
                        links: Vec::new(),
                    });
                    stops.len() - 1
                })
            };
            let join = joins.entry((before, next)).or_default();
            if join.is_empty() {
                stops[before].right.push(next);
                stops[next].left.push(before);
            }
            join.push(link);
            if next != *to {
                stops[next].links.push(link);
            }
            before = next;
        }
    }
    joins
}

/// Gives the stops of every column their rows.
fn settle(stops: &mut [Stop], rows: &[Vec<usize>], height: usize) {
    for column in rows {
        number(stops, column, height);
    }
}

fn number(stops: &mut [Stop], column: &[usize], height: usize) {
    let first = if height > MOST_CENTRED { 0 } else { (height - column.len()) / 2 };
    for (row, stop) in column.iter().enumerate() {
        stops[*stop].row = (first + row) as u32;
    }
}

/// Puts a column in the order of the middle of what each is connected to on one side.
fn sort(stops: &mut [Stop], column: &mut [usize], spots: &[Spot], to_right: bool, height: usize) {
    if column.len() > MOST_ORDERED {
        return;
    }
    let middle = |stop: &Stop| {
        let others = if to_right { &stop.left } else { &stop.right };
        let others = if others.is_empty() { if to_right { &stop.right } else { &stop.left } } else { others };
        if others.is_empty() {
            return f64::from(stop.row);
        }
        others.iter().map(|other| f64::from(stops[*other].row)).sum::<f64>() / others.len() as f64
    };
    // The services of a cycle stay together, where they are on average.
    let mut cycles: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    let mut keys: HashMap<usize, (f64, Option<usize>)> = HashMap::with_capacity(column.len());
    for index in column.iter() {
        let stop = &stops[*index];
        let cycle = spots[stop.spot].cycle.filter(|_| stop.is_spot);
        let at = middle(stop);
        keys.insert(*index, (at, cycle));
        if let Some(cycle) = cycle {
            let sum = cycles.entry(cycle).or_default();
            *sum = (sum.0 + at, sum.1 + 1.0);
        }
    }
    for (at, cycle) in keys.values_mut() {
        if let Some((sum, count)) = cycle.and_then(|cycle| cycles.get(&cycle)) {
            *at = sum / count;
        }
    }
    column.sort_by(|a, b| {
        let ((a, first), (b, second)) = (keys[a], keys[b]);
        a.total_cmp(&b).then(first.cmp(&second))
    });
    number(stops, column, height);
}

/// The lines of every space between two columns.
fn gutters(stops: &[Stop], joins: &BTreeMap<(usize, usize), Vec<usize>>, columns: usize) -> Vec<Gutter> {
    let mut gutters: Vec<Gutter> = vec![Gutter::default(); columns.saturating_sub(1)];
    // By target: those share a track.
    let mut nets: Vec<BTreeMap<usize, Vec<Wire>>> = vec![BTreeMap::new(); columns.saturating_sub(1)];
    for ((from, to), links) in joins {
        let wire = Wire {
            from: stops[*from].row,
            to: stops[*to].row,
            track: 0,
            arrives: stops[*to].is_spot,
            links: links.clone(),
        };
        nets[stops[*from].column].entry(*to).or_default().push(wire);
    }
    for (gutter, nets) in gutters.iter_mut().zip(nets) {
        let mut nets: Vec<Vec<Wire>> = nets.into_values().collect();
        let tracks = assign(&mut nets);
        gutter.width = LEAST_GUTTER + tracks;
        gutter.wires = nets.into_iter().flatten().collect();
    }
    gutters
}

/// Gives every net a track; nets that do not touch share one. Where the last part of one net lies in the row in which
/// another begins, the one that begins there turns off first, or the two would look like one line.
fn assign(nets: &mut [Vec<Wire>]) -> u32 {
    struct Net {
        top: u32,
        bottom: u32,
        to: u32,
        begins: Vec<u32>,
    }
    let shapes: Vec<Net> = nets
        .iter()
        .map(|wires| {
            let to = wires.first().map_or(0, |wire| wire.to);
            let begins: Vec<u32> = wires.iter().map(|wire| wire.from).collect();
            let top = begins.iter().copied().min().unwrap_or(to).min(to);
            let bottom = begins.iter().copied().max().unwrap_or(to).max(to);
            Net { top, bottom, to, begins }
        })
        .collect();
    let mut open: Vec<usize> =
        (0..nets.len()).filter(|net| shapes[*net].top != shapes[*net].bottom).collect();
    open.sort_by_key(|net| (shapes[*net].top, shapes[*net].bottom));
    let ends: HashMap<u32, usize> = (0..nets.len()).map(|net| (shapes[net].to, net)).collect();
    // Who must be placed before whom.
    let mut waits: Vec<Vec<usize>> = vec![Vec::new(); nets.len()];
    for (net, shape) in shapes.iter().enumerate() {
        for begin in &shape.begins {
            if let Some(other) = ends.get(begin).filter(|other| **other != net) {
                waits[*other].push(net);
            }
        }
    }
    let mut placed: Vec<bool> = (0..nets.len()).map(|net| shapes[net].top == shapes[net].bottom).collect();
    let mut track = 0;
    while !open.is_empty() {
        let mut chosen: Vec<usize> = Vec::new();
        for net in &open {
            let is_free = chosen.last().is_none_or(|last| shapes[*last].bottom < shapes[*net].top);
            if is_free && waits[*net].iter().all(|other| placed[*other]) {
                chosen.push(*net);
            }
        }
        // They wait for each other: one must give way.
        if chosen.is_empty() {
            chosen.push(open[0]);
        }
        for net in &chosen {
            placed[*net] = true;
            for wire in &mut nets[*net] {
                wire.track = track;
            }
        }
        open.retain(|net| !placed[*net]);
        track += 1;
    }
    track
}
