//! Verifying the ledger: its commits with their signatures, the main branch's rules over time, and what was
//! valid the last time.

use super::{Inner, history};
use crate::{
    adapters::git::{
        child::Call,
        notebook,
        references::unreadable,
        repository::{branch_head, identity, time},
    },
    domain::{
        catalog::reader,
        change::Seals,
        ledger::{ChainHealth, Link, SigningRules, Timeline, Verified, Walk, is_late, verify},
        name::CommitId,
        signature::{AllowedSigners, Seal, judge, pgp_seal, split, ssh_seal},
    },
    error::Failure,
    ports::Examination,
};
use chrono::{DateTime, Utc};
use gix::{Commit, ObjectId, Repository, bstr::ByteSlice};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
    thread,
};

/// The note of what was found valid.
const VERIFIED: &str = "ledger-verified.json";

/// The version of that note.
const NOTE_VERSION: u32 = 1;

/// How many commits are held in memory as they are while their signatures are checked.
const BATCH: usize = 4_096;

#[derive(Serialize, Deserialize)]
struct Note {
    version: u32,
    tip: CommitId,
    events: usize,
    at: DateTime<Utc>,
}

impl Inner {
    /// See [`crate::ports::Ledger::examine`].
    pub fn examine(&self, main: &str, now: DateTime<Utc>, remember: bool) -> Result<Examination, Failure> {
        let repository = self.clone.repository();
        let standing = self.standing(&repository)?;
        let mut links = match standing.settled() {
            Some(tip) => self.links(&repository, tip, None, None)?.commits,
            None => Vec::new(),
        };
        if standing.diverged
            && let Some(local) = standing.local
        {
            let waiting = self.links(&repository, local, standing.base, None)?.commits;
            links.extend(waiting);
        }
        let timeline = self.timeline(&repository, main)?;
        let before = verified(&repository);
        let verification = verify(&links, &timeline, before, now);
        let settled = links.len() - standing.waiting.len().min(links.len());
        if remember
            && verification.is_valid()
            && let Some(last) = settled.checked_sub(1)
        {
            note(&repository, links[last].entry.commit.clone(), settled, now)?;
        }
        Ok(Examination { links, verification })
    }

