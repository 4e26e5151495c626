//! Who may break the glass for a change, agree to it, and settle it.

use super::{fold::Operations, happening::Happening};
use crate::{
    domain::{
        break_glass::{self, GlassState},
        change::{Identity, Proposal},
        name::{ChangeId, CommitId, IncidentId},
        people::{People, Person},
        text,
        units::format_duration,
    },
    error::Failure,
};
use chrono::{DateTime, Duration, Utc};

/// How long a reason may be, in characters: it becomes the incident's title.
const REASON_LENGTH: usize = 160;

/// Breaks the glass for the head of a change that was shown, for `length`. Any person of the main branch's people
/// may ask for it, the author as well; it opens nothing before another one agrees.
///
/// `incident` is the one that was declared for it.
#[expect(clippy::too_many_arguments, reason = "each is one thing that the event says or that may refuse it")]
pub fn open_glass(
    operations: &Operations,
    proposal: &Proposal,
    people: &People,
    operator: &Identity,
    expected_head: &CommitId,
    reason: &str,
    length: Duration,
    incident: &IncidentId,
    now: DateTime<Utc>,
) -> Result<Happening, Failure> {
    let id = &proposal.id;
    unmoved(proposal, expected_head)?;
    person(people, operator)?;
    let reason = weighed(reason, length)?;
    let known = operations.changes.get(id);
    let state =
        known.and_then(|record| break_glass::state(record, people, Some(proposal), &proposal.head, now));
    match state {
        Some(GlassState::Waiting { by, .. }) => {
            return Err(Failure::refused(format!("{by} has broken the glass for {id} already"))
                .hint(format!("another person agrees with `quarterdeck change second {id}`")));
        }
        Some(GlassState::Granted { until, .. }) => {
            return Err(Failure::refused(format!(
                "the glass is broken for {id} until {}",
                until.format("%F %H:%M UTC")
            ))
            .hint(format!("merge it with `quarterdeck change merge {id}`")));
        }
        Some(GlassState::Expired | GlassState::Used { .. } | GlassState::Settled) | None => {}
    }
    Ok(Happening::GlassOpened {
        change: id.clone(),
        head: proposal.head.clone(),
        reason,
        expires: now + length,
        incident: incident.clone(),
    })
}

/// Agrees to glass that somebody else broke, for the head that was shown.
pub fn second_glass(
    operations: &Operations,
    proposal: &Proposal,
    people: &People,
    operator: &Identity,
    expected_head: &CommitId,
    now: DateTime<Utc>,
) -> Result<Happening, Failure> {
    let id = &proposal.id;
    unmoved(proposal, expected_head)?;
    let person = person(people, operator)?;
    let known = operations.changes.get(id);
    let state =
        known.and_then(|record| break_glass::state(record, people, Some(proposal), &proposal.head, now));
    let opener = match state {
        Some(GlassState::Waiting { by, .. }) => by,
        Some(GlassState::Granted { seconded, .. }) => {
            return Err(Failure::refused(format!("{seconded} has agreed to it already")));
        }
        Some(GlassState::Expired) => {
            return Err(Failure::refused(format!("the time to merge {id} past its gates is over"))
                .hint(format!("break the glass again: `quarterdeck change break-glass {id} --reason …`")));
        }
        Some(GlassState::Used { .. } | GlassState::Settled) | None => {
            return Err(Failure::refused(format!("nobody has broken the glass for {id} as it is now"))
                .hint(format!("that is `quarterdeck change break-glass {id} --reason …`")));
        }
    };
    let objection =
        people.persons.get(&opener).and_then(|opener| break_glass::objection(person, opener, proposal));
    if let Some(reason) = objection {
        return Err(Failure::refused(format!("{} may not agree to it: {reason}", person.handle))
            .hint("ask another person of policies/teams.toml"));
    }
    Ok(Happening::GlassSeconded { change: id.clone(), head: proposal.head.clone() })
}

/// Settles glass that was used: the post-mortem is written. Any person may.
pub fn settle_glass(
    operations: &Operations,
    change: &ChangeId,
    people: &People,
    operator: &Identity,
    note: &str,
) -> Result<Happening, Failure> {
    person(people, operator)?;
    let note = text::clean(note).trim().to_owned();
    if note.is_empty() {
        return Err(Failure::usage("settling needs the post-mortem")
            .hint("give its address, or what it says: `--note https://…`"));
    }
    if !break_glass::unsettled(operations).iter().any(|(open, _)| open == change) {
        return Err(Failure::refused(format!(
            "{} was not merged past its gates, or that is settled",
            text::clean(change.as_str())
        )));
    }
    Ok(Happening::GlassSettled { change: change.clone(), note })
}

/// The reason for breaking the glass, if it is one and the time is not too long.
pub(super) fn weighed(reason: &str, length: Duration) -> Result<String, Failure> {
    let reason = text::clean(reason).trim().to_owned();
    if reason.is_empty() {
        return Err(Failure::usage("breaking the glass needs a reason")
            .hint("say in a few words why it cannot wait: `--reason \"logins fail for everybody\"`"));
    }
    if reason.chars().count() > REASON_LENGTH {
        return Err(Failure::usage(format!(
            "the reason has {} characters; at most {REASON_LENGTH} are allowed",
            reason.chars().count()
        )));
    }
    if length <= Duration::zero() || length > break_glass::LONGEST {
        return Err(Failure::usage(format!(
            "the glass cannot be broken for {}",
            format_duration(length.max(Duration::zero()))
        ))
        .hint(format!("give a time up to {}", format_duration(break_glass::LONGEST))));
    }
    Ok(reason)
}

fn unmoved(proposal: &Proposal, expected_head: &CommitId) -> Result<(), Failure> {
    if proposal.head == *expected_head {
        return Ok(());
    }
    Err(Failure::conflict(format!(
        "{} has moved from {} to {} since it was shown",
        proposal.id,
        expected_head.short(),
        proposal.head.short()
    ))
    .hint("look at what is new first"))
}

/// The person of the main branch's people who an operator is; no agent is one.
pub(super) fn person<'a>(people: &'a People, operator: &Identity) -> Result<&'a Person, Failure> {
    people.by_email(&operator.email).filter(|person| !person.is_agent()).ok_or_else(|| {
        Failure::refused(format!(
            "{} is nobody of policies/teams.toml, and breaking the glass needs people of it",
            text::clean(&operator.email)
        ))
        .hint("set `git config user.email` to your address in policies/teams.toml, or have it added there")
    })
}
