//! Git after a rollback: the change that brought the version is reverted, or the version is pinned to the one that
//! runs; proposed, or made on the main branch at once where the settings allow it.

use super::Situation;
use crate::{
    domain::{
        catalog::{ManagedBy, Target},
        deployment::{RolloutStatus, verb::Verb},
        ledger::{self, Happening, Operations},
        merge::{self, CHANGELOG, CommitDraft, Landing, VERSIONS},
        name::{ChangeId, CommitId, ServiceName},
        proposal::{Edit, edited},
        text::clean,
    },
    engine::{
        Outside,
        work::{Reporter, landing, revert},
    },
    error::{Failure, FailureKind},
    ports::{BranchDraft, BranchMove, Cluster, Draft, Publication},
};
use semver::Version;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long Argo CD may take to look at Git anew.
const LOOKS_ANEW_WITHIN: Duration = Duration::from_secs(10);

/// Makes Git say what runs; tells how.
pub(super) async fn settle(outside: &Outside, situation: &Situation) -> Result<String, Failure> {
    let order = situation.order();
    let from = order.places.iter().find_map(|place| place.from_version.clone());
    let failed = situation.record.failed.as_ref().map_or("it failed", |failed| failed.detail.as_str());
    let (service, version) = (&order.service, order.version.as_str());
    let reason = clean(&format!("{}: {service} {version} was rolled back: {failed}", situation.record.id));
    let mut said =
        settle_version(outside, (service, version, from.as_deref()), order.change.as_ref(), &reason).await?;
    let targets: Vec<Target> =
        order.places.iter().filter_map(|place| situation.target(&place.environment).ok()).collect();
    let is_kept = |target: &Target| matches!(target.managed_by, ManagedBy::ArgoCd | ManagedBy::Flux);
    if is_asked_for(outside, service, version).await? {
        if let Some(target) = targets.iter().find(|target| is_kept(target)) {
            let place = &target.environment;
            said += &format!(
                "; until it is merged automated sync stays suspended, then `quarterdeck service resume {service} --environment {place}`"
            );
        }
    } else if let Some(resumed) = resume(outside, &targets).await {
        said += &format!("; {resumed}");
    }
    Ok(said)
}

/// Makes Git say another version than `version` of a service: by reverting the change that brought it, else by
/// pinning `from`.
pub(in crate::engine::work) async fn settle_version(
    outside: &Outside,
    (service, version, from): (&ServiceName, &str, Option<&str>),
    change: Option<&ChangeId>,
    reason: &str,
) -> Result<String, Failure> {
    // Without the remote, nobody can say what the main branch has; it is tried again later.
    outside.ports.repository.fetch().await?;
    let ground = landing::ground(outside).await?;
    let wanted = ground.main.services.get(service).and_then(|service| service.version.as_ref());
    if wanted.is_none_or(|wanted| wanted.to_string() != version) {
        let said = format!("{} does not say {version} any more", ground.name);
        // Whoever took it back at once may have been cut off before the ledger knew.
        let record = change.and_then(|change| ground.ledger.operations.changes.get(change));
        let merged = record.and_then(merge::standing_merge);
        let Some(plan) = merged.and_then(|merged| merge::unrecorded_revert(&ground.ancestors, merged)) else {
            return Ok(said);
        };
        let recorded = landing::run(outside, &Landing::Record(plan), &Reporter::silent()).await?;
        return Ok(format!("{said}: {}", recorded.summary));
    }
    let settings = &ground.main.settings;
    let direct = settings.direct_revert;
    let tag = settings.tags.replace("<service>", service.as_str()).replace("<version>", version);
    let brought = change.cloned().or_else(|| {
        let operations = &ground.ledger.operations;
        operations.changes.iter().find_map(|(id, record)| {
            let merged = merge::standing_merge(record)?;
            merged.tags.contains(&tag).then(|| id.clone())
        })
    });
    if let Some(change) = brought {
        let branch = settings.changes.replacen('*', &format!("revert-{change}"), 1);
        if !direct && let Some(head) = outside.ports.repository.branch(&branch).await? {
            record_revert(outside, &ground.ledger.operations, &change, (&branch, &head), reason).await?;
            return Ok(format!("the revert of {change} is proposed as {branch} at {}", head.short()));
        }
        match revert::plan(outside, &change, reason, direct).await {
            Ok(landing) => {
                let outcome = match &landing {
                    Landing::Revert(plan) => revert::run(outside, plan, &Reporter::silent()).await?,
                    landing => landing::run(outside, landing, &Reporter::silent()).await?,
                };
                return Ok(outcome.summary);
            }
            Err(failure) if failure.kind == FailureKind::Unreachable => return Err(failure),
            // Later changes built on it, or validation wants it otherwise: then only the version goes back.
            Err(failure) => {
                return pin(outside, service, from, (direct, reason))
                    .await
                    .map(|said| format!("{said}; {change} itself could not be reverted: {failure}"));
            }
        }
    }
    pin(outside, service, from, (direct, reason)).await
}

