//! Running the `git` program: argument vectors only, no shell, no prompt, and never longer than a limit.

use crate::{domain::text, error::Failure};
use mio::{Events, Interest, Poll, Token, unix::pipe::Receiver};
use std::{
    io::{self, Read as _, Write as _},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How long a call that talks to a remote may take.
pub(super) const NETWORK_LIMIT: Duration = Duration::from_secs(20);

/// How long a call on this machine may take; signing may wait for a person's touch of a key.
const LOCAL_LIMIT: Duration = Duration::from_mins(1);

/// How much of what git prints is kept; more is no message for a person.
const KEPT_OUTPUT: usize = 16 * 1024 * 1024;

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
        let outlets = [child.stdout.take().map(Receiver::from), child.stderr.take().map(Receiver::from)];
        let ended = watch(&mut child, outlets, limit).map_err(|error| {
            Failure::failed(format!("could not read what `git {name}` printed")).because(&error)
        });
        if !matches!(ended, Ok((Some(_), _))) {
            let _ = child.kill();
            let _ = child.wait();
        }
        let (Some(status), [stdout, stderr]) = ended? else {
            return Err(Failure::unreachable(format!(
                "`git {name}` did not end within {} seconds and was stopped",
                limit.as_secs()
            )));
        };
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Output { success: status.success(), stdout: text(stdout), stderr: text(stderr) })
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

/// Reads what a child prints until it has ended; no status when it does not in time. The end of its output would not do:
/// a helper that it leaves behind (a shared ssh connection, say) keeps the pipes open. What it printed itself is in them
/// before it ends, and is read whole.
fn watch(
    child: &mut Child,
    mut outlets: [Option<Receiver>; 2],
    limit: Duration,
) -> io::Result<(Option<ExitStatus>, [Vec<u8>; 2])> {
    let deadline = Instant::now() + limit;
    let mut read = [Vec::new(), Vec::new()];
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(4);
    for (number, outlet) in outlets.iter_mut().enumerate() {
        let Some(pipe) = outlet else { continue };
        pipe.set_nonblocking(true)?;
        poll.registry().register(pipe, Token(number), Interest::READABLE)?;
    }
    let mut pause = Duration::from_micros(500);
    loop {
        // Before the pipes are emptied: then nothing of what it printed is missed.
        let status = child.try_wait()?;
        for (outlet, read) in outlets.iter_mut().zip(&mut read) {
            if outlet.as_mut().is_some_and(|pipe| drain(pipe, read)) {
                *outlet = None;
            }
        }
        if status.is_some() {
            return Ok((status, read));
        }
        if Instant::now() >= deadline {
            return Ok((None, read));
        }
        // Its output wakes us, and the end of that; only an end without one is waited for by looking again.
        if let Err(error) = poll.poll(&mut events, Some(pause))
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        pause = (pause * 3 / 2).min(Duration::from_millis(10));
    }
}

/// Reads what a pipe has now; whether that was its end. More than is kept is left there, where it stops its writer.
fn drain(pipe: &mut Receiver, read: &mut Vec<u8>) -> bool {
    let mut chunk = [0; 8192];
    while read.len() < KEPT_OUTPUT {
        match pipe.read(&mut chunk) {
            Ok(0) => return true,
            Ok(length) => read.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        }
    }
    false
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
    fn what_was_printed_is_there_whatever_stays_behind() {
        // A helper keeps both pipes open long after git has ended.
        let call = Call { arguments: &["leave"], ..Call::default() };
        let began = Instant::now();
        let output = git(&["alias.leave=!sleep 20 & echo $!"]).run(&call).unwrap();
        let helper = output.line();
        assert!(helper.parse::<u32>().is_ok() && output.success, "{output:?}");
        assert!(Command::new("kill").arg(&helper).status().unwrap().success(), "it is still there");
        assert!(began.elapsed() < Duration::from_secs(15), "it was not waited for");
        // And nothing is lost of one who prints and ends.
        for _ in 0..50 {
            let call = Call { arguments: &["--version"], ..Call::default() };
            assert!(git(&[]).run(&call).unwrap().line().starts_with("git version"));
        }
    }

    #[test]
    fn complaints_are_causes_each_once_and_not_too_many() {
        let stderr = "a\n\na\nb\u{1b}[1m\nc\nd\ne\nf\ng\n".to_owned();
        let output = Output { success: false, stdout: String::new(), stderr };
        assert_eq!(output.explain(Failure::failed("x")).causes, ["a", "b[1m", "c", "d", "e", "f"]);
    }
}
