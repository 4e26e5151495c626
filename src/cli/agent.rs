//! `quarterdeck agent --once`: one look, for tests and for cron.

use super::{
    arguments::Output,
    needs::came,
    oneshot::{PATIENCE, Printed, pretty},
};
use crate::{
    domain::{ledger::Verdict, text::clean},
    engine::{
        agent::{Agent, Deed, Snapshot},
        headless::Engine,
        update,
    },
    error::{Failure, FailureKind},
    model::{
        Model,
        event::{Event, SourceUpdate},
    },
};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// What the agent is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Look once, and end.
    pub once: bool,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Where its endpoints are.
    pub listen: Option<SocketAddr>,
}

/// Looks once, does what is due unless it is only to be said, and releases the lead.
///
/// # Errors
/// The sources that everything depends on did not answer, or the lead could not be asked for.
pub async fn once(
    mut agent: Agent,
    mut watching: Engine,
    options: Options,
    output: Output,
) -> Result<Printed, Failure> {
    // An answer from before the fetch would be somebody else's yesterday.
    let fetched = watching.outside.ports.repository.fetch().await;
    watching.apply(Event::Source(SourceUpdate::Remote(fetched)));
    watching.start_sources_of_an_agent();
    watching.until(PATIENCE, is_settled).await;
    update::settle(&mut watching.model);
    let world = &watching.model.world;
    if let Some(failure) = [&world.catalog.failure, &world.ledger.failure].into_iter().flatten().next() {
        return Err(failure.clone());
    }
    if world.catalog.value.is_none() || world.ledger.value.is_none() {
        return Err(Failure::unreachable("the control repository could not be read in time"));
    }
    let seen = Snapshot::of(&watching.model);
    if options.dry_run {
        return Ok(planned(&mut agent, &seen, output).await);
    }
    if let Err(failure) = agent.take().await {
        return match failure.kind {
            // Somebody else looks after it: that is as it should be.
            FailureKind::Refused => Ok(Printed { err: failure.render() + "\n", ..Printed::default() }),
            _ => Err(failure),
        };
    }
    let deeds = agent.round(&seen).await;
    let released = agent.leader().release().await;
    let mut printed = done(&deeds, output);
    if let Err(failure) = released {
        printed.err += &(failure.render() + "\n");
    }
    Ok(printed)
}

fn is_settled(model: &Model) -> bool {
    let world = &model.world;
    let Some(catalog) = &world.catalog.value else { return came(&world.catalog) };
    came(&world.ledger)
        && came(&world.changes)
        && (catalog.settings.forge.is_none() || came(&world.requests))
        && (!catalog.settings.agent.restore || came(&world.main))
}

async fn planned(agent: &mut Agent, seen: &Snapshot, output: Output) -> Printed {
    let plans = agent.plans(seen).await;
    let out = match output {
        Output::Json => {
            let list: Vec<Value> = plans
                .iter()
                .map(|(reconciler, plan)| match plan {
                    Ok(plan) => json!({
                        "reconciler": reconciler,
                        "action": plan.title,
                        "steps": plan.steps,
                    }),
                    Err(failure) => json!({ "reconciler": reconciler, "refused": failure.to_string() }),
                })
                .collect();
            pretty(&json!({ "version": 1, "dry_run": true, "commands": list }))
        }
        Output::Text if plans.is_empty() => "nothing is due\n".to_owned(),
        Output::Text => plans
            .iter()
            .map(|(reconciler, plan)| match plan {
                Ok(plan) => {
                    let steps = plan.steps.iter();
                    let steps: String = steps
                        .map(|step| format!("  {} {}\n", clean(&step.title), clean(&step.object)))
                        .collect();
                    format!("{reconciler}: {}\n{steps}", clean(&plan.title))
                }
                Err(failure) => format!("{reconciler}: not possible: {}\n", clean(&failure.to_string())),
            })
            .collect(),
    };
    Printed { out, ..Printed::default() }
}

fn done(deeds: &[Deed], output: Output) -> Printed {
    let out = match output {
        Output::Json => {
            let list: Vec<Value> = deeds
                .iter()
                .map(|deed| match &deed.result {
                    Ok(outcome) => json!({
                        "reconciler": deed.reconciler,
                        "action": deed.title,
                        "verdict": outcome.verdict,
                        "summary": outcome.summary,
                        "commit": outcome.commit,
                        "synced": outcome.synced,
                        "deliveries": outcome.deliveries,
                    }),
                    Err(failure) => json!({
                        "reconciler": deed.reconciler,
                        "action": deed.title,
                        "failure": failure.to_string(),
                        "causes": failure.causes,
                    }),
                })
                .collect();
            pretty(&json!({ "version": 1, "dry_run": false, "commands": list }))
        }
        Output::Text if deeds.is_empty() => "nothing is due\n".to_owned(),
        Output::Text => deeds
            .iter()
            .map(|deed| match &deed.result {
                Ok(outcome) => format!("{}: {}\n", deed.reconciler, clean(&outcome.summary)),
                Err(failure) => {
                    format!("{}: {}: {}\n", deed.reconciler, clean(&deed.title), clean(&failure.to_string()))
                }
            })
            .collect(),
    };
    let is_bad = |deed: &Deed| match &deed.result {
        Ok(outcome) => outcome.verdict != Verdict::Pass,
        Err(failure) => {
            !matches!(failure.kind, FailureKind::Refused | FailureKind::Conflict | FailureKind::Interrupted)
        }
    };
    let code = if deeds.iter().any(is_bad) { FailureKind::Failed.exit_code() } else { 0 };
    Printed { out, code, ..Printed::default() }
}
