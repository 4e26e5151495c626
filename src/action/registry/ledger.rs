//! The ledger.

use super::{action, words::optional};
use crate::{
    action::{
        available,
        command::{Command, LedgerCommand},
        spec::{ActionSpec, ArgumentKind},
    },
    domain::ledger::{EntryFilter, Moment},
    error::Failure,
};

pub(super) static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        cli: &["ledger", "log"],
        arguments: &[
            optional("kind", "a kind such as incident.declared, or its family, incident", ArgumentKind::Text),
            optional("subject", "an incident, change or service", ArgumentKind::Text),
            optional("actor", "part of the name or address of who did it", ArgumentKind::Text),
            optional("since", "not before: 7d, a date or a time", ArgumentKind::Text),
            optional("until", "not after: 7d, a date or a time", ArgumentKind::Text),
            optional("limit", "at most so many, the newest", ArgumentKind::Text),
            optional("signatures", "also whether and by whom each is signed", ArgumentKind::Flag),
        ],
        ..action("ledger.log", "Ledger", "The events of the ledger, the newest first.", |arguments| {
            let given = |name| arguments.get(name).map(|value| value.trim().to_owned());
            let moment = |name| given(name).map(|value| Moment::parse(&value)).transpose();
            let limit = given("limit").map(|value| {
                value.parse().map_err(|_| Failure::usage(format!("`{value}` is no number of events")))
            });
            let filter = EntryFilter {
                kind: given("kind"),
                subject: given("subject"),
                actor: given("actor"),
                since: moment("since")?,
                until: moment("until")?,
                limit: limit.transpose()?,
            };
            let signatures = given("signatures").as_deref() == Some("true");
            Ok(Command::Ledger(LedgerCommand::Log { filter, signatures }))
        })
    },
    ActionSpec {
        cli: &["ledger", "sync"],
        available: available::writable,
        ..action(
            "ledger.sync",
            "Sync the ledger",
            "Fetches the ledger, writes what waits here on top, and pushes it.",
            |_| Ok(Command::Ledger(LedgerCommand::Sync)),
        )
    },
    ActionSpec {
        cli: &["ledger", "verify"],
        available: available::on_the_command_line,
        ..action(
            "ledger.verify",
            "Verify the ledger",
            "Checks every event: form, order, author and signature, and that nothing was rewritten.",
            |_| Ok(Command::Ledger(LedgerCommand::Verify)),
        )
    },
];
