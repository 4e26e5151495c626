//! A plan that waits for a yes: it takes the frame, repeats where and what exactly, and focuses Cancel.

use super::{
    before,
    window::{self, Page},
};
use crate::{
    config::theme::Role,
    domain::{
        diff::DiffKind,
        plan::{Plan, Risk, Work},
        text::clean_lines,
    },
    model::ui::{ConfirmFocus, TextInput},
    tui::paint::{Line, Painter, cells, piece},
};
use ratatui::layout::Rect;

const WIDTH: u16 = 96;

/// With fewer rows than this for a plan that does not fit, its steps come first.
const SMALL: u16 = 20;

/// Rows below the scrolled part: a blank one, the line to type in where one is needed, and the buttons.
const fn footer(plan: &Plan) -> u16 {
    if plan.confirm_by_typing.is_some() { 4 } else { 2 }
}

/// As high as everything, at most: nothing beside it should draw the eye.
fn place(body: Rect) -> Rect {
    window::centred(body, WIDTH, body.height)
}

/// Whether the plan touches production.
fn is_production(plan: &Plan) -> bool {
    match &plan.work {
        Work::Rollback(rollback) => rollback.target.production,
        Work::RollbackTogether(rollbacks) => rollbacks.iter().any(|rollback| rollback.target.production),
        Work::Deploy { orders } => orders.iter().any(|order| order.production),
        Work::Act { target, .. } => target.production,
        // Its plan asks for the service's name exactly then.
        Work::Steer(_) => plan.confirm_by_typing.is_some(),
        _ => false,
    }
}

/// Draws the plan.
pub fn draw(
    painter: &mut Painter<'_>,
    body: Rect,
    plan: &Plan,
    input: &TextInput,
    focus: ConfirmFocus,
    offset: usize,
) {
    painter.clear(body, painter.style(Role::Overlay));
    let title = vec![piece("Confirm", painter.style(Role::Title))];
    let inside = window::open(painter, place(body), &title);
    let footer = footer(plan).min(inside.height);
    let page_area = Rect { height: inside.height - footer, ..inside };
    let styles = painter.styles;
    let mut page = Page::new(styles, inside.width);
    fill(&mut page, plan, false);
    if page.lines.len() > usize::from(page_area.height) && page_area.height < SMALL {
        page = Page::new(styles, inside.width);
        fill(&mut page, plan, true);
    }
    draw_page(painter, page_area, &page, offset);
    let bottom = inside.bottom();
    if let Some(wanted) = &plan.confirm_by_typing {
        draw_input(painter, inside, bottom - 3, wanted, input);
    }
    draw_buttons(painter, inside, bottom - 1, plan, input, focus);
}

/// All of the plan. On a small screen the facts are one running text, and nothing is spent on blank lines: what will be
/// done to what is what must be seen.
fn fill(page: &mut Page<'_>, plan: &Plan, is_small: bool) {
    if is_production(plan) {
        let text = format!("{:^width$}", "PRODUCTION", width = usize::from(page.width));
        let style = page.style(Role::Production);
        page.lines.push(vec![piece(text, style)]);
        if !is_small {
            page.blank();
        }
    }
    page.text(&plan.title, Role::Title, 0);
    let (glyph, words, role) = match plan.risk {
        Risk::Destructive => ("▲", "destructive: users may notice", Role::StatusWarning),
        Risk::Shared => ("○", "others will see it", Role::Dim),
        Risk::Local => ("○", "changes this machine only", Role::Dim),
        Risk::Read => ("○", "changes nothing", Role::Dim),
    };
    page.marked(glyph, role, words, role);
    if is_small {
        let facts: Vec<String> =
            plan.facts.iter().map(|(label, value)| format!("{label}: {value}")).collect();
        page.text(&facts.join(" · "), Role::Text, 0);
        page.blank();
        steps(page, plan, true);
    } else {
        page.blank();
        facts(page, plan);
        page.heading("Steps");
        steps(page, plan, false);
    }
    for file in plan.files() {
        page.heading_at("What differs", &clean_lines(&file.path));
        for line in &file.diff {
            let role = match line.kind {
                DiffKind::Kept => Role::Dim,
                DiffKind::Added => Role::DiffAdded,
                DiffKind::Removed => Role::DiffRemoved,
            };
            let text = format!("{:>5} {} {}", line.number, line.sign(), clean_lines(&line.text));
            let room = usize::from(page.width);
            page.lines.push(vec![piece(crate::domain::text::fit(&text, room), page.style(role))]);
        }
    }
    if !plan.notes.is_empty() {
        page.heading("Weigh before you run it");
        for note in &plan.notes {
            page.marked("▲", Role::StatusWarning, note, Role::Text);
        }
    }
}

