//! One-shot commands: the same engine as the console, driven until the answer is there.

use super::{
    arguments::{Global, Output},
    awaited::{is_over, planned, render_plan, wait},
    calendar, change, check, cross_project, deployment, impact, inspect, ledger,
    needs::{Needs, failures, needs, partly, settle, unscraped},
    report, service,
};
use crate::{
    action::{
        command::{
            CalendarCommand, ChangeCommand, Command, DeploymentCommand, GraphCommand, Report, ServiceCommand,
        },
        run,
        spec::{ActionSpec, Arguments},
    },
    domain::{
        deployment::work::Steering,
        graph::{GraphFormat, part::Way},
        impact::Harm,
        ledger::Verdict,
        name::ChangeId,
        plan::Work,
        sla::SlaVerdict,
        text::{clean, nearest},
    },
    engine::headless::Engine,
    error::{Failure, FailureKind},
    generate::graph,
    model::{
        Model,
        effect::ImpactRequest,
        event::Event,
        jobs::JobState,
        ui::{Overlay, TextInput},
    },
};
use serde_json::json;
use std::time::Duration;

/// How long sources may take until what is there is printed with a word about what is not.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// How long a plan and its run may take; the work itself has nearer deadlines.
const RUN_LIMIT: Duration = Duration::from_mins(15);
/// How long somebody may look after deployments; those that wait for long end it themselves.
const DEPLOYMENT_LIMIT: Duration = Duration::from_hours(12);

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

/// Shows a plan, and asks for a yes where there is somebody to ask: the plan, and what must be typed; nothing where
/// the yes was given on the command line.
pub type Ask<'a> = &'a mut dyn FnMut(&str, Option<&str>) -> Option<bool>;

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
        Command::Ledger(command) => ledger::run(engine, global, command).await,
        Command::Report(report) => {
            if matches!(report, Report::Usage | Report::Compliance | Report::Migrations) {
                // Their tables are made only while somebody looks.
                engine.command(Command::Report(report))?;
            }
            settle(engine, needs(report)).await?;
            Ok(print_report(&engine.model, report, global.output))
        }
        Command::Service(ServiceCommand::Show(name)) => {
            settle(engine, needs(Report::Services)).await?;
            print_service(&engine.model, name.as_str(), global.output)
        }
        Command::Deployment(
            command @ (DeploymentCommand::List | DeploymentCommand::Show(_) | DeploymentCommand::Timeline),
        ) => {
            settle(engine, needs(Report::Incidents)).await?;
            let out = match &command {
                DeploymentCommand::Show(id) => deployment::show(&engine.model, id, global.output)?,
                DeploymentCommand::Timeline => deployment::timeline(&engine.model, global.output),
                _ => deployment::list(&engine.model, global.output),
            };
            let failures = failures(&engine.model, needs(Report::Incidents));
            let err = failures.iter().map(|failure| failure.render() + "\n").collect();
            let code = failures.iter().map(|failure| failure.kind.exit_code()).max().unwrap_or_default();
            Ok(Printed { out, err, code })
        }
        Command::Teams => teams(engine, global.output).await,
        Command::Change(ChangeCommand::Show(id)) => {
            settle(engine, needs(Report::Changes)).await?;
            let change = run::find_change(&engine.model, &id)?;
            let out = match global.output {
                Output::Text => change::text(&engine.model, &change),
                Output::Json => pretty(&change::json(&engine.model, &change)),
            };
            let failures = failures(&engine.model, needs(Report::Changes));
            let err = failures.iter().map(|failure| failure.render() + "\n").collect();
            let code = failures.iter().map(|failure| failure.kind.exit_code()).max().unwrap_or_default();
            Ok(Printed { out, err, code })
        }
        Command::Impact(request) => asked_impact(engine, global, request).await,
        Command::Change(ChangeCommand::Impact(id)) => {
            settle(engine, needs(Report::Changes)).await?;
            let change = run::find_change(&engine.model, &id)?;
            let request = ImpactRequest::Difference {
                head: Some(change.proposal.head.to_string()),
                base: change.proposal.base.to_string(),
                name: Some(id.to_string()),
            };
            asked_impact(engine, global, request).await
        }
        Command::Graph(GraphCommand::Show { service, depth, way, format }) => {
            if service.is_none() && (depth.is_some() || way != Way::Both) {
                return Err(Failure::usage("`--depth` and `--direction` count from a service")
                    .hint("name one: `quarterdeck graph SERVICE --depth 2`"));
            }
            let part = engine.outside.graph(service, depth, way).await?;
            let format = format.unwrap_or(match global.output {
                Output::Text => GraphFormat::Text,
                Output::Json => GraphFormat::Json,
            });
            Ok(Printed { out: graph::write(&part, format), ..Printed::default() })
        }
        Command::Calendar(CalendarCommand::Show { from, days, format }) => {
            settle(engine, needs(Report::Incidents)).await?;
            let format = format.unwrap_or_else(|| global.output.into());
            let Some(here) = engine.model.world.catalog.value.clone() else {
                return Err(Failure::unreachable("the control repository could not be read"));
            };
            // The main branch's calendar is the one by which merges and deployments are judged.
            let governing = engine.outside.governing(&here).await;
            let written = calendar::write(&engine.model, &governing, from, days, format)?;
            let mut failures = failures(&engine.model, needs(Report::Incidents));
            failures.extend(partly(&governing));
            let mut err: String = failures.iter().map(|failure| failure.render() + "\n").collect();
            if governing.calendar != here.calendar {
                err += &format!(
                    "this is the calendar of {}; the working tree has another\n",
                    here.settings.main
                );
            }
            for problem in &written.problems {
                err += &format!("{}; it keeps production closed until it is corrected\n", clean(problem));
            }
            let code = failures.iter().map(|failure| failure.kind.exit_code()).max();
            let code = code.unwrap_or(u8::from(!written.problems.is_empty()));
            Ok(Printed { out: written.out, err, code })
        }
        Command::Inspect(command) => inspect::run(engine, global.output, command).await,
        command => act(engine, global, command, ask).await,
    }
}

