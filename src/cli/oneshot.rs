//! One-shot commands: the same engine as the console, driven until the answer is there.

use super::{
    arguments::{Global, Output},
    render, report,
};
use crate::{
    action::{
        command::{Command, Report},
        run,
        spec::{ActionSpec, Arguments},
    },
    domain::{
        finding::{Finding, Level},
        ledger::Verdict,
        name::ContextName,
        plan::Plan,
        sla::SlaVerdict,
        text::clean,
    },
    engine::headless::Engine,
    error::{Failure, FailureKind},
    model::{
        Model,
        event::{Event, SourceUpdate},
        jobs::{JobId, JobState},
        ui::{Overlay, TextInput},
        world::Source,
    },
};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// How long sources may take until what is there is printed with a word about what is not.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a plan and its run may take; the work itself has nearer deadlines.
const RUN_LIMIT: Duration = Duration::from_mins(15);

/// What is printed, and how the process ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub err: String,
    /// The exit code.
    pub code: u8,
}

/// Asks a yes-or-no question where there is somebody to ask: the question, and what must be typed.
pub type Ask<'a> = &'a mut dyn FnMut(&str, &str) -> Option<bool>;

/// Runs an action of the registry.
///
/// # Errors
/// What kept it from running.
pub async fn action(
    engine: &mut Engine,
    global: &Global,
    action: &'static ActionSpec,
    arguments: &Arguments,
    ask: Ask<'_>,
) -> Result<Printed, Failure> {
    let command = (action.build)(arguments)?;
    match command {
        Command::Report(Report::Ledger) => {
            // What the remote has belongs to the answer; without it the local part is still true.
            let remote = engine.outside.ports.repository.fetch().await;
            let entries = engine.outside.ports.ledger.entries().await?;
            let out = match global.output {
                Output::Text => report::ledger_text(&entries),
                Output::Json => pretty(&report::ledger_json(&entries)),
            };
            Ok(Printed { out, err: remote.err().map(|why| why.render() + "\n").unwrap_or_default(), code: 0 })
        }
        Command::Report(report) => {
            settle(engine, needs(report)).await?;
            Ok(print_report(&engine.model, report, global.output))
        }
        command => act(engine, global, command, ask).await,
    }
}

/// Waits for every source that a picture of the whole needs.
///
/// # Errors
/// The control repository cannot be read.
pub async fn everything(engine: &mut Engine) -> Result<(), Failure> {
    settle(engine, needs(Report::Briefing)).await
}

/// Which sources an answer needs.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each source is needed or not, independently")]
struct Needs {
    changes: bool,
    ledger: bool,
    remote: bool,
    clusters: bool,
    metrics: bool,
}

fn needs(report: Report) -> Needs {
    let none = Needs { changes: false, ledger: false, remote: false, clusters: false, metrics: false };
    match report {
        Report::Services => Needs { clusters: true, metrics: true, ..none },
        Report::Sla => Needs { metrics: true, ..none },
        Report::Changes => Needs { changes: true, ledger: true, remote: true, ..none },
        Report::Incidents | Report::Ledger => Needs { ledger: true, remote: true, ..none },
        Report::Briefing => {
            Needs { changes: true, ledger: true, remote: true, clusters: true, metrics: true }
        }
    }
}

/// Starts the sources and waits for the needed ones. What the remote has is fetched before anything is
/// read: an answer from before the fetch would be somebody else's yesterday.
async fn settle(engine: &mut Engine, needs: Needs) -> Result<(), Failure> {
    if needs.remote {
        let fetched = engine.outside.ports.repository.fetch().await;
        engine.apply(Event::Source(SourceUpdate::Remote(fetched)));
    }
    engine.start_sources();
    engine.until(PATIENCE, |model| is_settled(model, needs)).await;
    match (&engine.model.world.catalog.value, &engine.model.world.catalog.failure) {
        (None, Some(failure)) => Err(failure.clone()),
        (None, None) => Err(Failure::unreachable("the control repository could not be read in time")),
        _ => Ok(()),
    }
}

fn is_settled(model: &Model, needs: Needs) -> bool {
    fn came<T>(source: &Source<T>) -> bool {
        source.value.is_some() || source.failure.is_some()
    }
    let world = &model.world;
    if world.catalog.failure.is_some() && world.catalog.value.is_none() {
        return true;
    }
    let Some(catalog) = &world.catalog.value else { return false };
    let clusters = catalog
        .settings
        .environments
        .iter()
        .all(|environment| world.clusters.get(&environment.context).is_some_and(came));
    // A rate needs two scrapes, so one round is not enough.
    let metrics = catalog.settings.scrape.is_none()
        || world.metrics.value.as_ref().is_some_and(|view| {
            view.endpoints.values().all(|seen| seen.rate.is_some() || seen.problem.is_some())
        });
    (!needs.changes || came(&world.changes))
        && (!needs.ledger || came(&world.ledger))
        && (!needs.remote || came(&world.remote))
        && (!needs.clusters || clusters)
        && (!needs.metrics || metrics)
        && (!needs.changes || came(&world.findings))
}

