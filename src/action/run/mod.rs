//! What commands do to the model, one file per family. Everything here is synchronous and does no I/O.

mod agent;
mod break_glass;
mod calendar;
mod change;
mod cross;
mod cursor;
mod deployment;
mod graph;
mod impact;
mod incident;
mod inspect;
mod inventory;
mod merge;
mod notice;
mod plan;
mod propose;
mod review;
mod service;
mod typing;
mod verb;
mod view;

pub use calendar::page_click;
pub use change::find as find_change;
pub use cross::table_click;
pub use cursor::{refresh_lists, select};
pub use deployment::{deployment_planned, release_gate_for, strategy_words};
pub use graph::graph_click;
pub use impact::impact_found;
pub use inspect::inspected;
pub use merge::landing_planned;
pub use plan::{confirmed, finished, open_plan};
pub use propose::{announcement_planned, proposal_planned};
pub use review::{gate_for, questions};
pub use service::{place, rollback_planned};
pub use typing::{is_typing, type_character};
pub use verb::verb_planned;
pub use view::close;

use super::{
    command::{AppCommand, Command, FormCommand, LedgerCommand, Report},
    registry,
    spec::{ArgumentKind, ArgumentSpec, Arguments, Availability},
};
use crate::{
    config::key::Key,
    domain::{
        cross_project::Table,
        escalation::Severity,
        notice::NoticeEvent,
        plan::{Step, Validation},
    },
    error::{Failure, FailureKind},
    model::{
        Ending, Model,
        effect::{Effect, Effects, ValidationRequest},
        jobs::{JobId, JobState},
        layout::Pane,
        ui::{FormField, Notice, NoticeKind, Overlay, TextInput},
    },
};

/// Runs an action by name: fills its arguments from the selection, asks for what is missing, or says
/// why it cannot run. `opened_by` is the key that asked, which will then confirm nothing.
pub fn invoke(model: &mut Model, id: &str, mut arguments: Arguments, opened_by: Option<Key>) -> Effects {
    let Some(action) = registry::find(id) else {
        say(model, NoticeKind::Error, format!("there is no action `{id}`"));
        return Effects::none();
    };
    if let Availability::No(reason) = registry::availability(action, model) {
        say(model, NoticeKind::Warning, format!("{}: {reason}", action.title));
        return Effects::none();
    }
    registry::complete(action, &mut arguments, model);
    let missing = registry::missing(action, &arguments);
    let asked = (action.asks)(model, &arguments)
        .filter(|asked| asked.names.iter().any(|name| !arguments.contains_key(name)));
    if !missing.is_empty() || asked.is_some() || action.form.is_some() {
        let is_asked = |name: &str| asked.is_some_and(|asked| asked.names.contains(&name));
        let absent = |spec: &ArgumentSpec| {
            missing.iter().any(|absent| absent.name == spec.name)
                || is_asked(spec.name) && !arguments.contains_key(spec.name)
        };
        // What the selection filled needs no second look; the first question is behind it.
        let named = action.arguments.iter().filter(|spec| spec.positional).count();
        let focus = action.arguments.iter().position(absent).unwrap_or(named);
        if let Some(present) = action.form {
            arguments = present(model, &arguments);
        }
        let fields = action
            .arguments
            .iter()
            .map(|spec| {
                let mut choices = registry::choices(spec.kind, model);
                let required =
                    spec.required || asked.is_some_and(|asked| asked.required) && is_asked(spec.name);
                let is_flag = spec.kind == ArgumentKind::Flag;
                let given = arguments.get(spec.name).filter(|_| action.form.is_some());
                if let Some(now) = given.filter(|now| !choices.is_empty() && !choices.contains(now)) {
                    choices.insert(0, now.clone());
                }
                let text = arguments.get(spec.name).cloned().or_else(|| {
                    // A choice always has a value, so that Enter alone goes on.
                    spec.required.then(|| choices.first().cloned()).flatten()
                });
                // What may stay empty can be made empty again; and where there is nothing to choose, nothing can be typed.
                if registry::is_closed(spec.kind) && !is_flag && (!required || choices.is_empty()) {
                    choices.insert(0, String::new());
                }
                FormField {
                    name: spec.name,
                    help: spec.help,
                    required,
                    input: TextInput::new(text.unwrap_or_default()),
                    choices,
                }
            })
            .collect();
        let overlay = Overlay::Form { action: action.id, title: action.title, fields, focus, problem: None };
        model.ui.overlays.push(overlay);
        return Effects::none();
    }
    let result = (action.build)(&arguments).and_then(|command| execute(model, command, opened_by));
    or_say(model, result)
}

