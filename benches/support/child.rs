//! The real program under a pseudo-terminal.

use super::program;
use portable_pty::{Child as PtyChild, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    io::Read as _,
    num::NonZero,
    path::Path,
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

/// A running program and what it has drawn.
pub struct Child {
    began: Instant,
    process: Box<dyn PtyChild + Send + Sync>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    // Closing it hangs the program up.
    _master: Box<dyn MasterPty + Send>,
}

impl Child {
    /// Starts it at 160×45 with a home of its own. The clock starts just before the process does.
    pub fn start(arguments: &[&str], home: &Path) -> Self {
        let (rows, columns) = (NonZero::new(45).unwrap(), NonZero::new(160).unwrap());
        let size = PtySize { rows: rows.get(), cols: columns.get(), ..PtySize::default() };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program());
        command.args(arguments);
        command.env_clear();
        for (name, value) in environment(home) {
            command.env(name, value);
        }
        command.env("TERM", "xterm-256color");
        command.cwd(home);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 65_536];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let began = Instant::now();
        let process = pair.slave.spawn_command(command).unwrap();
        Self { began, process, output, screen: vt100::Parser::new(rows, columns, 0), _master: pair.master }
    }

    /// Waits until the screen shows what is looked for; how long after the start that was.
    pub fn until(&mut self, limit: Duration, mut seen: impl FnMut(&str) -> bool) -> Option<Duration> {
        loop {
            let left = limit.checked_sub(self.began.elapsed())?;
            let bytes = self.output.recv_timeout(left).ok()?;
            let now = self.began.elapsed();
            self.screen.process(&bytes);
            if seen(&self.screen.screen().contents()) {
                return Some(now);
            }
        }
    }

    /// What the terminal shows.
    pub fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Takes in what it draws until that time after its start.
    pub fn watch(&mut self, limit: Duration) {
        self.until(limit, |_| false);
    }

    /// A line of `/proc/<pid>/status` in MiB: `VmRSS` is resident now, `VmHWM` was the most.
    pub fn memory(&self, line: &str) -> f64 {
        let pid = self.process.process_id().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let kibibytes: f64 = found.unwrap().trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes / 1024.0
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the program's environment is: nothing of the person's but the path to git.
pub fn environment(home: &Path) -> Vec<(&'static str, String)> {
    let home = home.to_string_lossy().into_owned();
    let path = quarterdeck::config::environment::var("PATH").unwrap_or_default();
    vec![
        ("PATH", path),
        ("KUBECONFIG", format!("{home}/kubeconfig")),
        ("HOME", home),
        ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
        ("GIT_AUTHOR_NAME", "Bench".to_owned()),
        ("GIT_AUTHOR_EMAIL", "bench@example.com".to_owned()),
        ("GIT_COMMITTER_NAME", "Bench".to_owned()),
        ("GIT_COMMITTER_EMAIL", "bench@example.com".to_owned()),
    ]
}
