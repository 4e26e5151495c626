//! What is said of a deployment: its state in a word, what it does or waits for, and what a person can do about it.

use crate::{
    config::theme::Role,
    domain::{
        deployment::{
            gate::{self, ReleaseGateStatus},
            glass,
            order::{Place, Stage},
            record::{DeploymentRecord, Ending, Figures},
        },
        units::{format_duration, format_percent},
    },
    model::jobs::JobState,
    tui::{panes::inventory::brief_seconds, view::View},
};

/// The glyph and role of a deployment, and its state in a word.
pub(super) fn state(record: &DeploymentRecord) -> (&'static str, Role, &'static str) {
    match (&record.finished, &record.held) {
        (Some(finished), _) => match finished.ending {
            Ending::Done => ("●", Role::StatusOk, "done"),
            Ending::RolledBack => ("▼", Role::StatusCritical, "rolled back"),
            Ending::Cancelled => ("○", Role::Dim, "cancelled"),
        },
        (None, Some(_)) => ("◌", Role::StatusWarning, "held"),
        (None, None) if record.is_retreating() => ("▲", Role::StatusCritical, "going back"),
        (None, None) if waits(record) => ("◐", Role::Accent, "waits"),
        (None, None) => ("◐", Role::Accent, "running"),
    }
}

/// Whether it waits for people or for its time.
fn waits(record: &DeploymentRecord) -> bool {
    record.next_leg().is_some_and(|leg| matches!(leg.stage, Stage::Gates | Stage::Schedule))
}

/// How the gates of a deployment stand, while it waits for them.
pub(super) fn gates(view: &View<'_>, record: &DeploymentRecord) -> Vec<ReleaseGateStatus> {
    // What decides is the main branch, whatever the working tree says.
    let world = &view.model.world;
    let (Some(ledger), Some(review), Some(catalog)) =
        (&world.ledger.value, &world.changes.value, world.governing())
    else {
        return Vec::new();
    };
    let is_there = record.next_leg().is_some_and(|leg| leg.stage == Stage::Gates);
    match catalog.services.get(&record.order.service).filter(|_| is_there) {
        Some(service) => {
            let staged = gate::staged(&ledger.operations, record, catalog);
            gate::standings(&review.proven(record), catalog, service, &staged)
        }
        None => Vec::new(),
    }
}

/// What opens its gates and the calendar all the same, in words.
pub(super) fn glass_of(view: &View<'_>, record: &DeploymentRecord) -> Option<String> {
    record.glass.as_ref()?;
    let review = view.model.world.changes.value.as_ref()?;
    glass::granted(&review.proven(record), &review.people, view.now())
}

/// Whoever comes by takes the next step.
const GOES_ON: &str = "`c` goes on, or an agent does";

/// Until when its schedule keeps it, and why; `None` once its time has come.
fn not_yet(view: &View<'_>, record: &DeploymentRecord) -> Option<String> {
    let order = &record.order;
    if let Some(at) = order.not_before.filter(|at| view.now() < *at) {
        return Some(format!("until {}", at.format("%F %H:%M UTC")));
    }
    // The calendar is asked only where the order says so.
    if !order.window || glass_of(view, record).is_some() {
        return None;
    }
    let schedule = view.model.world.calendar.schedule.as_ref()?;
    let service = view.model.world.governing().and_then(|catalog| catalog.services.get(&order.service));
    let projects: Vec<_> = service.and_then(|service| service.project.clone()).into_iter().collect();
    let standing = |place: &Place| schedule.standing(Some(&place.environment), &projects, view.now());
    let closure = order.places.iter().find_map(|place| standing(place).closure().cloned())?;
    Some(match closure.next_opening {
        Some(at) => format!("until {}: {}", at.format("%a %H:%M UTC"), closure.words()),
        None => format!("{}; {}", closure.words(), closure.opening()),
    })
}

/// What its schedule waits for.
fn time_of(view: &View<'_>, record: &DeploymentRecord) -> String {
    let glass = || glass_of(view, record).filter(|_| record.order.window);
    not_yet(view, record).unwrap_or_else(|| match glass() {
        Some(glass) => format!("{GOES_ON}, {glass}"),
        None => format!("its time has come: {GOES_ON}"),
    })
}

/// A deployment in a line: its state, and what it does or how it ended: what this console sees of it, else what the
/// ledger says.
pub(super) fn told(view: &View<'_>, record: &DeploymentRecord) -> String {
    let (_, _, word) = state(record);
    match &record.finished {
        Some(finished) if finished.ending == Ending::Done => {
            let time = format_duration(record.duration(view.now()));
            format!("{word} after {time} · {}", record.order.strategy.as_str())
        }
        Some(finished) => match record.failed.as_ref().filter(|_| finished.ending == Ending::RolledBack) {
            Some(failed) => format!("{word} · at {}: {}", failed.leg.stage, failed.detail),
            None => format!("{word} · {}", finished.detail),
        },
        None => format!("{word} · {}", doing(view, record)),
    }
}

