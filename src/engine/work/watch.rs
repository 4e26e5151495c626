//! Watching a cluster until it is as it was asked to be.

use super::Reporter;
use crate::{
    domain::{deployment::RolloutStatus, ledger::Verdict},
    error::Failure,
    ports::Answer,
};
use std::time::Duration;
use tokio::time::Instant;

/// How long the cluster may take until it counts as failed. The same as Kubernetes' own default of
/// `progressDeadlineSeconds`.
const DEADLINE: Duration = Duration::from_mins(10);
/// How long to look whether a change that was never answered was applied.
const UNANSWERED_DEADLINE: Duration = Duration::from_mins(1);
/// How long it must be failed until it counts: what had run out of time leaves its condition behind until the
/// controller has looked again, so one look alone proves nothing.
const FAILED_FOR: Duration = Duration::from_secs(5);
/// Time between two looks at the cluster.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Looks until it is done, and gives what is seen then. A cluster that does not answer for a while is asked again until
/// the deadline: the change is made, only the view of it is missing. `unanswered` is why nobody knows whether it is.
///
/// # Errors
/// How it came out otherwise, in words: it failed, or nobody can tell.
pub(super) async fn until_done<'a>(
    look: impl Fn() -> Answer<'a, RolloutStatus> + Send + Sync,
    unanswered: Option<&Failure>,
    (report, step): (&Reporter, usize),
) -> Result<String, (Verdict, String)> {
    let limit = if unanswered.is_some() { UNANSWERED_DEADLINE } else { DEADLINE };
    let deadline = Instant::now() + limit;
    let mut failed_since: Option<Instant> = None;
    loop {
        let (last, has_failed) = match look().await {
            Ok(RolloutStatus::Complete(seen)) => {
                report.step(step, seen.clone()).await;
                return Ok(seen);
            }
            Ok(RolloutStatus::Failed(why)) => {
                let since = *failed_since.get_or_insert_with(Instant::now);
                (why, since.elapsed() >= FAILED_FOR)
            }
            Ok(RolloutStatus::Progressing(seen)) => {
                failed_since = None;
                (seen, false)
            }
            Err(failure) => (failure.to_string(), false),
        };
        report.step(step, last.clone()).await;
        let is_late = Instant::now() >= deadline;
        if has_failed || is_late {
            let why =
                if has_failed { last } else { format!("not done after {} seconds: {last}", limit.as_secs()) };
            return Err(match unanswered {
                Some(failure) => {
                    (Verdict::Error, format!("whether it was applied is unknown: {failure}; then {why}"))
                }
                None => (Verdict::Fail, why),
            });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
