//! Merging a change: judged again on the newest main branch, written as one signed commit with its books, pushed with
//! its tags at once or not at all, and recorded. A run that is cut off has done nothing, or is finished by the next.

use super::{
    Reporter,
    landing::{self, Ground, PUBLISH, RECORD, VALIDATE, Way},
};
use crate::{
    domain::{
        break_glass,
        calendar::{self, Standing},
        catalog::Catalog,
        change::{Change, ChangeClass},
        forge::{self, ForgeSettings, MergeDraft},
        ledger::{self, Merged},
        merge::{self as domain, Book, CommitDraft, Facts, Landing, MergePlan, RecordPlan, Release},
        name::{ChangeId, CommitId, ServiceName},
        plan::Outcome,
    },
    engine::Outside,
    error::{Failure, FailureKind},
    ports::{BranchMove, Combined, Draft, Publication, Revision, Theirs},
};
use std::collections::{BTreeMap, BTreeSet};

/// Plans the merge of a change, or of what a cut-off one left to do.
pub(super) async fn plan(outside: &Outside, id: &ChangeId) -> Result<Landing, Failure> {
    let ground = landing::ground(outside).await?;
    let operations = &ground.ledger.operations;
    if let Some(merged) = domain::unrecorded_merge(&ground.name, &ground.ancestors, id, operations) {
        return Ok(Landing::Record(RecordPlan::Merged(merged)));
    }
    let change = match ground.change(outside, id).await {
        Ok(change) if operations.is_merged(id, &change.proposal.head) => return Err(already(id, &ground)),
        Err(failure)
            if failure.kind == FailureKind::Usage
                && operations
                    .changes
                    .get(id)
                    .is_some_and(|record| domain::standing_merge(record).is_some()) =>
        {
            return Err(already(id, &ground));
        }
        other => other?,
    };
    written(outside, &ground, &change).await.map(Landing::Merge)
}

fn already(id: &ChangeId, ground: &Ground) -> Failure {
    let record = ground.ledger.operations.changes.get(id);
    let merged = record.and_then(domain::standing_merge).map(|merged| merged.commit.short().to_owned());
    Failure::refused(format!(
        "{id} is merged already{}",
        merged.map_or_else(String::new, |commit| format!(", as {commit}"))
    ))
    .hint(format!("take it back with `quarterdeck change revert {id}`"))
}

