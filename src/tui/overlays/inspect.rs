//! A close look at a service: its pods, what happened to them, and a log.

use super::window;
use crate::{
    config::theme::Role,
    domain::text::fit,
    model::inspection::{Inspection, Log, Look},
    tui::{
        paint::{Line, Painter, cells, piece},
        view::View,
    },
};
use chrono::{DateTime, Utc};
use ratatui::layout::Rect;

/// Draws the look over everything between the strips.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, body: Rect, inspection: &Inspection) {
    let target = &inspection.target;
    let what = match (inspection.look, &inspection.log) {
        (Look::Pods, _) => "Pods".to_owned(),
        (Look::Events, _) => "Events".to_owned(),
        (Look::Log, Some(log)) => log_title(log),
        (Look::Log, None) => "Log".to_owned(),
    };
    let mut title: Line<'_> = vec![
        piece(what, painter.style(Role::Title)),
        piece(format!("  {} in ", target.service), painter.style(Role::Text)),
        piece(
            target.environment.to_string(),
            painter.style(if target.production { Role::Production } else { Role::Text }),
        ),
        piece(format!(" · {}", target.context), painter.style(Role::Dim)),
    ];
    if !inspection.filter.text.is_empty() || inspection.is_typing {
        title.push(piece(format!("  /{}", inspection.filter.text), painter.style(Role::Match)));
    }
    let area = window::open(painter, window::centred(body, body.width, body.height), &title);
    let lines = match inspection.look {
        Look::Pods => pods(view, painter, inspection),
        Look::Events => events(view, painter, inspection),
        Look::Log => log(painter, inspection),
    };
    let (heads, lines) = lines;
    for (row, head) in heads.iter().enumerate() {
        painter.line(area.x, area.y + row as u16, area.width, head);
    }
    let used = heads.len() as u16;
    let rows = Rect { y: area.y + used, height: area.height.saturating_sub(used), ..area };
    let height = usize::from(rows.height);
    let end = lines.len().saturating_sub(height);
    let first = match inspection.look {
        Look::Pods => inspection.cursor.saturating_sub(height.saturating_sub(1)).min(end),
        Look::Log if inspection.at_end => end,
        Look::Events | Look::Log => inspection.offset.min(end),
    };
    for (row, line) in lines.iter().skip(first).take(height).enumerate() {
        let y = rows.y + row as u16;
        painter.line(rows.x, y, rows.width, line);
        if inspection.look == Look::Pods && first + row == inspection.cursor {
            let row = Rect { x: rows.x - 1, y, width: rows.width + 2, height: 1 };
            painter.ground(row, painter.style(Role::Selection));
            painter.cell(row.x, y, "▌", painter.style(Role::Accent));
        }
    }
    if lines.len() > height {
        let shown = format!(" {}–{} of {} ", first + 1, (first + height).min(lines.len()), lines.len());
        painter.right(area.x, area.bottom(), area.width, &shown, painter.style(Role::OverlayLine));
    }
}

/// Where the cursor of the filter's line is.
pub fn cursor(body: Rect, inspection: &Inspection) -> Option<(u16, u16)> {
    if !inspection.is_typing {
        return None;
    }
    let window = window::centred(body, body.width, body.height);
    let target = &inspection.target;
    let what = match (inspection.look, &inspection.log) {
        (Look::Pods, _) => "Pods".to_owned(),
        (Look::Events, _) => "Events".to_owned(),
        (Look::Log, Some(log)) => log_title(log),
        (Look::Log, None) => "Log".to_owned(),
    };
    let before = format!(
        "{what}  {} in {} · {}  /{}",
        target.service,
        target.environment,
        target.context,
        inspection.filter.text.get(..inspection.filter.cursor).unwrap_or_default()
    );
    Some(((window.x + 3 + cells(&before)).min(window.right().saturating_sub(2)), window.y))
}

fn log_title(log: &Log) -> String {
    let request = &log.request;
    let mut title = format!("Log of {}", request.pod);
    if let Some(container) = &request.container {
        title += &format!("/{container}");
    }
    if request.previous {
        title += " (the container before)";
    }
    title
}

type Lines<'a> = (Vec<Line<'a>>, Vec<Line<'a>>);

/// How long ago, or a dash.
fn ago(view: &View<'_>, moment: Option<DateTime<Utc>>) -> String {
    moment.map_or_else(|| "–".to_owned(), |moment| view.age(moment))
}

fn padded(text: &str, width: usize) -> String {
    let text = fit(text, width.saturating_sub(1));
    let rest = width.saturating_sub(usize::from(cells(&text)));
    text + &" ".repeat(rest)
}

/// What stands where nothing can be shown: why, and what is done about it.
fn instead<'a>(painter: &Painter<'_>, words: &str, role: Role) -> Line<'a> {
    vec![piece(words.to_owned(), painter.style(role))]
}

/// What is told of a pod, and the most cells of one of these.
const POD: [&str; 7] = ["pod", "status", "ready", "restarts", "version", "age", "node"];
const MOST: u16 = 48;

