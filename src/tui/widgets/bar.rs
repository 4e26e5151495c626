//! Bars: how much of something is left, or has gone.

use crate::{config::theme::Role, tui::paint::Painter};
use ratatui::style::Style;

/// Draws a bar of `width` cells of which `share` (0 to 1, held there) is filled.
pub fn draw(painter: &mut Painter<'_>, x: u16, y: u16, width: u16, share: f64, style: Style) {
    let filled = filled(share, width);
    let rest = painter.style(Role::ChartRest);
    painter.repeat(x, y, filled, "▓", style);
    painter.repeat(x + filled, y, width - filled, "░", rest);
}

/// How many of `width` cells are filled. Something never looks like nothing, and never like everything.
fn filled(share: f64, width: u16) -> u16 {
    if share.is_nan() || share <= 0.0 {
        return 0;
    }
    if share >= 1.0 {
        return width;
    }
    ((share * f64::from(width)).round() as u16).clamp(1.min(width), width.saturating_sub(1).max(1.min(width)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn almost_nothing_and_almost_everything_are_still_told_apart() {
        for (share, cells) in
            [(-1.0, 0), (0.0, 0), (0.001, 1), (0.5, 5), (0.999, 9), (1.0, 10), (7.0, 10), (f64::NAN, 0)]
        {
            assert_eq!(filled(share, 10), cells, "{share}");
        }
    }
}
