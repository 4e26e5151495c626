//! What a commit on the main branch says of itself. Its trailers are enough to make the ledger's event from it, so
//! that a run that was cut off between the two can be finished.

use super::{Ancestor, Approver, Release};
use crate::domain::{
    change::{Change, ChangeClass},
    finding::Finding,
    ledger::Merged,
    name::{ChangeId, CommitId, ServiceName},
    text::{clean, fit},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, de::IntoDeserializer, de::value};
use std::fmt::Write as _;

/// How long a subject may be, in terminal cells.
const SUBJECT_WIDTH: usize = 100;
/// How many fields a message lists.
const LISTED: usize = 40;

const CHANGE: &str = "Change-Id";
const HEAD: &str = "Change-Head";
const CLASS: &str = "Change-Type";
const SERVICES: &str = "Change-Services";
const REQUEST: &str = "Change-Request";
const APPROVED: &str = "Approved-by";
const APPROVAL: &str = "Approval";
const TAG: &str = "Release-Tag";
const GLASS: &str = "Break-Glass";
const TIP: &str = "Ledger-Tip";
pub(super) const REVERTED: &str = "Reverts-Commit";
pub(super) const REASON: &str = "Reason";
pub(super) const RESTORES: &str = "Restores-Commit";
pub(super) const DETECTED: &str = "Detected-At";

/// The trailers of a message: the lines of its last paragraph that are a key and a value.
pub struct Trailers<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Trailers<'a> {
    /// Reads them; a message of one paragraph has none.
    pub fn of(message: &'a str) -> Self {
        let message = message.trim_end();
        let Some((_, last)) = message.rsplit_once("\n\n") else { return Self(Vec::new()) };
        Self(
            last.lines()
                .filter_map(|line| line.split_once(": "))
                .map(|(key, value)| (key, value.trim()))
                .collect(),
        )
    }

    /// The first value of a key.
    pub fn one(&self, key: &str) -> Option<&'a str> {
        self.all(key).next()
    }

    /// All values of a key.
    pub fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| *known == key).map(|(_, value)| *value)
    }
}

/// What a merge's message is made from.
pub struct Facts<'a> {
    /// The change, with its gates as the ledger has them.
    pub change: &'a Change,
    /// What it releases.
    pub releases: &'a [Release],
    /// Who opened its gates.
    pub approvals: &'a [Approver],
    /// The ledger's newest event when the merge was planned.
    pub tip: Option<&'a CommitId>,
    /// The forge's request that is merged.
    pub request: Option<u64>,
    /// Whether it goes past its gates.
    pub break_glass: bool,
}

/// What a conventional commit of this class begins with.
const fn kind(class: ChangeClass) -> &'static str {
    match class {
        ChangeClass::Bugfix => "fix",
        ChangeClass::Feature | ChangeClass::Breaking | ChangeClass::Deprecation | ChangeClass::Retirement => {
            "feat"
        }
        ChangeClass::Other | ChangeClass::Policy | ChangeClass::Infrastructure => "chore",
    }
}

/// The words of a subject without a conventional prefix that it may have.
pub fn words(subject: &str) -> &str {
    let Some((prefix, rest)) = subject.split_once(": ") else { return subject };
    let name = prefix.trim_end_matches('!');
    let name =
        name.split_once('(').map_or(name, |(name, scope)| if scope.ends_with(')') { name } else { "" });
    let is_kind = !name.is_empty() && name.chars().all(|character| character.is_ascii_lowercase());
    if is_kind && !rest.trim().is_empty() { rest.trim() } else { subject }
}

/// The first line of a merge: `feat(shared-auth)!: tokens of the second generation only`.
pub fn subject(change: &Change) -> String {
    let scope = match change.services.as_slice() {
        [] => String::new(),
        few @ ([_] | [_, _] | [_, _, _]) => {
            let names: Vec<&str> = few.iter().map(ServiceName::as_str).collect();
            format!("({})", names.join(","))
        }
        many => format!("({} services)", many.len()),
    };
    let mark = if change.class == ChangeClass::Breaking { "!" } else { "" };
    let said = clean(change.proposal.about());
    let line = format!("{}{scope}{mark}: {}", kind(change.class), words(said.trim()));
    fit(line.trim(), SUBJECT_WIDTH)
}

/// One trailer. The value is one clean line, so that no name and no reason can add trailers of its own.
fn trailer(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key}: {}", clean(value).trim());
}

