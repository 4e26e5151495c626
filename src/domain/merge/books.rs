//! Bookkeeping files: the change log and `services/versions.toml`, which a merge brings up to date in the same commit.
//! Two changes nearly always meet in them, and that is no conflict: the main branch's text is kept and added to.

use super::{Release, changelog, versions};
use crate::{
    domain::{
        catalog::Catalog,
        change::{Change, ChangeClass},
        diff::{self, DiffKind},
        name::ServiceName,
        text::{clean, fit},
    },
    error::Failure,
};
use chrono::NaiveDate;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Where released versions are.
pub const VERSIONS: &str = "services/versions.toml";
/// The change log of everything that names no other.
pub const CHANGELOG: &str = "CHANGELOG.md";

/// A bookkeeping file on all sides of a merge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    /// On the main branch; `None` where it is not there.
    pub main: Option<String>,
    /// What merging makes of it; of no use where both sides changed the same lines.
    pub merged: Option<String>,
    /// Where the change began, and at its head, if the change touches it.
    pub touched: Option<(String, String)>,
    /// Whether both sides changed the same lines.
    pub conflicts: bool,
}

impl Book {
    /// The text that is added to.
    fn ground(&self) -> &str {
        let text = if self.conflicts { &self.main } else { &self.merged };
        text.as_deref().unwrap_or_default()
    }
}

/// Where the changes of a service are written down: the file that it names, if that is one of this repository.
pub fn changelog_of(catalog: &Catalog, service: &ServiceName) -> Option<String> {
    let named = catalog.services.get(service)?.governance.change_log.as_deref()?;
    let path = named.strip_prefix("./").unwrap_or(named);
    let is_path = !path.is_empty()
        && !path.contains("://")
        && !path.contains('\\')
        && !path.starts_with('/')
        && path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    (is_path && path != VERSIONS && !crate::domain::catalog::is_control_file(path)).then(|| path.to_owned())
}

/// The part of a change log that a class belongs to.
const fn section(class: ChangeClass) -> &'static str {
    match class {
        ChangeClass::Bugfix => "Fixed",
        ChangeClass::Feature => "Added",
        ChangeClass::Deprecation => "Deprecated",
        ChangeClass::Retirement => "Removed",
        ChangeClass::Breaking | ChangeClass::Policy | ChangeClass::Infrastructure | ChangeClass::Other => {
            "Changed"
        }
    }
}

/// The line of a change log for a merge.
fn entry(change: &Change, releases: &[&Release]) -> String {
    let said = clean(&change.proposal.subject);
    let what = super::words(said.trim());
    let breaking = if change.class == ChangeClass::Breaking { "**Breaking.** " } else { "" };
    let names: Vec<String> =
        releases.iter().map(|release| format!("{} {}", release.service, release.version)).collect();
    let before = if names.is_empty() { String::new() } else { format!("{}: ", names.join(", ")) };
    fit(&format!("{breaking}{before}{what} ({})", change.proposal.id), 300)
}

/// The change logs of a merge: each with the services whose lines it gets. `exists` tells whether a file is there.
pub fn changelogs(
    merged: &Catalog,
    services: &[ServiceName],
    exists: impl Fn(&str) -> bool,
) -> BTreeMap<String, Vec<ServiceName>> {
    let mut logs: BTreeMap<String, Vec<ServiceName>> = BTreeMap::new();
    for service in services {
        let own = changelog_of(merged, service).filter(|path| exists(path));
        logs.entry(own.unwrap_or_else(|| CHANGELOG.to_owned())).or_default().push(service.clone());
    }
    if logs.is_empty() {
        logs.insert(CHANGELOG.to_owned(), Vec::new());
    }
    logs
}

/// What a merge writes into the bookkeeping files, by path. What the change wrote itself is not written twice.
///
/// # Errors
/// When `services/versions.toml` cannot be brought up to date.
pub fn edits(
    change: &Change,
    releases: &[Release],
    logs: &BTreeMap<String, Vec<ServiceName>>,
    books: &BTreeMap<String, Book>,
    (main, merged): (&Catalog, &Catalog),
    today: NaiveDate,
) -> Result<Vec<(String, Arc<str>)>, Failure> {
    let mut edits = Vec::new();
    let empty = Book::default();
    for (path, services) in logs {
        let book = books.get(path).unwrap_or(&empty);
        let mut lines = book.touched.as_ref().map_or_else(Vec::new, |(before, after)| {
            let added = diff::lines(before, after);
            changelog::items(
                added.iter().filter(|line| line.kind == DiffKind::Added).map(|line| line.text.as_str()),
            )
        });
        if book.conflicts && lines.is_empty() || book.touched.is_none() {
            let own: Vec<&Release> =
                releases.iter().filter(|release| services.contains(&release.service)).collect();
            lines = vec![entry(change, &own)];
        } else if !book.conflicts {
            // The author's own words are in the merged text already.
            continue;
        }
        let text = changelog::add(book.ground(), section(change.class), &lines, today);
        edits.push((path.clone(), text.into()));
    }
    if let Some(book) = books.get(VERSIONS).filter(|book| !book.ground().is_empty()) {
        let steps: Vec<versions::Step<'_>> = releases
            .iter()
            .map(|release| versions::Step {
                service: &release.service,
                from: release.from.as_ref().map(ToString::to_string),
                to: release.version.to_string(),
                stale_digest: main
                    .digests
                    .get(&release.service)
                    .filter(|digest| merged.digests.get(&release.service) == Some(digest))
                    .map(String::as_str),
            })
            .collect();
        let text = versions::record(book.ground(), &steps, today)?;
        if book.conflicts || Some(&text) != book.merged.as_ref() {
            edits.push((VERSIONS.to_owned(), text.into()));
        }
    }
    Ok(edits)
}

/// The bookkeeping files that a revert leaves as they are because later changes wrote there too, brought to what is
/// true again: the versions go back, and each change log gets a line about it.
///
/// # Errors
/// When `services/versions.toml` cannot be brought up to date.
pub fn revert_edits(
    conflicts: &BTreeMap<String, String>,
    back: &[(ServiceName, String)],
    said: &str,
    today: NaiveDate,
) -> Result<Vec<(String, Arc<str>)>, Failure> {
    let mut edits = Vec::new();
    for (path, text) in conflicts {
        let text = if path == VERSIONS {
            let steps: Vec<versions::Step<'_>> = back
                .iter()
                .map(|(service, to)| versions::Step {
                    service,
                    from: None,
                    to: to.clone(),
                    stale_digest: None,
                })
                .collect();
            versions::record(text, &steps, today)?
        } else {
            changelog::add(text, "Changed", &[fit(&clean(said), 300)], today)
        };
        edits.push((path.clone(), text.into()));
    }
    Ok(edits)
}

/// The files of a merge that may conflict without harm.
pub fn settles(logs: &BTreeMap<String, Vec<ServiceName>>) -> BTreeSet<&str> {
    logs.keys().map(String::as_str).chain([VERSIONS]).collect()
}
