//! Open incidents and their running clocks, the next deadline of each in its row.

use super::{Room, inner_title, message, row_ground};
use crate::{
    config::theme::Role,
    domain::{
        escalation::Severity,
        incident::Incident,
        units::{format_clock, format_duration},
    },
    model::layout::Pane,
    tui::{
        clocks::{Clock, Clocks, clocks},
        paint::{Line, Painter, piece},
        view::View,
        widgets::{
            bar, status,
            table::{Column, column, places},
        },
    },
};
use ratatui::layout::Rect;

const COLUMNS: [Column; 9] = [
    column("", 1, 0, 0, false),
    column("incident", 8, 0, 0, false),
    column("severity", 8, 0, 3, false),
    column("title", 14, 40, 2, false),
    column("service", 14, 8, 6, false),
    column("age", 6, 0, 7, true),
    column("next", 9, 0, 1, false),
    column("", 8, 8, 4, false),
    column("in", 8, 0, 0, true),
];

/// Draws the list; below it the chosen incident, and when zoomed the matrix and who is on call.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, room: Room) {
    let list = view.model.ui.list(Pane::Escalation);
    let area = room.area;
    let used = if list.rows.is_empty() {
        let lines = if view.joined.incidents.is_empty() {
            vec![
                ("● no open incident".to_owned(), Role::StatusOk),
                ("D declares one; its clocks run here".to_owned(), Role::Dim),
            ]
        } else {
            vec![
                (format!("no incident matches /{}", list.filter), Role::Text),
                ("/ changes the filter, esc in it clears it".to_owned(), Role::Dim),
            ]
        };
        let height = if room.zoomed { area.height.min(5) } else { area.height };
        message(painter, Rect { height, ..area }, &lines);
        height
    } else {
        rows(view, painter, room)
    };
    let mut rest = Rect { y: area.y + used, height: area.height - used, ..area };
    if let Some(incident) = list.current().and_then(|name| find(view, name))
        && rest.height >= 4
    {
        rest.y += 1;
        rest.height -= 1;
        let used = details(view, painter, rest, incident);
        rest.y += used;
        rest.height -= used;
    }
    if room.zoomed && rest.height >= 5 {
        rest.y += 1;
        rest.height -= 1;
        matrix(view, painter, rest);
    }
}

fn find<'a>(view: &View<'a>, name: &str) -> Option<&'a Incident> {
    view.joined.incidents.iter().find(|incident| incident.id == *name)
}

fn clocks_of(view: &View<'_>, incident: &Incident) -> Clocks {
    view.catalog.map(|catalog| clocks(incident, &catalog.severities, view.now())).unwrap_or_default()
}

/// Gives how many rows it took.
fn rows(view: &View<'_>, painter: &mut Painter<'_>, room: Room) -> u16 {
    let list = view.model.ui.list(Pane::Escalation);
    let area = room.area;
    let places = places(&COLUMNS, area.width);
    let header = painter.style(Role::Header);
    for (column, place) in COLUMNS.iter().zip(places) {
        let Some((x, width)) = place else { continue };
        if column.right {
            painter.right(area.x + x, area.y, width, column.title, header);
        } else {
            painter.text(area.x + x, area.y, width, column.title, header);
        }
    }
    let end = (list.offset + room.rows()).min(list.rows.len());
    for (line, index) in (list.offset..end).enumerate() {
        let y = area.y + 1 + line as u16;
        row_ground(view, painter, Pane::Escalation, room, index, y);
        let Some(incident) = find(view, &list.rows[index]) else { continue };
        let next = clocks_of(view, incident).next();
        for (index, place) in places.iter().enumerate() {
            let Some((x, width)) = place else { continue };
            cell(view, painter, incident, next, index, area.x + x, y, *width);
        }
    }
    1 + (end - list.offset) as u16
}

