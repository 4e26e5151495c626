//! Everything about one change: what it alters, its gates, what validation found, and where it comes from.

use super::window;
use crate::{
    config::theme::Role,
    domain::{
        change::Change,
        forge::{CheckState, ReviewState},
        gate::GateState,
        name::ChangeId,
        units::format_duration,
    },
    tui::{
        paint::{Line, Painter, piece},
        view::View,
        widgets::{source, status},
    },
};
use ratatui::layout::Rect;
use window::Page;

const WIDTH: u16 = 104;

/// Draws the details of a change.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, body: Rect, id: &ChangeId, offset: usize) {
    let change = view.joined.changes.iter().find(|change| change.proposal.id == *id);
    let mut title = vec![piece(id.to_string(), painter.style(Role::Title))];
    if let Some(change) = change {
        let stage = status::stage(change);
        title.push(piece(format!("  {} {}", stage.glyph, stage.word), painter.style(stage.role)));
    }
    window::page(painter, body, WIDTH, &title, offset, |page| match change {
        Some(change) => fill(view, page, change),
        None => page.text("this change is not open any more", Role::Dim, 0),
    });
}

fn fill(view: &View<'_>, page: &mut Page<'_>, change: &Change) {
    let proposal = &change.proposal;
    page.text(&proposal.subject, Role::Title, 0);
    page.blank();
    page.fact("class, risk", &format!("{}, {} risk", change.class, change.class.risk()), Role::Text);
    let names: Vec<&str> = change.services.iter().map(crate::domain::name::ServiceName::as_str).collect();
    if names.is_empty() {
        page.fact("services", "none", Role::Dim);
    } else {
        page.fact("services", &names.join(", "), Role::Text);
    }
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
            format_duration(view.now() - proposal.opened_at),
            format_duration(view.now() - proposal.committed_at)
        ),
        Role::Text,
    );

    page.heading("Gates");
    for gate in &change.gates {
        let state = status::gate(&gate.state);
        let teams: Vec<&str> = gate.teams.iter().map(crate::domain::name::TeamName::as_str).collect();
        let detail = match &gate.state {
            GateState::Open => format!("waits for {}", teams.join(" or ")),
            GateState::Approved { by, at } => {
                format!("by {by}, {} ago", format_duration(view.now() - *at))
            }
            GateState::Fallen { by } => {
                format!("{by} had approved an earlier head; waits for {}", teams.join(" or "))
            }
        };
        let line: Line<'_> = vec![
            piece(format!("{} {:<13}", state.glyph, gate.gate), page.style(state.role)),
            piece(format!("{:<10}", state.word), page.style(Role::Text)),
            piece(detail, page.style(Role::Dim)),
        ];
        page.lines.push(line);
    }

    super::change_glass::section(view, page, change);
    request(view, page, change);

    page.heading("What it changes");
    if change.fields.is_empty() {
        page.text("no field of a service", Role::Dim, 0);
    }
    let mut service = None;
    for field in &change.fields {
        if service != Some(&field.service) {
            service = Some(&field.service);
            page.text(field.service.as_str(), Role::Text, 0);
        }
        page.lines.push(vec![piece(format!("  {}", field.field), page.style(Role::Dim))]);
        if let Some(old) = &field.old {
            page.text(&format!("    - {old}"), Role::DiffRemoved, 6);
        }
        if let Some(new) = &field.new {
            page.text(&format!("    + {new}"), Role::DiffAdded, 6);
        }
    }

    page.heading("Findings");
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

    page.heading("Files");
    for path in proposal.paths.iter().take(50) {
        page.text(path, Role::Dim, 0);
    }
    if proposal.paths.len() > 50 {
        page.text(&format!("+{} more", proposal.paths.len() - 50), Role::Dim, 0);
    }
}

/// What the forge says about it: information, on which no gate depends.
fn request(view: &View<'_>, page: &mut Page<'_>, change: &Change) {
    let Some(request) = change.request.as_deref() else { return };
    page.heading("On the forge");
    let state = if request.draft { "draft" } else { "open" };
    page.fact(
        "request",
        &format!("#{}, {state}, by {}: {}", request.number, request.author, request.title),
        Role::Text,
    );
    if !request.url.is_empty() {
        page.fact("page", &request.url, Role::Text);
    }
    if request.head != change.proposal.head {
        let words = format!(
            "the forge has the branch at {}; here it is at {}",
            request.head.short(),
            change.proposal.head.short()
        );
        page.marked("▲", Role::StatusWarning, &words, Role::Text);
    }
    for review in request.opinions() {
        let (glyph, role) = match (review.state, request.is_stale(review)) {
            (ReviewState::Approved, Some(false)) => ("●", Role::StatusOk),
            // Good news about what nobody knows, or about what is gone, is none.
            (ReviewState::Approved, _) => ("◌", Role::Dim),
            (ReviewState::ChangesRequested, _) => ("▲", Role::StatusWarning),
            (ReviewState::Commented | ReviewState::Dismissed, _) => ("·", Role::Dim),
        };
        let about = match (request.is_stale(review), &review.commit) {
            (Some(true), Some(commit)) => format!(" (of {}, an earlier head)", commit.short()),
            (None, _) => " (the forge does not say of which commit)".to_owned(),
            _ => String::new(),
        };
        let when =
            review.at.map(|at| format!(", {} ago", format_duration(view.now() - at))).unwrap_or_default();
        page.marked(
            glyph,
            role,
            &format!("{} {}{about}{when}", review.by, review.state.as_str()),
            Role::Text,
        );
    }
    let [failed, pending, skipped, passed] = request.check_counts();
    if request.checks.is_empty() {
        page.text("no checks", Role::Dim, 0);
    } else {
        let words = format!("checks: {passed} passed, {failed} failed, {pending} pending, {skipped} skipped");
        let (glyph, role) = match (failed, pending) {
            (1.., _) => ("■", Role::StatusCritical),
            (0, 1..) => ("◌", Role::Dim),
            (0, 0) if passed == 0 => ("◌", Role::Dim),
            (0, 0) => ("●", Role::StatusOk),
        };
        page.marked(glyph, role, &words, Role::Text);
    }
    for check in request.checks.iter().filter(|check| check.state == CheckState::Failed).take(10) {
        page.text(&check.name, Role::Dim, 2);
    }
}
