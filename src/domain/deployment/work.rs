//! What a person does to a deployment, a version or a service, as plans carry it.

use super::gate::ReleaseGate;
use crate::domain::name::{DeploymentId, IncidentId, ServiceName};
use chrono::{DateTime, Duration, Utc};

/// What a person does to a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Steering {
    /// Approve a gate.
    Approve {
        /// Which gate.
        gate: ReleaseGate,
        /// Their words.
        note: Option<String>,
    },
    /// Let it go on, and look after it.
    Continue {
        /// Whether what could not be judged counts as passed.
        accept: bool,
        /// Why.
        note: Option<String>,
    },
    /// Stop it.
    Hold {
        /// Why.
        reason: String,
    },
    /// Call it off.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Break the glass: past its gates and the calendar, once a second person agrees.
    BreakGlass {
        /// Why it cannot wait.
        reason: String,
        /// For how long.
        length: Duration,
    },
    /// Agree to broken glass, and look after it.
    Second,
    /// Give it another time.
    Schedule {
        /// Not before.
        not_before: Option<DateTime<Utc>>,
        /// Not before the calendar is open.
        window: bool,
    },
}

impl Steering {
    /// What is done, in a word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Approve { .. } => "approve",
            Self::Continue { .. } => "continue",
            Self::Hold { .. } => "hold",
            Self::Cancel { .. } => "cancel",
            Self::BreakGlass { .. } => "break-glass",
            Self::Second => "second",
            Self::Schedule { .. } => "schedule",
        }
    }

    /// The kind of the ledger's event.
    pub const fn event(&self) -> &'static str {
        match self {
            Self::Approve { .. } => "deployment.approved",
            Self::Continue { .. } => "deployment.continued",
            Self::Hold { .. } => "deployment.held",
            Self::Cancel { .. } => "deployment.cancelled",
            Self::BreakGlass { .. } => "deployment.glass-opened",
            Self::Second => "deployment.glass-seconded",
            Self::Schedule { .. } => "deployment.scheduled",
        }
    }
}

/// What is only written into the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entered {
    /// A version may not be deployed any more.
    Quarantine {
        /// Of which service.
        service: ServiceName,
        /// Which version.
        version: String,
        /// Why.
        reason: String,
    },
    /// It may again.
    Clear {
        /// Of which service.
        service: ServiceName,
        /// Which version.
        version: String,
        /// Why.
        note: String,
    },
    /// Nothing of a service may be deployed.
    Freeze {
        /// Which service.
        service: ServiceName,
        /// Why.
        reason: String,
    },
    /// It may again.
    Thaw {
        /// Which service.
        service: ServiceName,
        /// Why.
        note: String,
    },
    /// The post-mortem of an incident is written.
    PostMortem {
        /// Which incident.
        incident: IncidentId,
        /// Where it is, or what it says.
        note: String,
    },
}

impl Entered {
    /// The kind of the ledger's event, and what it is about.
    pub fn event(&self) -> (&'static str, String) {
        match self {
            Self::Quarantine { service, version, .. } => {
                ("release.quarantined", format!("{service}@{version}"))
            }
            Self::Clear { service, version, .. } => ("release.cleared", format!("{service}@{version}")),
            Self::Freeze { service, .. } => ("service.frozen", service.to_string()),
            Self::Thaw { service, .. } => ("service.thawed", service.to_string()),
            Self::PostMortem { incident, .. } => ("incident.post-mortem", incident.to_string()),
        }
    }

    /// What is done, in a few words.
    pub fn title(&self) -> String {
        match self {
            Self::Quarantine { service, version, .. } => format!("quarantine {service} {version}"),
            Self::Clear { service, version, .. } => format!("take {service} {version} out of quarantine"),
            Self::Freeze { service, .. } => format!("freeze {service}"),
            Self::Thaw { service, .. } => format!("thaw {service}"),
            Self::PostMortem { incident, .. } => format!("record the post-mortem of {incident}"),
        }
    }

    /// Why, in the person's words.
    pub fn words(&self) -> &str {
        match self {
            Self::Quarantine { reason, .. } | Self::Freeze { reason, .. } => reason,
            Self::Clear { note, .. } | Self::Thaw { note, .. } | Self::PostMortem { note, .. } => note,
        }
    }
}

/// A deployment that a person steers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steered {
    /// Which deployment.
    pub deployment: DeploymentId,
    /// Of which service.
    pub service: ServiceName,
    /// What they do.
    pub steering: Steering,
}
