//! `check` beside what merely parsing the same bytes costs: time and memory of whole processes, how it
//! grows, and how long a small edit takes to be judged again.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says where")]

mod support;

use chrono::DateTime;
use quarterdeck::{
    adapters::git::GitRepository,
    domain::rules,
    ports::{ControlRepository as _, Revision},
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use support::{
    child::environment,
    program,
    report::{Table, measure},
    repository::{self, Backends},
};
use tokio::runtime::Runtime;

/// The word that makes this program the reference: it parses a directory's files and ends.
const PARSE: &str = "plain-parse";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, directory] = arguments.as_slice()
        && word == PARSE
    {
        return plain_parse(Path::new(directory));
    }
    let mut table = Table::default();
    let small = whole_check(&mut table, 10_000, 10);
    let large = whole_check(&mut table, 100_000, 3);
    let grows = large.as_secs_f64() / small.as_secs_f64();
    table.value("check, 100,000 services: times that of 10,000", "≤ 12", format!("{grows:.1}"));
    edit(&mut table, 10_000);
}

/// What a program that only wants the data would write.
#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed to be held, not to be used")]
struct File {
    #[serde(default)]
    service: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed to be held, not to be used")]
struct Service {
    name: Option<String>,
    r#type: Option<String>,
    owner: Option<String>,
    description: Option<String>,
    version: Option<String>,
    status: Option<String>,
    tier: Option<String>,
    port: Option<u16>,
    health_check: Option<String>,
    pattern: Option<String>,
    dependencies: Option<BTreeMap<String, Vec<String>>>,
    governance: Option<toml::Table>,
    sla: Option<toml::Table>,
}

/// The reference: the same files, read and parsed into plain structures that are all held.
fn plain_parse(directory: &Path) {
    let mut folders = vec![directory.to_path_buf()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                files.push(toml::from_str::<File>(&fs::read_to_string(path).unwrap()).unwrap());
            }
        }
    }
    assert!(!files.is_empty());
    std::hint::black_box(&files);
}

/// Runs a program to its end: how long it took, and the most memory that it was seen with.
fn watch(command: &mut Command, home: &Path) -> (Duration, f64) {
    command.current_dir(home).env_clear().envs(environment(home));
    command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut most = 0.0_f64;
    loop {
        if let Ok(text) = fs::read_to_string(&status)
            && let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))
        {
            let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
            most = most.max(kilobytes / 1024.0);
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{command:?}: {status}");
            return (began.elapsed(), most);
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// Backends that are never asked. With them nothing is found: what is measured is the judging, not the writing of
/// thousands of lines.
fn without_findings() -> Backends {
    Backends { metrics: Some("http://127.0.0.1:9".to_owned()) }
}

/// `check` as a cold process, in turn with the reference; the median of the former.
fn whole_check(table: &mut Table, services: usize, count: usize) -> Duration {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("control");
    repository::write(&directory, services, &without_findings());
    let (mut times, mut plain_times) = (Vec::new(), Vec::new());
    let (mut memory, mut plain_memory) = (0.0_f64, 0.0_f64);
    for _ in 0..count {
        let mut check = Command::new(program());
        let (time, most) =
            watch(check.args(["--repo", "control", "check", "--deny", "warning"]), home.path());
        times.push(time);
        memory = memory.max(most);
        let mut plain = Command::new(std::env::current_exe().unwrap());
        let (time, most) = watch(plain.arg(PARSE).arg(&directory), home.path());
        plain_times.push(time);
        plain_memory = plain_memory.max(most);
    }
    let median = |times: &[Duration]| {
        let mut times = times.to_vec();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (own, plain) = (median(&times), median(&plain_times));
    let ratio = |one: f64, two: f64| format!("{:.2}", one / two);
    table.times(&format!("`check`, {services} services, every rule, cold process"), "", times);
    table.times("  beside it: `toml` parses the same files, cold process", "", plain_times);
    let aim = if services == 10_000 { "≤ 2.5" } else { "" };
    table.value("  times the plain parse", aim, ratio(own.as_secs_f64(), plain.as_secs_f64()));
    table.value("  most resident", "", format!("{memory:.1} MiB"));
    table.value("  beside it: most resident", "", format!("{plain_memory:.1} MiB"));
    table.value("  times the memory of the plain parse", "≤ 1.5", ratio(memory, plain_memory));
    own
}

/// One service's edit, read and judged again as the console does it.
fn edit(table: &mut Table, services: usize) {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("control");
    repository::write(&directory, services, &without_findings());
    let runtime = Runtime::new().unwrap();
    let repository = GitRepository::open(&directory, Vec::new()).unwrap();
    let today = DateTime::from_timestamp(1_780_000_000, 0).unwrap().date_naive();
    let path = directory.join("projects/project-003/services.toml");
    let text = fs::read_to_string(&path).unwrap();
    let mut turn = 0;
    let mut judge = || {
        turn += 1;
        fs::write(&path, text.replacen("Service number", &format!("Edit {turn} of service"), 1)).unwrap();
        let began = Instant::now();
        let catalog = runtime.block_on(repository.load(&Revision::WorkingTree)).unwrap();
        let read = began.elapsed();
        let findings = rules::check(&catalog, None, today);
        assert!(findings.is_empty());
        (read, began.elapsed())
    };
    judge();
    let (reads, all): (Vec<_>, Vec<_>) = (0..30).map(|_| judge()).unzip();
    table.times(&format!("an edit of one of {services} services: read again"), "", reads);
    table.times("  and judged by every rule", "≤ 50 ms", all);
    let catalog = runtime.block_on(repository.load(&Revision::WorkingTree)).unwrap();
    table.times("  every rule alone", "", measure(30, || rules::check(&catalog, None, today)));
}
