//! Quarterdeck: a terminal operations console. The map of the house is in docs/ARCHITECTURE.md.

pub mod cli;
pub mod demo;
pub mod domain;
pub mod error;
pub mod generate;
pub mod ports;
