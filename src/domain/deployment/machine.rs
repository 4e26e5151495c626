//! What a deployment does next: a pure function of what the ledger has, what is seen outside, and the time. Whoever
//! asks, console or agent, gets the same answer, so that either can go on after the other was cut off.

use super::{
    RolloutStatus,
    analysis::Analysis,
    gate::ReleaseGateStatus,
    job::JobState,
    order::{Leg, Stage},
    parameters::Parameters,
    precheck::{Check, summary, worst},
    record::{DeploymentRecord, Ending, Figures},
};
use crate::domain::{calendar::Closure, ledger::Verdict};
use chrono::{DateTime, Duration, Utc};

/// How long a claim on a leg lasts unless the leg itself takes longer.
const CLAIM: Duration = Duration::minutes(2);

/// How long a rollout must be failed until it counts: one that had run out of time leaves its condition behind
/// until the controller has looked again.
pub const FAILED_FOR: Duration = Duration::seconds(5);

/// How long the check after a deployment may find too little before a person is asked.
const POSTCHECK_TIME: Duration = Duration::minutes(2);

fn postcheck_time(parameters: &Parameters) -> Duration {
    let intervals = i32::try_from(parameters.intervals).unwrap_or(i32::MAX).saturating_add(2);
    parameters.interval.checked_mul(intervals).map_or(POSTCHECK_TIME, |enough| enough.max(POSTCHECK_TIME))
}

/// How long Git is tried to be settled while the remote cannot be reached, before a person is asked.
const SETTLE_TIME: Duration = Duration::hours(24);

/// How long a claim on a leg lasts: a command for its time limit and a little more; and Git, which waits for a remote
/// that is down, is not tried all the time.
pub fn claim(leg: &Leg, parameters: &Parameters) -> Duration {
    match leg.stage {
        // A Job is made and left: it is found again by whoever comes.
        Stage::Test(test) => parameters
            .test(test)
            .filter(|(means, _)| !means.is_job())
            .map_or(CLAIM, |(_, limit)| limit + CLAIM),
        Stage::Settle => Duration::minutes(15),
        _ => CLAIM,
    }
}

/// What is seen outside, as far as the next leg needs it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observations {
    /// Who looks: this process.
    pub holder: String,
    /// How far the step of the next leg is, or why the cluster cannot tell.
    pub status: Option<Result<RolloutStatus, String>>,
    /// Since when the cluster says that it failed.
    pub failed_since: Option<DateTime<Utc>>,
    /// How the gates stand.
    pub gates: Vec<ReleaseGateStatus>,
    /// Why the calendar is closed, while it is.
    pub closed: Option<Closure>,
    /// What opens gates and calendar all the same: broken glass.
    pub glass: Option<String>,
    /// The checks before or after.
    pub checks: Vec<Check>,
    /// What the metrics say of the new version, where it has traffic.
    pub analysis: Option<Analysis>,
    /// Since when this process looks at the metrics of the step: who came later needs its time, too.
    pub watched_since: Option<DateTime<Utc>>,
    /// Critical incidents of the service that began after the deployment did.
    pub incidents: Vec<String>,
    /// The Job of a test that runs in the cluster, or why the cluster cannot tell; `None` where the test is no Job.
    pub job: Option<Result<Option<JobState>, String>>,
    /// Whether the main branch does not ask for the version any more.
    pub is_settled: bool,
}

/// How long it may be until something can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Soon: whoever looks on may stay.
    Seconds,
    /// For hours, or until a person acts.
    Hours,
}

/// What is done next.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Nothing yet.
    Wait {
        /// How long it may be.
        patience: Patience,
        /// When it is worth looking again, where that is known.
        until: Option<DateTime<Utc>>,
        /// What is waited for.
        why: String,
    },
    /// Claim a leg and do it; `again` when somebody else had begun and fell silent.
    Begin {
        /// Which leg.
        leg: Leg,
        /// Whether it was begun before.
        again: bool,
    },
    /// A leg is over.
    Judge {
        /// Which leg.
        leg: Leg,
        /// How it came out.
        verdict: Verdict,
        /// What was seen.
        detail: String,
        /// What was measured.
        figures: Option<Figures>,
    },
    /// A Job is over: keep what it said, and judge by how it ended.
    Collect {
        /// Which leg.
        leg: Leg,
        /// Why it failed; `None` when it passed.
        failed: Option<String>,
    },
    /// A person must say how it goes on.
    Hold {
        /// What could not be judged, or failed.
        verdict: Verdict,
        /// Why.
        reason: String,
    },
    /// It is over.
    Finish {
        /// In which way.
        ending: Ending,
        /// In a sentence.
        detail: String,
    },
    /// It was over already.
    Over,
}

