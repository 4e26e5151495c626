//! `check` as pipelines run it: what must never be merged ends with exit code 1, and the snippet of docs/ci does what it
//! says on every kind of push.

use crate::{
    console::git,
    program::{BINARY, Program},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Replaces all files of a working tree by those of a folder.
fn fill(control: &Path, folder: &Path) {
    for entry in fs::read_dir(control).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name != ".git") {
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
    }
    copy(folder, control);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn commit(control: &Path, message: &str) -> String {
    git(control, &["add", "--all"]);
    git(control, &["commit", "--quiet", "--allow-empty", "--message", message]);
    git(control, &["rev-parse", "HEAD"])
}

/// A repository whose main branch has the files of one folder, and its branch `change/x` those of the other.
fn proposal(program: &Program, base: &Path, head: &Path) -> PathBuf {
    let control = program.home.path().join("control");
    fs::create_dir_all(&control).unwrap();
    git(&control, &["init", "--quiet", "--initial-branch", "main"]);
    fill(&control, base);
    commit(&control, "Begin");
    git(&control, &["checkout", "--quiet", "-b", "change/x"]);
    fill(&control, head);
    commit(&control, "Change it");
    control
}

#[tokio::test]
async fn what_must_never_be_merged_ends_with_exit_code_one() {
    for (disaster, code) in [
        ("deleted-service", "QD301"),
        ("cycle", "QD203"),
        ("sla-violation", "QD306"),
        ("breaking-change", "QD303"),
    ] {
        let program = Program::new();
        let folder = fixtures().join("disasters").join(disaster);
        proposal(&program, &folder.join("base"), &folder.join("head"));
        let on = |arguments: &[&'static str]| [&["--repo", "control", "check"], arguments].concat();
        program.ends(0, &on(&["--rev", "main", "--deny", "warning"])).await;
        for arguments in
            [&["--base", "main"][..], &["main..change/x"], &["--base", "main", "--format", "github"]]
        {
            let ran = program.ends(1, &on(arguments)).await;
            let error = if arguments.contains(&"github") { "::error" } else { "error[" };
            assert!(ran.out.lines().any(|line| line.contains(error) && line.contains(code)), "{}", ran.out);
        }
    }
}

#[tokio::test]
async fn every_fault_at_once_is_told_in_one_run() {
    let program = Program::new();
    let folder = fixtures().join("all-faults");
    proposal(&program, &folder.join("base"), &folder.join("head"));
    let check = ["--repo", "control", "check", "--base", "main"];
    let json = program.json(1, &check).await;
    let all = json["findings"].as_array().unwrap();
    let codes =
        |prefix: &str| all.iter().any(|finding| finding["code"].as_str().unwrap().starts_with(prefix));
    for group in ["QD1", "QD2", "QD3", "QD4", "QD5", "QD6", "QD7", "QD8"] {
        assert!(codes(group), "{group} is not among {} findings", all.len());
    }
    let limited = program.ends(1, &[&check[..], &["--limit", "3"]].concat()).await;
    let headers = |text: &str| {
        let header =
            |line: &&str| ["error[", "warning[", "note["].iter().any(|level| line.starts_with(level));
        text.lines().filter(header).count()
    };
    assert_eq!(headers(&limited.out), 3, "{}", limited.out);
    limited.says(&[&format!("and {} more", all.len() - 3)]);
    let whole = program.ends(1, &[&check[..], &["--limit", "all"]].concat()).await;
    assert_eq!(headers(&whole.out), all.len(), "{}", whole.out);
    program.ends(2, &[&check[..], &["--limit", "none"]].concat()).await;
}

/// Rules that take more than small files to break, each with what breaks it and what does not: only their own findings
/// are looked at.
#[tokio::test]
async fn rules_that_no_small_file_breaks_have_twins_as_well() {
    type Make = fn(&Path, bool);
    let twins: [(&str, Make); 5] = [
        ("unreadable-file", |control, broken| {
            let path = control.join("policies/sla.toml");
            if broken {
                assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
            } else {
                fs::write(path, "").unwrap();
            }
        }),
        ("file-too-large", |control, broken| {
            let sign = if broken { "=" } else { "-" };
            fs::write(control.join("policies/sla.toml"), format!("# {}\n", sign.repeat(1_000_001))).unwrap();
        }),
        ("too-many-findings", |control, broken| {
            let count = if broken { 1_002 } else { 1_000 };
            let keys: String = (0..count).map(|number| format!("k{number} = 1\n")).collect();
            fs::write(control.join("policies/sla.toml"), keys).unwrap();
        }),
        ("not-searched", |control, broken| {
            let size = 1024 * 1024 + usize::from(broken);
            fs::write(control.join("NOTES.md"), "x".repeat(size)).unwrap();
        }),
        ("link-not-read", |control, broken| {
            let path = control.join("policies/sla.toml");
            if broken {
                std::os::unix::fs::symlink("/etc/hostname", path).unwrap();
            } else {
                fs::write(path, "").unwrap();
            }
        }),
    ];
    let mut shown = String::new();
    for (name, make) in twins {
        for broken in [true, false] {
            let program = Program::new();
            let folder = fixtures().join("rules/missing-dependency/valid");
            let control = proposal(&program, &folder, &folder);
            make(&control, broken);
            let ran = program.run(&["--repo", "control", "check", "-o", "json"]).await;
            let json: Value = serde_json::from_str(&ran.out).unwrap();
            let all = json["findings"].as_array().unwrap();
            let own: Vec<&Value> = all.iter().filter(|finding| finding["name"] == name).collect();
            assert_eq!(own.is_empty(), !broken, "{name}: {json:#}");
            for finding in own {
                shown += &format!("{finding:#}\n");
            }
        }
    }
    insta::assert_snapshot!("rules-that-no-small-file-breaks", shown);
}

/// The shell of a step of docs/ci/github.yml.
fn step(name: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci/github.yml")).unwrap();
    let document: Value = serde_saphyr::from_str(&text).unwrap();
    let steps = document["jobs"]["check"]["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no step `{name}`"));
    found["run"].as_str().unwrap().to_owned()
}

#[test]
fn the_snippet_for_github_checks_first_pushes_and_forced_ones_too() {
    let program = Program::new();
    let folder = fixtures().join("disasters/deleted-service");
    let control = proposal(&program, &folder.join("base"), &folder.join("head"));
    let main = git(&control, &["rev-parse", "main"]);
    git(&control, &["update-ref", "refs/remotes/origin/main", &main]);
    let zeros = "0".repeat(40);
    let lost = "1".repeat(40);
    let bin = program.home.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(BINARY, bin.join("quarterdeck")).unwrap();
    // Target of a pull request, what was before a push → the base, and how the check ends.
    for (target, before, base, code) in [
        ("main", "", "--base=origin/main", 1),
        ("", main.as_str(), main.as_str(), 1),
        ("", &zeros, "", 1),
        ("", &lost, "", 1),
        ("", "", "", 1),
        // A pull request is never checked without its base.
        ("gone", "", "--base=origin/gone", 2),
    ] {
        let set = program.home.path().join("set");
        fs::write(&set, "").unwrap();
        let run = |script: &str, variables: &[(&str, &str)]| {
            let path = format!("{}:{}", bin.display(), crate::program::search_path());
            let mut command = Command::new("bash");
            command.args(["-e", "-o", "pipefail", "-c", script]).current_dir(&control).env_clear();
            command.envs(program.environment()).env("PATH", path).envs(variables.iter().copied());
            command.output().unwrap()
        };
        let place = set.display().to_string();
        let variables = [("TARGET", target), ("BEFORE", before), ("GITHUB_ENV", place.as_str())];
        let found = run(&step("Find what to compare with"), &variables);
        assert!(found.status.success(), "{found:?}");
        let said = fs::read_to_string(&set).unwrap();
        let given = said.trim().strip_prefix("BASE=").unwrap_or_default();
        assert!(given.ends_with(base) && given.is_empty() == base.is_empty(), "{target} {before}: {given}");
        let checked = run(&step("Check"), &[("BASE", given)]);
        assert_eq!(checked.status.code(), Some(code), "{target} {before}: {checked:?}");
        let sarif = run(&step("Write SARIF"), &[("BASE", given)]);
        assert_eq!(sarif.status.success(), code < 2, "{target} {before}: {sarif:?}");
    }
}
