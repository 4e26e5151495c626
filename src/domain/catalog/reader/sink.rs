//! Where findings go while one file is read.

use super::{
    decode::Damage,
    shape::{Key, Kind, Names, Refusal, Table},
};
use crate::domain::{
    finding::{Finding, Label, SourceFile},
    rules::{Rule, reading},
    text::{clean, nearest},
};
use std::{ops::Range, sync::Arc};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// More findings than this of one file are counted instead of kept: they are one mistake repeated.
const MOST_FINDINGS: usize = 1_000;

/// The findings of one file.
#[derive(Debug, Clone)]
pub struct Sink {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Its index in the catalog.
    pub index: u32,
    /// What was found.
    pub findings: Vec<Finding>,
    dropped: usize,
}

impl Sink {
    /// No findings yet for the file of an index.
    pub fn new(file: Arc<SourceFile>, index: u32) -> Self {
        Self { file, index, findings: Vec::new(), dropped: 0 }
    }

    /// Reports what was amiss with the bytes of the file.
    pub fn damaged(&mut self, damage: Option<Damage>) {
        let Some(damage) = damage else { return };
        let path = clean(&self.file.path);
        let utf8 = "save the file as UTF-8";
        let (at, message, help) = match damage {
            Damage::NotUtf8(at) => (at..at + '\u{fffd}'.len_utf8(), format!("{path} is not UTF-8"), utf8),
            Damage::Utf16 => (0..0, format!("{path} is UTF-16, not UTF-8"), utf8),
            Damage::Binary => (0..0, format!("{path} is no text, and nothing in it is used"), utf8),
            Damage::BareReturns(at) => (
                at..at + 1,
                format!("lines of {path} end in a carriage return alone"),
                "save the file with line feeds (LF or CRLF)",
            ),
        };
        self.report(&reading::ENCODING, &at, message, Some(help.to_owned()));
    }

    /// A label at a place in this file.
    pub fn label(&self, range: &Range<usize>, text: impl Into<String>) -> Label {
        Label { file: Arc::clone(&self.file), start: range.start, end: range.end, text: text.into() }
    }