fn facts(page: &mut Page<'_>, plan: &Plan) {
    for (label, value) in &plan.facts {
        page.fact(label, value, Role::Text);
    }
}

/// The steps, each with its object behind it, or below it where that does not fit.
fn steps(page: &mut Page<'_>, plan: &Plan, is_small: bool) {
    for (index, step) in plan.steps.iter().enumerate() {
        let number = format!("{}. ", index + 1);
        let indent = cells(&number);
        let is_short = indent + cells(&step.title) + cells(&step.object) + 3 <= page.width;
        if is_short && !step.object.is_empty() {
            let line = vec![
                piece(format!("{number}{}", step.title), page.style(Role::Text)),
                piece(format!(" {}", step.object), page.style(Role::Dim)),
            ];
            page.lines.push(line);
            continue;
        }
        if is_small {
            let words = format!("{number}{} {}", step.title, step.object);
            page.text(words.trim_end(), Role::Text, indent);
            continue;
        }
        page.text(&format!("{number}{}", step.title), Role::Text, indent);
        let style = page.style(Role::Dim);
        for line in crate::tui::paint::wrap(&step.object, page.width.saturating_sub(indent)) {
            page.lines.push(vec![piece(" ".repeat(indent.into()), style), piece(line, style)]);
        }
    }
}

/// The page, and below it how much of it is out of sight: nobody may confirm what he has not seen unawares.
fn draw_page(painter: &mut Painter<'_>, area: Rect, page: &Page<'_>, offset: usize) {
    let height = usize::from(area.height);
    if page.lines.len() <= height {
        page.draw(painter, area, 0);
        return;
    }
    let height = height.saturating_sub(1);
    let offset = offset.min(page.lines.len() - height);
    for (index, line) in page.lines.iter().skip(offset).take(height).enumerate() {
        painter.line(area.x, area.y + index as u16, area.width, line);
    }
    let below = page.lines.len() - height - offset;
    let text = match (below, offset) {
        (0, _) => format!("▲ {offset} lines above"),
        (_, 0) => format!("▼ {below} lines below"),
        _ => format!("▲ {offset} lines above, ▼ {below} below"),
    };
    painter.text(area.x, area.y + height as u16, area.width, &text, painter.style(Role::Accent));
}

/// Cells of the words behind what is typed.
const VERDICT: u16 = 12;

fn prompt(wanted: &str) -> String {
    format!("type {} to confirm: ", crate::domain::text::clean(wanted))
}

fn draw_input(painter: &mut Painter<'_>, inside: Rect, y: u16, wanted: &str, input: &TextInput) {
    let prompt = prompt(wanted);
    let used = painter.text(inside.x, y, inside.width, &prompt, painter.style(Role::Text));
    // Whether it is the name is said behind it, also where there is little room.
    let room = inside.width.saturating_sub(used + VERDICT).clamp(1, 40);
    let style = painter.style(Role::Input);
    painter.repeat(inside.x + used, y, room, " ", style);
    painter.text(inside.x + used, y, room, &input.text, style);
    let (text, role) = if input.text.trim() == wanted {
        ("✓ matches", Role::StatusOk)
    } else if input.text.is_empty() {
        ("", Role::Dim)
    } else {
        ("○ not yet", Role::Dim)
    };
    let x = inside.x + used + room + 2;
    painter.text(x, y, inside.right().saturating_sub(x), text, painter.style(role));
}

fn draw_buttons(
    painter: &mut Painter<'_>,
    inside: Rect,
    y: u16,
    plan: &Plan,
    input: &TextInput,
    focus: ConfirmFocus,
) {
    let is_ready = plan.is_named_by(&input.text);
    let style = |button: ConfirmFocus, painter: &Painter<'_>| {
        painter.style(if button == focus { Role::ButtonFocus } else { Role::Button })
    };
    let mark = |button: ConfirmFocus| if button == focus { "▸" } else { " " };
    let mut line: Line<'_> = vec![
        piece(format!(" {} Cancel  ", mark(ConfirmFocus::Cancel)), style(ConfirmFocus::Cancel, painter)),
        piece("   ", painter.style(Role::Text)),
        piece(format!(" {} Run  ", mark(ConfirmFocus::Run)), style(ConfirmFocus::Run, painter)),
    ];
    if !is_ready {
        line.push(piece("   waits for the name", painter.style(Role::Dim)));
    }
    painter.line(inside.x, y, inside.width, &line);
}

/// Where the cursor is, if a name is to be typed.
pub fn cursor(body: Rect, plan: &Plan, input: &TextInput) -> Option<(u16, u16)> {
    let wanted = plan.confirm_by_typing.as_ref()?;
    let inside = window::inner(place(body));
    let x = inside.x + cells(&prompt(wanted)) + before(input);
    Some((x.min(inside.right().saturating_sub(1)), inside.bottom().saturating_sub(3)))
}
