//! A proposal: written out against the main branch as it stands, then made as a branch, seen on the remote, and
//! recorded.

use super::{Reporter, synced_text};
use crate::{
    domain::{
        ledger::{self, Verdict},
        plan::Outcome,
        proposal::{Ground, Material, ServiceProposal, Wanted, ground, write},
    },
    engine::Outside,
    error::Failure,
    ports::{BranchDraft, ControlRepository, Draft, Revision},
};

// The plan's steps, as `action::run::propose` lists them.
const BRANCH: usize = 0;
const VERIFY: usize = 1;
const RECORD: usize = 2;
const REQUEST: usize = 3;

/// How many changes of the same kind one service may have open.
const MOST_OF_A_KIND: usize = 50;

/// Writes edits of a service out, on the newest main branch that can be had. Changes nothing.
pub(in crate::engine) async fn plan(outside: &Outside, wanted: Wanted) -> Result<ServiceProposal, Failure> {
    let repository = &outside.ports.repository;
    // Without the remote, what is known of it here counts; the push will tell.
    repository.fetch().await.ok();
    let name = repository.load(&Revision::WorkingTree).await?.settings.main.clone();
    let base = repository.branch(&name).await?.ok_or_else(|| {
        Failure::refused(format!("there is no branch {name}, so there is nothing to propose against"))
            .hint("commit the control repository's files first")
    })?;
    let main = repository.load(&Revision::Named(base.as_str().to_owned())).await?;
    let ground = ground(&main, &wanted)?;
    let number = free(&**repository, &ground).await?;
    let file = repository.read(&base, &ground.path).await?;
    let mut change_log = None;
    for path in &ground.change_logs {
        // One that is not there is none that should have a line.
        if let Ok(bytes) = repository.read(&base, path).await {
            change_log = Some((path.clone(), bytes));
            break;
        }
    }
    let now = outside.ports.clock.now();
    let material = Material { base, ground, number, file, change_log, now };
    tokio::task::spawn_blocking(move || write(&main, wanted, material))
        .await
        .map_err(|error| Failure::failed("the proposal was not written out to its end").because(&error))?
}

/// The number of the change among those of its kind.
async fn free(repository: &dyn ControlRepository, ground: &Ground) -> Result<usize, Failure> {
    let most = if ground.may_repeat { MOST_OF_A_KIND } else { 1 };
    let mut taken = None;
    for number in 1..=most {
        let (_, branch) = ground.branch(number);
        match repository.branch(&branch).await? {
            None => return Ok(number),
            Some(head) => taken = Some((branch, head)),
        }
    }
    let (branch, head) = taken.unwrap_or_else(|| (String::new(), "".into()));
    Err(Failure::refused(format!("the branch {branch} is there already, at {}", head.short()))
        .hint("look at it, and merge or delete it before proposing anew"))
}

/// Makes the branch, sees it, records it.
pub(super) async fn run(
    outside: &Outside,
    proposal: &ServiceProposal,
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
        files: proposal.files.iter().map(|file| (file.path.clone(), file.text.clone())).collect(),
        message: proposal.message(),
        at,
    };
    let head = repository.propose(draft).await?;
    report.step(BRANCH, format!("written as {}", head.short())).await;

    report.step(VERIFY, "looking").await;
    let seen = repository.branch(&proposal.branch).await?;
    let mut same = seen.as_ref() == Some(&head);
    for file in &proposal.files {
        same &= repository.read(&head, &file.path).await? == file.text.as_bytes();
    }
    if !same {
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
    Ok(request(outside, proposal, outcome, report).await)
}

/// Opens the request on the forge, where one is set. The branch stands without it, and it can be opened later.
async fn request(
    outside: &Outside,
    proposal: &ServiceProposal,
    mut outcome: Outcome,
    report: &Reporter,
) -> Outcome {
    let Some(forge) = &proposal.forge else { return outcome };
    report.step(REQUEST, "opening").await;
    let words = match outside.ports.forge.open_request(forge, &proposal.request()).await {
        Ok(number) => {
            report.step(REQUEST, format!("#{number}")).await;
            format!("request #{number} is open")
        }
        Err(failure) => {
            report.step(REQUEST, "not opened").await;
            format!(
                "its request could not be opened: {failure}; open it later with `quarterdeck change request {}`",
                proposal.change
            )
        }
    };
    outcome.summary += &format!("; {words}");
    outcome
}
