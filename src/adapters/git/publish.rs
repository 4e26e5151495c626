//! Making commits visible: branches and tags that move together, on the remote where there is one, or not at all.

use super::{
    child::{Call, Output},
    clone::LocalClone,
    references::{find, unreadable},
};
use crate::{
    domain::{name::CommitId, text::clean},
    error::Failure,
    ports::{BranchMove, Publication, Tag},
};
use gix::bstr::ByteSlice;

/// A tag of this clone.
pub(super) fn tag(clone: &LocalClone, name: &str) -> Result<Option<Tag>, Failure> {
    let repository = clone.repository();
    let full = format!("refs/tags/{name}");
    let Some(commit) = find(&repository, &full)? else { return Ok(None) };
    let failed = |error: gix::Error| unreadable(name, &error);
    let reference = repository.find_reference(&full).map_err(failed)?;
    let object = reference.id().object().map_err(failed)?;
    let message = match object.kind {
        gix::object::Kind::Tag => {
            let tag = object.into_tag();
            tag.decode().map_or_else(|_| String::new(), |tag| tag.message.to_str_lossy().into_owned())
        }
        _ => String::new(),
    };
    Ok(Some(Tag { commit: commit.to_string().into(), message }))
}

/// Moves branches and sets tags: all of it, or nothing.
pub(super) fn publish(clone: &LocalClone, publication: &Publication) -> Result<(), Failure> {
    for BranchMove { branch, .. } in &publication.branches {
        check_name(clone, branch, &format!("refs/heads/{branch}"))?;
    }
    for (name, _, _) in &publication.tags {
        check_name(clone, name, &format!("refs/tags/{name}"))?;
    }
    let remote = clone.remote();
    let tags = Tags::set(clone, publication)?;
    let published = match &remote {
        Some(remote) => push(clone, remote, publication),
        None => transact(clone, publication),
    };
    if published.is_ok() {
        tags.keep();
    }
    published
}

/// The name comes from settings and branches that others write: it must be a plain one.
fn check_name(clone: &LocalClone, name: &str, full: &str) -> Result<(), Failure> {
    let arguments = ["check-ref-format", full];
    let is_sound = clone.git.run(&Call { arguments: &arguments, ..Call::default() })?.success;
    if is_sound && !name.starts_with('-') && !name.starts_with("quarterdeck/") {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "`{}` cannot be the name of a branch or a tag; nothing was done",
        clean(name)
    ))
    .hint("see `repository.changes` and `repository.tags` in quarterdeck.toml"))
}

/// Tags that were set here, and that go again unless everything becomes visible.
struct Tags<'c> {
    clone: &'c LocalClone,
    set: Vec<(String, String)>,
}

impl<'c> Tags<'c> {
    fn set(clone: &'c LocalClone, publication: &Publication) -> Result<Self, Failure> {
        let mut tags = Self { clone, set: Vec::new() };
        let Some(commit) = &publication.tagged else { return Ok(tags) };
        let kind = if clone.git.signs()? { "--sign" } else { "--annotate" };
        for (name, message, replaces) in &publication.tags {
            let mut arguments = vec!["tag", kind, "--cleanup=verbatim", "--file=-"];
            if *replaces {
                arguments.push("--force");
            }
            arguments.extend([name.as_str(), commit.as_str()]);
            let output =
                clone.git.run(&Call { arguments: &arguments, input: Some(message), ..Call::default() })?;
            if !output.success {
                let shown = clean(name);
                return Err(output
                    .explain(Failure::conflict(format!("the tag {shown} could not be set; nothing was done")))
                    .hint(format!("look at it with `git show {shown}`")));
            }
            let full = format!("refs/tags/{name}");
            let arguments = ["rev-parse", "--verify", "--quiet", &full];
            let object = clone
                .git
                .line(&Call { arguments: &arguments, ..Call::default() }, "could not read the tag")?;
            tags.set.push((full, object));
        }
        Ok(tags)
    }

    fn keep(mut self) {
        self.set.clear();
    }
}

impl Drop for Tags<'_> {
    fn drop(&mut self) {
        for (name, object) in &self.set {
            let arguments = ["update-ref", "-d", name, object];
            // One that stays gives way the next time.
            let _ = self.clone.git.run(&Call { arguments: &arguments, ..Call::default() });
        }
    }
}

