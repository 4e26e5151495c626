//! The folded state at a tip, kept beside the repository. It speeds the fold and never replaces it: a note of
//! another program, another version, or with one wrong byte is not read.

use crate::adapters::git::notebook;
use crate::domain::{
    change::{ChangeClass, Identity},
    deployment::record::DeploymentRecord,
    escalation::Severity,
    gate::{Gate, ReviewAnswers},
    incident::{Escalated, Incident, PostMortem},
    ledger::{
        Agreement, Anomaly, Approval, ChangeRecord, ChangesRequest, Comment, FOLD_VERSION, Frozen, Glass,
        MergeRecord, Merged, Operations, PastRollback, Quarantine, Restoration, Restored, RunningRollback,
        Untold, Validated, ValidatedHead, Verdict,
    },
    name::{ChangeId, CommitId, DeploymentId, EnvironmentName, IncidentId, ServiceName},
    notice::NoticeEvent,
};
use chrono::{DateTime, Duration, Utc};
use gix::{ObjectId, Repository};
use ring::digest::{SHA256, digest};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// From how many newly folded events on the state is kept.
pub(super) const WORTH_KEEPING: usize = 500;

const NAME: &str = "ledger-state";

/// The first bytes of every note.
const MAGIC: &[u8] = b"quarterdeck ledger state 1\n";

/// Reads the kept state and its tip.
pub(super) fn read(repository: &Repository) -> Option<(ObjectId, Arc<Operations>)> {
    let (tip, operations) = decode(&notebook::read(repository, NAME)?)?;
    // Of a repository that was replaced by another.
    repository.has_object(tip).then_some((tip, Arc::new(operations)))
}

/// Keeps a state. That it cannot be kept costs only time.
pub(super) fn write(repository: &Repository, tip: ObjectId, operations: &Operations) {
    let _ = notebook::write(repository, NAME, &encode(tip, operations));
}

fn encode(tip: ObjectId, operations: &Operations) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend_from_slice(MAGIC);
    FOLD_VERSION.put(&mut body);
    tip.to_string().put(&mut body);
    operations.put(&mut body);
    let sum = digest(&SHA256, &body);
    body.extend_from_slice(sum.as_ref());
    body
}

fn decode(bytes: &[u8]) -> Option<(ObjectId, Operations)> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(SHA256.output_len())?)?;
    if digest(&SHA256, body).as_ref() != sum {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    if u64::take(&mut rest)? != FOLD_VERSION {
        return None;
    }
    let tip = ObjectId::from_hex(String::take(&mut rest)?.as_bytes()).ok()?;
    let operations = Operations::take(&mut rest)?;
    rest.is_empty().then_some((tip, operations))
}

/// A value in a note: numbers with seven bits a byte, texts with their length before them.
trait Kept: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn take(rest: &mut &[u8]) -> Option<Self>;
}

impl Kept for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut left = *self;
        while left >= 0x80 {
            out.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, after) = rest.split_first()?;
            *rest = after;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(u64::take(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    str::from_utf8(text).ok()
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    (text.len() as u64).put(out);
    out.extend_from_slice(text.as_bytes());
}

impl Kept for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        take_text(rest).map(str::to_owned)
    }
}

impl Kept for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        u64::take(rest)?.try_into().ok()
    }
}

impl Kept for usize {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        u64::take(rest)?.try_into().ok()
    }
}

impl Kept for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        match u64::take(rest)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

/// Git's times are whole seconds, and so are those of events.
impl Kept for DateTime<Utc> {
    fn put(&self, out: &mut Vec<u8>) {
        self.timestamp().cast_unsigned().put(out);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Self::from_timestamp(u64::take(rest)?.cast_signed(), 0)
    }
}

impl Kept for Duration {
    fn put(&self, out: &mut Vec<u8>) {
        self.num_seconds().cast_unsigned().put(out);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Self::try_seconds(u64::take(rest)?.cast_signed())
    }
}

impl<T: Kept> Kept for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        match u64::take(rest)? {
            0 => Some(None),
            1 => T::take(rest).map(Some),
            _ => None,
        }
    }
}

impl<T: Kept> Kept for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        for value in self {
            value.put(out);
        }
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        (0..usize::take(rest)?).map(|_| T::take(rest)).collect()
    }
}

impl<T: Kept> Kept for VecDeque<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        for value in self {
            value.put(out);
        }
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Vec::take(rest).map(Self::from)
    }
}

