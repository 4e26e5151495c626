//! Validation rules: one file each, and the table that lists them.

mod breaking_change;
mod breaking_without_notice;
mod compatibility_above_version;
mod consumers_disagree;
mod dependency_cycle;
mod deprecated_without_replacement;
mod missing_dependency;
mod missing_optional_dependency;
pub mod reading;
mod removed_in_use;
mod self_dependency;
#[cfg(test)]
mod tests;
mod unknown_environment;
mod unknown_escalation_target;
mod unknown_person;
mod unknown_team;
mod unmet_requirement;

use crate::domain::{
    catalog::Catalog,
    finding::{Finding, Level, Span},
    graph::DependencyGraph,
    text::nearest,
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

impl Context<'_> {
    /// `finding` with one more place in `head`.
    fn place(&self, finding: Finding, span: &Span, text: impl Into<String>) -> Finding {
        match self.head.label(span, text) {
            Some(label) => finding.at(label),
            None => finding,
        }
    }

    /// As [`Self::place`], but only the entry of a list that reads `entry`, if it is found there.
    fn place_entry(&self, finding: Finding, list: &Span, entry: &str) -> Finding {
        let Some(mut label) = self.head.label(list, "") else { return finding };
        let text = label.file.text.get(label.start..label.end).unwrap_or_default();
        let quoted = ['"', '\'']
            .iter()
            .flat_map(|quote| [format!("{quote}{entry}{quote}"), format!("{quote}@{entry}{quote}")])
            .find_map(|quoted| text.find(&quoted).map(|at| (at, quoted.len())));
        if let Some((at, length)) = quoted {
            label.start += at;
            label.end = label.start + length;
        }
        finding.at(label)
    }
}

/// The sentence that names what was probably meant.
fn suggest<'a, N: AsRef<str> + ?Sized + 'a>(
    text: impl AsRef<str>,
    known: impl IntoIterator<Item = &'a N>,
) -> Option<String> {
    nearest(text.as_ref(), known.into_iter().map(AsRef::as_ref))
        .map(|meant| format!("did you mean `{meant}`?"))
}

/// Names as a sentence lists them, the first five and how many more: a shared service has many users.
fn list(names: &[String]) -> String {
    match names.len() {
        0..=6 => names.join(", "),
        all => format!("{} and {} more", names[..5].join(", "), all - 5),
    }
}

/// Everything that is wrong with `head`, and with the step from `base` to it: what reading found and
/// what the rules find, with the repository's own levels, errors first.
///
/// `today` is the day of the check in UTC; notice periods run against it.
pub fn check(head: &Catalog, base: Option<&Catalog>, today: NaiveDate) -> Vec<Finding> {
    let graph = DependencyGraph::build(head);
    let context = Context { head, base, graph: &graph, today };
    let mut findings = head.findings.clone();
    findings.extend(RULES.iter().filter_map(|rule| rule.check).flat_map(|check| check(&context)));
    findings.retain_mut(|finding| match head.settings.rules.get(finding.code) {
        None => true,
        Some(None) => false,
        Some(Some(level)) => {
            finding.level = *level;
            true
        }
    });
    findings.sort_by(Finding::order);
    findings
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
pub static RULES: &[&Rule] = &[
    &missing_dependency::RULE,
    &missing_optional_dependency::RULE,
    &dependency_cycle::RULE,
    &self_dependency::RULE,
    &unmet_requirement::RULE,
    &compatibility_above_version::RULE,
    &consumers_disagree::RULE,
    &deprecated_without_replacement::RULE,
    &unknown_team::RULE,
    &unknown_escalation_target::RULE,
    &unknown_person::RULE,
    &unknown_environment::RULE,
    &removed_in_use::RULE,
    &breaking_change::RULE,
    &breaking_without_notice::RULE,
];
