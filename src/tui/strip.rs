//! The strips: at the top where am I, how is it, who is on; at the bottom the keys that matter here, what is
//! running, and how fresh everything is.

use super::{
    clocks::clocks,
    hints,
    paint::{Line, Painter, cells, piece, width_of, wrap},
    panes,
    view::{View, freshness_role},
    widgets::status,
};
use crate::{
    config::{keymap, theme::Role},
    domain::{
        break_glass::{self, GlassState},
        calendar::Closing,
        escalation::Severity,
        finding::Level,
        incident::Incident,
        leadership::AgentState,
        sla::SlaVerdict,
        units::{format_clock, format_duration},
    },
    model::{
        jobs::{Job, JobState},
        layout::Area,
        ui::NoticeKind,
        world::Freshness,
    },
};
use chrono::Duration;
use ratatui::layout::Rect;

/// A part of a strip; the one with the highest number goes first when there is too little room.
struct Part<'a> {
    line: Line<'a>,
    priority: u8,
}

/// The priority of a source that is well.
const LIVE: u8 = 10;

/// The priority of a source that has failed.
const FAILED: u8 = 2;

/// The priority of a source whose picture is old or has gaps.
const STALE: u8 = 3;

/// Below this width an incident in the top strip is its id and its clock.
const BRIEF: u16 = 100;

/// Below this width broken glass is told without the change's name, and the person by the handle.
const ROOMY: u16 = 120;

/// How long a notice stays.
const NOTICE_SECONDS: i64 = 8;

/// How much the top strip says in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wordiness {
    /// Counts are a glyph and a number, people their handles.
    Glyphs,
    /// Incidents are their id and their clock.
    Brief,
    /// Everything.
    Full,
}

impl Wordiness {
    /// What stands between parts.
    const fn separator(self) -> &'static str {
        match self {
            Self::Full => " · ",
            Self::Brief | Self::Glyphs => "  ",
        }
    }
}

/// How the strip is worded, and up to which priority parts must fit for it; else it is said in fewer words.
const WORDINGS: [(Wordiness, u8); 3] = [(Wordiness::Full, 3), (Wordiness::Brief, 1), (Wordiness::Glyphs, 0)];

/// Draws the top strip.
pub fn top(view: &View<'_>, painter: &mut Painter<'_>, area: Area) {
    let rect = panes::rect(area);
    painter.ground(rect, painter.style(Role::Strip));
    let width = area.width.saturating_sub(2);
    let possible = WORDINGS.iter().filter(|(wording, _)| area.width >= BRIEF || *wording != Wordiness::Full);
    let mut worded = possible.map(|(wording, kept)| (*wording, *kept, said(view, painter, *wording)));
    let chosen = worded.find(|(wording, kept, sides)| fits(sides, *wording, width, |of| of <= *kept));
    let (wordiness, mut sides) = match chosen {
        Some((wording, _, sides)) => (wording, sides),
        None => (Wordiness::Glyphs, said(view, painter, Wordiness::Glyphs)),
    };
    // What is more important has its place first, wherever it stands; what has no room beside it is left out.
    let mut priorities: Vec<u8> = sides.iter().flatten().map(|part| part.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    let mut kept: Vec<u8> = Vec::new();
    for priority in priorities {
        kept.push(priority);
        if priority > 0 && !fits(&sides, wordiness, width, |of| kept.contains(&of)) {
            kept.pop();
        }
    }
    for parts in &mut sides {
        parts.retain(|part| kept.contains(&part.priority));
    }
    let separator = wordiness.separator();
    let [left, middle, right] = sides.map(|parts| flat(painter, parts, separator));
    let used = painter.line(rect.x + 1, rect.y, width, &left);
    let right_width = width_of(&right);
    painter.line_right(rect.x + 1, rect.y, width, &right);
    let gap = |side: u16| if side > 0 { side + GAP } else { 0 };
    let (before, behind) = (gap(used), gap(right_width));
    let room = width.saturating_sub(before + behind);
    let wanted = width_of(&middle).min(room);
    // In the middle of the screen where that is free, so that it does not wander with its neighbours.
    let centred = (width.saturating_sub(wanted)) / 2;
    let begin = centred.clamp(before, (before + room).saturating_sub(wanted).max(before));
    painter.line(rect.x + 1 + begin, rect.y, wanted, &middle);
}

/// Blank cells between the sides of the top strip.
const GAP: u16 = 2;

/// What stands at the left, in the middle and at the right of the top strip.
type Sides<'a> = [Vec<Part<'a>>; 3];

