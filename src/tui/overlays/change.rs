//! Everything about one change, in sections: what it is and what stands against it, what it alters, what
//! validation found, and what was said about it.

mod difference;
mod discussion;
mod forge;

use super::window;
use crate::{
    config::theme::Role,
    domain::{
        change::Change,
        gate::GateState,
        ledger::ChangeRecord,
        name::{ChangeId, ServiceName, TeamName},
        text::clean,
    },
    model::ui::ChangeSection,
    tui::{
        paint::{Line, Painter, piece},
        view::View,
        widgets::{source, status},
    },
};
use ratatui::layout::Rect;
use window::Page;

const WIDTH: u16 = 120;

/// Draws a section of the details of a change.
pub fn draw(
    view: &View<'_>,
    painter: &mut Painter<'_>,
    body: Rect,
    id: &ChangeId,
    section: ChangeSection,
    offset: usize,
) {
    let change = view.joined.changes.iter().find(|change| change.proposal.id == *id);
    let Some(change) = change else {
        let title = vec![piece(id.to_string(), painter.style(Role::Title))];
        window::page(painter, body, WIDTH, &title, offset, |page| {
            page.text("this change is not open any more", Role::Dim, 0);
        });
        return;
    };
    let stage = status::stage(change);
    let title = vec![
        piece(id.to_string(), painter.style(Role::Title)),
        piece(format!("  {} {}", stage.glyph, stage.word), painter.style(stage.role)),
    ];
    let record = view.model.world.ledger.value.as_ref().and_then(|ledger| ledger.operations.changes.get(id));
    // The window keeps its size from section to section, so that nothing jumps.
    let inside = window::open(painter, window::centred(body, WIDTH, body.height), &title);
    let tabs = tabs(painter, change, record, section);
    painter.line(inside.x, inside.y, inside.width, &tabs);
    let below = Rect { y: inside.y + 2, height: inside.height.saturating_sub(2), ..inside };
    let mut page = Page::new(painter.styles, inside.width);
    match section {
        ChangeSection::Overview => overview(view, &mut page, change, record),
        ChangeSection::Difference => difference::fill(&mut page, change),
        ChangeSection::Findings => findings(&mut page, change),
        ChangeSection::Discussion => discussion::fill(view, &mut page, change, record),
    }
    page.draw(painter, below, offset);
}

/// `[Overview]  Difference 3  Findings 1  Discussion 4`
fn tabs<'a>(
    painter: &Painter<'_>,
    change: &Change,
    record: Option<&ChangeRecord>,
    section: ChangeSection,
) -> Line<'a> {
    let mut line = Line::new();
    for one in ChangeSection::ALL {
        let count = match one {
            ChangeSection::Overview => 0,
            ChangeSection::Difference => change.patch.files.len(),
            ChangeSection::Findings => change.findings.len(),
            ChangeSection::Discussion => record.map_or(0, |record| record.events),
        };
        let count = if count > 0 { format!(" {count}") } else { String::new() };
        if one == section {
            let words = format!("[{}{count}]", one.title());
            line.push(piece(words, painter.style(Role::Accent)));
        } else {
            line.push(piece(format!(" {}{count} ", one.title()), painter.style(Role::Dim)));
        }
        line.push(piece(" ", painter.style(Role::Text)));
    }
    line
}