impl Decision {
    /// Whether it takes the deployment on towards its end, instead of waiting, holding it or finding it bad.
    pub const fn goes_on(&self) -> bool {
        !matches!(self, Self::Wait { .. } | Self::Hold { .. } | Self::Judge { verdict: Verdict::Fail, .. })
    }
}

/// What is done next.
pub fn next(
    record: &DeploymentRecord,
    seen: &Observations,
    parameters: &Parameters,
    now: DateTime<Utc>,
) -> Decision {
    if !record.is_open() {
        return Decision::Over;
    }
    let Some(leg) = record.next_leg() else { return ending(record) };
    // What has traffic may be taken back in every phase, also while it waits for somebody.
    if record.is_exposed()
        && let Some(analysis) = seen.analysis.as_ref().filter(|analysis| analysis.verdict == Verdict::Fail)
    {
        return fail(leg, analysis.detail.clone(), Some(analysis.figures.clone()));
    }
    if let Some(held) = &record.held {
        return wait(Patience::Hours, None, format!("held: {}", held.reason));
    }
    match leg.stage {
        Stage::Gates => gates(leg, seen),
        Stage::Schedule => schedule(record, leg, seen, now),
        Stage::Precheck => match worst(&seen.checks) {
            Verdict::Pass => {
                let glass = seen.glass.as_ref().map_or_else(String::new, |glass| format!("; {glass}"));
                pass(leg, summary(&seen.checks) + &glass, None)
            }
            verdict => hold(verdict, format!("precheck: {}", summary(&seen.checks))),
        },
        Stage::Step(_) | Stage::Undo => step(record, leg, seen, now),
        // What is seen counts before what was answered: a step that was not taken may have been needless.
        Stage::Health(_) | Stage::Undone => match (&seen.status, refused(record, &leg)) {
            (Some(Ok(RolloutStatus::Complete(_))), _) | (_, None) => {
                health(record, leg, seen, parameters, now)
            }
            (_, Some(why)) => fail(leg, why, None),
        },
        Stage::Test(test) => match &seen.job {
            None => deed(record, leg, seen, now),
            Some(found) => {
                let limit = parameters.test(test).map_or(CLAIM, |(_, limit)| limit + CLAIM);
                job(record, leg, (found, seen), limit, now)
            }
        },
        Stage::Analysis(_) => analysis(record, leg, seen, (parameters, parameters.step_time), now),
        Stage::Postcheck => match worst(&seen.checks) {
            Verdict::Pass => pass(leg, summary(&seen.checks), None),
            Verdict::Fail => fail(leg, summary(&seen.checks), None),
            _ if now - record.since() < postcheck_time(parameters) || needs_time(seen, parameters, now) => {
                wait(Patience::Seconds, None, summary(&seen.checks))
            }
            verdict => hold(verdict, format!("postcheck: {}", summary(&seen.checks))),
        },
        Stage::Watch => match seen.incidents.first() {
            Some(incident) => fail(leg, format!("a critical incident: {incident}"), None),
            None => analysis(record, leg, seen, (parameters, parameters.watch), now),
        },
        Stage::Incident | Stage::Quarantine => Decision::Begin { leg, again: false },
        // One that was begun is finished: the ledger may not know of it yet.
        Stage::Settle if seen.is_settled && record.running.is_none() => {
            pass(leg, format!("Git does not say {} any more", record.order.version), None)
        }
        Stage::Settle => match &record.running {
            Some(running) if now < running.until => {
                let until = running.until.format("%H:%M:%S UTC");
                let why = if running.holder == seen.holder {
                    format!("Git waits for the remote, and is tried again at {until}")
                } else {
                    // Whoever began it may be at it still, or have died over it.
                    format!(
                        "{} settles Git; if nothing comes of it, it is tried again at {until}",
                        running.by.name
                    )
                };
                wait(Patience::Hours, Some(running.until), why)
            }
            Some(_)
                if !seen.is_settled
                    && record.turned_at().is_some_and(|turned| now - turned > SETTLE_TIME) =>
            {
                hold(Verdict::Error, format!("Git still says {}: settle it by hand", record.order.version))
            }
            running => Decision::Begin { again: running.is_some(), leg },
        },
    }
}

const fn wait(patience: Patience, until: Option<DateTime<Utc>>, why: String) -> Decision {
    Decision::Wait { patience, until, why }
}

const fn pass(leg: Leg, detail: String, figures: Option<Figures>) -> Decision {
    Decision::Judge { leg, verdict: Verdict::Pass, detail, figures }
}

