//! The one-shot face: what the command line prints.

pub mod render;
#[cfg(test)]
mod rule_fixtures;
