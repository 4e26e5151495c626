//! How the inventory is looked at: columns, order, groups, presets.

use super::{cursor, say, view};
use crate::{
    action::command::{ColumnCommand, Direction, InventoryCommand},
    error::Failure,
    model::{
        Model,
        inventory::{Column, Grouping, group_of},
        layout::Pane,
        ui::{NoticeKind, Overlay},
    },
};

pub(super) fn run(model: &mut Model, command: &InventoryCommand) -> Result<(), Failure> {
    if model.ui.focus != Pane::Inventory && model.ui.overlays.is_empty() {
        view::focus(model, Pane::Inventory);
    }
    match command {
        InventoryCommand::Columns => model.ui.overlays.push(Overlay::Columns { cursor: 0 }),
        InventoryCommand::Column(command) => column(model, *command),
        InventoryCommand::Sort => {
            model.ui.inventory.sort_next();
            ordered(model);
        }
        InventoryCommand::Reverse => {
            model.ui.inventory.reversed = model.ui.inventory.sort.is_some() && !model.ui.inventory.reversed;
            ordered(model);
        }
        InventoryCommand::Group => {
            model.ui.inventory.grouping = model.ui.inventory.grouping.next();
            let by = model.ui.inventory.grouping.as_str();
            cursor::refresh_lists(model);
            say(model, NoticeKind::Info, format!("grouped by {by}"));
        }
        InventoryCommand::Fold => fold(model),
        InventoryCommand::FoldAll => fold_all(model),
        InventoryCommand::Preset(name) => preset(model, name)?,
    }
    Ok(())
}

fn ordered(model: &mut Model) {
    let inventory = &model.ui.inventory;
    let text = match (inventory.sort.map(Column::as_str), inventory.reversed) {
        (None, _) => "in the order of worry".to_owned(),
        (Some(column), false) => format!("ordered by {column}"),
        (Some(column), true) => format!("ordered by {column}, turned round"),
    };
    cursor::refresh_lists(model);
    say(model, NoticeKind::Info, text);
}

fn column(model: &mut Model, command: ColumnCommand) {
    let Some(Overlay::Columns { cursor }) = model.ui.overlays.last_mut() else { return };
    let inventory = &mut model.ui.inventory;
    match command {
        ColumnCommand::Toggle => inventory.toggle(*cursor),
        ColumnCommand::Move(Direction::Next) => *cursor = inventory.shift(*cursor, 1),
        ColumnCommand::Move(Direction::Previous) => *cursor = inventory.shift(*cursor, -1),
        ColumnCommand::Wider => inventory.widen(*cursor, 2),
        ColumnCommand::Narrower => inventory.widen(*cursor, -2),
        ColumnCommand::Sort => {
            if let Some(choice) = inventory.columns.get(*cursor) {
                inventory.sort_by(choice.column);
            }
        }
        ColumnCommand::Reset => inventory.reset(),
    }
    cursor::refresh_lists(model);
}

/// Folds the group at the cursor, or opens it again. The cursor goes to what is left of it.
pub(super) fn fold(model: &mut Model) {
    let Some(row) = model.ui.list(Pane::Inventory).current().map(str::to_owned) else { return };
    let inventory = &model.ui.inventory;
    if inventory.grouping == Grouping::None {
        say(model, NoticeKind::Info, "there are no groups; group the rows first");
        return;
    }
    let group = match group_of(&row) {
        Some(group) => group.to_owned(),
        None => match model.world.joined.service(&row).and_then(|row| inventory.group(&row.service)) {
            Some(group) => group,
            None => return,
        },
    };
    let folded = &mut model.ui.inventory.folded;
    if !folded.remove(&group) {
        folded.insert(group.clone());
    }
    cursor::refresh_lists(model);
    go_to_header(model, &group);
}

fn go_to_header(model: &mut Model, group: &str) {
    let height = model.ui.layout().rows(Pane::Inventory);
    let list = &mut model.ui.lists[Pane::Inventory.index()];
    if let Some(index) = list.rows.iter().position(|row| group_of(row) == Some(group)) {
        list.placed = true;
        list.move_to(index, height);
    }
    rest(model, Direction::Next);
    cursor::follow(model, Pane::Inventory);
}

fn fold_all(model: &mut Model) {
    let inventory = &mut model.ui.inventory;
    if inventory.grouping == Grouping::None {
        say(model, NoticeKind::Info, "there are no groups; group the rows first");
        return;
    }
    let row = model.ui.list(Pane::Inventory).current().map(str::to_owned).unwrap_or_default();
    let inventory = &mut model.ui.inventory;
    let group = match group_of(&row) {
        Some(group) => Some(group.to_owned()),
        None => model.world.joined.service(&row).and_then(|row| inventory.group(&row.service)),
    };
    if inventory.groups.keys().all(|group| inventory.folded.contains(group)) {
        inventory.folded.clear();
    } else {
        inventory.folded = inventory.groups.keys().cloned().collect();
    }
    cursor::refresh_lists(model);
    if let Some(group) = group {
        go_to_header(model, &group);
    }
}

/// The cursor does not rest on the header of a group whose services are in sight: nothing could be done there.
/// It goes on in the direction of the move, or back where there is nothing; and the header stays in sight.
pub(super) fn rest(model: &mut Model, direction: Direction) {
    let height = model.ui.layout().rows(Pane::Inventory);
    let inventory = &model.ui.inventory;
    if inventory.grouping == Grouping::None {
        return;
    }
    let list = &mut model.ui.lists[Pane::Inventory.index()];
    let may_rest = |index: &usize| list.rows.get(*index).is_some_and(|row| !inventory.is_open_header(row));
    let after = || (list.cursor..list.rows.len()).find(may_rest);
    let before = || (0..=list.cursor).rev().find(may_rest);
    let place = match direction {
        Direction::Next => after().or_else(before),
        Direction::Previous => before().or_else(after),
    };
    if let Some(place) = place {
        list.move_to(place, height);
    }
    let is_header = |row: &String| group_of(row).is_some();
    if list.cursor > 0
        && list.offset == list.cursor
        && height > 1
        && list.rows.get(list.cursor - 1).is_some_and(is_header)
    {
        list.offset -= 1;
    }
}

fn preset(model: &mut Model, name: &str) -> Result<(), Failure> {
    let presets = model.world.catalog.value.as_ref().map(|catalog| &catalog.settings.presets);
    let filter = presets.and_then(|presets| presets.get(name)).cloned().ok_or_else(|| {
        let failure = Failure::usage(format!("there is no preset `{name}` in quarterdeck.toml"));
        let known = presets.into_iter().flatten().map(|(name, _)| name.as_str());
        match crate::domain::text::nearest(name, known.clone()) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint(format!("choose one of {}", known.collect::<Vec<_>>().join(", "))),
        }
    })?;
    model.ui.lists[Pane::Inventory.index()].filter = filter;
    cursor::refresh_lists(model);
    let height = model.ui.layout().rows(Pane::Inventory);
    model.ui.lists[Pane::Inventory.index()].move_to(0, height);
    rest(model, Direction::Next);
    cursor::follow(model, Pane::Inventory);
    Ok(())
}
