//! What lands on the main branch: merging, reverting and restoring, planned by the engine, shown, then run.

use super::{plan, say_failure};
use crate::{
    config::key::Key,
    domain::{
        escalation::Severity,
        finding::Finding,
        merge::{Landing, LandingRequest, MergePlan, RecordPlan, RestorePlan, RevertPlan},
        notice::NoticeEvent,
        plan::{Plan, Risk, Step, Work},
        units::format_duration,
    },
    error::Failure,
    model::{
        Model,
        effect::{Effect, Effects},
        jobs::{JobId, JobState},
        ui::Overlay,
    },
};

/// How many findings a plan names one by one.
const NAMED: usize = 6;

/// Asks for the plan.
pub(super) fn run(model: &mut Model, mut request: LandingRequest, opened_by: Option<Key>) -> Effects {
    if let LandingRequest::Restore { detected_at: at @ None } = &mut request {
        // The clock runs from when this console saw it, not from when somebody acts.
        *at = model.world.main_broken_since;
    }
    match model.jobs.open(request.key(), request.title(), JobState::Planning, model.now) {
        Ok(job) => {
            model.ui.overlays.push(Overlay::Planning { job, opened_by });
            Effects::one(Effect::PlanLanding(job, request))
        }
        Err(running) => {
            plan::already(model, running);
            Effects::none()
        }
    }
}

/// The plan is there: shows it, if somebody still waits for it.
pub fn landing_planned(model: &mut Model, job: JobId, result: Result<Landing, Failure>) {
    let Some(plan::Asked(opened_by)) = plan::awaited(model, job) else { return };
    match result {
        Ok(landing) => {
            let plan = landing_plan(model, landing);
            plan::show(model, job, plan, opened_by);
        }
        Err(failure) => {
            model.jobs.forget(job);
            say_failure(model, &failure);
        }
    }
}

fn step(title: &str, object: impl Into<String>) -> Step {
    Step { title: title.to_owned(), object: object.into() }
}

fn named(findings: &[Finding], before: &str) -> Vec<String> {
    let mut notes: Vec<String> = findings
        .iter()
        .take(NAMED)
        .map(|finding| format!("{before}: {}[{}] {}", finding.level, finding.code, finding.message))
        .collect();
    if findings.len() > NAMED {
        notes.push(format!("{before}: {} more.", findings.len() - NAMED));
    }
    notes
}

fn landing_plan(model: &Model, landing: Landing) -> Plan {
    let mut shown = match &landing {
        Landing::Merge(merge) => merge_plan(model, merge),
        Landing::Revert(revert) => revert_plan(model, revert),
        Landing::Restore(restore) => restore_plan(model, restore),
        Landing::Record(record) => record_plan(record),
    };
    shown.facts.push(("as", format!("{} <{}>", model.operator.name, model.operator.email)));
    Plan {
        title: shown.title,
        facts: shown.facts.into_iter().map(|(label, value)| (label.to_owned(), value)).collect(),
        steps: shown.steps,
        notes: shown.notes,
        risk: Risk::Shared,
        confirm_by_typing: shown.typed,
        work: Work::Land(Box::new(landing)),
    }
}