fn pods<'a>(view: &View<'_>, painter: &Painter<'_>, inspection: &Inspection) -> Lines<'a> {
    let pods = inspection.shown_pods();
    let (text, dim) = (painter.style(Role::Text), painter.style(Role::Dim));
    let rows: Vec<[String; POD.len()]> = pods
        .iter()
        .map(|pod| {
            let restarts = match &pod.last_end {
                Some((at, why)) => format!("{} · {why} {} ago", pod.restarts, ago(view, *at)),
                None => pod.restarts.to_string(),
            };
            let (ready, all) = pod.containers_ready;
            [
                pod.name.clone(),
                pod.status.clone(),
                format!("{ready}/{all}"),
                restarts,
                pod.version.clone().unwrap_or_else(|| "–".to_owned()),
                ago(view, pod.since),
                pod.node.clone().unwrap_or_else(|| "–".to_owned()),
            ]
        })
        .collect();
    // Each column is as wide as what is in it: on a small screen the first ones say the most.
    let widths: [usize; POD.len()] = std::array::from_fn(|column| {
        let words = rows.iter().map(|row| cells(&row[column])).chain([cells(POD[column])]);
        usize::from(words.max().unwrap_or_default().min(MOST)) + 2
    });
    let head: String = POD.iter().zip(widths).map(|(title, width)| padded(title, width)).collect();
    let mut heads = vec![vec![piece(format!("  {head}"), painter.style(Role::Header))]];
    if let Some(failure) = &inspection.pods.failure {
        heads.insert(0, instead(painter, &failure.to_string(), Role::StatusWarning));
    }
    let mut lines: Vec<Line<'a>> = Vec::new();
    for (pod, row) in pods.iter().zip(&rows) {
        let (glyph, role) = match (pod.is_ready, pod.is_worrying()) {
            (true, _) => ("●", Role::StatusOk),
            (false, true) => ("■", Role::StatusCritical),
            (false, false) => ("◌", Role::StatusUnknown),
        };
        let warned = if pod.restarts > 0 { painter.style(Role::StatusWarning) } else { dim };
        let styles = [text, painter.style(role), text, warned, text, dim, dim];
        let mut line = vec![piece(format!("{glyph} "), painter.style(role))];
        line.extend(
            row.iter()
                .zip(widths)
                .zip(styles)
                .map(|((words, width), style)| piece(padded(words, width), style)),
        );
        lines.push(line);
    }
    if lines.is_empty() {
        let words = match (&inspection.pods.value, inspection.filter.text.is_empty()) {
            (None, _) => "asking the cluster …",
            (Some(_), true) => "no pod runs of it: scaled to nothing, or none could be made (see its events)",
            (Some(_), false) => "no pod matches the filter; Esc in its line clears it",
        };
        lines.push(instead(painter, words, Role::Dim));
    }
    (heads, lines)
}

fn events<'a>(view: &View<'_>, painter: &Painter<'_>, inspection: &Inspection) -> Lines<'a> {
    let (text, dim) = (painter.style(Role::Text), painter.style(Role::Dim));
    let head = format!("  {}{}{}{}", padded("ago", 8), padded("times", 7), padded("reason", 22), "what");
    let mut heads = vec![vec![piece(head, painter.style(Role::Header))]];
    if let Some(failure) = &inspection.events.failure {
        heads.insert(0, instead(painter, &failure.to_string(), Role::StatusWarning));
    }
    let mut lines: Vec<Line<'a>> = Vec::new();
    for event in inspection.shown_events() {
        let (glyph, role) = if event.is_warning { ("▲", Role::StatusWarning) } else { ("·", Role::Dim) };
        lines.push(vec![
            piece(format!("{glyph} "), painter.style(role)),
            piece(padded(&ago(view, event.last), 8), dim),
            piece(padded(&format!("{}×", event.count), 7), dim),
            piece(padded(&event.reason, 22), painter.style(if event.is_warning { role } else { Role::Text })),
            piece(format!("{}  ", event.message), text),
            piece(event.object.clone(), dim),
        ]);
    }
    if lines.is_empty() {
        let words = match (&inspection.events.value, inspection.filter.text.is_empty()) {
            (None, _) => "asking the cluster …",
            (Some(_), true) => "nothing happened lately; a cluster forgets events after an hour",
            (Some(_), false) => "no event matches the filter; Esc in its line clears it",
        };
        lines.push(instead(painter, words, Role::Dim));
    }
    (heads, lines)
}

fn log<'a>(painter: &Painter<'_>, inspection: &Inspection) -> Lines<'a> {
    let Some(log) = &inspection.log else {
        return (Vec::new(), vec![instead(painter, "asking the cluster for its pods …", Role::Dim)]);
    };
    let role = |line: &str| {
        let begins = line.get(..80).unwrap_or(line).to_lowercase();
        if ["fatal", "panic", "error"].iter().any(|word| begins.contains(word)) {
            Role::StatusCritical
        } else if begins.contains("warn") {
            Role::StatusWarning
        } else {
            Role::Text
        }
    };
    let mut lines: Vec<Line<'a>> = inspection
        .shown_lines()
        .into_iter()
        .map(|line| vec![piece(line.to_owned(), painter.style(role(line)))])
        .collect();
    let mut heads = Vec::new();
    if log.dropped > 0 {
        heads.push(instead(painter, &format!("… {} older lines were let go", log.dropped), Role::Dim));
    }
    match &log.ended {
        Some(Some(failure)) => lines.push(instead(painter, &failure.render(), Role::StatusWarning)),
        Some(None) => lines.push(instead(painter, "— the end —", Role::Dim)),
        None if lines.is_empty() && log.lines.is_empty() => {
            lines.push(instead(painter, "waiting for its first line …", Role::Dim));
        }
        None => {}
    }
    (heads, lines)
}
