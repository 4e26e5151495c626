//! Deployments: those that run or wait with what is seen of them now, seven days by service, and how often they fail.

mod chosen;
mod timeline;
mod words;

use super::{Room, message, row_ground};
use crate::{
    config::theme::Role,
    domain::{
        deployment::{record::DeploymentRecord, shown_version, timeline::SHOWN},
        ledger::Operations,
    },
    model::layout::Pane,
    tui::{
        paint::Painter,
        view::View,
        widgets::table::{Column, column, places_of},
    },
};
use ratatui::layout::Rect;
use words::{state, told};

pub use words::{bare, figures_words, sentence};

const COLUMNS: [Column; 7] = [
    column("", 1, 0, 0, false),
    column("id", 7, 0, 0, false),
    column("service", 16, 8, 0, false),
    column("version", 16, 6, 1, false),
    column("where", 10, 10, 3, false),
    column("state", 16, 60, 0, false),
    column("age", 5, 0, 2, true),
];

/// With less room than this a row says the state in a word: the chosen one is told in full below.
const ROOMY: u16 = 110;

/// The columns of a narrow page.
const NARROW: [Column; 7] = [
    column("", 1, 0, 0, false),
    column("id", 7, 0, 0, false),
    column("service", 14, 12, 0, false),
    column("version", 13, 9, 2, false),
    column("where", 10, 10, 1, false),
    column("state", 11, 0, 0, false),
    column("age", 4, 0, 3, true),
];

/// Rows that a list has room for, however short it is.
const FEWEST: usize = 4;

/// Draws the page.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, room: Room) {
    let area = room.area;
    let Some(ledger) = &view.model.world.ledger.value else { return };
    let operations = &ledger.operations;
    let list = view.model.ui.list(Pane::Deployments);
    // A short list leaves its room to what is below.
    let most = view.model.ui.layout().rows(Pane::Deployments).min(list.rows.len().max(FEWEST));
    let height = area.height.min(u16::try_from(most).unwrap_or(u16::MAX).saturating_add(1));
    let top = Rect { height, ..area };
    if list.rows.is_empty() {
        message(painter, top, &nothing(&list.filter));
    } else {
        rows(view, painter, Room { area: top, ..room }, operations);
    }
    let rest = Rect { y: area.y + height, height: area.height - height, ..area };
    let used = view.model.selected_deployment().map_or(0, |record| chosen::draw(view, painter, rest, record));
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

fn rows(view: &View<'_>, painter: &mut Painter<'_>, room: Room, operations: &Operations) {
    let area = room.area;
    let list = view.model.ui.list(Pane::Deployments);
    let is_roomy = area.width >= ROOMY;
    let columns = if is_roomy { &COLUMNS } else { &NARROW };
    let places = places_of(columns, area.width);
    let header = painter.style(Role::Header);
    for (column, place) in columns.iter().zip(&places) {
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
                if is_roomy { told(view, record) } else { word.to_owned() },
                painter.style(if record.is_open() { role } else { Role::Dim }),
            ),
            (super::changes::brief_age(age), dim),
        ];
        for ((place, column), (words, style)) in places.iter().zip(columns).zip(cells) {
            let Some((x, width)) = place else { continue };
            if column.right {
                painter.right(area.x + x, y, *width, &words, style);
            } else {
                painter.text(area.x + x, y, *width, &words, style);
            }
        }
    }
}
