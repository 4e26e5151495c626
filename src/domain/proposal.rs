//! Edits of a service as a proposal: which branch, which files, and what would be found in them.

mod wanted;

pub use wanted::{Edit, Wanted, allowed, differing, milliseconds, summary};

use super::{
    catalog::{Catalog, Service, reader},
    change::{self, ChangeClass, Classification, FieldChange},
    change_log,
    diff::{self, DiffLine},
    edit,
    finding::Finding,
    forge::{ForgeSettings, RequestDraft, described},
    gate::GateStatus,
    impact::Impact,
    name::{ChangeId, CommitId, ServiceName},
    rules,
};
use crate::error::Failure;
use chrono::{DateTime, NaiveDate, Utc};
use std::sync::Arc;

/// The change log that is written to when the service names none of its own in the repository.
pub const CHANGE_LOG: &str = "CHANGELOG.md";

/// One file of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// Its path.
    pub path: String,
    /// Its new text.
    pub text: Arc<str>,
    /// What differs in it.
    pub diff: Vec<DiffLine>,
}

/// A proposal written out: everything that confirming it will do.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceProposal {
    /// Which service.
    pub service: ServiceName,
    /// What will be different, in a few words.
    pub summary: String,
    /// Why, in the person's words.
    pub note: Option<String>,
    /// The change's class, told from the difference.
    pub class: ChangeClass,
    /// What differs in the catalog.
    pub fields: Vec<FieldChange>,
    /// The gates that it will need.
    pub gates: Vec<GateStatus>,
    /// Who is harmed, in one sentence.
    pub impact: String,
    /// The change's id.
    pub change: ChangeId,
    /// Its branch.
    pub branch: String,
    /// The main branch.
    pub main: String,
    /// The main branch's head, on which it is made.
    pub base: CommitId,
    /// The files that are edited.
    pub files: Vec<FileEdit>,
    /// What a new state of life asks for and the proposal does not do.
    pub open_duties: Vec<String>,
    /// What validation finds in the proposal and not in the main branch.
    pub findings: Vec<Finding>,
    /// The forge on which a request will be opened, where one is set.
    pub forge: Option<ForgeSettings>,
}

impl ServiceProposal {
    /// The first line of its commit, in the conventional form.
    pub fn title(&self) -> String {
        let (kind, mark) = match self.class {
            ChangeClass::Breaking => ("feat", "!"),
            ChangeClass::Feature => ("feat", ""),
            ChangeClass::Bugfix => ("fix", ""),
            _ => ("chore", ""),
        };
        format!("{kind}({}){mark}: {}", self.service, self.summary)
    }

    /// The message of its commit.
    pub fn message(&self) -> String {
        let note = self.note.as_ref().map_or_else(String::new, |note| format!("{note}\n\n"));
        format!("{}\n\n{note}Proposed with quarterdeck.\n\nChange-Type: {}\n", self.title(), self.class)
    }

    /// The request that is opened for it on a forge.
    pub fn request(&self) -> RequestDraft {
        let words = described(self.class, Some(&self.impact), &self.fields, &self.gates);
        RequestDraft::new(&self.branch, &self.main, &self.title(), self.note.as_deref(), &words)
    }
}

/// Where edits of a service go on the main branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// What makes a difference there.
    pub edits: Vec<Edit>,
    /// The file of its table.
    pub path: String,
    /// The change log that should have a line: the service's own where it is in the repository, and the common one.
    pub change_logs: Vec<String>,
    /// The change's id.
    pub change: ChangeId,
    /// What stands around the id in its branch's name.
    around: (String, String),
    /// Whether others of the same kind may be open beside it.
    pub may_repeat: bool,
}

impl Ground {
    /// The id and the branch of the `number`-th such change, from 1.
    pub fn branch(&self, number: usize) -> (ChangeId, String) {
        let id = match number {
            0 | 1 => self.change.to_string(),
            more => format!("{}-{more}", self.change),
        };
        let branch = format!("{}{id}{}", self.around.0, self.around.1);
        (ChangeId::from(id.as_str()), branch)
    }
}

fn on_main<'c>(main: &'c Catalog, name: &ServiceName) -> Result<&'c Arc<Service>, Failure> {
    main.services.get(name).ok_or_else(|| {
        let branch = &main.settings.main;
        Failure::refused(format!(
            "{name} is not on the branch {branch}, so there is nothing to propose for it"
        ))
        .hint(format!("merge the change that adds it to {branch} first"))
    })
}

/// Looks whether edits can be made on the main branch, and where they are to be written.
///
/// # Errors
/// Refused when the service is not there, nothing would differ, a step is none that the lifecycle knows, or the
/// settings leave no name for the branch.
pub fn ground(main: &Catalog, wanted: &Wanted) -> Result<Ground, Failure> {
    let name = &wanted.service;
    let service = on_main(main, name)?;
    let edits = differing(service, &wanted.edits)?;
    let file = main.files.get(service.span.file as usize);
    let path = file
        .map(|file| file.path.clone())
        .ok_or_else(|| Failure::failed(format!("could not find the file that defines {name}")))?;
    let (stem, may_repeat) = wanted::stem(&edits);
    let change = ChangeId::from(format!("{name}-{stem}").as_str());
    let Some((before, after)) = main.settings.changes.split_once('*') else {
        return Err(Failure::refused(format!(
            "`repository.changes` in quarterdeck.toml is `{}`, which leaves no name for a new branch",
            super::text::clean(&main.settings.changes)
        ))
        .hint("give it one `*`, such as `change/*`"));
    };
    let own = service.governance.change_log.as_ref().filter(|path| is_inside(path)).cloned();
    let change_logs = own.into_iter().chain([CHANGE_LOG.to_owned()]).collect();
    let around = (before.to_owned(), after.to_owned());
    Ok(Ground { edits, path, change_logs, change, around, may_repeat })
}

