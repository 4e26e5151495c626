//! Who may append what: each function makes an event from the state at the ledger's tip, or refuses.

mod change;

pub use change::*;

use super::{
    event::{Entry, EntryBody},
    fold::{Operations, RunningRollback},
    happening::{Happening, Verdict},
    landing,
    precondition_agent::{ValidatedHead, escalate, validated},
};
use crate::{
    domain::{
        escalation::Severity,
        name::{EnvironmentName, IncidentId, ServiceName},
        text,
        units::format_duration,
    },
    error::Failure,
};
use chrono::{DateTime, Duration, Utc};

/// How long a started rollback keeps others from starting one for the same service and environment.
/// Whoever started it may have been cut off; after this time somebody else may try.
pub const ROLLBACK_CLAIM: Duration = Duration::minutes(15);

/// How long an incident's title may be, in characters.
const TITLE_LENGTH: usize = 200;

/// Declares an incident under the next free id. Anybody may.
pub fn declare(
    operations: &Operations,
    severity: Severity,
    title: &str,
    service: Option<&ServiceName>,
) -> Result<Happening, Failure> {
    let title = text::clean(title).trim().to_owned();
    if title.is_empty() {
        return Err(Failure::usage("an incident needs a title")
            .hint("say in a few words what is wrong, such as `shared-auth answers 5xx`"));
    }
    let length = title.chars().count();
    if length > TITLE_LENGTH {
        return Err(Failure::usage(format!(
            "the incident's title has {length} characters; at most {TITLE_LENGTH} are allowed"
        )));
    }
    Ok(Happening::IncidentDeclared {
        incident: operations.next_incident(),
        severity,
        title,
        service: service.cloned(),
        deployment: None,
        post_mortem_due: None,
    })
}

/// Acknowledges an open incident that nobody has acknowledged. Anybody may.
pub fn acknowledge(operations: &Operations, incident: &IncidentId) -> Result<Happening, Failure> {
    let known = open_incident(operations, incident)?;
    if let Some((at, by)) = &known.acknowledged {
        return Err(Failure::refused(format!(
            "{incident} was already acknowledged by {by} at {}",
            at.format("%Y-%m-%d %H:%M UTC")
        )));
    }
    Ok(Happening::IncidentAcknowledged { incident: known.id.clone() })
}

/// Resolves an open incident. Anybody may.
pub fn resolve(
    operations: &Operations,
    incident: &IncidentId,
    note: Option<&str>,
) -> Result<Happening, Failure> {
    let known = open_incident(operations, incident)?;
    Ok(Happening::IncidentResolved { incident: known.id.clone(), note: cleaned(note) })
}

/// What a rollback is about to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackStart {
    /// Which service.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// The version that runs.
    pub from: String,
    /// The version to go back to.
    pub to: String,
    /// What is changed, such as `deployment/shop/api`.
    pub object: String,
}

/// Claims a rollback at `at`; refused while one that is younger than [`ROLLBACK_CLAIM`] is running for
/// the same service and environment.
pub fn start_rollback(
    operations: &Operations,
    start: &RollbackStart,
    at: DateTime<Utc>,
) -> Result<Happening, Failure> {
    let RollbackStart { service, environment, from, to, object } = start.clone();
    if let Some(running) = running_rollback(operations, &service, &environment) {
        // A start in the future (somebody's clock is wrong) is younger than anything.
        let age = at.signed_duration_since(running.since);
        if age < ROLLBACK_CLAIM {
            return Err(Failure::refused(format!(
                "a rollback of {service} in {environment} from {} to {} is already running, started by {} {} ago",
                running.from,
                running.to,
                running.by.name,
                format_duration(age.max(Duration::zero()))
            ))
            .hint(format!(
                "wait for its end; after {} without one it may be started again",
                format_duration(ROLLBACK_CLAIM)
            )));
        }
    }
    Ok(Happening::RollbackStarted { service, environment, from, to, object })
}

