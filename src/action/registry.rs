//! The table of all actions. A new action is one row here.

use super::{
    available,
    command::{
        AppCommand, ChangeCommand, Command, CursorCommand, Direction, FormCommand, IncidentCommand,
        PlanCommand, Report, ServiceCommand, ViewCommand,
    },
    spec::{ActionSpec, ArgumentKind, ArgumentSpec, Arguments, Availability},
};
use crate::{
    domain::{escalation::Severity, gate::Gate, plan::Risk, text::nearest},
    error::Failure,
    model::{Model, layout::Pane},
};

const fn required(name: &'static str, help: &'static str, kind: ArgumentKind) -> ArgumentSpec {
    ArgumentSpec { name, help, kind, required: true, positional: false }
}

const fn optional(name: &'static str, help: &'static str, kind: ArgumentKind) -> ArgumentSpec {
    ArgumentSpec { name, help, kind, required: false, positional: false }
}

const fn positional(name: &'static str, help: &'static str, kind: ArgumentKind) -> ArgumentSpec {
    ArgumentSpec { name, help, kind, required: true, positional: true }
}

const DIRECTIONS: ArgumentKind = ArgumentKind::Choice(&["next", "previous"]);

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
        arguments: &[required("pane", "inventory, graph, changes, sla or escalation", ArgumentKind::Text)],
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
    // Reports
    ActionSpec {
        cli: &["service", "list"],
        ..action("service.list", "Services", "Services with what should run, what runs and how.", |_| {
            Ok(Command::Report(Report::Services))
        })
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
        ..action("ledger.log", "Ledger", "Every event of the ledger, the newest first.", |_| {
            Ok(Command::Report(Report::Ledger))
        })
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
        arguments: &[positional("change", "the change's id", ArgumentKind::Change)],
        available: available::with_change,
        ..action(
            "change.validate",
            "Validate the change",
            "Checks the change's head against its merge base.",
            |arguments| Ok(Command::Change(ChangeCommand::Validate(text(arguments, "change")?.into()))),
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

/// The action of an id or alias.
pub fn find(id: &str) -> Option<&'static ActionSpec> {
    ACTIONS.iter().find(|action| action.id == id || action.aliases.contains(&id))
}

/// Reads an action with its arguments, as keymaps write them: `view.focus inventory`. Arguments are
/// separated by blanks, in the order of the action's list.
///
/// # Errors
/// A usage failure that names the nearest action, or the argument that is too much.
pub fn parse(run: &str) -> Result<(&'static ActionSpec, Arguments), Failure> {
    let mut words = run.split_whitespace();
    let id = words.next().unwrap_or_default();
    let action = find(id).ok_or_else(|| {
        unknown(
            "action",
            id,
            ACTIONS.iter().flat_map(|action| action.aliases.iter().copied().chain([action.id])),
        )
    })?;
    let mut arguments = Arguments::new();
    let mut specs = action.arguments.iter();
    for word in words {
        let spec = specs
            .next()
            .ok_or_else(|| Failure::usage(format!("`{}` takes no argument `{word}`", action.id)))?;
        arguments.insert(spec.name, word.to_owned());
    }
    // What a keymap gives is checked when it is loaded, as far as it is given.
    if arguments.len() == action.arguments.len() && !arguments.is_empty() {
        (action.build)(&arguments)?;
    }
    Ok((action, arguments))
}

/// Fills missing arguments from what the person looks at.
pub fn complete(action: &ActionSpec, arguments: &mut Arguments, model: &Model) {
    for spec in action.arguments {
        if arguments.contains_key(spec.name) {
            continue;
        }
        let value = match spec.kind {
            ArgumentKind::Service => model.ui.selected.as_ref().map(ToString::to_string),
            ArgumentKind::Environment => model.environment().map(|environment| environment.name.to_string()),
            ArgumentKind::Change => model.selected_change().map(|change| change.proposal.id.to_string()),
            ArgumentKind::Incident => model.selected_incident().map(|incident| incident.id.to_string()),
            _ => None,
        };
        if let Some(value) = value {
            arguments.insert(spec.name, value);
        }
    }
}

/// The arguments that are required and still missing.
pub fn missing<'a>(action: &'a ActionSpec, arguments: &Arguments) -> Vec<&'a ArgumentSpec> {
    action.arguments.iter().filter(|spec| spec.required && !arguments.contains_key(spec.name)).collect()
}

