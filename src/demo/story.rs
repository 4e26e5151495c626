//! What happened on the simulated platform before the watch began: its open incidents.

use super::{
    Scenario,
    past::{Act, Deed},
    repository::history::person,
    scenario::BadVersion,
};
use crate::{
    domain::{
        escalation::Severity,
        ledger::{self, Happening, Operations},
    },
    error::Failure,
    ports::Draft,
};
use chrono::{DateTime, Duration, Utc};
use std::sync::Arc;

/// Makes an event from the state before it.
type Make = dyn Fn(&Operations) -> Result<Happening, Failure> + Send + Sync;

/// One event of the story.
#[derive(Clone)]
pub struct Chapter {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Full name of who did it.
    pub name: &'static str,
    /// Their e-mail address.
    pub email: &'static str,
    who: &'static str,
    make: Arc<Make>,
}

impl Chapter {
    fn new(
        at: DateTime<Utc>,
        who: &'static str,
        make: impl Fn(&Operations) -> Result<Happening, Failure> + Send + Sync + 'static,
    ) -> Self {
        let author = person(who);
        Self { at, name: author.name, email: author.email, who, make: Arc::new(make) }
    }

    /// The event, made from the state before it.
    pub fn draft(&self) -> Draft {
        let make = Arc::clone(&self.make);
        Box::new(move |operations| make(operations))
    }
}

/// The chapters of a scenario, oldest first: an incident for each of its worst faults.
pub fn chapters(scenario: Scenario, now: DateTime<Utc>) -> Vec<Chapter> {
    let mut faults: Vec<&BadVersion> = scenario.bad().iter().collect();
    faults.sort_by(|one, other| one.quality.error_ratio.total_cmp(&other.quality.error_ratio));
    let mut chapters = Vec::new();
    for fault in faults {
        let percent = fault.quality.error_ratio * 100.0;
        // The worst fault is fresh and nobody has it yet; the mild ones have somebody.
        let (severity, minutes, taken) = match percent {
            2.0.. => (Severity::Critical, 3, false),
            1.0.. => (Severity::High, 21, true),
            _ => continue,
        };
        let at = now - Duration::minutes(minutes);
        let title = format!("{} answers {percent:.1}% 5xx since {}", fault.service, fault.version);
        chapters.push(Chapter::new(at, "l-okafor", move |operations| {
            ledger::declare(operations, severity, &title, Some(&fault.service.into()))
        }));
        if taken {
            chapters.push(Chapter::new(at + Duration::minutes(6), "a-chen", |operations| {
                let newest = operations.open_incidents().last().map(|incident| incident.id.clone());
                let newest = newest.ok_or_else(|| Failure::refused("no incident is open"))?;
                ledger::acknowledge(operations, &newest)
            }));
        }
    }
    chapters
}

/// The same, for a ledger that has a past.
pub(super) fn acts(scenario: Scenario, now: DateTime<Utc>) -> Vec<Act> {
    let act = |chapter: Chapter| Act {
        at: chapter.at,
        who: chapter.who,
        thread: usize::MAX,
        deed: Deed::Make(Box::new(move |operations, _| (chapter.make)(operations))),
    };
    chapters(scenario, now).into_iter().map(act).collect()
}
