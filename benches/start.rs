//! How long the real program takes from its start to what a person looks at, and how much memory it has
//! then. Arguments, after `--`: the names of parts to run (`version`, `console`, `demo`); none runs all.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says where")]

mod support;

use chrono::DateTime;
use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use support::{
    child::{Child, environment},
    platform::Platform,
    program,
    report::{Table, measure},
    repository::{self, Backends},
};

/// Longest wait for anything.
const LIMIT: Duration = Duration::from_secs(30);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|part| !part.starts_with('-')).collect();
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == part);
    let mut table = Table::default();
    if wants("version") {
        version(&mut table);
    }
    if wants("console") {
        console(&mut table, 1_000, 30, "≤ 50 ms");
        console(&mut table, 10_000, 10, "≤ 250 ms");
    }
    if wants("demo") {
        demo(&mut table);
    }
}

/// Runs a program to its end, and how long that took.
fn run(program: &Path, arguments: &[&str], directory: &Path) -> Duration {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory).env_clear().envs(environment(directory));
    command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    let began = Instant::now();
    let status = command.status().unwrap();
    let took = began.elapsed();
    assert!(status.success(), "{} {arguments:?}: {status}", program.display());
    took
}

fn version(table: &mut Table) {
    let home = tempfile::tempdir().unwrap();
    let size = std::fs::metadata(program()).unwrap().len() as f64 / 1024.0 / 1024.0;
    table.value("size of the program", "≤ 30 MiB", format!("{size:.1} MiB"));
    let each = |program: &Path| (0..200).map(|_| run(program, &["--version"], home.path())).collect();
    table.times("`quarterdeck --version`", "≤ 6 ms", each(&program()));
    table.times("  beside it: `git --version`", "", each(Path::new("git")));
}

/// The console on a generated repository, with both its clusters and its metrics answering.
fn console(table: &mut Table, services: usize, count: usize, aim: &str) {
    let home = tempfile::tempdir().unwrap();
    let repository = home.path().join("control");
    // The platform is in this process, but the first frame does not wait for it.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
    let platform = runtime.block_on(Platform::start(services, now));
    platform.write_kubeconfig(&home.path().join("kubeconfig"));
    let backends = Backends { metrics: Some(platform.metrics.clone()) };
    repository::write(&repository, services, &backends);

    let start = || Child::start(&["--repo", "control"], home.path());
    let rows = |screen: &str| screen.contains("svc-0");
    let first = (0..count).map(|_| start().until(LIMIT, rows).expect("rows")).collect();
    table.times(&format!("console, {services} services: start to rows on the screen"), aim, first);
    let live =
        (0..count.min(5)).map(|_| start().until(LIMIT, |screen| screen.contains("3/3")).expect("pods"));
    table.times(&format!("console, {services} services: start to live pods"), "", live.collect());

    let git = (0..count).map(|_| run(Path::new("git"), &["-C", "control", "log", "-1"], home.path()));
    table.times("  beside it: `git log -1` there", "", git.collect());
    let git = (0..count).map(|_| run(Path::new("git"), &["-C", "control", "status"], home.path()));
    table.times("  beside it: `git status` there", "", git.collect());
    let files = repository::files(services, &backends);
    let tables = measure(count, || {
        let toml = files.iter();
        toml.map(|(_, text)| text.parse::<toml::Table>().unwrap()).collect::<Vec<_>>()
    });
    table.times("  beside it: `toml` alone parses the same bytes, in memory", "", tables);

    let mut child = start();
    child.watch(Duration::from_secs(12));
    let aim = if services == 1_000 { "≤ 50 MiB" } else { "" };
    table.value(
        &format!("console, {services} services: resident after 12 s"),
        aim,
        format!("{:.1} MiB", child.memory("VmRSS")),
    );
    table.value(
        &format!("console, {services} services: most resident"),
        aim,
        format!("{:.1} MiB", child.memory("VmHWM")),
    );
}

/// The whole simulated platform with the console in one process.
fn demo(table: &mut Table) {
    let home = tempfile::tempdir().unwrap();
    let start = || Child::start(&["demo"], home.path());
    let first = |wanted: fn(&str) -> bool| -> Vec<Duration> {
        (0..10).map(|_| start().until(LIMIT, wanted).expect("what is waited for")).collect()
    };
    table.times("demo: start to catalog rows", "", first(|screen| screen.contains("shared-auth")));
    table.times("demo: start to five panes with live numbers", "≤ 2 s", first(all_live));
    let once = (0..10).map(|_| run(&program(), &["demo", "--once"], home.path()));
    table.times("`demo --once` in all", "", once.collect());
    let mut child = start();
    child.watch(Duration::from_secs(30));
    if !all_live(&child.text()) {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "{}", child.text());
    }
    table.value("demo: resident after 30 s", "≤ 120 MiB", format!("{:.1} MiB", child.memory("VmRSS")));
    table.value("demo: most resident", "≤ 120 MiB", format!("{:.1} MiB", child.memory("VmHWM")));
}

/// Whether all five panes show what only live sources know: pods and error ratios, a graph, changes,
/// judged availabilities, and an incident.
fn all_live(screen: &str) -> bool {
    screen.contains("3/3")
        && screen.contains("ms")
        && screen.contains("INC-")
        && screen.contains("▶")
        && screen.contains('%')
        && screen.contains("shared-auth-2.0.0")
}
