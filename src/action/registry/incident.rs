//! Incidents.

use super::{
    action, text,
    words::{optional, positional, required, severity},
};
use crate::{
    action::{
        available,
        command::{Command, IncidentCommand},
        spec::{ActionSpec, ArgumentKind},
    },
    domain::plan::Risk,
};

pub(super) static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        cli: &["incident", "declare"],
        arguments: &[
            required("severity", "how bad", ArgumentKind::Severity),
            required("title", "what it is, in one line", ArgumentKind::Text),
            optional("service", "which service", ArgumentKind::Service),
        ],
        risk: Risk::Shared,
        available: available::writable,
        ..action(
            "incident.declare",
            "Declare an incident",
            "Opens an incident in the ledger; its clocks start at once.",
            |arguments| {
                Ok(Command::Incident(IncidentCommand::Declare {
                    severity: severity(&text(arguments, "severity")?)?,
                    title: text(arguments, "title")?,
                    service: arguments.get("service").map(|name| name.as_str().into()),
                }))
            },
        )
    },
    ActionSpec {
        aliases: &["incident.acknowledge"],
        cli: &["incident", "ack"],
        arguments: &[positional("incident", "the incident's id", ArgumentKind::Incident)],
        risk: Risk::Shared,
        available: available::acknowledge,
        ..action("incident.ack", "Acknowledge the incident", "Says that you have taken it.", |arguments| {
            Ok(Command::Incident(IncidentCommand::Acknowledge(text(arguments, "incident")?.into())))
        })
    },
    ActionSpec {
        cli: &["incident", "escalate"],
        arguments: &[positional("incident", "the incident's id", ArgumentKind::Incident)],
        risk: Risk::Shared,
        available: available::with_incident,
        ..action(
            "incident.escalate",
            "Call the next level",
            "Calls the next level of the severity matrix now, before its clock does.",
            |arguments| {
                let incident = text(arguments, "incident")?.into();
                Ok(Command::Incident(IncidentCommand::Escalate { incident, due: None }))
            },
        )
    },
    ActionSpec {
        cli: &["incident", "resolve"],
        arguments: &[
            positional("incident", "the incident's id", ArgumentKind::Incident),
            optional("note", "what ended it", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::with_incident,
        ..action("incident.resolve", "Resolve the incident", "Says that it is over.", |arguments| {
            Ok(Command::Incident(IncidentCommand::Resolve {
                incident: text(arguments, "incident")?.into(),
                note: arguments.get("note").cloned(),
            }))
        })
    },
];
