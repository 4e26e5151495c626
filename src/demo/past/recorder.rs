//! Writes the ledger of the past: each event on top of the one before, by whoever did it, signed with their key.

use super::script::{Act, Deed};
use crate::{
    demo::{
        people::LEDGER,
        repository::{
            history::{Author, PEOPLE},
            keys::Signer,
        },
    },
    domain::{
        catalog::Catalog,
        change::{Identity, Seals},
        ledger::{self, Entry, EntryBody, Happening, Marks, Operations},
        name::{CommitId, DeploymentId, IncidentId},
    },
    error::Failure,
};
use chrono::{DateTime, TimeDelta, Utc};
use gix::{
    ObjectId, Repository,
    objs::{Kind, Write as _},
};
use std::{
    collections::{BTreeMap, btree_map::Entry as Place},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// How long a leg is claimed.
const CLAIM: TimeDelta = TimeDelta::minutes(2);

/// Writes events.
pub struct Recorder<'a> {
    repository: Repository,
    branch: PathBuf,
    main: &'a Catalog,
    /// Whose signatures are made; none where nobody signs.
    keys: Option<u64>,
    signers: BTreeMap<&'static str, Signer>,
    tree: ObjectId,
    tip: Option<ObjectId>,
    operations: Operations,
    deployments: BTreeMap<usize, DeploymentId>,
    incidents: BTreeMap<usize, IncidentId>,
    /// The approvals of changes that are not merged yet.
    approvals: Vec<CommitId>,
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::failed("could not write the demo's ledger").cause(error.to_string())
}

impl<'a> Recorder<'a> {
    /// A recorder of an empty ledger in the bare repository `remote`; `keys` is the seed of the keys to sign with.
    pub fn open(remote: &Path, main: &'a Catalog, keys: Option<u64>) -> Result<Self, Failure> {
        let repository = gix::open(remote).map_err(|error| failed(&error))?;
        let tree = repository.objects.write_buf(Kind::Tree, &[]).map_err(|error| failed(&error))?;
        Ok(Self {
            repository,
            branch: remote.join(LEDGER),
            main,
            keys,
            signers: BTreeMap::new(),
            tree,
            tip: None,
            operations: Operations::default(),
            deployments: BTreeMap::new(),
            incidents: BTreeMap::new(),
            approvals: Vec::new(),
        })
    }

    /// Lets one thing happen.
    pub fn play(&mut self, act: &Act) -> Result<(), Failure> {
        let Some((handle, author)) = PEOPLE.iter().find(|(handle, _)| *handle == act.who) else {
            return Err(failed(&format!("the demo knows nobody called {}", act.who)));
        };
        let happening = self.happening(act, *author)?;
        match &happening {
            Happening::DeploymentStarted { deployment, .. } => {
                self.deployments.insert(act.thread, deployment.clone());
            }
            Happening::IncidentDeclared { incident, .. } => {
                self.incidents.insert(act.thread, incident.clone());
            }
            _ => {}
        }
        let commit = self.commit(&happening, handle, *author, act.at)?;
        if let Happening::ChangeApproved { .. } = &happening {
            self.approvals.push(commit.to_string().into());
        }
        let entry = Entry {
            commit: commit.to_string().into(),
            at: act.at,
            actor: identity(*author),
            subject: happening.subject(),
            body: EntryBody::Known(happening),
        };
        self.operations.apply(&entry);
        self.tip = Some(commit);
        Ok(())
    }

    /// Points the branch to the newest event.
    pub fn finish(self) -> Result<(), Failure> {
        if let Some(anomaly) = self.operations.anomalies.first() {
            return Err(failed(&anomaly.text));
        }
        let Some(tip) = self.tip else { return Ok(()) };
        if let Some(folder) = self.branch.parent() {
            fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        }
        fs::write(&self.branch, format!("{tip}\n")).map_err(|error| failed(&error))
    }

