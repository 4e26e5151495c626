//! Deployments: those that run or wait with what is seen of them now, seven days by service, and how often they fail.

mod timeline;

use super::{
    Room, inner_title,
    inventory::{brief_percent, brief_seconds},
    message, row_ground,
};
use crate::{
    config::theme::Role,
    domain::{
        deployment::{
            gate::{self, ReleaseGateStatus},
            glass,
            order::{Leg, Place, Stage},
            record::{DeploymentRecord, Ending, Figures},
            shown_version,
            timeline::SHOWN,
        },
        ledger::{Operations, Verdict},
        units::{format_duration, format_percent},
    },
    model::{jobs::JobState, layout::Pane},
    tui::{
        paint::{Line, Painter, piece, wrap},
        view::View,
        widgets::table::{Column, column, places},
    },
};
use ratatui::layout::Rect;

const COLUMNS: [Column; 7] = [
    column("", 1, 0, 0, false),
    column("id", 7, 0, 0, false),
    column("service", 16, 8, 0, false),
    column("version", 16, 6, 1, false),
    column("where", 10, 10, 3, false),
    column("stage", 16, 60, 0, false),
    column("age", 5, 0, 2, true),
];

/// Draws the page.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, room: Room) {
    let area = room.area;
    let Some(ledger) = &view.model.world.ledger.value else { return };
    let operations = &ledger.operations;
    let list = view.model.ui.list(Pane::Deployments);
    let height =
        area.height.min(u16::try_from(view.model.ui.layout().rows(Pane::Deployments)).unwrap_or(0) + 1);
    let top = Rect { height, ..area };
    if list.rows.is_empty() {
        message(painter, top, &nothing(&list.filter));
    } else {
        rows(view, painter, Room { area: top, ..room }, operations);
    }
    let rest = Rect { y: area.y + height, height: area.height - height, ..area };
    let used = view.model.selected_deployment().map_or(0, |record| now(view, painter, rest, record));
    let rest = Rect { y: rest.y + used, height: rest.height.saturating_sub(used), ..rest };
    timeline::draw(view, painter, rest, operations);
}

/// What the title says.
pub fn about(view: &View<'_>) -> (String, Role) {
    let Some(ledger) = &view.model.world.ledger.value else { return (String::new(), Role::Dim) };
    let open: Vec<&DeploymentRecord> = ledger.operations.open_deployments().collect();
    let held = open.iter().filter(|record| record.held.is_some()).count();
    match (open.len(), held) {
        (0, _) => ("none runs".to_owned(), Role::Dim),
        (open, 0) => (format!("{open} open"), Role::Dim),
        (open, held) => (format!("{open} open, {held} held"), Role::StatusWarning),
    }
}

fn nothing(filter: &str) -> Vec<(String, Role)> {
    if filter.is_empty() {
        vec![
            (format!("nothing was deployed in {} days", SHOWN.num_days()), Role::Text),
            ("`:` deploy the service, or deploy a merged change, begins one".to_owned(), Role::Dim),
        ]
    } else {
        vec![(format!("no deployment matches /{filter}"), Role::Text)]
    }
}

