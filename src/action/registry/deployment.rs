//! Deployments, versions in quarantine, frozen services.

use super::{
    action, text, unknown,
    words::{optional, positional, required},
};
use crate::{
    action::{
        available,
        command::{Command, DeploymentCommand},
        spec::{ActionSpec, ArgumentKind, ArgumentSpec, Arguments},
    },
    domain::{
        calendar::instant,
        deployment::{
            gate::ReleaseGate,
            request::{DeployRequest, DeploySubject},
            work::{Entered, Steering},
        },
        plan::Risk,
    },
    error::Failure,
    model::Model,
};
use chrono::{DateTime, Utc};

const STRATEGIES: ArgumentKind = ArgumentKind::Choice(&["immediate", "canary", "blue-green", "scheduled"]);
const DEPLOYMENT: ArgumentSpec = positional("deployment", "the deployment's id", ArgumentKind::Deployment);
const STRATEGY: ArgumentSpec = optional("strategy", "how; as the catalog says if left out", STRATEGIES);
const AT: ArgumentSpec = optional("at", "not before, such as 2026-11-26T02:00:00Z", ArgumentKind::Text);
const WINDOW: ArgumentSpec = optional("window", "not before the calendar is open", ArgumentKind::Flag);
const WAVES: ArgumentSpec =
    optional("waves", "to all environments of the project's waves, one after the other", ArgumentKind::Flag);

fn flag(arguments: &Arguments, name: &str) -> bool {
    arguments.get(name).is_some_and(|word| word == "true")
}