/// What a command wants done; a refusal is said at the bottom.
pub fn or_say(model: &mut Model, result: Result<Effects, Failure>) -> Effects {
    result.unwrap_or_else(|failure| {
        say_failure(model, &failure);
        Effects::none()
    })
}

/// Executes a command, or says why it is refused.
pub fn execute(model: &mut Model, command: Command, opened_by: Option<Key>) -> Result<Effects, Failure> {
    model.dirty = true;
    // Keys ask for availability before; whoever builds a command by other means meets the same wall.
    if model.config.read_only && command.acts() {
        return Err(Failure::refused("this console is read-only; nothing was done")
            .hint("leave out --read-only, or `read_only` in the settings file"));
    }
    Ok(match command {
        Command::App(AppCommand::Quit) => quit(model),
        Command::App(AppCommand::Refresh) => {
            say(model, NoticeKind::Info, "reading every source again");
            Effects::one(Effect::Refresh)
        }
        Command::View(command) => view::view(model, &command, opened_by)?,
        Command::Cursor(command) => {
            cursor::cursor(model, command);
            Effects::none()
        }
        Command::Inventory(command) => {
            inventory::run(model, &command)?;
            Effects::none()
        }
        Command::Plan(command) => plan::command(model, command),
        Command::Form(command) => {
            if command == FormCommand::Submit {
                return typing::submit_form(model, opened_by);
            }
            typing::form(model, command);
            Effects::none()
        }
        Command::Report(report) => {
            let table = match report {
                Report::Usage => Some(Table::Usage),
                Report::Compliance => Some(Table::Compliance),
                Report::Migrations => Some(Table::Migrations),
                _ => None,
            };
            let pane = match report {
                Report::Usage | Report::Compliance | Report::Migrations => Pane::CrossProject,
                Report::Services => Pane::Inventory,
                Report::Changes => Pane::Changes,
                Report::Sla => Pane::Sla,
                Report::Incidents | Report::Briefing => Pane::Escalation,
            };
            view::focus(model, pane);
            if let Some(table) = table {
                cross::turn_to(model, table);
            }
            Effects::none()
        }
        Command::Validate { revision, base } => {
            let (subject, request) = match revision {
                None => ("the working tree".to_owned(), ValidationRequest::WorkingTree { base }),
                Some(head) => (head.clone(), ValidationRequest::Revision { head, base }),
            };
            validate(model, &subject, request)
        }
        Command::Impact(request) => impact::ask(model, request),
        Command::Graph(command) => {
            graph::run(model, command)?;
            Effects::none()
        }
        Command::Change(command) => change::run(model, command, opened_by)?,
        Command::Calendar(command) => {
            calendar::run(model, &command);
            Effects::none()
        }
        Command::Glass(command) => break_glass::run(model, command, opened_by)?,
        Command::Land(request) => merge::run(model, request, opened_by),
        Command::Service(command) => service::run(model, command, opened_by)?,
        Command::Deployment(command) => deployment::run(model, command, opened_by)?,
        Command::Inspect(command) => {
            inspect::run(model, command)?;
            Effects::none()
        }
        Command::Incident(command) => incident::run(model, command, opened_by)?,
        Command::Notice(command) => notice::run(model, command, opened_by)?,
        Command::Agent(command) => agent::run(model, command, opened_by)?,
        Command::Ledger(LedgerCommand::Log { .. }) => {
            view::focus(model, Pane::Escalation);
            Effects::none()
        }
        Command::Ledger(LedgerCommand::Sync) => {
            // Whoever fetches also writes what waits.
            say(model, NoticeKind::Info, "bringing the ledger and its remote together");
            Effects::one(Effect::Refresh)
        }
        Command::Teams => {
            return Err(Failure::refused("teams are compared on the command line")
                .hint("run `quarterdeck forge teams`"));
        }
        Command::Ledger(LedgerCommand::Verify) => {
            return Err(Failure::refused("the ledger is verified on the command line")
                .hint("run `quarterdeck ledger verify`"));
        }
    })
}