/// Writes the merge out: refuses what stands against it, brings the change onto the newest main branch, and
/// validates what comes of it.
async fn written(outside: &Outside, ground: &Ground, change: &Change) -> Result<MergePlan, Failure> {
    let (id, head) = (&change.proposal.id, &change.proposal.head);
    let now = outside.ports.clock.now();
    let projects: Vec<_> =
        change.services.iter().filter_map(|name| ground.main.services.get(name)?.project.clone()).collect();
    let closed = match calendar::standing(&ground.main, None, &projects, now) {
        Standing::Closed(closure) => Some(closure),
        Standing::Open { .. } => None,
    };
    let glass = break_glass::standing(change, &ground.ledger.operations, &ground.main.people, now);
    let glass = glass.is_some_and(|state| state.is_granted());
    let (past, obstacles): (Vec<_>, Vec<_>) = domain::obstacles(change, closed.as_ref())
        .into_iter()
        .partition(|obstacle| glass && obstacle.kind.yields_to_glass());
    if !obstacles.is_empty() {
        let failure = Failure::refused(format!("{id} may not be merged"));
        let failure = obstacles.into_iter().take(12).fold(failure, |failure, one| failure.cause(one.text));
        return Err(failure.hint(format!("see all of it with `quarterdeck change show {id}`")));
    }
    let repository = &outside.ports.repository;
    let combined = repository.combine(&ground.tip, &Theirs::Branch(head.clone())).await?;
    if combined.is_same {
        return Err(
            Failure::refused(format!("{} has all of {id} already", ground.name)).hint("delete its branch")
        );
    }
    let carried = repository.load(&Revision::Named(combined.commit.to_string())).await?;
    let logs = logs(outside, &combined, &carried, &change.services).await?;
    let settles = domain::settles(&logs);
    let clashes: Vec<&str> =
        combined.conflicts.iter().map(String::as_str).filter(|path| !settles.contains(path)).collect();
    if !clashes.is_empty() {
        return Err(Failure::conflict(format!(
            "{id} and {} change the same lines of {}",
            ground.name,
            clashes.join(", ")
        ))
        .hint(format!(
            "rebase {} onto {}, and have it reviewed again",
            change.proposal.branch, ground.name
        )));
    }
    let books = books(outside, ground, change, &combined, &logs).await?;
    let releases = releases(outside, ground, change, &carried).await?;
    let settings = forge_of(outside, ground, change).await?;
    let today = outside.ports.clock.now().date_naive();
    let edits = if settings.is_some() {
        // The forge makes the commit from the branch alone.
        Vec::new()
    } else {
        domain::edits(change, &releases, &logs, &books, (&ground.main, &carried), today)?
    };
    if settings.is_some() && !combined.conflicts.is_empty() {
        return Err(Failure::conflict(format!(
            "{id} and {} change the same lines of {}, and the forge cannot merge that",
            ground.name,
            combined.conflicts.join(", ")
        ))
        .hint(format!("rebase {} onto {}", change.proposal.branch, ground.name)));
    }
    let merged = landing::edited(outside, &combined.commit, &edits).await?;
    let findings = ground.new_findings(outside, merged, Way::On).await?;
    landing::refuse_errors(&findings, &ground.name, if glass { Way::PastGates } else { Way::On })?;
    let approvals = domain::approvers(change, &ground.main.people, ground.ledger.operations.approvals_of(id));
    let message = domain::merge_message(&Facts {
        change,
        releases: &releases,
        approvals: &approvals,
        tip: ground.ledger.tip.as_ref(),
        request: settings.as_ref().map(|(_, number)| *number),
        break_glass: glass,
    });
    Ok(MergePlan {
        change: id.clone(),
        branch: change.proposal.branch.clone(),
        head: head.clone(),
        class: format!("{}, {} risk", change.class, change.class.risk()),
        is_risky: change.class.risk() == ChangeClass::Breaking.risk(),
        main: ground.name.clone(),
        draft: CommitDraft { parent: ground.tip.clone(), files_of: combined.commit, edits, message },
        releases,
        approvals,
        findings,
        past: glass.then(|| past.into_iter().map(|obstacle| obstacle.text).collect()),
        settled: combined.conflicts,
        forge: settings,
    })
}

/// Which change log each touched service has.
async fn logs(
    outside: &Outside,
    combined: &Combined,
    carried: &Catalog,
    services: &[ServiceName],
) -> Result<BTreeMap<String, Vec<ServiceName>>, Failure> {
    let mut there = BTreeSet::new();
    for path in services.iter().filter_map(|service| domain::changelog_of(carried, service)) {
        if landing::text(outside, &combined.commit, &path).await?.is_some() {
            there.insert(path);
        }
    }
    Ok(domain::changelogs(carried, services, |path| there.contains(path)))
}

/// The bookkeeping files on all sides.
async fn books(
    outside: &Outside,
    ground: &Ground,
    change: &Change,
    combined: &Combined,
    logs: &BTreeMap<String, Vec<ServiceName>>,
) -> Result<BTreeMap<String, Book>, Failure> {
    let mut books = BTreeMap::new();
    for path in domain::settles(logs) {
        let proposal = &change.proposal;
        let touched = if proposal.paths.iter().any(|known| known == path) {
            let (before, after) = futures::try_join!(
                landing::text(outside, &proposal.base, path),
                landing::text(outside, &proposal.head, path)
            )?;
            Some((before.unwrap_or_default(), after.unwrap_or_default()))
        } else {
            None
        };
        let (main, merged) = futures::try_join!(
            landing::text(outside, &ground.tip, path),
            landing::text(outside, &combined.commit, path)
        )?;
        let conflicts = combined.conflicts.iter().any(|known| known == path);
        books.insert(path.to_owned(), Book { main, merged, touched, conflicts });
    }
    Ok(books)
}

