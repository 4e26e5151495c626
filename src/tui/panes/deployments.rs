//! Deployments: those that run or wait with what is seen of them now, seven days by service, and how often they fail.

use super::{
    Room, inner_title,
    inventory::{brief_percent, brief_seconds},
    message, row_ground,
};
use crate::{
    config::theme::Role,
    domain::{
        deployment::{
            order::{Leg, Place, Stage},
            record::{DeploymentRecord, Ending, Figures},
            shown_version,
            statistics::{Statistics, count},
            timeline::{Mark, MarkKind, SHOWN, lanes},
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
use chrono::Duration;
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

/// How long the statistics look back.
const FREQUENCY: Duration = Duration::days(30);

/// Cells of a lane's name.
const LANE: u16 = 18;

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
    timeline(view, painter, rest, operations);
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
        (None, None) => ("◐", Role::Accent, "running"),
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
            (environments.join(" "), if order.production { painter.style(Role::Production) } else { dim }),
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
        return finished.detail.clone();
    }
    if let Some(held) = &record.held {
        return held.reason.clone();
    }
    let leg = record.next_leg().map_or_else(|| "its end".to_owned(), |leg| leg.stage.to_string());
    match seen(view, record) {
        Some(seen) => format!("{leg}: {seen}"),
        None => leg,
    }
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
    job.progress.last().map(|progress| progress.detail.as_str())
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

/// Each leg with its glyph, wrapped.
fn chain<'a>(painter: &Painter<'_>, record: &DeploymentRecord, width: u16) -> Vec<Line<'a>> {
    let legs = record.legs();
    let next = record.next_leg();
    let several = record.order.places.len() > 1;
    let mut lines: Vec<Line<'a>> = vec![Vec::new()];
    let mut used = 0;
    for leg in &legs {
        let (glyph, role) = leg_mark(record, leg, next.as_ref());
        let name = match &leg.environment {
            Some(environment) if several => format!("{} {environment}", brief(leg)),
            _ => brief(leg),
        };
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

fn leg_mark(record: &DeploymentRecord, leg: &Leg, next: Option<&Leg>) -> (&'static str, Role) {
    match record.result(leg).map(|judged| judged.verdict) {
        Some(Verdict::Pass) => ("✓", Role::StatusOk),
        Some(Verdict::Fail) => ("■", Role::StatusCritical),
        Some(Verdict::NoData | Verdict::Error) => ("◌", Role::StatusUnknown),
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
            line.push(piece(format!("{} of {} pods ready", workload.ready, workload.desired), text));
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

/// Seven days by service, and how often deployments fail.
fn timeline(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, operations: &Operations) {
    if area.height < 4 {
        return;
    }
    let dim = painter.style(Role::Dim);
    let (now, from) = (view.now(), view.now() - SHOWN);
    let legend: Line<'_> = vec![
        piece(" seven days  ", painter.style(Role::Text)),
        piece("●", painter.style(Role::StatusOk)),
        piece(" done ", dim),
        piece("▼", painter.style(Role::StatusCritical)),
        piece(" rolled back ", dim),
        piece("◐", painter.style(Role::Accent)),
        piece(" open ", dim),
    ];
    inner_title(painter, area, area.y, &legend);
    let statistics = statistics(view, operations);
    let frequency = frequency(painter, &statistics, area.width);
    let body = area.height.saturating_sub(2 + frequency.len() as u16);
    let lane_area = area.width.saturating_sub(LANE);
    for day in 0..7_u16 {
        let x = area.x + LANE + lane_area * day / 7;
        let at = from + Duration::days(i64::from(day));
        painter.text(x, area.y + 1, lane_area / 7, &at.format("%a %d").to_string(), dim);
    }
    let lanes = lanes(operations, from, now);
    let fit = usize::from(body);
    for (index, (service, marks)) in lanes.iter().take(fit).enumerate() {
        let y = area.y + 2 + index as u16;
        painter.text(area.x, y, LANE - 1, service.as_str(), painter.style(Role::Text));
        painter.repeat(area.x + LANE, y, lane_area, "·", painter.style(Role::Line));
        for mark in marks {
            let seconds = (mark.at.max(from) - from).num_seconds().max(0);
            let share = seconds as f64 / SHOWN.num_seconds() as f64;
            let x = (share * f64::from(lane_area.saturating_sub(1))) as u16;
            let (glyph, role) = mark_look(mark);
            painter.cell(area.x + LANE + x, y, glyph, painter.style(role));
        }
    }
    if lanes.is_empty() && body > 0 {
        painter.text(area.x, area.y + 2, area.width, "nothing was deployed", dim);
    }
    for (index, line) in frequency.iter().enumerate() {
        painter.line(area.x, area.bottom() - frequency.len() as u16 + index as u16, area.width, line);
    }
}

const fn mark_look(mark: &Mark) -> (&'static str, Role) {
    match mark.kind {
        MarkKind::Done => ("●", Role::StatusOk),
        MarkKind::RolledBack | MarkKind::Rollback => ("▼", Role::StatusCritical),
        MarkKind::Open => ("◐", Role::Accent),
        MarkKind::Cancelled => ("○", Role::Dim),
    }
}

fn statistics(view: &View<'_>, operations: &Operations) -> Statistics {
    let is_production = |name: &crate::domain::name::EnvironmentName| {
        let environment = view.catalog.and_then(|catalog| catalog.environment(name.as_str()));
        environment.is_none_or(|environment| environment.production)
    };
    count(operations, is_production, view.now() - FREQUENCY, view.now())
}

fn frequency<'a>(painter: &Painter<'_>, statistics: &Statistics, width: u16) -> Vec<Line<'a>> {
    let total = &statistics.total;
    let rate = total.failure_rate().map_or_else(|| "◌".to_owned(), format_percent);
    let recovery = total.median_recovery().map_or_else(|| "◌".to_owned(), format_duration);
    let mut words = format!(
        "30 days: {} deployments to production, {} failed ({rate}), median recovery {recovery}",
        total.deployments, total.failed
    );
    if let Some(longest) = total.censored.iter().max() {
        words += &format!(
            ", {} not recovered for {}",
            total.censored.len(),
            format_duration(Duration::seconds(*longest))
        );
    }
    let mut by_service: Vec<(&str, usize)> = statistics
        .services
        .iter()
        .filter(|(_, figures)| figures.rollbacks > 0)
        .map(|(service, figures)| (service.as_str(), figures.rollbacks))
        .collect();
    by_service.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let rollbacks: Vec<String> = by_service.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let rollbacks = if rollbacks.is_empty() { "none".to_owned() } else { rollbacks.join(", ") };
    let text = painter.style(Role::Text);
    let dim = painter.style(Role::Dim);
    let mut lines: Vec<Line<'a>> =
        wrap(&words, width).into_iter().map(|line| vec![piece(line, text)]).collect();
    lines.push(vec![piece("rollbacks: ", dim), piece(rollbacks, text)]);
    lines
}
