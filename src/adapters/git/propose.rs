//! A proposal as a branch: one commit on top of the main branch, made without the working tree and its index.

use super::{
    child::{Call, Output},
    clone::LocalClone,
    commit,
    references::find,
};
use crate::{
    domain::{merge::CommitDraft, name::CommitId, text::clean},
    error::Failure,
    ports::BranchDraft,
};

/// Makes the branch, brings it to the remote, and sees it there.
pub(super) fn propose(clone: &LocalClone, draft: &BranchDraft) -> Result<CommitId, Failure> {
    let name = format!("refs/heads/{}", draft.branch);
    check_name(clone, draft, &name)?;
    let remote = clone.remote();
    refuse_known(clone, draft, remote.as_deref())?;
    let written = CommitDraft {
        parent: draft.base.clone(),
        files_of: draft.base.clone(),
        edits: draft.files.clone(),
        message: draft.message.clone(),
    };
    let commit = commit::commit(clone, &written, draft.at)?;
    match &remote {
        Some(remote) => push(clone, remote, &name, commit.as_str())?,
        None => create(clone, &name, commit.as_str())?,
    }
    Ok(commit)
}

/// The name comes from settings that others write: it must be a plain branch, and none that is spoken for.
fn check_name(clone: &LocalClone, draft: &BranchDraft, name: &str) -> Result<(), Failure> {
    let arguments = ["check-ref-format", name];
    let is_sound = clone.git.run(&Call { arguments: &arguments, ..Call::default() })?.success;
    if is_sound && !draft.branch.starts_with('-') && !draft.branch.starts_with("quarterdeck/") {
        return Ok(());
    }
    Err(Failure::refused(format!("`{}` cannot be the name of a proposal's branch", clean(&draft.branch)))
        .hint("see `repository.changes` in quarterdeck.toml"))
}

fn refuse_known(clone: &LocalClone, draft: &BranchDraft, remote: Option<&str>) -> Result<(), Failure> {
    let repository = clone.repository();
    let remote = remote.map(|remote| format!("refs/remotes/{remote}/{}", draft.branch));
    for known in remote.into_iter().chain([format!("refs/heads/{}", draft.branch)]) {
        if let Some(head) = find(&repository, &known)? {
            return Err(taken(&draft.branch).cause(format!(
                "{} is at {}",
                clean(&known),
                &head.to_string()[..8]
            )));
        }
    }
    Ok(())
}

/// The failure of a name that is there already.
fn taken(branch: &str) -> Failure {
    Failure::conflict(format!("the branch {} is there already; nothing was done", clean(branch)))
        .hint("look at it, and merge or delete it before proposing anew")
}

/// Without a remote the local branch is the proposal.
fn create(clone: &LocalClone, name: &str, commit: &str) -> Result<(), Failure> {
    let none = "0".repeat(commit.len());
    let arguments = ["update-ref", "-m", "quarterdeck: proposal", name, commit, &none];
    let output = clone.git.run(&Call { arguments: &arguments, ..Call::default() })?;
    if output.success {
        return Ok(());
    }
    Err(output.explain(taken(name.trim_start_matches("refs/heads/"))))
}

/// Pushes the branch only if the remote has none of that name, and sees it there. A push whose answer was lost
/// counts by what the remote has.
fn push(clone: &LocalClone, remote: &str, name: &str, commit: &str) -> Result<(), Failure> {
    let branch = name.trim_start_matches("refs/heads/");
    let lease = format!("--force-with-lease={name}:");
    let refspec = format!("{commit}:{name}");
    let arguments = ["push", "--porcelain", "--no-follow-tags", &lease, remote, &refspec];
    let pushed = clone.git.run(&Call { arguments: &arguments, network: true, ..Call::default() });
    let there = on_remote(clone, remote, name);
    match (pushed, there) {
        (_, Ok(Some(there))) if there == commit => {
            note(clone, remote, branch, commit);
            Ok(())
        }
        (Ok(output), Ok(Some(_))) => Err(output.explain(taken(branch)).cause(format!("{remote} has it already"))),
        (Ok(output), Ok(None)) => Err(refused(&output, remote, branch)),
        (Err(failure), Ok(_)) => Err(failure),
        (Ok(output), Err(silent)) if !output.success => Err(output.explain(
            Failure::unreachable(format!("could not push {branch} to {remote}; nothing was proposed"))
                .cause(silent.message)
                .hint(format!("check the remote with `git ls-remote {remote}`, then propose again")),
        )),
        (_, Err(silent)) => Err(silent.hint(format!(
            "whether {remote} has {branch} is not known: look with `git ls-remote {remote}` before proposing again"
        ))),
    }
}

