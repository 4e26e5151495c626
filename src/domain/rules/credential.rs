//! A credential stands in a file.

mod exemption;
mod scan;
#[cfg(test)]
mod tests;

use super::{Context, Rule};
use crate::domain::{
    finding::{Finding, Label, Level, SourceFile},
    text::clean,
};
use chrono::NaiveDate;
use scan::{Credential, scan};
use std::{collections::HashMap, sync::Arc};

pub use exemption::RULE as EXEMPTION;

/// A text with every credential in it replaced by asterisks, for what is kept or shown of the output of programs.
pub fn without_secrets(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut at = 0;
    for found in scan(text) {
        safe.push_str(text.get(at..found.start).unwrap_or_default());
        safe.push_str("******");
        at = key_end(text, found.start).unwrap_or(found.end).max(at);
    }
    safe.push_str(text.get(at..).unwrap_or_default());
    safe
}

/// Where the private key that begins here ends: what is found of one is its first line, and the secret is below it.
fn key_end(text: &str, start: usize) -> Option<usize> {
    let key = text.get(start..).filter(|key| key.starts_with("-----BEGIN "))?;
    let end = key.find("-----END ").map(|end| end + "-----END ".len());
    let end = end.and_then(|end| Some(end + key.get(end..)?.find("-----")? + "-----".len()));
    Some(end.map_or(text.len(), |end| start + end))
}

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD501",
    name: "credential",
    level: Level::Error,
    summary: "A file holds a password, a token or a private key.",
    help: "Whoever reads the repository, or any clone of it, has it. Revoke it first, then remove it and name the environment variable or file that holds it. What only looks like one is allowed by a comment on its line or the line above: `quarterdeck: allow QD501 until 2026-12-31 because …`.",
    check: Some(check),
};

/// What a file holds of credentials, and of comments that allow them.
#[derive(Debug)]
pub struct Searched {
    found: Vec<Credential>,
    markers: Vec<exemption::Marker>,
}

impl Searched {
    /// What `file` holds; `None` for nothing of either.
    fn of(file: &SourceFile) -> Option<&Self> {
        file.searched(|text| {
            let searched = Self { found: scan(text), markers: exemption::markers(text) };
            (!searched.found.is_empty() || !searched.markers.is_empty()).then_some(searched)
        })
    }
}

/// More credentials than this of one file are counted: it is a dump, and nobody reads each.
const MOST_OF_A_FILE: usize = 50;

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in searched(context) {
        let Some(Searched { found, markers }) = Searched::of(file) else { continue };
        let open = |credential: &&Credential| {
            let line = file.position(credential.start).0;
            !markers.iter().any(|marker| marker.allows(line, context.today))
        };
        // The label keeps the masked text, so that no printer can show what stands there.
        let Some(masked) = masked(file, found) else { continue };
        let mut open = found.iter().filter(open);
        findings.extend(open.by_ref().take(MOST_OF_A_FILE).map(|credential| finding(&masked, credential)));
        let rest = open.count();
        if rest > 0 {
            let message = format!("{rest} more credentials in {} are not shown", clean(&file.path));
            let label = Label { file: masked, start: 0, end: 0, text: String::new() };
            findings.push(RULE.finding(message).at(label));
        }
    }
    findings
}

/// The files whose text is looked at: all, or those that are not the same in the base.
fn searched<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a Arc<SourceFile>> {
    let before: HashMap<&str, &Arc<SourceFile>> = context
        .base
        .into_iter()
        .flat_map(|base| &base.files)
        .map(|file| (file.path.as_str(), file))
        .collect();
    context.head.files.iter().filter(move |file| {
        !before.get(file.path.as_str()).is_some_and(|old| Arc::ptr_eq(old, file) || old.text == file.text)
    })
}

fn finding(file: &Arc<SourceFile>, credential: &Credential) -> Finding {
    let shown = match &credential.hint {
        Some(hint) => format!(" (`{}`)", clean(hint)),
        None => String::new(),
    };
    let message = format!("{}{shown} stands in {}", credential.kind, clean(&file.path));
    let label = Label {
        file: Arc::clone(file),
        start: credential.start,
        end: credential.end,
        text: "masked here".to_owned(),
    };
    RULE.finding(message).at(label).help("revoke it, then name where it is kept instead of writing it down")
}

/// `file` with every credential in it hidden behind as many `*`; `None` when there is none.
fn masked(file: &SourceFile, found: &[Credential]) -> Option<Arc<SourceFile>> {
    if found.is_empty() {
        return None;
    }
    let mut bytes = file.text.clone().into_bytes();
    for credential in found {
        for byte in bytes.iter_mut().take(credential.end).skip(credential.start) {
            if !byte.is_ascii_whitespace() {
                *byte = b'*';
            }
        }
    }
    // Whole characters were replaced by ASCII, so that offsets stay what they were.
    String::from_utf8(bytes).ok().map(|text| Arc::new(SourceFile::new(file.path.clone(), text)))
}

/// Hides credentials from every place that a finding shows, and from its words: another rule may point at the
/// same line, or quote the value.
pub fn mask(findings: &mut [Finding]) {
    let mut known: Vec<Hidden> = Vec::new();
    for finding in findings.iter_mut() {
        for label in &mut finding.labels {
            let index =
                known.iter().position(|known| Arc::ptr_eq(&known.file, &label.file)).unwrap_or_else(|| {
                    known.push(Hidden::of(&label.file));
                    known.len() - 1
                });
            let Some(masked) = &known[index].masked else { continue };
            label.file = Arc::clone(masked);
            for secret in &known[index].secrets {
                let texts = [&mut finding.message, &mut label.text].into_iter().chain(&mut finding.help);
                for text in texts.filter(|text| text.contains(secret.as_str())) {
                    *text = text.replace(secret.as_str(), "…");
                }
            }
        }
    }
}

/// A file with what is to be hidden of it.
struct Hidden {
    file: Arc<SourceFile>,
    masked: Option<Arc<SourceFile>>,
    secrets: Vec<String>,
}

impl Hidden {
    fn of(file: &Arc<SourceFile>) -> Self {
        let found = Searched::of(file).map_or(&[][..], |searched| &searched.found);
        let secrets = found.iter().filter_map(|found| file.text.get(found.start..found.end));
        Self {
            file: Arc::clone(file),
            secrets: secrets.map(str::to_owned).collect(),
            masked: masked(file, found),
        }
    }
}

/// Files in which credentials are allowed by a comment, how many and until when: they are listed, not hidden.
pub fn allowed(context: &Context<'_>) -> Vec<(Label, NaiveDate, String)> {
    let mut allowed = Vec::new();
    for file in searched(context) {
        let Some(Searched { found, markers }) = Searched::of(file) else { continue };
        if markers.is_empty() {
            continue;
        }
        let Some(masked) = masked(file, found) else { continue };
        for credential in found {
            let line = file.position(credential.start).0;
            let marker = markers.iter().find(|marker| marker.allows(line, context.today));
            if let Some((marker, until)) = marker.and_then(|marker| Some((marker, marker.until?))) {
                let file = Arc::clone(&masked);
                let label = Label { file, start: marker.start, end: marker.end, text: String::new() };
                allowed.push((label, until, marker.reason.clone()));
            }
        }
    }
    allowed
}
