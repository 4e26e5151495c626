//! Broken glass in the details of a change: in red until it is settled.

use super::window::Page;
use crate::{
    config::theme::Role,
    domain::{
        break_glass::{self, GlassState},
        change::Change,
        name::ChangeId,
        units::format_duration,
    },
    tui::view::View,
};
use chrono::{DateTime, Utc};

/// Draws the section, where the glass was broken for the change as it is.
pub fn section(view: &View<'_>, page: &mut Page<'_>, change: &Change) {
    let world = &view.model.world;
    let (Some(ledger), Some(review)) = (&world.ledger.value, &world.changes.value) else { return };
    let proposal = &change.proposal;
    let Some(record) = ledger.operations.changes.get(&proposal.id) else { return };
    let state = break_glass::standing(change, &ledger.operations, &review.people, view.now());
    let Some(state) = state else { return };
    page.heading("Break-glass");
    let (glyph, role) = match state {
        GlassState::Settled => ("●", Role::StatusOk),
        GlassState::Expired => ("◌", Role::Dim),
        _ => ("■", Role::StatusCritical),
    };
    page.marked(glyph, role, &words(&state, &proposal.id, view.now()), role);
    if let Some(glass) = record.glasses.iter().rev().find(|glass| glass.head == proposal.head) {
        page.fact("reason", &glass.reason, Role::Text);
        page.fact("asked by", &glass.by.name, Role::Text);
        page.fact("incident", glass.incident.as_str(), Role::Text);
    }
}

/// How it stands, and what is to be done.
pub fn words(state: &GlassState, change: &ChangeId, now: DateTime<Utc>) -> String {
    match state {
        GlassState::Waiting { by, until } => format!(
            "{by} broke the glass; a second person must agree before {} (quarterdeck change second {change})",
            until.format("%H:%M UTC")
        ),
        GlassState::Granted { until, by, seconded } => format!(
            "{by} and {seconded} let it be merged past its gates for {} more",
            format_duration(*until - now)
        ),
        GlassState::Expired => "its time is over; it was not used".to_owned(),
        GlassState::Used { due } if now >= *due => format!(
            "merged past its gates; the post-mortem is overdue by {} (quarterdeck change settle {change})",
            format_duration(now - *due)
        ),
        GlassState::Used { due } => format!(
            "merged past its gates; the post-mortem is due in {} (quarterdeck change settle {change})",
            format_duration(*due - now)
        ),
        GlassState::Settled => "settled: its post-mortem is written".to_owned(),
    }
}
