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
pub fn transition(service: &Service, to: Lifecycle, today: NaiveDate) -> Vec<KeyEdit> {
    let mut edits = vec![KeyEdit::Set("status", to.as_str().to_owned())];
    let mut period =
        |from: (&'static str, Option<NaiveDate>), until: (&'static str, Option<NaiveDate>), months| {
            let begin = from.1.unwrap_or(today);
            if from.1.is_none() {
                edits.push(KeyEdit::Set(from.0, begin.to_string()));
            }
            if let (None, Some(end)) = (until.1, begin.checked_add_months(Months::new(months))) {
                edits.push(KeyEdit::Set(until.0, end.to_string()));
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

/// One thing that is edited in a service's table. Keys are those of the table, or dotted for its parts
/// (`sla.availability`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyEdit {
    /// Say a text.
    Set(&'static str, String),
    /// Have an item in a list; it takes the place of the one of the same service.
    Put(&'static str, String),
    /// Take the item of a service out of a list.
    Remove(&'static str, String),
}

impl KeyEdit {
    const fn key(&self) -> &'static str {
        match self {
            Self::Set(key, _) | Self::Put(key, _) | Self::Remove(key, _) => key,
        }
    }

    /// The key's table within the service's, where it has one, and its own name.
    fn place(&self) -> (Option<&'static str>, &'static str) {
        match self.key().split_once('.') {
            Some((parent, key)) => (Some(parent), key),
            None => (None, self.key()),
        }
    }
}

/// The service of a dependency as the files write it: `shared-auth >= 1.0`.
pub fn dependency_name(item: &str) -> &str {
    let item = item.trim();
    let end = item.find(|c: char| c.is_whitespace() || "<>=^~*".contains(c)).unwrap_or(item.len());
    &item[..end]
}

/// Makes edits in a service's table, in their order, and leaves everything else as it is.
///
/// # Errors
/// Refused when the file is not TOML, does not define the service, or says one of the keys in a way that cannot
/// be replaced; failed when the result would say anything else than what was asked for.
pub fn apply(text: &str, service: &str, edits: &[KeyEdit]) -> Result<String, Failure> {
    let (mark, body) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(body) => (&text[..BYTE_ORDER_MARK.len_utf8()], body),
        None => ("", text),
    };
    let mut edited = body.to_owned();
    for edit in edits {
        edited = apply_one(&edited, service, edit)?;
    }
    prove(body, &edited, service, edits)?;
    Ok(format!("{mark}{edited}"))
}

/// Checks that the result says what was asked for, and otherwise what it said before.
fn prove(before: &str, after: &str, service: &str, edits: &[KeyEdit]) -> Result<(), Failure> {
    let parsed = |text: &str| text.parse::<toml::Table>().ok();
    let proven = || {
        let (mut expected, after) = (parsed(before)?, parsed(after)?);
        for edit in edits {
            make(&mut expected, &after, service, edit)?;
        }
        (expected == after).then_some(())
    };
    proven().ok_or_else(|| {
        Failure::failed(format!(
            "could not edit the table of {} without touching something else",
            clean(service)
        ))
        .hint("edit the file by hand")
    })
}

/// The same edit on what the file means; `None` where it cannot be, or was not made.
fn make(expected: &mut toml::Table, after: &toml::Table, service: &str, edit: &KeyEdit) -> Option<()> {
    let (parent, key) = edit.place();
    let own = expected.get_mut("service")?.get_mut(service)?.as_table_mut()?;
    let written = after.get("service")?.get(service)?;
    let (table, written) = match parent {
        Some(parent) => {
            let empty = || toml::Value::Table(toml::Table::new());
            (own.entry(parent).or_insert_with(empty).as_table_mut()?, written.get(parent)?)
        }
        None => (own, written),
    };
    let is_of = |value: &toml::Value, name: &str| {
        value.as_str().is_some_and(|known| dependency_name(known) == dependency_name(name))
    };
    match edit {
        KeyEdit::Set(_, value) => {
            let written = written.get(key).filter(|written| shown(written) == *value)?;
            table.insert(key.to_owned(), written.clone());
        }
        KeyEdit::Put(_, item) => {
            let list = table.entry(key).or_insert_with(|| toml::Value::Array(Vec::new())).as_array_mut()?;
            let value = toml::Value::String(item.clone());
            match list.iter_mut().find(|known| is_of(known, item)) {
                Some(known) => *known = value,
                None => list.push(value),
            }
        }
        KeyEdit::Remove(_, name) => {
            let list = table.get_mut(key)?.as_array_mut()?;
            let at = list.iter().position(|known| is_of(known, name))?;
            list.remove(at);
        }
    }
    Some(())
}

fn shown(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A key with its value, where both stand.
type Entry<'t, 'i> = (&'t Spanned<std::borrow::Cow<'i, str>>, &'t Spanned<DeValue<'i>>);

fn apply_one(text: &str, service: &str, edit: &KeyEdit) -> Result<String, Failure> {
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
    let (parent, key) = edit.place();
    // A part that is not there yet is written as a dotted key of the service itself.
    let (holder, table, key) = match parent.and_then(|parent| table.get(parent)) {
        Some(part) => match part.get_ref().as_table() {
            Some(inner) => (part, inner, key),
            None => return Err(odd(edit.key(), "table")),
        },
        None => (own, table, edit.key()),
    };
    let raw = match (table.get(key), edit) {
        (Some(old), KeyEdit::Set(_, value)) => return replace(text, key, old, value),
        (Some(old), KeyEdit::Put(_, item)) => return put(text, key, old, item),
        (Some(old), KeyEdit::Remove(_, name)) => return remove(text, key, old, name),
        (None, KeyEdit::Set(_, value)) => quoted(value),
        (None, KeyEdit::Put(_, item)) => format!("[{}]", quoted(item)),
        (None, KeyEdit::Remove(_, name)) => return Err(not_in(key, name)),
    };
    let entries = || table.iter().filter(|(_, value)| !value.get_ref().is_table());
    let behind: Option<Entry<'_, '_>> = BEHIND
        .iter()
        .find_map(|name| entries().find(|(key, _)| key.get_ref() == name))
        .or_else(|| entries().max_by_key(|(_, value)| value.span().end));
    let behind = behind.ok_or_else(|| {
        Failure::refused(format!("the table of {} has no key to write `{key}` behind", clean(service)))
            .hint("edit the file by hand")
    })?;
    let inline = [services, own, holder].iter().any(|table| text[table.span()].starts_with('{'));
    Ok(insert(text, behind, key, &raw, inline))
}

fn odd(key: &str, what: &str) -> Failure {
    Failure::refused(format!("`{key}` is no {what} there, so it cannot be replaced"))
        .hint("mend it first; `quarterdeck check` shows what is wrong")
}

fn not_in(key: &str, name: &str) -> Failure {
    Failure::refused(format!("`{key}` does not name {}", clean(name)))
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
        // A number is a way to say per cent; with its sign it is a text.
        DeValue::String(_) | DeValue::Datetime(_) | DeValue::Integer(_) | DeValue::Float(_) => quoted(value),
        _ => return Err(odd(key, "text")),
    };
    Ok(splice(text, range, &new))
}

/// The items of a list that are texts, each with where it stands.
fn items<'t>(key: &str, list: &'t Spanned<DeValue<'_>>) -> Result<Vec<(Range<usize>, &'t str)>, Failure> {
    let array = list.get_ref().as_array().ok_or_else(|| odd(key, "list"))?;
    array
        .iter()
        .map(|item| item.get_ref().as_str().map(|text| (item.span(), text)))
        .collect::<Option<_>>()
        .ok_or_else(|| odd(key, "list of texts"))
}

/// Replaces the item of the same service, or adds one in the manner of the last.
fn put(text: &str, key: &str, old: &Spanned<DeValue<'_>>, item: &str) -> Result<String, Failure> {
    let known = items(key, old)?;
    let same = |(_, known): &&(Range<usize>, &str)| dependency_name(known) == dependency_name(item);
    if let Some((at, text_there)) = known.iter().find(same) {
        let value = Spanned::new(at.clone(), DeValue::String((*text_there).into()));
        return replace(text, key, &value, item);
    }
    let whole = old.span();
    let Some((last, _)) = known.last() else {
        // Words inside would be lost; a list without items rarely has any.
        let inside = text[whole.clone()].trim_start_matches('[').trim_end_matches(']').trim();
        return if inside.is_empty() {
            Ok(splice(text, whole, &format!("[{}]", quoted(item))))
        } else {
            Err(odd(key, "list without comments").hint("edit the file by hand"))
        };
    };
    let lead = text[..last.start].rfind('\n').map_or("", |at| &text[at + 1..last.start]);
    let is_lines = text[whole.start..last.start].contains('\n') && lead.trim().is_empty();
    let rest = &text[last.end..whole.end];
    let Some(end) = rest.find('\n').filter(|_| is_lines) else {
        return Ok(splice(text, last.end..last.end, &format!(", {}", quoted(item))));
    };
    let line_end = if rest[..end].ends_with('\r') { "\r\n" } else { "\n" };
    let has_comma = rest[..end].trim_start().starts_with(',');
    let at = last.end + end + 1;
    let comma = if has_comma { "," } else { "" };
    let added = splice(text, at..at, &format!("{lead}{}{comma}{line_end}", quoted(item)));
    Ok(if has_comma { added } else { splice(&added, last.end..last.end, ",") })
}

/// Takes the item of a service out: its line where it has one of its own, else it and one comma.
fn remove(text: &str, key: &str, list: &Spanned<DeValue<'_>>, name: &str) -> Result<String, Failure> {
    let known = items(key, list)?;
    let index = known.iter().position(|(_, known)| dependency_name(known) == dependency_name(name));
    let index = index.ok_or_else(|| not_in(key, name))?;
    let at = known[index].0.clone();
    let begin = text[..at.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[at.end..].find('\n').map_or(text.len(), |end| at.end + end + 1);
    let behind = text[at.end..end].trim_start();
    let after_comma = behind.strip_prefix(',').unwrap_or(behind).trim_start();
    if text[begin..at.start].trim().is_empty() && (after_comma.is_empty() || after_comma.starts_with('#')) {
        return Ok(splice(text, begin..end, ""));
    }
    if let Some((next, _)) = known.get(index + 1) {
        return Ok(splice(text, at.start..next.start, ""));
    }
    let from = index.checked_sub(1).map_or(at.start, |before| known[before].0.end);
    Ok(splice(text, from..at.end, ""))
}

fn quoted(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

fn splice(text: &str, range: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..range.start], &text[range.end..])
}

/// Writes a key behind another one, in the same manner: its indent, its dotted prefix, its blanks around `=`.
fn insert(text: &str, (sibling, old): Entry<'_, '_>, key: &str, raw: &str, inline: bool) -> String {
    let (name, place) = (sibling.span(), old.span());
    let begin = text[..name.start].rfind(['\n', '{', ',']).map_or(0, |at| at + 1);
    let lead = &text[begin..name.start];
    let prefix = lead.trim_start();
    let between = &text[name.end..place.start];
    let (before, after) = between.split_once('=').unwrap_or((" ", " "));
    // Where the signs stand below each other, they go on doing so.
    let room = name.len() + before.len();
    let gap = if before.len() > 1 { room.saturating_sub(key.len()).max(1) } else { before.len() };
    let line = format!("{prefix}{key}{:gap$}={after}{raw}", "");
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

    fn edited(text: &str, edits: &[(&'static str, &str)]) -> String {
        let edits: Vec<_> = edits.iter().map(|(key, value)| KeyEdit::Set(key, (*value).to_owned())).collect();
        apply(text, "a", &edits).unwrap()
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
            let failure = apply(text, "a", &[KeyEdit::Set("status", "beta".to_owned())]).unwrap_err();
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
                .map(|edit| match edit {
                    KeyEdit::Set(key, value) => format!("{key}={value}"),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(edits.join(" "), expected);
        }
    }

    #[test]
    fn parts_and_lists_are_edited_where_they_stand() {
        use KeyEdit::{Put, Remove, Set};
        let needs =
            |list: &str| format!("[service.a]\nname = \"a\"\n[service.a.dependencies]\nrequires = {list}\n");
        let lines = "[\n  \"x\", # why\n  \"y >= 1\"\n]";
        for (name, before, edit, after) in [
            (
                "a part that is there",
                "[service.a]\nname = \"a\"\n[service.a.sla]\navailability = 99.9 # hard\n".to_owned(),
                Set("sla.availability", "99.95%".into()),
                "[service.a]\nname = \"a\"\n[service.a.sla]\navailability = \"99.95%\" # hard\n".to_owned(),
            ),
            (
                "another key of a part",
                "[service.a]\nname = \"a\"\nsla = { availability = '99%' }\n".to_owned(),
                Set("sla.error_rate", "0.1%".into()),
                "[service.a]\nname = \"a\"\nsla = { availability = '99%', error_rate = \"0.1%\" }\n"
                    .to_owned(),
            ),
            (
                "a part that is not there",
                "[service.a]\nname = \"a\"\n[service.b]\n".to_owned(),
                Set("sla.error_rate", "0.1%".into()),
                "[service.a]\nname = \"a\"\nsla.error_rate = \"0.1%\"\n[service.b]\n".to_owned(),
            ),
            (
                "an item is replaced",
                needs("['x', \"y\"]"),
                Put("dependencies.requires", "x >= 2".into()),
                needs("['x >= 2', \"y\"]"),
            ),
            (
                "and added",
                needs("[\"x\"] # all"),
                Put("dependencies.requires", "z".into()),
                needs("[\"x\", \"z\"] # all"),
            ),
            ("to none", needs("[ ]"), Put("dependencies.requires", "z".into()), needs("[\"z\"]")),
            (
                "below each other",
                needs(lines),
                Put("dependencies.requires", "z".into()),
                needs("[\n  \"x\", # why\n  \"y >= 1\",\n  \"z\"\n]"),
            ),
            (
                "its line goes",
                needs(lines),
                Remove("dependencies.requires", "x".into()),
                needs("[\n  \"y >= 1\"\n]"),
            ),
            (
                "the last line goes",
                needs(lines),
                Remove("dependencies.requires", "y".into()),
                needs("[\n  \"x\", # why\n]"),
            ),
            (
                "the first of a line",
                needs("[\"x\", \"y\"]"),
                Remove("dependencies.requires", "x".into()),
                needs("[\"y\"]"),
            ),
            (
                "the last of a line",
                needs("[\"x\", \"y\"]"),
                Remove("dependencies.requires", "y".into()),
                needs("[\"x\"]"),
            ),
            ("the only one", needs("[\"x\"]"), Remove("dependencies.requires", "x".into()), needs("[]")),
        ] {
            assert_eq!(apply(&before, "a", &[edit]).unwrap(), after, "{name}");
        }
        let gone = apply(&needs("[\"x\"]"), "a", &[Remove("dependencies.requires", "y".into())]).unwrap_err();
        assert!(gone.message.contains("does not name y"), "{}", gone.message);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(\\[service\\.a\\]|service\\.a|a|status|=|\"ga\"|\\{|\\}|,|\n|\r| |#|'|é)*") {
            let edits = [
                KeyEdit::Set("status", "beta".to_owned()),
                KeyEdit::Set("sla.availability", "99%".to_owned()),
                KeyEdit::Put("dependencies.requires", "b >= 1".to_owned()),
                KeyEdit::Remove("dependencies.requires", "b".to_owned()),
            ];
            let _ = apply(&text, "a", &edits);
        }
    }
}
