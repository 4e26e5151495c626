//! Where things are on the pages of the calendar and the pipeline: pure geometry, shared by drawing and the mouse.

use super::{
    Model,
    calendar::{WEEKS, grid_start},
    layout::{Area, Pane},
};
use crate::domain::{
    calendar::Standing,
    name::EnvironmentName,
    pipeline::{Chip, Stage},
};
use chrono::{Duration, NaiveDate};

/// Cells of a day where there is little room, and from which width of the page on there are more.
const DAY: u16 = 4;
const WIDE: (u16, u16) = (110, 9);
const WIDEST: (u16, u16) = (150, 13);

/// Lines below the month that say what its marks mean.
pub const LEGEND: u16 = 6;

/// The month on the calendar's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthGrid {
    /// All of it, with the weekdays above and the legend below.
    pub area: Area,
    /// Cells of a day.
    pub day_width: u16,
    /// Lines of a week: one for its numbers, the others for marks.
    pub week_rows: u16,
    /// The day in its first cell.
    pub first: NaiveDate,
}

impl MonthGrid {
    /// The grid of the month that `shown` lies in, on a page's `content`.
    pub fn new(content: Area, shown: NaiveDate) -> Self {
        let day_width = match content.width {
            width if width >= WIDEST.0 => WIDEST.1,
            width if width >= WIDE.0 => WIDE.1,
            _ => DAY,
        };
        Self {
            area: Area { width: (7 * day_width + 1).min(content.width), ..content },
            day_width,
            week_rows: (content.height.saturating_sub(1 + LEGEND) / WEEKS as u16).clamp(2, 5),
            first: grid_start(shown),
        }
    }

    /// The first cell of the `number`-th day, from 0.
    pub const fn place(&self, number: u16) -> (u16, u16) {
        (self.area.x + number % 7 * self.day_width, self.area.y + 1 + number / 7 * self.week_rows)
    }

    /// The day at a cell.
    pub fn day_at(&self, column: u16, row: u16) -> Option<NaiveDate> {
        let (column, row) = (column.checked_sub(self.area.x)?, row.checked_sub(self.area.y + 1)?);
        let (weekday, week) = (column / self.day_width, row / self.week_rows);
        let is_day = weekday < 7 && i64::from(week) < WEEKS && row < self.area.height.saturating_sub(1);
        is_day.then(|| self.first + Duration::days(i64::from(week * 7 + weekday)))
    }
}

/// Lines of a chip of the pipeline, with the blank one below it.
pub const CHIP: u16 = 4;

/// Lines below the pipeline's columns about the chosen change.
const DETAILS: u16 = 5;

/// The columns on the pipeline's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipelineGrid {
    /// All columns.
    pub columns: Area,
    /// What is told of the chosen change.
    pub details: Area,
}

impl PipelineGrid {
    /// The columns on a page's `content` below `banner` lines.
    pub const fn new(content: Area, banner: u16) -> Self {
        let height = content.height.saturating_sub(banner);
        let columns = Area { y: content.y + banner, height: height.saturating_sub(DETAILS), ..content };
        let details = Area { y: columns.y + columns.height, height: height - columns.height, ..content };
        Self { columns, details }
    }

    /// The column of the `index`-th stage, without the line beside it.
    pub const fn column(&self, index: u16) -> Area {
        let width = self.columns.width / Stage::ALL.len() as u16;
        Area { x: self.columns.x + index * width, width: width.saturating_sub(1), ..self.columns }
    }

    /// Where chips are in a column: below its name.
    pub const fn body(column: Area) -> Area {
        Area { y: column.y + 1, height: column.height.saturating_sub(1), ..column }
    }

    /// Which chips of a column are in sight, when the one at `chosen` must be: the first, and how many fit.
    pub fn window(&self, chosen: Option<usize>) -> (usize, usize) {
        // The last chip needs no blank line below it.
        let fit = usize::from((self.columns.height / CHIP).max(1));
        (chosen.map_or(0, |at| (at + 1).saturating_sub(fit)), fit)
    }
}

impl Model {
    /// Chips of the pipeline as its list has them, by stage.
    pub fn chips_of(&self, stage: Stage) -> Vec<&Chip> {
        let rows = self.ui.list(Pane::Pipeline).rows.iter();
        let chips = rows.filter_map(|row| self.world.calendar.chips.iter().find(|chip| chip.change == **row));
        chips.filter(|chip| chip.stage == stage).collect()
    }

    /// What the calendar closes now: merges (`None`), and environments of production.
    pub fn closures(&self) -> Vec<(Option<&EnvironmentName>, Standing)> {
        let Some(schedule) = &self.world.calendar.schedule else { return Vec::new() };
        let catalog = self.world.catalog.value.as_deref();
        let environments = catalog.into_iter().flat_map(|catalog| &catalog.settings.environments);
        let production = environments.filter(|environment| environment.production);
        [None]
            .into_iter()
            .chain(production.map(|environment| Some(&environment.name)))
            .map(|environment| (environment, schedule.standing(environment, &[], self.now)))
            .filter(|(_, standing)| !matches!(standing, Standing::Open { .. }))
            .collect()
    }

    /// The change of the pipeline at a cell.
    pub fn chip_at(&self, column: u16, row: u16) -> Option<&Chip> {
        let content = self.ui.layout().pane(Pane::Pipeline).content();
        let grid = PipelineGrid::new(content, self.closures().len() as u16);
        let chosen = self.ui.list(Pane::Pipeline).current();
        (0..).zip(Stage::ALL).find_map(|(index, stage)| {
            let body = PipelineGrid::body(grid.column(index));
            if !body.contains(column, row) {
                return None;
            }
            let chips = self.chips_of(stage);
            let at = chips.iter().position(|chip| chosen.is_some_and(|chosen| chip.change == *chosen));
            let (first, fit) = grid.window(at);
            let slot = usize::from((row - body.y) / CHIP);
            let chip = chips.get(first + slot).copied();
            chip.filter(|_| slot < fit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_a_day_is_that_day_and_no_other_cell_is_one() {
        let shown: NaiveDate = "2026-11-25".parse().unwrap();
        for (width, height) in [(160, 43), (120, 30), (78, 22), (58, 18)] {
            let content = Area { x: 1, y: 2, width, height };
            let grid = MonthGrid::new(content, shown);
            for number in 0..7 * WEEKS as u16 {
                let (x, y) = grid.place(number);
                let day = grid.first + Duration::days(number.into());
                if y < content.y + content.height {
                    assert_eq!(grid.day_at(x, y), Some(day), "{width}×{height}");
                    assert_eq!(grid.day_at(x + grid.day_width - 1, y), Some(day));
                }
            }
            assert_eq!(grid.day_at(0, 5), None);
            assert_eq!(grid.day_at(5, content.y), None, "the weekdays");
            assert_eq!(grid.day_at(grid.area.x + 7 * grid.day_width, 5), None);
        }
    }
}
