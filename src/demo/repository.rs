//! The demo's control repository: a bare remote and a working clone, with a month of history.

mod changes;
mod contents;
pub(super) mod history;
pub(super) mod keys;
mod policies;
mod projects;

use super::{PlatformOptions, past};
use crate::{
    domain::{catalog::reader, name::CommitId},
    error::Failure,
};
use chrono::{DateTime, TimeDelta, Utc};
use history::{Author, Brought, Commit};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{io::AsyncWriteExt, process::Command};

/// Where the bare remote is, below the demo's directory.
pub(super) fn remote(directory: &Path) -> PathBuf {
    directory.join("control.git")
}

/// Where the operator's clone is, below the demo's directory.
pub(super) fn working(directory: &Path) -> PathBuf {
    directory.join("control")
}

/// Where the control repository's `quarterdeck.toml` points to.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Base address of the metrics server.
    pub metrics: String,
    /// Base address of Alertmanager.
    pub alertmanager: String,
    /// Base address of the forge's API.
    pub forge: String,
    /// File with the forge's token.
    pub token: String,
    /// Base address of the receivers of notices.
    pub sinks: String,
    /// Base address of the registry of images.
    pub registry: String,
}

/// The two repositories on disk.
#[derive(Debug, Clone)]
pub struct Repositories {
    /// The bare remote.
    pub remote: PathBuf,
    /// The clone that the operator works in.
    pub working: PathBuf,
    /// Whether what is committed in it is signed.
    pub signing: bool,
}

