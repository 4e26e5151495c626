//! Writing a commit, for proposals and for the main branch alike. Everything happens in the object database; no branch,
//! no index of the working tree and none of its files is touched.

use super::{child::Call, clone::LocalClone, repository::operator};
use crate::{
    domain::{merge::CommitDraft, name::CommitId, text::clean},
    error::Failure,
};
use chrono::{DateTime, Utc};
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

/// The tree of a commit.
pub(super) fn tree_of(clone: &LocalClone, commit: &str) -> Result<String, Failure> {
    let spec = format!("{commit}^{{tree}}");
    let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &spec];
    let message = format!("could not find the files of {}", clean(commit));
    clone.git.line(&Call { arguments: &arguments, ..Call::default() }, &message)
}

/// An index of its own, removed at the end.
struct Index(PathBuf);

impl Index {
    /// A name that no other process and no other thread uses.
    fn new(clone: &LocalClone) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("quarterdeck-commit-{}-{count}", std::process::id());
        Self(clone.repository().git_dir().join(name))
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // Nothing depends on it; one that stays behind is only a file too many.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a commit that is in no branch yet, signed if the person signs commits.
pub(super) fn commit(
    clone: &LocalClone,
    draft: &CommitDraft,
    at: DateTime<Utc>,
) -> Result<CommitId, Failure> {
    let what = "could not write the commit";
    // Says at once what is missing when nobody is there to author it.
    operator(clone)?;
    let git = &clone.git;
    let mut tree = tree_of(clone, draft.files_of.as_str())?;
    if !draft.edits.is_empty() {
        let index = Index::new(clone);
        let file = index.0.to_string_lossy().into_owned();
        let environment = [("GIT_INDEX_FILE", file.as_str())];
        let with_index = |arguments: &[&str]| {
            git.line(&Call { arguments, environment: &environment, ..Call::default() }, what)
        };
        with_index(&["read-tree", &tree])?;
        for (path, text) in &draft.edits {
            let arguments = ["hash-object", "-w", "--stdin", "--no-filters"];
            let blob =
                git.line(&Call { arguments: &arguments, input: Some(text), ..Call::default() }, what)?;
            let entry =
                git.line(&Call { arguments: &["ls-tree", &tree, "--", path], ..Call::default() }, what)?;
            let mode = match entry.split(' ').next() {
                // A file that may be executed stays one.
                Some("100755") => "100755",
                Some("100644" | "") | None => "100644",
                Some(_) => return Err(Failure::refused(format!("{} is no file in Git", clean(path)))),
            };
            with_index(&["update-index", "--add", "--cacheinfo", mode, &blob, path])?;
        }
        tree = with_index(&["write-tree"])?;
    }
    let mut arguments = vec!["commit-tree", &tree, "-p", draft.parent.as_str()];
    if git.signs()? {
        arguments.push("-S");
    }
    let date = format!("@{} +0000", at.timestamp().max(0));
    let environment = [("GIT_AUTHOR_DATE", date.as_str()), ("GIT_COMMITTER_DATE", date.as_str())];
    let call = Call {
        arguments: &arguments,
        environment: &environment,
        input: Some(&draft.message),
        network: false,
    };
    git.line(&call, what).map(Into::into)
}
