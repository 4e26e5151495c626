//! A step of a service's life as a proposal: which branch, which file, and what would be found in it.

use super::{
    catalog::{Catalog, Service},
    diff::{self, DiffLine},
    edit,
    finding::Finding,
    lifecycle::{self, Lifecycle},
    name::{ChangeId, CommitId, ServiceName},
};
use crate::error::Failure;
use chrono::NaiveDate;
use std::sync::Arc;

/// A step of a service's life that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Which service.
    pub service: ServiceName,
    /// The state that it should be in.
    pub to: Lifecycle,
}

/// Such a step written out: everything that confirming it will do.
#[derive(Debug, Clone, PartialEq)]
pub struct TransitionProposal {
    /// Which service.
    pub service: ServiceName,
    /// The state on the main branch.
    pub from: Lifecycle,
    /// The state that it should be in.
    pub to: Lifecycle,
    /// The change's id.
    pub change: ChangeId,
    /// Its branch.
    pub branch: String,
    /// The main branch.
    pub main: String,
    /// The main branch's head, on which it is made.
    pub base: CommitId,
    /// The file that is edited.
    pub path: String,
    /// The file's new text.
    pub text: Arc<str>,
    /// What differs in the file.
    pub diff: Vec<DiffLine>,
    /// What the new state asks for and the proposal does not do.
    pub open_duties: Vec<String>,
    /// What validation finds in the proposal and not in the main branch.
    pub findings: Vec<Finding>,
}

impl TransitionProposal {
    /// The message of its commit.
    pub fn message(&self) -> String {
        format!("{}: {} → {}\n\nProposed with quarterdeck.\n", self.service, self.from, self.to)
    }
}

/// Where a service may go, and the file that says where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// The state on the main branch.
    pub from: Lifecycle,
    /// The file of its table.
    pub path: String,
    /// The change's id.
    pub change: ChangeId,
    /// Its branch.
    pub branch: String,
}

/// Looks whether a step is allowed on the main branch, and where it is to be written.
///
/// # Errors
/// Refused when the service is not there, the step is none that the lifecycle knows, or the settings leave no
/// name for the branch.
pub fn ground(main: &Catalog, wanted: &Transition) -> Result<Ground, Failure> {
    let Transition { service: name, to } = wanted;
    let service = main.services.get(name).ok_or_else(|| {
        let branch = &main.settings.main;
        Failure::refused(format!(
            "{name} is not on the branch {branch}, so there is nothing to propose for it"
        ))
        .hint(format!("merge the change that adds it to {branch} first"))
    })?;
    allowed(service, *to)?;
    let file = main.files.get(service.span.file as usize);
    let path = file
        .map(|file| file.path.clone())
        .ok_or_else(|| Failure::failed(format!("could not find the file that defines {name}")))?;
    let change = ChangeId::from(format!("{name}-{to}").as_str());
    let Some((before, after)) = main.settings.changes.split_once('*') else {
        return Err(Failure::refused(format!(
            "`repository.changes` in quarterdeck.toml is `{}`, which leaves no name for a new branch",
            super::text::clean(&main.settings.changes)
        ))
        .hint("give it one `*`, such as `change/*`"));
    };
    let branch = format!("{before}{change}{after}");
    Ok(Ground { from: service.status, path, change, branch })
}

/// Whether a service may go to a state from where it is.
///
/// # Errors
/// Refused, with the states that it may go to.
pub fn allowed(service: &Service, to: Lifecycle) -> Result<(), Failure> {
    let next = lifecycle::next(service.status);
    if next.iter().any(|step| step.to == to) {
        return Ok(());
    }
    let (name, from) = (&service.name, service.status);
    if from == to {
        return Err(Failure::refused(format!("{name} is {from} already")));
    }
    let words: Vec<&str> = next.iter().map(|step| step.to.as_str()).collect();
    let failure = Failure::refused(format!("{name} is {from} and cannot become {to}"));
    Err(if words.is_empty() {
        failure.hint(format!("{from} is the end of a service's life; start a new service instead"))
    } else {
        failure.hint(format!("from {from} it may go to {}", words.join(" or ")))
    })
}

/// The file's new text, and what differs.
///
/// # Errors
/// When the file cannot be edited.
pub fn edited(
    main: &Catalog,
    wanted: &Transition,
    bytes: Vec<u8>,
    today: NaiveDate,
) -> Result<(String, Vec<DiffLine>), Failure> {
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::refused(format!("the file that defines {} is not UTF-8", wanted.service))
            .because(&error)
            .hint("save it as UTF-8 first")
    })?;
    let service = main
        .services
        .get(&wanted.service)
        .ok_or_else(|| Failure::refused(format!("{} is gone from the main branch", wanted.service)))?;
    let new = edit::set(&text, wanted.service.as_str(), &edit::transition(service, wanted.to, today))?;
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
mod tests {
    use super::*;
    use crate::domain::catalog::reader;

    fn main(settings: &str) -> Catalog {
        let catalog = "[service.a]\nname = \"a\"\ntype = \"api\"\nversion = \"1.0.0\"\nowner = \"t\"\n";
        reader::read(
            [("services/catalog.toml", catalog), ("quarterdeck.toml", settings)]
                .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())),
        )
    }

    #[test]
    fn a_step_names_its_branch_or_says_why_it_cannot_be() {
        let wanted = |service: &str, to| Transition { service: service.into(), to };
        let ground = ground(&main(""), &wanted("a", Lifecycle::Deprecated)).unwrap();
        assert_eq!(
            (ground.branch.as_str(), ground.path.as_str()),
            ("change/a-deprecated", "services/catalog.toml")
        );
        let settings = "[repository]\nchanges = \"proposals/*/x\"\n";
        assert_eq!(
            super::ground(&main(settings), &wanted("a", Lifecycle::Maintenance)).unwrap().branch,
            "proposals/a-maintenance/x"
        );
        for (service, to, message) in [
            ("b", Lifecycle::Beta, "b is not on the branch main"),
            ("a", Lifecycle::Ga, "a is ga already"),
            ("a", Lifecycle::Beta, "a is ga and cannot become beta"),
            ("a", Lifecycle::Retired, "a is ga and cannot become retired"),
        ] {
            let failure = super::ground(&main(""), &wanted(service, to)).unwrap_err();
            assert!(failure.message.contains(message), "{}", failure.message);
        }
    }

    #[test]
    fn the_edit_is_shown_as_lines() {
        let catalog = main("");
        let wanted = Transition { service: "a".into(), to: Lifecycle::Maintenance };
        let bytes = catalog.files[0].text.clone().into_bytes();
        let (text, diff) = edited(&catalog, &wanted, bytes, "2026-11-24".parse().unwrap()).unwrap();
        let added: Vec<&str> = diff
            .iter()
            .filter(|line| line.kind == diff::DiffKind::Added)
            .map(|line| line.text.as_str())
            .collect();
        assert_eq!(
            added,
            [
                "status = \"maintenance\"",
                "maintenance_date = \"2026-11-24\"",
                "support_until = \"2027-11-24\""
            ]
        );
        assert!(text.ends_with("owner = \"t\"\n"), "{text}");
        assert!(edited(&catalog, &wanted, vec![0xff], "2026-11-24".parse().unwrap()).is_err());
    }
}
