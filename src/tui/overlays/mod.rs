//! What lies over the panes.
use super::{paint::Painter, view::View};
use crate::model::layout::Layout;
use ratatui::layout::Rect;

pub fn draw(_: &View<'_>, _: &mut Painter<'_>, _: Rect, _: &Layout) {}
pub fn cursor(_: &View<'_>) -> Option<(u16, u16)> {
    None
}