/// Pushes everything at once, each branch only from where it must be, and sees it there.
fn push(clone: &LocalClone, remote: &str, publication: &Publication) -> Result<(), Failure> {
    let mut arguments =
        vec!["push".to_owned(), "--porcelain".into(), "--atomic".into(), "--no-follow-tags".into()];
    let mut specs = Vec::new();
    for BranchMove { branch, from, to } in &publication.branches {
        let from = from.as_ref().map_or("", CommitId::as_str);
        arguments.push(format!("--force-with-lease=refs/heads/{branch}:{from}"));
        specs.push(format!("{}:refs/heads/{branch}", to.as_ref().map_or("", CommitId::as_str)));
    }
    specs.extend(publication.tags.iter().map(|(name, _, _)| format!("refs/tags/{name}:refs/tags/{name}")));
    arguments.push(remote.to_owned());
    arguments.extend(specs);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let pushed = clone.git.run(&Call { arguments: &arguments, network: true, ..Call::default() });
    if matches!(&pushed, Ok(output) if output.success) {
        note(clone, remote, publication);
        return Ok(());
    }
    // A push whose answer was lost counts by what the remote has.
    match (pushed, standing(clone, remote, publication)) {
        (_, Ok(Standing::Arrived)) => {
            note(clone, remote, publication);
            Ok(())
        }
        (Ok(output), Ok(Standing::Moved(branch))) => Err(output.explain(lost(remote, &branch))),
        (Ok(output), Ok(Standing::Unmoved)) => Err(judge(&output, remote)),
        (Err(failure), Ok(_)) => Err(failure.hint("nothing was done; try again")),
        (Ok(output), Err(silent)) => Err(output.explain(
            Failure::unreachable(format!("could not push to {remote}; nothing was done"))
                .cause(silent.message)
                .hint(format!("check the remote with `git ls-remote {remote}`, then try again")),
        )),
        (Err(_), Err(silent)) => Err(silent.hint(format!(
            "whether {remote} has it is not known: run the same again once it answers, and it goes on where it was"
        ))),
    }
}

/// How the branches stand on the remote after a push that did not succeed.
enum Standing {
    /// The first is where it was to go, and so is everything.
    Arrived,
    /// This one is not where it had to be.
    Moved(String),
    /// All are as they were.
    Unmoved,
}

fn standing(clone: &LocalClone, remote: &str, publication: &Publication) -> Result<Standing, Failure> {
    let names: Vec<String> =
        publication.branches.iter().map(|one| format!("refs/heads/{}", one.branch)).collect();
    if names.is_empty() {
        return Ok(Standing::Unmoved);
    }
    let mut arguments = vec!["ls-remote", remote];
    arguments.extend(names.iter().map(String::as_str));
    let output = clone.git.run(&Call { arguments: &arguments, network: true, ..Call::default() })?;
    if !output.success {
        return Err(output.explain(Failure::unreachable(format!("{remote} does not say what it has"))));
    }
    let there = |name: &str| {
        let mut lines = output.stdout.lines().filter_map(|line| line.split_once('\t'));
        lines.find(|(_, known)| *known == name).map(|(commit, _)| CommitId::from(commit))
    };
    for (index, (one, name)) in publication.branches.iter().zip(&names).enumerate() {
        let now = there(name);
        if index == 0 && now.is_some() && now == one.to {
            return Ok(Standing::Arrived);
        }
        if now != one.from {
            return Ok(Standing::Moved(one.branch.clone()));
        }
    }
    Ok(Standing::Unmoved)
}

/// The failure of a race that somebody else has won.
fn lost(remote: &str, name: &str) -> Failure {
    Failure::conflict(format!("somebody else was first on {remote} with {}; nothing was done", clean(name)))
        .hint("look at what is new, and plan it again")
}

/// What a ref is not taken for because it is no longer where it was.
const RACES: [&str; 8] = [
    "stale info",
    "fetch first",
    "non-fast-forward",
    "lock ref",
    "failed to lock",
    "failed to update ref",
    "incorrect old value",
    "already exists",
];

