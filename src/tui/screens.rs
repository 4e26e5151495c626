//! Screens as people see them, kept as text; and what holds for all of them.

use super::{draw, fixture, svg::to_text};
use crate::{
    config::theme::Theme,
    model::{
        Model,
        layout::{Pane, Size},
    },
};
use ratatui::{buffer::Buffer, layout::Rect};

fn buffer(model: &Model) -> Buffer {
    let Size { width, height } = model.ui.size;
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    draw(model, &Theme::built_in("dark"), area, &mut buffer);
    buffer
}

fn text(model: &Model) -> String {
    let buffer = buffer(model);
    // For looking at with one's own eyes.
    if let Some(folder) = crate::config::environment::var("QUARTERDECK_PICTURES") {
        let name = std::thread::current()
            .name()
            .unwrap_or("screen")
            .rsplit("::")
            .next()
            .unwrap_or("screen")
            .to_owned();
        let Size { width, height } = model.ui.size;
        let path = format!("{folder}/{name}-{width}x{height}.svg");
        std::fs::write(path, super::svg::to_svg(&buffer, &Theme::built_in("dark"))).unwrap();
    }
    to_text(&buffer)
}

const SIZES: [(u16, u16); 4] = [(60, 20), (80, 24), (160, 45), (200, 60)];

#[test]
fn the_deck() {
    for (width, height) in SIZES {
        let model = fixture::model(Size { width, height });
        insta::assert_snapshot!(format!("deck-{width}x{height}"), text(&model));
    }
}

#[test]
fn each_pane_zoomed() {
    for pane in Pane::ALL {
        let mut model = fixture::model(Size { width: 120, height: 34 });
        model.ui.focus = pane;
        model.ui.zoom = Some(pane);
        insta::assert_snapshot!(format!("zoom-{}", pane.as_str()), text(&model));
    }
}
