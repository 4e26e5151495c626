//! What can happen: the kinds of the ledger's events, with what each says.

use crate::domain::{
    change::ChangeClass,
    deployment::{
        gate::ReleaseGate,
        order::{Leg, Order},
        record::{Ending, Figures},
        verb::Verb,
    },
    escalation::Severity,
    gate::{Gate, ReviewAnswers},
    name::{ChangeId, CommitId, DeploymentId, EnvironmentName, IncidentId, ServiceName},
    notice::Delivery,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How something that was checked came out. Only `Pass` is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// There was too little to judge.
    NoData,
    /// It could not be checked.
    Error,
}

impl Verdict {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NoData => "no data",
            Self::Error => "error",
        }
    }
}

/// A change that was merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// Which change.
    pub change: ChangeId,
    /// What kind of change it was.
    pub class: ChangeClass,
    /// The main branch.
    pub branch: String,
    /// The change's head that was merged.
    pub head: CommitId,
    /// The commit of the main branch that it was merged onto.
    pub onto: CommitId,
    /// The commit that it became there.
    pub commit: CommitId,
    /// The services that it touched.
    pub services: Vec<ServiceName>,
    /// The tags that were set (`shared-auth-v2.0.0`).
    pub tags: Vec<String>,
    /// The ledger's commits of the approvals that opened its gates.
    pub approvals: Vec<CommitId>,
    /// The request that the forge merged; `None` when it was merged here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// Whether it went past its gates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
}

/// A main branch that was brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The main branch.
    pub branch: String,
    /// Where it stood, broken.
    pub from: CommitId,
    /// The newest of its commits that validated; the files are as they were there.
    pub to: CommitId,
    /// The commit that brought it back.
    pub commit: CommitId,
    /// What was wrong.
    pub reason: String,
    /// When it was noticed.
    pub detected_at: DateTime<Utc>,
    /// The incident that was opened for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
}

