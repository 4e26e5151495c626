//! Findings: what is wrong in the control repository, where exactly, and what to do.

use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// How much a finding matters. `Error` blocks a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Note,
    /// Should be mended; `--deny warning` makes it block.
    Warning,
    /// Blocks.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A file of the control repository as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// The whole text; what was not UTF-8 was replaced before.
    pub text: String,
}

impl SourceFile {
    /// Line and column (both from 1, the column in characters) of a byte offset.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let bytes = &self.text.as_bytes()[..offset];
        let line_start = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        let line = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = String::from_utf8_lossy(&bytes[line_start..]).chars().count() + 1;
        (line, column)
    }
}

/// A place in a file: bytes `start..end` of its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// Which file, as an index into [`crate::domain::catalog::Catalog::files`].
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A place with the words that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The file, kept whole so that a finding can be shown without its catalog.
    pub file: Arc<SourceFile>,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What this place has to do with the finding; empty for the obvious.
    pub text: String,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable code, `QD101`.
    pub code: &'static str,
    /// The rule's name in words, `unknown-key`.
    pub name: &'static str,
    /// How much it matters, after the repository's own settings.
    pub level: Level,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where; the first is the main one. Empty only for findings about the repository as a whole.
    pub labels: Vec<Label>,
    /// What to do, if there is something to say.
    pub help: Option<String>,
}

impl Finding {
    /// `services/catalog.toml:12:4`, or `None` without a place.
    pub fn location(&self) -> Option<String> {
        self.labels.first().map(|label| {
            let (line, column) = label.file.position(label.start);
            format!("{}:{line}:{column}", label.file.path)
        })
    }
}
