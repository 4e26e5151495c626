//! The change calendar: a month with marks, whether it is open now, and all of the chosen day.

use super::{Room, content, rect};
use crate::{
    config::theme::Role,
    domain::calendar::{Agenda, AgendaEntry, AgendaKind, Closing, Standing},
    model::{
        calendar::WEEKS,
        pages::{LEGEND, MonthGrid},
    },
    tui::{
        paint::{Line, Painter, piece, wrap},
        view::View,
    },
};
use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use ratatui::layout::Rect;

/// From how many cells on a day has room for words.
const WIDE_DAY: u16 = 9;

const WEEKDAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];

/// What the title says: the month that is shown.
pub fn about(view: &View<'_>) -> (String, Role) {
    (format!("{}, times in UTC", view.model.shown_day().format("%B %Y")), Role::Dim)
}

/// The mark of a kind of line: glyph, role and word.
const fn mark(kind: AgendaKind) -> (&'static str, Role, &'static str) {
    match kind {
        AgendaKind::Freeze => ("■", Role::StatusWarning, "freeze"),
        AgendaKind::Window => ("□", Role::StatusOk, "window"),
        AgendaKind::Merge => ("↑", Role::Accent, "merged"),
        AgendaKind::Rollback => ("↺", Role::StatusCritical, "rolled back"),
        AgendaKind::PostMortem => ("!", Role::StatusCritical, "post-mortem due"),
        AgendaKind::Deprecation | AgendaKind::Sunset | AgendaKind::SupportEnd => {
            ("†", Role::StatusWarning, "a service ends")
        }
    }
}

/// What is told in a cell, what matters most first.
const ORDER: [AgendaKind; LEGEND as usize] = [
    AgendaKind::PostMortem,
    AgendaKind::Freeze,
    AgendaKind::Rollback,
    AgendaKind::Merge,
    AgendaKind::Sunset,
    AgendaKind::Window,
];

/// Draws the page.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, room: Room) {
    let area = room.area;
    let grid = MonthGrid::new(content(area), view.model.shown_day());
    month(view, painter, &grid);
    let x = grid.area.x + grid.area.width;
    for y in area.y..area.bottom() {
        painter.cell(x, y, "│", painter.style(Role::Line));
    }
    let beside = Rect { x: x + 2, width: area.width.saturating_sub(grid.area.width + 2), ..area };
    agenda(view, painter, beside);
}

/// The month: weekdays, six weeks, and what the marks mean.
fn month(view: &View<'_>, painter: &mut Painter<'_>, grid: &MonthGrid) {
    let (area, day_width, rows) = (rect(grid.area), grid.day_width, grid.week_rows);
    let shown = view.model.shown_day();
    let today = view.now().date_naive();
    let agenda = &view.model.world.calendar.agenda;
    for (column, name) in (0..).zip(WEEKDAYS) {
        let x = area.x + column * day_width;
        painter.right(x, area.y, day_width - 1, name, painter.style(Role::Header));
    }
    for cell in 0..7 * WEEKS as u16 {
        let day = grid.first + Duration::days(cell.into());
        let (x, y) = grid.place(cell);
        if y >= area.bottom() {
            break;
        }
        let role = match day.month() == shown.month() {
            true if day == today => Role::Accent,
            true => Role::Text,
            false => Role::Dim,
        };
        if day == shown {
            let ground = Rect { x, y, width: day_width, height: 1 };
            painter.ground(ground, painter.style(Role::Selection));
        }
        // Today has a mark of its own: a colour alone would not tell.
        let number = if day == today { format!("›{}", day.day()) } else { day.day().to_string() };
        painter.right(x, y, day_width - 1, &number, painter.style(role));
        marks(painter, agenda, day, Rect { x, y: y + 1, width: day_width, height: rows - 1 });
    }
    let below = area.y + 1 + rows * WEEKS as u16..area.bottom();
    for (y, kind) in below.zip(ORDER) {
        let (glyph, role, word) = mark(kind);
        let line = [piece(format!(" {glyph} "), painter.style(role)), piece(word, painter.style(Role::Dim))];
        painter.line(area.x, y, area.width, &line);
    }
}

