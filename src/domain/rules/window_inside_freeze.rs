//! A window that a freeze always closes.

use super::{Context, Rule};
use crate::domain::{
    calendar::{CalendarEntry, EntryKind, MOST_ENTRIES, Occurrence},
    finding::{Finding, Level},
    text::clean,
};
use chrono::{Duration, NaiveTime};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD805",
    name: "window-inside-freeze",
    level: Level::Warning,
    summary: "Every coming time of a window lies inside a freeze.",
    help: "A freeze beats a window, so nothing could ever go out in it. Move one of the two, or limit the freeze to environments or projects.",
    check: Some(check),
};

/// How many days ahead are compared.
const DAYS: i64 = 366;

/// How many times of each entry are compared: a daily one's year.
const MOST: usize = 400;

/// Whether a time lies inside one of those at which a freeze holds, which come one after the other.
fn is_inside(time: &Occurrence, held: &[Occurrence]) -> bool {
    let begun = held.partition_point(|held| held.start <= time.start);
    begun.checked_sub(1).and_then(|last| held.get(last)).is_some_and(|held| time.end <= held.end)
}

fn check(context: &Context<'_>) -> Vec<Finding> {
    let from = context.today.and_time(NaiveTime::MIN).and_utc();
    let Some(to) = from.checked_add_signed(Duration::days(DAYS)) else { return Vec::new() };
    let calendar = &context.head.calendar;
    let of_kind =
        |kind| calendar.iter().filter(move |entry: &&CalendarEntry| entry.kind == kind).take(MOST_ENTRIES);
    // A freeze may begin before the window does, and end after the last day that is looked at.
    let margin = Duration::days(DAYS);
    let freezes: Vec<(&CalendarEntry, Vec<Occurrence>)> = of_kind(EntryKind::Freeze)
        .filter_map(|freeze| Some((freeze, freeze.occurrences(from - margin, to + margin, MOST * 2).ok()?)))
        .collect();
    if freezes.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for window in of_kind(EntryKind::Window) {
        let Ok(times) = window.occurrences(from, to, MOST) else { continue };
        if times.is_empty() {
            continue;
        }
        let closing: Vec<_> = freezes.iter().filter(|(freeze, _)| freeze.covers(window)).collect();
        let closed = |time: &Occurrence| closing.iter().any(|(_, held)| is_inside(time, held));
        if !times.iter().all(closed) {
            continue;
        }
        let message = format!(
            "the window `{}` never opens: all of its next {} times lie inside a freeze",
            clean(&window.name),
            times.len()
        );
        let mut finding = context.place(RULE.finding(message), &window.place("rrule"), "");
        for (freeze, held) in closing {
            if times.iter().any(|time| is_inside(time, held)) {
                finding = context.place(finding, &freeze.place("name"), "closed by this");
            }
        }
        findings.push(finding.help("move the window or the freeze, or limit the freeze"));
    }
    findings
}
