//! How long a frame of the Deck takes at 200×60 with ten thousand services. The aim is 3 ms at the 99th percentile.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says where")]

mod support;

use quarterdeck::{
    action::run::refresh_lists,
    config::theme::Theme,
    model::layout::{Pane, Size},
    tui,
};
use ratatui::{buffer::Buffer, layout::Rect};
use support::{
    model::{model, name},
    report::{Table, measure},
};

const SERVICES: usize = 10_000;
const SIZE: Size = Size { width: 200, height: 60 };

fn main() {
    let theme = Theme::default();
    let area = Rect::new(0, 0, SIZE.width, SIZE.height);
    let mut buffer = Buffer::empty(area);
    let mut model = model(SERVICES, SIZE);
    let mut table = Table::default();
    for (selected, what) in [(0, "that everybody needs"), (40, "in the midst"), (9_999, "that nobody needs")]
    {
        model.ui.selected = Some(name(selected).into());
        model.settle_graph();
        let samples = measure(1_000, || {
            buffer.reset();
            tui::draw(&model, &theme, area, &mut buffer);
        });
        table.times(&format!("the Deck at 200×60, 10,000 services, one {what}"), "≤ 3 ms", samples);
    }
    model.ui.graph.whole = true;
    let laid_out = measure(10, || {
        // Another catalog, though equal: everything is laid out anew.
        model.world.catalog.value = model.world.catalog.value.as_deref().cloned().map(std::sync::Arc::new);
        model.settle_graph();
    });
    table.times("the whole graph of 10,000 services, laid out", "≤ 100 ms", laid_out);
    model.ui.focus = Pane::Graph;
    model.ui.zoom = Some(Pane::Graph);
    let mut step = 0;
    let scrolled = measure(1_000, || {
        step += 7;
        model.place_graph(step % model.ui.graph.map.spots.len().max(1), false);
        buffer.reset();
        tui::draw(&model, &theme, area, &mut buffer);
    });
    table.times("the whole graph, scrolled and drawn", "≤ 3 ms", scrolled);
    model.ui.graph.whole = false;
    for pane in Pane::ALL {
        model.ui.selected = Some(name(40).into());
        model.ui.focus = pane;
        model.ui.zoom = Some(pane);
        refresh_lists(&mut model);
        let samples = measure(1_000, || {
            buffer.reset();
            tui::draw(&model, &theme, area, &mut buffer);
        });
        table.times(&format!("{} alone on the screen", pane.as_str()), "≤ 3 ms", samples);
    }
}
