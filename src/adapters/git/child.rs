//! Running the `git` program: argument vectors only, no shell, no prompt, and never longer than a limit.

use crate::{domain::text, error::Failure};
use std::{
    io::{Read, Write},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How long a call that talks to a remote may take.
pub(super) const NETWORK_LIMIT: Duration = Duration::from_secs(20);

/// How long a call on this machine may take; signing may wait for a person's touch of a key.
const LOCAL_LIMIT: Duration = Duration::from_mins(1);

/// How much of what git prints is kept; more is no message for a person.
const KEPT_OUTPUT: u64 = 16 * 1024 * 1024;

/// Variables that would point git at another repository than the one that was opened.
const REDIRECTIONS: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
];

/// The `git` program in one repository.
#[derive(Debug, Clone)]
pub(super) struct Git {
    /// Where it runs.
    pub directory: PathBuf,
    /// Variables on top of the process's own.
    pub environment: Vec<(String, String)>,
    /// Settings for every call, as `key=value`.
    pub settings: Vec<String>,
    /// How long a call that talks to a remote may take.
    pub network_limit: Duration,
}

/// One call of git.
#[derive(Debug, Clone, Default)]
pub(super) struct Call<'a> {
    /// Its arguments.
    pub arguments: &'a [&'a str],
    /// Variables on top of [`Git::environment`].
    pub environment: &'a [(&'a str, &'a str)],
    /// What it reads.
    pub input: Option<&'a str>,
    /// Whether it talks to a remote.
    pub network: bool,
}

/// How a call ended.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// Whether git says that it worked.
    pub success: bool,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Output {
    /// What git printed on one line.
    pub fn line(&self) -> String {
        self.stdout.trim().to_owned()
    }

    /// Adds git's complaints to a failure, each line once.
    pub fn explain(&self, mut failure: Failure) -> Failure {
        for line in self.stderr.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let line = text::clean(line);
            if !failure.causes.contains(&line) && failure.causes.len() < 6 {
                failure = failure.cause(line);
            }
        }
        failure
    }
}

impl Git {
    /// Runs git. It fails only when git cannot be run at all, or does not end in time; whether git
    /// liked what it was asked is in the output.
    pub fn run(&self, call: &Call<'_>) -> Result<Output, Failure> {
        let name = call.arguments.first().copied().unwrap_or_default();
        let limit = if call.network { self.network_limit } else { LOCAL_LIMIT };
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.directory);
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        command.args(call.arguments);
        for variable in REDIRECTIONS {
            command.env_remove(variable);
        }
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command.envs(call.environment.iter().copied());
        command.stdin(if call.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            Failure::configuration(format!("could not start git to run `git {name}`"))
                .because(&error)
                .hint("install git, and see that it is in PATH")
        })?;
        if let (Some(input), Some(mut pipe)) = (call.input, child.stdin.take()) {
            // Git that does not want to read says so by its exit status.
            let _ = pipe.write_all(input.as_bytes());
        }
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let Some(status) = wait(&mut child, limit) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Failure::unreachable(format!(
                "`git {name}` did not end within {} seconds and was stopped",
                limit.as_secs()
            )));
        };
        Ok(Output { success: status.success(), stdout: stdout.text(), stderr: stderr.text() })
    }

    /// Whether the user signs commits; `git commit-tree` does not heed that by itself.
    pub fn signs(&self) -> Result<bool, Failure> {
        let arguments = ["config", "--type=bool", "--get", "commit.gpgSign"];
        let output = self.run(&Call { arguments: &arguments, ..Call::default() })?;
        Ok(output.success && output.line() == "true")
    }

    /// Runs git and takes its first line of output, or fails with `message` and git's complaints.
    pub fn line(&self, call: &Call<'_>, message: &str) -> Result<String, Failure> {
        let output = self.run(call)?;
        if output.success { Ok(output.line()) } else { Err(output.explain(Failure::failed(message))) }
    }
}

/// Waits for the child's own end. The end of its output would not do: a helper that it leaves behind
/// (a shared ssh connection, say) keeps the pipes open.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_micros(500);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(10));
    }
}

/// What a thread has read from a pipe so far.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<thread::JoinHandle<()>>,
}

/// Reads a pipe to its end in a thread of its own, so that a full pipe never stops the child.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Collected {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let reader = pipe.map(|pipe| {
        let bytes = Arc::clone(&bytes);
        thread::spawn(move || {
            let mut pipe = pipe.take(KEPT_OUTPUT);
            let mut chunk = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..length]);
            }
        })
    });
    Collected { bytes, reader }
}

impl Collected {
    /// The text, once the pipe has ended or, for helpers left behind, shortly after the child has.
    fn text(self) -> String {
        if let Some(reader) = self.reader {
            let deadline = Instant::now() + Duration::from_millis(300);
            while !reader.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_micros(200));
            }
        }
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;

    fn git(settings: &[&str]) -> Git {
        Git {
            directory: std::env::temp_dir(),
            environment: crate::adapters::git::fixture::environment("ana"),
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            network_limit: Duration::from_millis(50),
        }
    }

    #[test]
    fn a_call_that_hangs_is_stopped() {
        let call = Call { arguments: &["hang"], network: true, ..Call::default() };
        let failure = git(&["alias.hang=!sleep 2"]).run(&call).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreachable);
        assert!(failure.message.contains("`git hang`"), "{failure:?}");
    }

    #[test]
    fn much_output_does_not_stop_the_child() {
        let call = Call { arguments: &["much"], ..Call::default() };
        let output = git(&["alias.much=!seq 100000; seq 100000 >&2"]).run(&call).unwrap();
        assert!(output.success && output.stdout.ends_with("100000\n") && output.stderr.ends_with("100000\n"));
    }

    #[test]
    fn complaints_are_causes_each_once_and_not_too_many() {
        let stderr = "a\n\na\nb\u{1b}[1m\nc\nd\ne\nf\ng\n".to_owned();
        let output = Output { success: false, stdout: String::new(), stderr };
        assert_eq!(output.explain(Failure::failed("x")).causes, ["a", "b[1m", "c", "d", "e", "f"]);
    }
}
