//! What was said and done about a change, the oldest first, with the reviewers' answers.

use super::Page;
use crate::{
    config::theme::Role,
    domain::{
        change::{Change, SaidKind, timeline},
        ledger::ChangeRecord,
        text::clean,
    },
    tui::view::View,
};

/// Fills the section.
pub(super) fn fill(view: &View<'_>, page: &mut Page<'_>, change: &Change, record: Option<&ChangeRecord>) {
    for said in timeline(change, record) {
        let (glyph, role) = match said.kind {
            SaidKind::Opened | SaidKind::Committed | SaidKind::Proposed => ("·", Role::Dim),
            SaidKind::Approved => ("✓", Role::StatusOk),
            SaidKind::ApprovalWithdrawn | SaidKind::RequestWithdrawn => ("↺", Role::StatusWarning),
            SaidKind::ChangesRequested => ("▲", Role::StatusWarning),
            SaidKind::Comment => ("▸", Role::Accent),
            SaidKind::Merged => ("●", Role::StatusOk),
            SaidKind::BreakGlass => ("■", Role::StatusCritical),
        };
        let who = if said.by.name.is_empty() { &said.by.email } else { &said.by.name };
        let signed = said.signature.map(|word| format!(", {word} signature")).unwrap_or_default();
        let words = format!(
            "{}  {} {}, {} ago{signed}",
            said.at.format("%m-%d %H:%M"),
            clean(who),
            said.what,
            view.age(said.at)
        );
        page.marked(glyph, role, &words, if role == Role::StatusCritical { role } else { Role::Text });
        if let Some(words) = &said.words {
            page.marked(" ", Role::Text, &clean(words), Role::Text);
        }
        for (name, _, answer) in said.answers.iter().flat_map(crate::domain::gate::ReviewAnswers::each) {
            if !answer.is_empty() {
                page.marked(" ", Role::Text, &format!("{name}: {}", clean(answer)), Role::Dim);
            }
        }
    }
}