fn said<'a>(view: &View<'a>, painter: &Painter<'_>, wordiness: Wordiness) -> Sides<'a> {
    [place(view, painter), state(view, painter, wordiness), people(view, painter)]
}

/// Whether the parts of some priorities have room beside each other.
fn fits(sides: &Sides<'_>, wordiness: Wordiness, width: u16, is_in: impl Fn(u8) -> bool) -> bool {
    let between = cells(wordiness.separator());
    let wide = |parts: &Vec<Part<'_>>| total(parts.iter().filter(|part| is_in(part.priority)), between);
    let (sum, count) = sides
        .iter()
        .map(wide)
        .filter(|width| *width > 0)
        .fold((0, 0_u16), |(sum, count), width| (sum + width, count + 1));
    sum + GAP * count.saturating_sub(1) <= width
}

/// Cells of parts with `between` cells between them.
fn total<'a>(parts: impl IntoIterator<Item = &'a Part<'a>>, between: u16) -> u16 {
    parts.into_iter().map(|part| width_of(&part.line) + between).sum::<u16>().saturating_sub(between)
}

fn flat<'a>(painter: &Painter<'_>, parts: Vec<Part<'a>>, between: &'static str) -> Line<'a> {
    let mut line = Line::new();
    for part in parts {
        if !line.is_empty() {
            line.push(piece(between, painter.style(Role::Dim)));
        }
        line.extend(part.line);
    }
    line
}

/// Where am I.
fn place<'a>(view: &View<'a>, painter: &Painter<'_>) -> Vec<Part<'a>> {
    let dim = painter.style(Role::Dim);
    let text = painter.style(Role::Text);
    let mut parts = Vec::new();
    let name = view.catalog.map_or("quarterdeck", |catalog| catalog.settings.name.as_str());
    parts.push(Part { line: vec![piece(name, painter.style(Role::Title))], priority: 0 });
    if let Some(environment) = view.environment {
        let name = environment.name.as_str();
        let mut line = Line::new();
        if environment.production {
            let badge = if name.eq_ignore_ascii_case("production") {
                " PRODUCTION ".to_owned()
            } else {
                format!(" {name} PRODUCTION ")
            };
            line.push(piece(badge, painter.style(Role::Production)));
        } else {
            line.push(piece(name, text));
        }
        parts.push(Part { line, priority: 0 });
    }
    if view.is_read_only() {
        let line = vec![piece(" READ-ONLY ", painter.style(Role::ReadOnly))];
        parts.push(Part { line, priority: 0 });
    }
    if let Some(catalog) = view.catalog {
        let line = vec![piece(
            format!("{} projects · {} services", catalog.projects.len(), catalog.services.len()),
            dim,
        )];
        parts.push(Part { line, priority: 8 });
    }
    parts.extend(glass(view, painter));
    parts.extend(calendar(view, painter));
    if let Some(main) = view.model.world.main.value.as_ref().filter(|main| !main.errors.is_empty()) {
        let since = view.model.world.main_broken_since.unwrap_or(view.now());
        let age = view.age(since);
        let words = format!("■ {} broken {age}", main.name);
        parts.push(Part { line: vec![piece(words, painter.style(Role::StatusCritical))], priority: 0 });
    }
    if let Some(chain) = view.model.world.chain.value.as_ref().filter(|chain| !chain.is_valid()) {
        let place = chain.first.as_ref().and_then(|remark| remark.number);
        let place = place.map_or_else(String::new, |number| format!(" from event {number} on"));
        let words = format!("■ ledger not valid{place}");
        parts.push(Part { line: vec![piece(words, painter.style(Role::StatusCritical))], priority: 0 });
    }
    // A repository with errors is read as far as it goes; whoever looks at the rest must know.
    let errors = view.model.world.findings.value.iter().flat_map(|findings| findings.iter());
    let errors = errors.filter(|finding| finding.level == Level::Error).count();
    if errors > 0 {
        let plural = if errors == 1 { "" } else { "s" };
        let words = format!("■ {errors} error{plural} in the repository");
        parts.push(Part { line: vec![piece(words, painter.style(Role::StatusCritical))], priority: 1 });
    }
    parts
}