/// Reads `git push --porcelain`: lines that begin with `!` are refs that were not taken, and why.
fn judge(output: &Output, remote: &str) -> Failure {
    let refused: Vec<&str> = output.stdout.lines().filter_map(|line| line.strip_prefix("!\t")).collect();
    let name = |line: &str| {
        let refs = line.split_once('\t').map_or("", |(refs, _)| refs);
        refs.rsplit(':').next().unwrap_or(refs).to_owned()
    };
    let reason = |line: &str| {
        clean(&format!("{} {}", name(line), line.split_once('\t').map_or(line, |(_, reason)| reason)))
    };
    let is_race = |text: &str| RACES.iter().any(|race| text.contains(race));
    if let Some(line) = refused.iter().find(|line| is_race(line)) {
        return lost(remote, &name(line)).cause(reason(line));
    }
    // A server that moves everything in one go says only in words which one was held.
    if let Some(line) = refused.first().filter(|_| is_race(&output.stderr)) {
        return output.explain(lost(remote, &name(line)));
    }
    // Those that fell with another one say only that.
    match refused.iter().find(|line| !line.contains("atomic")).or(refused.first()) {
        Some(line) => output
            .explain(
                Failure::forbidden(format!("{remote} did not take it; nothing was done")).cause(reason(line)),
            )
            .hint("ask for the right to push to the main branch, or merge through the forge"),
        None => output
            .explain(Failure::unreachable(format!("could not push to {remote}; nothing was done")))
            .hint(format!("check the remote with `git ls-remote {remote}`, then try again")),
    }
}

/// Remembers what the remote was just seen to have; the next fetch would do the same.
fn note(clone: &LocalClone, remote: &str, publication: &Publication) {
    for BranchMove { branch, to, .. } in &publication.branches {
        let name = format!("refs/remotes/{remote}/{branch}");
        let arguments = match to {
            Some(to) => vec!["update-ref", "-m", "quarterdeck: published", &name, to.as_str()],
            None => vec!["update-ref", "-d", &name],
        };
        let _ = clone.git.run(&Call { arguments: &arguments, ..Call::default() });
    }
}