/// What the remote has under a name.
fn on_remote(clone: &LocalClone, remote: &str, name: &str) -> Result<Option<String>, Failure> {
    let arguments = ["ls-remote", remote, name];
    let output = clone.git.run(&Call { arguments: &arguments, network: true, ..Call::default() })?;
    if !output.success {
        return Err(output.explain(Failure::unreachable(format!("{remote} does not say what it has"))));
    }
    let found =
        output.stdout.lines().filter_map(|line| line.split_once('\t')).find(|(_, known)| *known == name);
    Ok(found.map(|(commit, _)| commit.to_owned()))
}

/// Remembers what the remote was just seen to have; the next fetch would do the same.
fn note(clone: &LocalClone, remote: &str, branch: &str, commit: &str) {
    let name = format!("refs/remotes/{remote}/{branch}");
    let arguments = ["update-ref", "-m", "quarterdeck: proposed", &name, commit];
    let _ = clone.git.run(&Call { arguments: &arguments, ..Call::default() });
}

fn refused(output: &Output, remote: &str, branch: &str) -> Failure {
    let reason = output.stdout.lines().find_map(|line| line.strip_prefix("!\t"));
    let failure =
        Failure::forbidden(format!("{remote} did not take the branch {branch}; nothing was proposed"));
    let failure = match reason.and_then(|line| line.rsplit('\t').next()) {
        Some(reason) => failure.cause(clean(reason)),
        None => failure,
    };
    output.explain(failure).hint("ask for the right to push branches of changes")
}

#[cfg(test)]
mod tests {
    use crate::{
        adapters::git::fixture::Ground,
        error::FailureKind,
        ports::{BranchDraft, ControlRepository as _},
    };
    use std::fs;

    const PATH: &str = "services/catalog.toml";

