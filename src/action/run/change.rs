//! Changes: validate, ask for the impact, approve, and tell the forge.

use super::{impact, open_plan, propose, tell_step, validate};
use crate::{
    action::command::ChangeCommand,
    config::key::Key,
    domain::{
        change::Change,
        forge::{ForgeSettings, RequestDraft, STATUS_CONTEXT},
        gate::{Gate, GateState},
        ledger,
        name::ChangeId,
        notice::NoticeEvent,
        plan::{Plan, Risk, Step, Work},
    },
    error::Failure,
    model::{
        Model,
        effect::{Effects, ImpactRequest, ValidationRequest},
    },
};
use std::sync::Arc;

pub(super) fn run(
    model: &mut Model,
    command: ChangeCommand,
    opened_by: Option<Key>,
) -> Result<Effects, Failure> {
    match command {
        ChangeCommand::Propose(wanted) => propose::run(model, wanted, opened_by),
        ChangeCommand::Validate { change: id, .. } => {
            let change = find(model, &id)?;
            let subject = format!("{} at {}", change.proposal.branch, change.proposal.head.short());
            let request = ValidationRequest::Change {
                change: id,
                head: change.proposal.head.clone(),
                base: change.proposal.base.clone(),
            };
            Ok(validate(model, &subject, request))
        }
        ChangeCommand::Impact(id) => {
            let change = find(model, &id)?;
            let request = ImpactRequest::Difference {
                head: Some(change.proposal.head.to_string()),
                base: change.proposal.base.to_string(),
                name: Some(id.to_string()),
            };
            Ok(impact::ask(model, request))
        }
        ChangeCommand::OpenRequest(id) => {
            let change = find(model, &id)?;
            let plan = request_plan(model, &change)?;
            Ok(open_plan(model, plan, opened_by))
        }
        ChangeCommand::Announce(id) => {
            find(model, &id)?;
            Ok(propose::announce(model, &id, opened_by))
        }
        ChangeCommand::Post(id) => {
            let change = find(model, &id)?;
            let plan = post_plan(model, &change)?;
            Ok(open_plan(model, plan, opened_by))
        }
        ChangeCommand::Approve { change, gate, note } => {
            let change = find(model, &change)?;
            let plan = approval_plan(model, &change, gate, note)?;
            Ok(open_plan(model, plan, opened_by))
        }
    }
}

/// The open change of an id.
pub(super) fn find(model: &Model, id: &ChangeId) -> Result<Arc<Change>, Failure> {
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
    let told = tell_step(model, NoticeEvent::ChangeApproved, None);
    let settings = model.world.catalog.value.as_ref().and_then(|catalog| catalog.settings.forge.as_ref());
    let review = settings.filter(|forge| forge.review).map(|forge| Step {
        title: "approve on the forge".to_owned(),
        object: match &change.request {
            Some(request) => format!("#{} in {}", request.number, forge.repository),
            None => format!("the request of {} in {}, if one is open", proposal.branch, forge.repository),
        },
    });
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
        ]
        .into_iter()
        .chain(told)
        .chain(review)
        .collect(),
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

/// The forge of the settings.
fn forge(model: &Model) -> Result<ForgeSettings, Failure> {
    let settings = model.world.catalog.value.as_ref().and_then(|catalog| catalog.settings.forge.clone());
    settings
        .ok_or_else(|| Failure::refused("there is no forge to tell").hint("add [forge] to quarterdeck.toml"))
}

/// The plan of opening a change's request.
fn request_plan(model: &Model, change: &Change) -> Result<Plan, Failure> {
    let proposal = &change.proposal;
    let settings = forge(model)?;
    if let Some(request) = &change.request {
        return Err(Failure::refused(format!("{} is request #{} already", proposal.id, request.number)));
    }
    let main = model.world.catalog.value.as_ref().map_or("main", |catalog| &catalog.settings.main);
    let draft = RequestDraft::of_change(change, main);
    Ok(Plan {
        title: format!("open the request of {}", proposal.id),
        facts: vec![
            ("branch".to_owned(), format!("{} at {}", proposal.branch, proposal.head.short())),
            ("title".to_owned(), draft.title.clone()),
            ("forge".to_owned(), format!("{}, {}", settings.kind.title(), settings.url)),
        ],
        steps: vec![
            Step { title: "see the branch at that commit".to_owned(), object: proposal.branch.clone() },
            Step {
                title: "open the request".to_owned(),
                object: format!("{} into {main} in {}", proposal.branch, settings.repository),
            },
        ],
        notes: Vec::new(),
        risk: Risk::Shared,
        confirm_by_typing: None,
        work: Work::OpenRequest {
            change: proposal.id.clone(),
            head: proposal.head.clone(),
            draft: Box::new(draft),
            forge: Box::new(settings),
        },
    })
}

/// The plan of telling the forge.
fn post_plan(model: &Model, change: &Change) -> Result<Plan, Failure> {
    let proposal = &change.proposal;
    let settings = forge(model)?;
    let head = proposal.head.short();
    let request = change.request.as_deref();
    let mut steps = vec![
        Step { title: "validate".to_owned(), object: format!("{} at {head}", proposal.branch) },
        Step {
            title: "set the status".to_owned(),
            object: format!("{STATUS_CONTEXT} on {head} in {}", settings.repository),
        },
    ];
    let mut notes = Vec::new();
    match request {
        Some(request) => steps.push(Step {
            title: "write or update the comment".to_owned(),
            object: format!("#{} in {}", request.number, settings.repository),
        }),
        None => {
            notes.push("The forge has no open request for this branch; no comment is written.".to_owned());
        }
    }
    if let Some(request) = request.filter(|request| request.head != proposal.head) {
        notes.push(format!(
            "The forge has the branch at {}; what is posted is about {head}.",
            request.head.short()
        ));
    }
    Ok(Plan {
        title: format!("post the validation of {}", proposal.id),
        facts: vec![
            (
                "change".to_owned(),
                format!("{} ({}, {} risk)", proposal.branch, change.class, change.class.risk()),
            ),
            ("head".to_owned(), format!("{head} {}", proposal.subject)),
            ("forge".to_owned(), format!("{}, {}", settings.kind.title(), settings.url)),
        ],
        steps,
        notes,
        risk: Risk::Shared,
        confirm_by_typing: None,
        work: Work::PostValidation {
            change: proposal.id.clone(),
            head: proposal.head.clone(),
            request: request.map(|request| request.number),
            forge: Box::new(settings),
        },
    })
}
