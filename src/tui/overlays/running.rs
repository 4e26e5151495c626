//! A job: while it plans, while it runs step by step, and how it came out.

use super::{legs, window};
use crate::{
    config::theme::Role,
    domain::{
        deployment::record::DeploymentRecord,
        ledger::Verdict,
        plan::{Outcome, Work},
        units::format_duration,
    },
    error::Failure,
    model::jobs::{Job, JobId, JobState},
    tui::{
        paint::{Painter, piece},
        panes::bare,
        view::View,
        widgets::status,
    },
};
use chrono::Duration;
use ratatui::layout::Rect;
use window::Page;

const WIDTH: u16 = 92;

fn elapsed(view: &View<'_>, job: &Job) -> String {
    let time = job.ended.unwrap_or(view.now()) - job.started;
    format_duration(Duration::seconds(time.num_seconds().max(0)))
}

/// Draws a job that is still finding out what it would do.
pub fn draw_planning(view: &View<'_>, painter: &mut Painter<'_>, body: Rect, id: JobId) {
    let title = window::title(painter, "Planning");
    window::page(painter, body, 64, &title, 0, |page| match view.model.jobs.all.get(&id) {
        Some(job) => {
            page.marked("◌", Role::Accent, &format!("{} …", job.title), Role::Text);
            let words = format!("asking for {}; nothing is changed yet", elapsed(view, job));
            page.marked(" ", Role::Dim, &words, Role::Dim);
        }
        None => page.text("this job is gone", Role::Dim, 0),
    });
}

/// Draws a job that runs, or ran.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, body: Rect, id: JobId, offset: usize) {
    let Some(job) = view.model.jobs.all.get(&id) else {
        let title = window::title(painter, "Running");
        window::page(painter, body, 64, &title, 0, |page| page.text("this job is gone", Role::Dim, 0));
        return;
    };
    let record = deployment(view, job);
    let is_over = matches!(job.state, JobState::Done(_));
    let word = match record {
        Some(record) if is_over && record.is_open() => "Waiting",
        _ if is_over => "Done",
        _ => "Running",
    };
    let title = vec![
        piece(word, painter.style(Role::Title)),
        piece(format!("  {}", elapsed(view, job)), painter.style(Role::Dim)),
    ];
    window::page(painter, body, WIDTH, &title, offset, |page| {
        page.text(&job.title, Role::Text, 0);
        page.blank();
        // How it came out is read first, however long the way was.
        if let JobState::Done(result) = &job.state {
            match result {
                Ok(outcome) if record.is_some_and(waits) => {
                    page.marked("◐", Role::Accent, "it waits for people or for its time", Role::Text);
                    page.marked(" ", Role::Text, &outcome.summary, Role::Text);
                    page.marked(" ", Role::Dim, "then an agent goes on with it, or `c` on page 9", Role::Dim);
                }
                Ok(outcome) => ended(page, outcome),
                Err(failure) => failed(page, failure),
            }
            page.blank();
        }
        match record {
            Some(record) => {
                let seen = job.progress.last().filter(|_| !is_over);
                let seen = seen.map(|progress| bare(record, &progress.detail));
                legs::brief(view, page, record, seen);
            }
            None => steps(page, job),
        }
        if !is_over {
            page.blank();
            page.text("closing this leaves the work going on", Role::Dim, 0);
        }
    });
}

/// The deployment that a job looks after, as the ledger has it. A job of several is told by its steps.
fn deployment<'v>(view: &View<'v>, job: &Job) -> Option<&'v DeploymentRecord> {
    let operations = &view.model.world.ledger.value.as_ref()?.operations;
    match &job.plan.as_ref()?.work {
        Work::Steer(steered) => operations.deployment(steered.deployment.as_str()),
        Work::Deploy { orders } => {
            let [order] = orders.as_slice() else { return None };
            let mine = |record: &&DeploymentRecord| {
                record.order == *order && record.started_at >= job.started - Duration::seconds(1)
            };
            operations.deployments.values().rev().find(mine)
        }
        _ => None,
    }
}

/// Whether a deployment waits for its time or for people, and nobody has to say how it goes on.
const fn waits(record: &DeploymentRecord) -> bool {
    record.is_open() && record.held.is_none()
}

/// `✓` done, `▸` now, `■` where it stopped, `○` not yet.
fn steps(page: &mut Page<'_>, job: &Job) {
    let Some(plan) = &job.plan else { return };
    let current = job.progress.iter().map(|progress| progress.step).max();
    let has_passed = matches!(&job.state, JobState::Done(Ok(outcome)) if outcome.verdict == Verdict::Pass);
    let is_over = matches!(job.state, JobState::Done(_));
    for (index, step) in plan.steps.iter().enumerate() {
        let (glyph, role, text) = match current {
            _ if has_passed => ("✓", Role::StatusOk, Role::Text),
            Some(current) if index < current => ("✓", Role::StatusOk, Role::Text),
            Some(current) if index == current && is_over => ("■", Role::StatusWarning, Role::Text),
            Some(current) if index == current => ("▸", Role::Accent, Role::Title),
            _ => ("○", Role::Dim, Role::Dim),
        };
        page.marked(glyph, role, format!("{} {}", step.title, step.object).trim_end(), text);
        let seen = job.progress.iter().find(|progress| progress.step == index);
        if let Some(seen) = seen.filter(|seen| !seen.detail.is_empty()) {
            page.marked(" ", Role::Dim, &seen.detail, Role::Dim);
        }
    }
}

fn ended(page: &mut Page<'_>, outcome: &Outcome) {
    let mark = status::verdict(outcome.verdict);
    page.marked(mark.glyph, mark.role, mark.word, mark.role);
    page.marked(" ", Role::Text, &outcome.summary, Role::Text);
    if let Some(incident) = &outcome.incident {
        page.marked(" ", Role::Text, &format!("incident {incident}"), Role::Text);
    }
    match &outcome.commit {
        Some(commit) if outcome.synced => {
            page.marked(" ", Role::Dim, &format!("in the ledger as {}", commit.short()), Role::Dim);
        }
        Some(commit) => {
            let words = format!(
                "in the ledger as {}, not yet on the remote: it is pushed when the remote is back",
                commit.short()
            );
            page.marked("▲", Role::StatusWarning, &words, Role::Text);
        }
        None => {}
    }
}

fn failed(page: &mut Page<'_>, failure: &Failure) {
    page.marked("■", Role::StatusCritical, &failure.message, Role::StatusCritical);
    for cause in &failure.causes {
        page.marked(" ", Role::Text, &format!("because: {cause}"), Role::Text);
    }
    for hint in &failure.hints {
        page.marked(" ", Role::Dim, &format!("try: {hint}"), Role::Dim);
    }
}
