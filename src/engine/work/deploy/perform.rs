//! Doing what was decided: the ledger takes the claim first, then one thing is done, then the ledger takes how it was.

use super::{Advanced, Situation, forget, job, settle, tell_of};
use crate::{
    domain::{
        catalog::{ManagedBy, Target, Tier},
        deployment::{
            RolloutStatus,
            machine::{self, Decision, Patience},
            order::{Leg, Order, Place, Stage, Test},
            parameters::TestMeans,
            record::{Ending, Figures},
            release::{Release, ReleaseRoute, ReleaseStep, Strategy},
            statistics,
        },
        escalation::Severity,
        ledger::{self, Happening, Operations, Verdict},
        name::DeploymentId,
        notice::NoticeEvent,
        rules::without_secrets,
        text::clean,
    },
    engine::{Outside, work::Reporter},
    error::{Failure, FailureKind},
    ports::{Cluster, CommandEnd, CommandLine, Draft, Receipt},
};
use std::time::Duration;

/// How many lines of a test's output the ledger keeps.
const TAIL_LINES: usize = 6;

/// Carries a decision out.
pub(super) async fn perform(
    outside: &Outside,
    situation: &Situation,
    decision: Decision,
    report: &Reporter,
) -> Result<Advanced, Failure> {
    let record = &situation.record;
    let id = record.id.clone();
    match decision {
        Decision::Wait { patience, until, why } => {
            say(situation, report, &why).await;
            Ok(Advanced::Later { patience, until, why })
        }
        Decision::Over => {
            forget(outside, &id);
            let (ending, detail) = record
                .finished
                .as_ref()
                .map_or((Ending::Cancelled, String::new()), |end| (end.ending, end.detail.clone()));
            Ok(Advanced::Over { ending, detail })
        }
        Decision::Begin { leg, .. } => begin(outside, situation, leg, report).await,
        Decision::Judge { leg, verdict, detail, figures } => {
            say(situation, report, &detail).await;
            judge(outside, &id, leg, verdict, detail, figures).await?;
            Ok(Advanced::Again)
        }
        Decision::Collect { leg, failed } => {
            let (verdict, detail) = job::collect(outside, situation, &leg, failed.as_deref()).await;
            say(situation, report, &detail).await;
            judge(outside, &id, leg, verdict, detail, None).await?;
            Ok(Advanced::Again)
        }
        Decision::Hold { verdict, reason } => {
            say(situation, report, &reason).await;
            hold(outside, situation, reason, verdict).await?;
            Ok(Advanced::Again)
        }
        Decision::Finish { ending, detail } => {
            say(situation, report, &detail).await;
            if ending == Ending::RolledBack && situation.order().production {
                freeze(outside, situation).await?;
            }
            let (kept, said) = (id.clone(), detail.clone());
            let draft: Draft =
                Box::new(move |operations| ledger::finish_deployment(operations, &kept, ending, &said));
            let receipt = append(outside, draft).await?;
            forget(outside, &id);
            if let Some(event) = ledger::finished_event(situation.order(), ending) {
                let title = ledger::finished_words(ending, &detail);
                tell_of(outside, situation.order(), event, id.as_str(), title, None, &receipt).await;
            }
            Ok(Advanced::Over { ending, detail })
        }
    }
}

/// Nobody knows whether what was asked for was done: what the cluster then shows tells.
async fn unanswered(situation: &Situation, report: &Reporter, failure: &Failure) -> Advanced {
    say(situation, report, &format!("no answer: {failure}")).await;
    Advanced::Later { patience: Patience::Seconds, until: None, why: failure.to_string() }
}

/// Says what is seen of the leg that it is about.
async fn say(situation: &Situation, report: &Reporter, words: &str) {
    let record = &situation.record;
    let forward = record.order.legs();
    let next = record.next_leg();
    let index = match &next {
        Some(leg) if !record.is_retreating() => forward.iter().position(|known| known == leg),
        _ => None,
    };
    let text = match (&next, index) {
        // The way back has no steps of its own in the plan: it is told in the last one.
        (Some(leg), None) => format!("going back, {leg}: {words}"),
        _ => words.to_owned(),
    };
    report.step(index.unwrap_or(forward.len()), clean(&text)).await;
}

async fn append(outside: &Outside, draft: Draft) -> Result<Receipt, Failure> {
    outside.ports.ledger.append(outside.ports.clock.now(), draft).await
}