#[expect(clippy::too_many_arguments, reason = "a cell is where, what and how wide")]
fn cell(
    view: &View<'_>,
    painter: &mut Painter<'_>,
    incident: &Incident,
    next: Option<Clock>,
    column: usize,
    x: u16,
    y: u16,
    width: u16,
) {
    let dim = painter.style(Role::Dim);
    let mark = status::severity(incident.severity);
    let severity = painter.style(mark.role);
    match column {
        0 => drop(painter.text(x, y, width, mark.glyph, severity)),
        1 => drop(painter.text(x, y, width, incident.id.as_str(), severity)),
        2 => drop(painter.text(x, y, width, mark.word, severity)),
        3 => drop(painter.text(x, y, width, &incident.title, painter.style(Role::Text))),
        4 => {
            let service = incident.service.as_ref();
            let is_related = service.is_some_and(|service| view.is_selected(service));
            let role = if is_related { Role::Related } else { Role::Dim };
            let name = service.map_or("–", |service| service.as_str());
            painter.text(x, y, width, name, painter.style(role));
        }
        5 => painter.right(x, y, width, &view.age(incident.declared_at), dim),
        6 => drop(painter.text(x, y, width, next.map_or("–", |clock| clock.label), dim)),
        7 => {
            if let Some(clock) = next {
                let style = painter.style(clock_role(&clock, view));
                bar::draw(painter, x, y, width, clock.elapsed(view.now()), style);
            }
        }
        _ => {
            if let Some(clock) = next {
                let style = painter.style(clock_role(&clock, view));
                painter.right(x, y, width, &format_clock(clock.remaining(view.now())), style);
            }
        }
    }
}

/// A clock is loud once it is breached, and speaks up when a quarter of it is left.
pub fn clock_role(clock: &Clock, view: &View<'_>) -> Role {
    match clock.elapsed(view.now()) {
        _ if clock.is_breached(view.now()) => Role::StatusCritical,
        elapsed if elapsed > 0.75 => Role::StatusWarning,
        _ => Role::Chart,
    }
}

/// Both clocks of an incident, its level, who has it; gives how many rows it took.
fn details(view: &View<'_>, painter: &mut Painter<'_>, area: Rect, incident: &Incident) -> u16 {
    let dim = painter.style(Role::Dim);
    let text = painter.style(Role::Text);
    let title: Line<'_> = vec![
        piece(" ", dim),
        piece(incident.id.as_str(), text),
        piece(" ", dim),
        piece(incident.title.as_str(), text),
        piece(" ", dim),
    ];
    inner_title(painter, area, area.y, &title);
    let clocks = clocks_of(view, incident);
    let end = area.bottom();
    let mut y = area.y + 1;
    for clock in clocks.response.into_iter().chain(clocks.escalation) {
        if y >= end {
            return y - area.y;
        }
        let style = painter.style(clock_role(&clock, view));
        painter.text(area.x, y, area.width, clock.label, dim);
        let room = area.width.saturating_sub(24).min(24);
        bar::draw(painter, area.x + 12, y, room, clock.elapsed(view.now()), style);
        let clock_text = format_clock(clock.remaining(view.now()));
        painter.right(area.x + 12 + room, y, 10.min(area.width), &clock_text, style);
        let at = clock.due.format(" at %H:%M UTC").to_string();
        let word = if clock.is_breached(view.now()) { " breached".to_owned() } else { at };
        let column = 12 + room + 10;
        painter.text(area.x + column, y, area.width.saturating_sub(column), &word, dim);
        y += 1;
    }
    let mut facts: Vec<Line<'_>> = Vec::new();
    facts.push(match &incident.acknowledged {
        Some((at, who)) => vec![
            piece("✓ acknowledged ", painter.style(Role::StatusOk)),
            piece(format!("by {who}, {} ago", view.age(*at)), text),
        ],
        None => vec![piece("○ nobody has acknowledged it", text)],
    });
    let called = view.catalog.map(|catalog| {
        let levels = &catalog.severities.levels;
        let whom = |level: usize| {
            let last = levels.len().saturating_sub(1);
            levels.get(level.min(last)).map(|level| level.join(", ")).unwrap_or_default()
        };
        (whom(clocks.level), whom(clocks.level + 1))
    });
    if let Some((now, next)) = called.filter(|(now, _)| !now.is_empty()) {
        let mut line = vec![piece(format!("level {}", clocks.level), text), piece(format!(": {now}"), dim)];
        if clocks.escalation.is_some() && next != now {
            line.push(piece(format!(" · next {next}"), dim));
        }
        facts.push(line);
    }
    facts.push(vec![piece(
        format!("declared {} ago by {}", view.age(incident.declared_at), incident.declared_by),
        dim,
    )]);
    if let Some(deployment) = &incident.deployment {
        facts.push(vec![piece(format!("opened for {deployment}: 9 shows how it went"), dim)]);
    }
    let written = incident.post_mortem.as_ref().and_then(|post_mortem| post_mortem.written.as_ref());
    if let Some((_, who, words)) = written {
        facts.push(vec![
            piece("✓ post-mortem ", painter.style(Role::StatusOk)),
            piece(format!("by {who}: {words}"), text),
        ]);
    }
    if let Some(due) = incident.post_mortem_due() {
        let left = due - view.now();
        let (words, role) = if left < chrono::Duration::zero() {
            (format!("overdue since {}", format_duration(-left)), Role::StatusCritical)
        } else {
            (format!("due in {}", format_duration(left)), Role::StatusWarning)
        };
        let at = due.format("%a %H:%M UTC");
        facts.push(vec![
            piece("! post-mortem ", painter.style(role)),
            piece(format!("{words}, {at} · p records it"), text),
        ]);
    }
    for line in &facts {
        if y >= end {
            break;
        }
        painter.line(area.x, y, area.width, line);
        y += 1;
    }
    y - area.y
}

