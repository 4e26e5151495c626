//! How a file's tables are described: each key once, with its type, so that reading, suggestions and
//! generated schemas agree.

use crate::domain::{catalog::Dependency, finding::Span, name::ServiceName, text::clean, units};
use chrono::{Duration, NaiveDate, NaiveDateTime};
use semver::{Version, VersionReq};
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any text.
    Text,
    /// A name by RFC 1123: a service, a project, an environment.
    Name,
    /// A person or a team, with or without a leading `@`.
    Handle,
    /// A semantic version.
    Version,
    /// A service with an optional version requirement: `shared-auth >= 1.0`.
    Requirement,
    /// A calendar day: `2026-06-30`, quoted or not.
    Date,
    /// A day with a time of day and no offset: `2026-01-05T08:00:00`, quoted or not; a day alone is midnight.
    Moment,
    /// A point in time: as a moment, or with an offset (`2026-12-05T18:00:00Z`).
    Instant,
    /// An amount of time: `30s`, `5m`, `30d`.
    Duration,
    /// Per cent between 0 and 100: `99.9%` or `99.9`.
    Percent,
    /// A time zone of the IANA database.
    TimeZone,
    /// A whole number between the two, both included.
    Integer(i64, i64),
    /// Any finite number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of such values.
    List(&'static Kind),
    /// A table of known keys.
    Table(&'static Table),
    /// A table whose keys are names, each with a table.
    Named(&'static Names),
    /// An array of tables.
    Tables(&'static Table),
}

/// One key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// Whether the table is of no use without it.
    pub required: bool,
    /// Meaning, for documentation and schemas.
    pub doc: &'static str,
}

/// A table of known keys.
#[derive(Debug)]
pub struct Table {
    /// The keys.
    pub keys: &'static [Key],
}

/// A table whose keys are names.
#[derive(Debug)]
pub struct Names {
    /// What a name must be: `Name`, `Handle`, `Word` or `Text`.
    pub name: Kind,
    /// What each holds.
    pub value: Kind,
}

impl Table {
    /// The key of a name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// Why a value is refused: it has another type, or the right one with no meaning.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It should have been this (`a list of names`).
    Type(String),
    /// A sentence that says what is wrong, and a suggestion.
    Value(String, Option<String>),
    /// A name that is none; a suggestion.
    Name(String, Option<String>),
}

impl Kind {
    /// What is expected, in words with an article.
    pub fn expected(&self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Name => "a name".into(),
            Self::Handle => "a team's or person's handle".into(),
            Self::Version => "a version, such as \"1.4.0\"".into(),
            Self::Requirement => "a service's name, with a version requirement if need be".into(),
            Self::Date => "a date, such as \"2026-06-30\"".into(),
            Self::Moment => "a date with a time of day, such as \"2026-01-05T08:00:00\"".into(),
            Self::Instant => "a date with a time of day, such as \"2026-12-20T18:00:00Z\"".into(),
            Self::Duration => "a duration, such as \"5m\"".into(),
            Self::Percent => "per cent, such as \"99.9%\"".into(),
            Self::TimeZone => "a time zone, such as \"Europe/Madrid\"".into(),
            Self::Integer(least, most) if *most == i64::MAX => format!("a whole number from {least}"),
            Self::Integer(least, most) => format!("a whole number between {least} and {most}"),
            Self::Number => "a number".into(),
            Self::Boolean => "true or false".into(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::List(of) => format!("a list, each entry {}", of.expected()),
            Self::Table(_) | Self::Named(_) => "a table".into(),
            Self::Tables(_) => "an array of tables".into(),
        }
    }

    /// Whether `value` itself is what is expected; entries of lists and tables are looked at one by one
    /// by the caller.
    pub fn check(&self, value: &DeValue<'_>) -> Result<(), Refusal> {
        let wrong_type = || Refusal::Type(self.expected());
        let text = || value.as_str().ok_or_else(wrong_type);
        match self {
            Self::Text => text().map(drop),
            Self::Name => name(text()?),
            Self::Handle => handle(text()?),
            Self::Version => version(text()?).map(drop),
            Self::Requirement => requirement(text()?).map(drop),
            Self::Date => date(value).ok_or_else(wrong_type)?.map(drop),
            Self::Moment => moment(value).ok_or_else(wrong_type)?.map(drop),
            Self::Instant => match moment(value).ok_or_else(wrong_type)? {
                Err(_) if has_offset(value) => Ok(()),
                checked => checked.map(drop),
            },
            Self::Duration => duration(text()?).map(drop),
            Self::Percent => percent(value).ok_or_else(wrong_type)?.map(drop),
            Self::TimeZone => time_zone(text()?).map(drop),
            Self::Integer(least, most) => {
                let number = value.as_integer().ok_or_else(wrong_type)?;
                match integer(number) {
                    Some(number) if (*least..=*most).contains(&number) => Ok(()),
                    _ => Err(Refusal::Value(format!("`{number}` is not {}", self.expected()), None)),
                }
            }
            Self::Number => number(value).map(drop).ok_or_else(wrong_type),
            Self::Boolean => value.as_bool().map(drop).ok_or_else(wrong_type),
            Self::Word(words) => {
                let text = text()?;
                if words.contains(&text) {
                    return Ok(());
                }
                let meant = crate::domain::text::nearest(text, words.iter().copied());
                let help = meant.map(|meant| format!("did you mean `{meant}`?"));
                Err(Refusal::Value(format!("`{}` is not {}", clean(text), self.expected()), help))
            }
            Self::List(_) | Self::Tables(_) => value.as_array().map(drop).ok_or_else(wrong_type),
            Self::Table(_) | Self::Named(_) => value.as_table().map(drop).ok_or_else(wrong_type),
        }
    }
}

/// Whether `text` is a name by RFC 1123.
///
/// # Errors
/// The refusal, with the nearest name that would be allowed.
pub fn name(text: &str) -> Result<(), Refusal> {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
    if bytes.len() <= 63 && edge(bytes.first()) && edge(bytes.last()) && inner {
        return Ok(());
    }
    let repaired: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(63)
        .collect();
    let repaired = repaired.trim_matches('-');
    let help = (!repaired.is_empty()).then(|| format!("`{repaired}` would be allowed"));
    Err(Refusal::Name(format!("`{}` is not a name", clean(text)), help))
}

/// Whether `text` is a handle: letters, digits, `-`, `_`, `.`, after an optional `@`.
///
/// # Errors
/// The refusal.
pub fn handle(text: &str) -> Result<(), Refusal> {
    let bare = text.strip_prefix('@').unwrap_or(text);
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !bare.is_empty() && bare.len() <= 128 && bare.chars().all(fits) {
        return Ok(());
    }
    let message = format!("`{}` is not a handle", clean(text));
    Err(Refusal::Name(message, Some("use letters, digits, `-`, `_` and `.`".to_owned())))
}

/// A semantic version.
///
/// # Errors
/// The refusal, with the version that was probably meant.
pub fn version(text: &str) -> Result<Version, Refusal> {
    Version::parse(text).map_err(|error| {
        let bare = text.trim().trim_start_matches(['v', 'V']);
        let padded = [bare.to_owned(), format!("{bare}.0"), format!("{bare}.0.0")];
        let meant = padded.into_iter().find(|candidate| Version::parse(candidate).is_ok());
        let help = meant.map(|meant| format!("write `{meant}`"));
        let reason = clean(&error.to_string());
        Refusal::Value(format!("`{}` is not a semantic version: {reason}", clean(text)), help)
    })
}

/// A service and the versions that will do.
///
/// # Errors
/// The refusal.
pub fn requirement(text: &str) -> Result<(&str, Option<VersionReq>), Refusal> {
    let trimmed = text.trim();
    let end = trimmed
        .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '=' | '^' | '~' | '*' | ','))
        .unwrap_or(trimmed.len());
    let (service, rest) = trimmed.split_at(end);
    name(service)?;
    let rest = rest.trim();
    if rest.is_empty() {
        return Ok((service, None));
    }
    VersionReq::parse(rest).map(|wanted| (service, Some(wanted))).map_err(|error| {
        Refusal::Value(
            format!("`{}` is not a version requirement: {}", clean(rest), clean(&error.to_string())),
            Some(format!("write for example `{service} >= 1.0`")),
        )
    })
}

