//! Who may say what about a change: approvals, requests for changes, taking them back, and words.

use super::{super::changes::ChangeRecord, cleaned};
use crate::{
    domain::{
        change::{Change, Identity, objection},
        gate::{Gate, GateState, ReviewAnswers},
        ledger::{Happening, Operations},
        name::{ChangeId, CommitId, TeamName},
        people::{People, Person},
        proposal::ServiceProposal,
        text,
    },
    error::Failure,
};
use std::sync::Arc;

/// How long a comment or a note may be, in characters.
const WORDS_LENGTH: usize = 4_000;
/// How long one answer to the reviewer's questions may be, in characters.
const ANSWER_LENGTH: usize = 1_000;

/// What a reviewer looked at: it must still be the same when their word is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The change's head.
    pub head: CommitId,
    /// Its digest.
    pub digest: String,
}

impl Shown {
    /// What is shown of a change now.
    pub fn of(change: &Change) -> Self {
        Self { head: change.proposal.head.clone(), digest: change.digest().to_owned() }
    }

    /// Refuses what has become another one since.
    fn still(&self, change: &Change) -> Result<(), Failure> {
        let proposal = &change.proposal;
        let id = &proposal.id;
        let moved = if proposal.head != self.head {
            format!(
                "{id} has moved from {} to {} since it was shown",
                self.head.short(),
                proposal.head.short()
            )
        } else if change.digest() != self.digest {
            format!("{id} alters something else since it was shown: its base has moved")
        } else {
            return Ok(());
        };
        Err(Failure::conflict(moved).hint("look at what is new, then say it again"))
    }
}

/// An approval that somebody wants to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalDraft {
    /// Which gate.
    pub gate: Gate,
    /// What they looked at.
    pub shown: Shown,
    /// Their answers to the reviewer's questions.
    pub answers: ReviewAnswers,
    /// Their words.
    pub note: Option<String>,
}

/// Approves a gate of `change` as `operator`, for what was shown.
///
/// # Errors
/// Refused for people outside `policies/teams.toml` or outside the gate's teams, for the change's
/// authors and its last committer (under whichever of their addresses), for who already fills
/// another gate of it, and when the gate is already open. A usage failure where an answer is missing that this
/// change needs. A change that became another one is a conflict.
pub fn approve(
    operations: &Operations,
    change: &Change,
    people: &People,
    operator: &Identity,
    draft: &ApprovalDraft,
) -> Result<Happening, Failure> {
    let (proposal, gate) = (&change.proposal, draft.gate);
    let id = &proposal.id;
    draft.shown.still(change)?;
    let mut change = change.clone();
    // What came while this was on its way was not looked at. It counts here: of two who approve at once, the second is
    // told who was first, and looks again.
    change.seals = Arc::new(change.seals.believing_the_unseen());
    change.judge(people, operations);
    let Some(status) = change.gates.iter().find(|status| status.gate == gate) else {
        let needed: Vec<_> = change.gates.iter().map(|status| status.gate.as_str()).collect();
        return Err(Failure::refused(format!("{id} does not need the {gate} gate"))
            .hint(format!("it needs: {}", needed.join(", "))));
    };
    let person = known(people, operator, "approvals need")?;
    let who = &person.handle;
    if let Some(reason) = objection(person, people, proposal, &status.teams) {
        return Err(Failure::refused(format!("{who} may not approve the {gate} gate of {id}: {reason}")));
    }
    for status in &change.gates {
        if let GateState::Approved { by, .. } = &status.state {
            if status.gate == gate {
                return Err(Failure::refused(format!(
                    "the {gate} gate of {id} was already approved by {by}"
                )));
            }
            if by == who {
                return Err(Failure::refused(format!(
                    "{who} already approved the {} gate of {id}; one person fills one gate",
                    status.gate
                )));
            }
        }
    }
    let answers = answers(&change, &draft.answers)?;
    Ok(Happening::ChangeApproved {
        change: id.clone(),
        gate,
        head: proposal.head.clone(),
        base: proposal.base.clone(),
        digest: Some(change.digest().to_owned()),
        answers: answers.map(Box::new),
        note: cleaned(draft.note.as_deref()),
    })
}

/// The answers as the ledger keeps them; `None` where nothing was answered and nothing had to be.
fn answers(change: &Change, given: &ReviewAnswers) -> Result<Option<ReviewAnswers>, Failure> {
    let tidy = |answer: &str| text::clean(answer).trim().to_owned();
    let answers = ReviewAnswers {
        reason: tidy(&given.reason),
        effect: tidy(&given.effect),
        documentation: tidy(&given.documentation),
        breaking: tidy(&given.breaking),
        tests: tidy(&given.tests),
    };
    for (name, _, answer) in answers.each() {
        within(&format!("the answer `{name}`"), answer, ANSWER_LENGTH)?;
    }
    let absent = answers.unanswered();
    if change.needs_answers() && !absent.is_empty() {
        let why = if change.breaking { "breaks consumers" } else { "is of high risk" };
        let questions: Vec<String> = answers
            .each()
            .into_iter()
            .filter(|(name, ..)| absent.contains(name))
            .map(|(name, question, _)| format!("--{name}: {question}"))
            .collect();
        return Err(Failure::usage(format!(
            "{} {why}, so its reviewer answers five questions; without an answer: {}",
            change.proposal.id,
            absent.join(", ")
        ))
        .hint(questions.join("; ")));
    }
    Ok((!answers.is_empty()).then_some(answers))
}

