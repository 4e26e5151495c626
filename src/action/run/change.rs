//! Changes: validate and approve.

use super::{open_plan, validate};
use crate::{
    action::command::ChangeCommand,
    config::key::Key,
    domain::{
        change::Change,
        gate::{Gate, GateState},
        ledger,
        name::ChangeId,
        plan::{Plan, Risk, Step, Work},
    },
    error::Failure,
    model::{
        Model,
        effect::{Effects, ValidationRequest},
    },
};
use std::sync::Arc;

pub(super) fn run(
    model: &mut Model,
    command: ChangeCommand,
    opened_by: Option<Key>,
) -> Result<Effects, Failure> {
    let id = match &command {
        ChangeCommand::Validate(id) | ChangeCommand::Approve { change: id, .. } => id.clone(),
    };
    let change = find(model, &id)?;
    match command {
        ChangeCommand::Validate(_) => {
            let subject = format!("{} at {}", change.proposal.branch, change.proposal.head.short());
            let request = ValidationRequest::Change {
                change: id,
                head: change.proposal.head.clone(),
                base: change.proposal.base.clone(),
            };
            Ok(validate(model, &subject, request))
        }
        ChangeCommand::Approve { gate, note, .. } => {
            let plan = approval_plan(model, &change, gate, note)?;
            Ok(open_plan(model, plan, opened_by))
        }
    }
}

/// The open change of an id.
fn find(model: &Model, id: &ChangeId) -> Result<Arc<Change>, Failure> {
    let changes = &model.world.joined.changes;
    changes.iter().find(|change| change.proposal.id == *id).cloned().ok_or_else(|| {
        let failure = Failure::usage(format!("there is no open change `{id}`"));
        let known = changes.iter().map(|change| change.proposal.id.as_str());
        match crate::domain::text::nearest(id.as_str(), known) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint("`quarterdeck change list` shows the open ones"),
        }
    })
}

/// The plan of an approval. What can be refused without the ledger is refused here already; the ledger
/// checks everything again at its tip.
fn approval_plan(model: &Model, change: &Change, gate: Gate, note: Option<String>) -> Result<Plan, Failure> {
    let proposal = &change.proposal;
    let status = change
        .gates
        .iter()
        .find(|status| status.gate == gate)
        .ok_or_else(|| Failure::refused(format!("{} needs no {gate} approval", proposal.id)))?;
    let people = model.world.changes.value.as_ref().map(|review| review.people.clone()).unwrap_or_default();
    let operations =
        model.world.ledger.value.as_ref().map(|ledger| ledger.operations.clone()).unwrap_or_default();
    ledger::approve(&operations, change, &people, &model.operator, gate, &proposal.head, note.as_deref())?;
    let errors = change.errors();
    let mut notes = Vec::new();
    if errors > 0 {
        notes.push(format!(
            "Validation of this head has {errors} errors; an approval does not make them go away."
        ));
    }
    if let GateState::Fallen { by } = &status.state {
        notes.push(format!("{by} had approved an earlier head; the branch has moved since."));
    }
    let teams: Vec<String> = status.teams.iter().map(|team| format!("@{team}")).collect();
    Ok(Plan {
        title: format!("approve {gate} of {}", proposal.id),
        facts: vec![
            (
                "change".to_owned(),
                format!("{} ({}, {} risk)", proposal.branch, change.class, change.class.risk()),
            ),
            ("head".to_owned(), format!("{} {}", proposal.head.short(), proposal.subject)),
            ("base".to_owned(), proposal.base.short().to_owned()),
            ("gate".to_owned(), format!("{gate}, owned by {}", teams.join(" "))),
            ("as".to_owned(), format!("{} <{}>", model.operator.name, model.operator.email)),
        ],
        steps: vec![
            Step {
                title: "append to the ledger".to_owned(),
                object: format!("change.approved({})", proposal.id),
            },
            Step { title: "push".to_owned(), object: "quarterdeck/ledger".to_owned() },
        ],
        notes,
        risk: Risk::Shared,
        confirm_by_typing: None,
        work: Work::Approve {
            change: proposal.id.clone(),
            gate,
            head: proposal.head.clone(),
            base: proposal.base.clone(),
            note,
        },
    })
}
