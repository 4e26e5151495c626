//! Who may append what about deployments: each function makes an event from the state at the ledger's tip, or refuses.

use super::{
    event::Entry,
    fold::Operations,
    happening::{Happening, Verdict},
    precondition::{ROLLBACK_CLAIM, cleaned, declare, running_rollback},
};
use crate::{
    domain::{
        catalog::{Catalog, Service},
        change::{Identity, Seals},
        deployment::{
            gate::{self, ReleaseGate, ReleaseGateStatus},
            order::{Leg, Order, Stage},
            proof,
            record::{DeploymentRecord, Ending, Figures, Turn},
        },
        escalation::Severity,
        name::{DeploymentId, IncidentId, ServiceName},
        text::{clean, fit},
        units::format_duration,
    },
    error::Failure,
};
use chrono::{DateTime, Duration, Utc};

/// How long after a failed deployment its post-mortem is due.
pub const POST_MORTEM: Duration = Duration::hours(24);

/// How long words about a deployment may be, in characters.
const WORDS_LENGTH: usize = 1_000;

/// What stands against deploying a version in some places; empty when nothing does.
pub fn against(operations: &Operations, order: &Order, at: DateTime<Utc>) -> Vec<Failure> {
    let (service, version) = (&order.service, &order.version);
    let mut found = Vec::new();
    if let Some(frozen) = operations.frozen.get(service) {
        found.push(
            Failure::refused(format!("{service} is frozen: {}", frozen.reason))
                .hint(format!("see why, then say so: `quarterdeck service thaw {service} --note …`")),
        );
    }
    let image = order.image.as_ref().filter(|image| image.contains('@'));
    let quarantined = operations.quarantine.iter().find(|((of, known), entry)| {
        of == service && (known == version || (image.is_some() && entry.image.as_ref() == image))
    });
    if let Some((_, entry)) = quarantined {
        found.push(
            Failure::refused(format!("{service} {version} is in quarantine: {}", entry.reason))
                .hint("deploy another version")
                .hint(format!("or take it out: `quarterdeck release clear {service} {version} --note …`")),
        );
    }
    for place in &order.places {
        let other = operations.open_deployments().find(|record| {
            record.order.service == *service && record.order.place(&place.environment).is_some()
        });
        if let Some(other) = other {
            found.push(
                Failure::refused(format!(
                    "{} of {service} {} in {} is not over, started by {} {} ago",
                    other.id,
                    other.order.version,
                    place.environment,
                    other.started_by.name,
                    format_duration((at - other.started_at).max(Duration::zero()))
                ))
                .hint(format!("wait for it, or end it with `quarterdeck deployment cancel {}`", other.id)),
            );
        }
        let running = running_rollback(operations, service, &place.environment)
            .filter(|running| at.signed_duration_since(running.since) < ROLLBACK_CLAIM);
        if let Some(running) = running {
            found.push(Failure::refused(format!(
                "a rollback of {service} in {} is running, started by {}",
                place.environment, running.by.name
            )));
        }
    }
    found
}

/// Starts a deployment under the next free id. Anybody may: what it reaches is decided by its gates.
pub fn start_deployment(
    operations: &Operations,
    order: &Order,
    at: DateTime<Utc>,
) -> Result<Happening, Failure> {
    if order.places.is_empty() {
        return Err(Failure::usage(format!("{} is to be deployed nowhere", order.service)));
    }
    if let Some(failure) = against(operations, order, at).into_iter().next() {
        return Err(failure);
    }
    Ok(Happening::DeploymentStarted {
        deployment: operations.next_deployment(),
        order: Box::new(order.clone()),
    })
}

