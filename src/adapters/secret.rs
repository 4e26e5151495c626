//! Secrets: read from where the settings say they are, and never shown.

use crate::{
    adapters::plain,
    config::environment,
    domain::{forge::SecretPlace, text},
    error::Failure,
};
use std::path::PathBuf;

/// The longest secret; a file that is longer holds something else.
const LARGEST: u64 = 64 * 1024;

/// Reads `what` (`the token of the forge`), without blanks around it.
pub(in crate::adapters) fn read(place: &SecretPlace, what: &str) -> Result<String, Failure> {
    let failed = |cause: String| Failure::configuration(format!("could not read {what}")).cause(cause);
    let value = match place {
        SecretPlace::Environment(name) => environment::var(name).ok_or_else(|| {
            failed(format!("the environment variable {} is not set", text::clean(name)))
                .hint("set it where the program is started, or name another one in quarterdeck.toml")
        })?,
        SecretPlace::File(name) => {
            let shown = text::clean(name);
            let path = match name.strip_prefix("~/") {
                Some(rest) => environment::var("HOME").map(|home| PathBuf::from(home).join(rest)),
                None => Some(PathBuf::from(name)),
            };
            let path = path.filter(|path| path.is_absolute()).ok_or_else(|| {
                failed(format!("`{shown}` is no absolute path"))
                    .hint("write a path from `/` or `~/`, outside of the repository")
            })?;
            let bytes = plain::read(&path, LARGEST).map_err(|error| failed(format!("{shown}: {error}")))?;
            String::from_utf8(bytes).map_err(|_| failed(format!("{shown} is no text")))?
        }
    };
    let value = value.trim();
    if value.is_empty() {
        return Err(failed("it is empty".to_owned()));
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_whole_and_what_is_wrong_is_said_without_their_text() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            SecretPlace::File(path.display().to_string())
        };
        assert_eq!(read(&write("good", b" s3cret\n"), "the token").unwrap(), "s3cret");
        for (place, expected) in [
            (write("empty", b"\n"), "it is empty"),
            (write("binary", b"s3cret\xff"), "is no text"),
            (write("long", "s3cret".repeat(20_000).as_bytes()), "longer than any secret"),
            (SecretPlace::File("token".into()), "no absolute path"),
            (SecretPlace::File(folder.path().display().to_string()), "it is no file"),
            (SecretPlace::File("/nowhere/at/all".into()), "/nowhere/at/all: "),
            (SecretPlace::Environment("QUARTERDECK_TEST_UNSET".into()), "QUARTERDECK_TEST_UNSET is not set"),
        ] {
            let failure = read(&place, "the token").unwrap_err().render();
            assert!(failure.contains(expected) && !failure.contains("s3cret"), "{failure}");
        }
    }
}
