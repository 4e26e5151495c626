//! The cross-project tables as the page shows them: made while somebody looks, and only when something changed.

use super::{
    join::Joined,
    world::{Source, World},
};
use crate::domain::{
    catalog::Catalog,
    cross_project::{History, HistoryRequest, Observed, Options, Outline, Running, Tables},
    name::ServiceName,
    sla::SlaVerdict,
};
use chrono::{DateTime, NaiveDate, Utc};
use std::sync::Arc;

/// The tables, with what they were made from.
#[derive(Debug, Clone, Default)]
pub struct CrossProject {
    /// The tables.
    pub tables: Arc<Tables>,
    /// The history that they need; `None` where nothing is going away.
    pub request: Option<Arc<HistoryRequest>>,
    outline: Arc<Outline>,
    catalog: Option<Arc<Catalog>>,
    joined: Option<Arc<Joined>>,
    history: Option<Arc<History>>,
    day: Option<NaiveDate>,
}

impl CrossProject {
    /// Makes the tables again where something that they rest on has changed: what the catalog says only with the
    /// catalog, what was observed only with the join.
    pub fn refresh(&mut self, world: &World, now: DateTime<Utc>) {
        let Some(catalog) = &world.catalog.value else { return };
        let day = now.date_naive();
        let is_new_day = self.day != Some(day);
        let is_new_catalog = !self.catalog.as_ref().is_some_and(|known| Arc::ptr_eq(known, catalog));
        if is_new_catalog {
            self.outline = Arc::new(Outline::new(catalog, Options::of(catalog)));
            self.catalog = Some(catalog.clone());
        }
        if is_new_catalog || is_new_day {
            let request = HistoryRequest::of(catalog, &self.outline, now);
            // The same request stays the same value, so that comparing it costs nothing.
            if self.request.as_deref() != request.as_ref() {
                self.request = request.map(Arc::new);
            }
        }
        let is_new_join = !self.joined.as_ref().is_some_and(|known| Arc::ptr_eq(known, &world.joined));
        let history = fitting(&world.history, self.request.as_deref());
        let is_new_history = match (&self.history, &history) {
            (Some(known), Some(history)) => !Arc::ptr_eq(known, history),
            (known, history) => known.is_some() != history.is_some(),
        };
        if is_new_catalog || is_new_day || is_new_join || is_new_history {
            self.tables = Arc::new(Tables::new(&self.outline, &*world.joined, history.as_deref(), now));
            self.joined = Some(world.joined.clone());
            self.history = history;
            self.day = Some(day);
        }
    }
}

/// The history, if it tells of all that was asked for.
fn fitting(source: &Source<History>, request: Option<&HistoryRequest>) -> Option<Arc<History>> {
    let history = source.value.as_ref()?;
    request
        .is_some_and(|request| request.services.is_subset(&history.request.services))
        .then(|| history.clone())
}

impl Observed for Joined {
    fn verdict(&self, service: &ServiceName) -> SlaVerdict {
        self.service(service.as_str()).map_or(SlaVerdict::NoData, |row| row.verdict)
    }

    fn running(&self, service: &ServiceName) -> Vec<Running<'_>> {
        let places = self.service(service.as_str()).map_or(&[][..], |row| row.places.as_slice());
        places
            .iter()
            .map(|place| Running {
                environment: &place.target.environment,
                production: place.target.production,
                version: place.version(),
            })
            .collect()
    }
}
