//! What the agent takes of a core while nothing happens: the real program as a process of its own, on a generated estate of
//! a thousand services in two clusters, a third of whose objects change every minute. The aim is at most five per cent.
//! An argument after `--` is for how many seconds it is watched; a minute unless said.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says where")]

mod support;

use chrono::DateTime;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use support::{
    child::environment,
    platform::Platform,
    program,
    report::Table,
    repository::{self, Backends},
};

const SERVICES: usize = 1_000;
/// Changes a second of the objects that it watches.
const CHURN: u32 = 10;
/// So long it may take until it leads and everything has been read.
const SETTLE: Duration = Duration::from_secs(10);

fn main() {
    let seconds = std::env::args().skip(1).find_map(|part| part.parse().ok()).unwrap_or(60);
    let mut table = Table::default();
    for (churn, aim) in [(0, "≤ 5 %"), (CHURN, "≤ 5 %")] {
        measure(&mut table, churn, aim, Duration::from_secs(seconds));
    }
}

fn measure(table: &mut Table, churn: u32, aim: &str, span: Duration) {
    let home = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
    let platform = runtime.block_on(Platform::start(SERVICES, now));
    platform.write_kubeconfig(&home.path().join("kubeconfig"));
    let backends = Backends { metrics: Some(platform.metrics.clone()) };
    repository::write(&home.path().join("control"), SERVICES, &backends);
    let mut agent = Agent::start(home.path());
    let began = Instant::now();
    agent.until("leading");
    let led = began.elapsed();
    std::thread::sleep(SETTLE);
    if churn > 0 {
        let _inside = runtime.enter();
        platform.churn(churn);
    }
    let before = agent.busy();
    let began = Instant::now();
    std::thread::sleep(span);
    let share = agent.busy().checked_sub(before).unwrap().as_secs_f64() / began.elapsed().as_secs_f64();
    let what = format!("agent, {SERVICES} services, {churn} changes a second: of a core");
    table.value(&what, aim, format!("{:.2} %", share * 100.0));
    table.value("  resident", "", format!("{:.1} MiB", agent.memory()));
    table.times("  from its start until it leads", "", vec![led]);
}

/// The agent as a process.
struct Agent {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Agent {
    fn start(home: &std::path::Path) -> Self {
        let mut command = Command::new(program());
        command.args(["--repo", "control", "agent"]).current_dir(home).env_clear().envs(environment(home));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Waits for a message of its journal.
    fn until(&mut self, message: &str) {
        let wanted = format!("\"message\":\"{message}\"");
        let found = self.lines.by_ref().map_while(Result::ok).any(|line| line.contains(&wanted));
        assert!(found, "it ended without `{message}`");
    }

    /// How long its threads were on a processor so far.
    fn busy(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // Behind the name, which may have blanks: user and system time are the 12th and 13th value, in hundredths.
        let (_, rest) = text.rsplit_once(") ").unwrap();
        let ticks: u64 = rest.split(' ').skip(11).take(2).map(|value| value.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    fn memory(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
