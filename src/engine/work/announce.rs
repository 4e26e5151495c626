//! Telling the projects that a change breaks: one issue in the repository of each, kept up to date.

use super::{Reporter, tell};
use crate::{
    domain::{
        catalog::Catalog,
        forge::{self, Announcement},
        impact::Impact,
        ledger::Verdict,
        name::ChangeId,
        notice::{Delivery, told},
        plan::Outcome,
    },
    engine::{Outside, changes},
    error::Failure,
    ports::Revision,
};
use std::sync::Arc;

/// What the ledger calls it that projects were told.
const EVENT: &str = "change.announced";

/// Finds out whom a change breaks, and what each is to be told. Changes nothing.
pub(in crate::engine) async fn plan(outside: &Outside, id: ChangeId) -> Result<Announcement, Failure> {
    let repository = &outside.ports.repository;
    let name = repository.load(&Revision::WorkingTree).await?.settings.main.clone();
    let main = repository.load(&Revision::Branch(name)).await?;
    let settings = main.settings.forge.clone().ok_or_else(|| {
        Failure::refused("there is no forge on which projects could be told")
            .hint("add [forge] to quarterdeck.toml on the main branch")
    })?;
    let proposals = changes::proposals(outside, &main, &id).await?;
    let proposal = proposals.into_iter().find(|proposal| proposal.id == id).ok_or_else(|| {
        Failure::conflict(format!("{id} is gone: merged or deleted"))
            .hint("`quarterdeck change list` shows the open ones")
    })?;
    let mut change = changes::load(outside, proposal, &main).await?;
    // Its page is a better link than that of its commit; without an answer the commit's does.
    if let Ok(requests) = outside.ports.forge.requests(&settings).await {
        let proposal = &change.proposal;
        let known = forge::of_change(&requests, &proposal.branch, &proposal.head, &main.settings.main);
        change.request = known.cloned().map(Arc::new);
    }
    let (head, base) = (change.proposal.head.to_string(), change.proposal.base.to_string());
    let head = repository.load(&Revision::Named(head)).await?;
    let base = repository.load(&Revision::Named(base)).await?;
    let told = tokio::task::spawn_blocking(move || announcement(&main, &settings, &change, &base, &head));
    let told = told
        .await
        .map_err(|error| Failure::failed("whom it breaks was not found out to the end").because(&error))?;
    if told.issues.is_empty() {
        let failure = Failure::refused(format!("there is no project to tell about {id}"));
        return Err(if told.silent.is_empty() {
            failure.hint("it breaks no service of a project; `quarterdeck change impact` shows what it does")
        } else {
            let names: Vec<String> = told.silent.iter().map(ToString::to_string).collect();
            failure
                .cause(format!("no repository is known for {}", names.join(", ")))
                .hint("name it under [forge.projects] in quarterdeck.toml")
        });
    }
    Ok(told)
}

fn announcement(
    main: &Catalog,
    settings: &forge::ForgeSettings,
    change: &crate::domain::change::Change,
    base: &Catalog,
    head: &Catalog,
) -> Announcement {
    forge::announcement(settings, change, &Impact::change(base, head), &main.settings.name)
}

/// Opens or updates every issue once; who could not be told is named, and the others are told all the same.
pub(super) async fn run(
    outside: &Outside,
    announcement: &Announcement,
    report: &Reporter,
) -> Result<Outcome, Failure> {
    let mut deliveries = Vec::new();
    let mut numbers = Vec::new();
    for (index, told) in announcement.issues.iter().enumerate() {
        report.step(index, "writing").await;
        let result = outside.ports.forge.put_issue(&announcement.forge, &told.issue).await;
        let repository = &told.issue.repository;
        let words = match &result {
            Ok(number) => {
                numbers.push(format!("{repository}#{number}"));
                format!("#{number}")
            }
            Err(failure) => failure.to_string(),
        };
        report.step(index, words).await;
        deliveries.push(Delivery {
            channel: format!("forge:{repository}"),
            failed: result.err().map(|failure| failure.to_string()),
            attempts: 1,
            at: outside.ports.clock.now(),
        });
    }
    let all = deliveries.iter().all(Delivery::is_sent);
    let words = told(&deliveries).unwrap_or_default();
    let issues = if numbers.is_empty() { String::new() } else { format!(" ({})", numbers.join(", ")) };
    let outcome = Outcome {
        verdict: if all { Verdict::Pass } else { Verdict::Fail },
        summary: format!("{}: {words}{issues}", announcement.change),
        incident: None,
        commit: None,
        synced: true,
        deliveries,
    };
    Ok(tell::record(outside, announcement.change.as_str(), EVENT, outcome).await)
}
