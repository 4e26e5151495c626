//! `policies/allowed_signers`: which key is whose, in the form that `ssh-keygen` and Git read.

use super::{Key, SignatureState};
use chrono::{DateTime, NaiveDate, Utc};

/// The keys of a file. A line that cannot be read allows nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    lines: Vec<Line>,
    /// What is wrong in the file: line from 1, and words.
    pub problems: Vec<(usize, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// Patterns of addresses, divided by commas.
    principals: String,
    key: Key,
    after: Option<DateTime<Utc>>,
    before: Option<DateTime<Utc>>,
}

impl AllowedSigners {
    /// Reads a file.
    pub fn parse(text: &str) -> Self {
        let mut signers = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match read(line) {
                Ok(Some(line)) => signers.lines.push(line),
                Ok(None) => {}
                Err(problem) => signers.problems.push((index + 1, problem)),
            }
        }
        signers
    }

    /// Whether nobody is allowed.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whose a key is, for a person who is known by `addresses`, at a time.
    pub(super) fn judge(&self, key: &Key, addresses: &[&str], at: DateTime<Utc>) -> SignatureState {
        let mut state = None;
        for line in self.lines.iter().filter(|line| line.key == *key) {
            let shown = || key.fingerprint();
            if line.after.is_some_and(|after| at < after) || line.before.is_some_and(|before| at >= before) {
                let why = "policies/allowed_signers allowed the key at another time only".to_owned();
                state.get_or_insert(SignatureState::Unknown { key: shown(), why });
            } else if let Some(by) = addresses.iter().find(|address| line.is_for(address)) {
                return SignatureState::Valid { by: (*by).to_owned(), key: shown() };
            } else {
                // Being somebody else's says more than being out of date.
                let by = line.principals.clone();
                state = Some(SignatureState::Foreign { by, key: shown() });
            }
        }
        state.unwrap_or_else(|| SignatureState::Unknown {
            key: key.fingerprint(),
            why: "policies/allowed_signers did not have the key".to_owned(),
        })
    }
}

impl Line {
    fn is_for(&self, address: &str) -> bool {
        let mut found = false;
        for pattern in self.principals.split(',') {
            let (refuses, pattern) = pattern.strip_prefix('!').map_or((false, pattern), |rest| (true, rest));
            if matches(&pattern.to_lowercase(), &address.to_lowercase()) {
                if refuses {
                    return false;
                }
                found = true;
            }
        }
        found
    }
}

/// Reads `principals [options] type key [comment]`. A certificate authority and a key for other things than
/// Git allow nobody here, and are no mistake.
fn read(line: &str) -> Result<Option<Line>, String> {
    let (principals, rest) = word(line);
    let principals = principals.trim_matches('"').to_owned();
    let (options, key) = match word(rest) {
        (first, _) if is_key_type(first) => ("", rest),
        (options, key) => (options, key),
    };
    let (mut after, mut before) = (None, None);
    for option in split_options(options) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.trim_matches('"');
        match name.to_ascii_lowercase().as_str() {
            "cert-authority" => return Ok(None),
            "namespaces" => {
                if !value.split(',').any(|pattern| matches(pattern, "git")) {
                    return Ok(None);
                }
            }
            "valid-after" => after = Some(time(value)?),
            "valid-before" => before = Some(time(value)?),
            _ => return Err(format!("there is no option `{name}`")),
        }
    }
    if !is_key_type(word(key).0) {
        return Err("after the addresses there must be a key, such as `ssh-ed25519 AAAA…`".to_owned());
    }
    Ok(Some(Line { principals, key: Key::parse(key)?, after, before }))
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|start| word.starts_with(start))
}

/// The first word, which may hold blanks inside quotes, and the rest.
fn word(text: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => return (&text[..at], text[at..].trim_start()),
            _ => {}
        }
    }
    (text, "")
}

/// Divides at commas outside quotes.
fn split_options(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    })
    .filter(|option| !option.is_empty())
}

/// `20261124`, `202611240900` or `20261124090000`, with or without a `Z`. It is UTC in either case: what a
/// signature is worth must not depend on where it is looked at.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let wrong = || format!("`{text}` is no time: write it as 20261124 or 20261124090000");
    let digits = text.trim_end_matches(['Z', 'z']);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let part = |from: usize, to: usize| digits.get(from..to).map_or(Ok(0), str::parse::<u32>);
    let seconds = match digits.len() {
        8 => Ok((0, 0, 0)),
        12 => part(8, 10).and_then(|hour| Ok((hour, part(10, 12)?, 0))),
        14 => part(8, 10).and_then(|hour| Ok((hour, part(10, 12)?, part(12, 14)?))),
        _ => return Err(wrong()),
    };
    let (hour, minute, second) = seconds.map_err(|_| wrong())?;
    NaiveDate::parse_from_str(digits.get(..8).unwrap_or_default(), "%Y%m%d")
        .ok()
        .and_then(|date| date.and_hms_opt(hour, minute, second))
        .map(|time| time.and_utc())
        .ok_or_else(wrong)
}

