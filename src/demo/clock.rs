//! The simulated platform's clock: a given start and the monotonic time since.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tokio::time::Instant;

/// Wall time as the simulated servers know it; made in one place, and copied to all of them.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    started: Instant,
    origin: DateTime<Utc>,
}

impl Time {
    /// A clock that shows `origin` at this moment and runs on from there.
    pub fn starting_at(origin: DateTime<Utc>) -> Self {
        Self { started: Instant::now(), origin }
    }

    /// What the clock shows now.
    pub fn now(&self) -> DateTime<Utc> {
        self.origin + TimeDelta::from_std(self.started.elapsed()).unwrap_or(TimeDelta::zero())
    }

    /// What the clock showed at the start.
    pub fn origin(&self) -> DateTime<Utc> {
        self.origin
    }

    /// Seconds since the start, with fractions.
    pub fn elapsed(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Now, as Kubernetes writes a `Time`.
    pub fn stamp(&self) -> String {
        stamp(self.now())
    }
}

/// A moment as Kubernetes writes a `Time`: whole seconds, `Z`.
pub fn stamp(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}
