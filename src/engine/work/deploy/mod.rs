//! Deployments: each call of [`advance`] moves one on by one decision, so that console and agent go the same way and
//! either can go on where the other was cut off.

mod glass;
mod job;
mod observe;
mod perform;
pub(in crate::engine) mod plan;
pub(super) mod settle;

use super::{Reporter, tell};
use crate::{
    domain::{
        catalog::{Catalog, Service, Target},
        change::Seals,
        deployment::{
            gate,
            machine::{self, Patience},
            order::{Leg, Order, Stage},
            parameters::Parameters,
            proof,
            record::{DeploymentRecord, Ending},
            release::ReleaseStep,
            work::{Entered, Steered, Steering},
        },
        ledger::{self, Happening, Operations, Verdict},
        name::{DeploymentId, EnvironmentName},
        notice::NoticeEvent,
        plan::Outcome,
        text::clean,
    },
    engine::Outside,
    error::{Failure, FailureKind},
    ports::{Draft, Receipt, Revision},
};
use chrono::{DateTime, Utc};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

pub use observe::Sighting;

/// What this process saw of running deployments: intervals of metrics, and since when a rollout failed. Without it,
/// after a restart, both begin anew.
pub type Sightings = BTreeMap<DeploymentId, Sighting>;

/// Time between two looks while something may happen soon.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What one call did.
#[derive(Debug, Clone, PartialEq)]
pub enum Advanced {
    /// Something was done; there may be more to do at once.
    Again,
    /// Nothing to do yet.
    Later {
        /// How long it may be.
        patience: Patience,
        /// When it is worth looking again, where that is known.
        until: Option<DateTime<Utc>>,
        /// What is waited for.
        why: String,
    },
    /// It is over.
    Over {
        /// In which way.
        ending: Ending,
        /// In a sentence.
        detail: String,
    },
}

/// Everything that a decision rests on.
struct Situation {
    operations: Arc<Operations>,
    /// Without the approvals and the broken glass that do not count for their signature.
    record: DeploymentRecord,
    /// How what was decided about it is signed.
    seals: Seals,
    main: Arc<Catalog>,
    parameters: Parameters,
    now: DateTime<Utc>,
}

impl Situation {
    async fn look(outside: &Outside, id: &DeploymentId) -> Result<Self, Failure> {
        let operations = outside.ports.ledger.state().await?.operations;
        let record = operations.deployment(id.as_str()).cloned().ok_or_else(|| {
            Failure::usage(format!("there is no deployment {}", clean(id.as_str())))
                .hint("see the known ones with `quarterdeck deployment list`")
        })?;
        let main = main_catalog(outside).await?;
        let deciding = proof::deciding(&record).cloned().collect();
        let seals = outside.ports.ledger.seals(&main.settings.main, deciding).await?;
        let record = proof::proven(&record, &seals);
        let parameters = main
            .services
            .get(&record.order.service)
            .map_or_else(Parameters::default, |service| Parameters::of(&main, service));
        Ok(Self { operations, record, seals, main, parameters, now: outside.ports.clock.now() })
    }

    /// Fails where the way there rests on what somebody wrote who may not; the way back is open to all.
    fn trusted(&self) -> Result<(), Failure> {
        if !self.record.is_open() || self.record.is_retreating() || self.record.accepted.is_empty() {
            return Ok(());
        }
        match gate::distrusted(&self.record, &self.main, self.service()?, &self.seals) {
            Some(why) => Err(Failure::refused(format!("{} does not go on: {why}", self.record.id))
                .hint(format!("end it with `quarterdeck deployment cancel {}`", self.record.id))),
            None => Ok(()),
        }
    }

    fn order(&self) -> &Order {
        &self.record.order
    }

    fn service(&self) -> Result<&Arc<Service>, Failure> {
        let name = &self.order().service;
        self.main.services.get(name).ok_or_else(|| {
            Failure::refused(format!("{name} is not on the branch {} any more", self.main.settings.main))
        })
    }

    /// Where the service runs in an environment.
    fn target(&self, environment: &EnvironmentName) -> Result<Target, Failure> {
        let place = self.main.environment(environment.as_str()).ok_or_else(|| {
            Failure::refused(format!("the environment {environment} is not in quarterdeck.toml any more"))
        })?;
        self.main.target(self.service()?, place).ok_or_else(|| {
            Failure::refused(format!("{} is not meant to run in {environment}", self.order().service))
        })
    }
}

/// The catalog of the main branch, as it is known here; where there is no such branch, the working tree's.
pub(in crate::engine) async fn main_catalog(outside: &Outside) -> Result<Arc<Catalog>, Failure> {
    let repository = &outside.ports.repository;
    let name = outside.main_branch().await?;
    match repository.branch(&name).await? {
        Some(tip) => repository.load(&Revision::Named(tip.to_string())).await,
        None => repository.load(&Revision::WorkingTree).await,
    }
}