const fn fail(leg: Leg, detail: String, figures: Option<Figures>) -> Decision {
    Decision::Judge { leg, verdict: Verdict::Fail, detail, figures }
}

const fn hold(verdict: Verdict, reason: String) -> Decision {
    Decision::Hold { verdict, reason }
}

/// All legs are over: how it ended.
fn ending(record: &DeploymentRecord) -> Decision {
    let order = &record.order;
    let (service, version) = (&order.service, &order.version);
    let stuck = record.behind().iter().find(|judged| judged.verdict == Verdict::Fail);
    if let Some(judged) = stuck.filter(|_| record.is_retreating() && !record.is_accepted) {
        let reason = format!("the way back failed at {}: {}", judged.leg, judged.detail);
        return match &record.held {
            Some(_) => wait(Patience::Hours, None, reason),
            None => hold(Verdict::Fail, reason),
        };
    }
    let (ending, detail) = match (&record.cancelled, &record.failed) {
        (_, Some(failed)) => {
            (Ending::RolledBack, format!("{service} {version} failed at {}: {}", failed.leg, failed.detail))
        }
        (Some((reason, ..)), None) => (Ending::Cancelled, format!("{service} {version}: {reason}")),
        (None, None) => {
            let places: Vec<&str> = order.places.iter().map(|place| place.environment.as_str()).collect();
            (Ending::Done, format!("{service} runs {version} in {}", places.join(", ")))
        }
    };
    Decision::Finish { ending, detail }
}

fn gates(leg: Leg, seen: &Observations) -> Decision {
    if let Some(glass) = &seen.glass {
        return pass(leg, glass.clone(), None);
    }
    let closed: Vec<&ReleaseGateStatus> = seen.gates.iter().filter(|gate| !gate.is_open).collect();
    if closed.is_empty() && !seen.gates.is_empty() {
        let words: Vec<String> =
            seen.gates.iter().map(|gate| format!("{}: {}", gate.gate, gate.detail)).collect();
        return pass(leg, words.join(", "), None);
    }
    let words: Vec<String> = closed.iter().map(|gate| format!("{}: {}", gate.gate, gate.detail)).collect();
    wait(Patience::Hours, None, words.join("; "))
}

fn schedule(record: &DeploymentRecord, leg: Leg, seen: &Observations, now: DateTime<Utc>) -> Decision {
    if let Some(at) = record.order.not_before.filter(|at| now < *at) {
        return wait(Patience::Hours, Some(at), format!("scheduled for {}", at.format("%F %H:%M UTC")));
    }
    match &seen.closed {
        Some(closure) if record.order.window && seen.glass.is_none() => {
            let why = format!("{}; {}", closure.words(), closure.opening());
            wait(Patience::Hours, closure.next_opening, why)
        }
        _ => pass(leg, format!("its time came {}", now.format("%F %H:%M UTC")), None),
    }
}

/// A leg that changes a cluster: never sent again by who sent it, and by others only when the cluster does not show
/// its end and the claim has lapsed.
fn step(record: &DeploymentRecord, leg: Leg, seen: &Observations, now: DateTime<Utc>) -> Decision {
    if let (Some(Ok(RolloutStatus::Complete(words))), Some(_)) = (&seen.status, &record.running) {
        return pass(leg, words.clone(), None);
    }
    if let Some(running) = record.running.as_ref().filter(|running| running.holder == seen.holder) {
        // It was sent from here and not answered.
        return if now < running.until {
            wait(
                Patience::Seconds,
                Some(running.until),
                "no answer; looking whether it was applied".to_owned(),
            )
        } else {
            let last = match &seen.status {
                Some(Ok(RolloutStatus::Progressing(words) | RolloutStatus::Failed(words))) => words.clone(),
                Some(Err(why)) => why.clone(),
                _ => "nothing is seen".to_owned(),
            };
            hold(Verdict::Error, format!("whether {leg} was applied is unknown: {last}"))
        };
    }
    deed(record, leg, seen, now)
}

/// A leg that one process does: begun, waited for, or taken over after its claim has lapsed.
fn deed(record: &DeploymentRecord, leg: Leg, seen: &Observations, now: DateTime<Utc>) -> Decision {
    match &record.running {
        None => Decision::Begin { leg, again: false },
        Some(running) if now < running.until && running.holder != seen.holder => {
            let why = format!("{} does {leg}", running.by.name);
            wait(Patience::Seconds, Some(running.until), why)
        }
        Some(_) => Decision::Begin { leg, again: true },
    }
}

