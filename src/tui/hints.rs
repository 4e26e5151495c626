//! Which keys the bottom strip names: a handful that matter where the person is, as the keymap has them.

use crate::{
    action::{registry, spec::Availability},
    config::keymap::{Keymap, show},
    model::{
        Model,
        inspection::Look,
        layout::Pane,
        ui::{ConfirmFocus, Overlay},
    },
};

/// Actions with a short label, in the order of importance.
type Wanted = &'static [(&'static str, &'static str)];

const INVENTORY: Wanted = &[
    ("view.zoom", "zoom"),
    ("view.details", "details"),
    ("service.rollback", "roll back"),
    ("view.filter", "filter"),
    ("cursor.next-worry", "next worry"),
    ("view.environment next", "environment"),
    ("view.help", "help"),
    ("view.palette", "commands"),
    ("app.quit", "quit"),
    ("inventory.sort", "order"),
    ("inventory.group", "group"),
    ("inventory.columns", "columns"),
    ("repository.validate", "validate"),
    ("incident.declare", "declare"),
];
const GRAPH: Wanted = &[
    ("graph.walk dependants", "users"),
    ("graph.walk dependencies", "needs"),
    ("graph.map", "whole map"),
    ("view.zoom", "centre"),
    ("impact", "impact"),
    ("view.filter", "search"),
    ("graph.depth next", "further"),
    ("graph.fold", "fold"),
    ("service.rollback", "roll back"),
    ("view.help", "help"),
    ("view.palette", "commands"),
    ("app.quit", "quit"),
];
const CHANGES: Wanted = &[
    ("change.approve", "approve"),
    ("change.validate", "validate"),
    ("change.merge", "merge"),
    ("view.details", "details"),
    ("view.zoom", "zoom"),
    ("view.filter", "filter"),
    ("view.help", "help"),
    ("view.palette", "commands"),
    ("app.quit", "quit"),
];
const SLA: Wanted = &[
    ("view.zoom", "zoom"),
    ("cursor.next-worry", "next worry"),
    ("service.rollback", "roll back"),
    ("view.filter", "filter"),
    ("view.help", "help"),
    ("view.palette", "commands"),
    ("app.quit", "quit"),
];
const ESCALATION: Wanted = &[
    ("incident.ack", "acknowledge"),
    ("service.rollback", "roll back"),
    ("incident.resolve", "resolve"),
    ("incident.escalate", "call next level"),
    ("incident.declare", "declare"),
    ("view.zoom", "zoom"),
    ("view.help", "help"),
    ("view.palette", "commands"),
    ("app.quit", "quit"),
];
const CROSS_PROJECT: Wanted = &[
    ("view.details", "details"),
    ("cross.table next", "next table"),
    ("view.back", "back"),
    ("cursor.next-worry", "next worry"),
    ("view.filter", "filter"),
    ("view.help", "help"),
    ("view.palette", "commands"),
    ("app.quit", "quit"),
];
const CALENDAR: Wanted = &[
    ("calendar.day next", "day"),
    ("cursor.down", "week"),
    ("calendar.month next", "month"),
    ("calendar.today", "today"),
    ("view.back", "back"),
    ("view.help", "help"),
    ("view.palette", "commands"),
    ("app.quit", "quit"),
];
const PIPELINE: Wanted = &[
    ("pipeline.column next", "next stage"),
    ("cursor.down", "down"),
    ("view.details", "details"),
    ("change.approve", "approve"),
    ("view.back", "back"),
    ("view.filter", "filter"),
    ("view.help", "help"),
    ("view.palette", "commands"),
    ("app.quit", "quit"),
];
const SCROLLED: Wanted = &[("view.back", "close"), ("cursor.down", "down"), ("cursor.up", "up")];
const CHANGE: Wanted = &[
    ("view.back", "close"),
    ("change.section next", "next section"),
    ("change.approve", "approve"),
    ("change.reject", "request changes"),
    ("change.comment", "comment"),
    ("change.impact", "impact"),
    ("cursor.down", "down"),
];
const SERVICE: Wanted = &[
    ("view.back", "close"),
    ("service.source", "source"),
    ("service.edit", "edit"),
    ("lifecycle.propose", "propose a step"),
    ("service.rollback", "roll back"),
    ("change.propose", "propose a change"),
    ("cursor.down", "down"),
];
const SOURCE: Wanted =
    &[("view.back", "close"), ("service.edit", "edit"), ("cursor.down", "down"), ("cursor.up", "up")];
