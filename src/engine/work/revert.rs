//! Taking a merged change back: its opposite on the newest main branch, as a proposal, or on the main branch at once
//! where the settings allow it or the main branch is broken.

use super::{Reporter, landing};
use crate::{
    domain::{
        finding::Level,
        ledger::{self, Merged},
        merge::{self as domain, CHANGELOG, CommitDraft, Landing, RevertPlan, VERSIONS},
        name::{ChangeId, CommitId, ServiceName},
        plan::Outcome,
        text::clean,
    },
    engine::{Outside, executor},
    error::Failure,
    ports::{BranchMove, Draft, Publication, Revision, Theirs},
};
use std::collections::BTreeMap;

/// Plans it.
pub(super) async fn plan(
    outside: &Outside,
    id: &ChangeId,
    reason: &str,
    direct: bool,
) -> Result<Landing, Failure> {
    let ground = landing::ground(outside).await?;
    let operations = &ground.ledger.operations;
    if let Some(merged) = domain::unrecorded_merge(&ground.name, &ground.ancestors, id, operations) {
        return Err(Failure::refused(format!(
            "the merge of {id} as {} is not in the ledger",
            merged.commit.short()
        ))
        .hint(format!("record it first with `quarterdeck change merge {id}`")));
    }
    let record = operations.changes.get(id);
    let Some(merged) = record.and_then(domain::standing_merge).cloned() else {
        let failure = match record.and_then(|record| record.merges.last()?.reverted.clone()) {
            Some(commit) => Failure::refused(format!("{id} was taken back already, by {}", commit.short())),
            None => Failure::usage(format!("the ledger has no merge of `{id}`")),
        };
        return Err(failure.hint("see what was merged with `quarterdeck ledger log --kind change.merged`"));
    };
    if let Some(plan) = domain::unrecorded_revert(&ground.ancestors, &merged) {
        return Ok(Landing::Record(plan));
    }
    let settings = &ground.main.settings;
    let errors = executor::check(outside, ground.main.clone(), None).await?;
    let is_broken = errors.iter().any(|finding| finding.level == Level::Error);
    let because = match (direct, is_broken, settings.direct_revert) {
        (false, ..) => None,
        (true, true, _) => Some(format!("{} does not validate", ground.name)),
        (true, _, true) => Some("[changes] direct_revert allows it".to_owned()),
        (true, false, false) => {
            return Err(Failure::refused(format!(
                "{id} may not be taken back at once: {} validates, and the settings do not allow it",
                ground.name
            ))
            .hint("leave out --direct, and have the revert reviewed")
            .hint("or set `direct_revert = true` under [changes] in quarterdeck.toml"));
        }
    };
    let branch = if direct { None } else { Some(branch(outside, &settings.changes, id).await?) };
    let repository = &outside.ports.repository;
    let combined = repository.combine(&ground.tip, &Theirs::Opposite(merged.commit.clone())).await?;
    if combined.is_same {
        return Err(Failure::refused(format!("{} has nothing of {id} any more", ground.name)));
    }
    let edits = settle(outside, &ground, &merged, &combined.conflicts, reason).await?;
    let next = landing::edited(outside, &combined.commit, &edits).await?;
    let findings = ground.new_findings(outside, next, landing::Way::Back).await?;
    if direct {
        landing::refuse_errors(&findings, &ground.name, landing::Way::Back)?;
    }
    let ancestors = repository.ancestors(&merged.commit, 1).await?;
    let subject = ancestors.first().and_then(|ancestor| ancestor.message.lines().next()).unwrap_or_default();
    let message = domain::revert_message(&merged, subject, reason);
    Ok(Landing::Revert(RevertPlan {
        change: id.clone(),
        merged: merged.commit,
        reason: clean(reason).trim().to_owned(),
        main: ground.name.clone(),
        branch,
        because,
        draft: CommitDraft { parent: ground.tip.clone(), files_of: combined.commit, edits, message },
        findings,
    }))
}

