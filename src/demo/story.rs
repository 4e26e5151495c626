//! What happened on the simulated platform before the watch began: its first ledger events.

use super::{Scenario, estate};
use crate::{
    domain::{escalation::Severity, ledger, name::IncidentId},
    ports::Draft,
};
use chrono::{DateTime, Duration, Utc};

/// One event of the story.
#[derive(Debug, Clone)]
pub struct Chapter {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Full name of who did it.
    pub name: &'static str,
    /// Their e-mail address.
    pub email: &'static str,
    deed: Deed,
}

#[derive(Debug, Clone)]
enum Deed {
    Declare(Severity, String, Option<&'static str>),
    Acknowledge(IncidentId),
}

impl Chapter {
    /// The event, made from the state before it.
    pub fn draft(&self) -> Draft {
        let deed = self.deed.clone();
        Box::new(move |operations| match &deed {
            Deed::Declare(severity, title, service) => {
                ledger::declare(operations, *severity, title, service.map(Into::into).as_ref())
            }
            Deed::Acknowledge(incident) => ledger::acknowledge(operations, incident),
        })
    }
}

/// The chapters of a scenario, oldest first: an incident for each of its worst faults.
pub fn chapters(scenario: Scenario, now: DateTime<Utc>) -> Vec<Chapter> {
    let mut faults: Vec<&estate::BadVersion> = scenario.bad().iter().collect();
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
        chapters.push(Chapter {
            at,
            name: "Lola Okafor",
            email: "l.okafor@example.com",
            deed: Deed::Declare(
                severity,
                format!("{} answers {percent:.1}% 5xx since {}", fault.service, fault.version),
                Some(fault.service),
            ),
        });
        if taken {
            chapters.push(Chapter {
                at: at + Duration::minutes(6),
                name: "Amy Chen",
                email: "a.chen@example.com",
                deed: Deed::Acknowledge(ledger::incident_id(
                    u32::try_from(chapters.iter().filter(|c| matches!(c.deed, Deed::Declare(..))).count())
                        .unwrap_or(1),
                )),
            });
        }
    }
    chapters
}