/// What can be chosen for an argument.
pub fn choices(kind: ArgumentKind, model: &Model) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    let catalog = model.world.catalog.value.as_deref();
    match kind {
        ArgumentKind::Text | ArgumentKind::Service => Vec::new(),
        ArgumentKind::Environment => catalog
            .iter()
            .flat_map(|catalog| &catalog.settings.environments)
            .map(|e| e.name.to_string())
            .collect(),
        ArgumentKind::Change => {
            model.world.joined.changes.iter().map(|c| c.proposal.id.to_string()).collect()
        }
        ArgumentKind::Gate => words(&Gate::ALL.map(Gate::as_str)),
        ArgumentKind::Severity => words(&Severity::ALL.map(Severity::as_str)),
        ArgumentKind::Incident => model.world.joined.incidents.iter().map(|i| i.id.to_string()).collect(),
        ArgumentKind::Choice(choices) => words(choices),
    }
}

/// Whether an action can run now: its own answer, when nothing that it needs was named.
pub fn availability(action: &ActionSpec, model: &Model) -> Availability {
    (action.available)(model)
}

fn text(arguments: &Arguments, name: &str) -> Result<String, Failure> {
    match arguments.get(name).map(|value| value.trim()) {
        Some(value) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err(Failure::usage(format!("`{name}` is missing"))),
    }
}

fn direction(arguments: &Arguments) -> Result<Direction, Failure> {
    match text(arguments, "direction")?.as_str() {
        "next" => Ok(Direction::Next),
        "previous" => Ok(Direction::Previous),
        other => Err(unknown("direction", other, ["next", "previous"].into_iter())),
    }
}

fn severity(word: &str) -> Result<Severity, Failure> {
    Severity::parse(word)
        .ok_or_else(|| unknown("severity", word, Severity::ALL.into_iter().map(Severity::as_str)))
}

fn unknown<'a>(what: &str, given: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known: Vec<&str> = known.collect();
    let failure = Failure::usage(format!("there is no {what} `{given}`"));
    match nearest(given, known.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if known.len() <= 8 => failure.hint(format!("choose one of {}", known.join(", "))),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_name_of_its_own_and_says_what_it_does() {
        let mut names: Vec<&str> =
            ACTIONS.iter().flat_map(|action| action.aliases.iter().copied().chain([action.id])).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "two actions share a name");
        for action in ACTIONS {
            assert!(!action.title.is_empty() && action.doc.ends_with('.'), "{}", action.id);
            let first_option = action.arguments.iter().position(|spec| !spec.positional);
            let last_positional = action.arguments.iter().rposition(|spec| spec.positional);
            assert!(
                first_option.zip(last_positional).is_none_or(|(option, position)| option > position),
                "{}",
                action.id
            );
        }
    }

    #[test]
    fn keymap_texts_are_read_and_wrong_ones_are_explained() {
        let (action, arguments) = parse("view.focus 3").unwrap();
        assert_eq!((action.build)(&arguments).unwrap(), Command::View(ViewCommand::Focus(Pane::Changes)));
        for (text, message, hint) in [
            ("cursor.dwn", "there is no action `cursor.dwn`", "did you mean `cursor.down`?"),
            ("view.focus inventry", "there is no pane `inventry`", "did you mean `inventory`?"),
            ("app.quit now", "`app.quit` takes no argument `now`", ""),
        ] {
            let failure = parse(text).err().unwrap();
            assert_eq!(failure.message, message);
            assert_eq!(failure.hints.first().map_or("", String::as_str), hint);
        }
    }
}