/// What there is on a day: glyphs alone where there is little room, else a name each.
fn marks(painter: &mut Painter<'_>, agenda: &Agenda, day: NaiveDate, area: Rect) {
    let kinds = ORDER.into_iter().filter_map(|kind| {
        let of_kind = |entry: &&AgendaEntry| mark(entry.kind).0 == mark(kind).0;
        let found: Vec<&AgendaEntry> = agenda.on(day).filter(of_kind).collect();
        found.first().map(|first| (kind, first.title.clone(), found.len()))
    });
    if area.width < WIDE_DAY {
        let mut line: Line<'_> = Vec::new();
        for (kind, ..) in kinds.take(usize::from(area.width) - 1) {
            let (glyph, role, _) = mark(kind);
            line.push(piece(glyph, painter.style(role)));
        }
        painter.line_right(area.x, area.y, area.width - 1, &line);
        return;
    }
    for (y, (kind, title, count)) in (area.y..area.bottom()).zip(kinds) {
        let (glyph, role, _) = mark(kind);
        let plural = if matches!(kind, AgendaKind::Window | AgendaKind::Freeze) { "s" } else { "" };
        let title = if count > 1 { format!("{count} {}{plural}", mark(kind).2) } else { title };
        let width = area.width - 1;
        painter.text(area.x, y, 1, glyph, painter.style(role));
        painter.text(area.x + 2, y, width.saturating_sub(2), &title, painter.style(Role::Dim));
    }
}

/// Lines that are collected, then drawn from the top; what has no room is counted.
struct Sheet<'a> {
    lines: Vec<Line<'a>>,
    width: u16,
}

impl Sheet<'_> {
    fn wrapped(&mut self, painter: &Painter<'_>, first: &str, role: Role, text: &str, words: Role) {
        let indent = crate::tui::paint::cells(first);
        for (index, line) in wrap(text, self.width.saturating_sub(indent)).into_iter().enumerate() {
            let head = if index == 0 { first.to_owned() } else { " ".repeat(indent.into()) };
            self.lines.push(vec![piece(head, painter.style(role)), piece(line, painter.style(words))]);
        }
    }
}