impl<K: Kept + Ord, V: Kept> Kept for BTreeMap<K, V> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        for (key, value) in self {
            key.put(out);
            value.put(out);
        }
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        (0..usize::take(rest)?).map(|_| Some((K::take(rest)?, V::take(rest)?))).collect()
    }
}

impl<A: Kept, B: Kept> Kept for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Some((A::take(rest)?, B::take(rest)?))
    }
}

impl<A: Kept, B: Kept, C: Kept> Kept for (A, B, C) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
        self.2.put(out);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Some((A::take(rest)?, B::take(rest)?, C::take(rest)?))
    }
}

/// Deployments are few beside other events, and have much to say: as JSON.
impl Kept for DeploymentRecord {
    fn put(&self, out: &mut Vec<u8>) {
        // One that cannot be written is not read again, and so folded anew.
        put_text(&serde_json::to_string(self).unwrap_or_default(), out);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        serde_json::from_str(take_text(rest)?).ok()
    }
}

macro_rules! names {
    ($($name:ident),+) => {$(
        impl Kept for $name {
            fn put(&self, out: &mut Vec<u8>) {
                put_text(self.as_str(), out);
            }

            fn take(rest: &mut &[u8]) -> Option<Self> {
                take_text(rest).map(Self::from)
            }
        }
    )+};
}

names!(ChangeId, DeploymentId, EnvironmentName, IncidentId, ServiceName);

/// Most commits are forty hexadecimal digits, which need half as many bytes.
impl Kept for CommitId {
    fn put(&self, out: &mut Vec<u8>) {
        match ObjectId::from_hex(self.as_str().as_bytes()) {
            // Only as Git writes it: capital digits would not come back.
            Ok(id) if !self.as_str().bytes().any(|byte| byte.is_ascii_uppercase()) => {
                out.push(1);
                out.extend_from_slice(id.as_bytes());
            }
            _ => {
                out.push(0);
                put_text(self.as_str(), out);
            }
        }
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        if u64::take(rest)? == 0 {
            return take_text(rest).map(Self::from);
        }
        let (id, after) = rest.split_at_checked(gix::hash::Kind::Sha1.len_in_bytes())?;
        *rest = after;
        let mut digits = [0; 40];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(id) {
            for (digit, value) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
                *digit = b"0123456789abcdef"[usize::from(value)];
            }
        }
        str::from_utf8(&digits).ok().map(Self::from)
    }
}

macro_rules! words {
    ($($kind:ident { $($variant:ident),+ $(,)? })+) => {$(
        impl Kept for $kind {
            fn put(&self, out: &mut Vec<u8>) {
                out.push(match self {
                    $(Self::$variant => Word::$variant as u8,)+
                });
            }

            fn take(rest: &mut &[u8]) -> Option<Self> {
                let found = u64::take(rest)?;
                [$((Word::$variant as u64, Self::$variant)),+]
                    .into_iter()
                    .find(|(number, _)| *number == found)
                    .map(|(_, value)| value)
            }
        }
    )+};
}

/// The numbers of all words.
#[derive(Clone, Copy)]
enum Word {
    Info,
    Low,
    Medium,
    High,
    Critical,
    CodeReview,
    Security,
    Architecture,
    Compliance,
    Pass,
    Fail,
    NoData,
    Error,
    Other,
    Bugfix,
    Feature,
    Deprecation,
    Retirement,
    Breaking,
    Policy,
    Infrastructure,
    IncidentDeclared,
    IncidentEscalated,
    IncidentResolved,
    ChangeApproved,
    MainRestored,
    DeploymentStarted,
    DeploymentHeld,
    DeploymentFinished,
    RollbackFinished,
}

words! {
    Severity { Info, Low, Medium, High, Critical }
    Gate { CodeReview, Security, Architecture, Compliance }
    Verdict { Pass, Fail, NoData, Error }
    NoticeEvent {
        IncidentDeclared, IncidentEscalated, IncidentResolved, ChangeApproved, MainRestored,
        DeploymentStarted, DeploymentHeld, DeploymentFinished, RollbackFinished,
    }
    ChangeClass { Other, Bugfix, Feature, Deprecation, Retirement, Breaking, Policy, Infrastructure }
}

macro_rules! structs {
    ($($kind:ident { $($field:ident),+ $(,)? })+) => {$(
        impl Kept for $kind {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)+
            }

            fn take(rest: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Kept::take(rest)?),+ })
            }
        }
    )+};
}