    /// What a deed comes to, by the state so far.
    fn happening(&mut self, act: &Act, author: Author) -> Result<Happening, Failure> {
        let operations = &self.operations;
        let deployment = || {
            let known = self.deployments.get(&act.thread).cloned();
            known.ok_or_else(|| failed(&"an act without its deployment"))
        };
        let incident = || {
            let known = self.incidents.get(&act.thread).cloned();
            known.ok_or_else(|| failed(&"an act without its incident"))
        };
        match &act.deed {
            Deed::Start(order) => ledger::start_deployment(operations, order, act.at),
            Deed::Approve(gate) => {
                let id = deployment()?;
                let name = operations.deployment(id.as_str()).map(|record| record.order.service.clone());
                let service = name.and_then(|name| self.main.services.get(&name));
                let service =
                    service.ok_or_else(|| failed(&"a service that the main branch does not have"))?;
                let ground = (self.main, &**service);
                ledger::approve_deployment(
                    operations,
                    &id,
                    *gate,
                    ground,
                    &identity(author),
                    None,
                    &Seals::default(),
                )
            }
            Deed::Begin(leg) => {
                let holder = format!("{}-{}", act.who, act.thread);
                ledger::begin_stage(operations, &deployment()?, leg, &holder, (act.at, act.at + CLAIM))
            }
            Deed::Judge(leg, verdict, detail, figures) => {
                ledger::judge_stage(operations, &deployment()?, leg, *verdict, detail, figures.as_ref())
            }
            Deed::Hold(reason) => {
                ledger::hold(operations, &deployment()?, reason, Some(ledger::Verdict::NoData))
            }
            Deed::Accept(note) => ledger::resume(operations, &deployment()?, true, Some(note)),
            Deed::Declare(severity, title) => {
                ledger::declare_for(operations, &deployment()?, (*severity, title), act.at)
            }
            Deed::Quarantine(reason) => {
                let id = deployment()?;
                let record = operations.deployment(id.as_str()).ok_or_else(|| failed(&id.as_str()))?;
                let order = &record.order;
                let version = (&order.service, order.version.as_str(), order.image.as_deref());
                ledger::quarantine(operations, version, reason, Some(&id))
            }
            Deed::Finish(ending, detail) => {
                ledger::finish_deployment(operations, &deployment()?, *ending, detail)
            }
            Deed::Acknowledge => ledger::acknowledge(operations, &incident()?),
            Deed::Resolve(note) => ledger::resolve(operations, &incident()?, Some(note)),
            Deed::PostMortem(note) => ledger::post_mortem(operations, &incident()?, note),
            Deed::Merge(merged) => {
                let approvals = std::mem::take(&mut self.approvals);
                let merged = ledger::Merged { approvals, ..(**merged).clone() };
                Ok(Happening::ChangeMerged(Box::new(merged)))
            }
            Deed::Make(make) => make(operations, act.at),
        }
    }

    /// The event as a commit, signed like Git signs it.
    fn commit(
        &mut self,
        happening: &Happening,
        handle: &'static str,
        author: Author,
        at: DateTime<Utc>,
    ) -> Result<ObjectId, Failure> {
        let Author { name, email } = author;
        let parent = self.tip.map_or_else(String::new, |tip| format!("parent {tip}\n"));
        let who = format!("{name} <{email}> {} +0000", at.timestamp());
        let head = format!("tree {}\n{parent}author {who}\ncommitter {who}\n", self.tree);
        let message = ledger::encode(happening, Marks::default())?;
        let mut seal = String::new();
        if let Some(seed) = self.keys {
            let signer = match self.signers.entry(handle) {
                Place::Occupied(known) => known.into_mut(),
                Place::Vacant(place) => place.insert(Signer::of(seed, handle)?),
            };
            let signature = signer.sign(format!("{head}\n{message}").as_bytes())?;
            let lines: Vec<&str> = signature.trim_end().lines().collect();
            let _ = writeln!(seal, "gpgsig {}", lines.join("\n "));
        }
        let whole = format!("{head}{seal}\n{message}");
        self.repository.objects.write_buf(Kind::Commit, whole.as_bytes()).map_err(|error| failed(&error))
    }
}

fn identity(author: Author) -> Identity {
    Identity { name: author.name.to_owned(), email: author.email.to_owned() }
}
