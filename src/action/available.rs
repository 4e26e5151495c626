//! When an action can run, and why it cannot.

use super::spec::Availability;
use crate::{
    domain::lifecycle::Lifecycle,
    model::{Model, layout::Pane, ui::Overlay},
};

/// Always.
pub fn always(_: &Model) -> Availability {
    Availability::Yes
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

/// Where something may be changed.
pub fn writable(model: &Model) -> Availability {
    unless(!model.config.read_only, || "this console is read-only (--read-only)".to_owned())
}

/// With a service under the cursor that runs in the environment looked at, which may be changed.
pub fn rollback(model: &Model) -> Availability {
    if let Availability::No(reason) = writable(model) {
        return Availability::No(reason);
    }
    let Some(environment) = model.environment() else {
        return Availability::No(
            "no environment is defined: add [environment.NAME] to quarterdeck.toml".to_owned(),
        );
    };
    if environment.read_only {
        return Availability::No(format!("{} is read-only (quarterdeck.toml)", environment.name));
    }
    let Some(row) = model.ui.selected.as_ref().and_then(|name| model.world.joined.service(name.as_str()))
    else {
        return Availability::No("no service is selected".to_owned());
    };
    if row.service.status == Lifecycle::Retired {
        return Availability::No(format!("{} is retired", row.service.name));
    }
    unless(row.place(environment.name.as_str()).is_some(), || {
        format!("{} does not run in {}", row.service.name, environment.name)
    })
}

/// With a change under the cursor.
pub fn with_change(model: &Model) -> Availability {
    unless(model.selected_change().is_some(), || "no change is selected: choose one in pane 3".to_owned())
}

/// With a change that may be approved.
pub fn approve(model: &Model) -> Availability {
    match writable(model) {
        Availability::Yes => with_change(model),
        no @ Availability::No(_) => no,
    }
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