fn print_report(model: &Model, report: Report, output: Output) -> Printed {
    let out = match output {
        Output::Text => report::text(model, report),
        Output::Json => pretty(&report::json(model, report)),
    };
    let failures = failures(model, needs(report));
    let mut err: String = failures.iter().map(|failure| failure.render() + "\n").collect();
    if needs(report).metrics
        && let Some((failed, all)) = unscraped(model)
        && failed > 0
    {
        err +=
            &format!("{failed} of {all} metrics endpoints could not be scraped; they are shown as no data\n");
    }
    let violated = report == Report::Sla
        && model.world.joined.services.iter().any(|row| row.verdict == SlaVerdict::Violated);
    let code = failures.iter().map(|failure| failure.kind.exit_code()).max().unwrap_or(u8::from(violated));
    Printed { out, err, code }
}

/// What kept a needed source from answering, or from answering wholly.
fn failures(model: &Model, needs: Needs) -> Vec<Failure> {
    fn of<T>(name: &str, source: &Source<T>) -> Option<Failure> {
        match (&source.failure, &source.value) {
            (Some(failure), _) => Some(failure.clone()),
            (None, Some(_)) => None,
            (None, None) => Some(Failure::unreachable(format!(
                "{name} gave no answer within {} seconds",
                PATIENCE.as_secs()
            ))),
        }
    }
    let world = &model.world;
    let mut failures = Vec::new();
    if needs.remote {
        failures.extend(of("the git remote", &world.remote));
    }
    if needs.ledger {
        failures.extend(of("the ledger", &world.ledger));
    }
    if needs.changes {
        failures.extend(of("the open changes", &world.changes));
    }
    if needs.clusters {
        let environments = world.catalog.value.iter().flat_map(|catalog| &catalog.settings.environments);
        let contexts: BTreeSet<&ContextName> = environments.map(|environment| &environment.context).collect();
        for context in contexts {
            let source = world.clusters.get(context).cloned().unwrap_or_default();
            failures.extend(of(&format!("the cluster {context}"), &source));
        }
    }
    failures.extend(unseen(model, needs));
    failures
}

/// How many metrics endpoints could not be scraped, of how many; `None` without metrics.
fn unscraped(model: &Model) -> Option<(usize, usize)> {
    let endpoints = &model.world.metrics.value.as_ref()?.endpoints;
    Some((endpoints.values().filter(|seen| seen.problem.is_some()).count(), endpoints.len()))
}

/// What stays dark although its source answered: a cluster that does not let us look, endpoints that are
/// all dead. Without a word about it the report would look like a quiet night.
fn unseen(model: &Model, needs: Needs) -> Vec<Failure> {
    let world = &model.world;
    let mut found = Vec::new();
    let clusters = world.clusters.iter().filter(|_| needs.clusters);
    for (context, view) in clusters.filter_map(|(context, source)| Some((context, source.value.as_ref()?))) {
        if let Some(reason) = view.missing.get("deployments") {
            found.push(
                Failure::forbidden(format!("could not see the deployments of the cluster {context}"))
                    .cause(reason.clone())
                    .hint("ask the cluster's administrators for a role that may list and watch deployments"),
            );
        }
    }
    if needs.metrics
        && let Some(view) = &world.metrics.value
        && view.endpoints.values().all(|seen| seen.availability.is_none())
        && let Some(problem) = view.endpoints.values().find_map(|seen| seen.problem.clone())
    {
        found.push(
            Failure::unreachable(format!(
                "could not get any metrics: none of {} endpoints answers",
                view.endpoints.len()
            ))
            .cause(problem)
            .hint("check the address under [metrics.scrape] in quarterdeck.toml, and that it can be reached"),
        );
    }
    found
}

/// The briefing of a model that is settled.
pub fn briefing(model: &Model, output: Output) -> Printed {
    print_report(model, Report::Briefing, output)
}

