//! The agent of this console: taking its place where there is none, and giving it up.

use super::open_plan;
use crate::{
    action::{available, command::AgentCommand, spec::Availability},
    config::key::Key,
    domain::plan::{Plan, Risk, Step, Work},
    error::Failure,
    model::{Model, effect::Effects},
};

pub(super) fn run(
    model: &mut Model,
    command: AgentCommand,
    opened_by: Option<Key>,
) -> Result<Effects, Failure> {
    let plan = match command {
        AgentCommand::Assume => assume(model)?,
        AgentCommand::Yield => give_up(model)?,
    };
    Ok(open_plan(model, plan, opened_by))
}

fn assume(model: &Model) -> Result<Plan, Failure> {
    if let Availability::No(reason) = available::assume(model) {
        return Err(Failure::refused(reason));
    }
    let catalog = model.world.catalog.value.as_ref();
    let settings =
        &catalog.ok_or_else(|| Failure::refused("the control repository is not read yet"))?.settings;
    let place = settings.agent.lease.to_string();
    let mut looks_after = match &settings.agent.run {
        Some(run) => run.clone(),
        None => vec!["everything of [agent] in quarterdeck.toml".to_owned()],
    };
    if settings.agent.restore {
        looks_after.push("restore".to_owned());
    }
    Ok(Plan {
        title: "look after the platform from this console".to_owned(),
        facts: vec![
            ("looks after".to_owned(), looks_after.join(", ")),
            ("as".to_owned(), format!("{} <{}>", model.operator.name, model.operator.email)),
        ],
        steps: vec![
            Step { title: "take".to_owned(), object: place },
            Step {
                title: "do what is due, without asking".to_owned(),
                object: "until `agent.yield`, or the end of this console".to_owned(),
            },
        ],
        notes: vec![
            "What it does is done in your name, and ends when this console ends.".to_owned(),
            "Better is an agent of its own: `quarterdeck agent` (docs/AGENT.md).".to_owned(),
        ],
        risk: Risk::Shared,
        confirm_by_typing: None,
        work: Work::AssumeAgent,
    })
}

fn give_up(model: &Model) -> Result<Plan, Failure> {
    if let Availability::No(reason) = available::give_up(model) {
        return Err(Failure::refused(reason));
    }
    Ok(Plan {
        title: "stop looking after the platform from this console".to_owned(),
        facts: Vec::new(),
        steps: vec![
            Step { title: "finish".to_owned(), object: "what is being changed at this moment".to_owned() },
            Step { title: "release".to_owned(), object: "the agent's lease".to_owned() },
        ],
        notes: Vec::new(),
        risk: Risk::Local,
        confirm_by_typing: None,
        work: Work::YieldAgent,
    })
}
