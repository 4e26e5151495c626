//! Services.

use super::{
    action, text,
    words::{positional, required},
};
use crate::{
    action::{
        available,
        command::{Command, ServiceCommand},
        spec::{ActionSpec, ArgumentKind},
    },
    domain::plan::Risk,
};

pub(super) static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        arguments: &[positional("service", "the service's name", ArgumentKind::Service)],
        available: available::with_service,
        ..action(
            "service.source",
            "Source of the service",
            "Shows the lines of the control repository that define the service.",
            |arguments| {
                Ok(Command::Service(ServiceCommand::Source(text(arguments, "service")?.as_str().into())))
            },
        )
    },
    ActionSpec {
        arguments: &[positional("service", "the service's name", ArgumentKind::Service)],
        risk: Risk::Local,
        available: available::edit,
        ..action(
            "service.edit",
            "Edit the service",
            "Opens the file that defines the service in $VISUAL or $EDITOR, at its line.",
            |arguments| {
                Ok(Command::Service(ServiceCommand::Edit(text(arguments, "service")?.as_str().into())))
            },
        )
    },
    ActionSpec {
        cli: &["service", "rollback"],
        arguments: &[
            positional("service", "the service's name", ArgumentKind::Service),
            required("environment", "where", ArgumentKind::Environment),
        ],
        risk: Risk::Destructive,
        available: available::rollback,
        ..action(
            "service.rollback",
            "Roll the service back",
            "Brings the service back to what ran before in one environment, and verifies it.",
            |arguments| {
                Ok(Command::Service(ServiceCommand::Rollback {
                    service: text(arguments, "service")?.into(),
                    environment: text(arguments, "environment")?.into(),
                }))
            },
        )
    },
];