/// What a merge's commit says: class and risk, the fields that change, who approved, and where the ledger stood.
pub fn merge_message(facts: &Facts<'_>) -> String {
    let change = facts.change;
    let proposal = &change.proposal;
    let mut out = format!("{}\n\n", subject(change));
    let _ = writeln!(out, "{} change, {} risk.", change.class, change.class.risk());
    if !change.fields.is_empty() {
        out.push('\n');
        for field in change.fields.iter().take(LISTED) {
            let side = |value: &Option<String>| value.as_deref().map_or("(none)".to_owned(), clean);
            let line =
                format!("- {} {}: {} → {}", field.service, field.field, side(&field.old), side(&field.new));
            let _ = writeln!(out, "{}", fit(&clean(&line), 160));
        }
        if change.fields.len() > LISTED {
            let _ = writeln!(out, "- and {} more", change.fields.len() - LISTED);
        }
    }
    out.push('\n');
    trailer(&mut out, CHANGE, proposal.id.as_str());
    trailer(&mut out, HEAD, proposal.head.as_str());
    trailer(&mut out, CLASS, change.class.as_str());
    if !change.services.is_empty() {
        let names: Vec<&str> = change.services.iter().map(ServiceName::as_str).collect();
        trailer(&mut out, SERVICES, &names.join(", "));
    }
    if let Some(number) = facts.request {
        trailer(&mut out, REQUEST, &number.to_string());
    }
    for release in facts.releases {
        trailer(&mut out, TAG, &release.tag);
    }
    for author in &proposal.authors {
        trailer(&mut out, "Co-authored-by", &format!("{} <{}>", author.name, author.email));
    }
    for approver in facts.approvals {
        let Approver { gate, by, approval } = approver;
        trailer(&mut out, APPROVED, &format!("{} <{}> ({gate})", by.name, by.email));
        trailer(&mut out, APPROVAL, approval.as_str());
    }
    if facts.break_glass {
        trailer(&mut out, GLASS, "yes");
    }
    if let Some(tip) = facts.tip {
        trailer(&mut out, TIP, tip.as_str());
    }
    out
}

/// The merge that a commit of the main branch says it is; `None` for any other commit.
pub fn merged_of(main: &str, ancestor: &Ancestor) -> Option<Merged> {
    let trailers = Trailers::of(&ancestor.message);
    let class: value::StrDeserializer<'_, value::Error> = trailers.one(CLASS)?.into_deserializer();
    Some(Merged {
        change: trailers.one(CHANGE)?.into(),
        class: ChangeClass::deserialize(class).ok()?,
        branch: main.to_owned(),
        head: trailers.one(HEAD)?.into(),
        onto: ancestor.parent.clone()?,
        commit: ancestor.commit.clone(),
        services: trailers
            .one(SERVICES)
            .map_or_else(Vec::new, |names| names.split(", ").map(Into::into).collect()),
        tags: trailers.all(TAG).map(str::to_owned).collect(),
        approvals: trailers.all(APPROVAL).map(Into::into).collect(),
        request: trailers.one(REQUEST).and_then(|number| number.parse().ok()),
        break_glass: trailers.one(GLASS).is_some(),
    })
}

/// What a release's tag says: the release notes.
pub fn release_notes(release: &Release, change: &Change) -> String {
    let Release { service, version, .. } = release;
    let said = clean(change.proposal.about());
    let mut out = format!("{service} {version}: {}\n\n", words(said.trim()));
    if let Some(from) = &release.from {
        let _ = writeln!(out, "From {from}; {} change, {} risk.", change.class, change.class.risk());
    } else {
        let _ = writeln!(out, "The first release; {} change.", change.class);
    }
    let own = change.fields.iter().filter(|field| field.service == *service && field.field != "version");
    for (index, field) in own.take(LISTED).enumerate() {
        if index == 0 {
            out.push('\n');
        }
        let side = |value: &Option<String>| value.as_deref().map_or("(none)".to_owned(), clean);
        let _ = writeln!(out, "- {}: {} → {}", field.field, side(&field.old), side(&field.new));
    }
    out.push('\n');
    trailer(&mut out, CHANGE, change.proposal.id.as_str());
    out
}

/// Whether a tag's message says that it belongs to a change.
pub fn is_tag_of(message: &str, change: &ChangeId) -> bool {
    Trailers::of(message).one(CHANGE) == Some(change.as_str())
}

/// What a commit says that takes a merged change back.
pub fn revert_message(merged: &Merged, subject: &str, reason: &str) -> String {
    let said = clean(subject);
    let mut out = fit(&format!("revert: {}", words(said.trim())), SUBJECT_WIDTH);
    let _ = writeln!(out, "\n\nThis takes {} back, which was merged as {}.\n", merged.change, merged.commit);
    trailer(&mut out, REVERTED, merged.commit.as_str());
    trailer(&mut out, "Reverts-Change", merged.change.as_str());
    trailer(&mut out, REASON, reason);
    out
}

/// What a commit says that brings a broken main branch back.
pub fn restore_message(good: &CommitId, errors: &[Finding], detected_at: DateTime<Utc>) -> String {
    let mut out = format!("restore: all files as they were at {}\n\n", good.short());
    for finding in errors.iter().take(LISTED) {
        let place = finding.location().map(|place| format!("{place}: ")).unwrap_or_default();
        let _ =
            writeln!(out, "- {}", fit(&clean(&format!("{place}{} {}", finding.code, finding.message)), 160));
    }
    out.push('\n');
    trailer(&mut out, RESTORES, good.as_str());
    trailer(&mut out, DETECTED, &detected_at.to_rfc3339_opts(SecondsFormat::Millis, true));
    trailer(&mut out, REASON, &reason(errors));
    out
}

/// The errors of a broken main branch in a few words.
pub fn reason(errors: &[Finding]) -> String {
    let Some(first) = errors.first() else { return "it does not validate".to_owned() };
    let place = first.location().map(|place| format!("{place}: ")).unwrap_or_default();
    let more = match errors.len() {
        1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    fit(&clean(&format!("{place}{} {}", first.code, first.message)), 160) + &more
}
