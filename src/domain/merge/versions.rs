//! `services/versions.toml` after a merge: the released version, the one before it, and the day. Spliced into the
//! text, so that comments and form stay.

use crate::{
    domain::{name::ServiceName, text::clean},
    error::Failure,
};
use chrono::NaiveDate;
use std::ops::Range;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A version that becomes the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    /// Of which service.
    pub service: &'a ServiceName,
    /// The version that was current, where the file does not say it.
    pub from: Option<String>,
    /// The version that is.
    pub to: String,
    /// The digest that belongs to the image of the version before, and to no other.
    pub stale_digest: Option<&'a str>,
}

/// Writes steps into the file's text. One that the text says already changes nothing.
///
/// # Errors
/// Refused when the file is not TOML or is written in a form that cannot be added to.
pub fn record(text: &str, steps: &[Step<'_>], today: NaiveDate) -> Result<String, Failure> {
    let mut edited = text.to_owned();
    for step in steps {
        let next = record_one(&edited, step, today)?;
        prove(&edited, &next, step)?;
        edited = next;
    }
    Ok(edited)
}

fn wrong(service: &ServiceName) -> Failure {
    Failure::refused(format!(
        "services/versions.toml cannot be brought up to date for {}",
        clean(service.as_str())
    ))
    .hint("write the new version into it by hand, in the change itself")
}

fn record_one(text: &str, step: &Step<'_>, today: NaiveDate) -> Result<String, Failure> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        return Err(wrong(step.service).cause(clean(error.message())));
    }
    let versions = document.get_ref().get("version");
    let own = versions.and_then(|versions| versions.get_ref().as_table()?.get(step.service.as_str()));
    let Some(own) = own else { return Ok(append(text, step, today)) };
    let table = own.get_ref().as_table().ok_or_else(|| wrong(step.service))?;
    let current = table.get("current").ok_or_else(|| wrong(step.service))?;
    let Some(old) = current.get_ref().as_str() else { return Err(wrong(step.service)) };
    if old == step.to {
        return Ok(text.to_owned());
    }
    let mut edits: Vec<(Range<usize>, String)> = vec![(current.span(), quoted(&step.to))];
    let mut missing = Vec::new();
    match table.get("previous") {
        Some(previous) => {
            edits.push(before(text, previous, old, &step.to).ok_or_else(|| wrong(step.service))?);
        }
        None => missing.push(format!("previous = [{}]", quoted(old))),
    }
    match table.get("released") {
        Some(released) if matches!(released.get_ref(), DeValue::Datetime(_)) => {
            edits.push((released.span(), today.to_string()));
        }
        Some(released) => edits.push((released.span(), quoted(&today.to_string()))),
        None => missing.push(format!("released = {today}")),
    }
    let is_inline =
        [versions, Some(own)].into_iter().flatten().any(|table| text[table.span()].starts_with('{'));
    if let Some(digest) = table.get("digest").filter(|digest| digest.get_ref().as_str() == step.stale_digest)
    {
        if is_inline {
            return Err(wrong(step.service).cause("it has the digest of the version before"));
        }
        edits.push((line(text, digest.span()), String::new()));
    }
    if !missing.is_empty() {
        edits.push(behind(text, current.span(), &missing, is_inline));
    }
    edits.sort_by_key(|(range, _)| std::cmp::Reverse((range.start, range.end)));
    let mut edited = text.to_owned();
    for (range, new) in edits {
        edited.replace_range(range, &new);
    }
    Ok(edited)
}

/// The versions before: the old one comes first, or, on the way back, what came after is gone.
fn before(
    text: &str,
    previous: &Spanned<DeValue<'_>>,
    old: &str,
    to: &str,
) -> Option<(Range<usize>, String)> {
    let DeValue::Array(array) = previous.get_ref() else { return None };
    let known: Vec<&str> = array.iter().filter_map(|value| value.get_ref().as_str()).collect();
    if let Some(back) = known.iter().position(|version| *version == to) {
        let rest: Vec<String> = known[back + 1..].iter().map(|version| quoted(version)).collect();
        return Some((previous.span(), format!("[{}]", rest.join(", "))));
    }
    let at = previous.span().start + 1;
    let gap = if known.is_empty() || text[at..].starts_with(['\n', '\r']) { "" } else { " " };
    let comma = if known.is_empty() { "" } else { "," };
    Some((at..at, format!("{}{comma}{gap}", quoted(old))))
}

/// New keys behind a value: in the same line in an inline table, else in lines of their own.
fn behind(text: &str, value: Range<usize>, keys: &[String], is_inline: bool) -> (Range<usize>, String) {
    if is_inline {
        return (value.end..value.end, keys.iter().map(|key| format!(", {key}")).collect());
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let own = line(text, value);
    let start = &text[own.clone()];
    // In the same manner: indented, and dotted where the sibling is.
    let lead = start.find("current").map_or("", |at| &start[..at]);
    let gap = if start.ends_with('\n') { "" } else { end };
    (
        own.end..own.end,
        format!("{gap}{}", keys.iter().map(|key| format!("{lead}{key}{end}")).collect::<String>()),
    )
}

/// The whole line that a range is in, with its end.
fn line(text: &str, range: Range<usize>) -> Range<usize> {
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at + 1);
    start..end
}