/// What it releases; refused where a tag of that name is there and of something else.
async fn releases(
    outside: &Outside,
    ground: &Ground,
    change: &Change,
    merged: &Catalog,
) -> Result<Vec<Release>, Failure> {
    let mut releases = domain::releases(&ground.main, merged, &change.services);
    for release in &mut releases {
        let Some(tag) = outside.ports.repository.tag(&release.tag).await? else { continue };
        let is_merged = ground.ancestors.iter().any(|ancestor| ancestor.commit == tag.commit);
        // What a run that was cut off before its push left here belongs to this change, and to no branch.
        release.replaces = domain::is_tag_of(&tag.message, &change.proposal.id) && !is_merged;
        if !release.replaces {
            return Err(Failure::refused(format!(
                "the tag {} is there already, at {}",
                release.tag,
                tag.commit.short()
            ))
            .hint(format!("raise the version of {} in the change", release.service)));
        }
    }
    Ok(releases)
}

/// The forge that merges it, where the settings of the main branch say so and it has a request.
async fn forge_of(
    outside: &Outside,
    ground: &Ground,
    change: &Change,
) -> Result<Option<(Box<ForgeSettings>, u64)>, Failure> {
    let settings = &ground.main.settings;
    let Some(forge) = settings.forge.as_ref().filter(|_| settings.merge_on_forge) else { return Ok(None) };
    let requests = outside.ports.forge.requests(forge).await?;
    let proposal = &change.proposal;
    let Some(request) = forge::of_change(&requests, &proposal.branch, &proposal.head, &ground.name) else {
        return Ok(None);
    };
    if request.head != proposal.head {
        return Err(Failure::conflict(format!(
            "{} has {} at {} and the change is at {}",
            forge.kind.title(),
            proposal.branch,
            request.head.short(),
            proposal.head.short()
        ))
        .hint("fetch, and look at what is new"));
    }
    Ok(Some((Box::new(forge.clone()), request.number)))
}

/// Merges it: everything is looked at again, then written, validated, pushed and recorded.
pub(super) async fn run(outside: &Outside, plan: &MergePlan, report: &Reporter) -> Result<Outcome, Failure> {
    let ground = landing::ground(outside).await?;
    let change = ground.change(outside, &plan.change).await?;
    if change.proposal.head != plan.head {
        return Err(Failure::conflict(format!(
            "{} has moved from {} to {} since the plan was shown; nothing was done",
            plan.change,
            plan.head.short(),
            change.proposal.head.short()
        ))
        .hint("look at what is new, and plan it again"));
    }
    landing::unmoved(&ground, &plan.draft)?;
    // Gates may have closed, and rules may have become due, since the plan was shown.
    let plan = written(outside, &ground, &change).await?;
    let (merged, note) = match &plan.forge {
        Some((settings, number)) => {
            through_forge(outside, &ground, &plan, (settings, *number), &change, report).await?
        }
        None => (here(outside, &ground, &plan, &change, report).await?, None),
    };
    let tags =
        if merged.tags.is_empty() { String::new() } else { format!(", tagged {}", merged.tags.join(" ")) };
    let mut summary = format!("{} merged into {} as {}{tags}", plan.change, plan.main, merged.commit.short());
    if let Some(note) = note {
        summary += &format!("; {note}");
    }
    let commit = merged.commit.clone();
    let draft: Draft = Box::new(move |operations| ledger::merged(operations, &merged));
    Ok(landing::note(outside, draft, (summary, &commit), report).await)
}

