//! Changes: show, validate, ask for the impact, tell the forge; what reviewers say is in `review`.

use super::{impact, open_plan, propose, review, validate};
use crate::{
    action::command::ChangeCommand,
    config::key::Key,
    domain::{
        change::Change,
        forge::{ForgeSettings, RequestDraft, STATUS_CONTEXT},
        name::ChangeId,
        plan::{Plan, Risk, Step, Work},
    },
    error::Failure,
    model::{
        Model,
        effect::{Effects, ImpactRequest, ValidationRequest},
        ui::{ChangeSection, Overlay},
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
            let request = ValidationRequest::Change { change: id, head: change.proposal.head.clone() };
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
            let plan = post_plan(&change, Some(forge(model)?));
            Ok(open_plan(model, plan, opened_by))
        }
        ChangeCommand::Record(id) => {
            let change = find(model, &id)?;
            let plan = post_plan(&change, forge(model).ok());
            Ok(open_plan(model, plan, opened_by))
        }
        ChangeCommand::Approve { change, gate, answers, note } => {
            let change = find(model, &change)?;
            let plan = review::approve(model, &change, gate, *answers, note)?;
            Ok(open_plan(model, plan, opened_by))
        }
        ChangeCommand::RequestChanges { change, note } => {
            let change = find(model, &change)?;
            let plan = review::request_changes(model, &change, note)?;
            Ok(open_plan(model, plan, opened_by))
        }
        ChangeCommand::Withdraw { change: id, gate, note } => {
            let change = find(model, &id)?;
            let plan = review::withdraw(model, &id, &change, gate, note)?;
            Ok(open_plan(model, plan, opened_by))
        }
        ChangeCommand::Comment { change, text } => {
            let change = find(model, &change)?;
            let plan = review::comment(model, &change, text)?;
            Ok(open_plan(model, plan, opened_by))
        }
        ChangeCommand::Show(id) => {
            let change = find(model, &id)?.proposal.id.clone();
            model.ui.overlays.push(Overlay::Change { change, section: ChangeSection::default(), offset: 0 });
            Ok(Effects::none())
        }
    }
}

/// The open change of an id.
pub fn find(model: &Model, id: &ChangeId) -> Result<Arc<Change>, Failure> {
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

/// The plan of keeping a validation, and of telling the forge.
fn post_plan(change: &Change, settings: Option<ForgeSettings>) -> Plan {
    let proposal = &change.proposal;
    let head = proposal.head.short();
    let request = change.request.as_deref().filter(|_| settings.is_some());
    let mut steps =
        vec![Step { title: "validate".to_owned(), object: format!("{} at {head}", proposal.branch) }];
    let mut facts = vec![
        (
            "change".to_owned(),
            format!("{} ({}, {} risk)", proposal.branch, change.class, change.class.risk()),
        ),
        ("head".to_owned(), format!("{head} {}", proposal.subject)),
    ];
    let mut notes = Vec::new();
    if let Some(settings) = &settings {
        facts.push(("forge".to_owned(), format!("{}, {}", settings.kind.title(), settings.url)));
        steps.push(Step {
            title: "set the status".to_owned(),
            object: format!("{STATUS_CONTEXT} on {head} in {}", settings.repository),
        });
        match request {
            Some(request) => steps.push(Step {
                title: "write or update the comment".to_owned(),
                object: format!("#{} in {}", request.number, settings.repository),
            }),
            None => {
                notes
                    .push("The forge has no open request for this branch; no comment is written.".to_owned());
            }
        }
    }
    steps.push(Step {
        title: "append to the ledger, if it does not have it".to_owned(),
        object: format!("change.validated({})", proposal.id),
    });
    if let Some(request) = request.filter(|request| request.head != proposal.head) {
        notes.push(format!(
            "The forge has the branch at {}; what is posted is about {head}.",
            request.head.short()
        ));
    }
    let title = if settings.is_some() { "post" } else { "keep" };
    Plan {
        title: format!("{title} the validation of {}", proposal.id),
        facts,
        steps,
        notes,
        risk: Risk::Shared,
        confirm_by_typing: None,
        work: Work::PostValidation {
            change: proposal.id.clone(),
            head: proposal.head.clone(),
            request: request.map(|request| request.number),
            forge: settings.map(Box::new),
        },
    }
}
