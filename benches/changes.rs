//! Open changes: how long the real program takes to list many of them with their classes and gates, cold.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says where")]

mod support;

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use support::{
    child::environment,
    program,
    report::Table,
    repository::{self, Backends},
};

const SERVICES: usize = 1_000;
const CHANGES: usize = 200;

fn main() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("control");
    repository::write(&directory, SERVICES, &Backends::default());
    propose(&directory, home.path());
    let mut table = Table::default();
    let list = ["--repo", "control", "change", "list", "-o", "json"];
    let listed = run(&program(), &list, home.path()).1;
    let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
    assert_eq!(listed["changes"].as_array().map(Vec::len), Some(CHANGES), "{listed}");
    let times = |program: &Path, arguments: &[&str], home: &Path| {
        (0..10).map(|_| run(program, arguments, home).0).collect()
    };
    table.times(
        &format!("`change list`, {CHANGES} changes of {SERVICES} services, cold process"),
        "≤ 500 ms",
        times(&program(), &list, home.path()),
    );
    let kept = directory.join(".git/quarterdeck/changes");
    assert!(kept.exists());
    let from_nothing = (0..10).map(|_| {
        fs::remove_file(&kept).unwrap();
        run(&program(), &list, home.path()).0
    });
    table.times("  where nothing was concluded before", "", from_nothing.collect());
    let one_moved = (0..10).map(|number| {
        move_one(&directory, home.path(), number);
        run(&program(), &list, home.path()).0
    });
    table.times("  where one of them has moved", "", one_moved.collect());
    let references = ["-C", "control", "log", "--no-walk", "--name-only", "--branches=change/*"];
    table.times(
        "  beside it: `git log` of their heads",
        "",
        times(Path::new("git"), &references, home.path()),
    );
}

/// Branches of one commit each, which raise one service's patch, minor or major version.
fn propose(directory: &Path, home: &Path) {
    let mut stream = String::new();
    for change in 0..CHANGES {
        let index = change * (SERVICES / CHANGES) + 1;
        let name = repository::name(index);
        let path = match repository::project(index) {
            Some(project) => format!("projects/{project}/services.toml"),
            None => "services/catalog.toml".to_owned(),
        };
        let text = fs::read_to_string(directory.join(&path)).unwrap();
        let old = format!("version = \"1.{}.0\"", index % 9);
        let new =
            ["version = \"1.9.0\"".to_owned(), "version = \"2.0.0\"".to_owned(), old.replace(".0\"", ".1\"")]
                [change % 3]
                .clone();
        let at = text.find(&format!("[service.{name}]")).unwrap();
        let text = format!("{}{}", &text[..at], text[at..].replacen(&old, &new, 1));
        let _ = write!(
            stream,
            "commit refs/heads/change/{name}\ncommitter Ana <ana@example.com> {} +0000\ndata 5\nraise\nfrom \
             refs/heads/main^0\nM 100644 inline {path}\ndata {}\n{text}\n",
            1_780_000_000 + change,
            text.len()
        );
    }
    let mut import = Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(directory)
        .env_clear()
        .envs(environment(home))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
}

/// Puts another commit of the same files on one of the branches.
fn move_one(directory: &Path, home: &Path, number: usize) {
    let branch = format!("refs/heads/change/{}", repository::name(1));
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(directory)
            .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.com"])
            .args(arguments)
            .env_clear()
            .envs(environment(home))
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let message = format!("again {number}");
    let commit = git(&["commit-tree", &format!("{branch}^{{tree}}"), "-p", &branch, "-m", &message]);
    git(&["update-ref", &branch, &commit]);
}

/// Runs a program to its end: how long it took, and what it wrote.
fn run(program: &Path, arguments: &[&str], home: &Path) -> (Duration, Vec<u8>) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(home).env_clear().envs(environment(home)).stdin(Stdio::null());
    let began = Instant::now();
    let output = command.output().unwrap();
    let took = began.elapsed();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    (took, output.stdout)
}
