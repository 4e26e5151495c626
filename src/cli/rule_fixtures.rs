//! One fixture per rule: `invalid` gives exactly that code, `valid` gives nothing. Beside them the disasters that
//! must never be merged, and a repository with every fault at once.

use super::{check::Limit, render};
use crate::{
    config::environment::var,
    domain::{
        catalog::{Catalog, reader},
        change::{Identity, Proposal, conclude},
        finding::{Finding, Level},
        graph::DependencyGraph,
        rules,
        text::clean,
    },
    generate::examples::{self, Example},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Rules that no small file can break; the tests of the reader and of the adapter make what does.
const GENERATED: &[&str] =
    &["unreadable-file", "file-too-large", "too-many-findings", "not-searched", "link-not-read"];

/// Where a fixture has what the author says of the change, for the one rule about it.
const MESSAGE: &str = "message.txt";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn root() -> PathBuf {
    fixtures().join("rules")
}

/// The files of a folder by path; `None` if there is none.
fn files(folder: &Path) -> Option<BTreeMap<String, Vec<u8>>> {
    fn collect(folder: &Path, top: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, top, files);
            } else {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().replace('\\', "/");
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    folder.is_dir().then(|| collect(folder, folder, &mut files))?;
    Some(files)
}

/// Reads a repository from a folder; `None` if there is none.
fn load(folder: &Path) -> Option<Catalog> {
    files(folder).map(reader::read)
}

pub(super) fn check(rule: &str, side: &str) -> Vec<Finding> {
    check_folder(&root().join(rule), side)
}

fn check_folder(folder: &Path, side: &str) -> Vec<Finding> {
    let head = load(&folder.join(side)).unwrap_or_else(|| panic!("{}/{side} is empty", folder.display()));
    let base = load(&folder.join("base"));
    let found = rules::check(&head, base.as_ref(), "2026-06-01".parse().unwrap());
    match (fs::read_to_string(folder.join(side).join(MESSAGE)), base) {
        (Ok(message), Some(base)) => with_message(message, &base, &head, found),
        _ => found,
    }
}

/// What is found when the step is a change with one commit of this message.
fn with_message(message: String, base: &Catalog, head: &Catalog, found: Vec<Finding>) -> Vec<Finding> {
    let author = Identity { name: "Ana".into(), email: "ana@example.com".into() };
    let proposal = Proposal {
        id: "x".into(),
        branch: "change/x".into(),
        head: "1".repeat(40).into(),
        base: "2".repeat(40).into(),
        authors: vec![author.clone()],
        last_committer: author,
        subject: message.lines().next().unwrap_or_default().to_owned(),
        messages: vec![message],
        committed_at: "2026-06-01T00:00:00Z".parse().unwrap(),
        opened_at: "2026-06-01T00:00:00Z".parse().unwrap(),
        paths: vec!["services/catalog.toml".into()],
        objects: BTreeMap::new(),
    };
    conclude(&proposal, base, head, &DependencyGraph::build(head), found).findings.to_vec()
}

#[test]
fn every_rule_has_a_fixture_that_breaks_it_and_one_that_does_not() {
    let mut problems = String::new();
    for rule in rules::all().filter(|rule| !GENERATED.contains(&rule.name)) {
        let invalid = check(rule.name, "invalid");
        let shown = render::report(&invalid, false, Limit::ALL);
        // A breaking change without notice is, of course, a breaking change.
        let others: Vec<_> =
            invalid.iter().filter(|f| f.code != rule.code && !f.name.starts_with("breaking-")).collect();
        if !others.is_empty() || !invalid.iter().any(|f| f.code == rule.code) {
            problems += &format!("{} invalid:\n{shown}\n", rule.name);
        }
        let valid = check(rule.name, "valid");
        if !valid.is_empty() {
            problems += &format!("{} valid:\n{}\n", rule.name, render::report(&valid, false, Limit::ALL));
        }
        insta::assert_snapshot!(rule.name, shown);
    }
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn every_fixture_is_of_a_rule() {
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(rules::all().any(|rule| rule.name == name), "{name} is no rule");
    }
}

#[test]
fn what_must_never_be_merged_is_blocked() {
    for (disaster, code) in [
        ("deleted-service", "QD301"),
        ("cycle", "QD203"),
        ("sla-violation", "QD306"),
        ("breaking-change", "QD303"),
    ] {
        let folder = fixtures().join("disasters").join(disaster);
        let before = check_folder(&folder, "base");
        assert!(before.is_empty(), "{disaster}:\n{}", render::report(&before, false, Limit::ALL));
        let found = check_folder(&folder, "head");
        let shown = render::report(&found, false, Limit::ALL);
        assert!(found.iter().any(|f| f.code == code && f.level == Level::Error), "{disaster}:\n{shown}");
        insta::assert_snapshot!(format!("disaster-{disaster}"), shown);
    }
}

#[test]
fn every_fault_at_once_is_found_in_one_run() {
    let found = check_folder(&fixtures().join("all-faults"), "head");
    let missing: Vec<_> = rules::all()
        .filter(|rule| !GENERATED.contains(&rule.name))
        .filter(|rule| !found.iter().any(|finding| finding.code == rule.code))
        .map(|rule| format!("{} {}", rule.code, rule.name))
        .collect();
    let shown = render::report(&found, false, Limit::ALL);
    assert!(missing.is_empty(), "{missing:?} are not among\n{shown}");
    insta::assert_snapshot!("all-faults", shown);
}

/// The example that the program shows of each rule, from its fixture.
pub(super) fn examples() -> Vec<Example> {
    let with_fixture = rules::all().filter(|rule| !GENERATED.contains(&rule.name));
    with_fixture
        .map(|rule| {
            let folder = root().join(rule.name);
            let found = check(rule.name, "invalid");
            let finding = found.iter().find(|finding| finding.code == rule.code).unwrap();
            Example {
                rule: rule.name.to_owned(),
                finding: render::text(finding, false),
                mended: mended(
                    &files(&folder.join("invalid")).unwrap(),
                    &files(&folder.join("valid")).unwrap(),
                ),
            }
        })
        .collect()
}

/// What turns one repository into another, file by file.
fn mended(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) -> String {
    let mut paths: Vec<_> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    let mut lines = Vec::new();
    for path in paths {
        let text = |files: &BTreeMap<String, Vec<u8>>| {
            files.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        };
        let difference = examples::difference(&text(before), &text(after));
        if !difference.is_empty() {
            lines.push(path.clone());
            lines.extend(difference.into_iter().map(|line| format!("  {}", clean(&line))));
        }
    }
    lines.join("\n")
}

#[test]
fn the_examples_that_the_program_shows_are_those_of_the_fixtures() {
    let expected = examples::format(&examples());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/generate/examples.txt");
    if var("UPDATE_DOCS").as_deref() == Some("1") {
        fs::write(&path, expected).unwrap();
    } else if fs::read_to_string(&path).unwrap() != expected {
        panic!(
            "src/generate/examples.txt is not what the fixtures say; renew it with `UPDATE_DOCS=1 cargo test --lib`"
        );
    }
}