/// The branch of the proposal, which must be free.
async fn branch(outside: &Outside, pattern: &str, id: &ChangeId) -> Result<String, Failure> {
    let branch = pattern.replacen('*', &format!("revert-{id}"), 1);
    match outside.ports.repository.branch(&branch).await? {
        None => Ok(branch),
        Some(head) => {
            Err(Failure::refused(format!("the branch {branch} is there already, at {}", head.short()))
                .hint("look at it, and merge or delete it before proposing anew"))
        }
    }
}

/// Bookkeeping files that later changes wrote to as well stay, and say what is true again. Any other conflict is one
/// for people.
async fn settle(
    outside: &Outside,
    ground: &landing::Ground,
    merged: &Merged,
    conflicts: &[String],
    reason: &str,
) -> Result<Vec<(String, std::sync::Arc<str>)>, Failure> {
    let before = outside.ports.repository.load(&Revision::Named(merged.onto.to_string())).await?;
    let own: Vec<String> =
        merged.services.iter().filter_map(|service| domain::changelog_of(&ground.main, service)).collect();
    let is_book = |path: &str| path == VERSIONS || path == CHANGELOG || own.iter().any(|known| known == path);
    let clashes: Vec<&str> = conflicts.iter().map(String::as_str).filter(|path| !is_book(path)).collect();
    if !clashes.is_empty() {
        return Err(Failure::conflict(format!(
            "{} cannot be taken back by itself: later changes wrote to the same lines of {}",
            merged.change,
            clashes.join(", ")
        ))
        .hint("take the later changes back first, or propose the repair by hand"));
    }
    let mut texts = BTreeMap::new();
    for path in conflicts {
        if let Some(text) = landing::text(outside, &ground.tip, path).await? {
            texts.insert(path.clone(), text);
        }
    }
    let version = |service: &ServiceName| {
        let version = before.services.get(service)?.version.as_ref()?;
        Some((service.clone(), version.to_string()))
    };
    let back: Vec<(ServiceName, String)> = merged.services.iter().filter_map(version).collect();
    let said = format!("{} was taken back: {}", merged.change, reason);
    domain::revert_edits(&texts, &back, &said, outside.ports.clock.now().date_naive())
}

/// Makes the commit, brings it where it belongs, and records it.
pub(super) async fn run(outside: &Outside, plan: &RevertPlan, report: &Reporter) -> Result<Outcome, Failure> {
    let ground = landing::ground(outside).await?;
    landing::unmoved(&ground, &plan.draft)?;
    let (commit, target, from) = match &plan.branch {
        None => {
            let commit = landing::write(outside, &ground, &plan.draft, landing::Way::Back, report).await?;
            (commit, plan.main.clone(), Some(ground.tip.clone()))
        }
        Some(branch) => {
            report.step(landing::COMMIT, "writing").await;
            let commit = outside.ports.repository.commit(&plan.draft, outside.ports.clock.now()).await?;
            report.step(landing::COMMIT, format!("written as {}", commit.short())).await;
            report.step(landing::VALIDATE, "as the plan says").await;
            (commit, branch.clone(), None)
        }
    };
    let publication = Publication {
        branches: vec![BranchMove { branch: target.clone(), from, to: Some(commit.clone()) }],
        ..Publication::default()
    };
    landing::publish(outside, publication, report).await?;
    let summary = match &plan.branch {
        Some(branch) => {
            format!("the revert of {} is proposed as {branch} at {}", plan.change, commit.short())
        }
        None => format!("{} is taken back on {target} by {}", plan.change, commit.short()),
    };
    let (kept, made): (RevertPlan, CommitId) = (plan.clone(), commit.clone());
    let draft: Draft = Box::new(move |operations| {
        let RevertPlan { change, merged, branch, reason, .. } = &kept;
        ledger::reverted(operations, change, merged, &made, branch.as_deref(), reason)
    });
    Ok(landing::note(outside, draft, (summary, &commit), report).await)
}
