//! Plans: what an action will do, step by step, before it does it; and how it came out.

use super::{
    catalog::Target,
    deployment::{
        RollbackRoute,
        order::Order,
        verb::VerbRoute,
        work::{Entered, Steered},
    },
    escalation::{Escalation, Severity},
    finding::Finding,
    forge::{Announcement, ForgeSettings, RequestDraft},
    gate::Gate,
    ledger::{ApprovalDraft, Shown, Verdict},
    merge::Landing,
    name::{ChangeId, CommitId, IncidentId, ServiceName},
    notice::Delivery,
    proposal::{FileEdit, ServiceProposal},
};
use chrono::Duration;
use serde::Serialize;
use std::sync::Arc;

/// How much harm an action can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Changes nothing.
    Read,
    /// Changes this console or this machine only.
    Local,
    /// Others see it.
    Shared,
    /// It takes something away from users while it runs, or for good.
    Destructive,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What is done, in the imperative.
    pub title: String,
    /// To what, exactly: the object, the branch, the URL.
    pub object: String,
}

/// What an action is about to do; frozen by identity when it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What will happen, in one line.
    pub title: String,
    /// The exact steps, in order.
    pub steps: Vec<Step>,
    /// Where: label and value, such as `cluster` and `demo-production`.
    pub facts: Vec<(String, String)>,
    /// What a person should weigh before confirming.
    pub notes: Vec<String>,
    /// How much harm it can do.
    pub risk: Risk,
    /// What must be typed to confirm; `None` asks for a key only.
    pub confirm_by_typing: Option<String>,
    /// What is run when it is confirmed.
    pub work: Work,
}

/// A service that is rolled back.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollback {
    /// Where.
    pub target: Target,
    /// How, with what was seen when it was planned.
    pub route: RollbackRoute,
    /// Most errors allowed afterwards, as a share; `None` when nothing was promised.
    pub error_threshold: Option<f64>,
}

/// What a confirmed plan runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Approve a gate of a change.
    Approve {
        /// Which change.
        change: ChangeId,
        /// The approval.
        draft: Box<ApprovalDraft>,
    },
    /// Request changes of a change.
    RequestChanges {
        /// Which change.
        change: ChangeId,
        /// What was looked at.
        shown: Shown,
        /// What is to be done otherwise.
        note: String,
    },
    /// Take an approval or a request for changes back.
    Withdraw {
        /// Which change.
        change: ChangeId,
        /// Of which gate; whatever was given last if `None`.
        gate: Option<Gate>,
        /// Why.
        note: Option<String>,
    },
    /// Say something about a change.
    Comment {
        /// Which change.
        change: ChangeId,
        /// What.
        text: String,
    },
    /// Propose edits of a service.
    Propose(Box<ServiceProposal>),
    /// Bring something onto the main branch.
    Land(Box<Landing>),
    /// Keep how validation of a change comes out, and tell the forge.
    PostValidation {
        /// Which change.
        change: ChangeId,
        /// The head that was shown.
        head: CommitId,
        /// The request whose comment is written; `None` where there is none.
        request: Option<u64>,
        /// Which forge; `None` where it is only kept.
        forge: Option<Box<ForgeSettings>>,
    },
    /// Break the glass for a change.
    BreakGlass {
        /// Which change.
        change: ChangeId,
        /// The head that was shown.
        head: CommitId,
        /// Why it cannot wait.
        reason: String,
        /// How long it may be merged.
        length: Duration,
    },
    /// Agree to broken glass.
    SecondGlass {
        /// Which change.
        change: ChangeId,
        /// The head that was shown.
        head: CommitId,
    },
    /// Record the post-mortem of broken glass.
    SettleGlass {
        /// Which change.
        change: ChangeId,
        /// Where it is, or what it says.
        note: String,
    },
    /// Open the request of a change on the forge.
    OpenRequest {
        /// Which change.
        change: ChangeId,
        /// The head that was shown.
        head: CommitId,
        /// The request.
        draft: Box<RequestDraft>,
        /// Which forge.
        forge: Box<ForgeSettings>,
    },
    /// Tell the projects that a change breaks, each by an issue.
    Announce(Box<Announcement>),
    /// Roll a service back.
    Rollback(Box<Rollback>),
    /// Roll services back one after the other, each verified before the next.
    RollbackTogether(Vec<Rollback>),
    /// Deploy, one order after the other.
    Deploy {
        /// What.
        orders: Vec<Order>,
    },
    /// Steer a deployment, and look after it.
    Steer(Box<Steered>),
    /// Write something into the ledger.
    Enter(Box<Entered>),
    /// Do something to a running service.
    Act {
        /// Where.
        target: Box<Target>,
        /// What, with what was seen when it was planned.
        route: Box<VerbRoute>,
    },
    /// Declare an incident.
    DeclareIncident {
        /// How bad.
        severity: Severity,
        /// What it is.
        title: String,
        /// Which service, if one.
        service: Option<ServiceName>,
    },
    /// Acknowledge an incident.
    AcknowledgeIncident {
        /// Which one.
        incident: IncidentId,
    },
    /// Call a level of an incident.
    EscalateIncident {
        /// Which one.
        incident: IncidentId,
        /// Which level, and whom it calls.
        escalation: Box<Escalation>,
    },
    /// Tell channels of something that they have not heard of.
    DeliverNotice {
        /// The ledger's commit of what happened.
        event: CommitId,
        /// The channels, by name.
        channels: Vec<String>,
    },
    /// Look after the platform from here, as an agent does.
    AssumeAgent,
    /// Stop doing so.
    YieldAgent,
    /// Resolve an incident.
    ResolveIncident {
        /// Which one.
        incident: IncidentId,
        /// What ended it.
        note: Option<String>,
    },
}

