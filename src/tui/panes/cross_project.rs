//! The cross-project page: shared service usage, version compliance and migrations, below each other where there
//! is room.

use super::{Room, inner_title, message, rect, row_ground, sla::header};
use crate::{
    config::theme::Role,
    domain::{
        catalog::Tier,
        cross_project::{
            ComplianceRow, Demand, Deprecation, MigrationRow, ProjectUse, Standing, Table, UsageRow,
        },
        lifecycle::Lifecycle,
        sla::SlaVerdict,
    },
    model::layout::{Layout, Pane},
    tui::{
        overlays::{Page, cross_project::fill},
        paint::{Line, Painter, piece},
        view::{View, freshness_role},
        widgets::{
            sparkline::sparkline,
            status,
            table::{Column, Place, column, places},
        },
    },
};
use ratatui::layout::Rect;

const USAGE: [Column; 7] = [
    column("", 1, 0, 0, false),
    column("service", 18, 8, 0, false),
    column("state", 8, 0, 3, false),
    column("users", 5, 0, 1, true),
    column("going away", 22, 12, 2, false),
    column("cannot do without it", 22, 22, 4, false),
    column("used by", 26, 60, 5, false),
];

const COMPLIANCE: [Column; 7] = [
    column("", 1, 0, 0, false),
    column("service", 15, 9, 0, false),
    column("state", 7, 0, 1, false),
    column("required", 10, 10, 1, false),
    column("by", 13, 11, 3, false),
    column("main", 7, 9, 4, false),
    column("runs", 20, 60, 2, false),
];

const MIGRATIONS: [Column; 9] = [
    column("", 1, 0, 0, false),
    column("service", 14, 10, 0, false),
    column("state", 8, 0, 2, false),
    column("remain", 7, 0, 1, true),
    column("gone", 8, 0, 1, true),
    column("effort", 7, 0, 4, true),
    column("progress", 10, 20, 3, false),
    column("instead", 12, 10, 5, false),
    column("who still needs it", 24, 60, 6, false),
];

/// Lines of details below a table from which on they are worth drawing.
const LEAST_DETAILS: u16 = 6;

/// What the page's title says in a few words: the worst of all three tables.
pub fn about(view: &View<'_>) -> (String, Role) {
    let worries: usize = view.model.world.cross.tables.worries.iter().sum();
    match worries {
        0 => ("nothing is unwell".to_owned(), Role::Dim),
        1 => ("1 row needs a look".to_owned(), Role::StatusWarning),
        _ => (format!("{worries} rows need a look"), Role::StatusWarning),
    }
}

/// Draws the page.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, room: Room, layout: &Layout) {
    let ui = &view.model.ui;
    let areas = layout.tables(ui.table.index());
    let is_stacked = areas.iter().all(|area| area.height > 0);
    for (table, area) in Table::ALL.into_iter().zip(areas) {
        if area.height == 0 {
            continue;
        }
        let area = rect(area);
        let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        if is_stacked {
            title(view, painter, table, area);
        } else {
            tabs(view, painter, area);
        }
        let body = Rect { y: area.y + 1, height: area.height - 1 - u16::from(is_stacked), ..area };
        let shown = list(view, painter, Room { area: body, ..room }, table);
        let details = Rect { y: body.y + shown + 1, height: body.height.saturating_sub(shown + 1), ..body };
        if table == ui.table && shown > 0 && details.height >= LEAST_DETAILS {
            below(view, painter, table, details);
        }
    }
}

/// `╌ Version compliance ╌ 14 rows ╌`
fn title(view: &View<'_>, painter: &mut Painter<'_>, table: Table, area: Rect) {
    let mut line = name(view, painter, table);
    line.extend(source(view, painter, table));
    line.push(piece(" ", painter.style(Role::Dim)));
    inner_title(painter, area, area.y, &line);
}

