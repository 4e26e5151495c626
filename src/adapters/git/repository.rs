//! The control repository in Git: catalogs at any revision, proposals, and who works here.

use super::{
    child::Call,
    clone::{LocalClone, blocking},
    commit,
    files::{self, Committed, Files, Others},
    history, kept, merge, propose, publish,
    references::{find, merge_base, unreadable},
};
use crate::{
    domain::{
        catalog::Catalog,
        change::{Identity, Proposal},
        cross_project::Moment,
        finding::{Label, SourceFile},
        merge::{Ancestor, CommitDraft},
        name::CommitId,
        proposal,
        rules::reading,
        text,
    },
    error::Failure,
    ports::{
        Answer, BranchDraft, Combined, ControlRepository, Fingerprint, Publication, Revision, Tag, Theirs,
    },
};
use chrono::{DateTime, Utc};
use gix::{ObjectId, Repository, actor::SignatureRef, bstr::ByteSlice};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    thread,
};

/// A clone of the control repository on this machine.
///
/// Which remote it belongs to is said by `quarterdeck.toml`: it is `origin` until the working tree's
/// catalog was loaded for the first time.
#[derive(Debug, Clone)]
pub struct GitRepository {
    clone: Arc<LocalClone>,
}

impl GitRepository {
    /// Opens the repository that `directory` belongs to; `environment` is added to that of every git
    /// that is run. A repository without a commit opens, since its files can be read.
    ///
    /// # Errors
    /// A configuration failure when there is no such directory, no repository, or a bare one.
    pub fn open(directory: &Path, environment: Vec<(String, String)>) -> Result<Self, Failure> {
        Ok(Self { clone: Arc::new(LocalClone::open(directory, environment)?) })
    }

    /// The root of the working tree.
    pub fn root(&self) -> &Path {
        &self.clone.root
    }

    /// The shared handle, for the ledger.
    pub(super) fn local_clone(&self) -> Arc<LocalClone> {
        Arc::clone(&self.clone)
    }
}