/// Glass that was broken, until it is settled.
fn glass<'a>(view: &View<'a>, painter: &Painter<'_>) -> Option<Part<'a>> {
    let world = &view.model.world;
    let operations = &world.ledger.value.as_ref()?.operations;
    let red = painter.style(Role::StatusCritical);
    let is_brief = view.model.ui.size.width < ROOMY;
    // It is never left out: nobody may forget that glass is broken.
    let part = |change: &str, words: String| {
        let words =
            if is_brief { format!("■ glass {words}") } else { format!("■ glass {change} {words}") };
        Some(Part { line: vec![piece(words, red)], priority: 0 })
    };
    if let Some((change, due)) = break_glass::unsettled(operations).into_iter().next() {
        let left = due - view.now();
        let when = if left < Duration::zero() {
            format!("overdue {}", format_duration(-left))
        } else {
            format!("due {}", format_duration(left))
        };
        return part(change.as_str(), when);
    }
    let people = &world.changes.value.as_ref()?.people;
    view.joined.changes.iter().find_map(|change| {
        let proposal = &change.proposal;
        match break_glass::standing(change, operations, people, view.now())? {
            GlassState::Waiting { .. } => part(proposal.id.as_str(), "unseconded".to_owned()),
            GlassState::Granted { until, .. } => {
                part(proposal.id.as_str(), format!("open {}", format_duration(until - view.now())))
            }
            _ => None,
        }
    })
}

/// A freeze that holds where the person looks, or a calendar that cannot be read. Outside of windows is
/// what most hours are; it is said quietly.
fn calendar<'a>(view: &View<'a>, painter: &Painter<'_>) -> Option<Part<'a>> {
    let schedule = view.model.world.calendar.schedule.as_ref()?;
    let environment = &view.environment?.name;
    let standing = schedule.standing(Some(environment), &[], view.now());
    let closure = standing.closure()?;
    let near = |at: chrono::DateTime<chrono::Utc>| {
        let format = match (at - view.now()).num_hours() {
            ..20 => "%H:%M UTC",
            20..140 => "%a %H:%M UTC",
            _ => "%-d %b %H:%M UTC",
        };
        at.format(format).to_string()
    };
    let (words, role, priority) = match closure.kind {
        Closing::Unreadable => ("■ calendar unreadable".to_owned(), Role::StatusCritical, 1),
        Closing::Freeze => {
            let until = closure.until.map_or_else(String::new, |until| format!(" until {}", near(until)));
            (format!("▲ frozen{until}"), Role::StatusWarning, 2)
        }
        Closing::Window => {
            let opens = closure.next_opening.map_or_else(String::new, |at| format!(", opens {}", near(at)));
            (format!("◌ no window{opens}"), Role::Dim, 7)
        }
    };
    Some(Part { line: vec![piece(words, painter.style(role))], priority })
}

