//! A close look at what runs of a service.

use super::{action, service::PLACE, text, words::optional};
use crate::{
    action::{
        available,
        command::{Command, InspectCommand},
        spec::{ActionSpec, ArgumentKind},
    },
    domain::deployment::inspect::LOG_TAIL,
    error::Failure,
    model::inspection::Look,
};

pub(super) static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        cli: &["service", "pods"],
        arguments: &PLACE,
        available: available::inspect,
        ..action(
            "service.pods",
            "Pods of the service",
            "The service's pods in one environment: status, restarts, version, age; from there its events and logs.",
            |arguments| {
                let place = (text(arguments, "service")?.into(), text(arguments, "environment")?.into());
                Ok(Command::Inspect(InspectCommand::Pods(place.0, place.1)))
            },
        )
    },
    ActionSpec {
        cli: &["service", "events"],
        arguments: &PLACE,
        available: available::inspect,
        ..action(
            "service.events",
            "Events of the service",
            "What the cluster says happened to the service's workload and pods, the newest first.",
            |arguments| {
                let place = (text(arguments, "service")?.into(), text(arguments, "environment")?.into());
                Ok(Command::Inspect(InspectCommand::Events(place.0, place.1)))
            },
        )
    },
    ActionSpec {
        cli: &["service", "logs"],
        arguments: &[
            PLACE[0],
            PLACE[1],
            optional("pod", "which pod; the one that worries most unless said", ArgumentKind::Text),
            optional("container", "which container; the first unless said", ArgumentKind::Text),
            optional("previous", "of the container that ran before", ArgumentKind::Flag),
            optional("follow", "go on with what is written, until the log ends", ArgumentKind::Flag),
            optional("tail", "how many of the newest lines; 500 unless said", ArgumentKind::Text),
        ],
        available: available::inspect,
        ..action(
            "service.logs",
            "Log of the service",
            "The newest lines of a log of the service; with `--follow`, and always in the console, it goes on with what is written.",
            |arguments| {
                let tail = match text(arguments, "tail") {
                    Ok(given) => given.parse().map_err(|_| {
                        Failure::usage(format!("`{given}` is no number of lines"))
                            .hint("give one such as 200")
                    })?,
                    Err(_) => LOG_TAIL,
                };
                let flag = |name| text(arguments, name).is_ok_and(|given| given == "true");
                let (previous, follow) = (flag("previous"), flag("follow"));
                if previous && follow {
                    return Err(Failure::usage("the container that ran before writes nothing any more")
                        .hint("leave out `--previous` or `--follow`"));
                }
                Ok(Command::Inspect(InspectCommand::Logs {
                    service: text(arguments, "service")?.into(),
                    environment: text(arguments, "environment")?.into(),
                    pod: text(arguments, "pod").ok(),
                    container: text(arguments, "container").ok(),
                    previous,
                    follow,
                    tail,
                }))
            },
        )
    },
    ActionSpec {
        available: available::inspecting,
        ..action("inspect.pods", "Show the pods", "Shows the pods of the service that is looked at.", |_| {
            Ok(Command::Inspect(InspectCommand::Look(Look::Pods)))
        })
    },
    ActionSpec {
        available: available::inspecting,
        ..action(
            "inspect.events",
            "Show the events",
            "Shows what happened to the service that is looked at.",
            |_| Ok(Command::Inspect(InspectCommand::Look(Look::Events))),
        )
    },
    ActionSpec {
        available: available::inspecting,
        ..action(
            "inspect.log",
            "Read the log",
            "Reads the log of the pod under the cursor as it is written.",
            |_| Ok(Command::Inspect(InspectCommand::Open)),
        )
    },
    ActionSpec {
        available: available::inspecting,
        ..action(
            "inspect.previous",
            "Log of the container before",
            "Reads the log of the container that ran before, or again of the one that runs.",
            |_| Ok(Command::Inspect(InspectCommand::Previous)),
        )
    },
    ActionSpec {
        available: available::inspecting,
        ..action("inspect.container", "Next container", "Reads the log of the pod's next container.", |_| {
            Ok(Command::Inspect(InspectCommand::Container))
        })
    },
    ActionSpec {
        available: available::inspecting,
        ..action(
            "inspect.follow",
            "Follow the log",
            "Keeps the newest line in sight, or stays where it is.",
            |_| Ok(Command::Inspect(InspectCommand::Follow)),
        )
    },
    ActionSpec {
        available: available::inspecting,
        ..action(
            "inspect.filter",
            "Filter what is shown",
            "Shows only the pods, events or lines that contain a text.",
            |_| Ok(Command::Inspect(InspectCommand::Filter)),
        )
    },
];
