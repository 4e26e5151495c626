//! Telling channels what they have not heard of.

use super::open_plan;
use crate::{
    action::command::NoticeCommand,
    config::key::Key,
    domain::plan::{Plan, Risk, Step, Work},
    error::Failure,
    model::{Model, effect::Effects},
};

pub(super) fn run(
    model: &mut Model,
    command: NoticeCommand,
    opened_by: Option<Key>,
) -> Result<Effects, Failure> {
    let NoticeCommand::Deliver { event, channels } = command;
    let ledger = model.world.ledger.value.as_ref();
    let untold = ledger
        .and_then(|ledger| ledger.operations.untold.iter().find(|untold| untold.commit == event).cloned());
    let untold = untold.ok_or_else(|| {
        Failure::refused(format!("nobody waits to hear of {}; all were told", event.short()))
    })?;
    let plan = Plan {
        title: format!("tell {} of {}({})", channels.join(", "), untold.event.as_str(), untold.about),
        facts: vec![
            ("what".to_owned(), untold.title),
            ("since".to_owned(), untold.at.format("%F %H:%M UTC").to_string()),
        ],
        steps: vec![
            Step { title: "tell".to_owned(), object: channels.join(", ") },
            Step {
                title: "append to the ledger".to_owned(),
                object: format!("notice.delivered({})", untold.about),
            },
        ],
        notes: Vec::new(),
        risk: Risk::Shared,
        confirm_by_typing: None,
        work: Work::DeliverNotice { event, channels },
    };
    Ok(open_plan(model, plan, opened_by))
}