/// Starts a deployment: claims its places in the ledger. Nothing else is changed yet.
pub async fn start(outside: &Outside, order: &Order) -> Result<(DeploymentId, Receipt), Failure> {
    let at = outside.ports.clock.now();
    let kept = order.clone();
    let draft: Draft = Box::new(move |operations| ledger::start_deployment(operations, &kept, at));
    let receipt = outside.ports.ledger.append(at, draft).await?;
    let Happening::DeploymentStarted { deployment, .. } = &receipt.happening else {
        return Err(Failure::failed("the ledger did not take the start of the deployment"));
    };
    let id = deployment.clone();
    if order.production {
        let title = ledger::started_words(order);
        tell_of(outside, order, NoticeEvent::DeploymentStarted, id.as_str(), title, None, &receipt).await;
    }
    Ok((id, receipt))
}

/// Moves a deployment on by one decision: looks, decides, and does it. At most one mutation of a cluster is sent, and
/// only after the ledger took the claim for it. A failure is about looking or writing; the deployment stays as it
/// is, and may be advanced again.
pub async fn advance(
    outside: &Outside,
    deployment: &DeploymentId,
    report: &Reporter,
) -> Result<Advanced, Failure> {
    let situation = Situation::look(outside, deployment).await?;
    let seen = observe::observe(outside, &situation).await?;
    let decision = machine::next(&situation.record, &seen, &situation.parameters, situation.now);
    // What rests on a word that does not count goes no further; but what has traffic is judged all the same.
    if decision.goes_on() {
        situation.trusted()?;
    }
    perform::perform(outside, &situation, decision, report).await
}

/// Forgets what was seen of a deployment.
fn forget(outside: &Outside, id: &DeploymentId) {
    outside.sightings.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
}

/// Tells the channels that want to hear of an event of the ledger. Who could not be told is in the ledger, and an agent
/// tries again.
async fn tell_of(
    outside: &Outside,
    order: &Order,
    event: NoticeEvent,
    about: &str,
    title: String,
    severity: Option<crate::domain::escalation::Severity>,
    receipt: &Receipt,
) {
    let subject = tell::Subject {
        event: Some(event),
        about: about.to_owned(),
        title,
        severity,
        service: Some(order.service.clone()),
        ..tell::Subject::default()
    };
    let outcome = super::outcome(String::new(), receipt.clone());
    let _told = tell::after(outside, subject, outcome, &Reporter::silent()).await;
}

/// Runs orders one after the other, each until it is over or waits for long; stops at the first that does not end
/// well.
pub(super) async fn run(outside: &Outside, orders: &[Order], report: &Reporter) -> Result<Outcome, Failure> {
    let mut summaries = Vec::new();
    let mut outcome = None;
    let mut offset = 0;
    for order in orders {
        report.step(offset, "claiming").await;
        let (id, receipt) = start(outside, order).await?;
        report.step(offset, format!("{id} started, {}", super::synced_text(&receipt))).await;
        let done = follow(outside, &id, &report.from(offset + 1)).await?;
        offset += order.legs().len() + 2;
        summaries.push(done.summary.clone());
        let is_good = done.verdict == Verdict::Pass;
        outcome = Some(done);
        if !is_good {
            break;
        }
    }
    let left = orders.len() - summaries.len();
    if left > 0 {
        summaries.push(format!("{left} more not begun"));
    }
    let outcome = outcome.ok_or_else(|| Failure::usage("nothing is to be deployed"))?;
    Ok(Outcome { summary: summaries.join("; "), ..outcome })
}

/// Writes a person's word about a deployment into the ledger, and looks after what follows from it.
pub(super) async fn steer(
    outside: &Outside,
    steered: &Steered,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let id = &steered.deployment;
    let operator = outside.ports.repository.operator().await?;
    let situation = Situation::look(outside, id).await?;
    if let Steering::BreakGlass { reason, length } = &steered.steering {
        return glass::open(outside, &situation, (reason, *length), report).await;
    }
    let is_held = situation.record.held.is_some();
    let at = situation.now;
    let (kept, steering, main) = (id.clone(), steered.steering.clone(), situation.main.clone());
    let seals = situation.seals.clone();
    // One that nobody holds has only lost who looked after it.
    let only_follow = matches!(steering, Steering::Continue { accept: false, .. }) && !is_held;
    let receipt = if only_follow {
        None
    } else {
        let service = situation.service()?.clone();
        let draft: Draft = Box::new(move |operations| match &steering {
            Steering::Approve { gate, note } => {
                let ground = (&*main, &*service);
                ledger::approve_deployment(
                    operations,
                    &kept,
                    *gate,
                    ground,
                    &operator,
                    note.as_deref(),
                    &seals,
                )
            }
            Steering::Continue { accept, note } => {
                if *accept {
                    ledger::may_accept(operations, &kept, (&main, &service), &operator)?;
                }
                ledger::resume(operations, &kept, *accept, note.as_deref())
            }
            Steering::Second => {
                ledger::second_deployment_glass(operations, &kept, (&main.people, &operator), at, &seals)
            }
            // Opened above, with an incident of its own.
            Steering::BreakGlass { .. } => Err(Failure::failed("the glass is broken by another way")),
            Steering::Hold { reason } => ledger::hold(operations, &kept, reason, None),
            Steering::Cancel { reason } => ledger::cancel(operations, &kept, reason),
            Steering::Schedule { not_before, window } => {
                ledger::schedule(operations, &kept, *not_before, *window)
            }
        });
        Some(super::append(outside, draft, report).await?)
    };
    if let (Steering::Hold { .. }, Some(receipt)) = (&steered.steering, receipt) {
        return Ok(super::outcome(format!("{id} is held"), receipt));
    }
    follow(outside, id, &report.from(2)).await
}

