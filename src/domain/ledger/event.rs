//! One ledger event: what happened, when, by whom; and how it is written as a commit message.

use super::happening::Happening;
use crate::{
    domain::{
        change::Identity,
        name::{CommitId, IncidentId},
        rules::without_secrets,
        text,
    },
    error::Failure,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the JSON that is written now.
pub const EVENT_VERSION: u32 = 1;

/// How long the message of an event may be, in bytes. Whoever can push can write a longer one; it is no event.
pub const LONGEST_MESSAGE: usize = 256 * 1024;

/// How much is kept of what is no event for its length, in bytes.
const EXCERPT: usize = 1_000;

/// What a commit of the ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryBody {
    /// An event of a kind this program knows.
    Known(Happening),
    /// An event that it does not know (a newer program wrote it), kept and shown as it is.
    Unknown {
        /// Its kind, or the empty text when the body is no event at all.
        kind: String,
        /// The commit's body.
        text: String,
    },
}

/// One commit of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its commit.
    pub commit: CommitId,
    /// When it happened, by the author date.
    pub at: DateTime<Utc>,
    /// Who did it, by the author of the commit.
    pub actor: Identity,
    /// The subject line.
    pub subject: String,
    /// What happened.
    pub body: EntryBody,
}

/// What is said of an event beside what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks<'a> {
    /// The id that an incident had while it waited for the remote, when another took it first.
    pub formerly: Option<&'a IncidentId>,
    /// It waited for the remote, and what came first there contradicts it.
    pub late: bool,
}

/// The JSON document of a commit's body.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    #[serde(flatten)]
    happening: &'a Happening,
    #[serde(skip_serializing_if = "Option::is_none")]
    formerly: Option<&'a IncidentId>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
}

/// The commit message of an event: the subject, an empty line, one JSON document on one line.
pub fn encode(happening: &Happening, marks: Marks<'_>) -> Result<String, Failure> {
    let Marks { formerly, late } = marks;
    let document = Document { version: EVENT_VERSION, happening, formerly, late };
    let failed = |error| {
        Failure::failed(format!("could not write a {} event as JSON", happening.kind())).because(&error)
    };
    let mut safe = serde_json::to_value(&document).map_err(failed)?;
    // As it stands, its keys are in the order of this program; a value sorts them.
    let (subject, body) = if mask(&mut safe) {
        (Happening::deserialize(&safe).map_err(failed)?.subject(), safe.to_string())
    } else {
        (happening.subject(), serde_json::to_string(&document).map_err(failed)?)
    };
    let message = format!("{subject}\n\n{body}\n");
    if message.len() > LONGEST_MESSAGE {
        return Err(Failure::usage(format!(
            "a {} event of {} KiB is too long for the ledger, which takes {} KiB",
            happening.kind(),
            message.len().div_ceil(1024),
            LONGEST_MESSAGE / 1024
        ))
        .hint("say it shorter, and put the rest where the words can point to"));
    }
    Ok(message)
}

/// Replaces every credential in the texts of an event by asterisks: it is there for good, and for everybody. Whether there
/// was any.
fn mask(value: &mut Value) -> bool {
    match value {
        Value::String(text) => {
            let safe = without_secrets(text);
            let is_other = safe != *text;
            *text = safe;
            is_other
        }
        Value::Array(list) => list.iter_mut().fold(false, |any, value| mask(value) | any),
        Value::Object(fields) => fields.values_mut().fold(false, |any, value| mask(value) | any),
        _ => false,
    }
}

/// The first JSON document of a body. Hooks and people may add trailers below it.
fn document(body: &str) -> Option<serde_json::Value> {
    serde_json::Deserializer::from_str(body).into_iter::<serde_json::Value>().next().and_then(Result::ok)
}

/// Whether a commit message says that its event came too late.
pub fn is_late(message: &str) -> bool {
    let body = message.split_once('\n').map_or("", |(_, body)| body);
    document(body).is_some_and(|document| document.get("late") == Some(&serde_json::Value::Bool(true)))
}

/// What keeps the body of an [`EntryBody::Unknown`] from being known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strangeness {
    /// It is no event.
    NoEvent,
    /// A newer program wrote it: its version, or its kind, came after this one.
    Newer,
    /// It claims to be of a kind and version that this program knows, and is not.
    Malformed(String),
}

/// Tells why a body is not known.
pub fn strangeness(body: &str) -> Strangeness {
    let Some(document) = document(body) else { return Strangeness::NoEvent };
    let kind = document.get("kind").and_then(serde_json::Value::as_str);
    let version = document.get("version").and_then(serde_json::Value::as_u64);
    let (Some(kind), Some(version)) = (kind, version) else { return Strangeness::NoEvent };
    if version != u64::from(EVENT_VERSION) {
        return if version == 0 { Strangeness::NoEvent } else { Strangeness::Newer };
    }
    match Happening::deserialize(&document) {
        // serde names the kinds it knows when it does not know one.
        Err(error) if error.to_string().starts_with(&format!("unknown variant `{kind}`")) => {
            Strangeness::Newer
        }
        Err(error) => Strangeness::Malformed(text::clean(&error.to_string())),
        Ok(_) => Strangeness::NoEvent,
    }
}

/// Reads a commit message: its subject line, and the event of its body. Whatever it does not know,
/// be it a newer kind, a newer version or no event at all, is kept as [`EntryBody::Unknown`]; of what is longer than
/// an event may be, the beginning.
pub fn decode(message: &str) -> (String, EntryBody) {
    if message.len() > LONGEST_MESSAGE {
        let beginning = &message[..message.floor_char_boundary(EXCERPT)];
        let (subject, text) = beginning.split_once('\n').unwrap_or((beginning, ""));
        let body = EntryBody::Unknown { kind: String::new(), text: text.trim().to_owned() };
        return (subject.trim_end().to_owned(), body);
    }
    let (subject, body) = message.split_once('\n').unwrap_or((message, ""));
    let (subject, body) = (subject.trim_end(), body.trim());
    let unknown = |kind: &str| EntryBody::Unknown { kind: kind.to_owned(), text: body.to_owned() };
    let Some(document) = document(body) else { return (subject.to_owned(), unknown("")) };
    let kind = document.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default();
    let known_version =
        document.get("version").and_then(serde_json::Value::as_u64) == Some(EVENT_VERSION.into());
    let body = match known_version.then(|| Happening::deserialize(&document)) {
        Some(Ok(happening)) => EntryBody::Known(happening),
        _ => unknown(kind),
    };
    (subject.to_owned(), body)
}

#[cfg(test)]
mod tests;
