//! The dependency graph: what it shows, walking in it, folding.

use super::{
    cursor::{self, follow},
    say, view,
};
use crate::{
    action::command::{CursorCommand, Direction, GraphCommand},
    domain::{graph::part::Way, name::ServiceName},
    error::Failure,
    model::{
        Model,
        graph_view::{GraphMove, MOST_DEPTH},
        layout::Pane,
        ui::NoticeKind,
    },
};

pub(super) fn run(model: &mut Model, command: GraphCommand) -> Result<(), Failure> {
    match command {
        GraphCommand::Show { service, depth, .. } => {
            if let Some(service) = service {
                if model.world.joined.service(service.as_str()).is_none() {
                    return Err(Failure::usage(format!("there is no service `{service}`")));
                }
                cursor::select(model, &service);
                model.ui.graph.centre = Some(service);
                model.ui.graph.whole = false;
            }
            if let Some(depth) = depth {
                model.ui.graph.depth = depth.clamp(1, MOST_DEPTH);
            }
            view::focus(model, Pane::Graph);
        }
        GraphCommand::Map => {
            model.ui.graph.whole = !model.ui.graph.whole;
            // The neighbourhood is that of where the person has walked to.
            model.ui.graph.centre = model.ui.selected.clone();
            model.settle_graph();
        }
        GraphCommand::Walk(way) => walk(model, way),
        GraphCommand::Depth(direction) => depth(model, direction),
        GraphCommand::Fold => {
            if model.fold_graph() {
                follow(model, Pane::Graph);
            } else {
                say(model, NoticeKind::Info, "nothing folds here: only leaves of a long layer do");
            }
        }
    }
    Ok(())
}

fn walk(model: &mut Model, way: Way) {
    if let Some(target) = model.graph_target(GraphMove::Along(way)) {
        go(model, target);
        return;
    }
    let Some(spot) = model.graph_spot() else { return };
    let label = spot.label();
    // In a neighbourhood there may be more than what is shown.
    let service = spot.services().first();
    let has_more = service.is_some_and(|service| match way {
        Way::Dependencies => !service.dependencies.is_empty(),
        _ => model.world.joined.dependants.get(&service.name).is_some_and(|users| !users.is_empty()),
    });
    let said = match (way, has_more && !model.ui.graph.whole) {
        (_, true) => format!("{label} has more behind it: enter puts it in the middle, + reaches further"),
        (Way::Dependencies, false) => format!("{label} needs nothing"),
        (_, false) => format!("nobody needs {label}"),
    };
    say(model, NoticeKind::Info, said);
}

/// Puts the cursor on a spot; the other panes follow.
fn go(model: &mut Model, target: usize) {
    model.ui.lists[Pane::Graph.index()].placed = true;
    model.place_graph(target, false);
    follow(model, Pane::Graph);
}

/// A click on a spot puts the cursor there.
pub fn graph_click(model: &mut Model, column: u16, row: u16) {
    if let Some(target) = model.graph_at(column, row) {
        go(model, target);
    }
}

fn depth(model: &mut Model, direction: Direction) {
    let view = &mut model.ui.graph;
    if view.whole {
        say(model, NoticeKind::Info, "the whole map shows everything already");
        return;
    }
    let wanted = match direction {
        Direction::Next => view.depth + 1,
        Direction::Previous => view.depth.saturating_sub(1),
    };
    let depth = wanted.clamp(1, MOST_DEPTH);
    if depth == view.depth {
        let text =
            if depth == 1 { "one step is the least" } else { "that is far enough: m shows the whole map" };
        say(model, NoticeKind::Info, text);
        return;
    }
    view.depth = depth;
    model.settle_graph();
}

/// The cursor of the graph: within the layer, or to another match or worry.
pub(super) fn cursor(model: &mut Model, command: CursorCommand) {
    let page = isize::try_from(model.ui.graph_room().1).unwrap_or(1).max(1);
    let rows = match command {
        CursorCommand::By(rows) => rows,
        CursorCommand::HalfPages(count) => (page / 2).max(1) * count,
        CursorCommand::Pages(count) => page * count,
        CursorCommand::Top => isize::MIN,
        CursorCommand::Bottom => isize::MAX,
        CursorCommand::Mark => {
            if model.fold_graph() {
                follow(model, Pane::Graph);
            }
            return;
        }
        CursorCommand::Worry(direction) => {
            jump(model, direction);
            return;
        }
    };
    if let Some(target) = model.graph_target(GraphMove::Rows(rows)) {
        go(model, target);
    }
}