/// `╌ Shared services 10 │ Version compliance 14 │ Migrations 1 ╌`
fn tabs(view: &View<'_>, painter: &mut Painter<'_>, area: Rect) {
    let mut line = Line::new();
    for table in Table::ALL {
        if !line.is_empty() {
            line.push(piece(" │", painter.style(Role::Line)));
        }
        line.extend(name(view, painter, table));
    }
    line.extend(source(view, painter, view.model.ui.table));
    line.push(piece(" ", painter.style(Role::Dim)));
    inner_title(painter, area, area.y, &line);
}

/// The name of a table with its number of rows; the active one in the accent.
fn name<'a>(view: &View<'_>, painter: &Painter<'_>, table: Table) -> Line<'a> {
    let all = view.model.world.cross.tables.len(table);
    let list = view.model.ui.table_list(table);
    let is_active = table == view.model.ui.table;
    let style = if is_active {
        painter.style(Role::Title).patch(painter.style(Role::Accent))
    } else {
        painter.style(Role::Text)
    };
    let count = match list.rows.len() {
        _ if list.filter.is_empty() => all.to_string(),
        some => format!("{some} of {all} /{}", list.filter),
    };
    let mark = if is_active { "▸" } else { " " };
    let mut line = vec![
        piece(mark, painter.style(Role::Accent)),
        piece(table.title(), style),
        piece(format!(" {count}"), painter.style(Role::Dim)),
    ];
    let worries = view.model.world.cross.tables.worries[table.index()];
    if worries > 0 {
        line.push(piece(format!(" ▲{worries}"), painter.style(Role::StatusWarning)));
    }
    line
}

/// How the history stands that the migrations rest on.
fn source<'a>(view: &View<'_>, painter: &Painter<'_>, table: Table) -> Line<'a> {
    if table != Table::Migrations || view.model.world.cross.request.is_none() {
        return Line::new();
    }
    let state = view.history();
    let (words, role) = match (state.failure, &view.model.world.history.value) {
        (Some(_), _) => ("■ history failed".to_owned(), freshness_role(state.freshness)),
        (None, None) => ("◌ reading the history …".to_owned(), Role::Dim),
        (None, Some(history)) if history.points.is_empty() => {
            (format!("◌ {} has no history of services", history.request.main), Role::Dim)
        }
        (None, Some(history)) => {
            let since = history.request.since.date_naive();
            let unread = match history.unread {
                0 => String::new(),
                unread => format!(", {unread} could not be read"),
            };
            (format!("history of {} commits since {since}{unread}", history.points.len()), Role::Dim)
        }
    };
    vec![piece(" · ", painter.style(Role::Dim)), piece(words, painter.style(role))]
}

/// Draws the header and the rows of a table; gives the lines that it took, 0 where there is no row.
fn list(view: &View<'_>, painter: &mut Painter<'_>, room: Room, table: Table) -> u16 {
    let list = view.model.ui.table_list(table);
    if list.rows.is_empty() {
        message(painter, room.area, &nothing(table, &list.filter));
        return 0;
    }
    match table {
        Table::Usage => rows(view, painter, room, table, &USAGE),
        Table::Compliance => rows(view, painter, room, table, &COMPLIANCE),
        Table::Migrations => rows(view, painter, room, table, &MIGRATIONS),
    }
}

