//! Editing a service in a file of the control repository: what is not asked for stays as it is, byte for byte.
//!
//! The file is parsed only to find places; the text itself is cut and spliced. So comments, blank lines, line
//! ends, inline tables, dotted keys and quotes stay as somebody wrote them.

use super::{
    catalog::Service,
    lifecycle::{Lifecycle, MIGRATION_MONTHS, SUPPORT_MONTHS},
    text::clean,
};
use crate::error::Failure;
use chrono::{Months, NaiveDate};
use std::ops::Range;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What some editors write before UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Behind which key a new one is written: the first of them that is there.
const BEHIND: [&str; 8] =
    ["deprecation_date", "maintenance_date", "status", "version", "description", "owner", "type", "name"];

/// What a step of its life changes in a service's table: the status, and the dates that the new state asks
/// for where the service does not say them yet.
pub fn transition(service: &Service, to: Lifecycle, today: NaiveDate) -> Vec<(&'static str, String)> {
    let mut edits = vec![("status", to.as_str().to_owned())];
    let mut period =
        |from: (&'static str, Option<NaiveDate>), until: (&'static str, Option<NaiveDate>), months| {
            let begin = from.1.unwrap_or(today);
            if from.1.is_none() {
                edits.push((from.0, begin.to_string()));
            }
            if let (None, Some(end)) = (until.1, begin.checked_add_months(Months::new(months))) {
                edits.push((until.0, end.to_string()));
            }
        };
    match to {
        Lifecycle::Maintenance => period(
            ("maintenance_date", service.maintenance_date),
            ("support_until", service.support_until),
            SUPPORT_MONTHS,
        ),
        Lifecycle::Deprecated => period(
            ("deprecation_date", service.deprecation_date),
            ("sunset_date", service.sunset_date),
            MIGRATION_MONTHS,
        ),
        Lifecycle::Development | Lifecycle::Beta | Lifecycle::Ga | Lifecycle::Retired => {}
    }
    edits
}

/// Sets keys of a service's table to texts, in their order, and leaves everything else as it is.
///
/// # Errors
/// Refused when the file is not TOML, does not define the service, or says one of the keys in a way that cannot
/// be replaced; failed when the result would say anything else than what was asked for.
pub fn set(text: &str, service: &str, edits: &[(&str, String)]) -> Result<String, Failure> {
    let (mark, body) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(body) => (&text[..BYTE_ORDER_MARK.len_utf8()], body),
        None => ("", text),
    };
    let mut edited = body.to_owned();
    for (key, value) in edits {
        edited = set_one(&edited, service, key, value)?;
    }
    prove(body, &edited, service, edits)?;
    Ok(format!("{mark}{edited}"))
}

/// Checks that the result says what was asked for, and otherwise what it said before.
fn prove(before: &str, after: &str, service: &str, edits: &[(&str, String)]) -> Result<(), Failure> {
    let parsed = |text: &str| text.parse::<toml::Table>().ok();
    let wrong = || {
        Failure::failed(format!(
            "could not edit the table of {} without touching something else",
            clean(service)
        ))
        .hint("edit the file by hand")
    };
    let (Some(mut before), Some(mut after)) = (parsed(before), parsed(after)) else { return Err(wrong()) };
    let take = |table: &mut toml::Table| -> Option<Vec<String>> {
        let table = table.get_mut("service")?.get_mut(service)?.as_table_mut()?;
        Some(
            edits.iter().map(|(key, _)| table.remove(*key).as_ref().map(shown).unwrap_or_default()).collect(),
        )
    };
    take(&mut before);
    let values = take(&mut after).ok_or_else(wrong)?;
    let asked = edits.iter().map(|(_, value)| value);
    if before == after && values.iter().eq(asked) { Ok(()) } else { Err(wrong()) }
}

