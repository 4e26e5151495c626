//! Quarterdeck: a terminal operations console. The map of the house is in docs/ARCHITECTURE.md.

pub mod config;
pub mod demo;
pub mod domain;
pub mod error;
pub mod model;
pub mod ports;
pub mod tui;
