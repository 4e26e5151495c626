//! What a validation found: the list, and the chosen finding with its source lines.

use super::window;
use crate::{
    config::theme::Role,
    domain::{
        finding::{Finding, Level},
        plan::Validation,
    },
    tui::{
        paint::{Painter, cells, piece},
        widgets::{source, status},
    },
};
use ratatui::layout::Rect;
use window::Page;

const WIDTH: u16 = 130;

/// Draws the findings.
pub fn draw(painter: &mut Painter<'_>, body: Rect, validation: &Validation, cursor: usize) {
    let findings = &validation.findings;
    let mut title = vec![piece("Findings", painter.style(Role::Title))];
    for level in [Level::Error, Level::Warning, Level::Note] {
        let count = findings.iter().filter(|finding| finding.level == level).count();
        if count > 0 {
            let mark = status::level(level);
            let many = if count == 1 { "" } else { "s" };
            let words = format!("  {} {count} {}{many}", mark.glyph, mark.word);
            title.push(piece(words, painter.style(mark.role)));
        }
    }
    title.push(piece(format!("  {}", validation.subject), painter.style(Role::Dim)));
    if findings.is_empty() {
        window::page(painter, body, 64, &title, 0, |page| {
            page.marked("●", Role::StatusOk, "nothing found: the repository is valid", Role::Text);
        });
        return;
    }
    let window = window::centred(body, WIDTH, body.height);
    let inside = window::open(painter, window, &title);
    let list = (findings.len() as u16).min((inside.height / 2).max(1));
    draw_list(painter, Rect { height: list, ..inside }, findings, cursor);
    let rest = Rect { y: inside.y + list + 1, height: inside.height.saturating_sub(list + 1), ..inside };
    if let Some(finding) = findings.get(cursor) {
        let mut page = Page::new(painter.styles, rest.width);
        detail(&mut page, finding);
        page.draw(painter, rest, 0);
    }
}

fn draw_list(painter: &mut Painter<'_>, area: Rect, findings: &[Finding], cursor: usize) {
    let rows = usize::from(area.height);
    let offset = (cursor + 1).saturating_sub(rows);
    for (line, (index, finding)) in findings.iter().enumerate().skip(offset).take(rows).enumerate() {
        let y = area.y + line as u16;
        if index == cursor {
            let row = Rect { x: area.x - 1, y, width: area.width + 2, height: 1 };
            painter.ground(row, painter.style(Role::Selection));
            painter.cell(row.x, y, "▌", painter.style(Role::Accent));
        }
        let mark = status::level(finding.level);
        let place = finding.location().unwrap_or_default();
        let wide = cells(&place).min(area.width / 2);
        let room = area.width.saturating_sub(wide + 2);
        let line = [
            piece(format!("{} {:<7} ", mark.glyph, mark.word), painter.style(mark.role)),
            piece(format!("{} ", finding.code), painter.style(Role::Dim)),
            piece(finding.message.as_str(), painter.style(Role::Text)),
        ];
        painter.line(area.x, y, room, &line);
        painter.right(
            area.x,
            y,
            area.width,
            &crate::domain::text::fit(&place, wide.into()),
            painter.style(Role::Dim),
        );
    }
}

fn detail(page: &mut Page<'_>, finding: &Finding) {
    let mark = status::level(finding.level);
    page.marked(mark.glyph, mark.role, &finding.message, Role::Title);
    for label in &finding.labels {
        page.blank();
        source::excerpt(page, label, status::level(finding.level).role);
    }
    if let Some(help) = &finding.help {
        page.blank();
        page.marked("▸", Role::Accent, help, Role::Text);
    }
    page.blank();
    page.text(&format!("{} {}", finding.code, finding.name), Role::Dim, 0);
}
