//! A close look at what runs of a service: pods, events, logs.

use super::{say, service};
use crate::{
    action::command::{CursorCommand, InspectCommand},
    domain::{
        catalog::Target,
        deployment::inspect::{LOG_TAIL, LogRequest},
    },
    error::Failure,
    model::{
        Model,
        inspection::{Inspected, Inspection, Look},
        ui::{NoticeKind, Overlay},
    },
};

pub(super) fn run(model: &mut Model, command: InspectCommand) -> Result<(), Failure> {
    let page = usize::try_from(super::cursor::overlay_page(model)).unwrap_or(1);
    match command {
        InspectCommand::Pods(service, environment) => {
            let target = service::place(model, service.as_str(), environment.as_str())?;
            open(model, target, Look::Pods, None);
        }
        InspectCommand::Events(service, environment) => {
            let target = service::place(model, service.as_str(), environment.as_str())?;
            open(model, target, Look::Events, None);
        }
        InspectCommand::Logs { service, environment, pod, container, previous, tail, .. } => {
            let target = service::place(model, service.as_str(), environment.as_str())?;
            let pod = pod.unwrap_or_default();
            let request = LogRequest { pod, container, previous, follow: !previous, tail };
            open(model, target, Look::Log, Some(request));
        }
        InspectCommand::Look(look) => {
            if let Some(inspection) = looked_at(model) {
                if look == Look::Log && inspection.log.is_none() {
                    return run(model, InspectCommand::Open);
                }
                inspection.look = look;
                (inspection.offset, inspection.at_end) = (0, look == Look::Log);
                if look != Look::Log && inspection.log.take().is_some() {
                    // The cluster is asked for pods and events again.
                    fresh(model);
                }
            }
        }
        InspectCommand::Open => {
            let pod = looked_at(model).and_then(|inspection| {
                inspection.shown_pods().get(inspection.cursor).map(|pod| pod.name.clone())
            });
            match pod {
                Some(pod) => read(model, LogRequest { pod, ..plain() }),
                None => say(model, NoticeKind::Info, "there is no pod here"),
            }
        }
        InspectCommand::Previous => change_log(model, |inspection, request| {
            let before = inspection.pods.value.as_ref().and_then(|pods| {
                let pod = pods.iter().find(|pod| pod.name == request.pod)?;
                Some(pod.restarts > 0)
            });
            if !request.previous && before == Some(false) {
                return Err("no container ran before: it was never started again".to_owned());
            }
            let previous = !request.previous;
            Ok(LogRequest { previous, follow: !previous, ..request.clone() })
        }),
        InspectCommand::Container => change_log(model, |inspection, request| {
            let pods = inspection.pods.value.as_deref().map(Vec::as_slice).unwrap_or_default();
            let pod = pods.iter().find(|pod| pod.name == request.pod);
            let containers = pod.map(|pod| pod.containers.as_slice()).unwrap_or_default();
            if containers.len() < 2 {
                return Err("the pod has one container only".to_owned());
            }
            let at = containers.iter().position(|name| Some(name) == request.container.as_ref());
            let next = containers[(at.unwrap_or(0) + 1) % containers.len()].clone();
            Ok(LogRequest { container: Some(next), ..request.clone() })
        }),
        InspectCommand::Follow => {
            if let Some(inspection) = looked_at(model) {
                inspection.at_end = !inspection.at_end;
                if !inspection.at_end {
                    inspection.offset = inspection.length().saturating_sub(page);
                }
            }
        }
        InspectCommand::Filter => {
            if let Some(inspection) = looked_at(model) {
                inspection.is_typing = true;
            }
        }
    }
    model.dirty = true;
    Ok(())
}

/// A log as it is read unless said otherwise.
fn plain() -> LogRequest {
    LogRequest { pod: String::new(), container: None, previous: false, follow: true, tail: LOG_TAIL }
}

