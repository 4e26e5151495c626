//! Changes: what a proposal does to the catalog, how risky it is, and what it still needs.

mod claim;
mod classify;
mod digest;
mod gates;
mod kept;
mod seals;
#[cfg(test)]
mod tests;
mod timeline;

pub use classify::*;
pub use digest::{FilePatch, Patch};
pub use gates::*;
pub use kept::{Unread, name as kept_name, write as kept_text};
pub use seals::{Seals, Unproven, deciding};
pub use timeline::{Said, SaidKind, timeline};

use super::{
    catalog::Catalog,
    deployment::{proof, record::DeploymentRecord},
    finding::{Finding, Level},
    forge::Request,
    gate::{Gate, GateState, GateStatus},
    graph::DependencyGraph,
    impact::{Harm, Impact},
    ledger::{ChangeRecord, Operations},
    name::{ChangeId, CommitId, PersonName, ServiceName},
    people::{People, Person},
    signature::SignatureState,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// A person as Git names one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Full name.
    pub name: String,
    /// E-mail address; who somebody is is decided by it.
    pub email: String,
}

/// What kind of change it is, told from the catalog's difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeClass {
    /// Only texts, and how services are watched.
    Other,
    /// Patch version; low risk.
    Bugfix,
    /// Minor version or a new service; medium risk.
    Feature,
    /// Towards deprecated; needs a migration.
    Deprecation,
    /// Towards retired, or gone after it; nobody may need it any more.
    Retirement,
    /// Major version, or a service that is gone; high risk.
    Breaking,
    /// Files below `policies/`, and the settings in `quarterdeck.toml` that decide about others.
    Policy,
    /// Files below `infrastructure/`.
    Infrastructure,
}

impl ChangeClass {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Bugfix => "bugfix",
            Self::Feature => "feature",
            Self::Deprecation => "deprecation",
            Self::Retirement => "retirement",
            Self::Breaking => "breaking",
            Self::Policy => "policy",
            Self::Infrastructure => "infrastructure",
        }
    }

    /// The seed's table of risk: patch low, minor medium, major high; policy and infrastructure touch everybody.
    pub const fn risk(self) -> &'static str {
        match self {
            Self::Other | Self::Bugfix => "low",
            Self::Feature | Self::Deprecation | Self::Retirement => "medium",
            Self::Breaking | Self::Policy | Self::Infrastructure => "high",
        }
    }
}

impl fmt::Display for ChangeClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A proposal as Git knows it, before anything is concluded from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its id.
    pub id: ChangeId,
    /// Full branch name without the remote (`change/…`).
    pub branch: String,
    /// Where the branch stands.
    pub head: CommitId,
    /// Merge base with the main branch.
    pub base: CommitId,
    /// Authors of its commits, each once.
    pub authors: Vec<Identity>,
    /// Committer of the head: whoever pushed last, as far as Git tells.
    pub last_committer: Identity,
    /// Subject of the head commit.
    pub subject: String,
    /// Messages of its commits, the newest first.
    pub messages: Vec<String>,
    /// When the head was committed.
    pub committed_at: DateTime<Utc>,
    /// When the first commit beyond the base was made.
    pub opened_at: DateTime<Utc>,
    /// Paths that differ from the base.
    pub paths: Vec<String>,
    /// What Git has at these paths, before and after: mode and object id (`100644 1a2b…`).
    pub objects: BTreeMap<String, [Option<String>; 2]>,
}

impl Proposal {
    /// What it is about: the subject of its first commit. Those after it mend what reviewers found.
    pub fn about(&self) -> &str {
        let first = self.messages.last().and_then(|message| message.lines().next());
        first.map(str::trim).filter(|line| !line.is_empty()).unwrap_or(&self.subject)
    }
}

/// One field of a service that a change alters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Which service.
    pub service: ServiceName,
    /// Dotted key.
    pub field: String,
    /// Before; `None` for new.
    pub old: Option<String>,
    /// After; `None` for removed.
    pub new: Option<String>,
}

/// A change under review, with everything concluded about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What Git says.
    pub proposal: Proposal,
    /// Its class.
    pub class: ChangeClass,
    /// Whether any part of it breaks consumers, whatever the class.
    pub breaking: bool,
    /// Services it touches.
    pub services: Vec<ServiceName>,
    /// Difference of the catalogs.
    pub fields: Vec<FieldChange>,
    /// Difference of the files.
    pub patch: Arc<Patch>,
    /// What it does to everybody else.
    pub harm: HarmCount,
    /// What validation found at its head.
    pub findings: Arc<Vec<Finding>>,
    /// Its gates.
    pub gates: Vec<GateStatus>,
    /// Who wants it done otherwise, the oldest first.
    pub wishes: Vec<Wish>,
    /// How what decides about it is signed.
    pub seals: Arc<Seals>,
    /// How the approvals that opened its gates are signed, as far as it was looked at.
    pub signatures: BTreeMap<Gate, SignatureState>,
    /// Approvals that do not count because of their signatures.
    pub unproven: Vec<Unproven>,
    /// Its pull or merge request, where a forge has one.
    pub request: Option<Arc<Request>>,
}

/// The open changes, with the people who may approve them: those of the main branch, so that a change
/// or an unfinished edit in a working tree appoints nobody.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Review {
    /// Who is who on the main branch.
    pub people: People,
    /// The open changes.
    pub changes: Vec<Change>,
    /// How what was decided about them and about open deployments is signed.
    pub seals: Arc<Seals>,
}

impl Review {
    /// Of what was said about a deployment, what counts.
    pub fn proven(&self, record: &DeploymentRecord) -> DeploymentRecord {
        proof::proven(record, &self.seals)
    }
}

/// How many others a change harms, if it is merged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarmCount {
    /// Services that would break.
    pub breaks: usize,
    /// Services that are at risk.
    pub at_risk: usize,
}

