//! The outside world behind the ports: Git and time.

pub mod clock;
pub mod git;
