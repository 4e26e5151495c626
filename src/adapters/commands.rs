//! Commands of the control repository: argument vectors, no shell, a time limit, and their output kept in a file.

use crate::{
    domain::text::clean,
    error::Failure,
    ports::{Answer, CommandEnd, CommandLine, Commands},
};
use futures::FutureExt;
use std::{
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::Command;

/// How much of the end of the output is given back, in bytes.
const TAIL: u64 = 4_096;

/// Commands in one directory.
#[derive(Debug)]
pub struct LocalCommands {
    directory: PathBuf,
    logs: Option<PathBuf>,
}

impl LocalCommands {
    /// Commands that run in `directory`, with logs below `state`; without one, next to the repository's own data.
    pub fn new(directory: &Path, state: Option<PathBuf>) -> Self {
        Self { directory: directory.to_owned(), logs: state }
    }

    fn write(&self, name: &(String, String), text: &str) -> Result<PathBuf, Failure> {
        let kept = || -> std::io::Result<PathBuf> {
            let log = self.log(name)?;
            std::fs::write(&log, text)?;
            Ok(log)
        };
        kept().map_err(|error| {
            Failure::failed(format!("could not keep the output of the {} test", clean(&name.1)))
                .because(&error)
        })
    }

    async fn start(&self, command: &CommandLine) -> Result<CommandEnd, Failure> {
        let shown = clean(&command.arguments.join(" "));
        let failed = |what: &str| Failure::failed(format!("could not {what} `{shown}`"));
        let Some((program, arguments)) = command.arguments.split_first() else {
            return Err(Failure::configuration("a test has no command"));
        };
        let log = self.log(&command.name).map_err(|error| failed("keep the output of").because(&error))?;
        let file =
            std::fs::File::create(&log).map_err(|error| failed("keep the output of").because(&error))?;
        let errors = file.try_clone().map_err(|error| failed("keep the output of").because(&error))?;
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(&self.directory)
            .envs(command.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                failed("start").because(&error).hint("see that it is there for whoever runs deployments")
            })?;
        let (code, is_late) = match tokio::time::timeout(command.limit, child.wait()).await {
            Ok(Ok(status)) => (status.code(), false),
            Ok(Err(error)) => return Err(failed("wait for").because(&error)),
            Err(_) => {
                // What it is asked to end does not matter more than that nobody waits for it.
                let _ = child.kill().await;
                (None, true)
            }
        };
        let tail = tail(&log).map_err(|error| failed("read the output of").because(&error))?;
        Ok(CommandEnd { code, is_late, tail, log })
    }

    /// The file of a command's output; the parts of its name cannot lead elsewhere.
    fn log(&self, name: &(String, String)) -> std::io::Result<PathBuf> {
        let plain = |name: &str| -> String {
            let known = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
            name.chars().map(|character| if known(character) { character } else { '_' }).collect()
        };
        let base = self.logs.clone().unwrap_or_else(|| self.directory.join(".git/quarterdeck"));
        let folder = base.join("deployments").join(plain(&name.0));
        std::fs::create_dir_all(&folder)?;
        Ok(folder.join(format!("{}.log", plain(&name.1))))
    }
}

impl Commands for LocalCommands {
    fn run<'a>(&'a self, command: &'a CommandLine) -> Answer<'a, CommandEnd> {
        self.start(command).boxed()
    }

    fn keep<'a>(&'a self, name: &'a (String, String), text: &'a str) -> Answer<'a, PathBuf> {
        futures::future::ready(self.write(name, text)).boxed()
    }
}

/// The end of a file as text.
fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;
    use std::time::Duration;

    fn command(arguments: &[&str], limit: Duration) -> CommandLine {
        CommandLine {
            name: ("DEP-1".into(), "../integration".into()),
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
            variables: vec![("QUARTERDECK_SERVICE".into(), "api".into())],
            limit,
        }
    }

    #[tokio::test]
    async fn a_command_runs_to_its_end_or_is_ended() {
        let home = tempfile::tempdir().unwrap();
        let commands = LocalCommands::new(home.path(), Some(home.path().join("state")));
        let minute = Duration::from_mins(1);
        let end = commands.run(&command(&["env"], minute)).await.unwrap();
        assert_eq!((end.code, end.is_late), (Some(0), false));
        assert!(end.tail.contains("QUARTERDECK_SERVICE=api"), "{end:?}");
        assert!(end.log.starts_with(home.path().join("state/deployments/DEP-1")), "{end:?}");
        assert_eq!(commands.run(&command(&["false"], minute)).await.unwrap().code, Some(1));
        // No shell: what would be one's syntax is only text.
        let echoed = commands.run(&command(&["echo", "$HOME; false"], minute)).await.unwrap();
        assert_eq!((echoed.code, echoed.tail.trim()), (Some(0), "$HOME; false"));
        let late = commands.run(&command(&["sleep", "30"], Duration::from_millis(20))).await.unwrap();
        assert_eq!((late.code, late.is_late), (None, true));
        let absent = commands.run(&command(&["/nowhere/at/all"], minute)).await.unwrap_err();
        assert_eq!(absent.kind, FailureKind::Failed);
        assert_eq!(commands.run(&command(&[], minute)).await.unwrap_err().kind, FailureKind::Configuration);
    }
}
