//! Pending changes: what each is, how risky, who waits for whom, and which gates are open.

use super::{Room, inner_title, message, row_ground};
use crate::{
    config::theme::Role,
    domain::{change::Change, finding::Level, gate::GateState, text::fit_end},
    model::layout::Pane,
    tui::{
        paint::{Line, Painter, piece},
        view::View,
        widgets::{
            status,
            table::{Column, column, places},
        },
    },
};
use chrono::Duration;
use ratatui::layout::Rect;

const COLUMNS: [Column; 10] = [
    column("", 1, 0, 0, false),
    column("change", 19, 7, 0, false),
    column("stage", 9, 0, 2, false),
    column("class", 11, 3, 4, false),
    column("risk", 6, 0, 6, false),
    column("age", 3, 0, 5, true),
    column("author", 10, 6, 8, false),
    column("gates", 19, 12, 1, false),
    column("found", 7, 4, 3, false),
    column("services", 16, 30, 9, false),
];

/// In a small pane the gates matter more than the whole of a long name.
const NARROW: u16 = 46;

/// Draws the list, and below it the chosen change where there is room.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, room: Room) {
    let list = view.model.ui.list(Pane::Changes);
    let area = room.area;
    if list.rows.is_empty() {
        let lines = if view.joined.changes.is_empty() {
            let pattern = view.catalog.map_or("change/*", |catalog| catalog.settings.changes.as_str());
            vec![
                ("no change is open".to_owned(), Role::Text),
                (format!("a branch {pattern} on the remote shows here"), Role::Dim),
            ]
        } else {
            vec![
                (format!("no change matches /{}", list.filter), Role::Text),
                ("/ changes the filter, esc in it clears it".to_owned(), Role::Dim),
            ]
        };
        message(painter, area, &lines);
        return;
    }
    let mut columns = COLUMNS;
    if area.width < NARROW {
        columns[1].width = 12;
        columns[7].width = 10;
    }
    let places = places(&columns, area.width);
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
        row_ground(view, painter, Pane::Changes, room, index, y);
        let Some(change) = find(view, &list.rows[index]) else { continue };
        for (index, place) in places.iter().enumerate() {
            let Some((x, width)) = place else { continue };
            cell(view, painter, change, index, area.x + x, y, *width);
        }
    }
    let drawn = 1 + (end - list.offset) as u16;
    if let Some(change) = list.current().and_then(|name| find(view, name))
        && area.height >= drawn + 4
    {
        let rest = Rect { y: area.y + drawn + 1, height: area.height - drawn - 1, ..area };
        details(painter, rest, change);
    }
}

fn find<'a>(view: &View<'a>, name: &str) -> Option<&'a Change> {
    view.joined.changes.iter().find(|change| change.proposal.id == *name).map(|change| &**change)
}

fn cell(
    view: &View<'_>,
    painter: &mut Painter<'_>,
    change: &Change,
    column: usize,
    x: u16,
    y: u16,
    width: u16,
) {
    let text = painter.style(Role::Text);
    let dim = painter.style(Role::Dim);
    let stage = status::stage(change);
    match column {
        0 => painter.text(x, y, width, stage.glyph, painter.style(stage.role)),
        1 => {
            let is_related = change.services.iter().any(|service| view.is_selected(service));
            let style = if is_related { painter.style(Role::Related) } else { text };
            painter.text(x, y, width, &fit_end(change.proposal.id.as_str(), width.into()), style)
        }
        2 => painter.text(x, y, width, stage.word, painter.style(stage.role)),
        3 => painter.text(x, y, width, change.class.as_str(), text),
        4 => {
            let risk = change.class.risk();
            let role = if risk == "high" { Role::StatusWarning } else { Role::Dim };
            painter.text(x, y, width, risk, painter.style(role))
        }
        5 => {
            let age = brief_age(view.now() - change.proposal.opened_at);
            painter.right(x, y, width, &age, dim);
            0
        }
        6 => {
            let author = change.proposal.authors.first().map_or("–", |author| author.name.as_str());
            painter.text(x, y, width, author, dim)
        }
        7 => painter.line(x, y, width, &gates(painter, change)),
        8 => painter.line(x, y, width, &findings(painter, change)),
        _ => {
            let names: Vec<&str> =
                change.services.iter().map(crate::domain::name::ServiceName::as_str).collect();
            painter.text(x, y, width, &names.join(", "), dim)
        }
    };
}

/// An age in its largest unit alone: `40m`, `2h`, `26d`.
pub(super) fn brief_age(age: Duration) -> String {
    let minutes = age.num_minutes().max(0);
    match minutes {
        0..60 => format!("{minutes}m"),
        60..2880 => format!("{}h", minutes / 60),
        _ => format!("{}d", minutes / 1440),
    }
}

