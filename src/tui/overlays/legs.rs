//! The legs of a deployment line by line: those that are over with what was seen, the one that is next, and those that
//! are left. What failed stands before the way back.

use super::Page;
use crate::{
    config::theme::Role,
    domain::{
        deployment::{
            order::Leg,
            record::{DeploymentRecord, Judged},
        },
        ledger::Verdict,
        text::fit,
        units::format_duration,
    },
    tui::{paint::cells, panes::figures_words, view::View, widgets::status},
};
use chrono::Duration;

/// Writes them out in full: when each ended, how long it took, and what was measured.
pub fn full(view: &View<'_>, page: &mut Page<'_>, record: &DeploymentRecord) {
    let turned = record.judged.len() - record.behind().len();
    for (index, judged) in record.judged.iter().enumerate() {
        if record.is_retreating() && index == turned {
            back(page, record);
        }
        let mark = status::verdict(judged.verdict);
        let words = format!(
            "{} {} ({}): {}",
            judged.at.format("%H:%M:%S"),
            name(record, &judged.leg),
            time(judged),
            judged.detail
        );
        page.marked(mark.glyph, mark.role, &words, Role::Text);
        if let Some(figures) = &judged.figures {
            page.text(&format!("  {}", figures_words(figures)), Role::Dim, 2);
        }
    }
    ahead(view, page, record, None);
}

/// Writes each into one line; `seen` is what is seen of the next one at the moment.
pub fn brief(view: &View<'_>, page: &mut Page<'_>, record: &DeploymentRecord, seen: Option<&str>) {
    let turned = record.judged.len() - record.behind().len();
    for (index, judged) in record.judged.iter().enumerate() {
        if record.is_retreating() && index == turned {
            back(page, record);
        }
        let mark = status::verdict(judged.verdict);
        let is_good = judged.verdict == Verdict::Pass;
        let (glyph, role) = if is_good { ("✓", Role::StatusOk) } else { (mark.glyph, mark.role) };
        let words = format!("{} · {} · {}", name(record, &judged.leg), time(judged), judged.detail);
        if is_good {
            let room = page.width.saturating_sub(cells(glyph) + 1);
            page.marked(glyph, role, &fit(&words, room.into()), Role::Text);
        } else {
            page.marked(glyph, role, &words, Role::Text);
        }
    }
    ahead(view, page, record, seen);
}

/// A leg, with its place where there are several.
fn name(record: &DeploymentRecord, leg: &Leg) -> String {
    if record.order.places.len() > 1 { leg.to_string() } else { leg.stage.to_string() }
}

fn back(page: &mut Page<'_>, record: &DeploymentRecord) {
    let words = if record.failed.is_some() { "going back" } else { "called off, going back" };
    page.marked("↩", Role::StatusWarning, words, Role::StatusWarning);
}

fn time(judged: &Judged) -> String {
    format_duration((judged.at - judged.since).max(Duration::zero()))
}

/// What is not over yet.
fn ahead(view: &View<'_>, page: &mut Page<'_>, record: &DeploymentRecord, seen: Option<&str>) {
    if !record.is_open() {
        return;
    }
    if record.is_retreating() && record.behind().is_empty() {
        back(page, record);
    }
    let next = record.next_leg().map_or_else(|| "its end".to_owned(), |leg| name(record, &leg));
    let who = record.running.as_ref().map_or_else(String::new, |running| {
        let age = view.age(running.at);
        format!(", begun by {} {age} ago", running.by.name)
    });
    let seen = seen.map_or_else(String::new, |seen| format!(" · {seen}"));
    page.marked("◐", Role::Accent, &format!("{next}{who}{seen}"), Role::Title);
    for leg in record.legs().iter().filter(|leg| record.result(leg).is_none()).skip(1) {
        page.marked("·", Role::Dim, &name(record, leg), Role::Dim);
    }
}