/// Beside the month: whether it is open now, and the chosen day.
fn agenda(view: &View<'_>, painter: &mut Painter<'_>, area: Rect) {
    let mut sheet = Sheet { lines: Vec::new(), width: area.width };
    let book = &view.model.world.calendar;
    sheet.lines.push(vec![piece("Now", painter.style(Role::Header))]);
    if let Some(schedule) = &book.schedule {
        let environments = view.catalog.into_iter().flat_map(|catalog| &catalog.settings.environments);
        let production = environments.filter(|environment| environment.production);
        let asked = [None].into_iter().chain(production.map(|environment| Some(&environment.name)));
        for environment in asked {
            let what = environment.map_or("merges", |name| name.as_str());
            let (glyph, role, words) = state(&schedule.standing(environment, &[], view.now()), view.now());
            sheet.wrapped(painter, &format!("{glyph} "), role, &format!("{what}: {words}"), Role::Text);
        }
        if view.model.world.calendar_differs() {
            let words = "as the main branch has it, which counts; that of the working tree differs";
            sheet.wrapped(painter, "▲ ", Role::StatusWarning, words, Role::Dim);
        }
        for problem in schedule.problems() {
            sheet.wrapped(painter, "■ ", Role::StatusCritical, &problem, Role::StatusCritical);
        }
    }
    sheet.lines.push(Vec::new());
    let day = view.model.shown_day();
    let days = (day - view.now().date_naive()).num_days();
    let distance = match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        days if days > 0 => format!("in {days} days"),
        days => format!("{} days ago", -days),
    };
    sheet.lines.push(vec![
        piece(day.format("%A %-d %B %Y").to_string(), painter.style(Role::Title)),
        piece(format!(", {distance}"), painter.style(Role::Dim)),
    ]);
    let before = sheet.lines.len();
    for entry in book.agenda.on(day) {
        let (glyph, role, word) = mark(entry.kind);
        let time = time(entry, day);
        sheet.wrapped(painter, &format!("{glyph} {time:<12}"), role, &entry.title, Role::Text);
        let word = match entry.kind {
            AgendaKind::Deprecation => "becomes deprecated",
            AgendaKind::Sunset => "sunset",
            AgendaKind::SupportEnd => "support ends",
            _ => word,
        };
        let scope = entry.scope();
        let more = [word, scope.as_str(), entry.detail.as_deref().unwrap_or_default()];
        let more: Vec<&str> = more.into_iter().filter(|part| !part.is_empty()).collect();
        sheet.wrapped(painter, &" ".repeat(14), Role::Dim, &more.join(" · "), Role::Dim);
    }
    if sheet.lines.len() == before {
        sheet.wrapped(painter, "", Role::Dim, "nothing stands on this day", Role::Dim);
        if view.catalog.is_some_and(|catalog| catalog.calendar.is_empty()) {
            let help =
                "no freeze and no window is defined: add [[freeze]] or [[window]] to policies/calendar.toml";
            sheet.wrapped(painter, "", Role::Dim, help, Role::Dim);
        }
    }
    let room = usize::from(area.height);
    for (index, line) in sheet.lines.iter().take(room).enumerate() {
        let y = area.y + index as u16;
        if index + 1 == room && sheet.lines.len() > room {
            let rest = format!("+{} lines; quarterdeck calendar shows all", sheet.lines.len() - index);
            painter.text(area.x, y, area.width, &rest, painter.style(Role::Dim));
        } else {
            painter.line(area.x, y, area.width, line);
        }
    }
}

/// When a line is, on a day: `10:00–16:00`, `all day`, `until 08:00`.
fn time(entry: &AgendaEntry, day: NaiveDate) -> String {
    let starts = entry.start.date_naive() == day;
    let clock = |at: DateTime<Utc>| at.format("%H:%M").to_string();
    let Some(end) = entry.end else {
        return if entry.all_day { "all day".to_owned() } else { clock(entry.start) };
    };
    // What ends at midnight ends with the day before.
    let ends = entry.days().1 == day;
    let last = if end.date_naive() == day { clock(end) } else { "24:00".to_owned() };
    match (starts, ends) {
        (true, true) if clock(entry.start) == "00:00" && last == "24:00" => "all day".to_owned(),
        (true, true) => format!("{}–{last}", clock(entry.start)),
        (true, false) => format!("from {}", clock(entry.start)),
        (false, true) if last == "24:00" => "all day".to_owned(),
        (false, true) => format!("until {last}"),
        (false, false) => "all day".to_owned(),
    }
}

/// Whether something is open, as glyph, role and words.
pub(super) fn state(standing: &Standing, now: DateTime<Utc>) -> (&'static str, Role, String) {
    match standing {
        Standing::Open { until: None } => ("●", Role::StatusOk, "open".to_owned()),
        Standing::Open { until: Some(until) } => {
            ("●", Role::StatusOk, format!("open until {}", moment(*until, now)))
        }
        Standing::Closed(closure) => {
            let (glyph, role) = match closure.kind {
                Closing::Freeze => ("■", Role::StatusWarning),
                Closing::Window => ("◌", Role::Dim),
                Closing::Unreadable => ("■", Role::StatusCritical),
            };
            // When it opens comes first: it is what is asked for, and a narrow line cuts the rest.
            (glyph, role, format!("closed · {} · {}", closure.opening(), closure.words()))
        }
    }
}

/// A moment as short as it can be said.
fn moment(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let format = if at.date_naive() == now.date_naive() { "%H:%M" } else { "%a %F %H:%M" };
    at.format(format).to_string()
}
