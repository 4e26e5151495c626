//! What a finding is called by those who remember it: the same name after lines moved.

use crate::domain::finding::{Finding, Label};
use std::collections::BTreeMap;

/// A name for each of `findings`, in their order and each only once.
///
/// It is made of the rule, the file, the table that the place is in, its line without the space around it,
/// and the message without its digits: so it stays when lines are added elsewhere, when a day passes, and
/// when another finding is mended.
pub fn of_all(findings: &[Finding]) -> Vec<String> {
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    findings
        .iter()
        .map(|finding| {
            let hash = hash(finding);
            let times = seen.entry(hash).or_default();
            *times += 1;
            // The same mistake on the same line of the same table: told apart by their order.
            if *times == 1 { format!("{hash:016x}") } else { format!("{hash:016x}-{times}") }
        })
        .collect()
}

fn hash(finding: &Finding) -> u64 {
    let mut hash = Fnv::default();
    hash.add(finding.code);
    if let Some(label) = finding.labels.first() {
        hash.add(&label.file.path);
        let (table, line) = surroundings(label);
        hash.add(table);
        line.split_whitespace().for_each(|word| hash.add(word));
    }
    let wordy = finding.message.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty());
    wordy.for_each(|part| hash.add(part));
    hash.0
}

/// So far a table's header and the rest of a line are looked for: a file may be one line of 60 MB.
const FAR: usize = 16 * 1024;

/// The nearest table header above a place, and its line; nothing for a place that is the whole file.
fn surroundings(label: &Label) -> (&str, &str) {
    let text = &label.file.text;
    let boundary = |at: usize| (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let start = boundary(label.start);
    if label.end == 0 {
        return ("", "");
    }
    let from = boundary(start.saturating_sub(FAR));
    let before = &text[from..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let after = &text[start..boundary(start + FAR)];
    let line_end = start + after.find('\n').unwrap_or(after.len());
    let header = before[..line_start].lines().rev().map(str::trim).find(|line| line.starts_with('['));
    (header.unwrap_or_default(), text[from + line_start..line_end].trim())
}

/// FNV-1a. The standard library's hash may differ from one release to the next, and these names are kept.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, part: &str) {
        // A byte that is in no text ends each part, so that parts do not run into each other.
        for byte in part.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{finding::SourceFile, rules::reading::UNKNOWN_KEY};
    use std::sync::Arc;

    fn finding(text: &str, marked: &str, message: &str) -> Finding {
        let file = Arc::new(SourceFile::new("services/catalog.toml", text));
        let start = text.rfind(marked).unwrap();
        UNKNOWN_KEY.finding(message).at(Label { file, start, end: start + marked.len(), text: String::new() })
    }

    fn one(text: &str, marked: &str, message: &str) -> String {
        of_all(&[finding(text, marked, message)]).remove(0)
    }

    #[test]
    fn it_is_the_same_wherever_the_line_is() {
        let before = one("[service.a]\nverson = 1\n", "verson", "3 days left");
        assert_eq!(before, "932472bc59e5d8e8", "it must not change from one release to the next");
        for (text, message) in [
            ("# a word\n\n[service.b]\nx = 1\n[service.a]\nverson = 1\n", "3 days left"),
            ("[service.a]\nname = \"a\"\n    verson  =  1\n", "3 days left"),
            ("[service.a]\r\nverson = 1\r\n", "12 days left"),
        ] {
            assert_eq!(one(text, "verson", message), before, "{text}");
        }
    }

    #[test]
    fn another_table_line_or_message_is_another_finding() {
        let before = one("[service.a]\nverson = 1\n", "verson", "m");
        for (text, message) in [
            ("[service.b]\nverson = 1\n", "m"),
            ("[service.a]\nverson = 2\n", "m"),
            ("[service.a]\nverson = 1\n", "n"),
        ] {
            assert_ne!(one(text, "verson", message), before, "{text}");
        }
        let twice = finding("[service.a]\nverson = 1\n", "verson", "m");
        assert_eq!(of_all(&[twice.clone(), twice])[1], format!("{before}-2"));
    }

    #[test]
    fn places_at_the_edges_have_a_name() {
        for (text, start, end) in [("", 0, 0), ("", 5, 9), ("a\n", 2, 2), ("日", 1, 2), ("a", 0, 0)] {
            let file = Arc::new(SourceFile::new("x.toml", text));
            let label = Label { file, start, end, text: String::new() };
            assert_eq!(of_all(&[UNKNOWN_KEY.finding("m").at(label)])[0].len(), 16);
        }
        assert_eq!(of_all(&[UNKNOWN_KEY.finding("m")])[0].len(), 16);
    }
}
