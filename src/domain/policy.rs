//! What the organisation demands: `policies/security.toml` and `policies/compliance.toml`.

use super::{
    expression::About,
    finding::{Level, Span},
    name::PersonName,
};
use chrono::NaiveDate;

/// A condition in CEL as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its text.
    pub text: String,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// `[[rule]]`, or a control of a framework: a condition that every subject must meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRule {
    /// What it is called: its name, or the id of the control.
    pub name: String,
    /// The framework that it belongs to.
    pub framework: Option<String>,
    /// What it is about.
    pub about: About,
    /// Of which subjects it speaks; of all unless said.
    pub applies: Option<Condition>,
    /// What must hold.
    pub condition: Condition,
    /// What is said when it does not hold.
    pub message: Option<String>,
    /// How much it matters.
    pub level: Level,
}

/// `[[exemption]]`: findings of a rule that are accepted for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// The code of the rule.
    pub rule: String,
    /// What the findings are about; everything unless said.
    pub subject: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Who accepted it.
    pub approver: PersonName,
    /// The last day on which it holds; `None` where the date cannot be read.
    pub expires: Option<NaiveDate>,
    /// Where its rule is named.
    pub rule_span: Span,
    /// Where its approver is named.
    pub approver_span: Span,
    /// Where its last day is named.
    pub expires_span: Span,
}

impl Exemption {
    /// Whether it grants the very same: its words may be put better, and its place may move.
    pub fn grants_the_same(&self, other: &Self) -> bool {
        self.rule == other.rule
            && self.subject == other.subject
            && self.approver == other.approver
            && self.expires == other.expires
    }
}

/// All policies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies {
    /// Registries that images may come from; any where it is not said.
    pub allowed_registries: Option<Vec<String>>,
    /// Ports nobody may listen on.
    pub forbidden_ports: Vec<u16>,
    /// Privileges nobody may have.
    pub forbidden_privileges: Vec<String>,
    /// Tags that come to mean another image; `latest` where it is not said.
    pub mutable_tags: Option<Vec<String>>,
    /// Whether sensitive and critical services must say who reaches them and whom they reach.
    pub require_network_policy: bool,
    /// Whether sensitive and critical services need the digest of their image.
    pub require_digest: bool,
    /// Accepted findings.
    pub exemptions: Vec<Exemption>,
    /// Rules of one's own and the controls of all frameworks.
    pub rules: Vec<PolicyRule>,
}

/// The tag that always means the newest image.
const NEWEST: &[&str] = &["latest"];

impl Policies {
    /// What these and those demand together, of what is counted or switched: lists of what is forbidden grow, lists of
    /// what is allowed shrink. Rules and exemptions stay those of `self`.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        fn union<T: Clone + PartialEq>(one: &[T], two: &[T]) -> Vec<T> {
            one.iter().chain(two.iter().filter(|entry| !one.contains(entry))).cloned().collect()
        }
        let allowed_registries = match (&self.allowed_registries, &other.allowed_registries) {
            (Some(one), Some(two)) => Some(one.iter().filter(|entry| two.contains(entry)).cloned().collect()),
            (one, two) => one.clone().or_else(|| two.clone()),
        };
        let tags = |policies: &Self| match &policies.mutable_tags {
            Some(tags) => tags.clone(),
            None => NEWEST.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        Self {
            allowed_registries,
            forbidden_ports: union(&self.forbidden_ports, &other.forbidden_ports),
            forbidden_privileges: union(&self.forbidden_privileges, &other.forbidden_privileges),
            mutable_tags: Some(union(&tags(self), &tags(other))),
            require_network_policy: self.require_network_policy || other.require_network_policy,
            require_digest: self.require_digest || other.require_digest,
            exemptions: self.exemptions.clone(),
            rules: self.rules.clone(),
        }
    }

    /// Whether a tag may come to mean another image.
    pub fn is_mutable(&self, tag: &str) -> bool {
        match &self.mutable_tags {
            Some(tags) => tags.iter().any(|known| known == tag),
            None => NEWEST.contains(&tag),
        }
    }
}
