//! One ledger event: what happened, when, by whom; and how it is written as a commit message.

use crate::{
    domain::{
        change::Identity,
        escalation::Severity,
        gate::Gate,
        lifecycle::Lifecycle,
        name::{ChangeId, CommitId, EnvironmentName, IncidentId, ServiceName},
        text,
    },
    error::Failure,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The version of the JSON that is written now.
pub const EVENT_VERSION: u32 = 1;

/// How long a subject line may be, in terminal cells.
const SUBJECT_WIDTH: usize = 100;

/// How something that was checked came out. Only `Pass` is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// There was too little to judge.
    NoData,
    /// It could not be checked.
    Error,
}

impl Verdict {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NoData => "no data",
            Self::Error => "error",
        }
    }
}

/// What happened. The serde tag is the event's kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Happening {
    /// Somebody approved a gate of a change.
    #[serde(rename = "change.approved")]
    ChangeApproved {
        /// Which change.
        change: ChangeId,
        /// Which gate.
        gate: Gate,
        /// The head that was reviewed; the approval holds for it alone.
        head: CommitId,
        /// The merge base that it was reviewed against.
        base: CommitId,
        /// The reviewer's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Somebody proposed a step of a service's life.
    #[serde(rename = "change.proposed")]
    ChangeProposed {
        /// Which change.
        change: ChangeId,
        /// Which service.
        service: ServiceName,
        /// The state on the main branch.
        from: Lifecycle,
        /// The state that it should be in.
        to: Lifecycle,
        /// The branch's commit.
        head: CommitId,
        /// The commit of the main branch that it is made on.
        base: CommitId,
    },
    /// A rollback began; nobody else may begin one for the same service and environment until it ended.
    #[serde(rename = "rollback.started")]
    RollbackStarted {
        /// Which service.
        service: ServiceName,
        /// Where.
        environment: EnvironmentName,
        /// The version that ran.
        from: String,
        /// The version to go back to.
        to: String,
        /// `deployment/default/api` or `application/argocd/api`: what is changed.
        object: String,
    },
    /// A rollback ended, well or not.
    #[serde(rename = "rollback.finished")]
    RollbackFinished {
        /// Which service.
        service: ServiceName,
        /// Where.
        environment: EnvironmentName,
        /// How it was verified.
        verdict: Verdict,
        /// What was seen, in one sentence.
        detail: String,
    },
    /// Somebody declared an incident.
    #[serde(rename = "incident.declared")]
    IncidentDeclared {
        /// Its id, given out by the fold: one past the highest.
        incident: IncidentId,
        /// How bad.
        severity: Severity,
        /// What it is.
        title: String,
        /// Which service, if one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
    },
    /// Somebody has taken it.
    #[serde(rename = "incident.acknowledged")]
    IncidentAcknowledged {
        /// Which incident.
        incident: IncidentId,
    },
    /// It is over.
    #[serde(rename = "incident.resolved")]
    IncidentResolved {
        /// Which incident.
        incident: IncidentId,
        /// What ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

impl Happening {
    /// The kind, as it stands in the subject line.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ChangeApproved { .. } => "change.approved",
            Self::ChangeProposed { .. } => "change.proposed",
            Self::RollbackStarted { .. } => "rollback.started",
            Self::RollbackFinished { .. } => "rollback.finished",
            Self::IncidentDeclared { .. } => "incident.declared",
            Self::IncidentAcknowledged { .. } => "incident.acknowledged",
            Self::IncidentResolved { .. } => "incident.resolved",
        }
    }

    /// What it is about: an incident, a change, or `service@environment`.
    pub fn about(&self) -> String {
        match self {
            Self::ChangeApproved { change, .. } | Self::ChangeProposed { change, .. } => change.to_string(),
            Self::RollbackStarted { service, environment, .. }
            | Self::RollbackFinished { service, environment, .. } => format!("{service}@{environment}"),
            Self::IncidentDeclared { incident, .. }
            | Self::IncidentAcknowledged { incident }
            | Self::IncidentResolved { incident, .. } => incident.to_string(),
        }
    }

    /// The readable first line of its commit: `incident.declared(INC-5): critical, shared-auth 5xx`.
    pub fn subject(&self) -> String {
        let words = match self {
            Self::ChangeApproved { gate, .. } => format!("{gate} gate"),
            Self::ChangeProposed { service, from, to, .. } => format!("{service}, {from} → {to}"),
            Self::RollbackStarted { from, to, .. } => format!("{from} → {to}"),
            Self::RollbackFinished { verdict, detail, .. } => format!("{}, {detail}", verdict.as_str()),
            Self::IncidentDeclared { severity, title, .. } => format!("{severity}, {title}"),
            Self::IncidentAcknowledged { .. } => "taken".to_owned(),
            Self::IncidentResolved { note, .. } => note.clone().unwrap_or_else(|| "over".to_owned()),
        };
        let line = text::clean(&format!("{}({}): {words}", self.kind(), self.about()));
        text::fit(line.trim(), SUBJECT_WIDTH)
    }
}

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
    let body = serde_json::to_string(&document).map_err(|error| {
        Failure::failed(format!("could not write a {} event as JSON", happening.kind())).because(&error)
    })?;
    Ok(format!("{}\n\n{body}\n", happening.subject()))
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
/// be it a newer kind, a newer version or no event at all, is kept as [`EntryBody::Unknown`].
pub fn decode(message: &str) -> (String, EntryBody) {
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all_kinds() -> Vec<Happening> {
        vec![
            Happening::ChangeApproved {
                change: "project-a-api-2.2.0".into(),
                gate: Gate::CodeReview,
                head: "a".repeat(40).into(),
                base: "b".repeat(40).into(),
                note: Some("looks right".into()),
            },
            Happening::ChangeProposed {
                change: "old-api-retired".into(),
                service: "old-api".into(),
                from: Lifecycle::Deprecated,
                to: Lifecycle::Retired,
                head: "a".repeat(40).into(),
                base: "b".repeat(40).into(),
            },
            Happening::RollbackStarted {
                service: "shared-auth".into(),
                environment: "production".into(),
                from: "1.3.0".into(),
                to: "1.2.3".into(),
                object: "deployment/shared/shared-auth".into(),
            },
            Happening::RollbackFinished {
                service: "shared-auth".into(),
                environment: "production".into(),
                verdict: Verdict::NoData,
                detail: "no traffic".into(),
            },
            Happening::IncidentDeclared {
                incident: "INC-5".into(),
                severity: Severity::Critical,
                title: "shared-auth 5xx".into(),
                service: None,
            },
            Happening::IncidentAcknowledged { incident: "INC-5".into() },
            Happening::IncidentResolved { incident: "INC-5".into(), note: None },
        ]
    }

    #[test]
    fn every_kind_survives_the_round_trip() {
        for happening in all_kinds() {
            let message = encode(&happening, Marks::default()).unwrap();
            let (subject, body) = decode(&message);
            assert_eq!(body, EntryBody::Known(happening.clone()), "{message}");
            assert!(subject.starts_with(&format!("{}(", happening.kind())), "{subject}");
        }
    }

    #[test]
    fn the_message_is_the_documented_one() {
        assert_eq!(
            encode(&all_kinds()[0], Marks::default()).unwrap(),
            format!(
                "change.approved(project-a-api-2.2.0): code-review gate\n\n\
                 {{\"version\":1,\"kind\":\"change.approved\",\"change\":\"project-a-api-2.2.0\",\
                 \"gate\":\"code-review\",\"head\":\"{}\",\"base\":\"{}\",\"note\":\"looks right\"}}\n",
                "a".repeat(40),
                "b".repeat(40)
            )
        );
        let renumbered =
            encode(&all_kinds()[4], Marks { formerly: Some(&"INC-4".into()), late: true }).unwrap();
        assert!(renumbered.contains("\"formerly\":\"INC-4\",\"late\":true"), "{renumbered}");
        assert!(is_late(&renumbered) && !is_late(&encode(&all_kinds()[4], Marks::default()).unwrap()));
        assert_eq!(decode(&renumbered).1, EntryBody::Known(all_kinds()[4].clone()));
    }

    #[test]
    fn subjects_are_one_clean_short_line() {
        let title = format!("\u{1b}[31mred\nalert {}", "x".repeat(300));
        let happening = Happening::IncidentDeclared {
            incident: "INC-1".into(),
            severity: Severity::Low,
            title,
            service: None,
        };
        let subject = happening.subject();
        assert!(subject.starts_with("incident.declared(INC-1): low, [31mred alert xxx"), "{subject}");
        assert_eq!(subject.chars().count(), 100);
        assert_eq!(decode(&encode(&happening, Marks::default()).unwrap()).1, EntryBody::Known(happening));
    }

    #[test]
    fn what_is_not_known_is_kept() {
        for (message, kind) in [
            ("", ""),
            ("only a subject", ""),
            ("s\n\nnot json", ""),
            ("s\n\n[1, 2]", ""),
            ("s\n\n{\"version\":1,\"kind\":\"backup.drilled\"}", "backup.drilled"),
            (
                "s\n\n{\"version\":2,\"kind\":\"incident.acknowledged\",\"incident\":\"INC-1\"}",
                "incident.acknowledged",
            ),
            (
                "s\n\n{\"version\":1,\"kind\":\"incident.acknowledged\",\"incident\":7}",
                "incident.acknowledged",
            ),
        ] {
            let (_, body) = decode(message);
            assert!(
                matches!(&body, EntryBody::Unknown { kind: found, .. } if found == kind),
                "{message}: {body:?}"
            );
        }
        assert!(matches!(decode(&format!("s\n\n{}", "[".repeat(100_000))).1, EntryBody::Unknown { .. }));
    }

    #[test]
    fn what_is_newer_is_told_from_what_is_wrong() {
        for (body, expected) in [
            ("", Strangeness::NoEvent),
            ("{\"kind\":\"incident.resolved\"}", Strangeness::NoEvent),
            ("{\"version\":1,\"kind\":\"backup.drilled\"}", Strangeness::Newer),
            ("{\"version\":2,\"kind\":\"incident.resolved\"}", Strangeness::Newer),
        ] {
            assert_eq!(strangeness(body), expected, "{body}");
        }
        let wrong = strangeness("{\"version\":1,\"kind\":\"incident.resolved\",\"incident\":7}");
        assert!(matches!(wrong, Strangeness::Malformed(_)), "{wrong:?}");
    }

    #[test]
    fn trailers_below_the_document_do_no_harm() {
        let message = format!(
            "{}\nSigned-off-by: A <a@example.com>\n",
            encode(&all_kinds()[5], Marks::default()).unwrap()
        );
        assert_eq!(decode(&message).1, EntryBody::Known(all_kinds()[5].clone()));
    }

    proptest! {
        #[test]
        fn no_message_panics(message in ".*(\n\n)?.*") {
            decode(&message);
        }
    }
}