impl ControlRepository for GitRepository {
    fn load(&self, revision: &Revision) -> Answer<'_, Arc<Catalog>> {
        let revision = revision.clone();
        Box::pin(blocking(&self.clone, move |clone| load(clone, &revision).map(Arc::new)))
    }

    fn resolve(&self, revision: &str) -> Answer<'_, CommitId> {
        let revision = revision.to_owned();
        Box::pin(blocking(&self.clone, move |clone| {
            resolve(clone, &clone.repository(), &revision).map(|id| id.to_string().into())
        }))
    }

    fn merge_base(&self, one: &str, two: &str) -> Answer<'_, Option<CommitId>> {
        let (one, two) = (one.to_owned(), two.to_owned());
        Box::pin(blocking(&self.clone, move |clone| common_ancestor(clone, &one, &two)))
    }

    fn proposals(&self, catalog: &Catalog, requested: &BTreeSet<String>) -> Answer<'_, Vec<Proposal>> {
        let (main, pattern) = (catalog.settings.main.clone(), catalog.settings.changes.clone());
        let requested = requested.clone();
        self.clone.heed(&catalog.settings);
        Box::pin(blocking(&self.clone, move |clone| proposals(clone, &main, &pattern, &requested)))
    }

    fn history(&self, main: &str, since: DateTime<Utc>) -> Answer<'_, Vec<Moment>> {
        let main = main.to_owned();
        Box::pin(blocking(&self.clone, move |clone| history::moments(clone, &main, since)))
    }

    fn fingerprint(&self) -> Answer<'_, Fingerprint> {
        Box::pin(blocking(&self.clone, |clone| {
            Ok(Fingerprint {
                working_tree: files::fingerprint(
                    &clone.root,
                    &clone.others.lock().unwrap_or_else(PoisonError::into_inner),
                ),
                references: references_digest(&clone.repository())?,
            })
        }))
    }

    fn fetch(&self) -> Answer<'_, ()> {
        Box::pin(blocking(&self.clone, fetch))
    }

    fn operator(&self) -> Answer<'_, Identity> {
        Box::pin(blocking(&self.clone, operator))
    }

    fn branch(&self, name: &str) -> Answer<'_, Option<CommitId>> {
        let name = name.to_owned();
        Box::pin(blocking(&self.clone, move |clone| {
            Ok(branch_head(clone, &clone.repository(), &name)?.map(|id| id.to_string().into()))
        }))
    }

    fn read(&self, commit: &CommitId, path: &str) -> Answer<'_, Vec<u8>> {
        let (commit, path) = (commit.clone(), path.to_owned());
        Box::pin(blocking(&self.clone, move |clone| {
            let repository = clone.repository();
            let commit = resolve(clone, &repository, commit.as_str())?;
            files::bytes(&repository, commit, &path)
        }))
    }

    fn propose(&self, draft: BranchDraft) -> Answer<'_, CommitId> {
        Box::pin(blocking(&self.clone, move |clone| propose::propose(clone, &draft)))
    }

    fn combine(&self, onto: &CommitId, theirs: &Theirs) -> Answer<'_, Combined> {
        let (onto, theirs) = (onto.clone(), theirs.clone());
        Box::pin(blocking(&self.clone, move |clone| merge::combine(clone, &onto, &theirs)))
    }

    fn commit(&self, draft: &CommitDraft, at: DateTime<Utc>) -> Answer<'_, CommitId> {
        let draft = draft.clone();
        Box::pin(blocking(&self.clone, move |clone| commit::commit(clone, &draft, at)))
    }

    fn publish(&self, publication: &Publication) -> Answer<'_, ()> {
        let publication = publication.clone();
        Box::pin(blocking(&self.clone, move |clone| publish::publish(clone, &publication)))
    }

    fn ancestors(&self, commit: &CommitId, limit: usize) -> Answer<'_, Vec<Ancestor>> {
        let commit = commit.clone();
        Box::pin(blocking(&self.clone, move |clone| merge::ancestors(clone, &commit, limit)))
    }

    fn tag(&self, name: &str) -> Answer<'_, Option<Tag>> {
        let name = name.to_owned();
        Box::pin(blocking(&self.clone, move |clone| publish::tag(clone, &name)))
    }

    fn sources(&self, wanted: Vec<(CommitId, BTreeSet<String>)>) -> Answer<'_, Vec<Vec<Arc<SourceFile>>>> {
        Box::pin(blocking(&self.clone, move |clone| {
            let repository = clone.repository();
            let mut known = HashMap::new();
            let one = |(commit, paths): (CommitId, BTreeSet<String>)| {
                let commit = resolve(clone, &repository, commit.as_str())?;
                files::sources(&repository, commit, &paths, &mut known)
            };
            wanted.into_iter().map(one).collect()
        }))
    }

    fn kept_conclusions(&self) -> Answer<'_, BTreeMap<String, String>> {
        Box::pin(blocking(&self.clone, |clone| Ok(kept::read(&clone.repository()))))
    }

    fn keep_conclusions(&self, all: BTreeMap<String, String>) -> Answer<'_, ()> {
        Box::pin(blocking(&self.clone, move |clone| {
            kept::write(&clone.repository(), &all);
            Ok(())
        }))
    }

    fn file(&self, path: &str) -> Answer<'_, PathBuf> {
        let path = path.to_owned();
        Box::pin(blocking(&self.clone, move |clone| files::on_disk(&clone.root, &path)))
    }
}

