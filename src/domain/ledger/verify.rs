//! Whether a ledger can be believed: its form, its order, and who signed what.

use super::{
    event::{Entry, EntryBody, Strangeness, strangeness},
    fold::Operations,
    happening::Happening,
    precondition::fits,
};
use crate::domain::{
    change::Identity,
    name::CommitId,
    people::People,
    signature::{AllowedSigners, Seal, SignatureState, judge},
    text::clean,
    units::format_duration,
};
use chrono::{DateTime, Duration, Utc};
use std::{collections::BTreeMap, sync::Arc};

/// How far clocks may differ without a word about it.
pub const CLOCK_TOLERANCE: Duration = Duration::minutes(10);

/// How many problems and remarks are kept in words; all are counted.
const KEPT: usize = 1_000;

/// One commit of the ledger with all that can be held against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it says.
    pub entry: Entry,
    /// How many parents it has.
    pub parents: usize,
    /// Whether it holds no files.
    pub empty_tree: bool,
    /// Who made the commit.
    pub committer: Identity,
    /// When the commit was made.
    pub committed_at: DateTime<Utc>,
    /// Its own word that it waited for the remote, and that what came first there contradicts it.
    pub late: bool,
    /// Its signature.
    pub seal: Seal,
    /// Whether its bytes are those that its commit id names.
    pub intact: bool,
}

/// What the main branch says about signatures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SigningRules {
    /// `policies/allowed_signers`.
    pub signers: AllowedSigners,
    /// `[ledger] signatures = "required"` in `policies/security.toml`.
    pub required: bool,
    /// `policies/teams.toml`.
    pub people: People,
}

impl SigningRules {
    /// The addresses of whom somebody is: their own, and all of the same person.
    pub fn addresses<'a>(&'a self, who: &'a Identity) -> Vec<&'a str> {
        let mut addresses = vec![who.email.as_str()];
        if let Some(person) = self.people.by_email(&who.email) {
            addresses.extend(person.emails.iter().map(String::as_str));
        }
        addresses
    }
}

/// The signing rules of the main branch over time, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline(Vec<(DateTime<Utc>, Arc<SigningRules>)>);

impl Timeline {
    /// Adds the rules that hold from the next commit of the main branch on. One that is dated before its
    /// predecessor holds from when that one does.
    pub fn push(&mut self, from: DateTime<Utc>, rules: Arc<SigningRules>) {
        let from = self.0.last().map_or(from, |(before, _)| from.max(*before));
        self.0.push((from, rules));
    }

    /// The rules at a time. Before the first commit there are those of the first.
    pub fn at(&self, at: DateTime<Utc>) -> Arc<SigningRules> {
        let after = self.0.partition_point(|(from, _)| *from <= at);
        self.0.get(after.saturating_sub(1)).map(|(_, rules)| Arc::clone(rules)).unwrap_or_default()
    }

    /// The rules now.
    pub fn newest(&self) -> Arc<SigningRules> {
        self.0.last().map(|(_, rules)| Arc::clone(rules)).unwrap_or_default()
    }
}

/// What was found valid the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The newest commit.
    pub tip: CommitId,
    /// How many events there were.
    pub events: usize,
    /// When.
    pub at: DateTime<Utc>,
    /// The commits up to the tip, oldest first; `None` when they cannot be read any more.
    pub chain: Option<Vec<CommitId>>,
}

/// What sort of fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It has more than one parent.
    Merge,
    /// It holds files.
    Files,
    /// Its message holds no event, or none that can be read.
    Form,
    /// It could not have been appended to what came before.
    Order,
    /// Author, committer and signer are not the same person, or nobody who may do this.
    Actor,
    /// Its signature is bad, or missing where one is required.
    Signature,
    /// Its bytes are not those that its commit id names.
    Altered,
    /// It was not there, or was another, when the ledger was last verified.
    Rewritten,
}

impl Fault {
    /// The word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Files => "files",
            Self::Form => "form",
            Self::Order => "order",
            Self::Actor => "actor",
            Self::Signature => "signature",
            Self::Altered => "altered",
            Self::Rewritten => "rewritten",
        }
    }
}