async fn judge(
    outside: &Outside,
    id: &DeploymentId,
    leg: Leg,
    verdict: Verdict,
    detail: String,
    figures: Option<Figures>,
) -> Result<Receipt, Failure> {
    let id = id.clone();
    let draft: Draft = Box::new(move |operations| {
        ledger::judge_stage(operations, &id, &leg, verdict, &detail, figures.as_ref())
    });
    append(outside, draft).await
}

/// Asks a person, once, and tells them.
async fn hold(
    outside: &Outside,
    situation: &Situation,
    reason: String,
    verdict: Verdict,
) -> Result<(), Failure> {
    let id = situation.record.id.clone();
    let (kept, said) = (id.clone(), reason.clone());
    let draft: Draft = Box::new(move |operations| ledger::hold(operations, &kept, &said, Some(verdict)));
    let receipt = append(outside, draft).await?;
    let about = id.as_str();
    tell_of(outside, situation.order(), NoticeEvent::DeploymentHeld, about, reason, None, &receipt).await;
    Ok(())
}

/// Claims a leg and does it.
async fn begin(
    outside: &Outside,
    situation: &Situation,
    leg: Leg,
    report: &Reporter,
) -> Result<Advanced, Failure> {
    match leg.stage {
        Stage::Incident => return incident(outside, situation, report).await,
        Stage::Quarantine => return quarantine(outside, situation, report).await,
        _ => {}
    }
    say(situation, report, "beginning").await;
    let id = situation.record.id.clone();
    let at = outside.ports.clock.now();
    let until = at + machine::claim(&leg, &situation.parameters);
    let (kept, claimed, holder) = (id.clone(), leg.clone(), outside.holder.clone());
    let draft: Draft =
        Box::new(move |operations| ledger::begin_stage(operations, &kept, &claimed, &holder, (at, until)));
    match outside.ports.ledger.append(at, draft).await {
        Ok(_) => {}
        // Somebody else was faster: what they do is seen at the next look.
        Err(failure) if failure.kind == FailureKind::Conflict => {
            let why = failure.to_string();
            return Ok(Advanced::Later { patience: Patience::Seconds, until: None, why });
        }
        Err(failure) => return Err(failure),
    }
    if let Some(made) = job::start(outside, situation, &leg).await {
        return match made {
            Ok(words) => {
                say(situation, report, &words).await;
                Ok(Advanced::Again)
            }
            // It is looked for again; when it is there, it was made.
            Err(failure) if failure.kind == FailureKind::Unreachable => {
                Ok(unanswered(situation, report, &failure).await)
            }
            Err(failure) => {
                let said = words(&failure);
                say(situation, report, &said).await;
                hold(outside, situation, format!("{leg} could not begin: {said}"), Verdict::Error).await?;
                Ok(Advanced::Again)
            }
        };
    }
    match leg.stage {
        Stage::Test(test) => {
            let (verdict, detail) = run_test(outside, situation, &leg, test).await;
            say(situation, report, &detail).await;
            match verdict {
                Verdict::Error | Verdict::NoData => hold(outside, situation, detail, verdict).await?,
                verdict => {
                    judge(outside, &id, leg, verdict, detail, None).await?;
                }
            }
            Ok(Advanced::Again)
        }
        Stage::Settle => match settle::settle(outside, situation).await {
            Ok(detail) => {
                judge(outside, &id, leg, Verdict::Pass, detail, None).await?;
                Ok(Advanced::Again)
            }
            Err(failure) if failure.kind == FailureKind::Unreachable => {
                let why = format!("Git is not settled: {failure}");
                say(situation, report, &why).await;
                Ok(Advanced::Later { patience: Patience::Hours, until: Some(until), why })
            }
            Err(failure) => {
                let said = format!("Git is not settled: {}", words(&failure));
                judge(outside, &id, leg, Verdict::Fail, said, None).await?;
                Ok(Advanced::Again)
            }
        },
        _ => send(outside, situation, leg, report).await,
    }
}

/// A failure with its causes on one line.
fn words(failure: &Failure) -> String {
    let mut words = failure.message.clone();
    for cause in &failure.causes {
        words += &format!(": {cause}");
    }
    words
}