/// The close look on top.
pub(super) fn looked_at(model: &mut Model) -> Option<&mut Inspection> {
    match model.ui.overlays.last_mut() {
        Some(Overlay::Inspect(inspection)) => Some(inspection),
        _ => None,
    }
}

/// The number of another look.
fn number(model: &mut Model) -> u64 {
    model.ui.looks += 1;
    model.ui.looks
}

/// The look on top becomes another one: what is under way for it ends.
fn fresh(model: &mut Model) {
    let serial = number(model);
    if let Some(inspection) = looked_at(model) {
        inspection.serial = serial;
    }
}

fn open(model: &mut Model, target: Target, look: Look, log: Option<LogRequest>) {
    let serial = number(model);
    let mut inspection = Inspection::new(serial, target);
    inspection.look = look;
    match log {
        Some(request) if !request.pod.is_empty() => inspection.open(serial, request),
        awaited => inspection.awaited = awaited,
    }
    model.ui.overlays.push(Overlay::Inspect(Box::new(inspection)));
}

/// Opens a log in the look on top.
fn read(model: &mut Model, request: LogRequest) {
    let serial = number(model);
    if let Some(inspection) = looked_at(model) {
        inspection.open(serial, request);
    }
}

/// Reads the open log another way, or says why not.
fn change_log(model: &mut Model, change: impl Fn(&Inspection, &LogRequest) -> Result<LogRequest, String>) {
    let changed = looked_at(model).and_then(|inspection| {
        let request = inspection.log.as_ref()?.request.clone();
        Some(change(inspection, &request))
    });
    match changed {
        Some(Ok(request)) => read(model, request),
        Some(Err(why)) => say(model, NoticeKind::Info, why),
        None => say(model, NoticeKind::Info, "no log is open"),
    }
}

/// The cursor of a look: over pods, or through events and lines. Who scrolls up no longer follows; who reaches the
/// end follows again.
pub(super) fn cursor(model: &mut Model, command: CursorCommand, page: isize) {
    let rows = usize::try_from(page).unwrap_or(1);
    let Some(inspection) = looked_at(model) else { return };
    let last = inspection.length().saturating_sub(1);
    let moved = |place: usize| command.moved(place, page);
    match inspection.look {
        Look::Pods => inspection.cursor = moved(inspection.cursor).min(last),
        Look::Events => inspection.offset = moved(inspection.offset).min(last),
        Look::Log => {
            let end = (last + 1).saturating_sub(rows);
            let from = if inspection.at_end { end } else { inspection.offset.min(end) };
            inspection.offset = moved(from).min(end);
            inspection.at_end = inspection.offset >= end;
        }
    }
}

/// Goes one step back inside of a look: out of the filter's line, out of a log; false when the look itself is to be
/// closed.
pub(super) fn back(model: &mut Model) -> bool {
    let Some(inspection) = looked_at(model) else { return false };
    if inspection.is_typing {
        inspection.is_typing = false;
        inspection.filter.text.clear();
        inspection.filter.cursor = 0;
        return true;
    }
    if inspection.look == Look::Log && inspection.pods.value.is_some() {
        inspection.look = Look::Pods;
        inspection.log = None;
        fresh(model);
        return true;
    }
    false
}

/// A cluster told something, for the look with this number; a late answer is dropped.
pub fn inspected(model: &mut Model, serial: u64, answer: Inspected) {
    let now = model.now;
    let inspection = model.ui.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Inspect(inspection) if inspection.serial == serial => Some(inspection),
        _ => None,
    });
    let Some(inspection) = inspection else { return };
    model.dirty = true;
    inspection.take(answer, now);
    let first = inspection.pods.value.as_ref().and_then(|pods| pods.first()).map(|pod| pod.name.clone());
    if let Some(pod) = first
        && let Some(request) = inspection.awaited.take()
    {
        model.ui.looks += 1;
        inspection.open(model.ui.looks, LogRequest { pod, ..request });
    }
}
