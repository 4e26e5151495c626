//! Finding an action by name, reading it as keymaps write it, and filling in what is not given.

use super::{all, unknown};
use crate::{
    action::{
        run::{gate_for, release_gate_for},
        spec::{ActionSpec, ArgumentKind, ArgumentSpec, Arguments, Availability},
    },
    domain::{
        deployment::gate::ReleaseGate,
        escalation::Severity,
        gate::Gate,
        lifecycle,
        name::ServiceName,
        text::{clean, nearest},
    },
    error::Failure,
    model::Model,
};

/// The action of an id or alias.
pub fn find(id: &str) -> Option<&'static ActionSpec> {
    all().find(|action| action.id == id || action.aliases.contains(&id))
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
        unknown("action", id, all().flat_map(|action| action.aliases.iter().copied().chain([action.id])))
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
            ArgumentKind::Service => model.subject().map(ToString::to_string),
            ArgumentKind::Services => match model.marked_services().as_slice() {
                [] => model.subject().map(ToString::to_string),
                marked => Some(marked.join(",")),
            },
            ArgumentKind::Environment => {
                model.meant_environment().map(|environment| environment.name.to_string())
            }
            ArgumentKind::Change => model.selected_change_id().map(str::to_owned),
            ArgumentKind::Gate => model.selected_change().map(|change| gate_for(model, change).to_string()),
            ArgumentKind::Incident | ArgumentKind::AnyIncident => {
                model.selected_incident().map(|incident| incident.id.to_string())
            }
            ArgumentKind::Deployment => model.selected_deployment().map(|record| record.id.to_string()),
            ArgumentKind::ReleaseGate => release_gate_for(model).map(|gate| gate.to_string()),
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
        ArgumentKind::Text | ArgumentKind::AnyIncident | ArgumentKind::Service | ArgumentKind::Services => {
            Vec::new()
        }
        ArgumentKind::Environment => catalog
            .iter()
            .flat_map(|catalog| &catalog.settings.environments)
            .map(|e| e.name.to_string())
            .collect(),
        ArgumentKind::Change => {
            model.world.joined.changes.iter().map(|c| c.proposal.id.to_string()).collect()
        }
        ArgumentKind::Gate => words(&Gate::ALL.map(Gate::as_str)),
        ArgumentKind::ReleaseGate => words(&ReleaseGate::APPROVED.map(ReleaseGate::as_str)),
        ArgumentKind::Severity => words(&Severity::ALL.map(Severity::as_str)),
        ArgumentKind::Status => model
            .subject()
            .and_then(|name| model.world.joined.service(name.as_str()))
            .map(|row| lifecycle::next(row.service.status))
            .unwrap_or_default()
            .iter()
            .map(|step| step.to.to_string())
            .collect(),
        ArgumentKind::Preset => {
            catalog.iter().flat_map(|catalog| catalog.settings.presets.keys().cloned()).collect()
        }
        ArgumentKind::Incident => model.world.joined.incidents.iter().map(|i| i.id.to_string()).collect(),
        ArgumentKind::Deployment => model
            .world
            .ledger
            .value
            .iter()
            .flat_map(|ledger| ledger.operations.open_deployments())
            .map(|record| record.id.to_string())
            .collect(),
        ArgumentKind::Flag => words(&["false", "true"]),
        ArgumentKind::Choice(choices) => words(choices),
    }
}

/// The names of an argument that may name several.
pub fn names(words: &str) -> impl Iterator<Item = &str> {
    words.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty())
}

/// Whether only what [`choices`] gives may be written for an argument.
pub const fn is_closed(kind: ArgumentKind) -> bool {
    !matches!(
        kind,
        ArgumentKind::Text | ArgumentKind::AnyIncident | ArgumentKind::Service | ArgumentKind::Services
    )
}

/// What is wrong with an argument that names what does not exist. Services are too many to be chosen one after the
/// other, so that they are typed; this is where a name that nobody has is met.
pub fn unknown_word(action: &ActionSpec, arguments: &Arguments, model: &Model) -> Option<String> {
    let catalog = model.world.catalog.value.as_deref()?;
    let named = action
        .arguments
        .iter()
        .filter(|spec| matches!(spec.kind, ArgumentKind::Service | ArgumentKind::Services));
    named.filter_map(|spec| arguments.get(spec.name)).flat_map(|words| names(words)).find_map(|word| {
        // `NAME@VERSION` asks about another version.
        let name = word.split_once('@').map_or(word, |(name, _)| name);
        if catalog.services.contains_key(name) {
            return None;
        }
        let known = catalog.services.keys().map(ServiceName::as_str);
        let meant = nearest(name, known).map_or_else(String::new, |meant| format!(": did you mean {meant}?"));
        Some(format!("no service is called {}{meant}", clean(name)))
    })
}

/// Whether an action can run now: its own answer, when nothing that it needs was named.
pub fn availability(action: &ActionSpec, model: &Model) -> Availability {
    (action.available)(model)
}
