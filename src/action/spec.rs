//! What an action is: its names, its arguments, its risk, and when it can run.

use super::command::Command;
use crate::{domain::plan::Risk, error::Failure, model::Model};
use std::collections::BTreeMap;

/// What an argument names; decides completion, choices and the default from the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// Free text.
    Text,
    /// A service.
    Service,
    /// One or more services, with commas between them.
    Services,
    /// An environment of `quarterdeck.toml`.
    Environment,
    /// An open change.
    Change,
    /// A gate.
    Gate,
    /// A severity.
    Severity,
    /// A state that the selected service may go to.
    Status,
    /// A preset of `quarterdeck.toml`.
    Preset,
    /// An open incident.
    Incident,
    /// An incident, open or not; typed, because those that are over are too many to choose from.
    AnyIncident,
    /// A deployment that is not over.
    Deployment,
    /// A gate before production.
    ReleaseGate,
    /// There or not; `true` when it is there.
    Flag,
    /// One of a few words.
    Choice(&'static [&'static str]),
}

/// One argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgumentSpec {
    /// Its name: the option's name, or the placeholder of a positional one.
    pub name: &'static str,
    /// What to give.
    pub help: &'static str,
    /// What it names.
    pub kind: ArgumentKind,
    /// Whether it must be given (after the selection filled what it can).
    pub required: bool,
    /// Whether it stands by its position on the command line.
    pub positional: bool,
}

/// Whether an action can run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// It can.
    Yes,
    /// It cannot, because.
    No(String),
}

impl Availability {
    /// Why not, if so.
    pub fn reason(self) -> Option<String> {
        match self {
            Self::Yes => None,
            Self::No(reason) => Some(reason),
        }
    }
}

/// Arguments by name.
pub type Arguments = BTreeMap<&'static str, String>;

/// Arguments that the console asks for although the action could do without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Their names.
    pub names: &'static [&'static str],
    /// Whether each must be given.
    pub required: bool,
}

/// An action.
pub struct ActionSpec {
    /// Stable name, `family.verb`.
    pub id: &'static str,
    /// Other names that keymaps may use.
    pub aliases: &'static [&'static str],
    /// A few words for palette and help.
    pub title: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// Words on the command line, `["service", "rollback"]`; empty for what only a console can do.
    pub cli: &'static [&'static str],
    /// Its arguments, the positional ones first.
    pub arguments: &'static [ArgumentSpec],
    /// How much harm it can do.
    pub risk: Risk,
    /// Whether it can run now, and why not.
    pub available: fn(&Model) -> Availability,
    /// What its form holds before anything is typed, for an action that the console always asks about.
    pub form: Option<fn(&Model, &Arguments) -> Arguments>,
    /// What the console asks for besides what is required, in the case at hand.
    pub asks: fn(&Model, &Arguments) -> Option<Asked>,
    /// Builds the command. Arguments that are named were given by the person; missing ones may be
    /// filled from the selection by [`super::registry::complete`] before.
    pub build: fn(&Arguments) -> Result<Command, Failure>,
}