/// To the next or previous match of the search; without one, to what is not well.
fn jump(model: &mut Model, direction: Direction) {
    let list = model.ui.list(Pane::Graph);
    let (at, count) = (list.cursor, list.rows.len());
    let is_searching = !list.filter.trim().is_empty();
    let matches = model.graph_matches();
    let is_wanted = |index: &usize| {
        if is_searching {
            matches.binary_search(index).is_ok()
        } else {
            model.is_worrying(Pane::Graph, &model.ui.list(Pane::Graph).rows[*index])
        }
    };
    let found = (1..=count)
        .map(|step| match direction {
            Direction::Next => (at + step) % count,
            Direction::Previous => (at + count - step) % count,
        })
        .find(is_wanted);
    match found {
        Some(target) => go(model, target),
        None if is_searching => say(model, NoticeKind::Info, "nothing here matches"),
        None => say(model, NoticeKind::Info, "nothing here is unwell"),
    }
}

/// How far a name is from what was searched: the very name, its beginning, a part of it, or letters in between.
fn distance(name: &str, wanted: &str) -> u8 {
    match name {
        _ if name == wanted => 0,
        _ if name.starts_with(wanted) => 1,
        _ if name.contains(wanted) => 2,
        _ => 3,
    }
}

fn wanted(model: &Model) -> String {
    model.ui.list(Pane::Graph).filter.trim().to_lowercase()
}

/// To the nearest match, while the search is typed.
pub(super) fn search(model: &mut Model) {
    let wanted = wanted(model);
    let nearest = model.graph_matches().into_iter().min_by_key(|index| {
        let services = model.ui.graph.map.spots[*index].services();
        services.iter().map(|service| distance(service.name.as_str(), &wanted)).min()
    });
    if let Some(nearest) = nearest {
        go(model, nearest);
    }
}

/// The search is confirmed: what is not drawn here, but is what was asked for, comes into the middle.
pub(super) fn searched(model: &mut Model) {
    let wanted = wanted(model);
    if wanted.is_empty() {
        return;
    }
    let drawn = model.graph_matches();
    let best = |names: &mut dyn Iterator<Item = &ServiceName>| {
        names.map(|name| (distance(name.as_str(), &wanted), name.clone())).min()
    };
    let spots = drawn.iter().flat_map(|index| model.ui.graph.map.spots[*index].services());
    let here = best(&mut spots.map(|service| &service.name));
    let catalog = model.world.catalog.value.as_ref();
    let anywhere = catalog.and_then(|catalog| best(&mut catalog.services.keys())).filter(|(far, _)| *far < 3);
    match (here, anywhere) {
        (Some((here, _)), Some((there, _))) if here <= there => {}
        (_, Some((_, name))) => centre(model, &name),
        (Some(_), None) => {}
        (None, None) => say(model, NoticeKind::Info, format!("no service matches `{wanted}`")),
    }
}

/// Enter: unfolds a group, or puts the service under the cursor in the middle; false where it is already.
pub(super) fn enter(model: &mut Model) -> bool {
    let Some(spot) = model.graph_spot() else { return false };
    if spot.services().len() > 1 {
        model.fold_graph();
        follow(model, Pane::Graph);
        return true;
    }
    let Some(name) = spot.services().first().map(|service| service.name.clone()) else { return false };
    let is_elsewhere = !model.ui.graph.whole && model.ui.graph.centre.as_ref() != Some(&name);
    if is_elsewhere {
        centre(model, &name);
    }
    is_elsewhere
}

fn centre(model: &mut Model, name: &ServiceName) {
    cursor::select(model, name);
    model.ui.graph.centre = Some(name.clone());
    model.settle_graph();
}
