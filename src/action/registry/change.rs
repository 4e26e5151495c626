//! Changes, from the proposal to what comes of it.

use super::{
    action, text, unknown,
    words::{optional, positional, required, status},
};
use crate::{
    action::{
        available,
        command::{ChangeCommand, Command},
        questions,
        spec::{ActionSpec, ArgumentKind},
    },
    domain::{gate::Gate, merge::LandingRequest, plan::Risk, proposal::Wanted},
};

pub(super) static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        aliases: &["check"],
        available: available::with_catalog,
        ..action(
            "repository.validate",
            "Validate the repository",
            "Checks the working tree with every rule.",
            |_| Ok(Command::Validate { revision: None, base: None }),
        )
    },
    ActionSpec {
        cli: &["change", "validate"],
        arguments: &[
            positional("change", "the change's id", ArgumentKind::Change),
            optional("post", "tell the forge: a status on the head, and a comment", ArgumentKind::Flag),
        ],
        available: available::with_change,
        ..action(
            "change.validate",
            "Validate the change",
            "Checks the change's head against its merge base.",
            |arguments| {
                Ok(Command::Change(ChangeCommand::Validate {
                    change: text(arguments, "change")?.into(),
                    post: arguments.get("post").is_some_and(|word| word == "true"),
                }))
            },
        )
    },
    ActionSpec {
        arguments: &[positional("change", "the change's id", ArgumentKind::Change)],
        risk: Risk::Shared,
        available: available::post,
        ..action(
            "change.post",
            "Post the validation",
            "Tells the forge how validation of the change's head comes out: a status, and one comment.",
            |arguments| Ok(Command::Change(ChangeCommand::Post(text(arguments, "change")?.into()))),
        )
    },
    ActionSpec {
        cli: &["change", "impact"],
        arguments: &[positional("change", "the change's id", ArgumentKind::Change)],
        available: available::with_change,
        ..action(
            "change.impact",
            "What the change breaks",
            "Who is harmed if the change is merged: services, projects, owners and promises.",
            |arguments| Ok(Command::Change(ChangeCommand::Impact(text(arguments, "change")?.into()))),
        )
    },
    ActionSpec {
        cli: &["change", "approve"],
        arguments: &[
            positional("change", "the change's id", ArgumentKind::Change),
            optional("gate", "which gate; code-review unless said", ArgumentKind::Gate),
            optional("note", "your words for the ledger", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::approve,
        ..action(
            "change.approve",
            "Approve the change",
            "Approves a gate of a change for its present head; the ledger keeps it.",
            |arguments| {
                let gate = match arguments.get("gate") {
                    None => Gate::CodeReview,
                    Some(word) => Gate::parse(word)
                        .ok_or_else(|| unknown("gate", word, Gate::ALL.into_iter().map(Gate::as_str)))?,
                };
                Ok(Command::Change(ChangeCommand::Approve {
                    change: text(arguments, "change")?.into(),
                    gate,
                    note: arguments.get("note").cloned(),
                }))
            },
        )
    },
    ActionSpec {
        cli: &["change", "merge"],
        arguments: &[positional("change", "the change's id", ArgumentKind::Change)],
        risk: Risk::Shared,
        available: available::approve,
        ..action(
            "change.merge",
            "Merge the change",
            "Brings a change whose gates are open onto the main branch: one signed commit, its tags, its change log.",
            |arguments| Ok(Command::Land(LandingRequest::Merge(text(arguments, "change")?.into()))),
        )
    },
    ActionSpec {
        cli: &["change", "revert"],
        arguments: &[
            positional("change", "the id of a change that was merged", ArgumentKind::Text),
            required("reason", "why it is taken back", ArgumentKind::Text),
            optional("direct", "on the main branch at once, where that is allowed", ArgumentKind::Flag),
        ],
        risk: Risk::Shared,
        available: available::writable,
        ..action(
            "change.revert",
            "Revert a merged change",
            "Takes a merged change back: as a proposal, or on the main branch at once where that is allowed.",
            |arguments| {
                Ok(Command::Land(LandingRequest::Revert {
                    change: text(arguments, "change")?.into(),
                    reason: text(arguments, "reason")?,
                    direct: arguments.get("direct").is_some_and(|word| word == "true"),
                }))
            },
        )
    },
    ActionSpec {
        aliases: &["restore"],
        cli: &["repository", "restore"],
        risk: Risk::Shared,
        available: available::restore,
        ..action(
            "repository.restore",
            "Restore the main branch",
            "Brings a main branch that does not validate back to the newest of its commits that does.",
            |_| Ok(Command::Land(LandingRequest::Restore { detected_at: None })),
        )
    },
    ActionSpec {
        cli: &["change", "request"],
        arguments: &[positional("change", "the change's id", ArgumentKind::Change)],
        risk: Risk::Shared,
        available: available::post,
        ..action(
            "change.request",
            "Open the request",
            "Opens the pull or merge request of a change that has none, or finds the one that is open.",
            |arguments| Ok(Command::Change(ChangeCommand::OpenRequest(text(arguments, "change")?.into()))),
        )
    },
    ActionSpec {
        cli: &["change", "notify"],
        arguments: &[positional("change", "the change's id", ArgumentKind::Change)],
        risk: Risk::Shared,
        available: available::post,
        ..action(
            "change.notify",
            "Tell the projects it breaks",
            "Opens or updates one issue in the repository of every project that the change breaks.",
            |arguments| Ok(Command::Change(ChangeCommand::Announce(text(arguments, "change")?.into()))),
        )
    },
    ActionSpec {
        cli: &["forge", "teams"],
        available: available::teams,
        ..action(
            "forge.teams",
            "Compare teams",
            "Says where policies/teams.toml and the teams of the forge differ; exit code 1 where they do.",
            |_| Ok(Command::Teams),
        )
    },
    ActionSpec {
        arguments: &[
            positional("service", "the service's name", ArgumentKind::Service),
            required("status", "the state that it should be in", ArgumentKind::Status),
        ],
        risk: Risk::Shared,
        available: available::propose,
        ..action(
            "lifecycle.propose",
            "Propose a step of its life",
            "Makes a branch on which the service is in its next state of life, for review as any change.",
            |arguments| {
                let service = text(arguments, "service")?.as_str().into();
                let to = status(&text(arguments, "status")?)?;
                Ok(Command::Change(ChangeCommand::Propose(Wanted::step(service, to))))
            },
        )
    },
    ActionSpec {
        cli: &["change", "propose"],
        arguments: &[
            positional("service", "the service's name", ArgumentKind::Service),
            optional("version", "the version that it should have", ArgumentKind::Text),
            optional("status", "the state of life that it should be in", ArgumentKind::Status),
            optional("require", "what it should need, such as `shared-auth >= 1.2`", ArgumentKind::Text),
            optional("optional", "what it should use where that is there", ArgumentKind::Text),
            optional("drop", "what it should need and use no more", ArgumentKind::Text),
            optional(
                "availability",
                "the share of good requests it promises, such as 99.9%",
                ArgumentKind::Text,
            ),
            optional(
                "response-time-p99",
                "the promised bound of the 99th percentile, such as 300ms",
                ArgumentKind::Text,
            ),
            optional("error-rate", "the share of requests that may fail, such as 0.1%", ArgumentKind::Text),
            optional(
                "guide",
                "link to the migration guide; a change that breaks needs one",
                ArgumentKind::Text,
            ),
            optional("note", "why, for the commit, the change log and the request", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::edit,
        form: Some(questions::present),
        ..action(
            "change.propose",
            "Propose a change of the service",
            "Makes a branch on which version, life, dependencies or promises of the service differ, with a line in the change log, and opens its request.",
            questions::propose,
        )
    },
];
