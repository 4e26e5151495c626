//! A new control repository: its files and one commit.

use super::child::{Call, Git};
use crate::{domain::text::clean, error::Failure};
use std::path::Path;

/// Writes `files` (path and text) into `directory` as a Git repository with one commit on `main`.
///
/// # Errors
/// Refused when the directory is there and not empty; Failed when it cannot be written or git fails.
pub fn create(
    directory: &Path,
    files: &[(String, String)],
    environment: Vec<(String, String)>,
) -> Result<(), Failure> {
    let shown = clean(&directory.to_string_lossy());
    let failed = |what: &str, error: &std::io::Error| {
        Failure::failed(format!("could not {what} {shown}"))
            .because(error)
            .hint("see who owns it and who may write there")
    };
    match std::fs::read_dir(directory).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => {
            return Err(Failure::refused(format!("{shown} is not empty; nothing was written"))
                .hint("give a directory that is empty or not there yet"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(directory).map_err(|error| failed("create", &error))?;
        }
        Err(error) => return Err(failed("read", &error)),
    }
    for (path, text) in files {
        let path = directory.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| failed("write into", &error))?;
        }
        std::fs::write(&path, text).map_err(|error| failed("write into", &error))?;
    }
    let git = Git {
        directory: directory.to_owned(),
        environment,
        settings: Vec::new(),
        network_limit: super::child::NETWORK_LIMIT,
    };
    let run = |arguments: &[&str]| {
        git.line(&Call { arguments, ..Call::default() }, &format!("could not make {shown} a Git repository"))
    };
    run(&["init", "--quiet", "--initial-branch=main"])?;
    run(&["add", "--all"])?;
    // Somebody new may have no identity yet; the first commit should not fail for that.
    let known = git.run(&Call { arguments: &["config", "user.email"], ..Call::default() })?.success;
    let identity: &[&str] =
        if known { &[] } else { &["-c", "user.name=Quarterdeck", "-c", "user.email=quarterdeck@localhost"] };
    let commit: Vec<&str> =
        identity.iter().copied().chain(["commit", "--quiet", "-m", "Start the control repository"]).collect();
    run(&commit)?;
    Ok(())
}
