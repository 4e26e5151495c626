//! Services.

use super::{
    action, names, text,
    words::{optional, positional, required},
};
use crate::{
    action::{
        available,
        command::{Command, ServiceCommand},
        spec::{ActionSpec, ArgumentKind, ArgumentSpec, Arguments},
    },
    domain::{deployment::verb::Verb, plan::Risk},
    error::Failure,
};

/// Which service, and where.
pub(super) const PLACE: [ArgumentSpec; 2] = [
    positional("service", "the service's name", ArgumentKind::Service),
    required("environment", "where", ArgumentKind::Environment),
];

/// The row of a verb; words and managers are in [`Verb::TABLE`].
macro_rules! verb {
    ($verb:ident, $word:literal) => {
        ActionSpec {
            cli: &["service", $word],
            arguments: &PLACE,
            risk: if Verb::TABLE[Verb::$verb as usize].destructive {
                Risk::Destructive
            } else {
                Risk::Shared
            },
            available: |model| available::verb(model, Verb::$verb),
            ..action(
                concat!("service.", $word),
                Verb::TABLE[Verb::$verb as usize].title,
                Verb::TABLE[Verb::$verb as usize].doc,
                |arguments| act(arguments, Verb::$verb),
            )
        }
    };
}

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
            positional("service", "the service's name; several go back together", ArgumentKind::Services),
            required("environment", "where", ArgumentKind::Environment),
            optional(
                "to",
                "the version to go back to, or a Git revision of Argo CD's history; for one service",
                ArgumentKind::Text,
            ),
        ],
        risk: Risk::Destructive,
        available: available::rollback_marked,
        ..action(
            "service.rollback",
            "Roll the service back",
            "Brings the service, or all marked ones in the order of their dependencies, back to what ran before in one environment, or to a version, and verifies it.",
            |arguments| {
                let words = text(arguments, "service")?;
                let services: Vec<_> = names(&words).map(Into::into).collect();
                if services.is_empty() {
                    return Err(Failure::usage("no service is named"));
                }
                Ok(Command::Service(ServiceCommand::Rollback {
                    services,
                    environment: text(arguments, "environment")?.into(),
                    to: text(arguments, "to").ok(),
                }))
            },
        )
    },
    verb!(Restart, "restart"),
    verb!(Pause, "pause"),
    verb!(Resume, "resume"),
    ActionSpec {
        arguments: &[
            positional("service", "the service's name", ArgumentKind::Service),
            required("environment", "where", ArgumentKind::Environment),
            required("replicas", "how many pods it should have", ArgumentKind::Text),
        ],
        ..verb!(Scale, "scale")
    },
    verb!(Sync, "sync"),
    verb!(Refresh, "refresh"),
    verb!(Terminate, "terminate"),
    verb!(Promote, "promote"),
    verb!(PromoteFull, "promote-full"),
    verb!(Abort, "abort"),
    verb!(Retry, "retry"),
    verb!(Reconcile, "reconcile"),
    verb!(Suspend, "suspend"),
];

/// The command of a verb.
fn act(arguments: &Arguments, verb: Verb) -> Result<Command, Failure> {
    let replicas = match verb {
        Verb::Scale => {
            let given = text(arguments, "replicas")?;
            Some(given.parse().map_err(|_| {
                Failure::usage(format!("`{given}` is no number of pods"))
                    .hint("give a whole number, such as 3")
            })?)
        }
        _ => None,
    };
    Ok(Command::Service(ServiceCommand::Act {
        service: text(arguments, "service")?.into(),
        environment: text(arguments, "environment")?.into(),
        verb,
        replicas,
    }))
}
