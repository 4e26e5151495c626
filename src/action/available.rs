//! When an action can run, and why it cannot.

use super::spec::Availability;
use crate::{
    domain::{
        break_glass,
        deployment::{order::Stage, record::DeploymentRecord, verb::Verb},
        leadership::AgentState,
        lifecycle::{self, Lifecycle},
    },
    model::{Model, layout::Pane, ui::Overlay},
};

/// Always.
pub fn always(_: &Model) -> Availability {
    Availability::Yes
}

/// Never in a console.
pub fn on_the_command_line(_: &Model) -> Availability {
    Availability::No("it is a command: `quarterdeck ledger verify`".to_owned())
}

/// Never in a console.
pub fn teams(_: &Model) -> Availability {
    Availability::No("it is a command: `quarterdeck forge teams`".to_owned())
}

fn unless(holds: bool, reason: impl FnOnce() -> String) -> Availability {
    if holds { Availability::Yes } else { Availability::No(reason()) }
}

/// With a catalog.
pub fn with_catalog(model: &Model) -> Availability {
    unless(model.world.catalog.value.is_some(), || match &model.world.catalog.failure {
        Some(failure) => failure.to_string(),
        None => "the control repository is still being read".to_owned(),
    })
}

/// With the keys in the dependency graph.
pub fn in_graph(model: &Model) -> Availability {
    unless(model.ui.focus == Pane::Graph, || {
        "the dependency graph does not have the keys: press 2".to_owned()
    })
}

/// Where something may be changed.
pub fn writable(model: &Model) -> Availability {
    unless(!model.config.read_only, || "this console is read-only (--read-only)".to_owned())
}

/// While there is no agent, where something may be changed.
pub fn assume(model: &Model) -> Availability {
    if let no @ Availability::No(_) = writable(model) {
        return no;
    }
    if let no @ Availability::No(_) = with_catalog(model) {
        return no;
    }
    let view = model.world.agent.value.as_ref();
    let there = view.filter(|view| matches!(view.state(model.now).0, AgentState::Alive | AgentState::Stuck));
    there.map_or(Availability::Yes, |view| {
        let holder = view.record.as_ref().map_or("", |record| record.holder.as_str());
        Availability::No(if view.is_here {
            "this console is the agent already".to_owned()
        } else {
            format!("there is an agent: {holder}")
        })
    })
}

/// While this console is the agent.
pub fn give_up(model: &Model) -> Availability {
    let here = model.world.agent.value.as_ref().is_some_and(|view| view.is_here);
    unless(here, || "this console is not the agent".to_owned())
}

/// With a service under the cursor that runs in the environment that is meant, which may be changed.
pub fn rollback(model: &Model) -> Availability {
    if let Availability::No(reason) = writable(model) {
        return Availability::No(reason);
    }
    let Some(environment) = model.meant_environment() else {
        return Availability::No(
            "no environment is defined: add [environment.NAME] to quarterdeck.toml".to_owned(),
        );
    };
    if environment.read_only {
        return Availability::No(format!("{} is read-only (quarterdeck.toml)", environment.name));
    }
    let Some(row) = model.subject().and_then(|name| model.world.joined.service(name.as_str())) else {
        return Availability::No("no service is selected".to_owned());
    };
    if row.service.status == Lifecycle::Retired {
        return Availability::No(format!("{} is retired", row.service.name));
    }
    unless(row.place(environment.name.as_str()).is_some(), || {
        format!("{} does not run in {}", row.service.name, environment.name)
    })
}

/// With marked services, or one under the cursor, that all run in the environment looked at, which may be changed.
pub fn rollback_marked(model: &Model) -> Availability {
    let marked = model.marked_services();
    let environment = model.environment().filter(|environment| !environment.read_only);
    let (Some(environment), false, Availability::Yes) = (environment, marked.is_empty(), writable(model))
    else {
        return rollback(model);
    };
    let runs = |name: &&String| {
        let row = model.world.joined.service(name);
        row.is_some_and(|row| row.place(environment.name.as_str()).is_some())
    };
    match marked.iter().find(|name| !runs(name)) {
        Some(name) => Availability::No(format!("{name} is marked and does not run in {}", environment.name)),
        None => Availability::Yes,
    }
}