/// Ends a rollback that is running.
pub fn finish_rollback(
    operations: &Operations,
    service: &ServiceName,
    environment: &EnvironmentName,
    verdict: Verdict,
    detail: &str,
) -> Result<Happening, Failure> {
    if running_rollback(operations, service, environment).is_none() {
        return Err(Failure::refused(format!("no rollback of {service} in {environment} is running")));
    }
    Ok(Happening::RollbackFinished {
        service: service.clone(),
        environment: environment.clone(),
        verdict,
        detail: text::clean(detail),
    })
}

/// Whether `entry` could have been appended to what came before it; else what stands against it. Who may
/// approve is not asked here: that is for the people of the main branch to say.
pub fn fits(operations: &Operations, entry: &Entry) -> Result<(), String> {
    let EntryBody::Known(happening) = &entry.body else { return Ok(()) };
    let made = match happening {
        Happening::ApprovalWithdrawn { .. }
        | Happening::RequestWithdrawn { .. }
        | Happening::ChangesRequested { .. }
        | Happening::ChangeCommented { .. } => return change::fits(operations, &entry.actor, happening),
        Happening::ChangeApproved { .. }
        | Happening::ChangeProposed { .. }
        | Happening::GlassOpened { .. }
        | Happening::GlassSeconded { .. }
        | Happening::GlassSettled { .. }
        | Happening::ServiceActed { .. }
        | Happening::NoticeDelivered { .. } => return Ok(()),
        Happening::ChangeValidated { change, head, base, errors, warnings, posted } => {
            let result = ValidatedHead {
                head: head.clone(),
                base: base.clone(),
                errors: *errors,
                warnings: *warnings,
                posted: *posted,
            };
            validated(operations, change, &result)
        }
        Happening::IncidentEscalated { incident, level, to, unanswered } => {
            escalate(operations, incident, *level, to, *unanswered)
        }
        Happening::ChangeMerged(merged) => landing::merged(operations, merged),
        Happening::ChangeReverted { change, merged, commit, branch, reason } => {
            landing::reverted(operations, change, merged, commit, branch.as_deref(), reason)
        }
        Happening::MainRestored(restored) => landing::restored(operations, restored),
        Happening::RollbackStarted { service, environment, from, to, object } => {
            let start = RollbackStart {
                service: service.clone(),
                environment: environment.clone(),
                from: from.clone(),
                to: to.clone(),
                object: object.clone(),
            };
            start_rollback(operations, &start, entry.at)
        }
        Happening::RollbackFinished { service, environment, verdict, detail } => {
            finish_rollback(operations, service, environment, *verdict, detail)
        }
        Happening::IncidentDeclared { incident, severity, title, service, .. } => {
            let next = operations.next_incident();
            if *incident != next {
                return Err(format!("the number that came next was {next}"));
            }
            declare(operations, *severity, title, service.as_ref())
        }
        Happening::IncidentAcknowledged { incident } => acknowledge(operations, incident),
        Happening::IncidentResolved { incident, note } => resolve(operations, incident, note.as_deref()),
        Happening::PostMortemWritten { .. }
        | Happening::DeploymentStarted { .. }
        | Happening::StageBegan { .. }
        | Happening::StageJudged { .. }
        | Happening::DeploymentHeld { .. }
        | Happening::DeploymentContinued { .. }
        | Happening::DeploymentGlassOpened { .. }
        | Happening::DeploymentGlassSeconded { .. }
        | Happening::DeploymentApproved { .. }
        | Happening::DeploymentScheduled { .. }
        | Happening::DeploymentCancelled { .. }
        | Happening::DeploymentFinished { .. }
        | Happening::ReleaseQuarantined { .. }
        | Happening::ReleaseCleared { .. }
        | Happening::ServiceFrozen { .. }
        | Happening::ServiceThawed { .. } => {
            return super::deployments::deployment_fits(operations, entry, happening);
        }
    };
    made.map(drop).map_err(|failure| failure.message)
}

pub(super) fn running_rollback<'a>(
    operations: &'a Operations,
    service: &ServiceName,
    environment: &EnvironmentName,
) -> Option<&'a RunningRollback> {
    operations.running_rollbacks.get(&(service.clone(), environment.clone()))
}