/// How is it.
fn state<'a>(view: &View<'a>, painter: &Painter<'_>, wordiness: Wordiness) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let [violated, burning, no_data, met] = view.joined.counts;
    // What nothing is known of is never left out beside what is known: silence would look like health.
    let counts = [
        (SlaVerdict::Violated, violated, 0),
        (SlaVerdict::Burning, burning, 0),
        (SlaVerdict::NoData, no_data, 0),
        (SlaVerdict::Met, met, 5),
    ];
    for (verdict, count, priority) in counts {
        // All well is worth saying; of the rest only what there is.
        if count == 0 {
            continue;
        }
        let mark = status::sla(verdict);
        let words = match wordiness {
            Wordiness::Glyphs => format!("{} {count}", mark.glyph),
            _ => format!("{} {count} {}", mark.glyph, mark.word),
        };
        parts.push(Part { line: vec![piece(words, painter.style(mark.role))], priority });
    }
    if let Some(incident) = worst_incident(view) {
        let mark = status::severity(incident.severity);
        let style = painter.style(mark.role);
        let mut line = vec![piece(format!("{} {}", mark.glyph, incident.id), style)];
        let is_brief = wordiness != Wordiness::Full;
        if !is_brief {
            line.push(piece(format!(" {}", mark.word), style));
        }
        if let Some(clock) =
            view.catalog.and_then(|catalog| clocks(incident, &catalog.severities, view.now()).next())
        {
            let role = panes_clock_role(view, &clock);
            let label = if is_brief { " ".to_owned() } else { format!(", {} ", clock.label) };
            line.push(piece(label, painter.style(Role::Dim)));
            line.push(piece(format_clock(clock.remaining(view.now())), painter.style(role)));
        }
        let others = view.joined.incidents.len() - 1;
        if others > 0 {
            line.push(piece(format!(" +{others}"), painter.style(Role::Dim)));
        }
        parts.push(Part { line, priority: 1 });
    }
    parts
}

fn panes_clock_role(view: &View<'_>, clock: &super::clocks::Clock) -> Role {
    match clock.elapsed(view.now()) {
        _ if clock.is_breached(view.now()) => Role::StatusCritical,
        elapsed if elapsed > 0.75 => Role::StatusWarning,
        _ => Role::Text,
    }
}

/// The worst open incident; of equally bad ones the one that is due first.
fn worst_incident<'a>(view: &View<'a>) -> Option<&'a Incident> {
    let matrix = &view.catalog?.severities;
    view.joined.incidents.iter().min_by_key(|incident| {
        let due = clocks(incident, matrix, view.now()).next().map(|clock| clock.due);
        (std::cmp::Reverse(incident.severity.max(Severity::Info)), due.is_none(), due)
    })
}

/// Who is on.
fn people<'a>(view: &View<'a>, painter: &Painter<'_>) -> Vec<Part<'a>> {
    let dim = painter.style(Role::Dim);
    let mut parts = Vec::new();
    match view.on_call() {
        Some((person, until)) => {
            parts.push(Part {
                line: vec![
                    piece("on call ", dim),
                    piece(person.handle.as_str(), painter.style(Role::Text)),
                    piece(format!(" until {until}"), dim),
                ],
                priority: 3,
            });
        }
        None if view.catalog.is_some() => {
            let line = vec![piece("▲ nobody on call", painter.style(Role::StatusWarning))];
            parts.push(Part { line, priority: 4 });
        }
        None => {}
    }
    parts.extend(agent(view, painter));
    let operator = &view.model.operator;
    if !operator.name.is_empty() {
        // As others are named in the control repository, where it knows the person.
        let known = view.catalog.and_then(|catalog| catalog.people.by_email(&operator.email));
        let name = match known {
            Some(person) if view.model.ui.size.width < ROOMY => person.handle.as_str(),
            _ => operator.name.as_str(),
        };
        let line = vec![piece("you ", dim), piece(name, painter.style(Role::Text))];
        parts.push(Part { line, priority: 4 });
    }
    parts
}