/// What the `*` of a branch pattern stands for in a branch: the id of its change. `None` when it does not match.
pub fn matched<'a>(pattern: &str, branch: &'a str) -> Option<&'a str> {
    let Some((before, after)) = pattern.split_once('*') else {
        return (pattern == branch).then_some(branch);
    };
    branch.strip_prefix(before)?.strip_suffix(after).filter(|id| !id.is_empty())
}

/// Whether a text can be the path of a file in the repository.
fn is_inside(path: &str) -> bool {
    !path.contains(':')
        && !path.starts_with(['/', '-'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".." | ".git"))
}

/// What the proposal is made of, beside the main branch.
#[derive(Debug)]
pub struct Material {
    /// The main branch's head.
    pub base: CommitId,
    /// Where the edits go.
    pub ground: Ground,
    /// The number of the change among those of its kind, from 1.
    pub number: usize,
    /// The bytes of the service's file.
    pub file: Vec<u8>,
    /// The change log that is there, by path.
    pub change_log: Option<(String, Vec<u8>)>,
    /// When it is proposed.
    pub now: DateTime<Utc>,
}

/// Writes a proposal out: edits the files, and concludes from them what a reviewer will see.
///
/// # Errors
/// When a file cannot be edited, or a breaking edit comes without a migration guide.
pub fn write(main: &Catalog, wanted: Wanted, material: Material) -> Result<ServiceProposal, Failure> {
    let Material { base, ground, number, file, change_log, now } = material;
    let today = now.date_naive();
    let service = on_main(main, &wanted.service)?;
    let (text, diff) = edited(main, &wanted.service, &ground.edits, file, today)?;
    let texts = main.files.iter().map(|file| {
        let text = if file.path == ground.path { &text } else { &file.text };
        (file.path.clone(), text.clone().into_bytes())
    });
    let head = reader::read(texts);
    let mut paths = vec![ground.path.clone()];
    let summary = summary(service, &ground.edits);
    let mut files = vec![FileEdit { path: ground.path.clone(), text: text.into(), diff }];
    if let Some((path, bytes)) = change_log
        && let Ok(old) = String::from_utf8(bytes)
    {
        let new = change_log::add(&old, &entry(service, &ground.edits, wanted.note.as_deref()));
        paths.push(path.clone());
        files.push(FileEdit { path, diff: diff::lines(&old, &new), text: new.into() });
    }
    let classification = change::classify(main, &head, &paths);
    require_guide(&classification, head.services.get(&wanted.service))?;
    let (change, branch) = ground.branch(number);
    let marks = change::HeadMarks::of(&classification.services, &head);
    let gates = change::gates(&classification, main, &marks);
    let findings = new_findings(&rules::check(main, None, today), rules::check(&head, Some(main), today));
    let step = ground.edits.iter().find_map(|edit| match edit {
        Edit::Status(to) => Some(*to),
        _ => None,
    });
    let after = head.services.get(&wanted.service);
    let open_duties = step.zip(after).map_or_else(Vec::new, |(to, service)| {
        let duties = super::lifecycle::open_duties(&head, service, to);
        duties.into_iter().filter(|duty| !duty.done).map(|duty| format!("{to}: {}", duty.what)).collect()
    });
    Ok(ServiceProposal {
        summary,
        note: wanted.note,
        class: classification.class,
        fields: classification.fields,
        gates,
        impact: Impact::change(main, &head).summary(),
        change,
        branch,
        main: main.settings.main.clone(),
        base,
        files,
        open_duties,
        findings,
        forge: main.settings.forge.clone(),
        service: wanted.service,
    })
}

/// The line for the change log.
fn entry(service: &Service, edits: &[Edit], note: Option<&str>) -> String {
    let version = edits.iter().find_map(|edit| match edit {
        Edit::Version(version) => Some(format!(" {version}")),
        _ => None,
    });
    let words = summary(service, edits);
    let what = note.map_or_else(|| words.clone(), super::text::clean);
    format!("{}{}: {what}", service.name, version.unwrap_or_default())
}

/// Consumers of what breaks must be able to read how to follow.
fn require_guide(classification: &Classification, service: Option<&Arc<Service>>) -> Result<(), Failure> {
    let guide = service.and_then(|service| service.migration.as_ref()?.guide_url.as_ref());
    match service {
        Some(service) if classification.breaking && guide.is_none() => Err(wanted::no_guide(&service.name)),
        _ => Ok(()),
    }
}

/// The file's new text, and what differs.
///
/// # Errors
/// When the file cannot be edited.
pub fn edited(
    main: &Catalog,
    name: &ServiceName,
    edits: &[Edit],
    bytes: Vec<u8>,
    today: NaiveDate,
) -> Result<(String, Vec<DiffLine>), Failure> {
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::refused(format!("the file that defines {name} is not UTF-8"))
            .because(&error)
            .hint("save it as UTF-8 first")
    })?;
    let service = on_main(main, name)?;
    let new = edit::apply(&text, name.as_str(), &wanted::keys(service, edits, today))?;
    let diff = diff::lines(&text, &new);
    Ok((new, diff))
}

/// Findings of the proposal that the main branch does not have.
pub fn new_findings(before: &[Finding], after: Vec<Finding>) -> Vec<Finding> {
    let key = |finding: &Finding| {
        let path = finding.labels.first().map(|label| label.file.path.clone());
        (finding.code, finding.message.clone(), path)
    };
    let known: std::collections::HashSet<_> = before.iter().map(key).collect();
    after.into_iter().filter(|finding| !known.contains(&key(finding))).collect()
}

#[cfg(test)]
mod tests;
