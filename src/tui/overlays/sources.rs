//! How every source stands: its age, and its failure in full with what to do.

use super::window;
use crate::{
    config::theme::Role,
    domain::leadership::AgentState,
    model::world::Freshness,
    tui::{
        paint::{Painter, piece},
        view::View,
        widgets::status,
    },
};
use ratatui::layout::Rect;

const WIDTH: u16 = 100;

/// Draws the sources.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, body: Rect, offset: usize) {
    let title = window::title(painter, "Sources");
    window::page(painter, body, WIDTH, &title, offset, |page| {
        for source in view.sources() {
            let mark = status::freshness(source.freshness);
            let mut line = vec![
                piece(format!("{} {:<8}", mark.glyph, mark.word), page.style(mark.role)),
                piece(format!("{:<16}", source.name), page.style(Role::Text)),
            ];
            let words = match source.at {
                Some(at) if source.freshness != Freshness::Loading => {
                    format!("last picture {} ago, at {}", view.age(at), at.format("%H:%M:%S UTC"))
                }
                _ => "nothing has come yet".to_owned(),
            };
            line.push(piece(words, page.style(Role::Dim)));
            page.lines.push(line);
            if let Some(failure) = source.failure {
                page.marked("  ", Role::Text, &failure.message, Role::StatusCritical);
                for cause in &failure.causes {
                    page.marked("  ", Role::Text, &format!("because: {cause}"), Role::Text);
                }
                for hint in &failure.hints {
                    page.marked("  ", Role::Text, &format!("try: {hint}"), Role::Accent);
                }
                page.blank();
            }
        }
        agent(view, page);
        missing(view, page);
        problems(view, page);
    });
}

/// Who looks after the platform while nobody watches.
fn agent(view: &View<'_>, page: &mut window::Page<'_>) {
    let Some(seen) = &view.model.world.agent.value else { return };
    let words = seen.words(view.now());
    let (mark, role, text) = match (seen.state(view.now()).0, &seen.record) {
        (AgentState::None, _) | (_, None) => (
            "◌",
            Role::StatusUnknown,
            "no agent: start `quarterdeck agent`, or take its place with `:` agent".to_owned(),
        ),
        (_, Some(record)) if seen.is_here => (
            "▲",
            Role::StatusWarning,
            format!("this console is the agent ({}); its last sign of life: {words}", record.holder),
        ),
        (AgentState::Alive, Some(record)) => {
            ("●", Role::StatusOk, format!("agent {}; its last sign of life: {words} ago", record.holder))
        }
        (_, Some(record)) => (
            "■",
            Role::StatusCritical,
            format!("agent {} is {words}; nobody looks after clocks and notices", record.holder),
        ),
    };
    page.blank();
    page.marked(mark, role, &text, Role::Text);
}

/// Kinds that a cluster does not serve or does not let us see.
fn missing(view: &View<'_>, page: &mut window::Page<'_>) {
    let clusters = view.model.world.clusters.iter();
    for (context, cluster) in clusters.filter_map(|(context, source)| Some((context, source.value.as_ref()?)))
    {
        for (kind, reason) in &cluster.missing {
            page.blank();
            page.marked("▲", Role::StatusWarning, &format!("{context}: no {kind}: {reason}"), Role::Text);
        }
    }
}

/// What was wrong with the settings.
fn problems(view: &View<'_>, page: &mut window::Page<'_>) {
    let problems = &view.model.config.problems;
    if problems.is_empty() {
        return;
    }
    page.heading("Settings");
    for problem in problems {
        page.marked("▲", Role::StatusWarning, &problem.to_string(), Role::Text);
    }
}