fn load(clone: &LocalClone, revision: &Revision) -> Result<Catalog, Failure> {
    match revision {
        Revision::WorkingTree => {
            let ((files, unreadable, links), others) = thread::scope(|scope| {
                // Git takes as long to start as many files take to be read.
                let others = scope.spawn(|| files::others(&clone.root, &clone.git));
                let own = files::working_tree(&clone.root);
                (own, others.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            });
            let mut others = others?;
            others.links = links;
            *clone.others.lock().unwrap_or_else(PoisonError::into_inner) =
                others.files.keys().cloned().collect();
            let mut catalog = read(clone, files, others);
            for (path, reason) in unreadable {
                let message = format!("{} could not be read: {reason}", text::clean(&path));
                let file = Arc::new(SourceFile::new(path, ""));
                let finding = reading::UNREADABLE
                    .finding(message)
                    .at(Label { file, start: 0, end: 0, text: String::new() })
                    .help("see who owns the file and who may read it");
                catalog.findings.push(finding);
            }
            clone.heed(&catalog.settings);
            Ok(catalog)
        }
        Revision::Branch(name) => {
            let repository = clone.repository();
            let head = match branch_head(clone, &repository, name)? {
                Some(head) => head,
                // It says what is missing, and what to do.
                None => resolve(clone, &repository, name)?,
            };
            at_commit(clone, &repository, head)
        }
        Revision::Named(name) => {
            let repository = clone.repository();
            let commit = resolve(clone, &repository, name)?;
            at_commit(clone, &repository, commit)
        }
    }
}

fn at_commit(clone: &LocalClone, repository: &Repository, commit: ObjectId) -> Result<Catalog, Failure> {
    let Committed { files, others, objects } = files::at_commit(repository, commit, &clone.seen)?;
    let findings = others.findings();
    let mut catalog = clone.reader.read_contents(files);
    clone.seen.lock().unwrap_or_else(PoisonError::into_inner).remember(objects, &catalog.files);
    catalog.findings.extend(findings);
    Ok(catalog)
}

fn read(clone: &LocalClone, files: Files, others: Others) -> Catalog {
    let findings = others.findings();
    let mut catalog = clone.reader.read(files.into_iter().chain(others.files));
    catalog.findings.extend(findings);
    catalog
}

/// The commit of a revision; a branch that only the remote has is found by its plain name too.
fn resolve(clone: &LocalClone, repository: &Repository, revision: &str) -> Result<ObjectId, Failure> {
    let commit = |spec: &str| -> gix::Result<ObjectId> {
        let id = repository.rev_parse_single(spec)?;
        Ok(id.object()?.peel_to_kind(gix::object::Kind::Commit)?.id)
    };
    let shown = text::clean(revision);
    let error = match commit(revision) {
        Ok(id) => return Ok(id),
        Err(error) => error,
    };
    if let Some(remote) = clone.remote()
        && let Ok(id) = commit(&format!("refs/remotes/{remote}/{revision}"))
    {
        return Ok(id);
    }
    if repository.head_id().is_err() {
        return Err(Failure::configuration(format!(
            "could not find {shown}: the repository {} has no commit yet",
            text::clean(&clone.root.to_string_lossy())
        ))
        .hint("commit the control repository's files with `git add . && git commit`"));
    }
    Err(Failure::usage(format!("could not find the revision {shown}"))
        .because(&error)
        .hint("name a branch, a tag or a commit; `git branch --all` lists branches"))
}

/// The best common ancestor of two revisions. A shallow clone that does not reach back to it is told apart
/// from histories that have nothing in common.
fn common_ancestor(clone: &LocalClone, one: &str, two: &str) -> Result<Option<CommitId>, Failure> {
    let repository = clone.repository();
    let ids = (resolve(clone, &repository, one)?, resolve(clone, &repository, two)?);
    match merge_base(&repository, ids.0, ids.1) {
        Ok(Some(id)) => Ok(Some(id.to_string().into())),
        answer if repository.is_shallow().unwrap_or_default() => {
            let failure = Failure::configuration(format!(
                "could not find where {} and {} parted: this clone is shallow",
                text::clean(one),
                text::clean(two)
            ));
            let failure =
                answer.err().into_iter().flat_map(|error| error.causes).fold(failure, Failure::cause);
            Err(failure
                .hint("fetch the whole history with `git fetch --unshallow`")
                .hint("in a pipeline: `fetch-depth: 0` on GitHub, `GIT_DEPTH: 0` on GitLab"))
        }
        answer => answer.map(|_| None),
    }
}

/// The head of a branch: the one on the remote if it is known, else the local one.
pub(super) fn branch_head(
    clone: &LocalClone,
    repository: &Repository,
    branch: &str,
) -> Result<Option<ObjectId>, Failure> {
    if let Some(remote) = clone.remote()
        && let Some(head) = find(repository, &format!("refs/remotes/{remote}/{branch}"))?
    {
        return Ok(Some(head));
    }
    find(repository, &format!("refs/heads/{branch}"))
}

fn proposals(
    clone: &LocalClone,
    main: &str,
    pattern: &str,
    requested: &BTreeSet<String>,
) -> Result<Vec<Proposal>, Failure> {
    let repository = clone.repository();
    let Some(main_head) = branch_head(clone, &repository, main)? else { return Ok(Vec::new()) };
    let prefix = match clone.remote() {
        Some(remote) => format!("refs/remotes/{remote}/"),
        None => "refs/heads/".to_owned(),
    };
    let mut proposals = Vec::new();
    let mut others = Vec::new();
    for (name, head) in branches(&repository, &prefix)? {
        if name == main || name == "HEAD" || name.starts_with("quarterdeck/") {
            continue;
        }
        let (id, found) = match proposal::matched(pattern, &name) {
            Some(id) => (id, &mut proposals),
            None if requested.contains(&name) => (name.as_str(), &mut others),
            None => continue,
        };
        found.extend(proposal(&repository, id, &name, head, main_head)?);
    }
    others.retain(|other: &Proposal| !proposals.iter().any(|known: &Proposal| known.id == other.id));
    proposals.append(&mut others);
    Ok(proposals)
}

/// All branches below `prefix` that point to a commit, by name without it.
fn branches(repository: &Repository, prefix: &str) -> Result<Vec<(String, ObjectId)>, Failure> {
    let failed = |error: gix::Error| unreadable("the branches", &error);
    let platform = repository.references().map_err(failed)?;
    let mut branches = Vec::new();
    // A broken ref hides only itself.
    for reference in platform.prefixed(prefix.as_bytes()).map_err(failed)?.peeled().map_err(failed)?.flatten()
    {
        let full = reference.name().as_bstr().to_str_lossy().into_owned();
        if let (Some(name), Some(id)) = (full.strip_prefix(prefix), reference.try_id()) {
            branches.push((name.to_owned(), id.detach()));
        }
    }
    branches.sort_unstable();
    Ok(branches)
}

/// More messages of a proposal's commits are not kept.
const MOST_MESSAGES: usize = 100;

/// A branch as a proposal; `None` when the main branch has all of it already.
fn proposal(
    repository: &Repository,
    id: &str,
    branch: &str,
    head: ObjectId,
    main_head: ObjectId,
) -> Result<Option<Proposal>, Failure> {
    // A branch without common history replaces everything: it is compared with the main branch itself.
    let base = merge_base(repository, head, main_head)?.unwrap_or(main_head);
    if base == head {
        return Ok(None);
    }
    let failed = |error: gix::Error| unreadable(branch, &error);
    let mut authors: Vec<Identity> = Vec::new();
    let mut opened_at: Option<DateTime<Utc>> = None;
    let mut messages = Vec::new();
    for step in repository.rev_walk([head]).with_hidden([main_head]).all().map_err(failed)? {
        let commit = repository.find_commit(step.map_err(failed)?.id).map_err(failed)?;
        let author = commit.author().map_err(failed)?;
        let own = std::iter::once(identity(&author));
        let message = commit.message_raw_sloppy().to_str_lossy().into_owned();
        for author in own.chain(co_authors(&message)) {
            if !authors.iter().any(|known| known.email.eq_ignore_ascii_case(&author.email)) {
                authors.push(author);
            }
        }
        if messages.len() < MOST_MESSAGES {
            messages.push(message);
        }
        let made = time(&commit.committer().map_err(failed)?);
        opened_at = Some(opened_at.map_or(made, |earlier| earlier.min(made)));
    }
    let commit = repository.find_commit(head).map_err(failed)?;
    let committer = commit.committer().map_err(failed)?;
    let committed_at = time(&committer);
    let message = commit.message_raw_sloppy().to_str_lossy();
    let objects = files::changed_objects(repository, base, head)?;
    Ok(Some(Proposal {
        id: id.into(),
        branch: branch.to_owned(),
        head: head.to_string().into(),
        base: base.to_string().into(),
        authors,
        last_committer: identity(&committer),
        subject: message.lines().next().unwrap_or_default().trim().to_owned(),
        committed_at,
        opened_at: opened_at.unwrap_or(committed_at),
        messages,
        paths: objects.keys().cloned().collect(),
        objects,
    }))
}

/// Whoever is named by a `Co-authored-by:` trailer is an author as well.
fn co_authors(message: &str) -> Vec<Identity> {
    const TRAILER: &str = "co-authored-by:";
    message
        .lines()
        .filter(|line| line.get(..TRAILER.len()).is_some_and(|start| start.eq_ignore_ascii_case(TRAILER)))
        .filter_map(|line| {
            let (name, rest) = line[TRAILER.len()..].split_once('<')?;
            let (email, _) = rest.split_once('>')?;
            Some(Identity { name: name.trim().to_owned(), email: email.trim().to_owned() })
        })
        .collect()
}

/// A signature's name and address.
pub(super) fn identity(signature: &SignatureRef<'_>) -> Identity {
    let signature = signature.trim();
    Identity { name: signature.name.to_string(), email: signature.email.to_string() }
}

/// A signature's time; an unreadable or impossible one is the beginning of time.
pub(super) fn time(signature: &SignatureRef<'_>) -> DateTime<Utc> {
    DateTime::from_timestamp(signature.seconds(), 0).unwrap_or_default()
}

fn references_digest(repository: &Repository) -> Result<u64, Failure> {
    let mut hasher = DefaultHasher::new();
    for prefix in ["refs/heads/", "refs/remotes/", "refs/quarterdeck/"] {
        branches(repository, prefix)?.hash(&mut hasher);
    }
    // Before the first commit there is none.
    repository.head_id().ok().map(gix::Id::detach).hash(&mut hasher);
    Ok(hasher.finish())
}

fn fetch(clone: &LocalClone) -> Result<(), Failure> {
    let Some(remote) = clone.remote() else { return Ok(()) };
    // The branches that matter are named, because a clone may have been told to track only one; the
    // tracking refs follow the remote even where its history was rewritten.
    let branches = format!("+refs/heads/*:refs/remotes/{remote}/*");
    let arguments = ["fetch", "--quiet", "--prune", "--no-write-fetch-head", &remote, &branches];
    let output = clone.git.run(&Call { arguments: &arguments, network: true, ..Call::default() })?;
    if output.success {
        return Ok(());
    }
    Err(output
        .explain(Failure::unreachable(format!("could not fetch from {remote}")))
        .hint(format!("check the remote with `git ls-remote {remote}`")))
}

/// Who would author a commit here, by Git's own rules over environment and configuration.
pub(super) fn operator(clone: &LocalClone) -> Result<Identity, Failure> {
    // Without this setting git would make an address up from the machine's name.
    let arguments = ["-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"];
    let output = clone.git.run(&Call { arguments: &arguments, ..Call::default() })?;
    let unknown = || {
        Failure::configuration("git does not know who you are, so nothing can be signed with your name")
            .hint("set your address with `git config user.email you@example.com`")
            .hint("set your name with `git config user.name \"Your Name\"`")
    };
    if !output.success {
        return Err(output.explain(unknown()));
    }
    let line = output.line();
    let identity = SignatureRef::from_bytes(line.as_bytes()).map(|signature| identity(&signature));
    identity.ok().filter(|identity| !identity.email.is_empty()).ok_or_else(unknown)
}
