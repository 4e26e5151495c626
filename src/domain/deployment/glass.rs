//! Break-glass of a deployment: past its gates and the calendar, because two people said so, for a time.
//!
//! The ledger is not believed: the people of the main branch are asked each time it is read.

use super::record::DeploymentRecord;
use crate::domain::{
    break_glass::{GlassState, LONGEST},
    people::People,
};
use chrono::{DateTime, Utc};

/// How the glass that was broken last stands; `None` when nobody who may broke it. That it was used is told by the legs
/// of the deployment, and its post-mortem belongs to the incident.
pub fn state(record: &DeploymentRecord, people: &People, now: DateTime<Utc>) -> Option<GlassState> {
    let glass = record.glass.as_ref()?;
    let opener = people.by_email(&glass.by.email).filter(|person| !person.is_agent())?;
    // No longer than it may be open, whatever was written.
    let until = glass.expires.min(glass.at + LONGEST);
    if now >= until {
        return Some(GlassState::Expired);
    }
    let by = opener.handle.clone();
    let agreed = glass
        .seconds
        .iter()
        .filter_map(|second| people.by_email(&second.by.email))
        .find(|person| !person.is_agent() && person.handle != by);
    Some(match agreed {
        Some(person) => GlassState::Granted { until, by, seconded: person.handle.clone() },
        None => GlassState::Waiting { by, until },
    })
}

/// What opens the gates and the calendar now, in words; `None` where nothing does.
pub fn granted(record: &DeploymentRecord, people: &People, now: DateTime<Utc>) -> Option<String> {
    match state(record, people, now)? {
        GlassState::Granted { until, by, seconded } => {
            let glass = record.glass.as_ref()?;
            Some(format!(
                "past it by broken glass of {by} and {seconded} until {}, {}: {}",
                until.format("%F %H:%M UTC"),
                glass.incident,
                glass.reason
            ))
        }
        _ => None,
    }
}
