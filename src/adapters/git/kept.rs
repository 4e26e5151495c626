//! What was concluded about open changes, kept beside the repository. It saves time and is no truth: a note of another
//! program, or with one wrong byte, is not read.

use super::notebook;
use gix::Repository;
use ring::digest::{SHA256, digest};
use std::{collections::BTreeMap, sync::OnceLock, time::UNIX_EPOCH};

const NAME: &str = "changes";

/// Which program this is. Rules change from build to build, and not only with the version's number.
fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let file = std::env::current_exe().and_then(|path| path.metadata());
        let stamp = file.and_then(|file| Ok((file.len(), file.modified()?)));
        let (size, made) = stamp.map_or((0, 0), |(size, made)| {
            (size, made.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos()))
        });
        format!("{} {size} {made}", env!("CARGO_PKG_VERSION"))
    })
}

/// Reads what this program kept; nothing where there is nothing that can be used.
pub(super) fn read(repository: &Repository) -> BTreeMap<String, String> {
    notebook::read(repository, NAME).and_then(|bytes| decode(&bytes, program())).unwrap_or_default()
}

/// Keeps conclusions instead of those before. That they cannot be kept costs only time.
pub(super) fn write(repository: &Repository, all: &BTreeMap<String, String>) {
    let _ = notebook::write(repository, NAME, &encode(all, program()));
}

fn head(program: &str) -> String {
    format!("quarterdeck changes 1 {program}\n")
}

fn encode(all: &BTreeMap<String, String>, program: &str) -> Vec<u8> {
    let mut bytes = head(program).into_bytes();
    for (name, text) in all {
        for part in [name.as_bytes(), b" ", text.as_bytes(), b"\n"] {
            bytes.extend_from_slice(part);
        }
    }
    let sum = digest(&SHA256, &bytes);
    bytes.extend_from_slice(sum.as_ref());
    bytes
}

fn decode(bytes: &[u8], program: &str) -> Option<BTreeMap<String, String>> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(SHA256.output_len())?)?;
    if digest(&SHA256, body).as_ref() != sum {
        return None;
    }
    let lines = str::from_utf8(body).ok()?.strip_prefix(&head(program))?.lines();
    lines.map(|line| line.split_once(' ').map(|(name, text)| (name.to_owned(), text.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_program_reads_what_was_kept_and_only_whole() {
        let all = BTreeMap::from([
            ("1f".to_owned(), "{\"a\": \"b c\"}".to_owned()),
            ("2e".to_owned(), "{}".to_owned()),
        ]);
        let bytes = encode(&all, "1.0 10 5");
        assert_eq!(decode(&bytes, "1.0 10 5"), Some(all));
        assert_eq!(decode(&bytes, "1.0 10 6"), None);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert_eq!(decode(&altered, "1.0 10 5"), None, "byte {at}");
        }
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end], "1.0 10 5"), None);
        }
    }
}