/// Something about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The event's place from 1, the oldest first; `None` for an event that is gone.
    pub number: Option<usize>,
    /// Its commit.
    pub commit: CommitId,
    /// Its subject line.
    pub subject: String,
    /// What there is to say.
    pub text: String,
}

impl Remark {
    /// It in one line: `event 3, 1a2b3c4d change.approved(…): why`.
    pub fn words(&self) -> String {
        let what = match self.number {
            Some(number) => format!("event {number}, {} {}", self.commit.short(), clean(&self.subject)),
            None => self.commit.short().to_owned(),
        };
        format!("{what}: {}", clean(&self.text))
    }
}

/// What verifying found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// How many events there are.
    pub events: usize,
    /// How many are of a kind or version that this program does not know.
    pub unknown: usize,
    /// How many carry a valid signature of their author, by the address that it is allowed for.
    pub signers: BTreeMap<String, usize>,
    /// How many carry none.
    pub unsigned: usize,
    /// How many carry one that fits, of a key that nobody vouches for, or that could not be checked.
    pub unproven: usize,
    /// Whether the main branch requires signatures now.
    pub required: bool,
    /// What the ledger cannot be believed for: the first in the branch first.
    pub problems: Vec<(Fault, Remark)>,
    /// How many problems there are.
    pub problem_count: usize,
    /// What is worth knowing and no fault.
    pub notes: Vec<Remark>,
    /// The state of each event's signature, in the order of the branch.
    pub signatures: Vec<SignatureState>,
    /// What was verified before.
    pub before: Option<Verified>,
}

impl Verification {
    /// Whether the ledger can be believed.
    pub const fn is_valid(&self) -> bool {
        self.problem_count == 0
    }

    /// How many events carry a valid signature.
    pub fn signed(&self) -> usize {
        self.signers.values().sum()
    }
}

/// Verifies the commits of a ledger, oldest first.
pub fn verify(
    links: &[Link],
    timeline: &Timeline,
    before: Option<Verified>,
    now: DateTime<Utc>,
) -> Verification {
    let mut walk = Walk::default();
    if let Some(before) = &before {
        rewritten(links, before, &mut walk.found);
    }
    walk.keeps_signatures = true;
    walk.go_on(links, timeline, now);
    let mut verification = walk.found;
    // Those about the past were found before those of the walk.
    verification.problems.sort_by_key(|(_, remark)| remark.number.unwrap_or(usize::MAX));
    verification.before = before;
    verification
}

/// A verification that can go on where it ended, when more events have come.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    operations: Operations,
    /// An event belongs to the time of what it was appended to, if its own is earlier: who dates an event back does
    /// not get the rules of that day. A clock that is ahead does not count for others.
    time: DateTime<Utc>,
    /// So many of the first events were found to be signed as they must be before; the hashes vouch for them since.
    vouched: usize,
    keeps_signatures: bool,
    found: Verification,
}

impl Walk {
    /// A walk from the beginning. `before` is what was found valid the last time; `vouched` of `links` need their
    /// signatures not judged again.
    pub fn begin(links: &[Link], before: Option<&Verified>, vouched: usize) -> Self {
        let mut walk = Self { vouched, ..Self::default() };
        if let Some(before) = before {
            rewritten(links, before, &mut walk.found);
        }
        walk
    }

    /// Goes on with the events that follow those of before.
    pub fn go_on(&mut self, links: &[Link], timeline: &Timeline, now: DateTime<Utc>) {
        let found = &mut self.found;
        found.required = timeline.newest().required;
        for (index, link) in links.iter().enumerate() {
            found.events += 1;
            let place = Place { number: found.events, entry: &link.entry };
            self.time = self.time.max(link.entry.at.min(now));
            let rules = timeline.at(self.time);
            form(link, &place, found);
            match fits(&self.operations, &link.entry) {
                Ok(()) => {}
                Err(why) if link.late => {
                    found.note(&place, format!("it waited for the remote and came too late: {why}"));
                }
                Err(why) => {
                    found.problem(Fault::Order, &place, format!("it could not have been appended: {why}"));
                }
            }
            self.operations.apply(&link.entry);
            actor(link, &rules, &place, found);
            if place.number > self.vouched {
                let state = signature(link, &rules, self.time, &place, found);
                if self.keeps_signatures {
                    found.signatures.push(state);
                }
            }
            clock(link, links.get(index + 1), now, &place, found);
        }
        found.unknown = self.operations.unknown;
    }

