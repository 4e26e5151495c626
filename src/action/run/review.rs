//! What reviewers say: plans of approvals, requests for changes, taking them back, and comments.

use super::tell_step;
use crate::{
    action::spec::{Arguments, Asked},
    domain::{
        change::{Change, Seals},
        gate::{Gate, GateState, ReviewAnswers},
        ledger::{self, ApprovalDraft, Operations, Shown},
        name::ChangeId,
        notice::NoticeEvent,
        people::People,
        plan::{Plan, Risk, Step, Work},
    },
    error::Failure,
    model::Model,
};
use std::sync::Arc;

/// Arguments of an approval that hold the reviewer's answers, in the order in which they are asked.
const QUESTIONS: &[&str] = &["reason", "effect", "documentation", "breaking", "tests"];

/// Which of the reviewer's questions the console asks: all, where the change has more than a low risk. None, where
/// the approval is going to be refused anyway.
pub fn questions(model: &Model, arguments: &Arguments) -> Option<Asked> {
    let id = arguments.get("change")?;
    let change = model.world.joined.changes.iter().find(|change| change.proposal.id.as_str() == id)?;
    if change.class.risk() == "low" && !change.needs_answers() {
        return None;
    }
    let gate = match arguments.get("gate") {
        Some(word) => Gate::parse(word)?,
        None => gate_for(model, change),
    };
    let said = || "said".to_owned();
    let draft = ApprovalDraft {
        gate,
        shown: Shown::of(change),
        answers: ReviewAnswers {
            reason: said(),
            effect: said(),
            documentation: said(),
            breaking: said(),
            tests: said(),
        },
        note: None,
    };
    ledger::approve(&operations(model), change, &people(model), &model.operator, &draft).ok()?;
    Some(Asked { names: QUESTIONS, required: change.needs_answers() })
}

/// The gate of a change that whoever works here would approve.
pub fn gate_for(model: &Model, change: &Change) -> Gate {
    change.gate_for(&people(model), &model.operator)
}

/// The people of the main branch, as far as they are known here; the ledger asks again at its tip.
pub(super) fn people(model: &Model) -> People {
    model.world.changes.value.as_ref().map(|review| review.people.clone()).unwrap_or_default()
}

/// How what was decided is signed, as far as it is known here.
pub(super) fn seals(model: &Model) -> Arc<Seals> {
    model.world.changes.value.as_ref().map(|review| review.seals.clone()).unwrap_or_default()
}

/// What the ledger says, as far as it is known here.
pub(super) fn operations(model: &Model) -> Arc<Operations> {
    model.world.ledger.value.as_ref().map(|ledger| ledger.operations.clone()).unwrap_or_default()
}

/// What all these plans have in common: who, about what, and the event that is appended.
fn plan(model: &Model, change: &Change, title: String, kind: &str, work: Work) -> Plan {
    let proposal = &change.proposal;
    Plan {
        title,
        facts: vec![
            (
                "change".to_owned(),
                format!("{} ({}, {} risk)", proposal.branch, change.class, change.class.risk()),
            ),
            ("head".to_owned(), format!("{} {}", proposal.head.short(), proposal.subject)),
            ("as".to_owned(), format!("{} <{}>", model.operator.name, model.operator.email)),
        ],
        steps: vec![
            Step { title: "append to the ledger".to_owned(), object: format!("{kind}({})", proposal.id) },
            Step { title: "push".to_owned(), object: "quarterdeck/ledger".to_owned() },
        ],
        notes: Vec::new(),
        risk: Risk::Shared,
        confirm_by_typing: None,
        work,
    }
}