/// Whether something looks after the platform while nobody watches. A console that has taken the agent's place says so
/// as loudly as production: it acts without asking.
fn agent<'a>(view: &View<'a>, painter: &Painter<'_>) -> Option<Part<'a>> {
    let source = &view.model.world.agent;
    let Some(seen) = source.value.as_ref() else {
        source.failure.as_ref()?;
        let line = vec![piece("agent ◌ unknown", painter.style(Role::StatusWarning))];
        return Some(Part { line, priority: 4 });
    };
    let words = seen.words(view.now());
    let (state, _) = seen.state(view.now());
    if seen.is_here && state != AgentState::None {
        let line = vec![piece(format!(" AGENT HERE {words} "), painter.style(Role::ReadOnly))];
        return Some(Part { line, priority: 0 });
    }
    let dim = painter.style(Role::Dim);
    let (glyph, role, priority) = match state {
        AgentState::None => ("◌", Role::StatusUnknown, 6),
        AgentState::Alive => ("●", Role::StatusOk, 6),
        AgentState::Stuck => ("▲", Role::StatusWarning, 2),
        AgentState::Gone => ("■", Role::StatusCritical, 2),
    };
    // A place that cannot be looked at any more says nothing about now.
    let (glyph, role) = if source.failure.is_some() { ("◌", Role::StatusWarning) } else { (glyph, role) };
    let mut line = vec![piece("agent ", dim), piece(glyph, painter.style(role))];
    let quiet = matches!(state, AgentState::None | AgentState::Alive);
    line.push(piece(format!(" {words}"), if quiet { dim } else { painter.style(role) }));
    Some(Part { line, priority })
}

/// Cells between the parts of the bottom strip, for what is reckoned.
const BETWEEN: u16 = 3;

/// Draws the bottom strip.
pub fn bottom(view: &View<'_>, painter: &mut Painter<'_>, area: Area) {
    let rect = panes::rect(area);
    painter.ground(rect, painter.style(Role::Strip));
    let width = rect.width.saturating_sub(2);
    let mut right = freshness(view, painter);
    let running = jobs(view, painter);
    if !running.is_empty() {
        right.insert(0, Part { line: running, priority: 0 });
    }
    // The keys keep half of a narrow strip, two fifths of a wide one; sources that are well are only
    // counted where they do not fit.
    let most = if width >= 140 { width * 3 / 5 } else { width / 2 };
    if total(&right, BETWEEN) > most {
        let (well, mut loud): (Vec<_>, Vec<_>) = right.into_iter().partition(|part| part.priority >= LIVE);
        if !well.is_empty() {
            let line = vec![
                piece("● ", painter.style(Role::StatusOk)),
                piece(format!("{} live", well.len()), painter.style(Role::Dim)),
            ];
            loud.push(Part { line, priority: LIVE });
        }
        right = loud;
    }
    // A failure is never left out: where all of them do not fit by name, they are counted.
    if total(&right, BETWEEN) > most {
        for (priority, glyph, role, word) in
            [(FAILED, "■", Role::StatusCritical, "failed"), (STALE, "▲", Role::StatusWarning, "stale")]
        {
            let count = right.iter().filter(|part| part.priority == priority).count();
            if count > 0 {
                right.retain(|part| part.priority != priority);
                let line = vec![
                    piece(format!("{glyph} "), painter.style(role)),
                    piece(format!("{count} {word}"), painter.style(Role::Text)),
                ];
                right.push(Part { line, priority: 0 });
            }
        }
    }
    while total(&right, BETWEEN) > most && right.len() > 1 {
        let Some(weakest) = right.iter().map(|part| part.priority).max().filter(|weakest| *weakest > 0)
        else {
            break;
        };
        right.retain(|part| part.priority != weakest);
    }
    let right = flat(painter, right, "  ");
    let right_width = width_of(&right);
    painter.line_right(rect.x + 1, rect.y, width, &right);
    let room = width.saturating_sub(right_width + 2);
    if !view.model.ui.pending.is_empty() {
        let line = [
            piece(keymap::show(&view.model.ui.pending), painter.style(Role::Key)),
            piece(" … esc drops it", painter.style(Role::Dim)),
        ];
        painter.line(rect.x + 1, rect.y, room, &line);
        return;
    }
    let mut x = rect.x + 1;
    for (keys, label) in hints::hints(view.model) {
        let needed = cells(&keys) + 1 + cells(label);
        if x + needed > rect.x + 1 + room {
            break;
        }
        x += painter.text(x, rect.y, room, &keys, painter.style(Role::Key));
        x += 1;
        x += painter.text(x, rect.y, room, label, painter.style(Role::Dim));
        x += 2;
    }
}

