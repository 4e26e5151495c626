//! A main branch that does not validate is brought back to the newest of its commits that does: one commit on top,
//! so that nothing is rewritten. The team is told, an incident is opened, and how long it took is kept.

use super::{Reporter, landing, tell};
use crate::{
    domain::{
        escalation::Severity,
        finding::Finding,
        ledger::{self, Happening, Restored},
        merge::{self as domain, Ancestor, CommitDraft, Landing, RecordPlan, RestorePlan},
        name::CommitId,
        notice::NoticeEvent,
        plan::Outcome,
        proposal::new_findings,
        units::format_duration,
    },
    engine::{Outside, executor},
    error::Failure,
    ports::{BranchMove, Draft, Publication, Revision},
};
use chrono::{DateTime, Utc};
use std::time::Duration;
use tokio::time::Instant;

/// How many commits are looked at for one that validates.
const FURTHEST: usize = 200;
/// How long that may take; what was found until then counts.
const LOOK_LIMIT: Duration = Duration::from_secs(15);

/// Plans it.
pub(super) async fn plan(outside: &Outside, detected_at: Option<DateTime<Utc>>) -> Result<Landing, Failure> {
    let ground = landing::ground(outside).await?;
    let operations = &ground.ledger.operations;
    let broken = broken(executor::check(outside, ground.main.clone(), None).await?);
    if broken.is_empty() {
        let missing = domain::unrecorded_restoration(&ground.name, &ground.ancestors, operations);
        return match missing {
            Some(restored) => Ok(Landing::Record(RecordPlan::Restored(restored))),
            None => Err(Failure::refused(format!(
                "{} validates at {}; there is nothing to restore",
                ground.name,
                ground.tip.short()
            ))
            .hint("take a change back that is wrong but valid with `quarterdeck change revert ID`")),
        };
    }
    let detected_at = detected_at.unwrap_or_else(|| outside.ports.clock.now());
    let (good, undone, left) =
        newest_good(outside, &ground.ancestors, broken.len()).await?.ok_or_else(|| {
            Failure::refused(format!(
                "none of the last {} commits of {} has fewer errors than it has now",
                ground.ancestors.len().min(FURTHEST),
                ground.name
            ))
            .hint("see what is wrong with `quarterdeck check --rev` and propose a repair")
        })?;
    // What was wrong before stays wrong, and is not what it is restored for.
    let errors = new_findings(&left, broken);
    let message = domain::restore_message(&good, &errors, detected_at);
    Ok(Landing::Restore(RestorePlan {
        main: ground.name,
        draft: CommitDraft { parent: ground.tip, files_of: good.clone(), edits: Vec::new(), message },
        good,
        undone,
        errors,
        detected_at,
    }))
}

fn broken(found: Vec<Finding>) -> Vec<Finding> {
    let mut found = found;
    found.retain(|finding| finding.level == crate::domain::finding::Level::Error);
    found
}

/// The newest commit without an error; where there is none, the newest of those with the fewest, if that is fewer
/// than `now`. Beside it how many commits came after it, and the errors that it has.
async fn newest_good(
    outside: &Outside,
    ancestors: &[Ancestor],
    now: usize,
) -> Result<Option<(CommitId, usize, Vec<Finding>)>, Failure> {
    let deadline = Instant::now() + LOOK_LIMIT;
    let mut best: Option<(CommitId, usize, Vec<Finding>)> = None;
    for (undone, ancestor) in ancestors.iter().enumerate().skip(1).take(FURTHEST) {
        if Instant::now() >= deadline {
            break;
        }
        let catalog = outside.ports.repository.load(&Revision::Named(ancestor.commit.to_string())).await?;
        let errors = broken(executor::check(outside, catalog, None).await?);
        if errors.len() < best.as_ref().map_or(now, |(_, _, least)| least.len()) {
            let is_clean = errors.is_empty();
            best = Some((ancestor.commit.clone(), undone, errors));
            if is_clean {
                break;
            }
        }
    }
    Ok(best)
}