fn rows<const N: usize>(
    view: &View<'_>,
    painter: &mut Painter<'_>,
    room: Room,
    table: Table,
    columns: &[Column; N],
) -> u16 {
    let list = view.model.ui.table_list(table);
    let area = room.area;
    let columns_at: [Place; N] = places(columns, area.width);
    header(painter, area, columns, &columns_at);
    let end = (list.offset + usize::from(area.height.saturating_sub(1))).min(list.rows.len());
    let tables = &view.model.world.cross.tables;
    for (line, index) in (list.offset..end).enumerate() {
        let y = area.y + 1 + line as u16;
        if table == view.model.ui.table {
            row_ground(view, painter, Pane::CrossProject, room, index, y);
        }
        let id = &list.rows[index];
        for (column, place) in columns_at.iter().enumerate() {
            let Some((x, width)) = *place else { continue };
            let at = At { x: area.x + x, y, width };
            match table {
                Table::Usage => {
                    if let Some(row) = tables.usage_row(id) {
                        usage(view, painter, row, column, at);
                    }
                }
                Table::Compliance => {
                    if let Some(row) = tables.compliance_row(id) {
                        compliance(painter, row, column, at);
                    }
                }
                Table::Migrations => {
                    if let Some(row) = tables.migration_row(id) {
                        migration(view, painter, row, column, at);
                    }
                }
            }
        }
    }
    1 + (end - list.offset) as u16
}

/// Why a table is empty, and what would be in it.
fn nothing(table: Table, filter: &str) -> Vec<(String, Role)> {
    if !filter.is_empty() {
        return vec![
            (format!("nothing matches /{filter}"), Role::Text),
            ("/ changes the filter, esc clears it".to_owned(), Role::Dim),
        ];
    }
    let (what, how) = match table {
        Table::Usage => (
            "no service is shared, and no project uses a service of another one",
            "services that projects share stand in services/catalog.toml",
        ),
        Table::Compliance => (
            "nobody requires a version, and what is used runs as main has it",
            "`requires = [\"auth >= 1.2\"]` and `compat_version_min` ask for versions",
        ),
        Table::Migrations => (
            "no service is deprecated",
            "`status = \"deprecated\"` with `sunset_date` and `replacement_service` makes one so",
        ),
    };
    vec![(what.to_owned(), Role::Text), (how.to_owned(), Role::Dim)]
}

/// Where a cell is.
#[derive(Clone, Copy)]
struct At {
    x: u16,
    y: u16,
    width: u16,
}

fn usage(view: &View<'_>, painter: &mut Painter<'_>, row: &UsageRow, column: usize, at: At) {
    let At { x, y, width } = at;
    let (text, dim) = (painter.style(Role::Text), painter.style(Role::Dim));
    let used = &row.usage;
    let mark = status::sla(row.verdict);
    let style = painter.style(mark.role);
    let is_bad = matches!(row.verdict, SlaVerdict::Violated | SlaVerdict::Burning);
    match column {
        0 => drop(painter.text(x, y, width, mark.glyph, style)),
        1 => drop(painter.text(x, y, width, used.service.as_str(), if is_bad { style } else { text })),
        2 => drop(painter.text(x, y, width, mark.word, style)),
        3 => {
            let role = if used.users() == 0 { dim } else { text };
            painter.right(x, y, width, &used.users().to_string(), role);
        }
        4 => {
            let Some(deprecation) = &used.deprecation else { return };
            let days = deprecation.days_left(view.now().date_naive());
            let (words, role) = going(deprecation, used.status, days, used.users() > 0);
            let mut line = vec![piece(words, painter.style(role))];
            if let Some(replacement) = &deprecation.replacement {
                line.push(piece(format!(" → {replacement}"), dim));
            }
            painter.line(x, y, width, &line);
        }
        5 => drop(painter.line(x, y, width, &tiers(painter, used.tiers, used.required))),
        _ if used.users() == 0 => drop(painter.text(x, y, width, "nobody", dim)),
        _ => drop(painter.text(x, y, width, &projects(&used.projects), dim)),
    }
}

/// `▲ gone in 12d`, `■ gone 3d ago`, `▲ deprecated`.
fn going(deprecation: &Deprecation, state: Lifecycle, days: Option<i64>, is_used: bool) -> (String, Role) {
    let loud = |role: Role| if is_used { role } else { Role::Dim };
    match (days, state) {
        (_, Lifecycle::Retired) => ("■ retired".to_owned(), loud(Role::StatusCritical)),
        (Some(days), _) if days < 0 => (format!("■ gone {}d ago", -days), loud(Role::StatusCritical)),
        (Some(days), _) => (format!("▲ gone in {days}d"), loud(Role::StatusWarning)),
        (None, Lifecycle::Deprecated) => ("▲ deprecated".to_owned(), loud(Role::StatusWarning)),
        (None, _) => {
            let from = deprecation.since.map_or_else(String::new, |date| format!(" {date}"));
            (format!("△ deprecated{from}"), Role::Text)
        }
    }
}

