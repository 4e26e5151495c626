//! Carries effects out as tasks against ports; their answers come back on a bounded channel.

use super::{Judged, Outside, changes, inspect, work};
use crate::{
    domain::{
        catalog::{Catalog, Target},
        cross_project::HistoryRequest,
        deployment::RollbackRoute,
        finding::Finding,
        name::{ChangeId, CommitId},
        plan::Validation,
        rules,
    },
    error::Failure,
    model::{
        effect::{Effect, Effects, ImpactRequest, ValidationRequest},
        event::{EditFile, Event},
    },
    ports::Revision,
};
use std::sync::{Arc, PoisonError};
use tokio::sync::{mpsc, watch};

/// How many answers may wait for the loop; a task that is faster waits.
const WAITING: usize = 256;

/// Runs effects.
#[derive(Clone)]
pub struct Executor {
    outside: Outside,
    answers: mpsc::Sender<Event>,
    refresh: watch::Sender<u64>,
    history: watch::Sender<Option<Arc<HistoryRequest>>>,
    looks: Arc<watch::Sender<u64>>,
}

impl Executor {
    /// An executor, the end where its answers come out, and the counter of how often the sources were asked to look again.
    pub fn new(outside: Outside) -> (Self, mpsc::Receiver<Event>, watch::Receiver<u64>) {
        let (answers, receiver) = mpsc::channel(WAITING);
        let (refresh, asked) = watch::channel(0);
        let (history, _) = watch::channel(None);
        (Self { outside, answers, refresh, history, looks: Arc::default() }, receiver, asked)
    }

    /// Which history somebody looks at, for the source that reads it.
    pub fn wanted_history(&self) -> watch::Receiver<Option<Arc<HistoryRequest>>> {
        self.history.subscribe()
    }

    /// Starts every effect; returns at once.
    pub fn run(&self, effects: Effects) {
        for effect in effects.0 {
            self.start(effect);
        }
    }

    fn start(&self, effect: Effect) {
        let (outside, answers) = (self.outside.clone(), self.answers.clone());
        let refresh = self.refresh.clone();
        match effect {
            Effect::Refresh => refresh.send_modify(|asked| *asked += 1),
            Effect::WantHistory(request) => {
                self.history.send_replace(request);
            }
            Effect::Inspect(request) => {
                // What is under way for an earlier look ends.
                self.looks.send_modify(|look| *look += 1);
                if let Some(request) = request {
                    tokio::spawn(inspect::run(outside, answers, *request, self.looks.subscribe()));
                }
            }
            Effect::PlanRollback(job, targets, to) => {
                tokio::spawn(async move {
                    let result = plan_rollbacks(&outside, targets, to.as_deref()).await;
                    // A closed channel means that the program is ending; nobody waits for the answer.
                    let _ = answers.send(Event::RollbackPlanned(job, result)).await;
                });
            }
            Effect::PlanDeployment(job, request) => {
                tokio::spawn(async move {
                    let result = work::deploy::plan::plan(&outside, *request).await.map(Box::new);
                    let _ = answers.send(Event::DeploymentPlanned(job, result)).await;
                });
            }
            Effect::PlanVerb(job, target, verb, replicas) => {
                tokio::spawn(async move {
                    let result = match outside.cluster(&target.context) {
                        Ok(cluster) => cluster.plan_verb(&target, verb, replicas).await,
                        Err(failure) => Err(failure),
                    };
                    let result = result.map(|route| Box::new((target, route)));
                    let _ = answers.send(Event::VerbPlanned(job, result)).await;
                });
            }
            Effect::PlanProposal(job, wanted) => {
                tokio::spawn(async move {
                    let result = work::propose::plan(&outside, wanted).await.map(Box::new);
                    let _ = answers.send(Event::ProposalPlanned(job, result)).await;
                });
            }
            Effect::PlanAnnouncement(job, change) => {
                tokio::spawn(async move {
                    let result = work::announce::plan(&outside, change).await.map(Box::new);
                    let _ = answers.send(Event::AnnouncementPlanned(job, result)).await;
                });
            }
            Effect::PlanLanding(job, request) => {
                tokio::spawn(async move {
                    let result = work::landing::plan(&outside, request).await.map(Box::new);
                    let _ = answers.send(Event::LandingPlanned(job, result)).await;
                });
            }
            Effect::Edit(target) => {
                tokio::spawn(async move {
                    let file = outside.ports.repository.file(&target.path).await;
                    let result = file.map(|file| EditFile { file, line: target.line });
                    let _ = answers.send(Event::Edit(result)).await;
                });
            }
            Effect::Validate(job, request) => {
                tokio::spawn(async move {
                    let result = validate(&outside, request).await;
                    let _ = answers.send(Event::Validated(job, result)).await;
                });
            }
            Effect::Impact(job, request) => {
                tokio::spawn(async move {
                    let subject = match &request {
                        ImpactRequest::Difference { .. } => Some(request.subject()),
                        ImpactRequest::Service { .. } => None,
                    };
                    let result = outside.impact(request).await;
                    let _ = answers.send(Event::ImpactFound(job, subject, result)).await;
                });
            }
            Effect::Run(job, plan) => {
                tokio::spawn(async move {
                    let report = work::Reporter::new(job, answers.clone());
                    let result = work::run(&outside, &plan, &report).await;
                    let _ = answers.send(Event::Finished(job, result)).await;
                    // What was just done should be seen at once, not at the next look.
                    refresh.send_modify(|asked| *asked += 1);
                });
            }
        }
    }
}