/// With a service under the cursor that runs in the environment that is meant.
pub fn inspect(model: &Model) -> Availability {
    let Some(environment) = model.meant_environment() else {
        return Availability::No(
            "no environment is defined: add [environment.NAME] to quarterdeck.toml".to_owned(),
        );
    };
    let Some(row) = model.subject().and_then(|name| model.world.joined.service(name.as_str())) else {
        return Availability::No("no service is selected".to_owned());
    };
    unless(row.place(environment.name.as_str()).is_some(), || {
        format!("{} does not run in {}", row.service.name, environment.name)
    })
}

/// While pods, events or a log are looked at.
pub fn inspecting(model: &Model) -> Availability {
    unless(matches!(model.ui.overlays.last(), Some(Overlay::Inspect(_))), || {
        "no pods are looked at: open a service and press p".to_owned()
    })
}

/// As for a rollback, and with what manages the service being able to.
pub fn verb(model: &Model, verb: Verb) -> Availability {
    if let Availability::No(reason) = rollback(model) {
        return Availability::No(reason);
    }
    let row = model.subject().and_then(|name| model.world.joined.service(name.as_str()));
    match row.and_then(|row| verb.refused_for(row.service.deployment.managed_by)) {
        Some(why) => Availability::No(why.to_owned()),
        None => Availability::Yes,
    }
}

/// With a service under the cursor.
pub fn with_service(model: &Model) -> Availability {
    unless(model.subject().is_some(), || "no service is selected".to_owned())
}

/// With a service whose file may be edited.
pub fn edit(model: &Model) -> Availability {
    match writable(model) {
        Availability::Yes => with_service(model),
        no @ Availability::No(_) => no,
    }
}

/// With a service that may take a step in its life.
pub fn propose(model: &Model) -> Availability {
    if let no @ Availability::No(_) = edit(model) {
        return no;
    }
    let row = model.subject().and_then(|name| model.world.joined.service(name.as_str()));
    let ended = row.filter(|row| lifecycle::next(row.service.status).is_empty());
    ended.map_or(Availability::Yes, |row| {
        Availability::No(format!("{} is {}: there is no further step", row.service.name, row.service.status))
    })
}

/// With presets in the settings.
pub fn with_presets(model: &Model) -> Availability {
    let catalog = model.world.catalog.value.as_ref();
    unless(catalog.is_some_and(|catalog| !catalog.settings.presets.is_empty()), || {
        "there is no preset: add [preset.NAME] with a `filter` to quarterdeck.toml".to_owned()
    })
}

/// While columns are chosen.
pub fn with_columns(model: &Model) -> Availability {
    unless(matches!(model.ui.overlays.last(), Some(Overlay::Columns { .. })), || {
        "no columns are being chosen".to_owned()
    })
}

/// On the cross-project page.
pub fn on_cross_project(model: &Model) -> Availability {
    unless(model.ui.focus == Pane::CrossProject, || {
        "there are tables on the cross-project page only".to_owned()
    })
}

/// On the calendar.
pub fn on_calendar(model: &Model) -> Availability {
    unless(model.ui.focus == Pane::Calendar, || "the calendar is not open: press 7".to_owned())
}

/// On the pipeline.
pub fn on_pipeline(model: &Model) -> Availability {
    unless(model.ui.focus == Pane::Pipeline, || "the pipeline is not open: press 8".to_owned())
}

/// With a change under the cursor.
pub fn with_change(model: &Model) -> Availability {
    unless(model.selected_change().is_some(), || "no change is selected: choose one in pane 3".to_owned())
}

/// While a change's details are open.
pub fn in_change(model: &Model) -> Availability {
    unless(matches!(model.ui.overlays.last(), Some(Overlay::Change { .. })), || {
        "no change's details are open".to_owned()
    })
}

/// With a change that may be approved.
pub fn approve(model: &Model) -> Availability {
    match writable(model) {
        Availability::Yes => with_change(model),
        no @ Availability::No(_) => no,
    }
}