/// The severity matrix, and who is on call.
fn matrix(view: &View<'_>, painter: &mut Painter<'_>, area: Rect) {
    let Some(catalog) = view.catalog else { return };
    let dim = painter.style(Role::Dim);
    let text = painter.style(Role::Text);
    inner_title(painter, area, area.y, &vec![piece(" severity matrix ", dim)]);
    let header = painter.style(Role::Header);
    let columns = [(0, "severity"), (14, "respond"), (24, "escalate"), (36, "how")];
    for (x, title) in columns {
        painter.text(area.x + x, area.y + 1, area.width.saturating_sub(x), title, header);
    }
    let mut y = area.y + 2;
    for severity in Severity::ALL {
        let Some(policy) = catalog.severities.rows.get(&severity).filter(|_| y < area.bottom()) else {
            continue;
        };
        let mark = status::severity(severity);
        let cells = [
            (0, format!("{} {}", mark.glyph, mark.word), painter.style(mark.role)),
            (14, format_duration(policy.response), text),
            (24, policy.escalation.map_or_else(|| "never".to_owned(), format_duration), text),
            (36, [std::slice::from_ref(&policy.notification), &policy.channels[..]].concat().join("  "), dim),
        ];
        for (x, shown, style) in cells {
            painter.text(area.x + x, y, area.width.saturating_sub(x), &shown, style);
        }
        y += 1;
    }
    if y + 1 < area.bottom() {
        let line: Line<'_> = match view.on_call() {
            Some((person, until)) => vec![
                piece("on call ", dim),
                piece(person.name.as_str(), text),
                piece(format!(" until {until}"), dim),
                piece(person.phone.as_ref().map_or_else(String::new, |phone| format!(" · {phone}")), dim),
                piece(person.chat.as_ref().map_or_else(String::new, |chat| format!(" · {chat}")), dim),
            ],
            None => vec![piece(
                "nobody is on call: policies/escalation.toml names a team in on_call, teams.toml its rotation",
                painter.style(Role::StatusWarning),
            )],
        };
        painter.line(area.x, y + 1, area.width, &line);
    }
}