fn shown(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A key with its value, where both stand.
type Entry<'t, 'i> = (&'t Spanned<std::borrow::Cow<'i, str>>, &'t Spanned<DeValue<'i>>);

fn set_one(text: &str, service: &str, key: &str, value: &str) -> Result<String, Failure> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.as_bytes()[..at].split(|byte| *byte == b'\n').count();
        return Err(Failure::refused(format!(
            "the file is not TOML: line {line}: {}",
            clean(error.message())
        ))
        .hint("mend it first; `quarterdeck check` shows what is wrong"));
    }
    let missing = || Failure::refused(format!("the file does not define the service {}", clean(service)));
    let services = document.get_ref().get("service").ok_or_else(missing)?;
    let own = services.get_ref().as_table().and_then(|table| table.get(service)).ok_or_else(missing)?;
    let table = own.get_ref().as_table().ok_or_else(missing)?;
    if let Some(old) = table.get(key) {
        return replace(text, key, old, value);
    }
    let entries = || table.iter().filter(|(_, value)| !value.get_ref().is_table());
    let behind: Option<Entry<'_, '_>> = BEHIND
        .iter()
        .find_map(|name| entries().find(|(key, _)| key.get_ref() == name))
        .or_else(|| entries().max_by_key(|(_, value)| value.span().end));
    let behind = behind.ok_or_else(|| {
        Failure::refused(format!("the table of {} has no key to write `{key}` behind", clean(service)))
            .hint("edit the file by hand")
    })?;
    let inline = [services, own].iter().any(|table| text[table.span()].starts_with('{'));
    Ok(insert(text, behind, key, value, inline))
}

/// A text in the quotes that the old one had; a date without quotes stays one.
fn replace(text: &str, key: &str, old: &Spanned<DeValue<'_>>, value: &str) -> Result<String, Failure> {
    let range = old.span();
    let new = match old.get_ref() {
        DeValue::Datetime(_) if value.parse::<NaiveDate>().is_ok() => value.to_owned(),
        DeValue::String(_)
            if text[range.clone()].starts_with('\'') && !value.contains(['\'', '\n', '\r']) =>
        {
            format!("'{value}'")
        }
        DeValue::String(_) | DeValue::Datetime(_) => quoted(value),
        _ => {
            return Err(Failure::refused(format!("`{key}` is no text there, so it cannot be replaced"))
                .hint("mend it first; `quarterdeck check` shows what is wrong"));
        }
    };
    Ok(splice(text, range, &new))
}

fn quoted(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

fn splice(text: &str, range: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..range.start], &text[range.end..])
}

