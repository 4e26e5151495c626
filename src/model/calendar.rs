//! The calendar and the pipeline as the pages and the strip show them: made when what they rest on has changed.

use super::world::World;
use crate::domain::{
    calendar::{Agenda, HORIZON_DAYS, Schedule},
    catalog::Catalog,
    ledger::Operations,
    people::People,
    pipeline::{self, Chip},
};
use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveTime, Utc};
use std::sync::Arc;

/// Weeks of a month's grid: enough for each month.
pub const WEEKS: i64 = 6;

/// The calendar written out.
#[derive(Debug, Clone, Default)]
pub struct CalendarBook {
    /// From the beginning of today as far as anybody looks; what is open now is told from it.
    pub schedule: Option<Arc<Schedule>>,
    /// The month that is shown, with the days around it.
    pub agenda: Arc<Agenda>,
    /// Every change by its stage.
    pub chips: Arc<[Chip]>,
    catalog: Option<Arc<Catalog>>,
    operations: Option<Arc<Operations>>,
    today: Option<NaiveDate>,
    first: Option<NaiveDate>,
}

/// The first day of the grid of a day's month: the Monday on or before its first day.
pub fn grid_start(day: NaiveDate) -> NaiveDate {
    let first = day.with_day(1).unwrap_or(day);
    first - Duration::days(first.weekday().num_days_from_monday().into())
}

impl CalendarBook {
    /// Writes it out again where something has changed. `month` is a day of the month that is shown; `None` while
    /// nobody looks.
    pub fn refresh(&mut self, world: &World, month: Option<NaiveDate>, now: DateTime<Utc>) {
        let Some(catalog) = world.governing() else { return };
        let today = now.date_naive();
        let is_known = self.catalog.as_ref().is_some_and(|known| Arc::ptr_eq(known, catalog));
        let is_today = is_known && self.today == Some(today);
        if !is_today {
            let from = today.and_time(NaiveTime::MIN).and_utc();
            // Until tomorrow the horizon is asked for anew, a day later.
            let to = from + Duration::days(HORIZON_DAYS + 1);
            self.schedule = Some(Arc::new(Schedule::new(catalog, from, to)));
            self.today = Some(today);
            self.catalog = Some(catalog.clone());
        }
        let Some(month) = month else { return };
        let first = grid_start(month);
        let operations = world.ledger.value.as_ref().map(|ledger| ledger.operations.clone());
        let is_same = match (&self.operations, &operations) {
            (Some(known), Some(operations)) => Arc::ptr_eq(known, operations),
            (known, operations) => known.is_none() && operations.is_none(),
        };
        if is_today && is_same && self.first == Some(first) {
            return;
        }
        let from = first.and_time(NaiveTime::MIN).and_utc();
        let nothing = Operations::default();
        let told = operations.as_deref().unwrap_or(&nothing);
        self.agenda = Arc::new(Agenda::new(catalog, told, from, from + Duration::days(7 * WEEKS)));
        (self.first, self.operations) = (Some(first), operations);
    }

    /// Brings the pipeline up to date.
    pub fn refresh_chips(&mut self, world: &World, now: DateTime<Utc>) {
        let nothing = (Operations::default(), People::default());
        let operations = world.ledger.value.as_ref().map_or(&nothing.0, |ledger| &*ledger.operations);
        let people = world.changes.value.as_ref().map_or(&nothing.1, |review| &review.people);
        let tags = world.catalog.value.as_ref().map_or("<service>-v<version>", |c| &c.settings.tags);
        let joined = &*world.joined;
        self.chips = pipeline::chips(&joined.changes, operations, people, joined, tags, now).into();
    }
}
