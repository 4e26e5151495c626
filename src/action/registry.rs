//! The table of all actions. A new action is one row here.

mod lookup;
mod words;

use words::{direction, maybe, optional, positional, required, severity, status};

pub use lookup::{availability, choices, complete, find, missing, parse};

use super::{
    available,
    command::{
        AppCommand, ChangeCommand, ColumnCommand, Command, CursorCommand, Direction, FormCommand,
        GraphCommand, IncidentCommand, InventoryCommand, LedgerCommand, PlanCommand, Report, ServiceCommand,
        ViewCommand,
    },
    questions,
    spec::{ActionSpec, ArgumentKind, Arguments},
};
use crate::{
    domain::{
        gate::Gate,
        ledger::{EntryFilter, Moment},
        plan::Risk,
        proposal::Transition,
        text::nearest,
    },
    error::Failure,
    model::layout::Pane,
};

const WAYS: ArgumentKind = ArgumentKind::Choice(&["dependencies", "dependants", "both"]);
const DIRECTIONS: ArgumentKind = ArgumentKind::Choice(&["next", "previous"]);

const COLUMN_WORDS: &[&str] = &["toggle", "later", "earlier", "wider", "narrower", "sort", "reset"];
const COLUMN_CHANGES: ArgumentKind = ArgumentKind::Choice(COLUMN_WORDS);

const fn action(
    id: &'static str,
    title: &'static str,
    doc: &'static str,
    build: fn(&Arguments) -> Result<Command, Failure>,
) -> ActionSpec {
    ActionSpec {
        id,
        aliases: &[],
        title,
        doc,
        cli: &[],
        arguments: &[],
        risk: Risk::Read,
        available: available::always,
        build,
    }
}

