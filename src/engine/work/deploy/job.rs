//! Tests that run in the cluster: making the Job of one, finding it again, and keeping what it printed.

use super::{Situation, perform};
use crate::{
    domain::{
        catalog::Target,
        deployment::{
            job::{JobBody, JobDraft, JobMark, JobState},
            order::{Leg, Stage, Test},
            parameters::TestMeans,
        },
        ledger::Verdict,
    },
    engine::Outside,
    error::{Failure, FailureKind},
};

/// The test of a leg that runs in the cluster.
fn test_of<'s>(situation: &'s Situation, leg: &Leg) -> Option<(Test, &'s TestMeans, chrono::Duration)> {
    let Stage::Test(test) = leg.stage else { return None };
    let (means, limit) = situation.parameters.test(test)?;
    means.is_job().then_some((test, means, limit))
}

/// Where the test of a leg runs, and what its Job is found by.
fn place(situation: &Situation, leg: &Leg, test: Test) -> Result<(Target, JobMark), Failure> {
    let environment =
        leg.environment.as_ref().ok_or_else(|| Failure::failed(format!("{leg} has no place")))?;
    let record = &situation.record;
    let mark = JobMark::of(&record.id, record.started_at, &record.order, test, environment);
    Ok((situation.target(environment)?, mark))
}

/// How the Job of a leg is; `None` where the leg is none.
pub(super) async fn look(
    outside: &Outside,
    situation: &Situation,
    leg: &Leg,
) -> Option<Result<Option<JobState>, String>> {
    let (test, ..) = test_of(situation, leg)?;
    let asked = async {
        let (target, mark) = place(situation, leg, test)?;
        outside.cluster(&target.context)?.find_job(&target, &mark).await
    };
    Some(asked.await.map_err(|failure| failure.to_string()))
}

/// Makes the Job of a leg, unless it is there; `None` where the leg is none.
pub(super) async fn start(
    outside: &Outside,
    situation: &Situation,
    leg: &Leg,
) -> Option<Result<String, Failure>> {
    let (test, means, limit) = test_of(situation, leg)?;
    Some(made(outside, situation, leg, (test, means, limit)).await)
}

async fn made(
    outside: &Outside,
    situation: &Situation,
    leg: &Leg,
    (test, means, limit): (Test, &TestMeans, chrono::Duration),
) -> Result<String, Failure> {
    let (target, mark) = place(situation, leg, test)?;
    let cluster = outside.cluster(&target.context)?;
    let name = mark.name.clone();
    if cluster.find_job(&target, &mark).await?.is_some() {
        return Ok(format!("the Job {name} is there already"));
    }
    let variables = perform::variables(situation, &target);
    let filled = |text: &str| {
        let order = situation.order();
        text.replace("<service>", order.service.as_str())
            .replace("<version>", &order.version)
            .replace("<environment>", target.environment.as_str())
            .replace("<namespace>", &target.namespace)
    };
    let body = match means {
        TestMeans::Image(image, command) => JobBody::Image {
            image: filled(image),
            command: command.iter().map(|word| filled(word)).collect(),
        },
        TestMeans::Manifest(path) => {
            JobBody::Manifest { path: path.clone(), text: filled(&manifest(outside, path).await?) }
        }
        TestMeans::Command(_) => return Err(Failure::failed(format!("{leg} is a command"))),
    };
    match cluster.start_job(&target, &JobDraft { mark: mark.clone(), body, variables, limit }).await {
        Ok(()) => Ok(format!("the Job {name} is made in {}", target.namespace)),
        // Somebody was faster, if it is the same one. Another one of that name is never mistaken for it.
        Err(failure) if failure.kind == FailureKind::Conflict => {
            match cluster.find_job(&target, &mark).await? {
                Some(_) => Ok(format!("the Job {name} is there already")),
                None => Err(Failure::refused(format!(
                    "{} has a Job {name} already that is not this test's",
                    target.namespace
                ))
                .hint("delete it, or take its changed labels back")),
            }
        }
        Err(failure) => Err(failure),
    }
}

/// The text of a manifest, as the main branch has it.
async fn manifest(outside: &Outside, path: &str) -> Result<String, Failure> {
    let repository = &outside.ports.repository;
    let main = outside.main_branch().await?;
    let tip = repository
        .branch(&main)
        .await?
        .ok_or_else(|| Failure::configuration(format!("there is no branch {main} to read {path} from")))?;
    let bytes = repository.read(&tip, path).await.map_err(|failure| {
        Failure::configuration(format!("{path} cannot be read on {main}"))
            .cause(failure.to_string())
            .hint("correct its path under [tests]")
    })?;
    String::from_utf8(bytes).map_err(|_| Failure::configuration(format!("{path} is no text")))
}

/// Keeps what the Job of a leg printed, and tells how it ended in words.
pub(super) async fn collect(
    outside: &Outside,
    situation: &Situation,
    leg: &Leg,
    failed: Option<&str>,
) -> (Verdict, String) {
    let log = async {
        let Stage::Test(test) = leg.stage else { return Err(Failure::failed(format!("{leg} is no test"))) };
        let (target, mark) = place(situation, leg, test)?;
        let printed = outside.cluster(&target.context)?.job_log(&target, &mark).await?;
        let name = (situation.record.id.to_string(), test.as_str().to_owned());
        outside.ports.commands.keep(&name, &printed).await?;
        Ok::<String, Failure>(printed)
    };
    let verdict = if failed.is_some() { Verdict::Fail } else { Verdict::Pass };
    let detail = match log.await {
        Ok(tail) => perform::with_tail(failed.unwrap_or("passed"), &tail),
        Err(failure) => {
            let how = failed.unwrap_or("passed");
            format!("{how}; its log could not be kept: {failure}")
        }
    };
    (verdict, detail)
}
