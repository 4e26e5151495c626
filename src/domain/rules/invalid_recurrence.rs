//! A recurrence cannot be read, or never comes.

use super::{Context, Rule};
use crate::domain::{
    calendar::{EntryKind, MOST_ENTRIES},
    finding::{Finding, Level},
    text::clean,
};
use chrono::{DateTime, Duration, NaiveTime};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD803",
    name: "invalid-recurrence",
    level: Level::Error,
    summary: "A recurrence of the calendar cannot be read (RFC 5545), or does not come any more.",
    help: "Write when it begins and how it recurs, such as `DTSTART;TZID=Europe/Madrid:20260105T100000\\nRRULE:FREQ=WEEKLY;BYDAY=MO`.",
    check: Some(check),
};

/// How far ahead is looked for the next time.
const YEARS: i64 = 10;

fn check(context: &Context<'_>) -> Vec<Finding> {
    let from = context.today.and_time(NaiveTime::MIN).and_utc();
    let Some(to) = from.checked_add_signed(Duration::days(366 * YEARS)) else { return Vec::new() };
    let mut findings = Vec::new();
    for entry in context.head.calendar.iter().take(MOST_ENTRIES) {
        if entry.recurrence.is_none() {
            continue;
        }
        let title = format!("the {} `{}`", entry.kind.as_str(), clean(&entry.name));
        let finding = match entry.occurrences(from, to, 1) {
            Err(problem) => {
                let start = if entry.kind == EntryKind::Freeze { ", or add `start`" } else { "" };
                RULE.finding(format!("{title} cannot be read: {problem}")).help(format!(
                    "begin with `DTSTART;TZID=Europe/Madrid:20260105T100000\\nRRULE:FREQ=…`{start}"
                ))
            }
            Ok(found) if found.is_empty() => {
                let mut finding = RULE
                    .finding(format!("{title} does not come within {YEARS} years from {}", context.today))
                    .help("its days do not exist together, or its `UNTIL` or `COUNT` is over: mend or remove it");
                // One that has been is over, which is nobody's fault and must block nobody's change.
                if entry.occurrences(DateTime::UNIX_EPOCH, from, 1).is_ok_and(|been| !been.is_empty()) {
                    finding.level = Level::Warning;
                }
                finding
            }
            Ok(_) => continue,
        };
        findings.push(context.place(finding, &entry.place("rrule"), ""));
    }
    findings
}
