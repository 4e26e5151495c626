//! The table of all actions. A new action is one row in the file of its family.

mod agent;
mod calendar;
mod change;
mod deployment;
mod glass;
mod graph;
mod incident;
mod inspect;
mod ledger;
mod lookup;
mod report;
mod screen;
mod service;
mod words;

pub use lookup::{availability, choices, complete, find, is_closed, missing, names, parse, unknown_word};

use super::{
    available,
    command::Command,
    spec::{ActionSpec, Arguments},
};
use crate::{
    domain::{plan::Risk, text::nearest},
    error::Failure,
};

const fn action(
    id: &'static str,
    title: &'static str,
    doc: &'static str,
    build: fn(&Arguments) -> Result<Command, Failure>,
) -> ActionSpec {
    ActionSpec {
        id,
        aliases: &[],
        title,
        doc,
        cli: &[],
        arguments: &[],
        risk: Risk::Read,
        available: available::always,
        form: None,
        asks: |_, _| None,
        build,
    }
}

static FAMILIES: &[&[ActionSpec]] = &[
    screen::ACTIONS,
    graph::ACTIONS,
    report::ACTIONS,
    ledger::ACTIONS,
    change::ACTIONS,
    calendar::ACTIONS,
    glass::ACTIONS,
    service::ACTIONS,
    deployment::ACTIONS,
    inspect::ACTIONS,
    incident::ACTIONS,
    agent::ACTIONS,
];

/// All actions, by family.
pub fn all() -> impl Iterator<Item = &'static ActionSpec> {
    FAMILIES.iter().copied().flatten()
}

pub(super) fn text(arguments: &Arguments, name: &str) -> Result<String, Failure> {
    match arguments.get(name).map(|value| value.trim()) {
        Some(value) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err(Failure::usage(format!("`{name}` is missing"))),
    }
}

pub(super) fn unknown<'a>(what: &str, given: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known: Vec<&str> = known.collect();
    let failure = Failure::usage(format!("there is no {what} `{given}`"));
    match nearest(given, known.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if known.len() <= 8 => failure.hint(format!("choose one of {}", known.join(", "))),
        None => failure,
    }
}

#[cfg(test)]
mod tests;
