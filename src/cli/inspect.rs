//! `service pods`, `events` and `logs`: what runs of a service, as its cluster tells it.

use super::{
    arguments::Output,
    needs,
    oneshot::{Printed, pretty},
    table::table,
};
use crate::{
    action::{
        command::{Command, InspectCommand},
        run,
        spec::{ActionSpec, Arguments},
    },
    domain::{
        deployment::inspect::{LogRequest, Occurrence, Pod},
        units::format_duration,
    },
    engine::headless::Engine,
    error::{Failure, FailureKind},
};
use chrono::{DateTime, Duration, Utc};
use futures::StreamExt as _;
use serde_json::json;
use std::io::Write;

/// The command, if it goes on with what is written.
pub fn followed(action: &ActionSpec, arguments: &Arguments) -> Option<InspectCommand> {
    match (action.build)(arguments) {
        Ok(Command::Inspect(command @ InspectCommand::Logs { follow: true, .. })) => Some(command),
        _ => None,
    }
}

/// Writes a log as it is written, until it ends, `stopped`, or nobody reads any more. As JSON each line is a document.
///
/// # Errors
/// There is no such log, or it broke off.
pub async fn follow(
    engine: &mut Engine,
    output: Output,
    command: InspectCommand,
    out: &mut (dyn Write + Send),
    stopped: impl Future<Output = ()>,
) -> Result<Printed, Failure> {
    tokio::select! {
        ended = write_lines(engine, output, command, out) => ended,
        () = stopped => Ok(Printed { code: FailureKind::Interrupted.exit_code(), ..Printed::default() }),
    }
}

async fn write_lines(
    engine: &mut Engine,
    output: Output,
    command: InspectCommand,
    out: &mut (dyn Write + Send),
) -> Result<Printed, Failure> {
    let InspectCommand::Logs { service, environment, pod, container, previous, follow, tail } = command
    else {
        return Err(Failure::usage("only a log is followed"));
    };
    needs::catalog(engine).await?;
    let target = run::place(&engine.model, service.as_str(), environment.as_str())?;
    let cluster = engine.outside.cluster(&target.context)?;
    let pod = match pod {
        Some(pod) => pod,
        None => first(cluster.pods(&target).await?, service.as_str())?,
    };
    let request = LogRequest { pod, container, previous, follow, tail };
    let mut lines = cluster.logs(&target, &request).await?;
    while let Some(line) = lines.next().await {
        let line = line?;
        let text = match output {
            Output::Text => line,
            Output::Json => json!({ "version": 1, "pod": request.pod, "line": line }).to_string(),
        };
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            return Ok(Printed::default());
        }
    }
    Ok(Printed { err: format!("the log of {} has ended\n", request.pod), ..Printed::default() })
}

/// Runs one of them.
pub(super) async fn run(
    engine: &mut Engine,
    output: Output,
    command: InspectCommand,
) -> Result<Printed, Failure> {
    let (service, environment) = match &command {
        InspectCommand::Pods(service, environment)
        | InspectCommand::Events(service, environment)
        | InspectCommand::Logs { service, environment, .. } => (service.clone(), environment.clone()),
        _ => return Err(Failure::usage("this is for the console")),
    };
    needs::catalog(engine).await?;
    let target = run::place(&engine.model, service.as_str(), environment.as_str())?;
    let cluster = engine.outside.cluster(&target.context)?;
    let now = engine.outside.ports.clock.now();
    let out = match command {
        InspectCommand::Pods(..) => {
            let pods = cluster.pods(&target).await?;
            match output {
                Output::Text => pods_text(&pods, now),
                Output::Json => pretty(&json!({ "version": 1, "pods": pods })),
            }
        }
        InspectCommand::Events(..) => {
            let events = cluster.events(&target).await?;
            match output {
                Output::Text => events_text(&events, now),
                Output::Json => pretty(&json!({ "version": 1, "events": events })),
            }
        }
        InspectCommand::Logs { pod, container, previous, tail, .. } => {
            let pod = match pod {
                Some(pod) => pod,
                None => first(cluster.pods(&target).await?, service.as_str())?,
            };
            let request = LogRequest { pod, container, previous, follow: false, tail };
            let mut lines = cluster.logs(&target, &request).await?;
            let mut read = Vec::new();
            while let Some(line) = lines.next().await {
                read.push(line?);
            }
            match output {
                Output::Text => read.iter().map(|line| format!("{line}\n")).collect(),
                Output::Json => pretty(&json!({ "version": 1, "pod": request.pod, "lines": read })),
            }
        }
        _ => String::new(),
    };
    Ok(Printed { out, ..Printed::default() })
}

/// The pod that worries most.
fn first(pods: Vec<Pod>, service: &str) -> Result<String, Failure> {
    let first = pods.into_iter().next();
    first.map(|pod| pod.name).ok_or_else(|| {
        Failure::refused(format!("no pod of {service} runs there"))
            .hint("see why with `quarterdeck service events`")
    })
}

fn ago(now: DateTime<Utc>, moment: Option<DateTime<Utc>>) -> String {
    moment.map_or_else(|| "-".to_owned(), |moment| format_duration((now - moment).max(Duration::zero())))
}

fn pods_text(pods: &[Pod], now: DateTime<Utc>) -> String {
    let rows: Vec<Vec<String>> = pods
        .iter()
        .map(|pod| {
            let (ready, all) = pod.containers_ready;
            let restarts = match &pod.last_end {
                Some((at, why)) => format!("{} ({why} {} ago)", pod.restarts, ago(now, *at)),
                None => pod.restarts.to_string(),
            };
            vec![
                pod.name.clone(),
                pod.status.clone(),
                format!("{ready}/{all}"),
                restarts,
                pod.version.clone().unwrap_or_else(|| "-".to_owned()),
                ago(now, pod.since),
                pod.node.clone().unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect();
    table(&["pod", "status", ">ready", "restarts", "version", ">age", "node"], &rows)
}

fn events_text(events: &[Occurrence], now: DateTime<Utc>) -> String {
    let rows: Vec<Vec<String>> = events
        .iter()
        .map(|event| {
            vec![
                ago(now, event.last),
                if event.is_warning { "warning" } else { "normal" }.to_owned(),
                event.count.to_string(),
                event.reason.clone(),
                event.object.clone(),
                event.message.clone(),
            ]
        })
        .collect();
    table(&[">ago", "type", ">times", "reason", "object", "message"], &rows)
}