structs! {
    Identity { name, email }
    Incident {
        id, severity, title, service, declared_at, declared_by, escalated, acknowledged, resolved, deployment, post_mortem,
    }
    PostMortem { due, written }
    Quarantine { image, reason, at, by, deployment }
    Frozen { reason, at, by }
    Escalated { level, at, to, unanswered }
    Untold {
        commit, event, about, title, severity, service, calls, by, at, failed, tries, tried_at,
    }
    ValidatedHead { head, base, errors, warnings, posted }
    Validated { result, by, at }
    Approval { gate, head, base, digest, answers, withdrawn, by, at, note, commit, place }
    ReviewAnswers { reason, effect, documentation, breaking, tests }
    ChangesRequest { head, digest, note, withdrawn, withdrawal, by, at, commit, place }
    Comment { text, by, at }
    Merged { change, class, branch, head, onto, commit, services, tags, approvals, request, break_glass }
    MergeRecord { merged, by, at, reverted }
    Glass { head, reason, expires, incident, by, at, seconds, settled, commit }
    Agreement { at, by, commit }
    ChangeRecord { approvals, requests, comments, proposed, merges, glasses, validated, events }
    Restored { branch, from, to, commit, reason, detected_at, incident }
    Restoration { restored, at, by }
    RunningRollback { from, to, object, since, by }
    PastRollback {
        service, environment, from, to, started_at, by, duration, verdict, detail,
    }
    Anomaly { commit, text }
    Operations {
        incidents, last_incident, changes, restorations, running_rollbacks, past_rollbacks, deployments,
        last_deployment, quarantine, frozen, untold, events, unknown,
        contradictions, anomalies, last_event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::{Entry, EntryBody, Happening, incident_id};

    fn operations() -> Operations {
        let happenings = [
            Happening::IncidentDeclared {
                incident: incident_id(1),
                severity: Severity::Critical,
                title: "日本 5xx".into(),
                service: Some("api".into()),
                deployment: None,
                post_mortem_due: None,
            },
            Happening::IncidentAcknowledged { incident: incident_id(1) },
            Happening::IncidentAcknowledged { incident: incident_id(1) },
            Happening::ChangeApproved {
                change: "api-2".into(),
                gate: Gate::Compliance,
                head: "0123456789abcdef0123456789abcdef01234567".into(),
                base: "no id".into(),
                digest: None,
                answers: None,
                note: None,
            },
            Happening::RollbackStarted {
                service: "api".into(),
                environment: "production".into(),
                from: "2".into(),
                to: "1".into(),
                object: "deployment/shop/api".into(),
            },
            Happening::RollbackFinished {
                service: "api".into(),
                environment: "production".into(),
                verdict: Verdict::NoData,
                detail: "no traffic".into(),
            },
            Happening::RollbackStarted {
                service: "api".into(),
                environment: "staging".into(),
                from: "2".into(),
                to: "1".into(),
                object: "deployment/shop/api".into(),
            },
        ];
        let entries = happenings.into_iter().enumerate().map(|(index, happening)| Entry {
            commit: format!("{index:040x}").into(),
            at: DateTime::from_timestamp(1_790_000_000 + i64::try_from(index).unwrap() * 77, 0).unwrap(),
            actor: Identity { name: "Ana".into(), email: "ana@example.com".into() },
            subject: String::new(),
            body: EntryBody::Known(happening),
        });
        Operations::fold(&entries.collect::<Vec<_>>())
    }

    fn tip() -> ObjectId {
        ObjectId::from_hex(b"00000000000000000000000000000000000000aa").unwrap()
    }

    #[test]
    fn a_kept_state_comes_back_as_it_was() {
        let operations = operations();
        assert_eq!((operations.contradictions, operations.past_rollbacks.len()), (1, 1));
        assert_eq!(decode(&encode(tip(), &operations)), Some((tip(), operations)));
        let early = DateTime::from_timestamp(-5, 0);
        let mut bytes = Vec::new();
        early.put(&mut bytes);
        assert_eq!(Kept::take(&mut bytes.as_slice()), Some(early));
    }

    #[test]
    fn no_byte_may_be_another() {
        let bytes = encode(tip(), &operations());
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(decode(&other), None, "byte {at}");
            assert_eq!(decode(&bytes[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn a_foreign_note_does_not_eat_memory() {
        // A length of 2^60 with nothing behind it.
        let mut rest: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(Vec::<String>::take(&mut rest), None);
    }
}