/// With a change that was merged past its gates.
pub fn settle(model: &Model) -> Availability {
    if let no @ Availability::No(_) = writable(model) {
        return no;
    }
    let ledger = model.world.ledger.value.as_ref();
    unless(ledger.is_some_and(|ledger| !break_glass::unsettled(&ledger.operations).is_empty()), || {
        "no change was merged past its gates and waits for a post-mortem".to_owned()
    })
}

/// With a main branch that does not validate, as far as is known.
pub fn restore(model: &Model) -> Availability {
    if let no @ Availability::No(_) = writable(model) {
        return no;
    }
    let main = model.world.main.value.as_deref();
    let sound = main.filter(|main| main.errors.is_empty());
    sound.map_or(Availability::Yes, |main| {
        Availability::No(format!("{} validates at {}", main.name, main.head.short()))
    })
}

/// With a change under the cursor whose validation may be told to a forge.
pub fn post(model: &Model) -> Availability {
    let forge = model.world.catalog.value.as_ref().is_some_and(|catalog| catalog.settings.forge.is_some());
    match approve(model) {
        Availability::Yes => unless(forge, || "no forge is set: add [forge] to quarterdeck.toml".to_owned()),
        no @ Availability::No(_) => no,
    }
}

/// With a deployment under the cursor.
pub fn with_deployment(model: &Model) -> Availability {
    unless(model.selected_deployment().is_some(), || {
        "no deployment is selected: choose one on page 9".to_owned()
    })
}

/// With a deployment under the cursor that may be steered: it is not over.
pub fn steer(model: &Model) -> Availability {
    if let no @ Availability::No(_) = writable(model) {
        return no;
    }
    match model.selected_deployment() {
        None => with_deployment(model),
        Some(record) => match &record.finished {
            Some(finished) => {
                Availability::No(format!("{} is over: {}", record.id, finished.ending.as_str()))
            }
            None => Availability::Yes,
        },
    }
}

/// With a deployment under the cursor that waits for its gates.
pub fn open_gate(model: &Model) -> Availability {
    if let no @ Availability::No(_) = steer(model) {
        return no;
    }
    let at_gates = |record: &DeploymentRecord| {
        let next = record.next_leg();
        next.is_some_and(|leg| leg.stage == Stage::Gates)
    };
    let past = model.selected_deployment().filter(|record| !at_gates(record));
    past.map_or(Availability::Yes, |record| {
        Availability::No(format!("{} does not wait for gates", record.id))
    })
}

/// With a deployment under the cursor that has touched nothing yet.
pub fn schedule(model: &Model) -> Availability {
    if let no @ Availability::No(_) = steer(model) {
        return no;
    }
    let begun = model.selected_deployment().filter(|record| record.is_exposed() || record.is_retreating());
    begun.map_or(Availability::Yes, |record| {
        Availability::No(format!("{} is under way: it has no other time any more", record.id))
    })
}

/// With an open incident under the cursor.
pub fn with_incident(model: &Model) -> Availability {
    if let Availability::No(reason) = writable(model) {
        return Availability::No(reason);
    }
    unless(model.selected_incident().is_some(), || {
        "no open incident is selected: choose one in pane 5".to_owned()
    })
}

/// With an open incident under the cursor that nobody has taken.
pub fn acknowledge(model: &Model) -> Availability {
    if let no @ Availability::No(_) = with_incident(model) {
        return no;
    }
    match model.selected_incident().and_then(|incident| incident.acknowledged.as_ref()) {
        Some((_, by)) => Availability::No(format!("it is acknowledged already, by {by}")),
        None => Availability::Yes,
    }
}

/// With a plan that waits.
pub fn with_plan(model: &Model) -> Availability {
    unless(matches!(model.ui.overlays.last(), Some(Overlay::Confirm { .. })), || {
        "no plan waits for confirmation".to_owned()
    })
}

/// With a form that waits.
pub fn with_form(model: &Model) -> Availability {
    unless(matches!(model.ui.overlays.last(), Some(Overlay::Form { .. })), || "no form is open".to_owned())
}

/// In a pane with rows.
pub fn with_rows(model: &Model) -> Availability {
    let empty = model.ui.overlays.is_empty() && model.ui.list(model.ui.focus).rows.is_empty();
    unless(!empty || model.ui.focus == Pane::Graph, || "this pane is empty".to_owned())
}
