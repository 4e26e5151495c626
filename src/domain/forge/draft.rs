//! What is written to a forge about a change: its request, and the issues in the projects that it breaks.

use super::{ForgeSettings, IssueDraft, fenced};
use crate::domain::{
    change::{Change, ChangeClass, FieldChange},
    finding::Finding,
    gate::GateStatus,
    impact::{Affected, Harm, Impact},
    name::{ChangeId, CommitId, ProjectName},
    text,
};
use std::{collections::BTreeMap, fmt::Write as _};

/// How long a title may be, in terminal cells.
const TITLE: usize = 200;
/// How many findings an issue lists.
const LISTED: usize = 20;

/// What a change is, in the lines of a request.
pub fn described(
    class: ChangeClass,
    impact: Option<&str>,
    fields: &[FieldChange],
    gates: &[GateStatus],
) -> String {
    let mut words = format!("Class: {class}, {} risk\n", class.risk());
    if let Some(impact) = impact {
        let _ = writeln!(words, "Impact: {impact}");
    }
    for field in fields {
        let value = |side: &Option<String>| side.clone().unwrap_or_else(|| "–".to_owned());
        let (old, new) = (value(&field.old), value(&field.new));
        let _ = writeln!(words, "{} {}: {old} → {new}", field.service, field.field);
    }
    for status in gates {
        let _ = writeln!(words, "Gate: {}", status.gate);
    }
    words
}

/// A pull or merge request that is to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestDraft {
    /// The branch to be merged.
    pub branch: String,
    /// The branch to merge into.
    pub base: String,
    /// Its title, on one line.
    pub title: String,
    /// Its text.
    pub body: String,
}

impl RequestDraft {
    /// A request; what others have written stands in its text as a block without power.
    pub fn new(branch: &str, base: &str, title: &str, note: Option<&str>, words: &str) -> Self {
        let note = note.map_or_else(String::new, |note| format!("{}\n\n", text::clean_lines(note)));
        Self {
            branch: branch.to_owned(),
            base: base.to_owned(),
            title: text::fit(&text::clean(title), TITLE),
            body: format!("{}\nProposed with quarterdeck.\n", fenced(&format!("{note}{words}"))),
        }
    }

    /// The request of a change that is open as a branch already.
    pub fn of_change(change: &Change, main: &str) -> Self {
        let proposal = &change.proposal;
        let words = described(change.class, None, &change.fields, &change.gates);
        Self::new(&proposal.branch, main, &proposal.subject, None, &words)
    }
}

/// A project that a change breaks, with the issue that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectIssue {
    /// Which project.
    pub project: ProjectName,
    /// The issue in its repository.
    pub issue: IssueDraft,
}

/// What projects are told of a change that breaks them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Which change.
    pub change: ChangeId,
    /// The head that was looked at.
    pub head: CommitId,
    /// The issues, by project.
    pub issues: Vec<ProjectIssue>,
    /// Projects that are broken and whose repository is not known.
    pub silent: Vec<ProjectName>,
    /// On which forge.
    pub forge: ForgeSettings,
}

/// The issues of a change that breaks others: one for each project whose services break or fall and whose
/// repository the settings name; and the projects without one.
pub fn announcement(
    settings: &ForgeSettings,
    change: &Change,
    impact: &Impact,
    platform: &str,
) -> Announcement {
    let link = change.request.as_ref().map(|request| request.url.clone()).filter(|url| !url.is_empty());
    let link = link.unwrap_or_else(|| settings.commit_page(&change.proposal.head));
    let mut hit: BTreeMap<&ProjectName, Vec<&Affected>> = BTreeMap::new();
    // What is only at risk behind others hears of it from those.
    let concerns = |one: &&Affected| match one.harm {
        Harm::Breaks | Harm::Falls => true,
        Harm::AtRisk => one.via.is_none(),
        Harm::Degrades | Harm::Unharmed => false,
    };
    for affected in impact.affected.iter().filter(concerns) {
        if let Some(project) = &affected.service.project {
            hit.entry(project).or_default().push(affected);
        }
    }
    let (mut issues, mut silent) = (Vec::new(), Vec::new());
    for (project, affected) in hit {
        let Some(repository) = settings.projects.get(project) else {
            silent.push(project.clone());
            continue;
        };
        let proposal = &change.proposal;
        let is_sure = affected.iter().any(|one| one.harm != Harm::AtRisk);
        let verb = if is_sure { "breaks" } else { "may break" };
        let issue = IssueDraft {
            repository: repository.clone(),
            marker: format!(
                "<!-- quarterdeck:issue:{} -->",
                text::clean(proposal.id.as_str()).replace("--", "-")
            ),
            title: text::fit(&text::clean(&format!("{platform}: {} {verb} {project}", proposal.id)), TITLE),
            body: issue_body(change, project, &affected, platform, &link),
        };
        issues.push(ProjectIssue { project: project.clone(), issue });
    }
    Announcement {
        change: change.proposal.id.clone(),
        head: change.proposal.head.clone(),
        issues,
        silent,
        forge: settings.clone(),
    }
}

fn issue_body(
    change: &Change,
    project: &ProjectName,
    affected: &[&Affected],
    platform: &str,
    link: &str,
) -> String {
    let proposal = &change.proposal;
    let names = |list: &[crate::domain::name::ServiceName]| {
        list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let mut words = format!(
        "Platform: {platform}\nProject: {project}\nService: {}\nChange: {} ({}, {} risk)\nSince: {}\nHead: {}\n",
        names(&change.services),
        proposal.branch,
        change.class,
        change.class.risk(),
        proposal.opened_at.format("%Y-%m-%d %H:%M UTC"),
        proposal.head.short(),
    );
    for field in &change.fields {
        let value = |side: &Option<String>| side.clone().unwrap_or_else(|| "–".to_owned());
        let _ = writeln!(
            words,
            "  {} {}: {} → {}",
            field.service,
            field.field,
            value(&field.old),
            value(&field.new)
        );
    }
    words.push_str("\nWhat becomes of this project's services:\n");
    for one in affected {
        let _ = writeln!(words, "  {} {}", one.service.name, one.harm.as_str());
        for reason in &one.reasons {
            let _ = writeln!(words, "    {reason}");
        }
        if let Some(via) = &one.via {
            let _ = writeln!(words, "    through {via}");
        }
    }
    let about = concerning(&change.findings, project, affected);
    if !about.is_empty() {
        words.push_str("\nFindings that concern it:\n");
        for finding in about.iter().take(LISTED) {
            let _ = writeln!(words, "  {} {}: {}", finding.level, finding.code, finding.message);
        }
        if about.len() > LISTED {
            let _ = writeln!(words, "  and {} more", about.len() - LISTED);
        }
    }
    format!("{}\n{link}\n", fenced(&words))
}

/// The findings that stand in the project's files, or name it or one of its services that are hit.
fn concerning<'f>(
    findings: &'f [Finding],
    project: &ProjectName,
    affected: &[&Affected],
) -> Vec<&'f Finding> {
    let folder = format!("projects/{project}/");
    let names = |message: &str, name: &str| {
        message
            .split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .any(|word| word == name)
    };
    findings
        .iter()
        .filter(|finding| {
            finding.labels.iter().any(|label| label.file.path.starts_with(&folder))
                || names(&finding.message, project.as_str())
                || affected.iter().any(|one| names(&finding.message, one.service.name.as_str()))
        })
        .collect()
}