/// Writes something into the ledger that needs no more than that.
pub(super) async fn enter(
    outside: &Outside,
    entered: &Entered,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let kept = entered.clone();
    let draft: Draft = Box::new(move |operations| match &kept {
        Entered::Quarantine { service, version, reason } => {
            ledger::quarantine(operations, (service, version, None), reason, None)
        }
        Entered::Clear { service, version, note } => ledger::clear(operations, service, version, note),
        Entered::Freeze { service, reason } => ledger::freeze(operations, service, reason),
        Entered::Thaw { service, note } => ledger::thaw(operations, service, note),
        Entered::PostMortem { incident, note } => ledger::post_mortem(operations, incident, note),
    });
    let receipt = super::append(outside, draft, report).await?;
    Ok(super::outcome(format!("{}: done", entered.title()), receipt))
}

/// Looks after a deployment until it is over or waits for long.
pub(super) async fn follow(
    outside: &Outside,
    id: &DeploymentId,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let mut failures = 0;
    loop {
        let advanced = match advance(outside, id, report).await {
            Ok(advanced) => {
                failures = 0;
                advanced
            }
            // A backend that is away for a moment is no end.
            Err(failure) if failure.kind == FailureKind::Unreachable && failures < 20 => {
                failures += 1;
                Advanced::Later { patience: Patience::Seconds, until: None, why: failure.to_string() }
            }
            Err(failure) => return Err(failure),
        };
        match advanced {
            Advanced::Again => {}
            Advanced::Later { patience: Patience::Seconds, .. } => tokio::time::sleep(LOOK_EVERY).await,
            Advanced::Later { patience: Patience::Hours, why, .. } => {
                return Ok(waiting(outside, id, &why).await);
            }
            Advanced::Over { ending, detail } => {
                let verdict = match ending {
                    Ending::Done => Verdict::Pass,
                    Ending::RolledBack | Ending::Cancelled => Verdict::Fail,
                };
                let incident = outside.ports.ledger.state().await.ok().and_then(|state| {
                    state.operations.deployment(id.as_str()).and_then(|record| record.incident.clone())
                });
                let about =
                    incident.as_ref().map_or_else(String::new, |incident| format!("; see {incident}"));
                return Ok(Outcome {
                    verdict,
                    summary: format!("{id} {}: {detail}{about}", ending.as_str()),
                    incident,
                    commit: None,
                    synced: true,
                    deliveries: Vec::new(),
                });
            }
        }
    }
}

/// How a deployment that waits for long is told: held ones could not be judged, the others are on their way.
async fn waiting(outside: &Outside, id: &DeploymentId, why: &str) -> Outcome {
    let state = outside.ports.ledger.state().await.ok();
    let record = state.as_ref().and_then(|state| state.operations.deployment(id.as_str()));
    let held = record.and_then(|record| record.held.as_ref());
    let leg = record.and_then(DeploymentRecord::next_leg);
    let verdict = held.map_or(Verdict::Pass, |held| held.verdict.unwrap_or(Verdict::NoData));
    let what = leg.map_or_else(String::new, |leg| format!(" at {leg}"));
    let how =
        if held.is_some() { format!("; then `quarterdeck deployment continue {id}`") } else { String::new() };
    Outcome {
        verdict,
        summary: format!("{id} waits{what}: {why}{how}"),
        incident: record.and_then(|record| record.incident.clone()),
        commit: None,
        synced: state.as_ref().is_none_or(|state| state.unsynced == 0),
        deliveries: Vec::new(),
    }
}

/// The step that a leg asks the cluster for, or looks at the end of.
const fn step_of(leg: &Leg) -> Option<ReleaseStep> {
    match leg.stage {
        Stage::Step(step) | Stage::Health(step) | Stage::Analysis(step) => Some(step),
        _ => None,
    }
}
