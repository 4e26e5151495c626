//! The terminal face: drawing a model, reading keys, and taking and giving back the terminal.
//!
//! Drawing takes shared references only and builds only what is in sight. It never decides anything: what can be
//! done, and what a key means, is the model's and the engine's.

mod clocks;
mod hints;
mod overlays;
mod paint;
mod panes;
mod strip;
mod style;
mod view;
mod widgets;

pub mod editor;
pub mod input;
pub mod svg;
pub mod terminal;

#[cfg(test)]
mod calendar_screens;
#[cfg(test)]
mod deployment_screens;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod inspect_screens;
#[cfg(test)]
mod inventory_screens;
#[cfg(test)]
mod screens;

use crate::{
    config::theme::{Role, Theme},
    model::{
        Model,
        layout::{LEAST, Layout, Size},
    },
};
use paint::Painter;
use ratatui::{buffer::Buffer, layout::Rect};
use style::Styles;
use view::View;

/// Draws the whole screen into `area` of `buffer`; `area` begins at the buffer's first cell.
pub fn draw(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let styles = Styles::new(theme);
    let painter = &mut Painter { buffer, styles: &styles };
    painter.ground(area, styles.of(Role::Background));
    painter.ground(area, styles.of(Role::Text));
    if area.width < LEAST.width || area.height < LEAST.height {
        let lines = [
            ("the terminal is too small".to_owned(), Role::Text),
            (
                format!("needed {}×{}, now {}×{}", LEAST.width, LEAST.height, area.width, area.height),
                Role::Dim,
            ),
        ];
        panes::message(painter, area, &lines);
        return;
    }
    let view = View::new(model);
    let size = Size { width: area.width, height: area.height };
    let layout = Layout::new(size, model.ui.focus, model.ui.zoom);
    panes::draw(&view, painter, &layout);
    strip::top(&view, painter, layout.top);
    strip::bottom(&view, painter, layout.bottom);
    overlays::draw(&view, painter, area, &layout);
    strip::notice(&view, painter, layout.bottom);
}

/// Where the terminal's cursor belongs, if something is being typed.
pub fn cursor(model: &Model) -> Option<(u16, u16)> {
    let size = model.ui.size;
    if size.width < LEAST.width || size.height < LEAST.height {
        return None;
    }
    overlays::cursor(&View::new(model))
}