/// The step of a plan that tells people outside of the console; `None` where nobody wants to hear.
fn tell_step(
    model: &Model,
    event: NoticeEvent,
    severity: Option<Severity>,
    calls: &[String],
) -> Option<Step> {
    let catalog = model.world.catalog.value.as_ref()?;
    let wanted: Vec<String> = catalog
        .settings
        .channels
        .iter()
        .filter(|channel| channel.hears(event, severity, calls))
        .map(|channel| format!("{} ({})", channel.name, channel.kind.as_str()))
        .collect();
    (!wanted.is_empty()).then(|| Step { title: "tell".to_owned(), object: wanted.join(", ") })
}

/// Starts a validation; its findings open as an overlay.
fn validate(model: &mut Model, subject: &str, request: ValidationRequest) -> Effects {
    let opened = model.jobs.open(
        format!("validate/{subject}"),
        format!("validate {subject}"),
        JobState::Running,
        model.now,
    );
    if let Ok(job) = opened {
        Effects::one(Effect::Validate(job, request))
    } else {
        say(model, NoticeKind::Info, format!("{subject} is being validated already"));
        Effects::none()
    }
}

/// Shows what a validation found.
pub fn validated(model: &mut Model, job: JobId, result: Result<Validation, Failure>) {
    model.dirty = true;
    model.jobs.forget(job);
    match result {
        Ok(validation) => {
            model.ui.overlays.retain(|overlay| !matches!(overlay, Overlay::Findings { .. }));
            model.ui.overlays.push(Overlay::Findings { validation, cursor: 0 });
        }
        Err(failure) => say_failure(model, &failure),
    }
}

/// How soon a second `quit` counts as insisting.
const INSIST_WITHIN_SECONDS: i64 = 5;

fn quit(model: &mut Model) -> Effects {
    let working: Vec<&str> = model
        .jobs
        .running()
        .filter(|job| job.state == JobState::Running && job.plan.is_some())
        .map(|job| job.title.as_str())
        .collect();
    let warned = model.ui.notice.as_ref().is_some_and(|notice| {
        notice.text.starts_with("still running")
            && (model.now - notice.at).num_seconds() < INSIST_WITHIN_SECONDS
    });
    if working.is_empty() || warned {
        model.ending = Some(Ending::Asked);
    } else {
        let text = format!("still running: {}; quit again to leave it unwatched", working.join(", "));
        say(model, NoticeKind::Warning, text);
    }
    Effects::none()
}

/// Says something at the bottom.
pub fn say(model: &mut Model, kind: NoticeKind, text: impl Into<String>) {
    model.dirty = true;
    model.ui.notice = Some(Notice { kind, text: text.into(), at: model.now });
}

/// Says that something failed, and why.
pub fn say_failure(model: &mut Model, failure: &Failure) {
    let kind = match failure.kind {
        FailureKind::Refused | FailureKind::Conflict | FailureKind::Usage => NoticeKind::Warning,
        _ => NoticeKind::Error,
    };
    say(model, kind, failure.render());
}