/// Says another version on the main branch, or proposes to: one commit that edits the service's file, and brings
/// versions and change log up to date.
async fn pin(
    outside: &Outside,
    service: &ServiceName,
    from: Option<&str>,
    (direct, reason): (bool, &str),
) -> Result<String, Failure> {
    let to: Version = from.and_then(|text| text.trim_start_matches('v').parse().ok()).ok_or_else(|| {
        Failure::refused(format!("which version of {service} ran before cannot be written into the catalog"))
            .hint("set it by hand")
    })?;
    let repository = &outside.ports.repository;
    let ground = landing::ground(outside).await?;
    let change = ChangeId::from(format!("rollback-{service}-{to}"));
    let branch = ground.main.settings.changes.replacen('*', change.as_str(), 1);
    let proposed = |head: &CommitId, base: &CommitId| Happening::ChangeProposed {
        change: change.clone(),
        service: service.clone(),
        summary: format!("back to {to}"),
        head: head.clone(),
        base: base.clone(),
    };
    if !direct && let Some(head) = repository.branch(&branch).await? {
        let known = ground.ledger.operations.changes.get(&change);
        if known.is_none_or(|known| known.proposed.is_none()) {
            // Whoever proposed it was cut off before the ledger knew.
            let base = repository.merge_base(head.as_str(), ground.tip.as_str()).await?;
            note(outside, proposed(&head, base.as_ref().unwrap_or(&ground.tip))).await?;
        }
        return Ok(format!("the way back to {to} is proposed as {branch} at {}", head.short()));
    }
    let today = outside.ports.clock.now().date_naive();
    let span = ground.main.services.get(service).map(|service| service.span.file as usize);
    let file = span.and_then(|index| ground.main.files.get(index)).map(|file| file.path.clone());
    let path =
        file.ok_or_else(|| Failure::failed(format!("could not find the file that defines {service}")))?;
    let bytes = repository.read(&ground.tip, &path).await?;
    let (text, _) = edited(&ground.main, service, &[Edit::Version(to.clone())], bytes, today)?;
    let mut books = BTreeMap::new();
    for book in [VERSIONS, CHANGELOG] {
        if let Some(text) = landing::text(outside, &ground.tip, book).await? {
            books.insert(book.to_owned(), text);
        }
    }
    let back = [(service.clone(), to.to_string())];
    let mut edits = vec![(path, Arc::from(text.as_str()))];
    edits.extend(merge::revert_edits(&books, &back, reason, today)?);
    let summary = format!("back to {to}");
    let message = format!("fix({service}): {summary}\n\n{reason}\n\nProposed with quarterdeck.\n");
    if direct {
        let (parent, files_of) = (ground.tip.clone(), ground.tip.clone());
        let draft = CommitDraft { parent, files_of, edits, message };
        let silent = Reporter::silent();
        let commit = landing::write(outside, &ground, &draft, landing::Way::Back, &silent).await?;
        let moved = BranchMove {
            branch: ground.name.clone(),
            from: Some(ground.tip.clone()),
            to: Some(commit.clone()),
        };
        let publication = Publication { branches: vec![moved], ..Publication::default() };
        landing::publish(outside, publication, &silent).await?;
        return Ok(format!("{} says {to} of {service} since {}", ground.name, commit.short()));
    }
    let at = outside.ports.clock.now();
    let draft = BranchDraft { branch: branch.clone(), base: ground.tip.clone(), files: edits, message, at };
    let head = repository.propose(draft).await?;
    note(outside, proposed(&head, &ground.tip)).await?;
    Ok(format!("the way back to {to} is proposed as {branch} at {}", head.short()))
}

