//! The service inventory: what should run, what runs, and how it runs where the person looks.

use super::{Room, message, row_ground};
use crate::{
    config::theme::Role,
    domain::{deployment::Health, lifecycle::Lifecycle, sla::SlaVerdict, units::format_percent},
    model::{
        join::{Place, ServiceRow},
        layout::Pane,
        world::Freshness,
    },
    tui::{
        paint::{Painter, piece},
        view::View,
        widgets::{
            sparkline::sparkline,
            status,
            table::{Column, column, places},
        },
    },
};
use ratatui::style::Style;
use std::fmt::Write as _;

/// In the order of the brief look: what is it, what runs, is it well.
const COLUMNS: [Column; 12] = [
    column("", 1, 0, 0, false),
    column("service", 20, 8, 0, false),
    column("state", 8, 0, 7, false),
    column("version", 13, 8, 2, false),
    column("status", 11, 0, 8, false),
    column("owner", 13, 7, 9, false),
    column("ready", 5, 0, 3, true),
    column("errors", 6, 0, 4, true),
    column("p99", 5, 0, 5, true),
    column("req/s", 6, 0, 11, true),
    column("sla", 7, 0, 1, true),
    column("trend", 6, 18, 10, false),
];

/// Draws the list.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, room: Room) {
    let list = view.model.ui.list(Pane::Inventory);
    let area = room.area;
    if list.rows.is_empty() {
        let lines = match (view.joined.services.is_empty(), list.filter.is_empty()) {
            (false, false) => vec![
                (format!("no service matches /{}", list.filter), Role::Text),
                ("/ changes the filter, esc in it clears it".to_owned(), Role::Dim),
            ],
            _ => vec![
                ("the catalog names no service".to_owned(), Role::Text),
                ("add one to services/catalog.toml; `quarterdeck init` shows how".to_owned(), Role::Dim),
            ],
        };
        message(painter, area, &lines);
        return;
    }
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
    let stale = Staleness::of(view);
    let end = (list.offset + room.rows()).min(list.rows.len());
    for (line, index) in (list.offset..end).enumerate() {
        let y = area.y + 1 + line as u16;
        row_ground(view, painter, Pane::Inventory, room, index, y);
        let Some(row) = view.joined.service(&list.rows[index]) else { continue };
        let cells = Cells { view, row, place: place(view, row), stale };
        for (index, place) in places.iter().enumerate() {
            let Some((x, width)) = place else { continue };
            cells.draw(painter, index, area.x + x, y, *width);
        }
    }
}

/// The place of a service in the environment that is looked at.
fn place<'a>(view: &View<'_>, row: &'a ServiceRow) -> Option<&'a Place> {
    row.place(view.environment?.name.as_str())
}

/// Which columns are an old picture.
#[derive(Clone, Copy)]
struct Staleness {
    cluster: bool,
    metrics: bool,
}

impl Staleness {
    fn of(view: &View<'_>) -> Self {
        let is_old = |freshness| matches!(freshness, Freshness::Failed | Freshness::Stale);
        Self {
            cluster: view.environment.is_some_and(|environment| is_old(view.cluster(environment).freshness)),
            metrics: is_old(view.metrics().freshness),
        }
    }
}

struct Cells<'a> {
    view: &'a View<'a>,
    row: &'a ServiceRow,
    place: Option<&'a Place>,
    stale: Staleness,
}