fn append(text: &str, step: &Step<'_>, today: NaiveDate) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let name = step.service.as_str();
    let is_bare = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let key = if is_bare { name.to_owned() } else { quoted(name) };
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { end };
    let previous = step.from.as_ref().map_or_else(String::new, |from| quoted(from));
    format!(
        "{text}{gap}{end}[version.{key}]{end}current = {}{end}previous = [{previous}]{end}released = {today}{end}",
        quoted(&step.to)
    )
}

fn quoted(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

/// Checks that the result says what was asked for, and of every other service what it said before.
fn prove(before: &str, after: &str, step: &Step<'_>) -> Result<(), Failure> {
    let parsed = |text: &str| text.parse::<toml::Table>().ok();
    let (Some(mut before), Some(mut after)) = (parsed(before), parsed(after)) else {
        return Err(wrong(step.service));
    };
    let name = step.service.as_str();
    let take = |table: &mut toml::Table| -> Option<toml::Value> {
        let versions = table.get_mut("version")?.as_table_mut()?;
        let own = versions.remove(name);
        if versions.is_empty() {
            table.remove("version");
        }
        own
    };
    take(&mut before);
    let own = take(&mut after);
    let current = own.as_ref().and_then(|own| own.get("current")?.as_str());
    if before == after && current == Some(&step.to) { Ok(()) } else { Err(wrong(step.service)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step<'a>(service: &'a ServiceName, to: &str, stale: Option<&'a str>) -> Step<'a> {
        Step { service, from: Some("1.0.0".into()), to: to.into(), stale_digest: stale }
    }

    #[test]
    fn the_version_and_what_came_before_it_are_written_in_the_files_own_form() {
        let today = "2026-11-24".parse().unwrap();
        let name = ServiceName::from("a");
        for (what, before, to, after) in [
            (
                "a table with everything",
                "# top\n[version.a]\ncurrent = \"1.0.0\" # now\nprevious = [\"0.9.0\"]\nreleased = 2026-01-01\n\n[version.b]\ncurrent = \"3.0.0\"\n",
                "1.1.0",
                "# top\n[version.a]\ncurrent = \"1.1.0\" # now\nprevious = [\"1.0.0\", \"0.9.0\"]\nreleased = 2026-11-24\n\n[version.b]\ncurrent = \"3.0.0\"\n",
            ),
            (
                "keys that are missing, and a digest of another image",
                "[version.a]\n  current = '1.0.0'\n  digest = \"sha256:old\"\n",
                "1.1.0",
                "[version.a]\n  current = \"1.1.0\"\n  previous = [\"1.0.0\"]\n  released = 2026-11-24\n",
            ),
            (
                "a date in quotes, an empty list, line ends of Windows",
                "[version.a]\r\ncurrent = \"1.0.0\"\r\nprevious = []\r\nreleased = \"2026-01-01\"\r\n",
                "1.1.0",
                "[version.a]\r\ncurrent = \"1.1.0\"\r\nprevious = [\"1.0.0\"]\r\nreleased = \"2026-11-24\"\r\n",
            ),
            (
                "an inline table",
                "[version]\na = { current = \"1.0.0\", previous = [\"0.9.0\"] }\n",
                "1.1.0",
                "[version]\na = { current = \"1.1.0\", released = 2026-11-24, previous = [\"1.0.0\", \"0.9.0\"] }\n",
            ),
            (
                "dotted keys",
                "version.a.current = \"1.0.0\"",
                "1.1.0",
                "version.a.current = \"1.1.0\"\nversion.a.previous = [\"1.0.0\"]\nversion.a.released = 2026-11-24\n",
            ),
            (
                "a list of many lines",
                "[version.a]\ncurrent = \"1.0.0\"\nreleased = 2026-01-01\nprevious = [\n  \"0.9.0\",\n]\n",
                "1.1.0",
                "[version.a]\ncurrent = \"1.1.0\"\nreleased = 2026-11-24\nprevious = [\"1.0.0\",\n  \"0.9.0\",\n]\n",
            ),
            (
                "the way back",
                "[version.a]\ncurrent = \"1.2.0\"\nprevious = [\"1.1.0\", \"1.0.0\"]\nreleased = 2026-01-01\n",
                "1.1.0",
                "[version.a]\ncurrent = \"1.1.0\"\nprevious = [\"1.0.0\"]\nreleased = 2026-11-24\n",
            ),
            (
                "a service that the file does not know",
                "[version.b]\ncurrent = \"3.0.0\"\n",
                "1.1.0",
                "[version.b]\ncurrent = \"3.0.0\"\n\n[version.a]\ncurrent = \"1.1.0\"\nprevious = [\"1.0.0\"]\nreleased = 2026-11-24\n",
            ),
            (
                "what is said already",
                "[version.a]\ncurrent = \"1.1.0\"\n",
                "1.1.0",
                "[version.a]\ncurrent = \"1.1.0\"\n",
            ),
        ] {
            assert_eq!(
                record(before, &[step(&name, to, Some("sha256:old"))], today).unwrap(),
                after,
                "{what}"
            );
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let today = "2026-11-24".parse().unwrap();
        let name = ServiceName::from("a");
        for text in [
            "version = 3\n",
            "[version.a]\n",
            "[version.a]\ncurrent = 1\n",
            "[version.a\n",
            "version = { b = { current = \"1.0.0\" } }\n",
            "[version.a]\ncurrent = \"1.0.0\"\nprevious = \"0.9.0\"\n",
        ] {
            let failure = record(text, &[step(&name, "1.1.0", None)], today).unwrap_err();
            assert!(failure.message.contains("cannot be brought up to date for a"), "{text}: {failure:?}");
        }
    }
}
