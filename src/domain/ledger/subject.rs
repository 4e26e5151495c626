//! The first lines of the ledger's commits.

use super::happening::Happening;
use crate::domain::text;

/// How long a subject line may be, in terminal cells.
const SUBJECT_WIDTH: usize = 100;

impl Happening {
    /// The readable first line of its commit: `incident.declared(INC-5): critical, shared-auth 5xx`.
    pub fn subject(&self) -> String {
        let words = match self {
            Self::ChangeApproved { gate, .. } | Self::ApprovalWithdrawn { gate, .. } => {
                format!("{gate} gate")
            }
            Self::ChangesRequested { note, .. }
            | Self::GlassSettled { note, .. }
            | Self::PostMortemWritten { note, .. }
            | Self::ReleaseCleared { note, .. }
            | Self::ServiceThawed { note, .. } => note.clone(),
            Self::RequestWithdrawn { note, .. } => note.clone().unwrap_or_else(|| "taken back".to_owned()),
            Self::ChangeCommented { text, .. } => text.clone(),
            Self::ChangeMerged(merged) => {
                let tags = if merged.tags.is_empty() {
                    String::new()
                } else {
                    format!(", {}", merged.tags.join(" "))
                };
                format!("{} into {} as {}{tags}", merged.class, merged.branch, merged.commit.short())
            }
            Self::ChangeReverted { branch: Some(branch), reason, .. } => {
                format!("proposed as {branch}, {reason}")
            }
            Self::ChangeReverted { commit, reason, .. } => format!("by {}, {reason}", commit.short()),
            Self::MainRestored(restored) => {
                format!("{} → {}, {}", restored.from.short(), restored.to.short(), restored.reason)
            }
            Self::GlassOpened { reason, .. }
            | Self::DeploymentGlassOpened { reason, .. }
            | Self::DeploymentHeld { reason, .. }
            | Self::DeploymentCancelled { reason, .. }
            | Self::ReleaseQuarantined { reason, .. }
            | Self::ServiceFrozen { reason, .. } => reason.clone(),
            Self::GlassSeconded { head, .. } => format!("agreed to {}", head.short()),
            Self::NoticeDelivered { event, deliveries, .. } => {
                let sent = deliveries.iter().filter(|delivery| delivery.is_sent()).count();
                format!("{event} reached {sent} of {} channels", deliveries.len())
            }
            Self::ChangeProposed { service, summary, .. } => format!("{service}, {summary}"),
            Self::ChangeValidated { head, errors, warnings, .. } => {
                format!("{errors} errors, {warnings} warnings at {}", head.short())
            }
            Self::RollbackStarted { from, to, .. } => format!("{from} → {to}"),
            Self::RollbackFinished { verdict, detail, .. } => format!("{}, {detail}", verdict.as_str()),
            Self::ServiceActed { verb, verdict, detail, .. } => {
                format!("{}, {}, {detail}", verb.word(), verdict.as_str())
            }
            Self::IncidentDeclared { severity, title, .. } => format!("{severity}, {title}"),
            Self::IncidentEscalated { level, to, .. } => format!("level {level} calls {}", to.join(", ")),
            Self::IncidentAcknowledged { .. } => "taken".to_owned(),
            Self::IncidentResolved { note, .. } => note.clone().unwrap_or_else(|| "over".to_owned()),
            Self::DeploymentStarted { order, .. } => {
                let places: Vec<&str> = order.places.iter().map(|place| place.environment.as_str()).collect();
                format!("{} {} to {}", order.service, order.version, places.join(", "))
            }
            Self::StageBegan { leg, .. } => leg.to_string(),
            Self::StageJudged { leg, verdict, detail, .. } => {
                format!("{leg}: {}, {detail}", verdict.as_str())
            }
            Self::DeploymentContinued { accept, note, .. } => {
                let how = if *accept { "accepted" } else { "goes on" };
                note.as_ref().map_or_else(|| how.to_owned(), |note| format!("{how}, {note}"))
            }
            Self::DeploymentGlassSeconded { .. } => "agreed".to_owned(),
            Self::DeploymentApproved { gate, .. } => format!("{gate} gate"),
            Self::DeploymentScheduled { not_before, window, .. } => {
                let at = not_before.map(|at| at.format("not before %F %H:%M UTC").to_string());
                let window = window.then(|| "in a window".to_owned());
                at.into_iter().chain(window).collect::<Vec<_>>().join(", ")
            }
            Self::DeploymentFinished { ending, detail, .. } => format!("{}, {detail}", ending.as_str()),
        };
        let line = text::clean(&format!("{}({}): {words}", self.kind(), self.about()));
        text::fit(line.trim(), SUBJECT_WIDTH)
    }
}
