//! What is shown: focus, zoom, overlays, help and the palette.

use super::{
    cross,
    cursor::{refresh_lists, settle_cursor},
    graph, inspect, inventory, say,
    typing::submit,
};
use crate::{
    action::{
        command::{Direction, ViewCommand},
        registry,
    },
    config::{key::Key, keymap},
    error::Failure,
    model::{
        Model,
        effect::Effects,
        jobs::JobState,
        layout::Pane,
        ui::{ChangeSection, HelpLine, NoticeKind, Overlay, PaletteEntry, TextInput},
    },
};
use nucleo_matcher::{
    Config, Matcher,
    pattern::{CaseMatching, Normalization, Pattern},
};

pub(super) fn view(
    model: &mut Model,
    command: &ViewCommand,
    opened_by: Option<Key>,
) -> Result<Effects, Failure> {
    match command {
        ViewCommand::Focus(pane) => focus(model, *pane),
        ViewCommand::Cycle(direction) => {
            let count = Pane::DECK.len();
            let step = if *direction == Direction::Next { 1 } else { count - 1 };
            // From a page one comes back to the pane that one left.
            let pane = match &model.ui.beneath {
                Some(beneath) if !model.ui.focus.is_in_deck() => beneath.focus,
                _ => Pane::DECK[(model.ui.focus.index() + step) % count],
            };
            focus(model, pane);
        }
        ViewCommand::Zoom if model.ui.focus == Pane::Graph && graph::enter(model) => {}
        ViewCommand::Zoom | ViewCommand::Details
            if model.ui.focus == Pane::Inventory && model.ui.group_at_cursor().is_some() =>
        {
            inventory::fold(model);
        }
        ViewCommand::Zoom if model.ui.zoom == Some(model.ui.focus) => details(model),
        ViewCommand::Zoom => {
            model.ui.zoom = Some(model.ui.focus);
            refresh_lists(model);
        }
        ViewCommand::Details => details(model),
        ViewCommand::Back => back(model),
        ViewCommand::Help => help(model),
        ViewCommand::Palette => {
            let entries = palette_entries(model, "");
            model.ui.overlays.push(Overlay::Palette { input: TextInput::default(), entries, cursor: 0 });
        }
        ViewCommand::Filter => {
            let pane = model.ui.focus;
            let before = model.ui.list(pane).filter.clone();
            let row = model.ui.list(pane).current().map(str::to_owned);
            // What the dashboard asks for is replaced, not added to.
            let given = pane == Pane::Inventory && model.ui.inventory.is_from_dashboard(&before);
            let input = TextInput::new(if given { String::new() } else { before.clone() });
            model.ui.overlays.push(Overlay::Filter { pane, input, before, row });
        }
        ViewCommand::Environment(direction) => {
            let count = model.world.catalog.value.as_ref().map_or(0, |c| c.settings.environments.len());
            if count > 0 {
                let step = if *direction == Direction::Next { 1 } else { count - 1 };
                model.ui.environment = (model.ui.environment.min(count - 1) + step) % count;
                refresh_lists(model);
            }
        }
        ViewCommand::Section(direction) => {
            if let Some(Overlay::Change { section, offset, .. }) = model.ui.overlays.last_mut() {
                let all = ChangeSection::ALL.len();
                *section = section.moved(if *direction == Direction::Next { 1 } else { all - 1 });
                *offset = 0;
            }
        }
        ViewCommand::Table(direction) => cross::cycle(model, *direction),
        ViewCommand::Sources => model.ui.overlays.push(Overlay::Sources { offset: 0 }),
        ViewCommand::Submit => return submit(model, opened_by),
    }
    Ok(Effects::none())
}

pub(super) fn focus(model: &mut Model, pane: Pane) {
    if pane.is_in_deck() {
        cross::leave(model);
        model.ui.focus = pane;
        if model.ui.zoom.is_some() {
            model.ui.zoom = Some(pane);
        }
    } else {
        cross::open(model, pane);
        return;
    }
    refresh_lists(model);
}

fn details(model: &mut Model) {
    let overlay = match model.ui.focus {
        // What is merged has no branch to show any more; the page itself says what there is.
        Pane::Changes | Pane::Pipeline => model.selected_change().map(|change| {
            let (change, section) = (change.proposal.id.clone(), ChangeSection::default());
            Overlay::Change { change, section, offset: 0 }
        }),
        Pane::Calendar => None,
        Pane::Deployments => model
            .selected_deployment()
            .map(|record| Overlay::Deployment { deployment: record.id.clone(), offset: 0 }),
        Pane::CrossProject => cross::details(model),
        Pane::Inventory | Pane::Graph | Pane::Sla | Pane::Escalation => {
            model.subject().cloned().map(|service| Overlay::Service { service, offset: 0 })
        }
    };
    match overlay {
        Some(overlay) => model.ui.overlays.push(overlay),
        None => say(model, NoticeKind::Info, "nothing is selected here"),
    }
}