/// `3 critical · 2 high`, the most important first; what is none is left out.
fn tiers<'a>(painter: &Painter<'_>, counts: [usize; Tier::ALL.len()], all: usize) -> Line<'a> {
    let dim = painter.style(Role::Dim);
    if all == 0 {
        return vec![piece("–", dim)];
    }
    let mut line = Line::new();
    for (tier, count) in Tier::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
        if !line.is_empty() {
            line.push(piece(" · ", dim));
        }
        let role = if tier == Tier::Critical { Role::Text } else { Role::Dim };
        line.push(piece(format!("{count} {}", tier.as_str()), painter.style(role)));
    }
    line
}

/// `project-a 4 · shared 2+1?`: users by project, those that could do without behind the `+`.
fn projects(projects: &[ProjectUse]) -> String {
    let words: Vec<String> = projects
        .iter()
        .map(|used| match (used.required.len(), used.optional.len()) {
            (required, 0) => format!("{} {required}", used.name()),
            (0, optional) => format!("{} {optional} optional", used.name()),
            (required, optional) => format!("{} {required}+{optional} optional", used.name()),
        })
        .collect();
    words.join(" · ")
}

fn compliance(painter: &mut Painter<'_>, row: &ComplianceRow, column: usize, at: At) {
    let At { x, y, width } = at;
    let (text, dim) = (painter.style(Role::Text), painter.style(Role::Dim));
    let mark = status::compliance(row.state);
    let style = painter.style(mark.role);
    let requirement = &row.requirement;
    match column {
        0 => drop(painter.text(x, y, width, mark.glyph, style)),
        1 => {
            let is_bad = row.is_worrying();
            painter.text(x, y, width, requirement.service.as_str(), if is_bad { style } else { text });
        }
        2 => drop(painter.text(x, y, width, mark.word, style)),
        3 => drop(painter.text(x, y, width, &requirement.demand.words(), text)),
        4 => {
            let mut line = vec![piece(requirement.demand.by(), dim)];
            if let Demand::Dependency { optional: true, .. } = requirement.demand {
                line.push(piece(", optional", dim));
            }
            painter.line(x, y, width, &line);
        }
        5 => {
            let fails = row.main.is_some_and(|main| main != Standing::Meets);
            let main = requirement.main.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string);
            painter.text(x, y, width, &main, if fails { style } else { text });
        }
        _ => drop(painter.line(x, y, width, &runs(painter, row))),
    }
}

/// `1.3.0 everywhere`, or `production ▼ 1.1.9 · staging 1.2.0`.
fn runs<'a>(painter: &Painter<'_>, row: &'a ComplianceRow) -> Line<'a> {
    let dim = painter.style(Role::Dim);
    let text = painter.style(Role::Text);
    let mut concerned = row.concerned().peekable();
    let first = concerned.peek().and_then(|(run, _)| run.text.clone());
    let is_same = row.concerned().all(|(run, at)| run.text == first && at == Standing::Meets);
    if let Some(version) = first.filter(|_| is_same && row.absent.is_empty()) {
        return vec![piece(version, text), piece(" everywhere", dim)];
    }
    let mut line = Line::new();
    for (run, at) in concerned {
        if !line.is_empty() {
            line.push(piece(" · ", dim));
        }
        line.push(piece(format!("{} ", run.environment), dim));
        let mark = status::standing(at);
        let version = run.text.as_deref().unwrap_or(mark.word);
        if at == Standing::Meets {
            line.push(piece(version, text));
        } else {
            line.push(piece(format!("{} {version}", mark.glyph), painter.style(mark.role)));
        }
    }
    for environment in &row.absent {
        if !line.is_empty() {
            line.push(piece(" · ", dim));
        }
        let mark = status::standing(Standing::Absent);
        line.push(piece(format!("{environment} "), dim));
        line.push(piece(format!("{} {}", mark.glyph, mark.word), painter.style(mark.role)));
    }
    if line.is_empty() {
        line.push(piece("runs nowhere that is watched", dim));
    }
    line
}

