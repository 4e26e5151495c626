//! One fixture per rule: `invalid` gives exactly that code, `valid` gives nothing.

use super::render;
use crate::domain::{
    catalog::{Catalog, reader},
    finding::Finding,
    rules,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Rules whose fixture would be too large to keep; the reader's own tests make them.
const GENERATED: &[&str] = &["file-too-large", "too-many-findings"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rules")
}

/// Reads a repository from a folder; `None` if there is none.
fn load(folder: &Path) -> Option<Catalog> {
    fn collect(folder: &Path, top: &Path, files: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, top, files);
            } else {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    let mut files = Vec::new();
    folder.is_dir().then(|| collect(folder, folder, &mut files))?;
    Some(reader::read(files))
}

fn check(rule: &str, side: &str) -> Vec<Finding> {
    let folder = root().join(rule);
    let head = load(&folder.join(side)).unwrap_or_else(|| panic!("{rule}/{side} has no fixture"));
    let base = load(&folder.join("base"));
    rules::check(&head, base.as_ref(), "2026-06-01".parse().unwrap())
}

#[test]
fn every_rule_has_a_fixture_that_breaks_it_and_one_that_does_not() {
    for rule in rules::all().filter(|rule| !GENERATED.contains(&rule.name)) {
        let invalid = check(rule.name, "invalid");
        let shown = render::report(&invalid, false);
        // A breaking change without notice is, of course, a breaking change.
        let others: Vec<_> =
            invalid.iter().filter(|f| f.code != rule.code && f.name != "breaking-change").collect();
        assert!(others.is_empty() && invalid.iter().any(|f| f.code == rule.code), "{}:\n{shown}", rule.name);
        let valid = check(rule.name, "valid");
        assert!(valid.is_empty(), "{} valid:\n{}", rule.name, render::report(&valid, false));
        insta::assert_snapshot!(rule.name, shown);
    }
}

#[test]
fn every_fixture_is_of_a_rule() {
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(rules::all().any(|rule| rule.name == name), "{name} is no rule");
    }
}
