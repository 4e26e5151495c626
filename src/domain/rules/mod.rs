//! Validation rules: one file each, and the table that lists them.

pub mod reading;

use crate::domain::{
    catalog::Catalog,
    finding::{Finding, Level},
    graph::DependencyGraph,
};
use chrono::NaiveDate;

/// What a rule may look at.
#[derive(Debug)]
pub struct Context<'a> {
    /// The repository as it would be.
    pub head: &'a Catalog,
    /// The repository as it is on the main branch; `None` when there is nothing to compare with.
    pub base: Option<&'a Catalog>,
    /// Dependencies of `head`.
    pub graph: &'a DependencyGraph,
    /// The day of the check, UTC.
    pub today: NaiveDate,
}

/// One thing that can be wrong: its documentation, and how it is found.
#[derive(Debug)]
pub struct Rule {
    /// Stable code, `QD201`.
    pub code: &'static str,
    /// Name in words, `missing-dependency`.
    pub name: &'static str,
    /// How much it matters unless `[rules]` of `quarterdeck.toml` says otherwise.
    pub level: Level,
    /// What is wrong, in one sentence.
    pub summary: &'static str,
    /// Why it matters and what to do.
    pub help: &'static str,
    /// Finds it; `None` for what the reader finds while reading.
    pub check: Option<fn(&Context<'_>) -> Vec<Finding>>,
}

impl Rule {
    /// A finding of this rule, without a place yet.
    pub fn finding(&self, message: impl Into<String>) -> Finding {
        Finding {
            code: self.code,
            name: self.name,
            level: self.level,
            message: message.into(),
            labels: Vec::new(),
            help: None,
        }
    }
}

/// All rules in the order of their codes.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    reading::ALL.iter().copied().chain(RULES.iter().copied())
}

/// The rule of a code.
pub fn find(code: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.code == code)
}

/// Everything that is checked once the files are read.
pub static RULES: &[&Rule] = &[];

/// TEMPORARY until the catalog branch is merged.
pub fn check(
    head: &crate::domain::catalog::Catalog,
    _: Option<&crate::domain::catalog::Catalog>,
    _: chrono::NaiveDate,
) -> Vec<crate::domain::finding::Finding> {
    head.findings.clone()
}
