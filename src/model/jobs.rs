//! What is running: one job per plan, validation or run.

use crate::{
    domain::plan::{Outcome, Plan, Progress},
    error::Failure,
};
use chrono::{DateTime, Utc};
use std::{collections::BTreeMap, sync::Arc};

/// Names a job for as long as the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// How far a job is.
#[derive(Debug, Clone, PartialEq)]
pub enum JobState {
    /// Finding out what would be done.
    Planning,
    /// Doing it.
    Running,
    /// Over.
    Done(Result<Outcome, Failure>),
}

/// One job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// What it works on; two jobs with one key never run at once.
    pub key: String,
    /// What it does, for people.
    pub title: String,
    /// The plan that it runs.
    pub plan: Option<Arc<Plan>>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// What was seen last in each step, in the order of the plan's steps.
    pub progress: Vec<Progress>,
    /// How far it is.
    pub state: JobState,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
}

/// All jobs of this session.
#[derive(Debug, Clone, Default)]
pub struct Jobs {
    next: u64,
    /// Jobs by id; the last few finished ones stay for the bottom strip.
    pub all: BTreeMap<JobId, Job>,
}

/// How many finished jobs are kept.
const KEPT: usize = 20;

impl Jobs {
    /// Opens a job, unless one with its key is still running: then gives that one's id as the error.
    pub fn open(
        &mut self,
        key: String,
        title: String,
        state: JobState,
        now: DateTime<Utc>,
    ) -> Result<JobId, JobId> {
        if let Some(job) = self.running().find(|job| job.key == key) {
            return Err(job.id);
        }
        self.next += 1;
        let id = JobId(self.next);
        self.all.insert(
            id,
            Job { id, key, title, plan: None, started: now, progress: Vec::new(), state, ended: None },
        );
        while self.all.len() > KEPT {
            let Some(oldest) = self.all.values().find(|job| matches!(job.state, JobState::Done(_))) else {
                break;
            };
            let oldest = oldest.id;
            self.all.remove(&oldest);
        }
        Ok(id)
    }

    /// Jobs that are not over.
    pub fn running(&self) -> impl Iterator<Item = &Job> {
        self.all.values().filter(|job| !matches!(job.state, JobState::Done(_)))
    }

    /// Forgets a job that never did anything (a plan that was dropped).
    pub fn forget(&mut self, id: JobId) {
        self.all.remove(&id);
    }

    /// Notes progress of a running job.
    pub fn progress(&mut self, id: JobId, progress: Progress) {
        let Some(job) = self.all.get_mut(&id) else { return };
        match job.progress.iter_mut().find(|known| known.step == progress.step) {
            Some(known) => *known = progress,
            None => job.progress.push(progress),
        }
    }

    /// Ends a job.
    pub fn finish(&mut self, id: JobId, result: Result<Outcome, Failure>, now: DateTime<Utc>) {
        if let Some(job) = self.all.get_mut(&id) {
            job.state = JobState::Done(result);
            job.ended = Some(now);
        }
    }
}
