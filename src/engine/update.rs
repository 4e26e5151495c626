//! The one place where events change the model. Synchronous, without I/O; time comes with the event.

use crate::{
    action::{
        command::{Command, CursorCommand},
        registry,
        run::{self, is_typing, type_character},
        spec::Arguments,
    },
    config::{
        key::{Key, KeyCode},
        keymap::Resolved,
    },
    domain::{catalog::Catalog, merge},
    model::{
        Ending, Model,
        effect::{Effect, Effects},
        event::{Event, MouseKind, SourceUpdate},
        layout::Pane,
        ui::{NoticeKind, Overlay},
    },
};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// How long a notice stays when nothing else happens, in seconds.
pub const NOTICE_SECONDS: i64 = 8;

/// More characters are not taken from one paste: no field wants them, and each is looked at.
const LONGEST_PASTE: usize = 10_000;

/// Lets one event change the model.
pub fn update(model: &mut Model, at: DateTime<Utc>, event: Event) -> Effects {
    model.now = at;
    handle(model, event).and(history(model)).and(inspection(model))
}

/// A cluster is asked closely while somebody looks.
fn inspection(model: &mut Model) -> Effects {
    let wanted = model.ui.overlays.iter().rev().find_map(|overlay| match overlay {
        Overlay::Inspect(inspection) => Some(inspection),
        _ => None,
    });
    let serial = wanted.map(|inspection| inspection.serial);
    if serial == model.ui.inspected {
        return Effects::none();
    }
    let request = wanted.map(|inspection| Box::new(inspection.request()));
    model.ui.inspected = serial;
    Effects::one(Effect::Inspect(request))
}

/// The history is read while somebody looks at what it is for.
fn history(model: &mut Model) -> Effects {
    let is_open = model.ui.focus == Pane::CrossProject;
    let wanted = is_open.then(|| model.world.cross.request.clone()).flatten();
    if wanted == model.ui.history {
        return Effects::none();
    }
    model.ui.history.clone_from(&wanted);
    Effects::one(Effect::WantHistory(wanted))
}

fn handle(model: &mut Model, event: Event) -> Effects {
    match event {
        Event::Key(key) => {
            place(model);
            settle(model);
            let (said, windows) = (model.ui.notice.clone(), model.ui.overlays.len());
            let effects = press(model, key);
            // What was said before a window opened is not about it.
            if model.ui.overlays.len() > windows && model.ui.notice == said {
                model.ui.notice = None;
            }
            effects
        }
        Event::Mouse(kind, column, row) => {
            place(model);
            settle(model);
            mouse(model, kind, column, row)
        }
        Event::Paste(text) => {
            if is_typing(model) {
                for character in text.chars().take(LONGEST_PASTE) {
                    type_character(model, Key::char(character));
                }
                if text.chars().nth(LONGEST_PASTE).is_some() {
                    let cut = format!("of what was pasted, the first {LONGEST_PASTE} characters are there");
                    run::say(model, NoticeKind::Warning, cut);
                }
            }
            Effects::none()
        }
        Event::Resize(size) => {
            model.ui.size = size;
            run::refresh_lists(model);
            Effects::none()
        }
        Event::Tick => {
            // Clocks and ages move, and breached deadlines move up.
            model.stale |= !model.world.joined.incidents.is_empty();
            model.dirty = true;
            Effects::none()
        }
        Event::Source(source) => {
            receive(model, source);
            Effects::none()
        }
        Event::RollbackPlanned(job, result) => {
            settle(model);
            run::rollback_planned(model, job, result);
            Effects::none()
        }
        Event::DeploymentPlanned(job, result) => {
            settle(model);
            run::deployment_planned(model, job, result.map(|planned| *planned));
            Effects::none()
        }
        Event::Inspected(serial, answer) => {
            run::inspected(model, serial, answer);
            Effects::none()
        }
        Event::VerbPlanned(job, result) => {
            settle(model);
            run::verb_planned(model, job, result.map(|planned| *planned));
            Effects::none()
        }
        Event::AnnouncementPlanned(job, result) => {
            run::announcement_planned(model, job, result.map(|announcement| *announcement));
            Effects::none()
        }
        Event::ProposalPlanned(job, result) => {
            run::proposal_planned(model, job, result.map(|proposal| *proposal));
            Effects::none()
        }
        Event::LandingPlanned(job, result) => {
            run::landing_planned(model, job, result.map(|landing| *landing));
            Effects::none()
        }
        Event::Edit(result) => {
            match result {
                Ok(file) => model.handover = Some(file),
                Err(failure) => run::say_failure(model, &failure),
            }
            Effects::none()
        }
        Event::Edited(result) => {
            model.dirty = true;
            if let Err(failure) = result {
                run::say_failure(model, &failure);
            }
            // What was written should be seen at once.
            Effects::one(Effect::Refresh)
        }
        Event::Validated(job, result) => {
            run::validated(model, job, result);
            Effects::none()
        }
        Event::ImpactFound(job, subject, result) => {
            run::impact_found(model, job, subject, result);
            Effects::none()
        }
        Event::Progress(job, progress) => {
            model.jobs.progress(job, progress);
            model.dirty = true;
            Effects::none()
        }
        Event::Finished(job, result) => {
            run::finished(model, job, result);
            Effects::none()
        }
        Event::Terminate => {
            model.ending = Some(Ending::Interrupted);
            Effects::none()
        }
    }
}

