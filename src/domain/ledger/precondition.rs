//! Who may append what: each function makes an event from the state at the ledger's tip, or refuses.

use super::{
    event::{Happening, Verdict},
    fold::{Operations, RunningRollback},
};
use crate::{
    domain::{
        change::{Change, Identity, gate_states, objection},
        escalation::Severity,
        gate::{Gate, GateState},
        name::{CommitId, EnvironmentName, IncidentId, ServiceName},
        people::People,
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

/// Approves `gate` of `change` as `operator`, for the head that was shown.
///
/// Refused for people outside `policies/teams.toml` or outside the gate's teams, for the change's
/// authors and its last committer (under whichever of their addresses), for who already fills
/// another gate of it, and when the gate is already open. A head that moved is a conflict.
pub fn approve(
    operations: &Operations,
    change: &Change,
    people: &People,
    operator: &Identity,
    gate: Gate,
    expected_head: &CommitId,
    note: Option<&str>,
) -> Result<Happening, Failure> {
    let proposal = &change.proposal;
    let id = &proposal.id;
    if proposal.head != *expected_head {
        return Err(Failure::conflict(format!(
            "{id} has moved from {} to {} since it was shown",
            expected_head.short(),
            proposal.head.short()
        ))
        .hint("look at what is new, then approve again"));
    }
    let Some(status) = change.gates.iter().find(|status| status.gate == gate) else {
        let needed: Vec<_> = change.gates.iter().map(|status| status.gate.as_str()).collect();
        return Err(Failure::refused(format!("{id} does not need the {gate} gate"))
            .hint(format!("it needs: {}", needed.join(", "))));
    };
    let Some(person) = people.by_email(&operator.email) else {
        return Err(Failure::refused(format!(
            "{} is nobody of policies/teams.toml, and approvals need a person of it",
            text::clean(&operator.email)
        ))
        .hint("set `git config user.email` to your address in policies/teams.toml, or have it added there"));
    };
    let who = &person.handle;
    if let Some(reason) = objection(person, people, proposal, &status.teams) {
        return Err(Failure::refused(format!("{who} may not approve the {gate} gate of {id}: {reason}")));
    }
    for (status, state) in
        change.gates.iter().zip(gate_states(&change.gates, proposal, people, operations.approvals_of(id)))
    {
        if let GateState::Approved { by, .. } = state {
            if status.gate == gate {
                return Err(Failure::refused(format!(
                    "the {gate} gate of {id} was already approved by {by}"
                )));
            }
            if by == *who {
                return Err(Failure::refused(format!(
                    "{who} already approved the {} gate of {id}; one person fills one gate",
                    status.gate
                )));
            }
        }
    }
    Ok(Happening::ChangeApproved {
        change: id.clone(),
        gate,
        head: proposal.head.clone(),
        base: proposal.base.clone(),
        note: cleaned(note),
    })
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

fn running_rollback<'a>(
    operations: &'a Operations,
    service: &ServiceName,
    environment: &EnvironmentName,
) -> Option<&'a RunningRollback> {
    operations.running_rollbacks.get(&(service.clone(), environment.clone()))
}

fn open_incident<'a>(
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

fn cleaned(note: Option<&str>) -> Option<String> {
    note.map(|note| text::clean(note).trim().to_owned()).filter(|note| !note.is_empty())
}
