//! What runs of one service, looked at closely: its pods, what the cluster says happened to them, and their logs.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// As `kubectl get pods` says it: `Running`, `CrashLoopBackOff`, `Terminating`, …
    pub status: String,
    /// Whether it can answer requests.
    pub is_ready: bool,
    /// How many of its containers are ready, and how many there are.
    pub containers_ready: (usize, usize),
    /// How often its containers were started again, all together.
    pub restarts: u32,
    /// When and why one of them ended last, such as `OOMKilled (137)`.
    pub last_end: Option<(Option<DateTime<Utc>>, String)>,
    /// Since when it is there.
    pub since: Option<DateTime<Utc>>,
    /// Its version, as of a workload.
    pub version: Option<String>,
    /// The machine that it runs on.
    pub node: Option<String>,
    /// The names of its containers, the first one first.
    pub containers: Vec<String>,
}

impl Pod {
    /// Whether something is wrong with it.
    pub fn is_worrying(&self) -> bool {
        !self.is_ready && !matches!(self.status.as_str(), "Completed" | "Terminating")
    }
}

/// What the cluster says happened to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Occurrence {
    /// Whether it is a warning.
    pub is_warning: bool,
    /// A word, such as `Unhealthy`.
    pub reason: String,
    /// What happened, in a sentence.
    pub message: String,
    /// To what, such as `pod/api-5f4-abcde`.
    pub object: String,
    /// How often.
    pub count: u32,
    /// When last.
    pub last: Option<DateTime<Utc>>,
}

/// Which log is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRequest {
    /// Of which pod.
    pub pod: String,
    /// Of which container; of the only one, or the first, if `None`.
    pub container: Option<String>,
    /// Of the container that ran before, which ended.
    pub previous: bool,
    /// Whether to stay and read what is written from now on.
    pub follow: bool,
    /// How many of the newest lines to begin with.
    pub tail: u32,
}

/// How many lines a log begins with, unless said.
pub const LOG_TAIL: u32 = 500;
/// How many lines of a followed log are kept.
pub const LOG_KEPT: usize = 5_000;
/// How long a line may be, in bytes; the rest of a longer one is dropped.
pub const LOG_LINE: usize = 8 * 1024;