    /// Keeps a finding.
    pub fn push(&mut self, finding: Finding) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        } else {
            self.dropped += 1;
        }
    }

    /// Keeps a finding of `rule` at a place, with help if there is something to say.
    pub fn report(&mut self, rule: &Rule, range: &Range<usize>, message: String, help: Option<String>) {
        let mut finding = rule.finding(message).at(self.label(range, ""));
        finding.help = help;
        self.push(finding);
    }

    /// All findings, with one that counts what was not kept.
    pub fn finish(mut self) -> Vec<Finding> {
        if self.dropped > 0 {
            let message = format!("{} more findings in {} are not shown", self.dropped, self.file.path);
            self.findings.push(reading::TOO_MANY.finding(message).at(self.label(&(0..0), "")));
        }
        self.findings
    }

    /// Looks at every key and value of a table and reports what does not fit its shape.
    ///
    /// `title` names the table in messages; `at` is where to point when a key is missing.
    pub fn verify(&mut self, table: &DeTable<'_>, shape: &'static Table, title: &str, at: &Range<usize>) {
        for (key, value) in table {
            let Some(known) = shape.key(key.get_ref()) else {
                self.unknown_key(key.get_ref(), &key.span(), shape.keys.iter().map(|k| k.name), title);
                continue;
            };
            self.verify_value(known.name, &known.kind, value, title, &key.span());
        }
        for key in shape.keys.iter().filter(|key| key.required) {
            if !table.contains_key(key.name) {
                self.missing_key(key, title, at);
            }
        }
    }

    /// Reports a name that nothing reads, with the nearest one that something does.
    pub fn unknown_key<'k>(
        &mut self,
        key: &str,
        range: &Range<usize>,
        known: impl Iterator<Item = &'k str> + Clone,
        title: &str,
    ) {
        let help = nearest(key, known.clone()).map_or_else(
            || {
                let mut all: Vec<_> = known.collect();
                all.sort_unstable();
                format!("known here: {}", all.join(", "))
            },
            |meant| format!("did you mean `{meant}`?"),
        );
        let message = format!("{} has no key `{}`", subject(title), clean(key));
        self.report(&reading::UNKNOWN_KEY, range, message, Some(help));
    }

    /// Reports a key that a table needs.
    pub fn missing_key(&mut self, key: &Key, title: &str, at: &Range<usize>) {
        let help = match key.kind {
            Kind::Table(_) | Kind::Named(_) | Kind::Tables(_) => format!("add the table `{}`", key.name),
            _ => format!("add `{} = …`, {}", key.name, key.kind.expected()),
        };
        let message = format!("{} has no `{}`", subject(title), key.name);
        self.report(&reading::MISSING_KEY, at, message, Some(help));
    }

    fn verify_value(
        &mut self,
        name: &str,
        kind: &'static Kind,
        value: &Spanned<DeValue<'_>>,
        title: &str,
        key_range: &Range<usize>,
    ) {
        if let Err(refusal) = kind.check(value.get_ref()) {
            self.refuse(name, refusal, value, key_range);
            return;
        }
        match (kind, value.get_ref()) {
            (Kind::List(of), DeValue::Array(entries)) => {
                for entry in entries {
                    self.verify_value(name, of, entry, title, key_range);
                }
            }
            (Kind::Table(shape), DeValue::Table(table)) => {
                self.verify(table, shape, &inner_title(title, name), key_range);
            }
            (Kind::Named(names), DeValue::Table(table)) => self.verify_names(table, names, name),
            (Kind::Tables(shape), DeValue::Array(entries)) => {
                for entry in entries {
                    match entry.get_ref() {
                        DeValue::Table(table) => {
                            self.verify(table, shape, &format!("`[[{name}]]`"), &entry.span());
                        }
                        _ => self.refuse(name, Refusal::Type("a table".into()), entry, key_range),
                    }
                }
            }
            _ => {}
        }
    }

    fn verify_names(&mut self, table: &DeTable<'_>, names: &'static Names, parent: &str) {
        for (key, value) in table {
            if let Kind::Word(words) = names.name {
                if !words.contains(&key.get_ref().as_ref()) {
                    self.unknown_key(
                        key.get_ref(),
                        &key.span(),
                        words.iter().copied(),
                        &format!("`[{parent}]`"),
                    );
                    continue;
                }
            } else {
                let checked = match names.name {
                    Kind::Name => super::shape::name(key.get_ref()),
                    Kind::Handle => super::shape::handle(key.get_ref()),
                    _ => Ok(()),
                };
                if let Err(Refusal::Name(message, help)) = checked {
                    self.report(&reading::INVALID_NAME, &key.span(), message, help);
                }
            }
            let title = format!("{parent} `{}`", clean(key.get_ref()));
            match (&names.value, value.get_ref()) {
                (Kind::Table(shape), DeValue::Table(inner)) => self.verify(inner, shape, &title, &key.span()),
                (kind, _) => self.verify_value(key.get_ref(), kind, value, &title, &key.span()),
            }
        }
    }

    /// Whether something inside `range` already breaks the syntax.
    fn is_broken(&self, range: &Range<usize>) -> bool {
        self.findings
            .iter()
            .skip_while(|finding| finding.code == reading::ENCODING.code)
            .take_while(|finding| finding.code == reading::SYNTAX.code)
            .filter_map(|finding| finding.labels.first())
            .any(|label| label.start < range.end.max(range.start + 1) && range.start <= label.end)
    }

    fn refuse(
        &mut self,
        name: &str,
        refusal: Refusal,
        value: &Spanned<DeValue<'_>>,
        key_range: &Range<usize>,
    ) {
        // A table that grew from dotted keys has no place of its own; its first key has.
        let at = match value.get_ref() {
            DeValue::Table(_) | DeValue::Array(_) if value.span().is_empty() => key_range.clone(),
            _ => value.span(),
        };
        // What the parser made of broken text is no value that anybody wrote.
        if at.is_empty() || self.is_broken(&at) {
            return;
        }
        let (rule, message, help) = match refusal {
            Refusal::Type(expected) => {
                let got = article(value.get_ref().type_str());
                (&reading::WRONG_TYPE, format!("`{}` must be {expected}, not {got}", clean(name)), None)
            }
            Refusal::Value(message, help) => {
                (&reading::INVALID_VALUE, format!("`{}`: {message}", clean(name)), help)
            }
            Refusal::Name(message, help) => {
                (&reading::INVALID_NAME, format!("`{}`: {message}", clean(name)), help)
            }
        };
        self.report(rule, &at, message, help);
    }
}

/// What a sentence about a table begins with.
fn subject(title: &str) -> &str {
    if title.is_empty() { "the top level" } else { title }
}

fn inner_title(title: &str, name: &str) -> String {
    if title.is_empty() { format!("`[{name}]`") } else { format!("{title}, `{name}`,") }
}

/// A type's name with its article.
fn article(name: &str) -> String {
    let vowel = name.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {name}", if vowel { "an" } else { "a" })
}