/// `✓ review ○ security`
pub fn gates<'a>(painter: &Painter<'_>, change: &'a Change) -> Line<'a> {
    let mut line = Line::new();
    for gate in &change.gates {
        let state = status::gate_of(change, gate);
        if !line.is_empty() {
            line.push(piece(" ", painter.style(Role::Text)));
        }
        line.push(piece(state.glyph, painter.style(state.role)));
        line.push(piece(" ", painter.style(Role::Text)));
        let role = if matches!(gate.state, GateState::Approved { .. }) { Role::Dim } else { state.role };
        line.push(piece(status::gate_name(gate.gate), painter.style(role)));
        // That it is signed is the rule, and what is not is said.
        if let Some(signed) = change.signatures.get(&gate.gate).filter(|state| !state.is_valid()) {
            let mark = status::signature(signed);
            line.push(piece(format!(" {}", mark.glyph), painter.style(mark.role)));
        }
    }
    if line.is_empty() {
        line.push(piece("–", painter.style(Role::Dim)));
    }
    line
}

/// `■ 1 ▲ 2`, or `none`.
fn findings<'a>(painter: &Painter<'_>, change: &Change) -> Line<'a> {
    let mut line = Line::new();
    for level in [Level::Error, Level::Warning, Level::Note] {
        let count = change.findings.iter().filter(|finding| finding.level == level).count();
        if count == 0 {
            continue;
        }
        let mark = status::level(level);
        if !line.is_empty() {
            line.push(piece(" ", painter.style(Role::Text)));
        }
        line.push(piece(format!("{} {count}", mark.glyph), painter.style(mark.role)));
    }
    if line.is_empty() {
        line.push(piece("none", painter.style(Role::Dim)));
    }
    line
}

/// What the chosen change does: subject, fields, the first finding, and who may approve.
fn details(painter: &mut Painter<'_>, area: Rect, change: &Change) {
    let dim = painter.style(Role::Dim);
    let title: Line<'_> = vec![
        piece(" ", dim),
        piece(change.proposal.id.as_str(), painter.style(Role::Text)),
        piece(format!(" at {} ", change.proposal.head.short()), dim),
    ];
    inner_title(painter, area, area.y, &title);
    let mut lines: Vec<Line<'_>> = Vec::new();
    lines.push(vec![piece(change.proposal.subject.as_str(), painter.style(Role::Text))]);
    if let Some(finding) = change.findings.iter().max_by_key(|finding| finding.level) {
        let mark = status::level(finding.level);
        lines.push(vec![
            piece(format!("{} {} ", mark.glyph, finding.code), painter.style(mark.role)),
            piece(finding.message.as_str(), painter.style(Role::Text)),
            piece(finding.location().map_or_else(String::new, |place| format!("  {place}")), dim),
        ]);
    }
    for gate in change.gates.iter().filter(|gate| !matches!(gate.state, GateState::Approved { .. })) {
        let state = status::gate_of(change, gate);
        let teams: Vec<&str> = gate.teams.iter().map(crate::domain::name::TeamName::as_str).collect();
        let mut line = vec![
            piece(format!("{} {} {}", state.glyph, gate.gate, state.word), painter.style(state.role)),
            piece(format!("  waits for {}", teams.join(" or ")), dim),
        ];
        for unproven in change.unproven_of(gate.gate) {
            let words = format!(" · that of {} does not count: {}", unproven.by, unproven.why);
            line.push(piece(words, painter.style(Role::StatusCritical)));
        }
        if let GateState::Fallen { by } = &gate.state {
            line.push(piece(format!(" · {by} had approved an earlier head"), dim));
        }
        lines.push(line);
    }
    for field in &change.fields {
        let mut line = vec![piece(format!("{} {}  ", field.service, field.field), dim)];
        if let Some(old) = &field.old {
            line.push(piece(format!("- {old}"), painter.style(Role::DiffRemoved)));
            line.push(piece(" ", dim));
        }
        if let Some(new) = &field.new {
            line.push(piece(format!("+ {new}"), painter.style(Role::DiffAdded)));
        }
        lines.push(line);
    }
    let room = usize::from(area.height - 1);
    for (index, line) in lines.iter().take(room).enumerate() {
        let y = area.y + 1 + index as u16;
        if index + 1 == room && lines.len() > room {
            painter.text(area.x, y, area.width, &format!("+{} more", lines.len() - index), dim);
        } else {
            painter.line(area.x, y, area.width, line);
        }
    }
}