/// Whoever presses a key means the row that is on the screen: from now on the cursor stays on it, also
/// when what has come in since the last frame puts another one first.
fn place(model: &mut Model) {
    if model.ui.overlays.is_empty() {
        model.ui.lists[model.ui.focus.index()].placed = true;
    }
}

/// Rebuilds the join and the lists if a source has changed since. Called before a frame and before a
/// key, so that a thousand changes a second cost one join per frame.
pub fn settle(model: &mut Model) {
    if std::mem::take(&mut model.stale) {
        model.world.joined = Arc::new(model.world.joined.next(&model.world));
        run::refresh_lists(model);
    }
}

fn receive(model: &mut Model, update: SourceUpdate) {
    let now = model.now;
    if let SourceUpdate::Agent(result) = update {
        // Nothing is joined with it.
        model.world.agent.receive(now, result);
        model.dirty = true;
        return;
    }
    model.stale = true;
    model.dirty = true;
    let world = &mut model.world;
    match update {
        SourceUpdate::Catalog(result) => {
            let before = world.catalog.value.clone();
            world.catalog.receive(now, result);
            if let Some(catalog) = world.catalog.value.clone() {
                look_at_environment(model, before.as_deref(), &catalog);
                let list = &mut model.ui.lists[Pane::Inventory.index()];
                list.filter = model.ui.inventory.follow_dashboard(&catalog, &list.filter);
            }
        }
        SourceUpdate::Findings(result) => world.findings.receive(now, result),
        SourceUpdate::Main(result) => {
            world.main.receive(now, result);
            let broken = world.main.value.as_ref().filter(|main| !main.errors.is_empty());
            let newly = broken.filter(|_| world.main_broken_since.is_none()).cloned();
            world.main_broken_since = broken.map(|_| world.main_broken_since.unwrap_or(now));
            if let Some(main) = newly {
                let text = format!(
                    "{} does not validate: {}; `:` restore brings it back",
                    main.name,
                    merge::reason(&main.errors)
                );
                run::say(model, NoticeKind::Error, text);
            }
        }
        SourceUpdate::Changes(result) => world.changes.receive(now, result),
        SourceUpdate::Ledger(result) => world.ledger.receive(now, result),
        SourceUpdate::Chain(result) => {
            let before = world.chain.value.as_ref().map_or(0, |chain| chain.problem_count);
            world.chain.receive(now, result);
            let first = world.chain.value.as_ref().filter(|chain| chain.problem_count > before);
            if let Some(remark) = first.and_then(|chain| chain.first.clone()) {
                let text = format!("the ledger cannot be believed: {}", remark.words());
                run::say(model, NoticeKind::Error, text);
            }
        }
        SourceUpdate::Cluster(context, result) => {
            world.clusters.entry(context).or_default().receive(now, result);
        }
        SourceUpdate::Metrics(result) => world.metrics.receive(now, result),
        SourceUpdate::Alerts(result) => world.alerts.receive(now, result),
        SourceUpdate::Requests(result) => world.requests.receive(now, result),
        SourceUpdate::Agent(_) => {}
        SourceUpdate::Remote(result) => world.remote.receive(now, result.map(Arc::new)),
        SourceUpdate::History(result) => world.history.receive(now, result),
        SourceUpdate::Operator(result) => match result {
            Ok(identity) => model.operator = identity,
            Err(failure) => run::say_failure(model, &failure),
        },
    }
}

/// Keeps looking at the same environment, by name, when the list of them changes. At first it is
/// production, unless the person asked for another one.
fn look_at_environment(model: &mut Model, before: Option<&Catalog>, now: &Catalog) {
    let environments = &now.settings.environments;
    let named = before.and_then(|catalog| catalog.settings.environments.get(model.ui.environment));
    let found = match (named, model.ui.wanted_context.clone()) {
        (Some(named), _) => {
            let found = environments.iter().position(|environment| environment.name == named.name);
            if found.is_none() {
                let text = format!("the environment {} is gone from quarterdeck.toml", named.name);
                run::say(model, NoticeKind::Warning, text);
            }
            found
        }
        (None, Some(context)) => {
            let found = environments.iter().position(|environment| environment.context == *context);
            if found.is_none() {
                let text = format!("no environment of quarterdeck.toml has the context {context}");
                run::say(model, NoticeKind::Warning, text);
            }
            found
        }
        (None, None) => None,
    };
    let production = || environments.iter().position(|environment| environment.production);
    model.ui.environment = found.or_else(production).unwrap_or(0);
}