/// Requests changes as `operator`, of what was shown: it may not be merged like this.
///
/// # Errors
/// A usage failure without a note. Refused for everybody who could approve none of its gates. A change that became
/// another one is a conflict.
pub fn request_changes(
    change: &Change,
    people: &People,
    operator: &Identity,
    shown: &Shown,
    note: &str,
) -> Result<Happening, Failure> {
    let id = &change.proposal.id;
    shown.still(change)?;
    let person = known(people, operator, "requests for changes need")?;
    let teams: Vec<TeamName> = change.gates.iter().flat_map(|status| status.teams.iter().cloned()).collect();
    if let Some(reason) = objection(person, people, &change.proposal, &teams) {
        return Err(Failure::refused(format!("{} may not request changes of {id}: {reason}", person.handle))
            .hint(format!("say what you think of it with `quarterdeck change comment {id} --text …`")));
    }
    Ok(Happening::ChangesRequested {
        change: id.clone(),
        head: change.proposal.head.clone(),
        digest: change.digest().to_owned(),
        note: words("a request for changes", note, "say what is to be done otherwise")?,
    })
}

/// Takes an approval of `operator` back, or their request for changes: without a gate, whichever they gave last.
///
/// # Errors
/// Refused when there is nothing of theirs to take back.
pub fn withdraw(
    operations: &Operations,
    change: &ChangeId,
    operator: &Identity,
    gate: Option<Gate>,
    note: Option<&str>,
) -> Result<Happening, Failure> {
    let silence = ChangeRecord::default();
    let record = operations.changes.get(change).unwrap_or(&silence);
    let approval = record
        .approvals
        .iter()
        .rfind(|approval| {
            approval.withdrawn.is_none()
                && approval.is_by(operator)
                && gate.is_none_or(|wanted| approval.gate == wanted)
        })
        .map(|approval| (approval.place, approval.gate));
    let request = record
        .requests
        .iter()
        .rfind(|request| gate.is_none() && request.withdrawn.is_none() && request.is_by(operator))
        .map(|request| request.place);
    let (change, note) = (change.clone(), cleaned(note));
    match (approval, request) {
        (Some((place, gate)), request) if request.is_none_or(|asked| asked < place) => {
            Ok(Happening::ApprovalWithdrawn { change, gate, note })
        }
        (_, Some(_)) => Ok(Happening::RequestWithdrawn { change, note }),
        _ => {
            let what = gate.map_or_else(
                || format!("given no approval of {change} and requested no changes of it"),
                |gate| format!("not approved the {gate} gate of {change}"),
            );
            Err(Failure::refused(format!(
                "{} has {what}, so there is nothing to take back",
                text::clean(&operator.email)
            ))
            .hint(format!("`quarterdeck change show {change}` tells who said what")))
        }
    }
}

/// Says something about a change. Anybody may.
///
/// # Errors
/// A usage failure without words, or with too many.
pub fn comment(change: &ChangeId, text: &str) -> Result<Happening, Failure> {
    let text = words("a comment", text, "say something")?;
    Ok(Happening::ChangeCommented { change: change.clone(), text })
}

/// Records a proposal whose branch is there. Anybody may: what it asks for is decided by the gates.
pub fn propose(proposal: &ServiceProposal, head: &CommitId) -> Happening {
    Happening::ChangeProposed {
        change: proposal.change.clone(),
        service: proposal.service.clone(),
        summary: proposal.summary.clone(),
        head: head.clone(),
        base: proposal.base.clone(),
    }
}

/// Whether one of these happenings could have been appended by `actor`; see [`super::fits`].
pub(super) fn fits(operations: &Operations, actor: &Identity, happening: &Happening) -> Result<(), String> {
    let made = match happening {
        Happening::ApprovalWithdrawn { change, gate, .. } => {
            withdraw(operations, change, actor, Some(*gate), None)
        }
        Happening::RequestWithdrawn { change, .. } => {
            let record = operations.changes.get(change);
            let own = record.is_some_and(|record| {
                record.requests.iter().any(|request| request.withdrawn.is_none() && request.is_by(actor))
            });
            return if own {
                Ok(())
            } else {
                Err(format!("{} had not requested changes of {change}", text::clean(&actor.email)))
            };
        }
        Happening::ChangesRequested { note, .. } if note.trim().is_empty() => {
            return Err("it does not say what is to be done otherwise".to_owned());
        }
        Happening::ChangeCommented { change, text } => comment(change, text),
        _ => return Ok(()),
    };
    made.map(drop).map_err(|failure| failure.message)
}

fn known<'a>(people: &'a People, operator: &Identity, needs: &str) -> Result<&'a Person, Failure> {
    people.by_email(&operator.email).ok_or_else(|| {
        Failure::refused(format!(
            "{} is nobody of policies/teams.toml, and {needs} a person of it",
            text::clean(&operator.email)
        ))
        .hint("set `git config user.email` to your address in policies/teams.toml, or have it added there")
    })
}

/// Words that must be there and not too many.
fn words(what: &str, given: &str, hint: &str) -> Result<String, Failure> {
    let words = text::clean(given).trim().to_owned();
    if words.is_empty() {
        return Err(Failure::usage(format!("{what} needs words")).hint(hint));
    }
    within(what, &words, WORDS_LENGTH)?;
    Ok(words)
}

fn within(what: &str, words: &str, most: usize) -> Result<(), Failure> {
    let length = words.chars().count();
    if length > most {
        return Err(Failure::usage(format!("{what} has {length} characters; at most {most} are allowed")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
