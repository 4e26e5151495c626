//! What a forge says about a change.

use super::Page;
use crate::{
    config::theme::Role,
    domain::{
        change::Change,
        forge::{CheckState, ReviewState},
    },
    tui::view::View,
};

/// What the forge says about it: information, on which no gate depends.
pub(super) fn request(view: &View<'_>, page: &mut Page<'_>, change: &Change) {
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
        let when = review.at.map(|at| format!(", {} ago", view.age(at))).unwrap_or_default();
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