fn overview(view: &View<'_>, page: &mut Page<'_>, change: &Change, record: Option<&ChangeRecord>) {
    let proposal = &change.proposal;
    page.text(&proposal.subject, Role::Title, 0);
    page.blank();
    for glass in record.iter().flat_map(|record| &record.glasses).filter(|glass| glass.settled.is_none()) {
        let words = format!(
            "the glass is broken by {}, until {}, {}: {}",
            clean(&glass.by.name),
            glass.expires.format("%Y-%m-%d %H:%M UTC"),
            glass.incident,
            glass.reason
        );
        page.marked("■", Role::StatusCritical, &words, Role::StatusCritical);
    }
    match change.blocked() {
        Some(reasons) => page.marked("■", Role::StatusCritical, &format!("blocked: {reasons}"), Role::Text),
        None => page.marked("●", Role::StatusOk, "nothing stands against merging it", Role::Text),
    }
    page.blank();
    let breaking = if change.breaking { ", breaks consumers" } else { "" };
    page.fact(
        "class, risk",
        &format!("{}, {} risk{breaking}", change.class, change.class.risk()),
        Role::Text,
    );
    let names: Vec<&str> = change.services.iter().map(ServiceName::as_str).collect();
    if names.is_empty() {
        page.fact("services", "none", Role::Dim);
    } else {
        page.fact("services", &names.join(", "), Role::Text);
    }
    let role = if change.harm.breaks > 0 { Role::StatusCritical } else { Role::Text };
    let harm = match (change.harm.breaks, change.harm.at_risk) {
        (0, 0) => "nobody else is harmed".to_owned(),
        (breaks, at_risk) => format!("{breaks} break, {at_risk} at risk"),
    };
    page.fact("impact", &harm, role);
    let authors: Vec<&str> = proposal.authors.iter().map(|author| author.name.as_str()).collect();
    page.fact("authors", &authors.join(", "), Role::Text);
    page.fact(
        "branch",
        &format!("{} at {} from {}", proposal.branch, proposal.head.short(), proposal.base.short()),
        Role::Text,
    );
    page.fact(
        "opened",
        &format!(
            "{}, {} ago; last commit {} ago",
            proposal.opened_at.format("%Y-%m-%d %H:%M UTC"),
            view.age(proposal.opened_at),
            view.age(proposal.committed_at)
        ),
        Role::Text,
    );
    gates(view, page, change);
    if !change.wishes.is_empty() {
        page.heading("Requests for changes");
    }
    for wish in &change.wishes {
        let ago = view.age(wish.at);
        if wish.answered {
            let words = format!("{}, {ago} ago, before it was altered: {}", wish.by, wish.note);
            page.marked("↺", Role::Dim, &words, Role::Dim);
        } else {
            page.marked(
                "▲",
                Role::StatusWarning,
                &format!("{}, {ago} ago: {}", wish.by, wish.note),
                Role::Text,
            );
        }
    }
    super::change_glass::section(view, page, change);
    forge::request(view, page, change);
}

fn gates(view: &View<'_>, page: &mut Page<'_>, change: &Change) {
    page.heading("Gates");
    for gate in &change.gates {
        let state = status::gate_of(change, gate);
        let teams: Vec<&str> = gate.teams.iter().map(TeamName::as_str).collect();
        let detail = match &gate.state {
            GateState::Open => format!("waits for {}", teams.join(" or ")),
            GateState::Approved { by, at, carried } => {
                let kept = if *carried { ", kept through a rebase" } else { "" };
                format!("by {by}, {} ago{kept}", view.age(*at))
            }
            GateState::Fallen { by } => {
                format!("{by} had approved something else; waits for {}", teams.join(" or "))
            }
        };
        let mut line: Line<'_> = vec![
            piece(format!("{} {:<13}", state.glyph, gate.gate), page.style(state.role)),
            piece(format!("{:<10}", state.word), page.style(Role::Text)),
            piece(detail, page.style(Role::Dim)),
        ];
        if let Some(signed) = change.signatures.get(&gate.gate) {
            let mark = status::signature(signed);
            line.push(piece(format!("  {} {}", mark.glyph, mark.word), page.style(mark.role)));
        }
        page.lines.push(line);
        for unproven in change.unproven_of(gate.gate) {
            let words = format!("that of {} does not count: {}", unproven.by, clean(&unproven.why));
            page.marked(" ", Role::StatusCritical, &words, Role::StatusCritical);
        }
    }
}

fn findings(page: &mut Page<'_>, change: &Change) {
    if change.findings.is_empty() {
        page.marked("●", Role::StatusOk, "validation found nothing", Role::Text);
    }
    for finding in change.findings.iter() {
        let mark = status::level(finding.level);
        let words = format!("{} {}: {}", mark.word, finding.code, finding.message);
        page.marked(mark.glyph, mark.role, &words, Role::Text);
        if let Some(label) = finding.labels.first() {
            source::excerpt(page, label, mark.role);
        }
        if let Some(help) = &finding.help {
            page.marked("▸", Role::Accent, help, Role::Dim);
        }
        page.blank();
    }
}