    /// How it stands.
    pub fn health(&self) -> ChainHealth {
        let first = self.found.problems.iter().min_by_key(|(_, remark)| remark.number.unwrap_or(usize::MAX));
        ChainHealth {
            events: self.found.events,
            problem_count: self.found.problem_count,
            first: first.map(|(_, remark)| remark.clone()),
        }
    }
}

/// Whether a ledger can be believed, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainHealth {
    /// How many events were verified.
    pub events: usize,
    /// How much speaks against them.
    pub problem_count: usize,
    /// The first of that.
    pub first: Option<Remark>,
}

impl ChainHealth {
    /// Whether the ledger can be believed.
    pub const fn is_valid(&self) -> bool {
        self.problem_count == 0
    }
}

/// An event and where it stands.
struct Place<'a> {
    number: usize,
    entry: &'a Entry,
}

impl Place<'_> {
    fn remark(&self, text: String) -> Remark {
        Remark {
            number: Some(self.number),
            commit: self.entry.commit.clone(),
            subject: self.entry.subject.clone(),
            text,
        }
    }
}

impl Verification {
    fn problem(&mut self, fault: Fault, place: &Place<'_>, text: impl Into<String>) {
        self.keep(fault, place.remark(text.into()));
    }

    fn keep(&mut self, fault: Fault, remark: Remark) {
        self.problem_count += 1;
        if self.problems.len() < KEPT {
            self.problems.push((fault, remark));
        }
    }

    fn note(&mut self, place: &Place<'_>, text: String) {
        if self.notes.len() < KEPT {
            self.notes.push(place.remark(text));
        }
    }
}

/// Compares with what was verified before.
fn rewritten(links: &[Link], before: &Verified, found: &mut Verification) {
    if links.get(before.events.wrapping_sub(1)).is_some_and(|link| link.entry.commit == before.tip) {
        return;
    }
    let when = before.at.format("%Y-%m-%d %H:%M UTC");
    let gone = |commit: &CommitId, text: String| Remark {
        number: None,
        commit: commit.clone(),
        subject: String::new(),
        text,
    };
    let Some(chain) = &before.chain else {
        let text =
            format!("the newest event when the ledger was verified on {when} is gone; history was rewritten");
        return found.keep(Fault::Rewritten, gone(&before.tip, text));
    };
    let same = chain.iter().zip(links).take_while(|(known, link)| **known == link.entry.commit).count();
    match (chain.get(same), links.get(same)) {
        (Some(known), Some(link)) => {
            let place = Place { number: same + 1, entry: &link.entry };
            let text = format!(
                "history was rewritten: when the ledger was verified on {when}, {} stood in its place",
                known.short()
            );
            found.problem(Fault::Rewritten, &place, text);
        }
        (Some(known), None) => {
            let count = chain.len() - same;
            let text = format!(
                "history was rewritten: {count} event{} that {} verified on {when} {} gone from the end, this first",
                if count == 1 { "" } else { "s" },
                if count == 1 { "was" } else { "were" },
                if count == 1 { "is" } else { "are" }
            );
            found.keep(Fault::Rewritten, gone(known, text));
        }
        (None, _) => {}
    }
}

/// Its form: linear, without files, one event that its subject line names.
fn form(link: &Link, place: &Place<'_>, found: &mut Verification) {
    if !link.intact {
        found.problem(
            Fault::Altered,
            place,
            "its bytes are not those that its commit id names: they were altered on this disk, or are damaged",
        );
    }
    if link.parents > 1 {
        let text = format!("it joins {} histories, and the ledger is one line", link.parents);
        found.problem(Fault::Merge, place, text);
    }
    if !link.empty_tree {
        found.problem(Fault::Files, place, "it holds files, and the ledger has none");
    }
    match &link.entry.body {
        EntryBody::Known(happening) => {
            let named = clean(&format!("{}({})", happening.kind(), happening.about()));
            // Where a name is too long for the line, only its beginning stands there.
            let subject = link.entry.subject.trim_end_matches('…');
            let fits = subject.starts_with(&named) || subject.len() > 90 && named.starts_with(subject);
            if !fits {
                found.problem(
                    Fault::Form,
                    place,
                    format!("its body says {named}, and its subject line does not"),
                );
            }
        }
        EntryBody::Unknown { kind, text } => match strangeness(text) {
            Strangeness::Newer => {}
            Strangeness::NoEvent => found.problem(Fault::Form, place, "its message holds no event"),
            Strangeness::Malformed(why) => {
                found.problem(Fault::Form, place, format!("it cannot be read as {}: {why}", clean(kind)));
            }
        },
    }
}

