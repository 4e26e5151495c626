//! What Quarterdeck knows, as pure data and functions: no clock, no I/O, no async, no terminal.

pub mod alert;
pub mod catalog;
pub mod change;
pub mod deployment;
pub mod escalation;
pub mod excerpt;
pub mod finding;
pub mod gate;
pub mod graph;
pub mod incident;
pub mod ledger;
pub mod lifecycle;
pub mod name;
pub mod people;
pub mod plan;
pub mod rules;
pub mod sla;
pub mod text;
pub mod units;