fn migration(view: &View<'_>, painter: &mut Painter<'_>, row: &MigrationRow, column: usize, at: At) {
    let At { x, y, width } = at;
    let (text, dim) = (painter.style(Role::Text), painter.style(Role::Dim));
    let mark = status::migration(row.state);
    let style = painter.style(mark.role);
    let facts = &row.migration;
    match column {
        0 => drop(painter.text(x, y, width, mark.glyph, style)),
        1 => {
            let is_bad = row.is_worrying();
            painter.text(x, y, width, facts.service.as_str(), if is_bad { style } else { text });
        }
        2 => drop(painter.text(x, y, width, mark.word, style)),
        3 => {
            let words = match &row.progress {
                Some(progress) => format!("{} of {}", facts.count(), progress.total),
                None => facts.count().to_string(),
            };
            painter.right(x, y, width, &words, text);
        }
        4 => {
            let words = match row.days_left {
                None => "–".to_owned(),
                Some(days) if days < 0 => format!("{}d ago", -days),
                Some(days) => format!("in {days}d"),
            };
            painter.right(x, y, width, &words, if row.is_worrying() { style } else { text });
        }
        5 => {
            let words = facts.hours_left().map_or_else(|| "–".to_owned(), hours);
            painter.right(x, y, width, &words, text);
        }
        6 => match &row.progress {
            Some(progress) => {
                let samples = progress.samples(view.now(), usize::from(width) * 2);
                let samples: Vec<f64> = samples.into_iter().map(|count| count as f64).collect();
                let line = sparkline(&samples, width, progress.most().max(1) as f64);
                painter.text(x, y, width, &line, painter.style(Role::Chart));
            }
            None => drop(painter.text(x, y, width, "–", dim)),
        },
        7 => {
            let words = facts.replacement.as_ref().map_or("–", |service| service.as_str());
            painter.text(x, y, width, words, dim);
        }
        _ if facts.count() == 0 => drop(painter.text(x, y, width, "nobody", dim)),
        _ => drop(painter.text(x, y, width, &projects(&facts.remaining), dim)),
    }
}

/// Hours of work: `4h`, `2.5h`.
pub fn hours(hours: f64) -> String {
    format!("{}h", (hours * 10.0).round() / 10.0)
}

/// The details of the row under the cursor, below the rows.
fn below(view: &View<'_>, painter: &mut Painter<'_>, table: Table, area: Rect) {
    let Some(row) = view.model.ui.table_list(table).current() else { return };
    let title = view.model.world.cross.tables.service(table, row);
    let title = title.map_or_else(String::new, |service| format!(" {service} "));
    let line = vec![piece(title, painter.style(Role::Related))];
    inner_title(painter, area, area.y, &line);
    let styles = painter.styles;
    let mut page = Page::new(styles, area.width);
    fill(view, &mut page, table, row);
    // What does not fit is one key away; a page that is cut must not look like the whole.
    let room = usize::from(area.height.saturating_sub(1));
    if page.lines.len() > room {
        page.lines.truncate(room.saturating_sub(1));
        let rest = crate::tui::paint::piece("… enter shows all", page.style(Role::Dim));
        page.lines.push(vec![rest]);
    }
    let inside = Rect { y: area.y + 1, height: area.height - 1, ..area };
    for (index, line) in page.lines.iter().enumerate() {
        painter.line(inside.x, inside.y + index as u16, inside.width, line);
    }
}