/// A test that runs in the cluster. Whoever finds its Job goes on from there.
fn job(
    record: &DeploymentRecord,
    leg: Leg,
    (found, seen): (&Result<Option<JobState>, String>, &Observations),
    limit: Duration,
    now: DateTime<Utc>,
) -> Decision {
    let Some(running) = &record.running else { return Decision::Begin { leg, again: false } };
    let is_late = now - running.at >= limit;
    match found {
        Ok(None) if is_late => hold(
            Verdict::Error,
            format!("the Job of {leg} is not there any more, and nobody saw how it ended"),
        ),
        Ok(None) => deed(record, leg, seen, now),
        Ok(Some(JobState::Passed)) => Decision::Collect { leg, failed: None },
        Ok(Some(JobState::Failed(why))) => Decision::Collect { leg, failed: Some(why.clone()) },
        Ok(Some(JobState::Running(words))) if !is_late => wait(Patience::Seconds, None, words.clone()),
        Err(why) if !is_late => wait(Patience::Seconds, None, why.clone()),
        Ok(Some(JobState::Running(why))) | Err(why) => {
            hold(Verdict::Error, format!("{leg} did not end in time: {why}"))
        }
    }
}

/// Why the end of a step on the way back is not waited for: the cluster did not take it. Who is asked should know at once.
fn refused(record: &DeploymentRecord, leg: &Leg) -> Option<String> {
    let stage = match leg.stage {
        Stage::Health(step) => Stage::Step(step),
        _ => Stage::Undo,
    };
    let step = Leg { stage, environment: leg.environment.clone() };
    let judged = record.result(&step).filter(|judged| judged.verdict == Verdict::Fail)?;
    record.is_retreating().then(|| format!("{step} was {}", judged.detail))
}

fn health(
    record: &DeploymentRecord,
    leg: Leg,
    seen: &Observations,
    parameters: &Parameters,
    now: DateTime<Utc>,
) -> Decision {
    let late = now - record.since() >= parameters.health_time;
    match &seen.status {
        Some(Ok(RolloutStatus::Complete(words))) => pass(leg, words.clone(), None),
        Some(Ok(RolloutStatus::Failed(why)))
            if late || seen.failed_since.is_some_and(|since| now - since >= FAILED_FOR) =>
        {
            fail(leg, why.clone(), None)
        }
        Some(Ok(RolloutStatus::Progressing(words))) if late => {
            fail(leg, format!("not ready in time: {words}"), None)
        }
        Some(Ok(RolloutStatus::Progressing(words) | RolloutStatus::Failed(words))) => {
            wait(Patience::Seconds, None, words.clone())
        }
        // Nothing can be put back in a cluster that does not answer; and no data is no verdict.
        Some(Err(why)) if late => hold(Verdict::Error, format!("{leg}: the cluster cannot tell: {why}")),
        Some(Err(why)) => wait(Patience::Seconds, None, why.clone()),
        None => wait(Patience::Seconds, None, "looking".to_owned()),
    }
}

fn analysis(
    record: &DeploymentRecord,
    leg: Leg,
    seen: &Observations,
    (parameters, time): (&Parameters, Duration),
    now: DateTime<Utc>,
) -> Decision {
    // A release that stands no more needs no metrics to be bad.
    if let Some(Ok(RolloutStatus::Failed(why))) = &seen.status
        && seen.failed_since.is_some_and(|since| now - since >= FAILED_FOR)
    {
        return fail(leg, why.clone(), None);
    }
    let end = record.since() + time;
    let patience = if time > Duration::minutes(30) { Patience::Hours } else { Patience::Seconds };
    let Some(analysis) = &seen.analysis else {
        return wait(patience, Some(end), "waiting for metrics".to_owned());
    };
    match analysis.verdict {
        Verdict::Fail => fail(leg, analysis.detail.clone(), Some(analysis.figures.clone())),
        _ if now < end => wait(patience, Some(end), analysis.detail.clone()),
        Verdict::Pass => pass(leg, analysis.detail.clone(), Some(analysis.figures.clone())),
        _ if needs_time(seen, parameters, now) => wait(Patience::Seconds, None, analysis.detail.clone()),
        verdict => hold(verdict, format!("{leg} cannot be judged: {}", analysis.detail)),
    }
}

/// Whether this process has looked for too short a time to have seen enough intervals: it came after another one, and
/// what that one saw is lost.
fn needs_time(seen: &Observations, parameters: &Parameters, now: DateTime<Utc>) -> bool {
    let intervals = i32::try_from(parameters.intervals).unwrap_or(i32::MAX).saturating_add(1);
    let enough = parameters.interval.checked_mul(intervals).unwrap_or(parameters.step_time);
    seen.watched_since.is_some_and(|since| now - since < enough)
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