/// Whether `pattern`, in which `*` stands for anything and `?` for one character, is `text`. Never takes
/// longer than their lengths multiplied.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where the last star stood, and what it has swallowed so far.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, seen));
            at += 1;
        } else if pattern.get(at).is_some_and(|wanted| *wanted == '?' || *wanted == text[seen]) {
            at += 1;
            seen += 1;
        } else if let Some((stood, swallowed)) = star {
            star = Some((stood, swallowed + 1));
            at = stood + 1;
            seen = swallowed + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = include_str!("fixtures/ed25519.pub");
    const OTHER: &str = include_str!("fixtures/ecdsa-p256.pub");

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn judged(file: &str, address: &str) -> SignatureState {
        AllowedSigners::parse(file).judge(&Key::parse(KEY).unwrap(), &[address], at("2026-11-24T09:00:00Z"))
    }

    #[test]
    fn a_key_is_whose_the_file_says() {
        let key = || Key::parse(KEY).unwrap().fingerprint();
        let valid = |by: &str| SignatureState::Valid { by: by.into(), key: key() };
        for (line, address) in [
            ("ana@example.com ", "ana@example.com"),
            ("ana@example.com ", "Ana@Example.com"),
            ("bo@x,ana@example.com namespaces=\"git,file\" ", "ana@example.com"),
            ("\"*@example.com\" valid-after=\"20261124\",valid-before=20261125Z ", "ana@example.com"),
            ("*@example.com,!eve@example.com ", "ana@example.com"),
        ] {
            assert_eq!(judged(&format!("# who\n\n{line}{KEY}"), address), valid(address), "{line}");
        }
        for (line, address) in [("bo@example.com ", "ana@example.com"), ("*@x,!eve@x ", "eve@x")] {
            let state = judged(&format!("{line}{KEY}"), address);
            assert!(matches!(state, SignatureState::Foreign { .. }), "{line}: {state:?}");
        }
        for line in [
            format!("ana@example.com {OTHER}"),
            format!("ana@example.com valid-before=20261124090000Z {KEY}"),
            format!("ana@example.com valid-after=202611240901 {KEY}"),
            format!("ana@example.com cert-authority {KEY}"),
            format!("ana@example.com namespaces=\"file\" {KEY}"),
            String::new(),
        ] {
            let state = judged(&line, "ana@example.com");
            assert!(matches!(state, SignatureState::Unknown { .. }), "{line}: {state:?}");
        }
        // Two lines of one key: the person's own counts, wherever it stands.
        let both = format!("bo@example.com {KEY}ana@example.com {KEY}");
        assert_eq!(judged(&both, "ana@example.com"), valid("ana@example.com"));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_and_allows_nobody() {
        for (line, words) in [
            ("ana@example.com".to_owned(), "must be a key"),
            ("ana@example.com ssh-ed25519 AAAA".to_owned(), "cannot be read"),
            (format!("ana@example.com valid-after=tomorrow {KEY}"), "is no time"),
            (format!("ana@example.com valid-after=20261399 {KEY}"), "is no time"),
            (format!("ana@example.com touch {KEY}"), "no option `touch`"),
        ] {
            let signers = AllowedSigners::parse(&format!("# file\n{line}"));
            assert!(signers.is_empty(), "{line}");
            assert_eq!(signers.problems.len(), 1, "{line}");
            assert!(signers.problems[0].0 == 2 && signers.problems[0].1.contains(words), "{signers:?}");
        }
    }

    #[test]
    fn patterns_end_in_time() {
        assert!(matches("*a*b?", "xxaxxbc"));
        assert!(!matches("a?", "a"));
        assert!(!matches(&"*a".repeat(50), &"a".repeat(49)));
        assert!(!matches(&format!("{}b", "*a".repeat(50)), &"a".repeat(2_000)));
    }

    proptest! {
        #[test]
        fn no_file_panics(text in "([a-z@*!,\"= ]{0,30}( ssh-ed25519 [A-Za-z0-9+/=]{0,60})?\n){0,4}") {
            AllowedSigners::parse(&text);
        }
    }
}
