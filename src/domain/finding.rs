//! Findings: what is wrong in the control repository, where exactly, and what to do.

use super::{rules::Searched, text::clean};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Ordering,
    fmt, iter,
    sync::{Arc, OnceLock},
};

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
#[derive(Debug)]
pub struct SourceFile {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// The whole text; what was not UTF-8 was replaced before.
    pub text: String,
    /// First byte of each line, found when the first position is asked for: most files have no findings.
    line_starts: OnceLock<Box<[usize]>>,
    /// Characters before each block of bytes, counted when a line is longer than one.
    blocks: OnceLock<Box<[usize]>>,
    /// What was found when it was searched for credentials: the same text is searched once.
    searched: OnceLock<Option<Box<Searched>>>,
}

/// Within so many bytes characters are counted anew each time.
const BLOCK: usize = 16 * 1024;

fn characters(bytes: &[u8]) -> usize {
    // Every character has one byte that continues none.
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

impl PartialEq for SourceFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.text == other.text
    }
}

impl Eq for SourceFile {}

impl SourceFile {
    /// A file of `path` (from the repository's root, with `/`) and its text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let mut text: String = text.into();
        // It is kept for long, and reading may have taken more room than it needed.
        text.shrink_to_fit();
        Self {
            path: path.into(),
            text,
            line_starts: OnceLock::new(),
            blocks: OnceLock::new(),
            searched: OnceLock::new(),
        }
    }

    /// What is found in it when it is searched for credentials; `None` for nothing, as in most files.
    pub fn searched(&self, search: impl FnOnce(&str) -> Option<Searched>) -> Option<&Searched> {
        self.searched.get_or_init(|| search(&self.text).map(Box::new)).as_deref()
    }

    fn line_starts(&self) -> &[usize] {
        self.line_starts.get_or_init(|| {
            std::iter::once(0).chain(self.text.match_indices('\n').map(|(index, _)| index + 1)).collect()
        })
    }

    /// Line and column (both from 1, the column in characters) of a byte offset.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let starts = self.line_starts();
        let line = starts.partition_point(|start| *start <= offset).max(1);
        let start = starts[line - 1];
        let before = if offset - start <= BLOCK {
            characters(&self.text.as_bytes()[start..offset])
        } else {
            self.characters_before(offset) - self.characters_before(start)
        };
        (line, before + 1)
    }

    /// Characters before a byte, without reading all of them again: a file may be one line of 60 MB with a
    /// thousand findings.
    fn characters_before(&self, offset: usize) -> usize {
        let bytes = self.text.as_bytes();
        let blocks = self.blocks.get_or_init(|| {
            let mut before = 0;
            let counted = bytes.chunks(BLOCK).map(|block| {
                let here = before;
                before += characters(block);
                here
            });
            counted.collect()
        });
        let block = (offset / BLOCK).min(blocks.len().saturating_sub(1));
        blocks.get(block).map_or(0, |before| before + characters(&bytes[block * BLOCK..offset]))
    }

    /// The text of a line (counted from 1) without its line break; `None` past the end.
    pub fn line(&self, number: usize) -> Option<&str> {
        let (start, end) = self.line_range(number)?;
        self.text.get(start..end)
    }

    /// First byte, and one past the last byte, of a line (counted from 1) without its line break.
    pub fn line_range(&self, number: usize) -> Option<(usize, usize)> {
        let starts = self.line_starts();
        let start = *starts.get(number.checked_sub(1)?)?;
        let mut end = starts.get(number).map_or(self.text.len(), |next| next - 1);
        if end > start && self.text.as_bytes().get(end - 1) == Some(&b'\r') {
            end -= 1;
        }
        Some((start, end))
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
    /// Adds a place; the first one added is the main one.
    #[must_use]
    pub fn at(mut self, label: Label) -> Self {
        self.labels.push(label);
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Takes what a terminal would obey out of its words; names in them come from files that others write.
    pub fn clean(&mut self) {
        let words = iter::once(&mut self.message)
            .chain(self.help.as_mut())
            .chain(self.labels.iter_mut().map(|label| &mut label.text));
        for text in words.filter(|text| text.chars().any(char::is_control)) {
            *text = clean(text);
        }
    }

    /// The order in which findings are shown: errors first, then by file and place.
    pub fn order(&self, other: &Self) -> Ordering {
        fn place(finding: &Finding) -> Option<(&str, usize)> {
            finding.labels.first().map(|label| (label.file.path.as_str(), label.start))
        }
        other
            .level
            .cmp(&self.level)
            .then_with(|| place(self).cmp(&place(other)))
            .then_with(|| self.code.cmp(other.code))
            .then_with(|| self.message.cmp(&other.message))
    }

    /// `services/catalog.toml:12:4`, or `None` without a place.
    pub fn location(&self) -> Option<String> {
        self.labels.first().map(|label| {
            let (line, column) = label.file.position(label.start);
            format!("{}:{line}:{column}", label.file.path)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let file = SourceFile::new("a.toml", "a = 1\r\nñ = \"é\"\n");
        for (offset, expected) in [(0, (1, 1)), (4, (1, 5)), (7, (2, 1)), (9, (2, 2)), (99, (3, 1))] {
            assert_eq!(file.position(offset), expected, "{offset}");
        }
        assert_eq!(file.line(1), Some("a = 1"));
        assert_eq!(file.line(2), Some("ñ = \"é\""));
        assert_eq!((file.line(3), file.line(4), file.line(0)), (Some(""), None, None));
    }

    #[test]
    fn columns_of_a_long_line_are_counted_as_those_of_a_short_one() {
        let line = "añ日".repeat(BLOCK);
        let file = SourceFile::new("a.toml", format!("first\n{line}"));
        for offset in
            [6, 7, 8, BLOCK, BLOCK + 6, BLOCK + 7, 2 * BLOCK, 3 * BLOCK + 1, line.len() + 5, line.len() + 6]
        {
            let before = String::from_utf8_lossy(&file.text.as_bytes()[6..offset]).chars().count();
            assert_eq!(file.position(offset), (2, before + 1), "{offset}");
        }
        let exact = SourceFile::new("a.toml", "x".repeat(2 * BLOCK));
        assert_eq!(exact.position(2 * BLOCK), (1, 2 * BLOCK + 1));
    }

    #[test]
    fn errors_come_first_then_files_in_order() {
        let file = |path: &str| Arc::new(SourceFile::new(path, "x"));
        let finding = |level, path| Finding {
            code: "QD000",
            name: "test",
            level,
            message: String::new(),
            labels: vec![Label { file: file(path), start: 0, end: 1, text: String::new() }],
            help: None,
        };
        let mut all = [finding(Level::Warning, "a"), finding(Level::Error, "b"), finding(Level::Error, "a")];
        all.sort_by(Finding::order);
        let shown: Vec<_> = all.iter().filter_map(Finding::location).collect();
        assert_eq!(shown, ["a:1:1", "b:1:1", "a:1:1"]);
        assert_eq!(all[2].level, Level::Warning);
    }
}
