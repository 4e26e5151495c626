//! The one-shot face: arguments from the registry, output as text or JSON, exit codes.

pub mod arguments;
pub mod oneshot;
pub mod reference;
pub mod render;
pub mod report;
#[cfg(test)]
mod rule_fixtures;
pub mod table;