impl Plan {
    /// Whether what was typed is the name that confirms it; also where it asks for none.
    pub fn is_named_by(&self, typed: &str) -> bool {
        self.confirm_by_typing.as_ref().is_none_or(|wanted| wanted == typed.trim())
    }

    /// The files that it edits.
    pub fn files(&self) -> &[FileEdit] {
        match &self.work {
            Work::Propose(proposal) => &proposal.files,
            _ => &[],
        }
    }
}

impl Work {
    /// What it works on: two works with the same key never run at once.
    pub fn key(&self) -> String {
        match self {
            Self::Approve { change, draft } => format!("approve/{change}/{}", draft.gate),
            Self::RequestChanges { change, .. } => format!("request-changes/{change}"),
            Self::Withdraw { change, .. } => format!("withdraw/{change}"),
            Self::Comment { change, .. } => format!("comment/{change}"),
            Self::Land(landing) => landing.key(),
            Self::Propose(proposal) => format!("propose/{}", proposal.service),
            Self::PostValidation { change, .. } => format!("post/{change}"),
            Self::BreakGlass { change, .. }
            | Self::SecondGlass { change, .. }
            | Self::SettleGlass { change, .. } => {
                format!("glass/{change}")
            }
            Self::OpenRequest { change, .. } => format!("request/{change}"),
            Self::Announce(announcement) => format!("notify/{}", announcement.change),
            Self::Rollback(rollback) => rollback_key(std::slice::from_ref(&rollback.target)),
            Self::RollbackTogether(rollbacks) => {
                let targets: Vec<Target> = rollbacks.iter().map(|rollback| rollback.target.clone()).collect();
                rollback_key(&targets)
            }
            Self::Deploy { orders } => {
                let names: Vec<&str> = orders.iter().map(|order| order.service.as_str()).collect();
                let places = orders.first().map(|order| order.places.as_slice()).unwrap_or_default();
                let place = places.first().map_or("", |place| place.environment.as_str());
                format!("deploy/{place}/{}", names.join(","))
            }
            Self::Steer(steered) => format!("{}/{}", steered.steering.as_str(), steered.deployment),
            Self::Enter(entered) => {
                let (kind, about) = entered.event();
                format!("{kind}/{about}")
            }
            Self::Act { target, .. } => act_key(target),
            Self::DeclareIncident { title, .. } => format!("declare/{title}"),
            Self::AcknowledgeIncident { incident } => format!("acknowledge/{incident}"),
            Self::EscalateIncident { incident, .. } => format!("escalate/{incident}"),
            Self::DeliverNotice { event, .. } => format!("deliver/{event}"),
            Self::AssumeAgent | Self::YieldAgent => "agent".to_owned(),
            Self::ResolveIncident { incident, .. } => format!("resolve/{incident}"),
        }
    }
}

/// The key of services that are rolled back in one environment.
pub fn rollback_key(targets: &[Target]) -> String {
    let names: Vec<&str> = targets.iter().map(|target| target.service.as_str()).collect();
    let environment = targets.first().map_or("", |target| target.environment.as_str());
    format!("rollback/{environment}/{}", names.join(","))
}

/// The key of whatever is done to a running service: one thing at a time.
pub fn act_key(target: &Target) -> String {
    format!("act/{}/{}", target.environment, target.service)
}

/// How far a running work is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Index of the step in [`Plan::steps`].
    pub step: usize,
    /// What is seen now, such as `2 of 3 pods ready`.
    pub detail: String,
}

/// How a work ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Whether the end state is the promised one.
    pub verdict: Verdict,
    /// What was done and seen, in one sentence.
    pub summary: String,
    /// The incident it declared, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// The ledger commit that records it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// Whether that commit is on the remote.
    pub synced: bool,
    /// Who else was told, or could not be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
}

/// What validation of a revision gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// What was validated, in words (`working tree`, `change/x at 1a2b3c4d`).
    pub subject: String,
    /// What was found, errors first.
    pub findings: Arc<Vec<Finding>>,
}
