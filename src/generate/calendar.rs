//! The calendar as iCalendar (RFC 5545), for the calendars that people look at anyway.

use crate::domain::calendar::{AgendaEntry, AgendaKind};
use chrono::{DateTime, Duration, Utc};
use std::fmt::Write as _;

/// The longest line in octets, without its end.
const LONGEST_LINE: usize = 75;

/// The agenda of a platform as one iCalendar object. `stamp` is when it is made.
///
/// The same entry has the same UID each time, so that a calendar that reads it again updates instead of adding.
pub fn icalendar(platform: &str, entries: &[AgendaEntry], stamp: DateTime<Utc>) -> String {
    let mut out = String::new();
    for (name, value) in [
        ("BEGIN", "VCALENDAR".to_owned()),
        ("VERSION", "2.0".to_owned()),
        ("PRODID", "-//Quarterdeck//Change calendar//EN".to_owned()),
        ("CALSCALE", "GREGORIAN".to_owned()),
        ("METHOD", "PUBLISH".to_owned()),
        ("NAME", text(platform)),
        ("X-WR-CALNAME", text(platform)),
    ] {
        line(&mut out, name, &value);
    }
    for entry in entries {
        event(&mut out, entry, stamp);
    }
    line(&mut out, "END", "VCALENDAR");
    out
}

fn event(out: &mut String, entry: &AgendaEntry, stamp: DateTime<Utc>) {
    line(out, "BEGIN", "VEVENT");
    line(out, "UID", &uid(entry));
    line(out, "DTSTAMP", &moment(stamp));
    if entry.all_day {
        line(out, "DTSTART;VALUE=DATE", &entry.start.format("%Y%m%d").to_string());
        let end = entry.start + Duration::days(1);
        line(out, "DTEND;VALUE=DATE", &end.format("%Y%m%d").to_string());
    } else {
        line(out, "DTSTART", &moment(entry.start));
        if let Some(end) = entry.end {
            line(out, "DTEND", &moment(end));
        }
    }
    let scope = entry.scope();
    let place = if scope.is_empty() { String::new() } else { format!(" ({scope})") };
    line(out, "SUMMARY", &text(&format!("{}: {}{place}", word(entry.kind), entry.title)));
    if let Some(detail) = &entry.detail {
        line(out, "DESCRIPTION", &text(detail));
    }
    line(out, "CATEGORIES", &text(&entry.kind.as_str().to_uppercase()));
    // A freeze fills nobody's day.
    line(out, "TRANSP", "TRANSPARENT");
    line(out, "END", "VEVENT");
}

const fn word(kind: AgendaKind) -> &'static str {
    match kind {
        AgendaKind::Freeze => "Freeze",
        AgendaKind::Window => "Window",
        AgendaKind::Merge => "Merged",
        AgendaKind::Rollback => "Rolled back",
        AgendaKind::PostMortem => "Post-mortem due",
        AgendaKind::Deprecation => "Deprecated",
        AgendaKind::Sunset => "Sunset",
        AgendaKind::SupportEnd => "Support ends",
    }
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// The same for the same entry, and for no other: what it is, when, and where it holds.
fn uid(entry: &AgendaEntry) -> String {
    let told = format!("{}\n{}\n{}", entry.kind.as_str(), entry.title, entry.scope());
    // FNV-1a: short, and the same in every version of this program.
    let digest = told
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{}-{}-{digest:016x}@quarterdeck", entry.kind.as_str(), moment(entry.start))
}

/// A text value: backslashes, separators and line ends escaped, other control characters left out.
fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for character in value.trim().chars() {
        match character {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(character);
            }
            '\n' => out.push_str("\\n"),
            character if crate::domain::text::is_unsafe(character) => {}
            character => out.push(character),
        }
    }
    out
}

/// Writes a content line, folded between characters so that no part is longer than 75 octets.
fn line(out: &mut String, name: &str, value: &str) {
    let mut used = 0;
    let mut whole = String::with_capacity(name.len() + value.len() + 1);
    let _ = write!(whole, "{name}:{value}");
    for character in whole.chars() {
        if used + character.len_utf8() > LONGEST_LINE {
            out.push_str("\r\n ");
            used = 1;
        }
        out.push(character);
        used += character.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{calendar::Agenda, catalog::reader, ledger::Operations};

    fn agenda() -> Vec<AgendaEntry> {
        let files = [
            ("quarterdeck.toml", "[environment.production]\ncontext = \"p\"\n"),
            (
                "services/catalog.toml",
                "[service.old]\nname = \"old\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\nsunset_date = 2026-12-24\n",
            ),
            (
                "policies/calendar.toml",
                "[[freeze]]\nname = \"Winter; the \\\\ end, and größere Dinge, die sehr lange Zeilen brauchen\"\n\
                 start = \"2026-12-20\"\nend = \"2027-01-02\"\nreason = \"first\\nsecond\"\nenvironments = [\"production\"]\n",
            ),
        ];
        let catalog = reader::read(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())));
        let at = |text: &str| crate::domain::calendar::instant(text).unwrap();
        Agenda::new(&catalog, &Operations::default(), at("2026-12-01"), at("2027-01-31")).entries
    }

    #[test]
    fn the_agenda_is_valid_icalendar() {
        let stamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let written = icalendar("shop", &agenda(), stamp);
        insta::assert_snapshot!("icalendar", written.replace("\r\n", "⏎\n"));
        assert_eq!(written.matches("\r\n").count(), written.matches('\n').count(), "CRLF everywhere");
        assert!(written.split("\r\n").all(|line| line.len() <= LONGEST_LINE), "{written}");
        // Unfolded, the value is whole again.
        let unfolded = written.replace("\r\n ", "");
        let summary = "SUMMARY:Freeze: Winter\\; the \\\\ end\\, and größere Dinge\\, die sehr lange Zeilen brauchen (production)";
        assert!(unfolded.contains(summary), "{unfolded}");
        assert!(unfolded.contains("DESCRIPTION:first\\nsecond"));
        assert!(unfolded.contains("DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261225"));
    }

    #[test]
    fn uids_stay_and_differ() {
        let entries = agenda();
        let stamp = |text: &str| text.parse().unwrap();
        let uids = |at| {
            let written = icalendar("shop", &entries, at);
            let lines = written.replace("\r\n ", "");
            lines.lines().filter(|line| line.starts_with("UID:")).map(str::to_owned).collect::<Vec<_>>()
        };
        let first = uids(stamp("2026-11-24T12:00:00Z"));
        assert_eq!(first, uids(stamp("2026-11-25T12:00:00Z")));
        assert_eq!(first.len(), 2);
        assert_ne!(first[0], first[1]);
    }
}