/// The plan of an approval. What can be refused without the ledger is refused here already; the ledger
/// checks everything again at its tip.
pub(super) fn approve(
    model: &Model,
    change: &Change,
    gate: Option<Gate>,
    answers: ReviewAnswers,
    note: Option<String>,
) -> Result<Plan, Failure> {
    let proposal = &change.proposal;
    let gate = gate.unwrap_or_else(|| gate_for(model, change));
    let draft = ApprovalDraft { gate, shown: Shown::of(change), answers, note };
    ledger::approve(&operations(model), change, &people(model), &model.operator, &draft)?;
    let mut notes = Vec::new();
    match change.errors() {
        0 => {}
        1 => notes
            .push("Validation of this head has an error; an approval does not make it go away.".to_owned()),
        errors => notes.push(format!(
            "Validation of this head has {errors} errors; an approval does not make them go away."
        )),
    }
    let status = change.gates.iter().find(|status| status.gate == gate);
    if let Some(GateState::Fallen { by }) = status.map(|status| &status.state) {
        notes.push(format!("{by} had approved it; it alters something else since."));
    }
    for wish in change.wishes.iter().filter(|wish| !wish.answered) {
        notes.push(format!("{} wants it done otherwise: {}", wish.by, wish.note));
    }
    let teams: Vec<String> =
        status.iter().flat_map(|status| &status.teams).map(|team| format!("@{team}")).collect();
    let answered: Vec<(String, String)> = draft
        .answers
        .each()
        .into_iter()
        .filter(|(.., answer)| !answer.trim().is_empty())
        .map(|(name, _, answer)| (name.to_owned(), answer.to_owned()))
        .collect();
    let title = format!("approve {gate} of {}", proposal.id);
    let work = Work::Approve { change: proposal.id.clone(), draft: Box::new(draft) };
    let mut plan = plan(model, change, title, "change.approved", work);
    plan.facts.insert(2, ("base".to_owned(), proposal.base.short().to_owned()));
    plan.facts.insert(3, ("gate".to_owned(), format!("{gate}, owned by {}", teams.join(" "))));
    plan.facts.extend(answered);
    plan.steps.extend(tell_step(model, NoticeEvent::ChangeApproved, None, &[]));
    let settings = model.world.catalog.value.as_ref().and_then(|catalog| catalog.settings.forge.as_ref());
    plan.steps.extend(settings.filter(|forge| forge.review).map(|forge| Step {
        title: "approve on the forge".to_owned(),
        object: match &change.request {
            Some(request) => format!("#{} in {}", request.number, forge.repository),
            None => format!("the request of {} in {}, if one is open", proposal.branch, forge.repository),
        },
    }));
    plan.notes = notes;
    Ok(plan)
}

/// The plan of a request for changes.
pub(super) fn request_changes(model: &Model, change: &Change, note: String) -> Result<Plan, Failure> {
    let shown = Shown::of(change);
    ledger::request_changes(change, &people(model), &model.operator, &shown, &note)?;
    let id = &change.proposal.id;
    let title = format!("request changes of {id}");
    let work = Work::RequestChanges { change: id.clone(), shown, note: note.clone() };
    let mut plan = plan(model, change, title, "change.changes-requested", work);
    plan.facts.push(("wanted".to_owned(), note));
    plan.notes.push(
        "It cannot be merged until you approve it or take this back, or until it alters something else."
            .to_owned(),
    );
    Ok(plan)
}

/// The plan of taking an approval or a request for changes back. The change itself may be gone meanwhile.
pub(super) fn withdraw(
    model: &Model,
    id: &ChangeId,
    change: &Change,
    gate: Option<Gate>,
    note: Option<String>,
) -> Result<Plan, Failure> {
    let happening = ledger::withdraw(&operations(model), id, &model.operator, gate, note.as_deref())?;
    let (title, gate) = match &happening {
        ledger::Happening::ApprovalWithdrawn { gate, .. } => {
            (format!("take the approval of {gate} of {id} back"), Some(*gate))
        }
        _ => (format!("take the request for changes of {id} back"), None),
    };
    let work = Work::Withdraw { change: id.clone(), gate, note };
    Ok(plan(model, change, title, happening.kind(), work))
}

/// The plan of a comment.
pub(super) fn comment(model: &Model, change: &Change, text: String) -> Result<Plan, Failure> {
    let id = &change.proposal.id;
    ledger::comment(id, &text)?;
    let work = Work::Comment { change: id.clone(), text: text.clone() };
    let mut plan = plan(model, change, format!("comment on {id}"), "change.commented", work);
    plan.facts.push(("comment".to_owned(), text));
    Ok(plan)
}
