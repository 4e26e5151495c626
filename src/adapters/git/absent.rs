//! A control repository that is not there: every call says why, so that the console can open all the same.

use crate::{
    domain::{
        catalog::Catalog,
        change::{Identity, Proposal, Seals},
        cross_project::Moment,
        finding::SourceFile,
        ledger::{ChainHealth, Entry, Synced},
        merge::{Ancestor, CommitDraft},
        name::CommitId,
    },
    error::Failure,
    ports::{
        Answer, BranchDraft, Combined, ControlRepository, Draft, Examination, Fingerprint, Ledger,
        LedgerState, Publication, Receipt, Revision, Tag, Theirs,
    },
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

/// Answers everything with the failure that opening the repository gave.
pub struct AbsentRepository(pub Failure);

impl AbsentRepository {
    fn answer<T: Send + 'static>(&self) -> Answer<'_, T> {
        let failure = self.0.clone();
        Box::pin(async move { Err(failure) })
    }
}

impl ControlRepository for AbsentRepository {
    fn load(&self, _: &Revision) -> Answer<'_, Arc<Catalog>> {
        self.answer()
    }
    fn resolve(&self, _: &str) -> Answer<'_, CommitId> {
        self.answer()
    }
    fn merge_base(&self, _: &str, _: &str) -> Answer<'_, Option<CommitId>> {
        self.answer()
    }
    fn proposals(&self, _: &Catalog, _: &BTreeSet<String>) -> Answer<'_, Vec<Proposal>> {
        self.answer()
    }
    fn history(&self, _: &str, _: DateTime<Utc>) -> Answer<'_, Vec<Moment>> {
        self.answer()
    }
    fn fingerprint(&self) -> Answer<'_, Fingerprint> {
        self.answer()
    }
    fn fetch(&self) -> Answer<'_, ()> {
        self.answer()
    }
    fn operator(&self) -> Answer<'_, Identity> {
        self.answer()
    }
    fn branch(&self, _: &str) -> Answer<'_, Option<CommitId>> {
        self.answer()
    }
    fn sources(&self, _: Vec<(CommitId, BTreeSet<String>)>) -> Answer<'_, Vec<Vec<Arc<SourceFile>>>> {
        self.answer()
    }
    fn kept_conclusions(&self) -> Answer<'_, BTreeMap<String, String>> {
        self.answer()
    }
    fn keep_conclusions(&self, _: BTreeMap<String, String>) -> Answer<'_, ()> {
        self.answer()
    }
    fn read(&self, _: &CommitId, _: &str) -> Answer<'_, Vec<u8>> {
        self.answer()
    }
    fn propose(&self, _: BranchDraft) -> Answer<'_, CommitId> {
        self.answer()
    }
    fn combine(&self, _: &CommitId, _: &Theirs) -> Answer<'_, Combined> {
        self.answer()
    }
    fn commit(&self, _: &CommitDraft, _: DateTime<Utc>) -> Answer<'_, CommitId> {
        self.answer()
    }
    fn publish(&self, _: &Publication) -> Answer<'_, ()> {
        self.answer()
    }
    fn ancestors(&self, _: &CommitId, _: usize) -> Answer<'_, Vec<Ancestor>> {
        self.answer()
    }
    fn tag(&self, _: &str) -> Answer<'_, Option<Tag>> {
        self.answer()
    }
    fn file(&self, _: &str) -> Answer<'_, PathBuf> {
        self.answer()
    }
}

impl Ledger for AbsentRepository {
    fn state(&self) -> Answer<'_, LedgerState> {
        self.answer()
    }
    fn entries(&self) -> Answer<'_, Vec<Entry>> {
        self.answer()
    }
    fn append(&self, _: DateTime<Utc>, _: Draft) -> Answer<'_, Receipt> {
        self.answer()
    }
    fn sync(&self) -> Answer<'_, Synced> {
        self.answer()
    }
    fn seals(&self, _: &str, _: BTreeSet<CommitId>) -> Answer<'_, Seals> {
        self.answer()
    }
    fn verify_on(&self, _: &str, _: DateTime<Utc>, _: bool) -> Answer<'_, ChainHealth> {
        self.answer()
    }
    fn examine(&self, _: &str, _: DateTime<Utc>, _: bool) -> Answer<'_, Examination> {
        self.answer()
    }
}
