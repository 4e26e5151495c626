//! The cursor of whatever has the keys, and the rows of lists.

use super::{calendar, cross, graph, inspect, inventory, say};
use crate::{
    action::command::{CursorCommand, Direction},
    domain::name::ServiceName,
    model::{
        Model,
        inventory::group_of,
        layout::Pane,
        ui::{NoticeKind, Overlay},
    },
};

/// Rows of an overlay that a page moves by.
pub(super) fn overlay_page(model: &Model) -> isize {
    isize::try_from(model.ui.size.height.saturating_sub(8)).unwrap_or(1).max(1)
}

pub(super) fn cursor(model: &mut Model, command: CursorCommand) {
    if !model.ui.overlays.is_empty() {
        let page = overlay_page(model);
        overlay_cursor(model, command, page);
        return;
    }
    let pane = model.ui.focus;
    if pane == Pane::Graph {
        graph::cursor(model, command);
        return;
    }
    if pane == Pane::Calendar {
        calendar::cursor(model, command);
        return;
    }
    let height = model.ui.layout().rows(pane);
    let rows_per_page = isize::try_from(height).unwrap_or(1).max(1);
    if let CursorCommand::Worry(direction) = command {
        worry(model, pane, direction, height);
    } else {
        let list = &mut model.ui.lists[pane.index()];
        list.placed = true;
        match command {
            CursorCommand::By(rows) => list.move_by(rows, height),
            CursorCommand::HalfPages(count) => list.move_by((rows_per_page / 2).max(1) * count, height),
            CursorCommand::Pages(count) => list.move_by(rows_per_page * count, height),
            CursorCommand::Top => list.move_to(0, height),
            CursorCommand::Bottom => list.move_to(usize::MAX, height),
            CursorCommand::Mark if pane == Pane::Inventory && list.current().and_then(group_of).is_some() => {
                inventory::fold(model);
                return;
            }
            CursorCommand::Mark => {
                list.toggle();
                list.move_by(1, height);
            }
            CursorCommand::Worry(_) => {}
        }
    }
    let back = match command {
        CursorCommand::By(steps) | CursorCommand::HalfPages(steps) | CursorCommand::Pages(steps) => steps < 0,
        CursorCommand::Bottom | CursorCommand::Worry(Direction::Previous) => true,
        CursorCommand::Top | CursorCommand::Mark | CursorCommand::Worry(Direction::Next) => false,
    };
    settle_cursor(model, pane, if back { Direction::Previous } else { Direction::Next });
}

/// The cursor of a pane has moved in a direction: it rests where it may, and everything follows it.
pub(super) fn settle_cursor(model: &mut Model, pane: Pane, direction: Direction) {
    if pane == Pane::Inventory {
        inventory::rest(model, direction);
    }
    follow(model, pane);
}

fn worry(model: &mut Model, pane: Pane, direction: Direction, height: usize) {
    let list = model.ui.list(pane);
    let count = list.rows.len();
    let found = (1..=count)
        .map(|step| match direction {
            Direction::Next => (list.cursor + step) % count,
            Direction::Previous => (list.cursor + count - step) % count,
        })
        .find(|index| model.is_worrying(pane, &list.rows[*index]));
    match found {
        Some(index) => {
            let list = &mut model.ui.lists[pane.index()];
            list.placed = true;
            list.move_to(index, height);
        }
        None => say(model, NoticeKind::Info, "nothing here is unwell"),
    }
}

fn overlay_cursor(model: &mut Model, command: CursorCommand, page: isize) {
    if matches!(model.ui.overlays.last(), Some(Overlay::Inspect(_))) {
        inspect::cursor(model, command, page);
        return;
    }
    let limit = model.ui.overlay_limit();
    let moved = |place: usize| command.moved(place, page);
    match model.ui.overlays.last_mut() {
        Some(Overlay::Palette { entries, cursor, .. }) => {
            *cursor = moved(*cursor).min(entries.len().saturating_sub(1));
        }
        Some(Overlay::Columns { cursor }) => {
            *cursor = moved(*cursor).min(model.ui.inventory.columns.len().saturating_sub(1));
        }
        Some(Overlay::Findings { validation, cursor }) => {
            *cursor = moved(*cursor).min(validation.findings.len().saturating_sub(1));
        }
        Some(
            Overlay::Help { offset, .. }
            | Overlay::Confirm { offset, .. }
            | Overlay::Running { offset, .. }
            | Overlay::Service { offset, .. }
            | Overlay::Source { offset, .. }
            | Overlay::Change { offset, .. }
            | Overlay::CrossProject { offset, .. }
            | Overlay::Impact { offset, .. }
            | Overlay::Deployment { offset, .. }
            | Overlay::Sources { offset },
        ) => *offset = moved(*offset).min(limit),
        _ => {}
    }
}

/// The cursor of a pane moved: every other pane shows the same service.
pub(super) fn follow(model: &mut Model, pane: Pane) {
    // Where it rests on no service, what was selected stays so.
    let service = model.service_at(pane).cloned();
    if let Some(service) = service {
        select(model, &service);
    }
}

/// Selects a service everywhere. Only panes that do not have the keys move their cursors.
pub fn select(model: &mut Model, service: &ServiceName) {
    if model.ui.selected.as_ref() == Some(service) {
        return;
    }
    model.ui.selected = Some(service.clone());
    model.dirty = true;
    let layout = model.ui.layout();
    model.settle_graph();
    if model.ui.focus != Pane::Inventory {
        let list = &mut model.ui.lists[Pane::Inventory.index()];
        if let Some(index) = list.rows.iter().position(|row| *service == **row) {
            list.placed = true;
            list.move_to(index, layout.rows(Pane::Inventory));
        }
    }
    if model.ui.focus != Pane::Sla {
        let project =
            model.world.joined.service(service.as_str()).map(|row| {
                row.service.project.as_ref().map_or("shared", |project| project.as_str()).to_owned()
            });
        let list = &mut model.ui.lists[Pane::Sla.index()];
        if let Some(index) = project.and_then(|project| list.rows.iter().position(|row| *row == project)) {
            list.move_to(index, layout.rows(Pane::Sla));
        }
    }
}

/// Computes every pane's rows again, after the world, a filter or the size changed.
pub fn refresh_lists(model: &mut Model) {
    let layout = model.ui.layout();
    for pane in Pane::DECK.into_iter().filter(|pane| *pane != Pane::Graph) {
        let rows = if pane == Pane::Inventory { model.arrange_inventory() } else { model.rows(pane) };
        model.ui.lists[pane.index()].replace(rows, layout.rows(pane));
    }
    inventory::rest(model, Direction::Next);
    let gone =
        model.ui.selected.as_ref().is_none_or(|name| model.world.joined.service(name.as_str()).is_none());
    // Until somebody chooses, the worst service is the one that everything shows.
    if gone || !model.ui.lists.iter().any(|list| list.placed) {
        let mut rows = model.ui.list(Pane::Inventory).rows.iter();
        let first = rows.find(|row| group_of(row).is_none()).map(|row| ServiceName::from(row.as_str()));
        if let Some(first) = first {
            select(model, &first);
        }
    }
    model.settle_graph();
    cross::refresh(model);
    calendar::refresh(model);
    if model.ui.focus == Pane::Deployments {
        let rows = model.rows(Pane::Deployments);
        model.ui.lists[Pane::Deployments.index()].replace(rows, layout.rows(Pane::Deployments));
    }
    model.dirty = true;
}