/// Writes a key behind another one, in the same manner: its indent, its dotted prefix, its blanks around `=`.
fn insert(text: &str, (sibling, old): Entry<'_, '_>, key: &str, value: &str, inline: bool) -> String {
    let (name, place) = (sibling.span(), old.span());
    let begin = text[..name.start].rfind(['\n', '{', ',']).map_or(0, |at| at + 1);
    let lead = &text[begin..name.start];
    let prefix = lead.trim_start();
    let between = &text[name.end..place.start];
    let (before, after) = between.split_once('=').unwrap_or((" ", " "));
    // Where the signs stand below each other, they go on doing so.
    let room = name.len() + before.len();
    let gap = if before.len() > 1 { room.saturating_sub(key.len()).max(1) } else { before.len() };
    let line = format!("{prefix}{key}{:gap$}={after}{}", "", quoted(value));
    if inline {
        return splice(text, place.end..place.end, &format!(", {line}"));
    }
    let indent = &lead[..lead.len() - prefix.len()];
    let rest = &text[place.end..];
    let Some(end) = rest.find('\n') else {
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        return format!("{text}{line_end}{indent}{line}{line_end}");
    };
    let line_end = if rest[..end].ends_with('\r') { "\r\n" } else { "\n" };
    let at = place.end + end + 1;
    splice(text, at..at, &format!("{indent}{line}{line_end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, edits: &[(&str, &str)]) -> String {
        let edits: Vec<_> = edits.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        set(text, "a", &edits).unwrap()
    }

    #[test]
    fn everything_but_what_was_asked_for_stays() {
        const EDITS: &[(&str, &str)] =
            &[("status", "deprecated"), ("deprecation_date", "2026-11-24"), ("sunset_date", "2027-05-24")];
        let dates = |before: &str, end: &str| {
            format!("{before}deprecation_date = \"2026-11-24\"{end}{before}sunset_date = \"2027-05-24\"{end}")
        };
        for (name, before, after) in [
            (
                "comments, blank lines and what follows",
                "# top\n\n[service.a] # here\nname = \"a\"\nstatus = \"ga\" # since May\n\n# promises\n[service.a.sla]\navailability = 99.9\n"
                    .to_owned(),
                format!(
                    "# top\n\n[service.a] # here\nname = \"a\"\nstatus = \"deprecated\" # since May\n{}\n# promises\n[service.a.sla]\navailability = 99.9\n",
                    dates("", "\n")
                ),
            ),
            (
                "line ends of Windows, and the byte order mark",
                "\u{feff}[service.a]\r\nname = \"a\"\r\nstatus = \"ga\"\r\n".to_owned(),
                format!("\u{feff}[service.a]\r\nname = \"a\"\r\nstatus = \"deprecated\"\r\n{}", dates("", "\r\n")),
            ),
            (
                "no line end at the end, no status, literal quotes elsewhere",
                "[service.a]\n  name = 'a'\n  version = '1.0.0'".to_owned(),
                format!("[service.a]\n  name = 'a'\n  version = '1.0.0'\n  status = \"deprecated\"\n{}", dates("  ", "\n")),
            ),
            (
                "an inline table",
                "[service]\na = { name = \"a\", status = 'ga', tier = \"low\" } # one line\n".to_owned(),
                "[service]\na = { name = \"a\", status = 'deprecated', deprecation_date = \"2026-11-24\", sunset_date = \"2027-05-24\", tier = \"low\" } # one line\n"
                    .to_owned(),
            ),
            (
                "dotted keys",
                "service.a.name = \"a\"\nservice.a.status = \"ga\"\nservice.b.name = \"b\"\n".to_owned(),
                format!(
                    "service.a.name = \"a\"\nservice.a.status = \"deprecated\"\n{}service.b.name = \"b\"\n",
                    dates("service.a.", "\n")
                ),
            ),
            (
                "signs below each other, and a list behind which nothing stands",
                "[service.a]\nname                  = \"a\"\nstatus                = \"ga\"\ntags = [\n  \"x\", # y\n]\n".to_owned(),
                "[service.a]\nname                  = \"a\"\nstatus                = \"deprecated\"\ndeprecation_date      = \"2026-11-24\"\nsunset_date           = \"2027-05-24\"\ntags = [\n  \"x\", # y\n]\n"
                    .to_owned(),
            ),
            (
                "a date without quotes, and the name in quotes",
                "[service.\"a\"]\nname=\"a\"\nstatus=\"ga\"\ndeprecation_date = 2020-01-01\n".to_owned(),
                "[service.\"a\"]\nname=\"a\"\nstatus=\"deprecated\"\ndeprecation_date = 2026-11-24\nsunset_date = \"2027-05-24\"\n".to_owned(),
            ),
        ] {
            let result = edited(&before, EDITS);
            // The new keys stand behind the status; the second behind the first.
            assert_eq!(result, after, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_edited_is_refused_in_words() {
        for (text, message) in [
            ("[service.b]\nname = \"b\"\n", "the file does not define the service a"),
            ("service = 3\n", "the file does not define the service a"),
            ("[service.a]\nstatus = \n", "the file is not TOML: line 2"),
            ("[service.a]\nstatus = [\"ga\"]\n", "`status` is no text there"),
            ("[service.a.sla]\navailability = 1\n", "has no key to write `status` behind"),
        ] {
            let failure = set(text, "a", &[("status", "beta".to_owned())]).unwrap_err();
            assert!(failure.message.contains(message), "{text}: {}", failure.message);
        }
    }

    #[test]
    fn a_step_writes_the_dates_that_are_missing_and_keeps_those_that_are_there() {
        let today: NaiveDate = "2026-08-31".parse().unwrap();
        let read = |more: &str| {
            let text = format!("[service.a]\nname = \"a\"\ntype = \"api\"\n{more}");
            let files = [("services/catalog.toml".to_owned(), text.into_bytes())];
            crate::domain::catalog::reader::read(files).services["a"].clone()
        };
        for (more, to, expected) in [
            (
                "",
                Lifecycle::Maintenance,
                "status=maintenance maintenance_date=2026-08-31 support_until=2027-08-31",
            ),
            (
                "",
                Lifecycle::Deprecated,
                "status=deprecated deprecation_date=2026-08-31 sunset_date=2027-02-28",
            ),
            (
                "deprecation_date = \"2026-01-01\"\n",
                Lifecycle::Deprecated,
                "status=deprecated sunset_date=2026-07-01",
            ),
            (
                "sunset_date = \"2030-01-01\"\n",
                Lifecycle::Deprecated,
                "status=deprecated deprecation_date=2026-08-31",
            ),
            ("", Lifecycle::Retired, "status=retired"),
        ] {
            let edits: Vec<String> = transition(&read(more), to, today)
                .into_iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            assert_eq!(edits.join(" "), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(\\[service\\.a\\]|service\\.a|a|status|=|\"ga\"|\\{|\\}|,|\n|\r| |#|'|é)*") {
            let _ = set(&text, "a", &[("status", "beta".to_owned()), ("sunset_date", "2026-01-01".to_owned())]);
        }
    }
}