/// What is running. A plan that waits for its yes is not.
fn jobs<'a>(view: &View<'a>, painter: &Painter<'_>) -> Line<'a> {
    let waits = |job: &&Job| job.state == JobState::Planning && job.plan.is_some();
    let mut running = view.model.jobs.running().filter(|job| !waits(job));
    let Some(first) = running.next() else { return Line::new() };
    let others = running.count();
    let age = view.age(first.started);
    let mut line = vec![
        piece("▸ ", painter.style(Role::Accent)),
        piece(first.title.as_str(), painter.style(Role::Text)),
        piece(format!(" {age}"), painter.style(Role::Dim)),
    ];
    if others > 0 {
        line.push(piece(format!(" +{others}"), painter.style(Role::Dim)));
    }
    line
}

/// How every source stands; what is well goes first where there is too little room.
fn freshness<'a>(view: &View<'a>, painter: &Painter<'_>) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = view
        .sources()
        .into_iter()
        .map(|source| {
            let mark = status::freshness(source.freshness);
            let line = vec![
                piece(mark.glyph, painter.style(mark.role)),
                piece(format!(" {} ", source.name), painter.style(Role::Dim)),
                piece(source.words(view.now()), painter.style(freshness_role(source.freshness))),
            ];
            let priority = match source.freshness {
                Freshness::Failed => FAILED,
                Freshness::Partial | Freshness::Stale => STALE,
                Freshness::Loading => 4,
                Freshness::Live => LIVE,
            };
            Part { line, priority }
        })
        .collect();
    if let Some(ledger) = view.model.world.ledger.value.as_ref().filter(|ledger| ledger.unsynced > 0) {
        let words = format!("▲ {} unsynced", ledger.unsynced);
        parts.push(Part { line: vec![piece(words, painter.style(Role::StatusWarning))], priority: 1 });
    }
    parts
}

/// The notice's lines, while it is fresh.
fn notice_lines(view: &View<'_>) -> Vec<String> {
    let Some(notice) = &view.model.ui.notice else { return Vec::new() };
    if view.now() - notice.at >= Duration::seconds(NOTICE_SECONDS) {
        return Vec::new();
    }
    let size = view.model.ui.size;
    let mut lines = wrap(&notice.text, size.width.saturating_sub(4));
    lines.truncate(usize::from((size.height / 3).max(1)));
    lines
}

/// Rows that the notice takes above the bottom strip.
pub fn notice_height(view: &View<'_>) -> u16 {
    notice_lines(view).len() as u16
}

/// Draws the notice above the bottom strip, while it is fresh: the keys that matter stay in sight.
pub fn notice(view: &View<'_>, painter: &mut Painter<'_>, area: Area) {
    let Some(notice) = &view.model.ui.notice else { return };
    let (glyph, role) = match notice.kind {
        NoticeKind::Info => ("●", Role::NoticeInfo),
        NoticeKind::Warning => ("▲", Role::NoticeWarning),
        NoticeKind::Error => ("■", Role::NoticeError),
    };
    let lines = notice_lines(view);
    let style = painter.style(role);
    for (index, line) in lines.iter().enumerate() {
        let y = area.y.saturating_sub((lines.len() - index) as u16);
        let rect = Rect { x: area.x, y, width: area.width, height: 1 };
        painter.clear(rect, style);
        if index == 0 {
            painter.text(area.x + 1, y, 2, glyph, style);
        }
        painter.text(area.x + 3, y, area.width.saturating_sub(4), line, style);
    }
}