    /// See [`crate::ports::Ledger::verify_on`].
    pub fn verify_on(&self, main: &str, now: DateTime<Utc>, remember: bool) -> Result<ChainHealth, Failure> {
        let repository = self.clone.repository();
        let standing = self.standing(&repository)?;
        // What waits for the remote will be written again on top of what comes first.
        let tip = if standing.waiting.is_empty() { standing.settled() } else { standing.accepted };
        let Some(tip) = tip else { return Ok(ChainHealth::default()) };
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, walk)) = &*chain
            && *known == tip
        {
            return Ok(walk.health());
        }
        let timeline = self.timeline(&repository, main)?;
        let (known, walk) = chain.take().unzip();
        let before = verified(&repository);
        // What an earlier process verified was signed as it must be, and its hash holds all that came before it.
        let vouched =
            before.as_ref().and_then(|before| ObjectId::from_hex(before.tip.as_str().as_bytes()).ok());
        let new = self.links(&repository, tip, known, vouched)?;
        let mut walk = match walk {
            Some(walk) if new.reached => walk,
            _ => Walk::begin(&new.commits, before.as_ref(), new.vouched),
        };
        walk.go_on(&new.commits, &timeline, now);
        let health = walk.health();
        *chain = Some((tip, walk));
        if remember && health.is_valid() {
            note(&repository, tip.to_string().into(), health.events, now)?;
        }
        Ok(health)
    }

    /// See [`crate::ports::Ledger::seals`].
    pub fn seals(&self, main: &str, commits: BTreeSet<CommitId>) -> Result<Seals, Failure> {
        let repository = self.clone.repository();
        let rules = match branch_head(&self.clone, &repository, main)? {
            Some(head) => {
                let commit =
                    repository.find_commit(head).map_err(|error| unreadable("the main branch", &error))?;
                signing_rules(&repository, policies_of(&commit)?)?
            }
            None => SigningRules::default(),
        };
        let mut states = BTreeMap::new();
        for commit in commits {
            let Some(found) = ObjectId::from_hex(commit.as_str().as_bytes())
                .ok()
                .and_then(|id| repository.find_commit(id).ok())
            else {
                continue;
            };
            let entry = history::entry(&found);
            let known = self.sealed.lock().unwrap_or_else(PoisonError::into_inner).get(&commit).cloned();
            let seal = if let Some(seal) = known {
                seal
            } else {
                let mut seal = if is_intact(&commit, &found.data) {
                    seal(&found.data)
                } else {
                    Seal::Broken("its bytes are not those that its commit id names".to_owned())
                };
                if seal == Seal::Unchecked(PGP.to_owned()) {
                    seal = self.pgp(&commit)?;
                }
                let mut sealed = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
                sealed.insert(commit.clone(), seal.clone());
                seal
            };
            let state = judge(&seal, &rules.addresses(&entry.actor), &rules.signers, entry.at);
            states.insert(commit, state);
        }
        Ok(Seals { required: rules.required, states, unseen_counts: false })
    }

    /// The commits from `tip` back to `end` (without it) or the beginning, oldest first. The signatures of `vouched`
    /// and of what came before it are not looked at.
    fn links(
        &self,
        repository: &Repository,
        tip: ObjectId,
        end: Option<ObjectId>,
        vouched: Option<ObjectId>,
    ) -> Result<Links, Failure> {
        let mut links = Vec::new();
        let mut batch = Vec::with_capacity(BATCH);
        let mut is_vouched = false;
        let mut count = 0;
        let reached = history::walk(repository, tip, end, |commit| {
            is_vouched |= Some(commit.id) == vouched;
            count += usize::from(is_vouched);
            batch.push(Unsealed { link: link(commit), raw: commit.data.clone(), is_vouched });
            if batch.len() == BATCH {
                links.append(&mut sealed(&mut batch));
            }
        })?;
        links.append(&mut sealed(&mut batch));
        links.reverse();
        for link in links.iter_mut().filter(|link| link.seal == Seal::Unchecked(PGP.to_owned())) {
            link.seal = self.pgp(&link.entry.commit)?;
        }
        Ok(Links { commits: links, reached, vouched: count })
    }

    /// Asks git, and through it `GnuPG`, about an `OpenPGP` signature.
    fn pgp(&self, commit: &CommitId) -> Result<Seal, Failure> {
        let arguments = ["verify-commit", "--raw", commit.as_str()];
        let output = self.clone.git.run(&Call { arguments: &arguments, ..Call::default() })?;
        Ok(pgp_seal(&output.stderr))
    }

    /// What the main branch said about people and signatures, over time.
    fn timeline(&self, repository: &Repository, main: &str) -> Result<Timeline, Failure> {
        let mut timeline = Timeline::default();
        let Some(head) = branch_head(&self.clone, repository, main)? else { return Ok(timeline) };
        // The newest first: when, and the folder with the policies.
        let mut states: Vec<(DateTime<Utc>, Option<ObjectId>)> = Vec::new();
        let mut next = Some(head);
        while let Some(id) = next {
            let commit = match repository.find_commit(id) {
                Ok(commit) => commit,
                // A shallow clone knows no more.
                Err(_) if id != head => break,
                Err(error) => return Err(unreadable("the main branch", &error)),
            };
            let policies = policies_of(&commit)?;
            let at = commit.committer().map(|committer| time(&committer)).unwrap_or_default();
            states.push((at, policies));
            next = commit.parent_ids().next().map(gix::Id::detach);
        }
        let mut known: BTreeMap<Option<ObjectId>, Arc<SigningRules>> = BTreeMap::new();
        let mut before = None;
        for (at, policies) in states.into_iter().rev() {
            if before == Some(policies) {
                continue;
            }
            before = Some(policies);
            let rules = match known.get(&policies) {
                Some(rules) => Arc::clone(rules),
                None => Arc::new(signing_rules(repository, policies)?),
            };
            known.insert(policies, Arc::clone(&rules));
            timeline.push(at, rules);
        }
        Ok(timeline)
    }
}

/// Commits of the ledger, the oldest first.
struct Links {
    commits: Vec<Link>,
    /// Whether they begin after the commit where they were to begin, instead of at the very first.
    reached: bool,
    /// The signatures of so many of them were not looked at.
    vouched: usize,
}

/// A commit whose signature is to be checked.
struct Unsealed {
    link: Link,
    raw: Vec<u8>,
    is_vouched: bool,
}

/// The folder with the policies of a commit.
fn policies_of(commit: &Commit<'_>) -> Result<Option<ObjectId>, Failure> {
    let tree = commit.tree().map_err(|error| unreadable("the main branch", &error))?;
    let mut entries = tree.iter().filter_map(Result::ok);
    Ok(entries
        .find(|entry| entry.filename() == "policies" && entry.mode().is_tree())
        .map(|entry| entry.object_id()))
}

