//! The commits of a change say less than it does. Only where the commits are known: `check` reads files alone.

use super::Rule;
use crate::domain::finding::Level;

/// See [`crate::domain::change`], which finds it.
pub static RULE: Rule = Rule {
    code: "QD310",
    name: "claims-less",
    level: Level::Warning,
    summary: "The messages of a change's commits claim a smaller change than it is.",
    help: "A conventional prefix (`fix:`, `feat:`, `feat!:`), `BREAKING CHANGE:` or `Change-Type:` is held against the class that the difference of the catalogs has; the largest claim counts. It is found of open changes, since `check` sees files and no messages.",
    check: None,
};
