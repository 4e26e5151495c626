//! A freeze or a window that holds at no time.

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Level},
    text::clean,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD804",
    name: "impossible-freeze",
    level: Level::Error,
    summary: "A freeze or a window ends before it begins, lasts no time, or does not say when it is.",
    help: "It would never hold. A freeze needs `start` and `end`, or `rrule` and `duration`.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in &context.head.calendar {
        let title = format!("the {} `{}`", entry.kind.as_str(), clean(&entry.name));
        let (message, key, help) = match (&entry.recurrence, entry.duration, entry.start, entry.end) {
            (_, _, Some(start), Some(end)) if end <= start => (
                format!(
                    "{title} ends at {} but begins at {}",
                    end.format("%F %H:%M"),
                    start.format("%F %H:%M")
                ),
                "end",
                "swap `start` and `end`",
            ),
            (Some(_), Some(duration), _, _) if duration.num_milliseconds() <= 0 => {
                (format!("{title} lasts no time"), "duration", "write for example `duration = \"6h\"`")
            }
            (Some(_), None, _, _) if !entry.spans.contains_key("duration") => (
                format!("{title} recurs but does not say how long it lasts"),
                "rrule",
                "add `duration = \"6h\"`",
            ),
            // One that is there but cannot be read has been reported.
            (None, _, start, end)
                if (start.is_none() && !entry.spans.contains_key("start"))
                    || (end.is_none() && !entry.spans.contains_key("end")) =>
            {
                (
                    format!("{title} does not say when it is"),
                    "name",
                    "add `start` and `end`, or `rrule` and `duration`",
                )
            }
            _ => continue,
        };
        findings.push(context.place(RULE.finding(message), &entry.place(key), "").help(help));
    }
    findings
}
