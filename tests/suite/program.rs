//! The real binary, run without the machine's own settings: its home, its kubeconfig and nothing else.

use crate::console::{DEADLINE, HERMETIC};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout},
};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_quarterdeck");

/// The PATH that git is found on.
#[expect(clippy::disallowed_methods, reason = "the only setting of this machine that the tests need")]
pub fn search_path() -> String {
    std::env::var("PATH").unwrap()
}

/// The program with a home of its own.
pub struct Program {
    /// Its home.
    pub home: TempDir,
    /// More variables.
    pub variables: Vec<(String, String)>,
    /// Arguments before those of every run.
    pub always: Vec<String>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// A run that goes on.
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Waits for a line with a text in it, and gives the lines up to it.
    pub async fn says(&mut self, text: &str) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let line = tokio::time::timeout(DEADLINE, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("`{text}` does not come, only {said:#?}"));
            let line = line.unwrap().unwrap_or_else(|| panic!("it ended without `{text}`: {said:#?}"));
            said.push(line);
            if said.last().is_some_and(|line| line.contains(text)) {
                return said;
            }
        }
    }

    /// Sends what Ctrl-C sends, and gives the exit code.
    pub async fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("sh").args(["-c", "kill -s INT \"$0\"", &id]).status().unwrap();
        assert!(sent.success());
        tokio::time::timeout(DEADLINE, self.child.wait()).await.expect("it ends").unwrap().code()
    }
}

impl Program {
    /// The program in an empty home.
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), variables: Vec::new(), always: Vec::new() }
    }

    /// The program on a control repository, with the clusters of a kubeconfig.
    pub fn on(repository: &Path, kubeconfig: &Path) -> Self {
        let mut program = Self::new();
        program.always = vec!["--repo".to_owned(), repository.display().to_string()];
        program.set("KUBECONFIG", &kubeconfig.display().to_string());
        program
    }

    /// Sets a variable for every run.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a file below the home.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// All variables that a run gets.
    pub fn environment(&self) -> Vec<(String, String)> {
        HERMETIC
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .chain([
                ("HOME".to_owned(), self.home.path().display().to_string()),
                ("PATH".to_owned(), search_path()),
                ("TMPDIR".to_owned(), self.home.path().display().to_string()),
            ])
            .chain(self.variables.clone())
            .collect()
    }

    fn start(&self, arguments: &[&str]) -> tokio::process::Child {
        tokio::process::Command::new(BINARY)
            .args(&self.always)
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Starts it to be listened to while it runs.
    pub fn spawn(&self, arguments: &[&str]) -> Running {
        let mut child = self.start(arguments);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, lines }
    }

    /// Runs it to its end, without a terminal.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        let child = self.start(arguments);
        let output = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("{arguments:?} did not end")).unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs it and expects an exit code.
    pub async fn ends(&self, code: i32, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments).await;
        assert_eq!(ran.code, Some(code), "{arguments:?}\n{}\n{}", ran.out, ran.err);
        ran
    }

    /// Runs it with `-o json`, expects an exit code, and reads what it printed.
    pub async fn json(&self, code: i32, arguments: &[&str]) -> serde_json::Value {
        let mut all = arguments.to_vec();
        all.extend(["-o", "json"]);
        let ran = self.ends(code, &all).await;
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}", ran.out))
    }
}

impl Ran {
    /// Checks that all words are in what was printed on standard output.
    pub fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.out.contains(word), "`{word}` is missing in\n{}\n{}", self.out, self.err);
        }
        self
    }

    /// Checks that all words are in what was printed on standard error.
    pub fn complains(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing in\n{}", self.err);
        }
        self
    }
}