/// Finds the way back of each service; one that has none keeps all of them.
async fn plan_rollbacks(
    outside: &Outside,
    targets: Vec<Target>,
    to: Option<&str>,
) -> Result<Vec<(Target, RollbackRoute)>, Failure> {
    let mut planned = Vec::with_capacity(targets.len());
    for target in targets {
        let route = outside.cluster(&target.context)?.plan_rollback(&target, to).await?;
        planned.push((target, route));
    }
    Ok(planned)
}

/// Validates a state of the control repository, against its base where there is one.
pub(super) async fn validate(outside: &Outside, request: ValidationRequest) -> Result<Validation, Failure> {
    let repository = &outside.ports.repository;
    let named = |revision: &str| Revision::Named(revision.to_owned());
    let (subject, head, base) = match &request {
        ValidationRequest::WorkingTree { base: None } => {
            ("working tree".to_owned(), Revision::WorkingTree, None)
        }
        ValidationRequest::WorkingTree { base: Some(base) } => (
            format!("working tree against {base}"),
            Revision::WorkingTree,
            // What is not committed grew from HEAD.
            Some(named(parted(outside, "HEAD", base).await?.as_str())),
        ),
        ValidationRequest::Revision { head, base: None } => (head.clone(), named(head), None),
        ValidationRequest::Revision { head, base: Some(base) } => {
            (format!("{base}..{head}"), named(head), Some(named(parted(outside, head, base).await?.as_str())))
        }
        ValidationRequest::Change { change, head } => {
            let subject = format!("{change} at {}", head.short());
            return Ok(Validation { subject, findings: of_change(outside, change, head).await? });
        }
    };
    let head = repository.load(&head).await?;
    let base = match base {
        Some(base) => Some(repository.load(&base).await?),
        None => None,
    };
    let findings = check(outside, head, base).await?;
    Ok(Validation { subject, findings: Arc::new(findings) })
}

/// The commit where `head` parted from `base`. What happened on `base` since then is not what `head`
/// changes. Without common history `head` replaces everything that `base` has.
async fn parted(outside: &Outside, head: &str, base: &str) -> Result<CommitId, Failure> {
    let repository = &outside.ports.repository;
    match repository.merge_base(head, base).await? {
        Some(commit) => Ok(commit),
        None => repository.resolve(base).await,
    }
}

/// The commit that changes begin at, with what is wrong there already.
pub(super) async fn began(outside: &Outside, commit: &CommitId) -> Result<Judged, Failure> {
    let day = outside.ports.clock.now().date_naive();
    let judged = || outside.judged.lock().unwrap_or_else(PoisonError::into_inner);
    let known = judged().clone().filter(|last| last.commit == *commit && last.day == day);
    if let Some(last) = known {
        return Ok(last);
    }
    let catalog = outside.ports.repository.load(&Revision::Named(commit.to_string())).await?;
    let findings = Arc::new(check(outside, catalog.clone(), None).await?);
    let last = Judged { commit: commit.clone(), catalog, day, findings };
    *judged() = Some(last.clone());
    Ok(last)
}

/// What is found in a change, judged anew: also where its commits say less than it does.
async fn of_change(outside: &Outside, id: &ChangeId, head: &CommitId) -> Result<Arc<Vec<Finding>>, Failure> {
    let main = work::deploy::main_catalog(outside).await?;
    let proposals = changes::proposals(outside, &main, id).await?;
    let moved = || {
        Failure::conflict(format!("{id} is not at {} any more", head.short()))
            .hint("look at what came meanwhile, and validate it again")
    };
    let proposal = proposals.into_iter().find(|proposal| proposal.id == *id && proposal.head == *head);
    Ok(changes::load(outside, proposal.ok_or_else(moved)?, &main).await?.findings)
}

/// Every rule over a catalog, off the loop's threads.
pub(super) async fn check(
    outside: &Outside,
    head: Arc<Catalog>,
    base: Option<Arc<Catalog>>,
) -> Result<Vec<Finding>, Failure> {
    let today = outside.ports.clock.now().date_naive();
    tokio::task::spawn_blocking(move || rules::check(&head, base.as_deref(), today))
        .await
        .map_err(|error| Failure::failed("validation stopped before its end").because(&error))
}
