//! A proposal: written out against the main branch as it stands, then made as a branch, seen on the remote, and
//! recorded.

use super::{Reporter, synced_text};
use crate::{
    domain::{
        catalog::reader,
        ledger::{self, Verdict},
        plan::Outcome,
        proposal::{Transition, TransitionProposal, edited, ground, new_findings},
        rules,
    },
    engine::Outside,
    error::Failure,
    ports::{BranchDraft, Draft, Revision},
};

// The plan's steps, as `action::run::propose` lists them.
const BRANCH: usize = 0;
const VERIFY: usize = 1;
const RECORD: usize = 2;

/// Writes a step of a service's life out, on the newest main branch that can be had. Changes nothing.
pub(in crate::engine) async fn plan(
    outside: &Outside,
    wanted: Transition,
) -> Result<TransitionProposal, Failure> {
    let repository = &outside.ports.repository;
    // Without the remote, what is known of it here counts; the push will tell.
    repository.fetch().await.ok();
    let name = repository.load(&Revision::WorkingTree).await?.settings.main.clone();
    let base = repository.branch(&name).await?.ok_or_else(|| {
        Failure::refused(format!("there is no branch {name}, so there is nothing to propose against"))
            .hint("commit the control repository's files first")
    })?;
    let main = repository.load(&Revision::Named(base.as_str().to_owned())).await?;
    let place = ground(&main, &wanted)?;
    if let Some(head) = repository.branch(&place.branch).await? {
        return Err(Failure::refused(format!(
            "the branch {} is there already, at {}",
            place.branch,
            head.short()
        ))
        .hint("look at it, and merge or delete it before proposing anew"));
    }
    let bytes = repository.read(&base, &place.path).await?;
    let today = outside.ports.clock.now().date_naive();
    let proposal = tokio::task::spawn_blocking(move || {
        let (text, diff) = edited(&main, &wanted, bytes, today)?;
        let files = main.files.iter().map(|file| {
            let text = if file.path == place.path { &text } else { &file.text };
            (file.path.clone(), text.clone().into_bytes())
        });
        let head = reader::read(files);
        let findings =
            new_findings(&rules::check(&main, None, today), rules::check(&head, Some(&main), today));
        let open_duties = head.services.get(&wanted.service).map_or_else(Vec::new, |service| {
            let duties = crate::domain::lifecycle::open_duties(&head, service, wanted.to);
            duties.into_iter().filter(|duty| !duty.done).map(|duty| duty.what).collect()
        });
        Ok::<_, Failure>(TransitionProposal {
            service: wanted.service,
            from: place.from,
            to: wanted.to,
            change: place.change,
            branch: place.branch,
            main: name,
            base,
            path: place.path,
            text: text.into(),
            diff,
            open_duties,
            findings,
        })
    });
    proposal
        .await
        .map_err(|error| Failure::failed("the proposal was not written out to its end").because(&error))?
}

/// Makes the branch, sees it, records it.
pub(super) async fn run(
    outside: &Outside,
    proposal: &TransitionProposal,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let repository = &outside.ports.repository;
    let at = outside.ports.clock.now();
    report.step(BRANCH, "writing").await;
    // Between the plan and the yes the main branch may have gone on: then the diff that was shown is not
    // what would be merged.
    repository.fetch().await.ok();
    let main = repository.branch(&proposal.main).await?;
    if main.as_ref() != Some(&proposal.base) {
        return Err(Failure::conflict(format!(
            "{} has moved on from {} since the plan was shown; nothing was done",
            proposal.main,
            proposal.base.short()
        ))
        .hint("propose it again, and look at the new plan"));
    }
    let draft = BranchDraft {
        branch: proposal.branch.clone(),
        base: proposal.base.clone(),
        path: proposal.path.clone(),
        text: proposal.text.clone(),
        message: proposal.message(),
        at,
    };
    let head = repository.propose(draft).await?;
    report.step(BRANCH, format!("written as {}", head.short())).await;

    report.step(VERIFY, "looking").await;
    let seen = repository.branch(&proposal.branch).await?;
    let text = repository.read(&head, &proposal.path).await?;
    if seen.as_ref() != Some(&head) || text != proposal.text.as_bytes() {
        return Err(Failure::failed(format!(
            "{} is not at {} with the text that was proposed",
            proposal.branch,
            head.short()
        ))
        .hint(format!("look at it with `git log {}`", proposal.branch)));
    }
    report.step(VERIFY, format!("{} is at {}", proposal.branch, head.short())).await;

    report.step(RECORD, "appending").await;
    let (kept, commit) = (proposal.clone(), head.clone());
    let draft: Draft = Box::new(move |_| Ok(ledger::propose(&kept, &commit)));
    let summary = format!("{} proposed at {}", proposal.branch, head.short());
    let outcome = match outside.ports.ledger.append(at, draft).await {
        Ok(receipt) => {
            report.step(RECORD, synced_text(&receipt)).await;
            super::outcome(summary, receipt)
        }
        // The branch is there all the same, and saying otherwise would make somebody propose it twice.
        Err(failure) => Outcome {
            verdict: Verdict::Error,
            summary: format!("{summary}, but the ledger could not record it: {failure}"),
            incident: None,
            commit: Some(head),
            synced: true,
            deliveries: Vec::new(),
        },
    };
    Ok(outcome)
}