fn tags(plan: &MergePlan, change: &Change) -> Vec<(String, String, bool)> {
    let notes =
        |release: &Release| (release.tag.clone(), domain::release_notes(release, change), release.replaces);
    plan.releases.iter().map(notes).collect()
}

/// The event that a commit on the main branch asks for.
async fn merged_of(outside: &Outside, main: &str, commit: &CommitId) -> Result<Merged, Failure> {
    let ancestors = outside.ports.repository.ancestors(commit, 1).await?;
    ancestors.first().and_then(|ancestor| domain::merged_of(main, ancestor)).ok_or_else(|| {
        Failure::failed(format!("the commit {} does not say what it merges", commit.short()))
            .hint(format!("look at it with `git show {commit}`"))
    })
}

/// Makes the commit here.
async fn here(
    outside: &Outside,
    ground: &Ground,
    plan: &MergePlan,
    change: &Change,
    report: &Reporter,
) -> Result<Merged, Failure> {
    let way = if plan.past.is_some() { Way::PastGates } else { Way::On };
    let commit = landing::write(outside, ground, &plan.draft, way, report).await?;
    let publication = Publication {
        branches: vec![
            BranchMove {
                branch: plan.main.clone(),
                from: Some(ground.tip.clone()),
                to: Some(commit.clone()),
            },
            BranchMove { branch: plan.branch.clone(), from: Some(plan.head.clone()), to: None },
        ],
        tags: tags(plan, change),
        tagged: Some(commit.clone()),
    };
    landing::publish(outside, publication, report).await?;
    merged_of(outside, &plan.main, &commit).await
}

/// Lets the forge merge it, then sets the tags on what came of it. A tag that cannot be set is told, and takes
/// nothing back.
async fn through_forge(
    outside: &Outside,
    ground: &Ground,
    plan: &MergePlan,
    (settings, number): (&ForgeSettings, u64),
    change: &Change,
    report: &Reporter,
) -> Result<(Merged, Option<String>), Failure> {
    report.step(VALIDATE, "no new errors").await;
    report.step(PUBLISH, format!("asking {}", settings.kind.title())).await;
    let (title, message) = plan.draft.message.split_once("\n\n").unwrap_or((&plan.draft.message, ""));
    let draft = MergeDraft {
        number,
        head: plan.head.clone(),
        title: title.to_owned(),
        message: message.trim_end().to_owned(),
    };
    let commit = outside.ports.forge.merge(settings, &draft).await?;
    report.step(PUBLISH, format!("{} is at {}", plan.main, commit.short())).await;
    let repository = &outside.ports.repository;
    repository.fetch().await.map_err(|failure| {
        let what = format!(
            "{} merged #{number} as {}, and that could not be fetched",
            settings.kind.title(),
            commit.short()
        );
        Failure::new(failure.kind, what)
            .cause(failure.message)
            .hint(format!("run `quarterdeck change merge {}` again: it records the merge", plan.change))
    })?;
    let mut merged = Merged {
        change: plan.change.clone(),
        class: change.class,
        branch: plan.main.clone(),
        head: plan.head.clone(),
        onto: ground.tip.clone(),
        commit: commit.clone(),
        services: change.services.clone(),
        tags: plan.releases.iter().map(|release| release.tag.clone()).collect(),
        approvals: plan.approvals.iter().map(|approver| approver.approval.clone()).collect(),
        request: Some(number),
        break_glass: plan.past.is_some(),
    };
    if merged.tags.is_empty() {
        return Ok((merged, None));
    }
    report.step(RECORD, "tagging").await;
    let publication = Publication { branches: Vec::new(), tags: tags(plan, change), tagged: Some(commit) };
    let note = match repository.publish(&publication).await {
        Ok(()) => None,
        Err(failure) => {
            Some(format!("{} could not be set: {failure}", std::mem::take(&mut merged.tags).join(" ")))
        }
    };
    Ok((merged, note))
}