/// A dependency of an entry that holds.
pub fn dependency(text: &str, optional: bool, span: Span) -> Option<Dependency> {
    let (service, requirement) = requirement(text).ok()?;
    Some(Dependency { service: ServiceName::from(service), requirement, optional, span })
}

/// A calendar day; `None` for another type.
pub fn date(value: &DeValue<'_>) -> Option<Result<NaiveDate, Refusal>> {
    match value {
        DeValue::String(text) => Some(text.parse().map_err(|_| no_date(text))),
        DeValue::Datetime(stamp) if stamp.time.is_none() => {
            let text = stamp.to_string();
            Some(text.parse().map_err(|_| no_date(&text)))
        }
        _ => None,
    }
}

fn no_date(text: &str) -> Refusal {
    let message = format!("`{}` is not a date", clean(text));
    Refusal::Value(message, Some("write year-month-day, such as 2026-06-30".to_owned()))
}

/// A local date with a time of day; `None` for another type.
pub fn moment(value: &DeValue<'_>) -> Option<Result<NaiveDateTime, Refusal>> {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(stamp) => stamp.to_string(),
        _ => return None,
    };
    let shape = text.replacen(' ', "T", 1);
    let read = shape
        .parse()
        .or_else(|_| NaiveDateTime::parse_from_str(&shape, "%Y-%m-%dT%H:%M"))
        .or_else(|_| shape.parse::<NaiveDate>().map(|day| day.and_time(chrono::NaiveTime::MIN)));
    Some(read.map_err(|_| {
        let message = format!("`{}` is not a date with a time of day", clean(&text));
        let help = "write local time without an offset, such as 2026-01-05T08:00:00";
        Refusal::Value(message, Some(help.to_owned()))
    }))
}

