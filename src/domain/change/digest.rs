//! What an approval is bound to: a digest of everything that a change alters, and of nothing else.
//!
//! A rebase leaves it as it is, as long as the change still alters the same. Services are bound by their fields,
//! TOML by its values and by the lines that differ, prose by the lines that differ, and everything else by the
//! objects of Git on both sides.

use super::{FieldChange, Proposal};
use crate::domain::{
    catalog::Catalog,
    diff::{self, DiffKind, DiffLine},
};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};
use toml::{Table, Value};

/// More lines of a file are not kept for being shown.
const MOST_LINES: usize = 400;
/// More lines of a change are not kept for being shown.
const MOST_LINES_IN_ALL: usize = 2_000;

/// The lines in which a change alters a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePatch {
    /// Path from the repository's root.
    pub path: String,
    /// The first lines; none where the file is no text.
    pub lines: Vec<DiffLine>,
    /// How many more there are.
    pub more: usize,
}

/// What a change does to its files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// SHA-256 in hexadecimal digits.
    pub digest: String,
    /// The files that differ, by path.
    pub files: Vec<FilePatch>,
}

/// One side of a file that differs.
enum Side<'a> {
    Absent,
    Text(&'a str),
    /// No text, or none that was read whole.
    Opaque,
}

/// Compares all files of a proposal.
pub fn patch(proposal: &Proposal, fields: &[FieldChange], base: &Catalog, head: &Catalog) -> Patch {
    let mut seal = Seal::new();
    seal.word("quarterdeck change 1");
    for change in fields {
        seal.word(change.service.as_str());
        seal.word(&change.field);
        seal.maybe(change.old.as_deref());
        seal.maybe(change.new.as_deref());
    }
    let texts = |catalog: &Catalog| -> BTreeMap<String, usize> {
        let files = catalog.files.iter().enumerate();
        let changed = files.filter(|(_, file)| proposal.objects.contains_key(&file.path));
        changed.map(|(index, file)| (file.path.clone(), index)).collect()
    };
    let (old_texts, new_texts) = (texts(base), texts(head));
    let mut files = Vec::new();
    let mut kept = 0;
    for (path, objects) in &proposal.objects {
        seal.word("file");
        seal.word(path);
        let side = |object: &Option<String>, catalog, texts: &BTreeMap<String, usize>| match object {
            None => Side::Absent,
            Some(_) => text_of(catalog, texts.get(path)),
        };
        let sides = [side(&objects[0], base, &old_texts), side(&objects[1], head, &new_texts)];
        let mut lines = match &sides {
            [Side::Opaque, _] | [_, Side::Opaque] => Vec::new(),
            [old, new] => diff::lines(old.text(), new.text()),
        };
        for object in objects {
            seal.maybe(object.as_deref().map(|object| object.split(' ').next().unwrap_or_default()));
        }
        if !seal.rendered(path, &sides, &lines) {
            for object in objects {
                seal.maybe(object.as_deref());
            }
        }
        let more = lines.len().saturating_sub(MOST_LINES.min(MOST_LINES_IN_ALL - kept));
        lines.truncate(lines.len() - more);
        kept += lines.len();
        files.push(FilePatch { path: path.clone(), lines, more });
    }
    Patch { digest: seal.end(), files }
}

/// The text of a file as the catalog holds it, if that is all of it.
fn text_of<'a>(catalog: &'a Catalog, index: Option<&usize>) -> Side<'a> {
    let text = index.and_then(|index| catalog.files.get(*index)).map(|file| file.text.as_str());
    match text {
        // Where bytes were replaced or nothing was kept, two files would look the same that are not.
        Some(text) if !text.is_empty() && !text.contains('\u{fffd}') => Side::Text(text),
        _ => Side::Opaque,
    }
}

impl<'a> Side<'a> {
    const fn text(&self) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Absent | Self::Opaque => "",
        }
    }
}

/// A digest that is being made. Every word is preceded by its length, so that no two lists of words are alike.
pub(super) struct Seal(Context);

impl Seal {
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub fn word(&mut self, word: &str) {
        self.0.update(&(word.len() as u64).to_be_bytes());
        self.0.update(word.as_bytes());
    }

    fn maybe(&mut self, word: Option<&str>) {
        self.0.update(&[u8::from(word.is_some())]);
        self.word(word.unwrap_or_default());
    }

    /// Binds what a file says; false where it is bound by its objects only.
    fn rendered(&mut self, path: &str, sides: &[Side<'_>; 2], lines: &[DiffLine]) -> bool {
        if sides.iter().any(|side| matches!(side, Side::Opaque)) {
            return false;
        }
        let [old, new] = sides.each_ref().map(Side::text);
        let ends = |end: &str| path.get(path.len().saturating_sub(end.len())..) == Some(end);
        if ends(".toml") {
            let (Ok(before), Ok(after)) = (old.parse::<Table>(), new.parse::<Table>()) else { return false };
            let mut differing = BTreeMap::new();
            compare(Some(&before), Some(&after), "", &mut differing);
            for (place, sides) in differing {
                self.word(&place);
                for side in sides {
                    self.maybe(side.as_deref());
                }
            }
        } else if !ends(".md") && !ends(".txt") {
            return false;
        }
        self.word("lines");
        let next = |text: &str, line: &DiffLine| text.lines().nth(line.number).unwrap_or_default().to_owned();
        for line in lines.iter().filter(|line| line.kind != DiffKind::Kept) {
            self.word(line.sign());
            self.word(&line.text);
            // A comment may be about the line below it.
            if line.text.contains('#') {
                self.word(&next(if line.kind == DiffKind::Removed { old } else { new }, line));
            }
        }
        true
    }

    pub fn end(self) -> String {
        self.0.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// What two TOML tables say differently, by its place, as it is on each side; a table has itself as a value, so that an
/// empty one counts.
fn compare(
    old: Option<&Table>,
    new: Option<&Table>,
    prefix: &str,
    found: &mut BTreeMap<String, [Option<String>; 2]>,
) {
    let keys: BTreeSet<&String> = [old, new].into_iter().flatten().flat_map(Table::keys).collect();
    for key in keys {
        let sides = [old, new].map(|side| side.and_then(|table| table.get(key)));
        if let [Some(before), Some(after)] = sides
            && is_same(before, after)
        {
            continue;
        }
        // Keys are quoted, so that a point in one is none between two.
        let place = format!("{prefix}{key:?}.");
        let words = sides.map(|side| {
            side.map(|value| if value.is_table() { "table".to_owned() } else { format!("= {value}") })
        });
        if words[0] != words[1] {
            found.insert(place.clone(), words);
        }
        let [before, after] = sides.map(|side| side.and_then(Value::as_table));
        compare(before, after, &place, found);
    }
}

/// Whether two values are written the same. Numbers that count as equal may not be: zero with a sign and without.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Float(one), Value::Float(other)) => one.to_bits() == other.to_bits(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Table(one), Value::Table(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| is_same(value, other)))
        }
        _ => one == other,
    }
}
