//! The source that tells whether an agent is alive. It looks at the same place as the agents, and fails alone.

use crate::{
    domain::{
        catalog::AgentSettings,
        leadership::{AgentView, LeasePlace, LeaseRecord},
    },
    engine::{
        Outside,
        slots::Slots,
        sources::{Asked, CatalogWatch},
    },
    model::event::SourceUpdate,
    ports::Leadership,
};
use chrono::{DateTime, Utc};
use std::{sync::Arc, time::Duration};

/// Time between two looks at a file.
const FILE_EVERY: Duration = Duration::from_secs(2);
/// Time between two looks at a cluster.
const CLUSTER_EVERY: Duration = Duration::from_secs(5);

/// Looks again and again, at the place that the settings name.
pub(in crate::engine) async fn watch(
    outside: Outside,
    slots: Slots,
    mut asked: Asked,
    mut catalogs: CatalogWatch,
) {
    let mut place: Option<(AgentSettings, Arc<dyn Leadership>)> = None;
    let mut seen: Option<(Option<LeaseRecord>, DateTime<Utc>)> = None;
    loop {
        let catalog = catalogs.borrow_and_update().clone();
        let settings = catalog.map(|catalog| catalog.settings.agent.clone());
        let leaderships = &outside.ports.leaderships;
        if let Some(settings) = &settings {
            if place.as_ref().is_none_or(|(known, _)| known.lease != settings.lease) {
                seen = None;
                place = match leaderships.at(&settings.lease, settings.terms) {
                    Ok(leadership) => Some((settings.clone(), leadership)),
                    Err(failure) => {
                        slots.put(SourceUpdate::Agent(Err(failure)));
                        None
                    }
                };
            }
            if let Some((_, leadership)) = &place {
                let looked = leadership.observe().await;
                let now = outside.ports.clock.now();
                let result = looked.map(|record| {
                    let view = view(record, &mut seen, now, leaderships.who());
                    Arc::new(view)
                });
                slots.put(SourceUpdate::Agent(result));
            }
        }
        let every = match settings.map(|settings| settings.lease) {
            Some(LeasePlace::Cluster { .. }) => CLUSTER_EVERY,
            _ => FILE_EVERY,
        };
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            changed = asked.changed() => if changed.is_err() { return },
            changed = catalogs.changed() => if changed.is_err() { return },
        }
    }
}

/// What is to be told of a record, by what was seen before.
fn view(
    record: Option<LeaseRecord>,
    seen: &mut Option<(Option<LeaseRecord>, DateTime<Utc>)>,
    now: DateTime<Utc>,
    who: &str,
) -> AgentView {
    let unchanged_since = match seen.as_ref() {
        Some((known, since)) if *known == record => *since,
        Some(_) => now,
        // The first look knows only what the holder's clock said; the next ones go by ours.
        None => record.as_ref().map_or(now, |record| record.renewed_at.min(now)),
    };
    *seen = Some((record.clone(), unchanged_since));
    let is_here = record.as_ref().is_some_and(|record| record.holder == who);
    AgentView { record, unchanged_since, is_here }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::leadership::LeaseTerms;

    #[test]
    fn after_the_first_look_only_our_clock_counts() {
        let at = |second: i64| DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap();
        // Its clock is ten minutes behind ours.
        let renewed =
            |second: i64| Some(LeaseRecord::claim(None, "one", at(second - 600), LeaseTerms::default()));
        let mut seen = None;
        let mut look = |record, now, who| view(record, &mut seen, at(now), who).words(at(now));
        assert_eq!(look(renewed(0), 0, "two"), "gone 10m");
        assert_eq!(look(renewed(2), 2, "two"), "0s");
        assert_eq!(look(renewed(2), 5, "two"), "3s");
        assert_eq!(look(renewed(2), 30, "two"), "gone 28s");
        assert_eq!(look(None, 31, "two"), "none");
        assert!(view(renewed(0), &mut None, at(0), "one").is_here);
    }
}