/// Who did it: author and committer are one person, and may do this at all.
fn actor(link: &Link, rules: &SigningRules, place: &Place<'_>, found: &mut Verification) {
    let author = &link.entry.actor;
    if !is_same(author, &link.committer, &rules.people) {
        let text =
            format!("it names {} as who did it, and {} committed it", shown(author), shown(&link.committer));
        found.problem(Fault::Actor, place, text);
    }
    if let EntryBody::Known(happening) = &link.entry.body
        && let Some(did) = needs_a_person(happening)
        && rules.people.by_email(&author.email).is_none()
    {
        let text = format!("{} {did}, who was nobody of policies/teams.toml then", shown(author));
        found.problem(Fault::Actor, place, text);
    }
}

/// What only a person of `policies/teams.toml` does, in words.
const fn needs_a_person(happening: &Happening) -> Option<&'static str> {
    match happening {
        Happening::ChangeApproved { .. } | Happening::DeploymentApproved { .. } => Some("approved"),
        Happening::ChangesRequested { .. } => Some("requested changes"),
        Happening::GlassSeconded { .. } => Some("agreed to breaking the glass"),
        _ => None,
    }
}

fn is_same(one: &Identity, other: &Identity, people: &People) -> bool {
    one.email.eq_ignore_ascii_case(&other.email)
        || people.by_email(&one.email).is_some_and(|person| {
            people.by_email(&other.email).is_some_and(|found| found.handle == person.handle)
        })
}

fn shown(identity: &Identity) -> String {
    clean(&format!("{} <{}>", identity.name, identity.email))
}

/// Its signature, by the rules of its time.
fn signature(
    link: &Link,
    rules: &SigningRules,
    time: DateTime<Utc>,
    place: &Place<'_>,
    found: &mut Verification,
) -> SignatureState {
    let author = &link.entry.actor;
    let state = judge(&link.seal, &rules.addresses(author), &rules.signers, time);
    let fault = match &state {
        SignatureState::Valid { .. } => {
            *found.signers.entry(author.email.to_lowercase()).or_default() += 1;
            None
        }
        SignatureState::Foreign { by, .. } => {
            Some(format!("it names {} as who did it, and {} signed it", shown(author), clean(by)))
        }
        SignatureState::Bad(why) => Some(why.clone()),
        SignatureState::Unsigned => {
            found.unsigned += 1;
            rules.required.then(|| "it is not signed, and signatures were required".to_owned())
        }
        SignatureState::Unknown { key, why } => {
            found.unproven += 1;
            rules.required.then(|| format!("it is signed with {key}, and {why}"))
        }
        SignatureState::Unchecked(why) => {
            found.unproven += 1;
            rules.required.then(|| format!("its signature could not be checked: {why}"))
        }
    };
    if let Some(text) = fault {
        found.problem(Fault::Signature, place, text);
    }
    state
}

/// Clocks that differ are told. The fold goes by the order of the branch and not by time.
fn clock(link: &Link, next: Option<&Link>, now: DateTime<Utc>, place: &Place<'_>, found: &mut Verification) {
    const ORDER: &str = "the order of the branch holds, not the time";
    let at = link.entry.at;
    let (ahead, of) = match next {
        _ if at - now > CLOCK_TOLERANCE => (at - now, "this machine's clock"),
        // An event that waited is dated before what it follows, and was committed after it.
        Some(next) if at - next.committed_at.max(next.entry.at) > CLOCK_TOLERANCE => {
            (at - next.committed_at.max(next.entry.at), "the event after it")
        }
        _ => return,
    };
    let ahead = format_duration(Duration::seconds(ahead.num_seconds()));
    found.note(place, format!("it is dated {ahead} ahead of {of}; {ORDER}"));
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