/// The answer, with exit code 1 where something would certainly break: an outage is only asked about.
async fn asked_impact(engine: &Engine, global: &Global, request: ImpactRequest) -> Result<Printed, Failure> {
    let found = engine.outside.impact(request).await?;
    let out = match global.output {
        Output::Text => impact::text(&found),
        Output::Json => pretty(&impact::json(&found)),
    };
    Ok(Printed { out, code: u8::from(found.count(Harm::Breaks) > 0), ..Printed::default() })
}

/// Where the teams of the policies and of the forge differ; exit code 1 where they do.
async fn teams(engine: &Engine, output: Output) -> Result<Printed, Failure> {
    let (shared, differences) = engine.outside.compare_teams().await?;
    let out = match output {
        Output::Json => pretty(&json!({ "version": 1, "compared": shared, "differences": differences })),
        Output::Text if differences.is_empty() => format!("{shared} teams are the same on both sides\n"),
        Output::Text => differences.iter().map(|line| clean(line) + "\n").collect(),
    };
    Ok(Printed { out, code: u8::from(!differences.is_empty()), ..Printed::default() })
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
        && model.world.joined.services.iter().any(|row| row.verdict == SlaVerdict::Violated)
        || report == Report::Compliance && cross_project::lags(model)
        || report == Report::Migrations && cross_project::is_overdue(model);
    let code = failures.iter().map(|failure| failure.kind.exit_code()).max().unwrap_or(u8::from(violated));
    Printed { out, err, code }
}

