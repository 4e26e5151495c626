//! Git after a rollback: the change that brought the version is reverted, or the version is pinned to the one that
//! runs; proposed, or made on the main branch at once where the settings allow it.

use super::Situation;
use crate::{
    domain::{
        merge::{self, CommitDraft, Landing},
        name::{ChangeId, ServiceName},
        proposal::{Edit, Wanted},
    },
    engine::{
        Outside,
        work::{Reporter, landing, propose, revert},
    },
    error::{Failure, FailureKind},
    ports::{BranchMove, Publication},
};

/// Makes Git say what runs; tells how.
pub(super) async fn settle(
    outside: &Outside,
    situation: &Situation,
    _report: &Reporter,
) -> Result<String, Failure> {
    let order = situation.order();
    let from = order.places.iter().find_map(|place| place.from_version.clone());
    let failed = situation.record.failed.as_ref().map_or("it failed", |failed| failed.detail.as_str());
    let reason =
        format!("{}: {} {} was rolled back: {failed}", situation.record.id, order.service, order.version);
    settle_version(outside, (&order.service, &order.version, from.as_deref()), order.change.as_ref(), &reason)
        .await
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
        return Ok(format!("{} does not say {version} any more", ground.name));
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
                return pin(outside, service, from, direct)
                    .await
                    .map(|said| format!("{said}; {change} itself could not be reverted: {failure}"));
            }
        }
    }
    pin(outside, service, from, direct).await
}

/// Says another version on the main branch, or proposes to.
async fn pin(
    outside: &Outside,
    service: &ServiceName,
    from: Option<&str>,
    direct: bool,
) -> Result<String, Failure> {
    let version = from.and_then(|text| text.trim_start_matches('v').parse().ok()).ok_or_else(|| {
        Failure::refused(format!("which version of {service} ran before cannot be written into the catalog"))
            .hint("set it by hand")
    })?;
    let wanted = Wanted { service: service.clone(), edits: vec![Edit::Version(version)], note: None };
    let proposal = match propose::plan(outside, wanted).await {
        Ok(proposal) => proposal,
        Err(failure) if failure.message.contains("is there already") => return Ok(failure.message),
        Err(failure) => return Err(failure),
    };
    if !direct {
        let outcome = propose::run(outside, &proposal, &Reporter::silent()).await?;
        return Ok(outcome.summary);
    }
    let ground = landing::ground(outside).await?;
    let draft = CommitDraft {
        parent: ground.tip.clone(),
        files_of: ground.tip.clone(),
        edits: proposal.files.iter().map(|file| (file.path.clone(), file.text.clone())).collect(),
        message: proposal.message(),
    };
    landing::unmoved(&ground, &draft)?;
    let commit = landing::write(outside, &ground, &draft, landing::Way::Back, &Reporter::silent()).await?;
    let publication = Publication {
        branches: vec![BranchMove {
            branch: ground.name.clone(),
            from: Some(ground.tip.clone()),
            to: Some(commit.clone()),
        }],
        ..Publication::default()
    };
    landing::publish(outside, publication, &Reporter::silent()).await?;
    Ok(format!("{} says {} of {service} since {}", ground.name, from.unwrap_or_default(), commit.short()))
}
