//! The main branch's past: which of its commits touched services.

use super::{child::Call, clone::LocalClone, repository::branch_head};
use crate::{domain::cross_project::Moment, error::Failure};
use chrono::{DateTime, SecondsFormat, Utc};

/// Folders that say which services there are and what they need.
const FOLDERS: [&str; 2] = ["services", "projects"];

/// How many commits are listed at most; who has more since then sees the newest.
const MOST_COMMITS: &str = "--max-count=50000";

/// Commits of the main branch that touched services or projects, since a time, the oldest first, after the last
/// one before. `git` finds the history of a path faster than reading every tree would.
pub(super) fn moments(clone: &LocalClone, main: &str, since: DateTime<Utc>) -> Result<Vec<Moment>, Failure> {
    let repository = clone.repository();
    let Some(head) = branch_head(clone, &repository, main)? else { return Ok(Vec::new()) };
    let head = head.to_string();
    let time = since.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut before = list(clone, &head, &["--max-count=1", &format!("--before={time}")])?;
    before.extend(list(clone, &head, &[MOST_COMMITS, &format!("--since={time}")])?);
    before.dedup();
    Ok(before)
}

/// What `git log` lists of those folders, the oldest first.
fn list(clone: &LocalClone, head: &str, more: &[&str]) -> Result<Vec<Moment>, Failure> {
    let mut arguments = vec!["log", "--first-parent", "--format=%H %ct", "--no-show-signature"];
    arguments.extend(more);
    arguments.extend([head, "--"]);
    arguments.extend(FOLDERS);
    let output = clone.git.run(&Call { arguments: &arguments, ..Call::default() })?;
    if !output.success {
        let failure = Failure::failed("could not list the commits of the main branch");
        return Err(output.explain(failure).hint("check the repository with `git fsck`"));
    }
    let mut moments: Vec<Moment> = output.stdout.lines().filter_map(moment).collect();
    moments.reverse();
    // Clocks of different machines disagree; what follows goes by time.
    moments.sort_by_key(|moment| moment.at);
    Ok(moments)
}

/// `<commit> <seconds>`; a line that is cut off is none.
fn moment(line: &str) -> Option<Moment> {
    let (commit, seconds) = line.split_once(' ')?;
    let at = DateTime::from_timestamp(seconds.parse().ok()?, 0)?;
    (commit.len() >= 40).then(|| Moment { commit: commit.into(), at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{adapters::git::fixture::Ground, ports::ControlRepository as _};

    /// Writes a file and commits it at a time; gives the commit.
    fn write(ground: &Ground, path: &str, text: &str, time: &str) -> String {
        let file = ground.path("ana").join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
        ground.git("ana", "ana", &["add", "--all"]);
        // The ground's own times are fixed; an alias is where another one can be set.
        let alias = format!("alias.at=!GIT_COMMITTER_DATE={time} git commit --quiet --message x");
        ground.git("ana", "ana", &["-c", &alias, "at"]);
        ground.git("ana", "ana", &["rev-parse", "HEAD"])
    }

    #[tokio::test]
    async fn commits_of_main_that_touched_services_are_listed() {
        let ground = Ground::new();
        let repository = ground.clone_for("ana");
        let since = "2026-10-01T00:00:00Z".parse().unwrap();
        assert_eq!(repository.history("main", since).await.unwrap(), [], "there is no commit yet");
        let write = |path: &str, text: &str, time: &str| write(&ground, path, text, time);
        write("services/catalog.toml", "a", "2026-08-01T10:00:00Z");
        let before = write("services/catalog.toml", "b", "2026-09-01T10:00:00Z");
        write("README.md", "no service", "2026-09-02T10:00:00Z");
        let first = write("projects/shop/services.toml", "c", "2026-10-05T10:00:00Z");
        write("policies/sla.toml", "d", "2026-10-06T10:00:00Z");
        // What a side branch did counts once, when it is merged.
        ground.git("ana", "ana", &["checkout", "--quiet", "-b", "side"]);
        write("services/catalog.toml", "e", "2026-10-07T10:00:00Z");
        write("services/catalog.toml", "f", "2026-10-08T10:00:00Z");
        ground.git("ana", "ana", &["checkout", "--quiet", "main"]);
        ground.git("ana", "ana", &["merge", "--quiet", "--no-ff", "--message", "merge", "side"]);
        let merge = ground.git("ana", "ana", &["rev-parse", "HEAD"]);
        let commits = |found: &[Moment]| -> Vec<String> {
            found.iter().map(|moment| moment.commit.to_string()).collect()
        };
        let found = repository.history("main", since).await.unwrap();
        assert_eq!(commits(&found), [before.clone(), first.clone(), merge]);
        assert_eq!(found[1].at, "2026-10-05T10:00:00Z".parse::<DateTime<Utc>>().unwrap());
        // The remote's main is the truth, where it is known.
        ground.git("ana", "ana", &["push", "--quiet", "origin", &format!("{first}:refs/heads/main")]);
        ground.git("ana", "ana", &["fetch", "--quiet"]);
        assert_eq!(commits(&repository.history("main", since).await.unwrap()), [before, first]);
        assert_eq!(repository.history("no-such-branch", since).await.unwrap(), []);
    }

    #[test]
    fn lines_that_are_no_commit_are_passed_over() {
        let commit = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
        assert_eq!(moment(&format!("{commit} 1700000000")).unwrap().at.timestamp(), 1_700_000_000);
        for line in ["", "1a2b 17", commit, &format!("{commit} soon"), &format!("{commit} 99999999999999999")]
        {
            assert_eq!(moment(line), None, "{line}");
        }
    }
}