const COLUMNS: Wanted = &[
    ("columns.change toggle", "show or hide"),
    ("columns.change later", "move down"),
    ("columns.change earlier", "up"),
    ("columns.change wider", "wider"),
    ("columns.change narrower", "narrower"),
    ("columns.change sort", "order by"),
    ("columns.change reset", "as before"),
    ("view.back", "close"),
];
const DEPLOYMENTS: Wanted = &[
    ("view.details", "details"),
    ("deployment.approve", "approve"),
    ("deployment.continue", "continue"),
    ("deployment.hold", "hold"),
    ("deployment.cancel", "call off"),
    ("deployment.schedule", "another time"),
    ("view.back", "back"),
    ("view.filter", "filter"),
    ("view.help", "help"),
    ("view.palette", "commands"),
    ("app.quit", "quit"),
];
const DEPLOYMENT: Wanted = &[
    ("view.back", "close"),
    ("deployment.approve", "approve"),
    ("deployment.continue", "continue"),
    ("deployment.hold", "hold"),
    ("deployment.cancel", "call off"),
    ("deployment.schedule", "another time"),
    ("cursor.down", "down"),
    ("cursor.up", "up"),
];
const INSPECT: Wanted = &[
    ("inspect.log", "log"),
    ("inspect.events", "events"),
    ("inspect.pods", "pods"),
    ("inspect.filter", "filter"),
    ("view.back", "close"),
];
const LOG: Wanted = &[
    ("inspect.follow", "follow or stay"),
    ("inspect.filter", "filter"),
    ("inspect.previous", "container before"),
    ("inspect.container", "next container"),
    ("cursor.page-up", "page up"),
    ("view.back", "pods"),
];
const PALETTE: Wanted =
    &[("view.submit", "run"), ("cursor.down", "next"), ("cursor.up", "previous"), ("view.back", "close")];
const FORM: Wanted = &[
    ("view.submit", "go on"),
    ("form.submit", "go on to the plan"),
    ("form.next", "next field"),
    ("form.choose next", "choose"),
    ("view.back", "cancel"),
];
const CONFIRM: Wanted = &[
    ("plan.confirm", "run it"),
    ("view.back", "cancel"),
    ("cursor.half-page-down", "scroll"),
    ("plan.focus", "other button"),
    ("plan.press", "press it"),
];
const CONFIRM_RUN: Wanted = &[("view.back", "cancel"), ("plan.press", "run it"), ("plan.focus", "to cancel")];
const FILTER: Wanted = &[("view.submit", "keep"), ("view.back", "as before")];

/// What is worth naming where the person is.
fn wanted(model: &Model) -> Wanted {
    match model.ui.overlays.last() {
        Some(Overlay::Palette { .. }) => PALETTE,
        Some(Overlay::Filter { .. }) => FILTER,
        Some(Overlay::Form { .. }) => FORM,
        Some(Overlay::Planning { .. }) => &[("view.back", "cancel")],
        Some(Overlay::Confirm { focus: ConfirmFocus::Run, .. }) => CONFIRM_RUN,
        Some(Overlay::Confirm { .. }) => CONFIRM,
        Some(Overlay::Service { .. }) => SERVICE,
        Some(Overlay::Change { .. }) => CHANGE,
        Some(Overlay::Source { .. }) => SOURCE,
        Some(Overlay::Columns { .. }) => COLUMNS,
        Some(Overlay::Inspect(inspection)) if inspection.is_typing => FILTER,
        Some(Overlay::Inspect(inspection)) if inspection.look == Look::Log => LOG,
        Some(Overlay::Inspect(_)) => INSPECT,
        Some(
            Overlay::Help { .. }
            | Overlay::Running { .. }
            | Overlay::Findings { .. }
            | Overlay::CrossProject { .. }
            | Overlay::Impact { .. }
            | Overlay::Sources { .. },
        ) => SCROLLED,
        Some(Overlay::Deployment { .. }) => DEPLOYMENT,
        None => match model.ui.focus {
            Pane::Inventory => INVENTORY,
            Pane::Graph => GRAPH,
            Pane::Changes => CHANGES,
            Pane::Sla => SLA,
            Pane::Escalation => ESCALATION,
            Pane::CrossProject => CROSS_PROJECT,
            Pane::Calendar => CALENDAR,
            Pane::Pipeline => PIPELINE,
            Pane::Deployments => DEPLOYMENTS,
        },
    }
}

