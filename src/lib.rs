//! Quarterdeck: a terminal operations console. The map of the house is in docs/ARCHITECTURE.md.

pub mod action;
pub mod adapters;
pub mod cli;
pub mod config;
pub mod demo;
pub mod domain;
pub mod engine;
pub mod error;
pub mod generate;
pub mod model;
pub mod ports;
pub mod tui;