/// A request for changes by somebody whose word counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Whose.
    pub by: PersonName,
    /// When.
    pub at: DateTime<Utc>,
    /// What is to be done.
    pub note: String,
    /// Whether the change became another one since. It blocks no longer then, and is still to be looked at.
    pub answered: bool,
}

/// What the two ends of a proposal say, whoever may approve it and whatever was said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// Its class.
    pub class: ChangeClass,
    /// Whether any part of it breaks consumers, whatever the class.
    pub breaking: bool,
    /// Services it touches.
    pub services: Vec<ServiceName>,
    /// Difference of the catalogs.
    pub fields: Vec<FieldChange>,
    /// Difference of the files.
    pub patch: Arc<Patch>,
    /// What it does to everybody else.
    pub harm: HarmCount,
    /// What validation found at its head.
    pub findings: Arc<Vec<Finding>>,
    /// What its head says of the touched services.
    pub marks: HeadMarks,
}

/// Concludes everything from the two ends of a proposal.
///
/// `base` and `head` are the catalogs at the proposal's merge base and head, `graph` that of the head. `findings` are
/// what validation found at the head.
pub fn conclude(
    proposal: &Proposal,
    base: &Catalog,
    head: &Catalog,
    graph: &DependencyGraph,
    findings: Vec<Finding>,
) -> Conclusion {
    let classification = classify(base, head, &proposal.paths);
    let findings = claim::added(Arc::new(findings), proposal, &classification, base);
    let patch = Arc::new(digest::patch(proposal, &classification.fields, base, head));
    let Classification { class, breaking, services, fields } = classification;
    let harm = if services.is_empty() {
        HarmCount::default()
    } else {
        let counts = Impact::count_change(base, head, graph, &services);
        let count = |harm| counts.get(&harm).copied().unwrap_or_default();
        HarmCount { breaks: count(Harm::Breaks), at_risk: count(Harm::AtRisk) }
    };
    let marks = HeadMarks::of(&services, head);
    Conclusion { class, breaking, services, fields, patch, harm, findings, marks }
}

/// A change of what was concluded. `main` is the main branch's catalog, which alone says who may approve; `seals` say
/// how what the ledger has of it is signed.
pub fn assemble(
    proposal: Proposal,
    conclusion: &Conclusion,
    main: &Catalog,
    operations: &Operations,
    seals: Arc<Seals>,
) -> Change {
    let Conclusion { class, breaking, services, fields, patch, harm, findings, marks } = conclusion.clone();
    let gates = gates::needed(&services, breaking, main, &marks);
    let mut change = Change {
        proposal,
        class,
        breaking,
        services,
        fields,
        patch,
        harm,
        findings,
        gates,
        wishes: Vec::new(),
        seals,
        signatures: BTreeMap::new(),
        unproven: Vec::new(),
        request: None,
    };
    change.judge(&main.people, operations);
    change
}

impl Change {
    /// Judges gates and requests for changes anew, by the ledger and by the people of the main branch.
    pub fn judge(&mut self, people: &People, operations: &Operations) {
        let none = ChangeRecord::default();
        let record = operations.changes.get(&self.proposal.id).unwrap_or(&none);
        let sifted = self.seals.sift(record);
        let states = gate_states(&self.gates, &self.proposal, self.digest(), people, &sifted.approvals);
        for (gate, state) in self.gates.iter_mut().zip(states) {
            gate.state = state;
        }
        // An approval that does not count answers no request either.
        self.wishes = wishes(&self.gates, &self.proposal, self.digest(), people, &sifted);
        self.note_signatures(people, record);
    }

    /// SHA-256 over all that it alters, in hexadecimal digits: what an approval is bound to.
    pub fn digest(&self) -> &str {
        &self.patch.digest
    }

    /// How many findings block the merge.
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.level == Level::Error).count()
    }

    /// Whether an approval must answer the reviewer's five questions: it breaks somebody, or touches everybody.
    pub fn needs_answers(&self) -> bool {
        self.breaking || self.class.risk() == "high"
    }

    /// The gate that `operator` would approve: the first that waits for somebody like them, else the code review.
    pub fn gate_for(&self, people: &People, operator: &Identity) -> Gate {
        let person = people.by_email(&operator.email);
        let fills = |person: &Person| {
            let by = |status: &GateStatus| matches!(&status.state, GateState::Approved { by, .. } if *by == person.handle);
            self.gates.iter().any(by)
        };
        let waits = |person: &Person| {
            self.gates.iter().find(|status| {
                !status.is_approved() && objection(person, people, &self.proposal, &status.teams).is_none()
            })
        };
        let gate = person.filter(|person| !fills(person)).and_then(waits);
        gate.map_or(Gate::CodeReview, |status| status.gate)
    }

    /// What stands against merging, in a few words (`2 errors, code-review open`); `None` when nothing does.
    pub fn blocked(&self) -> Option<String> {
        let mut reasons = Vec::new();
        match self.errors() {
            0 => {}
            1 => reasons.push("1 error".to_owned()),
            many => reasons.push(format!("{many} errors")),
        }
        for status in &self.gates {
            match status.state {
                GateState::Approved { .. } => {}
                GateState::Open if self.unproven_of(status.gate).next().is_some() => {
                    reasons.push(format!("{} unproven", status.gate));
                }
                GateState::Open => reasons.push(format!("{} open", status.gate)),
                GateState::Fallen { .. } => reasons.push(format!("{} fell with the new head", status.gate)),
            }
        }
        for wish in self.wishes.iter().filter(|wish| !wish.answered) {
            reasons.push(format!("{} requests changes", wish.by));
        }
        (!reasons.is_empty()).then(|| reasons.join(", "))
    }
}
