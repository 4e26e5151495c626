//! Real repositories in temporary folders for the adapter's tests.

use super::{GitLedger, GitRepository};
use std::{fs, path::PathBuf, process::Command};
use tempfile::TempDir;

/// A folder with a bare remote and clones of it.
pub(super) struct Ground {
    folder: TempDir,
}

/// The variables that keep git away from the machine's own configuration, for a person.
pub(super) fn environment(person: &str) -> Vec<(String, String)> {
    let email = format!("{person}@example.com");
    [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", person),
        ("GIT_AUTHOR_EMAIL", &email),
        ("GIT_COMMITTER_NAME", person),
        ("GIT_COMMITTER_EMAIL", &email),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec()
}

impl Ground {
    /// An empty bare remote.
    pub fn new() -> Self {
        let ground = Self { folder: TempDir::new().unwrap() };
        ground.git(".", "nobody", &["init", "--quiet", "--bare", "--initial-branch=main", "remote.git"]);
        ground
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs git as `person` in `place`, and gives what it printed.
    pub fn git(&self, place: &str, person: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.path(place))
            .args(arguments)
            .envs(environment(person))
            .env("GIT_AUTHOR_DATE", "2026-11-01T10:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-11-01T10:00:00Z")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?} in {place}: {stderr}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Clones the remote for `person`.
    pub fn clone_for(&self, person: &str) -> GitRepository {
        self.git(".", person, &["clone", "--quiet", "remote.git", person]);
        self.open(person)
    }

    /// Opens the clone of `person`.
    pub fn open(&self, person: &str) -> GitRepository {
        GitRepository::open(&self.path(person), environment(person)).unwrap()
    }

    /// A ledger in a new clone for `person`.
    pub fn ledger_for(&self, person: &str) -> GitLedger {
        GitLedger::new(&self.clone_for(person))
    }

    /// Writes a file and commits it.
    pub fn commit(&self, place: &str, person: &str, path: &str, text: &str) -> String {
        let file = self.path(place).join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        self.git(place, person, &["add", "--all"]);
        self.git(place, person, &["commit", "--quiet", "--message", &format!("Write {path}")]);
        self.git(place, person, &["rev-parse", "HEAD"])
    }

    /// Takes the remote away, or puts it back.
    pub fn set_reachable(&self, reachable: bool) {
        let (from, to) = if reachable { ("away.git", "remote.git") } else { ("remote.git", "away.git") };
        fs::rename(self.path(from), self.path(to)).unwrap();
    }
}
