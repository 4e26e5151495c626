//! What falls if this falls: how much, who, what is promised, and whom to tell.

use super::window;
use crate::{
    config::theme::Role,
    domain::{
        catalog::Tier,
        impact::{Affected, Cause, Harm, Impact, Notify},
        text::fit,
        units::format_percent,
    },
    tui::{
        paint::{Line, Painter, cells, piece},
        view::View,
        widgets::status,
    },
};
use ratatui::layout::Rect;
use window::Page;

const WIDTH: u16 = 116;
/// The widest that the column of names gets.
const WIDEST_NAME: u16 = 28;

/// Draws an impact.
pub fn draw(
    view: &View<'_>,
    painter: &mut Painter<'_>,
    body: Rect,
    subject: Option<&str>,
    impact: &Impact,
    offset: usize,
) {
    let text = subject.map_or_else(|| impact.title(), |subject| format!("If {subject} is merged"));
    let title = window::title(painter, text);
    window::page(painter, body, WIDTH, &title, offset, |page| fill(view, page, impact));
}

fn fill(view: &View<'_>, page: &mut Page<'_>, impact: &Impact) {
    let worst = impact.by_harm.keys().next().copied().unwrap_or(Harm::Unharmed);
    let mark = status::harm(worst);
    page.marked(mark.glyph, mark.role, &impact.summary(), Role::Text);
    if let Cause::Change(changed) = &impact.cause {
        page.blank();
        for (service, words) in changed.iter().take(12) {
            page.fact(service.as_str(), words, Role::Text);
        }
        if changed.len() > 12 {
            page.text(&format!("+{} more services change", changed.len() - 12), Role::Dim, 0);
        }
    }
    if impact.harmed() > 0 {
        page.blank();
        let tiers = Tier::ALL.iter().filter_map(|tier| Some((tier.as_str(), *impact.by_tier.get(tier)?)));
        counts(page, "by tier", &tiers.collect::<Vec<_>>());
        let projects = impact.by_project.iter();
        let mut projects: Vec<(&str, usize)> = projects
            .map(|(project, count)| (project.as_ref().map_or("shared", |project| project.as_str()), *count))
            .collect();
        projects.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
        counts(page, "by project", &projects);
    }
    if !impact.notify.is_empty() {
        page.heading("Whom to tell");
        for it in &impact.notify {
            owner(page, it);
        }
    }
    let (harmed, unharmed): (Vec<_>, Vec<_>) =
        impact.affected.iter().partition(|it| it.harm != Harm::Unharmed);
    let otherwise = match impact.cause {
        Cause::Outage(_) => Some("else"),
        Cause::Version(..) => None,
        Cause::Change(_) => Some("before"),
    };
    for (title, services) in [("Who is harmed", harmed), ("Who goes on as before", unharmed)] {
        if services.is_empty() {
            continue;
        }
        page.heading(title);
        let longest = services.iter().map(|it| cells(it.service.name.as_str())).max().unwrap_or(0);
        let columns = Columns::new(page.width, longest, otherwise);
        columns.heads(page);
        for it in services {
            service(view, page, it, columns);
        }
    }
}

/// `3 critical · 4 high`
fn counts(page: &mut Page<'_>, label: &str, counts: &[(&str, usize)]) {
    let text: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    page.fact(label, &text.join(" · "), Role::Text);
}

fn owner(page: &mut Page<'_>, it: &Notify) {
    let services = if it.services.len() == 1 { "service" } else { "services" };
    let count = format!("{} {services}", it.services.len());
    let mut words = match (&it.owner, &it.channel) {
        (None, _) => format!("nobody owns {count}"),
        (Some(_), Some(channel)) => format!("{channel} · {count}"),
        (Some(_), None) => format!("no channel · {count}"),
    };
    if let Some(lead) = &it.lead {
        words += &format!(" · lead {lead}");
    }
    let label = it.owner.as_ref().map_or("–", |owner| owner.as_str());
    let role = if it.owner.is_none() || it.channel.is_none() { Role::StatusWarning } else { Role::Text };
    page.fact(label, &words, role);
}

