//! Changes, from the proposal to what comes of it.

use super::{
    action, text, unknown,
    words::{DIRECTIONS, direction, optional, positional, required, status},
};
use crate::{
    action::{
        available,
        command::{ChangeCommand, Command, ViewCommand},
        questions, run,
        spec::{ActionSpec, ArgumentKind, Arguments},
    },
    domain::{
        gate::{Gate, ReviewAnswers},
        merge::LandingRequest,
        plan::Risk,
        proposal::Wanted,
    },
    error::Failure,
};

/// The gates as words: other than for an approval, the selection has none to offer.
const WITHDRAWN: ArgumentKind =
    ArgumentKind::Choice(&["code-review", "security", "architecture", "compliance"]);

/// The gate that is named, if one is.
fn gate(arguments: &Arguments) -> Result<Option<Gate>, Failure> {
    let Some(word) = arguments.get("gate") else { return Ok(None) };
    let known = || unknown("gate", word, Gate::ALL.into_iter().map(Gate::as_str));
    Gate::parse(word).map(Some).ok_or_else(known)
}

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
        cli: &["change", "show"],
        arguments: &[positional("change", "the change's id", ArgumentKind::Change)],
        available: available::with_change,
        ..action(
            "change.show",
            "Everything about the change",
            "Shows what it alters, its gates, findings, difference and discussion.",
            |arguments| Ok(Command::Change(ChangeCommand::Show(text(arguments, "change")?.into()))),
        )
    },
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::in_change,
        ..action(
            "change.section",
            "Another section of the change",
            "Goes to the next or the previous section of a change's details.",
            |arguments| Ok(Command::View(ViewCommand::Section(direction(arguments)?))),
        )
    },
    ActionSpec {
        cli: &["change", "approve"],
        arguments: &[
            positional("change", "the change's id", ArgumentKind::Change),
            optional("gate", "which gate; the first that waits for you unless said", ArgumentKind::Gate),
            optional("reason", "why is it done?", ArgumentKind::Text),
            optional("effect", "what does it do to other projects?", ArgumentKind::Text),
            optional("documentation", "is it documented, and where?", ArgumentKind::Text),
            optional("breaking", "does it break anybody, and do they know?", ArgumentKind::Text),
            optional("tests", "how was it tested?", ArgumentKind::Text),
            optional("note", "your words for the ledger", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::approve,
        asks: run::questions,
        ..action(
            "change.approve",
            "Approve the change",
            "Approves a gate of a change for what it alters now; the ledger keeps it, with the answers to the reviewer's five questions.",
            |arguments| {
                let answer = |name: &str| arguments.get(name).cloned().unwrap_or_default();
                Ok(Command::Change(ChangeCommand::Approve {
                    change: text(arguments, "change")?.into(),
                    gate: gate(arguments)?,
                    answers: Box::new(ReviewAnswers {
                        reason: answer("reason"),
                        effect: answer("effect"),
                        documentation: answer("documentation"),
                        breaking: answer("breaking"),
                        tests: answer("tests"),
                    }),
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
        aliases: &["change.request-changes"],
        cli: &["change", "reject"],
        arguments: &[
            positional("change", "the change's id", ArgumentKind::Change),
            required("note", "what is to be done otherwise", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::approve,
        ..action(
            "change.reject",
            "Request changes",
            "Asks for the change to be done otherwise; it cannot be merged as it is until you approve it or take this back.",
            |arguments| {
                Ok(Command::Change(ChangeCommand::RequestChanges {
                    change: text(arguments, "change")?.into(),
                    note: text(arguments, "note")?,
                }))
            },
        )
    },
    ActionSpec {
        cli: &["change", "withdraw"],
        arguments: &[
            positional("change", "the change's id", ArgumentKind::Change),
            optional("gate", "the approval of which gate; what you said last unless given", WITHDRAWN),
            optional("note", "why, for the ledger", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::approve,
        ..action(
            "change.withdraw",
            "Take your word back",
            "Takes your own approval of a change, or your request for changes, back.",
            |arguments| {
                Ok(Command::Change(ChangeCommand::Withdraw {
                    change: text(arguments, "change")?.into(),
                    gate: gate(arguments)?,
                    note: arguments.get("note").cloned(),
                }))
            },
        )
    },
    ActionSpec {
        cli: &["change", "comment"],
        arguments: &[
            positional("change", "the change's id", ArgumentKind::Change),
            required("text", "what there is to say", ArgumentKind::Text),
        ],
        risk: Risk::Shared,
        available: available::approve,
        ..action(
            "change.comment",
            "Comment on the change",
            "Says something about a change; the ledger keeps it, and no gate depends on it.",
            |arguments| {
                Ok(Command::Change(ChangeCommand::Comment {
                    change: text(arguments, "change")?.into(),
                    text: text(arguments, "text")?,
                }))
            },
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