    fn draft(base: &str, text: &str) -> BranchDraft {
        BranchDraft {
            branch: "change/a-beta".into(),
            base: base.into(),
            files: vec![(PATH.into(), text.into()), ("CHANGELOG.md".into(), "- it\n".into())],
            message: "a: development → beta\n\nProposed.\n".into(),
            at: "2026-11-24T10:00:00Z".parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn a_proposal_is_one_commit_on_the_remote_and_nothing_else_moves() {
        let ground = Ground::new();
        let repository = ground.clone_for("ana");
        let base = ground.commit("ana", "ana", PATH, "old\r\n");
        ground.commit("ana", "ana", "docs/x.md", "kept\n");
        let base_now = ground.git("ana", "ana", &["rev-parse", "HEAD"]);
        ground.git("ana", "ana", &["push", "--quiet", "origin", "main"]);
        assert_ne!(base, base_now);
        // What somebody works on stays as it is: files, index, branch.
        fs::write(ground.path("ana/services/catalog.toml"), "half done").unwrap();
        fs::write(ground.path("ana/new.txt"), "staged").unwrap();
        ground.git("ana", "ana", &["add", "new.txt"]);
        let status = ground.git("ana", "ana", &["status", "--porcelain", "--branch"]);
        let commit = repository.propose(draft(&base_now, "new\r\n")).await.unwrap();
        assert_eq!(ground.git("ana", "ana", &["status", "--porcelain", "--branch"]), status);
        assert_eq!(ground.git("ana", "ana", &["branch", "--list", "change/*"]), "");
        let remote = |arguments: &[&str]| ground.git("remote.git", "nobody", arguments);
        assert_eq!(remote(&["rev-parse", "change/a-beta"]), commit.as_str());
        assert_eq!(remote(&["rev-parse", "change/a-beta^"]), base_now);
        assert_eq!(
            remote(&["diff", "--name-only", "main", "change/a-beta"]),
            format!("CHANGELOG.md\n{PATH}"),
            "both files in one commit"
        );
        assert_eq!(
            remote(&["log", "-1", "--format=%an %ae %cn %at %s", "change/a-beta"]),
            "ana ana@example.com ana 1795514400 a: development → beta"
        );
        assert_eq!(repository.read(&commit, PATH).await.unwrap(), b"new\r\n");
        assert_eq!(repository.branch("change/a-beta").await.unwrap(), Some(commit));
        let left = fs::read_dir(ground.path("ana/.git")).unwrap().filter(|entry| {
            entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("quarterdeck-commit")
        });
        assert_eq!(left.count(), 0);
    }

    #[tokio::test]
    async fn a_branch_that_is_there_is_never_moved() {
        let ground = Ground::new();
        let ana = ground.clone_for("ana");
        let base = ground.commit("ana", "ana", PATH, "old\n");
        ground.git("ana", "ana", &["push", "--quiet", "origin", "main"]);
        let ben = ground.clone_for("ben");
        let first = ana.propose(draft(&base, "from ana\n")).await.unwrap();
        // Ben's clone does not know the branch yet: the remote says no.
        let failure = ben.propose(draft(&base, "from ben\n")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict, "{failure:?}");
        let again = ana.propose(draft(&base, "again\n")).await.unwrap_err();
        assert_eq!(again.kind, FailureKind::Conflict, "{again:?}");
        assert_eq!(ground.git("remote.git", "nobody", &["rev-parse", "change/a-beta"]), first.as_str());
    }

    #[tokio::test]
    async fn without_a_remote_the_local_branch_is_the_proposal_and_a_silent_remote_gets_none() {
        let ground = Ground::new();
        let repository = ground.clone_for("ana");
        let base = ground.commit("ana", "ana", PATH, "old\n");
        ground.git("ana", "ana", &["push", "--quiet", "origin", "main"]);
        ground.set_reachable(false);
        let failure = repository.propose(draft(&base, "new\n")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreachable, "{failure:?}");
        assert_eq!(ground.git("ana", "ana", &["branch", "--all", "--list", "*change/*"]), "");
        ground.git("ana", "ana", &["remote", "remove", "origin"]);
        let repository = ground.open("ana");
        let commit = repository.propose(draft(&base, "new\n")).await.unwrap();
        assert_eq!(ground.git("ana", "ana", &["rev-parse", "change/a-beta"]), commit.as_str());
        let failure = repository.propose(draft(&base, "newer\n")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict, "{failure:?}");
        for branch in ["-x", "a..b", "quarterdeck/ledger", "a b"] {
            let draft = BranchDraft { branch: branch.into(), ..draft(&base, "x") };
            let failure = repository.propose(draft).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Refused, "{branch}: {failure:?}");
        }
    }

    #[tokio::test]
    async fn files_of_the_working_tree_are_named_and_links_are_not() {
        let ground = Ground::new();
        let repository = ground.clone_for("ana");
        let base = ground.commit("ana", "ana", PATH, "x\n");
        assert!(repository.file(PATH).await.unwrap().ends_with(PATH));
        std::os::unix::fs::symlink("/etc/passwd", ground.path("ana/services/versions.toml")).unwrap();
        for path in ["services/versions.toml", "services/patterns.toml", "../x", "/etc/passwd"] {
            assert_eq!(repository.file(path).await.unwrap_err().kind, FailureKind::Refused, "{path}");
        }
        for path in ["services", "services/none.toml", "services/catalog.toml/x", ""] {
            assert!(repository.read(&base.as_str().into(), path).await.is_err(), "{path}");
        }
    }
}
