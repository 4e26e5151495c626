//! What lands on the main branch: planning it, running it, and what merging, reverting and restoring share.

use super::{Reporter, merge, restore, revert, synced_text};
use crate::{
    domain::{
        catalog::{Catalog, reader},
        change::Change,
        finding::Finding,
        ledger::{self, Happening, Verdict},
        merge::{Ancestor, CommitDraft, Landing, LandingRequest, RecordPlan, errors, is_about_reading},
        name::{ChangeId, CommitId, IncidentId},
        plan::Outcome,
        proposal::new_findings,
        text::nearest,
    },
    engine::{Outside, changes, executor},
    error::{Failure, FailureKind},
    ports::{BranchMove, Draft, LedgerState, Publication, Receipt, Revision},
};
use std::{collections::BTreeMap, sync::Arc};

// The plan's steps, as `action::run::merge` lists them.
pub(super) const COMMIT: usize = 0;
pub(super) const VALIDATE: usize = 1;
pub(super) const PUBLISH: usize = 2;
pub(super) const RECORD: usize = 3;

/// How many commits of the main branch are looked at for one whose event is missing.
const LOOKED_AT: usize = 500;

/// Plans it on the newest main branch that can be had. Nothing that anybody sees is changed.
pub(in crate::engine) async fn plan(outside: &Outside, request: LandingRequest) -> Result<Landing, Failure> {
    match request {
        LandingRequest::Merge(change) => merge::plan(outside, &change).await,
        LandingRequest::Revert { change, reason, direct } => {
            revert::plan(outside, &change, &reason, direct).await
        }
        LandingRequest::Restore { detected_at } => restore::plan(outside, detected_at).await,
    }
}

/// Runs what was confirmed.
pub(super) async fn run(outside: &Outside, landing: &Landing, report: &Reporter) -> Result<Outcome, Failure> {
    match landing {
        Landing::Merge(plan) => merge::run(outside, plan, report).await,
        Landing::Revert(plan) => revert::run(outside, plan, report).await,
        Landing::Restore(plan) => restore::run(outside, plan, report).await,
        Landing::Record(plan) => record(outside, plan, report).await,
    }
}

/// Which way a commit leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To something new.
    On,
    /// To something new, past what keeps others away: two people broke the glass.
    PastGates,
    /// To what was there before.
    Back,
}

/// The main branch and the ledger, as new as they can be had.
pub(super) struct Ground {
    /// The main branch's name.
    pub name: String,
    /// Where it stands.
    pub tip: CommitId,
    /// Its catalog.
    pub main: Arc<Catalog>,
    /// The ledger.
    pub ledger: LedgerState,
    /// The newest of its commits.
    pub ancestors: Vec<Ancestor>,
}

/// Looks at the main branch and the ledger.
pub(super) async fn ground(outside: &Outside) -> Result<Ground, Failure> {
    let repository = &outside.ports.repository;
    // Which remote counts is said by the working tree; without that remote what is known of it counts, and the
    // push will tell.
    let name = outside.main_branch().await?;
    repository.fetch().await.ok();
    let tip = repository.branch(&name).await?.ok_or_else(|| {
        Failure::refused(format!("there is no branch {name}"))
            .hint("commit the control repository's files first")
    })?;
    let (main, ledger, ancestors) = futures::try_join!(
        repository.load(&Revision::Named(tip.to_string())),
        outside.ports.ledger.state(),
        repository.ancestors(&tip, LOOKED_AT),
    )?;
    Ok(Ground { name, tip, main, ledger, ancestors })
}

impl Ground {
    /// An open change as it is now, with its gates as the ledger has them.
    pub async fn change(&self, outside: &Outside, id: &ChangeId) -> Result<Change, Failure> {
        let proposals = changes::proposals(outside, &self.main, id).await?;
        let Some(proposal) = proposals.iter().find(|proposal| proposal.id == *id) else {
            let failure = Failure::usage(format!("there is no open change `{id}`"));
            let known = proposals.iter().map(|proposal| proposal.id.as_str());
            return Err(match nearest(id.as_str(), known) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`quarterdeck change list` shows the open ones"),
            });
        };
        let mut change = changes::load(outside, proposal.clone(), &self.main).await?;
        change.judge(&self.main.people, &self.ledger.operations);
        Ok(change)
    }

    /// What validation finds in a catalog that would become the main branch, and not in the main branch. The way
    /// back is judged by where it leads alone: rules about single steps are for the way on.
    pub async fn new_findings(
        &self,
        outside: &Outside,
        next: Arc<Catalog>,
        way: Way,
    ) -> Result<Vec<Finding>, Failure> {
        let before = executor::check(outside, self.main.clone(), None).await?;
        let base = (way != Way::Back).then(|| self.main.clone());
        let after = executor::check(outside, next, base).await?;
        Ok(new_findings(&before, after))
    }
}

/// The catalog of a commit with files that are edited.
pub(super) async fn edited(
    outside: &Outside,
    commit: &CommitId,
    edits: &[(String, Arc<str>)],
) -> Result<Arc<Catalog>, Failure> {
    let catalog = outside.ports.repository.load(&Revision::Named(commit.to_string())).await?;
    if edits.is_empty() {
        return Ok(catalog);
    }
    let mut files: BTreeMap<String, Vec<u8>> =
        catalog.files.iter().map(|file| (file.path.clone(), file.text.clone().into_bytes())).collect();
    files.extend(edits.iter().map(|(path, text)| (path.clone(), text.as_bytes().to_vec())));
    tokio::task::spawn_blocking(move || Arc::new(reader::read(files)))
        .await
        .map_err(|error| Failure::failed("the result could not be read to its end").because(&error))
}