fn moment(arguments: &Arguments) -> Result<Option<DateTime<Utc>>, Failure> {
    let Some(given) = arguments.get("at").map(|text| text.trim()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    instant(given).map(Some).ok_or_else(|| {
        Failure::usage(format!("`{}` is no time", crate::domain::text::clean(given)))
            .hint("write it as 2026-11-26T02:00:00Z, or with an offset")
    })
}

fn request(arguments: &Arguments, subject: DeploySubject) -> Result<Command, Failure> {
    Ok(Command::Deployment(DeploymentCommand::Deploy(Box::new(DeployRequest {
        subject,
        environment: text(arguments, "environment")?.into(),
        waves: flag(arguments, "waves"),
        strategy: arguments.get("strategy").filter(|word| !word.is_empty()).cloned(),
        not_before: moment(arguments)?,
        window: flag(arguments, "window"),
    }))))
}

fn steer(arguments: &Arguments, steering: Steering) -> Result<Command, Failure> {
    let deployment = text(arguments, "deployment")?.into();
    Ok(Command::Deployment(DeploymentCommand::Steer { deployment, steering }))
}

/// The time that the chosen deployment has now.
fn present_time(model: &Model, arguments: &Arguments) -> Arguments {
    let mut present = arguments.clone();
    if let Some(order) = model.selected_deployment().map(|record| &record.order) {
        let at = order.not_before.map(|at| at.format("%FT%TZ").to_string());
        present.entry("at").or_insert_with(|| at.unwrap_or_default());
        present.entry("window").or_insert_with(|| order.window.to_string());
    }
    present
}

const fn enter(entered: Entered) -> Command {
    Command::Deployment(DeploymentCommand::Enter(entered))
}

fn note(arguments: &Arguments) -> Option<String> {
    arguments.get("note").map(|note| note.trim().to_owned()).filter(|note| !note.is_empty())
}

pub(super) static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        cli: &["change", "deploy"],
        arguments: &[
            positional("change", "the merged change's id", ArgumentKind::Text),
            required("environment", "where", ArgumentKind::Environment),
            STRATEGY,
            AT,
            WINDOW,
            WAVES,
        ],
        risk: Risk::Destructive,
        available: available::writable,
        ..action(
            "change.deploy",
            "Deploy a merged change",
            "Deploys the versions that a merged change brought, in the order of their dependencies.",
            |arguments| {
                let change = text(arguments, "change")?.as_str().into();
                request(arguments, DeploySubject::Change(change))
            },
        )
    },
    ActionSpec {
        cli: &["service", "deploy"],
        arguments: &[
            positional("service", "the service's name, or NAME@VERSION", ArgumentKind::Service),
            required("environment", "where", ArgumentKind::Environment),
            STRATEGY,
            AT,
            WINDOW,
            WAVES,
        ],
        risk: Risk::Destructive,
        available: available::rollback,
        ..action(
            "service.deploy",
            "Deploy the service",
            "Deploys a version of a service: the one that the catalog says, or the one named.",
            |arguments| {
                let given = text(arguments, "service")?;
                let (service, version) = match given.split_once('@') {
                    Some((service, version)) => (service, Some(version.to_owned())),
                    None => (given.as_str(), None),
                };
                if version.as_ref().is_some_and(String::is_empty) {
                    return Err(Failure::usage(format!("`{given}` names no version"))
                        .hint("write NAME@VERSION, such as shared-auth@1.3.1"));
                }
                request(arguments, DeploySubject::Service { service: service.into(), version })
            },
        )
    },
    ActionSpec {
        cli: &["deployment", "approve"],
        arguments: &[
            DEPLOYMENT,
            required("gate", "which gate", ArgumentKind::ReleaseGate),
            optional("note", "what you have to say", ArgumentKind::Text),
        ],
        risk: Risk::Destructive,
        available: available::open_gate,
        ..action(
            "deployment.approve",
            "Approve a gate of the deployment",
            "Opens a gate before production. When all are open the deployment goes on, looked after from here.",
            |arguments| {
                let word = text(arguments, "gate")?;
                let gate = ReleaseGate::parse(&word).ok_or_else(|| {
                    unknown("gate", &word, ReleaseGate::ALL.into_iter().map(ReleaseGate::as_str))
                })?;
                steer(arguments, Steering::Approve { gate, note: note(arguments) })
            },
        )
    },
    ActionSpec {
        cli: &["deployment", "continue"],
        arguments: &[
            DEPLOYMENT,
            optional(
                "accept",
                "what could not be judged counts as passed; a failed check before production needs a note",
                ArgumentKind::Flag,
            ),
            optional("note", "why", ArgumentKind::Text),
        ],
        risk: Risk::Destructive,
        available: available::steer,
        ..action(
            "deployment.continue",
            "Continue the deployment",
            "Lets a held deployment go on, or goes on with one that nobody looks after.",
            |arguments| {
                let accept = flag(arguments, "accept");
                steer(arguments, Steering::Continue { accept, note: note(arguments) })
            },
        )
    },
    ActionSpec {
        cli: &["deployment", "hold"],
        arguments: &[DEPLOYMENT, required("reason", "why it must not go on", ArgumentKind::Text)],
        risk: Risk::Shared,
        available: available::steer,
        ..action(
            "deployment.hold",
            "Hold the deployment",
            "Stops it until a person lets it go on. What fails meanwhile goes back all the same.",
            |arguments| steer(arguments, Steering::Hold { reason: text(arguments, "reason")? }),
        )
    },
    ActionSpec {
        cli: &["deployment", "cancel"],
        arguments: &[DEPLOYMENT, required("reason", "why it is called off", ArgumentKind::Text)],
        risk: Risk::Destructive,
        available: available::steer,
        ..action(
            "deployment.cancel",
            "Cancel the deployment",
            "Calls it off and puts back what it touched.",
            |arguments| steer(arguments, Steering::Cancel { reason: text(arguments, "reason")? }),
        )
    },
    ActionSpec {
        cli: &["deployment", "schedule"],
        arguments: &[DEPLOYMENT, AT, WINDOW],
        risk: Risk::Destructive,
        available: available::schedule,
        form: Some(present_time),
        ..action(
            "deployment.schedule",
            "Schedule the deployment",
            "Gives a deployment that has touched nothing yet another time.",
            |arguments| {
                let (not_before, window) = (moment(arguments)?, flag(arguments, "window"));
                steer(arguments, Steering::Schedule { not_before, window })
            },
        )
    },
    ActionSpec {
        cli: &["deployment", "show"],
        arguments: &[DEPLOYMENT],
        available: available::with_deployment,
        ..action(
            "deployment.show",
            "Details of the deployment",
            "Shows every stage of a deployment: who did what when, and what was measured.",
            |arguments| {
                let id = text(arguments, "deployment")?.as_str().into();
                Ok(Command::Deployment(DeploymentCommand::Show(id)))
            },
        )
    },
    ActionSpec {
        cli: &["deployment", "list"],
        ..action(
            "deployment.list",
            "List deployments",
            "Shows deployments that run, wait, or ended lately.",
            |_| Ok(Command::Deployment(DeploymentCommand::List)),
        )
    },
    ActionSpec {
        cli: &["deployments"],
        ..action(
            "deployment.timeline",
            "Timeline of deployments",
            "Shows the deployments of seven days by service, and how often they fail.",
            |_| Ok(Command::Deployment(DeploymentCommand::Timeline)),
        )
    },
    ActionSpec {
        cli: &["release", "quarantine"],
        arguments: &[
            positional("service", "the service's name", ArgumentKind::Service),
            positional("version", "the version", ArgumentKind::Text),
            required("reason", "what is wrong with it", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::writable,
        ..action(
            "release.quarantine",
            "Quarantine a version",
            "Keeps a version of a service from being deployed.",
            |arguments| {
                Ok(enter(Entered::Quarantine {
                    service: text(arguments, "service")?.into(),
                    version: text(arguments, "version")?,
                    reason: text(arguments, "reason")?,
                }))
            },
        )
    },
    ActionSpec {
        cli: &["release", "clear"],
        arguments: &[
            positional("service", "the service's name", ArgumentKind::Service),
            positional("version", "the version", ArgumentKind::Text),
            required("note", "why it may be deployed again", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::writable,
        ..action(
            "release.clear",
            "Take a version out of quarantine",
            "Lets a version be deployed again.",
            |arguments| {
                Ok(enter(Entered::Clear {
                    service: text(arguments, "service")?.into(),
                    version: text(arguments, "version")?,
                    note: text(arguments, "note")?,
                }))
            },
        )
    },
    ActionSpec {
        cli: &["service", "freeze"],
        arguments: &[
            positional("service", "the service's name", ArgumentKind::Service),
            required("reason", "why", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::edit,
        ..action(
            "service.freeze",
            "Freeze the service",
            "Keeps everything of a service from being deployed. Rollbacks are never frozen.",
            |arguments| {
                let (service, reason) = (text(arguments, "service")?.into(), text(arguments, "reason")?);
                Ok(enter(Entered::Freeze { service, reason }))
            },
        )
    },
    ActionSpec {
        cli: &["service", "thaw"],
        arguments: &[
            positional("service", "the service's name", ArgumentKind::Service),
            required("note", "why it may be deployed again", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::edit,
        ..action(
            "service.thaw",
            "Thaw the service",
            "Lets a frozen service be deployed again.",
            |arguments| {
                let (service, note) = (text(arguments, "service")?.into(), text(arguments, "note")?);
                Ok(enter(Entered::Thaw { service, note }))
            },
        )
    },
    ActionSpec {
        cli: &["incident", "postmortem"],
        arguments: &[
            positional("incident", "the incident's id", ArgumentKind::AnyIncident),
            required("note", "where the post-mortem is, or what it says", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::writable,
        ..action(
            "incident.postmortem",
            "Record the post-mortem",
            "Says that the post-mortem of an incident is written, and where.",
            |arguments| {
                let (incident, note) = (text(arguments, "incident")?.into(), text(arguments, "note")?);
                Ok(enter(Entered::PostMortem { incident, note }))
            },
        )
    },
];
