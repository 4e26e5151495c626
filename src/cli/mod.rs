//! The one-shot face: arguments from the registry, output as text or JSON, exit codes.

pub mod agent;
pub mod arguments;
mod awaited;
pub mod calendar;
mod change;
pub mod check;
pub mod cross_project;
mod deployment;
pub mod explain;
pub mod fingerprint;
pub mod github;
pub mod gitlab;
pub mod impact;
pub mod inspect;
pub mod ledger;
pub mod needs;
pub mod oneshot;
pub mod reference;
pub mod render;
pub mod report;
mod requests;
#[cfg(test)]
mod rule_fixtures;
pub mod sarif;
pub mod schema;
pub mod service;
pub mod table;
pub mod watch;
