//! The calendar and the pipeline: pages over the Deck.

use super::{cursor::refresh_lists, view::focus};
use crate::{
    action::command::{CalendarCommand, CursorCommand, Direction},
    model::{Model, layout::Pane, pages::MonthGrid},
};
use chrono::{Datelike, Duration, Months, NaiveDate};

pub(super) fn run(model: &mut Model, command: &CalendarCommand) {
    match command {
        CalendarCommand::Show { from, .. } => {
            model.ui.day = *from;
            focus(model, Pane::Calendar);
        }
        CalendarCommand::Days(days) => {
            let day = model.shown_day().checked_add_signed(Duration::days(*days));
            look_at(model, day);
        }
        CalendarCommand::Month(direction) => {
            let day = model.shown_day();
            let day = match direction {
                Direction::Next => day.checked_add_months(Months::new(1)),
                Direction::Previous => day.checked_sub_months(Months::new(1)),
            };
            look_at(model, day);
        }
        CalendarCommand::Today => {
            model.ui.day = None;
            refresh_lists(model);
        }
        CalendarCommand::Stage(direction) => stage(model, *direction),
    }
}

/// Years in which the calendar can be looked at: beyond them nothing that people plan lies.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2999;

fn look_at(model: &mut Model, day: Option<NaiveDate>) {
    if let Some(day) = day.filter(|day| YEARS.contains(&day.year())) {
        model.ui.day = Some(day);
        model.dirty = true;
        refresh_lists(model);
    }
}

/// The cursor's keys move by weeks, by months, and to the ends of the month.
pub(super) fn cursor(model: &mut Model, command: CursorCommand) {
    let day = model.shown_day();
    let months = |count: isize| {
        let step = Months::new(u32::try_from(count.unsigned_abs()).unwrap_or(u32::MAX));
        if count < 0 { day.checked_sub_months(step) } else { day.checked_add_months(step) }
    };
    let day = match command {
        CursorCommand::By(rows) => i64::try_from(rows)
            .ok()
            .and_then(Duration::try_weeks)
            .and_then(|weeks| day.checked_add_signed(weeks)),
        CursorCommand::HalfPages(count) | CursorCommand::Pages(count) => months(count),
        CursorCommand::Top => day.with_day(1),
        CursorCommand::Bottom => {
            day.with_day(1).and_then(|first| first.checked_add_months(Months::new(1))?.pred_opt())
        }
        CursorCommand::Mark | CursorCommand::Worry(_) => None,
    };
    look_at(model, day);
}

/// Moves the cursor to the first change of another stage that has some.
fn stage(model: &mut Model, direction: Direction) {
    let list = model.ui.list(Pane::Pipeline);
    let stage_of = |row: usize| {
        let name = list.rows.get(row)?;
        model.world.calendar.chips.iter().find(|chip| chip.change == **name).map(|chip| chip.stage)
    };
    let here = stage_of(list.cursor);
    let mut others = (0..list.rows.len()).filter(|row| match direction {
        Direction::Next => stage_of(*row) > here,
        Direction::Previous => stage_of(*row) < here,
    });
    let found = match direction {
        Direction::Next => others.next(),
        Direction::Previous => {
            let nearest = others.next_back().and_then(stage_of);
            (0..list.rows.len()).find(|row| nearest.is_some() && stage_of(*row) == nearest)
        }
    };
    if let Some(row) = found {
        put_cursor(model, row);
    }
}

fn put_cursor(model: &mut Model, row: usize) {
    let height = model.ui.layout().rows(Pane::Pipeline);
    let list = &mut model.ui.lists[Pane::Pipeline.index()];
    list.placed = true;
    list.move_to(row, height);
    super::cursor::follow(model, Pane::Pipeline);
    model.dirty = true;
}

/// A click on a day of the calendar, or on a change of the pipeline, puts the cursor there.
pub fn page_click(model: &mut Model, pane: Pane, column: u16, row: u16) {
    if pane == Pane::Calendar {
        let content = model.ui.layout().pane(pane).content();
        let day = MonthGrid::new(content, model.shown_day()).day_at(column, row);
        return look_at(model, day);
    }
    let Some(change) = model.chip_at(column, row).map(|chip| chip.change.clone()) else { return };
    let at = model.ui.list(pane).rows.iter().position(|known| change == **known);
    if let Some(at) = at {
        put_cursor(model, at);
    }
}

/// Makes again what the pages and the strip show of it.
pub(super) fn refresh(model: &mut Model) {
    let month = (model.ui.focus == Pane::Calendar).then(|| model.shown_day());
    let mut book = std::mem::take(&mut model.world.calendar);
    book.refresh(&model.world, month, model.now);
    if model.ui.focus == Pane::Pipeline {
        book.refresh_chips(&model.world, model.now);
    }
    model.world.calendar = book;
    if model.ui.focus == Pane::Pipeline {
        let rows = model.rows(Pane::Pipeline);
        let height = model.ui.layout().rows(Pane::Pipeline);
        model.ui.lists[Pane::Pipeline.index()].replace(rows, height);
    }
}
