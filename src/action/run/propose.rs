//! Proposing edits of a service, and telling the projects that a change breaks: found out first, shown, then done.

use super::{plan, say_failure};
use crate::{
    config::key::Key,
    domain::{
        finding::{Finding, Level},
        forge::Announcement,
        name::ChangeId,
        plan::{Plan, Risk, Step, Work},
        proposal::{ServiceProposal, Wanted, differing, summary},
    },
    error::Failure,
    model::{
        Model,
        effect::{Effect, Effects},
        jobs::{JobId, JobState},
        ui::Overlay,
    },
};

/// How many findings the plan names one by one.
const NAMED: usize = 6;

pub(super) fn run(model: &mut Model, wanted: Wanted, opened_by: Option<Key>) -> Result<Effects, Failure> {
    let service = &wanted.service;
    if wanted.edits.is_empty() {
        return Err(Failure::usage("nothing to propose was given")
            .hint("give at least one of --version, --status, --require, --drop and the promises"));
    }
    let catalog = model.world.catalog.value.as_ref().ok_or_else(|| {
        Failure::refused(format!("cannot propose {service}: the control repository is not read yet"))
    })?;
    // What the working tree knows is said at once; the main branch has the last word.
    let words = match catalog.services.get(service) {
        Some(known) => summary(known, &differing(known, &wanted.edits)?),
        None => "an edit".to_owned(),
    };
    let (key, title) = (format!("propose/{service}"), format!("propose {service}: {words}"));
    let effect = |job| Effect::PlanProposal(job, wanted);
    Ok(ask(model, key, title, effect, opened_by))
}

/// Asks which projects a change breaks.
pub(super) fn announce(model: &mut Model, change: &ChangeId, opened_by: Option<Key>) -> Effects {
    let (key, title) = (format!("notify/{change}"), format!("tell the projects that {change} breaks"));
    let effect = |job| Effect::PlanAnnouncement(job, change.clone());
    ask(model, key, title, effect, opened_by)
}

fn ask(
    model: &mut Model,
    key: String,
    title: String,
    effect: impl FnOnce(JobId) -> Effect,
    opened_by: Option<Key>,
) -> Effects {
    match model.jobs.open(key, title, JobState::Planning, model.now) {
        Ok(job) => {
            model.ui.overlays.push(Overlay::Planning { job, opened_by });
            Effects::one(effect(job))
        }
        Err(running) => {
            plan::already(model, running);
            Effects::none()
        }
    }
}

/// The proposal is written out: shows the plan, if somebody still waits for it.
pub fn proposal_planned(model: &mut Model, job: JobId, result: Result<ServiceProposal, Failure>) {
    let plan = result.map(|proposal| proposal_plan(model, proposal));
    planned(model, job, plan);
}

/// Whom to tell is known: shows the plan, if somebody still waits for it.
pub fn announcement_planned(model: &mut Model, job: JobId, result: Result<Announcement, Failure>) {
    planned(model, job, result.map(announcement_plan));
}

fn planned(model: &mut Model, job: JobId, plan: Result<Plan, Failure>) {
    let Some(plan::Asked(opened_by)) = plan::awaited(model, job) else { return };
    match plan {
        Ok(plan) => plan::show(model, job, plan, opened_by),
        Err(failure) => {
            model.jobs.forget(job);
            say_failure(model, &failure);
        }
    }
}

fn step(title: &str, object: String) -> Step {
    Step { title: title.to_owned(), object }
}

fn proposal_plan(model: &Model, proposal: ServiceProposal) -> Plan {
    let mut notes: Vec<String> =
        proposal.open_duties.iter().map(|duty| format!("Still open for {duty}.")).collect();
    let found = &proposal.findings;
    notes.extend(found.iter().take(NAMED).map(|finding| {
        format!("Validation will find: {}[{}] {}", finding.level, finding.code, finding.message)
    }));
    if found.len() > NAMED {
        notes.push(format!("Validation will find {} more.", found.len() - NAMED));
    }
    let counted = counted(found);
    let remote = model.world.catalog.value.as_ref().map_or("the remote", |catalog| &catalog.settings.remote);
    let files: Vec<&str> = proposal.files.iter().map(|file| file.path.as_str()).collect();
    let gates: Vec<&str> = proposal.gates.iter().map(|status| status.gate.as_str()).collect();
    let mut steps = vec![
        step("commit the edited files to the new branch", proposal.branch.clone()),
        step("see the branch at that commit on", remote.to_owned()),
        step("record it in the ledger", format!("change.proposed({})", proposal.change)),
    ];
    if let Some(forge) = &proposal.forge {
        steps.push(step("open the request on", format!("{}, {}", forge.kind.title(), forge.repository)));
    }
    Plan {
        title: format!("propose {}: {}", proposal.service, proposal.summary),
        facts: vec![
            ("service".to_owned(), proposal.service.to_string()),
            ("edit".to_owned(), proposal.summary.clone()),
            ("class".to_owned(), format!("{}, {} risk", proposal.class, proposal.class.risk())),
            ("gates".to_owned(), gates.join(", ")),
            ("impact".to_owned(), proposal.impact.clone()),
            ("validation".to_owned(), counted),
            ("branch".to_owned(), proposal.branch.clone()),
            ("on top of".to_owned(), format!("{} at {}", proposal.main, proposal.base.short())),
            ("message".to_owned(), proposal.title()),
            ("files".to_owned(), files.join(", ")),
            ("as".to_owned(), format!("{} <{}>", model.operator.name, model.operator.email)),
        ],
        steps,
        notes,
        risk: Risk::Shared,
        confirm_by_typing: None,
        work: Work::Propose(Box::new(proposal)),
    }
}

/// `1 error, 2 warnings`: what validation finds that was not there before.
fn counted(found: &[Finding]) -> String {
    let of = |level| found.iter().filter(|finding| finding.level == level).count();
    let parts: Vec<String> = [Level::Error, Level::Warning, Level::Note]
        .into_iter()
        .filter_map(|level| match of(level) {
            0 => None,
            1 => Some(format!("1 new {level}")),
            many => Some(format!("{many} new {level}s")),
        })
        .collect();
    match parts.is_empty() {
        true => "nothing new".to_owned(),
        false if of(Level::Error) > 0 => format!("{}: it will be blocked", parts.join(", ")),
        false => parts.join(", "),
    }
}

fn announcement_plan(announcement: Announcement) -> Plan {
    let issues = announcement.issues.iter();
    let steps = issues
        .map(|told| {
            step("open or update the issue in", format!("{}: {}", told.issue.repository, told.issue.title))
        })
        .chain([step("record it in the ledger", format!("notice.delivered({})", announcement.change))])
        .collect();
    let notes = announcement
        .silent
        .iter()
        .map(|project| {
            format!("{project} breaks too, and is not told: its repository is not under [forge.projects].")
        })
        .collect();
    let projects: Vec<String> = announcement.issues.iter().map(|told| told.project.to_string()).collect();
    Plan {
        title: format!("tell the projects that {} breaks", announcement.change),
        facts: vec![
            ("change".to_owned(), format!("{} at {}", announcement.change, announcement.head.short())),
            ("projects".to_owned(), projects.join(", ")),
            ("forge".to_owned(), format!("{}, {}", announcement.forge.kind.title(), announcement.forge.url)),
        ],
        steps,
        notes,
        risk: Risk::Shared,
        confirm_by_typing: None,
        work: Work::Announce(Box::new(announcement)),
    }
}