/// Restores it.
pub(super) async fn run(
    outside: &Outside,
    plan: &RestorePlan,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let ground = landing::ground(outside).await?;
    landing::unmoved(&ground, &plan.draft)?;
    let commit = landing::write(outside, &ground, &plan.draft, landing::Way::Back, report).await?;
    let publication = Publication {
        branches: vec![BranchMove {
            branch: plan.main.clone(),
            from: Some(plan.draft.parent.clone()),
            to: Some(commit.clone()),
        }],
        ..Publication::default()
    };
    landing::publish(outside, publication, report).await?;
    let restored = Restored {
        branch: plan.main.clone(),
        from: plan.draft.parent.clone(),
        to: plan.good.clone(),
        commit,
        reason: domain::reason(&plan.errors),
        detected_at: plan.detected_at,
        incident: None,
    };
    Ok(tell(outside, restored, report, landing::RECORD).await)
}

/// Opens the incident, records the restoration, and tells the channels. It comes after the deed and takes nothing back.
pub(super) async fn tell(
    outside: &Outside,
    mut restored: Restored,
    report: &Reporter,
    step: usize,
) -> Outcome {
    let now = outside.ports.clock.now();
    let took = (now - restored.detected_at).max(chrono::Duration::zero());
    report.step(step, "opening an incident").await;
    let title =
        crate::domain::text::fit(&format!("{} was broken: {}", restored.branch, restored.reason), 160);
    let declared = title.clone();
    let draft: Draft = Box::new(move |operations| {
        // An incident that a run which was cut off has opened for it is taken again.
        let open = operations.open_incidents().any(|incident| incident.title == declared);
        if open {
            return Err(Failure::refused("it is open already"));
        }
        ledger::declare(operations, Severity::High, &declared, None)
    });
    let ledger = &outside.ports.ledger;
    let incident = match ledger.append(now, draft).await {
        Ok(receipt) => landing::incident_of(&receipt),
        Err(_) => ledger.state().await.ok().and_then(|state| {
            let mut open = state.operations.open_incidents();
            open.find(|incident| incident.title == title).map(|incident| incident.id.clone())
        }),
    };
    restored.incident.clone_from(&incident);
    let summary = format!(
        "{} is back at the files of {}, as {}, {} after it was noticed{}",
        restored.branch,
        restored.to.short(),
        restored.commit.short(),
        format_duration(took),
        incident.as_ref().map_or_else(String::new, |incident| format!("; {incident} is open for it"))
    );
    let (kept, commit) = (restored.clone(), restored.commit.clone());
    let draft: Draft = Box::new(move |operations| ledger::restored(operations, &kept));
    report.step(step, "appending").await;
    let outcome = match ledger.append(outside.ports.clock.now(), draft).await {
        Ok(receipt) => {
            report.step(step, super::synced_text(&receipt)).await;
            debug_assert!(matches!(receipt.happening, Happening::MainRestored(_)));
            super::outcome(summary, receipt)
        }
        Err(failure) => Outcome {
            verdict: ledger::Verdict::Error,
            summary: format!("{summary}; the ledger could not record it: {failure}; run the same again"),
            incident: None,
            commit: Some(commit),
            synced: true,
            deliveries: Vec::new(),
        },
    };
    let outcome = Outcome { incident: incident.clone(), ..outcome };
    let subject = |event, about: String, title: String| tell::Subject {
        event: Some(event),
        about,
        title,
        severity: Some(Severity::High),
        since: Some(restored.detected_at),
        ..tell::Subject::default()
    };
    let about = incident.map_or_else(|| restored.branch.clone(), |incident| incident.to_string());
    let heard = subject(NoticeEvent::IncidentDeclared, about, title);
    let mut outcome = tell::after(outside, heard, outcome, report).await;
    let before = std::mem::take(&mut outcome.deliveries);
    let heard = subject(NoticeEvent::MainRestored, restored.branch.clone(), restored.reason.clone());
    let mut outcome = tell::after(outside, heard, outcome, report).await;
    outcome.deliveries.splice(0..0, before);
    outcome
}
