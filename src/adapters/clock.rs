//! The system's clock: the only place where the program asks what time it is.

use crate::ports::Clock;
use chrono::{DateTime, Utc};

/// The machine's own time.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the module that the ban points to")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