impl Cells<'_> {
    fn draw(&self, painter: &mut Painter<'_>, column: usize, x: u16, y: u16, width: u16) {
        let text = painter.style(Role::Text);
        let dim = painter.style(Role::Dim);
        let service = &self.row.service;
        let verdict = self.place.map(|place| place.judgement.verdict);
        let mark = status::sla(verdict.unwrap_or(SlaVerdict::NoData));
        let mark_style = painter.style(if self.stale.metrics { Role::Dim } else { mark.role });
        match column {
            0 => match self.place {
                Some(_) => painter.text(x, y, width, mark.glyph, mark_style),
                None => painter.text(x, y, width, "·", dim),
            },
            1 => {
                let mut name = text;
                if matches!(verdict, Some(SlaVerdict::Violated | SlaVerdict::Burning)) {
                    name = mark_style;
                } else if self.place.is_none() {
                    name = dim;
                }
                let used = painter.text(x, y, width, service.name.as_str(), name);
                if self.row.incidents > 0 && used + 2 <= width {
                    painter.text(x + used + 1, y, 1, "!", painter.style(Role::StatusCritical))
                } else {
                    used
                }
            }
            2 => match self.place {
                Some(_) => painter.text(x, y, width, mark.word, mark_style),
                None => painter.text(x, y, width, "not here", dim),
            },
            3 => self.version(painter, x, y, width),
            4 => {
                let role = match service.status {
                    Lifecycle::Ga => Role::Dim,
                    Lifecycle::Deprecated | Lifecycle::Retired => Role::StatusWarning,
                    _ => Role::Text,
                };
                painter.text(x, y, width, service.status.as_str(), painter.style(role))
            }
            5 => {
                let owner = service.owner.as_ref().map_or("–", |owner| owner.as_str());
                painter.text(x, y, width, owner, dim)
            }
            6 => {
                self.ready(painter, x, y, width);
                0
            }
            7..=9 => {
                self.number(painter, column, x, y, width);
                0
            }
            10 => {
                let shown = self.place.and_then(|place| place.judgement.availability).map(format_percent);
                let style = if shown.is_some() && mark.role != Role::StatusOk { mark_style } else { text };
                let style = if shown.is_none() || self.stale.metrics { dim } else { style };
                painter.right(x, y, width, &short(shown), style);
                0
            }
            _ => {
                let Some(seen) = self.place.and_then(|place| place.indicators.as_ref()) else { return };
                let line = sparkline(&seen.trend, width, full_scale(&seen.trend));
                let style = if mark.role == Role::StatusOk { painter.style(Role::Chart) } else { mark_style };
                painter.text(x, y, width, &line, style)
            }
        };
    }

    /// `1.3.0`, or `1.3.0 → 1.2.3` where something else runs than the catalog says.
    fn version(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16) -> u16 {
        let text = painter.style(Role::Text);
        let dim = painter.style(Role::Dim);
        let mut wanted = String::new();
        match &self.row.service.version {
            Some(version) => drop(write!(wanted, "{version}")),
            None => wanted.push('–'),
        }
        let running = self.place.and_then(Place::version);
        match running.filter(|running| *running != wanted) {
            Some(running) => {
                let style = if self.stale.cluster { dim } else { painter.style(Role::StatusWarning) };
                let line = [piece(wanted, dim), piece(" → ", dim), piece(running.to_owned(), style)];
                painter.line(x, y, width, &line)
            }
            None => painter.text(x, y, width, &wanted, if self.place.is_some() { text } else { dim }),
        }
    }

    fn ready(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16) {
        let dim = painter.style(Role::Dim);
        let Some(workload) = self.place.and_then(|place| place.workload.as_ref()) else {
            painter.right(x, y, width, "–", dim);
            return;
        };
        let style = match &workload.health {
            _ if self.stale.cluster => dim,
            Health::Degraded(_) => painter.style(Role::StatusCritical),
            Health::Healthy if workload.ready >= workload.desired => painter.style(Role::Text),
            _ => painter.style(Role::StatusWarning),
        };
        painter.right(x, y, width, &format!("{}/{}", workload.ready, workload.desired), style);
    }

    fn number(&self, painter: &mut Painter<'_>, column: usize, x: u16, y: u16, width: u16) {
        let seen = self.place.and_then(|place| place.indicators.as_ref());
        let promise = || self.view.catalog.map(|catalog| catalog.sla(&self.row.service));
        let (shown, is_bad) = match column {
            7 => {
                let errors = seen.and_then(|seen| seen.error_ratio);
                let allowed = || {
                    let promise = promise()?;
                    promise
                        .error_rate
                        .map(crate::domain::units::Ratio::share)
                        .or_else(|| promise.availability.map(crate::domain::units::Ratio::complement))
                };
                let is_bad = errors
                    .is_some_and(|errors| errors > 0.0 && allowed().is_some_and(|allowed| errors > allowed));
                (errors.map(brief_percent), is_bad)
            }
            8 => {
                let p99 = seen.and_then(|seen| seen.p99_seconds);
                let is_bad = p99.is_some_and(|p99| {
                    promise()
                        .and_then(|promise| promise.response_time_p99)
                        .is_some_and(|bound| p99 * 1000.0 > bound.num_milliseconds() as f64)
                });
                (p99.map(brief_seconds), is_bad)
            }
            _ => (seen.and_then(|seen| seen.rate).map(brief_number), false),
        };
        let role = match (&shown, is_bad) {
            _ if shown.is_none() || self.stale.metrics => Role::Dim,
            (_, true) => Role::StatusWarning,
            (_, false) => Role::Text,
        };
        painter.right(x, y, width, &short(shown), painter.style(role));
    }
}