/// The way back into a place: the version that ran there, all at once.
pub(super) fn way_back(order: &Order, place: &Place) -> Result<ReleaseRoute, Failure> {
    let Some(version) = &place.from_version else {
        return Err(Failure::refused(format!(
            "nothing of {} ran in {} before, so there is nothing to go back to",
            order.service, place.environment
        )));
    };
    Ok(ReleaseRoute {
        release: Release {
            service: order.service.clone(),
            version: version.clone(),
            image: place.from_image.clone(),
            commit: None,
        },
        strategy: Strategy::Immediate,
        from_version: Some(order.version.clone()),
        from_image: order.image.clone(),
        objects: place.objects.clone(),
        notes: Vec::new(),
    })
}

/// Sends a step to the cluster, once.
async fn send(
    outside: &Outside,
    situation: &Situation,
    leg: Leg,
    report: &Reporter,
) -> Result<Advanced, Failure> {
    let id = &situation.record.id;
    let order = situation.order();
    let sent = async {
        let place = leg
            .environment
            .as_ref()
            .and_then(|environment| order.place(environment))
            .ok_or_else(|| Failure::failed(format!("{leg} has no place")))?;
        let target = situation.target(&place.environment)?;
        let cluster = outside.cluster(&target.context)?;
        match leg.stage {
            Stage::Step(step) => cluster.release_step(&target, &order.route(place), step).await?,
            _ => undo(cluster.as_ref(), &target, order, place).await?,
        }
        Ok::<_, Failure>(format!("accepted by {}", target.context))
    };
    match sent.await {
        Ok(detail) => {
            say(situation, report, &detail).await;
            judge(outside, id, leg, Verdict::Pass, detail, None).await?;
            Ok(Advanced::Again)
        }
        // Nobody knows whether it was applied; it is not sent again, and what the cluster then shows tells.
        Err(failure) if failure.kind == FailureKind::Unreachable => {
            Ok(unanswered(situation, report, &failure).await)
        }
        Err(failure) => {
            let said = words(&failure);
            say(situation, report, &said).await;
            if situation.record.is_retreating() {
                judge(outside, id, leg, Verdict::Fail, format!("refused: {said}"), None).await?;
            } else {
                hold(outside, situation, format!("{leg} was refused: {said}"), Verdict::Error).await?;
            }
            Ok(Advanced::Again)
        }
    }
}

/// Puts the version before back: a plain Deployment by its image, and what Argo CD, Argo Rollouts or Flux manage by
/// their own way back, which keeps them from bringing the failed version again.
async fn undo(cluster: &dyn Cluster, target: &Target, order: &Order, place: &Place) -> Result<(), Failure> {
    let route = way_back(order, place)?;
    if target.managed_by == ManagedBy::Deployment {
        return cluster.release_step(target, &route, ReleaseStep::Apply).await;
    }
    // Somebody may have been faster.
    let seen = cluster.release_status(target, &route, ReleaseStep::Apply).await?;
    if matches!(seen, RolloutStatus::Complete(_)) {
        return Ok(());
    }
    let back = cluster.plan_rollback(target, place.from_version.as_deref()).await?;
    cluster.start_rollback(target, &back).await
}

/// Runs a test to its end.
async fn run_test(outside: &Outside, situation: &Situation, leg: &Leg, test: Test) -> (Verdict, String) {
    let Some((TestMeans::Command(arguments), limit)) = situation.parameters.test(test) else {
        return (Verdict::NoData, format!("no {} test is named any more", test.as_str()));
    };
    let target = leg.environment.as_ref().map(|environment| situation.target(environment));
    let target = match target {
        Some(Ok(target)) => target,
        Some(Err(failure)) => return (Verdict::Error, words(&failure)),
        None => return (Verdict::Error, format!("{leg} has no place")),
    };
    let line = CommandLine {
        name: (situation.record.id.to_string(), test.as_str().to_owned()),
        arguments: arguments.clone(),
        variables: variables(situation, &target),
        limit: limit.to_std().unwrap_or(Duration::from_mins(10)),
    };
    match outside.ports.commands.run(&line).await {
        Ok(end) if end.code == Some(0) => (Verdict::Pass, ended(&end)),
        Ok(end) => (Verdict::Fail, ended(&end)),
        Err(failure) => (Verdict::Error, words(&failure)),
    }
}