/// Plans, asks, runs and reports.
async fn act(
    engine: &mut Engine,
    global: &Global,
    command: Command,
    ask: Ask<'_>,
) -> Result<Printed, Failure> {
    let rollback = matches!(command, Command::Service(_));
    let validate = matches!(command, Command::Change(crate::action::command::ChangeCommand::Validate(_)));
    let changes = matches!(command, Command::Change(_));
    settle(engine, Needs { changes, ledger: true, remote: !rollback, clusters: false, metrics: false })
        .await?;
    engine.until(PATIENCE, |model| !model.operator.email.is_empty() || model.ui.notice.is_some()).await;
    engine.model.ui.notice = None;
    engine.command(command)?;

    if validate {
        let mut found = None;
        wait(engine, |event| match event {
            Event::Validated(_, result) => {
                found = Some(result.clone());
                true
            }
            _ => false,
        })
        .await;
        let validation =
            found.unwrap_or_else(|| Err(Failure::unreachable("validation did not end in time")))?;
        return Ok(print_findings(&validation.findings, global.output, global.color, false));
    }

    let (job, plan) = planned(engine).await?;
    let mut err = render_plan(&plan);
    if !global.yes {
        let expected = plan.confirm_by_typing.clone().unwrap_or_else(|| "yes".to_owned());
        match ask(&err, &expected) {
            Some(true) => err.clear(),
            Some(false) => {
                return Err(Failure::new(
                    FailureKind::Interrupted,
                    format!("{}: cancelled, nothing was done", plan.title),
                ));
            }
            None => {
                let failure = Failure::usage(format!(
                    "{}: nobody is there to confirm, nothing was done",
                    clean(&plan.title)
                ))
                .hint("add --yes to confirm the plan");
                let code = failure.kind.exit_code();
                return Ok(Printed { out: String::new(), err: err + &failure.render() + "\n", code });
            }
        }
    }
    if let Some(Overlay::Confirm { input, .. }) = engine.model.ui.overlays.last_mut() {
        *input = TextInput::new(plan.confirm_by_typing.clone().unwrap_or_default());
    }
    let effects = run::confirmed(&mut engine.model);
    if effects.0.is_empty() {
        let said = engine.model.ui.notice.as_ref().map_or("", |notice| notice.text.as_str());
        return Err(Failure::refused(format!("{}: {said}", plan.title)));
    }
    engine.start(effects);
    let ended = engine.until(RUN_LIMIT, |model| is_over(model, job)).await;
    let state = engine.model.jobs.all.get(&job).map(|job| job.state.clone());
    let outcome = match state {
        Some(JobState::Done(result)) if ended => result?,
        _ => return Err(Failure::failed(format!("{} did not end in time", plan.title))),
    };
    let code = if outcome.verdict == Verdict::Pass { 0 } else { FailureKind::Failed.exit_code() };
    let out = match global.output {
        Output::Text => format!("{}\n", clean(&outcome.summary)),
        Output::Json => pretty(&json!({
            "id": outcome.incident,
            "action": plan.title,
            "verdict": outcome.verdict,
            "summary": outcome.summary,
            "commit": outcome.commit,
            "synced": outcome.synced,
        })),
    };
    if !outcome.synced {
        err += "the ledger event waits in this clone; it reaches the remote with the next command that can\n";
    }
    Ok(Printed { out, err, code })
}

fn is_over(model: &Model, job: JobId) -> bool {
    model.jobs.all.get(&job).is_none_or(|job| matches!(job.state, JobState::Done(_)))
}

/// Lets events in until one is the awaited one.
async fn wait(engine: &mut Engine, mut awaited: impl FnMut(&Event) -> bool) -> bool {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        tokio::select! {
            events = engine.next() => {
                for event in events {
                    let found = awaited(&event);
                    engine.apply(event);
                    if found {
                        return true;
                    }
                }
            }
            () = tokio::time::sleep_until(deadline) => return false,
        }
    }
}

/// The plan that waits for a yes.
async fn planned(engine: &mut Engine) -> Result<(JobId, Arc<Plan>), Failure> {
    if let Some(Overlay::Planning { .. }) = engine.model.ui.overlays.last() {
        let mut refused = None;
        let came = wait(engine, |event| match event {
            Event::RollbackPlanned(_, Ok(_)) => true,
            Event::RollbackPlanned(_, Err(failure)) | Event::Source(SourceUpdate::Operator(Err(failure))) => {
                refused = Some(failure.clone());
                true
            }
            _ => false,
        })
        .await;
        if let Some(failure) = refused {
            return Err(failure);
        }
        if !came {
            return Err(Failure::unreachable("the cluster did not answer in time"));
        }
    }
    match engine.model.ui.overlays.last() {
        Some(Overlay::Confirm { job, plan, .. }) => Ok((*job, plan.clone())),
        _ => Err(match &engine.model.ui.notice {
            Some(notice) => Failure::refused(notice.text.clone()),
            None => Failure::refused("there is nothing to confirm"),
        }),
    }
}

fn render_plan(plan: &Plan) -> String {
    let mut out = format!("Plan: {}\n", clean(&plan.title));
    for (label, value) in &plan.facts {
        out += &format!("  {label}: {}\n", clean(value));
    }
    for (index, step) in plan.steps.iter().enumerate() {
        out += &format!("  {}. {} {}\n", index + 1, clean(&step.title), clean(&step.object));
    }
    for note in &plan.notes {
        out += &format!("  ! {}\n", clean(note));
    }
    out
}

/// Findings with their exit code.
pub fn print_findings(findings: &[Finding], output: Output, color: bool, deny_warnings: bool) -> Printed {
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    let warnings = findings.iter().filter(|finding| finding.level == Level::Warning).count();
    let out = match output {
        Output::Text => render::report(findings, color),
        Output::Json => {
            pretty(&json!({ "findings": render::json(findings), "errors": errors, "warnings": warnings }))
        }
    };
    let err = match output {
        Output::Text if findings.is_empty() => render::summary(findings) + "\n",
        Output::Text | Output::Json => String::new(),
    };
    Printed { out, err, code: u8::from(errors > 0 || deny_warnings && warnings > 0) }
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