/// Keys and labels of what can be done now, the most important first.
pub fn hints(model: &Model) -> Vec<(String, &'static str)> {
    let contexts = model.ui.contexts();
    let is_typing = matches!(
        model.ui.overlays.last(),
        Some(Overlay::Confirm { plan, .. }) if plan.confirm_by_typing.is_some()
    );
    let ui = &model.ui;
    let is_zoomed = ui.overlays.is_empty() && ui.focus.is_in_deck() && ui.zoom == Some(ui.focus);
    let is_zoomed = is_zoomed && ui.focus != Pane::Graph;
    let can_run = |run: &str| {
        let action = run.split_whitespace().next().and_then(registry::find);
        action.is_none_or(|action| registry::availability(action, model) == Availability::Yes)
    };
    wanted(model)
        .iter()
        .filter(|(run, _)| can_run(run))
        // What has the whole screen is not zoomed any further: the same key opens the details.
        .map(|(run, label)| if is_zoomed && *run == "view.zoom" { (run, "details") } else { (run, *label) })
        .filter(|(run, _)| !is_zoomed || **run != "view.details")
        .filter_map(|(run, label)| Some((keys(&model.config.keymap, &contexts, run, is_typing)?, label)))
        .collect()
}

/// The first binding; while typing, one that does not type.
fn keys(keymap: &Keymap, contexts: &[&str], run: &str, is_typing: bool) -> Option<String> {
    if !is_typing {
        return keymap.keys_for(contexts, run);
    }
    let bindings = contexts.iter().flat_map(|context| keymap.contexts.get(*context).into_iter().flatten());
    bindings
        .filter(|binding| binding.run == run)
        .find(|binding| {
            binding
                .on
                .iter()
                .all(|key| key.ctrl || key.alt || !matches!(key.code, crate::config::key::KeyCode::Char(_)))
        })
        .map(|binding| show(&binding.on))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::layout::Size, tui::fixture};

    fn labels(model: &Model) -> Vec<&'static str> {
        hints(model).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn an_incident_that_somebody_has_is_not_offered_to_be_taken() {
        let mut model = fixture::model(Size { width: 160, height: 45 });
        model.ui.focus = Pane::Escalation;
        let next = ["resolve", "call next level", "roll back"];
        for (incident, is_open) in [("INC-14", true), ("INC-13", false)] {
            let list = &mut model.ui.lists[Pane::Escalation.index()];
            list.cursor = list.rows.iter().position(|row| row == incident).unwrap();
            let shown = labels(&model);
            assert_eq!(shown[0] == "acknowledge", is_open, "{incident}: {shown:?}");
            assert!(next.iter().all(|label| shown.contains(label)), "{incident}: {shown:?}");
        }
    }

    #[test]
    fn a_read_only_console_offers_nothing_that_changes_something() {
        let mut model = fixture::model(Size { width: 160, height: 45 });
        assert!(labels(&model).contains(&"roll back"));
        let mut config = (*model.config).clone();
        config.read_only = true;
        model.config = config.into();
        let shown = labels(&model);
        assert!(!shown.contains(&"roll back") && shown.contains(&"details"), "{shown:?}");
    }

    #[test]
    fn the_key_that_zooms_opens_details_once_it_has() {
        let mut model = fixture::model(Size { width: 160, height: 45 });
        let opens = |model: &Model| {
            let mut all = hints(model).into_iter();
            all.find(|(keys, _)| keys == "enter").map(|(_, label)| label)
        };
        assert_eq!(opens(&model), Some("zoom"));
        model.ui.zoom = Some(Pane::Inventory);
        assert_eq!(opens(&model), Some("details"));
    }
}