pub(super) fn open_incident<'a>(
    operations: &'a Operations,
    id: &IncidentId,
) -> Result<&'a crate::domain::incident::Incident, Failure> {
    let incident = operations.incident(id.as_str()).ok_or_else(|| {
        Failure::usage(format!("there is no incident {}", text::clean(id.as_str())))
            .hint("see the known ones with `quarterdeck incident list`")
    })?;
    match &incident.resolved {
        None => Ok(incident),
        Some((at, by)) => Err(Failure::refused(format!(
            "{id} was already resolved by {by} at {}",
            at.format("%Y-%m-%d %H:%M UTC")
        ))),
    }
}

pub(super) fn cleaned(note: Option<&str>) -> Option<String> {
    note.map(|note| text::clean(note).trim().to_owned()).filter(|note| !note.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            change::Identity,
            ledger::{Entry, EntryBody},
        },
        error::FailureKind,
    };

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + minutes * 60, 0).unwrap()
    }

    fn identity(email: &str) -> Identity {
        Identity { name: email.split('@').next().unwrap_or_default().to_owned(), email: email.to_owned() }
    }

    fn after(operations: &mut Operations, email: &str, minute: i64, happening: Happening) {
        operations.apply(&Entry {
            commit: format!("{:040x}", operations.events).into(),
            at: at(minute),
            actor: identity(email),
            subject: happening.subject(),
            body: EntryBody::Known(happening),
        });
    }

    #[test]
    fn incidents_are_declared_taken_and_resolved_once() {
        let mut operations = Operations::default();
        let happening = declare(&operations, Severity::High, " api\n5xx ", Some(&"api".into())).unwrap();
        assert!(matches!(&happening, Happening::IncidentDeclared { incident, title, .. }
            if *incident == "INC-1" && title == "api 5xx"));
        after(&mut operations, "ana@example.com", 0, happening);
        let id = IncidentId::from("INC-1");
        let happening = acknowledge(&operations, &id).unwrap();
        after(&mut operations, "bo@example.com", 1, happening);
        assert!(acknowledge(&operations, &id).unwrap_err().message.contains("already acknowledged by bo"));
        let happening = resolve(&operations, &id, Some("restarted")).unwrap();
        after(&mut operations, "bo@example.com", 2, happening);
        assert_eq!(operations.contradictions, 0);
        for failure in
            [acknowledge(&operations, &id).unwrap_err(), resolve(&operations, &id, None).unwrap_err()]
        {
            assert!(failure.message.contains("already resolved by bo"), "{failure:?}");
        }
        assert_eq!(resolve(&operations, &"INC-7".into(), None).unwrap_err().kind, FailureKind::Usage);
        for title in ["", " \n\u{1b}", &"x".repeat(201)] {
            assert_eq!(
                declare(&operations, Severity::Low, title, None).unwrap_err().kind,
                FailureKind::Usage
            );
        }
        assert!(matches!(declare(&operations, Severity::Low, "next", None).unwrap(),
            Happening::IncidentDeclared { incident, .. } if incident == "INC-2"));
    }

    #[test]
    fn one_rollback_runs_at_a_time_until_its_claim_is_old() {
        let start = RollbackStart {
            service: "api".into(),
            environment: "production".into(),
            from: "2".into(),
            to: "1".into(),
            object: "deployment/shop/api".into(),
        };
        let mut operations = Operations::default();
        let finish = |operations: &Operations| {
            finish_rollback(operations, &"api".into(), &"production".into(), Verdict::Pass, "good")
        };
        assert_eq!(finish(&operations).unwrap_err().kind, FailureKind::Refused);
        let happening = start_rollback(&operations, &start, at(0)).unwrap();
        after(&mut operations, "ana@example.com", 0, happening);
        for minute in [-60, 0, 14] {
            let failure = start_rollback(&operations, &start, at(minute)).unwrap_err();
            assert!(failure.message.contains("started by ana"), "{failure:?}");
        }
        let elsewhere = RollbackStart { environment: "staging".into(), ..start.clone() };
        assert!(start_rollback(&operations, &elsewhere, at(1)).is_ok());
        assert!(start_rollback(&operations, &start, at(15)).is_ok());
        let happening = finish(&operations).unwrap();
        after(&mut operations, "ana@example.com", 3, happening);
        assert!(start_rollback(&operations, &start, at(4)).is_ok());
        assert_eq!(operations.contradictions, 0);
    }
}
