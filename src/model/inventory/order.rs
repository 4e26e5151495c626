//! The order of the inventory's rows by one of its columns.

use super::{Column, verdict_index};
use crate::model::join::{Drift, Place, ServiceRow};
use semver::Version;
use std::cmp::Ordering;

/// What rows are ordered by.
#[derive(Debug, PartialEq, PartialOrd)]
enum Key<'a> {
    Text(&'a str),
    Number(f64),
    Version(&'a Version),
}

/// Orders rows by a column. What says nothing comes last, whichever way round.
pub(super) fn order(
    rows: &mut Vec<&ServiceRow>,
    column: Column,
    descending: bool,
    environment: Option<&str>,
) {
    let mut keyed: Vec<(Option<Key<'_>>, &ServiceRow)> =
        rows.iter().map(|row| (key(row, column, environment), *row)).collect();
    keyed.sort_by(|(one, _), (two, _)| match (one, two) {
        (Some(one), Some(two)) => {
            let order = one.partial_cmp(two).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
    *rows = keyed.into_iter().map(|(_, row)| row).collect();
}

fn key<'a>(row: &'a ServiceRow, column: Column, environment: Option<&str>) -> Option<Key<'a>> {
    let service = &row.service;
    let place = environment.and_then(|environment| row.place(environment));
    let seen = place.and_then(|place| place.indicators.as_ref());
    let index = |index: usize| Key::Number(index as f64);
    Some(match column {
        Column::Name => Key::Text(service.name.as_str()),
        Column::State => index(verdict_index(place?.judgement.verdict)),
        Column::Version => Key::Version(service.version.as_ref()?),
        Column::Runs => Key::Text(place.and_then(Place::version)?),
        Column::Status | Column::Lifecycle => index(service.status as usize),
        Column::Project => Key::Text(service.project.as_ref().map_or("shared", |project| project.as_str())),
        Column::Tier => index(service.tier as usize),
        Column::Type => Key::Text(&service.kind),
        Column::Owner => Key::Text(service.owner.as_ref()?.as_str()),
        Column::Ready => {
            let workload = place?.workload.as_ref()?;
            Key::Number(f64::from(workload.ready) / f64::from(workload.desired.max(1)))
        }
        Column::Restarts => Key::Number(f64::from(place?.restarts?.count)),
        Column::Drift => index(match place?.drift(service) {
            Drift::Differs => 2,
            Drift::OutOfSync => 1,
            Drift::Same => 0,
            Drift::Unknown => return None,
        }),
        Column::Errors => Key::Number(seen?.error_ratio?),
        Column::P99 => Key::Number(seen?.p99_seconds?),
        Column::Rate => Key::Number(seen?.rate?),
        Column::Sla | Column::Availability => Key::Number(place?.judgement.availability?),
        Column::Trend => return None,
    })
}