/// Appends what is so already.
async fn note(outside: &Outside, happening: Happening) -> Result<(), Failure> {
    let entry: Draft = Box::new(move |_| Ok(happening.clone()));
    outside.ports.ledger.append(outside.ports.clock.now(), entry).await.map(drop)
}

/// Records a revert whose branch is there, where whoever proposed it was cut off before the ledger knew.
async fn record_revert(
    outside: &Outside,
    operations: &Operations,
    change: &ChangeId,
    (branch, head): (&str, &CommitId),
    reason: &str,
) -> Result<(), Failure> {
    let Some(merged) = operations.changes.get(change).and_then(merge::standing_merge) else { return Ok(()) };
    let made = ledger::reverted(operations, change, &merged.commit, head, Some(branch), reason)?;
    note(outside, made).await
}

/// Lets Argo CD and Flux bring what Git says again, in the places of an order, once Git says what runs; tells what
/// stays suspended and why.
pub(in crate::engine::work) async fn resume(outside: &Outside, targets: &[Target]) -> Option<String> {
    let mut said = Vec::new();
    for target in
        targets.iter().filter(|target| matches!(target.managed_by, ManagedBy::ArgoCd | ManagedBy::Flux))
    {
        let place = &target.environment;
        let resumed = async {
            let cluster = outside.cluster(&target.context)?;
            let route = cluster.plan_verb(target, Verb::Resume, None).await?;
            if target.managed_by == ManagedBy::ArgoCd && !is_synced(cluster.as_ref(), target).await? {
                return Ok(false);
            }
            cluster.act(target, &route).await.map(|()| true)
        };
        match resumed.await {
            Ok(true) => said.push(format!("automated sync in {place} is resumed")),
            // The manifests follow the main branch after a while; resumed before, it would bring back what failed.
            Ok(false) => said.push(format!(
                "automated sync in {place} stays suspended, for what Argo CD finds in Git is not what runs: once it is \
                 Synced, `quarterdeck service resume {} --environment {place}`",
                target.service
            )),
            // It was never suspended.
            Err(failure) if failure.kind == FailureKind::Refused => {}
            Err(failure) => said.push(format!("automated sync in {place} is NOT resumed: {failure}")),
        }
    }
    (!said.is_empty()).then(|| said.join("; "))
}

/// Whether Argo CD finds in Git what runs, after it has looked anew; it gets some time for that.
async fn is_synced(cluster: &dyn Cluster, target: &Target) -> Result<bool, Failure> {
    let deadline = Instant::now() + LOOKS_ANEW_WITHIN;
    let look = cluster.plan_verb(target, Verb::Refresh, None).await?;
    cluster.act(target, &look).await?;
    loop {
        let is_over = matches!(cluster.verb_status(target, &look).await?, RolloutStatus::Complete(_));
        if is_over {
            let seen = cluster.plan_verb(target, Verb::Refresh, None).await?;
            return Ok(seen.facts.iter().any(|(label, value)| label == "sync" && value == "Synced"));
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Whether the main branch asks for a version of a service.
pub(in crate::engine::work) async fn is_asked_for(
    outside: &Outside,
    service: &ServiceName,
    version: &str,
) -> Result<bool, Failure> {
    let main = super::main_catalog(outside).await?;
    let wanted = main.services.get(service).and_then(|service| service.version.as_ref());
    Ok(wanted.is_some_and(|wanted| wanted.to_string() == version))
}
