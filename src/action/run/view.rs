//! What is shown: focus, zoom, lists, overlays, text input.

use super::{calendar, cross, execute, graph, inspect, inventory, invoke, say};
use crate::{
    action::{
        command::{CursorCommand, Direction, FormCommand, ViewCommand},
        registry,
        spec::Arguments,
    },
    config::{
        key::{Key, KeyCode},
        keymap,
    },
    domain::name::ServiceName,
    error::Failure,
    model::{
        Model,
        effect::Effects,
        inventory::group_of,
        jobs::JobState,
        layout::Pane,
        ui::{ChangeSection, FormField, HelpLine, NoticeKind, Overlay, PaletteEntry, TextInput},
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
fn palette_entries(model: &Model, text: &str) -> Vec<PaletteEntry> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(text, CaseMatching::Smart, Normalization::Smart);
    let contexts = model.ui.base_contexts();
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
    entries.sort_by_key(|(score, entry)| (entry.unavailable.is_some(), std::cmp::Reverse(*score)));
    entries.into_iter().map(|(_, entry)| entry).collect()
}

fn submit(model: &mut Model, opened_by: Option<Key>) -> Result<Effects, Failure> {
    match model.ui.overlays.last() {
        Some(Overlay::Palette { entries, cursor, .. }) => {
            let Some(entry) = entries.get(*cursor) else { return Ok(Effects::none()) };
            let id = entry.id;
            model.ui.overlays.pop();
            Ok(invoke(model, id, Arguments::new(), opened_by))
        }
        Some(Overlay::Filter { pane: Pane::Inventory, .. }) if model.ui.inventory.problem().is_some() => {
            let text = "this condition cannot be read; mend it, or Esc brings the filter from before back";
            say(model, NoticeKind::Warning, text);
            Ok(Effects::none())
        }
        Some(Overlay::Filter { .. } | Overlay::Columns { .. }) => {
            let searched = matches!(model.ui.overlays.pop(), Some(Overlay::Filter { pane: Pane::Graph, .. }));
            if searched {
                graph::searched(model);
            }
            Ok(Effects::none())
        }
        Some(Overlay::Inspect(_)) => {
            if let Some(inspection) = inspect::looked_at(model) {
                inspection.is_typing = false;
            }
            Ok(Effects::none())
        }
        Some(Overlay::Form { fields, focus, .. }) if focus + 1 < fields.len() => {
            form(model, FormCommand::Field(Direction::Next));
            Ok(Effects::none())
        }
        Some(Overlay::Form { action, fields, .. }) => {
            let arguments: Arguments = fields
                .iter()
                .filter(|field| !field.input.text.trim().is_empty())
                .map(|field| (field.name, field.input.text.trim().to_owned()))
                .collect();
            let absent = fields.iter().find(|field| field.required && field.input.text.trim().is_empty());
            let result = match (absent, registry::find(action)) {
                (Some(field), _) => Err(format!("{} is missing", field.name)),
                (None, Some(action)) => registry::unknown_word(action, &arguments, model)
                    .map_or_else(|| (action.build)(&arguments).map_err(|failure| failure.render()), Err),
                (None, None) => Err("the action is gone".to_owned()),
            };
            match result {
                Ok(command) => {
                    let form = model.ui.overlays.pop();
                    let result = execute(model, command, opened_by);
                    // What was typed is not lost over a refusal that can be mended.
                    if let (Err(failure), Some(mut form)) = (&result, form) {
                        if let Overlay::Form { problem, .. } = &mut form {
                            *problem = Some(failure.to_string());
                        }
                        model.ui.overlays.push(form);
                    }
                    result
                }
                Err(reason) => {
                    if let Some(Overlay::Form { problem, .. }) = model.ui.overlays.last_mut() {
                        *problem = Some(reason);
                    }
                    Ok(Effects::none())
                }
            }
        }
        _ => Ok(Effects::none()),
    }
}

/// Goes on with what the form holds, wherever its cursor is.
pub(super) fn submit_form(model: &mut Model, opened_by: Option<Key>) -> Result<Effects, Failure> {
    if let Some(Overlay::Form { fields, focus, .. }) = model.ui.overlays.last_mut() {
        let missing = |field: &FormField| field.required && field.input.text.trim().is_empty();
        *focus = fields.iter().position(missing).unwrap_or_else(|| fields.len().saturating_sub(1));
        if fields.get(*focus).is_some_and(missing) {
            return Ok(Effects::none());
        }
        return submit(model, opened_by);
    }
    Ok(Effects::none())
}

pub(super) fn form(model: &mut Model, command: FormCommand) {
    let Some(Overlay::Form { fields, focus, problem, .. }) = model.ui.overlays.last_mut() else { return };
    *problem = None;
    let around = |index: usize, count: usize, direction| match direction {
        Direction::Next => (index + 1) % count,
        Direction::Previous => (index + count - 1) % count,
    };
    match command {
        FormCommand::Field(direction) if !fields.is_empty() => {
            *focus = around(*focus, fields.len(), direction);
        }
        FormCommand::Choose(direction) => {
            let Some(FormField { input, choices, .. }) = fields.get_mut(*focus) else { return };
            if choices.is_empty() {
                match direction {
                    Direction::Next => input.right(),
                    Direction::Previous => input.left(),
                }
            } else {
                let at = choices.iter().position(|choice| *choice == input.text).unwrap_or(0);
                *input = TextInput::new(choices[around(at, choices.len(), direction)].clone());
            }
        }
        FormCommand::Field(_) | FormCommand::Submit => {}
    }
}

/// Rows of an overlay that a page moves by.
pub(super) fn overlay_page(model: &Model) -> isize {
    isize::try_from(model.ui.size.height.saturating_sub(8)).unwrap_or(1).max(1)
}

pub(super) fn cursor(model: &mut Model, command: CursorCommand) {
    if !model.ui.overlays.is_empty() {
        let page = overlay_page(model);
        overlay_cursor(model, command, page);
        return;
    }
    let pane = model.ui.focus;
    if pane == Pane::Graph {
        graph::cursor(model, command);
        return;
    }
    if pane == Pane::Calendar {
        calendar::cursor(model, command);
        return;
    }
    let height = model.ui.layout().rows(pane);
    let rows_per_page = isize::try_from(height).unwrap_or(1).max(1);
    if let CursorCommand::Worry(direction) = command {
        worry(model, pane, direction, height);
    } else {
        let list = &mut model.ui.lists[pane.index()];
        list.placed = true;
        match command {
            CursorCommand::By(rows) => list.move_by(rows, height),
            CursorCommand::HalfPages(count) => list.move_by((rows_per_page / 2).max(1) * count, height),
            CursorCommand::Pages(count) => list.move_by(rows_per_page * count, height),
            CursorCommand::Top => list.move_to(0, height),
            CursorCommand::Bottom => list.move_to(usize::MAX, height),
            CursorCommand::Mark if pane == Pane::Inventory && list.current().and_then(group_of).is_some() => {
                inventory::fold(model);
                return;
            }
            CursorCommand::Mark => {
                list.toggle();
                list.move_by(1, height);
            }
            CursorCommand::Worry(_) => {}
        }
    }
    let back = match command {
        CursorCommand::By(steps) | CursorCommand::HalfPages(steps) | CursorCommand::Pages(steps) => steps < 0,
        CursorCommand::Bottom | CursorCommand::Worry(Direction::Previous) => true,
        CursorCommand::Top | CursorCommand::Mark | CursorCommand::Worry(Direction::Next) => false,
    };
    settle_cursor(model, pane, if back { Direction::Previous } else { Direction::Next });
}

/// The cursor of a pane has moved in a direction: it rests where it may, and everything follows it.
fn settle_cursor(model: &mut Model, pane: Pane, direction: Direction) {
    if pane == Pane::Inventory {
        inventory::rest(model, direction);
    }
    follow(model, pane);
}

fn worry(model: &mut Model, pane: Pane, direction: Direction, height: usize) {
    let list = model.ui.list(pane);
    let count = list.rows.len();
    let found = (1..=count)
        .map(|step| match direction {
            Direction::Next => (list.cursor + step) % count,
            Direction::Previous => (list.cursor + count - step) % count,
        })
        .find(|index| model.is_worrying(pane, &list.rows[*index]));
    match found {
        Some(index) => {
            let list = &mut model.ui.lists[pane.index()];
            list.placed = true;
            list.move_to(index, height);
        }
        None => say(model, NoticeKind::Info, "nothing here is unwell"),
    }
}

fn overlay_cursor(model: &mut Model, command: CursorCommand, page: isize) {
    if matches!(model.ui.overlays.last(), Some(Overlay::Inspect(_))) {
        inspect::cursor(model, command, page);
        return;
    }
    let limit = model.ui.overlay_limit();
    let moved = |place: usize| match command {
        CursorCommand::By(rows) => place.saturating_add_signed(rows),
        CursorCommand::HalfPages(count) => place.saturating_add_signed((page / 2).max(1) * count),
        CursorCommand::Pages(count) => place.saturating_add_signed(page * count),
        CursorCommand::Top => 0,
        CursorCommand::Bottom => usize::MAX,
        CursorCommand::Mark | CursorCommand::Worry(_) => place,
    };
    match model.ui.overlays.last_mut() {
        Some(Overlay::Palette { entries, cursor, .. }) => {
            *cursor = moved(*cursor).min(entries.len().saturating_sub(1));
        }
        Some(Overlay::Columns { cursor }) => {
            *cursor = moved(*cursor).min(model.ui.inventory.columns.len().saturating_sub(1));
        }
        Some(Overlay::Findings { validation, cursor }) => {
            *cursor = moved(*cursor).min(validation.findings.len().saturating_sub(1));
        }
        Some(
            Overlay::Help { offset, .. }
            | Overlay::Confirm { offset, .. }
            | Overlay::Running { offset, .. }
            | Overlay::Service { offset, .. }
            | Overlay::Source { offset, .. }
            | Overlay::Change { offset, .. }
            | Overlay::CrossProject { offset, .. }
            | Overlay::Impact { offset, .. }
            | Overlay::Deployment { offset, .. }
            | Overlay::Sources { offset },
        ) => *offset = moved(*offset).min(limit),
        _ => {}
    }
}

/// The cursor of a pane moved: every other pane shows the same service.
pub(super) fn follow(model: &mut Model, pane: Pane) {
    let service = match pane {
        // The header of a group is no service; what was selected stays so.
        Pane::Inventory => {
            model.ui.list(pane).current().filter(|row| group_of(row).is_none()).map(ServiceName::from)
        }
        // A group is no service.
        Pane::Graph => match model.graph_spot().map(crate::domain::graph::map::Spot::services) {
            Some([service]) => Some(service.name.clone()),
            _ => None,
        },
        Pane::Changes => model.selected_change().and_then(|change| change.services.first().cloned()),
        Pane::Calendar => None,
        Pane::Deployments => model.selected_deployment().map(|record| record.order.service.clone()),
        Pane::Pipeline => {
            let row = model.ui.list(pane).current();
            let mut chips = model.world.calendar.chips.iter();
            chips
                .find(|chip| row.is_some_and(|row| chip.change == *row))
                .and_then(|chip| chip.services.first().cloned())
        }
        Pane::Sla => {
            let name = model.ui.list(pane).current();
            name.and_then(|name| model.world.joined.projects.iter().find(|row| row.name() == name))
                .and_then(|row| row.worst.as_ref().map(|(service, _)| service.clone()))
        }
        Pane::Escalation => model.selected_incident().and_then(|incident| incident.service.clone()),
        Pane::CrossProject => {
            let row = model.ui.list(pane).current();
            row.and_then(|row| model.world.cross.tables.service(model.ui.table, row)).cloned()
        }
    };
    if let Some(service) = service {
        select(model, &service);
    }
}

/// Selects a service everywhere. Only panes that do not have the keys move their cursors.
pub fn select(model: &mut Model, service: &ServiceName) {
    if model.ui.selected.as_ref() == Some(service) {
        return;
    }
    model.ui.selected = Some(service.clone());
    model.dirty = true;
    let layout = model.ui.layout();
    model.settle_graph();
    if model.ui.focus != Pane::Inventory {
        let list = &mut model.ui.lists[Pane::Inventory.index()];
        if let Some(index) = list.rows.iter().position(|row| *service == **row) {
            list.placed = true;
            list.move_to(index, layout.rows(Pane::Inventory));
        }
    }
    if model.ui.focus != Pane::Sla {
        let project =
            model.world.joined.service(service.as_str()).map(|row| {
                row.service.project.as_ref().map_or("shared", |project| project.as_str()).to_owned()
            });
        let list = &mut model.ui.lists[Pane::Sla.index()];
        if let Some(index) = project.and_then(|project| list.rows.iter().position(|row| *row == project)) {
            list.move_to(index, layout.rows(Pane::Sla));
        }
    }
}

/// Computes every pane's rows again, after the world, a filter or the size changed.
pub fn refresh_lists(model: &mut Model) {
    let layout = model.ui.layout();
    for pane in Pane::DECK.into_iter().filter(|pane| *pane != Pane::Graph) {
        let rows = if pane == Pane::Inventory { model.arrange_inventory() } else { model.rows(pane) };
        model.ui.lists[pane.index()].replace(rows, layout.rows(pane));
    }
    inventory::rest(model, Direction::Next);
    let gone =
        model.ui.selected.as_ref().is_none_or(|name| model.world.joined.service(name.as_str()).is_none());
    // Until somebody chooses, the worst service is the one that everything shows.
    if gone || !model.ui.lists.iter().any(|list| list.placed) {
        let mut rows = model.ui.list(Pane::Inventory).rows.iter();
        let first = rows.find(|row| group_of(row).is_none()).map(|row| ServiceName::from(row.as_str()));
        if let Some(first) = first {
            select(model, &first);
        }
    }
    model.settle_graph();
    cross::refresh(model);
    calendar::refresh(model);
    if model.ui.focus == Pane::Deployments {
        let rows = model.rows(Pane::Deployments);
        model.ui.lists[Pane::Deployments.index()].replace(rows, layout.rows(Pane::Deployments));
    }
    model.dirty = true;
}

/// Whether characters are typed into something now.
pub fn is_typing(model: &Model) -> bool {
    match model.ui.overlays.last() {
        Some(Overlay::Palette { .. } | Overlay::Filter { .. }) => true,
        Some(Overlay::Form { fields, focus, .. }) => {
            fields.get(*focus).is_some_and(|field| field.choices.is_empty())
        }
        Some(Overlay::Confirm { plan, .. }) => plan.confirm_by_typing.is_some(),
        Some(Overlay::Inspect(inspection)) => inspection.is_typing,
        _ => false,
    }
}

/// Edits the line that is being typed with a key that the keymap does not know; false if it is no edit.
pub fn type_character(model: &mut Model, key: Key) -> bool {
    let input = match model.ui.overlays.last_mut() {
        Some(
            Overlay::Palette { input, .. } | Overlay::Filter { input, .. } | Overlay::Confirm { input, .. },
        ) => input,
        Some(Overlay::Form { fields, focus, problem, .. }) => {
            *problem = None;
            let Some(field) = fields.get_mut(*focus) else { return false };
            if !field.choices.is_empty() {
                return choose(model, key);
            }
            &mut field.input
        }
        Some(Overlay::Inspect(inspection)) if inspection.is_typing => {
            (inspection.cursor, inspection.offset) = (0, 0);
            &mut inspection.filter
        }
        _ => return false,
    };
    match (key.code, key.ctrl, key.alt) {
        (KeyCode::Char(character), false, false) => input.insert(character),
        (KeyCode::Backspace, ..) => {
            input.backspace();
        }
        (KeyCode::Delete, ..) => input.delete(),
        (KeyCode::Left, ..) => input.left(),
        (KeyCode::Right, ..) => input.right(),
        (KeyCode::Home, ..) | (KeyCode::Char('a'), true, _) => input.cursor = 0,
        (KeyCode::End, ..) | (KeyCode::Char('e'), true, _) => input.cursor = input.text.len(),
        (KeyCode::Char('u'), true, _) => input.clear_before(),
        _ => return false,
    }
    typed(model);
    true
}

/// A key in a field of choices: a letter goes to the next choice that begins with it, and what deletes goes back to
/// nothing where that may be chosen. Nothing else can be written there.
fn choose(model: &mut Model, key: Key) -> bool {
    let Some(Overlay::Form { fields, focus, .. }) = model.ui.overlays.last_mut() else { return false };
    let Some(FormField { input, choices, .. }) = fields.get_mut(*focus) else { return false };
    let found = match (key.code, key.ctrl, key.alt) {
        (KeyCode::Char(character), false, false) => {
            let begins = |choice: &String| {
                choice.chars().next().is_some_and(|first| first.to_lowercase().eq(character.to_lowercase()))
            };
            let next = choices.iter().position(|choice| *choice == input.text).map_or(0, |at| at + 1);
            choices[next..].iter().chain(&choices[..next]).find(|choice| begins(choice)).cloned()
        }
        (KeyCode::Backspace | KeyCode::Delete, ..) | (KeyCode::Char('u'), true, _) => {
            choices.iter().find(|choice| choice.is_empty()).cloned()
        }
        _ => return false,
    };
    if let Some(found) = found {
        *input = TextInput::new(found);
        model.dirty = true;
    }
    true
}

/// What was typed has changed: filters filter, the palette searches.
fn typed(model: &mut Model) {
    model.dirty = true;
    match model.ui.overlays.last() {
        Some(Overlay::Filter { pane, input, .. }) => {
            let (pane, text) = (*pane, input.text.clone());
            model.ui.lists[pane.index()].filter = text;
            if pane == Pane::Graph {
                graph::search(model);
                return;
            }
            refresh_lists(model);
            let height = model.ui.layout().rows(pane);
            model.ui.lists[pane.index()].move_to(0, height);
            settle_cursor(model, pane, Direction::Next);
        }
        Some(Overlay::Palette { input, .. }) => {
            let found = palette_entries(model, &input.text.clone());
            if let Some(Overlay::Palette { entries, cursor, .. }) = model.ui.overlays.last_mut() {
                *entries = found;
                *cursor = 0;
            }
        }
        _ => {}
    }
}