/// All actions, by family.
pub static ACTIONS: &[ActionSpec] = &[
    // The program
    action(
        "app.quit",
        "Quit",
        "Ends the console; while work is running it warns first, and a second time leaves the work unwatched.",
        |_| Ok(Command::App(AppCommand::Quit)),
    ),
    action("app.refresh", "Refresh", "Reads every source again, now.", |_| {
        Ok(Command::App(AppCommand::Refresh))
    }),
    // What is shown
    ActionSpec {
        arguments: &[required(
            "pane",
            "inventory, graph, changes, sla, escalation or cross-project",
            ArgumentKind::Text,
        )],
        ..action("view.focus", "Focus a pane", "Gives a pane the keys.", |arguments| {
            let text = text(arguments, "pane")?;
            Pane::parse(&text)
                .map(|pane| Command::View(ViewCommand::Focus(pane)))
                .ok_or_else(|| unknown("pane", &text, Pane::ALL.into_iter().map(Pane::as_str)))
        })
    },
    action("view.next", "Next pane", "Gives the next pane the keys.", |_| {
        Ok(Command::View(ViewCommand::Cycle(Direction::Next)))
    }),
    action("view.previous", "Previous pane", "Gives the previous pane the keys.", |_| {
        Ok(Command::View(ViewCommand::Cycle(Direction::Previous)))
    }),
    action(
        "view.zoom",
        "Zoom",
        "Gives the focused pane the whole screen; there, opens the row's details.",
        |_| Ok(Command::View(ViewCommand::Zoom)),
    ),
    ActionSpec {
        available: available::with_rows,
        ..action("view.details", "Details", "Opens everything about the row under the cursor.", |_| {
            Ok(Command::View(ViewCommand::Details))
        })
    },
    action(
        "view.back",
        "Back",
        "Closes what is on top, then leaves the zoom, then clears the filter.",
        |_| Ok(Command::View(ViewCommand::Back)),
    ),
    action("view.help", "Help", "Shows the keys that work here.", |_| Ok(Command::View(ViewCommand::Help))),
    action("view.palette", "Command palette", "Finds any action by name.", |_| {
        Ok(Command::View(ViewCommand::Palette))
    }),
    action("view.filter", "Filter", "Filters the focused pane by text, fuzzily.", |_| {
        Ok(Command::View(ViewCommand::Filter))
    }),
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::with_catalog,
        ..action(
            "view.environment",
            "Switch environment",
            "Looks at (and acts on) another environment.",
            |arguments| Ok(Command::View(ViewCommand::Environment(direction(arguments)?))),
        )
    },
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::on_cross_project,
        ..action(
            "cross.table",
            "Next table",
            "Gives another table of the cross-project page the keys.",
            |arguments| Ok(Command::View(ViewCommand::Table(direction(arguments)?))),
        )
    },
    action(
        "view.sources",
        "Sources",
        "Shows how every source stands, with its age and its failure in full.",
        |_| Ok(Command::View(ViewCommand::Sources)),
    ),
    action("view.submit", "Accept", "Accepts what the open overlay holds.", |_| {
        Ok(Command::View(ViewCommand::Submit))
    }),
    // The cursor
    action("cursor.down", "Down", "Moves the cursor one row down.", |_| {
        Ok(Command::Cursor(CursorCommand::By(1)))
    }),
    action("cursor.up", "Up", "Moves the cursor one row up.", |_| Ok(Command::Cursor(CursorCommand::By(-1)))),
    action("cursor.half-page-down", "Half a page down", "Moves the cursor half a page down.", |_| {
        Ok(Command::Cursor(CursorCommand::HalfPages(1)))
    }),
    action("cursor.half-page-up", "Half a page up", "Moves the cursor half a page up.", |_| {
        Ok(Command::Cursor(CursorCommand::HalfPages(-1)))
    }),
    action("cursor.page-down", "Page down", "Moves the cursor a page down.", |_| {
        Ok(Command::Cursor(CursorCommand::Pages(1)))
    }),
    action("cursor.page-up", "Page up", "Moves the cursor a page up.", |_| {
        Ok(Command::Cursor(CursorCommand::Pages(-1)))
    }),
    action("cursor.top", "Top", "Moves the cursor to the first row.", |_| {
        Ok(Command::Cursor(CursorCommand::Top))
    }),
    action("cursor.bottom", "Bottom", "Moves the cursor to the last row.", |_| {
        Ok(Command::Cursor(CursorCommand::Bottom))
    }),
    ActionSpec {
        available: available::with_rows,
        ..action("cursor.mark", "Mark", "Marks the row under the cursor, or takes the mark away.", |_| {
            Ok(Command::Cursor(CursorCommand::Mark))
        })
    },
    action("cursor.next-worry", "Next worry", "Moves the cursor to the next row that is not well.", |_| {
        Ok(Command::Cursor(CursorCommand::Worry(Direction::Next)))
    }),
    action(
        "cursor.previous-worry",
        "Previous worry",
        "Moves the cursor to the previous row that is not well.",
        |_| Ok(Command::Cursor(CursorCommand::Worry(Direction::Previous))),
    ),
    // The inventory
    action(
        "inventory.columns",
        "Choose columns",
        "Shows, hides, moves and widens the columns of the inventory, for this session.",
        |_| Ok(Command::Inventory(InventoryCommand::Columns)),
    ),
    ActionSpec {
        arguments: &[required("what", "what to do with the column", COLUMN_CHANGES)],
        available: available::with_columns,
        ..action("columns.change", "Change the column", "Changes the column under the cursor.", |arguments| {
            let command = match text(arguments, "what")?.as_str() {
                "toggle" => ColumnCommand::Toggle,
                "later" => ColumnCommand::Move(Direction::Next),
                "earlier" => ColumnCommand::Move(Direction::Previous),
                "wider" => ColumnCommand::Wider,
                "narrower" => ColumnCommand::Narrower,
                "sort" => ColumnCommand::Sort,
                "reset" => ColumnCommand::Reset,
                other => return Err(unknown("change of a column", other, COLUMN_WORDS.iter().copied())),
            };
            Ok(Command::Inventory(InventoryCommand::Column(command)))
        })
    },
    action(
        "inventory.sort",
        "Order by the next column",
        "Orders the inventory by the next of its columns; behind the last comes the order of worry again.",
        |_| Ok(Command::Inventory(InventoryCommand::Sort)),
    ),
    action("inventory.reverse", "Turn the order round", "Turns the order of the inventory round.", |_| {
        Ok(Command::Inventory(InventoryCommand::Reverse))
    }),
    action(
        "inventory.group",
        "Group the inventory",
        "Groups the inventory by project, owner, tier, state of life, or nothing, one after the other.",
        |_| Ok(Command::Inventory(InventoryCommand::Group)),
    ),
    action("inventory.fold", "Fold the group", "Folds the group at the cursor, or opens it again.", |_| {
        Ok(Command::Inventory(InventoryCommand::Fold))
    }),
    action("inventory.fold-all", "Fold all groups", "Folds all groups, or opens them again.", |_| {
        Ok(Command::Inventory(InventoryCommand::FoldAll))
    }),
    ActionSpec {
        arguments: &[required("preset", "a filter of quarterdeck.toml", ArgumentKind::Preset)],
        available: available::with_presets,
        ..action(
            "inventory.preset",
            "Filter by a preset",
            "Filters the inventory by a preset of quarterdeck.toml.",
            |arguments| Ok(Command::Inventory(InventoryCommand::Preset(text(arguments, "preset")?))),
        )
    },
    // Plans and forms
    ActionSpec {
        available: available::with_plan,
        ..action("plan.confirm", "Confirm the plan", "Runs the plan that is shown.", |_| {
            Ok(Command::Plan(PlanCommand::Confirm))
        })
    },
    ActionSpec {
        available: available::with_plan,
        ..action("plan.focus", "Cancel or Run", "Moves between the Cancel and Run buttons.", |_| {
            Ok(Command::Plan(PlanCommand::Focus))
        })
    },
    ActionSpec {
        available: available::with_plan,
        ..action("plan.press", "Press the button", "Presses the focused button.", |_| {
            Ok(Command::Plan(PlanCommand::Press))
        })
    },
    ActionSpec {
        available: available::with_form,
        ..action("form.next", "Next field", "Moves to the next field.", |_| {
            Ok(Command::Form(FormCommand::Field(Direction::Next)))
        })
    },
    ActionSpec {
        available: available::with_form,
        ..action("form.previous", "Previous field", "Moves to the previous field.", |_| {
            Ok(Command::Form(FormCommand::Field(Direction::Previous)))
        })
    },
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::with_form,
        ..action("form.choose", "Choose", "Takes the next or previous choice of the field.", |arguments| {
            Ok(Command::Form(FormCommand::Choose(direction(arguments)?)))
        })
    },
    // The dependency graph
    ActionSpec {
        cli: &["graph"],
        arguments: &[
            maybe("service", "the service in the middle; the whole graph unless said", ArgumentKind::Service),
            optional(
                "format",
                "text, dot, mermaid or json; as --output unless said",
                ArgumentKind::Choice(&["text", "dot", "mermaid", "json"]),
            ),
            optional("depth", "how many steps from the service; to the end unless said", ArgumentKind::Text),
            optional("direction", "dependencies, dependants or both; both unless said", WAYS),
        ],
        available: available::with_catalog,
        ..action(
            "graph.show",
            "Dependency graph",
            "Who needs whom, around one service or as a whole.",
            questions::graph_show,
        )
    },
    ActionSpec {
        available: available::in_graph,
        ..action(
            "graph.map",
            "Whole map or neighbourhood",
            "Shows the whole dependency graph, or what is near one service.",
            |_| Ok(Command::Graph(GraphCommand::Map)),
        )
    },
    ActionSpec {
        arguments: &[required("direction", "dependencies or dependants", WAYS)],
        available: available::in_graph,
        ..action(
            "graph.walk",
            "Walk along an edge",
            "Goes to what needs the service, or to what it needs.",
            |a| Ok(Command::Graph(GraphCommand::Walk(questions::way(a)?))),
        )
    },
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::in_graph,
        ..action(
            "graph.depth",
            "Reach further",
            "Shows one step more, or less, around the service.",
            |arguments| Ok(Command::Graph(GraphCommand::Depth(direction(arguments)?))),
        )
    },
    ActionSpec {
        available: available::in_graph,
        ..action("graph.fold", "Fold", "Folds or unfolds the group of leaves under the cursor.", |_| {
            Ok(Command::Graph(GraphCommand::Fold))
        })
    },
    ActionSpec {
        cli: &["impact"],
        arguments: &[
            maybe("service", "NAME, or NAME@VERSION for another version", ArgumentKind::Service),
            optional(
                "base",
                "a Git revision: what the working tree (or --rev) changes since",
                ArgumentKind::Text,
            ),
            optional("rev", "a Git revision instead of the working tree, with --base", ArgumentKind::Text),
        ],
        available: available::with_service,
        ..action(
            "impact",
            "What falls if this falls",
            "Who is harmed if a service falls, goes to another version, or a change is merged: services, projects, owners and promises.",
            questions::impact,
        )
    },
    // Reports
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
    // What acts
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
        cli: &["change", "propose"],
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
                Ok(Command::Change(ChangeCommand::Propose(Transition {
                    service: text(arguments, "service")?.as_str().into(),
                    to: status(&text(arguments, "status")?)?,
                })))
            },
        )
    },
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
        available: available::with_incident,
        ..action("incident.ack", "Acknowledge the incident", "Says that you have taken it.", |arguments| {
            Ok(Command::Incident(IncidentCommand::Acknowledge(text(arguments, "incident")?.into())))
        })
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

pub(super) fn text(arguments: &Arguments, name: &str) -> Result<String, Failure> {
    match arguments.get(name).map(|value| value.trim()) {
        Some(value) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err(Failure::usage(format!("`{name}` is missing"))),
    }
}

pub(super) fn unknown<'a>(what: &str, given: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known: Vec<&str> = known.collect();
    let failure = Failure::usage(format!("there is no {what} `{given}`"));
    match nearest(given, known.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if known.len() <= 8 => failure.hint(format!("choose one of {}", known.join(", "))),
        None => failure,
    }
}

#[cfg(test)]
mod tests;