/// Closes what is on top; a plan that is dropped never ran.
pub fn close(model: &mut Model) {
    match model.ui.overlays.pop() {
        Some(Overlay::Filter { pane, before, row, .. }) => {
            model.ui.lists[pane.index()].filter = before;
            refresh_lists(model);
            // Typing moved the cursor over what matched; who gives up means the row from before.
            let height = model.ui.layout().rows(pane);
            let list = &mut model.ui.lists[pane.index()];
            if let Some(index) = row.and_then(|row| list.rows.iter().position(|known| *known == row)) {
                list.move_to(index, height);
                settle_cursor(model, pane, Direction::Next);
            }
        }
        Some(Overlay::Confirm { job, plan, .. }) => {
            if model.jobs.all.get(&job).is_some_and(|job| job.state == JobState::Planning) {
                model.jobs.forget(job);
            }
            let title = plan.title.clone();
            say(model, NoticeKind::Info, format!("{title}: cancelled, nothing was done"));
        }
        Some(Overlay::Planning { job, .. }) => model.jobs.forget(job),
        _ => {}
    }
    model.dirty = true;
}

fn back(model: &mut Model) {
    if inspect::back(model) {
        model.dirty = true;
    } else if !model.ui.overlays.is_empty() {
        close(model);
    } else if !model.ui.focus.is_in_deck() && model.ui.list(model.ui.focus).filter.is_empty() {
        cross::leave(model);
    } else if !model.ui.focus.is_in_deck() || model.ui.zoom.take().is_none() {
        let list = &mut model.ui.lists[model.ui.focus.index()];
        if list.filter.is_empty() {
            list.marked.clear();
            model.ui.notice = None;
        }
        list.filter.clear();
    }
    refresh_lists(model);
}

fn help(model: &mut Model) {
    let mut lines = Vec::new();
    for context in model.ui.contexts() {
        for binding in model.config.keymap.contexts.get(context).into_iter().flatten() {
            let spec = binding.run.split_whitespace().next().and_then(registry::find);
            lines.push(HelpLine {
                context: context.to_owned(),
                keys: keymap::show(&binding.on),
                description: match (binding.description.is_empty(), spec) {
                    (true, Some(action)) => action.title.to_owned(),
                    _ => binding.description.clone(),
                },
                unavailable: spec.and_then(|action| registry::availability(action, model).reason()),
            });
        }
    }
    model.ui.overlays.push(Overlay::Help { lines, offset: 0 });
}

/// What the palette offers for a text, best first; what cannot run now comes last, with its reason.
pub(super) fn palette_entries(model: &Model, text: &str) -> Vec<PaletteEntry> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(text, CaseMatching::Smart, Normalization::Smart);
    let contexts = model.ui.base_contexts();
    // Of what fits equally well, what is meant for the pane in front comes first.
    let here = model.config.keymap.contexts.get(contexts[0]).map_or(&[][..], |bindings| bindings);
    let place = |id: &str| here.iter().position(|binding| binding.run.split_whitespace().next() == Some(id));
    let mut entries: Vec<(u32, PaletteEntry)> = registry::all()
        // What only steers an overlay, or needs arguments that only a keymap gives, is no use here.
        .filter(|action| {
            ![
                "plan.",
                "form.",
                "cursor.",
                "columns.",
                "inspect.",
                "view.submit",
                "view.palette",
                "view.focus",
            ]
            .iter()
            .any(|hidden| action.id.starts_with(hidden))
        })
        .filter_map(|action| {
            let mut buffer = Vec::new();
            let mut score =
                |text: &str| pattern.score(nucleo_matcher::Utf32Str::new(text, &mut buffer), &mut matcher);
            let own = score(&format!("{} {}", action.title, action.id));
            // Somebody who knows another name for it finds it by that.
            let other = action.aliases.iter().filter_map(|alias| score(alias)).max();
            let score = own.max(other)?;
            let entry = PaletteEntry {
                id: action.id,
                aliases: action.aliases,
                title: action.title,
                keys: model.config.keymap.keys_for(&contexts, action.id).unwrap_or_default(),
                unavailable: registry::availability(action, model).reason(),
            };
            Some((score, entry))
        })
        .collect();
    entries.sort_by_key(|(score, entry)| {
        (entry.unavailable.is_some(), std::cmp::Reverse(*score), place(entry.id).unwrap_or(usize::MAX))
    });
    entries.into_iter().map(|(_, entry)| entry).collect()
}