/// Without a remote the branches of this clone are the truth: they move in one transaction.
fn transact(clone: &LocalClone, publication: &Publication) -> Result<(), Failure> {
    let head =
        clone.git.run(&Call { arguments: &["symbolic-ref", "--quiet", "HEAD"], ..Call::default() })?.line();
    let mut script = "start\n".to_owned();
    for BranchMove { branch, from, to } in &publication.branches {
        let name = format!("refs/heads/{branch}");
        script += &match (from, to) {
            (None, Some(to)) => format!("create {name} {to}\n"),
            (Some(from), Some(to)) => format!("update {name} {to} {from}\n"),
            // Somebody stands on it; it can be deleted once they have left.
            (_, None) if name == head => continue,
            (Some(from), None) => format!("delete {name} {from}\n"),
            (None, None) => continue,
        };
    }
    script += "prepare\ncommit\n";
    let call = Call { arguments: &["update-ref", "--stdin"], input: Some(&script), ..Call::default() };
    let output = clone.git.run(&call)?;
    if !output.success {
        let failure = Failure::conflict("somebody else moved a branch meanwhile; nothing was done");
        return Err(output.explain(failure).hint("look at what is new, and plan it again"));
    }
    let moved = publication.branches.iter().find(|one| format!("refs/heads/{}", one.branch) == head);
    if let Some(BranchMove { from: Some(from), to: Some(to), .. }) = moved {
        // Somebody stands on it: their files come along, and what they are at work on stays, as in any fast-forward.
        let arguments = ["read-tree", "-m", "-u", from.as_str(), to.as_str()];
        let _ = clone.git.run(&Call { arguments: &arguments, ..Call::default() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{adapters::git::fixture::Ground, error::FailureKind, ports::ControlRepository as _};

    fn publication(main: (&str, &str), change: Option<&str>) -> Publication {
        let to = CommitId::from(main.1);
        let mut branches =
            vec![BranchMove { branch: "main".into(), from: Some(main.0.into()), to: Some(to.clone()) }];
        branches.extend(change.map(|head| BranchMove {
            branch: "change/x".into(),
            from: Some(head.into()),
            to: None,
        }));
        Publication {
            branches,
            tags: vec![("a-v1".into(), "a 1: new\n\nChange-Id: x\n".into(), false)],
            tagged: Some(to),
        }
    }

    /// A remote with a main branch and a change, and a commit that is in no branch.
    fn prepared(ground: &Ground) -> (String, String, String) {
        let base = ground.commit("ana", "ana", "a", "1\n");
        ground.git("ana", "ana", &["push", "--quiet", "origin", "main", "main:change/x"]);
        let next = ground.commit("ana", "ana", "a", "2\n");
        ground.git("ana", "ana", &["reset", "--quiet", "--hard", &base]);
        (base.clone(), base, next)
    }

    #[tokio::test]
    async fn branches_and_tags_move_together_or_not_at_all() {
        let ground = Ground::new();
        let ana = ground.clone_for("ana");
        let (base, head, next) = prepared(&ground);
        let refs = || ground.git("remote.git", "nobody", &["for-each-ref", "--format=%(refname)"]);
        let before = refs();
        // The main branch, the change or the tag is not as it must be: nothing moves, and no tag stays here.
        let stranger = ground.git("ana", "ana", &["commit-tree", "-m", "x", &format!("{base}^{{tree}}")]);
        for wrong in [publication((&next, &next), Some(&head)), publication((&base, &next), Some(&stranger))]
        {
            let failure = ana.publish(&wrong).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Conflict, "{failure:?}");
        }
        ground.git("remote.git", "ana", &["tag", "a-v1", &base]);
        let failure = ana.publish(&publication((&base, &next), Some(&head))).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict, "{failure:?}");
        assert!(failure.message.contains("a-v1"), "{failure:?}");
        ground.git("remote.git", "ana", &["tag", "-d", "a-v1"]);
        assert_eq!(refs(), before);
        assert_eq!(ana.tag("a-v1").await.unwrap(), None);

        ana.publish(&publication((&base, &next), Some(&head))).await.unwrap();
        assert_eq!(refs(), "refs/heads/main\nrefs/tags/a-v1");
        assert_eq!(ground.git("remote.git", "nobody", &["rev-parse", "main"]), next);
        assert_eq!(ana.branch("main").await.unwrap(), Some(next.as_str().into()));
        assert_eq!(ana.branch("change/x").await.unwrap(), None);
        let tag = ana.tag("a-v1").await.unwrap().unwrap();
        assert_eq!((tag.commit.as_str(), tag.message.trim()), (next.as_str(), "a 1: new\n\nChange-Id: x"));
        assert_eq!(ground.git("ana", "ana", &["rev-parse", "HEAD"]), base, "what somebody works on stays");
    }

    #[tokio::test]
    async fn a_remote_that_refuses_or_is_silent_gets_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let ground = Ground::new();
        let ana = ground.clone_for("ana");
        let (base, head, next) = prepared(&ground);
        let hook = ground.path("remote.git/hooks/pre-receive");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, "#!/bin/sh\necho protected; exit 1\n").unwrap();
        std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
        let publication = publication((&base, &next), Some(&head));
        let failure = ana.publish(&publication).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Forbidden, "{failure:?}");
        assert!(failure.causes.iter().any(|cause| cause.contains("protected")), "{failure:?}");
        std::fs::remove_file(hook).unwrap();
        ground.set_reachable(false);
        let failure = ana.publish(&publication).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreachable, "{failure:?}");
        assert_eq!(ana.tag("a-v1").await.unwrap(), None);
        assert_eq!(ana.branch("main").await.unwrap(), Some(base.as_str().into()));
        let mut hostile = publication;
        hostile.branches[0].branch = "--mirror".into();
        assert_eq!(ana.publish(&hostile).await.unwrap_err().kind, FailureKind::Refused);
    }

    #[tokio::test]
    async fn without_a_remote_the_clones_own_branches_move() {
        let ground = Ground::new();
        ground.clone_for("ana");
        let (base, head, next) = prepared(&ground);
        ground.git("ana", "ana", &["branch", "change/x", &head]);
        ground.git("ana", "ana", &["remote", "remove", "origin"]);
        let ana = ground.open("ana");
        let failure = ana.publish(&publication((&next, &base), Some(&head))).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict, "{failure:?}");
        std::fs::write(ground.path("ana/new.txt"), "mine").unwrap();
        ana.publish(&publication((&base, &next), Some(&head))).await.unwrap();
        assert_eq!(ground.git("ana", "ana", &["rev-parse", "main"]), next);
        assert_eq!(ground.git("ana", "ana", &["branch", "--list", "change/*"]), "");
        assert_eq!(ground.git("ana", "ana", &["status", "--porcelain"]), "?? new.txt");
        assert_eq!(std::fs::read_to_string(ground.path("ana/a")).unwrap(), "2\n");
    }
}