/// Everything about one service.
fn print_service(model: &Model, name: &str, output: Output) -> Result<Printed, Failure> {
    let catalog = model.world.catalog.value.as_deref();
    let found = catalog.and_then(|catalog| Some((catalog, model.world.joined.service(name)?)));
    let Some((catalog, row)) = found else {
        let failure = Failure::usage(format!("there is no service `{}` in the catalog", clean(name)));
        let names = catalog.into_iter().flat_map(|catalog| catalog.services.keys());
        return Err(match nearest(name, names.map(crate::domain::name::ServiceName::as_str)) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint("`quarterdeck service list` shows them all"),
        });
    };
    let out = match output {
        Output::Text => service::text(model, catalog, row),
        Output::Json => pretty(&service::json(model, catalog, row)),
    };
    let failures = failures(model, needs(Report::Services));
    let err = failures.iter().map(|failure| failure.render() + "\n").collect();
    let code = failures.iter().map(|failure| failure.kind.exit_code()).max().unwrap_or_default();
    Ok(Printed { out, err, code })
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
    let validate = match &command {
        Command::Change(ChangeCommand::Validate { change, post }) => Some((change.clone(), *post)),
        _ => None,
    };
    // They bring the people of the main branch.
    let glass = matches!(
        &command,
        Command::Glass(_)
            | Command::Deployment(DeploymentCommand::Steer {
                steering: Steering::BreakGlass { .. } | Steering::Second,
                ..
            })
    );
    let changes = glass || matches!(command, Command::Change(_));
    let requests = validate.as_ref().is_some_and(|(_, post)| *post)
        || matches!(command, Command::Change(ChangeCommand::OpenRequest(_)));
    let needs = Needs { changes, ledger: true, remote: !rollback, requests, ..Needs::default() };
    settle(engine, needs).await?;
    engine.until(PATIENCE, |model| !model.operator.email.is_empty() || model.ui.notice.is_some()).await;
    engine.model.ui.notice = None;
    engine.command(command)?;

    if let Some((change, post)) = validate {
        let mut found = None;
        wait(engine, PATIENCE, |event| match event {
            Event::Validated(_, result) => {
                found = Some(result.clone());
                true
            }
            _ => false,
        })
        .await;
        let validation =
            found.unwrap_or_else(|| Err(Failure::unreachable("validation did not end in time")))?;
        let printed = check::print(
            &validation.findings,
            global.output.into(),
            global.color,
            false,
            check::Limit::default(),
        );
        if !post {
            return Ok(printed);
        }
        // Without the list of requests the comment would silently be left out.
        if let Some(failure) = failures(&engine.model, needs).first() {
            return Ok(with_failure(printed, failure));
        }
        engine.model.ui.overlays.clear();
        return Ok(match post_validation(engine, global, change, ask).await {
            // The findings are the data; what became of the posting stands beside them.
            Ok(posted) => Printed {
                out: printed.out,
                err: format!("{}{}{}", printed.err, posted.err, posted.out),
                code: if posted.code == 0 { printed.code } else { posted.code },
            },
            Err(failure) => with_failure(printed, &failure),
        });
    }

    confirm_and_run(engine, global, global.output, ask).await
}

/// Shows the plan that waits, asks, runs it, and prints how it ended.
async fn confirm_and_run(
    engine: &mut Engine,
    global: &Global,
    output: Output,
    ask: Ask<'_>,
) -> Result<Printed, Failure> {
    let (job, plan) = planned(engine).await?;
    let shown = render_plan(&plan);
    let mut err = String::new();
    // Before the deed, and whoever said yes beforehand sees it too.
    let expected = plan.confirm_by_typing.as_deref().unwrap_or("yes");
    match ask(&shown, (!global.yes).then_some(expected)) {
        Some(true) => {}
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
            return Ok(Printed { out: String::new(), err: shown + &failure.render() + "\n", code });
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
    let limit = match &plan.work {
        Work::Deploy { .. } | Work::Steer(_) => DEPLOYMENT_LIMIT,
        Work::RollbackTogether(rollbacks) => {
            RUN_LIMIT * u32::try_from(rollbacks.len()).unwrap_or(u32::MAX).min(48)
        }
        _ => RUN_LIMIT,
    };
    let ended = engine.until(limit, |model| is_over(model, job)).await;
    let state = engine.model.jobs.all.get(&job).map(|job| job.state.clone());
    let outcome = match state {
        Some(JobState::Done(result)) if ended => result?,
        _ => return Err(Failure::failed(format!("{} did not end in time", plan.title))),
    };
    let code = if outcome.verdict == Verdict::Pass { 0 } else { FailureKind::Failed.exit_code() };
    let out = match output {
        Output::Text => format!("{}\n", clean(&outcome.summary)),
        Output::Json => pretty(&json!({
            "id": outcome.incident,
            "action": plan.title,
            "verdict": outcome.verdict,
            "summary": outcome.summary,
            "commit": outcome.commit,
            "synced": outcome.synced,
            "deliveries": outcome.deliveries,
        })),
    };
    if !outcome.synced {
        err += "the ledger event waits in this clone; it reaches the remote with the next command that can\n";
    }
    Ok(Printed { out, err, code })
}

/// Posts a validation; what it prints in JSON would stand beside the findings, so it is told as text.
async fn post_validation(
    engine: &mut Engine,
    global: &Global,
    change: ChangeId,
    ask: Ask<'_>,
) -> Result<Printed, Failure> {
    engine.model.ui.notice = None;
    engine.command(Command::Change(ChangeCommand::Post(change)))?;
    confirm_and_run(engine, global, Output::Text, ask).await
}

/// What was printed, with why it did not go on.
fn with_failure(printed: Printed, failure: &Failure) -> Printed {
    Printed { err: printed.err + &failure.render() + "\n", code: failure.kind.exit_code(), ..printed }
}

pub(super) fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
