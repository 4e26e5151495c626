//! What is typed: filters, the palette, forms, and the yes of a plan.

use super::{
    cursor::{refresh_lists, settle_cursor},
    execute, graph, inspect, invoke, say,
    view::palette_entries,
};
use crate::{
    action::{
        command::{Direction, FormCommand},
        registry,
        spec::Arguments,
    },
    config::key::{Key, KeyCode},
    error::Failure,
    model::{
        Model,
        effect::Effects,
        layout::Pane,
        ui::{ConfirmFocus, FormField, NoticeKind, Overlay, TextInput},
    },
};

/// Accepts what the topmost overlay holds.
pub(super) fn submit(model: &mut Model, opened_by: Option<Key>) -> Result<Effects, Failure> {
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
        // The button that Enter presses is the one that is marked: with the whole name typed that is Run.
        Some(Overlay::Confirm { plan, input, .. }) => {
            let is_named = plan.is_named_by(&input.text);
            if let Some(Overlay::Confirm { focus, .. }) = model.ui.overlays.last_mut() {
                *focus = if is_named { ConfirmFocus::Run } else { ConfirmFocus::Cancel };
            }
        }
        _ => {}
    }
}