/// What happened. The serde tag is the event's kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Happening {
    /// Somebody approved a gate of a change.
    #[serde(rename = "change.approved")]
    ChangeApproved {
        /// Which change.
        change: ChangeId,
        /// Which gate.
        gate: Gate,
        /// The head that was reviewed.
        head: CommitId,
        /// The merge base that it was reviewed against.
        base: CommitId,
        /// The digest of what was shown ([`crate::domain::change::Change::digest`]): while it stays the same,
        /// the approval outlives a rebase. Programs before it was known left it out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
        /// The answers to the questions that every reviewer is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answers: Option<Box<ReviewAnswers>>,
        /// The reviewer's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Somebody took their own approval back.
    #[serde(rename = "change.approval-withdrawn")]
    ApprovalWithdrawn {
        /// Which change.
        change: ChangeId,
        /// Which gate.
        gate: Gate,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Somebody wants it done otherwise; it may not be merged as it was shown.
    #[serde(rename = "change.changes-requested")]
    ChangesRequested {
        /// Which change.
        change: ChangeId,
        /// The head that was reviewed.
        head: CommitId,
        /// The digest of what was shown, as for approvals.
        digest: String,
        /// What is to be done.
        note: String,
    },
    /// Somebody took their own request for changes back.
    #[serde(rename = "change.request-withdrawn")]
    RequestWithdrawn {
        /// Which change.
        change: ChangeId,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Somebody said something about it.
    #[serde(rename = "change.commented")]
    ChangeCommented {
        /// Which change.
        change: ChangeId,
        /// What.
        text: String,
    },
    /// It is on the main branch.
    #[serde(rename = "change.merged")]
    ChangeMerged(Box<Merged>),
    /// Somebody took a merged change back: by a commit on the main branch, or by proposing one.
    #[serde(rename = "change.reverted")]
    ChangeReverted {
        /// The change that is taken back.
        change: ChangeId,
        /// Its commit on the main branch.
        merged: CommitId,
        /// The commit that takes it back.
        commit: CommitId,
        /// The branch on which it is proposed; `None` when it is on the main branch already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<String>,
        /// Why.
        reason: String,
    },
    /// The main branch was broken and was brought back to what last validated.
    #[serde(rename = "main.restored")]
    MainRestored(Box<Restored>),
    /// Somebody wants a change merged past its gates or a freeze; a second person must agree.
    #[serde(rename = "break-glass.opened")]
    GlassOpened {
        /// Which change.
        change: ChangeId,
        /// The head that may be merged, and no other.
        head: CommitId,
        /// Why it cannot wait.
        reason: String,
        /// Until when it may be merged.
        expires: DateTime<Utc>,
        /// The incident that was opened for it.
        incident: IncidentId,
    },
    /// A second person agreed.
    #[serde(rename = "break-glass.seconded")]
    GlassSeconded {
        /// Which change.
        change: ChangeId,
        /// The head that they agree to.
        head: CommitId,
    },
    /// What was skipped was made up for: the post-mortem is written.
    #[serde(rename = "break-glass.settled")]
    GlassSettled {
        /// Which change.
        change: ChangeId,
        /// Where the post-mortem is, or what it says.
        note: String,
    },
    /// Channels were told of something, or could not be.
    #[serde(rename = "notice.delivered")]
    NoticeDelivered {
        /// What it was about: an incident or a change.
        about: String,
        /// What had happened, such as `incident.declared`.
        event: String,
        /// How each channel took it.
        deliveries: Vec<Delivery>,
        /// The event's commit. Programs before there was an agent left it out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<CommitId>,
    },
    /// The head of a change was validated.
    #[serde(rename = "change.validated")]
    ChangeValidated {
        /// Which change.
        change: ChangeId,
        /// The head that was validated.
        head: CommitId,
        /// The merge base that it was held against.
        base: CommitId,
        /// How many errors were found, which block the merge.
        errors: usize,
        /// How many warnings were found.
        warnings: usize,
        /// Whether the forge shows it beside the head.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        posted: bool,
    },
    /// Somebody proposed an edit of a service.
    #[serde(rename = "change.proposed")]
    ChangeProposed {
        /// Which change.
        change: ChangeId,
        /// Which service.
        service: ServiceName,
        /// What is proposed, in a few words (`ga → maintenance`, `version 1.2.3 → 2.0.0`).
        summary: String,
        /// The branch's commit.
        head: CommitId,
        /// The commit of the main branch that it is made on.
        base: CommitId,
    },
    /// A rollback began; nobody else may begin one for the same service and environment until it ended.
    #[serde(rename = "rollback.started")]
    RollbackStarted {
        /// Which service.
        service: ServiceName,
        /// Where.
        environment: EnvironmentName,
        /// The version that ran.
        from: String,
        /// The version to go back to.
        to: String,
        /// `deployment/default/api` or `application/argocd/api`: what is changed.
        object: String,
    },
    /// A rollback ended, well or not.
    #[serde(rename = "rollback.finished")]
    RollbackFinished {
        /// Which service.
        service: ServiceName,
        /// Where.
        environment: EnvironmentName,
        /// How it was verified.
        verdict: Verdict,
        /// What was seen, in one sentence.
        detail: String,
    },
    /// Somebody did something to a running service: restarted, paused, scaled, promoted it.
    #[serde(rename = "service.acted")]
    ServiceActed {
        /// Which service.
        service: ServiceName,
        /// Where.
        environment: EnvironmentName,
        /// What was done.
        verb: Verb,
        /// What was changed, such as `deployment/shop/api`.
        object: String,
        /// Whether the cluster then was as it should be.
        verdict: Verdict,
        /// What was seen, in one sentence.
        detail: String,
    },
    /// Somebody declared an incident.
    #[serde(rename = "incident.declared")]
    IncidentDeclared {
        /// Its id, given out by the fold: one past the highest.
        incident: IncidentId,
        /// How bad.
        severity: Severity,
        /// What it is.
        title: String,
        /// Which service, if one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
        /// The deployment that failed, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deployment: Option<DeploymentId>,
        /// When its post-mortem is due, if it needs one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        post_mortem_due: Option<DateTime<Utc>>,
    },
    /// Its post-mortem is written.
    #[serde(rename = "incident.post-mortem")]
    PostMortemWritten {
        /// Which incident.
        incident: IncidentId,
        /// Where it is, or what it says.
        note: String,
    },
    /// A deployment began; nobody else may begin one of the same service there until it ended.
    #[serde(rename = "deployment.started")]
    DeploymentStarted {
        /// Its id, given out by the fold: one past the highest.
        deployment: DeploymentId,
        /// What it is to do.
        order: Box<Order>,
    },
    /// Somebody does a leg of it; nobody else may until the claim lapses.
    #[serde(rename = "deployment.stage-began")]
    StageBegan {
        /// Which deployment.
        deployment: DeploymentId,
        /// Which leg.
        leg: Leg,
        /// Which process of theirs.
        holder: String,
        /// Until when it is theirs.
        until: DateTime<Utc>,
    },
    /// A leg of it is over.
    #[serde(rename = "deployment.stage-judged")]
    StageJudged {
        /// Which deployment.
        deployment: DeploymentId,
        /// Which leg.
        leg: Leg,
        /// How it came out.
        verdict: Verdict,
        /// What was seen.
        detail: String,
        /// What was measured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        figures: Option<Box<Figures>>,
    },
    /// Nothing goes on until a person says so.
    #[serde(rename = "deployment.held")]
    DeploymentHeld {
        /// Which deployment.
        deployment: DeploymentId,
        /// Why.
        reason: String,
        /// What could not be judged; none when a person stopped it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<Verdict>,
    },
    /// A person lets it go on.
    #[serde(rename = "deployment.continued")]
    DeploymentContinued {
        /// Which deployment.
        deployment: DeploymentId,
        /// Whether what could not be judged counts as passed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        accept: bool,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Somebody wants it past its gates and the calendar; a second person must agree.
    #[serde(rename = "deployment.glass-opened")]
    DeploymentGlassOpened {
        /// Which deployment.
        deployment: DeploymentId,
        /// Why it cannot wait.
        reason: String,
        /// Until when it opens something.
        expires: DateTime<Utc>,
        /// The incident that was opened for it.
        incident: IncidentId,
    },
    /// A second person agreed.
    #[serde(rename = "deployment.glass-seconded")]
    DeploymentGlassSeconded {
        /// Which deployment.
        deployment: DeploymentId,
    },
    /// A gate of it was approved.
    #[serde(rename = "deployment.approved")]
    DeploymentApproved {
        /// Which deployment.
        deployment: DeploymentId,
        /// Which gate.
        gate: ReleaseGate,
        /// Their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// It got another time.
    #[serde(rename = "deployment.scheduled")]
    DeploymentScheduled {
        /// Which deployment.
        deployment: DeploymentId,
        /// Not before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<DateTime<Utc>>,
        /// Whether the calendar must be open.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        window: bool,
    },
    /// A person called it off.
    #[serde(rename = "deployment.cancelled")]
    DeploymentCancelled {
        /// Which deployment.
        deployment: DeploymentId,
        /// Why.
        reason: String,
    },
    /// It is over.
    #[serde(rename = "deployment.finished")]
    DeploymentFinished {
        /// Which deployment.
        deployment: DeploymentId,
        /// In which way.
        ending: Ending,
        /// In a sentence.
        detail: String,
    },
    /// A version may not be deployed any more.
    #[serde(rename = "release.quarantined")]
    ReleaseQuarantined {
        /// Of which service.
        service: ServiceName,
        /// Which version.
        #[serde(rename = "release")]
        version: String,
        /// Its image, with tag or digest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<String>,
        /// Why.
        reason: String,
        /// The deployment that failed, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deployment: Option<DeploymentId>,
    },
    /// A version may be deployed again.
    #[serde(rename = "release.cleared")]
    ReleaseCleared {
        /// Of which service.
        service: ServiceName,
        /// Which version.
        #[serde(rename = "release")]
        version: String,
        /// Why.
        note: String,
    },
    /// A service was rolled back too often; nothing of it is deployed until a person says so.
    #[serde(rename = "service.frozen")]
    ServiceFrozen {
        /// Which service.
        service: ServiceName,
        /// Why.
        reason: String,
    },
    /// It may be deployed again.
    #[serde(rename = "service.thawed")]
    ServiceThawed {
        /// Which service.
        service: ServiceName,
        /// Why.
        note: String,
    },
    /// A deadline of it has passed: the next level is called.
    #[serde(rename = "incident.escalated")]
    IncidentEscalated {
        /// Which incident.
        incident: IncidentId,
        /// The level, from 1: how many deadlines have passed.
        level: u32,
        /// Whom it calls, as `policies/escalation.toml` has it.
        to: Vec<String>,
        /// Whether the time to acknowledge it had passed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unanswered: bool,
    },
    /// Somebody has taken it.
    #[serde(rename = "incident.acknowledged")]
    IncidentAcknowledged {
        /// Which incident.
        incident: IncidentId,
    },
    /// It is over.
    #[serde(rename = "incident.resolved")]
    IncidentResolved {
        /// Which incident.
        incident: IncidentId,
        /// What ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

impl Happening {
    /// The kind, as it stands in the subject line.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ChangeApproved { .. } => "change.approved",
            Self::ApprovalWithdrawn { .. } => "change.approval-withdrawn",
            Self::ChangesRequested { .. } => "change.changes-requested",
            Self::RequestWithdrawn { .. } => "change.request-withdrawn",
            Self::ChangeCommented { .. } => "change.commented",
            Self::ChangeMerged(_) => "change.merged",
            Self::ChangeReverted { .. } => "change.reverted",
            Self::MainRestored(_) => "main.restored",
            Self::GlassOpened { .. } => "break-glass.opened",
            Self::GlassSeconded { .. } => "break-glass.seconded",
            Self::GlassSettled { .. } => "break-glass.settled",
            Self::NoticeDelivered { .. } => "notice.delivered",
            Self::ChangeValidated { .. } => "change.validated",
            Self::ChangeProposed { .. } => "change.proposed",
            Self::RollbackStarted { .. } => "rollback.started",
            Self::RollbackFinished { .. } => "rollback.finished",
            Self::ServiceActed { .. } => "service.acted",
            Self::IncidentDeclared { .. } => "incident.declared",
            Self::IncidentEscalated { .. } => "incident.escalated",
            Self::IncidentAcknowledged { .. } => "incident.acknowledged",
            Self::IncidentResolved { .. } => "incident.resolved",
            Self::PostMortemWritten { .. } => "incident.post-mortem",
            Self::DeploymentStarted { .. } => "deployment.started",
            Self::StageBegan { .. } => "deployment.stage-began",
            Self::StageJudged { .. } => "deployment.stage-judged",
            Self::DeploymentHeld { .. } => "deployment.held",
            Self::DeploymentContinued { .. } => "deployment.continued",
            Self::DeploymentGlassOpened { .. } => "deployment.glass-opened",
            Self::DeploymentGlassSeconded { .. } => "deployment.glass-seconded",
            Self::DeploymentApproved { .. } => "deployment.approved",
            Self::DeploymentScheduled { .. } => "deployment.scheduled",
            Self::DeploymentCancelled { .. } => "deployment.cancelled",
            Self::DeploymentFinished { .. } => "deployment.finished",
            Self::ReleaseQuarantined { .. } => "release.quarantined",
            Self::ReleaseCleared { .. } => "release.cleared",
            Self::ServiceFrozen { .. } => "service.frozen",
            Self::ServiceThawed { .. } => "service.thawed",
        }
    }

    /// What it is about: an incident, a change, or `service@environment`.
    pub fn about(&self) -> String {
        match self {
            Self::ChangeApproved { change, .. }
            | Self::ApprovalWithdrawn { change, .. }
            | Self::ChangesRequested { change, .. }
            | Self::RequestWithdrawn { change, .. }
            | Self::ChangeCommented { change, .. }
            | Self::ChangeReverted { change, .. }
            | Self::ChangeValidated { change, .. }
            | Self::GlassOpened { change, .. }
            | Self::GlassSeconded { change, .. }
            | Self::GlassSettled { change, .. }
            | Self::ChangeProposed { change, .. } => change.to_string(),
            Self::ChangeMerged(merged) => merged.change.to_string(),
            Self::MainRestored(restored) => restored.branch.clone(),
            Self::NoticeDelivered { about, .. } => about.clone(),
            Self::RollbackStarted { service, environment, .. }
            | Self::RollbackFinished { service, environment, .. }
            | Self::ServiceActed { service, environment, .. } => format!("{service}@{environment}"),
            Self::IncidentDeclared { incident, .. }
            | Self::IncidentEscalated { incident, .. }
            | Self::IncidentAcknowledged { incident }
            | Self::IncidentResolved { incident, .. }
            | Self::PostMortemWritten { incident, .. } => incident.to_string(),
            Self::DeploymentStarted { deployment, .. }
            | Self::StageBegan { deployment, .. }
            | Self::StageJudged { deployment, .. }
            | Self::DeploymentHeld { deployment, .. }
            | Self::DeploymentContinued { deployment, .. }
            | Self::DeploymentGlassOpened { deployment, .. }
            | Self::DeploymentGlassSeconded { deployment }
            | Self::DeploymentApproved { deployment, .. }
            | Self::DeploymentScheduled { deployment, .. }
            | Self::DeploymentCancelled { deployment, .. }
            | Self::DeploymentFinished { deployment, .. } => deployment.to_string(),
            Self::ReleaseQuarantined { service, version, .. }
            | Self::ReleaseCleared { service, version, .. } => format!("{service}@{version}"),
            Self::ServiceFrozen { service, .. } | Self::ServiceThawed { service, .. } => service.to_string(),
        }
    }
}