/// Claims a leg for a process until a time: refused while another holds it, or when it is not its turn.
pub fn begin_stage(
    operations: &Operations,
    deployment: &DeploymentId,
    leg: &Leg,
    holder: &str,
    (at, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Happening, Failure> {
    let record = open(operations, deployment)?;
    let others = record.running.as_ref().filter(|running| running.holder != holder && at < running.until);
    if let Some(running) = others.filter(|running| running.leg == *leg) {
        return Err(Failure::conflict(format!("{} is doing {leg} of {deployment}", running.by.name)));
    }
    let turn = Turn::Began { leg, holder, until };
    tried(record, &turn, at)?;
    Ok(Happening::StageBegan {
        deployment: deployment.clone(),
        leg: leg.clone(),
        holder: clean(holder),
        until,
    })
}

/// Ends a leg.
pub fn judge_stage(
    operations: &Operations,
    deployment: &DeploymentId,
    leg: &Leg,
    verdict: Verdict,
    detail: &str,
    figures: Option<&Figures>,
) -> Result<Happening, Failure> {
    let record = open(operations, deployment)?;
    let detail = bounded(detail);
    let figures = figures.filter(|figures| is_finite(figures));
    let turn = Turn::Judged { leg, verdict, detail: &detail, figures };
    tried(record, &turn, record.last_at)?;
    Ok(Happening::StageJudged {
        deployment: deployment.clone(),
        leg: leg.clone(),
        verdict,
        detail: detail.clone(),
        figures: figures.cloned().map(Box::new),
    })
}

/// JSON knows no infinity.
fn is_finite(figures: &Figures) -> bool {
    [figures.error_ratio, figures.p99, figures.baseline_error_ratio, figures.baseline_p99]
        .into_iter()
        .flatten()
        .chain([figures.requests])
        .all(f64::is_finite)
}

/// Stops a deployment until a person lets it go on; `verdict` is what could not be judged, and none for a person.
pub fn hold(
    operations: &Operations,
    deployment: &DeploymentId,
    reason: &str,
    verdict: Option<Verdict>,
) -> Result<Happening, Failure> {
    let record = open(operations, deployment)?;
    if let Some(held) = &record.held {
        return Err(Failure::refused(format!("{deployment} is held already: {}", held.reason)));
    }
    let reason = said(reason, "say why it must not go on")?;
    Ok(Happening::DeploymentHeld { deployment: deployment.clone(), reason, verdict })
}

/// Lets a held deployment go on; with `accept`, what could not be judged counts as passed. What failed cannot be
/// accepted on the way there, but for the checks before production, with a reason ([`super::may_accept`] says by whom).
pub fn resume(
    operations: &Operations,
    deployment: &DeploymentId,
    accept: bool,
    note: Option<&str>,
) -> Result<Happening, Failure> {
    let record = open(operations, deployment)?;
    let Some(held) = &record.held else {
        return Err(Failure::refused(format!("{deployment} is not held; nothing keeps it")));
    };
    if accept && !record.is_retreating() && held.verdict == Some(Verdict::Fail) {
        if record.next_leg().is_none_or(|leg| leg.stage != Stage::Precheck) {
            return Err(Failure::refused(format!("what failed cannot be accepted: {}", held.reason))
                .hint("mend it, and continue without --accept: it is checked again"));
        }
        if cleaned(note).is_none() {
            return Err(Failure::usage(format!("accepting a failed check needs a reason: {}", held.reason))
                .hint("say why it is to be deployed all the same: `--accept --note …`"));
        }
    }
    if accept && held.verdict.is_none() {
        return Err(Failure::usage(format!(
            "{deployment} was stopped by a person: there is nothing to accept"
        ))
        .hint("continue without --accept"));
    }
    Ok(Happening::DeploymentContinued { deployment: deployment.clone(), accept, note: cleaned(note) })
}

/// Approves a gate of a deployment as `operator`, by the people of the main branch.
///
/// # Errors
/// Refused for people outside `policies/teams.toml` or outside the gate's teams, and for who opens another gate of it.
pub fn approve_deployment(
    operations: &Operations,
    deployment: &DeploymentId,
    gate: ReleaseGate,
    (main, service): (&Catalog, &Service),
    operator: &Identity,
    note: Option<&str>,
    seals: &Seals,
) -> Result<Happening, Failure> {
    let record = open(operations, deployment)?;
    if !record.order.production {
        return Err(Failure::refused(format!("{deployment} does not go to production: it has no gates")));
    }
    if gate == ReleaseGate::Staging {
        return Err(Failure::refused("the staging gate opens when the version passes staging").hint(
            format!("deploy it there: `quarterdeck service deploy {} --environment staging`", service.name),
        ));
    }
    // Whoever would say the same must look at what came first.
    let record = &proof::proven(record, &seals.believing_the_unseen());
    let gates = gate::standings(record, main, service, &Err(String::new()));
    let Some(status) = gates.iter().find(|status| status.gate == gate) else {
        return Err(Failure::refused(format!("{deployment} does not need the {gate} gate")));
    };
    if status.is_open {
        return Err(Failure::refused(format!("the {gate} gate of {deployment}: {}", status.detail)));
    }
    let person = main.people.by_email(&operator.email).ok_or_else(|| {
        Failure::refused(format!(
            "{} is nobody of policies/teams.toml, and approvals need a person of it",
            clean(&operator.email)
        ))
        .hint("set `git config user.email` to your address in policies/teams.toml, or have it added there")
    })?;
    let who = &person.handle;
    if !status.teams.iter().any(|team| main.people.is_member(who, team.as_str())) {
        return Err(Failure::refused(format!(
            "{who} may not approve the {gate} gate of {deployment}: {}",
            status.detail
        )));
    }
    let other = |status: &&ReleaseGateStatus| status.opened.as_ref().is_some_and(|(by, _)| by == who);
    if let Some(status) = gates.iter().find(other) {
        return Err(Failure::refused(format!(
            "{who} already approved the {} gate of {deployment}; one person fills one gate",
            status.gate
        )));
    }
    Ok(Happening::DeploymentApproved { deployment: deployment.clone(), gate, note: cleaned(note) })
}

/// Gives a deployment another time.
pub fn schedule(
    operations: &Operations,
    deployment: &DeploymentId,
    not_before: Option<DateTime<Utc>>,
    window: bool,
) -> Result<Happening, Failure> {
    let record = open(operations, deployment)?;
    tried(record, &Turn::Scheduled { not_before, window }, record.last_at)?;
    Ok(Happening::DeploymentScheduled { deployment: deployment.clone(), not_before, window })
}

/// Calls a deployment off. What it touched is put back.
pub fn cancel(
    operations: &Operations,
    deployment: &DeploymentId,
    reason: &str,
) -> Result<Happening, Failure> {
    let record = open(operations, deployment)?;
    let reason = said(reason, "say why it is called off")?;
    tried(record, &Turn::Cancelled { reason: &reason }, record.last_at)?;
    Ok(Happening::DeploymentCancelled { deployment: deployment.clone(), reason: reason.clone() })
}

/// Ends a deployment whose legs are all over.
pub fn finish_deployment(
    operations: &Operations,
    deployment: &DeploymentId,
    ending: Ending,
    detail: &str,
) -> Result<Happening, Failure> {
    let record = open(operations, deployment)?;
    if let Some(leg) = record.next_leg() {
        return Err(Failure::conflict(format!("{deployment} is not at its end: {leg} is next")));
    }
    Ok(Happening::DeploymentFinished { deployment: deployment.clone(), ending, detail: bounded(detail) })
}

/// Opens the incident of a deployment that failed, once; a post-mortem is due when it was production.
pub fn declare_for(
    operations: &Operations,
    deployment: &DeploymentId,
    (severity, title): (Severity, &str),
    at: DateTime<Utc>,
) -> Result<Happening, Failure> {
    let record = open(operations, deployment)?;
    let leg = Leg::all(Stage::Incident);
    let turn = Turn::Judged { leg: &leg, verdict: Verdict::Pass, detail: "", figures: None };
    tried(record, &turn, at)?;
    let made = declare(operations, severity, &fit(&clean(title), 200), Some(&record.order.service))?;
    Ok(match made {
        Happening::IncidentDeclared { incident, severity, title, service, .. } => {
            Happening::IncidentDeclared {
                incident,
                severity,
                title,
                service,
                deployment: Some(deployment.clone()),
                post_mortem_due: record.order.production.then(|| at + POST_MORTEM),
            }
        }
        other => other,
    })
}

/// Opens an incident of a service with a post-mortem due: of a rollback by hand, of broken glass.
pub fn declare_with_post_mortem(
    operations: &Operations,
    severity: Severity,
    title: &str,
    service: &ServiceName,
    at: DateTime<Utc>,
) -> Result<Happening, Failure> {
    let mut made = declare(operations, severity, &fit(&clean(title), 200), Some(service))?;
    if let Happening::IncidentDeclared { post_mortem_due, .. } = &mut made {
        *post_mortem_due = Some(at + POST_MORTEM);
    }
    Ok(made)
}

/// Records the post-mortem of an incident.
pub fn post_mortem(operations: &Operations, incident: &IncidentId, note: &str) -> Result<Happening, Failure> {
    let known = operations.incident(incident.as_str()).ok_or_else(|| {
        Failure::usage(format!("there is no incident {}", clean(incident.as_str())))
            .hint("see the known ones with `quarterdeck incident list`")
    })?;
    if let Some((_, by, _)) = known.post_mortem.as_ref().and_then(|known| known.written.as_ref()) {
        return Err(Failure::refused(format!("the post-mortem of {incident} was written by {by}")));
    }
    let note = said(note, "say where it is, or what it says")?;
    Ok(Happening::PostMortemWritten { incident: known.id.clone(), note })
}

/// Puts a version in quarantine; for a deployment, as a leg of its way back.
pub fn quarantine(
    operations: &Operations,
    (service, version, image): (&ServiceName, &str, Option<&str>),
    reason: &str,
    deployment: Option<&DeploymentId>,
) -> Result<Happening, Failure> {
    let reason = said(reason, "say what is wrong with it")?;
    if let Some(deployment) = deployment {
        let record = open(operations, deployment)?;
        let leg = Leg::all(Stage::Quarantine);
        let turn = Turn::Judged { leg: &leg, verdict: Verdict::Pass, detail: "", figures: None };
        tried(record, &turn, record.last_at)?;
    } else if operations.quarantine.contains_key(&(service.clone(), version.to_owned())) {
        return Err(Failure::refused(format!("{service} {version} is in quarantine already")));
    }
    Ok(Happening::ReleaseQuarantined {
        service: service.clone(),
        version: version.to_owned(),
        image: image.map(str::to_owned),
        reason,
        deployment: deployment.cloned(),
    })
}

/// Takes a version out of quarantine.
pub fn clear(
    operations: &Operations,
    service: &ServiceName,
    version: &str,
    note: &str,
) -> Result<Happening, Failure> {
    if !operations.quarantine.contains_key(&(service.clone(), version.to_owned())) {
        return Err(Failure::refused(format!("{service} {} is not in quarantine", clean(version))));
    }
    let note = said(note, "say why it may be deployed again")?;
    Ok(Happening::ReleaseCleared { service: service.clone(), version: version.to_owned(), note })
}

/// Freezes a service.
pub fn freeze(operations: &Operations, service: &ServiceName, reason: &str) -> Result<Happening, Failure> {
    if let Some(frozen) = operations.frozen.get(service) {
        return Err(Failure::refused(format!("{service} is frozen already: {}", frozen.reason)));
    }
    Ok(Happening::ServiceFrozen { service: service.clone(), reason: said(reason, "say why")? })
}

/// Lets a frozen service be deployed again.
pub fn thaw(operations: &Operations, service: &ServiceName, note: &str) -> Result<Happening, Failure> {
    if !operations.frozen.contains_key(service) {
        return Err(Failure::refused(format!("{service} is not frozen")));
    }
    let note = said(note, "say why it may be deployed again")?;
    Ok(Happening::ServiceThawed { service: service.clone(), note })
}

/// Whether an event about deployments could have been appended; see [`super::fits`].
pub(super) fn deployment_fits(
    operations: &Operations,
    entry: &Entry,
    happening: &Happening,
) -> Result<(), String> {
    if let Happening::DeploymentStarted { deployment, order } = happening {
        if *deployment != operations.next_deployment() {
            return Err(format!("the number that came next was {}", operations.next_deployment()));
        }
        return start_deployment(operations, order, entry.at).map(drop).map_err(|failure| failure.message);
    }
    let made = match happening {
        Happening::PostMortemWritten { incident, note } => post_mortem(operations, incident, note),
        Happening::StageBegan { deployment, leg, holder, until } => {
            begin_stage(operations, deployment, leg, holder, (entry.at, *until))
        }
        Happening::DeploymentContinued { deployment, accept, note } => {
            resume(operations, deployment, *accept, note.as_deref())
        }
        Happening::ReleaseCleared { service, version, note } => clear(operations, service, version, note),
        Happening::ServiceFrozen { service, reason } => freeze(operations, service, reason),
        Happening::ServiceThawed { service, note } => thaw(operations, service, note),
        _ => {
            let Some((id, turn)) = happening.turn(&entry.commit) else { return Ok(()) };
            let record =
                operations.deployment(id.as_str()).ok_or_else(|| format!("{id} was never started"))?;
            return record.clone().apply(&turn, entry.at, &entry.actor);
        }
    };
    made.map(drop).map_err(|failure| failure.message)
}

/// The open deployment of an id.
pub(super) fn open<'a>(
    operations: &'a Operations,
    id: &DeploymentId,
) -> Result<&'a DeploymentRecord, Failure> {
    let record = operations.deployment(id.as_str()).ok_or_else(|| {
        Failure::usage(format!("there is no deployment {}", clean(id.as_str())))
            .hint("see the known ones with `quarterdeck deployment list`")
    })?;
    match &record.finished {
        None => Ok(record),
        Some(finished) => Err(Failure::refused(format!(
            "{id} is over: {}, {}",
            finished.ending.as_str(),
            finished.at.format("%Y-%m-%d %H:%M UTC")
        ))),
    }
}

/// Whether a turn fits a deployment now.
fn tried(record: &DeploymentRecord, turn: &Turn<'_>, at: DateTime<Utc>) -> Result<(), Failure> {
    record.clone().apply(turn, at, &record.started_by).map_err(Failure::conflict)
}

/// Words that must be there.
fn said(words: &str, hint: &str) -> Result<String, Failure> {
    let words = bounded(words);
    if words.is_empty() {
        return Err(Failure::usage("this needs a reason").hint(hint));
    }
    Ok(words)
}

/// Words that came from outside: clean, and not too many.
fn bounded(words: &str) -> String {
    clean(words).trim().chars().take(WORDS_LENGTH).collect()
}

#[cfg(test)]
#[path = "deployments_tests.rs"]
mod tests;