/// A key: what is typed goes into the line; everything else means what the keymap says.
fn press(model: &mut Model, key: Key) -> Effects {
    model.dirty = true;
    let typing = is_typing(model);
    if typing && matches!(key.code, KeyCode::Char(_)) && !key.ctrl && !key.alt {
        type_character(model, key);
        return Effects::none();
    }
    // In a name that is being typed, the keys that edit a line do not close or scroll the plan.
    if typing
        && matches!(model.ui.overlays.last(), Some(Overlay::Confirm { .. }))
        && !matches!(key.code, KeyCode::Enter | KeyCode::Esc | KeyCode::Tab | KeyCode::BackTab)
        && (key.ctrl && key.code == KeyCode::Char('u') || !matches!(key.code, KeyCode::Char(_)))
        && type_character(model, key)
    {
        return Effects::none();
    }
    // The key that asked for a plan must not be the one that says yes to it.
    if let Some(Overlay::Confirm { opened_by, plan, .. }) = model.ui.overlays.last()
        && *opened_by == Some(key)
        && plan.confirm_by_typing.is_none()
    {
        run::say(model, NoticeKind::Info, format!("{key} asked for this plan; confirm with another key"));
        return Effects::none();
    }
    model.ui.pending.push(key);
    let contexts = model.ui.contexts();
    let config = model.config.clone();
    let pending = std::mem::take(&mut model.ui.pending);
    match config.keymap.resolve(&contexts, &pending) {
        Resolved::Run(binding) => match registry::parse(&binding.run) {
            Ok((action, arguments)) => run::invoke(model, action.id, arguments, Some(key)),
            Err(failure) => {
                run::say_failure(model, &failure);
                Effects::none()
            }
        },
        Resolved::Partial => {
            model.ui.pending = pending;
            Effects::none()
        }
        Resolved::Nothing => {
            // The key that breaks a sequence off is not lost: it counts on its own.
            if pending.len() > 1 {
                return press(model, key);
            }
            if !type_character(model, key) {
                let shown = crate::config::keymap::show(&pending);
                run::say(model, NoticeKind::Info, format!("{shown} does nothing here; ? shows the keys"));
            }
            Effects::none()
        }
    }
}

fn mouse(model: &mut Model, kind: MouseKind, column: u16, row: u16) -> Effects {
    let steps = match kind {
        MouseKind::ScrollUp => -3,
        MouseKind::ScrollDown => 3,
        MouseKind::Press => 0,
    };
    if !model.ui.overlays.is_empty() {
        // A click never confirms anything; the wheel scrolls.
        if steps != 0 {
            return scroll(model, steps);
        }
        return Effects::none();
    }
    let layout = model.ui.layout();
    let Some(pane) = layout.pane_at(column, row) else { return Effects::none() };
    if steps != 0 {
        let height = layout.rows(pane);
        if pane == model.ui.focus {
            return scroll(model, steps);
        }
        // The graph's cursor is the selection, and stays where it is.
        if pane != Pane::Graph {
            model.ui.lists[pane.index()].move_by(steps, height);
            model.dirty = true;
        }
        return Effects::none();
    }
    if pane != model.ui.focus {
        let effects = run::invoke(model, "view.focus", focus_arguments(pane), None);
        // In the compact layout the pane has just moved under the pointer; the click only focused it.
        if model.ui.layout().pane(pane) != layout.pane(pane) {
            return effects;
        }
    }
    if matches!(pane, Pane::Calendar | Pane::Pipeline) {
        run::page_click(model, pane, column, row);
        return Effects::none();
    }
    if pane == Pane::Graph {
        run::graph_click(model, column, row);
        model.dirty = true;
        return Effects::none();
    }
    if pane == Pane::CrossProject && run::table_click(model, column, row) {
        return Effects::none();
    }
    let first = layout.first_row(pane, model.ui.table.index());
    if row >= first {
        let list = model.ui.list(pane);
        let index = list.offset + usize::from(row - first);
        if usize::from(row - first) < layout.rows(pane) && index < list.rows.len() {
            let distance = index.cast_signed() - list.cursor.cast_signed();
            return scroll(model, distance);
        }
    }
    Effects::none()
}

fn scroll(model: &mut Model, rows: isize) -> Effects {
    let result = run::execute(model, Command::Cursor(CursorCommand::By(rows)), None);
    run::or_say(model, result)
}

fn focus_arguments(pane: Pane) -> Arguments {
    [("pane", pane.as_str().to_owned())].into()
}