/// What an open deployment does now.
fn doing(view: &View<'_>, record: &DeploymentRecord) -> String {
    if let Some(held) = &record.held {
        return held.reason.clone();
    }
    let next = record.next_leg();
    let leg = next.as_ref().map_or_else(|| "its end".to_owned(), |leg| leg.stage.to_string());
    match next.map(|leg| leg.stage) {
        Some(Stage::Gates) => return gates_in_words(view, record),
        Some(Stage::Schedule) => return time_of(view, record),
        _ => {}
    }
    match seen(view, record) {
        Some(seen) => format!("{leg}: {seen}"),
        None => leg,
    }
}

/// The same with what a person can do about it; its glyph, its role, and the words.
pub fn sentence(view: &View<'_>, record: &DeploymentRecord) -> (&'static str, Role, String) {
    let (glyph, role, _) = state(record);
    let mut words = told(view, record);
    if let Some(way) = way_on(view, record) {
        words += &format!("; {way}");
    }
    (glyph, role, words)
}

/// What a person can do for an open deployment that does not go on by itself.
fn way_on(view: &View<'_>, record: &DeploymentRecord) -> Option<&'static str> {
    if !record.is_open() {
        return None;
    }
    if record.held.is_some() {
        return Some("`c` lets it go on, `x` calls it off");
    }
    match record.next_leg().map(|leg| leg.stage) {
        _ if glass_of(view, record).is_some() => None,
        Some(Stage::Gates) => gates(view, record)
            .iter()
            .any(|gate| !gate.is_open && !gate.teams.is_empty())
            .then_some("`a` approves a gate"),
        Some(Stage::Schedule) if not_yet(view, record).is_none() => Some("`t` gives it another time"),
        Some(Stage::Schedule) => Some("then `c` goes on, or an agent does; `t` gives it another time"),
        _ => None,
    }
}

/// What its gates wait for.
fn gates_in_words(view: &View<'_>, record: &DeploymentRecord) -> String {
    if let Some(glass) = glass_of(view, record) {
        return format!("{GOES_ON}, {glass}");
    }
    let all = gates(view, record);
    if all.is_empty() {
        return "how its gates stand is not known".to_owned();
    }
    let shut: Vec<String> = all
        .into_iter()
        .filter(|gate| !gate.is_open)
        .map(|gate| match gate.teams.as_slice() {
            [] => gate.detail,
            teams => {
                let teams: Vec<String> = teams.iter().map(|team| format!("@{team}")).collect();
                format!("{} by {}", gate.gate, teams.join(" or "))
            }
        })
        .collect();
    if shut.is_empty() {
        return format!("every gate is open: {GOES_ON}");
    }
    format!("for {}", shut.join(", "))
}

/// What a work of this console saw last of a deployment.
fn seen<'v>(view: &View<'v>, record: &DeploymentRecord) -> Option<&'v str> {
    use crate::domain::plan::Work;
    let jobs = &view.model.jobs;
    let is_of = |work: &Work| match work {
        Work::Deploy { orders } => orders.contains(&record.order),
        Work::Steer(steered) => steered.deployment == record.id,
        _ => false,
    };
    let job = jobs.all.values().rev().find(|job| {
        job.state == JobState::Running && job.plan.as_ref().is_some_and(|plan| is_of(&plan.work))
    })?;
    job.progress.last().map(|progress| bare(record, &progress.detail))
}

/// What is seen of a leg on the way back, without the name of the leg that stands beside it.
pub fn bare<'t>(record: &DeploymentRecord, seen: &'t str) -> &'t str {
    let Some(leg) = record.next_leg().filter(|_| record.is_retreating()) else { return seen };
    seen.strip_prefix("going back, ")
        .and_then(|rest| rest.strip_prefix(leg.to_string().as_str()))
        .map_or(seen, |rest| rest.trim_start_matches(": "))
}

/// What was measured, beside the version before.
pub fn figures_words(figures: &Figures) -> String {
    let beside = |words: String, before: Option<String>| match before {
        Some(before) => format!("{words} beside {before}"),
        None => words,
    };
    let mut parts = Vec::new();
    if let Some(ratio) = figures.error_ratio {
        parts.push(beside(
            format!("errors {}", format_percent(ratio)),
            figures.baseline_error_ratio.map(format_percent),
        ));
    }
    if let Some(p99) = figures.p99 {
        parts.push(beside(format!("p99 {}", brief_seconds(p99)), figures.baseline_p99.map(brief_seconds)));
    }
    parts.push(format!("{:.0} requests", figures.requests));
    parts.join(", ")
}
