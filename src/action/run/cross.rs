//! Pages: opened over the Deck, left to where one was; and the tables of the cross-project page.

use super::cursor::{follow, refresh_lists, select};
use crate::{
    action::command::Direction,
    domain::cross_project::Table,
    model::{
        Model,
        layout::Pane,
        ui::{Beneath, Overlay, Ui},
    },
};

/// Opens a page, and remembers where in the Deck the person came from.
pub(super) fn open(model: &mut Model, page: Pane) {
    let ui = &mut model.ui;
    let is_open = !ui.focus.is_in_deck();
    if !is_open {
        let selected = ui.selected.clone();
        ui.beneath = Some(Beneath { focus: ui.focus, zoom: ui.zoom, selected, began_with: None });
    }
    if ui.focus != page {
        ui.lists[page.index()].placed = false;
    }
    ui.focus = page;
    ui.zoom = Some(page);
    refresh_lists(model);
    if let Some(beneath) = model.ui.beneath.as_mut().filter(|_| !is_open) {
        beneath.began_with.clone_from(&model.ui.selected);
    }
}

/// Leaves the page for the Deck as it was.
pub(super) fn leave(model: &mut Model) {
    if model.ui.focus.is_in_deck() {
        return;
    }
    let Beneath { focus, zoom, selected, began_with } = model.ui.beneath.take().unwrap_or_default();
    // While the page still has the keys, so that every pane of the Deck moves its cursor back too.
    if model.ui.selected == began_with
        && let Some(selected) = selected
    {
        select(model, &selected);
    }
    (model.ui.focus, model.ui.zoom) = (focus, zoom);
}

/// Whoever comes to a table begins anew: at the service that is selected, or at the worst.
fn unplace(ui: &mut Ui) {
    ui.lists[Pane::CrossProject.index()].placed = false;
}

/// Gives the next or previous table the keys.
pub(super) fn cycle(model: &mut Model, direction: Direction) {
    let step = if direction == Direction::Next { 1 } else { Table::ALL.len() - 1 };
    turn_to(model, Table::ALL[(model.ui.table.index() + step) % Table::ALL.len()]);
}

/// Gives the table under the pointer the keys; whether it had not got them.
pub fn table_click(model: &mut Model, column: u16, row: u16) -> bool {
    let active = model.ui.table;
    let areas = model.ui.layout().tables(active.index());
    let clicked = Table::ALL.into_iter().zip(areas).find(|(_, area)| area.contains(column, row));
    let Some((table, _)) = clicked.filter(|(table, _)| *table != active) else { return false };
    turn_to(model, table);
    true
}

/// Gives a table the keys.
pub(super) fn turn_to(model: &mut Model, table: Table) {
    let ui = &mut model.ui;
    let before = ui.table;
    if before != table {
        let page = &mut ui.lists[Pane::CrossProject.index()];
        ui.resting[before.index()] = std::mem::take(page);
        *page = std::mem::take(&mut ui.resting[table.index()]);
        ui.table = table;
        unplace(ui);
    }
    refresh_lists(model);
}

/// Everything about the row under the cursor.
pub(super) fn details(model: &Model) -> Option<Overlay> {
    let row = model.ui.list(Pane::CrossProject).current()?.to_owned();
    Some(Overlay::CrossProject { table: model.ui.table, row, offset: 0 })
}

/// Makes the tables and their rows again; on the page, the selected service is that of the row under the cursor.
pub(super) fn refresh(model: &mut Model) {
    if model.ui.focus != Pane::CrossProject {
        return;
    }
    let mut cross = std::mem::take(&mut model.world.cross);
    cross.refresh(&model.world, model.now);
    model.world.cross = cross;
    let height = model.ui.layout().rows(Pane::CrossProject);
    let active = model.ui.table;
    for table in Table::ALL {
        let rows = model.table_rows(table);
        if table != active {
            let resting = &mut model.ui.resting[table.index()];
            resting.placed = false;
            resting.offset = 0;
            resting.replace(rows, height);
            continue;
        }
        let tables = model.world.cross.tables.clone();
        let selected = model.ui.selected.as_ref();
        // Only where the worst stays in sight beside it.
        let is_selected = |row: &String| selected.is_some() && tables.service(table, row) == selected;
        let start = rows.iter().take(height).position(is_selected);
        let list = &mut model.ui.lists[Pane::CrossProject.index()];
        let is_new = !list.placed;
        list.replace(rows, height);
        if is_new && !list.rows.is_empty() {
            list.placed = true;
            list.move_to(start.unwrap_or(0), height);
        }
    }
    follow(model, Pane::CrossProject);
}
