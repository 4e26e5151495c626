//! Reports: what is read and printed.

use super::{action, text, words::positional};
use crate::action::{
    available,
    command::{Command, Report, ServiceCommand},
    spec::{ActionSpec, ArgumentKind},
};

pub(super) static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        cli: &["service", "list"],
        ..action("service.list", "Services", "Services with what should run, what runs and how.", |_| {
            Ok(Command::Report(Report::Services))
        })
    },
    ActionSpec {
        cli: &["service", "show"],
        arguments: &[positional("service", "the service's name", ArgumentKind::Service)],
        available: available::with_service,
        ..action(
            "service.show",
            "Everything about a service",
            "What a service is, where it runs, what it promises, what it needs and where it stands in its life.",
            |arguments| {
                Ok(Command::Service(ServiceCommand::Show(text(arguments, "service")?.as_str().into())))
            },
        )
    },
    ActionSpec {
        cli: &["service", "usage"],
        ..action(
            "cross.usage",
            "Shared service usage",
            "Services that are used across projects: by whom, how important that is, and whether they go away.",
            |_| Ok(Command::Report(Report::Usage)),
        )
    },
    ActionSpec {
        cli: &["service", "compliance"],
        ..action(
            "cross.compliance",
            "Version compliance",
            "What is required of versions, what the main branch has, what runs, and who lags.",
            |_| Ok(Command::Report(Report::Compliance)),
        )
    },
    ActionSpec {
        cli: &["service", "migrations"],
        ..action(
            "cross.migrations",
            "Migration status",
            "Who still depends on deprecated services, by when they must be gone, and how it went so far.",
            |_| Ok(Command::Report(Report::Migrations)),
        )
    },
    ActionSpec {
        cli: &["change", "list"],
        ..action("change.list", "Changes", "Open changes with class, risk, findings and gates.", |_| {
            Ok(Command::Report(Report::Changes))
        })
    },
    ActionSpec {
        cli: &["sla"],
        ..action(
            "sla.report",
            "SLA compliance",
            "What was promised and what is kept, by project and service.",
            |_| Ok(Command::Report(Report::Sla)),
        )
    },
    ActionSpec {
        cli: &["incident", "list"],
        ..action(
            "incident.list",
            "Incidents",
            "Incidents with their clocks, the breached ones first.",
            |_| Ok(Command::Report(Report::Incidents)),
        )
    },
    ActionSpec {
        cli: &["briefing"],
        ..action(
            "briefing",
            "Briefing",
            "Pending changes, deployments, SLA state and incidents on one page.",
            |_| Ok(Command::Report(Report::Briefing)),
        )
    },
];