/// The glyph and role of a deployment, and its state in a word.
fn state(record: &DeploymentRecord) -> (&'static str, Role, &'static str) {
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
fn gates(view: &View<'_>, record: &DeploymentRecord) -> Vec<ReleaseGateStatus> {
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
fn glass_of(view: &View<'_>, record: &DeploymentRecord) -> Option<String> {
    let review = view.model.world.changes.value.as_ref()?;
    glass::granted(&review.proven(record), &review.people, view.now())
}

/// Whoever comes by takes the next step.
const GOES_ON: &str = "`c` goes on, or an agent does";

/// What its schedule waits for.
fn time_of(view: &View<'_>, record: &DeploymentRecord) -> String {
    let order = &record.order;
    if let Some(at) = order.not_before.filter(|at| view.now() < *at) {
        return format!("until {}", at.format("%F %H:%M UTC"));
    }
    let come = || format!("its time has come: {GOES_ON}");
    // The calendar is asked only where the order says so.
    if !order.window {
        return come();
    }
    if let Some(glass) = glass_of(view, record) {
        return format!("{GOES_ON}, {glass}");
    }
    let schedule = view.model.world.calendar.schedule.as_ref();
    let service = view.model.world.governing().and_then(|catalog| catalog.services.get(&order.service));
    let projects: Vec<_> = service.and_then(|service| service.project.clone()).into_iter().collect();
    let closure = schedule.and_then(|schedule| {
        let standing = |place: &Place| schedule.standing(Some(&place.environment), &projects, view.now());
        order.places.iter().find_map(|place| standing(place).closure().cloned())
    });
    match closure {
        Some(closure) => match closure.next_opening {
            Some(at) => format!("until {}: {}", at.format("%a %H:%M UTC"), closure.words()),
            None => format!("{}; {}", closure.words(), closure.opening()),
        },
        None => come(),
    }
}

fn rows(view: &View<'_>, painter: &mut Painter<'_>, room: Room, operations: &Operations) {
    let area = room.area;
    let list = view.model.ui.list(Pane::Deployments);
    let places = places(&COLUMNS, area.width);
    let header = painter.style(Role::Header);
    for (column, place) in COLUMNS.iter().zip(&places) {
        let Some((x, width)) = place else { continue };
        if column.right {
            painter.right(area.x + x, area.y, *width, column.title, header);
        } else {
            painter.text(area.x + x, area.y, *width, column.title, header);
        }
    }
    let end = (list.offset + usize::from(area.height.saturating_sub(1))).min(list.rows.len());
    for (line, index) in (list.offset..end).enumerate() {
        let y = area.y + 1 + line as u16;
        row_ground(view, painter, Pane::Deployments, room, index, y);
        let Some(record) = operations.deployment(&list.rows[index]) else { continue };
        let order = &record.order;
        let (glyph, role, word) = state(record);
        let dim = painter.style(Role::Dim);
        let text = painter.style(Role::Text);
        let from = order.places.iter().find_map(|place| place.from_version.as_deref());
        let version = match from {
            Some(from) => format!("{} → {}", shown_version(from), shown_version(&order.version)),
            None => shown_version(&order.version).to_owned(),
        };
        let environments: Vec<&str> = order.places.iter().map(|place| place.environment.as_str()).collect();
        let age = view.now() - record.finished.as_ref().map_or(record.started_at, |finished| finished.at);
        let cells: [(String, ratatui::style::Style); 7] = [
            (glyph.to_owned(), painter.style(role)),
            (record.id.to_string(), dim),
            (order.service.to_string(), text),
            (version, text),
            (
                environments.join(" "),
                // What is over is not loud.
                match (order.production, record.is_open()) {
                    (true, true) => painter.style(Role::Production),
                    (true, false) => text,
                    (false, _) => dim,
                },
            ),
            (
                format!("{word} · {}", doing(view, record)),
                painter.style(if record.is_open() { role } else { Role::Dim }),
            ),
            (super::changes::brief_age(age), dim),
        ];
        for ((place, column), (words, style)) in places.iter().zip(&COLUMNS).zip(cells) {
            let Some((x, width)) = place else { continue };
            if column.right {
                painter.right(area.x + x, y, *width, &words, style);
            } else {
                painter.text(area.x + x, y, *width, &words, style);
            }
        }
    }
}

/// What a deployment does now: what this console sees of it, else what the ledger says.
fn doing(view: &View<'_>, record: &DeploymentRecord) -> String {
    if let Some(finished) = &record.finished {
        let time = || format_duration(record.duration(view.now()));
        return match (finished.ending, &record.failed) {
            (Ending::Done, _) => format!("{}, in {}", record.order.strategy.as_str(), time()),
            (Ending::RolledBack, Some(failed)) => format!("at {}: {}", failed.leg.stage, failed.detail),
            _ => finished.detail.clone(),
        };
    }
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

/// The legs of the chosen deployment, and its places; gives how many lines it took.
fn now(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, record: &DeploymentRecord) -> u16 {
    if area.height < 3 {
        return 0;
    }
    let dim = painter.style(Role::Dim);
    let title: Line<'_> = vec![
        piece(" ", dim),
        piece(record.id.to_string(), painter.style(Role::Text)),
        piece(
            format!(" started {} UTC by {} ", record.started_at.format("%F %H:%M"), record.started_by.name),
            dim,
        ),
    ];
    inner_title(painter, area, area.y, &title);
    let mut lines = chain(painter, record, area.width);
    let standing = gates(view, record);
    if !standing.is_empty() {
        // What passes them is said first: there may be no room for more.
        if let Some(glass) = glass_of(view, record) {
            let broken = painter.style(Role::StatusWarning);
            lines.push(vec![piece("■ ", broken), piece(glass, painter.style(Role::Text))]);
        }
        let mut line = vec![piece(format!("{:<12} ", "gates"), painter.style(Role::Header))];
        for gate in standing {
            let (glyph, role) =
                if gate.is_open { ("✓ ", Role::StatusOk) } else { ("○ ", Role::StatusWarning) };
            line.push(piece(glyph, painter.style(role)));
            line.push(piece(format!("{} {}  ", gate.gate, gate.detail), painter.style(Role::Text)));
        }
        lines.push(line);
    }
    for place in &record.order.places {
        lines.push(place_line(view, painter, record, place));
    }
    if let Some(held) = &record.held {
        for words in wrap(&held.reason, area.width) {
            lines.push(vec![piece(words, painter.style(Role::StatusWarning))]);
        }
    }
    let most = usize::from(area.height / 2).max(2);
    let shown = lines.len().min(most);
    for (index, line) in lines.iter().take(shown).enumerate() {
        painter.line(area.x, area.y + 1 + index as u16, area.width, line);
    }
    1 + shown as u16
}

/// Each leg with its glyph, wrapped: those on the way there, and behind an arrow those on the way back.
fn chain<'a>(painter: &Painter<'_>, record: &DeploymentRecord, width: u16) -> Vec<Line<'a>> {
    let next = record.next_leg();
    let several = record.order.places.len() > 1;
    let turned = record.judged.len() - record.behind().len();
    let there =
        record.judged.iter().take(turned).map(|judged| (judged.leg.clone(), verdict_mark(judged.verdict)));
    let mut marks: Vec<(String, (&str, Role))> = Vec::new();
    let mut push = |leg: &Leg, mark| {
        let name = match &leg.environment {
            Some(environment) if several => format!("{} {environment}", brief(leg)),
            _ => brief(leg),
        };
        marks.push((name, mark));
    };
    for (leg, mark) in there {
        push(&leg, mark);
    }
    for (index, leg) in record.legs().iter().enumerate() {
        let (glyph, role) = leg_mark(record, leg, next.as_ref());
        // The first step back says that it is one.
        let is_turn = index == 0 && record.is_retreating();
        push(leg, if is_turn { ("↩", role) } else { (glyph, role) });
    }
    let mut lines: Vec<Line<'a>> = vec![Vec::new()];
    let mut used = 0;
    for (name, (glyph, role)) in marks {
        let cells = 2 + crate::tui::paint::cells(&name) + 2;
        if used + cells > width && used > 0 {
            lines.push(Vec::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push(piece(format!("{glyph} "), painter.style(role)));
            line.push(piece(
                format!("{name}  "),
                painter.style(if role == Role::Dim { Role::Dim } else { Role::Text }),
            ));
        }
        used += cells;
    }
    lines
}

/// A leg in as few words as say it beside its neighbours.
fn brief(leg: &Leg) -> String {
    match leg.stage {
        Stage::Health(_) | Stage::Undone => "health".to_owned(),
        Stage::Analysis(_) => "analysis".to_owned(),
        stage => stage.to_string(),
    }
}

const fn verdict_mark(verdict: Verdict) -> (&'static str, Role) {
    match verdict {
        Verdict::Pass => ("✓", Role::StatusOk),
        Verdict::Fail => ("■", Role::StatusCritical),
        Verdict::NoData | Verdict::Error => ("◌", Role::StatusUnknown),
    }
}

fn leg_mark(record: &DeploymentRecord, leg: &Leg, next: Option<&Leg>) -> (&'static str, Role) {
    match record.result(leg) {
        Some(judged) => verdict_mark(judged.verdict),
        None if record.is_open() && next == Some(leg) => ("◐", Role::Accent),
        None => ("·", Role::Dim),
    }
}

/// `production  2 of 3 pods ready · 5% · errors 0.4% beside 0.1% · p99 80ms beside 75ms`
fn place_line<'a>(
    view: &View<'_>,
    painter: &Painter<'_>,
    record: &DeploymentRecord,
    place: &Place,
) -> Line<'a> {
    use crate::domain::deployment::release::ReleaseStep;
    let dim = painter.style(Role::Dim);
    let text = painter.style(Role::Text);
    let mut line = vec![piece(format!("{:<12} ", place.environment), painter.style(Role::Header))];
    let row = view.joined.service(record.order.service.as_str());
    let there = row.and_then(|row| row.place(place.environment.as_str()));
    match there.and_then(|there| there.workload.as_ref()) {
        Some(workload) => {
            // A canary stands beside what is wanted.
            let words = if workload.ready > workload.desired {
                format!("{} pods ready, {} wanted", workload.ready, workload.desired)
            } else {
                format!("{} of {} pods ready", workload.ready, workload.desired)
            };
            line.push(piece(words, text));
        }
        None => line.push(piece("pods are not seen", dim)),
    }
    if let Some(step) = record.last_step(place).filter(|_| record.is_open() && !record.is_retreating()) {
        let words = match step {
            ReleaseStep::Weight(weight) => format!(" · {weight}% of the traffic"),
            step => format!(" · {}", crate::domain::deployment::order::step_words(step)),
        };
        line.push(piece(words, text));
    }
    let measured = record.judged.iter().rev().find(|judged| {
        judged.figures.is_some()
            && judged.leg.environment.as_ref().is_none_or(|environment| *environment == place.environment)
    });
    match measured.and_then(|judged| judged.figures.as_ref()) {
        Some(figures) => line.push(piece(format!(" · {}", figures_words(figures)), text)),
        None => {
            if let Some(indicators) = there.and_then(|there| there.indicators.as_ref()) {
                let errors = indicators.error_ratio.map_or_else(|| "◌".to_owned(), brief_percent);
                let p99 = indicators.p99_seconds.map_or_else(|| "◌".to_owned(), brief_seconds);
                line.push(piece(format!(" · errors {errors}, p99 {p99}, all versions"), dim));
            }
        }
    }
    line
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
