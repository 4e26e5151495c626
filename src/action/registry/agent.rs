//! The agent of this console.

use super::action;
use crate::{
    action::{
        available,
        command::{AgentCommand, Command},
        spec::ActionSpec,
    },
    domain::plan::Risk,
};

pub(super) static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        risk: Risk::Shared,
        available: available::assume,
        ..action(
            "agent.assume",
            "Be the agent",
            "Looks after the platform from this console while there is no agent: escalation clocks, heads of changes, \
             notices, and what else [agent] names. It takes the agent's lease.",
            |_| Ok(Command::Agent(AgentCommand::Assume)),
        )
    },
    ActionSpec {
        risk: Risk::Local,
        available: available::give_up,
        ..action(
            "agent.yield",
            "Stop being the agent",
            "Finishes what is being changed at this moment, and releases the agent's lease.",
            |_| Ok(Command::Agent(AgentCommand::Yield)),
        )
    },
];