/// Cells of a share of requests, and of what stands before it besides the name.
const SHARE: u16 = 10;
const HARM: u16 = 12;
const TIER: u16 = 10;
const PROJECT: u16 = 14;
const OWNER: u16 = 16;

/// Which columns there is room for.
#[derive(Clone, Copy)]
struct Columns {
    name: u16,
    project: bool,
    owner: bool,
    otherwise: Option<&'static str>,
}

impl Columns {
    fn new(width: u16, longest: u16, otherwise: Option<&'static str>) -> Self {
        let shares = if otherwise.is_some() { 3 * SHARE } else { 2 * SHARE };
        let fixed = HARM + TIER + shares + 2;
        let name = longest.clamp(7, WIDEST_NAME).min(width.saturating_sub(fixed).max(7));
        let project = fixed + name + PROJECT <= width;
        Self { name, project, owner: project && fixed + name + PROJECT + OWNER <= width, otherwise }
    }

    fn heads(self, page: &mut Page<'_>) {
        let mut text = format!(
            "{:HARM$}{:name$}{:TIER$}",
            "",
            "service",
            "tier",
            HARM = usize::from(HARM),
            name = usize::from(self.name) + 2,
            TIER = usize::from(TIER)
        );
        if self.project {
            text += &format!("{:width$}", "project", width = usize::from(PROJECT));
        }
        if self.owner {
            text += &format!("{:width$}", "owner", width = usize::from(OWNER));
        }
        for head in ["promised", "can keep"].into_iter().chain(self.otherwise) {
            text += &format!("{head:>width$}", width = usize::from(SHARE));
        }
        page.lines.push(vec![piece(text, page.style(Role::Header))]);
    }
}

/// One service in one line, and why below it.
fn service(view: &View<'_>, page: &mut Page<'_>, it: &Affected, columns: Columns) {
    let text = page.style(Role::Text);
    let dim = page.style(Role::Dim);
    let mark = status::harm(it.harm);
    // Names may be wider than they are long.
    let padded = |words: &str, width: u16| {
        let words = fit(words, usize::from(width.saturating_sub(1)));
        let rest = width.saturating_sub(cells(&words));
        words + &" ".repeat(usize::from(rest))
    };
    let mut line: Line<'_> = vec![
        piece(mark.glyph, page.style(mark.role)),
        piece(padded(&format!(" {}", mark.word), HARM - 1), page.style(mark.role)),
        piece(padded(it.service.name.as_str(), columns.name + 2), text),
        piece(padded(it.service.tier.as_str(), TIER), dim),
    ];
    if columns.project {
        let project = it.service.project.as_ref().map_or("shared", |project| project.as_str());
        line.push(piece(padded(project, PROJECT), dim));
    }
    if columns.owner {
        line.push(piece(padded(it.service.owner.as_ref().map_or("–", |owner| owner.as_str()), OWNER), dim));
    }
    let share = |share: Option<f64>| {
        let words = share.map_or_else(|| "–".to_owned(), format_percent);
        " ".repeat(usize::from(SHARE.saturating_sub(cells(&words)))) + &words
    };
    let promise = it.availability;
    let kept = if promise.is_too_much() { Role::StatusWarning } else { Role::Text };
    line.push(piece(share(promise.promised), text));
    line.push(piece(share(Some(promise.achievable)), page.style(kept)));
    if columns.otherwise.is_some() {
        line.push(piece(share(promise.otherwise), dim));
    }
    page.lines.push(line);
    let via = it.via.as_ref().filter(|_| it.harm != Harm::Unharmed);
    let via = via.map(|via| format!("{} steps away, through {via}", it.depth));
    let now = view.joined.service(it.service.name.as_str()).map(|row| status::sla(row.verdict));
    let now = now
        .filter(|now| matches!(now.role, Role::StatusCritical | Role::StatusWarning))
        .map(|now| format!("its promise is {} now", now.word));
    for reason in it.reasons.iter().cloned().chain(via).chain(now) {
        page.text(&format!("{:width$}{reason}", "", width = usize::from(HARM)), Role::Dim, HARM);
    }
}
