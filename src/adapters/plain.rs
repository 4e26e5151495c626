//! Files that others put there: only plain ones are read, and no more of them than they may have.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

/// Makes sure that a file is a plain one of at most `limit` bytes. A pipe in its place would be waited for without end.
///
/// # Errors
/// It is something else, it is longer, or it cannot be looked at.
pub(super) fn check(path: &Path, limit: u64) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
    }
    if metadata.len() > limit {
        return Err(too_long(limit));
    }
    Ok(())
}

/// Reads such a file.
///
/// # Errors
/// As [`check`], or it cannot be read.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    check(path, limit)?;
    let mut bytes = Vec::new();
    // It may have grown since.
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_long(limit)) } else { Ok(bytes) }
}

fn too_long(limit: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {} KiB", limit / 1024))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn only_plain_files_that_are_not_too_long_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("short"), "12").unwrap();
        fs::write(path("long"), [b'x'; 2049]).unwrap();
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        assert_eq!(read(&path("short"), 2048).unwrap(), b"12");
        for (name, words) in [("long", "longer than 2 KiB"), ("pipe", "no plain file"), ("", "no plain file")]
        {
            let error = read(&path(name), 2048).unwrap_err();
            assert!(error.to_string().contains(words), "{name}: {error}");
        }
        assert_eq!(read(&path("absent"), 2048).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