/// The text of a file at a commit; `None` where it is not there.
pub(super) async fn text(
    outside: &Outside,
    commit: &CommitId,
    path: &str,
) -> Result<Option<String>, Failure> {
    match outside.ports.repository.read(commit, path).await {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|error| {
            Failure::refused(format!("{path} is not UTF-8, so nothing can be added to it"))
                .because(&error)
                .hint("save it as UTF-8 first")
        }),
        Err(failure) if failure.kind == FailureKind::Refused => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Refuses when the main branch is no longer where it was when the plan was shown.
pub(super) fn unmoved(ground: &Ground, draft: &CommitDraft) -> Result<(), Failure> {
    if ground.tip == draft.parent {
        return Ok(());
    }
    Err(Failure::conflict(format!(
        "{} has moved on from {} to {} since the plan was shown; nothing was done",
        ground.name,
        draft.parent.short(),
        ground.tip.short()
    ))
    .hint("plan it again, and look at what is new"))
}

/// Writes the commit, and validates it as it is before anybody sees it.
pub(super) async fn write(
    outside: &Outside,
    ground: &Ground,
    draft: &CommitDraft,
    way: Way,
    report: &Reporter,
) -> Result<CommitId, Failure> {
    let repository = &outside.ports.repository;
    report.step(COMMIT, "writing").await;
    let commit = repository.commit(draft, outside.ports.clock.now()).await?;
    report.step(COMMIT, format!("written as {}", commit.short())).await;
    report.step(VALIDATE, "validating").await;
    let next = repository.load(&Revision::Named(commit.to_string())).await?;
    let found = ground.new_findings(outside, next, way).await?;
    refuse_errors(&found, &ground.name, way)?;
    report.step(VALIDATE, "no new errors").await;
    Ok(commit)
}

/// Refuses what brings errors to the main branch, and says which.
pub(super) fn refuse_errors(found: &[Finding], main: &str, way: Way) -> Result<(), Failure> {
    let counts = |finding: &&Finding| way != Way::PastGates || is_about_reading(finding.code);
    let mut errors = errors(found).filter(counts).peekable();
    if errors.peek().is_none() {
        return Ok(());
    }
    let failure = Failure::refused(format!("{main} would not validate with it; nothing was done"));
    let failure = errors
        .take(8)
        .map(crate::domain::merge::of_finding)
        .fold(failure, |failure, one| failure.cause(one.text));
    Err(failure.hint("mend it in the change, or rebase the change onto what is new"))
}

/// Brings a commit to a branch, and looks that it is there.
pub(super) async fn publish(
    outside: &Outside,
    publication: Publication,
    report: &Reporter,
) -> Result<(), Failure> {
    let Some(BranchMove { branch, to: Some(to), .. }) = publication.branches.first().cloned() else {
        return Ok(());
    };
    report.step(PUBLISH, "pushing").await;
    let repository = &outside.ports.repository;
    repository.publish(&publication).await?;
    let seen = repository.branch(&branch).await?;
    if seen.as_ref() != Some(&to) {
        return Err(Failure::failed(format!("{branch} is not at {} after the push", to.short()))
            .hint(format!("look at it with `git log {branch}`")));
    }
    report.step(PUBLISH, format!("{branch} is at {}", to.short())).await;
    Ok(())
}

/// Appends the event of what landed. Saying that it failed would make somebody do it twice, so that is in the outcome.
pub(super) async fn note(
    outside: &Outside,
    draft: Draft,
    (summary, commit): (String, &CommitId),
    report: &Reporter,
) -> Outcome {
    report.step(RECORD, "appending").await;
    match outside.ports.ledger.append(outside.ports.clock.now(), draft).await {
        Ok(receipt) => {
            report.step(RECORD, synced_text(&receipt)).await;
            super::outcome(summary, receipt)
        }
        Err(failure) => Outcome {
            verdict: Verdict::Error,
            summary: format!("{summary}, but the ledger could not record it: {failure}; run the same again"),
            incident: None,
            commit: Some(commit.clone()),
            synced: true,
            deliveries: Vec::new(),
        },
    }
}

/// Writes only the event that a run which was cut off did not come to.
async fn record(outside: &Outside, plan: &RecordPlan, report: &Reporter) -> Result<Outcome, Failure> {
    if let RecordPlan::Restored(restored) = plan {
        return Ok(restore::tell(outside, restored.clone(), report, 0).await);
    }
    report.step(0, "appending").await;
    let kept = plan.clone();
    let draft: Draft = Box::new(move |operations| match &kept {
        RecordPlan::Merged(merged) => ledger::merged(operations, merged),
        RecordPlan::Reverted { change, merged, commit, reason } => {
            ledger::reverted(operations, change, merged, commit, None, reason)
        }
        RecordPlan::Restored(restored) => ledger::restored(operations, restored),
    });
    let receipt = outside.ports.ledger.append(outside.ports.clock.now(), draft).await?;
    report.step(0, synced_text(&receipt)).await;
    let what = match plan {
        RecordPlan::Merged(merged) => format!("the merge of {}", merged.change),
        RecordPlan::Reverted { change, .. } => format!("the revert of {change}"),
        RecordPlan::Restored(restored) => format!("the restoration of {}", restored.branch),
    };
    Ok(super::outcome(format!("recorded {what} as {}, which was cut off", plan.commit().short()), receipt))
}

/// The incident that an event declared.
pub(super) fn incident_of(receipt: &Receipt) -> Option<IncidentId> {
    match &receipt.happening {
        Happening::IncidentDeclared { incident, .. } => Some(incident.clone()),
        _ => None,
    }
}
