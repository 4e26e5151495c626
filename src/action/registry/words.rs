//! What rows of the table are made of: arguments, and the words that stand for values.

use super::{
    super::{
        command::Direction,
        spec::{ArgumentKind, ArgumentSpec, Arguments},
    },
    text, unknown,
};
use crate::{
    domain::{escalation::Severity, lifecycle::Lifecycle},
    error::Failure,
};

pub(super) const WAYS: ArgumentKind = ArgumentKind::Choice(&["dependencies", "dependants", "both"]);
pub(super) const DIRECTIONS: ArgumentKind = ArgumentKind::Choice(&["next", "previous"]);

pub(super) const COLUMN_WORDS: &[&str] =
    &["toggle", "later", "earlier", "wider", "narrower", "sort", "reset"];
pub(super) const COLUMN_CHANGES: ArgumentKind = ArgumentKind::Choice(COLUMN_WORDS);

pub(super) const fn required(name: &'static str, help: &'static str, kind: ArgumentKind) -> ArgumentSpec {
    ArgumentSpec { name, help, kind, required: true, positional: false }
}

pub(super) const fn optional(name: &'static str, help: &'static str, kind: ArgumentKind) -> ArgumentSpec {
    ArgumentSpec { name, help, kind, required: false, positional: false }
}

pub(super) const fn positional(name: &'static str, help: &'static str, kind: ArgumentKind) -> ArgumentSpec {
    ArgumentSpec { name, help, kind, required: true, positional: true }
}

/// Stands by its position, and may be left out.
pub(super) const fn maybe(name: &'static str, help: &'static str, kind: ArgumentKind) -> ArgumentSpec {
    ArgumentSpec { name, help, kind, required: false, positional: true }
}

pub(super) fn direction(arguments: &Arguments) -> Result<Direction, Failure> {
    match text(arguments, "direction")?.as_str() {
        "next" => Ok(Direction::Next),
        "previous" => Ok(Direction::Previous),
        other => Err(unknown("direction", other, ["next", "previous"].into_iter())),
    }
}

pub(super) fn status(word: &str) -> Result<Lifecycle, Failure> {
    Lifecycle::parse(word)
        .ok_or_else(|| unknown("status", word, Lifecycle::ALL.into_iter().map(Lifecycle::as_str)))
}

pub(super) fn severity(word: &str) -> Result<Severity, Failure> {
    Severity::parse(word)
        .ok_or_else(|| unknown("severity", word, Severity::ALL.into_iter().map(Severity::as_str)))
}
