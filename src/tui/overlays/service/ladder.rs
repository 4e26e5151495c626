//! The ladder of a service's life: where it stands, which steps it may take, and what they ask for.

use super::place_of;
use crate::{
    config::theme::Role,
    domain::{
        catalog::{Catalog, Service},
        lifecycle::{Duty, DutyKind, Lifecycle, next, open_duties},
    },
    tui::{overlays::Page, paint::piece},
};

/// Adds the ladder to the page.
pub fn add(page: &mut Page<'_>, catalog: &Catalog, service: &Service) {
    page.heading_at("Lifecycle", &place_of(catalog, service.place("status")));
    let steps = next(service.status);
    for state in Lifecycle::ALL {
        let is_next = steps.iter().any(|step| step.to == state);
        let (glyph, word, role) = match state {
            state if state == service.status => ("▸", "now", Role::Accent),
            _ if is_next => ("○", "next", Role::Text),
            _ => (" ", "", Role::Dim),
        };
        let duties = if role == Role::Dim { Vec::new() } else { open_duties(catalog, service, state) };
        let open = duties.iter().filter(|duty| !duty.done).count();
        let words = match (word, duties.len(), open) {
            ("", ..) => String::new(),
            (word, 0, _) => word.to_owned(),
            (word, _, 0) => format!("{word}, every duty done"),
            (word, _, 1) => format!("{word}, 1 duty open"),
            (word, _, open) => format!("{word}, {open} duties open"),
        };
        let loud = if open > 0 && state == service.status { Role::StatusWarning } else { Role::Dim };
        page.lines.push(vec![
            piece(format!("{glyph} "), page.style(role)),
            piece(format!("{:<14}", state.as_str()), page.style(role)),
            piece(words, page.style(loud)),
        ]);
        // What is done where it stands needs no line.
        for duty in duties.iter().filter(|duty| is_next || !duty.done) {
            line(page, duty, is_next);
        }
    }
}

fn line(page: &mut Page<'_>, duty: &Duty, is_next: bool) {
    let (mark, role) =
        if duty.done { ("✓ done", Role::StatusOk) } else { ("✗ open", Role::StatusWarning) };
    let what = if !duty.done && is_next && is_filled(duty.kind) {
        format!("{}; a proposal fills in what is missing", duty.what)
    } else {
        duty.what.clone()
    };
    let indent = 12;
    let room = page.width.saturating_sub(indent);
    for (index, text) in crate::tui::paint::wrap(&what, room).into_iter().enumerate() {
        let lead = if index == 0 { format!("    {mark}  ") } else { " ".repeat(indent.into()) };
        page.lines.push(vec![
            piece(lead, page.style(role)),
            piece(text, page.style(if duty.done { Role::Dim } else { Role::Text })),
        ]);
    }
}

/// Whether proposing the step writes what the duty asks for, where nothing is said yet.
const fn is_filled(kind: DutyKind) -> bool {
    matches!(kind, DutyKind::SupportPeriod | DutyKind::MigrationPeriod)
}
