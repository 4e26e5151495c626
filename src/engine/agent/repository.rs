//! The control repository as an agent has it: it reads the main branch in place of the working tree, for nobody edits where
//! an agent works, and what it goes by is what was reviewed; and it changes something only while it leads.

use super::leader::{Leader, Permit};
use crate::{
    domain::{
        catalog::Catalog,
        change::{Identity, Proposal},
        cross_project::Moment,
        finding::SourceFile,
        merge::{Ancestor, CommitDraft},
        name::CommitId,
    },
    error::Failure,
    ports::{
        Answer, BranchDraft, Combined, ControlRepository, Fingerprint, Publication, Revision, Tag, Theirs,
    },
};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};
use tokio::sync::OnceCell;

/// Reads the main branch where the working tree is asked for. Which branch that is, is said by the working tree when it
/// is first read.
pub(super) struct AgentRepository {
    inner: Arc<dyn ControlRepository>,
    main: OnceCell<String>,
    leader: Option<Arc<Leader>>,
}

impl AgentRepository {
    /// For whoever only looks without a leader; for the agent's hands with it.
    pub fn new(inner: Arc<dyn ControlRepository>, leader: Option<Arc<Leader>>) -> Self {
        Self { inner, main: OnceCell::new(), leader }
    }

    /// Lets one mutation begin.
    async fn permit(&self) -> Result<Permit, Failure> {
        match &self.leader {
            Some(leader) => leader.permit().await,
            None => Err(Failure::refused("who only looks changes nothing")),
        }
    }
}

impl ControlRepository for AgentRepository {
    fn load(&self, revision: &Revision) -> Answer<'_, Arc<Catalog>> {
        let revision = revision.clone();
        async move {
            if revision != Revision::WorkingTree {
                return self.inner.load(&revision).await;
            }
            let named = self.main.get_or_try_init(|| async {
                self.inner.load(&Revision::WorkingTree).await.map(|catalog| catalog.settings.main.clone())
            });
            let main = named.await?.clone();
            self.inner.load(&Revision::Branch(main)).await
        }
        .boxed()
    }

    fn resolve(&self, revision: &str) -> Answer<'_, CommitId> {
        self.inner.resolve(revision)
    }

    fn merge_base(&self, one: &str, two: &str) -> Answer<'_, Option<CommitId>> {
        self.inner.merge_base(one, two)
    }

    fn proposals(&self, catalog: &Catalog, requested: &BTreeSet<String>) -> Answer<'_, Vec<Proposal>> {
        self.inner.proposals(catalog, requested)
    }

    fn history(&self, main: &str, since: DateTime<Utc>) -> Answer<'_, Vec<Moment>> {
        self.inner.history(main, since)
    }

    /// Where the working tree stands for the main branch, it changes with the branches.
    fn fingerprint(&self) -> Answer<'_, Fingerprint> {
        async move {
            let seen = self.inner.fingerprint().await?;
            Ok(Fingerprint { working_tree: seen.references, ..seen })
        }
        .boxed()
    }

    fn fetch(&self) -> Answer<'_, ()> {
        self.inner.fetch()
    }

    fn operator(&self) -> Answer<'_, Identity> {
        self.inner.operator()
    }

    fn branch(&self, name: &str) -> Answer<'_, Option<CommitId>> {
        self.inner.branch(name)
    }

    fn read(&self, commit: &CommitId, path: &str) -> Answer<'_, Vec<u8>> {
        self.inner.read(commit, path)
    }

    fn propose(&self, draft: BranchDraft) -> Answer<'_, CommitId> {
        async move {
            let _permit = self.permit().await?;
            self.inner.propose(draft).await
        }
        .boxed()
    }

    /// Changes nothing that anybody sees.
    fn combine(&self, onto: &CommitId, theirs: &Theirs) -> Answer<'_, Combined> {
        self.inner.combine(onto, theirs)
    }

    /// Nobody sees the commit before it is published.
    fn commit(&self, draft: &CommitDraft, at: DateTime<Utc>) -> Answer<'_, CommitId> {
        self.inner.commit(draft, at)
    }

    fn publish(&self, publication: &Publication) -> Answer<'_, ()> {
        let publication = publication.clone();
        async move {
            let _permit = self.permit().await?;
            self.inner.publish(&publication).await
        }
        .boxed()
    }

    fn ancestors(&self, commit: &CommitId, limit: usize) -> Answer<'_, Vec<Ancestor>> {
        self.inner.ancestors(commit, limit)
    }

    fn tag(&self, name: &str) -> Answer<'_, Option<Tag>> {
        self.inner.tag(name)
    }

    fn sources(&self, wanted: Vec<(CommitId, BTreeSet<String>)>) -> Answer<'_, Vec<Vec<Arc<SourceFile>>>> {
        self.inner.sources(wanted)
    }

    fn kept_conclusions(&self) -> Answer<'_, BTreeMap<String, String>> {
        self.inner.kept_conclusions()
    }

    /// A note of this clone that saves time.
    fn keep_conclusions(&self, all: BTreeMap<String, String>) -> Answer<'_, ()> {
        self.inner.keep_conclusions(all)
    }

    fn file(&self, path: &str) -> Answer<'_, PathBuf> {
        self.inner.file(path)
    }
}
