//! What lies over the panes: one file per kind of overlay.

mod change;
pub mod change_glass;
mod columns;
mod confirm;
pub mod cross_project;
mod deployment;
mod findings;
mod form;
mod help;
mod impact;
mod inspect;
mod legs;
mod palette;
mod running;
mod service;
mod source;
mod sources;
mod window;

pub use window::Page;

use super::{
    paint::{Painter, cells},
    panes, strip,
    view::View,
};
use crate::model::{
    layout::Layout,
    ui::{Overlay, TextInput},
};
use ratatui::layout::Rect;

/// Draws the overlays. All but the topmost are covered by it, so only that one is drawn.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, layout: &Layout) {
    let Some(overlay) = view.model.ui.overlays.last() else { return };
    match overlay {
        // The filter is a part of its pane's title line.
        Overlay::Filter { .. } => return,
        _ => painter.quieten(body(area, layout, 0)),
    }
    let body = body(area, layout, strip::notice_height(view));
    match overlay {
        Overlay::Filter { .. } => {}
        Overlay::Help { lines, offset } => help::draw(painter, body, lines, *offset),
        Overlay::Palette { input, entries, cursor } => palette::draw(painter, body, input, entries, *cursor),
        Overlay::Form { title, fields, focus, problem, .. } => {
            form::draw(painter, body, title, fields, *focus, problem.as_deref());
        }
        Overlay::Planning { job, .. } => running::draw_planning(view, painter, body, *job),
        Overlay::Confirm { plan, input, focus, offset, .. } => {
            confirm::draw(painter, body, plan, input, *focus, *offset);
        }
        Overlay::Running { job, offset } => running::draw(view, painter, body, *job, *offset),
        Overlay::Findings { validation, cursor } => findings::draw(painter, body, validation, *cursor),
        Overlay::Service { service, offset } => service::draw(view, painter, body, service, *offset),
        Overlay::Columns { cursor } => columns::draw(view, painter, body, *cursor),
        Overlay::Source { service, offset } => source::draw(view, painter, body, service, *offset),
        Overlay::Change { change, section, offset } => {
            change::draw(view, painter, body, change, *section, *offset);
        }
        Overlay::CrossProject { table, row, offset } => {
            cross_project::draw(view, painter, body, *table, row, *offset);
        }
        Overlay::Impact { subject, impact, offset } => {
            impact::draw(view, painter, body, subject.as_deref(), impact, *offset);
        }
        Overlay::Deployment { deployment, offset } => {
            deployment::draw(view, painter, body, deployment, *offset);
        }
        Overlay::Inspect(inspection) => inspect::draw(view, painter, body, inspection),
        Overlay::Sources { offset } => sources::draw(view, painter, body, *offset),
    }
}

/// Everything between the strips, above the rows of a notice: a window's buttons are never behind it.
const fn body(area: Rect, layout: &Layout, notice: u16) -> Rect {
    let top = layout.top.height;
    Rect { y: area.y + top, height: area.height.saturating_sub(top + layout.bottom.height + notice), ..area }
}

/// Where the cursor of the line that is being typed is.
pub fn cursor(view: &View<'_>) -> Option<(u16, u16)> {
    let ui = &view.model.ui;
    let layout = ui.layout();
    let area = Rect { x: 0, y: 0, width: ui.size.width, height: ui.size.height };
    let body = body(area, &layout, strip::notice_height(view));
    match ui.overlays.last()? {
        Overlay::Filter { pane, input, .. } => {
            let area = panes::rect(layout.pane(*pane));
            let (x, end) = (panes::filter_column(*pane, area), area.right().saturating_sub(2));
            (area.height > 0).then(|| ((x + before(input)).min(end), area.y))
        }
        Overlay::Palette { input, .. } => Some(palette::cursor(body, input)),
        Overlay::Form { fields, focus, .. } => form::cursor(body, fields, *focus),
        Overlay::Confirm { plan, input, .. } => confirm::cursor(body, plan, input),
        Overlay::Inspect(inspection) => inspect::cursor(body, inspection),
        _ => None,
    }
}

/// Cells before the cursor of a line that is being typed.
fn before(input: &TextInput) -> u16 {
    cells(input.text.get(..input.cursor).unwrap_or_default())
}
