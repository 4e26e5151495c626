//! Break-glass: past the gates and the freezes, with a second person and a post-mortem.

use super::{
    action, text,
    words::{optional, positional, required},
};
use crate::{
    action::{
        available,
        command::{Command, DeploymentCommand, GlassCommand},
        spec::{ActionSpec, ArgumentKind, Arguments},
    },
    domain::{break_glass::USUAL_LENGTH, deployment::work::Steering, plan::Risk, units::parse_duration},
    error::Failure,
};
use chrono::Duration;

/// How long it is to be broken.
fn length(arguments: &Arguments) -> Result<Duration, Failure> {
    arguments.get("for").map(|given| given.trim()).filter(|given| !given.is_empty()).map_or(
        Ok(USUAL_LENGTH),
        |given| {
            parse_duration(given).map_err(|why| {
                Failure::usage(format!("`{given}` is no time: {why}")).hint("write for example 90m or 2h")
            })
        },
    )
}

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
                let length = length(arguments)?;
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
    ActionSpec {
        cli: &["deployment", "break-glass"],
        arguments: &[
            positional("deployment", "the deployment's id", ArgumentKind::Deployment),
            required("reason", "why it cannot wait", ArgumentKind::Text),
            optional("for", "how long it holds, 1h unless said, at most 8h", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::steer,
        ..action(
            "deployment.break-glass",
            "Break the glass for the deployment",
            "Lets the deployment go past its gates and the calendar for a time, once a second person agrees; declares an incident.",
            |arguments| {
                Ok(Command::Deployment(DeploymentCommand::Steer {
                    deployment: text(arguments, "deployment")?.into(),
                    steering: Steering::BreakGlass {
                        reason: text(arguments, "reason")?,
                        length: length(arguments)?,
                    },
                }))
            },
        )
    },
    ActionSpec {
        cli: &["deployment", "second"],
        arguments: &[positional("deployment", "the deployment's id", ArgumentKind::Deployment)],
        risk: Risk::Destructive,
        available: available::steer,
        ..action(
            "deployment.second",
            "Agree to the deployment's broken glass",
            "Agrees, as a second person, that the deployment goes past its gates and the calendar, and looks after it.",
            |arguments| {
                Ok(Command::Deployment(DeploymentCommand::Steer {
                    deployment: text(arguments, "deployment")?.into(),
                    steering: Steering::Second,
                }))
            },
        )
    },
];