impl Repositories {
    /// The environment in which git commits and signs as a person of the demo.
    pub fn environment(&self, name: &str, email: &str) -> Vec<(String, String)> {
        let directory = self.working.parent().unwrap_or(&self.working);
        let key = keys::path(directory, email).display().to_string();
        let mut variables = vec![
            ("GIT_AUTHOR_NAME", name.to_owned()),
            ("GIT_AUTHOR_EMAIL", email.to_owned()),
            ("GIT_COMMITTER_NAME", name.to_owned()),
            ("GIT_COMMITTER_EMAIL", email.to_owned()),
        ];
        if self.signing {
            variables.extend([
                ("GIT_CONFIG_COUNT", "1".to_owned()),
                ("GIT_CONFIG_KEY_0", "user.signingKey".to_owned()),
                ("GIT_CONFIG_VALUE_0", key),
            ]);
        }
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Writes both repositories below `directory`, with history that ends shortly before `now`.
pub async fn create(
    directory: &Path,
    options: &PlatformOptions,
    addresses: &Addresses,
) -> Result<Repositories, Failure> {
    let PlatformOptions { seed, scenario, now, past, .. } = *options;
    let (remote, working) = (remote(directory), working(directory));
    // Git signs with a program of OpenSSH. Where that is missing, nobody signs and nobody has to.
    let signing = keys::can_sign();
    let signers = keys::allowed_signers(seed)?;
    let context = contents::Context {
        now,
        addresses,
        signers: &signers,
        signing,
        scenario: scenario.row(),
        has_agent: past,
    };
    git(["init", "--quiet", "--bare", "--initial-branch=main"], &[&remote], None).await?;
    let commits = history::commits(scenario, past, now);
    let (stream, waiting) = stream(&commits, &context);
    let marks = directory.join("marks");
    let export = format!("--export-marks={}", marks.display());
    let at = ["-C".as_ref(), remote.as_os_str()];
    let import = ["fast-import".as_ref(), "--quiet".as_ref(), "--force".as_ref(), export.as_ref()];
    git(at, &import, Some(stream)).await?;
    if signing {
        keys::write(directory, seed)?;
    }
    if past && let Some(last) = commits.iter().rfind(|commit| commit.branch.is_none()) {
        let files = contents::files(&last.state, &context);
        let (releases, landed) = (last.state.releases.clone(), landed(waiting, &marks)?);
        let (remote, keys) = (remote.clone(), signing.then_some(seed));
        // Hundreds of signatures and objects: the clusters start meanwhile on this task.
        let written = tokio::task::spawn_blocking(move || {
            let main = reader::read(files.into_iter().map(|(path, text)| (path, text.into_bytes())));
            let (releases, landed) = (&releases[..], &landed[..]);
            past::write(&remote, &past::Ground { scenario, now, releases, landed, main: &main }, keys)
        });
        written
            .await
            .map_err(|error| Failure::failed("could not write the past of the demo").because(&error))??;
    }
    // Whether it was there or not: nobody needs it any more.
    let _ = std::fs::remove_file(&marks);
    clone(directory, history::person(OPERATOR), &working, &working).await?;
    Ok(Repositories { remote, working, signing })
}

/// Whose console the demo opens.
pub(super) const OPERATOR: &str = "m-ruiz";

/// Clones the remote below the demo's `directory` for one of its people, who signs there with their own key. The
/// clone is made in `into`, and will be at `at`.
pub(super) async fn clone(directory: &Path, author: Author, into: &Path, at: &Path) -> Result<(), Failure> {
    let key = keys::path(directory, author.email);
    let mut settings = vec![
        format!("user.name={}", author.name),
        format!("user.email={}", author.email),
        "tag.gpgsign=false".to_owned(),
        "gc.auto=0".to_owned(),
        "core.autocrlf=false".to_owned(),
    ];
    if key.exists() {
        settings.extend([
            "commit.gpgsign=true".to_owned(),
            "gpg.format=ssh".to_owned(),
            // The user's own settings may name another program, which does not know these keys.
            "gpg.ssh.program=ssh-keygen".to_owned(),
            format!("user.signingKey={}", key.display()),
            format!("gpg.ssh.allowedSignersFile={}", at.join("policies/allowed_signers").display()),
        ]);
    } else {
        settings.push("commit.gpgsign=false".to_owned());
    }
    let options = settings.iter().map(|setting| format!("--config={setting}"));
    let arguments = ["clone".to_owned(), "--quiet".to_owned()].into_iter().chain(options);
    git(arguments, &[&remote(directory), into], None).await
}

/// The git program, apart from the user's own configuration and surroundings.
pub(super) fn git_command() -> Command {
    let mut command = Command::new("git");
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("LC_ALL", "C")
        .kill_on_drop(true);
    // Set when the demo is started from a hook; they would lead git to the wrong repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_TEMPLATE_DIR"] {
        command.env_remove(name);
    }
    command
}

/// Runs git.
async fn git<First: AsRef<std::ffi::OsStr>>(
    arguments: impl IntoIterator<Item = First>,
    more: &[&Path],
    input: Option<String>,
) -> Result<(), Failure> {
    let mut command = git_command();
    command
        .args(arguments)
        .args(more)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let failed = || Failure::failed("could not make the demo's control repository");
    let mut child = command
        .spawn()
        .map_err(|error| failed().because(&error).hint("install git, and see that it is on the PATH"))?;
    let mut pipe = child.stdin.take();
    let write = async {
        if let (Some(pipe), Some(input)) = (&mut pipe, input) {
            // A broken pipe means that git failed; its own words are better than ours.
            let _ = pipe.write_all(input.as_bytes()).await;
        }
        drop(pipe);
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    let output = output.map_err(|error| failed().because(&error))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(failed().cause(words.trim().to_owned()).hint("see that git is version 2.28 or newer"));
    }
    Ok(())
}

/// What came to the main branch, as commits.
#[derive(Debug)]
pub struct Landed {
    /// What it was.
    pub brought: Brought,
    /// When.
    pub at: DateTime<Utc>,
    /// The commit.
    pub commit: CommitId,
    /// The commit of the main branch before it.
    pub onto: CommitId,
    /// The head of the change, where it came from one.
    pub head: Option<CommitId>,
}

/// The same before the import, by the marks of the commits: its own, that before it, that of the change.
type Waiting = (Brought, DateTime<Utc>, usize, usize, Option<usize>);

/// Reads what became of the marks.
fn landed(waiting: Vec<Waiting>, marks: &Path) -> Result<Vec<Landed>, Failure> {
    let failed = || Failure::failed("could not read the commits of the demo's control repository");
    let text = std::fs::read_to_string(marks).map_err(|error| failed().because(&error))?;
    let commits: BTreeMap<usize, &str> = text
        .lines()
        .filter_map(|line| line.strip_prefix(':')?.split_once(' '))
        .filter_map(|(mark, commit)| Some((mark.parse().ok()?, commit)))
        .collect();
    let commit = |mark: usize| commits.get(&mark).map(|commit| CommitId::from(*commit)).ok_or_else(failed);
    waiting
        .into_iter()
        .map(|(brought, at, own, onto, head)| {
            let head = head.map(commit).transpose()?;
            Ok(Landed { brought, at, commit: commit(own)?, onto: commit(onto)?, head })
        })
        .collect()
}

/// The whole history in the form that `git fast-import` reads, and what of it brings versions.
fn stream(commits: &[Commit], context: &contents::Context<'_>) -> (String, Vec<Waiting>) {
    let mut out = String::with_capacity(1 << 20);
    let mut waiting = Vec::new();
    let mut before: BTreeMap<String, String> = BTreeMap::new();
    let (mut main, mut mark) = (None, 0);
    for commit in commits {
        let files = commit.finish(contents::files(&commit.state, context));
        let changed = |out: &mut String| {
            if let Some(parent) = main {
                let _ = writeln!(out, "from :{parent}");
            }
            for (path, text) in files.iter().filter(|(path, text)| before.get(*path) != Some(text)) {
                let _ = writeln!(out, "M 100644 inline {path}");
                data(out, text);
            }
            for path in before.keys().filter(|path| !files.contains_key(*path)) {
                let _ = writeln!(out, "D {path}");
            }
            out.push('\n');
        };
        let mut head = None;
        if let Some(merged) = commit.brings.as_ref().and_then(|brought| brought.merged) {
            // The change's own commit. Its branch is gone since the merge.
            mark += 1;
            head = Some(mark);
            let branch = format!("refs/heads/change/{}", merged.change);
            let author = history::person(merged.author);
            begin(&mut out, &branch, mark, author, commit.at - TimeDelta::hours(19));
            data(&mut out, &commit.message);
            changed(&mut out);
            let _ = writeln!(out, "reset {branch}\nfrom {}\n", "0".repeat(40));
        }
        mark += 1;
        let reference = commit.branch.map_or_else(|| "main".to_owned(), |name| format!("change/{name}"));
        begin(&mut out, &format!("refs/heads/{reference}"), mark, commit.author, commit.at);
        data(&mut out, &commit.message);
        changed(&mut out);
        if let Some((brought, onto)) = commit.brings.clone().zip(main) {
            waiting.push((brought, commit.at, mark, onto, head));
        }
        let (Author { name, email }, when) = (commit.author, commit.at.timestamp());
        for (tag, message) in &commit.tags {
            let _ = writeln!(out, "tag {tag}\nfrom :{mark}\ntagger {name} <{email}> {when} +0000");
            data(&mut out, message);
        }
        if commit.branch.is_none() {
            main = Some(mark);
            before = files;
        }
    }
    (out, waiting)
}

/// The head of a commit.
fn begin(out: &mut String, reference: &str, mark: usize, author: Author, at: DateTime<Utc>) {
    let (Author { name, email }, when) = (author, at.timestamp());
    let _ = writeln!(out, "commit {reference}\nmark :{mark}");
    let _ = writeln!(out, "author {name} <{email}> {when} +0000");
    let _ = writeln!(out, "committer {name} <{email}> {when} +0000");
}

fn data(out: &mut String, text: &str) {
    let _ = writeln!(out, "data {}\n{text}", text.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{Scenario, estate::SERVICES};

    fn said(directory: &Path, arguments: &[&str]) -> String {
        let output = std::process::Command::new("git")
            .arg("-C")
            .arg(directory)
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    async fn made(directory: &Path) -> Repositories {
        let now = DateTime::from_timestamp(1_790_000_000, 0).expect("a date");
        let addresses = Addresses {
            metrics: "http://127.0.0.1:1".to_owned(),
            alertmanager: "http://127.0.0.1:2".to_owned(),
            forge: "http://127.0.0.1:3".to_owned(),
            token: "/run/forge-token".to_owned(),
            sinks: "http://127.0.0.1:4".to_owned(),
            registry: "http://127.0.0.1:5".to_owned(),
        };
        let options = PlatformOptions {
            seed: 1,
            scenario: Scenario::BadRelease,
            now,
            pace: crate::demo::Pace::fast(),
            past: false,
        };
        create(directory, &options, &addresses).await.expect("made")
    }

    #[tokio::test]
    async fn the_history_is_a_month_of_several_people() {
        let directory = tempfile::tempdir().expect("a directory");
        let repositories = made(directory.path()).await;
        let working = &repositories.working;
        said(working, &["fsck", "--strict", "--no-progress"]);
        assert!(said(working, &["log", "--oneline"]).lines().count() >= 40);
        let authors = said(working, &["log", "--format=%ae"]);
        let authors: std::collections::BTreeSet<&str> = authors.lines().collect();
        assert!(authors.len() >= 5, "{authors:?}");
        let times = said(working, &["log", "--format=%at", "--reverse"]);
        let times: Vec<i64> = times.lines().map(|line| line.parse().expect("a time")).collect();
        assert!(times.is_sorted());
        let days = (times[times.len() - 1] - times[0]) as f64 / 86_400.0;
        assert!((27.0..30.0).contains(&days), "{days} days");
        let branches = said(working, &["branch", "--remotes", "--format=%(refname:short) %(authoremail)"]);
        for expected in [
            "origin/change/project-a-api-2.1.1 <a.chen@example.com>",
            "origin/change/catalog-search-1.5.0 <s.novak@example.com>",
            "origin/change/shared-auth-2.0.0 <l.okafor@example.com>",
        ] {
            assert!(branches.contains(expected), "{branches}");
        }
        let tags = said(working, &["tag"]);
        for service in SERVICES {
            assert!(tags.contains(&format!("{}-v{}\n", service.name, service.version)), "{}", service.name);
        }
        assert_eq!(said(working, &["config", "user.email"]).trim(), "m.ruiz@example.com");
        assert_eq!(said(working, &["status", "--porcelain"]), "");
        gix::open(working).expect("opens").head_commit().expect("has a head");
    }

    #[tokio::test]
    async fn the_same_moment_gives_the_same_commits() {
        let (one, two) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let heads =
            [made(one.path()).await, made(two.path()).await].map(|made| said(&made.remote, &["show-ref"]));
        assert_eq!(heads[0], heads[1]);
    }

    #[tokio::test]
    async fn every_file_of_every_commit_is_well_formed_and_main_says_what_the_estate_says() {
        let directory = tempfile::tempdir().expect("a directory");
        let working = made(directory.path()).await.working;
        let paths = said(&working, &["ls-files"]);
        for path in [
            "services/catalog.toml",
            "services/patterns.toml",
            "services/versions.toml",
            "projects/project-b/services.toml",
            "projects/project-c/deployment.toml",
            "projects/project-a/monitoring.toml",
            "policies/security.toml",
            "policies/allowed_signers",
            "policies/compliance.toml",
            "policies/sla.toml",
            "policies/teams.toml",
            "policies/escalation.toml",
            "policies/calendar.toml",
            "infrastructure/staging.k",
            "infrastructure/production.k",
            "monitoring-dashboard.yml",
            "quarterdeck.toml",
            "documentation/README.md",
            "CHANGELOG.md",
        ] {
            assert!(paths.lines().any(|known| known == path), "{path} is missing");
        }
        let mut versions = BTreeMap::new();
        for path in paths.lines().filter(|path| path.rsplit_once('.').is_some_and(|(_, kind)| kind == "toml"))
        {
            let text = std::fs::read_to_string(working.join(path)).expect("readable");
            let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
            let services = table.get("service").and_then(toml::Value::as_table);
            for (name, service) in services.into_iter().flatten() {
                if let Some(version) = service.get("version").and_then(toml::Value::as_str) {
                    versions.insert(name.clone(), version.to_owned());
                }
            }
        }
        let expected: BTreeMap<String, String> =
            SERVICES.iter().map(|service| (service.name.to_owned(), service.version.to_owned())).collect();
        assert_eq!(versions, expected);
        let dashboard = std::fs::read_to_string(working.join("monitoring-dashboard.yml")).expect("readable");
        let dashboard: serde_json::Value = serde_saphyr::from_str(&dashboard).expect("YAML");
        assert_eq!(dashboard["sections"].as_array().map(Vec::len), Some(4));
        let faulty = said(&working, &["show", "origin/change/shared-auth-2.0.0:services/catalog.toml"]);
        assert!(faulty.parse::<toml::Table>().is_ok(), "the fault is one of meaning, not of form");
        assert!(faulty.contains("sesion-cache"));
    }

    #[tokio::test]
    async fn main_and_two_changes_are_clean_and_the_third_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let working = made(directory.path()).await.working;
        let catalog = |revision: &str| {
            let paths = said(&working, &["ls-tree", "-r", "--name-only", revision]);
            let text = |path: &str| said(&working, &["show", &format!("{revision}:{path}")]).into_bytes();
            crate::domain::catalog::reader::read(paths.lines().map(|path| (path.to_owned(), text(path))))
        };
        let today = DateTime::from_timestamp(1_790_000_000, 0).expect("a date").date_naive();
        let base = catalog("main");
        // One project still uses what is deprecated: that is said of every revision, and blocks none.
        for (revision, expected) in [
            ("main", &["QD216"][..]),
            ("origin/change/project-a-api-2.1.1", &["QD216"]),
            ("origin/change/catalog-search-1.5.0", &["QD216"]),
            ("origin/change/shared-auth-2.0.0", &["QD201", "QD302", "QD103", "QD207", "QD216"]),
        ] {
            let findings = crate::domain::rules::check(&catalog(revision), Some(&base), today);
            let codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
            assert_eq!(codes, expected, "{revision}: {findings:#?}");
        }
    }
}
