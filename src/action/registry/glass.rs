//! Break-glass: past the gates and the freezes, with a second person and a post-mortem.

use super::{
    action, text,
    words::{optional, positional, required},
};
use crate::{
    action::{
        available,
        command::{Command, GlassCommand},
        spec::{ActionSpec, ArgumentKind},
    },
    domain::{break_glass::USUAL_LENGTH, plan::Risk, units::parse_duration},
    error::Failure,
};

pub(super) static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        cli: &["change", "break-glass"],
        arguments: &[
            positional("change", "the change's id", ArgumentKind::Change),
            required("reason", "why it cannot wait", ArgumentKind::Text),
            optional("for", "how long it may be merged, 1h unless said, at most 8h", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::approve,
        ..action(
            "change.break-glass",
            "Break the glass",
            "Lets the change be merged past its gates and freezes for a time, once a second person agrees; declares an incident.",
            |arguments| {
                let length = arguments.get("for").map_or(Ok(USUAL_LENGTH), |given| {
                    parse_duration(given.trim()).map_err(|why| {
                        Failure::usage(format!("`{given}` is no time: {why}"))
                            .hint("write for example 90m or 2h")
                    })
                })?;
                Ok(Command::Glass(GlassCommand::Open {
                    change: text(arguments, "change")?.into(),
                    reason: text(arguments, "reason")?,
                    length,
                }))
            },
        )
    },
    ActionSpec {
        cli: &["change", "second"],
        arguments: &[positional("change", "the change's id", ArgumentKind::Change)],
        risk: Risk::Shared,
        available: available::approve,
        ..action(
            "change.second",
            "Agree to the broken glass",
            "Agrees, as a second person, that the change is merged past its gates and freezes.",
            |arguments| Ok(Command::Glass(GlassCommand::Second(text(arguments, "change")?.into()))),
        )
    },
    ActionSpec {
        cli: &["change", "settle"],
        arguments: &[
            positional("change", "the change's id", ArgumentKind::Change),
            required("note", "where the post-mortem is, or what it says", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::settle,
        ..action(
            "change.settle",
            "Settle the broken glass",
            "Records the post-mortem of a change that was merged past its gates.",
            |arguments| {
                Ok(Command::Glass(GlassCommand::Settle {
                    change: text(arguments, "change")?.into(),
                    note: text(arguments, "note")?,
                }))
            },
        )
    },
];
