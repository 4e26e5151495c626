//! Every input that fuzzing found worth keeping, through the functions that fuzzing feeds.

#[path = "../fuzz/input.rs"]
mod input;

use std::{fs, path::Path};

/// Feeds every kept input of a target.
fn each(target: &str, feed: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz").join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        feed(&fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "nothing is kept for {target}");
}

#[test]
fn kept_repositories_are_read_judged_and_shown() {
    each("repository", input::repository);
}

#[test]
fn kept_expressions_are_parsed_and_evaluated() {
    each("expression", input::expression);
}
