//! What two sides come to, and what came before. Everything happens in the object database; no branch, no index and
//! no file of the working tree is touched.

use super::{child::Call, clone::LocalClone, commit::tree_of, references::unreadable};
use crate::{
    domain::{merge::Ancestor, name::CommitId},
    error::Failure,
    ports::{Combined, Theirs},
};
use gix::{ObjectId, bstr::ByteSlice};

/// Who commits what nobody will ever see: commits that only carry files from one step to the next.
const NOBODY: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "quarterdeck"),
    ("GIT_AUTHOR_EMAIL", "quarterdeck@localhost"),
    ("GIT_AUTHOR_DATE", "@0 +0000"),
    ("GIT_COMMITTER_NAME", "quarterdeck"),
    ("GIT_COMMITTER_EMAIL", "quarterdeck@localhost"),
    ("GIT_COMMITTER_DATE", "@0 +0000"),
];

/// Brings changes onto a commit.
pub(super) fn combine(clone: &LocalClone, onto: &CommitId, theirs: &Theirs) -> Result<Combined, Failure> {
    let what = "could not bring the two sides together";
    let theirs = match theirs {
        Theirs::Branch(head) => head.to_string(),
        // The commit as its own base, and its parent's files as what came of it: then merging undoes it.
        Theirs::Opposite(commit) => {
            let tree = tree_of(clone, &format!("{commit}^"))?;
            carrier(clone, &tree, commit.as_str())?
        }
    };
    let arguments =
        ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", onto.as_str(), &theirs];
    let output = clone.git.run(&Call { arguments: &arguments, ..Call::default() })?;
    let mut parts = output.stdout.split('\0').filter(|part| !part.is_empty());
    let Some(tree) = parts.next().filter(|tree| ObjectId::from_hex(tree.as_bytes()).is_ok()) else {
        let failure = Failure::failed(what);
        return Err(output.explain(failure).hint("merging needs git 2.38 or later: see `git --version`"));
    };
    // It succeeds without conflicts; with them it says which files, and fails.
    let conflicts: Vec<String> = parts.map(str::to_owned).collect();
    if output.success != conflicts.is_empty() {
        return Err(output.explain(Failure::failed(what)));
    }
    let is_same = tree == tree_of(clone, onto.as_str())?;
    Ok(Combined { commit: carrier(clone, tree, onto.as_str())?.into(), conflicts, is_same })
}

/// A commit that nobody sees, around a tree.
fn carrier(clone: &LocalClone, tree: &str, parent: &str) -> Result<String, Failure> {
    let arguments = ["commit-tree", "--no-gpg-sign", tree, "-p", parent];
    let call = Call { arguments: &arguments, environment: &NOBODY, input: Some("carrier\n"), network: false };
    clone.git.line(&call, "could not write down what the two sides come to")
}

/// The newest first parents of a commit, itself first.
pub(super) fn ancestors(
    clone: &LocalClone,
    commit: &CommitId,
    limit: usize,
) -> Result<Vec<Ancestor>, Failure> {
    let repository = clone.repository();
    let failed = |error: gix::Error| unreadable("the commits of the main branch", &error);
    let mut found = Vec::new();
    let mut next = ObjectId::from_hex(commit.as_str().as_bytes()).ok();
    while let Some(id) = next.filter(|_| found.len() < limit) {
        // A shallow clone ends somewhere, and what is not there is not asked for.
        if !found.is_empty() && !repository.has_object(id) {
            break;
        }
        let commit = repository.find_commit(id).map_err(failed)?;
        next = commit.parent_ids().next().map(gix::Id::detach);
        found.push(Ancestor {
            commit: id.to_string().into(),
            parent: next.map(|id| id.to_string().into()),
            message: commit.message_raw_sloppy().to_str_lossy().into_owned(),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{adapters::git::fixture::Ground, domain::merge::CommitDraft, ports::ControlRepository as _};

    const LOG: &str = "CHANGELOG.md";

    #[tokio::test]
    async fn two_sides_come_together_or_say_where_they_do_not() {
        let ground = Ground::new();
        let repository = ground.clone_for("ana");
        let base = ground.commit("ana", "ana", LOG, "- a\n");
        ground.git("ana", "ana", &["checkout", "--quiet", "-b", "side"]);
        let side = ground.commit("ana", "ana", "services/catalog.toml", "x\n");
        let clash = ground.commit("ana", "ana", LOG, "- side\n- a\n");
        ground.git("ana", "ana", &["checkout", "--quiet", "main"]);
        let main = ground.commit("ana", "ana", LOG, "- main\n- a\n");
        let status = ground.git("ana", "ana", &["status", "--porcelain", "--branch"]);
        let onto = CommitId::from(main.as_str());
        let theirs = |commit: &str| Theirs::Branch(commit.into());

        let clean = repository.combine(&onto, &theirs(&side)).await.unwrap();
        assert_eq!((clean.conflicts.len(), clean.is_same), (0, false));
        assert_eq!(repository.read(&clean.commit, LOG).await.unwrap(), b"- main\n- a\n");
        assert_eq!(repository.read(&clean.commit, "services/catalog.toml").await.unwrap(), b"x\n");
        let met = repository.combine(&onto, &theirs(&clash)).await.unwrap();
        assert_eq!(met.conflicts, [LOG]);
        assert!(repository.combine(&onto, &theirs(&base)).await.unwrap().is_same);
        assert!(repository.combine(&onto, &theirs(&"0".repeat(40))).await.is_err());

        // The commit takes the files of the one, and what is edited.
        let draft = CommitDraft {
            parent: onto.clone(),
            files_of: met.commit,
            edits: vec![(LOG.to_owned(), "- both\n".into()), ("new.md".to_owned(), "é\r\n".into())],
            message: "both\n\nChange-Id: x\n".into(),
        };
        let made = repository.commit(&draft, "2026-11-24T10:00:00Z".parse().unwrap()).await.unwrap();
        assert_eq!(repository.read(&made, LOG).await.unwrap(), b"- both\n");
        assert_eq!(repository.read(&made, "new.md").await.unwrap(), "é\r\n".as_bytes());
        assert_eq!(
            ground.git("ana", "ana", &["log", "-1", "--format=%an %at %P", made.as_str()]),
            format!("ana 1795514400 {main}")
        );

        // Its opposite leads back; of what came later, nothing is lost.
        let later = ground.commit("ana", "ana", "later.md", "later\n");
        let ground_draft = CommitDraft { parent: later.as_str().into(), ..draft };
        let merged = repository.commit(&ground_draft, "2026-11-24T10:05:00Z".parse().unwrap()).await.unwrap();
        let back = repository.combine(&merged, &Theirs::Opposite(merged.clone())).await.unwrap();
        assert_eq!(repository.read(&back.commit, "later.md").await.unwrap(), b"later\n");
        assert!(repository.read(&back.commit, "new.md").await.is_err());

        let ancestors = repository.ancestors(&made, 2).await.unwrap();
        assert_eq!(ancestors.len(), 2);
        assert_eq!((ancestors[0].commit.clone(), ancestors[0].parent.clone()), (made, Some(onto)));
        assert!(ancestors[0].message.contains("Change-Id: x"));
        assert_eq!(repository.ancestors(&base.as_str().into(), 9).await.unwrap().len(), 1);
        ground.git("ana", "ana", &["reset", "--quiet", "--hard", &main]);
        assert_eq!(ground.git("ana", "ana", &["status", "--porcelain", "--branch"]), status);
    }
}