/// What is shown of a landing.
struct Shown {
    title: String,
    facts: Vec<(&'static str, String)>,
    steps: Vec<Step>,
    notes: Vec<String>,
    typed: Option<String>,
}

/// Where it goes: the remote, or this clone.
fn place(model: &Model) -> String {
    model
        .world
        .catalog
        .value
        .as_ref()
        .map_or_else(|| "the remote".to_owned(), |catalog| catalog.settings.remote.clone())
}

fn merge_plan(model: &Model, merge: &MergePlan) -> Shown {
    let main = &merge.main;
    let tags: Vec<&str> = merge.releases.iter().map(|release| release.tag.as_str()).collect();
    let edited: Vec<&str> = merge.draft.edits.iter().map(|(path, _)| path.as_str()).collect();
    let subject = merge.draft.message.lines().next().unwrap_or_default();
    let mut facts = vec![
        ("change", format!("{} ({})", merge.branch, merge.class)),
        ("head", merge.head.short().to_owned()),
        ("onto", format!("{main} at {}", merge.draft.parent.short())),
        ("message", subject.to_owned()),
    ];
    if !merge.approvals.is_empty() {
        let names: Vec<String> = merge
            .approvals
            .iter()
            .map(|approver| format!("{} ({})", approver.by.name, approver.gate))
            .collect();
        facts.push(("approved by", names.join(", ")));
    }
    if !merge.releases.is_empty() {
        let versions: Vec<String> = merge
            .releases
            .iter()
            .map(|release| match &release.from {
                Some(from) => format!("{} {from} → {}", release.service, release.version),
                None => format!("{} {}", release.service, release.version),
            })
            .collect();
        facts.push(("releases", versions.join(", ")));
    }
    let mut notes = named(&merge.findings, &format!("{main} will have"));
    if let Some(past) = &merge.past {
        notes.push(
            "The glass is broken: two people let it pass. A post-mortem is due 24h after the merge."
                .to_owned(),
        );
        notes.extend(past.iter().map(|words| format!("Passed: {words}.")));
    }
    if !merge.settled.is_empty() {
        notes.push(format!(
            "{main} changed {} too; its text is kept, and this change's lines are added.",
            merge.settled.join(" and ")
        ));
    }
    let mut steps = Vec::new();
    if let Some((settings, number)) = &merge.forge {
        steps.push(step("take the branch as it is", format!("{} at {}", merge.branch, merge.head.short())));
        steps.push(step("validate what comes of it against", main.clone()));
        steps.push(step(
            "merge it, squashed, through",
            format!("{} #{number} in {}", settings.kind.title(), settings.repository),
        ));
        if !tags.is_empty() {
            notes.push(format!("Then {} is tagged {}.", main, tags.join(" ")));
        }
        notes.push("The forge makes the commit: the change log and services/versions.toml stay as the branch has them.".to_owned());
    } else {
        steps.push(match edited.as_slice() {
            [] => step("write one commit on top of", main.clone()),
            edited => step("write one commit that also brings up to date", edited.join(", ")),
        });
        steps.push(step("validate it against", main.clone()));
        let mut pushed = vec![main.clone()];
        pushed.extend(tags.iter().map(|tag| (*tag).to_owned()));
        steps.push(step(
            &format!("push at once to {}", place(model)),
            format!("{}; {} is deleted", pushed.join(", "), merge.branch),
        ));
    }
    steps.push(step("record it in the ledger", format!("change.merged({})", merge.change)));
    let typed = merge.is_risky.then(|| merge.change.to_string());
    Shown { title: format!("merge {} into {main}", merge.change), facts, steps, notes, typed }
}

fn revert_plan(model: &Model, revert: &RevertPlan) -> Shown {
    let main = &revert.main;
    let target = revert.branch.as_ref().unwrap_or(main);
    let mut facts = vec![
        ("change", revert.change.to_string()),
        ("merged as", revert.merged.short().to_owned()),
        ("onto", format!("{main} at {}", revert.draft.parent.short())),
        ("reason", revert.reason.clone()),
    ];
    let validate = match &revert.because {
        Some(because) => {
            facts.push(("at once", because.clone()));
            step("validate it against", main.clone())
        }
        None => step("leave it to the validation of", target.clone()),
    };
    let steps = vec![
        step("write the opposite of", revert.merged.short()),
        validate,
        step(&format!("push to {}", place(model)), target.clone()),
        step("record it in the ledger", format!("change.reverted({})", revert.change)),
    ];
    let notes = named(&revert.findings, "It will have");
    let title = match &revert.branch {
        Some(branch) => format!("propose the revert of {} as {branch}", revert.change),
        None => format!("revert {} on {main}", revert.change),
    };
    let typed = revert.branch.is_none().then(|| revert.change.to_string());
    Shown { title, facts, steps, notes, typed }
}

fn restore_plan(model: &Model, restore: &RestorePlan) -> Shown {
    let main = &restore.main;
    let age = (model.now - restore.detected_at).max(chrono::Duration::zero());
    let facts = vec![
        ("branch", main.clone()),
        ("broken at", restore.draft.parent.short().to_owned()),
        (
            "validates at",
            format!(
                "{}, {} commit{} before",
                restore.good.short(),
                restore.undone,
                if restore.undone == 1 { "" } else { "s" }
            ),
        ),
        ("noticed", format!("{} ago", format_duration(age))),
    ];
    let mut steps = vec![
        step("write one commit with all files of", restore.good.short()),
        step("validate what comes of it as", main.clone()),
        step(&format!("push to {}", place(model)), main.clone()),
        step("open an incident and record it in the ledger", format!("main.restored({main})")),
    ];
    steps.extend(super::tell_step(model, NoticeEvent::MainRestored, Some(Severity::High), &[]));
    let mut notes = named(&restore.errors, "Broken");
    notes.push("Nothing is rewritten: what was undone stays in the history.".to_owned());
    Shown { title: format!("restore {main} to {}", restore.good.short()), facts, steps, notes, typed: None }
}

fn record_plan(record: &RecordPlan) -> Shown {
    let (what, event) = match record {
        RecordPlan::Merged(merged) => {
            (format!("the merge of {}", merged.change), format!("change.merged({})", merged.change))
        }
        RecordPlan::Reverted { change, .. } => {
            (format!("the revert of {change}"), format!("change.reverted({change})"))
        }
        RecordPlan::Restored(restored) => {
            (format!("the restoration of {}", restored.branch), format!("main.restored({})", restored.branch))
        }
    };
    let facts = vec![("commit", record.commit().short().to_owned())];
    let notes =
        vec!["The commit is on the main branch; the run that made it was cut off before this.".to_owned()];
    let steps = vec![step("record it in the ledger", event)];
    Shown { title: format!("record {what}"), facts, steps, notes, typed: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::merge::CommitDraft, model::layout::Size, tui::fixture};

    fn draft() -> CommitDraft {
        let commit = |letter: &str| letter.repeat(40).into();
        CommitDraft {
            parent: commit("a"),
            files_of: commit("b"),
            edits: vec![("CHANGELOG.md".into(), "x".into())],
            message: "feat(api)!: new tokens\n\nChange-Id: api-2\n".into(),
        }
    }

    fn merge(is_risky: bool) -> MergePlan {
        MergePlan {
            change: "api-2".into(),
            branch: "change/api-2".into(),
            head: "c".repeat(40).into(),
            class: "breaking, high risk".into(),
            is_risky,
            main: "main".into(),
            draft: draft(),
            releases: Vec::new(),
            approvals: Vec::new(),
            findings: Vec::new(),
            past: None,
            settled: Vec::new(),
            forge: None,
        }
    }

    fn revert(branch: Option<&str>) -> RevertPlan {
        RevertPlan {
            change: "api-2".into(),
            merged: "c".repeat(40).into(),
            reason: "it leaks".into(),
            main: "main".into(),
            branch: branch.map(str::to_owned),
            because: None,
            draft: draft(),
            findings: Vec::new(),
        }
    }

    #[test]
    fn what_is_risky_wants_the_changes_id_typed() {
        let model = fixture::empty(Size { width: 80, height: 24 });
        for (landing, typed, title) in [
            (Landing::Merge(merge(true)), Some("api-2"), "merge api-2 into main"),
            (Landing::Merge(merge(false)), None, "merge api-2 into main"),
            (Landing::Revert(revert(None)), Some("api-2"), "revert api-2 on main"),
            (Landing::Revert(revert(Some("change/x"))), None, "propose the revert of api-2 as change/x"),
        ] {
            let plan = landing_plan(&model, landing);
            assert_eq!((plan.confirm_by_typing.as_deref(), plan.title.as_str()), (typed, title));
            assert_eq!(plan.steps.len(), 4, "{:?}", plan.steps);
        }
    }
}