fn short(shown: Option<String>) -> String {
    shown.unwrap_or_else(|| "–".to_owned())
}

/// The top of a trend's scale: its highest sample, but never so low that noise looks like a storm.
pub fn full_scale(trend: &[f64]) -> f64 {
    trend.iter().copied().filter(|sample| sample.is_finite()).fold(0.01, f64::max)
}

/// Per cent in a narrow column: `0%`, `0.31%`, `2.8%`, `34%`.
pub fn brief_percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        percent if !percent.is_finite() => "–".to_owned(),
        percent if percent <= 0.0 => "0%".to_owned(),
        percent if percent < 0.01 => "<0.01%".to_owned(),
        percent if percent < 1.0 => format!("{percent:.2}%"),
        percent if percent < 10.0 => format!("{percent:.1}%"),
        percent => format!("{percent:.0}%"),
    }
}

/// A response time in a narrow column: `8ms`, `180ms`, `1.4s`, `12s`.
pub fn brief_seconds(seconds: f64) -> String {
    match seconds {
        seconds if !seconds.is_finite() => "–".to_owned(),
        seconds if seconds < 0.9995 => format!("{:.0}ms", seconds * 1000.0),
        seconds if seconds < 9.95 => format!("{seconds:.1}s"),
        seconds => format!("{seconds:.0}s"),
    }
}

/// A rate in a narrow column: `0.4`, `12`, `1.4k`.
pub fn brief_number(number: f64) -> String {
    match number {
        number if !number.is_finite() => "–".to_owned(),
        number if number < 9.95 => format!("{number:.1}"),
        number if number < 999.5 => format!("{number:.0}"),
        number if number < 99_950.0 => format!("{:.1}k", number / 1000.0),
        number => format!("{:.0}k", number / 1000.0),
    }
}

/// The style of a value that keeps its promise, or does not.
pub const fn promise_style(painter: &Painter<'_>, holds: bool) -> Style {
    painter.style(if holds { Role::Text } else { Role::StatusWarning })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        for (share, shown) in [
            (0.0, "0%"),
            (0.000_01, "<0.01%"),
            (0.0031, "0.31%"),
            (0.028, "2.8%"),
            (0.34, "34%"),
            (1.0, "100%"),
        ] {
            assert_eq!(brief_percent(share), shown);
        }
        for (seconds, shown) in [(0.008, "8ms"), (0.18, "180ms"), (0.9999, "1.0s"), (12.3, "12s")] {
            assert_eq!(brief_seconds(seconds), shown);
        }
        for (number, shown) in [(0.42, "0.4"), (12.4, "12"), (1_420.0, "1.4k"), (142_000.0, "142k")] {
            assert_eq!(brief_number(number), shown);
        }
    }
}