/// Whether the value is a date and time with an offset (RFC 3339).
fn has_offset(value: &DeValue<'_>) -> bool {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(stamp) => stamp.to_string(),
        _ => return false,
    };
    chrono::DateTime::parse_from_rfc3339(&text).is_ok()
}

/// An amount of time.
///
/// # Errors
/// The refusal.
pub fn duration(text: &str) -> Result<Duration, Refusal> {
    units::parse_duration(text).map_err(|message| Refusal::Value(message, None))
}

/// A share, from `"99.9%"`, `"99.9"` or `99.9`; `None` for another type.
pub fn percent(value: &DeValue<'_>) -> Option<Result<units::Ratio, Refusal>> {
    if let DeValue::String(text) = value {
        return Some(units::Ratio::parse(text).map_err(|message| Refusal::Value(message, None)));
    }
    let share = number(value)?;
    let refuse = || {
        let message = format!("`{share}` is not a ratio: write per cent between 0 and 100, such as 99.9");
        Refusal::Value(message, None)
    };
    Some(units::Ratio::from_percent(share).ok_or_else(refuse))
}

/// A time zone of the IANA database.
///
/// # Errors
/// The refusal, with the nearest zone.
pub fn time_zone(text: &str) -> Result<chrono_tz::Tz, Refusal> {
    text.parse().map_err(|_| {
        let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let help = crate::domain::text::nearest(text, zones).map(|meant| format!("did you mean `{meant}`?"));
        Refusal::Value(format!("`{}` is not a time zone", clean(text)), help)
    })
}

/// A whole number that fits.
pub fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A finite number.
pub fn number(value: &DeValue<'_>) -> Option<f64> {
    let finite = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    match value {
        DeValue::Integer(whole) => integer(whole).map(|whole| whole as f64),
        DeValue::Float(float) => finite(DeFloat::as_str(float)),
        _ => None,
    }
}

/// The entries of a table in the order of the file.
pub fn in_file_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t toml::Spanned<std::borrow::Cow<'i, str>>, &'t toml::Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}