/// Notes what was found valid.
fn note(repository: &Repository, tip: CommitId, events: usize, now: DateTime<Utc>) -> Result<(), Failure> {
    let note = Note { version: NOTE_VERSION, tip, events, at: now };
    let written = serde_json::to_vec(&note)
        .map_err(std::io::Error::other)
        .and_then(|bytes| notebook::write(repository, VERIFIED, &bytes));
    written.map_err(|error| {
        let path = notebook::path(repository, VERIFIED);
        Failure::failed(format!("the ledger is valid, but that could not be noted in {}", path.display()))
            .because(&error)
    })
}

/// Stands for a seal until git was asked.
const PGP: &str = "OpenPGP";

/// A commit without its seal.
fn link(commit: &Commit<'_>) -> Link {
    let committer = commit.committer().ok();
    let message = commit.message_raw_sloppy().to_str_lossy();
    Link {
        entry: history::entry(commit),
        parents: commit.parent_ids().count(),
        empty_tree: commit.tree_id().is_ok_and(|id| id.detach() == ObjectId::empty_tree(id.kind())),
        committer: committer.as_ref().map(identity).unwrap_or_default(),
        committed_at: committer.as_ref().map(time).unwrap_or_default(),
        // Most events never waited: reading the document again is for those that may have.
        late: message.contains("\"late\"") && is_late(&message),
        seal: Seal::Absent,
        // Both are looked at side by side, later.
        intact: true,
    }
}

/// Whether a commit's bytes are those that its id names. Git and gix do not look when they read an object.
fn is_intact(commit: &CommitId, raw: &[u8]) -> bool {
    let Ok(id) = ObjectId::from_hex(commit.as_str().as_bytes()) else { return false };
    gix::objs::compute_hash(id.kind(), gix::object::Kind::Commit, raw).is_ok_and(|found| found == id)
}

/// Checks the signatures of a batch, side by side, and empties it.
fn sealed(batch: &mut Vec<Unsealed>) -> Vec<Link> {
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = batch.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        for part in batch.chunks_mut(share) {
            scope.spawn(move || {
                for Unsealed { link, raw, is_vouched } in part {
                    link.intact = is_intact(&link.entry.commit, raw);
                    if !*is_vouched {
                        link.seal = seal(raw);
                    }
                }
            });
        }
    });
    batch.drain(..).map(|unsealed| unsealed.link).collect()
}

fn seal(raw: &[u8]) -> Seal {
    let commit = split(raw);
    match commit.signature.as_deref().map(str::trim_start) {
        None => Seal::Absent,
        Some(signature) if signature.starts_with("-----BEGIN SSH SIGNATURE-----") => {
            ssh_seal(&commit.payload, signature)
        }
        Some(signature) if signature.starts_with("-----BEGIN PGP ") => Seal::Unchecked(PGP.to_owned()),
        Some(_) => Seal::Unchecked("it is neither an SSH nor an `OpenPGP` signature".to_owned()),
    }
}

/// The rules that a folder `policies` holds.
fn signing_rules(repository: &Repository, policies: Option<ObjectId>) -> Result<SigningRules, Failure> {
    let Some(policies) = policies else { return Ok(SigningRules::default()) };
    let failed = |error: gix::Error| unreadable("the policies of the main branch", &error);
    let tree = repository.find_tree(policies).map_err(failed)?;
    let mut files = BTreeMap::new();
    for entry in tree.iter().filter_map(Result::ok).filter(|entry| entry.mode().is_blob()) {
        let name = entry.filename().to_str_lossy().into_owned();
        if ["allowed_signers", "teams.toml", "security.toml"].contains(&name.as_str()) {
            let blob = repository.find_object(entry.object_id()).map_err(failed)?;
            files.insert(format!("policies/{name}"), blob.data.clone());
        }
    }
    let signers = files.remove("policies/allowed_signers").unwrap_or_default();
    let catalog = reader::read(files);
    Ok(SigningRules {
        signers: AllowedSigners::parse(&String::from_utf8_lossy(&signers)),
        required: catalog.signatures_required,
        people: catalog.people,
    })
}

/// What was found valid the last time. A note that cannot be read is none.
fn verified(repository: &Repository) -> Option<Verified> {
    let note: Note = serde_json::from_slice(&notebook::read(repository, VERIFIED)?).ok()?;
    if note.version != NOTE_VERSION || note.events == 0 {
        return None;
    }
    let chain = ObjectId::from_hex(note.tip.as_str().as_bytes())
        .ok()
        .and_then(|tip| history::commits(repository, tip, None).ok())
        .map(|commits| commits.into_iter().map(|id| id.to_string().into()).collect());
    Some(Verified { tip: note.tip, events: note.events, at: note.at, chain })
}