/// What a test is told of the deployment.
pub(super) fn variables(situation: &Situation, target: &Target) -> Vec<(String, String)> {
    let order = situation.order();
    [
        ("QUARTERDECK_DEPLOYMENT", situation.record.id.to_string()),
        ("QUARTERDECK_SERVICE", order.service.to_string()),
        ("QUARTERDECK_VERSION", order.version.clone()),
        ("QUARTERDECK_ENVIRONMENT", target.environment.to_string()),
        ("QUARTERDECK_NAMESPACE", target.namespace.clone()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// How a command ended, with the end of what it printed and no secret in it.
pub(super) fn ended(end: &CommandEnd) -> String {
    let how = match end.code {
        _ if end.is_late => "took too long and was ended".to_owned(),
        Some(0) => "passed".to_owned(),
        Some(code) => format!("exit code {code}"),
        None => "was ended by a signal".to_owned(),
    };
    with_tail(&how, &end.tail)
}

/// How something ended, with the end of what it printed and no secret in it.
pub(super) fn with_tail(how: &str, printed: &str) -> String {
    let safe = without_secrets(printed);
    let lines: Vec<String> =
        safe.lines().map(|line| clean(line).trim().to_owned()).filter(|line| !line.is_empty()).collect();
    let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join(" | ");
    if tail.is_empty() { how.to_owned() } else { format!("{how}: {tail}") }
}

/// How bad it is that a deployment failed.
fn severity(situation: &Situation) -> Severity {
    if !situation.order().production {
        return Severity::Medium;
    }
    match situation.main.services.get(&situation.order().service).map(|service| service.tier) {
        Some(Tier::Critical) => Severity::Critical,
        _ => Severity::High,
    }
}

/// Opens the incident of a deployment that failed, and tells the team.
async fn incident(outside: &Outside, situation: &Situation, report: &Reporter) -> Result<Advanced, Failure> {
    let record = &situation.record;
    let order = situation.order();
    let at = outside.ports.clock.now();
    let severity = severity(situation);
    let why = record.failed.as_ref().map_or("it failed", |failed| failed.detail.as_str());
    let places: Vec<&str> = order.places.iter().map(|place| place.environment.as_str()).collect();
    let title = format!("{} {} is rolled back in {}: {why}", order.service, order.version, places.join(", "));
    let (id, said) = (record.id.clone(), title.clone());
    let draft: Draft =
        Box::new(move |operations| ledger::declare_for(operations, &id, (severity, &said), at));
    let receipt = outside.ports.ledger.append(at, draft).await?;
    if let Happening::IncidentDeclared { incident, .. } = &receipt.happening {
        say(situation, report, &format!("{incident} is open")).await;
        let event = NoticeEvent::IncidentDeclared;
        tell_of(outside, order, event, incident.as_str(), title, Some(severity), &receipt).await;
    }
    Ok(Advanced::Again)
}

async fn quarantine(
    outside: &Outside,
    situation: &Situation,
    report: &Reporter,
) -> Result<Advanced, Failure> {
    let record = &situation.record;
    let order = situation.order().clone();
    let reason = record.failed.as_ref().map_or_else(
        || "it failed".to_owned(),
        |failed| format!("failed at {}: {}", failed.leg, failed.detail),
    );
    say(situation, report, &reason).await;
    let id = record.id.clone();
    let draft: Draft = Box::new(move |operations| {
        let version = (&order.service, order.version.as_str(), order.image.as_deref());
        ledger::quarantine(operations, version, &reason, Some(&id))
    });
    append(outside, draft).await?;
    Ok(Advanced::Again)
}

/// Freezes a service that was rolled back too often.
async fn freeze(outside: &Outside, situation: &Situation) -> Result<(), Failure> {
    let parameters = &situation.parameters;
    let (service, after) = (situation.order().service.clone(), parameters.freeze_after);
    let since = situation.now - parameters.freeze_window;
    let count = statistics::rollbacks_since(&situation.operations, &service, since);
    if after == 0 || count < after || situation.operations.frozen.contains_key(&service) {
        return Ok(());
    }
    let window = crate::domain::units::format_duration(parameters.freeze_window);
    let reason = format!("{count} rollbacks within {window}");
    let draft: Draft = Box::new(move |operations: &Operations| ledger::freeze(operations, &service, &reason));
    match append(outside, draft).await {
        Ok(_) => Ok(()),
        // Somebody froze it meanwhile.
        Err(failure) if failure.kind == FailureKind::Refused => Ok(()),
        Err(failure) => Err(failure),
    }
}
